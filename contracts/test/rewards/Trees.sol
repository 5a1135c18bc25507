// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";

/// @notice Position-bound trees built the plain way: every level in full.
library Trees {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory copy = new bytes32[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) {
            copy[i] = leaves[i];
        }
        return MerkleTree.rootOf(copy);
    }

    /// @dev The level above.
    function up(bytes32[] memory level) internal pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i; i < next.length; ++i) {
            bool odd = 2 * i + 1 == level.length;
            next[i] = odd ? level[2 * i] : MerkleTree.nodeHash(level[2 * i], level[2 * i + 1]);
        }
    }

    /// @dev The siblings above node `index` of `level`.
    function proof(bytes32[] memory level, uint256 index) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory all = new bytes32[](64);
        uint256 used;
        while (level.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) all[used++] = level[sibling];
            level = up(level);
            index >>= 1;
        }
        siblings = new bytes32[](used);
        for (uint256 i; i < used; ++i) {
            siblings[i] = all[i];
        }
    }

    /// @dev The nodes of a tier of 256.
    function tier(bytes32[] memory leaves, uint256 number) internal pure returns (bytes32[] memory level) {
        level = leaves;
        for (uint256 i; i < 8 * number; ++i) {
            level = up(level);
        }
    }

    /// @dev Nodes `first` up to 256 further.
    function children(bytes32[] memory level, uint256 first) internal pure returns (bytes32[] memory nodes) {
        uint256 size = level.length - first < 256 ? level.length - first : 256;
        nodes = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            nodes[i] = level[first + i];
        }
    }
}
