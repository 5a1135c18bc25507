// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEpochRoots} from "./IEpochRoots.sol";
import {IShares, Share} from "./IShares.sol";
import {Schedule} from "./libraries/Emission.sol";
import {Books} from "./libraries/Stream.sol";

/// @notice What a pool promises, fixed at deployment.
/// @param token It pays in (zero: native currency).
/// @param schedule What is emitted when; the cap is below 2^92.
/// @param slowPeriod Seconds over which a full claim comes free.
/// @param fastPeriod Seconds over which a partial claim comes free; no more than `slowPeriod`.
/// @param fastShare What a partial claim keeps, in basis points.
struct PoolTerms {
    address token;
    Schedule schedule;
    uint32 slowPeriod;
    uint32 fastPeriod;
    uint16 fastShare;
}

/// @notice What a beneficiary has earned, as a leaf of an epoch's tree says.
/// @param epoch A final one, usually the last.
/// @param count Leaves of its tree. The root is of one count, so a wrong one fits no proof.
/// @param number The beneficiary.
/// @param cumulative All that it ever earned here, up to and with the epoch.
struct Earned {
    uint32 epoch;
    uint32 count;
    uint32 number;
    uint96 cumulative;
}

/// @title IEpochRewards
/// @notice A pool of one token that pays what a schedule emits, epoch by epoch, to those who hold shares of the epoch (`IShares`).
///
/// Each epoch's tree has a leaf for every beneficiary, number n at place n - 1: `MerkleTree.leafHash(abi.encodePacked(uint32 number,
/// uint96 cumulative))`. `cumulative` is all that it ever earned here:
///
///     cumulative of epoch e = cumulative of epoch e - 1 + floor(budget(e) * shares / total)
///
/// so a claim is one leaf and one storage write for any number of epochs, and each leaf of an epoch is what this rule says or provably
/// not: `challenge` computes it from the leaf before and the shares, and compares what stands at its place. That covers wrong
/// amounts, falling ones, leaves that are missing, doubled or hold nothing, and sums beyond the emission. A tree that is kept
/// back is opened by demand or removed (`IEpochRoots`).
///
/// The budget of an epoch is what the schedule emits, and what came back before the epoch in front of it was posted: what fast claims
/// forfeited, what returned licences left, and that epoch's own budget if nobody had a share of it.
///
/// Who owns a licence owns all that has not been paid out for it: what is not claimed, and what was claimed and still streams, at the pace
/// that the claimer chose. So a licence is sold with its rewards, and nothing can be claimed for it twice.
///
/// @dev INVARIANT: everything claimed, kept or forfeited, is at most what final epochs have emitted, whatever their roots say.
/// INVARIANT: the ledger balance here is the reserve + what was emitted and not claimed + everything unpaid + bonds and open fees.
/// No admin, no pause; nobody but a beneficiary's owner receives its rewards.
///
/// Hazards:
/// - A buyer of a licence reads `booksOf` first: its owner may have claimed and collected right before the sale, or chosen fast.
/// - A licence that its owner returns to the sale leaves here what was not collected; it goes back to the pool.
/// - What rounding leaves of a budget, below one unit a beneficiary and epoch, is claimed by nobody.
interface IEpochRewards is IEpochRoots {
    /// @notice `from` gave `amount` for later epochs.
    event Funded(address indexed from, uint256 amount);
    /// @notice The epoch divides `budget`; of that `emitted`: all of it, or nothing if nobody has a share.
    event Emitted(uint32 indexed epoch, uint256 budget, uint256 emitted);
    /// @notice `amount` was claimed by a leaf of `epoch`; `forfeited` of it went back to the pool. The rest streams: `unpaid` in all,
    /// from nothing at `from` to everything at `until`.
    event Claimed(
        uint32 indexed number,
        uint32 epoch,
        address indexed owner,
        uint256 amount,
        uint256 forfeited,
        uint256 unpaid,
        uint32 from,
        uint32 until
    );
    /// @notice `amount` that had come free went to the owner's ledger account.
    event Collected(uint32 indexed number, address indexed owner, uint256 amount);
    /// @notice A returned licence left `amount`, which goes back to the pool.
    event Returned(uint32 indexed number, uint256 amount);
    /// @notice `agent` may (or may no longer) begin slow claims for all that `owner` has.
    event AgentSet(address indexed owner, address indexed agent, bool allowed);

