// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../../src/ledger/ILedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

/// @notice Gas of each verb as a transaction of its own (21,000 and calldata included), and the size of the bytecode.
/// forge-config: default.isolate = true
contract Ledger_Gas_Test is LedgerTest {
    string private constant GROUP = "Ledger";

    function test_Gas_Size() external {
        assertLt(address(ledger).code.length, 24_576);
        vm.snapshotValue(GROUP, "bytecode size", address(ledger).code.length);
    }

    function test_Gas_Deposit() external {
        deposit(alice, 1000);
        vm.snapshotGasLastCall(GROUP, "deposit, first of the token");
        deposit(bob, 1000);
        vm.snapshotGasLastCall(GROUP, "deposit, first of the account");
        deposit(bob, 1000);
        vm.snapshotGasLastCall(GROUP, "deposit");
    }

    function test_Gas_DepositNative() external {
        depositNative(alice, 1 ether);
        depositNative(alice, 1 ether);
        vm.snapshotGasLastCall(GROUP, "depositNative");
    }

    function test_Gas_Withdraw() external {
        deposit(alice, 1000);
        vm.prank(alice);
        ledger.withdraw(address(token), alice, 500);
        vm.snapshotGasLastCall(GROUP, "withdraw");
        depositNative(alice, 1 ether);
        vm.prank(alice);
        ledger.withdraw(address(0), alice, 0.5 ether);
        vm.snapshotGasLastCall(GROUP, "withdraw, native");
    }

    function test_Gas_Transfer() external {
        deposit(alice, 1000);
        deposit(bob, 1000);
        vm.startPrank(alice);
        ledger.transfer(bob, id, 1);
        vm.snapshotGasLastCall(GROUP, "transfer");
        ledger.approve(carol, id, 100);
        vm.snapshotGasLastCall(GROUP, "approve");
        vm.startPrank(carol);
        ledger.transferFrom(alice, bob, id, 1);
        vm.snapshotGasLastCall(GROUP, "transferFrom");
    }

    function test_Gas_Pay() external {
        deposit(alice, 1_000_000);
        Credit[] memory list = new Credit[](5);
        for (uint160 i; i < 5; ++i) {
            list[i] = Credit(address(0xaaaa + i), 1000 + i);
        }
        vm.startPrank(alice);
        ledger.pay(address(token), list);
        vm.snapshotGasLastCall(GROUP, "pay, 5 fresh payees");
        ledger.pay(address(token), list);
        vm.snapshotGasLastCall(GROUP, "pay, 5 payees");
        ledger.pay(address(token), credits(list[0].to, 1000));
        vm.snapshotGasLastCall(GROUP, "pay, 1 payee");
    }
}
