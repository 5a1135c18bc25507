// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "./IBeacon.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IJobEscrow} from "./IJobEscrow.sol";
import {IValidatorSeats} from "./IValidatorSeats.sol";
import {Batch, Order, Task} from "./WorkTypes.sol";

/// @notice How far the draw of a batch is.
/// Waiting: its round has not been drawn. Undrawn: the lot passed it by. Sealing: the parties commit to their trace roots.
/// Revealing: they open them. Disputed: somebody dissented, and games decide. Agreed: nobody did, or games proved the dissenters
/// wrong. Convicted: the provider was silent or lost a game.
enum DrawStatus {
    None,
    Waiting,
    Undrawn,
    Sealing,
    Revealing,
    Disputed,
    Agreed,
    Convicted
}

/// @notice The draw of a batch: one slot. A party is a bit, `place * width + number`: `place` counts the drawn tasks from 0;
/// number 0 is the provider, 1 and up the validators of that task.
/// @param status How far it is.
/// @param certain The first round was lost, so the batch is drawn whatever the rate.
/// @param width Parties of a place: one more than validators.
/// @param round The beacon round that draws it.
/// @param phaseEnd Last second of the phase. Sealing: of sealing (reveals follow). Revealing: of revealing. Disputed: to open a
/// game. Agreed: to challenge before settlement without a receipt.
/// @param sealedBy Parties that sealed (places that nobody holds count as done).
/// @param revealedBy Parties that revealed.
struct Draw {
    DrawStatus status;
    bool certain;
    uint8 width;
    uint64 round;
    uint40 phaseEnd;
    uint64 sealedBy;
    uint64 revealedBy;
}

/// @notice Who was drawn for one task.
/// @param index The task's index in the order.
/// @param validators Distinct operators, never the provider. Fewer than asked for only if as few held a seat.
struct DrawnTask {
    uint32 index;
    address[] validators;
}

/// @notice A sealed trace root.
/// @param place Number of the drawn task.
/// @param value `keccak256(abi.encode(traceRoot, salt, chainid, verification, batchId, index, sender))`.
struct Sealed {
    uint8 place;
    bytes32 value;
}

/// @notice An opened seal.
/// @param party The party's bit.
/// @param index The task.
/// @param traceRoot The trace root.
/// @param salt What hid it.
struct Revealed {
    uint8 party;
    uint32 index;
    bytes32 traceRoot;
    bytes32 salt;
}

/// @notice What binds a provider's trace to its leaf: the leaf, and the leaf's hashes as first and last root of the trace.
struct Binding {
    Task task;
    bytes32[] inputProof;
    bytes32[] outputProof;
}

/// @notice The reward of a conviction, held until every game that could have an earlier seal is over.
struct Pot {
    address winner;
    uint64 seal;
    uint128 amount;
    uint40 claimableAt;
}

/// @notice Choices of a deployment.
/// @param sealWindow Seconds to commit to a trace root after the draw.
/// @param revealWindow Seconds to reveal.
/// @param challengeWindow Seconds to open a game after a dissent, and between an agreed draw and settlement without a receipt.
/// @param colluding Share of the seats that is assumed to collude, in basis points: the `r` of the inequalities.
/// @param gasPrice What a unit of gas is reckoned at, in the stake token's smallest part.
struct Parameters {
    uint32 sealWindow;
    uint32 revealWindow;
    uint32 challengeWindow;
    uint16 colluding;
    uint128 gasPrice;
}

