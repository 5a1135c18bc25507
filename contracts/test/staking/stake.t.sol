// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {StakingTest} from "./StakingTest.sol";

contract Staking_Stake_Test is StakingTest {
    function test_Constructor() external {
        Staking native = new Staking(Ledger(address(1)), address(0), 3);
        assertEq(address(native.ledger()), address(1));
        assertEq(native.token(), address(0));
        assertEq(native.thawPeriod(), 3);
    }

    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 0));
        stake(0);
    }

    function test_RevertWhen_TheProvisionWouldExceed128Bits() external {
        uint256 most = type(uint128).max;
        token.mint(other, most);
        vm.startPrank(other);
        token.approve(address(ledger), most);
        ledger.deposit(address(token), operator, most);
        vm.stopPrank();

        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, most + 1));
        stake(most + 1);

        // Parts that left the free stake still count.
        stake(most - 2);
        lock(10);
        thaw(20);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadAmount.selector, 3));
        stake(3);
        stake(2);
        assertProvision(most, 10, 20, block.timestamp + THAW);
    }

    function test_RevertWhen_TheCallersAllowanceIsShort() external {
        vm.startPrank(operator);
        ledger.approve(address(staking), id, 99);
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, address(staking), 99, 100, id)
        );
        staking.stake(operator, service, 100);
    }

    function test_RevertWhen_TheCallersBalanceIsShort() external {
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, operator, FUNDS, FUNDS + 1, id)
        );
        stake(FUNDS + 1);
    }

    function test_WhenSomebodyElseStakesForTheOperator() external {
        stake(100);
        thaw(40);
        uint256 thawedAt = block.timestamp + THAW;
        skip(1 days);

        vm.expectEmit(address(staking));
        emit IStaking.Staked(operator, service, other, 500);
        vm.prank(other);
        staking.stake(operator, service, 500);
        assertProvision(600, 0, 40, thawedAt);
        assertEq(ledger.balanceOf(other, id), FUNDS - 500);
        assertEq(ledger.balanceOf(operator, id), FUNDS - 100);
        assertEq(staking.provisionOf(other, service).stake, 0);
    }

    function testFuzz_WhenTheOperatorStakes(uint256 first, uint256 second) external {
        first = bound(first, 1, FUNDS - 1);
        second = bound(second, 1, FUNDS - first);
        vm.expectEmit(address(staking));
        emit IStaking.Staked(operator, service, operator, first);
        stake(first);
        stake(second);
        assertProvision(first + second, 0, 0, 0);
        assertEq(ledger.balanceOf(operator, id), FUNDS - first - second);
        assertEq(ledger.balanceOf(address(staking), id), first + second);
        assertEq(staking.freeStake(operator, rival), 0, "for one service only");
    }
}
