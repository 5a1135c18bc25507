// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_Delegate_Test is DelegationTest {
    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 0));
        delegate(alice, 0);
    }

    function test_RevertWhen_ThePoolWouldExceed128Bits() external {
        delegate(alice, 10);
        uint256 most = uint256(type(uint128).max) - 10;
        token.mint(address(this), most + 1);
        token.approve(address(ledger), most + 1);
        ledger.deposit(address(token), bob, most + 1);

        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, most + 1));
        delegate(bob, most + 1);
        delegate(bob, most);
        assertPool(type(uint128).max, 0, type(uint128).max, 0);
    }

    function test_RevertWhen_TheSharesWouldExceed128Bits() external {
        uint256 much = 2 ** 100;
        token.mint(address(this), much);
        token.approve(address(ledger), much);
        ledger.deposit(address(token), alice, much);
        delegate(alice, much);
        lockWith(much - 1, 0);
        slashWith(much - 1);

        // A share is worth 2^-100: 2^28 units are worth 2^128 shares.
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 2 ** 28));
        this.delegateFromBob(2 ** 28);
        uint256 amount = FUNDS / 2;
        delegate(bob, amount);
        assertPool(amount + 1, 0, (amount + 1) * much, 0);
    }

    function test_RevertWhen_TheCallersAllowanceIsShort() external {
        vm.startPrank(alice);
        ledger.approve(address(staking), id, 99);
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, address(staking), 99, 100, id)
        );
        staking.delegate(operator, service, 100);
    }

    function test_RevertGiven_ThePoolLostEverything() external {
        delegate(alice, 1000);
        lockWith(1000, 0);
        slashWith(1000);
        assertPool(0, 0, 1000, 0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolWiped.selector, operator, service));
        delegate(bob, 1000);

        undelegate(alice, 1000);
        skip(THAW);
        assertEq(withdrawDelegated(alice), 0);
        assertPool(0, 0, 0, 0);
        assertEq(delegate(bob, 700), 700);
        assertPool(700, 0, 700, 0);
    }

    function testFuzz_GivenAnEmptyPool(uint256 amount) external {
        amount = bound(amount, 1, FUNDS);
        stake(500);
        vm.expectEmit(address(staking));
        emit IStaking.Delegated(operator, service, alice, amount, amount);
        assertEq(delegate(alice, amount), amount);

        assertPool(amount, 0, amount, 0);
        assertDelegation(alice, amount, 0, 0);
        assertProvision(500, 0, 0, 0);
        assertEq(staking.freeDelegation(operator, service), amount);
        assertEq(ledger.balanceOf(alice, id), FUNDS - amount);
        assertEq(ledger.balanceOf(address(staking), id), 500 + amount);
    }

    function testFuzz_GivenAPoolThatWasSlashed(uint256 first, uint256 loss, uint256 amount) external {
        first = bound(first, 2, FUNDS);
        loss = bound(loss, 1, first - 1);
        amount = bound(amount, 1, FUNDS);
        delegate(alice, first);
        lockWith(loss, 0);
        slashWith(loss);

        uint256 left = first - loss;
        uint256 shares = delegate(bob, amount);
        assertGe(shares, amount, "a share is worth at most a unit");
        assertLe(shares * left, amount * first, "rounded down");
        assertGt((shares + 1) * left, amount * first, "by less than a share");

        uint256 worthOfAlice = first * (left + amount) / (first + shares);
        assertGe(worthOfAlice, left, "nobody dilutes");
    }

    function test_GivenAThawingPartOfTheCaller() external {
        delegate(alice, 1000);
        undelegate(alice, 400);
        uint256 thawedAt = block.timestamp + THAW;
        skip(THAW - 1);
        delegate(alice, 50);
        assertDelegation(alice, 650, 400, thawedAt);
        skip(1);
        assertEq(withdrawDelegated(alice), 400);
    }

    function test_GivenRewardsOfTheCaller() external {
        delegate(alice, 1024);
        lockWith(1024, 0);
        reward(300);
        vm.expectEmit(address(staking));
        emit IStaking.RewardsClaimed(operator, service, alice, 300);
        delegate(alice, 1000);
        assertEq(ledger.balanceOf(alice, id), FUNDS - 2024 + 300);
        assertEq(staking.rewardsOf(operator, service, alice), 0);
    }

    /// @dev A call of its own, so that a revert can be expected of it.
    function delegateFromBob(uint256 amount) external {
        delegate(bob, amount);
    }
}
