// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {INodeLicense, Purchase} from "../../src/nodes/INodeLicense.sol";
import {NodeLicense} from "../../src/nodes/NodeLicense.sol";
import {SaleTest} from "./SaleTest.sol";

contract NodeLicense_Test is SaleTest {
    NodeLicense private nft;
    address private operator = makeAddr("operator");

    function setUp() public override {
        super.setUp();
        nft = NodeLicense(address(license));
        open();
        buy(ada, NATIVE, 0, 6);
        buy(bob, NATIVE, 0, 5);
    }

    /* TRANSFERS */

    function test_Transfer_RevertGiven_TheLockHolds() external {
        uint40 from = license.transferableAt();
        vm.warp(from - 1);
        expect(abi.encodeWithSelector(INodeLicense.NodeLicense_Locked.selector, from));
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
        vm.warp(from);
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
    }

    /// @dev Of a purchase of six, any one moves without the others.
    function test_Transfer_MovesOneOfAPurchase() external {
        for (uint256 moved = 1; moved <= 6; ++moved) {
            uint256 snapshot = vm.snapshotState();
            move(ada, bob, moved);
            for (uint256 id = 1; id <= 6; ++id) {
                assertEq(license.ownerOf(id), id == moved ? bob : ada);
                assertEq(license.purchaseOf(id).buyer, ada);
            }
            assertEq(license.balanceOf(ada), 5);
            assertEq(license.balanceOf(bob), 6);
            move(bob, ada, moved);
            assertEq(license.ownerOf(moved), ada);
            assertEq(license.balanceOf(bob), 5);
            vm.revertToState(snapshot);
        }
    }

    /// @dev What a buyer bought is counted for ever, whoever owns it.
    function test_Transfer_LeavesTheCount() external {
        move(ada, bob, 1);
        assertEq(license.boughtIn(ada, 0), 6);
        assertEq(license.boughtIn(bob, 0), 2);
        assertEq(license.boughtIn(bob, 1), 3);
    }

    function test_Transfer_EndsDelegationAndApproval() external {
        vm.startPrank(ada);
        license.setUser(2, operator, type(uint64).max);
        license.approve(operator, 2);
        vm.stopPrank();
        vm.warp(license.transferableAt());
        vm.expectEmit(address(license));
        emit INodeLicense.UpdateUser(2, address(0), 0);
        vm.expectEmit(address(license));
        emit IERC4906.MetadataUpdate(2);
        vm.prank(operator);
        license.transferFrom(ada, bob, 2);
        assertEq(license.userOf(2), address(0));
        assertEq(license.getApproved(2), address(0));
    }

    function test_Transfer_RevertWhen_TheCallerMayNot() external {
        vm.warp(license.transferableAt());
        expect(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, bob, 1));
        vm.prank(bob);
        license.transferFrom(ada, bob, 1);
        expect(abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, bob, 1, ada));
        vm.prank(ada);
        license.transferFrom(bob, operator, 1);
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        vm.prank(ada);
        license.transferFrom(ada, bob, 99);
    }

    /// @dev The mark of what was burned is an address too: whatever went there would be gone, and still counted.
    function test_Transfer_RevertWhen_ItIsToTheMarkOfTheBurned() external {
        vm.warp(license.transferableAt());
        expect(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(1)));
        vm.prank(ada);
        license.transferFrom(ada, address(1), 1);
        assertEq(license.ownerOf(1), ada);
        assertEq(license.balanceOf(address(1)), 0);
    }

    /* DELEGATION */

    function test_SetUser() external {
        uint64 until = uint64(block.timestamp + 1 days);
        vm.expectEmit(address(license));
        emit INodeLicense.UpdateUser(4, operator, until);
        vm.expectEmit(address(license));
        emit IERC4906.MetadataUpdate(4);
        vm.prank(ada);
        license.setUser(4, operator, until);
        assertEq(license.userOf(4), operator);
        assertEq(license.userExpires(4), until);
        assertEq(license.userOf(5), address(0));
        vm.warp(until + 1);
        assertEq(license.userOf(4), address(0));
        vm.prank(ada);
        license.setUser(4, address(0), until);
        assertEq(license.userExpires(4), 0);
    }

    /// @dev The hot key of an operator moves nothing, and names no other.
    function test_SetUser_GivesNothingElse() external {
        vm.prank(ada);
        license.setUser(4, operator, type(uint64).max);
        vm.warp(license.transferableAt());
        bytes memory reason = abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, operator, 4);
        vm.startPrank(operator);
        expect(reason);
        license.transferFrom(ada, operator, 4);
        expect(reason);
        license.setUser(4, bob, type(uint64).max);
        vm.expectRevert();
        license.approve(operator, 4);
        vm.stopPrank();
    }

    function test_SetUser_RevertWhen_ThereIsNoSuchLicence() external {
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 12));
        license.setUser(12, operator, 1);
    }

    /* MINTING */

    function test_RevertWhen_AnyoneElseMintsOrBurns() external {
        Purchase memory purchase;
        purchase.buyer = bob;
        expect(abi.encodeWithSelector(INodeLicense.NodeLicense_NotTheSale.selector, address(this)));
        license.mint(30, 1, purchase);
        expect(abi.encodeWithSelector(INodeLicense.NodeLicense_NotTheSale.selector, ada));
        vm.prank(ada);
        license.burn(1);
    }

    /// @dev With this contract as the sale: a count never runs into its neighbour's bits.
    function test_RevertWhen_ACountWouldOverflow() external {
        nft = new NodeLicense("Node", "N", 64, 0, ada, 0);
        Purchase memory purchase;
        (purchase.buyer, purchase.tier) = (bob, 13);
        for (uint256 i; i < 5; ++i) {
            nft.mint(1 + i * 13_000, 13_000, purchase);
        }
        purchase.tier = 12;
        nft.mint(100_000, 3, purchase);
        purchase.tier = 14;
        nft.mint(200_000, 2, purchase);
        purchase.tier = 13;
        nft.mint(65_001, 535, purchase);
        assertEq(nft.boughtIn(bob, 13), 65_535);
        assertEq(nft.boughtIn(bob, 12), 3);
        assertEq(nft.boughtIn(bob, 14), 2);
        assertEq(nft.balanceOf(bob), 65_540);
        expect(abi.encodeWithSelector(INodeLicense.NodeLicense_TooMany.selector, bob, 13));
        nft.mint(65_536, 1, purchase);
    }

    function test_RevertWhen_ANameIsNotPlain() external {
        string[4] memory names = ["", "a\"b", "<svg>", "a name of more than thirty-two letters"];
        for (uint256 i; i < names.length; ++i) {
            expect(abi.encodeWithSelector(INodeLicense.NodeLicense_BadName.selector, names[i]));
            new NodeLicense(names[i], "N", 1, 0, ada, 0);
            expect(abi.encodeWithSelector(INodeLicense.NodeLicense_BadName.selector, names[i]));
            new NodeLicense("N", names[i], 1, 0, ada, 0);
        }
        expect(abi.encodeWithSelector(INodeLicense.NodeLicense_BadRoyalty.selector, 1001));
        new NodeLicense("N", "N", 1, 0, ada, 1001);
    }

    /* METADATA */

    function test_TokenUri() external {
        vm.prank(ada);
        license.setUser(3, operator, type(uint64).max);
        string memory json = decoded(nft.tokenURI(3));
        assertEq(vm.parseJsonString(json, ".name"), "Assay Node #3");
        assertEq(vm.parseJsonString(json, ".attributes[0].value"), "1");
        assertEq(vm.parseJsonString(json, ".attributes[1].value"), "delegated");
        assertEq(vm.parseJsonString(json, ".attributes[2].value"), "not yet");
        assertEq(vm.parseJsonUint(json, ".attributes[3].value"), PUBLIC_AT);
        bytes memory image = bytes(vm.parseJsonString(json, ".image"));
        assertGt(image.length, 500);
        json = decoded(nft.tokenURI(9));
        assertEq(vm.parseJsonString(json, ".attributes[0].value"), "2");
        assertEq(vm.parseJsonString(json, ".attributes[1].value"), "not delegated");
        expect(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 12));
        nft.tokenURI(12);
    }

    function test_Interfaces() external view {
        bytes4[6] memory known = [
            bytes4(0x01ffc9a7),
            bytes4(0x80ac58cd),
            bytes4(0x5b5e139f),
            bytes4(0x2a55205a),
            bytes4(0x49064906),
            bytes4(0xad092b5c)
        ];
        for (uint256 i; i < known.length; ++i) {
            assertTrue(license.supportsInterface(known[i]));
        }
        assertFalse(license.supportsInterface(0xffffffff));
        (address receiver, uint256 amount) = license.royaltyInfo(1, 1 ether);
        assertEq(receiver, seller);
        assertEq(amount, 0.025 ether);
    }

    function move(address from, address to, uint256 id) private {
        vm.warp(license.transferableAt());
        vm.prank(from);
        license.transferFrom(from, to, id);
    }

    function decoded(string memory uri) private pure returns (string memory) {
        bytes memory text = bytes(uri);
        uint256 start = bytes("data:application/json;base64,").length;
        bytes memory coded = new bytes(text.length - start);
        for (uint256 i; i < coded.length; ++i) {
            coded[i] = text[start + i];
        }
        return string(Base64.decode(string(coded)));
    }
}
