// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../../src/ledger/ILedger.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_SlashWith_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        stake(700);
        delegate(alice, 600);
        delegate(bob, 300);
        vm.prank(operator);
        staking.thaw(service, 100);
        lockWith(1000, 500);
        // Somebody else's stakes lie in the same ledger account.
        vm.prank(other);
        staking.stake(other, service, 5000);
        vm.prank(other);
        staking.delegate(other, service, 5000);
    }

    function testFuzz_RevertWhen_TheCreditsDoNotAddUpToTheAmount(uint256 sum) external {
        sum = bound(sum, 0, 5000);
        vm.assume(sum != 800);
        Credit[] memory list = credits(rival, sum);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_CreditsMismatch.selector, 800, sum));
        vm.prank(service);
        staking.slashWith(operator, 800, list);
    }

    function testFuzz_RevertWhen_TheAmountExceedsWhatIsLocked(uint256 amount) external {
        amount = bound(amount, 1001, type(uint256).max);
        Credit[] memory list = credits(rival, amount);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 1000, amount));
        vm.prank(service);
        staking.slashWith(operator, amount, list);
    }

    function test_RevertWhen_TheCallerIsAnotherService() external {
        Credit[] memory list = credits(rival, 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.slashWith(operator, 1, list);
    }

    function test_WhenTheAmountIsZero() external {
        vm.recordLogs();
        vm.prank(service);
        staking.slashWith(operator, 0, new Credit[](0));
        assertEq(vm.getRecordedLogs().length, 0);
        assertProvision(700, 600, 100, block.timestamp + THAW);
        assertPool(900, 400, 900, 0);
    }

    function testFuzz_WhenOwnLockedStakeCoversTheAmount(uint256 amount) external {
        amount = bound(amount, 1, 600);
        vm.expectEmit(address(staking));
        emit IStaking.Slashed(operator, service, amount);
        slashWith(amount);
        assertProvision(700 - amount, 600 - amount, 100, block.timestamp + THAW);
        assertPool(900, 400, 900, 0);
    }

    function testFuzz_WhenBothCoverTheAmount(uint256 amount, uint256 burned) external {
        amount = bound(amount, 601, 1000);
        burned = bound(burned, 0, amount);
        undelegate(bob, 300);
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(rival, amount - burned);
        list[1] = Credit(ledger.BURN(), burned);

        vm.expectEmit(address(staking));
        emit IStaking.Slashed(operator, service, 600);
        vm.expectEmit(address(staking));
        emit IStaking.DelegationSlashed(operator, service, amount - 600);
        vm.prank(service);
        staking.slashWith(operator, amount, list);

        uint256 left = 900 - (amount - 600);
        assertProvision(100, 0, 100, block.timestamp + THAW);
        assertPool(left, 1000 - amount, 900, 300);
        assertEq(ledger.balanceOf(rival, id), amount - burned);
        assertEq(ledger.balanceOf(ledger.BURN(), id), burned);
        assertEq(ledger.balanceOf(address(staking), id), 11_600 - amount);
        assertEq(staking.poolOf(other, service).stake, 5000);
        assertEq(staking.provisionOf(other, service).stake, 5000);

        unlockWith(1000 - amount);
        undelegate(alice, 600);
        skip(THAW);
        assertEq(withdrawDelegated(bob), left / 3, "thawing shares lose alike");
        assertEq(withdrawDelegated(alice), left - left / 3, "and nothing is left behind");
    }
}
