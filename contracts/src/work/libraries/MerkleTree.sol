// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title MerkleTree
/// @notice Position-bound Merkle trees over keccak256.
///
/// - leaf: `keccak256(0x00 ‖ data)`
/// - node: `keccak256(0x01 ‖ left ‖ right)`
/// - root: `keccak256(0x02 ‖ uint64 count ‖ top)`, `top` being the last node
///
/// An odd last node moves up to the next level unchanged. A proof holds the siblings from the bottom to the top, none for a
/// level on which its node moves up. The prefixes keep leaves, nodes and roots apart, and the count inside the root fixes
/// the shape, so that one root has one reading.
library MerkleTree {
    /// @notice Hash of a leaf that holds `data`.
    function leafHash(bytes memory data) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", data));
    }

    /// @notice Hash of an inner node.
    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32 node) {
        // The 65 bytes lie above the free memory pointer, which stays where it is: a level costs no memory.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            node := keccak256(free, 65)
        }
    }

    /// @notice Root of a tree of `count` leaves whose last node is `top`.
    function rootHash(uint64 count, bytes32 top) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"02", count, top));
    }

    /// @notice Root of a tensor of one row, as task inputs and outputs are.
    function rowRoot(bytes memory row) internal pure returns (bytes32) {
        return rootHash(1, leafHash(row));
    }

    /// @notice Root of the tree over `leaves`, at least one, which are overwritten.
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 width = leaves.length;
        while (width > 1) {
            for (uint256 i; i < width >> 1; ++i) {
                leaves[i] = nodeHash(leaves[2 * i], leaves[2 * i + 1]);
            }
            if (width & 1 == 1) leaves[width >> 1] = leaves[width - 1];
            width = (width + 1) >> 1;
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        return rootHash(uint64(leaves.length), leaves[0]);
    }

    /// @notice Whether `leaf` is leaf number `index` of the `count` leaves under `root`.
    /// @dev `proof` must hold exactly the siblings on the way up: one too many or one too few is refused.
    function verify(bytes32 root, uint64 count, uint64 index, bytes32 leaf, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        if (index >= count) return false;
        bytes32 node = leaf;
        uint256 place = index;
        uint256 used = 0;
        for (uint256 width = count; width > 1; width = (width + 1) >> 1) {
            bool movesUp = place == width - 1 && width & 1 == 1;
            if (!movesUp) {
                if (used == proof.length) return false;
                bytes32 sibling = proof[used++];
                node = place & 1 == 0 ? nodeHash(node, sibling) : nodeHash(sibling, node);
            }
            place >>= 1;
        }
        return used == proof.length && rootHash(count, node) == root;
    }
}
