// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A beneficiary's books, in one slot.
/// @param claimed How much of its cumulative reward was claimed.
/// @param unpaid What was claimed, not forfeited, and not paid out yet.
/// @param from When nothing of `unpaid` had come free (Unix seconds, until 2106).
/// @param until When all of it will have.
struct Books {
    uint96 claimed;
    uint96 unpaid;
    uint32 from;
    uint32 until;
}

/// @title Stream
/// @notice One straight line of what comes free with time. A later claim joins it: what had come free stays free, and all that is
/// left comes free evenly until the average of the two ends, weighted by their amounts. So a join neither hastens nor delays
/// money on the whole, but for the rounding up to a second.
library Stream {
    /// @notice What has come free at `time`, rounded down.
    function vested(Books memory books, uint256 time) internal pure returns (uint256) {
        (uint256 unpaid, uint256 from, uint256 until) = (books.unpaid, books.from, books.until);
        if (time >= until) return unpaid;
        if (time <= from) return 0;
        unchecked {
            // Products of 96 and 32 bits.
            return unpaid * (time - from) / (until - from);
        }
    }

    /// @notice Takes out what has come free at `time`.
    function take(Books memory books, uint256 time) internal pure returns (uint256 amount) {
        amount = vested(books, time);
        // forge-lint: disable-start(unsafe-typecast)
        books.unpaid -= uint96(amount);
        books.from = uint32(time);
        // forge-lint: disable-end(unsafe-typecast)
    }

    /// @notice Adds `amount`, which alone would come free over `period` from `time` on.
    /// @return paid What has come free before, when it is so much that the line cannot hold it: to be paid out now.
    function join(Books memory books, uint256 amount, uint256 period, uint256 time)
        internal
        pure
        returns (uint256 paid)
    {
        uint256 free = vested(books, time);
        // Products of 96 and 32 bits, and sums of two such; `unpaid` is at most what was claimed, which fits 96 bits.
        unchecked {
            uint256 left = books.unpaid - free;
            uint256 rest = left + amount;
            if (rest == 0) return 0;
            uint256 remaining = left == 0 ? 0 : books.until - time;
            uint256 length = (left * remaining + amount * period + rest - 1) / rest;
            // The line through what is free now, drawn back to where it begins; rounded down, so that not more is free than was.
            uint256 back = free * length / rest;
            if (back >= time) (paid, back) = (free, 0);
            // forge-lint: disable-start(unsafe-typecast)
            books.unpaid = uint96(free - paid + rest);
            books.from = uint32(time - back);
            books.until = uint32(time + length);
            // forge-lint: disable-end(unsafe-typecast)
        }
    }
}
