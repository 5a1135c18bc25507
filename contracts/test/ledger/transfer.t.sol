// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC6909, IERC6909TokenSupply} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract Ledger_Transfer_Test is LedgerTest {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000);
        depositNative(alice, 1 ether);
    }

    /* TRANSFER */

    function test_RevertWhen_TheAmountExceedsTheBalance() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, alice, 1000, 1001, id));
        vm.prank(alice);
        ledger.transfer(bob, id, 1001);
    }

    function test_RevertWhen_TheReceiverIsTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0)));
        vm.prank(alice);
        ledger.transfer(address(0), id, 1);
    }

    function test_WhenTheReceiverIsTheSender() external {
        vm.prank(alice);
        ledger.transfer(alice, id, 600);
        assertEq(ledger.balanceOf(alice, id), 1000);
    }

    function test_WhenTheBalanceCoversTheAmount() external {
        expectTransfer(alice, alice, bob, id, 600);
        vm.prank(alice);
        assertTrue(ledger.transfer(bob, id, 600));
        assertEq(ledger.balanceOf(alice, id), 400);
        assertEq(ledger.balanceOf(bob, id), 600);
        assertEq(ledger.totalSupply(id), 1000);
    }

    /* TRANSFER FROM */

    function test_RevertWhen_TheCallerHasNoAllowance() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, bob, 0, 1, id));
        vm.prank(bob);
        ledger.transferFrom(alice, bob, id, 1);
    }

    function test_RevertWhen_TheAllowanceIsForAnotherToken() external {
        vm.prank(alice);
        ledger.approve(bob, id, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, bob, 0, 1, NATIVE));
        vm.prank(bob);
        ledger.transferFrom(alice, bob, NATIVE, 1);
    }

    function test_WhenTheAllowanceCoversTheAmount() external {
        vm.prank(alice);
        ledger.approve(bob, id, 700);
        expectTransfer(bob, alice, carol, id, 600);
        vm.startPrank(bob);
        ledger.transferFrom(alice, carol, id, 600);
        assertEq(ledger.balanceOf(carol, id), 600);
        assertEq(ledger.allowance(alice, bob, id), 100);

        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, bob, 100, 101, id));
        ledger.transferFrom(alice, carol, id, 101);
    }

    function test_WhenTheAllowanceIsUnlimited() external {
        vm.prank(alice);
        ledger.approve(bob, id, type(uint256).max);
        vm.prank(bob);
        ledger.transferFrom(alice, bob, id, 1000);
        assertEq(ledger.allowance(alice, bob, id), type(uint256).max);
        assertEq(ledger.balanceOf(bob, id), 1000);
    }

    function test_WhenTheCallerIsAnOperator() external {
        vm.prank(alice);
        ledger.setOperator(bob, true);
        vm.startPrank(bob);
        ledger.transferFrom(alice, bob, id, 1000);
        ledger.transferFrom(alice, bob, NATIVE, 1 ether);
        assertEq(ledger.balanceOf(bob, id), 1000);
        assertEq(ledger.balanceOf(bob, NATIVE), 1 ether);
    }

    /* INTERFACES */

    function test_SupportsInterface() external view {
        assertTrue(ledger.supportsInterface(type(IERC165).interfaceId));
        assertTrue(ledger.supportsInterface(type(IERC6909).interfaceId));
        assertTrue(ledger.supportsInterface(type(IERC6909TokenSupply).interfaceId));
        assertFalse(ledger.supportsInterface(0xffffffff));
    }
}
