// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Commission, IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

contract Staking_SetCommission_Test is DelegationTest {
    function testFuzz_RevertWhen_TheRateExceedsTheWhole(uint16 rate) external {
        rate = uint16(bound(rate, 10_001, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_BadCommission.selector, rate));
        setCommission(rate);
    }

    function testFuzz_WhenTheRateIsHigher(uint16 rate) external {
        rate = uint16(bound(rate, 1, 10_000));
        uint40 effectiveAt = uint40(block.timestamp) + THAW;
        vm.expectEmit(address(staking));
        emit IStaking.CommissionSet(operator, service, rate, effectiveAt);
        setCommission(rate);
        assertCommission(0, rate, effectiveAt);
        skip(THAW - 1);
        assertCommission(0, rate, effectiveAt);
        skip(1);
        assertCommission(rate, rate, effectiveAt);
        assertEq(staking.commissionOf(operator, rival).rate, 0, "for one service only");
    }

    function test_WhenTheRateIsLower() external {
        setCommission(5000);
        skip(THAW);
        vm.expectEmit(address(staking));
        emit IStaking.CommissionSet(operator, service, 1000, uint40(block.timestamp));
        setCommission(1000);
        assertCommission(1000, 1000, block.timestamp);
    }

    function test_GivenAHigherRateThatDoesNotHoldYet() external {
        setCommission(1000);
        skip(THAW);
        setCommission(5000);
        skip(THAW - 1);
        setCommission(6000);
        assertCommission(1000, 6000, block.timestamp + THAW);
        skip(THAW - 1);
        assertCommission(1000, 6000, block.timestamp + 1);
        setCommission(1000);
        assertCommission(1000, 1000, block.timestamp);
        skip(THAW);
        assertCommission(1000, 1000, block.timestamp - THAW);
    }

    function test_WhenNothingWasSet() external view {
        assertCommission(0, 0, 0);
    }

    function assertCommission(uint256 rate, uint256 nextRate, uint256 nextAt) private view {
        Commission memory commission = staking.commissionOf(operator, service);
        assertEq(commission.rate, rate, "rate");
        assertEq(commission.nextRate, nextRate, "nextRate");
        assertEq(commission.nextAt, nextAt, "nextAt");
    }
}
