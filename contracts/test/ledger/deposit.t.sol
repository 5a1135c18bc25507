// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ILedger} from "../../src/ledger/ILedger.sol";
import {FalseToken} from "../mocks/FalseToken.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {RebasingToken} from "../mocks/RebasingToken.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract Ledger_Deposit_Test is LedgerTest {
    function test_RevertWhen_TheTokenIsTheNativeCurrency() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_NotAToken.selector, address(0)));
        vm.prank(alice);
        ledger.deposit(address(0), alice, 1);
    }

    function test_RevertWhen_TheTokenHasNoCode() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_NotAToken.selector, bob));
        vm.prank(alice);
        ledger.deposit(bob, alice, 1);
    }

    function test_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(ILedger.Ledger_ZeroAmount.selector);
        vm.prank(alice);
        ledger.deposit(address(token), alice, 0);
    }

    function test_RevertWhen_TheReceiverIsTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0)));
        vm.prank(alice);
        ledger.deposit(address(token), address(0), 1);
    }

    function test_RevertWhen_TheCallerApprovedLessThanTheAmount() external {
        vm.startPrank(alice);
        token.approve(address(ledger), 99);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(ledger), 99, 100)
        );
        ledger.deposit(address(token), alice, 100);
    }

    function test_RevertWhen_TheTokenReturnsFalse() external {
        FalseToken bad = new FalseToken();
        bad.mint(alice, 100);
        bad.setFailing(true);
        vm.startPrank(alice);
        bad.approve(address(ledger), 100);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(bad)));
        ledger.deposit(address(bad), alice, 100);
    }

    function test_RevertWhen_TheTokenTakesAFee() external {
        HookToken bad = new HookToken();
        bad.mint(alice, 100);
        bad.setFeeRate(300);
        vm.startPrank(alice);
        bad.approve(address(ledger), 100);
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(bad), 100, 97));
        ledger.deposit(address(bad), alice, 100);
    }

    function test_RevertWhen_TheTokenRoundsTheTransferToShares() external {
        RebasingToken bad = new RebasingToken();
        bad.mintShares(alice, 100);
        bad.setRate(1.5e18);
        vm.startPrank(alice);
        bad.approve(address(ledger), 100);
        // 100 are 66 shares, and those are worth 99.
        vm.expectRevert(abi.encodeWithSelector(ILedger.Ledger_InexactTransfer.selector, address(bad), 100, 99));
        ledger.deposit(address(bad), alice, 100);
    }

    function test_WhenTheTokenReturnsNothing() external {
        NoReturnToken quiet = new NoReturnToken();
        quiet.mint(alice, 100);
        vm.startPrank(alice);
        quiet.approve(address(ledger), 100);
        ledger.deposit(address(quiet), alice, 100);
        assertEq(ledger.balanceOf(alice, idOf(address(quiet))), 100);
        assertEq(quiet.balanceOf(address(ledger)), 100);
    }

    function test_GivenThatTokensWereDonated() external {
        vm.prank(bob);
        token.transfer(address(ledger), 1000);
        deposit(alice, 100);
        assertEq(ledger.balanceOf(alice, id), 100);
        assertEq(ledger.totalSupply(id), 100);
    }

    function test_WhenTheReceiverIsAnotherAccount() external {
        expectTransfer(alice, address(0), bob, id, 100);
        vm.prank(alice);
        ledger.deposit(address(token), bob, 100);

        assertEq(token.balanceOf(alice), FUNDS - 100);
        assertEq(token.balanceOf(address(ledger)), 100);
        assertEq(ledger.balanceOf(alice, id), 0);
        assertEq(ledger.balanceOf(bob, id), 100);
        assertEq(ledger.totalSupply(id), 100);
    }

    function testFuzz_EachDepositAddsExactly(uint256 first, uint256 second, bool toOther) external {
        first = bound(first, 1, FUNDS - 1);
        second = bound(second, 1, FUNDS - first);
        address to = toOther ? bob : alice;
        deposit(alice, first);
        vm.prank(alice);
        ledger.deposit(address(token), to, second);

        assertEq(ledger.balanceOf(alice, id), toOther ? first : first + second);
        assertEq(ledger.balanceOf(bob, id), toOther ? second : 0);
        assertEq(ledger.totalSupply(id), first + second);
        assertEq(token.balanceOf(address(ledger)), first + second);
    }

    function testFuzz_RevertWhen_AnyFeeIsTaken(uint256 amount, uint256 rate) external {
        rate = bound(rate, 1, 10_000);
        // The least amount on which this rate is not rounded away.
        amount = bound(amount, (10_000 + rate - 1) / rate, 1e30);
        HookToken bad = new HookToken();
        bad.mint(alice, amount);
        bad.setFeeRate(rate);
        vm.startPrank(alice);
        bad.approve(address(ledger), amount);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILedger.Ledger_InexactTransfer.selector, address(bad), amount, amount - (amount * rate) / 10_000
            )
        );
        ledger.deposit(address(bad), alice, amount);
    }
}
