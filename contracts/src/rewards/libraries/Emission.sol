// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice How a pool is emitted.
/// @param cap Never more than this in all.
/// @param first Of each epoch, to begin with.
/// @param halving After so many epochs an epoch's emission halves, and again; zero for never (a linear schedule).
struct Schedule {
    uint96 cap;
    uint96 first;
    uint32 halving;
}

/// @title Emission
/// @notice A schedule's amounts, rounded down.
library Emission {
    /// @notice What the schedule emits in all epochs before `epoch`.
    function before(Schedule memory schedule, uint256 epoch) internal pure returns (uint256 sum) {
        (uint256 rate, uint256 halving) = (schedule.first, schedule.halving);
        if (halving == 0) {
            sum = rate * epoch;
        } else {
            // At most 96 times: then the rate is nothing.
            for (; epoch > halving && rate != 0; epoch -= halving) {
                sum += rate * halving;
                rate >>= 1;
            }
            sum += rate * epoch;
        }
        if (sum > schedule.cap) sum = schedule.cap;
    }

    /// @notice What the schedule emits in `epoch`.
    function during(Schedule memory schedule, uint256 epoch) internal pure returns (uint256) {
        return before(schedule, epoch + 1) - before(schedule, epoch);
    }
}
