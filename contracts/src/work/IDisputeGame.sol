// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow} from "./IJobEscrow.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IProgramRegistry} from "./IProgramRegistry.sol";
import {IReferee, Opening} from "./IReferee.sol";
import {ILedger} from "../ledger/ILedger.sol";
import {Batch, Order, Task} from "./WorkTypes.sol";

/// @notice Whose move it is, and which. Provider: Opened (`answer`), OperatorNamed (`showRows`), RowNamed (`showRow`).
/// Challenger: Answered (`nameOperator`), RowsShown (`nameRow`), RowShown (`prove`).
enum Step {
    Opened,
    Answered,
    OperatorNamed,
    RowsShown,
    RowNamed,
    RowShown
}

/// @notice A game. It lives off chain (each event states what changed); the chain keeps its hash, in one slot, and every move
/// names the state that it answers.
/// @param batchId The batch.
/// @param challenger Who says that the task is wrong.
/// @param provider Whose batch it is.
/// @param verification The order's verification contract.
/// @param defender Who receives the bond if the challenger loses: the provider, or who first moved for it when more than half of a
/// move's clock had run.
/// @param sealNumber Number of the challenger's seal; the pot goes by it.
/// @param bond The challenger's bond, in native currency.
/// @param index The task.
/// @param units Units of the task, by its leaf.
/// @param inputHash Input of the task, by its leaf.
/// @param outputHash Output of the task, by its leaf.
/// @param programRoot The model's program.
/// @param weightsRoot The model's weights.
/// @param step Whose move it is.
/// @param movedAt When the last move was made.
/// @param providerTime Seconds left to the provider's side for all its moves.
/// @param challengerTime Seconds left to the challenger for all its moves.
/// @param operator The operator named.
/// @param rows Rows of its tensor.
/// @param operatorRoot Root of its tensor.
/// @param row The row named.
/// @param rowHash Leaf hash of the row shown.
struct Game {
    bytes32 batchId;
    address challenger;
    address provider;
    address verification;
    address defender;
    uint64 sealNumber;
    uint128 bond;
    uint32 index;
    uint32 units;
    bytes32 inputHash;
    bytes32 outputHash;
    bytes32 programRoot;
    bytes32 weightsRoot;
    Step step;
    uint40 movedAt;
    uint32 providerTime;
    uint32 challengerTime;
    uint16 operator;
    uint32 rows;
    bytes32 operatorRoot;
    uint32 row;
    bytes32 rowHash;
}

/// @notice A seal: one slot.
/// @param number Seals are numbered in the order of arrival, from 1.
/// @param sealedAt When it was made.
/// @param bond The bond that it locks.
struct Seal {
    uint64 number;
    uint40 sealedAt;
    uint128 bond;
}

/// @notice The provider's answer for a task; it serves every game.
/// @param traceRoot Root over the operators' tensor roots.
/// @param answeredAt When it was given.
/// @param lost A game over the task was won against the provider.
/// @param games Games over the task that are open.
struct Answer {
    bytes32 traceRoot;
    uint40 answeredAt;
    bool lost;
    uint32 games;
}

/// @notice Lengths of clocks and the size of bonds.
/// @param time Seconds that each side has for all its moves in a game.
/// @param floor Seconds that a side has for a move at least, however much it used before.
/// @param openWindow Seconds to open a seal.
/// @param bondGas Gas that a bond covers: the provider's moves of a whole game.
/// @param bondMultiple How many times the base fee at sealing.
/// @param minBond Smallest bond, in wei.
struct Clocks {
    uint32 time;
    uint32 floor;
    uint32 openWindow;
    uint32 bondGas;
    uint32 bondMultiple;
    uint128 minBond;
}

