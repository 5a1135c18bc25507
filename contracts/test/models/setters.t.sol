// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, Model, Royalty} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_Setters_Test is ModelRegistryTest {
    function test_RevertGiven_AnUnknownModel() external {
        bytes memory unknown = abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownModel.selector, PROGRAM);
        Royalty[] memory split = royalties();
        vm.startPrank(owner);
        vm.expectRevert(unknown);
        registry.setRoyalties(PROGRAM, split);
        vm.expectRevert(unknown);
        registry.setPriceFloor(PROGRAM, dollar, true, 1);
        vm.expectRevert(unknown);
        registry.setMetadata(PROGRAM, "");
        vm.expectRevert(unknown);
        registry.transferModel(PROGRAM, owner);
    }

    function testFuzz_RevertWhen_TheCallerIsNotTheOwner(address caller) external {
        vm.assume(caller != owner);
        bytes memory refused = abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotOwner.selector, modelId, caller);
        Royalty[] memory split = royalties();
        vm.startPrank(caller);
        vm.expectRevert(refused);
        registry.setRoyalties(modelId, split);
        vm.expectRevert(refused);
        registry.setPriceFloor(modelId, dollar, true, 1);
        vm.expectRevert(refused);
        registry.setMetadata(modelId, "");
        vm.expectRevert(refused);
        registry.transferModel(modelId, caller);
    }

    /* ROYALTIES */

    function test_RevertWhen_TheSplitIsOutOfRange() external {
        Royalty[] memory list = evenRoyalties(2, 2501);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_RoyaltiesTooHigh.selector, 5002, 5000));
        vm.prank(owner);
        registry.setRoyalties(modelId, list);
    }

    function test_WhenTheSplitIsInRange() external {
        Royalty[] memory list = evenRoyalties(1, 5000);
        vm.expectEmit(address(registry));
        emit IModelRegistry.RoyaltiesSet(modelId, list);
        vm.prank(owner);
        registry.setRoyalties(modelId, list);
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, list);

        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_StaleTerms.selector, modelId));
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, royalties());
    }

    /* PRICE FLOORS */

    function testFuzz_WhenTheTokenIsAccepted(address token, uint128 unitPrice) external {
        vm.expectEmit(address(registry));
        emit IModelRegistry.PriceFloorSet(modelId, token, true, unitPrice);
        vm.prank(owner);
        registry.setPriceFloor(modelId, token, true, unitPrice);
        assertEq(registry.priceFloorOf(modelId, token), unitPrice);
    }

    function test_WhenTheTokenIsNotAccepted() external {
        vm.expectEmit(address(registry));
        emit IModelRegistry.PriceFloorSet(modelId, dollar, false, 0);
        vm.prank(owner);
        registry.setPriceFloor(modelId, dollar, false, 99);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_TokenNotAccepted.selector, modelId, dollar));
        registry.priceFloorOf(modelId, dollar);
        assertEq(registry.priceFloorOf(modelId, address(0)), 0, "others stay");
    }

    /* METADATA AND OWNERSHIP */

    function test_SetMetadata() external {
        vm.expectEmit(address(registry));
        emit IModelRegistry.MetadataSet(modelId, "ipfs://better");
        vm.prank(owner);
        registry.setMetadata(modelId, "ipfs://better");
    }

    function test_RevertWhen_TheNewOwnerIsTheZeroAddress() external {
        vm.expectRevert(IModelRegistry.ModelRegistry_ZeroOwner.selector);
        vm.prank(owner);
        registry.transferModel(modelId, address(0));
    }

    function test_WhenTheNewOwnerIsAnAccount() external {
        Model memory before = registry.modelOf(modelId);
        vm.expectEmit(address(registry));
        emit IModelRegistry.ModelTransferred(modelId, stranger);
        vm.prank(owner);
        registry.transferModel(modelId, stranger);

        Model memory model = registry.modelOf(modelId);
        assertEq(model.owner, stranger);
        before.owner = stranger;
        assertEq(abi.encode(model), abi.encode(before), "nothing but the owner changed");
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, royalties());

        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotOwner.selector, modelId, owner));
        vm.prank(owner);
        registry.setMetadata(modelId, "");
        vm.prank(stranger);
        registry.setPriceFloor(modelId, dollar, true, 6);
        assertEq(registry.priceFloorOf(modelId, dollar), 6);
    }
}
