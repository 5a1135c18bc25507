// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Delegation, Pool, Provision} from "../../src/staking/IStaking.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {DelegationHandler} from "./handlers/DelegationHandler.sol";
import {DelegationStore} from "./stores/DelegationStore.sol";

/// @notice The invariants of delegated stake; README.md states each in prose.
contract Delegation_Invariants_Test is Test {
    Ledger private ledger;
    Staking private staking;
    DelegationStore private store;
    DelegationHandler private handler;
    uint256 private id;

    function setUp() external {
        vm.warp(1_800_000_000);
        ledger = new Ledger();
        DevToken token = new DevToken();
        id = uint256(uint160(address(token)));
        staking = new Staking(ledger, address(token), 7 days);
        handler = new DelegationHandler(ledger, token, staking);
        store = handler.store();
        targetContract(address(handler));
    }

    /// @dev D1, D2 and D3.
    function invariant_PoolsFollowTheRulesAndAreHeld() external view {
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            (address operator, address service) = _pair(i);
            Pool memory pool = staking.poolOf(operator, service);
            assertLe(pool.locked, pool.stake, "D1: what is locked is there");
            assertLe(pool.stake, pool.shares, "D1: a share is worth a unit at most");
            assertLe(pool.thawing, pool.shares, "D1: thawing shares are shares");
            _assertRules(operator, service, pool);
            sum += pool.stake + staking.provisionOf(operator, service).stake;
            for (uint256 j; j < 3; ++j) {
                sum += staking.rewardsOf(operator, service, handler.delegators(j));
            }
        }
        uint256 balance = ledger.balanceOf(address(staking), id);
        assertGe(balance, sum, "D2: stakes, pools and rewards are held");
        assertLe(balance, sum + store.moves(), "D2: less than a unit a move is left over");
    }

    /// @dev D4, D5 and D6.
    function invariant_DelegatorsHaveTheirPart() external view {
        for (uint256 i; i < 4; ++i) {
            (address operator, address service) = _pair(i);
            Pool memory pool = staking.poolOf(operator, service);
            uint256 slack = store.poolOf(operator, service).moves + 1;
            uint256 shares;
            uint256 thawing;
            for (uint256 j; j < 3; ++j) {
                address delegator = handler.delegators(j);
                Delegation memory delegation = staking.delegationOf(operator, service, delegator);
                DelegationStore.Delegated memory expected = store.delegationOf(operator, service, delegator);
                assertEq(delegation.shares, expected.shares, "D4: shares");
                assertEq(delegation.thawing, expected.thawing, "D4: thawing");
                assertEq(delegation.thawedAt, expected.thawedAt, "D4: clock");
                assertEq(delegation.thawedAt == 0, delegation.thawing == 0, "D4: a clock runs for thawing shares alone");
                shares += delegation.shares + delegation.thawing;
                thawing += delegation.thawing;

                uint256 worth = store.worthOf(operator, service, delegation.shares + delegation.thawing);
                uint256 due = expected.due / store.FRACTION();
                assertLe(worth, due + slack, "D5: nobody gains");
                assertGe(worth + slack, due, "D5: nobody loses but to slashes");

                uint256 overdue = staking.overdueOf(operator, service, delegator);
                assertLe(overdue, pool.locked, "D6: a lock holds what is overdue");
                if (overdue != 0) assertEq(staking.freeDelegation(operator, service), 0, "D6: nothing new is locked");
            }
            assertEq(shares, pool.shares, "D4: shares add up");
            assertEq(thawing, pool.thawing, "D4: thawing shares add up");
        }
    }

    /// @dev D7: at the end of each run the services let go and every delegator leaves with everything.
    function afterInvariant() external {
        for (uint256 i; i < 12; ++i) {
            (address operator, address service) = _pair(i / 3);
            vm.startPrank(service);
            staking.unlockWith(
                operator, staking.provisionOf(operator, service).locked + staking.poolOf(operator, service).locked
            );
            vm.startPrank(handler.delegators(i % 3));
            uint256 shares = staking.delegationOf(operator, service, handler.delegators(i % 3)).shares;
            if (shares != 0) staking.undelegate(operator, service, shares);
            staking.claimRewards(operator, service);
            vm.stopPrank();
        }
        skip(staking.thawPeriod());
        uint256 own;
        for (uint256 i; i < 12; ++i) {
            (address operator, address service) = _pair(i / 3);
            address delegator = handler.delegators(i % 3);
            if (i % 3 == 0) own += staking.provisionOf(operator, service).stake;
            if (staking.delegationOf(operator, service, delegator).thawing == 0) continue;
            vm.prank(delegator);
            staking.withdrawDelegated(operator, service);
        }
        for (uint256 i; i < 4; ++i) {
            (address operator, address service) = _pair(i);
            Pool memory pool = staking.poolOf(operator, service);
            assertEq(pool.stake, 0, "D7: all delegated stake has left");
            assertEq(pool.shares, 0, "D7: and all shares");
        }
        assertLe(ledger.balanceOf(address(staking), id), own + store.moves() + 12, "D7: but for fractions of units");
    }

    /// @dev D3.
    function _assertRules(address operator, address service, Pool memory pool) private view {
        DelegationStore.Pooled memory expected = store.poolOf(operator, service);
        assertEq(pool.stake, expected.stake, "D3: stake");
        assertEq(pool.locked, expected.locked, "D3: locked");
        assertEq(pool.shares, expected.shares, "D3: shares");
        assertEq(pool.thawing, expected.thawing, "D3: thawing");
        assertEq(staking.freeDelegation(operator, service), store.free(operator, service), "D3: free");
        assertEq(staking.commissionOf(operator, service).rate, store.rateOf(operator, service), "D3: commission");
        Provision memory provision = staking.provisionOf(operator, service);
        assertEq(provision.locked, expected.ownLocked, "D3: own locked");
        assertEq(staking.freeStake(operator, service), expected.ownFree, "D3: own free");
    }

    function _pair(uint256 i) private view returns (address operator, address service) {
        return (handler.operators(i / 2), handler.services(i % 2));
    }
}
