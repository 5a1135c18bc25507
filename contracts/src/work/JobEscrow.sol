// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IFeeSchedule} from "../ledger/IFeeSchedule.sol";
import {Credit, ILedger} from "../ledger/ILedger.sol";
import {IStaking} from "../staking/IStaking.sol";
import {BatchState, BatchStatus, Demand, Fault, IJobEscrow, OrderState, OrderStatus, Take} from "./IJobEscrow.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IVerification} from "./IVerification.sol";
import {Batch, Order, Task} from "./WorkTypes.sol";
import {Faults} from "./libraries/Faults.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {Payout, Shares} from "./libraries/Payout.sol";
import {Receipt} from "./libraries/Receipt.sol";
import {TaskLeaf} from "./libraries/TaskLeaf.sol";
import {Terms} from "./libraries/Terms.sol";

/// @title JobEscrow
/// @notice Orders, takes, batches and their settlement; `IJobEscrow` says what each move does and requires.
/// @dev No re-entrancy lock, because no state is left half done: ledger, staking, registry and schedule call nobody back, a
/// customer's ERC-1271 and a verification contract's views are reached by STATICCALL, and `onCommit`, the one call that
/// can come back, is the last thing that a commit does.
contract JobEscrow is IJobEscrow, EIP712 {
    using Terms for Order;
    using TaskLeaf for Task;

    /// @inheritdoc IJobEscrow
    uint256 public constant TAKE_BURN = 1000;
    /// @inheritdoc IJobEscrow
    uint256 public constant SLASH_BURN = 5000;
    /// @inheritdoc IJobEscrow
    uint256 public constant SLASH_REWARD = 2500;
    /// @inheritdoc IJobEscrow
    uint256 public constant MAX_ROW_BYTES = 32_768;
    /// @inheritdoc IJobEscrow
    uint256 public constant MAX_WINDOW = 30 days;
    /// @inheritdoc IJobEscrow
    uint256 public constant DEMAND_SPACING = 4;

    /// @inheritdoc IJobEscrow
    ILedger public immutable ledger;
    /// @inheritdoc IJobEscrow
    IStaking public immutable staking;
    /// @inheritdoc IJobEscrow
    IModelRegistry public immutable models;
    /// @inheritdoc IJobEscrow
    IFeeSchedule public immutable fees;

    /// @dev Where funds are burned; the ledger's.
    address private immutable _burn;
    /// @dev The chain's id at deployment. Should a fork change it, open orders keep their ids and can still be left.
    uint256 private immutable _chainId;

    mapping(bytes32 orderId => OrderState) private _orders;
    mapping(bytes32 orderId => mapping(uint32 first => Take)) private _takes;
    mapping(bytes32 batchId => BatchState) private _batches;
    mapping(bytes32 batchId => mapping(uint32 index => Demand)) private _demands;

    /// @param ledger_ The ledger that holds the escrow's money.
    /// @param staking_ Where providers' stake for this escrow lies.
    /// @param models_ The models that can be ordered.
    /// @param fees_ The take rates.
    constructor(ILedger ledger_, IStaking staking_, IModelRegistry models_, IFeeSchedule fees_)
        EIP712("Assay JobEscrow", "1")
    {
        ledger = ledger_;
        staking = staking_;
        models = models_;
        fees = fees_;
        _burn = ledger_.BURN();
        _chainId = block.chainid;
    }

    /* READS */

    /// @inheritdoc IJobEscrow
    function orderIdOf(Order calldata order) public view returns (bytes32) {
        return order.id(_chainId, address(this));
    }

    /// @inheritdoc IJobEscrow
    function batchIdOf(Batch calldata batch) public pure returns (bytes32) {
        return keccak256(abi.encode(batch));
    }

    /// @inheritdoc IJobEscrow
    function orderState(bytes32 orderId) external view returns (OrderState memory) {
        return _orders[orderId];
    }

    /// @inheritdoc IJobEscrow
    function takeOf(bytes32 orderId, uint32 first) external view returns (Take memory) {
        return _takes[orderId][first];
    }

    /// @inheritdoc IJobEscrow
    function batchState(bytes32 batchId) external view returns (BatchState memory) {
        return _batches[batchId];
    }

    /// @inheritdoc IJobEscrow
    function demandOf(bytes32 batchId, uint32 index) external view returns (Demand memory) {
        return _demands[batchId][index];
    }

    /// @inheritdoc IJobEscrow
    function stakeFor(Order calldata order, uint32 count) external pure returns (uint128) {
        return order.stakeFor(count);
    }

    /// @inheritdoc IJobEscrow
    function receiptHash(Batch calldata batch) public view returns (bytes32) {
        return _hashTypedDataV4(Receipt.structHash(batch));
    }

    /* ORDERS */

    /// @inheritdoc IJobEscrow
    function open(Order calldata order) external returns (bytes32 orderId) {
        require(msg.sender == order.customer, JobEscrow_NotCustomer(msg.sender, order.customer));
        order.check(MAX_WINDOW);
        _requireCurrentFee(order);
        models.checkTerms(order.modelId, order.token, order.unitPrice, order.unitBytes, order.royalties);

        orderId = orderIdOf(order);
        OrderState storage state = _orders[orderId];
        require(state.status == OrderStatus.None, JobEscrow_OrderExists(orderId));
        state.status = OrderStatus.Open;
        if (order.verification != address(0)) IVerification(order.verification).checkTerms(order);
        uint256 escrowed = order.escrowed();
        emit OrderOpened(orderId, order.customer, order.modelId, escrowed, order);
        _pull(order.token, escrowed);
    }

    /// @inheritdoc IJobEscrow
    function cancel(Order calldata order) external {
        require(msg.sender == order.customer, JobEscrow_NotCustomer(msg.sender, order.customer));
        (bytes32 orderId, OrderState storage state) = _requireOpen(order);
        require(state.next == 0, JobEscrow_AlreadyTaken(orderId));
        state.status = OrderStatus.Closed;
        uint256 refund = order.escrowed();
        emit OrderCancelled(orderId, refund);
        ledger.pay(order.token, Payout.single(order.customer, refund));
    }

    /// @inheritdoc IJobEscrow
    function reclaim(Order calldata order) external {
        (bytes32 orderId, OrderState storage state) = _requireOpen(order);
        // INVARIANT: takes end by the deadline, so nothing can be committed after these counts were read.
        bool done = state.committed == order.count || block.timestamp > order.deadline;
        require(done, JobEscrow_TooEarly(uint256(order.deadline) + 1));
        state.status = OrderStatus.Closed;
        uint256 refund =
            order.reserve(order.count - state.committed) + order.drawReserve(order.mostBatches() - state.batches);
        emit OrderReclaimed(orderId, refund);
        ledger.pay(order.token, Payout.single(order.customer, refund));
    }

    /* TAKES */

    /// @inheritdoc IJobEscrow
    function take(Order calldata order, uint32 first, uint32 count) external {
        (bytes32 orderId, OrderState storage state) = _requireTakeable(order);
        if (first == state.next) _advance(order, orderId, state, count);
        else _retake(order, orderId, first, count);
        uint40 expiresAt = order.takeExpiry();
        _takes[orderId][first] = Take(msg.sender, count, expiresAt);
        uint128 stake = order.stakeFor(count);
        emit Taken(orderId, msg.sender, first, count, stake, expiresAt);
        staking.lock(msg.sender, stake);
    }

    /// @inheritdoc IJobEscrow
    function expire(Order calldata order, uint32 first) external {
        bytes32 orderId = orderIdOf(order);
        Take storage held = _takes[orderId][first];
        require(held.provider != address(0), JobEscrow_NotTaken(orderId, first));
        require(block.timestamp > held.expiresAt, JobEscrow_TooEarly(uint256(held.expiresAt) + 1));
        _expire(order, orderId, first, held);
    }

    /// @inheritdoc IJobEscrow
    function commitBatch(Order calldata order, uint32 first, uint32 count, uint64 units, bytes32 root)
        external
        returns (bytes32 batchId)
    {
        bytes32 orderId = orderIdOf(order);
        Take memory held = _takes[orderId][first];
        bool live = held.provider == msg.sender && held.count == count && block.timestamp <= held.expiresAt;
        require(live, JobEscrow_NotTaken(orderId, first));
        delete _takes[orderId][first];
        // The stake that the take locked stays locked, for the batch.
        return _commit(order, orderId, first, count, units, root);
    }

    /// @inheritdoc IJobEscrow
    function takeAndCommit(Order calldata order, uint32 first, uint32 count, uint64 units, bytes32 root)
        external
        returns (bytes32 batchId)
    {
        (bytes32 orderId, OrderState storage state) = _requireTakeable(order);
        require(first == state.next, JobEscrow_RangeNotFree(orderId, first, count));
        _advance(order, orderId, state, count);
        staking.lock(msg.sender, order.stakeFor(count));
        return _commit(order, orderId, first, count, units, root);
    }

    /* SETTLEMENT */

    /// @inheritdoc IJobEscrow
    function accept(Order calldata order, Batch calldata batch, bytes calldata receipt) external {
        bytes32 batchId = _requireCommitted(order, batch);
        bool inPerson = msg.sender == order.customer && receipt.length == 0;
        require(
            inPerson || SignatureChecker.isValidSignatureNowCalldata(order.customer, receiptHash(batch), receipt),
            JobEscrow_BadReceipt()
        );
        _settle(order, batch, batchId, true);
    }

    /// @inheritdoc IJobEscrow
    function settle(Order calldata order, Batch calldata batch) external {
        bytes32 batchId = _requireCommitted(order, batch);
        uint40 settlesAt = _batches[batchId].settlesAt;
        require(block.timestamp >= settlesAt, JobEscrow_TooEarly(settlesAt));
        _settle(order, batch, batchId, false);
    }

    /* DEMANDS */

    /// @inheritdoc IJobEscrow
    function demand(Order calldata order, Batch calldata batch, uint32 index) external {
        bytes32 batchId = _requireCommitted(order, batch);
        _requireDemandable(order, batch, batchId);
        require(
            index >= batch.first && index - batch.first < batch.count,
            JobEscrow_IndexOutOfRange(index, batch.first, batch.count)
        );
        // A slot stays marked after its demand was answered: the rows are public then, and asking again would only delay.
        Demand storage slot = _demands[batchId][index];
        require(slot.deadline == 0, JobEscrow_AlreadyDemanded(batchId, index));

        BatchState storage state = _batches[batchId];
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 deadline = uint40(block.timestamp + order.demandWindow + DEMAND_SPACING * state.demands);
        ++state.demands;
        (slot.demander, slot.deadline) = (msg.sender, deadline);
        emit Demanded(batchId, index, msg.sender, order.demandFee, deadline);
        _pull(order.token, order.demandFee);
    }

    /// @inheritdoc IJobEscrow
    function supply(
        Order calldata order,
        Batch calldata batch,
        Task calldata task,
        bytes calldata input,
        bytes calldata output
    ) external {
        require(msg.sender == batch.provider, JobEscrow_NotProvider(msg.sender, batch.provider));
        bytes32 batchId = _requireCommitted(order, batch);
        _requireTask(batch, task);
        _requireRow(input, task.inputHash);
        _requireRow(output, task.outputHash);
        _answer(order, batchId, task.index);
        emit Supplied(batchId, task.index, task, input, output);
        ledger.pay(order.token, Payout.single(msg.sender, order.demandFee));
    }

    /// @inheritdoc IJobEscrow
    function forfeit(Order calldata order, Batch calldata batch, uint32 index) external {
        bytes32 batchId = _requireMatch(order, batch);
        Demand memory open_ = _demands[batchId][index];
        require(open_.demander != address(0), JobEscrow_NotDemanded(batchId, index));
        BatchState storage state = _batches[batchId];
        // INVARIANT: a batch with an open demand is committed or forfeited, never settled.
        bool already = state.status == BatchStatus.Forfeited;
        require(already || block.timestamp > open_.deadline, JobEscrow_TooEarly(uint256(open_.deadline) + 1));

        --state.demands;
        delete _demands[batchId][index];
        if (!already) _forfeit(order, batch, batchId, Fault.Withheld, open_.demander);
        emit DemandRefunded(batchId, index, open_.demander, order.demandFee);
        ledger.pay(order.token, Payout.single(open_.demander, order.demandFee));
    }

    /* FAULTS */

    /// @inheritdoc IJobEscrow
    function proveUnitsGap(Order calldata order, Batch calldata batch, Task calldata left, Task calldata right)
        external
    {
        bytes32 batchId = _requireCommitted(order, batch);
        _requireTask(batch, left);
        _requireTask(batch, right);
        require(Faults.unitsGap(left, right), JobEscrow_NoFault());
        _forfeit(order, batch, batchId, Fault.UnitsGap, msg.sender);
    }

    /// @inheritdoc IJobEscrow
    function proveUnitsBound(Order calldata order, Batch calldata batch, Task calldata task) external {
        bytes32 batchId = _requireCommitted(order, batch);
        _requireTask(batch, task);
        require(Faults.unitsBound(order, batch, task), JobEscrow_NoFault());
        _forfeit(order, batch, batchId, Fault.UnitsBound, msg.sender);
    }

    /// @inheritdoc IJobEscrow
    function proveWrongUnits(Order calldata order, Batch calldata batch, Task calldata task, bytes calldata input)
        external
    {
        bytes32 batchId = _requireCommitted(order, batch);
        _requireTask(batch, task);
        _requireHash(input, task.inputHash);
        require(Faults.wrongUnits(order, task, input), JobEscrow_NoFault());
        _forfeit(order, batch, batchId, Fault.WrongUnits, msg.sender);
    }

    /// @inheritdoc IJobEscrow
    function proveWrongInput(
        Order calldata order,
        Batch calldata batch,
        Task calldata task,
        bytes32 orderedInput,
        bytes32[] calldata orderedProof
    ) external {
        bytes32 batchId = _requireCommitted(order, batch);
        _requireTask(batch, task);
        require(order.holdsInput(task.index, orderedInput, orderedProof), JobEscrow_BadProof(task.index));
        require(Faults.wrongInput(task, orderedInput), JobEscrow_NoFault());
        _forfeit(order, batch, batchId, Fault.WrongInput, msg.sender);
    }

    /* VERIFICATION */

    /// @inheritdoc IJobEscrow
    function fundDraw(Order calldata order, Batch calldata batch) external returns (uint256 amount) {
        require(msg.sender == order.verification, JobEscrow_NotVerification(msg.sender, order.verification));
        bytes32 batchId = _requireCommitted(order, batch);
        BatchState storage state = _batches[batchId];
        require(!state.funded, JobEscrow_AlreadyFunded(batchId));
        state.funded = true;
        amount = order.drawReserve(1);
        emit DrawFunded(batchId, amount);
        ledger.pay(order.token, Payout.single(msg.sender, amount));
    }

    /// @inheritdoc IJobEscrow
    function convict(Order calldata order, Batch calldata batch, address beneficiary)
        external
        returns (uint256 reward)
    {
        require(msg.sender == order.verification, JobEscrow_NotVerification(msg.sender, order.verification));
        bytes32 batchId = _requireCommitted(order, batch);
        return _forfeit(order, batch, batchId, Fault.Convicted, beneficiary);
    }

    /* TRANSITIONS */

    /// @dev Moves the frontier over the next `count` tasks.
    function _advance(Order calldata order, bytes32 orderId, OrderState storage state, uint32 count) private {
        uint32 next = state.next;
        uint32 remaining = order.count - next;
        require(count <= remaining && remaining != 0, JobEscrow_RangeNotFree(orderId, next, count));
        uint32 smallest = order.minBatch < remaining ? order.minBatch : remaining;
        require(count >= smallest, JobEscrow_RangeTooSmall(count, smallest));
        state.next = next + count;
    }

    /// @dev Makes way for a new take of a range behind the frontier: it must have been freed, or run out by now.
    function _retake(Order calldata order, bytes32 orderId, uint32 first, uint32 count) private {
        Take storage held = _takes[orderId][first];
        bool ranOut = held.provider == address(0) || block.timestamp > held.expiresAt;
        require(count != 0 && held.count == count && ranOut, JobEscrow_RangeNotFree(orderId, first, count));
        if (held.provider != address(0)) _expire(order, orderId, first, held);
    }

    /// @dev Frees a range and burns part of its stake. The count stays: it is the size at which the range can be taken again.
    function _expire(Order calldata order, bytes32 orderId, uint32 first, Take storage held) private {
        (address provider, uint32 count) = (held.provider, held.count);
        held.provider = address(0);
        uint256 stake = order.stakeFor(count);
        uint256 burned = Payout.partUp(stake, TAKE_BURN);
        emit TakeExpired(orderId, provider, first, count, burned);
        staking.slash(provider, burned, Payout.single(_burn, burned));
        staking.unlock(provider, stake - burned);
    }

    /// @dev Records a batch of the caller. The verification contract comes last, when everything else is done.
    function _commit(Order calldata order, bytes32 orderId, uint32 first, uint32 count, uint64 units, bytes32 root)
        private
        returns (bytes32 batchId)
    {
        uint256 most = uint256(order.unitCap) * count;
        require(units >= count && units <= most, JobEscrow_UnitsOutOfRange(units, count, most));
        require(root != 0, JobEscrow_EmptyRoot());
        Batch memory batch = Batch({
            orderId: orderId,
            provider: msg.sender,
            first: first,
            count: count,
            units: units,
            root: root,
            stake: order.stakeFor(count),
            // forge-lint: disable-next-line(unsafe-typecast)
            committedAt: uint40(block.timestamp)
        });
        batchId = keccak256(abi.encode(batch));
        OrderState storage state = _orders[orderId];
        state.committed += count;
        ++state.batches;
        _batches[batchId] = BatchState(BatchStatus.Committed, 0, batch.committedAt + order.settleWindow, false);
        _emitCommitted(batchId, batch);
        if (order.verification != address(0)) IVerification(order.verification).onCommit(batchId, order, batch);
    }

    function _emitCommitted(bytes32 batchId, Batch memory batch) private {
        emit BatchCommitted(
            batch.orderId,
            batchId,
            batch.provider,
            batch.first,
            batch.count,
            batch.units,
            batch.root,
            batch.stake,
            batch.committedAt
        );
    }

    /// @dev Pays a committed batch out and frees its stake.
    function _settle(Order calldata order, Batch calldata batch, bytes32 batchId, bool accepted) private {
        BatchState storage state = _batches[batchId];
        require(state.demands == 0, JobEscrow_DemandsOpen(state.demands));
        if (order.verification != address(0)) {
            require(IVerification(order.verification).agrees(batchId, accepted), JobEscrow_NotVerified(batchId));
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        (state.status, state.settlesAt) = (BatchStatus.Settled, uint40(block.timestamp));
        (Credit[] memory credits, Shares memory shares) = Payout.settlement(order, batch, _unspent(order, state));
        emit BatchSettled(
            batch.orderId, batchId, accepted, shares.provider, shares.fee, shares.royalties, shares.refund
        );
        ledger.pay(order.token, credits);
        staking.unlock(batch.provider, batch.stake);
    }

    /// @dev Refunds a committed batch's whole reservation and slashes its stake.
    function _forfeit(Order calldata order, Batch calldata batch, bytes32 batchId, Fault fault, address beneficiary)
        private
        returns (uint256 reward)
    {
        BatchState storage state = _batches[batchId];
        state.status = BatchStatus.Forfeited;
        uint256 refund = order.reserve(batch.count) + _unspent(order, state);
        uint256 stake = batch.stake;
        Credit[] memory credits = Payout.slashing(stake, SLASH_BURN, SLASH_REWARD, _burn, beneficiary, order.customer);
        reward = credits[1].amount;
        emit BatchForfeited(batch.orderId, batchId, fault, beneficiary, refund, stake, credits[0].amount);
        ledger.pay(order.token, Payout.single(order.customer, refund));
        staking.slash(batch.provider, stake, credits);
    }

    /// @dev Closes a demand in time. What the rows show may be a fault, so settlement leaves as much time to prove it as
    /// the provider had to answer.
    function _answer(Order calldata order, bytes32 batchId, uint32 index) private {
        Demand storage slot = _demands[batchId][index];
        require(slot.demander != address(0), JobEscrow_NotDemanded(batchId, index));
        require(block.timestamp <= slot.deadline, JobEscrow_DemandExpired(slot.deadline));
        slot.demander = address(0);
        BatchState storage state = _batches[batchId];
        --state.demands;
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 readUntil = uint40(block.timestamp + order.demandWindow);
        if (readUntil > state.settlesAt) state.settlesAt = readUntil;
    }

    /* REQUIREMENTS */

    function _requireCurrentFee(Order calldata order) private view {
        (address recipient, uint16 rate) = (fees.pool(), fees.rateOf(order.token));
        require(order.feeRecipient == recipient && order.feeRate == rate, JobEscrow_StaleFee(recipient, rate));
    }

    function _requireOpen(Order calldata order) private view returns (bytes32 orderId, OrderState storage state) {
        orderId = orderIdOf(order);
        state = _orders[orderId];
        require(state.status == OrderStatus.Open, JobEscrow_OrderNotOpen(orderId, state.status));
    }

    function _requireTakeable(Order calldata order) private view returns (bytes32 orderId, OrderState storage state) {
        (orderId, state) = _requireOpen(order);
        require(block.timestamp <= order.deadline, JobEscrow_DeadlinePassed(order.deadline));
        if (order.verification != address(0)) IVerification(order.verification).checkTake(order);
    }

    /// @dev Whoever knows terms that hash to a batch's order knows the true terms.
    function _requireMatch(Order calldata order, Batch calldata batch) private view returns (bytes32 batchId) {
        bytes32 orderId = orderIdOf(order);
        require(orderId == batch.orderId, JobEscrow_OrderMismatch(orderId, batch.orderId));
        return batchIdOf(batch);
    }

    function _requireCommitted(Order calldata order, Batch calldata batch) private view returns (bytes32 batchId) {
        batchId = _requireMatch(order, batch);
        BatchStatus status = _batches[batchId].status;
        require(status == BatchStatus.Committed, JobEscrow_BatchNotCommitted(batchId, status));
    }

    /// @dev Whoever was drawn to compute a task again must be able to ask for its data, however late the draw is.
    function _requireDemandable(Order calldata order, Batch calldata batch, bytes32 batchId) private view {
        uint256 windowEnd = uint256(batch.committedAt) + order.settleWindow;
        if (block.timestamp < windowEnd) return;
        address verification = order.verification;
        bool drawn = verification != address(0) && block.timestamp <= IVerification(verification).challengeEnd(batchId);
        require(drawn, JobEscrow_WindowPassed(windowEnd));
    }

    function _requireTask(Batch calldata batch, Task calldata task) private view {
        require(task.isIn(batch, _chainId), JobEscrow_BadProof(task.index));
    }

    function _requireRow(bytes calldata row, bytes32 expected) private pure {
        require(row.length <= MAX_ROW_BYTES, JobEscrow_RowTooLong(row.length, MAX_ROW_BYTES));
        _requireHash(row, expected);
    }

    function _requireHash(bytes calldata row, bytes32 expected) private pure {
        bytes32 actual = MerkleTree.rowRoot(row);
        require(actual == expected, JobEscrow_BadRow(expected, actual));
    }

    /* MONEY */

    /// @dev What a batch set aside for a draw and the verification contract did not take.
    function _unspent(Order calldata order, BatchState storage state) private view returns (uint256) {
        return state.funded ? 0 : order.drawReserve(1);
    }

    /// @dev Moves `amount` of the caller's ledger balance here, under the caller's ledger allowance.
    function _pull(address token, uint256 amount) private {
        if (amount == 0) return;
        // The ledger reverts rather than answer false.
        assert(ledger.transferFrom(msg.sender, address(this), uint256(uint160(token)), amount));
    }
}
