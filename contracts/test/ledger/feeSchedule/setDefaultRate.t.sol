// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IFeeSchedule} from "../../../src/ledger/IFeeSchedule.sol";
import {FeeScheduleTest} from "./FeeScheduleTest.sol";

contract FeeSchedule_SetDefaultRate_Test is FeeScheduleTest {
    function testFuzz_RevertWhen_TheCallerHasNoRole(address caller) external {
        vm.assume(caller != keeper);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        fees.setDefaultRate(1);
    }

    function testFuzz_RevertWhen_TheRateExceedsTheMaximum(uint16 rate) external {
        rate = uint16(bound(rate, 1001, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeSchedule_RateTooHigh.selector, rate, 1000));
        vm.prank(keeper);
        fees.setDefaultRate(rate);
    }

    function testFuzz_WhenTheRateIsInRange(uint16 rate) external {
        rate = uint16(bound(rate, 0, 1000));
        vm.startPrank(keeper);
        fees.setRate(token, 77);
        vm.expectEmit(address(fees));
        emit IFeeSchedule.DefaultRateSet(rate);
        fees.setDefaultRate(rate);

        assertEq(fees.rateOf(address(0)), rate);
        assertEq(fees.rateOf(stranger), rate);
        assertEq(fees.rateOf(token), 77);
    }
}
