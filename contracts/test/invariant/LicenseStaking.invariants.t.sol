// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Run} from "../../src/nodes/ILicenseStaking.sol";
import {LicenseStaking} from "../../src/nodes/LicenseStaking.sol";
import {LicenseStakingHandler} from "./handlers/LicenseStakingHandler.sol";

/// @notice The invariants of delegated licences; README.md states each in prose.
contract LicenseStaking_Invariants_Test is Test {
    uint32 private constant LICENSES = 8;

    LicenseStakingHandler private handler;
    LicenseStaking private staking;

    function setUp() external {
        handler = new LicenseStakingHandler();
        vm.warp(1_800_000_000);
        staking = handler.staking();
        bytes4[] memory acts = new bytes4[](7);
        (acts[0], acts[1], acts[2]) = (handler.delegate.selector, handler.undelegate.selector, handler.release.selector);
        (acts[3], acts[4], acts[5]) = (handler.sell.selector, handler.burn.selector, handler.setOffer.selector);
        acts[6] = handler.pass.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), acts));
    }

    /// @dev L1 and L2.
    function invariant_LicencesAreCounted() external view {
        for (uint32 number = LICENSES + 1; number <= LICENSES + 3; ++number) {
            uint256 named;
            for (uint256 id = 1; id <= LICENSES; ++id) {
                if (handler.operatorOf(id) == number) ++named;
            }
            assertEq(staking.operatorAt(number).delegated, named, "L1");
            assertLe(named, staking.operatorAt(number).cap, "L2");
        }
    }

    /// @dev L4.
    function invariant_WhatAnOperatorRunsIsCounted() external view {
        uint32 last = handler.epoch();
        for (uint32 epoch = last < 8 ? 0 : last - 7; epoch <= last; ++epoch) {
            for (uint32 number = LICENSES + 1; number <= LICENSES + 3; ++number) {
                uint32 named;
                for (uint256 id = 1; id <= LICENSES; ++id) {
                    if (handler.runOf(epoch, id).operator == number) ++named;
                }
                assertEq(staking.delegatedIn(number, epoch), named, "L4");
            }
        }
    }

    /// @dev L3, of the last eight epochs: each is looked at many times.
    function invariant_WhatHeldStays() external view {
        uint32 last = handler.epoch();
        for (uint32 epoch = last < 8 ? 0 : last - 7; epoch <= last; ++epoch) {
            for (uint256 id = 1; id <= LICENSES; ++id) {
                Run memory was = handler.runOf(epoch, id);
                Run memory run = staking.runIn(id, epoch);
                assertEq(run.operator, was.operator, "L3");
                assertEq(run.rate, was.rate, "L3: rate");
            }
        }
    }
}
