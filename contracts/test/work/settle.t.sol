// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";
import {VerificationMock} from "./mocks/VerificationMock.sol";

contract JobEscrow_Settle_Test is WorkTest {
    function test_RevertGiven_TheBatchIsNotCommitted() external {
        (Order memory order, Batch memory batch,) = committed(2);
        skip(order.settleWindow);
        escrow.settle(order, batch);
        expectNotCommitted(batch, BatchStatus.Settled);
        escrow.settle(order, batch);
    }

    function test_RevertWhen_TheWindowHasNotPassed() external {
        (Order memory order, Batch memory batch,) = committed(2);
        skip(order.settleWindow - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, block.timestamp + 1));
        escrow.settle(order, batch);
    }

    function test_RevertGiven_ADemandIsOpen() external {
        (Order memory order, Batch memory batch,) = committed(2);
        demand(order, batch, 0);
        skip(order.settleWindow);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_DemandsOpen.selector, 1));
        escrow.settle(order, batch);
    }

    function test_RevertGiven_TheVerificationContractDoesNotAgree() external {
        VerificationMock verification = new VerificationMock();
        verification.set(true, false);
        Order memory order = terms();
        order.verification = address(verification);
        open(order);
        Batch memory batch = commit(order, workOf(0, 2));
        skip(order.settleWindow);
        bytes32 batchId = escrow.batchIdOf(batch);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerified.selector, batchId));
        escrow.settle(order, batch);
        verification.set(false, true);
        escrow.settle(order, batch);
        assertBatch(batch, BatchStatus.Settled, 0);
    }

    function test_RevertGiven_ALateSupplyMovedTheEnd() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(2);
        skip(order.settleWindow - 1);
        demand(order, batch, 0);
        skip(order.demandWindow);
        supply(order, batch, tasks[0]);
        uint256 until = block.timestamp + order.demandWindow;
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, until));
        escrow.settle(order, batch);
        vm.warp(until);
        escrow.settle(order, batch);
        assertBatch(batch, BatchStatus.Settled, 0);
    }

    function test_WhenTheWindowPassed() external {
        (Order memory order, Batch memory batch,) = committed(2);
        uint256 gross = uint256(order.unitPrice) * batch.units;
        skip(order.settleWindow);
        vm.prank(stranger);
        escrow.settle(order, batch);
        assertBatch(batch, BatchStatus.Settled, 0);
        assertEq(balance(customer) + balance(address(escrow)), FUNDS - gross);
        assertEq(lockedStake(provider), 0);
    }

    /// @dev Batches settle in any order and by themselves.
    function test_WhenManyBatchesAreInFlight() external {
        Order memory order = terms();
        open(order);
        Batch memory first = commit(order, workOf(0, 3));
        Task[] memory tasks = workOf(3, 5);
        Batch memory second = commitAs(rival, order, tasks, unitsOf(tasks));
        skip(order.settleWindow);
        escrow.settle(order, second);
        assertBatch(first, BatchStatus.Committed, 0);
        assertEq(lockedStake(rival), 0);
        assertEq(lockedStake(provider), first.stake);
        escrow.settle(order, first);
        assertEq(balance(address(escrow)), 0);
    }
}
