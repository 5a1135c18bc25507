// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry} from "../../src/work/IModelRegistry.sol";
import {ModelRegistryTest} from "./ModelRegistryTest.sol";

contract ModelRegistry_SetMetadata_Test is ModelRegistryTest {
    function test_RevertGiven_AnUnknownModel() external {
        expectUnknown();
        vm.prank(owner);
        registry.setMetadata(PROGRAM, "");
    }

    function testFuzz_RevertWhen_TheCallerIsNotTheOwner(address caller) external {
        expectRefused(caller);
        vm.prank(caller);
        registry.setMetadata(modelId, "");
    }

    function test_WhenTheCallerIsTheOwner() external {
        vm.expectEmit(address(registry));
        emit IModelRegistry.MetadataSet(modelId, "ipfs://better");
        vm.prank(owner);
        registry.setMetadata(modelId, "ipfs://better");
    }
}
