// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Outcome, PurchaseTerms, SaleTerms} from "../../../src/nodes/INodeSale.sol";
import {NodeSale} from "../../../src/nodes/NodeSale.sol";
import {SaleTest} from "../../nodes/SaleTest.sol";

/// @notice Acts as buyers who come again, refer each other, return, sell on and delegate, as whoever pays out, and as time. Keeps,
/// from what it did alone, what everybody must have.
contract NodeSaleHandler is SaleTest {
    address[4] public buyers;
    /// @dev By id; zero for what was not sold or was returned.
    mapping(uint256 id => address) public ownerOf;
    mapping(uint256 id => uint256) public paidFor;
    mapping(uint256 id => uint8) public tokenOf;
    mapping(uint256 id => bool) public returnable;
    mapping(address buyer => mapping(uint256 tier => uint256)) public boughtIn;
    /// @dev By token.
    uint256[2] public paid;
    uint256[2] public refunded;
    uint256[2] public boughtBack;
    uint256[2] public released;
    uint256[2] public claimed;
    uint256[2] public earned;
    uint256 public sold;

    constructor() {
        setUp();
        SaleTerms memory terms = defaultTerms();
        terms.softCap = 20;
        sale = deploy(terms, defaultTiers());
        license = sale.license();
        buyers = [ada, bob, makeAddr("cyd"), makeAddr("dan")];
        for (uint256 i; i < buyers.length; ++i) {
            vm.deal(buyers[i], 10_000 ether);
            dollar.mint(buyers[i], 1e15);
            vm.prank(buyers[i]);
            dollar.approve(address(sale), type(uint256).max);
        }
        open();
    }

    function theSale() external view returns (NodeSale) {
        return sale;
    }

    function balance(address account, uint8 token) external view returns (uint256) {
        return held(account, token);
    }

    function buy(uint256 who, uint256 token, uint256 quantity, uint256 referredBy, bool buyback, bool coded) external {
        address buyer = buyers[who % 4];
        PurchaseTerms memory wanted = wish(uint8(token % 2), 0, uint16(1 + quantity % 7));
        while (wanted.tier < 2 && sale.tiers()[wanted.tier].sold == sale.tiers()[wanted.tier].supply) ++wanted.tier;
        wanted.buyback = buyback;
        if (coded) wanted = promoted(wanted);
        else if (referredBy % 5 < 4) wanted.referrer = buyers[referredBy % 5];
        uint256 before = wealth(buyer, wanted.token);
        uint256 commission = sale.commissionOf(wanted.referrer, sale.tokens()[wanted.token]);
        uint256 first = sold + 1;
        vm.prank(buyer);
        try sale.buy{value: wanted.token == NATIVE ? wanted.maxCost : 0}(wanted) {}
        catch {
            return;
        }
        uint256 cost = before - wealth(buyer, wanted.token);
        uint256 expected;
        for (uint256 id = first; id < first + wanted.quantity; ++id) {
            uint8 tier = id <= 8 ? 0 : id <= 20 ? 1 : 2;
            uint256 full = price(tier, wanted.token);
            uint256 rate = coded ? 1000 : wanted.referrer == address(0) ? 0 : 500;
            (ownerOf[id], tokenOf[id], returnable[id]) = (buyer, wanted.token, buyback);
            paidFor[id] = full - full * rate / 10_000;
            expected += paidFor[id];
            ++boughtIn[buyer][tier];
        }
        assertEq(cost, expected, "what was paid is the sum of the prices");
        sold += wanted.quantity;
        paid[wanted.token] += cost;
        if (wanted.referrer != address(0)) {
            earned[wanted.token] += sale.commissionOf(wanted.referrer, sale.tokens()[wanted.token]) - commission;
        }
    }

    function giveBack(uint256 seed, bool byOwner) external {
        uint256 id = 1 + seed % 36;
        address caller = byOwner ? ownerOf[id] : buyers[seed % 4];
        vm.prank(caller);
        try sale.buyBack(ids(id)) {
            assertTrue(returnable[id] && caller == ownerOf[id] && block.timestamp <= BUYBACK_UNTIL);
            assertTrue(sale.outcome() == Outcome.Succeeded);
            boughtBack[tokenOf[id]] += paidFor[id] - (paidFor[id] + 9) / 10;
            delete ownerOf[id];
        } catch {
            bool due = returnable[id] && caller == ownerOf[id] && caller != address(0);
            assertFalse(due && block.timestamp <= BUYBACK_UNTIL && sale.outcome() == Outcome.Succeeded);
        }
    }

    function refund(uint256 seed) external {
        uint256 id = 1 + seed % 36;
        try sale.refund(ids(id)) {
            assertTrue(sale.outcome() == Outcome.Failed && ownerOf[id] != address(0));
            refunded[tokenOf[id]] += paidFor[id];
            delete ownerOf[id];
        } catch {
            assertFalse(sale.outcome() == Outcome.Failed && ownerOf[id] != address(0));
        }
    }

    function transfer(uint256 seed, uint256 to) external {
        uint256 id = 1 + seed % 36;
        (address from, address receiver) = (ownerOf[id], buyers[to % 4]);
        if (from == address(0)) return;
        vm.prank(from);
        try license.transferFrom(from, receiver, id) {
            assertGe(block.timestamp, license.transferableAt());
            ownerOf[id] = receiver;
        } catch {
            assertLt(block.timestamp, license.transferableAt());
        }
    }

    function release(uint256 token) external {
        uint8 index = uint8(token % 2);
        try sale.release(sale.tokens()[index]) returns (uint256 amount) {
            released[index] += amount;
        } catch {
            assertEq(sale.releasable(sale.tokens()[index]), 0);
        }
    }

    function claim(uint256 who, uint256 token) external {
        uint8 index = uint8(token % 2);
        try sale.claimCommission(buyers[who % 4], sale.tokens()[index]) returns (uint256 amount) {
            claimed[index] += amount;
        } catch {
            bool none = sale.commissionOf(buyers[who % 4], sale.tokens()[index]) == 0;
            assertTrue(none || sale.outcome() != Outcome.Succeeded);
        }
    }

    function pass(uint256 time) external {
        skip(bound(time, 1 hours, 3 days));
    }

    function wealth(address account, uint8 token) private view returns (uint256) {
        return token == NATIVE ? account.balance : dollar.balanceOf(account);
    }
}
