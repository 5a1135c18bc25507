// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit, ILedger} from "../ledger/ILedger.sol";
import {IStaking, Provision} from "./IStaking.sol";

/// @title Staking
/// @notice Provisions of one token per (operator, service). No admin, no pause, no list of services.
/// @dev A service is whoever calls: `lock`, `unlock` and `slash` reach only provisions that operators made to their caller.
contract Staking is IStaking {
    /// @dev A provision as stored. Its stake is the sum of the three parts, so no part can exceed it; locking and releasing,
    /// the frequent moves, touch the first slot only.
    /// INVARIANT: the sum fits 128 bits. `stake` checks it and nothing else raises it, so moves from one part to another
    /// need no overflow checks.
    struct Parts {
        // slot 0
        uint128 free;
        uint128 locked;
        // slot 1
        uint128 thawing;
        uint40 thawedAt;
    }

    /// @notice The ledger that holds the stake, in this contract's account.
    ILedger public immutable ledger;

    /// @inheritdoc IStaking
    address public immutable token;

    /// @inheritdoc IStaking
    uint32 public immutable thawPeriod;

    /* STORAGE */

    mapping(address operator => mapping(address service => Parts)) private _provisions;

    /// @param ledger_ The ledger that holds the stake.
    /// @param token_ The token that is staked (zero: native currency).
    /// @param thawPeriod_ Seconds between `thaw` and `withdraw`.
    constructor(ILedger ledger_, address token_, uint32 thawPeriod_) {
        ledger = ledger_;
        token = token_;
        thawPeriod = thawPeriod_;
    }

    /* VIEWS */

    /// @inheritdoc IStaking
    function provisionOf(address operator, address service) external view returns (Provision memory) {
        Parts memory parts = _provisions[operator][service];
        return Provision({
            stake: parts.free + parts.locked + parts.thawing,
            locked: parts.locked,
            thawing: parts.thawing,
            thawedAt: parts.thawedAt
        });
    }

    /// @inheritdoc IStaking
    function freeStake(address operator, address service) external view returns (uint256) {
        return _provisions[operator][service].free;
    }

    /* OPERATORS */

    /// @inheritdoc IStaking
    function stake(address operator, address service, uint256 amount) external {
        Parts storage parts = _provisions[operator][service];
        uint256 room = type(uint128).max - parts.free - parts.locked - parts.thawing;
        require(amount != 0 && amount <= room, Staking_BadAmount(amount));

        // Casting is safe: the amount fits beside the other parts.
        // forge-lint: disable-next-line(unsafe-typecast)
        parts.free += uint128(amount);
        emit Staked(operator, service, msg.sender, amount);
        ledger.transferFrom(msg.sender, address(this), _id(), amount);
    }

    /// @inheritdoc IStaking
    function thaw(address service, uint256 amount) external {
        require(amount != 0, Staking_BadAmount(amount));
        Parts storage parts = _provisions[msg.sender][service];
        uint128 part = _requireFree(parts, msg.sender, service, amount);

        uint40 thawedAt = uint40(block.timestamp) + thawPeriod;
        unchecked {
            parts.free -= part;
            parts.thawing += part;
        }
        parts.thawedAt = thawedAt;
        emit ThawStarted(msg.sender, service, amount, thawedAt);
    }

    /// @inheritdoc IStaking
    function withdraw(address service) external returns (uint256 amount) {
        Parts storage parts = _provisions[msg.sender][service];
        uint40 thawedAt = parts.thawedAt;
        // Seconds that a block producer may shift do not matter to a thaw of days.
        // forge-lint: disable-next-line(block-timestamp)
        require(thawedAt != 0 && block.timestamp >= thawedAt, Staking_NotThawed(thawedAt));

        amount = parts.thawing;
        parts.thawing = 0;
        parts.thawedAt = 0;
        emit Withdrawn(msg.sender, service, amount);
        ledger.transfer(msg.sender, _id(), amount);
    }

    /* SERVICES */

    /// @inheritdoc IStaking
    function lock(address operator, uint256 amount) external {
        if (amount == 0) return;
        Parts storage parts = _provisions[operator][msg.sender];
        uint128 part = _requireFree(parts, operator, msg.sender, amount);
        unchecked {
            parts.free -= part;
            parts.locked += part;
        }
        emit Locked(operator, msg.sender, amount);
    }

    /// @inheritdoc IStaking
    function unlock(address operator, uint256 amount) external {
        if (amount == 0) return;
        Parts storage parts = _provisions[operator][msg.sender];
        uint128 part = _requireLocked(parts, operator, amount);
        unchecked {
            parts.locked -= part;
            parts.free += part;
        }
        emit Unlocked(operator, msg.sender, amount);
    }

    /// @inheritdoc IStaking
    function slash(address operator, uint256 amount, Credit[] calldata credits) external {
        uint256 sum;
        for (uint256 i; i < credits.length; ++i) {
            sum += credits[i].amount;
        }
        require(sum == amount, Staking_CreditsMismatch(amount, sum));
        if (amount == 0) return;

        Parts storage parts = _provisions[operator][msg.sender];
        uint128 part = _requireLocked(parts, operator, amount);
        unchecked {
            parts.locked -= part;
        }
        emit Slashed(operator, msg.sender, amount);
        ledger.pay(token, credits);
    }

    /* INTERNAL */

    /// @dev Reverts unless the free part covers `amount`, which then fits 128 bits.
    function _requireFree(Parts storage parts, address operator, address service, uint256 amount)
        private
        view
        returns (uint128)
    {
        uint128 free = parts.free;
        require(amount <= free, Staking_InsufficientStake(operator, service, free, amount));
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(amount);
    }

    /// @dev Reverts unless the locked part of a provision to the caller covers `amount`, which then fits 128 bits.
    function _requireLocked(Parts storage parts, address operator, uint256 amount) private view returns (uint128) {
        uint128 locked = parts.locked;
        require(amount <= locked, Staking_NotLocked(operator, msg.sender, locked, amount));
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(amount);
    }

    /// @dev The stake token's id on the ledger.
    function _id() private view returns (uint256) {
        return uint256(uint160(token));
    }
}
