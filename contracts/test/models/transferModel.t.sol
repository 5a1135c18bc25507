// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, Model} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_TransferModel_Test is ModelRegistryTest {
    function test_RevertGiven_AnUnknownModel() external {
        expectUnknown();
        vm.prank(owner);
        registry.transferModel(PROGRAM, stranger);
    }

    function testFuzz_RevertWhen_TheCallerIsNotTheOwner(address caller) external {
        expectRefused(caller);
        vm.prank(caller);
        registry.transferModel(modelId, caller);
    }

    function test_RevertWhen_TheNewOwnerIsTheZeroAddress() external {
        vm.expectRevert(IModelRegistry.ModelRegistry_ZeroOwner.selector);
        vm.prank(owner);
        registry.transferModel(modelId, address(0));
    }

    function test_WhenTheNewOwnerIsAnAccount() external {
        Model memory expected = registry.modelOf(modelId);
        expected.owner = stranger;
        vm.expectEmit(address(registry));
        emit IModelRegistry.ModelTransferred(modelId, stranger);
        vm.prank(owner);
        registry.transferModel(modelId, stranger);

        assertEq(abi.encode(registry.modelOf(modelId)), abi.encode(expected), "nothing but the owner changed");
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, royalties());

        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotOwner.selector, modelId, owner));
        vm.prank(owner);
        registry.setMetadata(modelId, "");
        vm.prank(stranger);
        registry.setPriceFloor(modelId, dollar, true, 6);
        assertEq(registry.priceFloorOf(modelId, dollar), 6);
    }
}
