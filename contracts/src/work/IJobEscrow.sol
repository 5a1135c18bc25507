// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IFeeSchedule} from "../ledger/IFeeSchedule.sol";
import {ILedger} from "../ledger/ILedger.sol";
import {IStaking} from "../staking/IStaking.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {Batch, Order, Task} from "./WorkTypes.sol";

/// @notice Where an order stands.
enum OrderStatus {
    None,
    Open,
    Closed
}

/// @notice Where a batch stands. `Settled` and `Forfeited` are final.
enum BatchStatus {
    None,
    Committed,
    Settled,
    Forfeited
}

/// @notice Why a batch was forfeited.
enum Fault {
    Withheld,
    UnitsGap,
    UnitsBound,
    WrongUnits,
    WrongInput,
    Convicted
}

/// @notice An order's state: one slot.
/// @param status Open until cancelled or reclaimed.
/// @param next First index that was never taken.
/// @param committed Tasks in committed batches, whatever became of them.
/// @param batches Committed batches.
struct OrderState {
    OrderStatus status;
    uint32 next;
    uint32 committed;
    uint32 batches;
}

/// @notice A range that a provider holds: one slot, keyed by (order, first).
/// @param provider Who holds it; zero when it was freed by expiry.
/// @param count Tasks in the range; zero when no such range exists.
/// @param expiresAt Last second to commit.
struct Take {
    address provider;
    uint32 count;
    uint40 expiresAt;
}

/// @notice A batch's state: one slot.
/// @param demands Demands that are open.
/// @param settlesAt First second of settlement without a receipt: the end of the settle window, moved on by a late supply. Once the
/// batch is settled, when it was.
/// @param funded What the batch set aside for a draw went to the verification contract.
struct BatchState {
    BatchStatus status;
    uint32 demands;
    uint40 settlesAt;
    bool funded;
}

/// @notice A demand for withheld data: one slot, keyed by (batch, index).
/// @param demander Who is owed an answer; zero when no demand is open.
/// @param deadline Last second to answer. It stays when the demand was answered: an index is demanded once.
struct Demand {
    address demander;
    uint40 deadline;
}

