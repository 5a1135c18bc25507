// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DisputeGame} from "../../../src/work/DisputeGame.sol";
import {Game, Step} from "../../../src/work/IDisputeGame.sol";
import {BatchStatus} from "../../../src/work/IJobEscrow.sol";
import {Opening} from "../../../src/work/IReferee.sol";
import {Batch, Order, Task} from "../../../src/work/WorkTypes.sol";
import {DisputeTest, Play} from "../../dispute/DisputeTest.sol";
import {VerificationStub} from "../../dispute/mocks/VerificationStub.sol";
import {Inference} from "../../dispute/utils/Inference.sol";

/// @notice Three challengers, of whom some accuse truly and some falsely, a provider that defends what is true in time and what is
/// false when it pleases, bystanders, and time. Each batch has a true task, 0, and one, 1, that is wrong in element 2 of its unit
/// vector. Every act says beforehand, from what is kept here alone, whether the contract must refuse it, and keeps the state that it
/// must lead to.
contract DisputeGameHandler is DisputeTest {
    uint256 private constant BATCHES = 3;

    enum Phase {
        Sealed,
        Open,
        Over
    }

    struct Kept {
        Phase phase;
        uint8 batch;
        uint8 task;
        address challenger;
        bytes32 salt;
        bytes32 id;
        uint64 number;
        uint128 bond;
        uint40 sealedAt;
        Game game;
    }

    Kept[] private _games;
    bytes[BATCHES] private _orders;
    Batch[BATCHES] private _batches;
    bytes[2][BATCHES] private _tasks;
    /// @dev When a task was answered, and whether it lost a game.
    uint256[2][BATCHES] private _answeredAt;
    bool[2][BATCHES] private _lost;
    bool[BATCHES] private _forfeited;
    uint256[BATCHES] private _settledAt;

    address[3] public challengers;
    /// @notice What each account must hold in native currency.
    mapping(address => uint256) public due;
    /// @notice Verdicts that the stub must have heard.
    uint256 public verdictsDue;
    /// @notice Acts that passed, by name.
    mapping(bytes32 act => uint256) public passed;

    function setUp() public override {
        super.setUp();
        challengers = [challenger, rival, stranger];
        fundNative(stranger);
        for (uint256 i; i < 3; ++i) {
            due[challengers[i]] = 100 ether;
        }
        for (uint8 i; i < BATCHES; ++i) {
            Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG, i);
            _orders[i] = abi.encode(play.order);
            _batches[i] = play.batch;
            _tasks[i][1] = abi.encode(play.task);
            bytes32[] memory sibling = new bytes32[](1);
            sibling[0] = leafOf(play.batch.orderId, play.task);
            Task memory first = taskOf(0, honest(0), 0, UNITS);
            first.proof = sibling;
            _tasks[i][0] = abi.encode(first);
        }
    }

    function committed(bytes[][] memory trace, uint32 index, uint8 number) private returns (Play memory) {
        return committedAs(trace, index, bytes32(uint256(number)), UNITS);
    }

    /* ACTS */

    function sealChallenge(uint256 who, uint256 batch, uint256 task, uint256 fee) external {
        vm.fee(bound(fee, 0, 100 gwei));
        Kept storage kept = _games.push();
        (kept.batch, kept.task) = (uint8(batch % BATCHES), uint8(task % 2));
        (kept.challenger, kept.salt) = (challengers[who % 3], bytes32(_games.length));
        (kept.sealedAt, kept.bond) = (uint40(block.timestamp), disputes.bondNow());
        Play memory play = playOf(kept);
        kept.id = sealHashOf(play);
        vm.prank(kept.challenger);
        kept.number = disputes.seal(kept.id);
        due[kept.challenger] -= kept.bond;
        ++passed["seal"];
    }

    function expireSeal(uint256 seed) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        bool may = kept.phase == Phase.Sealed && block.timestamp > uint256(kept.sealedAt) + OPEN_WINDOW;
        if (!attempt("expireSeal", may, stranger, abi.encodeCall(disputes.expireSeal, (kept.id)))) return;
        kept.phase = Phase.Over;
        due[ledger.BURN()] += kept.bond;
    }

    function withdrawAny(uint256 seed) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        bool inTime = block.timestamp <= uint256(kept.sealedAt) + OPEN_WINDOW;
        bool latest = true;
        for (uint256 i; i < _games.length; ++i) {
            bool opened = _games[i].batch == kept.batch && _games[i].game.batchId != 0;
            if (opened && _games[i].number > kept.number) latest = false;
        }
        bool may = kept.phase == Phase.Sealed && inTime && _forfeited[kept.batch] && latest;
        Play memory play = playOf(kept);
        bytes memory data = abi.encodeCall(disputes.withdrawSeal, (play.batchId, play.task.index, play.salt));
        if (!attempt("withdrawSeal", may, kept.challenger, data)) return;
        kept.phase = Phase.Over;
        due[kept.challenger] += kept.bond;
    }

    function openGame(uint256 seed, uint256 who) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        Play memory play = playOf(kept);
        address caller = who % 4 == 0 ? challengers[who % 3] : kept.challenger;
        bool ripe = block.timestamp > kept.sealedAt && block.timestamp <= uint256(kept.sealedAt) + OPEN_WINDOW;
        bool may = kept.phase == Phase.Sealed && ripe && isChallengeable(kept, play) && caller == kept.challenger;
        bytes memory data = openCall(play);
        if (!attempt("open", may, caller, data)) return;
        kept.phase = Phase.Open;
        kept.game = newGame(play);
    }

    function answerTask(uint256 seed) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        _answer(kept);
    }

    function nameAny(uint256 seed, uint256 operator, uint256 who) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        Game memory game = current(kept);
        operator = operator % 7 > 4 ? operator % 7 : (operator % 7 == 0 ? 3 : 4);
        address caller = who % 4 == 0 ? challengers[who % 3] : kept.challenger;
        bool may = isAt(kept, game, Step.Answered) && caller == kept.challenger && operator < Inference.OPERATORS;
        bytes memory data = nameOperatorCall(playOf(kept), uint16(operator));
        if (!attempt("nameOperator", may, caller, data)) return;
        kept.game = moved(game, Step.OperatorNamed);
        kept.game.operator = uint16(operator);
    }

    function showSomeRows(uint256 seed, uint256 who) external {
        if (_games.length == 0) return;
        _showRows(_games[seed % _games.length], who % 3 == 0 ? stranger : provider);
    }

    function nameAnyRow(uint256 seed, uint32 row) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        row %= 2;
        bool may = isAt(kept, kept.game, Step.RowsShown) && row < kept.game.rows;
        bytes memory data = nameRowCall(playOf(kept), row);
        if (!attempt("nameRow", may, kept.challenger, data)) return;
        kept.game = moved(kept.game, Step.RowNamed);
        kept.game.row = row;
    }

    function showSomeRow(uint256 seed, uint256 who) external {
        if (_games.length == 0) return;
        _showRow(_games[seed % _games.length], who % 3 == 0 ? stranger : provider);
    }

    /// @dev Any element. It is false in one place alone.
    function proveAny(uint256 seed, uint32 element) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        element %= Inference.WIDTH;
        (uint16 operator, uint32 row) = (kept.game.operator, kept.game.row);
        bool isFalse = kept.task == 1 && operator == Inference.UNIT && element == 2;
        bool may = isAt(kept, kept.game, Step.RowShown) && isFalse;
        Play memory play = playOf(kept);
        if (row >= play.trace[operator].length) row = 0;
        (Opening[] memory tensors, Opening[] memory weights) = Inference.openings(play.trace, operator, row, element);
        bytes memory data = proveCall(play, play.trace[operator][row], element, tensors, weights);
        if (attempt("prove", may, kept.challenger, data)) won(kept);
    }

    function timeoutAny(uint256 seed) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        Game memory game = current(kept);
        Play memory play = playOf(kept);
        bool may = kept.phase == Phase.Open && block.timestamp > deadline(game);
        bytes memory data = endCall(disputes.timeout.selector, play);
        if (!attempt("timeout", may, stranger, data)) return;
        if (uint8(game.step) % 2 == 0) {
            won(kept);
            return;
        }
        kept.phase = Phase.Over;
        due[kept.game.defender] += kept.bond;
    }

    function joinAny(uint256 seed) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        Play memory play = playOf(kept);
        bool may = kept.phase == Phase.Open && _lost[kept.batch][kept.task];
        bytes memory data = endCall(disputes.joinVerdict.selector, play);
        if (attempt("joinVerdict", may, stranger, data)) won(kept);
    }

    /// @dev The customer signs a receipt, whatever is sealed: of the last batch alone, so that the others are played to their end.
    function acceptLast(uint256 seed) external {
        if (seed % 4 != 0) return;
        uint256 last = BATCHES - 1;
        (, uint256 open) = this.openOn(last);
        bool may = !_forfeited[last] && _settledAt[last] == 0 && open == 0;
        bytes memory data = abi.encodeCall(escrow.accept, (abi.decode(_orders[last], (Order)), _batches[last], ""));
        if (attempt("accept", may, address(escrow), customer, data)) _settledAt[last] = block.timestamp;
    }

    /// @dev Time passes, once the provider has defended what is true.
    function pass(uint256 time) external {
        for (uint256 i; i < _games.length; ++i) {
            if (_games[i].task == 0 && _games[i].phase == Phase.Open) _defend(_games[i]);
        }
        skip(bound(time, 1, 40 minutes));
    }

    /// @dev A move of whoever's turn it is, so that games come to an end.
    function stretch(uint256 seed) external {
        if (_games.length == 0) return;
        Kept storage kept = _games[seed % _games.length];
        if (kept.phase != Phase.Open) return this.openGame(seed, 1);
        Step step = current(kept).step;
        if (step == Step.Opened) _answer(kept);
        if (step == Step.Answered) this.nameAny(seed, seed, 1);
        if (step == Step.OperatorNamed) _showRows(kept, provider);
        if (step == Step.RowsShown) this.nameAnyRow(seed, 0);
        if (step == Step.RowNamed) _showRow(kept, provider);
        if (step == Step.RowShown) this.proveAny(seed, 2);
    }

    /* THE PROVIDER */

    function _defend(Kept storage kept) private {
        Step step = current(kept).step;
        if (step == Step.Opened) _answer(kept);
        if (step == Step.OperatorNamed) _showRows(kept, provider);
        if (step == Step.RowNamed) _showRow(kept, provider);
    }

    function _answer(Kept storage kept) private {
        Play memory play = playOf(kept);
        bool may = isAt(kept, kept.game, Step.Opened) && _answeredAt[kept.batch][kept.task] == 0;
        bytes memory data = answerCall(play);
        if (attempt("answer", may, provider, data)) _answeredAt[kept.batch][kept.task] = block.timestamp;
    }

    function _showRows(Kept storage kept, address who) private {
        Play memory play = playOf(kept);
        bool may = isAt(kept, kept.game, Step.OperatorNamed);
        if (!attempt("showRows", may, who, showRowsCall(play))) return;
        address defender = defenderAfter(kept.game, who);
        kept.game = rowsShown(play);
        kept.game.defender = defender;
    }

    function _showRow(Kept storage kept, address who) private {
        Play memory play = playOf(kept);
        bool may = isAt(kept, kept.game, Step.RowNamed);
        if (!attempt("showRow", may, who, showRowCall(play))) return;
        address defender = defenderAfter(kept.game, who);
        kept.game = rowShown(play);
        kept.game.defender = defender;
    }

    /* WHAT MUST BE */

    function played() external view returns (DisputeGame) {
        return disputes;
    }

    function judge() external view returns (VerificationStub) {
        return verification;
    }

    function others() external view returns (address, address) {
        return (provider, ledger.BURN());
    }

    function gameCount() external view returns (uint256) {
        return _games.length;
    }

    /// @notice What the contract must hold for a seal or game, and under which hash.
    function expected(uint256 i) external view returns (bytes32 id, uint256 held, bytes32 hash, uint64 sealNumber) {
        Kept storage kept = _games[i];
        id = kept.id;
        held = kept.phase == Phase.Over ? 0 : kept.bond;
        if (kept.phase == Phase.Open) hash = keccak256(abi.encode(kept.game));
        if (kept.phase == Phase.Sealed) sealNumber = kept.number;
    }

    /// @notice Games that must be open on a batch.
    function openOn(uint256 batch) external view returns (bytes32 batchId, uint256 games) {
        batchId = keccak256(abi.encode(_batches[batch]));
        for (uint256 i; i < _games.length; ++i) {
            if (_games[i].batch == batch && _games[i].phase == Phase.Open) ++games;
        }
    }

    function isForfeited(uint256 batch) external view returns (bool) {
        return _forfeited[batch];
    }

    function forfeitedOnChain(bytes32 batchId) external view returns (bool) {
        return escrow.batchState(batchId).status == BatchStatus.Forfeited;
    }

    function lostTask(uint256 batch, uint256 task) external view returns (bool) {
        return _lost[batch][task];
    }

    /// @notice Ends everything that is left, as anybody can once time has passed.
    function endAll() external {
        skip(disputes.longestGame());
        for (uint256 i; i < _games.length; ++i) {
            Kept storage kept = _games[i];
            Play memory play = playOf(kept);
            if (kept.phase == Phase.Sealed) disputes.expireSeal(kept.id);
            if (kept.phase == Phase.Open) timeout(play);
        }
    }

    function native(address account) external view returns (uint256) {
        return balance(account);
    }

    /* INTERNAL */

    function attempt(bytes32 act, bool may, address who, bytes memory data) private returns (bool) {
        return attempt(act, may, address(disputes), who, data);
    }

    /// @dev Calls, and fails unless the contract refuses exactly what `may` says that it must.
    function attempt(bytes32 act, bool may, address target, address who, bytes memory data) private returns (bool) {
        vm.prank(who);
        (bool ok,) = target.call(data);
        assertEq(ok, may, string(abi.encodePacked(act)));
        if (ok) ++passed[act];
        else ++passed[keccak256(abi.encode(act, "refused"))];
        return ok;
    }

    function won(Kept storage kept) private {
        kept.phase = Phase.Over;
        due[kept.challenger] += kept.bond;
        // What is paid is paid.
        (_lost[kept.batch][kept.task], _forfeited[kept.batch]) = (true, _settledAt[kept.batch] == 0);
        ++verdictsDue;
    }

    /// @dev A settled batch is, under seals that were made by then or a little later.
    function isChallengeable(Kept storage kept, Play memory play) private view returns (bool) {
        uint256 settledAt = _settledAt[kept.batch];
        if (settledAt != 0) return kept.sealedAt <= settledAt + FLOOR;
        bool window = block.timestamp <= uint256(play.batch.committedAt) + play.order.settleWindow;
        return window && !_forfeited[kept.batch];
    }

    function current(Kept storage kept) private view returns (Game memory game) {
        game = kept.game;
        uint256 at_ = _answeredAt[kept.batch][kept.task];
        bool inTime = at_ != 0 && at_ <= deadline(game);
        return game.step == Step.Opened && inTime ? answered(game, at_) : game;
    }

    function deadline(Game memory game) private pure returns (uint256) {
        uint32 time = uint8(game.step) % 2 == 1 ? game.challengerTime : game.providerTime;
        return uint256(game.movedAt) + (time > FLOOR ? time : FLOOR);
    }

    function isAt(Kept storage kept, Game memory game, Step step) private view returns (bool) {
        return kept.phase == Phase.Open && game.step == step && block.timestamp <= deadline(game);
    }

    function defenderAfter(Game memory game, address who) private view returns (address) {
        bool late = block.timestamp > (uint256(game.movedAt) + deadline(game)) / 2;
        return late && game.defender == provider ? who : game.defender;
    }

    function playOf(Kept storage kept) private view returns (Play memory play) {
        play.order = abi.decode(_orders[kept.batch], (Order));
        play.batch = _batches[kept.batch];
        play.batchId = keccak256(abi.encode(play.batch));
        play.task = abi.decode(_tasks[kept.batch][kept.task], (Task));
        play.trace = kept.task == 1 ? wrongAt(Inference.UNIT, 0, 5) : honest(0);
        (play.challenger, play.salt, play.gameId) = (kept.challenger, kept.salt, kept.id);
        (play.sealNumber, play.bond, play.game) = (kept.number, kept.bond, kept.game);
    }
}
