// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_Reward_Test is DelegationTest {
    function setUp() public override {
        super.setUp();
        stake(600);
        delegate(alice, 600);
        delegate(bob, 300);
    }

    function test_WhenTheAmountIsZero() external {
        lockWith(1000, 0);
        vm.recordLogs();
        reward(0);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_RevertWhen_TheAmountExceeds128Bits() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 2 ** 128));
        reward(2 ** 128);
    }

    function test_RevertWhen_TheServicesAllowanceIsShort() external {
        vm.startPrank(service);
        ledger.approve(address(staking), id, 99);
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, address(staking), 99, 100, id)
        );
        staking.reward(operator, 100);
    }

    function testFuzz_GivenThatNothingDelegatedIsLocked(uint256 amount) external {
        amount = bound(amount, 1, FUNDS);
        lockWith(600, 0);
        reward(amount);
        assertPaid(amount, 0);
    }

    function test_GivenThatAllDelegatedSharesThaw() external {
        lockWith(1000, 0);
        undelegate(alice, 600);
        undelegate(bob, 300);
        reward(1000);
        assertPaid(1000, 0);
    }

    function testFuzz_GivenLockedStakeOwnAndDelegated(uint256 amount, uint16 rate, uint256 locked, uint256 thawing)
        external
    {
        amount = bound(amount, 1, FUNDS);
        rate = uint16(bound(rate, 0, 10_000));
        locked = bound(locked, 601, 1500);
        thawing = bound(thawing, 0, 599);
        setCommission(rate);
        skip(THAW);
        lockWith(locked, 0);
        if (thawing != 0) undelegate(alice, thawing);

        uint256 pooled = amount * (locked - 600) * (10_000 - rate) / (locked * 10_000);
        vm.expectEmit(address(staking));
        emit IStaking.Rewarded(operator, service, amount - pooled, pooled);
        reward(amount);

        assertPaid(amount - pooled, pooled);
        assertPool(900, locked - 600, 900, thawing);
        uint256 earning = 900 - thawing;
        uint256 toAlice = staking.rewardsOf(operator, service, alice);
        uint256 toBob = staking.rewardsOf(operator, service, bob);
        assertLe(toAlice, pooled * (600 - thawing) / earning);
        assertLe(toBob, pooled * 300 / earning);
        assertGe(toAlice + toBob + 2, pooled, "less than a unit is lost for each of them");
    }

    function assertPaid(uint256 kept, uint256 pooled) private view {
        assertEq(ledger.balanceOf(operator, id), FUNDS - 600 + kept, "kept");
        assertEq(ledger.balanceOf(address(staking), id), 1500 + pooled, "pooled");
        assertEq(ledger.balanceOf(service, id), FUNDS - kept - pooled, "paid");
    }
}
