// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../staking/IStaking.sol";
import {IBeacon} from "../work/IBeacon.sol";
import {ILicenseStaking} from "./ILicenseStaking.sol";

/// @notice How providers are examined, fixed at deployment.
/// @param sealTime Seconds of an epoch in which the answers of the one before are still sealed and nothing is examined.
/// @param revealTime Seconds for revealing, from when the seed is known.
/// @param exitDelay Seconds from leaving a seat until its stake comes free. It outlasts two epochs, revealing and all doubt.
/// @param rounds Of an epoch: 1 to 64.
/// @param audits Signatures that a reveal shows, at most 16.
/// @param maxVoters Operators whose answers make the truth of an epoch: 1 to 512, so that one transaction can go through them.
/// @param maxSeats 1 to 1,024.
/// @param seatStake What a seat locks, in the stake token.
struct ExamTerms {
    uint32 sealTime;
    uint32 revealTime;
    uint32 exitDelay;
    uint16 rounds;
    uint16 audits;
    uint16 maxVoters;
    uint16 maxSeats;
    uint128 seatStake;
}

/// @notice A provider's seat: one slot.
/// @param index Its place in the table.
/// @param from The first epoch in which it is examined.
/// @param freeAt Once it was left: when its stake comes free (Unix seconds).
/// @param stake What it locks; zero for no seat.
struct ExamSeat {
    uint16 index;
    uint32 from;
    uint40 freeAt;
    uint128 stake;
}

/// @notice An operator whose answers make the truth of an epoch.
/// @param operator Its number.
/// @param weight Licences that it ran.
/// @param answersRoot Over the rounds of its answers.
struct Voter {
    uint32 operator;
    uint32 weight;
    bytes32 answersRoot;
}

/// @notice A provider's word that it was examined.
/// @param position Round times seats plus seat.
/// @param result What it answered with.
/// @param signature Of the seat's key over `Response(uint32 epoch,uint32 round,uint32 seat,uint32 operator,bytes32 result)`, 65 bytes.
/// @param proof Shows `leafHash(signature)` at `position` under the operator's evidence root.
struct Evidence {
    uint32 position;
    bytes32 result;
    bytes signature;
    bytes32[] proof;
}

/// @title Attestations
/// @notice Which providers are examined, by which seed, and what operators found of them.
///
/// ```
/// epoch e      │ sealTime │ examining: seed(e) is drawn, rounds 0 to R - 1         │
/// epoch e + 1  │ answers of e are sealed │ seed(e + 1) is drawn, e is revealed       │
/// ```
///
/// An operator examines every seat in every round of the epoch, and seals what it found (`Answers`) with its key of the epoch: a hash that
/// binds chain, contract, epoch, its number and a salt, so that a copy of it opens for nobody else. When no more seals are taken, the seed of the
/// next epoch is drawn. It says which of the answers that say a provider was up are audited: a reveal shows the provider's signature for
/// each of those. Answers that were made up without asking are found so, each audit by the part of them that was.
///
/// The answers themselves go out as an event: everything that follows from them can be computed from the chain alone.
///
/// Everybody who runs a licence may answer; the heaviest `maxVoters` of those who revealed vote on what is true. So the list cannot be
/// filled with small operators, and one transaction can go through it.
/// @dev INVARIANT: what is locked here for a provider is its seat's stake. INVARIANT: seats, seeds and keys of an epoch that has begun
/// never change; answers and votes of an epoch not after `revealEnd`. No admin. Nobody can pause `leaveSeat` or `release`.
///
/// Hazards:
/// - A seat that was left stays in the table, empty, until another takes it: checks that fall on it pay nobody.
/// - Whoever has the stake for all seats keeps others from being examined.
/// - The key of a seat signs whatever its provider asks. It says that a provider talked to an operator, not that it works well.
interface IAttestations {
    /// @notice `provider` took a seat from `epoch` on, and answers at `endpoint` with `key`.
    event SeatTaken(uint32 indexed seat, address indexed provider, address key, string endpoint, uint32 epoch);
    /// @notice The seat answers with `key` from `epoch` on.
    event SeatKeySet(uint32 indexed seat, address indexed provider, address key, uint32 epoch);
    /// @notice The seat answers at `endpoint` from `epoch` on.
    event SeatEndpointSet(uint32 indexed seat, address indexed provider, string endpoint, uint32 epoch);
    /// @notice The seat is empty from `epoch` on; its stake comes free at `freeAt`.
    event SeatLeft(uint32 indexed seat, address indexed provider, uint32 epoch, uint40 freeAt);
    /// @notice A former seat's stake was freed.
    event SeatReleased(address indexed provider, uint256 stake);
    /// @notice A seat lost `amount`: `reward` to `to`, the rest burned.
    event SeatPenalised(uint32 indexed seat, address indexed provider, uint256 amount, address to, uint256 reward);
    /// @notice The epoch's seed is the beacon's value of `round`.
    event Begun(uint32 indexed epoch, uint64 round);
    /// @notice The epoch's seed.
    event Seeded(uint32 indexed epoch, bytes32 seed);
    /// @notice The operator sealed its answers of the epoch.
    event Sealed(uint32 indexed epoch, uint32 indexed operator, bytes32 seal);
    /// @notice The operator's answers of the epoch.
    event Revealed(
        uint32 indexed epoch, uint32 indexed operator, bytes answers, bytes32 answersRoot, bytes32 evidenceRoot
    );
    /// @notice The operator votes in the epoch, at `place` of the list and instead of who was there.
    event Voting(uint32 indexed epoch, uint32 place, uint32 indexed operator, uint32 weight);

