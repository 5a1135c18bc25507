// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {FeeSchedule} from "../../../src/ledger/FeeSchedule.sol";
import {IFeeSchedule} from "../../../src/ledger/IFeeSchedule.sol";
import {FeeScheduleTest} from "./FeeScheduleTest.sol";

contract FeeSchedule_Constructor_Test is FeeScheduleTest {
    function test_RevertWhen_ThePoolIsTheZeroAddress() external {
        vm.expectRevert(IFeeSchedule.FeeSchedule_ZeroPool.selector);
        new FeeSchedule(address(manager), address(0), 250);
    }

    function test_RevertWhen_TheDefaultRateExceedsTheMaximum() external {
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeSchedule_RateTooHigh.selector, 1001, 1000));
        new FeeSchedule(address(manager), pool, 1001);
    }

    function test_WhenBothAreInRange() external {
        vm.expectEmit();
        emit IFeeSchedule.DefaultRateSet(1000);
        FeeSchedule other = new FeeSchedule(address(manager), pool, 1000);
        assertEq(other.pool(), pool);
        assertEq(other.authority(), address(manager));
        assertEq(other.defaultRate(), 1000);
        assertEq(other.rateOf(token), 1000);
        assertEq(other.MAX_RATE(), 1000);
    }
}
