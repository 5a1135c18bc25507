// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_ClaimRewards_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        delegate(alice, 1000);
        lockWith(1000, 0);
    }

    function test_GivenNoRewards() external {
        vm.recordLogs();
        assertEq(claimRewards(alice), 0);
        assertEq(claimRewards(bob), 0);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_GivenThatThePoolWasSlashed() external {
        reward(500);
        slashWith(1000);
        assertEq(claimRewards(alice), 500);
        assertEq(ledger.balanceOf(address(staking), id), 0);
    }

    function testFuzz_GivenRewards(uint256 first, uint256 second) external {
        first = bound(first, 1, FUNDS / 2);
        second = bound(second, 1, FUNDS / 2);
        reward(first);
        // Who comes later has no part in what was paid before.
        delegate(bob, 1000);
        assertEq(staking.rewardsOf(operator, service, bob), 0);
        reward(second);

        uint256 owed = staking.rewardsOf(operator, service, alice);
        assertLe(owed, first + second / 2 + second % 2);
        assertGe(owed + 1, first + second / 2);
        vm.expectEmit(address(staking));
        emit IStaking.RewardsClaimed(operator, service, alice, owed);
        assertEq(claimRewards(alice), owed);
        assertEq(ledger.balanceOf(alice, id), FUNDS - 1000 + owed);
        assertEq(claimRewards(alice), 0);
    }
}
