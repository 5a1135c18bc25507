// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IValidatorSeats} from "../../src/work/IValidatorSeats.sol";
import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_ReleaseSeat_Test is SeatsTest {
    function release(uint256 i) private {
        address account = validator(i);
        vm.prank(makeAddr("anyone"));
        seats.releaseSeat(service, account);
    }

    function test_RevertGiven_ThereIsNoSeat() external {
        expectNotSeated(0);
        release(0);
        sit(0);
        slash(0);
        expectNotSeated(0);
        release(0);
    }

    function test_RevertGiven_TheSeatIsHeld() external {
        sit(0);
        skip(365 days);
        expectSeated(0, 0);
        release(0);
    }

    function test_RevertWhen_TheDelayIsNotOver() external {
        sit(0);
        standUp(0);
        uint40 freeAt = uint40(block.timestamp) + EXIT;
        vm.warp(freeAt - 1);
        expectSeated(0, freeAt);
        release(0);
    }

    function test_WhenDelegatedStakeIsInIt() external {
        uint256 rest = backed(small, delegator);
        take(small, service);
        undelegate(delegator, small);
        vm.prank(small);
        seats.leaveSeat(service);
        skip(EXIT);
        seats.releaseSeat(service, small);
        assertEq(ownLock(small) + delegatedLock(small), 0);
        assertEq(withdraw(delegator, small), rest);
    }

    function test_WhenTheDelayIsOver() external {
        sit(0);
        standUp(0);
        skip(EXIT);
        address account = validator(0);
        vm.expectEmit(address(seats));
        emit IValidatorSeats.SeatReleased(service, account, SEAT);
        release(0);
        assertSeat(0, 0, 0, 0);
        assertEq(locked(0), 0);
        assertEq(staking.freeStake(account, address(seats)), 16 * SEAT);
        expectNotSeated(0);
        release(0);
    }
}
