// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {ILicenseStaking, LicenseDelegation, Operator, Run} from "./ILicenseStaking.sol";
import {INodeLicense} from "./INodeLicense.sol";

/// @title LicenseStaking
/// @notice `ILicenseStaking` says what each move does. No admin.
/// @dev Traces are keyed by the epoch from which on a value holds, which is the next one: so keys never fall, and what an epoch that
/// has begun is told stays so.
contract LicenseStaking is ILicenseStaking {
    using Checkpoints for Checkpoints.Trace160;
    using Checkpoints for Checkpoints.Trace208;

    uint16 private constant BASIS = 10_000;
    uint208 private constant RATE_BITS = 16;

    /// @inheritdoc ILicenseStaking
    INodeLicense public immutable license;
    /// @inheritdoc ILicenseStaking
    uint32 public immutable licenses;
    /// @inheritdoc ILicenseStaking
    uint40 public immutable genesis;
    /// @inheritdoc ILicenseStaking
    uint32 public immutable epochLength;
    /// @inheritdoc ILicenseStaking
    uint32 public immutable thawEpochs;

    Operator[] private _operators;
    Checkpoints.Trace208 private _counts;
    mapping(uint32 number => Checkpoints.Trace160) private _keys;
    mapping(uint32 number => Checkpoints.Trace208) private _delegated;
    /// @dev An operator's number and a rate.
    mapping(uint256 id => Checkpoints.Trace208) private _runs;
    mapping(uint256 id => LicenseDelegation) private _delegations;
    /// @inheritdoc ILicenseStaking
    mapping(address account => uint32) public numberOf;

    /// @param license_ The collection.
    /// @param licenses_ The highest id that it can have.
    /// @param genesis_ When epoch 0 begins.
    /// @param epochLength_ Seconds of an epoch.
    /// @param thawEpochs_ Epochs that a licence rests.
    constructor(INodeLicense license_, uint32 licenses_, uint40 genesis_, uint32 epochLength_, uint32 thawEpochs_) {
        require(licenses_ != 0 && licenses_ < type(uint32).max >> 1, LicenseStaking_BadTerms("licenses"));
        require(epochLength_ != 0, LicenseStaking_BadTerms("epochLength"));
        require(thawEpochs_ <= 10_000, LicenseStaking_BadTerms("thawEpochs"));
        (license, licenses, genesis) = (license_, licenses_, genesis_);
        (epochLength, thawEpochs) = (epochLength_, thawEpochs_);
    }

    /* VIEWS */

    /// @inheritdoc ILicenseStaking
    function currentEpoch() public view returns (uint32) {
        if (block.timestamp <= genesis) return 0;
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32((block.timestamp - genesis) / epochLength);
    }

    /// @inheritdoc ILicenseStaking
    function operatorAt(uint32 number) external view returns (Operator memory) {
        return _operator(number);
    }

    /// @inheritdoc ILicenseStaking
    function operatorsIn(uint32 epoch) external view returns (uint32) {
        return uint32(_counts.upperLookupRecent(_begun(epoch)));
    }

    /// @inheritdoc ILicenseStaking
    function keyIn(uint32 number, uint32 epoch) external view returns (address) {
        return address(_keys[number].upperLookupRecent(_begun(epoch)));
    }

    /// @inheritdoc ILicenseStaking
    function runIn(uint256 id, uint32 epoch) external view returns (Run memory) {
        uint208 run = _runs[id].upperLookupRecent(_begun(epoch));
        // forge-lint: disable-next-line(unsafe-typecast)
        return Run(uint32(run >> RATE_BITS), uint16(run));
    }

    /// @inheritdoc ILicenseStaking
    function delegatedIn(uint32 number, uint32 epoch) external view returns (uint32) {
        return uint32(_delegated[number].upperLookupRecent(_begun(epoch)));
    }

    /// @inheritdoc ILicenseStaking
    function delegationOf(uint256 id) external view returns (LicenseDelegation memory) {
        return _delegations[id];
    }

    /* OPERATORS */

    /// @inheritdoc ILicenseStaking
    function register(address key, uint16 rate, uint32 cap) external returns (uint32 number) {
        require(numberOf[msg.sender] == 0, LicenseStaking_Registered(msg.sender));
        require(rate <= BASIS, LicenseStaking_BadRate(rate));
        _operators.push(Operator({account: msg.sender, rate: rate, cap: cap, delegated: 0}));
        // Casting is safe: nobody pays for so many.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint32 count = uint32(_operators.length);
        number = licenses + count;
        numberOf[msg.sender] = number;
        _counts.push(_nextEpoch(), count);
        emit Registered(number, msg.sender);
        emit OfferSet(number, rate, cap);
        _setKey(number, key);
    }

    /// @inheritdoc ILicenseStaking
    function setOffer(uint16 rate, uint32 cap) external {
        require(rate <= BASIS, LicenseStaking_BadRate(rate));
        uint32 number = numberOf[msg.sender];
        Operator storage operator = _operator(number);
        (operator.rate, operator.cap) = (rate, cap);
        emit OfferSet(number, rate, cap);
    }

    /// @inheritdoc ILicenseStaking
    function setKey(address key) external {
        uint32 number = numberOf[msg.sender];
        require(number != 0, LicenseStaking_NoOperator());
        _setKey(number, key);
    }

    /* OWNERS */

    /// @inheritdoc ILicenseStaking
    function delegate(uint256[] calldata ids, uint32 number, uint16 rate) external {
        Operator storage operator = _operator(number);
        require(rate == operator.rate, LicenseStaking_BadRate(operator.rate));
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            _requireOwner(id);
            LicenseDelegation memory last = _delegations[id];
            if (last.owner == msg.sender) {
                require(last.operator == 0, LicenseStaking_Delegated(id, last.operator));
                require(_nextEpoch() >= last.freeAt, LicenseStaking_Thawing(id, last.freeAt));
            } else if (last.operator != 0) {
                _leave(last.operator);
            }
            _delegations[id] = LicenseDelegation({owner: msg.sender, operator: number, freeAt: 0});
            require(++operator.delegated <= operator.cap, LicenseStaking_OverCap(number, operator.cap));
            _runs[id].push(_nextEpoch(), uint208(number) << RATE_BITS | rate);
            emit LicenseDelegated(id, number, msg.sender, rate, _nextEpoch());
        }
        _delegated[number].push(_nextEpoch(), operator.delegated);
    }

    /// @inheritdoc ILicenseStaking
    function undelegate(uint256[] calldata ids) external {
        for (uint256 i; i < ids.length; ++i) {
            _requireOwner(ids[i]);
            _end(ids[i], _nextEpoch() + thawEpochs);
        }
    }

    /* ANYONE */

    /// @inheritdoc ILicenseStaking
    function release(uint256[] calldata ids) external {
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            require(!_isOwned(id, _delegations[id].owner), LicenseStaking_StillOwned(id));
            _end(id, 0);
        }
    }

    /* INTERNAL */

    /// @dev Ends a delegation with this epoch.
    function _end(uint256 id, uint32 freeAt) private {
        LicenseDelegation storage delegation = _delegations[id];
        uint32 number = delegation.operator;
        require(number != 0, LicenseStaking_NotDelegated(id));
        (delegation.operator, delegation.freeAt) = (0, freeAt);
        _leave(number);
        _runs[id].push(_nextEpoch(), 0);
        emit LicenseUndelegated(id, number, _nextEpoch(), freeAt);
    }

    /// @dev One licence less for the operator, from the next epoch on.
    function _leave(uint32 number) private {
        _delegated[number].push(_nextEpoch(), --_operator(number).delegated);
    }

    function _setKey(uint32 number, address key) private {
        _keys[number].push(_nextEpoch(), uint160(key));
        emit KeySet(number, key, _nextEpoch());
    }

    /// @dev The epoch from which on holds what is said now.
    function _nextEpoch() private view returns (uint32) {
        return block.timestamp < genesis ? 0 : currentEpoch() + 1;
    }

    /// @dev The epoch, which must have begun: nothing that holds in it can change any more.
    function _begun(uint32 epoch) private view returns (uint32) {
        require(epoch < _nextEpoch(), LicenseStaking_Future(epoch));
        return epoch;
    }

    function _operator(uint32 number) private view returns (Operator storage) {
        require(number > licenses && number - licenses <= _operators.length, LicenseStaking_NoOperator());
        return _operators[number - licenses - 1];
    }

    function _requireOwner(uint256 id) private view {
        require(license.ownerOf(id) == msg.sender, LicenseStaking_NotTheOwner(id, msg.sender));
    }

    /// @dev Whether the account owns the licence. A burned one has no owner.
    function _isOwned(uint256 id, address account) private view returns (bool) {
        try license.ownerOf(id) returns (address owner) {
            return owner == account;
        } catch {
            return false;
        }
    }
}
