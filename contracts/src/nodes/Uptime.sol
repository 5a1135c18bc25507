// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {ILedger} from "../ledger/ILedger.sol";
import {EpochRoots} from "../rewards/EpochRoots.sol";
import {Posting, RootTerms} from "../rewards/IEpochRoots.sol";
import {IShares, Shares} from "../rewards/IShares.sol";
import {TreeNodes} from "../rewards/libraries/TreeNodes.sol";
import {IStaking} from "../staking/IStaking.sol";
import {IBeacon} from "../work/IBeacon.sol";
import {MerkleTree} from "../work/libraries/MerkleTree.sol";
import {Attestations} from "./Attestations.sol";
import {Evidence, ExamTerms, IAttestations, Voter} from "./IAttestations.sol";
import {ILicenseStaking, Operator, Run} from "./ILicenseStaking.sol";
import {INodeLicense} from "./INodeLicense.sol";
import {FaultTerms, IUptime, LicenseChallenge, OperatorChallenge, Outcome, Part, Strike} from "./IUptime.sol";
import {Accumulators} from "./libraries/Accumulators.sol";
import {Answers} from "./libraries/Answers.sol";

/// @title Uptime
/// @notice `IUptime` says what each move does. No admin.
/// @dev Everything that a challenge reads of other contracts is of an epoch that has begun, or of answers that can no longer be revealed: so
/// an honest posting is compared with what its publisher saw.
contract Uptime is IUptime, EpochRoots {
    using Checkpoints for Checkpoints.Trace160;

    uint16 private constant BASIS = 10_000;

    /// @inheritdoc IUptime
    IAttestations public immutable attestations;
    /// @inheritdoc IUptime
    ILicenseStaking public immutable licenseStaking;
    /// @inheritdoc IShares
    INodeLicense public immutable license;
    /// @inheritdoc IShares
    uint32 public immutable licenses;

    uint16 private immutable _rounds;
    uint128 private immutable _seatStake;
    uint32 private immutable _wrongLimit;
    uint32 private immutable _strikeSpan;
    uint32 private immutable _banEpochs;
    uint32 private immutable _appealTime;
    uint32 private immutable _offlineLimit;
    uint16 private immutable _offlineSlash;

    mapping(uint32 epoch => Outcome) private _outcomes;
    mapping(uint32 operator => mapping(uint32 epoch => Strike)) private _strikes;
    /// @dev From which epoch on an operator is banned, and before which no longer.
    mapping(uint32 operator => Checkpoints.Trace160) private _bans;
    /// @inheritdoc IUptime
    mapping(uint32 epoch => mapping(uint32 seat => bool)) public isPenalised;

    /// @param ledger_ Where bonds lie, and what is slashed goes.
    /// @param licenseStaking_ Who runs the licences.
    /// @param staking Where providers' stake lies.
    /// @param beacon Where seeds come from.
    /// @param roots How epochs are posted.
    /// @param exam How providers are examined.
    /// @param faults What follows from faults.
    constructor(
        ILedger ledger_,
        ILicenseStaking licenseStaking_,
        IStaking staking,
        IBeacon beacon,
        RootTerms memory roots,
        ExamTerms memory exam,
        FaultTerms memory faults
    ) EpochRoots(ledger_, roots) {
        require(faults.wrongLimit != 0, Uptime_BadTerms("wrongLimit"));
        require(faults.banEpochs != 0 && faults.banEpochs <= 10_000, Uptime_BadTerms("banEpochs"));
        require(faults.appealTime != 0 && faults.appealTime <= 365 days, Uptime_BadTerms("appealTime"));
        bool limited = faults.offlineLimit != 0 && faults.offlineLimit <= exam.rounds;
        require(limited, Uptime_BadTerms("offlineLimit"));
        require(faults.offlineSlash <= BASIS, Uptime_BadTerms("offlineSlash"));
        (licenseStaking, license, licenses) = (licenseStaking_, licenseStaking_.license(), licenseStaking_.licenses());
        (_rounds, _seatStake) = (exam.rounds, exam.seatStake);
        (_wrongLimit, _strikeSpan, _banEpochs) = (faults.wrongLimit, faults.strikeSpan, faults.banEpochs);
        (_appealTime, _offlineLimit, _offlineSlash) = (faults.appealTime, faults.offlineLimit, faults.offlineSlash);
        // Created here, so that each knows the other from the start.
        attestations = new Attestations(licenseStaking_, staking, ledger_.BURN(), beacon, exam);
    }

    /* VIEWS */

    /// @inheritdoc IUptime
    function faultTerms() external view returns (FaultTerms memory) {
        return FaultTerms(_wrongLimit, _strikeSpan, _banEpochs, _appealTime, _offlineLimit, _offlineSlash);
    }

    /// @inheritdoc IUptime
    function outcomeOf(uint32 epoch) external view returns (Outcome memory) {
        return _outcomes[epoch];
    }

    /// @inheritdoc IUptime
    function strikeOf(uint32 operator, uint32 epoch) external view returns (Strike memory) {
        return _strikes[operator][epoch];
    }

    /// @inheritdoc IShares
    function operatorOf(uint32 number) external view returns (address) {
        try licenseStaking.operatorAt(number) returns (Operator memory operator) {
            return operator.account;
        } catch {
            return address(0);
        }
    }

    /// @inheritdoc IShares
    function sharesOf(uint32 epoch) external view returns (Shares memory) {
        Posting storage posting = _final(epoch);
        return Shares(posting.root, posting.count, _outcomes[epoch].total);
    }

    /// @inheritdoc IUptime
    function deputyOf(uint32 number) public view returns (uint32) {
        uint32 half = licenses / 2;
        if (number == 0 || number > 2 * half) return 0;
        return number <= half ? number + half : number - half;
    }

    /// @inheritdoc IUptime
    function bannedIn(uint32 operator, uint32 epoch) public view returns (bool) {
        return _bans[operator].upperLookupRecent(epoch) > epoch;
    }

    /// @inheritdoc IUptime
    function isSilent(uint32 operator, uint32 epoch) public view returns (bool) {
        if (bannedIn(operator, epoch)) return true;
        if (epoch < 2 || licenseStaking.delegatedIn(operator, epoch - 2) == 0) return false;
        return _answersRoot(epoch - 2, operator) == 0 && _seatsIn(epoch - 2) != 0;
    }

    /* POSTINGS */

    /// @inheritdoc IUptime
    function post(uint32 epoch, bytes32 root, uint64 total, bytes calldata truth) external {
        bool revealed = attestations.seedOf(epoch) != 0 && block.timestamp >= attestations.revealEnd(epoch);
        require(revealed, Uptime_TooEarly(epoch));
        require(Answers.isWellFormed(truth, _rounds, _seatsIn(epoch)), Uptime_BadTruth());
        _outcomes[epoch] = Outcome(keccak256(truth), total);
        emit OutcomePosted(epoch, total, truth);
        _post(epoch, root, licenses + licenseStaking.operatorsIn(epoch));
    }

    /// @inheritdoc IUptime
    function challengeTruth(
        uint32 epoch,
        uint32 round,
        uint32 seat,
        bytes calldata truth,
        bytes[] calldata answers,
        bytes32[][] calldata proofs
    ) external {
        _pending(epoch);
        _requireTruth(epoch, truth);
        uint32 seats = _seatsIn(epoch);
        require(round < _rounds && seat < seats, Uptime_OutOfRange());
        uint256 found = _isEmpty(seat, epoch) ? Answers.NONE : _tally(epoch, round, seat, answers, proofs);
        require(found != Answers.read(truth, Answers.width(seats), round, seat), EpochRoots_NotFalse());
        _remove(epoch, msg.sender);
    }

    /// @inheritdoc IUptime
    function challengeLicense(LicenseChallenge calldata claimed) external {
        Posting storage posting = _pending(claimed.epoch);
        _requireTruth(claimed.epoch, claimed.truth);
        uint32 number = claimed.number;
        require(number != 0 && number <= licenses, Uptime_OutOfRange());
        uint32 operators = posting.count - licenses;
        Part memory part;
        part.number = number;
        if (number == 1) {
            part.accumulators = Accumulators.empty(operators);
        } else {
            _requirePart(posting, claimed.previous, number - 1, claimed.previousProof);
            (part.sum, part.accumulators) = (claimed.previous.sum, claimed.previous.accumulators);
        }
        _addOwn(part, operators, claimed);
        _removeFalse(posting, claimed.epoch, number, _partLeaf(part), claimed.leaf, claimed.proof);
    }

    /// @inheritdoc IUptime
    function challengeOperator(OperatorChallenge calldata claimed) external {
        Posting storage posting = _pending(claimed.epoch);
        uint32 number = claimed.number;
        require(number > licenses && number <= posting.count, Uptime_OutOfRange());
        _requirePart(posting, claimed.last, licenses, claimed.lastProof);
        bytes32 accumulators = claimed.last.accumulators;
        _requireCommission(
            accumulators, posting.count - licenses, number - licenses - 1, claimed.commission, claimed.commissionProof
        );
        bytes32 expected = _shareLeaf(number, claimed.commission, accumulators);
        _removeFalse(posting, claimed.epoch, number, expected, claimed.leaf, claimed.proof);
    }

    /// @inheritdoc IUptime
    function challengeTotal(uint32 epoch, Part calldata last, bytes32[] calldata proof) external {
        _requirePart(_pending(epoch), last, licenses, proof);
        require(last.sum != _outcomes[epoch].total, EpochRoots_NotFalse());
        _remove(epoch, msg.sender);
    }

    /* FAULTS */

    /// @inheritdoc IUptime
    function strike(uint32 epoch, uint32 operator, bytes calldata truth, bytes calldata answers) external {
        require(block.timestamp < uint256(_final(epoch).finalAt) + _appealTime, Uptime_WrongTime());
        require(_strikes[operator][epoch].madeAt == 0, Uptime_Done());
        _requireSaid(epoch, operator, truth, answers);
        uint256 wrong = Answers.countWrong(answers, truth);
        require(wrong >= _wrongLimit, Uptime_TooFew(wrong, _wrongLimit));
        // Casting is safe: rounds times seats.
        // forge-lint: disable-next-line(unsafe-typecast)
        _strikes[operator][epoch] = Strike(uint40(block.timestamp), uint32(wrong), 0, false);
        // forge-lint: disable-next-line(unsafe-typecast)
        emit Struck(operator, epoch, uint32(wrong));
    }

    /// @inheritdoc IUptime
    function appeal(
        uint32 epoch,
        uint32 operator,
        bytes calldata truth,
        bytes calldata answers,
        Evidence[] calldata evidence
    ) external {
        Strike memory struck = _strikes[operator][epoch];
        require(struck.wrong >= _wrongLimit, Uptime_NoStrike());
        require(block.timestamp < uint256(struck.madeAt) + _appealTime, Uptime_WrongTime());
        _requireSaid(epoch, operator, truth, answers);
        struck.next = _requireRelevant(epoch, struck.next, truth, answers, evidence);
        attestations.requireEvidence(epoch, operator, evidence);
        // Casting is safe: each position is one of the wrong answers, and once.
        // forge-lint: disable-next-line(unsafe-typecast)
        struck.wrong -= uint32(evidence.length);
        _strikes[operator][epoch] = struck;
        emit Appealed(operator, epoch, struck.wrong);
    }

    /// @inheritdoc IUptime
    function ban(uint32 operator, uint32 first, uint32 second) external {
        require(first < second && second - first < _strikeSpan, Uptime_NoStrike());
        _useStrike(operator, first);
        _useStrike(operator, second);
        uint32 from = licenseStaking.currentEpoch() + 1;
        _bans[operator].push(from, from + _banEpochs);
        emit Banned(operator, from, from + _banEpochs);
    }

    /// @inheritdoc IUptime
    function penalise(uint32 epoch, uint32 seat, bytes calldata truth) external returns (uint256 amount) {
        _final(epoch);
        require(!isPenalised[epoch][seat], Uptime_Done());
        _requireTruth(epoch, truth);
        uint256 seats = _seatsIn(epoch);
        require(seat < seats, Uptime_OutOfRange());
        uint256 offline;
        for (uint256 round; round < _rounds; ++round) {
            if (Answers.read(truth, Answers.width(seats), round, seat) == Answers.OFFLINE) ++offline;
        }
        require(offline >= _offlineLimit, Uptime_TooFew(offline, _offlineLimit));
        isPenalised[epoch][seat] = true;
        // Rounded down, for the provider.
        return attestations.penalise(epoch, seat, uint256(_seatStake) * _offlineSlash / BASIS, msg.sender);
    }

    /* INTERNAL: THE RULE */

    /// @dev What the voters say of a seat in a round.
    function _tally(uint32 epoch, uint32 round, uint32 seat, bytes[] calldata answers, bytes32[][] calldata proofs)
        private
        view
        returns (uint256)
    {
        Voter[] memory voters = attestations.votersIn(epoch);
        require(answers.length == voters.length, Uptime_BadAnswers());
        uint256[4] memory weights;
        for (uint256 i; i < voters.length; ++i) {
            bytes32 root = voters[i].answersRoot;
            weights[_answer(root, round, seat, answers[i], proofs[i])] += voters[i].weight;
        }
        return Answers.verdict(weights);
    }

    /// @dev What an operator says of a seat in a round, of which `answers` are all.
    function _answer(bytes32 root, uint32 round, uint32 seat, bytes calldata answers, bytes32[] calldata proof)
        private
        view
        returns (uint256)
    {
        bool stands = TreeNodes.verify(root, _rounds, 0, round, MerkleTree.leafHash(answers), proof);
        require(stands, EpochRoots_BadProof());
        return Answers.read(answers, 0, 0, seat);
    }

    /// @dev Adds a licence's own part to what the licences before it came to.
    function _addOwn(Part memory part, uint32 operators, LicenseChallenge calldata claimed) private view {
        uint32 epoch = claimed.epoch;
        Run memory run = _runIn(part.number, epoch);
        uint32 seats = _seatsIn(epoch);
        if (run.operator == 0 || seats == 0 || isSilent(run.operator, epoch)) return;
        bool answered = _isRevealed(epoch, run.operator, claimed.answers);
        _check(part, part.number, seats, answered, claimed);
        uint32 deputy = deputyOf(part.number);
        if (deputy != 0 && _isAbandoned(deputy, epoch)) _check(part, deputy, seats, answered, claimed);

        uint64 commission;
        unchecked {
            // At most 128 right answers a licence, fewer than 2^31 licences. A posting in which the part before says more is false there.
            uint64 right = part.right;
            part.shares = right * (BASIS - run.rate);
            part.sum += right * BASIS;
            commission = right * run.rate;
        }
        if (commission == 0) return;
        uint32 index = run.operator - licenses - 1;
        bytes32[] calldata proof = claimed.commissionProof;
        _requireCommission(part.accumulators, operators, index, claimed.commission, proof);
        bytes32 leaf = Accumulators.leaf(claimed.commission + commission);
        part.accumulators = Accumulators.rootOver(operators, index, leaf, proof);
    }

    /// @dev Whether somebody runs the licence and is silent.
    function _isAbandoned(uint32 number, uint32 epoch) private view returns (bool) {
        uint32 operator = _runIn(number, epoch).operator;
        return operator != 0 && isSilent(operator, epoch);
    }

    /// @dev Counts the checks that were assigned to `assignee`, by the answers of the operator that is paid for them.
    function _check(Part memory part, uint32 assignee, uint32 seats, bool answered, LicenseChallenge calldata claimed)
        private
        view
    {
        bytes32 seed = attestations.seedOf(claimed.epoch);
        uint256 width = Answers.width(seats);
        for (uint256 round; round < _rounds; ++round) {
            uint256 seat = uint256(keccak256(abi.encode(seed, assignee, round))) % seats;
            // forge-lint: disable-next-line(unsafe-typecast)
            if (_isEmpty(uint32(seat), claimed.epoch)) continue;
            unchecked {
                // At most twice the rounds.
                ++part.assigned;
                uint256 answer = answered ? Answers.read(claimed.answers, width, round, seat) : Answers.NONE;
                if (answer == Answers.NONE) continue;
                ++part.answered;
                uint256 truth = Answers.read(claimed.truth, width, round, seat);
                if (truth == Answers.NONE) continue;
                if (Answers.isUp(answer) == Answers.isUp(truth)) ++part.right;
                else ++part.wrong;
            }
        }
    }

    /* INTERNAL: WHAT OTHERS SAY */

    function _seatsIn(uint32 epoch) private view returns (uint32) {
        return attestations.seatsIn(epoch);
    }

    function _isEmpty(uint32 seat, uint32 epoch) private view returns (bool) {
        (address provider,) = attestations.seatIn(seat, epoch);
        return provider == address(0);
    }

    function _answersRoot(uint32 epoch, uint32 operator) private view returns (bytes32 root) {
        (root,) = attestations.answersOf(epoch, operator);
    }

    function _runIn(uint32 number, uint32 epoch) private view returns (Run memory) {
        return licenseStaking.runIn(number, epoch);
    }

    /* INTERNAL: PROOFS */

    /// @dev Removes the posting, or reverts unless `leaf` stands at the place of `number` and is not the one expected.
    function _removeFalse(
        Posting storage posting,
        uint32 epoch,
        uint32 number,
        bytes32 expected,
        bytes32 leaf,
        bytes32[] calldata proof
    ) private {
        require(leaf != expected, EpochRoots_NotFalse());
        _requireStands(posting, number, leaf, proof);
        _remove(epoch, msg.sender);
    }

    /// @dev Reverts unless the posting has that leaf for that number.
    function _requireStands(Posting storage posting, uint32 number, bytes32 leaf, bytes32[] calldata proof)
        private
        view
    {
        bool stands = TreeNodes.verify(posting.root, posting.count, 0, number - 1, leaf, proof);
        require(stands, EpochRoots_BadProof());
    }

    /// @dev Reverts unless the posting says so of licence `number`.
    function _requirePart(Posting storage posting, Part calldata part, uint32 number, bytes32[] calldata proof)
        private
        view
    {
        require(part.number == number, EpochRoots_BadProof());
        _requireStands(posting, number, _partLeaf(part), proof);
    }

    function _requireCommission(
        bytes32 accumulators,
        uint32 operators,
        uint32 index,
        uint64 commission,
        bytes32[] calldata proof
    ) private pure {
        bytes32 root = Accumulators.rootOver(operators, index, Accumulators.leaf(commission), proof);
        require(root == accumulators, EpochRoots_BadProof());
    }

    function _requireTruth(uint32 epoch, bytes calldata truth) private view {
        require(keccak256(truth) == _outcomes[epoch].truthHash, Uptime_BadTruth());
    }

    /// @dev Reverts unless that was the truth, and what the operator revealed.
    function _requireSaid(uint32 epoch, uint32 operator, bytes calldata truth, bytes calldata answers) private view {
        _requireTruth(epoch, truth);
        require(_isRevealed(epoch, operator, answers), Uptime_BadAnswers());
    }

    /// @dev Whether the operator revealed anything; if so, reverts unless it was `answers`.
    function _isRevealed(uint32 epoch, uint32 operator, bytes calldata answers) private view returns (bool) {
        bytes32 answersRoot = _answersRoot(epoch, operator);
        if (answersRoot == 0) return false;
        require(Answers.root(answers, _rounds) == answersRoot, Uptime_BadAnswers());
        return true;
    }

    /// @dev Reverts unless each position is one at which the operator said up and the truth is offline, and they rise from `next` on.
    function _requireRelevant(
        uint32 epoch,
        uint32 next,
        bytes calldata truth,
        bytes calldata answers,
        Evidence[] calldata evidence
    ) private view returns (uint32) {
        uint256 seats = _seatsIn(epoch);
        uint256 width = Answers.width(seats);
        for (uint256 i; i < evidence.length; ++i) {
            uint32 position = evidence[i].position;
            require(position >= next && position < _rounds * seats, Uptime_Irrelevant(position));
            (uint256 round, uint256 seat) = (position / seats, position % seats);
            bool relevant = Answers.isUp(Answers.read(answers, width, round, seat))
                && Answers.read(truth, width, round, seat) == Answers.OFFLINE;
            require(relevant, Uptime_Irrelevant(position));
            next = position + 1;
        }
        return next;
    }

    /// @dev A strike that stands leads to one ban.
    function _useStrike(uint32 operator, uint32 epoch) private {
        Strike storage struck = _strikes[operator][epoch];
        require(struck.wrong >= _wrongLimit && !struck.used, Uptime_NoStrike());
        require(block.timestamp >= uint256(struck.madeAt) + _appealTime, Uptime_WrongTime());
        struck.used = true;
    }

    function _partLeaf(Part memory part) private pure returns (bytes32) {
        bytes32 detail =
            keccak256(abi.encode(part.assigned, part.answered, part.right, part.wrong, part.sum, part.accumulators));
        return _shareLeaf(part.number, part.shares, detail);
    }

    function _shareLeaf(uint32 number, uint64 shares, bytes32 detail) private pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(number, shares, detail));
    }

    /// @dev What was posted with it is posted anew.
    function _removed(uint32 epoch) internal override {
        delete _outcomes[epoch];
    }
}
