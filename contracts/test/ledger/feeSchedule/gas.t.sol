// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {FeeScheduleTest} from "./FeeScheduleTest.sol";

/// @notice Gas of each verb as a transaction of its own, and the size of the bytecode.
/// forge-config: default.isolate = true
contract FeeSchedule_Gas_Test is FeeScheduleTest {
    string private constant GROUP = "FeeSchedule";

    function test_Gas_Size() external {
        assertLt(address(fees).code.length, 24_576);
        vm.snapshotValue(GROUP, "bytecode size", address(fees).code.length);
    }

    function test_Gas_SetRate() external {
        vm.startPrank(keeper);
        fees.setRate(token, 1);
        vm.snapshotGasLastCall(GROUP, "setRate");
        fees.setDefaultRate(1);
        vm.snapshotGasLastCall(GROUP, "setDefaultRate");
        fees.rateOf(token);
        vm.snapshotGasLastCall(GROUP, "rateOf");
    }
}
