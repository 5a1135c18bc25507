// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Claim, IReferee, Opening} from "../../src/work/IReferee.sol";
import {Referee} from "../../src/work/Referee.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {Shape, Tape, WeightTensor} from "../../src/work/referee/Tape.sol";
import {MerkleBuilder} from "../work/utils/MerkleBuilder.sol";
import {TapeBuilder} from "./utils/TapeBuilder.sol";

/// @notice A row that is to be opened: of tensor `tensor`.
struct Given {
    uint16 tensor;
    uint64 row;
    bytes data;
}

/// @notice All that `isFalse` takes but the tape.
struct Query {
    bytes32 weightsRoot;
    bytes32 traceRoot;
    Claim claim;
    uint32 element;
    Opening[] tensors;
    Opening[] weights;
}

/// @notice A referee, the small tape, and openings of any rows: the trees around them are filled with other hashes.
abstract contract RefereeTest is Test {
    using Tape for WeightTensor;

    Referee internal referee = new Referee();
    bytes internal tape = TapeBuilder.small();
    uint32 internal units = 3;

    /* QUESTIONS */

    /// @dev Whether `data`, as row `row` of `operator`, is false at `element`, given the rows that the element depends on.
    function isFalse(
        uint16 operator,
        uint32 row,
        bytes memory data,
        uint32 element,
        Given[] memory tensors,
        Given[] memory weights
    ) internal view returns (bool) {
        return put(query(operator, row, data, element, tensors, weights));
    }

    function put(Query memory q) internal view returns (bool) {
        return referee.isFalse(tape, q.weightsRoot, q.traceRoot, q.claim, q.element, q.tensors, q.weights);
    }

    function query(
        uint16 operator,
        uint32 row,
        bytes memory data,
        uint32 element,
        Given[] memory tensors,
        Given[] memory weights
    ) internal view returns (Query memory q) {
        q.claim = Claim(units, operator, row, data);
        q.element = element;
        (q.traceRoot, q.tensors) = this.openTensors(tape, units, tensors);
        (q.weightsRoot, q.weights) = this.openWeights(tape, weights);
    }

    function badQuestion(bytes32 what, uint256 value, uint256 expected) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IReferee.Referee_BadQuestion.selector, what, value, expected);
    }

    function badOpening(uint256 position) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IReferee.Referee_BadOpening.selector, position);
    }

    /* ROWS */

    function none() internal pure returns (Given[] memory) {}

    function given(uint16 tensor, uint64 row, bytes memory data) internal pure returns (Given[] memory list) {
        list = new Given[](1);
        list[0] = Given(tensor, row, data);
    }

    function given(uint16 tensor, uint64 row, bytes memory data, uint16 tensor2, uint64 row2, bytes memory data2)
        internal
        pure
        returns (Given[] memory list)
    {
        list = new Given[](2);
        list[0] = Given(tensor, row, data);
        list[1] = Given(tensor2, row2, data2);
    }

    function int8s(int8[8] memory values) internal pure returns (bytes memory row) {
        for (uint256 i = 0; i < 8; ++i) {
            row = abi.encodePacked(row, values[i]);
        }
    }

    function int16s(int16[8] memory values) internal pure returns (bytes memory row) {
        for (uint256 i = 0; i < 8; ++i) {
            row = abi.encodePacked(row, values[i]);
        }
    }

    function int32s(int32[8] memory values) internal pure returns (bytes memory row) {
        for (uint256 i = 0; i < 8; ++i) {
            row = abi.encodePacked(row, values[i]);
        }
    }

    /// @dev A row of linear weights.
    function linear(uint32 mul, int32 bias, uint8 shift, bytes memory w) internal pure returns (bytes memory) {
        return abi.encodePacked(mul, bias, shift, w);
    }

    /* TREES */

    function openTensors(bytes calldata program, uint64 n, Given[] calldata rows)
        external
        pure
        returns (bytes32 root, Opening[] memory openings)
    {
        uint64[] memory counts = new uint64[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            counts[i] = Tape.rowsOf(Tape.shapeAt(program, rows[i].tensor), n);
        }
        return openAll(Tape.operatorCount(program), rows, counts);
    }

    function openWeights(bytes calldata program, Given[] calldata rows)
        external
        pure
        returns (bytes32 root, Opening[] memory openings)
    {
        uint64[] memory counts = new uint64[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            counts[i] = Tape.tensorAt(program, rows[i].tensor).rows;
        }
        return openAll(Tape.tensorCount(program), rows, counts);
    }

    function openAll(uint256 tensors, Given[] memory rows, uint64[] memory counts)
        private
        pure
        returns (bytes32 root, Opening[] memory openings)
    {
        bytes32[] memory leaves = new bytes32[](tensors);
        for (uint256 i = 0; i < tensors; ++i) {
            leaves[i] = keccak256(abi.encode("another tensor", i));
        }
        openings = new Opening[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            openings[i].row = rows[i].data;
            (openings[i].root, openings[i].proof) = treeAround(rows[i].data, rows[i].row, counts[i]);
            leaves[rows[i].tensor] = MerkleTree.leafHash(abi.encodePacked(openings[i].root));
        }
        for (uint256 i = 0; i < rows.length; ++i) {
            openings[i].rootProof = MerkleBuilder.proofOf(leaves, rows[i].tensor);
        }
        root = MerkleBuilder.rootOf(leaves);
    }

    /// @dev A tree of `count` leaves with `data` at `index`, whose other nodes are arbitrary.
    function treeAround(bytes memory data, uint64 index, uint64 count)
        internal
        pure
        returns (bytes32 root, bytes32[] memory proof)
    {
        bytes32 node = MerkleTree.leafHash(data);
        bytes32[] memory found = new bytes32[](32);
        uint256 used = 0;
        uint64 place = index;
        for (uint64 width = count; width > 1; width = (width + 1) / 2) {
            if (place != width - 1 || width % 2 == 0) {
                bytes32 sibling = keccak256(abi.encode("another node", used));
                node = place % 2 == 0 ? MerkleTree.nodeHash(node, sibling) : MerkleTree.nodeHash(sibling, node);
                found[used++] = sibling;
            }
            place /= 2;
        }
        proof = new bytes32[](used);
        for (uint256 i = 0; i < used; ++i) {
            proof[i] = found[i];
        }
        root = MerkleTree.rootHash(count, node);
    }
}
