// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEpochRoots} from "../rewards/IEpochRoots.sol";
import {IShares} from "../rewards/IShares.sol";
import {Evidence, IAttestations} from "./IAttestations.sol";
import {ILicenseStaking} from "./ILicenseStaking.sol";

/// @notice What follows from faults, fixed at deployment.
/// @param wrongLimit Wrong answers of an operator in an epoch that make a strike.
/// @param strikeSpan Two strikes less than so many epochs apart ban.
/// @param banEpochs How long, at most 10,000.
/// @param appealTime Seconds in which a strike can be made after its epoch is final, and those for an appeal after it was.
/// @param offlineLimit Rounds of an epoch that a provider was offline in which cost it stake.
/// @param offlineSlash How much of a seat's stake, in basis points.
struct FaultTerms {
    uint32 wrongLimit;
    uint32 strikeSpan;
    uint32 banEpochs;
    uint32 appealTime;
    uint32 offlineLimit;
    uint16 offlineSlash;
}

/// @notice What was posted of an epoch beside its root.
/// @param truthHash Of the truth of all rounds and seats (`Answers`).
/// @param total Sum of all shares, in basis points of a right answer.
struct Outcome {
    bytes32 truthHash;
    uint64 total;
}

/// @notice A licence's part in an epoch, in the order of licences.
/// @param number The licence.
/// @param assigned Checks that were its own: one a round, and as many of the licence whose deputy it is and whose operator is silent.
/// @param answered Those of them that its operator found something of.
/// @param right Those in which it found the truth.
/// @param wrong Those in which it did not.
/// @param shares `right * (10000 - rate)`.
/// @param sum `right * 10000` of this licence and all before it.
/// @param accumulators Root of the operators' commissions (`Accumulators`), `right * rate` of this licence and all before it.
struct Part {
    uint32 number;
    uint32 assigned;
    uint32 answered;
    uint32 right;
    uint32 wrong;
    uint64 shares;
    uint64 sum;
    bytes32 accumulators;
}

/// @notice All that a licence's leaf follows from.
/// @param epoch The last.
/// @param number The licence.
/// @param truth As it was posted.
/// @param answers What its operator revealed; empty if nobody ran it or nothing was.
/// @param previous The part of the licence before; ignored for the first.
/// @param previousProof Shows that.
/// @param commission Its operator's, with the licences before; ignored if this one adds nothing.
/// @param commissionProof Shows it under the accumulators of the part before.
/// @param leaf The hash that stands at its place.
/// @param proof Shows that.
struct LicenseChallenge {
    uint32 epoch;
    uint32 number;
    bytes truth;
    bytes answers;
    Part previous;
    bytes32[] previousProof;
    uint64 commission;
    bytes32[] commissionProof;
    bytes32 leaf;
    bytes32[] proof;
}

/// @notice All that an operator's leaf follows from.
/// @param epoch The last.
/// @param number The operator.
/// @param last The part of the last licence.
/// @param lastProof Shows it.
/// @param commission The operator's, with all licences.
/// @param commissionProof Shows it under the accumulators of the last part.
/// @param leaf The hash that stands at its place.
/// @param proof Shows that.
struct OperatorChallenge {
    uint32 epoch;
    uint32 number;
    Part last;
    bytes32[] lastProof;
    uint64 commission;
    bytes32[] commissionProof;
    bytes32 leaf;
    bytes32[] proof;
}

/// @notice A strike against an operator for an epoch.
/// @param madeAt When it was made (Unix seconds); zero for none.
/// @param wrong Wrong answers, less those that an appeal took away.
/// @param next The first position that an appeal can still take away.
/// @param used Whether it led to a ban.
struct Strike {
    uint40 madeAt;
    uint32 wrong;
    uint32 next;
    bool used;
}

/// @title Uptime
/// @notice What was true of providers in an epoch, and who earned what by finding it.
///
/// A provider was up in a round if operators with at least half of the voters' licences say so, offline if such with more than half do. Otherwise,
/// and for empty seats, nobody knows. So nobody with less than half of the votes can make a false truth, whoever answers what.
///
/// Licence l is assigned one seat a round: `keccak256(abi.encode(seed, l, round)) % seats`. Its deputy is the licence half of all away; while its own
/// operator is silent the deputy's operator is paid for its checks instead. Silent is who ran licences two epochs before and revealed nothing, or
/// is banned. Each right answer is worth 10,000 shares: the operator's rate of it is the operator's, the rest the licence's.
///
/// Anybody posts an epoch with a bond: the truth, the total, and the root of one leaf for each licence and each operator (`Share`). The detail
/// of a licence's leaf is the hash of its counts and of the state of the whole sum after it, so every leaf follows from the leaf
/// before, public answers and the truth. Whatever is wrong is proved wrong in one transaction; of an honest posting nothing can be.
///
/// Consequences, by final epochs only:
/// - `strike`: an operator with `wrongLimit` wrong answers. It may `appeal` with providers' signatures. Two strikes that stand `ban` it.
/// - `penalise`: a provider that was offline in `offlineLimit` rounds loses a part of its seat's stake.
/// @dev INVARIANT: what a posting is compared with was fixed before it could be posted. INVARIANT: a ban never changes an epoch that has
/// begun. No admin.
///
/// Hazards:
/// - Operators with more than half of the voting licences make the truth: they can withhold everyone's shares of an epoch, strike
///   operators that said a provider was up and keep no signatures, and cost each provider `offlineSlash` of its seat an epoch.
/// - A root that nobody looked at becomes final, and its truth with it.
/// - Orders of a provider that went away hold its takes until they expire in the escrow; nothing here ends them sooner.
interface IUptime is IEpochRoots, IShares {
    /// @notice What was posted with the root of the epoch.
    event OutcomePosted(uint32 indexed epoch, uint64 total, bytes truth);
    /// @notice The operator answered wrongly so often in the epoch.
    event Struck(uint32 indexed operator, uint32 indexed epoch, uint32 wrong);
    /// @notice An appeal left so many wrong answers.
    event Appealed(uint32 indexed operator, uint32 indexed epoch, uint32 wrong);
    /// @notice The operator is banned from epoch `from` on, before `until`.
    event Banned(uint32 indexed operator, uint32 from, uint32 until);

