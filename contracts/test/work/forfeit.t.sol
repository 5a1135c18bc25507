// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, Fault, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Forfeit_Test is WorkTest {
    function test_RevertGiven_NoDemandIsOpen() external {
        (Order memory order, Batch memory batch, Task[] memory tasks) = committed(4);
        bytes memory none =
            abi.encodeWithSelector(IJobEscrow.JobEscrow_NotDemanded.selector, escrow.batchIdOf(batch), 1);
        vm.expectRevert(none);
        escrow.forfeit(order, batch, 1);
        demand(order, batch, 1);
        supply(order, batch, tasks[1]);
        skip(order.demandWindow + 1);
        vm.expectRevert(none);
        escrow.forfeit(order, batch, 1);
    }

    function test_RevertWhen_TheClockRuns() external {
        (Order memory order, Batch memory batch,) = committed(4);
        demand(order, batch, 1);
        skip(order.demandWindow);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, block.timestamp + 1));
        escrow.forfeit(order, batch, 1);
    }

    function test_WhenTheClockRanOut() external {
        (Order memory order, Batch memory batch,) = committed(4);
        demand(order, batch, 1);
        uint256 refund = uint256(order.unitPrice) * order.unitCap * 4;
        uint256 before = balance(customer);
        uint256 burned = (uint256(batch.stake) + 1) / 2;
        uint256 reward = uint256(batch.stake) / 4;
        skip(order.demandWindow + 1);
        bytes32 batchId = escrow.batchIdOf(batch);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.BatchForfeited(batch.orderId, batchId, Fault.Withheld, stranger, refund, batch.stake, burned);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.DemandRefunded(batchId, 1, stranger, order.demandFee);
        vm.prank(rival);
        escrow.forfeit(order, batch, 1);
        assertBatch(batch, BatchStatus.Forfeited, 0);
        assertEq(balance(customer), before + refund);
        assertEq(balance(stranger), FUNDS, "the fee came back");
        assertEq(stakeBalance(ledger.BURN()), burned);
        assertEq(stakeBalance(stranger), reward);
        assertEq(stakeBalance(customer), batch.stake - burned - reward);
        assertEq(lockedStake(provider), 0);
        assertEq(totalStake(provider), STAKE - batch.stake);
    }

    function test_GivenTheBatchIsForfeitedAlready() external {
        (Order memory order, Batch memory batch,) = committed(4);
        demand(order, batch, 1);
        demand(order, batch, 2);
        vm.prank(customer);
        ledger.transfer(rival, idOf(token), order.demandFee);
        vm.startPrank(rival);
        ledger.approve(address(escrow), idOf(token), order.demandFee);
        escrow.demand(order, batch, 3);
        vm.stopPrank();
        skip(order.demandWindow + 1);
        escrow.forfeit(order, batch, 1);
        assertBatch(batch, BatchStatus.Forfeited, 2);

        // The other demands' clocks still run; nothing is left to wait for.
        bytes32 batchId = escrow.batchIdOf(batch);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.DemandRefunded(batchId, 3, rival, order.demandFee);
        escrow.forfeit(order, batch, 3);
        escrow.forfeit(order, batch, 2);
        assertEq(balance(rival), order.demandFee);
        assertEq(balance(stranger), FUNDS);
        assertBatch(batch, BatchStatus.Forfeited, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotDemanded.selector, batchId, 2));
        escrow.forfeit(order, batch, 2);
        assertEq(totalStake(provider), STAKE - batch.stake, "slashed once");
    }
}
