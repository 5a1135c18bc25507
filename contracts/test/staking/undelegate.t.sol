// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_Undelegate_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        delegate(alice, 1000);
    }

    function test_RevertWhen_NoSharesAreNamed() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 0));
        undelegate(alice, 0);
    }

    function testFuzz_RevertWhen_TheCallerHasFewerShares(uint256 shares) external {
        shares = bound(shares, 1001, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientShares.selector, 1000, shares));
        undelegate(alice, shares);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientShares.selector, 0, 1));
        undelegate(bob, 1);
    }

    function test_RevertWhen_TheSharesThawAlready() external {
        undelegate(alice, 700);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientShares.selector, 300, 301));
        undelegate(alice, 301);
    }

    function test_GivenAThawingPart() external {
        undelegate(alice, 100);
        skip(THAW - 1);
        undelegate(alice, 1);
        assertDelegation(alice, 899, 101, block.timestamp + THAW);
        assertPool(1000, 0, 1000, 101);
    }

    function test_GivenRewards() external {
        delegate(bob, 1000);
        lockWith(2000, 0);
        reward(100);
        undelegate(alice, 1000);
        assertEq(ledger.balanceOf(alice, id), FUNDS - 1000 + 49, "half, rounded down");

        reward(100);
        assertEq(staking.rewardsOf(operator, service, alice), 0);
        assertEq(staking.rewardsOf(operator, service, bob), 149);
    }

    function test_GivenThatAllIsLocked() external {
        lockWith(1000, 0);
        undelegate(alice, 400);
        assertPool(1000, 1000, 1000, 400);

        // New stake is not free while the waiting part is locked: it takes the place of what asked to leave.
        delegate(bob, 300);
        assertEq(staking.freeDelegation(operator, service), 0);
        delegate(bob, 150);
        assertEq(staking.freeDelegation(operator, service), 50);
    }

    function testFuzz_WhenTheCallerHasTheShares(uint256 shares) external {
        shares = bound(shares, 1, 1000);
        vm.expectEmit(address(staking));
        emit IStaking.Undelegated(operator, service, alice, shares, uint40(block.timestamp) + THAW);
        undelegate(alice, shares);
        assertDelegation(alice, 1000 - shares, shares, block.timestamp + THAW);
        assertPool(1000, 0, 1000, shares);
        assertEq(staking.freeDelegation(operator, service), 1000 - shares);
        assertEq(ledger.balanceOf(alice, id), FUNDS - 1000, "nothing leaves yet");
    }
}
