// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Batch, Policy} from "../WorkTypes.sol";
import {DrawnTask} from "../IVerification.sol";
import {Seats} from "./Seats.sol";

/// @title Lot
/// @notice What a seed draws: a function of the seed, the batch and the seats just before its commit, and of nothing else.
/// @dev Values are reduced modulo small numbers from 256 bits; the bias is below 2^-200.
library Lot {
    using Seats for Seats.Table;

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

    /// @notice The validators of the drawn task `place`: distinct, without the provider, every order equally likely. Fewer than
    /// asked for if fewer held a seat.
    function validators(Seats.Table storage table, bytes32 seed, Batch calldata batch, uint256 place, uint8 wanted)
        internal
        view
        returns (address[] memory drawn)
    {
        uint40 before = batch.committedAt - 1;
        uint256 seats = table.countAt(before);
        drawn = new address[](wanted);
        uint256[] memory picked = new uint256[](uint256(wanted) + 1);
        uint256 found;
        // One pick more than wanted, for the provider may be among them.
        for (uint256 i; i <= wanted && i < seats && found < wanted; ++i) {
            uint256 pick = uint256(keccak256(abi.encode(seed, place, i))) % (seats - i);
            address holder = table.holderAt(_nth(picked, i, pick) + 1, before);
            if (holder != batch.provider) drawn[found++] = holder;
        }
        assembly ("memory-safe") {
            mstore(drawn, found)
        }
    }

    /// @notice All drawn tasks with their validators.
    function all(Seats.Table storage table, bytes32 seed, Batch calldata batch, Policy calldata policy)
        internal
        view
        returns (DrawnTask[] memory drawn)
    {
        uint32[] memory indices = tasks(seed, batch, policy.tasks);
        drawn = new DrawnTask[](indices.length);
        for (uint256 place; place < indices.length; ++place) {
            drawn[place] = DrawnTask(indices[place], validators(table, seed, batch, place, policy.validators));
        }
    }

    function _holds(uint32[] memory indices, uint256 length, uint256 index) private pure returns (bool) {
        for (uint256 i; i < length; ++i) {
            if (indices[i] == index) return true;
        }
        return false;
    }

    /// @dev The number `pick` (counted from 0) of those not among the first `length` of `picked`, which are kept in ascending
    /// order; it is added to them.
    function _nth(uint256[] memory picked, uint256 length, uint256 pick) private pure returns (uint256) {
        uint256 i;
        for (; i < length && picked[i] <= pick; ++i) {
            ++pick;
        }
        for (uint256 j = length; j > i; --j) {
            picked[j] = picked[j - 1];
        }
        picked[i] = pick;
        return pick;
    }
}
