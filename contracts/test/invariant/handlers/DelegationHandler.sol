// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../../src/devnet/DevToken.sol";
import {Credit} from "../../../src/ledger/ILedger.sol";
import {Ledger} from "../../../src/ledger/Ledger.sol";
import {IStaking} from "../../../src/staking/IStaking.sol";
import {Staking} from "../../../src/staking/Staking.sol";
import {DelegationStore} from "../stores/DelegationStore.sol";

/// @notice Acts as operators, delegators, services and time. Amounts reach beyond what each may take; each act says beforehand,
/// from the store alone, whether the contract must refuse it and why, and what it must pay.
contract DelegationHandler is Test {
    uint256 private constant MOST = 1e27;

    Ledger public immutable ledger;
    DevToken public immutable token;
    Staking public immutable staking;
    DelegationStore public immutable store;

    address[2] public operators;
    /// @notice One service, and one operator in that role.
    address[2] public services;
    /// @notice Two delegators, and one operator in that role.
    address[3] public delegators;
    address public immutable burn;

    /// @dev Whom an act is about.
    struct Who {
        address operator;
        address service;
        address delegator;
    }

    constructor(Ledger ledger_, DevToken token_, Staking staking_) {
        (ledger, token, staking) = (ledger_, token_, staking_);
        operators = [makeAddr("first"), makeAddr("second")];
        services = [makeAddr("verification"), operators[1]];
        delegators = [makeAddr("alice"), makeAddr("bob"), operators[0]];
        burn = ledger.BURN();
        address[] memory list = new address[](3);
        for (uint256 i; i < 3; ++i) {
            list[i] = delegators[i];
        }
        store = new DelegationStore(list);
    }

    /* OPERATORS */

    function stake(uint256 seed, uint256 amount) external {
        Who memory who = _who(seed);
        amount = _amount(seed, amount);
        _fund(who.operator, amount);
        vm.prank(who.operator);
        staking.stake(who.operator, who.service, amount);
        store.stake(who.operator, who.service, amount);
    }

    function setCommission(uint256 seed, uint256 rate) external {
        Who memory who = _who(seed);
        rate = bound(rate, 0, 11_000);
        if (rate > 10_000) vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadCommission.selector, rate));
        else store.setCommission(who.operator, who.service, rate, staking.thawPeriod());
        vm.prank(who.operator);
        // forge-lint: disable-next-line(unsafe-typecast)
        staking.setCommission(who.service, uint16(rate));
    }

    /* DELEGATORS */

    function delegate(uint256 seed, uint256 amount) external {
        Who memory who = _who(seed);
        amount = _amount(seed, amount);
        DelegationStore.Pooled memory pool = store.poolOf(who.operator, who.service);
        _fund(who.delegator, amount);
        uint256 earned = _earned(who);
        uint256 before = _balance(who.delegator);

        uint256 expected;
        bool refused = true;
        if (pool.shares != 0 && pool.stake == 0) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolWiped.selector, who.operator, who.service));
        } else if (pool.shares + store.sharesFor(who.operator, who.service, amount) > type(uint128).max) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, amount));
        } else {
            refused = false;
            expected = store.sharesFor(who.operator, who.service, amount);
            store.delegate(who.operator, who.service, who.delegator, amount);
        }
        vm.prank(who.delegator);
        uint256 shares = staking.delegate(who.operator, who.service, amount);
        if (refused) return;
        assertEq(shares, expected, "shares by the rule");
        _assertEarned(_balance(who.delegator) + amount - before, earned);
    }

    function undelegate(uint256 seed, uint256 shares) external {
        Who memory who = _who(seed);
        uint256 has = store.delegationOf(who.operator, who.service, who.delegator).shares;
        shares = bound(shares, 0, has + has / 4 + 1);
        uint256 earned = _earned(who);
        uint256 before = _balance(who.delegator);
        bool refused = true;
        if (shares == 0) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 0));
        } else if (shares > has) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientShares.selector, has, shares));
        } else {
            refused = false;
            store.undelegate(who.operator, who.service, who.delegator, shares, block.timestamp + staking.thawPeriod());
        }
        vm.prank(who.delegator);
        staking.undelegate(who.operator, who.service, shares);
        if (!refused) _assertEarned(_balance(who.delegator) - before, earned);
    }

    function withdrawDelegated(uint256 seed) external {
        Who memory who = _who(seed);
        DelegationStore.Delegated memory delegation = store.delegationOf(who.operator, who.service, who.delegator);
        DelegationStore.Pooled memory pool = store.poolOf(who.operator, who.service);
        uint256 before = _balance(who.delegator);
        uint256 expected;
        if (delegation.thawedAt == 0 || block.timestamp < delegation.thawedAt) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, delegation.thawedAt));
        } else if (pool.stake == pool.locked && store.worthOf(who.operator, who.service, delegation.thawing) != 0) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolLocked.selector, pool.locked));
        } else {
            expected = store.withdraw(who.operator, who.service, who.delegator);
        }
        vm.prank(who.delegator);
        staking.withdrawDelegated(who.operator, who.service);
        assertEq(_balance(who.delegator) - before, expected, "paid by the rule");
    }

    function claimRewards(uint256 seed) external {
        Who memory who = _who(seed);
        uint256 earned = _earned(who);
        uint256 before = _balance(who.delegator);
        vm.prank(who.delegator);
        uint256 amount = staking.claimRewards(who.operator, who.service);
        store.claim(who.operator, who.service, who.delegator);
        assertEq(_balance(who.delegator) - before, amount, "paid what was said");
        _assertEarned(amount, earned);
    }

    /* SERVICES */

    function lockWith(uint256 seed, uint256 amount, uint256 ownMinimum) external {
        Who memory who = _who(seed);
        uint256 ownFree = store.poolOf(who.operator, who.service).ownFree;
        uint256 free = store.free(who.operator, who.service);
        amount = bound(amount, 0, ownFree + free + free / 4 + 1);
        ownMinimum = bound(ownMinimum, 0, ownFree + ownFree / 8);
        uint256 own = amount < ownFree ? amount : ownFree;
        if (own < ownMinimum) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IStaking.Staking_InsufficientStake.selector, who.operator, who.service, own, ownMinimum
                )
            );
        } else if (amount - own > free) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IStaking.Staking_InsufficientDelegation.selector, who.operator, who.service, free, amount - own
                )
            );
        } else {
            store.lock(who.operator, who.service, own, amount - own);
        }
        vm.prank(who.service);
        staking.lockWith(who.operator, amount, ownMinimum);
    }

    function unlockWith(uint256 seed, uint256 amount) external {
        Who memory who = _who(seed);
        DelegationStore.Pooled memory pool = store.poolOf(who.operator, who.service);
        uint256 locked = pool.ownLocked + pool.locked;
        amount = bound(amount, 0, locked + locked / 4 + 1);
        if (amount > locked) {
            vm.expectRevert(_notLocked(who, locked, amount));
        } else {
            uint256 delegated = amount < pool.locked ? amount : pool.locked;
            store.unlock(who.operator, who.service, amount - delegated, delegated);
        }
        vm.prank(who.service);
        staking.unlockWith(who.operator, amount);
    }

    function slashWith(uint256 seed, uint256 amount) external {
        Who memory who = _who(seed);
        DelegationStore.Pooled memory pool = store.poolOf(who.operator, who.service);
        uint256 locked = pool.ownLocked + pool.locked;
        amount = bound(amount, 0, locked + locked / 8 + 1);
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(burn, amount);
        if (amount > locked) {
            vm.expectRevert(_notLocked(who, locked, amount));
        } else {
            uint256 own = amount < pool.ownLocked ? amount : pool.ownLocked;
            store.slash(who.operator, who.service, own, amount - own);
        }
        vm.prank(who.service);
        staking.slashWith(who.operator, amount, credits);
    }

    function reward(uint256 seed, uint256 amount) external {
        Who memory who = _who(seed);
        amount = _amount(seed, amount);
        _fund(who.service, amount);
        uint256 pooled = store.reward(who.operator, who.service, amount);
        uint256 held = _balance(address(staking));
        uint256 before = _balance(who.operator);
        vm.prank(who.service);
        staking.reward(who.operator, amount);
        assertEq(_balance(address(staking)) - held, pooled, "pooled by the rule");
        // A service that is the operator pays itself.
        if (who.operator != who.service) assertEq(_balance(who.operator) - before, amount - pooled, "the rest kept");
    }

    /* THE WORLD */

    function wait(uint256 time) external {
        skip(bound(time, 1, staking.thawPeriod()));
    }

    /// @dev To the second at which a thaw ends, or the one before.
    function waitForAThaw(uint256 seed, bool early) external {
        Who memory who = _who(seed);
        uint256 thawedAt = store.delegationOf(who.operator, who.service, who.delegator).thawedAt;
        if (thawedAt > block.timestamp + 1) vm.warp(early ? thawedAt - 1 : thawedAt);
    }

    /* INTERNAL */

    /// @dev More than half of all acts meet in one pool.
    function _who(uint256 seed) private view returns (Who memory) {
        return Who(operators[seed % 4 / 3], services[(seed >> 8) % 4 / 3], delegators[(seed >> 16) % 3]);
    }

    /// @dev A few units, where rounding shows, or any amount.
    function _amount(uint256 seed, uint256 amount) private pure returns (uint256) {
        return bound(amount, 1, (seed >> 24) % 2 == 0 ? 10 : MOST);
    }

    function _fund(address account, uint256 amount) private {
        token.mint(address(this), amount);
        token.approve(address(ledger), amount);
        ledger.deposit(address(token), account, amount);
        uint256 id = uint256(uint160(address(token)));
        vm.prank(account);
        ledger.approve(address(staking), id, amount);
    }

    function _balance(address account) private view returns (uint256) {
        return ledger.balanceOf(account, uint256(uint160(address(token))));
    }

    function _earned(Who memory who) private view returns (uint256) {
        return store.delegationOf(who.operator, who.service, who.delegator).earned / store.FRACTION();
    }

    /// @dev Rounded down once a reward, by parts of a unit that add up to less than one, and once when paid.
    function _assertEarned(uint256 paid, uint256 earned) private pure {
        assertLe(paid, earned + 1, "no more than earned");
        assertGe(paid + 1, earned, "no less than earned");
    }

    function _notLocked(Who memory who, uint256 locked, uint256 amount) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, who.operator, who.service, locked, amount);
    }
}