    /// @notice The deployment's terms do not hold together.
    error Attestations_BadTerms(bytes32 what);
    /// @notice What is asked of an epoch is not known before it begins.
    error Attestations_Future(uint32 epoch);
    /// @notice The caller holds a seat, or one whose stake is not free.
    error Attestations_Seated(address provider);
    /// @notice The account holds no seat.
    error Attestations_NotSeated(address provider);
    /// @notice All seats are taken.
    error Attestations_Full(uint32 seats);
    /// @notice A key of zero.
    error Attestations_NoKey();
    /// @notice An endpoint has 1 to 256 bytes.
    error Attestations_BadEndpoint(uint256 length);
    /// @notice The seat's stake is not free before `freeAt` (0: it was not left).
    error Attestations_NotFree(uint40 freeAt);
    /// @notice The caller is not the contract that finds faults.
    error Attestations_NotUptime(address caller);
    /// @notice Too early, too late, or done already.
    error Attestations_WrongTime(uint32 epoch);
    /// @notice The caller's is not the operator's key in the epoch.
    error Attestations_NotTheKey(uint32 operator, address caller);
    /// @notice Nothing that is sealed opens so.
    error Attestations_NotSealed(uint32 epoch, uint32 operator);
    /// @notice The operator ran no licence in the epoch.
    error Attestations_NoLicenses(uint32 operator);
    /// @notice Answers of another length, or bits beyond the last seat.
    error Attestations_BadAnswers();
    /// @notice Not the evidence that is asked for: another position, another's signature, or another proof.
    error Attestations_BadEvidence(uint32 position);
    /// @notice The operator cannot vote at that place: it has no weight, is banned, votes already, or is not heavier.
    error Attestations_NoVote(uint32 operator);

    /// @notice How providers are examined.
    function terms() external view returns (ExamTerms memory);
    /// @notice Who runs the licences, and since when epochs are counted.
    function licenseStaking() external view returns (ILicenseStaking);
    /// @notice Where providers' stake lies.
    function staking() external view returns (IStaking);
    /// @notice Where seeds come from.
    function beacon() external view returns (IBeacon);
    /// @notice The contract that finds faults: the only one that may penalise a seat.
    function uptime() external view returns (address);

