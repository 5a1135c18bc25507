// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Delegation, Pool} from "../IStaking.sol";

/// @title DelegationPool
/// @notice The arithmetic of a pool of delegated stake: shares, exits, losses and rewards.
/// @dev INVARIANT: stake <= shares. A share begins as one unit, a slash lowers what it is worth, rewards are kept apart, and what
/// rounding leaves behind raises it to one unit at most: leaving s of S shares leaves ceil(stake * (S - s) / S) <= S - s. Hence
/// no first depositor or donor can make shares so dear that another's deposit rounds to none: an amount always receives at
/// least as many shares as it has units.
/// INVARIANT: locked <= stake. INVARIANT: no shares, no stake.
/// All four numbers fit 128 bits, so a product of two fits a word; callers check what enters.
library DelegationPool {
    /// @dev One, in the fixed point of a reward index. With at most 2^128 shares, dividing a reward by them and multiplying back
    /// loses less than one unit.
    uint256 private constant ONE = 2 ** 128;

    /* VIEWS */

    /// @notice What `shares` of the pool are worth, rounded down.
    function worth(Pool storage pool, uint256 shares) internal view returns (uint256) {
        uint256 total = pool.shares;
        return total == 0 ? 0 : shares * pool.stake / total;
    }

    /// @notice What could be locked now. Locks count against the shares that do not thaw first: while a delegator waits for
    /// locked stake, nothing is free.
    function free(Pool storage pool) internal view returns (uint256) {
        uint256 backing = worth(pool, pool.shares - pool.thawing);
        return Math.saturatingSub(backing, pool.locked);
    }

    /// @notice What of the delegation's thawing shares is locked.
    function held(Pool storage pool, Delegation storage delegation) internal view returns (uint256) {
        return Math.saturatingSub(worth(pool, delegation.thawing), pool.stake - pool.locked);
    }

    /// @notice Rewards of the delegation since they were last paid.
    /// @dev Modulo 2^256, so that no exit reverts. The index wraps only after 2^128 units were paid to one share, and then this is
    /// too little, never too much.
    function rewards(Pool storage pool, Delegation storage delegation) internal view returns (uint256) {
        unchecked {
            return delegation.shares * (pool.rewardIndex - delegation.rewardIndex) / ONE;
        }
    }

    /* DELEGATIONS */

    /// @notice Marks the delegation's rewards as paid and returns them. Comes before its shares change.
    function settle(Pool storage pool, Delegation storage delegation) internal returns (uint256 amount) {
        amount = rewards(pool, delegation);
        delegation.rewardIndex = pool.rewardIndex;
    }

    /// @notice The shares that `amount` receives: rounded down, at least `amount`. The pool must not be wiped.
    function sharesFor(Pool storage pool, uint256 amount) internal view returns (uint256) {
        uint256 total = pool.shares;
        return total == 0 ? amount : amount * total / pool.stake;
    }

    /// @notice Adds `amount` for `shares` of it. Both must fit beside what is there.
    function join(Pool storage pool, Delegation storage delegation, uint128 amount, uint128 shares) internal {
        pool.stake += amount;
        pool.shares += shares;
        delegation.shares += shares;
    }

    /// @notice Moves `shares` of the delegation to its thawing ones.
    function thaw(Pool storage pool, Delegation storage delegation, uint128 shares) internal {
        pool.thawing += shares;
        delegation.shares -= shares;
        delegation.thawing += shares;
    }

    /// @notice Ends thawing shares of the delegation for what they are worth, as far as the pool is not locked. No shares end
    /// when they are worth something and all is locked.
    function withdraw(Pool storage pool, Delegation storage delegation)
        internal
        returns (uint256 shares, uint256 amount)
    {
        shares = delegation.thawing;
        amount = worth(pool, shares);
        uint256 unlocked = pool.stake - pool.locked;
        if (amount > unlocked) {
            // Rounded up, and still at most what there is, since `unlocked` is less than that is worth.
            (shares, amount) = (Math.ceilDiv(unlocked * pool.shares, pool.stake), unlocked);
        }
        // Casting is safe: at most what the pool has.
        // forge-lint: disable-next-line(unsafe-typecast)
        (uint128 ended, uint128 paid) = (uint128(shares), uint128(amount));
        delegation.thawing -= ended;
        pool.thawing -= ended;
        pool.shares -= ended;
        pool.stake -= paid;
    }

    /* SERVICES */

    /// @notice Divides `amount`, of 128 bits, among the shares that do not thaw. There must be some.
    function distribute(Pool storage pool, uint256 amount) internal {
        uint256 earning = pool.shares - pool.thawing;
        unchecked {
            pool.rewardIndex += amount * ONE / earning;
        }
    }
}