/// @title Verification
/// @notice Draws batches by lot, has the drawn tasks re-executed by validators, pays them, and convicts who was silent or lied.
///
/// A draw, start to end: `onCommit` fixes the beacon round; `draw` reads its value, and the lot decides whether the batch is drawn,
/// which tasks, and which validators of the seats that stood just before the commit; provider and validators `seal` their
/// trace roots, then `reveal` them; `conclude` pays those who agree. Whoever dissents must win a game against the provider;
/// `conclude` waits for it.
///
/// There is no need for ringers with false leaves: a provider may hand a false trace root to a validator, off chain, and seal the true
/// one. A validator that copies it dissents, cannot win, and loses its seat, a part of it to the provider. So what a
/// provider hands over cannot be trusted.
/// @dev INVARIANT: an honest provider that answers in time is never convicted. INVARIANT: what was funded for a draw is paid out
/// by its conclusion, to the unit.
interface IVerification {
    /// @notice The batch will be drawn by `round`.
    event DrawRequested(bytes32 indexed batchId, uint64 round);
    /// @notice The round was lost unrecorded; the batch will be drawn with certainty by `round`.
    event DrawPostponed(bytes32 indexed batchId, uint64 round);
    /// @notice The lot passed the batch by.
    event Undrawn(bytes32 indexed batchId, uint256 refund);
    /// @notice The batch was drawn. `validators` holds those of the first task, then of the second, and so on.
    event Drawn(
        bytes32 indexed batchId,
        bytes32 indexed orderId,
        bytes32 seed,
        uint32[] tasks,
        address[][] validators,
        uint40 sealEnd
    );
    /// @notice A validator's open demand gave everybody until `sealEnd`.
    event SealingExtended(bytes32 indexed batchId, uint40 sealEnd);
    /// @notice `party` committed to a trace root of the task `index`.
    event TraceSealed(bytes32 indexed batchId, uint32 indexed index, address indexed party, bytes32 value);
    /// @notice Sealing is over; roots are revealed until `revealEnd`.
    event RevealStarted(bytes32 indexed batchId, uint40 revealEnd);
    /// @notice `party` revealed its trace root.
    event TraceRevealed(bytes32 indexed batchId, uint32 indexed index, address indexed party, bytes32 traceRoot);
    /// @notice `validator` revealed another root than the provider, and must win a game that it opens by `openEnd`.
    event Dissented(bytes32 indexed batchId, uint32 indexed index, address indexed validator, uint40 openEnd);
    /// @notice The draw is over. `paid` went to validators, `refund` to the customer.
    event DrawConcluded(bytes32 indexed batchId, DrawStatus status, uint256 paid, uint256 refund, uint40 challengeEnd);
    /// @notice `validator` was silent, agreed with a lie, or accused falsely: its seat is gone.
    event ValidatorSlashed(bytes32 indexed batchId, uint32 indexed index, address indexed validator, uint256 amount);
    /// @notice A game was won against the provider; `winner` has the earliest seal so far and may claim the pot from `claimableAt`.
    event PotAssigned(bytes32 indexed batchId, address indexed winner, uint64 seal, uint256 amount, uint40 claimableAt);
    /// @notice The pot was paid.
    event PotClaimed(bytes32 indexed batchId, address indexed winner, uint256 amount);

    /// @notice Only `expected` may do this.
    error Verification_NotAllowed(address caller, address expected);
    /// @notice The terms do not protect the customer: `have` must be more than `need` (or a field is out of range).
    error Verification_BadTerms(bytes32 what, uint256 have, uint256 need);
    /// @notice Too few validators hold a seat.
    error Verification_TooFewValidators(uint256 seats, uint256 needed);
    /// @notice The batch's draw is not in a state that allows this.
    error Verification_WrongStatus(bytes32 batchId, DrawStatus status);
    /// @notice The batch is not of this order, or the order names another verification contract.
    error Verification_Mismatch(bytes32 orderId, bytes32 batchOrderId);
    /// @notice The beacon's round has no value yet.
    error Verification_RoundOpen(uint64 round);
    /// @notice The phase ended at `phaseEnd`.
    error Verification_TooLate(uint40 phaseEnd);
    /// @notice The phase lasts until `phaseEnd`, or until every party has moved.
    error Verification_TooEarly(uint40 phaseEnd);
    /// @notice `caller` was not drawn for the place.
    error Verification_NotDrawn(uint8 place, address caller);
    /// @notice The party has made this move, or may not make it this way.
    error Verification_BadParty(uint8 party);
    /// @notice What was revealed is not what was sealed.
    error Verification_BadSeal(bytes32 expected, bytes32 actual);
    /// @notice The provider's trace does not begin with the input and end with the output of its leaf.
    error Verification_Unbound(uint32 index);
    /// @notice No demand is open for the task.
    error Verification_NotDemanded(uint32 index);
    /// @notice Games are open on the batch.
    error Verification_GamesOpen(uint256 games);
    /// @notice There is no pot, or it is not claimable before `claimableAt`.
    error Verification_NoPot(bytes32 batchId, uint40 claimableAt);

    /* ESCROW */

