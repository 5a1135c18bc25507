// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What whoever posts a root promises, fixed at deployment.
/// @param token Of bonds and fees (zero: native currency).
/// @param bond What a publisher puts up for each root.
/// @param fee What a demand costs: more than the gas of answering it.
/// @param window Seconds in which a root can be doubted after it was posted.
/// @param answerTime Seconds in which a publisher answers a demand, and those that the demander has to read the answer.
struct RootTerms {
    address token;
    uint128 bond;
    uint128 fee;
    uint32 window;
    uint32 answerTime;
}

/// @notice The root of an epoch.
/// @param root Of a position-bound tree (`MerkleTree`); zero where none stands.
/// @param publisher Who posted it.
/// @param count Its leaves.
/// @param open Demands not answered yet.
/// @param bonded Whether the bond lies here.
/// @param windowEnd Until when its highest nodes can be demanded (Unix seconds). Stays when the root is removed.
/// @param finalAt From when on it is final, unless a demand is open (Unix seconds).
struct Posting {
    bytes32 root;
    address publisher;
    uint32 count;
    uint24 open;
    bool bonded;
    uint32 windowEnd;
    uint32 finalAt;
}

/// @notice A demand to see what a node stands over.
/// @param node Its hash.
/// @param demander Who paid; zero once it was answered or paid back.
/// @param answerBy Until when the publisher may answer (Unix seconds, until 2106); zero where nothing was demanded.
struct Demand {
    bytes32 node;
    address demander;
    uint32 answerBy;
}

/// @title IEpochRoots
/// @notice Roots of large trees, one an epoch in order, that anybody may post with a bond and anybody may take down by proving a
/// leaf false. Every tree is a function of public data, so whoever recomputes it knows each leaf that should be there.
///
/// ```
/// post ─┬─ window passes, nobody proves anything ─────────────► final: release
///       ├─ a leaf is proved false (by the contract's own rule) ► removed, bond slashed; the epoch is posted anew
///       └─ demand ─ supply: lower nodes are known, time to read them
///                └─ expire: no answer in time ─────────────────► removed, bond slashed
/// ```
///
/// A root whose tree is kept back can be proved nothing of; so each node can be demanded, from the highest down, 256 at a time.
/// Whoever finds the root to differ from its own demands the highest tier, then the node that differs, and after three demands at
/// most holds the false leaf with its proof. Each later tier has its own end, so the whole is bounded by the terms.
///
/// Hazards:
/// - A root that nobody looked at becomes final, whatever it says. What contracts pay by it is bounded by their own rules.
/// - Who proves a leaf false first is not protected: a proof seen in the mempool can be copied. The publisher loses all the same.
/// - A publisher answers until its root is final. Demands may come many at once: `fee` is to be well above the gas of an answer, and
///   `answerTime` long enough for a day when blocks are full.
/// - Half of a slashed bond is burned: to take down one's own root costs that much, and delays the epoch by a window.
interface IEpochRoots {
    /// @notice `publisher` posted a root over `count` leaves.
    event Posted(uint32 indexed epoch, address indexed publisher, bytes32 root, uint32 count, uint32 windowEnd);
    /// @notice Someone wants to see what a node stands over, until `answerBy`.
    event Demanded(uint32 indexed epoch, uint256 tier, uint256 index, bytes32 node, address demander, uint32 answerBy);
    /// @notice What the node stands over.
    event Supplied(uint32 indexed epoch, uint256 tier, uint256 index, bytes32[] nodes);
    /// @notice The root was removed: `reward` to `by`, `burned` gone.
    event Removed(
        uint32 indexed epoch, address indexed publisher, bytes32 root, address by, uint256 reward, uint256 burned
    );
    /// @notice A final root's bond went back.
    event BondReleased(uint32 indexed epoch, address indexed publisher, uint256 bond);
    /// @notice A demand on a root that is gone was paid back.
    event DemandRefunded(uint32 indexed epoch, uint256 tier, uint256 index, address demander);

    /// @notice The deployment's terms do not hold together.
    error EpochRoots_BadTerms(bytes32 what);
    /// @notice Epochs are posted in order: `next` is due, once the one before it is final.
    error EpochRoots_NotDue(uint32 epoch, uint32 next);
    /// @notice Zero is no root.
    error EpochRoots_NoRoot();
    /// @notice A root of this epoch was removed in this very second.
    error EpochRoots_TooSoon();
    /// @notice The epoch has no root that can still be doubted.
    error EpochRoots_NotPending(uint32 epoch);
    /// @notice The epoch's root is not final.
    error EpochRoots_NotFinal(uint32 epoch);
    /// @notice Not a node of the tree, one that was demanded before, or too late for its tier.
    error EpochRoots_NoDemand(uint256 tier, uint256 index);
    /// @notice The answer is late, or not due yet, or there is nothing to answer.
    error EpochRoots_WrongTime(uint32 answerBy);
    /// @notice The nodes are not those under the demanded one.
    error EpochRoots_WrongNodes();
    /// @notice A proof does not lead to its root.
    error EpochRoots_BadProof();
    /// @notice The leaf is what it should be.
    error EpochRoots_NotFalse();
    /// @notice No bond lies here for the epoch, or nothing to pay back.
    error EpochRoots_NothingDue();

    /// @notice The terms.
    function rootTerms() external view returns (RootTerms memory);
    /// @notice The epoch that can be posted next.
    function nextEpoch() external view returns (uint32);
    /// @notice The epoch's root as it stands.
    function postingOf(uint32 epoch) external view returns (Posting memory);
    /// @notice Whether the epoch's root stands for ever.
    function isFinal(uint32 epoch) external view returns (bool);
    /// @notice What was demanded of a root that was posted to end at `windowEnd`.
    function demandOf(uint32 epoch, bytes32 root, uint32 windowEnd, uint256 tier, uint256 index)
        external
        view
        returns (Demand memory);

    /// @notice Demands what node number `index` of `tier` stands over (tiers of 256, leaves are tier 0, `TreeNodes`). Anyone.
    /// @dev Requirements: an allowance of `fee` on the ledger; for the highest tier nothing else, and `node` is ignored; else `proof`
    /// shows `node` at its place. The highest tier is demanded inside the window, each lower one up to two answer times later.
    function demand(uint32 epoch, uint256 tier, uint256 index, bytes32 node, bytes32[] calldata proof) external;
    /// @notice Answers a demand; the fee goes to the publisher. Anyone who has the tree.
    function supply(uint32 epoch, uint256 tier, uint256 index, bytes32[] calldata nodes) external;
    /// @notice Removes the root of a publisher that did not answer in time. The demander is rewarded and has its fee back. Anyone.
    function expire(uint32 epoch, uint256 tier, uint256 index) external;
    /// @notice Pays back what was demanded of a root that has been removed since. Anyone.
    function refundDemand(uint32 epoch, bytes32 root, uint32 windowEnd, uint256 tier, uint256 index) external;
    /// @notice Pays a final root's bond back to its publisher. Anyone.
    function release(uint32 epoch) external;
}
