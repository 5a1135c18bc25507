// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch} from "../WorkTypes.sol";

/// @title Lot
/// @notice What a seed draws: a function of the seed and the batch, and of nothing else.
/// @dev Values are reduced modulo small numbers from 256 bits; the bias is below 2^-200.
library Lot {
    /// @notice Whether the batch is drawn at all.
    function isDrawn(bytes32 seed, uint16 rate) internal pure returns (bool) {
        return uint256(seed) % 10_000 < rate;
    }

    /// @notice The drawn tasks' indices in the order: distinct, each set equally likely (Floyd's algorithm).
    function tasks(bytes32 seed, Batch calldata batch, uint8 wanted) internal pure returns (uint32[] memory indices) {
        uint256 count = batch.count;
        uint256 size = wanted < count ? wanted : count;
        indices = new uint32[](size);
        for (uint256 i; i < size; ++i) {
            uint256 last = count - size + i;
            uint256 pick = uint256(keccak256(abi.encode(seed, i))) % (last + 1);
            // forge-lint: disable-next-line(unsafe-typecast)
            indices[i] = uint32(batch.first + (_holds(indices, i, batch.first + pick) ? last : pick));
        }
    }

    function _holds(uint32[] memory indices, uint256 length, uint256 index) private pure returns (bool) {
        for (uint256 i; i < length; ++i) {
            if (indices[i] == index) return true;
        }
        return false;
    }
}
