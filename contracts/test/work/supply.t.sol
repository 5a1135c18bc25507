// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Supply_Test is WorkTest {
    function demanded() private returns (Order memory order, Batch memory batch, Task[] memory tasks) {
        (order, batch, tasks) = committed(4);
        demand(order, batch, 1);
    }

    function test_RevertWhen_TheCallerIsNotTheProvider() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotProvider.selector, rival, provider));
        vm.prank(rival);
        escrow.supply(order, batch, tasks[1], inputRow(1), outputRow(1));
    }

    function test_RevertGiven_TheBatchIsForfeited() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        skip(order.demandWindow + 1);
        escrow.forfeit(order, batch, 1);
        expectNotCommitted(batch, BatchStatus.Forfeited);
        supply(order, batch, tasks[1]);
    }

    function test_RevertGiven_NoDemandIsOpen() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        bytes32 batchId = escrow.batchIdOf(batch);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotDemanded.selector, batchId, 0));
        supply(order, batch, tasks[0]);
        supply(order, batch, tasks[1]);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotDemanded.selector, batchId, 1));
        supply(order, batch, tasks[1]);
    }

    function test_RevertWhen_TheDeadlinePassed() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        skip(order.demandWindow + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_DemandExpired.selector, block.timestamp - 1));
        supply(order, batch, tasks[1]);
    }

    function test_RevertWhen_TheTaskIsNotUnderTheRoot() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        bytes memory bad = abi.encodeWithSelector(IJobEscrow.JobEscrow_BadProof.selector, 1);
        // Another task's leaf in the demanded place.
        Task memory moved = tasks[2];
        moved.index = 1;
        vm.expectRevert(bad);
        supply(order, batch, moved);
        // The true proof with another number.
        tasks[1].units += 1;
        vm.expectRevert(bad);
        supply(order, batch, tasks[1]);
    }

    function test_RevertWhen_ARowDoesNotHashToTheLeaf() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        Task memory task = tasks[1];
        bytes32 wrong = MerkleTree.rowRoot(inputRow(2));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadRow.selector, task.inputHash, wrong));
        vm.prank(provider);
        escrow.supply(order, batch, task, inputRow(2), outputRow(1));
        wrong = MerkleTree.rowRoot(outputRow(2));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_BadRow.selector, task.outputHash, wrong));
        vm.prank(provider);
        escrow.supply(order, batch, task, inputRow(1), outputRow(2));
    }

    function test_RevertWhen_ARowIsTooLong() external {
        uint256 longest = escrow.MAX_ROW_BYTES();
        Order memory order = terms();
        open(order);
        Task[] memory tasks = workOf(0, 2);
        tasks[0].outputHash = MerkleTree.rowRoot(new bytes(longest));
        tasks[1].outputHash = MerkleTree.rowRoot(new bytes(longest + 1));
        Batch memory batch = commit(order, tasks);
        demand(order, batch, 0);
        demand(order, batch, 1);
        vm.startPrank(provider);
        escrow.supply(order, batch, tasks[0], inputRow(0), new bytes(longest));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_RowTooLong.selector, longest + 1, longest));
        escrow.supply(order, batch, tasks[1], inputRow(1), new bytes(longest + 1));
    }

    function test_WhenTheRowsAreTheTasks() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = demanded();
        Task memory task = tasks[1];
        bytes32 batchId = escrow.batchIdOf(batch);
        skip(order.demandWindow);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.Supplied(batchId, 1, task, inputRow(1), outputRow(1));
        supply(order, batch, task);
        assertBatch(batch, BatchStatus.Committed, 0);
        assertEq(escrow.demandOf(batchId, 1).demander, address(0));
        assertEq(balance(provider), order.demandFee);
        assertEq(
            escrow.batchState(batchId).settlesAt,
            batch.committedAt + order.settleWindow,
            "an early answer moves nothing"
        );
        vm.prank(customer);
        escrow.accept(order, batch, "");
    }

    function test_WhenTheAnswerComesLate() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(4);
        skip(order.settleWindow - 1);
        demand(order, batch, 1);
        skip(order.demandWindow);
        supply(order, batch, tasks[1]);
        assertEq(escrow.batchState(escrow.batchIdOf(batch)).settlesAt, block.timestamp + order.demandWindow);
    }
}
