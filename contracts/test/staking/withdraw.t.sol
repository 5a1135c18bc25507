// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {StakingTest} from "./StakingTest.sol";

contract Staking_Withdraw_Test is StakingTest {
    function setUp() public override {
        super.setUp();
        stake(1000);
        lock(300);
    }

    function test_RevertGiven_NothingThaws() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, 0));
        vm.prank(operator);
        staking.withdraw(service);
    }

    function testFuzz_RevertGiven_TheClockStillRuns(uint256 elapsed) external {
        thaw(100);
        uint256 thawedAt = block.timestamp + THAW;
        skip(bound(elapsed, 0, THAW - 1));
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, thawedAt));
        vm.prank(operator);
        staking.withdraw(service);
    }

    function test_RevertGiven_OneSecondIsLeft() external {
        thaw(100);
        skip(THAW - 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, block.timestamp + 1));
        vm.startPrank(operator);
        staking.withdraw(service);

        skip(1);
        assertEq(staking.withdraw(service), 100);
    }

    function testFuzz_GivenTheClockHasRunOut(uint256 amount, uint256 elapsed) external {
        amount = bound(amount, 1, 700);
        thaw(amount);
        skip(bound(elapsed, THAW, 3650 days));

        vm.expectEmit(address(staking));
        emit IStaking.Withdrawn(operator, service, amount);
        vm.startPrank(operator);
        assertEq(staking.withdraw(service), amount);
        assertProvision(1000 - amount, 300, 0, 0);
        assertEq(ledger.balanceOf(operator, id), FUNDS - 1000 + amount);
        assertEq(ledger.balanceOf(address(staking), id), 1000 - amount);

        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, 0));
        staking.withdraw(service);
    }
}
