// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {IJobEscrow, OrderStatus, Take} from "../../src/work/IJobEscrow.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Take_Test is WorkTest {
    function expectNotFree(bytes32 orderId, uint32 first, uint32 count) private {
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeNotFree.selector, orderId, first, count));
    }

    function test_RevertGiven_TheOrderIsNotOpen() external {
        Order memory order = terms();
        bytes32 orderId = escrow.orderIdOf(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderNotOpen.selector, orderId, OrderStatus.None));
        take(order, 0, 2);
    }

    function test_RevertWhen_TheDeadlinePassed() external {
        Order memory order = terms();
        open(order);
        vm.warp(order.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_DeadlinePassed.selector, order.deadline));
        take(order, 0, 2);
    }

    function test_RevertWhen_TheRangeIsBehindTheFrontierAndTaken() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 4);
        expectNotFree(orderId, 0, 4);
        take(order, 0, 4);
        expectNotFree(orderId, 2, 2);
        take(order, 2, 2);
    }

    function test_RevertWhen_TheRangeIsBeyondTheFrontier() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        expectNotFree(orderId, 2, 2);
        take(order, 2, 2);
    }

    function test_RevertWhen_TheRangeLeavesTheOrder() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        expectNotFree(orderId, 0, COUNT + 1);
        take(order, 0, COUNT + 1);
        expectNotFree(orderId, 0, type(uint32).max);
        take(order, 0, type(uint32).max);
        take(order, 0, COUNT);
        expectNotFree(orderId, COUNT, 1);
        take(order, COUNT, 1);
        expectNotFree(orderId, COUNT, 0);
        take(order, COUNT, 0);
    }

    function test_RevertWhen_TheRangeIsSmallerThanTheSmallestBatch() external {
        Order memory order = terms();
        open(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeTooSmall.selector, 1, 2));
        take(order, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeTooSmall.selector, 0, 2));
        take(order, 0, 0);
    }

    function test_RevertWhen_TheStakeDoesNotSuffice() external {
        Order memory order = terms();
        open(order);
        uint256 wanted = escrow.stakeFor(order, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, stranger, address(escrow), 0, wanted)
        );
        vm.prank(stranger);
        escrow.take(order, 0, 2);
    }

    function test_WhenTheRangeIsAtTheFrontier() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        uint128 stake = order.stakePerBatch + 3 * order.stakePerTask;
        uint40 expiresAt = uint40(block.timestamp + order.takeWindow);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.Taken(orderId, provider, 0, 3, stake, expiresAt);
        take(order, 0, 3);
        Take memory held = escrow.takeOf(orderId, 0);
        assertEq(held.provider, provider);
        assertEq(held.count, 3);
        assertEq(held.expiresAt, expiresAt);
        assertOrder(orderId, OrderStatus.Open, 3, 0);
        assertEq(lockedStake(provider), stake);
    }

    function test_WhenTheLastRangeIsSmallerThanTheSmallestBatch() external {
        Order memory order = terms();
        order.minBatch = 5;
        bytes32 orderId = open(order);
        take(order, 0, 5);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeTooSmall.selector, 2, 3));
        take(order, 5, 2);
        take(order, 5, 3);
        assertOrder(orderId, OrderStatus.Open, COUNT, 0);
    }

    function test_WhenTheDeadlineComesBeforeTheTakeWindowEnds() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.warp(order.deadline - 1);
        take(order, 0, 2);
        assertEq(escrow.takeOf(orderId, 0).expiresAt, order.deadline);
    }

    function test_GivenTheRangeWasFreed_WhenTheCountDiffers() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 4);
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        expectNotFree(orderId, 0, 3);
        take(order, 0, 3);
        expectNotFree(orderId, 2, 2);
        take(order, 2, 2);
    }

    function test_GivenTheRangeWasFreed_WhenTheCountIsTheRanges() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 4);
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        vm.prank(rival);
        escrow.take(order, 0, 4);
        assertEq(escrow.takeOf(orderId, 0).provider, rival);
        assertOrder(orderId, OrderStatus.Open, 4, 0);
        assertEq(lockedStake(provider), 0);
        assertEq(lockedStake(rival), escrow.stakeFor(order, 4));
    }

    function test_GivenTheTakeRanOut() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 4);
        uint256 stake = escrow.stakeFor(order, 4);
        uint256 burned = (stake + 9) / 10;
        skip(order.takeWindow);
        expectNotFree(orderId, 0, 4);
        take(order, 0, 4);
        skip(1);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.TakeExpired(orderId, provider, 0, 4, burned);
        vm.prank(rival);
        escrow.take(order, 0, 4);
        assertEq(lockedStake(provider), 0);
        assertEq(totalStake(provider), STAKE - burned);
        assertEq(stakeBalance(ledger.BURN()), burned);
        assertEq(lockedStake(rival), stake);
    }

    function test_RevertGiven_TheRangeWasCommitted() external {
        (Order memory order,,) = committed(4);
        skip(order.takeWindow + 1);
        expectNotFree(escrow.orderIdOf(order), 0, 4);
        take(order, 0, 4);
        expectNotFree(escrow.orderIdOf(order), 0, 0);
        take(order, 0, 0);
    }

    /// @dev However an order is cut up, ranges are disjoint and fill it from 0 to count.
    function testFuzz_RangesAreDisjointAndContiguous(uint32[8] memory counts) external {
        Order memory order = termsOf(100);
        order.minBatch = 1;
        bytes32 orderId = open(order);
        uint32 next = 0;
        for (uint256 i = 0; i < counts.length && next < 100; ++i) {
            uint32 count = uint32(bound(counts[i], 1, 100 - next));
            take(order, next, count);
            next += count;
            assertEq(escrow.orderState(orderId).next, next);
        }
    }
}
