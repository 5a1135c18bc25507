// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../../src/staking/IStaking.sol";
import {BatchStatus, IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Batch, Order} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_TakeAndCommit_Test is WorkTest {
    bytes32 private constant ROOT = keccak256("root");

    function takeAndCommit(address who, Order memory order, uint32 first, uint32 count) private {
        vm.prank(who);
        escrow.takeAndCommit(order, first, count, count, ROOT);
    }

    function test_RevertGiven_TheOrderIsNotOpen() external {
        Order memory order = terms();
        bytes32 orderId = escrow.orderIdOf(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderNotOpen.selector, orderId, OrderStatus.None));
        takeAndCommit(provider, order, 0, 2);
    }

    function test_RevertWhen_TheDeadlinePassed() external {
        Order memory order = terms();
        open(order);
        vm.warp(order.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_DeadlinePassed.selector, order.deadline));
        takeAndCommit(provider, order, 0, 2);
    }

    function test_RevertWhen_TheRangeIsNotAtTheFrontier() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 2);
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        // A freed range is taken in two steps: whoever works on it should hold it.
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeNotFree.selector, orderId, 0, 2));
        takeAndCommit(provider, order, 0, 2);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeNotFree.selector, orderId, 3, 2));
        takeAndCommit(provider, order, 3, 2);
    }

    function test_RevertWhen_TheRangeIsTooSmallOrTooLarge() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeTooSmall.selector, 1, 2));
        takeAndCommit(provider, order, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RangeNotFree.selector, orderId, 0, COUNT + 1));
        takeAndCommit(provider, order, 0, COUNT + 1);
    }

    function test_RevertWhen_TheStakeDoesNotSuffice() external {
        Order memory order = terms();
        open(order);
        uint256 wanted = escrow.stakeFor(order, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, stranger, address(escrow), 0, wanted)
        );
        takeAndCommit(stranger, order, 0, 2);
    }

    function test_WhenTheRangeIsAtTheFrontier() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        Batch memory batch = commit(order, workOf(0, 3));
        assertBatch(batch, BatchStatus.Committed, 0);
        assertOrder(orderId, OrderStatus.Open, 3, 3);
        assertEq(escrow.takeOf(orderId, 0).count, 0, "no take is left");
        assertEq(lockedStake(provider), escrow.stakeFor(order, 3));
    }

    function test_WhenItIsTheDeadline() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.warp(order.deadline);
        takeAndCommit(provider, order, 0, COUNT);
        assertOrder(orderId, OrderStatus.Open, COUNT, COUNT);
    }
}
