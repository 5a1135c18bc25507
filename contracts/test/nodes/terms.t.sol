// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CollectionTerms, INodeSale, SaleTerms, TierTerms} from "../../src/nodes/INodeSale.sol";
import {NodeSale} from "../../src/nodes/NodeSale.sol";
import {SaleTest} from "./SaleTest.sol";

/// @notice What cannot be kept is refused at deployment.
contract NodeSale_Terms_Test is SaleTest {
    function test_TheTermsAreAsGiven() external view {
        assertEq(keccak256(abi.encode(sale.terms())), keccak256(abi.encode(defaultTerms())));
        assertEq(sale.tokens().length, 2);
        assertEq(sale.tiers()[2].first, 21);
        assertEq(sale.tiers()[2].supply, 16);
        assertEq(license.sale(), address(sale));
    }

    function test_RevertWhen_ATermIsUnsound() external {
        SaleTerms memory terms = defaultTerms();
        terms.seller = address(0);
        refuse(terms, "seller");
        terms = defaultTerms();
        terms.publicAt = terms.allowlistAt - 1;
        refuse(terms, "phases");
        terms = defaultTerms();
        terms.publicAt = terms.endsAt + 1;
        refuse(terms, "phases");
        terms = defaultTerms();
        terms.softCap = 37;
        refuse(terms, "softCap");
        terms = defaultTerms();
        terms.referralDiscount = 10_001;
        refuse(terms, "referralDiscount");
        terms = defaultTerms();
        terms.releasedAtOnce = 10_001;
        refuse(terms, "releasedAtOnce");
        terms = defaultTerms();
        terms.buybackFee = 10_001;
        refuse(terms, "buybackFee");
        terms = defaultTerms();
        terms.buybackUntil = terms.endsAt - 1;
        refuse(terms, "buybackUntil");
        terms = defaultTerms();
        vm.warp(ENDS_AT);
        refuse(terms, "endsAt");
    }

    /// @dev Whoever returns for 90 % of what was paid, of which a referrer earned 11 %, would take somebody else's money.
    function test_RevertWhen_BuybackAndCommissionAreMoreThanThePrice() external {
        SaleTerms memory terms = defaultTerms();
        terms.referralCommission = 1001;
        refuse(terms, "buyback and commission");
        terms.buybackUntil = 0;
        deploy(terms, defaultTiers());
        terms.referralCommission = 10_001;
        refuse(terms, "referralCommission");
    }

    /// @dev Else a licence of a failed sale could be sold before its refund.
    function test_RevertWhen_LicencesMoveBeforeTheEnd() external {
        CollectionTerms memory collection = defaultCollection();
        collection.transferableAt = ENDS_AT - 1;
        TierTerms[] memory tiers = defaultTiers();
        SaleTerms memory terms = defaultTerms();
        address[] memory tokens = new address[](2);
        tokens[1] = address(dollar);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_BadTerms.selector, bytes32("transferableAt")));
        new NodeSale(ledger, terms, collection, tokens, tiers);
    }

    function test_RevertWhen_TokensOrTiersAreUnsound() external {
        SaleTerms memory terms = defaultTerms();
        TierTerms[] memory tiers = defaultTiers();
        address[] memory tokens = new address[](2);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_BadTerms.selector, bytes32("tokens")));
        new NodeSale(ledger, terms, defaultCollection(), tokens, tiers);
        tokens = new address[](0);
        expect(abi.encodeWithSelector(INodeSale.NodeSale_BadTerms.selector, bytes32("tokens")));
        new NodeSale(ledger, terms, defaultCollection(), tokens, tiers);
        tiers[1].supply = 0;
        refuse(terms, tiers, "supply");
        tiers[1].supply = type(uint32).max;
        refuse(terms, tiers, "supply");
        tiers = defaultTiers();
        tiers[1].prices = new uint128[](1);
        refuse(terms, tiers, "prices");
        refuse(terms, new TierTerms[](0), "tiers");
        refuse(terms, new TierTerms[](65), "tiers");
    }

    function refuse(SaleTerms memory terms, bytes32 what) private {
        refuse(terms, defaultTiers(), what);
    }

    function refuse(SaleTerms memory terms, TierTerms[] memory tiers, bytes32 what) private {
        expect(abi.encodeWithSelector(INodeSale.NodeSale_BadTerms.selector, what));
        deploy(terms, tiers);
    }
}
