// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Opening} from "../../../src/work/IReferee.sol";
import {MerkleTree} from "../../../src/work/libraries/MerkleTree.sol";
import {MerkleBuilder} from "../../work/utils/MerkleBuilder.sol";

/// @notice Tensors as rows in memory (`tensors[operator][row]`): their roots, and openings of their rows.
library Tensors {
    function rowHashes(bytes[] memory rows) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](rows.length);
        for (uint256 i; i < rows.length; ++i) {
            hashes[i] = MerkleTree.leafHash(rows[i]);
        }
    }

    /// @notice Root of each tensor.
    function rootsOf(bytes[][] memory tensors) internal pure returns (bytes32[] memory roots) {
        roots = new bytes32[](tensors.length);
        for (uint256 i; i < tensors.length; ++i) {
            roots[i] = MerkleBuilder.rootOf(rowHashes(tensors[i]));
        }
    }

    function leavesOf(bytes32[] memory roots) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](roots.length);
        for (uint256 i; i < roots.length; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encodePacked(roots[i]));
        }
    }

    /// @notice Root over the tensors' roots.
    function rootOf(bytes[][] memory tensors) internal pure returns (bytes32) {
        return MerkleBuilder.rootOf(leavesOf(rootsOf(tensors)));
    }

    function rowProof(bytes[][] memory tensors, uint256 tensor, uint256 row) internal pure returns (bytes32[] memory) {
        return MerkleBuilder.proofOf(rowHashes(tensors[tensor]), row);
    }

    function rootProof(bytes[][] memory tensors, uint256 tensor) internal pure returns (bytes32[] memory) {
        return MerkleBuilder.proofOf(leavesOf(rootsOf(tensors)), tensor);
    }

    function opening(bytes[][] memory tensors, uint256 tensor, uint256 row) internal pure returns (Opening memory) {
        return Opening({
            row: tensors[tensor][row],
            proof: rowProof(tensors, tensor, row),
            root: MerkleBuilder.rootOf(rowHashes(tensors[tensor])),
            rootProof: rootProof(tensors, tensor)
        });
    }
}
