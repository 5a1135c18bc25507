// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ModelRegistryTest} from "./ModelRegistryTest.sol";

/// @notice Gas of each verb as a transaction of its own, and the size of the bytecode.
/// forge-config: default.isolate = true
contract ModelRegistry_Gas_Test is ModelRegistryTest {
    string private constant GROUP = "ModelRegistry";

    function test_Gas_Size() external {
        assertLt(address(registry).code.length, 24_576);
        vm.snapshotValue(GROUP, "bytecode size", address(registry).code.length);
    }

    function test_Gas_Register() external {
        vm.prank(stranger);
        registry.register(PROGRAM, WEIGHTS, UNIT_BYTES, "ipfs://model", royalties(), floors());
        vm.snapshotGasLastCall(GROUP, "register, 2 royalties, 2 floors");
    }

    function test_Gas_Set() external {
        vm.startPrank(owner);
        registry.setRoyalties(modelId, evenRoyalties(8, 625));
        vm.snapshotGasLastCall(GROUP, "setRoyalties, 8 accounts");
        registry.setPriceFloor(modelId, dollar, true, 6);
        vm.snapshotGasLastCall(GROUP, "setPriceFloor");
        registry.transferModel(modelId, stranger);
        vm.snapshotGasLastCall(GROUP, "transferModel");
    }

    function test_Gas_CheckTerms() external {
        registry.checkTerms(modelId, dollar, 5, UNIT_BYTES, royalties());
        vm.snapshotGasLastCall(GROUP, "checkTerms, 2 royalties");
    }
}
