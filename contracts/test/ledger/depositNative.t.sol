// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ILedger} from "../../src/ledger/ILedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract Ledger_DepositNative_Test is LedgerTest {
    function test_RevertWhen_NoValueIsSent() external {
        vm.expectRevert(ILedger.Ledger_ZeroAmount.selector);
        vm.prank(alice);
        ledger.depositNative(alice);
    }

    function test_RevertWhen_TheReceiverIsTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0)));
        vm.prank(alice);
        ledger.depositNative{value: 1}(address(0));
    }

    function test_RevertWhen_ValueIsSentWithoutACall() external {
        vm.prank(alice);
        (bool sent,) = address(ledger).call{value: 1 ether}("");
        assertFalse(sent, "a plain transfer must not be swallowed");
        assertEq(address(ledger).balance, 0);
    }

    function test_GivenThatValueWasForcedIn() external {
        vm.deal(address(ledger), 5 ether);
        depositNative(alice, 1 ether);
        assertEq(ledger.balanceOf(alice, NATIVE), 1 ether);
        assertEq(ledger.totalSupply(NATIVE), 1 ether);
    }

    function test_WhenValueIsSent() external {
        expectTransfer(alice, address(0), bob, NATIVE, 1 ether);
        vm.prank(alice);
        ledger.depositNative{value: 1 ether}(bob);

        assertEq(ledger.balanceOf(bob, NATIVE), 1 ether);
        assertEq(ledger.balanceOf(alice, NATIVE), 0);
        assertEq(ledger.totalSupply(NATIVE), 1 ether);
        assertEq(address(ledger).balance, 1 ether);
    }
}
