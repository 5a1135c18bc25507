// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {INodeSale, Outcome, Promo, PurchaseTerms, SaleTerms, Signed} from "../../src/nodes/INodeSale.sol";
import {NodeSale} from "../../src/nodes/NodeSale.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {PhantomPermitToken} from "../mocks/PhantomPermitToken.sol";
import {Reenterer} from "../mocks/Reenterer.sol";
import {SaleTest} from "./SaleTest.sol";

/// @notice Each test plays an attack. Its comment says what the attacker wants.
contract NodeSale_Attacks_Test is SaleTest {
    Reenterer private mallory;

    function setUp() public override {
        super.setUp();
        mallory = new Reenterer();
        vm.deal(address(mallory), 1000 ether);
    }

    /* RE-ENTRANCY */

    /// @dev More than the cap, or licences for the surplus of others, from within the surplus's return.
    function test_Attack_TheSurplusCallsBack() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 6);
        mallory.arm(address(sale), 100 ether, abi.encodeCall(INodeSale.buy, (wanted)));
        mallory.execute(address(sale), 100 ether, abi.encodeCall(INodeSale.buy, (wanted)));
        assertEq(mallory.attempts(), 1);
        lockedOut();
        assertEq(license.balanceOf(address(mallory)), 6);
        assertEq(held(address(sale), NATIVE), 6 * price(0, NATIVE));
    }

    /// @dev The same from a token that calls its payer while it is paid: to buy twice for one payment.
    function test_Attack_TheTokenCallsBack() external {
        HookToken hook = new HookToken();
        sale = deployFor(address(hook));
        license = sale.license();
        open();
        hook.mint(address(mallory), 1e30);
        hook.register(address(mallory));
        mallory.execute(address(hook), 0, abi.encodeCall(hook.approve, (address(sale), type(uint256).max)));
        PurchaseTerms memory wanted = wish(DOLLAR, 0, 2);
        mallory.arm(address(sale), 0, abi.encodeCall(INodeSale.buy, (wanted)));
        mallory.execute(address(sale), 0, abi.encodeCall(INodeSale.buy, (wanted)));
        assertEq(mallory.attempts(), 1);
        lockedOut();
        assertEq(ledger.balanceOf(address(sale), uint160(address(hook))), 2 * price(0, DOLLAR));
    }

    /// @dev A licence is never announced to its buyer in the middle of a purchase: there is nothing to act from.
    function test_Attack_TheReceiptCallsBack() external {
        open();
        GreedyReceiver greedy = new GreedyReceiver(sale);
        vm.deal(address(greedy), 100 ether);
        greedy.buy(wish(NATIVE, 0, 1));
        assertEq(greedy.calls(), 0);
        assertEq(license.balanceOf(address(greedy)), 1);
    }

    /// @dev A listed token that keeps a part of what is paid would leave the last to be refunded without money.
    function test_Attack_TheTokenTakesAFee() external {
        HookToken hook = new HookToken();
        sale = deployFor(address(hook));
        open();
        hook.mint(ada, 1e30);
        hook.setFeeRate(100);
        vm.prank(ada);
        hook.approve(address(sale), type(uint256).max);
        vm.expectRevert();
        buy(ada, DOLLAR, 0, 1);
        assertEq(soldOf(0), 0);
    }

    /* PRICES */

    /// @dev Somebody buys before the victim so that the victim's purchase crosses into a dearer tier.
    function test_Attack_TheTierIsCrossedInFrontOfTheBuyer() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 4);
        wanted.maxCost = 4 * price(0, NATIVE);
        buy(bob, NATIVE, 0, 6);
        uint256 now_ = 2 * price(0, NATIVE) + 2 * price(1, NATIVE);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_TooDear.selector, now_, wanted.maxCost));
        buy(ada, wanted);
        assertEq(ada.balance, 1000 ether, "nothing was paid");
    }

    /* LISTS */

    /// @dev A proof for one sale's list is no proof for another's; and each sale counts for itself.
    function test_Attack_TheAllowListIsReplayed() external {
        NodeSale first = sale;
        SaleTerms memory terms = defaultTerms();
        terms.allowlistRoot = commutative(allowLeaf(bob, 3), allowLeaf(ada, 1));
        sale = deploy(terms, defaultTiers());
        vm.warp(ALLOWLIST_AT);
        PurchaseTerms memory wanted = allowed(wish(NATIVE, 0, 3), ada);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotAllowed.selector, ada, 3));
        buy(ada, wanted);
        sale = first;
        buy(ada, wanted);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_OverAllocation.selector, 3, 6));
        buy(ada, wanted);
    }

    /// @dev An inner node of the list, passed off as somebody's leaf: leaves are hashed twice.
    function test_Attack_AnInnerNodeAsALeaf() external {
        vm.warp(ALLOWLIST_AT);
        PurchaseTerms memory wanted = wish(NATIVE, 0, 1);
        wanted.allocation = uint256(allowLeaf(ada, 3));
        wanted.allowlistProof = new bytes32[](0);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_NotAllowed.selector, ada, wanted.allocation));
        buy(ada, wanted);
    }

    /* AUTHORISATIONS */

    /// @dev Licences that cost nothing, or that the attacker pays for, bought for a victim to use up its cap. The token knows no
    /// authorisations and swallows the call.
    function test_Attack_AFreeLicenceForAVictim() external {
        PhantomPermitToken phantom = new PhantomPermitToken();
        sale = deployFor(address(phantom));
        license = sale.license();
        open();
        PurchaseTerms memory wanted = wish(DOLLAR, 0, 1);
        wanted.promo = Promo(keccak256("FREE"), 10_000, 1, single(promoLeaf(CODE, 1000, 4)));
        wanted.maxCost = 0;
        Signed memory none;
        bytes memory reason = abi.encodeWithSelector(INodeSale.NodeSale_NotAuthorized.selector, ada);
        expect(reason);
        sale.buyWithAuthorization(ada, wanted, none);
        // With money of the attacker's own already here.
        phantom.mint(address(sale), 1e30);
        wanted.maxCost = 1;
        expect(reason);
        sale.buyWithAuthorization(ada, wanted, none);
        wanted = wish(DOLLAR, 0, 6);
        expect(reason);
        sale.buyWithAuthorization(ada, wanted, none);
        assertEq(license.boughtIn(ada, 0), 0);
    }

    /* REFUNDS */

    /// @dev To be refunded twice, by a transfer in between; the licence is gone with the first.
    function test_Attack_RefundAndTransfer() external {
        open();
        buy(ada, NATIVE, 0, 2);
        buy(bob, NATIVE, 0, 3);
        vm.warp(license.transferableAt());
        assertTrue(sale.outcome() == Outcome.Failed);
        vm.prank(ada);
        license.transferFrom(ada, address(mallory), 1);
        sale.refund(ids(1));
        assertEq(held(address(mallory), NATIVE), price(0, NATIVE), "whoever owns it");
        assertEq(held(ada, NATIVE), 0);
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        sale.refund(ids(1));
        vm.expectRevert();
        mallory.execute(address(license), 0, abi.encodeCall(license.transferFrom, (address(mallory), ada, 1)));
        uint256[] memory twice = new uint256[](2);
        (twice[0], twice[1]) = (3, 3);
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 3));
        sale.refund(twice);
    }

    /// @dev The seller wants the money of a failed sale, or to keep a buyer from its own.
    function test_Attack_TheSellerHoldsTheRefunds() external {
        open();
        buy(ada, NATIVE, 0, 5);
        vm.warp(ENDS_AT + 1000 days);
        expectOutcome(Outcome.Failed, Outcome.Succeeded);
        sale.release(address(0));
        // Money that comes later changes nothing: what counts is licences.
        vm.deal(seller, 100 ether);
        vm.prank(seller);
        ledger.depositNative{value: 100 ether}(address(sale));
        expectOutcome(Outcome.Failed, Outcome.Succeeded);
        sale.release(address(0));
        for (uint256 id = 1; id <= 5; ++id) {
            sale.refund(ids(id));
        }
        assertEq(held(ada, NATIVE), 5 * price(0, NATIVE));
    }

    /// @dev A buyer returns a licence to the seller and lets another sell it again, or the sale itself.
    function test_Attack_WhatWasReturnedIsSoldAgain() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 6);
        wanted.buyback = true;
        buy(ada, wanted);
        buy(bob, NATIVE, 0, 6);
        buy(ada, NATIVE, 1, 6);
        buy(bob, NATIVE, 1, 2);
        buy(bob, NATIVE, 2, 16);
        assertTrue(sale.outcome() == Outcome.Succeeded);
        vm.prank(ada);
        sale.buyBack(ids(1));
        expect(abi.encodeWithSelector(INodeSale.NodeSale_TierNotOnSale.selector, 3));
        buy(ada, NATIVE, 3, 1);
        vm.expectRevert();
        buy(ada, NATIVE, 0, 1);
        assertEq(soldOf(0), 8);
    }

    /* REFERRERS */

    /// @dev Two who refer each other earn what the seller offered on what each paid, and no more than that.
    function test_Attack_ReferralLoop() external {
        open();
        PurchaseTerms memory wanted = wish(NATIVE, 0, 4);
        wanted.referrer = bob;
        buy(ada, wanted);
        wanted.referrer = ada;
        buy(bob, wanted);
        buy(bob, NATIVE, 1, 2);
        vm.warp(ENDS_AT + 100 days);
        uint256 paid = price(0, NATIVE) - price(0, NATIVE) / 20;
        assertEq(sale.claimCommission(ada, address(0)), 4 * paid / 10);
        assertEq(sale.claimCommission(bob, address(0)), 4 * paid / 10);
        sale.release(address(0));
        assertEq(held(address(sale), NATIVE), 0);
    }

    /* DONATIONS */

    /// @dev Somebody sends money to the sale to upset its books: it becomes part of the proceeds.
    function test_Attack_MoneyIsSentToTheSale() external {
        succeed();
        uint256 all = held(address(sale), NATIVE);
        vm.deal(address(this), 10 ether);
        ledger.depositNative{value: 10 ether}(address(sale));
        vm.warp(ENDS_AT + 100 days);
        assertEq(sale.release(address(0)), all + 10 ether);
    }

    function lockedOut() private view {
        assertFalse(mallory.succeeded());
        assertEq(bytes4(mallory.result()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }

    function deployFor(address token) private returns (NodeSale) {
        address[] memory tokens = new address[](2);
        tokens[DOLLAR] = token;
        return new NodeSale(ledger, defaultTerms(), defaultCollection(), tokens, defaultTiers());
    }
}

/// @notice Would buy more from within the receipt of a licence.
contract GreedyReceiver is IERC721Receiver {
    INodeSale private immutable _sale;
    uint256 public calls;

    constructor(INodeSale sale) {
        _sale = sale;
    }

    receive() external payable {}

    function buy(PurchaseTerms calldata wanted) external {
        _sale.buy{value: wanted.maxCost}(wanted);
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        ++calls;
        return IERC721Receiver.onERC721Received.selector;
    }
}
