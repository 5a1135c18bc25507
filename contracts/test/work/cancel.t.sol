// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Cancel_Test is WorkTest {
    function cancel(Order memory order) private {
        vm.prank(customer);
        escrow.cancel(order);
    }

    function expectNotOpen(Order memory order, OrderStatus status) private {
        bytes32 orderId = escrow.orderIdOf(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderNotOpen.selector, orderId, status));
    }

    function test_RevertWhen_TheCallerIsNotTheCustomer() external {
        Order memory order = terms();
        open(order);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotCustomer.selector, provider, customer));
        vm.prank(provider);
        escrow.cancel(order);
    }

    function test_RevertGiven_TheOrderWasNeverOpened() external {
        Order memory order = terms();
        expectNotOpen(order, OrderStatus.None);
        cancel(order);
    }

    function test_RevertGiven_TheOrderIsClosed() external {
        Order memory order = terms();
        open(order);
        cancel(order);
        expectNotOpen(order, OrderStatus.Closed);
        cancel(order);
    }

    function test_RevertGiven_ATakeWasMade() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 2);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_AlreadyTaken.selector, orderId));
        cancel(order);
    }

    function test_RevertGiven_TheOnlyTakeExpired() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 2);
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_AlreadyTaken.selector, orderId));
        cancel(order);
    }

    function test_GivenNothingWasTaken() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderCancelled(orderId, balance(address(escrow)));
        cancel(order);
        assertOrder(orderId, OrderStatus.Closed, 0, 0);
        assertEq(balance(customer), FUNDS);
        assertEq(balance(address(escrow)), 0);
    }
}
