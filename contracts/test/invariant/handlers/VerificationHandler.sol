// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Answer, Game, IDisputeGame, Step} from "../../../src/work/IDisputeGame.sol";
import {BatchStatus, IJobEscrow, OrderStatus} from "../../../src/work/IJobEscrow.sol";
import {Opening} from "../../../src/work/IReferee.sol";
import {IValidatorSeats, Seat} from "../../../src/work/IValidatorSeats.sol";
import {
    Binding,
    Draw,
    DrawStatus,
    DrawnTask,
    IVerification,
    Revealed,
    Sealed
} from "../../../src/work/IVerification.sol";
import {Order} from "../../../src/work/WorkTypes.sol";
import {Play} from "../../dispute/DisputeTest.sol";
import {Inference} from "../../dispute/utils/Inference.sol";
import {Tensors} from "../../dispute/utils/Tensors.sol";
import {Case, CourtStage, Lie} from "./CourtStage.sol";

/// @notice The honest act at least every eight minutes, whatever time passes: a provider that seals, reveals, answers and supplies; two
/// validators; a challenger who plays wherever something false can be seen. Everybody else does what the fuzzer says: a lying provider,
/// five validators, two challengers, bystanders who move where anybody may.
contract VerificationHandler is CourtStage {
    using Tensors for bytes[][];

    uint256 private constant MAX_CASES = 5;
    uint256 private constant MAX_GAMES = 16;
    /// @dev Of the tensor that is false, in both kinds of lie.
    uint32 private constant FALSE_ELEMENT = 2;

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
    /// @dev One more than the number of the watcher's game over a batch.
    mapping(uint256 batch => uint256) private _watched;
    mapping(bytes32 batchId => mapping(address who => mapping(uint256 place => Lie))) private _sealedLie;
    mapping(uint256 batch => BatchStatus) private _lastStatus;
    mapping(uint256 batch => DrawStatus) private _lastDraw;

    /// @notice Acts that passed, by name.
    mapping(string act => uint256) public passed;
    /// @notice What burned of the honest challenger's bonds because a later seal was opened before its own could be.
    uint256 public overtaken;

    /// @dev After each act no batch and no draw has gone where it may not.
    modifier watched() {
        _;
        for (uint256 i; i < cases.length; ++i) {
            (BatchStatus status, DrawStatus state) = (statusOf(cases[i]), drawStatus(cases[i]));
            assertTrue(follows(_lastStatus[i], status), "V5: status of the batch");
            assertTrue(follows(_lastDraw[i], state), "V5: status of the draw");
            (_lastStatus[i], _lastDraw[i]) = (status, state);
        }
    }

    /* PROVIDERS */

    function commit(uint256 seed) external watched {
        if (cases.length == MAX_CASES || seats.seatCount(address(court)) < 5) return;
        if (seed % 3 == 0) commitCase(good, Lie.None);
        else commitCase(liar, Lie(seed / 3 % 3));
        ++passed["commit"];
    }

    function liarSeals(uint256 seed, uint256 lie) external watched {
        Case storage c = pick(seed);
        if (c.batch.provider == liar) _sealPlace(c, liar, lie / 4, lie % 4 == 0 ? Lie(lie / 4 % 3) : c.lie);
    }

    function liarReveals(uint256 seed, uint256 place) external watched {
        Case storage c = pick(seed);
        if (c.batch.provider == liar) _revealBound(c, liar, place);
    }

    function liarSupplies(uint256 seed, uint256 index) external watched {
        Case storage c = pick(seed);
        if (c.batch.provider == liar) _supply(c, index % 2);
    }

    /* VALIDATORS */

    function validatorSeals(uint256 seed, uint256 who, uint256 place, uint256 lie) external watched {
        _sealPlace(pick(seed), dishonest(who), place, Lie(lie % 4 % 3));
    }

    function validatorReveals(uint256 seed, uint256 who, uint256 place) external watched {
        _reveal(pick(seed), dishonest(who), place);
    }

    /// @dev Sits down again with new stake, leaves, or is evicted by the delegator.
    function changeSeat(uint256 who, uint256 what) external watched {
        uint256 i = HONEST + who % (VALIDATORS - HONEST);
        Seat memory seat = seats.seatOf(address(court), validators[i]);
        if (seat.stake == 0) {
            bool wiped = staking.poolOf(validators[i], address(seats)).stake == 0
                && staking.poolOf(validators[i], address(seats)).shares != 0;
            if (i >= 4 && wiped) return;
            equip(i);
            attempt(
                "takeSeat", validators[i], address(seats), abi.encodeCall(IValidatorSeats.takeSeat, (address(court)))
            );
        } else if (what % 4 == 0) {
            attempt(
                "leaveSeat", validators[i], address(seats), abi.encodeCall(IValidatorSeats.leaveSeat, (address(court)))
            );
        } else if (what % 4 == 1) {
            _release(i);
        }
    }

    /* DRAWS: what anybody may do */

    function drawAny(uint256 seed, bytes32 value, uint256 lose) external watched {
        _draw(pick(seed), value, lose % 8 == 0);
    }

    function concludeAny(uint256 seed) external watched {
        Case storage c = pick(seed);
        _anyone("conclude", address(court), abi.encodeCall(IVerification.conclude, (orderOf(c), c.batch)));
    }

    function claimAny(uint256 seed) external watched {
        _anyone("claimPot", address(court), abi.encodeCall(IVerification.claimPot, (pick(seed).id)));
    }

    /* THE ESCROW */

    function demandAny(uint256 seed, uint32 index) external watched {
        Case storage c = pick(seed);
        _anyone("demand", address(escrow), abi.encodeCall(IJobEscrow.demand, (orderOf(c), c.batch, index % 2)));
    }

    function forfeitAny(uint256 seed, uint32 index) external watched {
        Case storage c = pick(seed);
        _anyone("forfeit", address(escrow), abi.encodeCall(IJobEscrow.forfeit, (orderOf(c), c.batch, index % 2)));
    }

    function settleAny(uint256 seed) external watched {
        Case storage c = pick(seed);
        _anyone("settle", address(escrow), abi.encodeCall(IJobEscrow.settle, (orderOf(c), c.batch)));
    }

    /// @dev The customer signs for what is right.
    function acceptAny(uint256 seed) external watched {
        Case storage c = pick(seed);
        if (c.lie != Lie.None) return;
        bytes memory data = abi.encodeCall(IJobEscrow.accept, (orderOf(c), c.batch, ""));
        attempt("accept", customer, address(escrow), data);
    }

    function reclaimAny(uint256 seed) external watched {
        _anyone("reclaim", address(escrow), abi.encodeCall(IJobEscrow.reclaim, (orderOf(pick(seed)))));
    }

    /* GAMES */

    function sealChallenge(uint256 seed, uint256 task, bool first) external watched {
        Case storage c = pick(seed);
        if (_games.length < MAX_GAMES) _seal(numberOf(c), uint8(task % 2), first ? challenger : rival);
    }

    /// @dev A move of whoever's turn it is, or what becomes of a seal.
    function playAny(uint256 seed, uint256 how) external watched {
        if (_games.length != 0) _play(_games[seed % _games.length], how);
    }

    function timeoutAny(uint256 seed) external watched {
        if (_games.length != 0) _end(_games[seed % _games.length], IDisputeGame.timeout.selector);
    }

    function joinAny(uint256 seed) external watched {
        if (_games.length != 0) _end(_games[seed % _games.length], IDisputeGame.joinVerdict.selector);
    }

    function expireAny(uint256 seed) external watched {
        if (_games.length != 0) _expire(_games[seed % _games.length]);
    }

    /* TIME */

    /// @dev Time passes, once the honest have acted.
    function pass(uint256 time) external watched {
        actHonestly();
        skip(bound(time, 1, ATTENTION));
    }

    /* THE HONEST: each of their moves must be let through */

    function actHonestly() public {
        for (uint256 i; i < _games.length; ++i) {
            if (_games[i].phase == Phase.Open) _defend(_games[i]);
        }
        for (uint256 i; i < cases.length; ++i) {
            Case storage c = cases[i];
            if (c.batch.provider == good) {
                for (uint256 place; place < 2; ++place) {
                    must(_sealPlace(c, good, place, Lie.None) || !maySeal(c, good, place), "the provider seals");
                    must(_revealBound(c, good, place) || !mayReveal(c, good, place), "the provider reveals");
                    bool due = escrow.demandOf(c.id, uint32(place)).demander != address(0);
                    must(!due || _supply(c, place) || statusOf(c) != BatchStatus.Committed, "the provider supplies");
                }
            }
            for (uint256 number; number < HONEST; ++number) {
                for (uint256 place; place < 2; ++place) {
                    address who = validators[number];
                    must(_sealPlace(c, who, place, Lie.None) || !maySeal(c, who, place), "a validator seals");
                    must(_reveal(c, who, place) || !mayReveal(c, who, place), "a validator reveals");
                }
            }
            _watch(i);
        }
    }

    /// @dev Challenges what can be seen to be false: an output, or a trace that was revealed.
    function _watch(uint256 i) private {
        Case storage c = cases[i];
        bool seen = c.lie == Lie.Output || court.revealedRoot(c.id, 1) == traceRoot[1][Lie.Trace];
        if (_watched[i] == 0) {
            if (!seen || statusOf(c) != BatchStatus.Committed) return;
            _seal(i, 1, watcher);
            _watched[i] = _games.length;
            return;
        }
        Kept storage kept = _games[_watched[i] - 1];
        if (kept.phase == Phase.Open) return _pursue(kept, c);
        if (kept.phase != Phase.Sealed || block.timestamp <= kept.sealedAt) return;
        if (statusOf(c) == BatchStatus.Committed) return must(_open(kept), "the challenger opens");
        if (kept.number > disputes.latestSeal(c.id)) return must(_withdraw(kept), "the challenger withdraws");
        _expire(kept);
    }

    function _pursue(Kept storage kept, Case storage c) private {
        Game memory game = current(kept);
        if (disputes.answerOf(c.id, 1).lost) must(_end(kept, IDisputeGame.joinVerdict.selector), "it joins");
        else if (block.timestamp > deadline(game)) must(_end(kept, IDisputeGame.timeout.selector), "it ends the game");
        else if (isChallengers(game)) must(_challenge(kept, c.answer[1] == Lie.Trace ? 0 : 1, 0), "it plays");
    }

    /// @dev The provider defends what it computed, and validators what they agreed to; anybody ends what is over.
    function _defend(Kept storage kept) private {
        Case storage c = cases[kept.batch];
        Game memory game = current(kept);
        if (block.timestamp > deadline(game)) {
            return must(_end(kept, IDisputeGame.timeout.selector), "it ends the game");
        }
        if (isChallengers(game)) return;
        bool agreed = court.revealedRoot(c.id, kept.task) == traceRoot[kept.task][Lie.None];
        if (c.batch.provider == good) must(_reply(kept, Lie.None, good), "the provider plays");
        else if (agreed) must(_reply(kept, Lie.None, validators[0]), "a validator plays");
    }

    function must(bool done, string memory what) private pure {
        assertTrue(done, what);
    }

    function maySeal(Case storage c, address who, uint256 place) private view returns (bool) {
        Draw memory state = court.drawOf(c.id);
        if (state.status != DrawStatus.Sealing || block.timestamp > state.phaseEnd) return false;
        (bool drawn, uint8 party) = partyOf(c, who, place);
        return drawn && state.sealedBy >> party & 1 == 0;
    }

    function mayReveal(Case storage c, address who, uint256 place) private view returns (bool) {
        Draw memory state = court.drawOf(c.id);
        bool first = state.status == DrawStatus.Sealing && block.timestamp > state.phaseEnd
            && block.timestamp <= state.phaseEnd + 10 minutes;
        bool open_ = first || (state.status == DrawStatus.Revealing && block.timestamp <= state.phaseEnd);
        if (!open_) return false;
        (bool drawn, uint8 party) = partyOf(c, who, place);
        return drawn && (state.sealedBy & ~state.revealedBy) >> party & 1 == 1;
    }

    /* MOVES IN DRAWS */

    function _draw(Case storage c, bytes32 value, bool lose) private {
        Draw memory state = court.drawOf(c.id);
        if (state.status != DrawStatus.Waiting) return;
        if (lose && beacon.valueOf(state.round) == 0) {
            beacon.lose(state.round);
            _anyone("postpone", address(court), abi.encodeCall(IVerification.postpone, (orderOf(c), c.batch)));
            return;
        }
        if (beacon.valueOf(state.round) == 0) beacon.record(state.round, keccak256(abi.encode(value)));
        _anyone("draw", address(court), abi.encodeCall(IVerification.draw, (orderOf(c), c.batch)));
    }

    function _sealPlace(Case storage c, address who, uint256 place, Lie lie) private returns (bool) {
        if (!maySeal(c, who, place % 2)) return false;
        place %= 2;
        uint32 task = court.lotOf(orderOf(c), c.batch)[place].index;
        bytes32 root = traceRoot[task][task == 1 ? lie : Lie.None];
        _sealedLie[c.id][who][place] = task == 1 ? lie : Lie.None;
        Sealed[] memory roots = new Sealed[](1);
        bytes32 salt = saltOf(c, who, place);
        bytes memory sealed_ = abi.encode(root, salt, block.chainid, address(court), c.id, task, who);
        roots[0] = Sealed(uint8(place), keccak256(sealed_));
        return
            attempt("sealTrace", who, address(court), abi.encodeCall(IVerification.seal, (orderOf(c), c.batch, roots)));
    }

    function _reveal(Case storage c, address who, uint256 place) private returns (bool) {
        if (!mayReveal(c, who, place % 2)) return false;
        Revealed[] memory roots = _opened(c, who, place % 2);
        return attempt("reveal", who, address(court), abi.encodeCall(IVerification.reveal, (c.id, roots)));
    }

    function _revealBound(Case storage c, address who, uint256 place) private returns (bool) {
        if (!mayReveal(c, who, place % 2)) return false;
        Revealed[] memory roots = _opened(c, who, place % 2);
        bytes[][] memory trace = traceOf(roots[0].index, _sealedLie[c.id][who][place % 2]);
        Binding[] memory bindings = new Binding[](1);
        bindings[0] = Binding(taskAt(c, roots[0].index), trace.rootProof(0), trace.rootProof(Inference.UNIT));
        bytes memory data = abi.encodeCall(IVerification.revealBound, (orderOf(c), c.batch, roots, bindings));
        return attempt("revealBound", who, address(court), data);
    }

    function _opened(Case storage c, address who, uint256 place) private view returns (Revealed[] memory roots) {
        uint32 task = court.lotOf(orderOf(c), c.batch)[place].index;
        (, uint8 party) = partyOf(c, who, place);
        roots = new Revealed[](1);
        roots[0] = Revealed(party, task, traceRoot[task][_sealedLie[c.id][who][place]], saltOf(c, who, place));
    }

    function partyOf(Case storage c, address who, uint256 place) private view returns (bool, uint8) {
        Draw memory state = court.drawOf(c.id);
        if (state.width == 0) return (false, 0);
        DrawnTask[] memory lot = court.lotOf(orderOf(c), c.batch);
        if (place >= lot.length) return (false, 0);
        if (who == c.batch.provider) return (true, uint8(place * state.width));
        for (uint256 i; i < lot[place].validators.length; ++i) {
            if (lot[place].validators[i] == who) return (true, uint8(place * state.width + i + 1));
        }
        return (false, 0);
    }

    function saltOf(Case storage c, address who, uint256 place) private view returns (bytes32) {
        return keccak256(abi.encode(c.id, who, place));
    }

    function _supply(Case storage c, uint256 task) private returns (bool) {
        bytes[][] memory trace = traceOf(uint32(task), lieOf(c, uint32(task)) == Lie.Output ? Lie.Output : Lie.None);
        bytes memory input = trace[Inference.IDS][0];
        bytes memory output = trace[Inference.UNIT][0];
        bytes memory data = abi.encodeCall(IJobEscrow.supply, (orderOf(c), c.batch, taskAt(c, task), input, output));
        return attempt("supply", c.batch.provider, address(escrow), data);
    }

    /* MOVES IN GAMES */

    function _seal(uint256 batch, uint8 task, address who) private {
        Kept storage kept = _games.push();
        (kept.batch, kept.task, kept.challenger) = (uint8(batch), task, who);
        (kept.salt, kept.sealedAt, kept.bond) = (bytes32(_games.length), uint40(block.timestamp), disputes.bondNow());
        kept.id = sealHashOf(playOf(kept));
        vm.prank(who);
        kept.number = disputes.seal(kept.id);
        ++passed["sealChallenge"];
    }

    function _open(Kept storage kept) private returns (bool) {
        Play memory play = playOf(kept);
        if (!attempt("open", kept.challenger, address(disputes), openCall(play))) return false;
        (kept.phase, kept.game) = (Phase.Open, newGame(play));
        return true;
    }

    function _withdraw(Kept storage kept) private returns (bool) {
        Play memory play = playOf(kept);
        bytes memory data = abi.encodeCall(IDisputeGame.withdrawSeal, (play.batchId, play.task.index, play.salt));
        if (!attempt("withdrawSeal", kept.challenger, address(disputes), data)) return false;
        kept.phase = Phase.Over;
        return true;
    }

    function _expire(Kept storage kept) private returns (bool) {
        if (!_anyone("expireSeal", address(disputes), abi.encodeCall(IDisputeGame.expireSeal, (kept.id)))) {
            return false;
        }
        kept.phase = Phase.Over;
        if (kept.challenger != watcher) return true;
        assertGt(disputes.latestSeal(cases[kept.batch].id), kept.number, "V6: it could have been withdrawn");
        overtaken += kept.bond;
        return true;
    }

    function _play(Kept storage kept, uint256 how) private {
        if (kept.challenger == watcher && kept.phase == Phase.Sealed) return;
        if (kept.phase == Phase.Sealed) {
            if (how % 4 == 0) _withdraw(kept);
            else _open(kept);
        } else if (kept.phase == Phase.Open) {
            Game memory game = current(kept);
            bool honest_ = isChallengers(game) ? kept.challenger == watcher : cases[kept.batch].batch.provider == good;
            if (isChallengers(game) && !honest_) _challenge(kept, how % 3, uint32(how / 3 % 2));
            // Anybody shows what is committed; an answer is the provider's.
            else if (!isChallengers(game)) _reply(kept, Lie(how % 3), how % 2 == 0 ? stranger : game.provider);
        }
    }

    /// @dev A challenger's move. `how` names the tensor: 0 the one before the output, 1 the output, 2 another.
    function _challenge(Kept storage kept, uint256 how, uint32 row) private returns (bool) {
        Game memory game = current(kept);
        Play memory play = playOf(kept);
        Game memory next;
        bool done;
        if (game.step == Step.Answered) {
            uint16 operator = how == 0 ? Inference.POOL : how == 1 ? Inference.UNIT : Inference.NORM;
            next = moved(game, Step.OperatorNamed);
            next.operator = operator;
            done = attempt("nameOperator", kept.challenger, address(disputes), nameOperatorCall(play, operator));
        } else if (game.step == Step.RowsShown) {
            next = moved(game, Step.RowNamed);
            next.row = row;
            done = attempt("nameRow", kept.challenger, address(disputes), nameRowCall(play, row));
        } else {
            bytes memory data = proofOf(play);
            if (!attempt("prove", kept.challenger, address(disputes), data)) return false;
            kept.phase = Phase.Over;
            return true;
        }
        if (done) kept.game = next;
        return done;
    }

    /// @dev A move of the provider's side. The lie matters to an answer alone.
    function _reply(Kept storage kept, Lie lie, address who) private returns (bool) {
        Game memory game = current(kept);
        Case storage c = cases[kept.batch];
        if (game.step == Step.Opened) {
            Play memory asked = playOf(kept);
            if (kept.task == 0) lie = Lie.None;
            asked.trace = traceOf(kept.task, lie);
            if (!attempt("answer", who, address(disputes), answerCall(asked))) return false;
            (c.answer[kept.task], c.answeredAt[kept.task]) = (lie, uint40(block.timestamp));
            return true;
        }
        Play memory play = playOf(kept);
        bool rows = game.step == Step.OperatorNamed;
        bool late = block.timestamp > (uint256(game.movedAt) + deadline(game)) / 2;
        bytes memory data = rows ? showRowsCall(play) : showRowCall(play);
        if (!attempt(rows ? "showRows" : "showRow", who, address(disputes), data)) return false;
        address defender = late && game.defender == game.provider ? who : game.defender;
        kept.game = rows ? rowsShown(play) : rowShown(play);
        kept.game.defender = defender;
        return true;
    }

    function _end(Kept storage kept, bytes4 how) private returns (bool) {
        if (kept.phase != Phase.Open) return false;
        bytes memory data = endCall(how, playOf(kept));
        if (!_anyone(how == IDisputeGame.timeout.selector ? "timeout" : "joinVerdict", address(disputes), data)) {
            return false;
        }
        kept.phase = Phase.Over;
        return true;
    }

    function proofOf(Play memory play) private pure returns (bytes memory) {
        (uint16 operator, uint32 row) = (play.game.operator, play.game.row);
        (Opening[] memory tensors, Opening[] memory weights) =
            Inference.openings(play.trace, operator, row, FALSE_ELEMENT);
        return proveCall(play, play.trace[operator][row], FALSE_ELEMENT, tensors, weights);
    }

    /// @dev Sets who `provider` is for what `DisputeTest` reckons.
    function playOf(Kept storage kept) private returns (Play memory play) {
        Case storage c = cases[kept.batch];
        provider = c.batch.provider;
        (play.order, play.batch, play.batchId) = (orderOf(c), c.batch, c.id);
        play.task = taskAt(c, kept.task);
        play.trace = traceOf(kept.task, c.answer[kept.task]);
        (play.challenger, play.salt, play.gameId) = (kept.challenger, kept.salt, kept.id);
        (play.sealNumber, play.bond, play.game) = (kept.number, kept.bond, kept.game);
    }

    function current(Kept storage kept) private view returns (Game memory game) {
        game = kept.game;
        uint40 at_ = cases[kept.batch].answeredAt[kept.task];
        bool inTime = at_ != 0 && at_ <= deadline(game);
        return game.step == Step.Opened && inTime ? answered(game, at_) : game;
    }

    function deadline(Game memory game) private pure returns (uint256) {
        uint32 time = isChallengers(game) ? game.challengerTime : game.providerTime;
        return uint256(game.movedAt) + (time > FLOOR ? time : FLOOR);
    }

    function isChallengers(Game memory game) private pure returns (bool) {
        return uint8(game.step) % 2 == 1;
    }

    /* THE END */

    /// @notice Ends everything that is left, as anybody can, while the honest go on.
    function windUp() external {
        for (uint256 round; round < 40 && !isOver(); ++round) {
            actHonestly();
            for (uint256 i; i < cases.length; ++i) {
                _conclude(cases[i]);
            }
            for (uint256 i; i < _games.length; ++i) {
                Kept storage kept = _games[i];
                if (kept.phase == Phase.Sealed && kept.challenger != watcher) _expire(kept);
                if (kept.phase == Phase.Open && !_end(kept, IDisputeGame.joinVerdict.selector)) {
                    _end(kept, IDisputeGame.timeout.selector);
                }
            }
            skip(ATTENTION);
        }
        skip(disputes.longestGame());
        for (uint256 i; i < cases.length; ++i) {
            _anyone("claimPot", address(court), abi.encodeCall(IVerification.claimPot, (cases[i].id)));
        }
        for (uint256 i; i < VALIDATORS; ++i) {
            vm.prank(validators[i]);
            try seats.leaveSeat(address(court)) {} catch {}
        }
        skip(EXIT);
        for (uint256 i; i < VALIDATORS; ++i) {
            _release(i);
        }
    }

    function isOver() private view returns (bool over) {
        over = true;
        for (uint256 i; i < cases.length; ++i) {
            bool isFinal = statusOf(cases[i]) != BatchStatus.Committed;
            uint8 state = uint8(drawStatus(cases[i]));
            bool drawn = state >= uint8(DrawStatus.Sealing) && state <= uint8(DrawStatus.Disputed);
            over = over && isFinal && !drawn && escrow.orderState(cases[i].batch.orderId).status != OrderStatus.Open;
        }
        for (uint256 i; i < _games.length; ++i) {
            over = over && _games[i].phase == Phase.Over;
        }
    }

    function _conclude(Case storage c) private {
        Order memory order = orderOf(c);
        _draw(c, "end", false);
        _anyone("conclude", address(court), abi.encodeCall(IVerification.conclude, (order, c.batch)));
        for (uint32 task; task < 2; ++task) {
            _anyone("forfeit", address(escrow), abi.encodeCall(IJobEscrow.forfeit, (order, c.batch, task)));
        }
        _anyone("settle", address(escrow), abi.encodeCall(IJobEscrow.settle, (order, c.batch)));
        _anyone("reclaim", address(escrow), abi.encodeCall(IJobEscrow.reclaim, (order)));
    }

    function _release(uint256 i) private {
        bytes memory data = abi.encodeCall(IValidatorSeats.releaseSeat, (address(court), validators[i]));
        _anyone("releaseSeat", address(seats), data);
    }

    /* WHAT MUST BE */

    function suite() external view returns (IVerification, IDisputeGame, IValidatorSeats, IJobEscrow) {
        return (court, disputes, seats, escrow);
    }

    function caseCount() external view returns (uint256) {
        return cases.length;
    }

    function caseAt(uint256 i) external view returns (bytes32 id, bool isGood, Lie lie) {
        return (cases[i].id, cases[i].batch.provider == good, cases[i].lie);
    }

    function held(address account) external view returns (uint256) {
        return ledger.balanceOf(account, tokenId());
    }

    function native(address account) external view returns (uint256) {
        return balance(account);
    }

    /// @notice Bonds of seals and open games, all and the honest challenger's.
    function bonds() external view returns (uint256 all, uint256 own) {
        for (uint256 i; i < _games.length; ++i) {
            if (_games[i].phase == Phase.Over) continue;
            all += _games[i].bond;
            if (_games[i].challenger == watcher) own += _games[i].bond;
        }
    }

    /// @notice What the verification contract must hold: what was funded for draws that are not over, and pots.
    function courtDue() external view returns (uint256 due) {
        for (uint256 i; i < cases.length; ++i) {
            (Case storage c, DrawStatus status) = (cases[i], drawStatus(cases[i]));
            bool open_ = status == DrawStatus.Sealing || status == DrawStatus.Revealing || status == DrawStatus.Disputed;
            if (open_) due += reserveOf(orderOf(c)) - DRAW_FEE;
            due += court.potOf(c.id).amount;
        }
    }

    /// @notice What the escrow must hold: for each order the price and the draws of what is neither final nor reclaimed, and the
    /// fees of open demands.
    function escrowDue() external view returns (uint256 due) {
        for (uint256 i; i < cases.length; ++i) {
            Case storage c = cases[i];
            Order memory order = orderOf(c);
            // Each order has one batch of all its tasks, and could have had two.
            if (escrow.orderState(c.batch.orderId).status == OrderStatus.Open) due += reserveOf(order);
            if (statusOf(c) == BatchStatus.Committed) {
                due += uint256(order.unitPrice) * order.unitCap * 2;
                if (!escrow.batchState(c.id).funded) due += reserveOf(order);
            }
            for (uint32 task; task < 2; ++task) {
                if (escrow.demandOf(c.id, task).demander != address(0)) due += DEMAND_FEE;
            }
        }
    }

    /// @notice What the staking contract must hold.
    function stakeDue() external view returns (uint256 due) {
        due = staking.provisionOf(good, address(escrow)).stake + staking.provisionOf(liar, address(escrow)).stake;
        for (uint256 i; i < VALIDATORS; ++i) {
            due += staking.provisionOf(validators[i], address(seats)).stake;
            due += staking.poolOf(validators[i], address(seats)).stake;
            due += staking.rewardsOf(validators[i], address(seats), delegator);
        }
    }

    /// @notice What seats must hold locked of a validator's own and delegated stake, and what they do.
    function locks(uint256 i) external view returns (uint256 due, uint256 locked) {
        due = seats.seatOf(address(court), validators[i]).stake;
        locked = staking.provisionOf(validators[i], address(seats)).locked;
        locked += staking.poolOf(validators[i], address(seats)).locked;
    }

    function providerLock(bool isGood) external view returns (uint256 stake, uint256 locked) {
        address who = isGood ? good : liar;
        return (staking.provisionOf(who, address(escrow)).stake, staking.provisionOf(who, address(escrow)).locked);
    }

    /// @notice All that the accounts of the world hold, and all that there is.
    function total() external view returns (uint256 sum, uint256 supply) {
        address[11] memory accounts =
            [customer, stranger, good, liar, watcher, challenger, rival, delegator, pool, ledger.BURN(), address(this)];
        for (uint256 i; i < accounts.length; ++i) {
            sum += ledger.balanceOf(accounts[i], tokenId());
        }
        for (uint256 i; i < VALIDATORS; ++i) {
            sum += ledger.balanceOf(validators[i], tokenId());
        }
        address[5] memory contracts =
            [address(escrow), address(court), address(disputes), address(seats), address(staking)];
        for (uint256 i; i < 5; ++i) {
            sum += ledger.balanceOf(contracts[i], tokenId());
        }
        supply = ledger.totalSupply(tokenId());
    }

    function honestValidators() external pure returns (uint256) {
        return HONEST;
    }

    function watcherAccount() external view returns (address) {
        return watcher;
    }

    /* INTERNAL */

    function pick(uint256 seed) private returns (Case storage) {
        if (cases.length == 0) commitCase(good, Lie.None);
        return cases[seed % cases.length];
    }

    function numberOf(Case storage c) private view returns (uint256 i) {
        while (cases[i].id != c.id) ++i;
    }

    function dishonest(uint256 who) private view returns (address) {
        return validators[HONEST + who % (VALIDATORS - HONEST)];
    }

    function reserveOf(Order memory order) private pure returns (uint256) {
        return uint256(order.policy.fee) * (uint256(order.policy.tasks) * order.policy.validators + 1);
    }

    function _anyone(string memory act, address target, bytes memory data) private returns (bool) {
        return attempt(act, stranger, target, data);
    }

    function attempt(string memory act, address who, address target, bytes memory data) private returns (bool ok) {
        vm.prank(who);
        (ok,) = target.call(data);
        if (ok) ++passed[act];
    }

    function follows(BatchStatus from, BatchStatus to) private pure returns (bool) {
        return from == to || from == BatchStatus.None || from == BatchStatus.Committed;
    }

    /// @dev What a draw may become in any number of moves.
    function follows(DrawStatus from, DrawStatus to) private pure returns (bool) {
        if (from == to || from == DrawStatus.None || from == DrawStatus.Waiting) return true;
        if (from == DrawStatus.Undrawn || from == DrawStatus.Convicted) return false;
        if (from == DrawStatus.Agreed) return to == DrawStatus.Convicted;
        return uint8(to) > uint8(from);
    }
}
