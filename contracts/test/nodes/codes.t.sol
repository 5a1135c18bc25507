// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeSale, Outcome, PurchaseTerms} from "../../src/nodes/INodeSale.sol";
import {SaleTest} from "./SaleTest.sol";

/// @notice Promo codes and referrers.
contract NodeSale_Codes_Test is SaleTest {
    function setUp() public override {
        super.setUp();
        open();
    }

    /* PROMO CODES */

    function test_Promo() external {
        uint256 paid = price(0, NATIVE) - price(0, NATIVE) / 10;
        vm.expectEmit(address(sale));
        emit INodeSale.Bought(ada, 0, 1, 3, address(0), paid, CODE, false);
        buy(ada, promoted(wish(NATIVE, 0, 3)));
        assertEq(held(address(sale), NATIVE), 3 * paid);
        (, uint256 amount) = sale.paidFor(3);
        assertEq(amount, paid);
        assertEq(sale.promoUsed(CODE), 3);
    }

    function test_Promo_RevertWhen_ItsTotalIsUsedUp() external {
        buy(ada, promoted(wish(NATIVE, 0, 3)));
        PurchaseTerms memory wanted = promoted(wish(NATIVE, 0, 2));
        expect(abi.encodeWithSelector(INodeSale.NodeSale_PromoUsedUp.selector, CODE, 1, 2));
        buy(bob, wanted);
        wanted.quantity = 1;
        buy(bob, wanted);
    }

    function test_Promo_RevertWhen_ItIsNotAsListed() external {
        PurchaseTerms memory wanted = promoted(wish(NATIVE, 0, 1));
        bytes memory reason = abi.encodeWithSelector(INodeSale.NodeSale_BadPromo.selector, CODE);
        wanted.promo.discount = 10_000;
        expect(reason);
        buy(ada, wanted);
        wanted = promoted(wish(NATIVE, 0, 1));
        wanted.promo.total = 5;
        expect(reason);
        buy(ada, wanted);
        wanted = promoted(wish(NATIVE, 0, 1));
        wanted.referrer = referrer;
        expect(reason);
        buy(ada, wanted);
    }

    /// @dev A licence for nothing: nothing is moved, nothing comes back, and it counts as any other.
    function test_Promo_OfEverything() external {
        PurchaseTerms memory wanted = wish(NATIVE, 0, 1);
        bytes32 free = keccak256("FREE");
        wanted.promo.code = free;
        (wanted.promo.discount, wanted.promo.total) = (10_000, 1);
        wanted.promo.proof = single(promoLeaf(CODE, 1000, 4));
        buy(ada, wanted);
        assertEq(ada.balance, 1000 ether);
        wanted.token = DOLLAR;
        expect(abi.encodeWithSelector(INodeSale.NodeSale_PromoUsedUp.selector, free, 0, 1));
        buy(ada, wanted);
        vm.warp(ENDS_AT);
        sale.refund(ids(1));
        assertEq(held(ada, NATIVE), 0);
        assertEq(license.balanceOf(ada), 0);
    }

    /* REFERRERS */

    function test_Referral() external {
        uint256 paid = price(0, NATIVE) - price(0, NATIVE) / 20;
        uint256 commission = 5 * paid / 10;
        vm.expectEmit(address(sale));
        emit INodeSale.CommissionEarned(referrer, address(0), commission);
        buy(ada, referred(5));
        assertEq(held(address(sale), NATIVE), 5 * paid);
        assertEq(sale.commissionOf(referrer, address(0)), commission);

        expectOutcome(Outcome.Open, Outcome.Succeeded);
        sale.claimCommission(referrer, address(0));
        buy(bob, NATIVE, 0, 5);
        vm.warp(ENDS_AT);
        vm.expectEmit(address(sale));
        emit INodeSale.CommissionClaimed(referrer, address(0), commission);
        sale.claimCommission(referrer, address(0));
        assertEq(held(referrer, NATIVE), commission);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NothingDue.selector));
        sale.claimCommission(referrer, address(0));
    }

    /// @dev Whatever was released before, the commission is there.
    function test_Referral_GivenTheSellerTookAll() external {
        buy(ada, referred(5));
        buy(bob, NATIVE, 0, 5);
        vm.warp(ENDS_AT + 100 days);
        uint256 commission = sale.commissionOf(referrer, address(0));
        uint256 all = held(address(sale), NATIVE);
        assertEq(sale.release(address(0)), all - commission);
        assertEq(sale.claimCommission(referrer, address(0)), commission);
        assertEq(held(address(sale), NATIVE), 0);
    }

    function test_Referral_IsVoidWhenTheSaleFails() external {
        buy(ada, referred(5));
        vm.warp(ENDS_AT);
        expectOutcome(Outcome.Failed, Outcome.Succeeded);
        sale.claimCommission(referrer, address(0));
        for (uint256 id = 1; id <= 5; ++id) {
            sale.refund(ids(id));
        }
        assertEq(held(address(sale), NATIVE), 0, "all of it went back");
    }

    function test_Referral_RevertWhen_ItIsNobodyElse() external {
        address[3] memory none = [ada, seller, address(sale)];
        for (uint256 i; i < none.length; ++i) {
            PurchaseTerms memory wanted = referred(1);
            wanted.referrer = none[i];
            expect(abi.encodeWithSelector(INodeSale.NodeSale_BadReferrer.selector, none[i]));
            buy(ada, wanted);
        }
    }

    function referred(uint16 quantity) private view returns (PurchaseTerms memory wanted) {
        wanted = wish(NATIVE, 0, quantity);
        wanted.referrer = referrer;
    }
}
