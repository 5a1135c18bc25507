// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {INodeLicense} from "../../src/nodes/INodeLicense.sol";
import {Outcome, Tier} from "../../src/nodes/INodeSale.sol";
import {NodeSale} from "../../src/nodes/NodeSale.sol";
import {NodeSaleHandler} from "./handlers/NodeSaleHandler.sol";

/// @notice The sale's invariants; README.md states each in prose.
contract NodeSale_Invariants_Test is Test {
    NodeSaleHandler private handler;
    NodeSale private sale;
    INodeLicense private license;

    function setUp() external {
        handler = new NodeSaleHandler();
        vm.warp(handler.theSale().terms().publicAt);
        sale = handler.theSale();
        license = sale.license();
        bytes4[] memory acts = new bytes4[](7);
        (acts[0], acts[1], acts[2]) = (handler.buy.selector, handler.giveBack.selector, handler.refund.selector);
        (acts[3], acts[4], acts[5]) = (handler.transfer.selector, handler.release.selector, handler.claim.selector);
        acts[6] = handler.pass.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), acts));
    }

    /// @dev N1 and N2.
    function invariant_MoneyInIsMoneyOut() external view {
        for (uint8 token; token < 2; ++token) {
            uint256 out =
                handler.refunded(token) + handler.boughtBack(token) + handler.released(token) + handler.claimed(token);
            assertEq(handler.balance(address(sale), token), handler.paid(token) - out, "N1");
            if (sale.outcome() == Outcome.Succeeded) {
                uint256 owed = handler.earned(token) - handler.claimed(token);
                if (block.timestamp <= sale.terms().buybackUntil) owed += returnable(token);
                assertGe(handler.balance(address(sale), token), owed, "N2");
            }
        }
    }

    /// @dev N3: while the sale is open or has failed, nothing but refunds has left.
    function invariant_EveryRefundIsCovered() external view {
        if (sale.outcome() == Outcome.Succeeded) return;
        uint256[2] memory due;
        for (uint256 id = 1; id <= 36; ++id) {
            if (handler.ownerOf(id) != address(0)) due[handler.tokenOf(id)] += handler.paidFor(id);
        }
        assertEq(handler.balance(address(sale), 0), due[0], "N3");
        assertEq(handler.balance(address(sale), 1), due[1], "N3");
    }

    /// @dev N4, N5 and N6.
    function invariant_LicencesAreSoldOnce() external view {
        uint256 sold;
        Tier[] memory tiers = sale.tiers();
        for (uint256 i; i < tiers.length; ++i) {
            assertLe(tiers[i].sold, tiers[i].supply, "N4: supply");
            sold += tiers[i].sold;
            if (i != 0 && tiers[i].sold != 0) assertEq(tiers[i - 1].sold, tiers[i - 1].supply, "N4: order");
        }
        assertEq(sold, handler.sold(), "N4");
        uint256[4] memory owned;
        for (uint256 id = 1; id <= 36; ++id) {
            address owner = handler.ownerOf(id);
            try license.ownerOf(id) returns (address actual) {
                assertEq(actual, owner, "N5");
            } catch {
                assertEq(owner, address(0), "N5");
            }
            for (uint256 i; i < 4; ++i) {
                if (owner == handler.buyers(i)) ++owned[i];
            }
        }
        for (uint256 i; i < 4; ++i) {
            address buyer = handler.buyers(i);
            assertEq(license.balanceOf(buyer), owned[i], "N5: balance");
            for (uint8 tier; tier < 3; ++tier) {
                assertEq(license.boughtIn(buyer, tier), handler.boughtIn(buyer, tier), "N6");
                if (tier < 2) assertLe(handler.boughtIn(buyer, tier), 6, "N6: cap");
            }
        }
    }

    function returnable(uint8 token) private view returns (uint256 sum) {
        for (uint256 id = 1; id <= 36; ++id) {
            if (handler.ownerOf(id) == address(0) || !handler.returnable(id) || handler.tokenOf(id) != token) continue;
            sum += handler.paidFor(id) - (handler.paidFor(id) + 9) / 10;
        }
    }
}
