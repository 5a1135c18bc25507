// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Reclaim_Test is WorkTest {
    function test_RevertGiven_TheOrderIsNotOpen() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderNotOpen.selector, orderId, OrderStatus.Closed));
        escrow.reclaim(order);
    }

    function test_RevertWhen_TheDeadlineHasNotPassed() external {
        Order memory order = terms();
        open(order);
        vm.warp(order.deadline);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, uint256(order.deadline) + 1));
        escrow.reclaim(order);
    }

    function test_WhenNothingWasCommitted() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.warp(order.deadline + 1);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderReclaimed(orderId, balance(address(escrow)));
        vm.prank(stranger);
        escrow.reclaim(order);
        assertOrder(orderId, OrderStatus.Closed, 0, 0);
        assertEq(balance(customer), FUNDS);
    }

    function test_WhenPartWasCommitted() external {
        (Order memory order, Batch memory batch,) = committed(3);
        vm.warp(order.deadline + 1);
        uint256 reserved = uint256(order.unitPrice) * order.unitCap * 3;
        escrow.reclaim(order);
        assertOrder(batch.orderId, OrderStatus.Closed, 3, 3);
        assertEq(balance(address(escrow)), reserved, "the batch keeps its reservation");
        escrow.settle(order, batch);
        assertEq(balance(address(escrow)), 0);
    }

    function test_WhenAllWasCommitted() external {
        (Order memory order, Batch memory batch,) = committed(COUNT);
        vm.warp(order.deadline + 1);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderReclaimed(batch.orderId, 0);
        escrow.reclaim(order);
    }

    function test_WhenATakeIsStillThere() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.warp(order.deadline);
        take(order, 0, COUNT);
        assertEq(escrow.takeOf(orderId, 0).expiresAt, order.deadline, "a take ends by the deadline");
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);

        Task[] memory tasks = workOf(0, COUNT);
        bytes32 root = prove(orderId, provider, tasks);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotTaken.selector, orderId, 0));
        vm.prank(provider);
        escrow.commitBatch(order, 0, COUNT, unitsOf(tasks), root);

        escrow.expire(order, 0);
        assertEq(lockedStake(provider), 0, "the stake comes out after closing");
        assertEq(balance(customer), FUNDS);
    }
}
