// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ILedger} from "../ledger/ILedger.sol";
import {Answer, Clocks, Game, IDisputeGame, Seal, Step} from "./IDisputeGame.sol";
import {BatchState, BatchStatus, IJobEscrow} from "./IJobEscrow.sol";
import {IModelRegistry, Model} from "./IModelRegistry.sol";
import {IProgramRegistry} from "./IProgramRegistry.sol";
import {Claim, IReferee, Opening} from "./IReferee.sol";
import {IVerification} from "./IVerification.sol";
import {Batch, Order, Task} from "./WorkTypes.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {Payout} from "./libraries/Payout.sol";
import {TaskLeaf} from "./libraries/TaskLeaf.sol";
import {Terms} from "./libraries/Terms.sol";

/// @title DisputeGame
/// @notice Two parties, eight moves, one number; `IDisputeGame` says what each move does. No admin.
/// @dev The verification contract of an order is whatever its customer named, so it is not trusted here: it is asked what it
/// revealed and until when it can be challenged, and told of a conviction after the game's state is gone. Bonds, the only money
/// here, never depend on what it answers.
contract DisputeGame is IDisputeGame {
    using Terms for Order;
    using TaskLeaf for Task;

    /// @dev The games of a batch: how many are open, and the latest seal of those that ever were. One slot.
    struct Played {
        uint64 open;
        uint64 latestSeal;
    }

    /// @inheritdoc IDisputeGame
    ILedger public immutable ledger;
    /// @inheritdoc IDisputeGame
    IJobEscrow public immutable escrow;
    /// @inheritdoc IDisputeGame
    IModelRegistry public immutable models;
    /// @inheritdoc IDisputeGame
    IProgramRegistry public immutable programs;
    /// @inheritdoc IDisputeGame
    IReferee public immutable referee;

    address private immutable _burn;
    uint256 private immutable _chainId;
    uint32 private immutable _time;
    uint32 private immutable _floor;
    uint32 private immutable _openWindow;
    uint32 private immutable _bondGas;
    uint32 private immutable _bondMultiple;
    uint128 private immutable _minBond;

    uint64 private _sealed;
    mapping(bytes32 sealHash => Seal) private _seals;
    mapping(bytes32 gameId => bytes32) private _games;
    mapping(bytes32 batchId => mapping(uint32 index => Answer)) private _answers;
    mapping(bytes32 batchId => Played) private _played;

    /// @param escrow_ The escrow whose batches are challenged.
    /// @param programs_ The tapes of its models.
    /// @param referee_ Who judges elements.
    /// @param chosen Clocks and bonds.
    constructor(IJobEscrow escrow_, IProgramRegistry programs_, IReferee referee_, Clocks memory chosen) {
        (escrow, programs, referee) = (escrow_, programs_, referee_);
        (ledger, models) = (escrow_.ledger(), escrow_.models());
        (_burn, _chainId) = (ledger.BURN(), block.chainid);
        // A clock of zero would lose every game for who has to move first.
        require(chosen.time != 0 && chosen.floor != 0 && chosen.openWindow != 0, DisputeGame_TooLate(0));
        (_time, _floor, _openWindow) = (chosen.time, chosen.floor, chosen.openWindow);
        (_bondGas, _bondMultiple, _minBond) = (chosen.bondGas, chosen.bondMultiple, chosen.minBond);
    }

    /* VIEWS */

    /// @inheritdoc IDisputeGame
    function operatorsOf(bytes32 modelId) external view returns (uint16) {
        return referee.operatorCount(programs.tapeOf(models.modelOf(modelId).programRoot));
    }

    /// @inheritdoc IDisputeGame
    function clocks() external view returns (Clocks memory) {
        return Clocks(_time, _floor, _openWindow, _bondGas, _bondMultiple, _minBond);
    }

    /// @inheritdoc IDisputeGame
    function bondNow() public view returns (uint128) {
        uint256 bond = uint256(_bondGas) * _bondMultiple * block.basefee;
        // forge-lint: disable-next-line(unsafe-typecast)
        return bond > _minBond ? uint128(bond) : _minBond;
    }

    /// @inheritdoc IDisputeGame
    function longestGame() external view returns (uint256) {
        // Each of the six moves after `open` can last a floor beyond the side's own time, and the answer may come late for all.
        return uint256(_openWindow) + 2 * uint256(_time) + 6 * uint256(_floor);
    }

    /// @inheritdoc IDisputeGame
    function sealOf(bytes32 sealHash) external view returns (Seal memory) {
        return _seals[sealHash];
    }

    /// @inheritdoc IDisputeGame
    function gameHash(bytes32 gameId) external view returns (bytes32) {
        return _games[gameId];
    }

    /// @inheritdoc IDisputeGame
    function answerOf(bytes32 batchId, uint32 index) external view returns (Answer memory) {
        return _answers[batchId][index];
    }

    /// @inheritdoc IDisputeGame
    function openGames(bytes32 batchId) external view returns (uint256) {
        return _played[batchId].open;
    }

    /// @inheritdoc IDisputeGame
    function latestSeal(bytes32 batchId) external view returns (uint64) {
        return _played[batchId].latestSeal;
    }

    /// @inheritdoc IDisputeGame
    function deadlineOf(Game calldata game) external view returns (uint256) {
        return _deadline(_synced(game));
    }

    /* OPENING */

    /// @inheritdoc IDisputeGame
    function seal(bytes32 sealHash) external returns (uint64 number) {
        bool fresh = _seals[sealHash].number == 0 && _games[sealHash] == 0;
        require(fresh, DisputeGame_SealExists(sealHash));
        uint128 bond = bondNow();
        number = ++_sealed;
        _seals[sealHash] = Seal(number, uint40(block.timestamp), bond);
        emit ChallengeSealed(sealHash, msg.sender, number, bond);
        // The ledger reverts rather than answer false.
        if (bond != 0) assert(ledger.transferFrom(msg.sender, address(this), 0, bond));
    }

    /// @inheritdoc IDisputeGame
    function expireSeal(bytes32 sealHash) external {
        Seal memory made = _seals[sealHash];
        uint256 openEnd = uint256(made.sealedAt) + _openWindow;
        require(made.number != 0 && block.timestamp > openEnd, DisputeGame_BadSeal(sealHash, openEnd));
        delete _seals[sealHash];
        emit SealExpired(sealHash, made.bond);
        ledger.pay(address(0), Payout.single(_burn, made.bond));
    }

    /// @inheritdoc IDisputeGame
    function withdrawSeal(bytes32 batchId, uint32 index, bytes32 salt) external {
        bytes32 sealHash = keccak256(abi.encode(batchId, index, salt, msg.sender));
        Seal memory made = _seals[sealHash];
        uint256 openEnd = uint256(made.sealedAt) + _openWindow;
        require(made.number != 0 && block.timestamp <= openEnd, DisputeGame_BadSeal(sealHash, openEnd));
        bool forfeited = escrow.batchState(batchId).status == BatchStatus.Forfeited;
        require(forfeited, DisputeGame_NotForfeited(batchId));
        // Where many seals are made blindly, all but the one that pays would come back for nothing.
        uint64 latest = _played[batchId].latestSeal;
        require(made.number > latest, DisputeGame_Overtaken(sealHash, latest));
        delete _seals[sealHash];
        emit SealWithdrawn(sealHash, batchId, msg.sender, made.bond);
        ledger.pay(address(0), Payout.single(msg.sender, made.bond));
    }

    /// @inheritdoc IDisputeGame
    function open(Order calldata order, Batch calldata batch, Task calldata task, bytes32 salt)
        external
        returns (bytes32 gameId)
    {
        bytes32 batchId = _requireMatch(order, batch);
        gameId = keccak256(abi.encode(batchId, task.index, salt, msg.sender));
        Seal memory made = _spendSeal(gameId);
        _requireChallengeable(order, batchId, made.sealedAt);
        require(task.isIn(batch, _chainId), DisputeGame_BadProof(task.index));
        Game memory game = _newGame(order, batch, task, batchId, made);
        Answer storage given = _answers[batchId][task.index];
        ++given.games;
        bool answered = given.traceRoot != 0;
        Played storage played = _played[batchId];
        ++played.open;
        if (made.number > played.latestSeal) played.latestSeal = made.number;
        _games[gameId] = keccak256(abi.encode(game));
        emit GameOpened(gameId, batchId, task.index, answered, game);
    }

    /* MOVES */

    /// @inheritdoc IDisputeGame
    function answer(bytes32 gameId, Game calldata game, bytes32[] calldata roots) external {
        _requireState(gameId, game);
        Answer storage given = _answers[game.batchId][game.index];
        require(given.traceRoot == 0, DisputeGame_AlreadyAnswered(game.batchId, game.index));
        _requireInTime(game);
        // Whoever knows the preimage of a revealed root shows nothing but what the provider said; without one, only the
        // provider can say what it computed.
        bytes32 revealed = IVerification(game.verification).revealedRoot(game.batchId, game.index);
        require(revealed != 0 || msg.sender == game.provider, DisputeGame_NotAllowed(msg.sender, game.provider));
        bytes32 traceRoot = _checkAnswer(game, roots, revealed);
        (given.traceRoot, given.answeredAt) = (traceRoot, uint40(block.timestamp));
        emit Answered(game.batchId, game.index, msg.sender, traceRoot, roots);
    }

    /// @inheritdoc IDisputeGame
    function nameOperator(bytes32 gameId, Game calldata game, uint16 operator) external {
        Game memory next = _start(gameId, game, Step.Answered, game.challenger);
        uint16 count = referee.operatorCount(programs.tapeOf(game.programRoot));
        require(operator < count, DisputeGame_OutOfRange(operator, count));
        next.operator = operator;
        _finish(gameId, next, Step.OperatorNamed);
        emit OperatorNamed(gameId, operator, next);
    }

    /// @inheritdoc IDisputeGame
    function showRows(
        bytes32 gameId,
        Game calldata game,
        bytes32 operatorRoot,
        bytes32[] calldata rootProof,
        bytes32[] calldata rowHashes
    ) external {
        Game memory next = _start(gameId, game, Step.OperatorNamed, address(0));
        bytes memory tape = programs.tapeOf(game.programRoot);
        _requireOperatorRoot(game, tape, operatorRoot, rootProof);
        (uint32 rows,) = referee.shapeOf(tape, game.operator, game.units);
        require(rowHashes.length == rows, DisputeGame_OutOfRange(rowHashes.length, rows));
        bytes32 shown = MerkleTree.rootOf(rowHashes);
        require(shown == operatorRoot, DisputeGame_BadReveal(operatorRoot, shown));
        (next.rows, next.operatorRoot, next.defender) = (rows, operatorRoot, _defender(next));
        _finish(gameId, next, Step.RowsShown);
        emit RowsShown(gameId, rowHashes, next);
    }

    /// @inheritdoc IDisputeGame
    function nameRow(bytes32 gameId, Game calldata game, uint32 row) external {
        Game memory next = _start(gameId, game, Step.RowsShown, game.challenger);
        require(row < game.rows, DisputeGame_OutOfRange(row, game.rows));
        next.row = row;
        _finish(gameId, next, Step.RowNamed);
        emit RowNamed(gameId, row, next);
    }

    /// @inheritdoc IDisputeGame
    function showRow(bytes32 gameId, Game calldata game, bytes calldata row, bytes32[] calldata proof) external {
        Game memory next = _start(gameId, game, Step.RowNamed, address(0));
        (, uint32 length) = referee.shapeOf(programs.tapeOf(game.programRoot), game.operator, game.units);
        require(row.length == length, DisputeGame_OutOfRange(row.length, length));
        bytes32 leaf = MerkleTree.leafHash(row);
        bool committed = MerkleTree.verify(game.operatorRoot, game.rows, game.row, leaf, proof);
        require(committed, DisputeGame_BadReveal(game.operatorRoot, leaf));
        (next.rowHash, next.defender) = (leaf, _defender(next));
        _finish(gameId, next, Step.RowShown);
        emit RowShown(gameId, row, next);
    }

    /// @inheritdoc IDisputeGame
    function prove(
        bytes32 gameId,
        Game calldata game,
        Order calldata order,
        Batch calldata batch,
        bytes calldata row,
        uint32 element,
        Opening[] calldata tensors,
        Opening[] calldata weights
    ) external {
        _start(gameId, game, Step.RowShown, game.challenger);
        bytes32 leaf = MerkleTree.leafHash(row);
        require(leaf == game.rowHash, DisputeGame_BadReveal(game.rowHash, leaf));
        bool isFalse = _judge(game, Claim(game.units, game.operator, game.row, row), element, tensors, weights);
        require(isFalse, DisputeGame_ElementTrue(element));
        _win(gameId, game, order, batch, true);
    }

    /// @inheritdoc IDisputeGame
    function timeout(bytes32 gameId, Game calldata game, Order calldata order, Batch calldata batch) external {
        _requireState(gameId, game);
        Game memory current = _synced(game);
        uint256 deadline = _deadline(current);
        require(block.timestamp > deadline, DisputeGame_TooEarly(deadline));
        if (_isChallengersTurn(current.step)) _lose(gameId, game);
        else _win(gameId, game, order, batch, false);
    }

    /// @inheritdoc IDisputeGame
    function joinVerdict(bytes32 gameId, Game calldata game, Order calldata order, Batch calldata batch) external {
        _requireState(gameId, game);
        bool lost = _answers[game.batchId][game.index].lost;
        require(lost, DisputeGame_NoVerdict(game.batchId, game.index));
        _win(gameId, game, order, batch, false);
    }

    function _judge(
        Game calldata game,
        Claim memory claim,
        uint32 element,
        Opening[] memory tensors,
        Opening[] memory weights
    ) private view returns (bool) {
        bytes memory tape = programs.tapeOf(game.programRoot);
        bytes32 traceRoot = _answers[game.batchId][game.index].traceRoot;
        return referee.isFalse(tape, game.weightsRoot, traceRoot, claim, element, tensors, weights);
    }

    /* ENDS */

    /// @dev Who moves for a provider that let half of a clock run earns the bond; before that the provider does, whoever moves.
    /// Else a challenger could overtake the provider's own moves from another address, and take back the bond that it loses.
    function _defender(Game memory game) private view returns (address) {
        bool silent = block.timestamp > (uint256(game.movedAt) + _deadline(game)) / 2;
        return silent && game.defender == game.provider ? msg.sender : game.defender;
    }

    /// @dev The provider lost. Everything here is written before the verification contract is told.
    function _win(bytes32 gameId, Game calldata game, Order calldata order, Batch calldata batch, bool proven) private {
        bytes32 batchId = _requireMatch(order, batch);
        require(batchId == game.batchId, DisputeGame_WrongState(gameId, game.batchId, batchId));
        _answers[batchId][game.index].lost = true;
        _end(gameId, game, true, proven, game.challenger);
        IVerification(order.verification).convict(order, batch, game.index, game.challenger, game.sealNumber);
    }

    /// @dev The challenger lost: its bond goes to the other side.
    function _lose(bytes32 gameId, Game calldata game) private {
        _end(gameId, game, false, false, game.defender);
    }

    function _end(bytes32 gameId, Game calldata game, bool challengerWon, bool proven, address bondTo) private {
        delete _games[gameId];
        --_played[game.batchId].open;
        --_answers[game.batchId][game.index].games;
        emit GameEnded(gameId, game.batchId, game.index, challengerWon, proven, bondTo, game.bond);
        ledger.pay(address(0), Payout.single(bondTo, game.bond));
    }

    /* STATE */

    function _spendSeal(bytes32 sealHash) private returns (Seal memory made) {
        made = _seals[sealHash];
        uint256 openEnd = uint256(made.sealedAt) + _openWindow;
        bool ripe = block.timestamp > made.sealedAt && block.timestamp <= openEnd;
        require(made.number != 0 && ripe, DisputeGame_BadSeal(sealHash, openEnd));
        delete _seals[sealHash];
    }

    function _newGame(Order calldata order, Batch calldata batch, Task calldata task, bytes32 batchId, Seal memory made)
        private
        view
        returns (Game memory game)
    {
        Model memory model = models.modelOf(order.modelId);
        game.batchId = batchId;
        (game.challenger, game.provider, game.defender) = (msg.sender, batch.provider, batch.provider);
        game.verification = order.verification;
        (game.sealNumber, game.bond) = (made.number, made.bond);
        (game.index, game.units) = (task.index, task.units);
        (game.inputHash, game.outputHash) = (task.inputHash, task.outputHash);
        (game.programRoot, game.weightsRoot) = (model.programRoot, model.weightsRoot);
        game.movedAt = uint40(block.timestamp);
        (game.providerTime, game.challengerTime) = (_time, _time);
    }

    /// @dev Begins a move: the state is the game's, the turn and the clock allow it. `mover` zero: anybody may.
    function _start(bytes32 gameId, Game calldata game, Step step, address mover)
        private
        view
        returns (Game memory current)
    {
        _requireState(gameId, game);
        current = _synced(game);
        require(current.step == step, DisputeGame_WrongStep(current.step));
        require(mover == address(0) || msg.sender == mover, DisputeGame_NotAllowed(msg.sender, mover));
        _requireInTime(current);
    }

    /// @dev Ends a move: charges the mover's clock, hands the turn over.
    function _finish(bytes32 gameId, Game memory game, Step step) private {
        uint256 used = block.timestamp - game.movedAt;
        if (_isChallengersTurn(game.step)) game.challengerTime = _charge(game.challengerTime, used);
        else game.providerTime = _charge(game.providerTime, used);
        game.step = step;
        game.movedAt = uint40(block.timestamp);
        _games[gameId] = keccak256(abi.encode(game));
    }

    /// @dev A game that waits for the answer has moved on when the task was answered, for this game or for another.
    function _synced(Game calldata game) private view returns (Game memory current) {
        current = game;
        Answer memory given = _answers[game.batchId][game.index];
        if (game.step != Step.Opened || given.traceRoot == 0) return current;
        // Silence loses: an answer to a younger game does not wind up a clock that has run out.
        if (given.answeredAt > _deadline(current)) return current;
        current.step = Step.Answered;
        if (given.answeredAt <= game.movedAt) return current;
        current.providerTime = _charge(game.providerTime, given.answeredAt - game.movedAt);
        current.movedAt = given.answeredAt;
    }

    function _deadline(Game memory game) private view returns (uint256) {
        uint32 time = _isChallengersTurn(game.step) ? game.challengerTime : game.providerTime;
        return uint256(game.movedAt) + (time > _floor ? time : _floor);
    }

    function _charge(uint32 time, uint256 used) private pure returns (uint32) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return used < time ? time - uint32(used) : 0;
    }

    function _isChallengersTurn(Step step) private pure returns (bool) {
        return step == Step.Answered || step == Step.RowsShown || step == Step.RowShown;
    }

    /* REQUIREMENTS */

    function _requireMatch(Order calldata order, Batch calldata batch) private view returns (bytes32) {
        bytes32 orderId = order.id(_chainId, address(escrow));
        bool matches = orderId == batch.orderId && order.verification != address(0);
        require(matches, DisputeGame_Mismatch(orderId, batch.orderId));
        return keccak256(abi.encode(batch));
    }

    /// @dev The window of a batch ends with the later of the escrow's and its draw's. Settled meanwhile, it can still be challenged under a
    /// seal that was made by then, or on its way: a receipt must not burn bonds.
    function _requireChallengeable(Order calldata order, bytes32 batchId, uint256 sealedAt) private view {
        IVerification verification = IVerification(order.verification);
        address disputes = address(verification.disputes());
        // It would hear no verdict from here, and the game could not end.
        require(disputes == address(this), DisputeGame_PlayedElsewhere(disputes));
        BatchState memory state = escrow.batchState(batchId);
        uint256 end = verification.challengeEnd(batchId);
        if (state.settlesAt > end) end = state.settlesAt;
        bool may = state.status == BatchStatus.Committed && block.timestamp <= end;
        if (state.status == BatchStatus.Settled) {
            end = uint256(state.settlesAt) + _floor;
            may = sealedAt <= end;
        }
        require(may, DisputeGame_NotChallengeable(batchId, end));
    }

    function _requireState(bytes32 gameId, Game calldata game) private view {
        (bytes32 expected, bytes32 actual) = (_games[gameId], keccak256(abi.encode(game)));
        require(expected == actual, DisputeGame_WrongState(gameId, expected, actual));
    }

    function _requireInTime(Game memory game) private view {
        uint256 deadline = _deadline(game);
        require(block.timestamp <= deadline, DisputeGame_TooLate(deadline));
    }

    /// @dev As many roots as the tape has operators, from the committed input to the committed output, under the revealed root.
    function _checkAnswer(Game calldata game, bytes32[] calldata roots, bytes32 revealed)
        private
        view
        returns (bytes32 traceRoot)
    {
        uint256 count = referee.operatorCount(programs.tapeOf(game.programRoot));
        require(roots.length == count, DisputeGame_BadAnswer("roots", bytes32(roots.length), bytes32(count)));
        require(roots[0] == game.inputHash, DisputeGame_BadAnswer("input", roots[0], game.inputHash));
        bytes32 last = roots[count - 1];
        require(last == game.outputHash, DisputeGame_BadAnswer("output", last, game.outputHash));
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encodePacked(roots[i]));
        }
        traceRoot = MerkleTree.rootOf(leaves);
        bool same = revealed == 0 || traceRoot == revealed;
        require(same, DisputeGame_BadAnswer("trace", traceRoot, revealed));
    }

    function _requireOperatorRoot(Game calldata game, bytes memory tape, bytes32 operatorRoot, bytes32[] calldata proof)
        private
        view
    {
        bytes32 traceRoot = _answers[game.batchId][game.index].traceRoot;
        uint16 count = referee.operatorCount(tape);
        bytes32 leaf = MerkleTree.leafHash(abi.encodePacked(operatorRoot));
        bool committed = MerkleTree.verify(traceRoot, count, game.operator, leaf, proof);
        require(committed, DisputeGame_BadReveal(traceRoot, operatorRoot));
    }
}
