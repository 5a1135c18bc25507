// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IValidatorSeats} from "../../src/work/IValidatorSeats.sol";
import {SeatsTest} from "./SeatsTest.sol";

contract ValidatorSeats_Slash_Test is SeatsTest {
    function test_WhenThereIsNoSeat() external {
        vm.recordLogs();
        assertEq(slash(0), 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(seats.seatCount(service), 0);
    }

    /// @dev A service reaches its own seats alone, whoever it says it is.
    function test_WhenTheSeatIsAnotherServices() external {
        address account = sit(0);
        vm.prank(other);
        assertEq(seats.slash(account, other, other), 0);
        vm.prank(account);
        assertEq(seats.slash(account, account, account), 0);
        assertSeat(0, 1, 0, SEAT);
        assertEq(balance(other), 0);
    }

    function test_WhenTheValidatorIsSeated() external {
        sitDown(3);
        address account = validator(0);
        vm.expectEmit(address(seats));
        emit IValidatorSeats.SeatSlashed(service, account, SEAT, accuser, SEAT / 4, customer);
        assertEq(slash(0), SEAT);
        assertSeat(0, 0, uint40(block.timestamp), 0);
        assertEq(numberOf(2), 1, "the last one moves to the gap");
        assertEq(seats.seatCount(service), 2);
        // Half of 1,000,001 burned, rounded up; a quarter to the accuser, rounded down; the rest to the customer.
        assertEq(balance(ledger.BURN()), 500_001);
        assertEq(balance(accuser), 250_000);
        assertEq(balance(customer), 250_000);
        assertEq(locked(0), 0);
        assertEq(staking.provisionOf(account, address(seats)).stake, 15 * SEAT);
    }

    /// @dev Leaving is no way out before the delay is over, its last second included.
    function test_WhenTheValidatorIsLeaving() external {
        sitDown(2);
        standUp(0);
        skip(EXIT);
        assertEq(slash(0), SEAT);
        assertEq(seats.seatCount(service), 1, "no second seat comes free");
        assertEq(numberOf(1), 1);
        expectNotSeated(0);
        seats.releaseSeat(service, validator(0));
    }

    function test_WhenDelegatedStakeIsInIt() external {
        uint256 rest = backed(small, delegator);
        take(small, service);
        vm.prank(service);
        assertEq(seats.slash(small, accuser, customer), SEAT);
        assertEq(balance(ledger.BURN()) + balance(accuser) + balance(customer), SEAT);
        assertEq(staking.provisionOf(small, address(seats)).stake, 0);
        assertEq(staking.poolOf(small, address(seats)).stake, 0);
        assertEq(rest, 400_000);
    }

    /// @dev Own stake of the other seat pays first; the pool pays the rest of the second.
    function test_WhenDelegatedStakeIsInTwo() external {
        uint256 rest = backed(small, delegator);
        provision(small, SEAT);
        take(small, service);
        take(small, other);
        assertEq(ownLock(small), 2 * SEAT - rest);
        vm.prank(service);
        seats.slash(small, accuser, customer);
        assertEq(ownLock(small), SEAT - rest);
        assertEq(delegatedLock(small), rest);
        vm.prank(other);
        assertEq(seats.slash(small, accuser, customer), SEAT);
        assertEq(ownLock(small) + delegatedLock(small), 0);
    }

    function test_WhenItWasSlashedBefore() external {
        sit(0);
        slash(0);
        assertEq(slash(0), 0);
        assertEq(balance(accuser), SEAT / 4);
    }

    /// @dev The stake that another service's seat locks does not pay for this one.
    function test_WhenItSitsElsewhereToo() external {
        address account = sit(0);
        vm.prank(account);
        seats.takeSeat(other);
        slash(0);
        assertEq(locked(0), SEAT);
        assertEq(seats.seatOf(other, account).stake, SEAT);
        vm.prank(other);
        assertEq(seats.slash(account, accuser, customer), SEAT);
    }

    /// @dev Thawing does not reach what a seat locks.
    function test_WhenItThawedAllItCould() external {
        address account = sit(0);
        vm.prank(account);
        staking.thaw(address(seats), 15 * SEAT);
        skip(7 days);
        vm.prank(account);
        staking.withdraw(address(seats));
        assertEq(slash(0), SEAT);
    }
}
