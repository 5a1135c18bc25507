// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {StakingTest} from "./StakingTest.sol";

contract Staking_Lock_Test is StakingTest {
    function setUp() public override {
        super.setUp();
        stake(1000);
    }

    function test_WhenTheAmountIsZero() external {
        vm.recordLogs();
        lock(0);
        vm.prank(rival);
        staking.lock(other, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertProvision(1000, 0, 0, 0);
    }

    function testFuzz_RevertWhen_TheAmountExceedsTheFreeStake(uint256 amount) external {
        thaw(200);
        lock(300);
        amount = bound(amount, 501, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 500, amount)
        );
        lock(amount);
    }

    function test_RevertWhen_TheCallerIsAnotherService() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.lock(operator, 1);
    }

    function testFuzz_WhenTheFreeStakeCoversTheAmount(uint256 first, uint256 second) external {
        first = bound(first, 1, 999);
        second = bound(second, 1, 1000 - first);
        vm.expectEmit(address(staking));
        emit IStaking.Locked(operator, service, first);
        lock(first);
        lock(second);
        assertProvision(1000, first + second, 0, 0);
    }
}