/// @title JobEscrow
/// @notice Orders, takes, batches and their settlement. The escrow's money is the ledger balance of this contract.
///
/// Callers pass the terms (`Order`) and the batch (`Batch`) again with each move; their hashes are the keys of state. Hence a
/// move names the very state that it answers, and a reorganisation cannot retarget it.
///
/// Hazards. A customer writes the terms, a provider agrees to them by taking. Before it takes, a provider must have every input
/// row (well formed, under `inputsRoot`, within `unitCap`), must find `demandWindow` long enough and `demandFee` high enough to
/// publish its rows, at most `MAX_ROW_BYTES` each, and must trust `verification`: a contract that reverts in `onCommit`
/// costs the take's burn, and one that never agrees holds price and stake for ever. A customer who asks for no stake invites
/// takes and commits that cost nothing, and is paid nothing for what is withheld; somebody must demand, inside the window,
/// what was not received. Who proves a fault can be overtaken in the mempool; the batch is lost to its provider all the same.
///
/// @dev INVARIANT: the ledger balance covers, for each order, `unitPrice * unitCap` for every task that is neither settled,
/// forfeited nor refunded, the cost of a draw for every batch that is or may be committed and was neither funded, settled,
/// forfeited nor refunded, and the fee of each open demand. INVARIANT: locked stake covers every take and unfinal batch.
/// Amounts: `unitPrice < 2^128`, `unitCap, count < 2^32`, so a product is below `2^192`. The fee is rounded up, royalties are
/// rounded down, the provider receives the rest, so that each batch pays out exactly what it reserved.
interface IJobEscrow {
    /// @notice An order was opened and `escrowed` moved in.
    event OrderOpened(
        bytes32 indexed orderId, address indexed customer, bytes32 indexed modelId, uint256 escrowed, Order order
    );
    /// @notice The customer cancelled before any take.
    event OrderCancelled(bytes32 indexed orderId, uint256 refund);
    /// @notice What was never committed went back to the customer.
    event OrderReclaimed(bytes32 indexed orderId, uint256 refund);
    /// @notice `provider` holds `[first, first + count)` until `expiresAt`.
    event Taken(
        bytes32 indexed orderId, address indexed provider, uint32 first, uint32 count, uint128 stake, uint40 expiresAt
    );
    /// @notice The take ran out; `burned` of its stake is gone and the range is free.
    event TakeExpired(bytes32 indexed orderId, address indexed provider, uint32 first, uint32 count, uint256 burned);
    /// @notice A batch was committed. Where no `Taken` of the range came before, `takeAndCommit` took it from the frontier.
    event BatchCommitted(
        bytes32 indexed orderId,
        bytes32 indexed batchId,
        address indexed provider,
        uint32 first,
        uint32 count,
        uint64 units,
        bytes32 root,
        uint128 stake,
        uint40 committedAt
    );
    /// @notice A batch was paid: `paid` to the provider, `fee` to the pool, `royalties` in all, `refund` to the customer.
    event BatchSettled(
        bytes32 indexed orderId,
        bytes32 indexed batchId,
        bool accepted,
        uint256 paid,
        uint256 fee,
        uint256 royalties,
        uint256 refund
    );
    /// @notice A batch lost: its price went back to the customer and its stake was slashed.
    event BatchForfeited(
        bytes32 indexed orderId,
        bytes32 indexed batchId,
        Fault fault,
        address beneficiary,
        uint256 refund,
        uint256 slashed,
        uint256 burned
    );
    /// @notice The verification contract received what the batch set aside for a draw.
    event DrawFunded(bytes32 indexed batchId, uint256 amount);
    /// @notice `demander` wants the data of a task by `deadline`.
    event Demanded(
        bytes32 indexed batchId, uint32 indexed index, address indexed demander, uint256 fee, uint40 deadline
    );
    /// @notice The provider published the rows of a demanded task and its leaf with the proof: all that a game or the proof of a fault
    /// takes, whatever contract the provider is and however it was called.
    event Supplied(bytes32 indexed batchId, uint32 indexed index, Task task, bytes input, bytes output);
    /// @notice A demand ended with its batch forfeited, and its fee went back to the demander.
    event DemandRefunded(bytes32 indexed batchId, uint32 indexed index, address indexed demander, uint256 fee);

    /// @notice Only the customer may do this.
    error JobEscrow_NotCustomer(address caller, address customer);
    /// @notice Only the provider may do this.
    error JobEscrow_NotProvider(address caller, address provider);
    /// @notice Only the order's verification contract may do this.
    error JobEscrow_NotVerification(address caller, address verification);
    /// @notice A field of the terms is out of range. `field` is its name.
    error JobEscrow_BadTerms(bytes32 field, uint256 value);
    /// @notice The fee stated is not the schedule's current one; read it again.
    error JobEscrow_StaleFee(address recipient, uint16 rate);
    /// @notice The same terms were opened before; choose another salt.
    error JobEscrow_OrderExists(bytes32 orderId);
    /// @notice The terms passed belong to no open order.
    error JobEscrow_OrderNotOpen(bytes32 orderId, OrderStatus status);
    /// @notice The batch passed is not in the state that the move needs.
    error JobEscrow_BatchNotCommitted(bytes32 batchId, BatchStatus status);
    /// @notice The batch passed is of another order.
    error JobEscrow_OrderMismatch(bytes32 orderId, bytes32 batchOrderId);
    /// @notice The deadline has passed.
    error JobEscrow_DeadlinePassed(uint40 deadline);
    /// @notice It is too early: the deadline or window ends at `until`.
    error JobEscrow_TooEarly(uint256 until);
    /// @notice The range is neither at the order's frontier nor freed by expiry.
    error JobEscrow_RangeNotFree(bytes32 orderId, uint32 first, uint32 count);
    /// @notice The range is smaller than the customer's smallest batch, or empty.
    error JobEscrow_RangeTooSmall(uint32 count, uint32 minBatch);
    /// @notice A take was made, so the order cannot be cancelled; what is not committed can be reclaimed after the deadline.
    error JobEscrow_AlreadyTaken(bytes32 orderId);
    /// @notice The caller holds no live take of this range.
    error JobEscrow_NotTaken(bytes32 orderId, uint32 first);
    /// @notice Units must lie between one a task and the cap for each.
    error JobEscrow_UnitsOutOfRange(uint64 units, uint256 minimum, uint256 maximum);
    /// @notice A root of zero.
    error JobEscrow_EmptyRoot();
    /// @notice The receipt is not the customer's signature over this batch.
    error JobEscrow_BadReceipt();
    /// @notice `demands` demands are open.
    error JobEscrow_DemandsOpen(uint32 demands);
    /// @notice The verification contract does not agree (yet).
    error JobEscrow_NotVerified(bytes32 batchId);
    /// @notice The window for demands and settlement without a receipt ended.
    error JobEscrow_WindowPassed(uint256 until);
    /// @notice The index is outside the batch.
    error JobEscrow_IndexOutOfRange(uint32 index, uint32 first, uint32 count);
    /// @notice The same index of the batch was demanded before; if it was answered, `Supplied` holds the rows.
    error JobEscrow_AlreadyDemanded(bytes32 batchId, uint32 index);
    /// @notice No demand is open for the index.
    error JobEscrow_NotDemanded(bytes32 batchId, uint32 index);
    /// @notice The provider's clock ran out at `deadline`.
    error JobEscrow_DemandExpired(uint40 deadline);
    /// @notice The task is not under the batch's root at its position.
    error JobEscrow_BadProof(uint32 index);
    /// @notice The row does not hash to what the leaf states.
    error JobEscrow_BadRow(bytes32 expected, bytes32 actual);
    /// @notice A row is longer than `MAX_ROW_BYTES`.
    error JobEscrow_RowTooLong(uint256 length, uint256 maximum);
    /// @notice The batch's draw was funded before.
    error JobEscrow_AlreadyFunded(bytes32 batchId);
    /// @notice What was shown is no fault.
    error JobEscrow_NoFault();

