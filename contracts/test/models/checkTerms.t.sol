// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, Royalty} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_CheckTerms_Test is ModelRegistryTest {
    function test_RevertGiven_AnUnknownModel() external {
        bytes memory unknown = abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownModel.selector, PROGRAM);
        vm.expectRevert(unknown);
        registry.checkTerms(PROGRAM, dollar, 5, UNIT_BYTES, royalties());
        vm.expectRevert(unknown);
        registry.modelOf(PROGRAM);
        vm.expectRevert(unknown);
        registry.priceFloorOf(PROGRAM, dollar);
    }

    function test_RevertWhen_TheTokenIsNotAccepted() external {
        bytes memory refused =
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_TokenNotAccepted.selector, modelId, euro);
        vm.expectRevert(refused);
        registry.checkTerms(modelId, euro, type(uint256).max, UNIT_BYTES, royalties());
        vm.expectRevert(refused);
        registry.priceFloorOf(modelId, euro);
    }

    function testFuzz_RevertWhen_TheUnitPriceIsUnderTheFloor(uint128 floor, uint256 unitPrice) external {
        floor = uint128(bound(floor, 1, type(uint128).max));
        unitPrice = bound(unitPrice, 0, floor - 1);
        vm.prank(owner);
        registry.setPriceFloor(modelId, dollar, true, floor);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_PriceUnderFloor.selector, modelId, dollar, unitPrice, floor
            )
        );
        registry.checkTerms(modelId, dollar, unitPrice, UNIT_BYTES, royalties());
    }

    function testFuzz_RevertWhen_TheUnitBytesAreNotTheModels(uint8 unitBytes) external {
        vm.assume(unitBytes != UNIT_BYTES);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_StaleTerms.selector, modelId));
        registry.checkTerms(modelId, dollar, 5, unitBytes, royalties());
    }

    function test_RevertWhen_TheRoyaltiesAreNotTheModels() external {
        bytes memory stale = abi.encodeWithSelector(IModelRegistry.ModelRegistry_StaleTerms.selector, modelId);
        vm.expectRevert(stale);
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, new Royalty[](0));

        Royalty[] memory list = royalties();
        list[0].share -= 1;
        vm.expectRevert(stale);
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, list);

        list = royalties();
        (list[0], list[1]) = (list[1], list[0]);
        vm.expectRevert(stale);
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, list);
    }

    function testFuzz_WhenTheTermsAreCurrent(uint256 unitPrice) external view {
        registry.checkTerms(modelId, dollar, bound(unitPrice, 5, type(uint256).max), UNIT_BYTES, royalties());
        registry.checkTerms(modelId, address(0), unitPrice, UNIT_BYTES, royalties());
    }
}
