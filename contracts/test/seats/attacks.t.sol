// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {SeatsTest} from "./SeatsTest.sol";

/// @notice Validators who want their delegators' money, delegators who want to be gone before the loss, and others who want neither to
/// have it.
contract ValidatorSeats_Attacks_Test is SeatsTest {
    /* A VALIDATOR AGAINST ITS DELEGATORS */

    /// @dev It names a service of its own, which slashes at once, to itself as winner and as customer.
    function test_SlashOneselfThroughAServiceOfOnesOwn() external {
        address accomplice = makeAddr("accomplice");
        backed(small, delegator);
        take(small, accomplice);
        vm.prank(accomplice);
        seats.slash(small, accomplice, accomplice);
        assertLt(balance(accomplice), seats.ownMinimum(), "it put in more than it takes out");
    }

    /// @dev Seats at many services of its own, taken, left, released and slashed in any order, stake added to on the way: it never takes
    /// out more than it put in.
    function testFuzz_SlashOneselfInAnyOrder(uint256 random) external {
        address accomplice = makeAddr("accomplice");
        uint256 spent;
        uint256 own = seats.ownMinimum();
        for (uint256 i; i < 32; ++i) {
            address table = address(uint160(0x1000 + (random >> (i * 8) & 3)));
            uint256 act = random >> (i * 8 + 2) & 3;
            uint128 stake = seats.seatOf(table, small).stake;
            if (act == 0 && stake == 0) {
                // It stakes what it must and no more.
                uint256 free = staking.freeStake(small, address(seats));
                if (free < own) {
                    provision(small, own - free);
                    spent += own - free;
                }
                uint256 backing = least(SEAT, staking.freeStake(small, address(seats)));
                uint256 pool = staking.freeDelegation(small, address(seats));
                bool wiped = staking.poolOf(small, address(seats)).stake == 0
                    && staking.poolOf(small, address(seats)).shares != 0;
                if (wiped) break;
                if (pool < SEAT - backing) delegate(delegator, small, SEAT - backing);
                take(small, table);
            } else if (act == 1 && seats.seatOf(table, small).number != 0) {
                vm.prank(small);
                seats.leaveSeat(table);
                skip(EXIT);
                seats.releaseSeat(table, small);
            } else if (act == 2 && stake != 0) {
                vm.prank(table);
                seats.slash(small, accomplice, accomplice);
            }
        }
        assertLe(balance(accomplice), spent);
    }

    function least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// @dev It takes the seat again as soon as it is released, before the delegator's withdrawal.
    function test_HoldADelegatorForEver() external {
        uint256 rest = backed(small, delegator);
        take(small, service);
        undelegate(delegator, small);
        skip(7 days);
        seats.evict(service, small, delegator);
        skip(EXIT);
        seats.releaseSeat(service, small);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientDelegation.selector, small, address(seats), 0, rest)
        );
        take(small, service);
        assertEq(withdraw(delegator, small), rest);
    }

    /// @dev It hides the lock behind seats at a service that nobody knows.
    function test_HoldADelegatorAtAServiceOfOnesOwn() external {
        uint256 rest = backed(small, delegator);
        address accomplice = makeAddr("accomplice");
        take(small, accomplice);
        undelegate(delegator, small);
        skip(7 days);
        seats.evict(accomplice, small, delegator);
        skip(EXIT);
        seats.releaseSeat(accomplice, small);
        assertEq(withdraw(delegator, small), rest);
    }

    /* A DELEGATOR AGAINST THE SLASH */

    /// @dev It sees the fault, and leaves as fast as it can: by the thaw, and by evicting the validator.
    function test_LeaveBetweenTheFaultAndTheSlash() external {
        backed(small, delegator);
        take(small, service);
        undelegate(delegator, small);
        skip(7 days);
        seats.evict(service, small, delegator);
        skip(EXIT - 1);
        vm.prank(service);
        assertEq(seats.slash(small, accuser, customer), SEAT);
        assertEq(withdraw(delegator, small), 0, "its shares are worth nothing");
        assertEq(balance(delegator), 0);
    }

    /// @dev Where the thaw outlasts what a seat is bound for, leaving is too late even while the pool has room.
    function test_LeaveFromALargerPool() external {
        uint256 rest = backed(small, delegator);
        delegate(customer, small, rest);
        take(small, service);
        undelegate(delegator, small);
        skip(7 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, uint40(block.timestamp + 1)));
        withdraw(delegator, small);
        vm.prank(service);
        seats.slash(small, accuser, accuser);
        skip(1);
        assertEq(withdraw(delegator, small), rest / 2, "it lost as much as who stayed");
    }

    /* ANYONE AGAINST A VALIDATOR */

    /// @dev A little delegated and called back does not end a seat that it does not back.
    function test_EvictByDust() external {
        uint256 rest = backed(small, delegator);
        take(small, service);
        delegate(accuser, small, 1);
        undelegate(accuser, small);
        skip(7 days);
        vm.expectRevert();
        seats.evict(service, small, accuser);
        assertEq(delegatedLock(small), rest);
        // Nor one that is all the validator's own.
        sit(0);
        delegate(accuser, validator(0), SEAT);
        undelegate(accuser, validator(0));
        skip(7 days);
        address account = validator(0);
        vm.expectRevert();
        seats.evict(service, account, accuser);
        assertEq(withdraw(accuser, account), SEAT);
    }

    /* ANYONE AGAINST A SERVICE */

    /// @dev The service's allowance to the seats is of no use to others: it is the caller who pays.
    function test_RewardOneselfOutOfAnothersAllowance() external {
        fund(service, 100);
        vm.prank(service);
        ledger.approve(address(seats), uint160(address(token)), type(uint256).max);
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(accuser, 100);
        vm.expectRevert(
            abi.encodeWithSelector(
                ERC6909.ERC6909InsufficientAllowance.selector, address(seats), 0, 100, uint160(address(token))
            )
        );
        vm.prank(accuser);
        seats.reward(credits);
    }

    /// @dev Nobody sends a sum that wraps around.
    function test_RewardMoreThanThereIs() external {
        Credit[] memory credits = new Credit[](2);
        (credits[0], credits[1]) = (Credit(accuser, type(uint256).max), Credit(accuser, 1));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(accuser);
        seats.reward(credits);
    }
}