    /// @notice Part of a take's stake that expiry burns, in basis points: 1,000.
    function TAKE_BURN() external view returns (uint256);
    /// @notice Part of a forfeited batch's stake that is burned (rounded up), in basis points: 5,000.
    function SLASH_BURN() external view returns (uint256);
    /// @notice Part of a forfeited batch's stake that goes to who proved the fault (rounded down), in basis points: 2,500.
    /// The customer receives the rest.
    function SLASH_REWARD() external view returns (uint256);
    /// @notice Longest row that `supply` publishes, in bytes.
    function MAX_ROW_BYTES() external view returns (uint256);
    /// @notice Longest window of an order, in seconds: 30 days.
    function MAX_WINDOW() external view returns (uint256);
    /// @notice Seconds that each demand already open on a batch adds to the clock of the next: 4. Demands that succeed cost
    /// nothing, so without it somebody could demand thousands of tasks at once, faster than any provider can answer.
    function DEMAND_SPACING() external view returns (uint256);
    /// @notice The ledger that holds the escrow's money.
    function ledger() external view returns (ILedger);
    /// @notice Where providers' stake for this escrow lies.
    function staking() external view returns (IStaking);
    /// @notice The models that can be ordered.
    function models() external view returns (IModelRegistry);
    /// @notice The take rates.
    function fees() external view returns (IFeeSchedule);

    /// @notice The order's id.
    function orderIdOf(Order calldata order) external view returns (bytes32);
    /// @notice The batch's id.
    function batchIdOf(Batch calldata batch) external pure returns (bytes32);
    /// @notice State of an order.
    function orderState(bytes32 orderId) external view returns (OrderState memory);
    /// @notice State of the range of an order that starts at `first`.
    function takeOf(bytes32 orderId, uint32 first) external view returns (Take memory);
    /// @notice State of a batch.
    function batchState(bytes32 batchId) external view returns (BatchState memory);
    /// @notice The open demand of a task.
    function demandOf(bytes32 batchId, uint32 index) external view returns (Demand memory);
    /// @notice Stake that a batch of `count` tasks locks.
    function stakeFor(Order calldata order, uint32 count) external pure returns (uint128);
    /// @notice EIP-712 hash that a receipt signs:
    /// `Receipt(bytes32 orderId,address provider,uint32 first,uint32 count,uint64 units,bytes32 root)`.
    function receiptHash(Batch calldata batch) external view returns (bytes32);

