// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_LockWith_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        stake(600);
        delegate(alice, 900);
    }

    function test_WhenTheAmountIsZero() external {
        vm.recordLogs();
        lockWith(0, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertProvision(600, 0, 0, 0);
        assertPool(900, 0, 900, 0);
    }

    function testFuzz_RevertWhen_LessThanTheMinimumWouldBeOwnStake(uint256 amount, uint256 minimum) external {
        thaw(100);
        amount = bound(amount, 0, type(uint256).max);
        uint256 own = amount < 500 ? amount : 500;
        minimum = bound(minimum, own + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, own, minimum)
        );
        lockWith(amount, minimum);
    }

    function testFuzz_RevertWhen_OwnAndDelegatedFreeStakeDoNotCoverTheAmount(uint256 amount) external {
        undelegate(alice, 200);
        amount = bound(amount, 1301, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStaking.Staking_InsufficientDelegation.selector, operator, service, 700, amount - 600
            )
        );
        lockWith(amount, 600);
    }

    function test_RevertWhen_TheCallerIsAnotherService() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientDelegation.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.lockWith(operator, 1, 0);
    }

    function testFuzz_WhenOwnStakeCoversTheAmount(uint256 amount, uint256 minimum) external {
        amount = bound(amount, 1, 600);
        minimum = bound(minimum, 0, amount);
        vm.expectEmit(address(staking));
        emit IStaking.Locked(operator, service, amount);
        lockWith(amount, minimum);
        assertProvision(600, amount, 0, 0);
        assertPool(900, 0, 900, 0);
    }

    function testFuzz_WhenBothCoverTheAmount(uint256 amount, uint256 minimum) external {
        amount = bound(amount, 601, 1500);
        minimum = bound(minimum, 0, 600);
        vm.expectEmit(address(staking));
        emit IStaking.DelegationLocked(operator, service, amount - 600);
        vm.expectEmit(address(staking));
        emit IStaking.Locked(operator, service, 600);
        lockWith(amount, minimum);
        assertProvision(600, 600, 0, 0);
        assertPool(900, amount - 600, 900, 0);
        assertEq(staking.freeDelegation(operator, service), 1500 - amount);
    }
}
