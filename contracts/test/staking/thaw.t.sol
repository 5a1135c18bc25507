// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {StakingTest} from "./StakingTest.sol";

contract Staking_Thaw_Test is StakingTest {
    function setUp() public override {
        super.setUp();
        stake(1000);
        lock(300);
    }

    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 0));
        thaw(0);
    }

    function test_RevertWhen_TheAmountExceedsTheFreeStake() external {
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 700, 701)
        );
        thaw(701);
        thaw(500);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 200, 201)
        );
        thaw(201);
    }

    function test_GivenAThawingPart() external {
        thaw(100);
        skip(THAW - 1);
        vm.expectEmit(address(staking));
        emit IStaking.ThawStarted(operator, service, 1, uint40(block.timestamp) + THAW);
        thaw(1);
        assertProvision(1000, 300, 101, block.timestamp + THAW);
    }

    function testFuzz_WhenTheFreeStakeCoversTheAmount(uint256 amount) external {
        amount = bound(amount, 1, 700);
        vm.expectEmit(address(staking));
        emit IStaking.ThawStarted(operator, service, amount, uint40(block.timestamp) + THAW);
        thaw(amount);
        assertProvision(1000, 300, amount, block.timestamp + THAW);
        assertEq(ledger.balanceOf(operator, id), FUNDS - 1000, "nothing leaves yet");
    }
}
