// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_UnlockWith_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        stake(600);
        delegate(alice, 900);
        lockWith(1000, 500);
    }

    function test_WhenTheAmountIsZero() external {
        vm.recordLogs();
        unlockWith(0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertProvision(600, 600, 0, 0);
        assertPool(900, 400, 900, 0);
    }

    function testFuzz_RevertWhen_TheAmountExceedsWhatIsLocked(uint256 amount) external {
        amount = bound(amount, 1001, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 1000, amount));
        unlockWith(amount);
    }

    function test_RevertWhen_TheCallerIsAnotherService() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.unlockWith(operator, 1);
    }

    function testFuzz_WhenAsMuchIsLocked(uint256 amount) external {
        amount = bound(amount, 1, 1000);
        uint256 delegated = amount < 400 ? amount : 400;
        vm.expectEmit(address(staking));
        emit IStaking.DelegationUnlocked(operator, service, delegated);
        if (amount > delegated) {
            vm.expectEmit(address(staking));
            emit IStaking.Unlocked(operator, service, amount - delegated);
        }
        unlockWith(amount);
        assertProvision(600, 600 - (amount - delegated), 0, 0);
        assertPool(900, 400 - delegated, 900, 0);
    }
}