    /// @notice A provider's seat.
    function seatOf(address provider) external view returns (ExamSeat memory);
    /// @notice Seats of the table in the epoch, which has begun: those that were ever taken, the empty ones included.
    function seatsIn(uint32 epoch) external view returns (uint32);
    /// @notice Who sat there in the epoch, which has begun, and with which key; zeros for nobody.
    function seatIn(uint32 seat, uint32 epoch) external view returns (address provider, address key);
    /// @notice The beacon's round that makes the epoch's seed; zero while none was named.
    function roundOf(uint32 epoch) external view returns (uint64);
    /// @notice The epoch's seed; zero while it is not known.
    function seedOf(uint32 epoch) external view returns (bytes32);
    /// @notice Until when the epoch's answers may be revealed (Unix seconds); the end of time while that is not known.
    function revealEnd(uint32 epoch) external view returns (uint256);
    /// @notice What the operator sealed and did not reveal.
    function sealOf(uint32 epoch, uint32 operator) external view returns (bytes32);
    /// @notice What a seal is the hash of.
    function sealHash(uint32 epoch, uint32 operator, bytes32 answersRoot, bytes32 evidenceRoot, bytes32 salt)
        external
        view
        returns (bytes32);
    /// @notice What the operator revealed; zeros for nothing.
    function answersOf(uint32 epoch, uint32 operator) external view returns (bytes32 answersRoot, bytes32 evidenceRoot);
    /// @notice Who votes on the epoch, in order.
    function votersIn(uint32 epoch) external view returns (Voter[] memory);
    /// @notice What a provider signs, by EIP-712.
    function responseHash(uint32 epoch, uint32 round, uint32 seat, uint32 operator, bytes32 result)
        external
        view
        returns (bytes32);
    /// @notice Reverts unless each is a provider's signature under what the operator revealed of the epoch.
    function requireEvidence(uint32 epoch, uint32 operator, Evidence[] calldata evidence) external view;

    /// @notice Takes a seat for the caller from the next epoch on.
    /// @dev Requirements: `seatStake` of the caller's own provision for this contract is free.
    function enroll(address key, string calldata endpoint) external returns (uint32 seat);
    /// @notice Sets the key that the caller's seat answers with from the next epoch on.
    function setKey(address key) external;
    /// @notice Says where the caller's seat answers from the next epoch on.
    function setEndpoint(string calldata endpoint) external;
    /// @notice Leaves the caller's seat with this epoch. Its stake stays bound for `exitDelay`.
    function leaveSeat() external;
    /// @notice Frees the stake of a seat that was left `exitDelay` ago. Anyone.
    function release(address provider) external;
    /// @notice Takes up to `amount` of the stake of whoever sat there in the epoch: half, rounded down, to `to`, the rest burned. A seat that
    /// is left with less than half of its stake ends with this epoch. The caller is `uptime`.
    /// @dev Requirements: it holds that seat still, or its stake at least.
    function penalise(uint32 epoch, uint32 seat, uint256 amount, address to) external returns (uint256 taken);

    /// @notice Names the beacon's round that makes the epoch's seed, once the time for seals is over; another when that was lost. Anyone.
    function begin(uint32 epoch) external;
    /// @notice Records the epoch's seed from the beacon. Anyone.
    function draw(uint32 epoch) external returns (bytes32 seed);
    /// @notice Seals an operator's answers of an epoch that has begun, until the next one is `sealTime` old; again as often as it likes.
    /// @dev Requirements: the caller's is the operator's key of that epoch.
    function seal(uint32 epoch, uint32 operator, bytes32 hash) external;
    /// @notice Reveals what was sealed. Anybody who knows the salt, from when the seed of the next epoch is known until `revealEnd`. Votes too,
    /// while there is room and unless it is banned.
    /// @param epoch Of the answers.
    /// @param operator Whose they are. It ran a licence in the epoch.
    /// @param answers Of all rounds (`Answers`).
    /// @param evidenceRoot Root of the tree whose leaf at round * seats + seat is `leafHash(signature)`, or `leafHash("")`.
    /// @param salt Of the seal.
    /// @param audits As many as the terms say, in order; none where no answer says up. Number j is of answer number
    /// `keccak256(abi.encode(seed of the next epoch, operator, j)) % ups` of the `ups` that say so.
    function reveal(
        uint32 epoch,
        uint32 operator,
        bytes calldata answers,
        bytes32 evidenceRoot,
        bytes32 salt,
        Evidence[] calldata audits
    ) external;
    /// @notice Lets an operator that revealed and does not vote vote instead of a lighter one. Anyone, until `revealEnd`.
    function outvote(uint32 epoch, uint32 operator, uint32 place) external;
}
