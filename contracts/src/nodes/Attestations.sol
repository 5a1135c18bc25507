// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Credit} from "../ledger/ILedger.sol";
import {TreeNodes} from "../rewards/libraries/TreeNodes.sol";
import {IStaking} from "../staking/IStaking.sol";
import {IBeacon} from "../work/IBeacon.sol";
import {MerkleTree} from "../work/libraries/MerkleTree.sol";
import {Evidence, ExamSeat, ExamTerms, IAttestations, Voter} from "./IAttestations.sol";
import {ILicenseStaking} from "./ILicenseStaking.sol";
import {IUptime} from "./IUptime.sol";
import {Answers} from "./libraries/Answers.sol";

/// @title Attestations
/// @notice `IAttestations` says what each move does. No admin.
/// @dev Traces are keyed by the epoch from which on a value holds, which is the next one, as `LicenseStaking`'s are.
contract Attestations is IAttestations, EIP712 {
    using Checkpoints for Checkpoints.Trace160;

    /// @dev How an epoch's seed comes about.
    struct Draw {
        uint64 round;
        uint40 seededAt;
        bytes32 seed;
    }

    /// @dev What an operator revealed of an epoch.
    struct Revelation {
        bytes32 answersRoot;
        bytes32 evidenceRoot;
        uint32 weight;
        bool votes;
    }

    /// @dev What the list of voters holds: four to a slot.
    struct Vote {
        uint32 operator;
        uint32 weight;
    }

    bytes32 private constant RESPONSE_TYPEHASH =
        keccak256("Response(uint32 epoch,uint32 round,uint32 seat,uint32 operator,bytes32 result)");
    uint256 private constant MAX_ENDPOINT = 256;
    uint256 private constant MAX_TIME = 365 days;

    /// @inheritdoc IAttestations
    ILicenseStaking public immutable licenseStaking;
    /// @inheritdoc IAttestations
    IStaking public immutable staking;
    /// @inheritdoc IAttestations
    IBeacon public immutable beacon;
    /// @inheritdoc IAttestations
    address public immutable uptime;

    address private immutable _burn;
    uint40 private immutable _genesis;
    uint32 private immutable _epochLength;
    uint32 private immutable _sealTime;
    uint32 private immutable _revealTime;
    uint32 private immutable _exitDelay;
    uint16 private immutable _rounds;
    uint16 private immutable _audits;
    uint16 private immutable _maxVoters;
    uint16 private immutable _maxSeats;
    uint128 private immutable _seatStake;

    mapping(address provider => ExamSeat) private _seats;
    mapping(address provider => Checkpoints.Trace160) private _keys;
    mapping(uint256 index => Checkpoints.Trace160) private _holders;
    /// @dev How many places of the table were ever taken, and which of them are empty from the next epoch on.
    Checkpoints.Trace160 private _count;
    uint16[] private _empty;

    mapping(uint32 epoch => Draw) private _draws;
    mapping(uint32 epoch => mapping(uint32 operator => bytes32)) private _seals;
    mapping(uint32 epoch => mapping(uint32 operator => Revelation)) private _revelations;
    mapping(uint32 epoch => Vote[]) private _votes;

    /// @dev The caller is the contract that finds faults.
    /// @param licenseStaking_ Who runs the licences.
    /// @param staking_ Where providers' stake lies.
    /// @param burn The ledger's account of burned funds.
    /// @param beacon_ Where seeds come from.
    /// @param exam How providers are examined.
    constructor(
        ILicenseStaking licenseStaking_,
        IStaking staking_,
        address burn,
        IBeacon beacon_,
        ExamTerms memory exam
    ) EIP712("Assay Attestations", "1") {
        uint32 length = licenseStaking_.epochLength();
        require(exam.sealTime != 0 && exam.sealTime < length, Attestations_BadTerms("sealTime"));
        require(exam.revealTime != 0 && exam.revealTime <= MAX_TIME, Attestations_BadTerms("revealTime"));
        require(exam.exitDelay != 0 && exam.exitDelay <= MAX_TIME, Attestations_BadTerms("exitDelay"));
        require(exam.rounds != 0 && exam.rounds <= 64, Attestations_BadTerms("rounds"));
        require(exam.audits <= 16, Attestations_BadTerms("audits"));
        require(exam.maxVoters != 0 && exam.maxVoters <= 512, Attestations_BadTerms("maxVoters"));
        require(exam.maxSeats != 0 && exam.maxSeats <= 1024, Attestations_BadTerms("maxSeats"));
        require(exam.seatStake != 0, Attestations_BadTerms("seatStake"));
        (licenseStaking, staking, beacon, uptime) = (licenseStaking_, staking_, beacon_, msg.sender);
        (_burn, _genesis, _epochLength) = (burn, licenseStaking_.genesis(), length);
        (_sealTime, _revealTime, _exitDelay) = (exam.sealTime, exam.revealTime, exam.exitDelay);
        (_rounds, _audits, _maxVoters, _maxSeats) = (exam.rounds, exam.audits, exam.maxVoters, exam.maxSeats);
        _seatStake = exam.seatStake;
    }

    /* VIEWS */

    /// @inheritdoc IAttestations
    function terms() external view returns (ExamTerms memory) {
        return ExamTerms(_sealTime, _revealTime, _exitDelay, _rounds, _audits, _maxVoters, _maxSeats, _seatStake);
    }

    /// @inheritdoc IAttestations
    function seatOf(address provider) external view returns (ExamSeat memory) {
        return _seats[provider];
    }

    /// @inheritdoc IAttestations
    function seatsIn(uint32 epoch) public view returns (uint32) {
        return uint32(_count.upperLookupRecent(_begun(epoch)));
    }

    /// @inheritdoc IAttestations
    function seatIn(uint32 seat, uint32 epoch) public view returns (address provider, address key) {
        provider = address(_holders[seat].upperLookupRecent(_begun(epoch)));
        if (provider != address(0)) key = address(_keys[provider].upperLookupRecent(epoch));
    }

    /// @inheritdoc IAttestations
    function roundOf(uint32 epoch) external view returns (uint64) {
        return _draws[epoch].round;
    }

    /// @inheritdoc IAttestations
    function seedOf(uint32 epoch) external view returns (bytes32) {
        return _draws[epoch].seed;
    }

    /// @inheritdoc IAttestations
    function revealEnd(uint32 epoch) public view returns (uint256) {
        uint256 seededAt = _draws[epoch + 1].seededAt;
        return seededAt == 0 ? type(uint256).max : seededAt + _revealTime;
    }

    /// @inheritdoc IAttestations
    function sealOf(uint32 epoch, uint32 operator) external view returns (bytes32) {
        return _seals[epoch][operator];
    }

    /// @inheritdoc IAttestations
    function sealHash(uint32 epoch, uint32 operator, bytes32 answersRoot, bytes32 evidenceRoot, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, this, epoch, operator, answersRoot, evidenceRoot, salt));
    }

    /// @inheritdoc IAttestations
    function answersOf(uint32 epoch, uint32 operator) external view returns (bytes32, bytes32) {
        Revelation storage revelation = _revelations[epoch][operator];
        return (revelation.answersRoot, revelation.evidenceRoot);
    }

    /// @inheritdoc IAttestations
    function votersIn(uint32 epoch) external view returns (Voter[] memory voters) {
        Vote[] storage votes = _votes[epoch];
        voters = new Voter[](votes.length);
        for (uint256 i; i < voters.length; ++i) {
            Vote memory vote = votes[i];
            voters[i] = Voter(vote.operator, vote.weight, _revelations[epoch][vote.operator].answersRoot);
        }
    }

    /// @inheritdoc IAttestations
    function responseHash(uint32 epoch, uint32 round, uint32 seat, uint32 operator, bytes32 result)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(RESPONSE_TYPEHASH, epoch, round, seat, operator, result)));
    }

    /// @inheritdoc IAttestations
    function requireEvidence(uint32 epoch, uint32 operator, Evidence[] calldata evidence) external view {
        bytes32 root = _revelations[epoch][operator].evidenceRoot;
        uint32 seats = seatsIn(epoch);
        for (uint256 i; i < evidence.length; ++i) {
            _requireEvidence(epoch, operator, seats, root, evidence[i]);
        }
    }

    /* PROVIDERS */

    /// @inheritdoc IAttestations
    function enroll(address key, string calldata endpoint) external returns (uint32 seat) {
        require(_seats[msg.sender].stake == 0, Attestations_Seated(msg.sender));
        require(key != address(0), Attestations_NoKey());
        _requireEndpoint(endpoint);
        uint32 epoch = _nextEpoch();
        uint16 index = _place(epoch);
        _seats[msg.sender] = ExamSeat(index, epoch, 0, _seatStake);
        _holders[index].push(epoch, uint160(msg.sender));
        _keys[msg.sender].push(epoch, uint160(key));
        emit SeatTaken(index, msg.sender, key, endpoint, epoch);
        staking.lock(msg.sender, _seatStake);
        return index;
    }

    /// @inheritdoc IAttestations
    function setKey(address key) external {
        uint32 seat = _requireSeated();
        require(key != address(0), Attestations_NoKey());
        _keys[msg.sender].push(_nextEpoch(), uint160(key));
        emit SeatKeySet(seat, msg.sender, key, _nextEpoch());
    }

    /// @inheritdoc IAttestations
    function setEndpoint(string calldata endpoint) external {
        uint32 seat = _requireSeated();
        _requireEndpoint(endpoint);
        emit SeatEndpointSet(seat, msg.sender, endpoint, _nextEpoch());
    }

    /// @inheritdoc IAttestations
    function leaveSeat() external {
        _requireSeated();
        _leave(msg.sender);
    }

    /// @inheritdoc IAttestations
    function release(address provider) external {
        ExamSeat memory seat = _seats[provider];
        require(seat.stake != 0, Attestations_NotSeated(provider));
        require(seat.freeAt != 0 && block.timestamp >= seat.freeAt, Attestations_NotFree(seat.freeAt));
        delete _seats[provider];
        emit SeatReleased(provider, seat.stake);
        staking.unlock(provider, seat.stake);
    }

    /// @inheritdoc IAttestations
    function penalise(uint32 epoch, uint32 seat, uint256 amount, address to) external returns (uint256 taken) {
        require(msg.sender == uptime, Attestations_NotUptime(msg.sender));
        (address provider,) = seatIn(seat, epoch);
        ExamSeat storage held = _seats[provider];
        uint128 stake = held.stake;
        // A seat that was released and taken anew answers for itself alone.
        require(stake != 0 && held.from <= epoch, Attestations_NotSeated(provider));
        taken = amount < stake ? amount : stake;
        // forge-lint: disable-next-line(unsafe-typecast)
        stake -= uint128(taken);
        if (held.freeAt == 0 && 2 * uint256(stake) < _seatStake) _leave(provider);
        held.stake = stake;
        if (stake == 0) delete _seats[provider];
        Credit[] memory credits = new Credit[](2);
        (credits[0], credits[1]) = (Credit(to, taken / 2), Credit(_burn, taken - taken / 2));
        emit SeatPenalised(seat, provider, taken, to, taken / 2);
        staking.slash(provider, taken, credits);
    }

    /* EPOCHS */

    /// @inheritdoc IAttestations
    function begin(uint32 epoch) external {
        require(block.timestamp >= _sealEnd(epoch), Attestations_WrongTime(epoch));
        Draw storage drawn = _draws[epoch];
        uint64 round = drawn.round;
        bool open = drawn.seededAt == 0 && (round == 0 || beacon.isLost(round));
        require(open, Attestations_WrongTime(epoch));
        round = beacon.nextRound();
        drawn.round = round;
        emit Begun(epoch, round);
    }

    /// @inheritdoc IAttestations
    function draw(uint32 epoch) external returns (bytes32 seed) {
        Draw storage drawn = _draws[epoch];
        if (drawn.round != 0 && drawn.seededAt == 0) seed = beacon.valueOf(drawn.round);
        require(seed != 0, Attestations_WrongTime(epoch));
        (drawn.seed, drawn.seededAt) = (seed, uint40(block.timestamp));
        emit Seeded(epoch, seed);
    }

    /// @inheritdoc IAttestations
    function seal(uint32 epoch, uint32 operator, bytes32 hash) external {
        require(block.timestamp < _sealEnd(epoch + 1), Attestations_WrongTime(epoch));
        require(licenseStaking.keyIn(operator, epoch) == msg.sender, Attestations_NotTheKey(operator, msg.sender));
        _seals[epoch][operator] = hash;
        emit Sealed(epoch, operator, hash);
    }

    /// @inheritdoc IAttestations
    function reveal(
        uint32 epoch,
        uint32 operator,
        bytes calldata answers,
        bytes32 evidenceRoot,
        bytes32 salt,
        Evidence[] calldata audits
    ) external {
        _requireRevealing(epoch);
        uint32 seats = seatsIn(epoch);
        require(Answers.isWellFormed(answers, _rounds, seats), Attestations_BadAnswers());
        bytes32 answersRoot = Answers.root(answers, _rounds);
        bytes32 hash = sealHash(epoch, operator, answersRoot, evidenceRoot, salt);
        require(_seals[epoch][operator] == hash, Attestations_NotSealed(epoch, operator));
        // A seal opens once.
        delete _seals[epoch][operator];
        _audit(epoch, operator, seats, answers, evidenceRoot, audits);
        emit Revealed(epoch, operator, answers, answersRoot, evidenceRoot);
        _note(epoch, operator, answersRoot, evidenceRoot);
    }

    /// @inheritdoc IAttestations
    function outvote(uint32 epoch, uint32 operator, uint32 place) external {
        _requireRevealing(epoch);
        Revelation storage heavier = _revelations[epoch][operator];
        Vote storage vote = _votes[epoch][place];
        bool may = !heavier.votes && heavier.weight > vote.weight && !IUptime(uptime).bannedIn(operator, epoch);
        require(may, Attestations_NoVote(operator));
        _revelations[epoch][vote.operator].votes = false;
        heavier.votes = true;
        (vote.operator, vote.weight) = (operator, heavier.weight);
        emit Voting(epoch, place, operator, heavier.weight);
    }

    /* INTERNAL */

    /// @dev Notes what an operator revealed, and its vote.
    function _note(uint32 epoch, uint32 operator, bytes32 answersRoot, bytes32 evidenceRoot) private {
        uint32 weight = licenseStaking.delegatedIn(operator, epoch);
        require(weight != 0, Attestations_NoLicenses(operator));
        Vote[] storage list = _votes[epoch];
        uint256 place = list.length;
        bool votes = place < _maxVoters && !IUptime(uptime).bannedIn(operator, epoch);
        _revelations[epoch][operator] = Revelation(answersRoot, evidenceRoot, weight, votes);
        if (!votes) return;
        list.push(Vote(operator, weight));
        // forge-lint: disable-next-line(unsafe-typecast)
        emit Voting(epoch, uint32(place), operator, weight);
    }

    /// @dev Reverts unless the audited answers are the provider's word.
    function _audit(
        uint32 epoch,
        uint32 operator,
        uint32 seats,
        bytes calldata answers,
        bytes32 evidenceRoot,
        Evidence[] calldata audits
    ) private view {
        uint256[] memory positions = _audited(_draws[epoch + 1].seed, operator, seats, answers);
        require(audits.length == positions.length, Attestations_BadAnswers());
        for (uint256 j; j < positions.length; ++j) {
            uint32 position = audits[j].position;
            require(position == positions[j], Attestations_BadEvidence(position));
            _requireEvidence(epoch, operator, seats, evidenceRoot, audits[j]);
        }
    }

    /// @dev The positions of the answers that are audited.
    function _audited(bytes32 seed, uint32 operator, uint32 seats, bytes calldata answers)
        private
        view
        returns (uint256[] memory positions)
    {
        uint256 width = Answers.width(seats);
        (uint256[] memory ups, uint256 all) = _countUps(answers, width);
        positions = new uint256[](all == 0 ? 0 : _audits);
        for (uint256 j; j < positions.length; ++j) {
            uint256 n = uint256(keccak256(abi.encode(seed, operator, j))) % all;
            uint256 round;
            for (; n >= ups[round]; ++round) {
                n -= ups[round];
            }
            positions[j] = round * seats + Answers.nthUp(answers[round * width:(round + 1) * width], n);
        }
    }

    /// @dev How many answers of each round say up, and of all.
    function _countUps(bytes calldata answers, uint256 width) private view returns (uint256[] memory ups, uint256 all) {
        ups = new uint256[](_rounds);
        for (uint256 round; round < ups.length; ++round) {
            ups[round] = Answers.countUp(answers[round * width:(round + 1) * width]);
            all += ups[round];
        }
    }

    function _requireEvidence(uint32 epoch, uint32 operator, uint32 seats, bytes32 root, Evidence calldata evidence)
        private
        view
    {
        uint32 position = evidence.position;
        bool stands = seats != 0
            && TreeNodes.verify(
                root, uint64(_rounds) * seats, 0, position, MerkleTree.leafHash(evidence.signature), evidence.proof
            );
        require(stands, Attestations_BadEvidence(position));
        (uint32 round, uint32 seat) = (position / seats, position % seats);
        (, address key) = seatIn(seat, epoch);
        bytes32 hash = responseHash(epoch, round, seat, operator, evidence.result);
        // Nobody's key is zero, which a signature that fails comes back as.
        (address signer,,) = ECDSA.tryRecoverCalldata(hash, evidence.signature);
        require(signer != address(0) && signer == key, Attestations_BadEvidence(position));
    }

    /// @dev A place for a new seat: one that is empty, or a new one.
    function _place(uint32 epoch) private returns (uint16 index) {
        uint256 empty = _empty.length;
        if (empty != 0) {
            index = _empty[empty - 1];
            _empty.pop();
            return index;
        }
        uint160 count = _count.latest();
        require(count < _maxSeats, Attestations_Full(_maxSeats));
        _count.push(epoch, count + 1);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint16(count);
    }

    /// @dev Ends a seat with this epoch.
    function _leave(address provider) private {
        ExamSeat storage seat = _seats[provider];
        (uint16 index, uint40 freeAt) = (seat.index, uint40(block.timestamp) + _exitDelay);
        seat.freeAt = freeAt;
        _empty.push(index);
        _holders[index].push(_nextEpoch(), 0);
        emit SeatLeft(index, provider, _nextEpoch(), freeAt);
    }

    function _requireSeated() private view returns (uint32 index) {
        ExamSeat memory seat = _seats[msg.sender];
        require(seat.stake != 0 && seat.freeAt == 0, Attestations_NotSeated(msg.sender));
        return seat.index;
    }

    function _requireEndpoint(string calldata endpoint) private pure {
        uint256 length = bytes(endpoint).length;
        require(length != 0 && length <= MAX_ENDPOINT, Attestations_BadEndpoint(length));
    }

    /// @dev Reverts unless the seed of the next epoch is known, and for no longer than the time for revealing.
    function _requireRevealing(uint32 epoch) private view {
        uint256 end = revealEnd(epoch);
        require(end != type(uint256).max && block.timestamp < end, Attestations_WrongTime(epoch));
    }

    /// @dev When the answers of the epoch before can no longer be sealed, and the epoch's own seed can be drawn.
    function _sealEnd(uint32 epoch) private view returns (uint256) {
        return _genesis + uint256(epoch) * _epochLength + _sealTime;
    }

    /// @dev The epoch from which on holds what is said now.
    function _nextEpoch() private view returns (uint32) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return block.timestamp < _genesis ? 0 : uint32((block.timestamp - _genesis) / _epochLength) + 1;
    }

    /// @dev The epoch, which must have begun: nothing that holds in it can change any more.
    function _begun(uint32 epoch) private view returns (uint32) {
        require(epoch < _nextEpoch(), Attestations_Future(epoch));
        return epoch;
    }
}
