// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Purchase} from "../../src/nodes/INodeLicense.sol";
import {LicenseStaking} from "../../src/nodes/LicenseStaking.sol";
import {NodeLicense} from "../../src/nodes/NodeLicense.sol";

/// @notice Gas of each verb as a transaction of its own, for licences that were never delegated.
/// forge-config: default.isolate = true
contract LicenseStaking_Gas_Test is Test {
    string private constant GROUP = "LicenseStaking";

    LicenseStaking private staking;
    address private ada = makeAddr("ada");

    function setUp() external {
        vm.warp(1_800_000_000);
        NodeLicense license = new NodeLicense("Assay Node", "NODE", 1, 1_800_000_000, address(0), 0);
        Purchase memory purchase;
        (purchase.buyer, purchase.boughtAt) = (ada, uint40(block.timestamp));
        license.mint(1, 20, purchase);
        staking = new LicenseStaking(license, 20, 1_800_000_000, 1 days, 3);
        staking.register(ada, 1000, 100);
    }

    function test_Gas() external {
        vm.startPrank(ada);
        staking.delegate(list(1, 1), 21, 1000);
        vm.snapshotGasLastCall(GROUP, "delegate, one");
        staking.delegate(list(2, 10), 21, 1000);
        vm.snapshotGasLastCall(GROUP, "delegate, ten");
        vm.warp(block.timestamp + 2 days);
        staking.undelegate(list(1, 1));
        vm.snapshotGasLastCall(GROUP, "undelegate, one");
        staking.register(ada, 1000, 100);
        vm.snapshotGasLastCall(GROUP, "register");
    }

    function list(uint256 first, uint256 count) private pure returns (uint256[] memory ids) {
        ids = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            ids[i] = first + i;
        }
    }
}