    /// @notice Opens an order. The caller is its customer; the escrow pulls the whole price from the caller's ledger balance.
    /// @dev Requirements: terms in range, fee and royalties current, price at or above the floor, the verification contract's own
    /// requirements, ledger allowance for the price and for what draws may cost.
    function open(Order calldata order) external returns (bytes32 orderId);
    /// @notice Closes an order that nobody has taken and refunds it whole. Only the customer.
    function cancel(Order calldata order) external;
    /// @notice After the deadline, or once every task was committed, refunds what was never committed and what was set aside for
    /// batches that never came to be. Anyone.
    function reclaim(Order calldata order) external;

    /// @notice Reserves a range for the caller and locks its stake. `first` is the order's frontier, or the start of a range whose
    /// take expired (then `count` is that range's).
    function take(Order calldata order, uint32 first, uint32 count) external;
    /// @notice Frees a range whose take expired and burns part of its stake. Anyone.
    function expire(Order calldata order, uint32 first) external;
    /// @notice Commits the results of a range that the caller has taken.
    function commitBatch(Order calldata order, uint32 first, uint32 count, uint64 units, bytes32 root)
        external
        returns (bytes32 batchId);
    /// @notice `take` and `commitBatch` at once, at the frontier. Somebody else may be quicker and the work is lost: meant for
    /// single tasks.
    function takeAndCommit(Order calldata order, uint32 first, uint32 count, uint64 units, bytes32 root)
        external
        returns (bytes32 batchId);

    /// @notice Settles a batch by the customer's receipt. Anyone who holds one, or the customer with an empty one.
    function accept(Order calldata order, Batch calldata batch, bytes calldata receipt) external;
    /// @notice Settles a batch whose window has passed. Anyone.
    function settle(Order calldata order, Batch calldata batch) external;

    /// @notice Demands the data of a task, once an index, before the settle window ends or while the batch's draw is not over (its
    /// `challengeEnd`). The caller prepays `demandFee`.
    /// @dev Effects: the batch cannot settle before the answer. The clock is `demandWindow`, and `DEMAND_SPACING` more for each
    /// demand that is open on the batch already.
    function demand(Order calldata order, Batch calldata batch, uint32 index) external;
    /// @notice Answers a demand with the task, its proof and its rows. Only the provider, who earns the fee.
    /// @dev Effects: settlement without a receipt waits at least another `demandWindow`, so that a fault which the rows show
    /// can still be proved.
    function supply(
        Order calldata order,
        Batch calldata batch,
        Task calldata task,
        bytes calldata input,
        bytes calldata output
    ) external;
    /// @notice After a demand's clock ran out: forfeits the batch and returns the demander's fee. Where the batch is forfeited
    /// already, returns the fee alone. Anyone.
    function forfeit(Order calldata order, Batch calldata batch, uint32 index) external;

    /// @notice One-move fault: two neighbours whose unit counts disagree.
    function proveUnitsGap(Order calldata order, Batch calldata batch, Task calldata left, Task calldata right) external;
    /// @notice One-move fault: the first task does not start at 0, the last does not end at the batch's units, or a task
    /// bills none or more than the cap.
    function proveUnitsBound(Order calldata order, Batch calldata batch, Task calldata task) external;
    /// @notice One-move fault: a task bills other units than its input row has.
    function proveWrongUnits(Order calldata order, Batch calldata batch, Task calldata task, bytes calldata input)
        external;
    /// @notice One-move fault: a task's input is not the one that was ordered at its index.
    function proveWrongInput(
        Order calldata order,
        Batch calldata batch,
        Task calldata task,
        bytes32 orderedInput,
        bytes32[] calldata orderedProof
    ) external;

    /// @notice Pays the caller, the order's verification contract, what the batch set aside for a draw. Once a batch.
    function fundDraw(Order calldata order, Batch calldata batch) external returns (uint256 amount);
    /// @notice The order's verification contract found the batch false: forfeits it, with the reward to `beneficiary`.
    function convict(Order calldata order, Batch calldata batch, address beneficiary) external returns (uint256 reward);
}
