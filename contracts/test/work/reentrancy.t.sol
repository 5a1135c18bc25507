// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchStatus, IJobEscrow, OrderStatus} from "../../src/work/IJobEscrow.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";
import {VerificationMock} from "./mocks/VerificationMock.sol";
import {WalletMock} from "./mocks/WalletMock.sol";

/// @notice The two contracts that strangers bring along: a customer's wallet and an order's verification contract.
contract JobEscrow_Reentrancy_Test is WorkTest {
    VerificationMock private verification;

    function setUp() public override {
        super.setUp();
        verification = new VerificationMock();
    }

    function verifiedTerms() private view returns (Order memory order) {
        order = terms();
        order.verification = address(verification);
    }

    /// @dev What the provider will have committed, known beforehand.
    function batchOf(Order memory order, uint32 count) private view returns (Batch memory) {
        bytes32 orderId = escrow.orderIdOf(order);
        Task[] memory tasks = workOf(0, count);
        bytes32 root = prove(orderId, provider, tasks);
        uint128 stake = escrow.stakeFor(order, count);
        return Batch(orderId, provider, 0, count, unitsOf(tasks), root, stake, uint40(block.timestamp));
    }

    function reenter(bytes memory data) private {
        verification.reenter(address(escrow), data);
    }

    /// @dev During the commit it tries every move that could pay twice or free stake; the batch stands already, so each fails.
    function test_OnCommit_EveryMoveThatIsNotDue() external {
        Order memory order = verifiedTerms();
        open(order);
        Batch memory batch = batchOf(order, 4);
        Task memory task = workOf(0, 1)[0];
        reenter(abi.encodeCall(IJobEscrow.cancel, (order)));
        reenter(abi.encodeCall(IJobEscrow.reclaim, (order)));
        reenter(abi.encodeCall(IJobEscrow.expire, (order, 0)));
        reenter(abi.encodeCall(IJobEscrow.take, (order, 0, 4)));
        reenter(abi.encodeCall(IJobEscrow.commitBatch, (order, 0, 4, batch.units, batch.root)));
        reenter(abi.encodeCall(IJobEscrow.takeAndCommit, (order, 4, 4, 4, batch.root)));
        reenter(abi.encodeCall(IJobEscrow.settle, (order, batch)));
        reenter(abi.encodeCall(IJobEscrow.accept, (order, batch, "")));
        reenter(abi.encodeCall(IJobEscrow.forfeit, (order, batch, 0)));
        reenter(abi.encodeCall(IJobEscrow.supply, (order, batch, task, inputRow(0), outputRow(0))));
        take(order, 0, 4);
        vm.prank(provider);
        escrow.commitBatch(order, 0, 4, batch.units, batch.root);
        assertEq(verification.succeeded(), 0);
        assertBatch(batch, BatchStatus.Committed, 0);
        assertEq(lockedStake(provider), batch.stake);
        assertEq(balance(address(escrow)), uint256(order.unitPrice) * order.unitCap * COUNT);
    }

    /// @dev The customer's receipt is at hand: settling inside the commit is settling right after it.
    function test_OnCommit_SettleByReceipt() external {
        Order memory order = verifiedTerms();
        verification.set(true, true);
        open(order);
        Batch memory batch = batchOf(order, 4);
        bytes memory receipt = sign(batch);
        reenter(abi.encodeCall(IJobEscrow.accept, (order, batch, receipt)));
        reenter(abi.encodeCall(IJobEscrow.accept, (order, batch, receipt)));
        commit(order, workOf(0, 4));
        assertEq(verification.succeeded(), 1, "once");
        assertBatch(batch, BatchStatus.Settled, 0);
        assertEq(lockedStake(provider), 0);
        assertEq(balance(address(escrow)), uint256(order.unitPrice) * order.unitCap * (COUNT - 4));
    }

    function test_OnCommit_ConvictTwice() external {
        Order memory order = verifiedTerms();
        open(order);
        Batch memory batch = batchOf(order, 4);
        reenter(abi.encodeCall(IJobEscrow.convict, (order, batch, rival)));
        reenter(abi.encodeCall(IJobEscrow.convict, (order, batch, rival)));
        commit(order, workOf(0, 4));
        assertEq(verification.succeeded(), 1, "once");
        assertBatch(batch, BatchStatus.Forfeited, 0);
        assertEq(totalStake(provider), STAKE - batch.stake);
        assertEq(balance(customer) + balance(address(escrow)), FUNDS);
    }

    /// @dev It refuses every commit, to burn the provider's stake: that costs a tenth once, and pays nobody.
    function test_ARefusingVerificationContract() external {
        Order memory order = verifiedTerms();
        open(order);
        take(order, 0, 4);
        uint256 stake = lockedStake(provider);
        verification.refuse(true);
        vm.expectRevert(VerificationMock.Refused.selector);
        vm.prank(provider);
        escrow.commitBatch(order, 0, 4, 4, keccak256("root"));
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        assertEq(totalStake(provider), STAKE - (stake + 9) / 10);
        assertEq(stakeBalance(customer), 0);
        vm.warp(order.deadline + 1);
        escrow.reclaim(order);
        assertEq(balance(customer), FUNDS);
    }

    /// @dev It never agrees: what both sides agreed to by naming it. The rest of the order and faults are out of its reach.
    function test_AVerificationContractThatNeverAgrees() external {
        Order memory order = verifiedTerms();
        bytes32 orderId = open(order);
        Batch memory batch = commit(order, workOf(0, 4));
        vm.warp(order.deadline + 1);
        bytes memory refusal =
            abi.encodeWithSelector(IJobEscrow.JobEscrow_NotVerified.selector, escrow.batchIdOf(batch));
        vm.expectRevert(refusal);
        escrow.settle(order, batch);
        vm.expectRevert(refusal);
        vm.prank(customer);
        escrow.accept(order, batch, "");
        escrow.reclaim(order);
        assertOrder(orderId, OrderStatus.Closed, 4, 4);
        assertEq(balance(address(escrow)), uint256(order.unitPrice) * order.unitCap * 4);
    }

    /// @dev The wallet's check tries to settle the batch itself. It runs under STATICCALL and changes nothing.
    function test_AWalletThatCallsBack() external {
        WalletMock wallet = new WalletMock();
        fund(address(wallet), token);
        Order memory order = terms();
        order.customer = address(wallet);
        open(order);
        Batch memory batch = commit(order, workOf(0, 4));
        wallet.approve(escrow.receiptHash(batch));
        wallet.reenter(address(escrow), abi.encodeCall(IJobEscrow.accept, (order, batch, "")));
        escrow.accept(order, batch, "receipt");
        uint256 gross = uint256(order.unitPrice) * batch.units;
        assertEq(balance(address(wallet)) + balance(address(escrow)), FUNDS - gross, "paid once");
        expectNotCommitted(batch, BatchStatus.Settled);
        escrow.accept(order, batch, "receipt");
    }
}
