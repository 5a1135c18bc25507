// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PurchaseTerms, SaleTerms, TierTerms} from "../../src/nodes/INodeSale.sol";
import {SaleTest} from "./SaleTest.sol";

/// @notice Gas of each verb as a transaction of its own. A buyer's first purchase, of the last of 53 tiers, in a sale under way.
/// forge-config: default.isolate = true
contract NodeSale_Gas_Test is SaleTest {
    string private constant GROUP = "NodeSale";
    uint8 private constant LAST = 52;

    function setUp() public override {
        super.setUp();
        SaleTerms memory terms = defaultTerms();
        terms.sequential = false;
        TierTerms[] memory tiers = new TierTerms[](LAST + 1);
        for (uint256 i; i < tiers.length; ++i) {
            tiers[i] = TierTerms({supply: 1000, cap: 50, prices: defaultTiers()[0].prices});
        }
        sale = deploy(terms, tiers);
        license = sale.license();
        open();
        buy(bob, NATIVE, LAST, 1);
        vm.startPrank(bob);
        dollar.approve(address(sale), type(uint256).max);
        vm.stopPrank();
        buy(bob, DOLLAR, LAST, 1);
        vm.prank(ada);
        dollar.approve(address(sale), type(uint256).max);
    }

    function test_Gas_Buy1() external {
        buyFor(NATIVE, 1);
        vm.snapshotGasLastCall(GROUP, "buy_1");
    }

    function test_Gas_Buy10() external {
        buyFor(NATIVE, 10);
        vm.snapshotGasLastCall(GROUP, "buy_10");
    }

    function test_Gas_Buy1Dollar() external {
        buyFor(DOLLAR, 1);
        vm.snapshotGasLastCall(GROUP, "buy_1 in a token");
    }

    function test_Gas_Buy10Dollar() external {
        buyFor(DOLLAR, 10);
        vm.snapshotGasLastCall(GROUP, "buy_10 in a token");
    }

    function test_Gas_BuyReferred() external {
        PurchaseTerms memory wanted = wish(NATIVE, LAST, 1);
        wanted.referrer = referrer;
        wanted.maxCost = price(LAST, NATIVE) - price(LAST, NATIVE) / 20;
        buy(ada, wanted);
        vm.snapshotGasLastCall(GROUP, "buy_1, referred for the first time");
    }

    function test_Gas_Refund() external {
        vm.warp(ENDS_AT);
        sale.refund(ids(52_001));
        vm.snapshotGasLastCall(GROUP, "refund, the first");
        sale.refund(ids(52_002));
        vm.snapshotGasLastCall(GROUP, "refund");
    }

    /// @dev Exactly what it costs, as a wallet sends it.
    function buyFor(uint8 token, uint16 quantity) private {
        PurchaseTerms memory wanted = wish(token, LAST, quantity);
        wanted.maxCost = quantity * price(LAST, token);
        buy(ada, wanted);
    }
}
