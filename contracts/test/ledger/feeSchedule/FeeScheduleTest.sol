// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Test} from "forge-std/Test.sol";
import {FeeSchedule} from "../../../src/ledger/FeeSchedule.sol";

/// @notice A fee schedule behind an access manager whose role `KEEPER` sets rates at once.
abstract contract FeeScheduleTest is Test {
    uint64 internal constant KEEPER = 1;

    address internal admin = makeAddr("admin");
    address internal keeper = makeAddr("keeper");
    address internal pool = makeAddr("pool");
    address internal token = makeAddr("token");
    address internal stranger = makeAddr("stranger");

    AccessManager internal manager;
    FeeSchedule internal fees;

    function setUp() public {
        manager = new AccessManager(admin);
        fees = new FeeSchedule(address(manager), pool, 250);

        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = fees.setDefaultRate.selector;
        selectors[1] = fees.setRate.selector;
        vm.startPrank(admin);
        manager.setTargetFunctionRole(address(fees), selectors, KEEPER);
        manager.grantRole(KEEPER, keeper, 0);
        vm.stopPrank();
    }
}
