// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {IValidatorSeats} from "../../src/work/IValidatorSeats.sol";
import {ValidatorSeats} from "../../src/work/ValidatorSeats.sol";
import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_TakeSeat_Test is SeatsTest {
    function test_RevertWhen_AParameterIsZero() external {
        vm.expectRevert(
            abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_BadParameter.selector, bytes32("seatStake"))
        );
        new ValidatorSeats(staking, ledger, 0, EXIT);
        vm.expectRevert(
            abi.encodeWithSelector(IValidatorSeats.ValidatorSeats_BadParameter.selector, bytes32("exitDelay"))
        );
        new ValidatorSeats(staking, ledger, SEAT, 0);
    }

    function test_RevertGiven_TheCallerHoldsASeat() external {
        sit(0);
        expectSeated(0, 0);
        sit(0);
    }

    function test_RevertGiven_ItsFormerSeatIsNotReleased() external {
        sit(0);
        standUp(0);
        uint40 freeAt = uint40(block.timestamp) + EXIT;
        expectSeated(0, freeAt);
        sit(0);
        vm.warp(freeAt + 1);
        expectSeated(0, freeAt);
        sit(0);
    }

    function test_RevertWhen_TheStakeDoesNotSuffice() external {
        address poor = makeAddr("poor");
        provision(poor, SEAT - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientDelegation.selector, poor, address(seats), 0, 1)
        );
        vm.prank(poor);
        seats.takeSeat(service);
        assertEq(seats.seatCount(service), 0);
    }

    function test_RevertWhen_TheOwnStakeIsBelowTheMinimum() external {
        uint256 own = seats.ownMinimum();
        // 60 % of 1,000,001, rounded up.
        assertEq(own, 600_001);
        provision(small, own - 1);
        delegate(delegator, small, SEAT);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, small, address(seats), own - 1, own)
        );
        take(small, service);
    }

    /// @dev Stake that is on its way out backs no new seat.
    function test_RevertGiven_TheDelegatorThaws() external {
        uint256 rest = backed(small, delegator);
        undelegate(delegator, small);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientDelegation.selector, small, address(seats), 0, rest)
        );
        take(small, service);
    }

    function test_WhenDelegatedStakeMakesUpForTheRest() external {
        uint256 rest = backed(small, delegator);
        take(small, service);
        assertEq(seats.seatOf(service, small).stake, SEAT);
        assertEq(ownLock(small), SEAT - rest);
        assertEq(delegatedLock(small), rest);
    }

    function test_WhenTheOwnStakeSuffices() external {
        delegate(delegator, validator(0), SEAT);
        sit(0);
        assertEq(locked(0), SEAT, "own first");
        assertEq(delegatedLock(validator(0)), 0);
    }

    function test_WhenTheSeatIsFree() external {
        address account = validator(0);
        vm.expectEmit(address(seats));
        emit IValidatorSeats.Seated(service, account, 1, SEAT);
        sit(0);
        assertSeat(0, 1, 0, SEAT);
        assertEq(locked(0), SEAT);
        sit(1);
        assertEq(numberOf(1), 2);
        assertEq(seats.seatCount(service), 2);
    }

    function test_WhenItSitsElsewhereToo() external {
        address account = sit(0);
        vm.prank(account);
        seats.takeSeat(other);
        assertEq(locked(0), 2 * SEAT, "each seat locks its own stake");
        assertEq(seats.seatCount(service), 1);
        assertEq(seats.seatCount(other), 1);
    }

    function test_WhenItWasReleased() external {
        sit(0);
        standUp(0);
        skip(EXIT);
        seats.releaseSeat(service, validator(0));
        sit(0);
        assertSeat(0, 1, 0, SEAT);
    }

    function test_WhenItWasSlashed() external {
        sitDown(2);
        slash(0);
        sit(0);
        assertSeat(0, 2, 0, SEAT);
        assertEq(locked(0), SEAT);
    }
}
