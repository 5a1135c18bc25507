// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IReferee, Opening} from "../IReferee.sol";
import {MerkleTree} from "../libraries/MerkleTree.sol";
import {Shape, Tape, WeightTensor} from "./Tape.sol";

/// @notice A row under a root over tensors, as tape and units fix it.
/// @param tensors Number of tensors under the root.
/// @param tensor Position of the tensor under the root.
/// @param rows Number of the tensor's rows.
/// @param row Which of them.
/// @param length Bytes of each.
struct Place {
    uint64 tensors;
    uint64 tensor;
    uint64 rows;
    uint64 row;
    uint64 length;
}

/// @title Openings
/// @notice Which rows an element needs, and the proof that they are those.
library Openings {
    using Tape for bytes;
    using Tape for Shape;
    using Tape for WeightTensor;

    /// @notice Row `row` of what `operator` makes of `tokens` tokens.
    function made(bytes calldata tape, uint16 operator, uint64 tokens, uint64 row)
        internal
        pure
        returns (Place memory)
    {
        Shape memory shape = tape.shapeAt(operator);
        return Place(tape.operatorCount(), operator, shape.rowsOf(tokens), row, shape.rowLength(tokens));
    }

    /// @notice Row `row` of weight tensor `tensor`.
    function weight(bytes calldata tape, uint16 tensor, uint64 row) internal pure returns (Place memory) {
        WeightTensor memory weights = tape.tensorAt(tensor);
        return Place(tape.tensorCount(), tensor, weights.rows, row, weights.rowLength());
    }

    /// @notice The rows of `openings`, proved to stand at `places` under `root`.
    /// The caller has seen that there are as many.
    /// @param first Position of the first opening among all that were given.
    function open(Opening[] calldata openings, bytes32 root, Place[] memory places, uint256 first)
        internal
        pure
        returns (bytes[] memory rows)
    {
        rows = new bytes[](places.length);
        for (uint256 i = 0; i < places.length; ++i) {
            rows[i] = openings[i].row;
            bool holds = rows[i].length == places[i].length && _isAt(openings[i], rows[i], root, places[i]);
            require(holds, IReferee.Referee_BadOpening(first + i));
        }
    }

    function _isAt(Opening calldata opening, bytes memory row, bytes32 root, Place memory place)
        private
        pure
        returns (bool)
    {
        bytes32 leaf = MerkleTree.leafHash(row);
        if (!MerkleTree.verify(opening.root, place.rows, place.row, leaf, opening.proof)) return false;
        leaf = MerkleTree.leafHash(abi.encodePacked(opening.root));
        return MerkleTree.verify(root, place.tensors, place.tensor, leaf, opening.rootProof);
    }
}
