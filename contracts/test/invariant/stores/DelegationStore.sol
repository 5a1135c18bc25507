// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What each pool and each delegation must be, by the rules of the interface and to the unit; and beside that what each
/// delegator is due in fairness, in fractions of a unit and without any shares: what it put in, less its part of each loss.
contract DelegationStore {
    struct Pooled {
        uint256 ownFree;
        uint256 ownLocked;
        uint256 stake;
        uint256 locked;
        uint256 shares;
        uint256 thawing;
        uint256 rate;
        uint256 nextRate;
        uint256 nextAt;
        uint256 moves;
    }

    struct Delegated {
        uint256 shares;
        uint256 thawing;
        uint256 thawedAt;
        uint256 due;
        uint256 earned;
    }

    /// @dev Units of `due` and `earned` to one unit of the token.
    uint256 public constant FRACTION = 2 ** 64;

    address[] private _delegators;
    mapping(address operator => mapping(address service => Pooled)) private _pools;
    mapping(address operator => mapping(address service => mapping(address delegator => Delegated))) private
        _delegations;
    /// @notice Acts that may have left a fraction of a unit behind.
    uint256 public moves;

    constructor(address[] memory delegators) {
        _delegators = delegators;
    }

    /* VIEWS */

    function poolOf(address operator, address service) external view returns (Pooled memory) {
        return _pools[operator][service];
    }

    function delegationOf(address operator, address service, address delegator)
        external
        view
        returns (Delegated memory)
    {
        return _delegations[operator][service][delegator];
    }

    function free(address operator, address service) external view returns (uint256) {
        Pooled storage pool = _pools[operator][service];
        if (pool.shares == 0) return 0;
        uint256 backing = Math.mulDiv(pool.stake, pool.shares - pool.thawing, pool.shares);
        return backing > pool.locked ? backing - pool.locked : 0;
    }

    function worthOf(address operator, address service, uint256 shares) public view returns (uint256) {
        Pooled storage pool = _pools[operator][service];
        return pool.shares == 0 ? 0 : Math.mulDiv(shares, pool.stake, pool.shares);
    }

    function sharesFor(address operator, address service, uint256 amount) public view returns (uint256) {
        Pooled storage pool = _pools[operator][service];
        return pool.shares == 0 ? amount : Math.mulDiv(amount, pool.shares, pool.stake);
    }

    function rateOf(address operator, address service) public view returns (uint256) {
        Pooled storage pool = _pools[operator][service];
        return block.timestamp >= pool.nextAt ? pool.nextRate : pool.rate;
    }

    /* OPERATORS AND DELEGATORS */

    function stake(address operator, address service, uint256 amount) external {
        _pools[operator][service].ownFree += amount;
    }

    function setCommission(address operator, address service, uint256 rate, uint256 thawPeriod) external {
        Pooled storage pool = _pools[operator][service];
        uint256 current = rateOf(operator, service);
        uint256 nextAt = rate > current ? block.timestamp + thawPeriod : block.timestamp;
        (pool.rate, pool.nextRate, pool.nextAt) = (current, rate, nextAt);
    }

    function delegate(address operator, address service, address delegator, uint256 amount) external {
        uint256 shares = sharesFor(operator, service, amount);
        (Pooled storage pool, Delegated storage delegation) = _at(operator, service, delegator);
        pool.stake += amount;
        pool.shares += shares;
        delegation.shares += shares;
        delegation.due += amount * FRACTION;
        delegation.earned = 0;
    }

    function undelegate(address operator, address service, address delegator, uint256 shares, uint256 thawedAt)
        external
    {
        (Pooled storage pool, Delegated storage delegation) = _at(operator, service, delegator);
        pool.thawing += shares;
        delegation.shares -= shares;
        delegation.thawing += shares;
        delegation.thawedAt = thawedAt;
        delegation.earned = 0;
    }

    /// @return amount What must be paid.
    function withdraw(address operator, address service, address delegator) external returns (uint256 amount) {
        (Pooled storage pool, Delegated storage delegation) = _at(operator, service, delegator);
        uint256 ended = delegation.thawing;
        amount = worthOf(operator, service, ended);
        uint256 unlocked = pool.stake - pool.locked;
        if (amount > unlocked) {
            amount = unlocked;
            ended = Math.mulDiv(unlocked, pool.shares, pool.stake, Math.Rounding.Ceil);
        }
        delegation.due -= Math.mulDiv(delegation.due, ended, delegation.shares + delegation.thawing);
        delegation.thawing -= ended;
        if (delegation.thawing == 0) delegation.thawedAt = 0;
        pool.thawing -= ended;
        pool.shares -= ended;
        pool.stake -= amount;
    }

    function claim(address operator, address service, address delegator) external {
        (, Delegated storage delegation) = _at(operator, service, delegator);
        delegation.earned = 0;
    }

    /* SERVICES */

    function lock(address operator, address service, uint256 own, uint256 delegated) external {
        Pooled storage pool = _pools[operator][service];
        pool.ownFree -= own;
        pool.ownLocked += own;
        pool.locked += delegated;
    }

    function unlock(address operator, address service, uint256 own, uint256 delegated) external {
        Pooled storage pool = _pools[operator][service];
        pool.ownLocked -= own;
        pool.ownFree += own;
        pool.locked -= delegated;
    }

    function slash(address operator, address service, uint256 own, uint256 delegated) external {
        Pooled storage pool = _pools[operator][service];
        pool.ownLocked -= own;
        if (delegated == 0) return;
        for (uint256 i; i < _delegators.length; ++i) {
            Delegated storage delegation = _delegations[operator][service][_delegators[i]];
            delegation.due = Math.mulDiv(delegation.due, pool.stake - delegated, pool.stake);
        }
        pool.locked -= delegated;
        pool.stake -= delegated;
    }

    /// @return pooled What the delegators must receive.
    function reward(address operator, address service, uint256 amount) external returns (uint256 pooled) {
        Pooled storage pool = _pools[operator][service];
        uint256 earning = pool.shares - pool.thawing;
        if (pool.locked == 0 || earning == 0) return 0;
        uint256 left = 10_000 - rateOf(operator, service);
        pooled = Math.mulDiv(amount, pool.locked * left, (pool.locked + pool.ownLocked) * 10_000);
        ++moves;
        for (uint256 i; i < _delegators.length; ++i) {
            Delegated storage delegation = _delegations[operator][service][_delegators[i]];
            delegation.earned += Math.mulDiv(pooled * FRACTION, delegation.shares, earning);
        }
    }

    function _at(address operator, address service, address delegator)
        private
        returns (Pooled storage pool, Delegated storage delegation)
    {
        pool = _pools[operator][service];
        delegation = _delegations[operator][service][delegator];
        ++pool.moves;
        ++moves;
    }
}