/// @title DisputeGame
/// @notice Two parties disagree about a task; eight moves later a contract recomputes one number.
///
/// `seal` (challenger, with a bond), `open` (challenger), `answer` (provider: every operator's root), `nameOperator` (challenger:
/// the first that differs from its own), `showRows` (provider: that operator's row hashes), `nameRow` (challenger), `showRow`
/// (provider), `prove` (challenger: the referee finds one element false). Silence loses: `timeout`.
///
/// Games are independent and parallel; losing one proves nothing about the leaf, and any number may be open on a task. Each blocks the
/// settlement of its batch. A task that lost one game has lost all: `joinVerdict`.
///
/// Anybody may move on the provider's side where data that is already committed is only shown (so that validators who agreed can
/// defend what they agreed to); `answer` is the provider's alone unless the trace root was revealed in a draw.
///
/// Hazards. A seal burns if it is neither opened nor withdrawn in time, so seal when the window leaves time to open, and open at once.
/// A bond is safe only with a verification contract that hears verdicts: one that reverts in `convict` keeps the games on its own
/// batches, and their bonds, for ever.
/// @dev INVARIANT: the ledger balance of this contract in native currency is the sum of the bonds of seals and open games.
interface IDisputeGame {
    /// @notice A challenge was sealed.
    event ChallengeSealed(bytes32 indexed sealHash, address indexed challenger, uint64 number, uint256 bond);
    /// @notice A seal was not opened in time and its bond burned.
    event SealExpired(bytes32 indexed sealHash, uint256 bond);
    /// @notice The batch was lost before the seal was opened, and the challenger has its bond back.
    event SealWithdrawn(bytes32 indexed sealHash, bytes32 indexed batchId, address indexed challenger, uint256 bond);
    /// @notice A game began. Its id is the seal's hash. `answered`: the task's answer stands already.
    event GameOpened(bytes32 indexed gameId, bytes32 indexed batchId, uint32 indexed index, bool answered, Game game);
    /// @notice The answer for a task: every operator's root.
    event Answered(bytes32 indexed batchId, uint32 indexed index, address by, bytes32 traceRoot, bytes32[] roots);
    /// @notice The challenger named an operator.
    event OperatorNamed(bytes32 indexed gameId, uint16 operator, Game game);
    /// @notice The leaf hashes of the operator's rows.
    event RowsShown(bytes32 indexed gameId, bytes32[] rowHashes, Game game);
    /// @notice The challenger named a row.
    event RowNamed(bytes32 indexed gameId, uint32 row, Game game);
    /// @notice The row.
    event RowShown(bytes32 indexed gameId, bytes row, Game game);
    /// @notice The game is over. `proven`: by the referee, else by silence or by another game's verdict.
    event GameEnded(
        bytes32 indexed gameId,
        bytes32 indexed batchId,
        uint32 indexed index,
        bool challengerWon,
        bool proven,
        address bondTo,
        uint256 bond
    );

    /// @notice Only `expected` may make this move.
    error DisputeGame_NotAllowed(address caller, address expected);
    /// @notice No such seal, or made in this very block, or its time to open passed at `openEnd`.
    error DisputeGame_BadSeal(bytes32 sealHash, uint256 openEnd);
    /// @notice The same seal was made before; choose another salt.
    error DisputeGame_SealExists(bytes32 sealHash);
    /// @notice Only a batch that is forfeited gives seals back.
    error DisputeGame_NotForfeited(bytes32 batchId);
    /// @notice A game of the batch was opened under the later seal `latest`: there was time to open this one.
    error DisputeGame_Overtaken(bytes32 sealHash, uint64 latest);
    /// @notice The batch is not of this order, or the order has no verification contract.
    error DisputeGame_Mismatch(bytes32 orderId, bytes32 batchOrderId);
    /// @notice The order's verification contract hears verdicts from `disputes` alone.
    error DisputeGame_PlayedElsewhere(address disputes);
    /// @notice The batch is not committed, or its window ended at `challengeEnd`. If it is settled: the seal was made later than that.
    error DisputeGame_NotChallengeable(bytes32 batchId, uint256 challengeEnd);
    /// @notice The task does not lie in the batch.
    error DisputeGame_BadProof(uint32 index);
    /// @notice The state passed is not the game's.
    error DisputeGame_WrongState(bytes32 gameId, bytes32 expected, bytes32 actual);
    /// @notice It is not the turn of this move.
    error DisputeGame_WrongStep(Step step);
    /// @notice The clock ran out at `deadline`.
    error DisputeGame_TooLate(uint256 deadline);
    /// @notice The clock runs until `deadline`.
    error DisputeGame_TooEarly(uint256 deadline);
    /// @notice The task was answered already.
    error DisputeGame_AlreadyAnswered(bytes32 batchId, uint32 index);
    /// @notice The answer does not fit: `what` is the number of roots, the input, the output or the revealed trace root.
    error DisputeGame_BadAnswer(bytes32 what, bytes32 actual, bytes32 expected);
    /// @notice There is no such operator or row.
    error DisputeGame_OutOfRange(uint256 value, uint256 count);
    /// @notice What was shown does not hash to what was committed, or has another shape.
    error DisputeGame_BadReveal(bytes32 expected, bytes32 actual);
    /// @notice The referee finds the element true.
    error DisputeGame_ElementTrue(uint32 element);
    /// @notice No game over the task was lost by the provider.
    error DisputeGame_NoVerdict(bytes32 batchId, uint32 index);

