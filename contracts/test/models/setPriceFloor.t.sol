// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_SetPriceFloor_Test is ModelRegistryTest {
    function test_RevertGiven_AnUnknownModel() external {
        expectUnknown();
        vm.prank(owner);
        registry.setPriceFloor(PROGRAM, dollar, true, 1);
    }

    function testFuzz_RevertWhen_TheCallerIsNotTheOwner(address caller) external {
        expectRefused(caller);
        vm.prank(caller);
        registry.setPriceFloor(modelId, dollar, true, 1);
    }

    function test_WhenTheTokenIsNotAccepted() external {
        vm.expectEmit(address(registry));
        emit IModelRegistry.PriceFloorSet(modelId, dollar, false, 0);
        vm.prank(owner);
        registry.setPriceFloor(modelId, dollar, false, 99);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_TokenNotAccepted.selector, modelId, dollar));
        registry.priceFloorOf(modelId, dollar);
        assertEq(registry.priceFloorOf(modelId, address(0)), 0);
    }

    function testFuzz_WhenTheTokenIsAccepted(address token, uint128 unitPrice) external {
        vm.expectEmit(address(registry));
        emit IModelRegistry.PriceFloorSet(modelId, token, true, unitPrice);
        vm.prank(owner);
        registry.setPriceFloor(modelId, token, true, unitPrice);
        assertEq(registry.priceFloorOf(modelId, token), unitPrice);
    }
}
