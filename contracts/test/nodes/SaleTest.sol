// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {INodeLicense} from "../../src/nodes/INodeLicense.sol";
import {
    CollectionTerms,
    INodeSale,
    Outcome,
    Promo,
    PurchaseTerms,
    SaleTerms,
    TierTerms
} from "../../src/nodes/INodeSale.sol";
import {NodeSale} from "../../src/nodes/NodeSale.sol";
import {AuthorizedToken} from "./mocks/AuthorizedToken.sol";

/// @notice A sale of three tiers, for native currency and a dollar, with all that a sale can have.
abstract contract SaleTest is Test {
    uint40 internal constant ALLOWLIST_AT = 1_800_000_000;
    uint40 internal constant PUBLIC_AT = ALLOWLIST_AT + 1 days;
    uint40 internal constant ENDS_AT = PUBLIC_AT + 7 days;
    uint40 internal constant BUYBACK_UNTIL = ENDS_AT + 30 days;
    uint8 internal constant NATIVE = 0;
    uint8 internal constant DOLLAR = 1;
    bytes32 internal constant CODE = keccak256("EARLY");

    Ledger internal ledger;
    AuthorizedToken internal dollar;
    NodeSale internal sale;
    INodeLicense internal license;
    address internal seller = makeAddr("seller");
    address internal ada = makeAddr("ada");
    address internal bob = makeAddr("bob");
    address internal referrer = makeAddr("referrer");

    function setUp() public virtual {
        vm.warp(ALLOWLIST_AT - 1 hours);
        ledger = new Ledger();
        dollar = new AuthorizedToken();
        sale = deploy(defaultTerms(), defaultTiers());
        license = sale.license();
        for (uint256 i; i < 2; ++i) {
            address buyer = i == 0 ? ada : bob;
            vm.deal(buyer, 1000 ether);
            dollar.mint(buyer, 1e12);
            vm.prank(buyer);
            dollar.approve(address(sale), type(uint256).max);
        }
    }

    /* TERMS */

    function defaultTerms() internal view returns (SaleTerms memory) {
        return SaleTerms({
            seller: seller,
            allowlistAt: ALLOWLIST_AT,
            publicAt: PUBLIC_AT,
            endsAt: ENDS_AT,
            sequential: true,
            softCap: 10,
            allowlistRoot: commutative(allowLeaf(ada, 3), allowLeaf(bob, 1)),
            promoRoot: commutative(promoLeaf(CODE, 1000, 4), promoLeaf(keccak256("FREE"), 10_000, 1)),
            referralDiscount: 500,
            referralCommission: 1000,
            buybackFee: 1000,
            buybackUntil: BUYBACK_UNTIL,
            releasedAtOnce: 2000,
            releasePeriod: 100 days
        });
    }

    function defaultCollection() internal view returns (CollectionTerms memory) {
        return CollectionTerms({
            name: "Assay Node",
            symbol: "NODE",
            transferableAt: ENDS_AT + 1 days,
            royaltyReceiver: seller,
            royaltyRate: 250
        });
    }

    /// @dev Prices rise from tier to tier, and none divides evenly.
    function defaultTiers() internal pure returns (TierTerms[] memory list) {
        list = new TierTerms[](3);
        for (uint256 i; i < 3; ++i) {
            uint128[] memory prices = new uint128[](2);
            // forge-lint: disable-next-line(unsafe-typecast)
            (prices[NATIVE], prices[DOLLAR]) = (uint128((i + 1) * 1e18 + 7), uint128((i + 1) * 1000e6 + 3));
            // forge-lint: disable-next-line(unsafe-typecast)
            list[i] = TierTerms({supply: uint32(8 + 4 * i), cap: i == 2 ? 0 : 6, prices: prices});
        }
    }

    function deploy(SaleTerms memory terms, TierTerms[] memory tiers) internal returns (NodeSale) {
        address[] memory tokens = new address[](2);
        tokens[DOLLAR] = address(dollar);
        return new NodeSale(ledger, terms, defaultCollection(), tokens, tiers);
    }

    /* TREES of two leaves, as OpenZeppelin's standard tree makes them */

    function allowLeaf(address account, uint256 allocation) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(account, allocation))));
    }

    function promoLeaf(bytes32 code, uint256 discount, uint256 total) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(code, discount, total))));
    }

    function commutative(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(bytes.concat(a, b)) : keccak256(bytes.concat(b, a));
    }

    function single(bytes32 sibling) internal pure returns (bytes32[] memory proof) {
        proof = new bytes32[](1);
        proof[0] = sibling;
    }

    /* PURCHASES */

    function wish(uint8 token, uint8 tier, uint16 quantity) internal pure returns (PurchaseTerms memory wanted) {
        (wanted.token, wanted.tier, wanted.quantity) = (token, tier, quantity);
        wanted.maxCost = 100 ether;
    }

    /// @dev What Ada and Bob may buy before the public.
    function allowed(PurchaseTerms memory wanted, address buyer) internal view returns (PurchaseTerms memory) {
        wanted.allocation = buyer == ada ? 3 : 1;
        wanted.allowlistProof = single(buyer == ada ? allowLeaf(bob, 1) : allowLeaf(ada, 3));
        return wanted;
    }

    function promoted(PurchaseTerms memory wanted) internal pure returns (PurchaseTerms memory) {
        wanted.promo = Promo(CODE, 1000, 4, single(promoLeaf(keccak256("FREE"), 10_000, 1)));
        return wanted;
    }

    function buy(address buyer, PurchaseTerms memory wanted) internal {
        vm.prank(buyer);
        sale.buy{value: wanted.token == NATIVE ? wanted.maxCost : 0}(wanted);
    }

    function buy(address buyer, uint8 token, uint8 tier, uint16 quantity) internal {
        buy(buyer, wish(token, tier, quantity));
    }

    /// @dev From now on anyone may buy.
    function open() internal {
        vm.warp(PUBLIC_AT);
    }

    /// @dev The sale is over, with ten sold: eight of the first tier and two of the second.
    function succeed() internal {
        open();
        buy(ada, NATIVE, 0, 5);
        buy(bob, NATIVE, 0, 5);
        vm.warp(ENDS_AT);
    }

    function ids(uint256 id) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = id;
    }

    function held(address account, uint8 token) internal view returns (uint256) {
        return ledger.balanceOf(account, uint160(token == NATIVE ? address(0) : address(dollar)));
    }

    function price(uint8 tier, uint8 token) internal view returns (uint256) {
        return sale.priceOf(tier, token);
    }

    function soldOf(uint256 tier) internal view returns (uint256) {
        return sale.tiers()[tier].sold;
    }

    function expect(bytes memory reason) internal {
        vm.expectRevert(reason);
    }

    function expectOutcome(Outcome actual, Outcome needed) internal {
        vm.expectRevert(abi.encodeWithSelector(INodeSale.NodeSale_WrongOutcome.selector, actual, needed));
    }
}
