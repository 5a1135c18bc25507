// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {stdError} from "forge-std/StdError.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract Ledger_Pay_Test is LedgerTest {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000);
        // Others' money lies beside the payer's.
        deposit(bob, 500);
    }

    function test_RevertWhen_TheBalanceDoesNotCoverTheSum() external {
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(bob, 1000);
        list[1] = Credit(carol, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, alice, 1000, 1001, id));
        vm.prank(alice);
        ledger.pay(address(token), list);
    }

    function test_RevertWhen_TheSumOverflows() external {
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(bob, type(uint256).max);
        list[1] = Credit(carol, 2);
        vm.expectRevert(stdError.arithmeticError);
        vm.prank(alice);
        ledger.pay(address(token), list);
    }

    function test_RevertWhen_ACreditGoesToTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0)));
        vm.prank(alice);
        ledger.pay(address(token), credits(address(0), 1));
    }

    function test_WhenThereAreNoCredits() external {
        vm.recordLogs();
        vm.prank(alice);
        ledger.pay(address(token), new Credit[](0));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(ledger.balanceOf(alice, id), 1000);
    }

    function test_WhenACreditIsOfZero() external {
        Credit[] memory list = new Credit[](3);
        list[0] = Credit(address(0), 0);
        list[1] = Credit(bob, 0);
        list[2] = Credit(carol, 7);
        vm.recordLogs();
        vm.prank(alice);
        ledger.pay(address(token), list);
        assertEq(vm.getRecordedLogs().length, 1);
        assertEq(ledger.balanceOf(carol, id), 7);
        assertEq(ledger.balanceOf(alice, id), 993);
    }

    function test_WhenThePayerIsAmongThePayees() external {
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(alice, 400);
        list[1] = Credit(bob, 600);
        vm.prank(alice);
        ledger.pay(address(token), list);
        assertEq(ledger.balanceOf(alice, id), 400);
        assertEq(ledger.balanceOf(bob, id), 1100);
    }

    function test_WhenAPayeeOccursTwice() external {
        Credit[] memory list = new Credit[](2);
        list[0] = Credit(carol, 1);
        list[1] = Credit(carol, 2);
        vm.prank(alice);
        ledger.pay(address(token), list);
        assertEq(ledger.balanceOf(carol, id), 3);
        assertEq(ledger.balanceOf(alice, id), 997);
    }

    function test_WhenTheTokenIsTheNativeCurrency() external {
        depositNative(alice, 2 ether);
        expectTransfer(alice, alice, carol, NATIVE, 0.5 ether);
        vm.prank(alice);
        ledger.pay(address(0), credits(carol, 0.5 ether));
        assertEq(ledger.balanceOf(carol, NATIVE), 0.5 ether);
        assertEq(ledger.balanceOf(alice, NATIVE), 1.5 ether);
        assertEq(ledger.balanceOf(alice, id), 1000);
    }

    function test_WhenTheBalanceCoversTheSum() external {
        Credit[] memory list = new Credit[](3);
        list[0] = Credit(bob, 100);
        list[1] = Credit(carol, 200);
        list[2] = Credit(ledger.BURN(), 300);
        expectTransfer(alice, alice, bob, id, 100);
        expectTransfer(alice, alice, carol, id, 200);
        expectTransfer(alice, alice, ledger.BURN(), id, 300);
        vm.recordLogs();
        vm.prank(alice);
        ledger.pay(address(token), list);

        assertEq(vm.getRecordedLogs().length, 3);
        assertEq(ledger.balanceOf(alice, id), 400);
        assertEq(ledger.balanceOf(bob, id), 600);
        assertEq(ledger.balanceOf(carol, id), 200);
        assertEq(ledger.balanceOf(ledger.BURN(), id), 300);
        assertEq(ledger.totalSupply(id), 1500);
    }

    /// @dev Whatever the split: all of it arrives, the payer loses the sum, and nothing is made or lost.
    function testFuzz_PaymentsConserve(uint256[5] memory amounts, uint8[5] memory payees) external {
        deposit(alice, FUNDS - 1000);
        address[4] memory accounts = [alice, bob, carol, ledger.BURN()];
        uint256[4] memory expected;
        for (uint256 i; i < 4; ++i) {
            expected[i] = ledger.balanceOf(accounts[i], id);
        }
        Credit[] memory list = new Credit[](5);
        for (uint256 i; i < 5; ++i) {
            uint256 payee = payees[i] % 4;
            list[i] = Credit(accounts[payee], bound(amounts[i], 0, FUNDS / 5));
            expected[0] -= list[i].amount;
            expected[payee] += list[i].amount;
        }

        vm.prank(alice);
        ledger.pay(address(token), list);

        for (uint256 i; i < 4; ++i) {
            assertEq(ledger.balanceOf(accounts[i], id), expected[i]);
        }
        assertEq(ledger.totalSupply(id), FUNDS + 500);
    }

    /// @dev `Transfer` events alone rebuild the balances, as the indexer does.
    function testFuzz_EventsRebuildTheBalances(uint256[5] memory amounts) external {
        Credit[] memory list = new Credit[](5);
        for (uint256 i; i < 5; ++i) {
            list[i] = Credit([bob, carol, alice][i % 3], bound(amounts[i], 0, 200));
        }
        vm.recordLogs();
        vm.prank(alice);
        ledger.pay(address(token), list);

        Vm.Log[] memory logs = vm.getRecordedLogs();
        int256[3] memory balances = [int256(1000), 500, 0];
        for (uint256 i; i < logs.length; ++i) {
            (, uint256 amount) = abi.decode(logs[i].data, (address, uint256));
            balances[_indexOf(logs[i].topics[1])] -= int256(amount);
            balances[_indexOf(logs[i].topics[2])] += int256(amount);
        }
        for (uint256 i; i < 3; ++i) {
            assertEq(int256(ledger.balanceOf([alice, bob, carol][i], id)), balances[i]);
        }
    }

    function _indexOf(bytes32 topic) private view returns (uint256) {
        address account = address(uint160(uint256(topic)));
        return account == alice ? 0 : account == bob ? 1 : 2;
    }
}
