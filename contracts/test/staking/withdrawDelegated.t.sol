// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_WithdrawDelegated_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        delegate(alice, 1000);
        delegate(bob, 500);
    }

    function test_RevertGiven_NothingThaws() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, 0));
        withdrawDelegated(alice);
    }

    function testFuzz_RevertGiven_TheClockStillRuns(uint256 elapsed) external {
        undelegate(alice, 100);
        uint256 thawedAt = block.timestamp + THAW;
        skip(bound(elapsed, 0, THAW - 1));
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, thawedAt));
        withdrawDelegated(alice);
        assertEq(staking.overdueOf(operator, service, alice), 0);
    }

    function test_RevertGiven_AllIsLocked() external {
        lockWith(1500, 0);
        undelegate(alice, 1000);
        skip(THAW);
        assertEq(staking.overdueOf(operator, service, alice), 1000);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolLocked.selector, 1500));
        withdrawDelegated(alice);
    }

    function testFuzz_GivenThatAPartIsLocked(uint256 locked) external {
        locked = bound(locked, 501, 1499);
        lockWith(locked, 0);
        undelegate(alice, 1000);
        assertEq(staking.overdueOf(operator, service, alice), 0, "not before the clock has run out");
        skip(THAW);

        uint256 overdue = locked - 500;
        assertEq(staking.overdueOf(operator, service, alice), overdue);
        assertEq(withdrawDelegated(alice), 1000 - overdue);
        assertDelegation(alice, 0, overdue, block.timestamp);
        assertEq(staking.overdueOf(operator, service, alice), overdue);

        unlockWith(overdue);
        assertEq(staking.overdueOf(operator, service, alice), 0);
        assertEq(withdrawDelegated(alice), overdue);
        assertDelegation(alice, 0, 0, 0);
        assertPool(500, 500, 500, 0);
    }

    function testFuzz_GivenThatThePoolWasSlashedMeanwhile(uint256 loss) external {
        loss = bound(loss, 1, 1500);
        lockWith(loss, 0);
        undelegate(alice, 400);
        skip(THAW - 1);
        slashWith(loss);
        skip(1);
        assertEq(withdrawDelegated(alice), 400 * (1500 - loss) / 1500);
        assertDelegation(alice, 600, 0, 0);
    }

    function testFuzz_GivenThatTheClockHasRunOut(uint256 shares, uint256 elapsed) external {
        shares = bound(shares, 1, 1000);
        undelegate(alice, shares);
        skip(bound(elapsed, THAW, 3650 days));

        vm.expectEmit(address(staking));
        emit IStaking.DelegationWithdrawn(operator, service, alice, shares, shares);
        assertEq(withdrawDelegated(alice), shares);
        assertPool(1500 - shares, 0, 1500 - shares, 0);
        assertDelegation(alice, 1000 - shares, 0, 0);
        assertEq(ledger.balanceOf(alice, id), FUNDS - 1000 + shares);
        assertEq(ledger.balanceOf(address(staking), id), 1500 - shares);

        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, 0));
        withdrawDelegated(alice);
    }
}
