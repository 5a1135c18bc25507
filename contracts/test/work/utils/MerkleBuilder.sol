// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "../../../src/work/libraries/MerkleTree.sol";

/// @notice Builds position-bound trees in memory: what the Rust side does, for tests.
library MerkleBuilder {
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = leaves;
        while (level.length > 1) level = parents(level);
        return MerkleTree.rootHash(uint64(leaves.length), level[0]);
    }

    function proofOf(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory level = leaves;
        bytes32[] memory found = new bytes32[](64);
        uint256 length = 0;
        for (; level.length > 1; level = parents(level)) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) found[length++] = level[sibling];
            index >>= 1;
        }
        proof = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            proof[i] = found[i];
        }
    }

    function parents(bytes32[] memory level) internal pure returns (bytes32[] memory above) {
        above = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            bool movesUp = 2 * i + 1 == level.length;
            above[i] = movesUp ? level[2 * i] : MerkleTree.nodeHash(level[2 * i], level[2 * i + 1]);
        }
    }
}
