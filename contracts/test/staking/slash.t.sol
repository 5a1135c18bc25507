// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {stdError} from "forge-std/StdError.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {StakingTest} from "./StakingTest.sol";

contract Staking_Slash_Test is StakingTest {
    function setUp() public override {
        super.setUp();
        stake(1000);
        lock(400);
        thaw(100);
        // Somebody else's stake lies in the same ledger account.
        vm.prank(other);
        staking.stake(other, service, 5000);
    }

    function testFuzz_RevertWhen_TheCreditsDoNotAddUpToTheAmount(uint256 sum) external {
        sum = bound(sum, 0, 5000);
        vm.assume(sum != 400);
        Credit[] memory list = credits(rival, sum);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_CreditsMismatch.selector, 400, sum));
        vm.prank(service);
        staking.slash(operator, 400, list);
    }

    function test_RevertWhen_TheCreditsOverflow() external {
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(rival, type(uint256).max);
        list[1] = Credit(rival, 401);
        vm.expectRevert(stdError.arithmeticError);
        vm.prank(service);
        staking.slash(operator, 400, list);
    }

    function testFuzz_RevertWhen_TheAmountExceedsWhatIsLocked(uint256 amount) external {
        amount = bound(amount, 401, type(uint256).max);
        Credit[] memory list = credits(rival, amount);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 400, amount));
        vm.prank(service);
        staking.slash(operator, amount, list);
    }

    function test_RevertWhen_TheCallerIsAnotherService() external {
        Credit[] memory list = credits(rival, 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.slash(operator, 1, list);
    }

    function test_WhenTheAmountIsZero() external {
        vm.recordLogs();
        vm.prank(service);
        staking.slash(operator, 0, new Credit[](0));
        assertEq(vm.getRecordedLogs().length, 0);
        assertProvision(1000, 400, 100, block.timestamp + THAW);
    }

    function testFuzz_WhenAsMuchIsLocked(uint256 amount, uint256 burned) external {
        amount = bound(amount, 1, 400);
        burned = bound(burned, 0, amount);
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(rival, amount - burned);
        list[1] = Credit(ledger.BURN(), burned);

        vm.expectEmit(address(staking));
        emit IStaking.Slashed(operator, service, amount);
        vm.prank(service);
        staking.slash(operator, amount, list);
        assertProvision(1000 - amount, 400 - amount, 100, block.timestamp + THAW);
        assertEq(ledger.balanceOf(rival, id), amount - burned);
        assertEq(ledger.balanceOf(ledger.BURN(), id), burned);
        assertEq(ledger.balanceOf(address(staking), id), 6000 - amount);
        assertEq(staking.provisionOf(other, service).stake, 5000);
    }
}
