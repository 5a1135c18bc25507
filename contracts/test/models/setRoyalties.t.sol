// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, Royalty} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_SetRoyalties_Test is ModelRegistryTest {
    function test_RevertGiven_AnUnknownModel() external {
        Royalty[] memory split = royalties();
        expectUnknown();
        vm.prank(owner);
        registry.setRoyalties(PROGRAM, split);
    }

    function testFuzz_RevertWhen_TheCallerIsNotTheOwner(address caller) external {
        Royalty[] memory split = royalties();
        expectRefused(caller);
        vm.prank(caller);
        registry.setRoyalties(modelId, split);
    }

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

    function test_WhenTheSplitIsEmpty() external {
        vm.prank(owner);
        registry.setRoyalties(modelId, new Royalty[](0));
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, new Royalty[](0));
    }
}
