// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IValidatorSeats} from "../../src/work/IValidatorSeats.sol";
import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_LeaveSeat_Test is SeatsTest {
    function test_RevertGiven_TheCallerHoldsNoSeat() external {
        sit(0);
        expectNotSeated(1);
        standUp(1);
        standUp(0);
        expectNotSeated(0);
        standUp(0);
    }

    function test_RevertWhen_TheSeatIsAnotherServices() external {
        address account = sit(0);
        expectNotSeated(0);
        vm.prank(account);
        seats.leaveSeat(other);
    }

    function test_WhenItHoldsTheLastNumber() external {
        sitDown(3);
        uint40 freeAt = uint40(block.timestamp) + EXIT;
        address account = validator(2);
        vm.expectEmit(address(seats));
        emit IValidatorSeats.Unseated(service, account, 3, address(0), freeAt);
        standUp(2);
        assertSeat(2, 0, freeAt, SEAT);
        assertEq(seats.seatCount(service), 2);
        assertEq(locked(2), SEAT, "the stake stays locked");
    }

    function test_WhenItHoldsAnotherNumber() external {
        sitDown(3);
        (address account, address moved) = (validator(0), validator(2));
        vm.expectEmit(address(seats));
        emit IValidatorSeats.Unseated(service, account, 1, moved, uint40(block.timestamp) + EXIT);
        standUp(0);
        assertEq(numberOf(2), 1, "the last one moves to the gap");
        assertEq(numberOf(1), 2);
        assertEq(seats.seatCount(service), 2);
        standUp(2);
        assertEq(numberOf(1), 1);
        standUp(1);
        assertEq(seats.seatCount(service), 0);
    }
}
