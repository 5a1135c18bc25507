// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {FeeSchedule} from "../../src/ledger/FeeSchedule.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {DisputeGame} from "../../src/work/DisputeGame.sol";
import {Clocks, Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {BatchStatus} from "../../src/work/IJobEscrow.sol";
import {PriceFloor, Royalty} from "../../src/work/IModelRegistry.sol";
import {Opening} from "../../src/work/IReferee.sol";
import {JobEscrow} from "../../src/work/JobEscrow.sol";
import {ModelRegistry} from "../../src/work/ModelRegistry.sol";
import {ProgramRegistry} from "../../src/work/ProgramRegistry.sol";
import {Referee} from "../../src/work/Referee.sol";
import {Batch, Order, Task} from "../../src/work/WorkTypes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {MerkleBuilder} from "../work/utils/MerkleBuilder.sol";
import {VerificationStub} from "./mocks/VerificationStub.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";

/// @notice A game as a test plays it: what every party knows off chain, and the state that the game must be in, reckoned here
/// and never read from the contract.
struct Play {
    Order order;
    Batch batch;
    Task task;
    bytes[][] trace;
    bytes32 batchId;
    address challenger;
    bytes32 salt;
    bytes32 gameId;
    uint64 sealNumber;
    uint128 bond;
    Game game;
}

/// @notice The suite with an order of two tasks, a provider with stake, challengers with money, and a verification contract that does
/// as told. Task 1 is wrong wherever a test says; task 0 is true.
abstract contract DisputeTest is Test {
    using Tensors for bytes[][];

    uint256 internal constant FUNDS = 1e30;
    uint32 internal constant TIME = 1 hours;
    uint32 internal constant FLOOR = 10 minutes;
    uint32 internal constant OPEN_WINDOW = 30 minutes;
    uint32 internal constant UNITS = 3;
    uint32 internal constant WRONG = 1;

    Ledger internal ledger;
    Staking internal staking;
    ProgramRegistry internal programs;
    ModelRegistry internal models;
    JobEscrow internal escrow;
    Referee internal referee;
    DisputeGame internal disputes;
    VerificationStub internal verification;
    DevToken internal token;
    DevToken internal stakeToken;
    bytes32 internal modelId;

    address internal customer = makeAddr("customer");
    address internal provider = makeAddr("provider");
    address internal challenger = makeAddr("challenger");
    address internal rival = makeAddr("rival");
    address internal stranger = makeAddr("stranger");
    address internal pool = makeAddr("pool");

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.fee(1 gwei);
        ledger = new Ledger();
        (token, stakeToken) = (new DevToken(), new DevToken());
        staking = new Staking(ledger, address(stakeToken), 7 days);
        FeeSchedule fees = new FeeSchedule(address(new AccessManager(address(this))), pool, 250);
        programs = new ProgramRegistry();
        models = new ModelRegistry(programs);
        escrow = new JobEscrow(ledger, staking, models, fees);
        referee = new Referee();
        disputes = new DisputeGame(escrow, programs, referee, clocks());
        verification = new VerificationStub(escrow, disputes);
        modelId = register(Inference.tape(), Inference.weights().rootOf());
        fund(customer, token, address(escrow));
        stakeToken.mint(address(this), FUNDS);
        stakeToken.approve(address(ledger), FUNDS);
        ledger.deposit(address(stakeToken), address(this), FUNDS);
        ledger.approve(address(staking), uint160(address(stakeToken)), FUNDS);
        staking.stake(provider, address(escrow), 1e24);
        fundNative(challenger);
        fundNative(rival);
    }

    /* THE STAGE */

    function clocks() internal pure returns (Clocks memory) {
        return Clocks(TIME, FLOOR, OPEN_WINDOW, 1_500_000, 3, 0.001 ether);
    }

    function register(bytes memory tape, bytes32 weightsRoot) internal returns (bytes32) {
        PriceFloor[] memory floors = new PriceFloor[](1);
        floors[0] = PriceFloor(address(token), 1);
        // As with the moves: too many arguments in memory for the compiler's stack.
        bytes memory none = tail(abi.encode(new Royalty[](0)));
        bytes memory head = bytes.concat(programs.register(tape), weightsRoot, word(2), word(6 * 32), word(7 * 32));
        head = bytes.concat(head, word(8 * 32), word(0), none, tail(abi.encode(floors)));
        (, bytes memory id) = address(models).call(bytes.concat(models.register.selector, head));
        return abi.decode(id, (bytes32));
    }

    function fund(address account, DevToken currency, address spender) internal {
        currency.mint(address(this), FUNDS);
        currency.approve(address(ledger), FUNDS);
        ledger.deposit(address(currency), account, FUNDS);
        vm.prank(account);
        ledger.approve(spender, uint160(address(currency)), type(uint256).max);
    }

    function fundNative(address account) internal {
        vm.deal(address(this), 100 ether);
        ledger.depositNative{value: 100 ether}(account);
        vm.prank(account);
        ledger.approve(address(disputes), 0, type(uint256).max);
    }

    function balance(address account) internal view returns (uint256) {
        return ledger.balanceOf(account, 0);
    }

    function terms(bytes32 salt) internal view virtual returns (Order memory order) {
        (order.customer, order.token, order.modelId) = (customer, address(token), modelId);
        order.inputsRoot = keccak256("inputs are not disputed here");
        (order.count, order.unitCap, order.unitBytes, order.unitPrice) = (2, 256, 2, 1000);
        (order.minBatch, order.deadline) = (2, uint40(block.timestamp + 1 days));
        (order.takeWindow, order.settleWindow, order.demandWindow) = (10 minutes, 6 hours, 5 minutes);
        (order.stakePerBatch, order.verification) = (1_000_000, address(verification));
        (order.feeRecipient, order.feeRate, order.salt) = (pool, 250, salt);
    }

    /* WORK */

    /// @dev A true inference of a task.
    function honest(uint32 index) internal pure returns (bytes[][] memory) {
        return Inference.run(Inference.input(index, UNITS));
    }

    /// @dev One of the provider's, with one bit of one row the other way.
    function wrongAt(uint16 operator, uint32 row, uint256 place) internal pure returns (bytes[][] memory trace) {
        trace = honest(WRONG);
        trace[operator][row][place] ^= 0x01;
    }

    /// @dev An order whose batch is committed, task 0 true, task 1 by `trace`. The game is over `index`.
    function committed(bytes[][] memory trace, uint32 index) internal returns (Play memory play) {
        return committedAs(trace, index, "salt", UNITS);
    }

    function committedAs(bytes[][] memory trace, uint32 index, bytes32 salt, uint32 units)
        internal
        returns (Play memory play)
    {
        play.order = terms(salt);
        vm.prank(customer);
        bytes32 orderId = escrow.open(play.order);
        bytes[][] memory other = honest(0);
        play.trace = index == WRONG ? trace : other;
        bytes32[] memory leaves = new bytes32[](2);
        Task memory first = taskOf(0, other, 0, UNITS);
        Task memory second = taskOf(1, trace, UNITS, units);
        (leaves[0], leaves[1]) = (leafOf(orderId, first), leafOf(orderId, second));
        play.task = index == WRONG ? second : first;
        play.task.proof = MerkleBuilder.proofOf(leaves, index);
        bytes32 root = MerkleBuilder.rootOf(leaves);
        uint128 stake = play.order.stakePerBatch;
        play.batch = Batch(orderId, provider, 0, 2, UNITS + units, root, stake, uint40(block.timestamp));
        vm.prank(provider);
        play.batchId = escrow.takeAndCommit(play.order, 0, 2, play.batch.units, play.batch.root);
        (play.challenger, play.salt) = (challenger, "salt");
    }

    function taskOf(uint32 index, bytes[][] memory trace, uint64 before, uint32 units)
        internal
        pure
        returns (Task memory task)
    {
        bytes32[] memory roots = trace.rootsOf();
        return Task(index, roots[0], roots[roots.length - 1], before, units, new bytes32[](0));
    }

    /// @dev Written out once more, so that the test does not trust the library.
    function leafOf(bytes32 orderId, Task memory task) internal view returns (bytes32) {
        return keccak256(
            bytes.concat(
                hex"00",
                bytes32(block.chainid),
                orderId,
                bytes20(provider),
                bytes4(task.index),
                task.inputHash,
                task.outputHash,
                bytes8(task.unitsBefore),
                bytes4(task.units)
            )
        );
    }

    /* WHAT THE STATE MUST BE */

    function newGame(Play memory play) internal view returns (Game memory game) {
        (game.batchId, game.challenger, game.provider) = (play.batchId, play.challenger, provider);
        (game.verification, game.defender) = (play.order.verification, provider);
        (game.sealNumber, game.bond) = (play.sealNumber, play.bond);
        (game.index, game.units) = (play.task.index, play.task.units);
        (game.inputHash, game.outputHash) = (play.task.inputHash, play.task.outputHash);
        game.programRoot = models.modelOf(play.order.modelId).programRoot;
        game.weightsRoot = models.modelOf(play.order.modelId).weightsRoot;
        game.movedAt = uint40(block.timestamp);
        (game.providerTime, game.challengerTime) = (TIME, TIME);
    }

    /// @dev A game that waited, once the task was answered in time: the turn passed to the challenger at that moment.
    function answered(Game memory game, uint256 answeredAt) internal pure returns (Game memory next) {
        next = copy(game);
        next.step = Step.Answered;
        if (answeredAt <= game.movedAt) return next;
        next.providerTime = left(game.providerTime, answeredAt - game.movedAt);
        next.movedAt = uint40(answeredAt);
    }

    /// @dev The state after a move made now.
    function moved(Game memory game, Step step) internal view returns (Game memory next) {
        next = copy(game);
        uint256 used = block.timestamp - game.movedAt;
        bool challengers = game.step == Step.Answered || game.step == Step.RowsShown || game.step == Step.RowShown;
        if (challengers) next.challengerTime = left(game.challengerTime, used);
        else next.providerTime = left(game.providerTime, used);
        (next.step, next.movedAt) = (step, uint40(block.timestamp));
    }

    function left(uint32 time, uint256 used) internal pure returns (uint32) {
        return used >= time ? 0 : uint32(time - used);
    }

    /// @dev Another game over the same task.
    function copyFor(Play memory play, address who, bytes32 salt) internal pure returns (Play memory other) {
        (other.order, other.batch, other.task, other.trace) = (play.order, play.batch, play.task, play.trace);
        (other.batchId, other.gameId, other.sealNumber, other.bond) =
        (play.batchId, play.gameId, play.sealNumber, play.bond);
        (other.challenger, other.salt, other.game) = (who, salt, copy(play.game));
    }

    function copy(Game memory game) internal pure returns (Game memory) {
        return abi.decode(abi.encode(game), (Game));
    }

    function assertGame(Play memory play) internal view {
        assertEq(disputes.gameHash(play.gameId), keccak256(abi.encode(play.game)), "state of the game");
    }

    function assertOver(Play memory play) internal view {
        assertEq(disputes.gameHash(play.gameId), 0, "game over");
    }

    /* MOVES: made by who should, checked against the state reckoned here */

    function sealHashOf(Play memory play) internal pure returns (bytes32) {
        return keccak256(abi.encode(play.batchId, play.task.index, play.salt, play.challenger));
    }

    function seal(Play memory play) internal {
        play.gameId = sealHashOf(play);
        play.bond = disputes.bondNow();
        vm.prank(play.challenger);
        play.sealNumber = disputes.seal(play.gameId);
    }

    function doOpen(Play memory play) internal {
        bytes memory data = openCall(play);
        vm.prank(play.challenger);
        send(data);
    }

    function open(Play memory play) internal {
        seal(play);
        skip(12);
        doOpen(play);
        play.game = newGame(play);
        assertGame(play);
    }

    function doAnswer(Play memory play, address who) internal {
        bytes memory data = answerCall(play);
        vm.prank(who);
        send(data);
    }

    /// @dev The chain's slot still holds the state before the answer, which is the game's until somebody moves; so does `play`.
    function answer(Play memory play) internal {
        doAnswer(play, provider);
        assertGame(play);
    }

    function doName(Play memory play, uint16 operator) internal {
        bytes memory data = nameOperatorCall(play, operator);
        vm.prank(play.challenger);
        send(data);
    }

    /// @dev The challenger's first move, on an answer given at `answeredAt`.
    function nameOperator(Play memory play, uint16 operator, uint256 answeredAt) internal {
        Game memory next = moved(answered(play.game, answeredAt), Step.OperatorNamed);
        next.operator = operator;
        doName(play, operator);
        play.game = next;
        assertGame(play);
    }

    function doShowRows(Play memory play, address who) internal {
        bytes memory data = showRowsCall(play);
        vm.prank(who);
        send(data);
    }

    function rowsShown(Play memory play) internal view returns (Game memory next) {
        next = moved(play.game, Step.RowsShown);
        next.rows = uint32(play.trace[next.operator].length);
        next.operatorRoot = MerkleBuilder.rootOf(Tensors.rowHashes(play.trace[next.operator]));
    }

    function showRows(Play memory play) internal {
        Game memory next = rowsShown(play);
        doShowRows(play, provider);
        play.game = next;
        assertGame(play);
    }

    function doNameRow(Play memory play, uint32 row) internal {
        bytes memory data = nameRowCall(play, row);
        vm.prank(play.challenger);
        send(data);
    }

    function nameRow(Play memory play, uint32 row) internal {
        Game memory next = moved(play.game, Step.RowNamed);
        next.row = row;
        doNameRow(play, row);
        play.game = next;
        assertGame(play);
    }

    function doShowRow(Play memory play, address who) internal {
        bytes memory data = showRowCall(play);
        vm.prank(who);
        send(data);
    }

    function rowShown(Play memory play) internal view returns (Game memory next) {
        next = moved(play.game, Step.RowShown);
        next.rowHash = MerkleTree.leafHash(play.trace[next.operator][next.row]);
    }

    function showRow(Play memory play) internal {
        Game memory next = rowShown(play);
        doShowRow(play, provider);
        play.game = next;
        assertGame(play);
    }

    /// @dev The openings must be made before `expectRevert` or `expectEmit`; both look at calls, and this makes one.
    function doProve(Play memory play, uint32 element) internal {
        bytes memory row = play.trace[play.game.operator][play.game.row];
        (Opening[] memory tensors, Opening[] memory weights) =
            Inference.openings(play.trace, play.game.operator, play.game.row, element);
        bytes memory data = proveCall(play, row, element, tensors, weights);
        vm.prank(play.challenger);
        send(data);
    }

    function withdrawSeal(Play memory play) internal {
        vm.prank(play.challenger);
        disputes.withdrawSeal(play.batchId, play.task.index, play.salt);
    }

    function timeout(Play memory play) internal {
        bytes memory data = endCall(IDisputeGame.timeout.selector, play);
        vm.prank(stranger);
        send(data);
    }

    function joinVerdict(Play memory play) internal {
        bytes memory data = endCall(IDisputeGame.joinVerdict.selector, play);
        vm.prank(stranger);
        send(data);
    }

    /* CALLDATA: put together by hand, because the compiler runs out of stack for so large a struct among other arguments */

    function answerCall(Play memory play) internal pure returns (bytes memory) {
        return answerCall(play, play.trace.rootsOf());
    }

    function answerCall(Play memory play, bytes32[] memory roots) internal pure returns (bytes memory) {
        return bytes.concat(IDisputeGame.answer.selector, named(play), word(24 * 32), tail(abi.encode(roots)));
    }

    function nameOperatorCall(Play memory play, uint16 operator) internal pure returns (bytes memory) {
        return bytes.concat(IDisputeGame.nameOperator.selector, named(play), word(operator));
    }

    function nameRowCall(Play memory play, uint32 row) internal pure returns (bytes memory) {
        return bytes.concat(IDisputeGame.nameRow.selector, named(play), word(row));
    }

    function showRowsCall(Play memory play) internal pure returns (bytes memory) {
        uint16 operator = play.game.operator;
        return showRowsCall(play, play.trace.rootProof(operator), Tensors.rowHashes(play.trace[operator]));
    }

    function showRowsCall(Play memory play, bytes32[] memory proof, bytes32[] memory hashes)
        internal
        pure
        returns (bytes memory)
    {
        return showRowsCall(play, MerkleBuilder.rootOf(hashes), proof, hashes);
    }

    function showRowsCall(Play memory play, bytes32 root, bytes32[] memory proof, bytes32[] memory hashes)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory first = tail(abi.encode(proof));
        bytes memory head = bytes.concat(named(play), root, word(26 * 32), word(26 * 32 + first.length));
        return bytes.concat(IDisputeGame.showRows.selector, head, first, tail(abi.encode(hashes)));
    }

    /// @dev Any row where the one named is beyond the trace.
    function showRowCall(Play memory play) internal pure returns (bytes memory) {
        bytes[] memory rows = play.trace[play.game.operator];
        uint32 row = play.game.row < rows.length ? play.game.row : 0;
        return showRowCall(play, rows[row], play.trace.rowProof(play.game.operator, row));
    }

    function showRowCall(Play memory play, bytes memory row, bytes32[] memory proof)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory first = tail(abi.encode(row));
        bytes memory head = bytes.concat(named(play), word(25 * 32), word(25 * 32 + first.length));
        return bytes.concat(IDisputeGame.showRow.selector, head, first, tail(abi.encode(proof)));
    }

    /// @dev `timeout` or `joinVerdict`.
    function endCall(bytes4 selector, Play memory play) internal pure returns (bytes memory) {
        return bytes.concat(selector, named(play), word(32 * 32), abi.encode(play.batch), tail(abi.encode(play.order)));
    }

    function openCall(Play memory play) internal pure returns (bytes memory) {
        bytes memory first = tail(abi.encode(play.order));
        bytes memory head = bytes.concat(word(11 * 32), abi.encode(play.batch), word(11 * 32 + first.length), play.salt);
        return bytes.concat(IDisputeGame.open.selector, head, first, tail(abi.encode(play.task)));
    }

    function proveCall(
        Play memory play,
        bytes memory row,
        uint32 element,
        Opening[] memory tensors,
        Opening[] memory weights
    ) internal pure returns (bytes memory) {
        bytes[4] memory tails = [
            tail(abi.encode(play.order)), tail(abi.encode(row)), tail(abi.encode(tensors)), tail(abi.encode(weights))
        ];
        bytes memory head = bytes.concat(named(play), word(36 * 32), abi.encode(play.batch));
        uint256 end = 36 * 32 + tails[0].length;
        head = bytes.concat(head, word(end), word(element));
        end += tails[1].length;
        head = bytes.concat(head, word(end), word(end + tails[2].length));
        return bytes.concat(IDisputeGame.prove.selector, head, tails[0], tails[1], tails[2], tails[3]);
    }

    /// @dev The game and its state, which every move names.
    function named(Play memory play) private pure returns (bytes memory) {
        return bytes.concat(play.gameId, abi.encode(play.game));
    }

    function word(uint256 value) private pure returns (bytes32) {
        return bytes32(value);
    }

    /// @dev What stands behind the offset of a single dynamic value.
    function tail(bytes memory encoded) private pure returns (bytes memory rest) {
        rest = new bytes(encoded.length - 32);
        for (uint256 i; i < rest.length; i += 32) {
            assembly ("memory-safe") {
                mstore(add(add(rest, 32), i), mload(add(add(encoded, 64), i)))
            }
        }
    }

    function send(bytes memory data) internal {
        (bool ok, bytes memory reason) = address(disputes).call(data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /* WHOLE STRETCHES: a game over task 1, wrong in element 2 of the unit vector, up to where `step` is to be answered */

    function playedTo(Step step) internal returns (Play memory) {
        return playTo(committed(wrongAt(Inference.UNIT, 0, 5), WRONG), step);
    }

    /// @dev Up to `step`, twelve seconds a move, naming the operator and row that `playedTo` makes wrong.
    function playTo(Play memory play, Step step) internal returns (Play memory) {
        return playTo(play, step, Inference.UNIT, 0);
    }

    function playTo(Play memory play, Step step, uint16 operator, uint32 row) internal returns (Play memory) {
        open(play);
        if (step == Step.Opened) return play;
        skip(12);
        answer(play);
        uint256 answeredAt = block.timestamp;
        if (step == Step.Answered) return play;
        skip(12);
        nameOperator(play, operator, answeredAt);
        if (step == Step.OperatorNamed) return play;
        skip(12);
        showRows(play);
        if (step == Step.RowsShown) return play;
        skip(12);
        nameRow(play, row);
        if (step == Step.RowNamed) return play;
        skip(12);
        showRow(play);
        return play;
    }

    /// @dev From an answered game to the proof of element 2 of the unit vector, in one block.
    function finish(Play memory play, uint256 answeredAt) internal {
        nameOperator(play, Inference.UNIT, answeredAt);
        showRows(play);
        nameRow(play, 0);
        showRow(play);
        doProve(play, 2);
        assertOver(play);
    }

    /* ASSERTIONS */

    function assertForfeited(Play memory play) internal view {
        assertEq(uint8(escrow.batchState(play.batchId).status), uint8(BatchStatus.Forfeited), "batch forfeited");
    }

    function assertCommitted(Play memory play) internal view {
        assertEq(uint8(escrow.batchState(play.batchId).status), uint8(BatchStatus.Committed), "batch committed");
    }

    function expectWrongStep(Step step) internal {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_WrongStep.selector, step));
    }

    function expectNotAllowed(address caller, address expected) internal {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NotAllowed.selector, caller, expected));
    }

    function expectTooLate(uint256 deadline) internal {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_TooLate.selector, deadline));
    }

    function expectTooEarly(uint256 deadline) internal {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_TooEarly.selector, deadline));
    }

    /// @dev For moves that name the state they answer: the game is another by now, or none.
    function expectWrongState(Play memory play, bytes32 expected) internal {
        bytes32 actual = keccak256(abi.encode(play.game));
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_WrongState.selector, play.gameId, expected, actual)
        );
    }
}
