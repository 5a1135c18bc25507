// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "../../work/libraries/MerkleTree.sol";

/// @title TreeNodes
/// @notice Inner nodes of `MerkleTree`'s trees, so that a tree can be opened from its root downwards, 256 nodes at a time.
///
/// Tier 0 are the leaves; a node of tier t stands over up to 256 nodes of tier t - 1, eight levels below it. The highest tier has
/// one node, which the root commits to. Three tiers hold 16 million leaves.
library TreeNodes {
    /// @notice Levels, and so doublings, between two tiers.
    uint256 internal constant LEVELS = 8;
    /// @notice The most nodes that one node of the next tier stands over.
    uint256 internal constant FAN = 2 ** LEVELS;

    /// @notice The highest tier of a tree of `count` leaves: at least 1.
    function highest(uint256 count) internal pure returns (uint256 tier) {
        tier = 1;
        for (uint256 width = _up(count, LEVELS); width > 1; width = _up(width, LEVELS)) {
            ++tier;
        }
    }

    /// @notice How many nodes of the tier below node number `index` of `tier` stands over; zero when there is no such node.
    function childrenOf(uint256 count, uint256 tier, uint256 index) internal pure returns (uint256) {
        uint256 width = _up(count, LEVELS * (tier - 1));
        uint256 first = index * FAN;
        if (first >= width) return 0;
        return width - first < FAN ? width - first : FAN;
    }

    /// @notice The node over `nodes`, at most 256 neighbours of one level that begin at a multiple of 256.
    /// @dev Only the last node of a level can be odd, and it is the last of its 256 too: so both move up alike.
    function over(bytes32[] calldata nodes) internal pure returns (bytes32) {
        bytes32[] memory level = nodes;
        uint256 width = level.length;
        while (width > 1) {
            for (uint256 i; i < width >> 1; ++i) {
                level[i] = MerkleTree.nodeHash(level[2 * i], level[2 * i + 1]);
            }
            if (width & 1 == 1) level[width >> 1] = level[width - 1];
            width = (width + 1) >> 1;
        }
        return level[0];
    }

    /// @notice Whether `node` is node number `index` of `tier` in the tree of `count` leaves under `root`. Tier 0: whether it is a leaf.
    /// @dev `MerkleTree.verify` of any level, at a quarter of its gas. `proof` must hold exactly the siblings on the way up.
    function verify(bytes32 root, uint64 count, uint256 tier, uint256 index, bytes32 node, bytes32[] calldata proof)
        internal
        pure
        returns (bool exact)
    {
        uint256 width = _up(count, LEVELS * tier);
        if (index >= width) return false;
        // Hashes the 65 bytes above the free memory pointer, level by level. A proof that is too short is read beyond its end, into other
        // call data or zeros, and refused in the end for that.
        assembly ("memory-safe") {
            let free := mload(0x40)
            let left := add(free, 1)
            let sibling := proof.offset
            mstore8(free, 1)
            for {} gt(width, 1) {} {
                // An odd last node moves up as it is.
                if lt(xor(index, 1), width) {
                    let place := shl(5, and(index, 1))
                    mstore(add(left, place), node)
                    mstore(add(left, xor(place, 32)), calldataload(sibling))
                    node := keccak256(free, 65)
                    sibling := add(sibling, 32)
                }
                index := shr(1, index)
                width := shr(1, add(width, 1))
            }
            exact := eq(sibling, add(proof.offset, shl(5, proof.length)))
        }
        return exact && MerkleTree.rootHash(count, node) == root;
    }

    /// @dev Nodes that are left of `width` so many levels higher.
    function _up(uint256 width, uint256 levels) private pure returns (uint256) {
        // forge-lint: disable-next-line(incorrect-shift)
        return (width + (1 << levels) - 1) >> levels;
    }
}
