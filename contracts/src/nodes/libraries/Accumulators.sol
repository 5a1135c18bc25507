// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "../../work/libraries/MerkleTree.sol";

/// @title Accumulators
/// @notice Amounts that grow, one for each of `count` places, under one root of `MerkleTree`: leaf i is `leafHash(uint64 amount)`.
/// The root of none is zero.
library Accumulators {
    /// @notice The proof is longer or shorter than it should be, or of a place that is not there.
    error Accumulators_BadProof();

    /// @notice The root while all are zero.
    function empty(uint32 count) internal pure returns (bytes32) {
        if (count == 0) return 0;
        // All nodes of a level are alike but the last one, which may stand over fewer leaves.
        bytes32 full = leaf(0);
        bytes32 last = full;
        for (uint256 width = count; width > 1; width = (width + 1) >> 1) {
            if (width & 1 == 0) last = MerkleTree.nodeHash(full, last);
            full = MerkleTree.nodeHash(full, full);
        }
        return MerkleTree.rootHash(count, last);
    }

    /// @notice The leaf that holds an amount.
    function leaf(uint64 amount) internal pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(amount));
    }

    /// @notice The root of `count` leaves of which number `index` is `node`, between the siblings of `proof`.
    function rootOver(uint32 count, uint256 index, bytes32 node, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32)
    {
        require(index < count, Accumulators_BadProof());
        uint256 used;
        for (uint256 width = count; width > 1; width = (width + 1) >> 1) {
            // An odd last node moves up as it is.
            if ((index ^ 1) < width) {
                require(used < proof.length, Accumulators_BadProof());
                bytes32 sibling = proof[used++];
                node = index & 1 == 0 ? MerkleTree.nodeHash(node, sibling) : MerkleTree.nodeHash(sibling, node);
            }
            index >>= 1;
        }
        require(used == proof.length, Accumulators_BadProof());
        return MerkleTree.rootHash(count, node);
    }
}
