// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ILedger} from "../ledger/ILedger.sol";
import {INodeLicense} from "../nodes/INodeLicense.sol";
import {MerkleTree} from "../work/libraries/MerkleTree.sol";
import {EpochRoots} from "./EpochRoots.sol";
import {Earned, IEpochRewards, PoolTerms} from "./IEpochRewards.sol";
import {Posting, RootTerms} from "./IEpochRoots.sol";
import {IShares, Share, Shares} from "./IShares.sol";
import {Emission, Schedule} from "./libraries/Emission.sol";
import {Books, Stream} from "./libraries/Stream.sol";
import {TreeNodes} from "./libraries/TreeNodes.sol";

/// @title EpochRewards
/// @notice `IEpochRewards` says what each move does. No admin.
contract EpochRewards is IEpochRewards, EpochRoots {
    using Stream for Books;

    /// @dev An epoch as it was posted. What comes back is counted without end, modulo 2^96, so that the difference between two epochs
    /// is what came back between them, however often one of them was posted.
    struct Epoch {
        uint96 budget;
        uint96 returned;
        bool skipped;
    }

    /// @dev What is here for later epochs, what was given in all, and what came back in all.
    struct Funds {
        uint96 reserve;
        uint96 funded;
        uint96 returned;
    }

    uint256 private constant BASIS = 10_000;
    /// @dev What is forfeited is emitted again, so beneficiaries may earn more than the cap; this leaves room for sixteen times it.
    uint256 private constant MAX_CAP = type(uint96).max >> 4;
    uint256 private constant MAX_PERIOD = 4 * 365 days;

    /// @inheritdoc IEpochRewards
    IShares public immutable shares;

    INodeLicense private immutable _license;
    uint32 private immutable _licenses;
    address private immutable _token;
    uint96 private immutable _cap;
    uint96 private immutable _first;
    uint32 private immutable _halving;
    uint32 private immutable _slowPeriod;
    uint32 private immutable _fastPeriod;
    uint16 private immutable _fastShare;

    /* STORAGE: the first two share a slot with the number of the next epoch. */

    /// @dev What all posted epochs emitted and nobody claimed; what of that is the last posted epoch's, which may be removed.
    uint96 private _left;
    uint96 private _pendingEmission;

    Funds private _funds;
    mapping(uint32 epoch => Epoch) private _epochs;
    mapping(uint32 number => Books) private _books;
    /// @inheritdoc IEpochRewards
    mapping(address owner => mapping(address agent => bool)) public isAgent;

    /// @param ledger_ Where the money lies.
    /// @param shares_ Who earned how much.
    /// @param pool What is promised.
    /// @param roots How roots are posted.
    constructor(ILedger ledger_, IShares shares_, PoolTerms memory pool, RootTerms memory roots)
        EpochRoots(ledger_, roots)
    {
        Schedule memory schedule = pool.schedule;
        require(schedule.cap != 0 && schedule.cap <= MAX_CAP, EpochRewards_BadTerms("cap"));
        require(schedule.first != 0, EpochRewards_BadTerms("first"));
        require(pool.slowPeriod <= MAX_PERIOD, EpochRewards_BadTerms("slowPeriod"));
        require(pool.fastPeriod <= pool.slowPeriod, EpochRewards_BadTerms("fastPeriod"));
        require(pool.fastShare <= BASIS, EpochRewards_BadTerms("fastShare"));
        (shares, _license, _licenses) = (shares_, shares_.license(), shares_.licenses());
        (_token, _cap, _first, _halving) = (pool.token, schedule.cap, schedule.first, schedule.halving);
        (_slowPeriod, _fastPeriod, _fastShare) = (pool.slowPeriod, pool.fastPeriod, pool.fastShare);
    }

    /* VIEWS */

    /// @inheritdoc IEpochRewards
    function poolTerms() external view returns (PoolTerms memory) {
        return PoolTerms(_token, _schedule(), _slowPeriod, _fastPeriod, _fastShare);
    }

    /// @inheritdoc IEpochRewards
    function budgetOf(uint32 epoch) public view returns (uint256 budget) {
        if (epoch < _next) return _epochs[epoch].budget;
        budget = Emission.during(_schedule(), epoch);
        if (epoch == 0) return budget;
        Epoch memory last = _epochs[epoch - 1];
        unchecked {
            // Modulo 2^96, as it is counted.
            budget += uint96(last.returned - (epoch == 1 ? 0 : _epochs[epoch - 2].returned));
        }
        if (last.skipped) budget += last.budget;
    }

    /// @inheritdoc IEpochRewards
    function reserve() external view returns (uint256) {
        return _funds.reserve;
    }

    /// @inheritdoc IEpochRewards
    function unclaimed() external view returns (uint256) {
        return _next == 0 || isFinal(_next - 1) ? _left : _left - _pendingEmission;
    }

    /// @inheritdoc IEpochRewards
    function booksOf(uint32 number) external view returns (Books memory) {
        return _books[number];
    }

    /// @inheritdoc IEpochRewards
    function collectable(uint32 number) external view returns (uint256) {
        return _books[number].vested(block.timestamp);
    }

    /// @inheritdoc IEpochRewards
    function ownerOf(uint32 number) public view returns (address owner) {
        if (number <= _licenses) return _license.ownerOf(number);
        owner = shares.operatorOf(number);
        require(owner != address(0), EpochRewards_NoBeneficiary(number));
    }

    /* POOL */

    /// @inheritdoc IEpochRewards
    function fund(uint256 amount) external {
        uint256 funded = _funds.funded + amount;
        require(funded <= _cap, EpochRewards_OverCap(funded, _cap));
        // forge-lint: disable-start(unsafe-typecast)
        _funds.funded = uint96(funded);
        _funds.reserve += uint96(amount);
        // forge-lint: disable-end(unsafe-typecast)
        emit Funded(msg.sender, amount);
        ledger.transferFrom(msg.sender, address(this), _id(), amount);
    }

    /* ROOTS */

    /// @inheritdoc IEpochRewards
    function post(uint32 epoch, bytes32 root) external {
        Shares memory divided = shares.sharesOf(epoch);
        // The budget of an epoch that is not due means nothing; `_post` refuses it.
        uint256 budget = budgetOf(epoch);
        uint256 emitted = divided.total == 0 ? 0 : budget;
        Funds memory funds = _funds;
        require(emitted <= funds.reserve, EpochRewards_Underfunded(funds.reserve, emitted));
        // Casting is safe: at most the reserve, and a schedule's emission and what came back of it.
        // forge-lint: disable-start(unsafe-typecast)
        _epochs[epoch] = Epoch(uint96(budget), funds.returned, emitted == 0);
        _funds.reserve = funds.reserve - uint96(emitted);
        _left += uint96(emitted);
        _pendingEmission = uint96(emitted);
        // forge-lint: disable-end(unsafe-typecast)
        emit Emitted(epoch, budget, emitted);
        _post(epoch, root, divided.count);
    }

    /// @inheritdoc IEpochRewards
    function challenge(
        uint32 epoch,
        Share calldata share,
        bytes32[] calldata shareProof,
        uint96 previous,
        bytes32[] calldata previousProof,
        bytes32 leaf,
        bytes32[] calldata proof
    ) external {
        Posting storage posting = _pending(epoch);
        Shares memory divided = shares.sharesOf(epoch);
        _requireLeaf(divided.root, divided.count, share.number, _shareLeaf(share), shareProof);
        _requirePrevious(epoch, share.number, previous, previousProof);
        uint256 earned = divided.total == 0 ? 0 : budgetOf(epoch) * share.shares / divided.total;
        // forge-lint: disable-next-line(unsafe-typecast)
        require(leaf != _leaf(share.number, uint96(previous + earned)), EpochRoots_NotFalse());
        _requireLeaf(posting.root, posting.count, share.number, leaf, proof);
        _remove(epoch, msg.sender);
    }

    /* BENEFICIARIES */

    /// @inheritdoc IEpochRewards
    function claim(Earned calldata earned, bytes32[] calldata proof, bool fast) external {
        uint32 number = earned.number;
        address owner = ownerOf(number);
        bool allowed = msg.sender == owner || (!fast && isAgent[owner][msg.sender]);
        require(allowed, EpochRewards_NotYours(number, msg.sender));
        Books memory books = _books[number];
        uint256 amount = _takeClaim(books, earned, proof);
        require(amount != 0, EpochRewards_NothingDue());

        uint256 kept = fast ? amount * _fastShare / BASIS : amount;
        uint256 paid = books.join(kept, fast ? _fastPeriod : _slowPeriod, block.timestamp);
        _books[number] = books;
        if (kept != amount) _giveBack(amount - kept);
        emit Claimed(number, earned.epoch, owner, amount, amount - kept, books.unpaid, books.from, books.until);
        if (paid != 0) _pay(number, owner, paid);
    }

    /// @inheritdoc IEpochRewards
    function collect(uint32 number) external returns (uint256 amount) {
        Books memory books = _books[number];
        amount = books.take(block.timestamp);
        require(amount != 0, EpochRewards_NothingDue());
        _books[number] = books;
        _pay(number, ownerOf(number), amount);
    }

    /// @inheritdoc IEpochRewards
    function returnBurned(Earned calldata earned, bytes32[] calldata proof) external {
        uint32 number = earned.number;
        require(_isBurned(number), EpochRewards_NotReturned(number));
        Books memory books = _books[number];
        uint256 amount = _takeClaim(books, earned, proof) + books.unpaid;
        require(amount != 0, EpochRewards_NothingDue());
        books.unpaid = 0;
        _books[number] = books;
        emit Returned(number, amount);
        _giveBack(amount);
    }

    /// @inheritdoc IEpochRewards
    function setAgent(address agent, bool allowed) external {
        isAgent[msg.sender][agent] = allowed;
        emit AgentSet(msg.sender, agent, allowed);
    }

    /* INTERNAL */

    /// @dev Takes what the leaf adds to what was claimed out of what was emitted.
    function _takeClaim(Books memory books, Earned calldata earned, bytes32[] calldata proof)
        private
        returns (uint256 amount)
    {
        (uint32 epoch, uint96 cumulative) = (earned.epoch, earned.cumulative);
        bytes32 root = _final(epoch).root;
        _requireLeaf(root, earned.count, earned.number, _leaf(earned.number, cumulative), proof);
        if (cumulative <= books.claimed) return 0;
        (uint256 left, uint256 pending) = (_left, _pendingEmission);
        // The last epoch is final if the claim is by its root.
        if (uint256(epoch) + 1 == _next || isFinal(_next - 1)) pending = 0;
        unchecked {
            // INVARIANT: what is pending is part of what is left.
            amount = cumulative - books.claimed;
            require(amount <= left - pending, EpochRewards_NotEmitted(amount, left - pending));
            // forge-lint: disable-next-line(unsafe-typecast)
            _left = uint96(left - amount);
        }
        books.claimed = cumulative;
    }

    /// @dev What was forfeited or left is emitted again with a later epoch.
    function _giveBack(uint256 amount) private {
        // forge-lint: disable-start(unsafe-typecast)
        _funds.reserve += uint96(amount);
        unchecked {
            _funds.returned += uint96(amount);
        }
        // forge-lint: disable-end(unsafe-typecast)
    }

    function _pay(uint32 number, address owner, uint256 amount) private {
        emit Collected(number, owner, amount);
        ledger.transfer(owner, _id(), amount);
    }

    /// @dev The last epoch's emission goes back; what it would divide may change until it is posted anew.
    function _removed(uint32) internal override {
        uint96 pending = _pendingEmission;
        _left -= pending;
        _pendingEmission = 0;
        _funds.reserve += pending;
    }

    /// @dev A licence that was sold and has no owner. Tokens that were never sold cannot be told from burned ones by `ownerOf`.
    function _isBurned(uint32 number) private view returns (bool) {
        if (number == 0 || number > _licenses || _license.purchaseOf(number).count == 0) return false;
        try _license.ownerOf(number) {
            return false;
        } catch {
            return true;
        }
    }

    /// @dev Reverts unless `previous` is what the beneficiary had earned before the epoch.
    function _requirePrevious(uint32 epoch, uint32 number, uint96 previous, bytes32[] calldata proof) private view {
        uint32 count;
        bytes32 root;
        if (epoch != 0) {
            Posting storage before = _final(epoch - 1);
            (root, count) = (before.root, before.count);
        }
        if (number > count) require(previous == 0, EpochRoots_BadProof());
        else _requireLeaf(root, count, number, _leaf(number, previous), proof);
    }

    /// @dev Reverts unless `leaf` stands at the beneficiary's place.
    function _requireLeaf(bytes32 root, uint32 count, uint32 number, bytes32 leaf, bytes32[] calldata proof)
        private
        pure
    {
        bool stands = number != 0 && TreeNodes.verify(root, count, 0, number - 1, leaf, proof);
        require(stands, EpochRoots_BadProof());
    }

    function _leaf(uint32 number, uint96 cumulative) private pure returns (bytes32) {
        // `MerkleTree.leafHash` without its copy.
        return keccak256(abi.encodePacked(bytes1(0), number, cumulative));
    }

    function _shareLeaf(Share calldata share) private pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(share.number, share.shares, share.detail));
    }

    function _schedule() private view returns (Schedule memory) {
        return Schedule(_cap, _first, _halving);
    }

    function _id() private view returns (uint256) {
        return uint256(uint160(_token));
    }
}
