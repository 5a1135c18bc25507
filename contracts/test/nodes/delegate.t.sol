// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {ILicenseStaking} from "../../src/nodes/ILicenseStaking.sol";
import {Purchase} from "../../src/nodes/INodeLicense.sol";
import {LicenseStaking} from "../../src/nodes/LicenseStaking.sol";
import {NodeLicense} from "../../src/nodes/NodeLicense.sol";

/// @notice Six licences (Ada has 1 to 3, Bob 4 to 6) and two operators. The test is the sale.
contract LicenseStaking_Test is Test {
    uint32 private constant LICENSES = 6;
    uint40 private constant GENESIS = 1_800_000_000;
    uint32 private constant LENGTH = 1 days;
    uint32 private constant THAW = 3;
    uint16 private constant RATE = 1500;

    NodeLicense private license;
    LicenseStaking private staking;
    address private ada = makeAddr("ada");
    address private bob = makeAddr("bob");
    address private operator = makeAddr("operator");
    address private other = makeAddr("other");
    address private key = makeAddr("key");
    uint32 private first = LICENSES + 1;
    uint32 private second = LICENSES + 2;

    function setUp() external {
        vm.warp(GENESIS - 1 days);
        license = new NodeLicense("Assay Node", "NODE", 1, GENESIS + 10 days, address(0), 0);
        mint(ada, 1, 3);
        mint(bob, 4, 3);
        staking = new LicenseStaking(license, LICENSES, GENESIS, LENGTH, THAW);
        vm.prank(operator);
        staking.register(key, RATE, 2);
        vm.warp(GENESIS + LENGTH / 2);
        vm.prank(other);
        staking.register(address(0), 0, type(uint32).max);
    }

    /* OPERATORS */

    function test_Register() external {
        assertEq(staking.numberOf(operator), first);
        assertEq(staking.numberOf(other), second);
        assertEq(staking.operatorAt(first).account, operator);
        assertEq(staking.operatorsIn(0), 1, "who registered before the first epoch");
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_Future.selector, 1));
        staking.operatorsIn(1);
        to(1);
        assertEq(staking.operatorsIn(1), 2);
        assertEq(staking.operatorsIn(0), 1, "what was stays");
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_Registered.selector, operator));
        vm.prank(operator);
        staking.register(key, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadRate.selector, 10_001));
        staking.register(key, 10_001, 0);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        staking.operatorAt(LICENSES);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        staking.operatorAt(LICENSES + 3);
    }

    function test_SetKey() external {
        assertEq(staking.keyIn(first, 0), key);
        vm.prank(operator);
        staking.setKey(other);
        assertEq(staking.keyIn(first, 0), key, "until the epoch ends");
        to(1);
        assertEq(staking.keyIn(first, 1), other);
        assertEq(staking.keyIn(first, 0), key);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        vm.prank(ada);
        staking.setKey(ada);
    }

    function test_SetOffer_RevertWhen_ItIsNoOperators() external {
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        vm.prank(ada);
        staking.setOffer(0, 1);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadRate.selector, 10_001));
        vm.prank(operator);
        staking.setOffer(10_001, 1);
    }

    /* DELEGATING */

    function test_Delegate() external {
        delegate(ada, list(1, 2), first);
        assertEq(staking.runIn(1, 0).operator, 0, "from the next epoch on");
        to(1);
        assertEq(staking.runIn(1, 1).operator, first);
        assertEq(staking.runIn(2, 1).rate, RATE);
        assertEq(staking.runIn(3, 1).operator, 0);
        assertEq(staking.runIn(1, 0).operator, 0);
        assertEq(staking.operatorAt(first).delegated, 2);
        to(9);
        assertEq(staking.runIn(1, 9).operator, first);
    }

    function test_DelegatedIn() external {
        delegate(ada, list(1, 2), first);
        assertEq(staking.delegatedIn(first, 0), 0, "from the next epoch on");
        to(1);
        delegate(ada, list(3), second);
        delegate(bob, list(4), second);
        vm.prank(ada);
        staking.undelegate(list(1));
        assertEq(staking.delegatedIn(first, 1), 2, "to the end of the epoch");
        to(2);
        assertEq(staking.delegatedIn(first, 2), 1);
        assertEq(staking.delegatedIn(first, 1), 2, "what was stays");
        assertEq(staking.delegatedIn(second, 2), 2);
        assertEq(staking.delegatedIn(LICENSES, 2), 0, "no operator");
    }

    function test_DelegatedIn_WhenALicenceIsSold() external {
        delegate(ada, list(1, 2), first);
        to(11);
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
        delegate(bob, list(1), second);
        license.burn(2);
        staking.release(list(2));
        assertEq(staking.delegatedIn(first, 11), 2);
        to(12);
        assertEq(staking.delegatedIn(first, 12), 0);
        assertEq(staking.delegatedIn(second, 12), 1);
    }

    function test_DelegatedIn_WhenTheBuyerKeepsTheOperator() external {
        delegate(ada, list(1, 2), first);
        to(11);
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
        delegate(bob, list(1), first);
        to(12);
        assertEq(staking.delegatedIn(first, 12), 2);
    }

    function test_DelegatedIn_RevertWhen_TheEpochHasNotBegun() external {
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_Future.selector, 1));
        staking.delegatedIn(first, 1);
    }

    /// @dev The rate is the one that was agreed to, whatever the operator asks later.
    function test_Delegate_WhenTheOperatorAsksMoreLater() external {
        delegate(ada, list(1, 2), first);
        vm.prank(operator);
        staking.setOffer(10_000, 3);
        to(5);
        assertEq(staking.runIn(1, 5).rate, RATE);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadRate.selector, 10_000));
        vm.prank(bob);
        staking.delegate(list(4), first, RATE);
    }

    function test_Delegate_RevertWhen_TheCapIsReached() external {
        delegate(ada, list(1, 2), first);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_OverCap.selector, first, 2));
        vm.prank(bob);
        staking.delegate(list(4), first, RATE);
        vm.prank(ada);
        staking.undelegate(list(1));
        delegate(bob, list(4), first);
        // A lower cap sends nobody away.
        vm.prank(operator);
        staking.setOffer(RATE, 0);
        assertEq(staking.operatorAt(first).delegated, 2);
    }

    function test_Delegate_RevertWhen_ItIsNotTheirs() external {
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotTheOwner.selector, 4, ada));
        vm.prank(ada);
        staking.delegate(list(1, 4), first, RATE);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        vm.prank(ada);
        staking.delegate(list(1), LICENSES, RATE);
        delegate(ada, list(1), first);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_Delegated.selector, 1, first));
        vm.prank(ada);
        staking.delegate(list(1), second, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotTheOwner.selector, 1, bob));
        vm.prank(bob);
        staking.undelegate(list(1));
    }

    function test_Undelegate() external {
        delegate(ada, list(1), first);
        to(2);
        vm.prank(ada);
        staking.undelegate(list(1));
        assertEq(staking.runIn(1, 2).operator, first, "to the end of the epoch");
        assertEq(staking.delegationOf(1).freeAt, 3 + THAW);
        to(3);
        assertEq(staking.runIn(1, 3).operator, 0);
        assertEq(staking.operatorAt(first).delegated, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotDelegated.selector, 1));
        vm.prank(ada);
        staking.undelegate(list(1));
        to(1 + THAW);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_Thawing.selector, 1, 3 + THAW));
        vm.prank(ada);
        staking.delegate(list(1), second, 0);
        to(2 + THAW);
        delegate(ada, list(1), second);
        to(3 + THAW);
        assertEq(staking.runIn(1, 3 + THAW).operator, second);
    }

    /* ATTACKS */

    /// @dev Who sold a licence wants to go on choosing its operator, or to hold the buyer to the old one.
    function test_Attack_DelegationAfterSale() external {
        delegate(ada, list(1), first);
        to(11);
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotTheOwner.selector, 1, ada));
        vm.prank(ada);
        staking.undelegate(list(1));
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotTheOwner.selector, 1, ada));
        vm.prank(ada);
        staking.delegate(list(1), second, 0);
        delegate(bob, list(1), second);
        assertEq(staking.operatorAt(first).delegated, 0);
        assertEq(staking.operatorAt(second).delegated, 1);
        to(12);
        assertEq(staking.runIn(1, 12).operator, second);
        assertEq(staking.runIn(1, 11).operator, first);
    }

    /// @dev The seller ends its delegation right before the sale, so that the licence rests at its buyer.
    function test_Attack_TheBuyerIsLeftThawing() external {
        delegate(ada, list(1), first);
        to(11);
        vm.startPrank(ada);
        staking.undelegate(list(1));
        license.transferFrom(ada, bob, 1);
        vm.stopPrank();
        delegate(bob, list(1), second);
        to(12);
        assertEq(staking.runIn(1, 12).operator, second);
    }

    /// @dev Somebody ends others' delegations; or an operator's cap is filled with licences that are gone.
    function test_Attack_ReleasingWhatIsOwned() external {
        delegate(ada, list(1, 2), first);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_StillOwned.selector, 1));
        staking.release(list(1));
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotDelegated.selector, 3));
        staking.release(list(3));
        license.burn(1);
        to(11);
        vm.prank(ada);
        license.transferFrom(ada, bob, 2);
        staking.release(list(1, 2));
        assertEq(staking.operatorAt(first).delegated, 0);
        to(12);
        assertEq(staking.runIn(1, 12).operator, 0);
        assertEq(staking.runIn(2, 12).operator, 0);
        assertEq(staking.runIn(2, 11).operator, first);
        // Bob is not bound by it.
        delegate(bob, list(2), first);
    }

    /// @dev An operator raises its rate in front of a delegation.
    function test_Attack_TheRateIsRaisedInFront() external {
        vm.prank(operator);
        staking.setOffer(10_000, 2);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadRate.selector, 10_000));
        vm.prank(ada);
        staking.delegate(list(1), first, RATE);
    }

    /// @dev A stolen attesting key wants more than to attest.
    function test_Attack_TheHotKeyIsStolen() external {
        delegate(ada, list(1), first);
        vm.startPrank(key);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        staking.setKey(key);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        staking.setOffer(0, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_NotTheOwner.selector, 1, key));
        staking.undelegate(list(1));
        vm.stopPrank();
    }

    /* TERMS */

    function test_RevertWhen_TheTermsAreUnsound() external {
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadTerms.selector, bytes32("licenses")));
        new LicenseStaking(license, 0, GENESIS, LENGTH, THAW);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadTerms.selector, bytes32("epochLength"))
        );
        new LicenseStaking(license, LICENSES, GENESIS, 0, THAW);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_BadTerms.selector, bytes32("thawEpochs")));
        new LicenseStaking(license, LICENSES, GENESIS, LENGTH, 10_001);
    }

    function to(uint32 epoch) private {
        vm.warp(GENESIS + uint256(epoch) * LENGTH + LENGTH / 2);
        assertEq(staking.currentEpoch(), epoch);
    }

    function delegate(address owner, uint256[] memory ids, uint32 number) private {
        uint16 rate = staking.operatorAt(number).rate;
        vm.prank(owner);
        staking.delegate(ids, number, rate);
    }

    function mint(address buyer, uint256 from, uint256 count) private {
        Purchase memory purchase;
        (purchase.buyer, purchase.boughtAt) = (buyer, uint40(block.timestamp));
        license.mint(from, count, purchase);
    }

    function list(uint256 id) private pure returns (uint256[] memory ids) {
        ids = new uint256[](1);
        ids[0] = id;
    }

    function list(uint256 a, uint256 b) private pure returns (uint256[] memory ids) {
        ids = new uint256[](2);
        (ids[0], ids[1]) = (a, b);
    }
}
