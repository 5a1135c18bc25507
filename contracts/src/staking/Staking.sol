// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Credit, ILedger} from "../ledger/ILedger.sol";
import {Commission, Delegation, IStaking, Pool, Provision} from "./IStaking.sol";
import {DelegationPool} from "./libraries/DelegationPool.sol";

/// @title Staking
/// @notice Provisions of one token per (operator, service), each with a pool of delegated stake. No admin, no pause, no list of
/// services.
/// @dev A service is whoever calls: what services do reaches only provisions and pools that name their caller.
contract Staking is IStaking {
    using DelegationPool for Pool;

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

    /// @dev Basis points of the whole.
    uint256 private constant BASIS = 10_000;

    /// @notice The ledger that holds the stake, in this contract's account.
    ILedger public immutable ledger;

    /// @inheritdoc IStaking
    address public immutable token;

    /// @inheritdoc IStaking
    uint32 public immutable thawPeriod;

    /* STORAGE */

    mapping(address operator => mapping(address service => Parts)) private _provisions;

    mapping(address operator => mapping(address service => Pool)) private _pools;

    mapping(address operator => mapping(address service => mapping(address delegator => Delegation))) private
        _delegations;

    /// @dev As set last; `commissionOf` applies the clock.
    mapping(address operator => mapping(address service => Commission)) private _commissions;

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

    /// @inheritdoc IStaking
    function poolOf(address operator, address service) external view returns (Pool memory) {
        return _pools[operator][service];
    }

    /// @inheritdoc IStaking
    function freeDelegation(address operator, address service) external view returns (uint256) {
        return _pools[operator][service].free();
    }

    /// @inheritdoc IStaking
    function delegationOf(address operator, address service, address delegator)
        external
        view
        returns (Delegation memory)
    {
        return _delegations[operator][service][delegator];
    }

    /// @inheritdoc IStaking
    function rewardsOf(address operator, address service, address delegator) external view returns (uint256) {
        return _pools[operator][service].rewards(_delegations[operator][service][delegator]);
    }

    /// @inheritdoc IStaking
    function overdueOf(address operator, address service, address delegator) external view returns (uint256) {
        Delegation storage delegation = _delegations[operator][service][delegator];
        return _hasPassed(delegation.thawedAt) ? _pools[operator][service].held(delegation) : 0;
    }

    /// @inheritdoc IStaking
    function commissionOf(address operator, address service) public view returns (Commission memory commission) {
        commission = _commissions[operator][service];
        if (block.timestamp >= commission.nextAt) commission.rate = commission.nextRate;
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
        require(_hasPassed(thawedAt), Staking_NotThawed(thawedAt));

        amount = parts.thawing;
        parts.thawing = 0;
        parts.thawedAt = 0;
        emit Withdrawn(msg.sender, service, amount);
        ledger.transfer(msg.sender, _id(), amount);
    }

    /// @inheritdoc IStaking
    function setCommission(address service, uint16 rate) external {
        require(rate <= BASIS, Staking_BadCommission(rate));
        uint16 current = commissionOf(msg.sender, service).rate;
        uint40 effectiveAt = uint40(block.timestamp) + (rate > current ? thawPeriod : 0);

        _commissions[msg.sender][service] = Commission({rate: current, nextRate: rate, nextAt: effectiveAt});
        emit CommissionSet(msg.sender, service, rate, effectiveAt);
    }

    /* DELEGATORS */

    /// @inheritdoc IStaking
    function delegate(address operator, address service, uint256 amount) external returns (uint256 shares) {
        Pool storage pool = _pools[operator][service];
        require(amount != 0 && amount <= type(uint128).max - pool.stake, Staking_BadAmount(amount));
        require(pool.shares == 0 || pool.stake != 0, Staking_PoolWiped(operator, service));
        shares = pool.sharesFor(amount);
        require(shares <= type(uint128).max - pool.shares, Staking_BadAmount(amount));

        Delegation storage delegation = _delegations[operator][service][msg.sender];
        uint256 rewards = pool.settle(delegation);
        // Casting is safe: both fit beside what is there.
        // forge-lint: disable-next-line(unsafe-typecast)
        pool.join(delegation, uint128(amount), uint128(shares));
        emit Delegated(operator, service, msg.sender, amount, shares);
        _payRewards(operator, service, rewards);
        ledger.transferFrom(msg.sender, address(this), _id(), amount);
    }

    /// @inheritdoc IStaking
    function undelegate(address operator, address service, uint256 shares) external {
        require(shares != 0, Staking_BadAmount(shares));
        Pool storage pool = _pools[operator][service];
        Delegation storage delegation = _delegations[operator][service][msg.sender];
        require(shares <= delegation.shares, Staking_InsufficientShares(delegation.shares, shares));

        uint256 rewards = pool.settle(delegation);
        // Casting is safe: at most what the delegation has.
        // forge-lint: disable-next-line(unsafe-typecast)
        pool.thaw(delegation, uint128(shares));
        uint40 thawedAt = uint40(block.timestamp) + thawPeriod;
        delegation.thawedAt = thawedAt;
        emit Undelegated(operator, service, msg.sender, shares, thawedAt);
        _payRewards(operator, service, rewards);
    }

    /// @inheritdoc IStaking
    function withdrawDelegated(address operator, address service) external returns (uint256 amount) {
        Pool storage pool = _pools[operator][service];
        Delegation storage delegation = _delegations[operator][service][msg.sender];
        uint40 thawedAt = delegation.thawedAt;
        require(_hasPassed(thawedAt), Staking_NotThawed(thawedAt));

        uint256 shares;
        (shares, amount) = pool.withdraw(delegation);
        require(shares != 0, Staking_PoolLocked(pool.locked));
        if (delegation.thawing == 0) delegation.thawedAt = 0;
        emit DelegationWithdrawn(operator, service, msg.sender, shares, amount);
        ledger.transfer(msg.sender, _id(), amount);
    }

    /// @inheritdoc IStaking
    function claimRewards(address operator, address service) external returns (uint256 amount) {
        amount = _pools[operator][service].settle(_delegations[operator][service][msg.sender]);
        _payRewards(operator, service, amount);
    }

    /* SERVICES: OWN STAKE */

    /// @inheritdoc IStaking
    function lock(address operator, uint256 amount) external {
        if (amount == 0) return;
        Parts storage parts = _provisions[operator][msg.sender];
        _lock(parts, operator, _requireFree(parts, operator, msg.sender, amount));
    }

    /// @inheritdoc IStaking
    function unlock(address operator, uint256 amount) external {
        if (amount == 0) return;
        Parts storage parts = _provisions[operator][msg.sender];
        _unlock(parts, operator, _requireLocked(parts, operator, amount));
    }

    /// @inheritdoc IStaking
    function slash(address operator, uint256 amount, Credit[] calldata credits) external {
        _requireSum(amount, credits);
        if (amount == 0) return;
        Parts storage parts = _provisions[operator][msg.sender];
        _slash(parts, operator, _requireLocked(parts, operator, amount));
        ledger.pay(token, credits);
    }

    /* SERVICES: OWN AND DELEGATED STAKE */

    /// @inheritdoc IStaking
    function lockWith(address operator, uint256 amount, uint256 ownMinimum) external {
        Parts storage parts = _provisions[operator][msg.sender];
        Pool storage pool = _pools[operator][msg.sender];
        uint256 own = Math.min(amount, parts.free);
        require(own >= ownMinimum, Staking_InsufficientStake(operator, msg.sender, own, ownMinimum));
        uint256 delegated = amount - own;
        if (delegated != 0) {
            uint256 free = pool.free();
            require(delegated <= free, Staking_InsufficientDelegation(operator, msg.sender, free, delegated));
            // forge-lint: disable-next-line(unsafe-typecast)
            pool.locked += uint128(delegated);
            emit DelegationLocked(operator, msg.sender, delegated);
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        if (own != 0) _lock(parts, operator, uint128(own));
    }

    /// @inheritdoc IStaking
    function unlockWith(address operator, uint256 amount) external {
        Parts storage parts = _provisions[operator][msg.sender];
        Pool storage pool = _pools[operator][msg.sender];
        _requireLockedWith(parts, pool, operator, amount);
        uint256 delegated = Math.min(amount, pool.locked);
        uint256 own = amount - delegated;
        if (delegated != 0) {
            // forge-lint: disable-next-line(unsafe-typecast)
            pool.locked -= uint128(delegated);
            emit DelegationUnlocked(operator, msg.sender, delegated);
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        if (own != 0) _unlock(parts, operator, uint128(own));
    }

    /// @inheritdoc IStaking
    function slashWith(address operator, uint256 amount, Credit[] calldata credits) external {
        _requireSum(amount, credits);
        if (amount == 0) return;
        Parts storage parts = _provisions[operator][msg.sender];
        Pool storage pool = _pools[operator][msg.sender];
        _requireLockedWith(parts, pool, operator, amount);
        uint256 own = Math.min(amount, parts.locked);
        uint256 delegated = amount - own;
        // forge-lint: disable-next-line(unsafe-typecast)
        if (own != 0) _slash(parts, operator, uint128(own));
        if (delegated != 0) {
            // forge-lint: disable-next-line(unsafe-typecast)
            uint128 part = uint128(delegated);
            pool.locked -= part;
            pool.stake -= part;
            emit DelegationSlashed(operator, msg.sender, delegated);
        }
        ledger.pay(token, credits);
    }

    /// @inheritdoc IStaking
    function reward(address operator, uint256 amount) external {
        require(amount <= type(uint128).max, Staking_BadAmount(amount));
        if (amount == 0) return;
        Pool storage pool = _pools[operator][msg.sender];
        uint256 pooled = _pooledPart(pool, operator, amount);
        uint256 kept = amount - pooled;
        if (pooled != 0) pool.distribute(pooled);
        emit Rewarded(operator, msg.sender, kept, pooled);
        if (kept != 0) ledger.transferFrom(msg.sender, operator, _id(), kept);
        if (pooled != 0) ledger.transferFrom(msg.sender, address(this), _id(), pooled);
    }

    /* INTERNAL */

    /// @dev Locks a part that is free.
    function _lock(Parts storage parts, address operator, uint128 part) private {
        unchecked {
            parts.free -= part;
            parts.locked += part;
        }
        emit Locked(operator, msg.sender, part);
    }

    /// @dev Releases a part that is locked.
    function _unlock(Parts storage parts, address operator, uint128 part) private {
        unchecked {
            parts.locked -= part;
            parts.free += part;
        }
        emit Unlocked(operator, msg.sender, part);
    }

    /// @dev Removes a part that is locked, for the caller of this function to pay out.
    function _slash(Parts storage parts, address operator, uint128 part) private {
        unchecked {
            parts.locked -= part;
        }
        emit Slashed(operator, msg.sender, part);
    }

    /// @dev Pays rewards that were settled to the caller.
    function _payRewards(address operator, address service, uint256 amount) private {
        if (amount != 0) {
            emit RewardsClaimed(operator, service, msg.sender, amount);
            ledger.transfer(msg.sender, _id(), amount);
        }
    }

    /// @dev The part of a reward that goes to the delegators: theirs by what is locked, less the commission.
    function _pooledPart(Pool storage pool, address operator, uint256 amount) private view returns (uint256) {
        uint256 delegated = pool.locked;
        if (delegated == 0 || pool.shares == pool.thawing) return 0;
        uint256 own = _provisions[operator][msg.sender].locked;
        uint256 left = BASIS - commissionOf(operator, msg.sender).rate;
        return Math.mulDiv(amount * left, delegated, (own + delegated) * BASIS);
    }

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

    /// @dev Reverts unless own and delegated locked stake together cover `amount`.
    function _requireLockedWith(Parts storage parts, Pool storage pool, address operator, uint256 amount) private view {
        uint256 locked = uint256(parts.locked) + pool.locked;
        require(amount <= locked, Staking_NotLocked(operator, msg.sender, locked, amount));
    }

    /// @dev Reverts unless the credits of a slash add up to its amount.
    function _requireSum(uint256 amount, Credit[] calldata credits) private pure {
        uint256 sum;
        for (uint256 i; i < credits.length; ++i) {
            sum += credits[i].amount;
        }
        require(sum == amount, Staking_CreditsMismatch(amount, sum));
    }

    /// @dev Whether a clock runs and has run out.
    function _hasPassed(uint40 thawedAt) private view returns (bool) {
        // Seconds that a block producer may shift do not matter to a thaw of days.
        // forge-lint: disable-next-line(block-timestamp)
        return thawedAt != 0 && block.timestamp >= thawedAt;
    }

    /// @dev The stake token's id on the ledger.
    function _id() private view returns (uint256) {
        return uint256(uint160(token));
    }
}
