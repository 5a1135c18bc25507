// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Policy, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";
import {VerificationMock} from "./mocks/VerificationMock.sol";

/// @notice What an order sets aside for draws: it goes to the verification contract once a batch, or back to the customer.
contract JobEscrow_Reserve_Test is WorkTest {
    uint128 private constant FEE = 7001;
    /// @dev Three tasks, two validators each, and who draws.
    uint256 private constant DRAW = 7 * uint256(FEE);

    VerificationMock private verification;

    function setUp() public override {
        super.setUp();
        verification = new VerificationMock();
        verification.set(true, true);
    }

    /// @dev Eight tasks in batches of three at least: three batches at most.
    function drawable() private view returns (Order memory order) {
        order = terms();
        order.minBatch = 3;
        order.verification = address(verification);
        order.policy = Policy({rate: 10_000, tasks: 3, validators: 2, fee: FEE});
    }

    function priceOf(Order memory order, uint256 count) private pure returns (uint256) {
        return uint256(order.unitPrice) * order.unitCap * count;
    }

    /* OPENING */

    function test_Open_RevertWhen_APolicyHasNoVerification() external {
        Order memory order = terms();
        order.policy.rate = 1;
        expectBadPolicy(order);
        order.policy = Policy(0, 1, 0, 0);
        expectBadPolicy(order);
        order.policy = Policy(0, 0, 1, 0);
        expectBadPolicy(order);
        order.policy = Policy(0, 0, 0, 1);
        expectBadPolicy(order);
    }

    function expectBadPolicy(Order memory order) private {
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_BadTerms.selector, bytes32("policy"), order.policy.fee)
        );
        open(order);
    }

    function test_Open_RevertWhen_VerificationRefusesTheTerms() external {
        verification.refuseTerms(true, false);
        Order memory order = drawable();
        vm.expectRevert(VerificationMock.Refused.selector);
        open(order);
        assertOrder(escrow.orderIdOf(order), OrderStatus.None, 0, 0);
    }

    function test_Take_RevertWhen_VerificationRefusesIt() external {
        Order memory order = drawable();
        bytes32 orderId = open(order);
        verification.refuseTerms(false, true);
        vm.expectRevert(VerificationMock.Refused.selector);
        take(order, 0, 3);
        Task[] memory tasks = workOf(0, 3);
        bytes32 root = prove(orderId, provider, tasks);
        vm.expectRevert(VerificationMock.Refused.selector);
        vm.prank(provider);
        escrow.takeAndCommit(order, 0, 3, unitsOf(tasks), root);
        assertEq(lockedStake(provider), 0);
    }

    function test_Open_SetsEveryDrawAside() external {
        Order memory order = drawable();
        uint256 escrowed = priceOf(order, COUNT) + 3 * DRAW;
        bytes32 orderId = escrow.orderIdOf(order);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderOpened(orderId, customer, modelId, escrowed, order);
        open(order);
        assertEq(balance(address(escrow)), escrowed);
        vm.prank(customer);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderCancelled(orderId, escrowed);
        escrow.cancel(order);
        assertEq(balance(customer), FUNDS);
    }

    /* RECLAIM */

    function test_Reclaim_WhenNothingWasCommitted() external {
        Order memory order = drawable();
        open(order);
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);
        assertEq(balance(customer), FUNDS);
    }

    /// @dev Two batches where three were possible: the third one's draw comes back at once, and not before.
    function test_Reclaim_WhenAllIsCommittedInFewerBatches() external {
        Order memory order = drawable();
        open(order);
        commit(order, workOf(0, 5));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, uint256(order.deadline) + 1));
        escrow.reclaim(order);
        commit(order, workOf(5, 3));
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderReclaimed(escrow.orderIdOf(order), DRAW);
        escrow.reclaim(order);
        assertEq(balance(address(escrow)), priceOf(order, COUNT) + 2 * DRAW, "the batches keep theirs");
    }

    function test_Reclaim_WhenPartIsCommitted() external {
        Order memory order = drawable();
        open(order);
        commit(order, workOf(0, 3));
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);
        assertEq(balance(address(escrow)), priceOf(order, 3) + DRAW);
    }

    /// @dev A range that is taken again is still one batch.
    function test_Retakes_MakeNoMoreBatches() external {
        Order memory order = drawable();
        bytes32 orderId = open(order);
        for (uint256 i; i < 5; ++i) {
            take(order, 0, 4);
            skip(order.takeWindow + 1);
        }
        take(order, 0, 4);
        Task[] memory tasks = workOf(0, 4);
        bytes32 root = prove(orderId, provider, tasks);
        vm.prank(provider);
        escrow.commitBatch(order, 0, 4, unitsOf(tasks), root);
        commit(order, workOf(4, 3));
        commit(order, workOf(7, 1));
        assertEq(escrow.orderState(orderId).batches, 3);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.OrderReclaimed(orderId, 0);
        escrow.reclaim(order);
    }

    /* FUNDING */

    function test_FundDraw_RevertWhen_TheCallerIsNotTheVerificationContract() external {
        Order memory order = drawable();
        open(order);
        Batch memory batch = commit(order, workOf(0, 3));
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerification.selector, customer, address(verification))
        );
        vm.prank(customer);
        escrow.fundDraw(order, batch);
        // Nor another contract, by terms that name it.
        VerificationMock another = new VerificationMock();
        Order memory forged = drawable();
        forged.verification = address(another);
        vm.expectRevert(
            abi.encodeWithSelector(IJobEscrow.JobEscrow_OrderMismatch.selector, escrow.orderIdOf(forged), batch.orderId)
        );
        another.fundDraw(escrow, forged, batch);
    }

    function test_FundDraw_RevertGiven_ItWasFunded() external {
        (Order memory order, Batch memory batch) = funded();
        bytes32 batchId = escrow.batchIdOf(batch);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_AlreadyFunded.selector, batchId));
        verification.fundDraw(escrow, order, batch);
    }

    function test_FundDraw_RevertGiven_TheBatchIsFinal() external {
        Order memory order = drawable();
        open(order);
        Batch memory batch = commit(order, workOf(0, 3));
        escrow.accept(order, batch, sign(batch));
        expectNotCommitted(batch, BatchStatus.Settled);
        verification.fundDraw(escrow, order, batch);
        batch = commit(order, workOf(3, 3));
        verification.convict(escrow, order, batch, rival);
        expectNotCommitted(batch, BatchStatus.Forfeited);
        verification.fundDraw(escrow, order, batch);
    }

    function test_FundDraw_PaysOnce() external {
        (Order memory order, Batch memory batch) = funded();
        assertTrue(escrow.batchState(escrow.batchIdOf(batch)).funded);
        assertEq(balance(address(verification)), DRAW);
        assertEq(balance(address(escrow)), priceOf(order, COUNT) + 2 * DRAW);
    }

    function test_Settle_ReturnsWhatWasNotFunded() external {
        Order memory order = drawable();
        open(order);
        uint256 before = balance(customer);
        Batch memory batch = commit(order, workOf(0, 3));
        escrow.accept(order, batch, sign(batch));
        uint256 gross = uint256(order.unitPrice) * batch.units;
        assertEq(balance(customer), before + priceOf(order, 3) + DRAW - gross);
    }

    function test_Settle_KeepsTheFundedDrawOut() external {
        (Order memory order, Batch memory batch) = funded();
        uint256 before = balance(customer);
        escrow.accept(order, batch, sign(batch));
        uint256 gross = uint256(order.unitPrice) * batch.units;
        assertEq(balance(customer), before + priceOf(order, 3) - gross);
        assertEq(balance(address(escrow)), priceOf(order, 5) + 2 * DRAW);
    }

    function test_Convict_ReturnsWhatWasNotFundedAndTheReward() external {
        Order memory order = drawable();
        open(order);
        uint256 before = balance(customer);
        Batch memory batch = commit(order, workOf(0, 3));
        uint256 reward = verification.convict(escrow, order, batch, rival);
        assertEq(reward, batch.stake / 4);
        assertEq(stakeBalance(rival), reward);
        assertEq(balance(customer), before + priceOf(order, 3) + DRAW);
    }

    function test_Convict_KeepsTheFundedDrawOut() external {
        (Order memory order, Batch memory batch) = funded();
        uint256 before = balance(customer);
        verification.convict(escrow, order, batch, rival);
        assertEq(balance(customer), before + priceOf(order, 3));
    }

    function funded() private returns (Order memory order, Batch memory batch) {
        order = drawable();
        open(order);
        batch = commit(order, workOf(0, 3));
        vm.expectEmit(address(escrow));
        emit IJobEscrow.DrawFunded(escrow.batchIdOf(batch), DRAW);
        assertEq(verification.fundDraw(escrow, order, batch), DRAW);
    }

    /* DEMANDS */

    /// @dev The settle window is over, the draw is not.
    function test_Demand_WhileTheDrawRuns() external {
        Order memory order = drawable();
        open(order);
        Batch memory batch = commit(order, workOf(0, 3));
        uint256 windowEnd = block.timestamp + order.settleWindow;
        vm.warp(windowEnd);
        verification.setChallengeEnd(uint40(windowEnd - 1));
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_WindowPassed.selector, windowEnd));
        demand(order, batch, 0);
        verification.setChallengeEnd(uint40(windowEnd));
        demand(order, batch, 0);
        assertBatch(batch, BatchStatus.Committed, 1);
    }

    /* CONSERVATION */

    /// @dev Batches of any sizes, any part of them funded, settled, forfeited or left: to the unit, all goes somewhere.
    function testFuzz_EveryUnitGoesSomewhere(uint256 random, uint8 count, uint8 minBatch, uint128 fee) external {
        Order memory order = termsOf(uint32(bound(count, 1, 12)));
        order.minBatch = uint32(bound(minBatch, 1, order.count));
        order.verification = address(verification);
        order.policy = Policy(1, uint8(random % 9), uint8(random >> 8) % 9, uint128(bound(fee, 0, 1e20)));
        bytes32 orderId = open(order);
        uint32 next;
        while (next < order.count && random >> 16 & 7 != 0) {
            uint32 left = order.count - next;
            uint32 least = left < order.minBatch ? left : order.minBatch;
            uint32 size = uint32(bound(random >> 24 & 15, least, left));
            endSomehow(order, commit(order, workOf(next, size)), random >> 32);
            next += size;
            random = uint256(keccak256(abi.encode(random)));
        }
        assertLe(escrow.orderState(orderId).batches, (order.count + order.minBatch - 1) / order.minBatch);
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);
        assertEq(balance(address(escrow)), 0);
        uint256 sum = balance(customer) + balance(address(verification)) + balance(provider) + balance(pool);
        assertEq(sum + balance(modelOwner) + balance(dataOwner) + balance(baseOwner), FUNDS);
        assertEq(lockedStake(provider), 0);
    }

    function endSomehow(Order memory order, Batch memory batch, uint256 random) private {
        if (random & 1 == 1) verification.fundDraw(escrow, order, batch);
        if (random & 2 == 2) verification.convict(escrow, order, batch, rival);
        else escrow.accept(order, batch, sign(batch));
    }
}
