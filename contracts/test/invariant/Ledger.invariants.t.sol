// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {LedgerHandler} from "./handlers/LedgerHandler.sol";
import {LedgerStore} from "./stores/LedgerStore.sol";

/// @notice The ledger's invariants; README.md states each in prose.
contract Ledger_Invariants_Test is Test {
    Ledger private ledger;
    LedgerStore private store;
    LedgerHandler private handler;

    function setUp() external {
        ledger = new Ledger();
        store = new LedgerStore();
        handler = new LedgerHandler(ledger, store);
        targetContract(address(handler));
    }

    /// @dev L1, L2 and L3.
    function invariant_EveryTokenIsHeld() external view {
        for (uint256 t; t < 4; ++t) {
            address token = handler.tokens(t);
            uint256 id = uint256(uint160(token));
            uint256 sum;
            for (uint256 a; a < 6; ++a) {
                sum += ledger.balanceOf(handler.accounts(a), id);
            }
            assertEq(sum, ledger.totalSupply(id), "L1: balances add up to the supply");
            assertLe(ledger.totalSupply(id), handler.heldOf(token), "L2: the supply is held");
            assertEq(
                ledger.totalSupply(id) + store.donated(id), handler.heldOf(token), "L3: all but donations is credited"
            );
        }
    }

    /// @dev L4 and L5.
    function invariant_NobodyIsMovedWithoutItsAct() external view {
        for (uint256 t; t < 4; ++t) {
            uint256 id = uint256(uint160(handler.tokens(t)));
            for (uint256 a; a < 6; ++a) {
                address owner = handler.accounts(a);
                assertEq(ledger.balanceOf(owner, id), store.balanceOf(owner, id), "L4: balance");
                for (uint256 s; s < 6; ++s) {
                    address spender = handler.accounts(s);
                    assertEq(ledger.allowance(owner, spender, id), store.allowance(owner, spender, id), "L5: allowance");
                }
            }
        }
    }

    /// @dev L6.
    function invariant_CheatingTokensAreNotCredited() external view {
        assertEq(ledger.totalSupply(uint256(uint160(address(handler.feeToken())))), 0, "L6: fee");
        assertEq(ledger.totalSupply(uint256(uint160(address(handler.falseToken())))), 0, "L6: false");
    }

    /// @dev L7: at the end of each run everybody leaves with everything.
    function afterInvariant() external {
        for (uint256 t; t < 4; ++t) {
            address token = handler.tokens(t);
            uint256 id = uint256(uint160(token));
            for (uint256 a; a < 5; ++a) {
                address account = handler.accounts(a);
                uint256 balance = ledger.balanceOf(account, id);
                if (balance == 0) continue;
                vm.prank(account);
                ledger.withdraw(token, account, balance);
            }
            assertEq(ledger.totalSupply(id), ledger.balanceOf(ledger.BURN(), id), "L7: only burned funds stay");
            assertEq(handler.heldOf(token), ledger.totalSupply(id) + store.donated(id), "L7: and donations");
        }
    }
}