    /// @notice Seals a challenge: `keccak256(abi.encode(batchId, index, salt, sender))`, with `bondNow()` out of the caller's native
    /// ledger balance.
    function seal(bytes32 sealHash) external returns (uint64 number);
    /// @notice Burns the bond of a seal that was not opened in time. Anyone. Nobody needs to: such a bond is lost already.
    function expireSeal(bytes32 sealHash) external;
    /// @notice Returns the bond of a seal of the caller that the forfeiture of its batch left no time to open: one that can still be
    /// opened by the clock and is later than the seals of all games that were opened on the batch.
    /// @dev Whoever seals every task blindly, to be ahead of who finds a fault, opens the one that the other opens, and gets none of
    /// its bonds back: all are earlier than the other's seal. A seal that does come back could have taken nobody's place.
    function withdrawSeal(bytes32 batchId, uint32 index, bytes32 salt) external;
    /// @notice Opens a seal of the caller, in a later block, while the batch is committed and its window open, or where it was settled after
    /// the seal, or less than the least clock of a move before.
    /// @dev A game over a settled batch is about the bond alone: who seals what is true loses it all the same, so sealing blindly costs as
    /// much as ever; who is right has it back, whatever receipt came between.
    function open(Order calldata order, Batch calldata batch, Task calldata task, bytes32 salt)
        external
        returns (bytes32 gameId);
    /// @notice Answers a task with the roots of every operator's tensor. The first is the input, the last the output.
    function answer(bytes32 gameId, Game calldata game, bytes32[] calldata roots) external;
    /// @notice Names the first operator whose root differs.
    function nameOperator(bytes32 gameId, Game calldata game, uint16 operator) external;
    /// @notice Shows the leaf hashes of the named operator's rows. Anyone, for the provider.
    function showRows(
        bytes32 gameId,
        Game calldata game,
        bytes32 operatorRoot,
        bytes32[] calldata rootProof,
        bytes32[] calldata rowHashes
    ) external;
    /// @notice Names the first row whose hash differs.
    function nameRow(bytes32 gameId, Game calldata game, uint32 row) external;
    /// @notice Shows the named row. Anyone, for the provider.
    function showRow(bytes32 gameId, Game calldata game, bytes calldata row, bytes32[] calldata proof) external;
    /// @notice Proves one element of the row false, which wins the game.
    function prove(
        bytes32 gameId,
        Game calldata game,
        Order calldata order,
        Batch calldata batch,
        bytes calldata row,
        uint32 element,
        Opening[] calldata tensors,
        Opening[] calldata weights
    ) external;
    /// @notice Ends a game whose side to move let its clock run out. Anyone.
    function timeout(bytes32 gameId, Game calldata game, Order calldata order, Batch calldata batch) external;
    /// @notice Wins a game over a task that lost another. Anyone.
    function joinVerdict(bytes32 gameId, Game calldata game, Order calldata order, Batch calldata batch) external;

    /// @notice The ledger that holds the bonds.
    function ledger() external view returns (ILedger);
    /// @notice The escrow whose batches are challenged.
    function escrow() external view returns (IJobEscrow);
    /// @notice The models.
    function models() external view returns (IModelRegistry);
    /// @notice Their tapes.
    function programs() external view returns (IProgramRegistry);
    /// @notice Who judges elements.
    function referee() external view returns (IReferee);
    /// @notice Operators of a model's program.
    function operatorsOf(bytes32 modelId) external view returns (uint16);
    /// @notice Clocks and bonds.
    function clocks() external view returns (Clocks memory);
    /// @notice The bond that a seal needs in this block.
    function bondNow() external view returns (uint128);
    /// @notice Longest time from a seal to the end of its game, in seconds.
    function longestGame() external view returns (uint256);
    /// @notice A seal.
    function sealOf(bytes32 sealHash) external view returns (Seal memory);
    /// @notice Hash of a game's state (`keccak256(abi.encode(game))`); zero when there is none or it is over.
    function gameHash(bytes32 gameId) external view returns (bytes32);
    /// @notice The answer for a task.
    function answerOf(bytes32 batchId, uint32 index) external view returns (Answer memory);
    /// @notice Games open on a batch.
    function openGames(bytes32 batchId) external view returns (uint256);
    /// @notice The latest seal under which a game was opened on a batch; zero when none was.
    function latestSeal(bytes32 batchId) external view returns (uint64);
    /// @notice Last second of the side to move.
    function deadlineOf(Game calldata game) external view returns (uint256);
}
