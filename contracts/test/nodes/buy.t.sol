// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Purchase} from "../../src/nodes/INodeLicense.sol";
import {INodeSale, PurchaseTerms, SaleTerms, TierTerms} from "../../src/nodes/INodeSale.sol";
import {SaleTest} from "./SaleTest.sol";

contract NodeSale_Buy_Test is SaleTest {
    function test_RevertWhen_TheSaleHasNotBegun() external {
        vm.warp(ALLOWLIST_AT - 1);
        PurchaseTerms memory wanted = allowed(wish(NATIVE, 0, 1), ada);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_Closed.selector, ALLOWLIST_AT - 1));
        buy(ada, wanted);
        vm.warp(ALLOWLIST_AT);
        buy(ada, wanted);
    }

    function test_RevertWhen_TheSaleIsOver() external {
        vm.warp(ENDS_AT);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_Closed.selector, ENDS_AT));
        buy(ada, NATIVE, 0, 1);
        vm.warp(ENDS_AT - 1);
        buy(ada, NATIVE, 0, 1);
    }

    function test_RevertWhen_NothingIsWanted() external {
        open();
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NoQuantity.selector));
        buy(ada, NATIVE, 0, 0);
    }

    function test_RevertWhen_ThereIsNoSuchTier() external {
        open();
        expect(abi.encodeWithSelector(INodeSale.NodeSale_TierNotOnSale.selector, 3));
        buy(ada, NATIVE, 3, 1);
    }

    function test_RevertWhen_ThereIsNoSuchToken() external {
        open();
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotForToken.selector, 0, 2));
        buy(ada, 2, 0, 1);
    }

    function test_RevertGiven_TheTierBeforeIsNotSoldOut() external {
        open();
        buy(ada, NATIVE, 0, 6);
        buy(bob, NATIVE, 0, 1);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_TierNotOnSale.selector, 1));
        buy(bob, NATIVE, 1, 1);
        buy(bob, NATIVE, 0, 1);
        buy(bob, NATIVE, 1, 1);
        assertEq(soldOf(1), 1);
    }

    function test_WhenTiersAreSoldInParallel() external {
        SaleTerms memory terms = defaultTerms();
        terms.sequential = false;
        sale = deploy(terms, defaultTiers());
        license = sale.license();
        open();
        buy(ada, NATIVE, 2, 16);
        assertEq(license.ownerOf(21), ada, "ids follow the tiers");
        assertEq(license.ownerOf(36), ada);
        // A purchase stays in its tier.
        buy(ada, NATIVE, 0, 6);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_SoldOut.selector, 2, 3));
        buy(bob, NATIVE, 0, 3);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_SoldOut.selector, 0, 1));
        buy(bob, NATIVE, 2, 1);
    }

    function test_RevertWhen_MoreIsWantedThanTheTierGivesOne() external {
        open();
        buy(ada, NATIVE, 0, 4);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_OverCap.selector, 0, 6, 7));
        buy(ada, NATIVE, 0, 3);
        buy(ada, NATIVE, 0, 2);
        assertEq(license.boughtIn(ada, 0), 6);
    }

    /// @dev Each tier counts for itself, and the last has no cap.
    function test_WhenOneTransactionCrossesTiers() external {
        open();
        buy(bob, NATIVE, 0, 6);
        vm.expectEmit(address(sale));
        emit INodeSale.Bought(ada, 0, 7, 2, address(0), price(0, NATIVE), 0, false);
        vm.expectEmit(address(sale));
        emit INodeSale.Bought(ada, 1, 9, 4, address(0), price(1, NATIVE), 0, false);
        buy(ada, NATIVE, 0, 6);
        uint256 cost = 2 * price(0, NATIVE) + 4 * price(1, NATIVE);
        assertEq(ada.balance, 1000 ether - cost, "the surplus came back");
        assertEq(held(address(sale), NATIVE), 6 * price(0, NATIVE) + cost);
        for (uint256 id = 7; id <= 12; ++id) {
            assertEq(license.ownerOf(id), ada);
            assertEq(license.purchaseOf(id).tier, id < 9 ? 0 : 1);
        }
        assertEq(license.balanceOf(ada), 6);
        assertEq(license.balanceOf(bob), 6);
    }

    /// @dev Somebody who starts at a tier that has sold out meanwhile goes on with the next.
    function test_WhenTheTierSellsOutMeanwhile() external {
        open();
        buy(ada, NATIVE, 0, 6);
        buy(bob, NATIVE, 0, 2);
        buy(bob, NATIVE, 0, 1);
        assertEq(license.purchaseOf(9).buyer, bob);
        assertEq(license.purchaseOf(9).tier, 1);
    }

    function test_RevertWhen_AllTiersTogetherHaveFewer() external {
        open();
        buy(ada, NATIVE, 0, 6);
        buy(bob, NATIVE, 0, 2);
        buy(ada, NATIVE, 1, 6);
        buy(bob, NATIVE, 1, 6);
        // 16 are left of 36.
        expect(abi.encodeWithSelector(INodeSale.NodeSale_SoldOut.selector, 16, 17));
        buy(bob, NATIVE, 2, 17);
        buy(bob, NATIVE, 2, 16);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_SoldOut.selector, 0, 1));
        buy(bob, NATIVE, 2, 1);
    }

    function test_RevertWhen_ItCostsMoreThanTheBuyerPays() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 2);
        wanted.maxCost = 2 * price(0, NATIVE) - 1;
        expect(abi.encodeWithSelector(INodeSale.NodeSale_TooDear.selector, wanted.maxCost + 1, wanted.maxCost));
        buy(ada, wanted);
        wanted.maxCost += 1;
        buy(ada, wanted);
        assertEq(ada.balance, 1000 ether - 2 * price(0, NATIVE));
    }

    function test_RevertWhen_TheValueIsNotWhatWasOffered() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 1);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_WrongValue.selector, 99 ether, 100 ether));
        vm.prank(ada);
        sale.buy{value: 99 ether}(wanted);
        wanted.token = DOLLAR;
        expect(abi.encodeWithSelector(INodeSale.NodeSale_WrongValue.selector, 1, 0));
        vm.prank(ada);
        sale.buy{value: 1}(wanted);
    }

    function test_RevertWhen_TheTierIsNotSoldForTheToken() external {
        TierTerms[] memory tiers = defaultTiers();
        tiers[0].prices[DOLLAR] = 0;
        sale = deploy(defaultTerms(), tiers);
        open();
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotForToken.selector, 0, DOLLAR));
        buy(ada, DOLLAR, 0, 1);
    }

    function test_WhenItIsPaidInAToken() external {
        open();
        buy(ada, DOLLAR, 0, 3);
        assertEq(held(address(sale), DOLLAR), 3 * price(0, DOLLAR));
        assertEq(dollar.balanceOf(ada), 1e12 - 3 * price(0, DOLLAR));
        assertEq(dollar.balanceOf(address(sale)), 0);
        Purchase memory purchase = license.purchaseOf(2);
        assertEq(purchase.token, DOLLAR);
        (address token, uint256 paid) = sale.paidFor(2);
        assertEq(token, address(dollar));
        assertEq(paid, price(0, DOLLAR));
    }

    /* THE ALLOW-LIST */

    function test_WhenTheBuyerIsListed() external {
        vm.warp(ALLOWLIST_AT);
        buy(ada, allowed(wish(NATIVE, 0, 2), ada));
        PurchaseTerms memory more = allowed(wish(DOLLAR, 0, 2), ada);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_OverAllocation.selector, 3, 4));
        buy(ada, more);
        more.quantity = 1;
        buy(ada, more);
        assertEq(license.balanceOf(ada), 3);
        // The public phase has no allocations.
        open();
        buy(ada, NATIVE, 0, 3);
    }

    function test_RevertWhen_TheBuyerIsNotListed() external {
        vm.warp(PUBLIC_AT - 1);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotAllowed.selector, bob, 0));
        buy(bob, NATIVE, 0, 1);
        // Somebody else's place, or more than the list gives.
        PurchaseTerms memory wanted = allowed(wish(NATIVE, 0, 1), ada);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotAllowed.selector, bob, 3));
        buy(bob, wanted);
        wanted = allowed(wish(NATIVE, 0, 1), bob);
        wanted.allocation = 2;
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotAllowed.selector, bob, 2));
        buy(bob, wanted);
        buy(bob, allowed(wish(NATIVE, 0, 1), bob));
    }

    /* ARITHMETIC */

    /// @dev Whatever is bought in whatever order: ids, owners, balances and money are exact.
    function testFuzz_EveryUnitIsAccountedFor(uint256 seed) external {
        open();
        uint256 paid;
        uint256[2] memory owned;
        for (uint256 i; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            address buyer = seed % 2 == 0 ? ada : bob;
            PurchaseTerms memory wanted = wish(NATIVE, 0, uint16(1 + seed / 2 % 9));
            uint256 before = buyer.balance;
            vm.prank(buyer);
            try sale.buy{value: 100 ether}(wanted) {
                owned[seed % 2] += wanted.quantity;
                paid += before - buyer.balance;
            } catch {}
        }
        assertEq(held(address(sale), NATIVE), paid);
        (uint256 sold, uint256 worth) = (0, 0);
        for (uint8 tier; tier < 3; ++tier) {
            uint256 some = soldOf(tier);
            assertLe(some, sale.tiers()[tier].supply);
            worth += some * price(tier, NATIVE);
            sold += some;
        }
        assertEq(worth, paid);
        assertEq(owned[0] + owned[1], sold);
        assertEq(license.balanceOf(ada), owned[0]);
        assertEq(license.balanceOf(bob), owned[1]);
        uint256[2] memory found;
        for (uint256 id = 1; id <= sold; ++id) {
            ++found[license.ownerOf(id) == ada ? 0 : 1];
        }
        assertEq(found[0], owned[0]);
        vm.expectRevert();
        IERC721(address(license)).ownerOf(sold + 1);
    }
}
