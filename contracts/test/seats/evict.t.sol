// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {IValidatorSeats, Seat} from "../../src/work/IValidatorSeats.sol";
import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_Evict_Test is SeatsTest {
    uint256 private rest;

    function setUp() public override {
        super.setUp();
        rest = backed(small, delegator);
        take(small, service);
    }

    function expectNotOverdue() private {
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_NotOverdue.selector, small, delegator));
    }

    function evict() private {
        vm.prank(makeAddr("anyone"));
        seats.evict(service, small, delegator);
    }

    function test_RevertGiven_NobodyThaws() external {
        skip(365 days);
        expectNotOverdue();
        evict();
    }

    function test_RevertGiven_TheThawIsNotOver() external {
        undelegate(delegator, small);
        skip(7 days - 1);
        expectNotOverdue();
        evict();
    }

    function test_RevertGiven_WhatThawedIsNotLocked() external {
        delegate(customer, small, 5);
        undelegate(customer, small);
        skip(7 days);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_NotOverdue.selector, small, customer));
        seats.evict(service, small, customer);
        assertEq(withdraw(customer, small), 5);
    }

    function test_RevertGiven_TheValidatorHadAsMuchDelegatedAnew() external {
        undelegate(delegator, small);
        skip(7 days);
        delegate(customer, small, rest);
        expectNotOverdue();
        evict();
        assertEq(withdraw(delegator, small), rest);
        assertEq(delegatedLock(small), rest, "the seat goes on");
    }

    function test_RevertGiven_TheValidatorHoldsNoSeatOfTheService() external {
        undelegate(delegator, small);
        skip(7 days);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_NotSeated.selector, small));
        seats.evict(other, small, delegator);
        evict();
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_NotSeated.selector, small));
        evict();
    }

    function test_WhenStakeThatThawedIsLocked() external {
        sit(0);
        undelegate(delegator, small);
        skip(7 days);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolLocked.selector, rest));
        withdraw(delegator, small);

        uint40 freeAt = uint40(block.timestamp) + EXIT;
        vm.expectEmit(address(seats));
        emit IValidatorSeats.Evicted(service, small, delegator, rest);
        vm.expectEmit(address(seats));
        emit IValidatorSeats.Unseated(service, small, 1, validator(0), freeAt);
        evict();
        Seat memory seat = seats.seatOf(service, small);
        assertEq(seat.number, 0);
        assertEq(seat.releasableAt, freeAt);
        assertEq(seat.stake, SEAT);
        assertEq(seats.seatCount(service), 1);

        vm.warp(freeAt - 1);
        uint256 start = vm.snapshotState();
        vm.prank(service);
        assertEq(seats.slash(small, accuser, customer), SEAT, "bound by what it was drawn for");
        vm.revertToState(start);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_Seated.selector, small, freeAt));
        seats.releaseSeat(service, small);
        vm.warp(freeAt);
        seats.releaseSeat(service, small);
        assertEq(withdraw(delegator, small), rest);
        assertEq(balance(delegator), rest);
    }
}
