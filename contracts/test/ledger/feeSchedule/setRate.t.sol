// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IFeeSchedule} from "../../../src/ledger/IFeeSchedule.sol";
import {FeeScheduleTest} from "./FeeScheduleTest.sol";

contract FeeSchedule_SetRate_Test is FeeScheduleTest {
    function testFuzz_RevertWhen_TheCallerHasNoRole(address caller) external {
        vm.assume(caller != keeper);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        fees.setRate(token, 1);
    }

    function testFuzz_RevertWhen_TheRateExceedsTheMaximum(uint16 rate) external {
        rate = uint16(bound(rate, 1001, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeSchedule_RateTooHigh.selector, rate, 1000));
        vm.prank(keeper);
        fees.setRate(token, rate);
    }

    function test_WhenTheRateIsZero() external {
        vm.prank(keeper);
        fees.setRate(token, 0);
        assertEq(fees.rateOf(token), 0);
        assertEq(fees.rateOf(stranger), 250);
    }

    function testFuzz_WhenTheRateIsInRange(uint16 rate) external {
        rate = uint16(bound(rate, 0, 1000));
        vm.expectEmit(address(fees));
        emit IFeeSchedule.RateSet(token, rate);
        vm.prank(keeper);
        fees.setRate(token, rate);
        assertEq(fees.rateOf(token), rate);
        assertEq(fees.rateOf(stranger), 250);
        assertEq(fees.defaultRate(), 250);
    }

    /// @dev Where the role has a delay, a change must wait for it.
    function test_GivenADelay_ItWaits() external {
        vm.prank(admin);
        manager.grantRole(KEEPER, keeper, 3 days);
        // A longer delay holds at once.
        bytes memory call = abi.encodeCall(fees.setRate, (token, 900));
        bytes32 operation = manager.hashOperation(keeper, address(fees), call);
        vm.startPrank(keeper);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        fees.setRate(token, 900);

        manager.schedule(address(fees), call, 0);
        skip(3 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, operation));
        manager.execute(address(fees), call);
        skip(1);
        manager.execute(address(fees), call);
        assertEq(fees.rateOf(token), 900);
    }
}