    /// @notice Reverts unless the terms deter every lie of PROTOCOL's inequalities: see `stakeNeeded`.
    function checkTerms(Order calldata order) external view;
    /// @notice Reverts where too few validators hold a seat to draw from.
    function checkTake(Order calldata order) external view;
    /// @notice A batch was committed: fixes the round that draws it. Only the escrow.
    function onCommit(bytes32 batchId, Order calldata order, Batch calldata batch) external;
    /// @notice Whether the batch may settle now: no game is open, and its draw passed it by or ended in agreement with the
    /// challenge window over. With the customer's receipt (`accepted`) neither draw nor window need be waited for, but a draw
    /// that has begun must end.
    function agrees(bytes32 batchId, bool accepted) external view returns (bool);

    /* DRAWS */

    /// @notice Draws the batch by the value of its round. Anyone; the caller earns one fee.
    function draw(Order calldata order, Batch calldata batch) external;
    /// @notice Gives the batch another round where its own was lost; it is drawn with certainty then. Anyone.
    function postpone(Order calldata order, Batch calldata batch) external;
    /// @notice Commits the caller to trace roots of tasks that it was drawn for.
    function seal(Order calldata order, Batch calldata batch, Sealed[] calldata roots) external;
    /// @notice Opens seals of a validator, after sealing is over.
    function reveal(bytes32 batchId, Revealed[] calldata roots) external;
    /// @notice Opens the provider's seals, each with what binds the trace to the leaf. Games that are open over a task are answered
    /// before, so that whoever agrees with the root has had, or has, the time to defend it.
    function revealBound(
        Order calldata order,
        Batch calldata batch,
        Revealed[] calldata roots,
        Binding[] calldata bindings
    ) external;
    /// @notice Extends sealing past an open demand for the task at `place`. A validator that was drawn for it.
    function extend(Order calldata order, Batch calldata batch, uint8 place) external;
    /// @notice Ends a draw whose reveals are over, or whose games are: pays, slashes and refunds. Anyone. A provider that was
    /// silent is convicted, with the reward to the caller. Of a draw that ended in a conviction it slashes the validators that agreed on
    /// tasks which games proved false since, with the reward to the winner of the pot (to the caller, where that was paid).
    function conclude(Order calldata order, Batch calldata batch) external;

    /* GAMES */

    /// @notice A game against the batch's provider was won, over the task `index`: convicts. Only the dispute game.
    function convict(Order calldata order, Batch calldata batch, uint32 index, address winner, uint64 sealNumber)
        external;
    /// @notice Pays the pot of a conviction to the winner with the earliest seal. Anyone.
    function claimPot(bytes32 batchId) external;

    /* VIEWS */

    /// @notice The escrow whose batches are drawn.
    function escrow() external view returns (IJobEscrow);
    /// @notice The validators.
    function seats() external view returns (IValidatorSeats);
    /// @notice Where the games are played.
    function disputes() external view returns (IDisputeGame);
    /// @notice Where the values come from.
    function beacon() external view returns (IBeacon);
    /// @notice The deployment's choices.
    function parameters() external view returns (Parameters memory);
    /// @notice Stake above which a batch of `count` tasks makes every lie lose in expectation. It is the largest of three:
    /// cheating, `p(1 - r)(R + bS) > R`; bribing the drawn, `p v (1 - r) c S > R`; and paying the lone challenger, `c S >= 2 G`,
    /// with `R` the batch's highest price, `b` the burned share of slashed stake, `c` the accuser's, and `G` the gas of a
    /// whole dispute at `gasPrice`. docs/economics.md derives them.
    function stakeNeeded(Order calldata order, uint32 count) external view returns (uint256);
    /// @notice How far the draw of a batch is.
    function drawOf(bytes32 batchId) external view returns (Draw memory);
    /// @notice The lot of a drawn batch: its tasks and their validators.
    function lotOf(Order calldata order, Batch calldata batch) external view returns (DrawnTask[] memory);
    /// @notice The trace root that the provider revealed for a task, or zero.
    function revealedRoot(bytes32 batchId, uint32 index) external view returns (bytes32);
    /// @notice Last second to open a game on the batch as far as its draw is concerned; the largest number until it ends or is
    /// disputed.
    function challengeEnd(bytes32 batchId) external view returns (uint40);
    /// @notice The pot of a batch.
    function potOf(bytes32 batchId) external view returns (Pot memory);
}
