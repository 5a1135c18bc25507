// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {StakingTest} from "./StakingTest.sol";

contract Staking_Unlock_Test is StakingTest {
    function setUp() public override {
        super.setUp();
        stake(1000);
        lock(400);
    }

    function test_WhenTheAmountIsZero() external {
        vm.recordLogs();
        vm.prank(service);
        staking.unlock(operator, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertProvision(1000, 400, 0, 0);
    }

    function testFuzz_RevertWhen_TheAmountExceedsWhatIsLocked(uint256 amount) external {
        amount = bound(amount, 401, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 400, amount));
        vm.prank(service);
        staking.unlock(operator, amount);
    }

    function test_RevertWhen_TheCallerIsAnotherService() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.unlock(operator, 1);
    }

    function testFuzz_WhenAsMuchIsLocked(uint256 amount) external {
        amount = bound(amount, 1, 400);
        vm.expectEmit(address(staking));
        emit IStaking.Unlocked(operator, service, amount);
        vm.prank(service);
        staking.unlock(operator, amount);
        assertProvision(1000, 400 - amount, 0, 0);
    }
}
