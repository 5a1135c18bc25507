// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ILedger} from "../../src/ledger/ILedger.sol";
import {FalseToken} from "../mocks/FalseToken.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {RebasingToken} from "../mocks/RebasingToken.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract Ledger_Withdraw_Test is LedgerTest {
    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(ILedger.Ledger_ZeroAmount.selector);
        vm.prank(alice);
        ledger.withdraw(address(token), alice, 0);
    }

    function test_RevertWhen_TheReceiverIsTheZeroAddress() external {
        depositNative(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0)));
        vm.prank(alice);
        ledger.withdraw(address(0), address(0), 1);
    }

    function test_RevertWhen_TheAmountExceedsTheBalance() external {
        deposit(alice, 100);
        deposit(bob, 100);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, alice, 100, 101, id));
        vm.prank(alice);
        ledger.withdraw(address(token), alice, 101);
    }

    /* NATIVE CURRENCY */

    function test_RevertWhen_TheReceiverRefusesTheNativeCurrency() external {
        depositNative(alice, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_NativeTransferFailed.selector, address(token), 1 ether));
        vm.prank(alice);
        ledger.withdraw(address(0), address(token), 1 ether);
    }

    function test_RevertWhen_TheReceiverOfTheNativeCurrencyIsTheLedger() external {
        depositNative(alice, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_NativeTransferFailed.selector, address(ledger), 1 ether));
        vm.prank(alice);
        ledger.withdraw(address(0), address(ledger), 1 ether);
    }

    function test_WhenTheReceiverAcceptsTheNativeCurrency() external {
        depositNative(alice, 3 ether);
        expectTransfer(alice, alice, address(0), NATIVE, 2 ether);
        vm.prank(alice);
        ledger.withdraw(address(0), bob, 2 ether);

        assertEq(bob.balance, 102 ether);
        assertEq(ledger.balanceOf(alice, NATIVE), 1 ether);
        assertEq(ledger.totalSupply(NATIVE), 1 ether);
        assertEq(address(ledger).balance, 1 ether);
    }

    /* ERC-20 */

    function test_RevertWhen_TheTokenReturnsFalse() external {
        FalseToken bad = new FalseToken();
        bad.mint(alice, 100);
        vm.startPrank(alice);
        bad.approve(address(ledger), 100);
        ledger.deposit(address(bad), alice, 100);

        bad.setFailing(true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(bad)));
        ledger.withdraw(address(bad), alice, 100);
        assertEq(ledger.balanceOf(alice, idOf(address(bad))), 100, "the balance stays");
    }

    function test_RevertWhen_SomethingElseThanTheAmountLeaves() external {
        RebasingToken bad = new RebasingToken();
        bad.mintShares(alice, 100);
        vm.startPrank(alice);
        bad.approve(address(ledger), 100);
        ledger.deposit(address(bad), alice, 100);

        bad.setRate(1.5e18);
        // 100 are 66 shares; the ledger goes from 150 to 51.
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(bad), 100, 99));
        ledger.withdraw(address(bad), alice, 100);
    }

    function test_RevertWhen_TheReceiverIsTheLedger() external {
        deposit(alice, 100);
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(token), 100, 0));
        vm.prank(alice);
        ledger.withdraw(address(token), address(ledger), 100);
    }

    function test_GivenThatTheTokenHasBegunToChargeReceivers() external {
        HookToken charging = new HookToken();
        charging.mint(alice, 100);
        vm.startPrank(alice);
        charging.approve(address(ledger), 100);
        ledger.deposit(address(charging), alice, 100);

        charging.setFeeRate(1000);
        ledger.withdraw(address(charging), alice, 100);
        assertEq(charging.balanceOf(alice), 90);
        assertEq(ledger.totalSupply(idOf(address(charging))), 0);
    }

    function test_WhenTheTokenReturnsNothing() external {
        NoReturnToken quiet = new NoReturnToken();
        quiet.mint(alice, 100);
        vm.startPrank(alice);
        quiet.approve(address(ledger), 100);
        ledger.deposit(address(quiet), alice, 100);
        ledger.withdraw(address(quiet), bob, 60);
        assertEq(quiet.balanceOf(bob), 60);
        assertEq(ledger.balanceOf(alice, idOf(address(quiet))), 40);
    }

    function test_WhenTheAmountLeaves() external {
        deposit(alice, 100);
        expectTransfer(alice, alice, address(0), id, 60);
        vm.prank(alice);
        ledger.withdraw(address(token), bob, 60);

        assertEq(ledger.balanceOf(alice, id), 40);
        assertEq(ledger.totalSupply(id), 40);
        assertEq(token.balanceOf(bob), FUNDS + 60);
        assertEq(token.balanceOf(address(ledger)), 40);
    }

    function testFuzz_WithdrawalsReturnWhatWasDeposited(uint256 amount, uint256 part, uint256 donation) external {
        amount = bound(amount, 2, FUNDS);
        part = bound(part, 1, amount - 1);
        donation = bound(donation, 0, FUNDS);
        vm.prank(bob);
        token.transfer(address(ledger), donation);
        deposit(alice, amount);

        vm.startPrank(alice);
        ledger.withdraw(address(token), alice, part);
        ledger.withdraw(address(token), alice, amount - part);
        assertEq(token.balanceOf(alice), FUNDS);
        assertEq(ledger.totalSupply(id), 0);
        assertEq(token.balanceOf(address(ledger)), donation, "a donation leaves with nobody");

        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, alice, 0, 1, id));
        ledger.withdraw(address(token), alice, 1);
    }
}
