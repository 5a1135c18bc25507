// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {INodeSale, PurchaseTerms, Signed} from "../../src/nodes/INodeSale.sol";
import {SaleTest} from "./SaleTest.sol";

/// @notice One signature instead of an approval.
contract NodeSale_Payment_Test is SaleTest {
    address private eve;
    uint256 private key;
    address private relayer = makeAddr("relayer");

    function setUp() public override {
        super.setUp();
        (eve, key) = makeAddrAndKey("eve");
        dollar.mint(eve, 1e12);
        open();
    }

    function test_BuyWithPermit() external {
        PurchaseTerms memory wanted = dollars(3);
        Signed memory permit = permitOf(wanted);
        vm.prank(eve);
        sale.buyWithPermit(wanted, permit);
        assertEq(license.balanceOf(eve), 3);
        assertEq(held(address(sale), DOLLAR), 3 * price(0, DOLLAR));
        assertEq(dollar.balanceOf(eve), 1e12 - 3 * price(0, DOLLAR), "what was offered beyond the cost was not taken");
    }

    /// @dev Whoever sees the permit may spend it first, and stops nothing by that.
    function test_BuyWithPermit_WhenItWasUsedAlready() external {
        PurchaseTerms memory wanted = dollars(3);
        Signed memory permit = permitOf(wanted);
        dollar.permit(eve, address(sale), wanted.maxCost, permit.deadline, permit.v, permit.r, permit.s);
        vm.prank(eve);
        sale.buyWithPermit(wanted, permit);
        assertEq(license.balanceOf(eve), 3);
    }

    function test_BuyWithPermit_RevertWhen_ItIsForNothing() external {
        PurchaseTerms memory wanted = dollars(1);
        Signed memory permit = permitOf(wanted);
        permit.r = bytes32(uint256(1));
        vm.expectRevert();
        vm.prank(eve);
        sale.buyWithPermit(wanted, permit);
        assertEq(license.balanceOf(eve), 0);
    }

    function test_BuyWithAuthorization() external {
        PurchaseTerms memory wanted = dollars(3);
        Signed memory signed = authorizationOf(wanted);
        vm.prank(relayer);
        sale.buyWithAuthorization(eve, wanted, signed);
        assertEq(license.balanceOf(eve), 3);
        assertEq(license.balanceOf(relayer), 0);
        assertEq(held(address(sale), DOLLAR), 3 * price(0, DOLLAR));
        assertEq(held(eve, DOLLAR), wanted.maxCost - 3 * price(0, DOLLAR), "the surplus is hers");
        assertEq(dollar.balanceOf(address(sale)), 0);
    }

    /// @dev What was signed for one purchase buys no other, and buys once.
    function test_BuyWithAuthorization_RevertWhen_AnythingDiffers() external {
        PurchaseTerms memory wanted = dollars(3);
        Signed memory signed = authorizationOf(wanted);
        PurchaseTerms memory other = dollars(1);
        refused(eve, other, signed);
        other = dollars(3);
        other.referrer = relayer;
        refused(eve, other, signed);
        refused(bob, wanted, signed);
        sale.buyWithAuthorization(eve, wanted, signed);
        refused(eve, wanted, signed);
        assertEq(license.balanceOf(eve), 3);
    }

    /// @dev Nor does it on another sale of the same terms.
    function test_BuyWithAuthorization_RevertWhen_TheSaleIsAnother() external {
        PurchaseTerms memory wanted = dollars(3);
        Signed memory signed = authorizationOf(wanted);
        sale = deploy(defaultTerms(), defaultTiers());
        refused(eve, wanted, signed);
    }

    function test_RevertWhen_NativeCurrencyIsToBeSigned() external {
        PurchaseTerms memory wanted = wish(NATIVE, 0, 1);
        bytes memory reason = abi.encodeWithSelector(INodeSale.NodeSale_NotForToken.selector, 0, NATIVE);
        Signed memory signed;
        expect(reason);
        sale.buyWithPermit(wanted, signed);
        expect(reason);
        sale.buyWithAuthorization(eve, wanted, signed);
    }

    function dollars(uint16 quantity) private view returns (PurchaseTerms memory wanted) {
        wanted = wish(DOLLAR, 0, quantity);
        wanted.maxCost = quantity * price(1, DOLLAR);
    }

    function refused(address buyer, PurchaseTerms memory wanted, Signed memory signed) private {
        vm.expectRevert();
        vm.prank(relayer);
        sale.buyWithAuthorization(buyer, wanted, signed);
    }

    function permitOf(PurchaseTerms memory wanted) private view returns (Signed memory) {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes memory content = abi.encode(kind, eve, address(sale), wanted.maxCost, dollar.nonces(eve), ENDS_AT);
        return sign(0, content);
    }

    function authorizationOf(PurchaseTerms memory wanted) private view returns (Signed memory) {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 nonce = sale.authorizationNonce(wanted);
        return sign(1, abi.encode(kind, eve, address(sale), wanted.maxCost, 1, ENDS_AT, nonce));
    }

    function sign(uint256 validAfter, bytes memory content) private view returns (Signed memory) {
        bytes32 domain = IERC20Permit(address(dollar)).DOMAIN_SEPARATOR();
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain, keccak256(content)));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Signed(validAfter, ENDS_AT, v, r, s);
    }
}
