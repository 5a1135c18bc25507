// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Seat} from "../IVerification.sol";

/// @title Seats
/// @notice The table of validators, one seat each, numbered from 1 without a gap, with its past: who sat where at any time.
library Seats {
    using Checkpoints for Checkpoints.Trace160;

    /// @dev Both traces are keyed by time: who holds a number, and how many numbers are held.
    struct Table {
        mapping(uint256 number => Checkpoints.Trace160) holders;
        Checkpoints.Trace160 count;
        mapping(address validator => Seat) seats;
    }

    /// @notice Seats `validator` at the end of the table.
    function add(Table storage table, address validator, uint128 stake) internal returns (uint32 number) {
        // forge-lint: disable-next-line(unsafe-typecast)
        number = uint32(table.count.latest()) + 1;
        _set(table, number, validator);
        table.count.push(uint96(block.timestamp), number);
        table.seats[validator] = Seat(number, 0, stake);
    }

    /// @notice Takes `validator` from the table; the last one moves to its place.
    /// @return moved Who moved there, or zero.
    function remove(Table storage table, address validator, uint40 releasableAt) internal returns (address moved) {
        Seat storage seat = table.seats[validator];
        uint32 number = seat.number;
        uint160 last = table.count.latest();
        if (number != last) {
            moved = address(table.holders[last].latest());
            _set(table, number, moved);
            table.seats[moved].number = number;
        }
        table.count.push(uint96(block.timestamp), last - 1);
        (seat.number, seat.releasableAt) = (0, releasableAt);
    }

    /// @notice Seats held at the end of the second `time`, which must have passed.
    function countAt(Table storage table, uint40 time) internal view returns (uint256) {
        return table.count.upperLookupRecent(time);
    }

    /// @notice Who held seat `number` at the end of the second `time`.
    function holderAt(Table storage table, uint256 number, uint40 time) internal view returns (address) {
        return address(table.holders[number].upperLookupRecent(time));
    }

    function _set(Table storage table, uint256 number, address validator) private {
        table.holders[number].push(uint96(block.timestamp), uint160(validator));
    }
}