    /// @notice The deployment's terms do not hold together.
    error Uptime_BadTerms(bytes32 what);
    /// @notice The epoch's answers may still be revealed, or its seed is not known.
    error Uptime_TooEarly(uint32 epoch);
    /// @notice Not the truth that was posted, or none of the epoch's length.
    error Uptime_BadTruth();
    /// @notice Not what was revealed.
    error Uptime_BadAnswers();
    /// @notice No such licence, operator, round or seat.
    error Uptime_OutOfRange();
    /// @notice Too few wrong answers for a strike, or rounds for a penalty.
    error Uptime_TooFew(uint256 count, uint256 limit);
    /// @notice It was done already.
    error Uptime_Done();
    /// @notice The time for it is over, or has not come.
    error Uptime_WrongTime();
    /// @notice No strike stands, or the two do not ban.
    error Uptime_NoStrike();
    /// @notice The evidence is in another order, or takes nothing away.
    error Uptime_Irrelevant(uint32 position);

    /// @notice What follows from faults.
    function faultTerms() external view returns (FaultTerms memory);
    /// @notice Where seats, seeds and answers are.
    function attestations() external view returns (IAttestations);
    /// @notice Who runs the licences.
    function licenseStaking() external view returns (ILicenseStaking);
    /// @notice What was posted of the epoch beside its root.
    function outcomeOf(uint32 epoch) external view returns (Outcome memory);
    /// @notice The licence that answers for `number` while its operator is silent; zero for none.
    function deputyOf(uint32 number) external view returns (uint32);
    /// @notice Whether the operator's licences are not assigned anything in the epoch: it is banned, or revealed nothing two epochs before.
    function isSilent(uint32 operator, uint32 epoch) external view returns (bool);
    /// @notice Whether the operator is banned in the epoch.
    function bannedIn(uint32 operator, uint32 epoch) external view returns (bool);
    /// @notice A strike.
    function strikeOf(uint32 operator, uint32 epoch) external view returns (Strike memory);
    /// @notice Whether the seat was penalised for the epoch.
    function isPenalised(uint32 epoch, uint32 seat) external view returns (bool);

    /// @notice Posts an epoch, with a bond. Anyone, once its answers are revealed.
    function post(uint32 epoch, bytes32 root, uint64 total, bytes calldata truth) external;
    /// @notice Proves that the truth of a seat in a round is another. The posting is removed; the caller is rewarded.
    /// @param epoch The last.
    /// @param round Of the epoch.
    /// @param seat Of the table.
    /// @param truth As it was posted.
    /// @param answers What each voter answered in the round, in the order of the list.
    /// @param proofs Show them under their roots.
    function challengeTruth(
        uint32 epoch,
        uint32 round,
        uint32 seat,
        bytes calldata truth,
        bytes[] calldata answers,
        bytes32[][] calldata proofs
    ) external;
    /// @notice Proves that a licence's leaf does not follow from the one before. The posting is removed; the caller is rewarded.
    function challengeLicense(LicenseChallenge calldata claimed) external;
    /// @notice Proves that an operator's leaf does not follow from the last licence's. The posting is removed; the caller is rewarded.
    function challengeOperator(OperatorChallenge calldata claimed) external;
    /// @notice Proves that the total is not the last licence's sum. The posting is removed; the caller is rewarded.
    function challengeTotal(uint32 epoch, Part calldata last, bytes32[] calldata proof) external;

    /// @notice Notes that an operator answered wrongly so often in a final epoch. Anyone, once.
    function strike(uint32 epoch, uint32 operator, bytes calldata truth, bytes calldata answers) external;
    /// @notice Takes wrong answers away: those that said a provider was up, by its signature. Anyone; in as many steps as it takes.
    /// @dev Requirements: positions rise, over all steps.
    function appeal(
        uint32 epoch,
        uint32 operator,
        bytes calldata truth,
        bytes calldata answers,
        Evidence[] calldata evidence
    ) external;
    /// @notice Bans an operator from the next epoch on for two strikes that stand when the time for appeals is over. Anyone.
    function ban(uint32 operator, uint32 first, uint32 second) external;
    /// @notice Takes stake of a provider that was offline in a final epoch: half to the caller, half burned. Anyone, once.
    function penalise(uint32 epoch, uint32 seat, bytes calldata truth) external returns (uint256 amount);
}