    /// @notice The deployment's terms do not hold together.
    error EpochRewards_BadTerms(bytes32 what);
    /// @notice More than the schedule's cap would have been given in all.
    error EpochRewards_OverCap(uint256 funded, uint256 cap);
    /// @notice The epoch's budget is not here yet.
    error EpochRewards_Underfunded(uint256 reserve, uint256 budget);
    /// @notice The caller may not claim for this beneficiary, or not fast.
    error EpochRewards_NotYours(uint32 number, address caller);
    /// @notice There is no such beneficiary.
    error EpochRewards_NoBeneficiary(uint32 number);
    /// @notice Nothing is to be claimed or collected.
    error EpochRewards_NothingDue();
    /// @notice More than the final epochs emitted and nobody claimed: a root is false.
    error EpochRewards_NotEmitted(uint256 amount, uint256 left);
    /// @notice The licence was not returned.
    error EpochRewards_NotReturned(uint32 number);

    /// @notice The terms.
    function poolTerms() external view returns (PoolTerms memory);
    /// @notice Who earned how much.
    function shares() external view returns (IShares);
    /// @notice What the epoch divides: what it divided if it is posted, else what it would if it were posted next.
    function budgetOf(uint32 epoch) external view returns (uint256);
    /// @notice What was given and not emitted, everything included that came back.
    function reserve() external view returns (uint256);
    /// @notice What final epochs emitted and nobody claimed.
    function unclaimed() external view returns (uint256);
    /// @notice A beneficiary's books.
    function booksOf(uint32 number) external view returns (Books memory);
    /// @notice What `collect` would pay now.
    function collectable(uint32 number) external view returns (uint256);
    /// @notice Who owns what a beneficiary earned: a licence's owner, or an operator.
    function ownerOf(uint32 number) external view returns (address);
    /// @notice Whether `agent` may begin slow claims for `owner`.
    function isAgent(address owner, address agent) external view returns (bool);

    /// @notice Gives `amount` of the caller's ledger balance to the pool, up to the cap in all. Anyone; nothing comes back.
    function fund(uint256 amount) external;
    /// @notice Posts the epoch's root, with a bond. Anyone.
    /// @dev Requirements: the epoch before is final here, this one's shares are, and the reserve covers its budget.
    function post(uint32 epoch, bytes32 root) external;
    /// @notice Proves that a leaf of the last epoch's root is not what the rule says. The root is removed; the caller is rewarded.
    /// @param epoch The last.
    /// @param share The beneficiary's shares of the epoch.
    /// @param shareProof Shows them under the root of the shares.
    /// @param previous Its cumulative reward in the epoch before; zero if it had no leaf there.
    /// @param previousProof Shows that.
    /// @param leaf The hash that stands at its place.
    /// @param proof Shows that.
    function challenge(
        uint32 epoch,
        Share calldata share,
        bytes32[] calldata shareProof,
        uint96 previous,
        bytes32[] calldata previousProof,
        bytes32 leaf,
        bytes32[] calldata proof
    ) external;

    /// @notice Claims all that a beneficiary earned up to the epoch and did not claim. It comes free over `slowPeriod`; or, if `fast`,
    /// `fastShare` of it over `fastPeriod`, and the rest goes back to the pool. What streams already is joined: what has come free
    /// stays so, the rest ends at the average of the ends, weighted by amount.
    /// @dev Requirements: the caller owns the beneficiary, or is its owner's agent and does not claim fast. Always the owner's.
    /// @param earned What the beneficiary has earned.
    /// @param proof Shows it.
    /// @param fast Whether less of it comes sooner.
    function claim(Earned calldata earned, bytes32[] calldata proof, bool fast) external;
    /// @notice Pays what has come free to the owner's ledger account. Anyone.
    function collect(uint32 number) external returns (uint256 amount);
    /// @notice Gives what a burned licence left, streaming and unclaimed, back to the pool. Anyone.
    function returnBurned(Earned calldata earned, bytes32[] calldata proof) external;
    /// @notice Lets `agent` begin slow claims for all that the caller owns, or no longer.
    function setAgent(address agent, bool allowed) external;
}
