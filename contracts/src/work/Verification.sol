// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit, ILedger} from "../ledger/ILedger.sol";
import {IBeacon} from "./IBeacon.sol";
import {Answer, IDisputeGame} from "./IDisputeGame.sol";
import {BatchStatus, IJobEscrow} from "./IJobEscrow.sol";
import {
    Binding,
    Draw,
    DrawStatus,
    DrawnTask,
    IVerification,
    Parameters,
    Pot,
    Revealed,
    Sealed
} from "./IVerification.sol";
import {IValidatorSeats} from "./IValidatorSeats.sol";
import {Batch, Order, Task} from "./WorkTypes.sol";
import {Deterrence} from "./libraries/Deterrence.sol";
import {Lot} from "./libraries/Lot.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {Payout} from "./libraries/Payout.sol";
import {TaskLeaf} from "./libraries/TaskLeaf.sol";
import {Terms} from "./libraries/Terms.sol";

/// @title Verification
/// @notice Draws, re-execution by validators, and convictions; `IVerification` says what each move does. No admin.
/// @dev It calls the ledger, the staking contract, the escrow, the dispute game and the beacon, which it was made with and which
/// call nobody back but through moves that check their own state; state is written before any of them moves money.
contract Verification is IVerification {
    using Terms for Order;
    using TaskLeaf for Task;

    /// @dev Parties of a draw are bits of 64.
    uint256 private constant MAX_PARTIES = 64;

    /// @inheritdoc IVerification
    IJobEscrow public immutable escrow;
    /// @inheritdoc IVerification
    IDisputeGame public immutable disputes;
    /// @inheritdoc IVerification
    IBeacon public immutable beacon;
    /// @inheritdoc IVerification
    IValidatorSeats public immutable seats;

    ILedger private immutable _ledger;
    address private immutable _token;
    uint256 private immutable _chainId;
    uint256 private immutable _slashBurn;
    uint256 private immutable _slashReward;
    uint256 private immutable _longestGame;

    uint32 private immutable _sealWindow;
    uint32 private immutable _revealWindow;
    uint32 private immutable _challengeWindow;
    uint16 private immutable _colluding;
    uint128 private immutable _gasPrice;

    mapping(bytes32 batchId => Draw) private _draws;
    mapping(bytes32 batchId => bytes32) private _seeds;
    /// @dev What a party sealed; once it revealed, its trace root.
    mapping(bytes32 batchId => mapping(uint256 party => bytes32)) private _words;
    mapping(bytes32 batchId => mapping(uint32 index => bytes32)) private _revealedRoots;
    /// @dev Parties that were slashed, as bits.
    mapping(bytes32 batchId => uint64) private _slashed;
    mapping(bytes32 batchId => Pot) private _pots;

    /// @param escrow_ The escrow whose batches are drawn.
    /// @param disputes_ Where the games are played.
    /// @param beacon_ Where the values come from.
    /// @param chosen The deployment's choices.
    constructor(
        IJobEscrow escrow_,
        IValidatorSeats seats_,
        IDisputeGame disputes_,
        IBeacon beacon_,
        Parameters memory chosen
    ) {
        (escrow, seats, disputes, beacon) = (escrow_, seats_, disputes_, beacon_);
        (_ledger, _token, _chainId) = (escrow_.ledger(), escrow_.staking().token(), block.chainid);
        (_slashReward, _longestGame) = (escrow_.SLASH_REWARD(), disputes_.longestGame());
        _slashBurn = escrow_.SLASH_BURN();

        require(chosen.sealWindow != 0, Verification_BadTerms("sealWindow", 0, 1));
        require(chosen.revealWindow != 0, Verification_BadTerms("revealWindow", 0, 1));
        require(chosen.challengeWindow != 0, Verification_BadTerms("challengeWindow", 0, 1));
        bool share = chosen.colluding != 0 && chosen.colluding < Deterrence.BASIS;
        require(share, Verification_BadTerms("colluding", chosen.colluding, Deterrence.BASIS));
        (_sealWindow, _revealWindow, _challengeWindow) =
        (chosen.sealWindow, chosen.revealWindow, chosen.challengeWindow);
        (_colluding, _gasPrice) = (chosen.colluding, chosen.gasPrice);
        // For the fees of validators, which it takes in `reward` alone.
        assert(_ledger.approve(address(seats_), uint256(uint160(_token)), type(uint256).max));
    }

    /* VIEWS */

    /// @inheritdoc IVerification
    function parameters() public view returns (Parameters memory) {
        return Parameters(_sealWindow, _revealWindow, _challengeWindow, _colluding, _gasPrice);
    }

    /// @inheritdoc IVerification
    function stakeNeeded(Order calldata order, uint32 count) public view returns (uint256) {
        return Deterrence.stakeNeeded(order, count, parameters(), _slashBurn, _slashReward);
    }

    /// @inheritdoc IVerification
    function drawOf(bytes32 batchId) external view returns (Draw memory) {
        return _draws[batchId];
    }

    /// @inheritdoc IVerification
    function lotOf(Order calldata order, Batch calldata batch) external view returns (DrawnTask[] memory) {
        bytes32 batchId = _requireMatch(order, batch);
        bytes32 seed = _seeds[batchId];
        require(seed != 0, Verification_WrongStatus(batchId, _draws[batchId].status));
        return _lot(order, batch, seed);
    }

    /// @inheritdoc IVerification
    function revealedRoot(bytes32 batchId, uint32 index) external view returns (bytes32) {
        return _revealedRoots[batchId][index];
    }

    /// @inheritdoc IVerification
    function challengeEnd(bytes32 batchId) external view returns (uint40) {
        Draw storage state = _draws[batchId];
        if (state.status == DrawStatus.Agreed || state.status == DrawStatus.Disputed) return state.phaseEnd;
        bool over = state.status == DrawStatus.Undrawn || state.status == DrawStatus.Convicted;
        return over ? 0 : type(uint40).max;
    }

    /// @inheritdoc IVerification
    function agrees(bytes32 batchId, bool accepted) external view returns (bool) {
        if (disputes.openGames(batchId) != 0) return false;
        Draw storage state = _draws[batchId];
        if (state.status == DrawStatus.Undrawn) return true;
        if (state.status == DrawStatus.Waiting) return accepted;
        return state.status == DrawStatus.Agreed && (accepted || block.timestamp > state.phaseEnd);
    }

    /// @inheritdoc IVerification
    function potOf(bytes32 batchId) external view returns (Pot memory) {
        return _pots[batchId];
    }

    /* ESCROW */

    /// @inheritdoc IVerification
    function checkTerms(Order calldata order) external view {
        (uint256 rate, uint256 drawn) = (order.policy.rate, order.policy.tasks);
        uint256 validators = order.policy.validators;
        require(order.token == _token, Verification_BadTerms("token", uint160(order.token), uint160(_token)));
        require(rate != 0 && rate <= Deterrence.BASIS, Verification_BadTerms("rate", rate, Deterrence.BASIS));
        require(validators > 1, Verification_BadTerms("validators", validators, 1));
        uint256 parties = drawn * (validators + 1);
        require(parties != 0 && parties <= MAX_PARTIES, Verification_BadTerms("tasks", parties, MAX_PARTIES));
        uint256 fee = Deterrence.feeNeeded(order, parameters());
        require(order.policy.fee >= fee, Verification_BadTerms("fee", order.policy.fee, fee));
        // Who asks for withheld data pays no more than it earns.
        uint256 asked = order.demandFee;
        require(asked <= order.policy.fee, Verification_BadTerms("demandFee", order.policy.fee, asked));
        // A validator that leaves just after the commit is still bound a challenge window after the end of the latest game, to be
        // slashed: one game may follow a dissent, another the agreement.
        uint256 longest = uint256(order.settleWindow) + order.demandWindow + 2 * uint256(_sealWindow) + _revealWindow
            + 3 * uint256(_challengeWindow) + 2 * _longestGame;
        uint256 bound = seats.exitDelay();
        require(bound >= longest, Verification_BadTerms("settleWindow", bound, longest));
        // Stake grows with the count by a constant a task, what is needed by no less: the ends decide.
        _checkStake(order, 1);
        _checkStake(order, order.count);
    }

    /// @inheritdoc IVerification
    function checkTake(Order calldata order) external view {
        uint256 held = seats.seatCount(address(this));
        uint256 share = (Deterrence.BASIS + _colluding - 1) / _colluding;
        uint256 needed = uint256(order.policy.validators) + 2;
        if (share > needed) needed = share;
        require(held >= needed, Verification_TooFewValidators(held, needed));
    }

    /// @inheritdoc IVerification
    function onCommit(bytes32 batchId, Order calldata, Batch calldata) external {
        require(msg.sender == address(escrow), Verification_NotAllowed(msg.sender, address(escrow)));
        uint64 round = beacon.nextRound();
        Draw storage state = _draws[batchId];
        (state.status, state.round) = (DrawStatus.Waiting, round);
        emit DrawRequested(batchId, round);
    }

    /* DRAWS */

    /// @inheritdoc IVerification
    function draw(Order calldata order, Batch calldata batch) external {
        (bytes32 batchId, Draw storage state) = _requireStatus(order, batch, DrawStatus.Waiting);
        bytes32 value = beacon.valueOf(state.round);
        require(value != 0, Verification_RoundOpen(state.round));
        bytes32 seed = keccak256(abi.encode(value, batchId));
        uint256 fee = order.policy.fee;
        if (!state.certain && !Lot.isDrawn(seed, order.policy.rate)) {
            state.status = DrawStatus.Undrawn;
            uint256 refund = escrow.fundDraw(order, batch) - fee;
            emit Undrawn(batchId, refund);
            _pay(order, msg.sender, fee, refund);
            return;
        }
        _seeds[batchId] = seed;
        _startSealing(order, batch, batchId, state, seed);
        escrow.fundDraw(order, batch);
        _pay(order, msg.sender, fee, 0);
    }

    /// @inheritdoc IVerification
    function postpone(Order calldata order, Batch calldata batch) external {
        (bytes32 batchId, Draw storage state) = _requireStatus(order, batch, DrawStatus.Waiting);
        uint64 lost = state.round;
        bool recorded = beacon.valueOf(lost) != 0;
        require(!recorded && beacon.isLost(lost), Verification_RoundOpen(lost));
        uint64 round = beacon.nextRound();
        (state.round, state.certain) = (round, true);
        emit DrawPostponed(batchId, round);
    }

    /// @inheritdoc IVerification
    function seal(Order calldata order, Batch calldata batch, Sealed[] calldata roots) external {
        (bytes32 batchId, Draw storage state) = _requireStatus(order, batch, DrawStatus.Sealing);
        require(block.timestamp <= state.phaseEnd, Verification_TooLate(state.phaseEnd));
        bytes32 seed = _seeds[batchId];
        uint32[] memory indices = Lot.tasks(seed, batch, order.policy.tasks);
        uint64 sealedBy = state.sealedBy;
        for (uint256 i; i < roots.length; ++i) {
            uint8 place = roots[i].place;
            uint256 party = _partyOf(order, batch, seed, indices.length, place, state.width);
            // forge-lint: disable-next-line(unsafe-typecast)
            require(sealedBy >> party & 1 == 0, Verification_BadParty(uint8(party)));
            sealedBy |= _bit(party);
            _words[batchId][party] = roots[i].value;
            emit TraceSealed(batchId, indices[place], msg.sender, roots[i].value);
        }
        state.sealedBy = sealedBy;
        if (sealedBy == _everybody(indices.length * state.width)) _startRevealing(batchId, state, block.timestamp);
    }

    /// @inheritdoc IVerification
    function extend(Order calldata order, Batch calldata batch, uint8 place) external {
        (bytes32 batchId, Draw storage state) = _requireStatus(order, batch, DrawStatus.Sealing);
        require(block.timestamp <= state.phaseEnd, Verification_TooLate(state.phaseEnd));
        uint32[] memory indices = Lot.tasks(_seeds[batchId], batch, order.policy.tasks);
        _partyOf(order, batch, _seeds[batchId], indices.length, place, state.width);
        uint40 answered = escrow.demandOf(batchId, indices[place]).deadline;
        require(answered >= block.timestamp, Verification_NotDemanded(indices[place]));
        uint40 end = answered + _sealWindow;
        if (end > state.phaseEnd) state.phaseEnd = end;
        emit SealingExtended(batchId, state.phaseEnd);
    }

    /// @inheritdoc IVerification
    function reveal(bytes32 batchId, Revealed[] calldata roots) external {
        Draw storage state = _requireRevealing(batchId);
        uint8 width = state.width;
        for (uint256 i; i < roots.length; ++i) {
            require(roots[i].party % width != 0, Verification_BadParty(roots[i].party));
            _reveal(batchId, state, roots[i]);
        }
        _endRevealing(state);
    }

    /// @inheritdoc IVerification
    function revealBound(
        Order calldata order,
        Batch calldata batch,
        Revealed[] calldata roots,
        Binding[] calldata bindings
    ) external {
        bytes32 batchId = _requireMatch(order, batch);
        require(msg.sender == batch.provider, Verification_NotAllowed(msg.sender, batch.provider));
        Draw storage state = _requireRevealing(batchId);
        uint64 operators = disputes.operatorsOf(order.modelId);
        uint32[] memory indices = Lot.tasks(_seeds[batchId], batch, order.policy.tasks);
        for (uint256 i; i < roots.length; ++i) {
            uint8 party = roots[i].party;
            require(party % state.width == 0, Verification_BadParty(party));
            _reveal(batchId, state, roots[i]);
            // The trace of another task would make dissenters of those who computed this one.
            bool own = indices[party / state.width] == roots[i].index;
            require(own && _binds(batch, roots[i], bindings[i], operators), Verification_Unbound(roots[i].index));
            // What was answered in a game is what was computed: a second root would convict whoever agrees with the first.
            // And a game whose clock ran out unanswered, when nobody else could answer, would convict them with the provider.
            Answer memory given = disputes.answerOf(batchId, roots[i].index);
            bool same = given.traceRoot == roots[i].traceRoot || (given.traceRoot == 0 && given.games == 0);
            require(same, Verification_BadSeal(given.traceRoot, roots[i].traceRoot));
            _revealedRoots[batchId][roots[i].index] = roots[i].traceRoot;
        }
        _endRevealing(state);
    }

    /// @inheritdoc IVerification
    function conclude(Order calldata order, Batch calldata batch) external {
        bytes32 batchId = _requireMatch(order, batch);
        Draw storage state = _draws[batchId];
        DrawStatus status = state.status;
        DrawnTask[] memory lot = _lot(order, batch, _seeds[batchId]);
        if (status == DrawStatus.Convicted) return _slashAgreed(order, batchId, lot);
        bool disputed = status == DrawStatus.Disputed;
        require(
            disputed || status == DrawStatus.Sealing || status == DrawStatus.Revealing,
            Verification_WrongStatus(batchId, status)
        );
        uint40 end = status == DrawStatus.Sealing ? state.phaseEnd + _revealWindow : state.phaseEnd;
        require(block.timestamp > end, Verification_TooEarly(end));
        if (!disputed && _dissent(batchId, state, lot)) return;
        uint256 games = disputes.openGames(batchId);
        require(!disputed || games == 0, Verification_GamesOpen(games));
        _conclude(order, batch, batchId, state, lot);
    }

    /* GAMES */

    /// @inheritdoc IVerification
    function convict(Order calldata order, Batch calldata batch, uint32, address winner, uint64 sealNumber) external {
        require(msg.sender == address(disputes), Verification_NotAllowed(msg.sender, address(disputes)));
        bytes32 batchId = _requireMatch(order, batch);
        Pot storage pot = _pots[batchId];
        if (escrow.batchState(batchId).status == BatchStatus.Committed) {
            // forge-lint: disable-next-line(unsafe-typecast)
            pot.claimableAt = uint40(block.timestamp + _longestGame);
            (pot.winner, pot.seal) = (winner, sealNumber);
            Draw storage state = _draws[batchId];
            bool over = state.status == DrawStatus.Agreed || state.status == DrawStatus.Waiting;
            if (over) state.status = DrawStatus.Convicted;
            // The reward is at most the batch's stake, which fits.
            // forge-lint: disable-next-line(unsafe-typecast)
            pot.amount = uint128(escrow.convict(order, batch, address(this)));
            emit PotAssigned(batchId, winner, sealNumber, pot.amount, pot.claimableAt);
        } else if (block.timestamp < pot.claimableAt && sealNumber < pot.seal) {
            (pot.winner, pot.seal) = (winner, sealNumber);
            emit PotAssigned(batchId, winner, sealNumber, pot.amount, pot.claimableAt);
        }
    }

    /// @inheritdoc IVerification
    function claimPot(bytes32 batchId) external {
        Pot memory pot = _pots[batchId];
        bool claimable = pot.amount != 0 && block.timestamp >= pot.claimableAt;
        require(claimable, Verification_NoPot(batchId, pot.claimableAt));
        delete _pots[batchId];
        emit PotClaimed(batchId, pot.winner, pot.amount);
        _ledger.pay(_token, Payout.single(pot.winner, pot.amount));
    }

    /* PHASES */

    /// @dev Places that nobody holds count as sealed and revealed.
    function _startSealing(
        Order calldata order,
        Batch calldata batch,
        bytes32 batchId,
        Draw storage state,
        bytes32 seed
    ) private {
        DrawnTask[] memory lot = _lot(order, batch, seed);
        uint256 width = uint256(order.policy.validators) + 1;
        uint64 absent;
        uint32[] memory indices = new uint32[](lot.length);
        address[][] memory validators = new address[][](lot.length);
        for (uint256 place; place < lot.length; ++place) {
            (indices[place], validators[place]) = (lot[place].index, lot[place].validators);
            for (uint256 number = lot[place].validators.length + 1; number < width; ++number) {
                absent |= _bit(place * width + number);
            }
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        (state.status, state.width) = (DrawStatus.Sealing, uint8(width));
        // forge-lint: disable-next-line(unsafe-typecast)
        (state.sealedBy, state.revealedBy) = (absent, absent);
        state.phaseEnd = uint40(block.timestamp) + _sealWindow;
        emit Drawn(batchId, batch.orderId, seed, indices, validators, state.phaseEnd);
    }

    function _startRevealing(bytes32 batchId, Draw storage state, uint256 from) private {
        // forge-lint: disable-next-line(unsafe-typecast)
        (state.status, state.phaseEnd) = (DrawStatus.Revealing, uint40(from) + _revealWindow);
        emit RevealStarted(batchId, state.phaseEnd);
    }

    /// @dev Reveals begin when everybody has sealed, or by the clock, whoever moves first.
    function _requireRevealing(bytes32 batchId) private returns (Draw storage state) {
        state = _draws[batchId];
        if (state.status == DrawStatus.Sealing) {
            require(block.timestamp > state.phaseEnd, Verification_TooEarly(state.phaseEnd));
            _startRevealing(batchId, state, state.phaseEnd);
        }
        require(state.status == DrawStatus.Revealing, Verification_WrongStatus(batchId, state.status));
        require(block.timestamp <= state.phaseEnd, Verification_TooLate(state.phaseEnd));
    }

    function _reveal(bytes32 batchId, Draw storage state, Revealed calldata root) private {
        (uint256 party, uint64 revealedBy) = (root.party, state.revealedBy);
        bool may = party < MAX_PARTIES && state.sealedBy & ~revealedBy & _bit(party) != 0;
        require(may && root.traceRoot != 0, Verification_BadParty(root.party));
        bytes32 actual =
            keccak256(abi.encode(root.traceRoot, root.salt, _chainId, address(this), batchId, root.index, msg.sender));
        bytes32 expected = _words[batchId][party];
        require(actual == expected, Verification_BadSeal(expected, actual));
        state.revealedBy = revealedBy | _bit(party);
        _words[batchId][party] = root.traceRoot;
        emit TraceRevealed(batchId, root.index, msg.sender, root.traceRoot);
    }

    /// @dev Nobody who sealed is left: the phase is over one second from now at the latest.
    function _endRevealing(Draw storage state) private {
        if (state.revealedBy == state.sealedBy) state.phaseEnd = uint40(block.timestamp - 1);
    }

    /// @dev Whether somebody dissents from a provider that revealed; then games decide.
    function _dissent(bytes32 batchId, Draw storage state, DrawnTask[] memory lot) private returns (bool dissent) {
        uint40 openEnd = uint40(block.timestamp) + _challengeWindow;
        (uint256 width, uint256 revealedBy) = (state.width, state.revealedBy);
        if (!_providerRevealed(revealedBy, width, lot.length)) return false;
        for (uint256 place; place < lot.length; ++place) {
            bytes32 root = _words[batchId][place * width];
            for (uint256 number = 1; number <= lot[place].validators.length; ++number) {
                uint256 party = place * width + number;
                if (revealedBy >> party & 1 == 0 || _words[batchId][party] == root) continue;
                dissent = true;
                emit Dissented(batchId, lot[place].index, lot[place].validators[number - 1], openEnd);
            }
        }
        if (dissent) (state.status, state.phaseEnd) = (DrawStatus.Disputed, openEnd);
    }

    /// @dev Pays or slashes every validator, then returns what is left of what was funded.
    function _conclude(
        Order calldata order,
        Batch calldata batch,
        bytes32 batchId,
        Draw storage state,
        DrawnTask[] memory lot
    ) private {
        bool open = escrow.batchState(batchId).status == BatchStatus.Committed;
        bool stands = open && _providerRevealed(state.revealedBy, state.width, lot.length);
        state.status = stands ? DrawStatus.Agreed : DrawStatus.Convicted;
        Credit[] memory credits = new Credit[](lot.length * state.width);
        uint256 paid;
        for (uint256 place; place < lot.length; ++place) {
            paid += _concludePlace(order, batch.provider, batchId, place * state.width, lot[place], credits);
        }
        uint256 refund = order.drawReserve(1) - order.policy.fee - paid;

        state.phaseEnd = uint40(block.timestamp) + _challengeWindow;
        emit DrawConcluded(batchId, state.status, paid, refund, state.phaseEnd);
        _ledger.pay(order.token, Payout.single(order.customer, refund));
        seats.reward(credits);
        if (!stands) _slashAgreed(order, batchId, lot);
        if (open && !stands) escrow.convict(order, batch, msg.sender);
    }

    /// @dev Credits the validators of one task that earned their fee, and slashes the others. `first` is the provider's bit there.
    /// Where the batch does not stand, data may have been withheld and no game can be opened, so that neither silence nor dissent
    /// proves anything.
    function _concludePlace(
        Order calldata order,
        address provider,
        bytes32 batchId,
        uint256 first,
        DrawnTask memory drawn,
        Credit[] memory credits
    ) private returns (uint256 paid) {
        bool stands = _draws[batchId].status == DrawStatus.Agreed;
        bool lost = disputes.answerOf(batchId, drawn.index).lost;
        for (uint256 i; i < drawn.validators.length; ++i) {
            uint256 party = first + i + 1;
            if (_earned(batchId, party, first, lost, stands)) {
                credits[party] = Credit(drawn.validators[i], order.policy.fee);
                paid += order.policy.fee;
            } else if (stands) {
                _slash(order.customer, batchId, drawn.index, party, drawn.validators[i], provider);
            }
        }
    }

    /// @dev Whether a validator earned its fee: it revealed, and agreed with a trace that stands or dissented from one that lost.
    /// Where the provider said nothing, or the batch does not stand, it earns by whatever was not proved false.
    function _earned(bytes32 batchId, uint256 party, uint256 provider, bool lost, bool stands)
        private
        view
        returns (bool)
    {
        Draw storage state = _draws[batchId];
        if (!_hasRevealed(state, party)) return false;
        if (!_hasRevealed(state, provider)) return true;
        bool agreed = _words[batchId][party] == _words[batchId][provider];
        return lost ? !agreed : agreed || !stands;
    }

    /// @dev Whether the provider revealed for every place.
    function _providerRevealed(uint256 revealedBy, uint256 width, uint256 places) private pure returns (bool all) {
        all = true;
        for (uint256 place; place < places; ++place) {
            all = all && revealedBy >> (place * width) & 1 == 1;
        }
    }

    function _hasRevealed(Draw storage state, uint256 party) private view returns (bool) {
        return state.revealedBy >> party & 1 == 1;
    }

    /* SLASHING */

    /// @dev Validators that agreed with the provider on tasks that it lost. The last move of a game leaves them to a move of its own,
    /// so that it costs the same however many there are.
    function _slashAgreed(Order calldata order, bytes32 batchId, DrawnTask[] memory lot) private {
        uint256 width = _draws[batchId].width;
        address winner = _pots[batchId].winner;
        if (winner == address(0)) winner = msg.sender;
        for (uint256 place; place < lot.length; ++place) {
            DrawnTask memory drawn = lot[place];
            bytes32 root = _revealedRoots[batchId][drawn.index];
            if (root == 0 || !disputes.answerOf(batchId, drawn.index).lost) continue;
            for (uint256 i; i < drawn.validators.length; ++i) {
                uint256 party = place * width + i + 1;
                // Who did not reveal has its seal there, which is no trace root.
                if (_words[batchId][party] != root) continue;
                _slash(order.customer, batchId, drawn.index, party, drawn.validators[i], winner);
            }
        }
    }

    /// @dev Slashes a validator's whole seat, once for a party. Whoever lost its seat already has nothing left to lose.
    function _slash(
        address customer,
        bytes32 batchId,
        uint32 index,
        uint256 party,
        address validator,
        address beneficiary
    ) private {
        uint64 slashed = _slashed[batchId];
        if (slashed >> party & 1 == 1) return;
        _slashed[batchId] = slashed | _bit(party);
        uint256 amount = seats.slash(validator, beneficiary, customer);
        emit ValidatorSlashed(batchId, index, validator, amount);
    }

    /* REQUIREMENTS */

    function _checkStake(Order calldata order, uint32 count) private view {
        (uint256 stake, uint256 needed) = (order.stakeFor(count), stakeNeeded(order, count));
        require(stake > needed, Verification_BadTerms("stake", stake, needed));
    }

    function _requireMatch(Order calldata order, Batch calldata batch) private view returns (bytes32 batchId) {
        bytes32 orderId = order.id(_chainId, address(escrow));
        require(
            orderId == batch.orderId && order.verification == address(this),
            Verification_Mismatch(orderId, batch.orderId)
        );
        return keccak256(abi.encode(batch));
    }

    function _requireStatus(Order calldata order, Batch calldata batch, DrawStatus status)
        private
        view
        returns (bytes32 batchId, Draw storage state)
    {
        batchId = _requireMatch(order, batch);
        state = _draws[batchId];
        require(state.status == status, Verification_WrongStatus(batchId, state.status));
    }

    /// @dev The caller's bit for a place.
    function _partyOf(
        Order calldata order,
        Batch calldata batch,
        bytes32 seed,
        uint256 places,
        uint8 place,
        uint256 width
    ) private view returns (uint256) {
        require(place < places, Verification_NotDrawn(place, msg.sender));
        if (msg.sender == batch.provider) return place * width;
        address[] memory drawn = _validators(order, batch, seed, place);
        for (uint256 number; number < drawn.length; ++number) {
            if (drawn[number] == msg.sender) return place * width + number + 1;
        }
        revert Verification_NotDrawn(place, msg.sender);
    }

    /// @dev The validators of a place, among those seated just before the commit.
    function _validators(Order calldata order, Batch calldata batch, bytes32 seed, uint256 place)
        private
        view
        returns (address[] memory)
    {
        bytes32 own = keccak256(abi.encode(seed, "validators", place));
        return seats.pick(address(this), own, order.policy.validators, batch.committedAt - 1, batch.provider);
    }

    function _lot(Order calldata order, Batch calldata batch, bytes32 seed)
        private
        view
        returns (DrawnTask[] memory lot)
    {
        uint32[] memory indices = Lot.tasks(seed, batch, order.policy.tasks);
        lot = new DrawnTask[](indices.length);
        for (uint256 place; place < indices.length; ++place) {
            lot[place] = DrawnTask(indices[place], _validators(order, batch, seed, place));
        }
    }

    /// @dev A party as a bit; there are at most 64.
    function _bit(uint256 party) private pure returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast, incorrect-shift)
        return uint64(1 << party);
    }

    function _everybody(uint256 parties) private pure returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast, incorrect-shift)
        return uint64((1 << parties) - 1);
    }

    /// @dev Whether a trace begins with the input and ends with the output of a leaf of the batch.
    function _binds(Batch calldata batch, Revealed calldata root, Binding calldata binding, uint64 operators)
        private
        view
        returns (bool)
    {
        if (binding.task.index != root.index || !binding.task.isIn(batch, _chainId)) return false;
        bytes32 input = MerkleTree.leafHash(abi.encodePacked(binding.task.inputHash));
        bytes32 output = MerkleTree.leafHash(abi.encodePacked(binding.task.outputHash));
        return MerkleTree.verify(root.traceRoot, operators, 0, input, binding.inputProof)
            && MerkleTree.verify(root.traceRoot, operators, operators - 1, output, binding.outputProof);
    }

    /* MONEY */

    function _pay(Order calldata order, address caller, uint256 fee, uint256 refund) private {
        Credit[] memory credits = new Credit[](2);
        (credits[0], credits[1]) = (Credit(caller, fee), Credit(order.customer, refund));
        _ledger.pay(order.token, credits);
    }
}
