// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch, Task} from "../WorkTypes.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @title TaskLeaf
/// @notice The leaf that commits a provider to one task. It names chain, order, provider and index, so that no leaf, and no root
/// over leaves, is of use to anybody else or anywhere else.
library TaskLeaf {
    /// @notice The leaf's hash.
    function hash(uint256 chainId, bytes32 orderId, address provider, Task calldata task)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encodePacked(
                hex"00",
                chainId,
                orderId,
                provider,
                task.index,
                task.inputHash,
                task.outputHash,
                task.unitsBefore,
                task.units
            )
        );
    }

    /// @notice Whether `task` lies in `batch`, at the place that its index names.
    function isIn(Task calldata task, Batch calldata batch, uint256 chainId) internal pure returns (bool) {
        if (task.index < batch.first) return false;
        bytes32 leaf = hash(chainId, batch.orderId, batch.provider, task);
        return MerkleTree.verify(batch.root, batch.count, task.index - batch.first, leaf, task.proof);
    }
}
