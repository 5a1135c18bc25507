// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit, ILedger} from "../ledger/ILedger.sol";
import {MerkleTree} from "../work/libraries/MerkleTree.sol";
import {Demand, IEpochRoots, Posting, RootTerms} from "./IEpochRoots.sol";
import {TreeNodes} from "./libraries/TreeNodes.sol";

/// @title EpochRoots
/// @notice `IEpochRoots` says what each move does. A contract that posts roots inherits this and adds what makes a leaf false.
abstract contract EpochRoots is IEpochRoots {
    uint256 private constant MAX_TIME = 365 days;

    /// @notice The ledger that holds bonds and fees.
    ILedger public immutable ledger;

    address private immutable _burn;
    address private immutable _bondToken;
    uint128 private immutable _bond;
    uint128 private immutable _fee;
    uint32 private immutable _window;
    uint32 private immutable _answerTime;

    mapping(uint32 epoch => Posting) private _postings;
    mapping(bytes32 key => Demand) private _demands;
    /// @dev The last two, so that what an heir reads with them shares their slot: the epoch that is due, and when the one before it is
    /// final, which is never while a demand is open.
    uint32 internal _next;
    uint32 private _finalAt;

    constructor(ILedger ledger_, RootTerms memory terms) {
        require(terms.bond != 0, EpochRoots_BadTerms("bond"));
        require(terms.window != 0 && terms.window <= MAX_TIME, EpochRoots_BadTerms("window"));
        require(terms.answerTime != 0 && terms.answerTime <= MAX_TIME, EpochRoots_BadTerms("answerTime"));
        (ledger, _burn) = (ledger_, ledger_.BURN());
        (_bondToken, _bond, _fee) = (terms.token, terms.bond, terms.fee);
        (_window, _answerTime) = (terms.window, terms.answerTime);
    }

    /* VIEWS */

    /// @inheritdoc IEpochRoots
    function rootTerms() external view returns (RootTerms memory) {
        return RootTerms(_bondToken, _bond, _fee, _window, _answerTime);
    }

    /// @inheritdoc IEpochRoots
    function nextEpoch() external view returns (uint32) {
        return _next;
    }

    /// @inheritdoc IEpochRoots
    function postingOf(uint32 epoch) external view returns (Posting memory) {
        return _postings[epoch];
    }

    /// @inheritdoc IEpochRoots
    function isFinal(uint32 epoch) public view returns (bool) {
        uint256 next = _next;
        if (epoch >= next) return false;
        return uint256(epoch) + 1 < next || block.timestamp >= _finalAt;
    }

    /// @inheritdoc IEpochRoots
    function demandOf(uint32 epoch, bytes32 root, uint32 windowEnd, uint256 tier, uint256 index)
        external
        view
        returns (Demand memory)
    {
        return _demands[_key(epoch, root, windowEnd, tier, index)];
    }

    /* DOUBT */

    /// @inheritdoc IEpochRoots
    function demand(uint32 epoch, uint256 tier, uint256 index, bytes32 node, bytes32[] calldata proof) external {
        Posting storage posting = _pending(epoch);
        Demand storage wanted = _demandOf(epoch, posting, tier, index);
        bool open = wanted.answerBy == 0 && _canBeDemanded(posting, tier, index);
        require(open, EpochRoots_NoDemand(tier, index));
        if (tier == TreeNodes.highest(posting.count)) node = posting.root;
        else require(TreeNodes.verify(posting.root, posting.count, tier, index, node, proof), EpochRoots_BadProof());

        uint32 answerBy = uint32(block.timestamp) + _answerTime;
        (wanted.node, wanted.demander, wanted.answerBy) = (node, msg.sender, answerBy);
        ++posting.open;
        _finalAt = type(uint32).max;
        if (posting.finalAt < answerBy + _answerTime) posting.finalAt = answerBy + _answerTime;
        emit Demanded(epoch, tier, index, node, msg.sender, answerBy);
        _take(msg.sender, _fee);
    }

    /// @inheritdoc IEpochRoots
    function supply(uint32 epoch, uint256 tier, uint256 index, bytes32[] calldata nodes) external {
        Posting storage posting = _pending(epoch);
        uint32 count = posting.count;
        Demand storage wanted = _demandOf(epoch, posting, tier, index);
        bool inTime = wanted.demander != address(0) && block.timestamp <= wanted.answerBy;
        require(inTime, EpochRoots_WrongTime(wanted.answerBy));
        require(nodes.length == TreeNodes.childrenOf(count, tier, index), EpochRoots_WrongNodes());
        bytes32 node = TreeNodes.over(nodes);
        if (tier == TreeNodes.highest(count)) node = MerkleTree.rootHash(count, node);
        require(node == wanted.node, EpochRoots_WrongNodes());

        wanted.demander = address(0);
        if (--posting.open == 0) _finalAt = posting.finalAt;
        emit Supplied(epoch, tier, index, nodes);
        _give(posting.publisher, _fee);
    }

    /// @inheritdoc IEpochRoots
    function expire(uint32 epoch, uint256 tier, uint256 index) external {
        Posting storage posting = _pending(epoch);
        Demand storage wanted = _demandOf(epoch, posting, tier, index);
        address demander = wanted.demander;
        bool late = demander != address(0) && block.timestamp > wanted.answerBy;
        require(late, EpochRoots_WrongTime(wanted.answerBy));
        wanted.demander = address(0);
        _remove(epoch, demander);
        _give(demander, _fee);
    }

    /// @inheritdoc IEpochRoots
    function refundDemand(uint32 epoch, bytes32 root, uint32 windowEnd, uint256 tier, uint256 index) external {
        Posting storage posting = _postings[epoch];
        // A root posted again ends another second.
        bool gone = posting.root != root || posting.windowEnd != windowEnd;
        Demand storage wanted = _demands[_key(epoch, root, windowEnd, tier, index)];
        address demander = wanted.demander;
        require(gone && demander != address(0), EpochRoots_NothingDue());
        wanted.demander = address(0);
        emit DemandRefunded(epoch, tier, index, demander);
        _give(demander, _fee);
    }

    /// @inheritdoc IEpochRoots
    function release(uint32 epoch) external {
        Posting storage posting = _postings[epoch];
        require(isFinal(epoch), EpochRoots_NotFinal(epoch));
        require(posting.bonded, EpochRoots_NothingDue());
        posting.bonded = false;
        emit BondReleased(epoch, posting.publisher, _bond);
        _give(posting.publisher, _bond);
    }

    /* FOR HEIRS */

    /// @dev Posts the next epoch's root and takes the caller's bond.
    function _post(uint32 epoch, bytes32 root, uint32 count) internal {
        require(root != 0, EpochRoots_NoRoot());
        require(epoch == _next && (epoch == 0 || isFinal(epoch - 1)), EpochRoots_NotDue(epoch, _next));
        Posting storage posting = _postings[epoch];
        uint32 windowEnd = uint32(block.timestamp) + _window;
        require(posting.windowEnd != windowEnd, EpochRoots_TooSoon());
        _postings[epoch] = Posting(root, msg.sender, count, 0, true, windowEnd, windowEnd);
        (_next, _finalAt) = (epoch + 1, windowEnd);
        emit Posted(epoch, msg.sender, root, count, windowEnd);
        _take(msg.sender, _bond);
    }

    /// @dev Removes the root of the last epoch, which is pending, and slashes its bond.
    function _remove(uint32 epoch, address by) internal {
        Posting storage posting = _postings[epoch];
        (address publisher, bytes32 root, uint32 windowEnd) = (posting.publisher, posting.root, posting.windowEnd);
        delete _postings[epoch];
        posting.windowEnd = windowEnd;
        // The epoch before was final when this one was posted.
        (_next, _finalAt) = (epoch, 0);
        _removed(epoch);
        Credit[] memory credits = new Credit[](2);
        uint256 reward = _bond / 2;
        (credits[0], credits[1]) = (Credit(by, reward), Credit(_burn, _bond - reward));
        emit Removed(epoch, publisher, root, by, reward, _bond - reward);
        ledger.pay(_bondToken, credits);
    }

    /// @dev What an heir undoes when a root is removed.
    function _removed(uint32 epoch) internal virtual;

    /// @dev The root that can still be doubted, or a revert. It is the last epoch's.
    function _pending(uint32 epoch) internal view returns (Posting storage) {
        require(epoch < _next && !isFinal(epoch), EpochRoots_NotPending(epoch));
        return _postings[epoch];
    }

    /// @dev A final root, or a revert.
    function _final(uint32 epoch) internal view returns (Posting storage) {
        require(isFinal(epoch), EpochRoots_NotFinal(epoch));
        return _postings[epoch];
    }

    /* INTERNAL */

    /// @dev Whether the node is there and its tier can still be demanded: the highest inside the window, each lower one up to two
    /// answer times later, which is what an answer and reading it take.
    function _canBeDemanded(Posting storage posting, uint256 tier, uint256 index) private view returns (bool) {
        uint256 count = posting.count;
        uint256 highest = TreeNodes.highest(count);
        if (tier == 0 || tier > highest || TreeNodes.childrenOf(count, tier, index) == 0) return false;
        return block.timestamp < posting.windowEnd + (highest - tier) * 2 * _answerTime;
    }

    function _demandOf(uint32 epoch, Posting storage posting, uint256 tier, uint256 index)
        private
        view
        returns (Demand storage)
    {
        return _demands[_key(epoch, posting.root, posting.windowEnd, tier, index)];
    }

    /// @dev What was demanded of one posting: a root posted again has a window of its own.
    function _key(uint32 epoch, bytes32 root, uint32 windowEnd, uint256 tier, uint256 index)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(epoch, root, windowEnd, tier, index));
    }

    function _take(address from, uint256 amount) private {
        if (amount != 0) ledger.transferFrom(from, address(this), uint256(uint160(_bondToken)), amount);
    }

    function _give(address to, uint256 amount) private {
        if (amount != 0) ledger.transfer(to, uint256(uint160(_bondToken)), amount);
    }
}
