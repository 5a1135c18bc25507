// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch} from "../WorkTypes.sol";

/// @title Receipt
/// @notice The EIP-712 struct by which a customer accepts a batch. It covers what the batch holds and not when it was
/// committed, so a receipt outlives a reorganisation that moves the commit to another block.
library Receipt {
    /// @notice `keccak256` of the struct's type.
    bytes32 internal constant TYPEHASH =
        keccak256("Receipt(bytes32 orderId,address provider,uint32 first,uint32 count,uint64 units,bytes32 root)");

    /// @notice The EIP-712 struct hash.
    function structHash(Batch calldata batch) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(TYPEHASH, batch.orderId, batch.provider, batch.first, batch.count, batch.units, batch.root)
        );
    }
}
