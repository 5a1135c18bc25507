// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, Demand, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Demand_Test is WorkTest {
    function test_RevertGiven_TheBatchIsNotCommitted() external {
        (Order memory order, Batch memory batch,) = committed(4);
        vm.prank(customer);
        escrow.accept(order, batch, "");
        expectNotCommitted(batch, BatchStatus.Settled);
        demand(order, batch, 0);
    }

    function test_RevertWhen_TheWindowPassed() external {
        (Order memory order, Batch memory batch,) = committed(4);
        skip(order.settleWindow);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_WindowPassed.selector, block.timestamp));
        demand(order, batch, 0);
    }

    function test_RevertWhen_TheIndexIsOutsideTheBatch() external {
        Order memory order = terms();
        open(order);
        commit(order, workOf(0, 3));
        Batch memory batch = commit(order, workOf(3, 2));
        for (uint256 i = 0; i < 3; ++i) {
            uint32 index = [uint32(2), 5, type(uint32).max][i];
            vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_IndexOutOfRange.selector, index, 3, 2));
            demand(order, batch, index);
        }
    }

    function test_RevertGiven_TheIndexWasDemandedBefore() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(4);
        demand(order, batch, 1);
        bytes memory already =
            abi.encodeWithSelector(IJobEscrow.JobEscrow_AlreadyDemanded.selector, escrow.batchIdOf(batch), 1);
        vm.expectRevert(already);
        demand(order, batch, 1);
        supply(order, batch, tasks[1]);
        // Its rows are public now; another demand would only hold the batch up.
        vm.expectRevert(already);
        demand(order, batch, 1);
    }

    function test_WhenTheIndexIsInTheBatch() external {
        (Order memory order, Batch memory batch,) = committed(4);
        bytes32 batchId = escrow.batchIdOf(batch);
        uint256 before = balance(address(escrow));
        uint40 deadline = uint40(block.timestamp + order.demandWindow);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.Demanded(batchId, 3, stranger, order.demandFee, deadline);
        demand(order, batch, 3);
        Demand memory slot = escrow.demandOf(batchId, 3);
        assertEq(slot.demander, stranger);
        assertEq(slot.deadline, deadline);
        assertBatch(batch, BatchStatus.Committed, 1);
        assertEq(balance(stranger), FUNDS - order.demandFee);
        assertEq(balance(address(escrow)), before + order.demandFee);
    }

    function test_WhenTheFeeIsZero() external {
        Order memory order = terms();
        order.demandFee = 0;
        open(order);
        Batch memory batch = commit(order, workOf(0, 4));
        demand(order, batch, 0);
        assertEq(balance(stranger), FUNDS);
        assertBatch(batch, BatchStatus.Committed, 1);
    }

    function test_GivenOtherDemandsAreOpen() external {
        (Order memory order, Batch memory batch,) = committed(4);
        bytes32 batchId = escrow.batchIdOf(batch);
        uint256 spacing = escrow.DEMAND_SPACING();
        for (uint32 i = 0; i < 4; ++i) {
            demand(order, batch, i);
            assertEq(escrow.demandOf(batchId, i).deadline, block.timestamp + order.demandWindow + spacing * i);
        }
    }
}
