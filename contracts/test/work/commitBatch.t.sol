// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";
import {VerificationMock} from "./mocks/VerificationMock.sol";

contract JobEscrow_CommitBatch_Test is WorkTest {
    bytes32 private constant ROOT = keccak256("root");

    function taken() private returns (Order memory order, bytes32 orderId) {
        order = terms();
        orderId = open(order);
        take(order, 0, 4);
    }

    function expectNotTaken(bytes32 orderId, uint32 first) private {
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotTaken.selector, orderId, first));
    }

    function commitAt(address who, Order memory order, uint32 first, uint32 count, uint64 units, bytes32 root) private {
        vm.prank(who);
        escrow.commitBatch(order, first, count, units, root);
    }

    function test_RevertWhen_TheCallerHoldsNoTake() external {
        (Order memory order, bytes32 orderId) = taken();
        expectNotTaken(orderId, 0);
        commitAt(rival, order, 0, 4, 4, ROOT);
        expectNotTaken(orderId, 4);
        commitAt(provider, order, 4, 4, 4, ROOT);
    }

    function test_RevertWhen_TheCountIsNotTheTakes() external {
        (Order memory order, bytes32 orderId) = taken();
        expectNotTaken(orderId, 0);
        commitAt(provider, order, 0, 3, 4, ROOT);
        expectNotTaken(orderId, 0);
        commitAt(provider, order, 0, 5, 5, ROOT);
    }

    function test_RevertWhen_TheTakeRanOut() external {
        (Order memory order, bytes32 orderId) = taken();
        skip(order.takeWindow + 1);
        expectNotTaken(orderId, 0);
        commitAt(provider, order, 0, 4, 4, ROOT);
    }

    function test_RevertGiven_TheRangeWasFreedOrTakenByAnother() external {
        (Order memory order, bytes32 orderId) = taken();
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        expectNotTaken(orderId, 0);
        commitAt(provider, order, 0, 4, 4, ROOT);
        expectNotTaken(orderId, 0);
        commitAt(address(0), order, 0, 4, 4, ROOT);
        vm.prank(rival);
        escrow.take(order, 0, 4);
        expectNotTaken(orderId, 0);
        commitAt(provider, order, 0, 4, 4, ROOT);
    }

    function test_RevertGiven_TheRangeWasCommittedAlready() external {
        (Order memory order, bytes32 orderId) = taken();
        commitAt(provider, order, 0, 4, 4, ROOT);
        expectNotTaken(orderId, 0);
        commitAt(provider, order, 0, 4, 4, ROOT);
    }

    function test_RevertWhen_TheUnitsAreOutOfRange() external {
        (Order memory order,) = taken();
        uint256 most = uint256(order.unitCap) * 4;
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_UnitsOutOfRange.selector, 3, 4, most));
        commitAt(provider, order, 0, 4, 3, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_UnitsOutOfRange.selector, most + 1, 4, most));
        commitAt(provider, order, 0, 4, uint64(most + 1), ROOT);
    }

    function test_RevertWhen_TheRootIsZero() external {
        (Order memory order,) = taken();
        vm.expectRevert(IJobEscrow.JobEscrow_EmptyRoot.selector);
        commitAt(provider, order, 0, 4, 4, 0);
    }

    function test_RevertWhen_TheVerificationContractRefuses() external {
        VerificationMock verification = new VerificationMock();
        Order memory order = terms();
        order.verification = address(verification);
        open(order);
        take(order, 0, 4);
        verification.refuse(true);
        vm.expectRevert(VerificationMock.Refused.selector);
        commitAt(provider, order, 0, 4, 4, ROOT);
    }

    function test_WhenTheTakeIsLive() external {
        (Order memory order, bytes32 orderId) = taken();
        skip(order.takeWindow);
        uint256 stake = lockedStake(provider);
        Task[] memory tasks = workOf(0, 4);
        Batch memory batch = Batch({
            orderId: orderId,
            provider: provider,
            first: 0,
            count: 4,
            units: unitsOf(tasks),
            root: prove(orderId, provider, tasks),
            stake: uint128(stake),
            committedAt: uint40(block.timestamp)
        });
        bytes32 batchId = keccak256(abi.encode(batch));
        vm.expectEmit(address(escrow));
        emit IJobEscrow.BatchCommitted(
            orderId, batchId, provider, 0, 4, batch.units, batch.root, uint128(stake), uint40(block.timestamp)
        );
        commitAt(provider, order, 0, 4, batch.units, batch.root);
        assertBatch(batch, BatchStatus.Committed, 0);
        assertEq(escrow.batchState(batchId).settlesAt, block.timestamp + order.settleWindow);
        assertOrder(orderId, OrderStatus.Open, 4, 4);
        assertEq(escrow.takeOf(orderId, 0).count, 0, "the take is gone");
        assertEq(lockedStake(provider), stake, "the stake stays locked");
    }

    function test_GivenAVerificationContract() external {
        VerificationMock verification = new VerificationMock();
        Order memory order = terms();
        order.verification = address(verification);
        open(order);
        Batch memory batch = commit(order, workOf(0, 4));
        assertEq(verification.lastBatch(), escrow.batchIdOf(batch));
    }

    function test_WhenRangesAreCommittedOutOfOrder() external {
        (Order memory order, bytes32 orderId) = taken();
        vm.prank(rival);
        escrow.take(order, 4, 4);
        commitAt(rival, order, 4, 4, 4, ROOT);
        assertOrder(orderId, OrderStatus.Open, 8, 4);
        commitAt(provider, order, 0, 4, 4, ROOT);
        assertOrder(orderId, OrderStatus.Open, 8, 8);
    }
}
