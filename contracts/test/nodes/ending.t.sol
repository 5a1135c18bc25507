// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {INodeSale, Outcome, PurchaseTerms, SaleTerms} from "../../src/nodes/INodeSale.sol";
import {SaleTest} from "./SaleTest.sol";

/// @notice What becomes of the money.
contract NodeSale_Ending_Test is SaleTest {
    /* HOW IT STANDS */

    function test_Outcome() external {
        assertTrue(sale.outcome() == Outcome.Open);
        open();
        buy(ada, NATIVE, 0, 6);
        buy(bob, NATIVE, 0, 3);
        vm.warp(ENDS_AT - 1);
        assertTrue(sale.outcome() == Outcome.Open);
        uint256 snapshot = vm.snapshotState();
        vm.warp(ENDS_AT);
        assertTrue(sale.outcome() == Outcome.Failed, "9 of 10");
        vm.revertToState(snapshot);
        buy(bob, NATIVE, 1, 1);
        assertTrue(sale.outcome() == Outcome.Open, "10 of 10, and it goes on");
        vm.warp(ENDS_AT);
        assertTrue(sale.outcome() == Outcome.Succeeded);
    }

    function test_Outcome_WhenSoldOut() external {
        sellOut();
        assertTrue(sale.outcome() == Outcome.Succeeded);
        // The part that is free at once is; the rest waits for the end of the term.
        uint256 all = held(address(sale), NATIVE);
        assertEq(sale.release(address(0)), all * 2000 / 10_000);
    }

    /* REFUNDS */

    function test_Refund() external {
        open();
        buy(ada, NATIVE, 0, 2);
        buy(ada, DOLLAR, 0, 1);
        expectOutcome(Outcome.Open, Outcome.Failed);
        sale.refund(ids(1));
        vm.warp(ENDS_AT);
        uint256[] memory all = new uint256[](3);
        (all[0], all[1], all[2]) = (1, 2, 3);
        vm.expectEmit(address(sale));
        emit INodeSale.Refunded(1, ada, address(0), price(0, NATIVE));
        vm.prank(bob);
        sale.refund(all);
        assertEq(held(ada, NATIVE), 2 * price(0, NATIVE));
        assertEq(held(ada, DOLLAR), price(0, DOLLAR));
        assertEq(license.balanceOf(ada), 0);
        assertEq(held(address(sale), NATIVE) + held(address(sale), DOLLAR), 0);
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 2));
        sale.refund(ids(2));
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 4));
        sale.refund(ids(4));
        expectOutcome(Outcome.Failed, Outcome.Succeeded);
        sale.release(address(0));
    }

    function test_Refund_RevertGiven_TheSaleSucceeded() external {
        succeed();
        expectOutcome(Outcome.Succeeded, Outcome.Failed);
        sale.refund(ids(1));
    }

    /// @dev No soft cap: a sale of nothing succeeds.
    function test_WhenThereIsNoSoftCap() external {
        SaleTerms memory terms = defaultTerms();
        terms.softCap = 0;
        sale = deploy(terms, defaultTiers());
        vm.warp(ENDS_AT);
        assertTrue(sale.outcome() == Outcome.Succeeded);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NothingDue.selector));
        sale.release(address(0));
    }

    /* PROCEEDS */

    function test_Release() external {
        succeed();
        uint256 all = held(address(sale), NATIVE);
        uint256 atOnce = all / 5;
        vm.expectEmit(address(sale));
        emit INodeSale.Released(address(0), atOnce);
        assertEq(sale.release(address(0)), atOnce);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NothingDue.selector));
        sale.release(address(0));
        vm.warp(ENDS_AT + 50 days);
        assertEq(sale.release(address(0)), all * 6000 / 10_000 - atOnce);
        vm.warp(ENDS_AT + 100 days);
        sale.release(address(0));
        assertEq(held(seller, NATIVE), all);
        assertEq(held(address(sale), NATIVE), 0);
    }

    /* BUYBACK */

    function test_BuyBack() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 5);
        wanted.buyback = true;
        buy(ada, wanted);
        buy(bob, NATIVE, 0, 5);
        expectOutcome(Outcome.Open, Outcome.Succeeded);
        returned(ada, 1);

        // Even with everything free, what may come back stays.
        vm.warp(BUYBACK_UNTIL);
        uint256 paid = price(0, NATIVE);
        uint256 back = paid - (paid + 9) / 10;
        uint256 all = held(address(sale), NATIVE);
        vm.warp(ENDS_AT + 29 days);
        sale.release(address(0));
        vm.warp(BUYBACK_UNTIL);
        vm.expectEmit(address(sale));
        emit INodeSale.BoughtBack(1, ada, address(0), back);
        returned(ada, 1);
        assertEq(held(ada, NATIVE), back);
        assertEq(license.balanceOf(ada), 4);

        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotTheOwner.selector, 2, bob));
        returned(bob, 2);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NoBuyback.selector));
        returned(bob, 6);
        vm.warp(BUYBACK_UNTIL + 1);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NoBuyback.selector));
        returned(ada, 2);
        vm.warp(ENDS_AT + 100 days);
        sale.release(address(0));
        assertEq(held(seller, NATIVE) + back, all);
    }

    /// @dev The seller's schedule is over before the offer is, everyone was referred, and everyone returns.
    function test_BuyBack_WhenEveryoneReturns() external {
        SaleTerms memory terms = defaultTerms();
        (terms.releasedAtOnce, terms.softCap) = (10_000, 1);
        sale = deploy(terms, defaultTiers());
        license = sale.license();
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 6);
        (wanted.buyback, wanted.referrer) = (true, referrer);
        buy(ada, wanted);
        vm.warp(ENDS_AT);
        uint256 due = sale.commissionOf(referrer, address(0));
        if (sale.releasable(address(0)) != 0) sale.release(address(0));
        for (uint256 id = 1; id <= 6; ++id) {
            returned(ada, id);
        }
        assertEq(sale.claimCommission(referrer, address(0)), due);
    }

    /// @dev Whoever holds the licence holds the offer.
    function test_BuyBack_MovesWithTheLicence() external {
        open();
        PurchaseTerms memory wanted = wish(DOLLAR, 0, 5);
        wanted.buyback = true;
        buy(ada, wanted);
        buy(bob, NATIVE, 0, 5);
        vm.warp(license.transferableAt());
        vm.prank(ada);
        license.transferFrom(ada, bob, 3);
        returned(bob, 3);
        assertGt(held(bob, DOLLAR), 0);
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 3));
        returned(ada, 3);
    }

    function test_BuyBack_RevertGiven_TheSaleOffersNone() external {
        SaleTerms memory terms = defaultTerms();
        terms.buybackUntil = 0;
        sale = deploy(terms, defaultTiers());
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 1);
        wanted.buyback = true;
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NoBuyback.selector));
        buy(ada, wanted);
    }

    function returned(address owner, uint256 id) private {
        vm.prank(owner);
        sale.buyBack(ids(id));
    }

    function sellOut() private {
        open();
        buy(ada, NATIVE, 0, 6);
        buy(bob, NATIVE, 0, 2);
        buy(ada, NATIVE, 1, 6);
        buy(bob, NATIVE, 1, 6);
        buy(bob, NATIVE, 2, 16);
    }
}
