// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Credit, ILedger} from "../ledger/ILedger.sol";
import {IStaking} from "../staking/IStaking.sol";
import {IValidatorSeats, Seat} from "./IValidatorSeats.sol";
import {Payout} from "./libraries/Payout.sol";

/// @title ValidatorSeats
/// @notice Tables of validators, one for each service; `IValidatorSeats` says what each move does. No admin.
contract ValidatorSeats is IValidatorSeats {
    using Checkpoints for Checkpoints.Trace160;

    /// @dev Both traces are keyed by time: who holds a number, and how many numbers are held.
    struct Table {
        mapping(uint256 number => Checkpoints.Trace160) holders;
        Checkpoints.Trace160 count;
        mapping(address validator => Seat) seats;
    }

    /// @inheritdoc IValidatorSeats
    uint256 public constant SLASH_BURN = 5000;
    /// @inheritdoc IValidatorSeats
    uint256 public constant SLASH_REWARD = 2500;
    /// @inheritdoc IValidatorSeats
    uint256 public constant OWN_SHARE = 6000;

    /// @inheritdoc IValidatorSeats
    IStaking public immutable staking;
    /// @inheritdoc IValidatorSeats
    uint128 public immutable seatStake;
    /// @inheritdoc IValidatorSeats
    uint128 public immutable ownMinimum;
    /// @inheritdoc IValidatorSeats
    uint32 public immutable exitDelay;

    ILedger private immutable _ledger;
    address private immutable _burn;
    uint256 private immutable _tokenId;

    mapping(address service => Table) private _tables;

    /// @param staking_ Where the stake lies.
    /// @param ledger The ledger that holds it.
    /// @param seatStake_ What a seat locks.
    /// @param exitDelay_ Seconds from leaving until the stake comes free.
    constructor(IStaking staking_, ILedger ledger, uint128 seatStake_, uint32 exitDelay_) {
        require(seatStake_ != 0, ValidatorSeats_BadParameter("seatStake"));
        require(exitDelay_ != 0, ValidatorSeats_BadParameter("exitDelay"));
        (staking, seatStake, exitDelay) = (staking_, seatStake_, exitDelay_);
        // No more than the seat's stake, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        ownMinimum = uint128(Payout.partUp(seatStake_, OWN_SHARE));
        uint256 id = uint256(uint160(staking_.token()));
        (_ledger, _burn, _tokenId) = (ledger, ledger.BURN(), id);
        // `reward` passes on what it is given; nothing else ever lies here.
        assert(ledger.approve(address(staking_), id, type(uint256).max));
    }

    /* VIEWS */

    /// @inheritdoc IValidatorSeats
    function seatOf(address service, address validator) external view returns (Seat memory) {
        return _tables[service].seats[validator];
    }

    /// @inheritdoc IValidatorSeats
    function seatCount(address service) external view returns (uint256) {
        return _tables[service].count.latest();
    }

    /// @inheritdoc IValidatorSeats
    function pick(address service, bytes32 seed, uint256 wanted, uint40 time, address excluded)
        external
        view
        returns (address[] memory drawn)
    {
        Table storage table = _tables[service];
        uint256 seats = table.count.upperLookupRecent(time);
        drawn = new address[](wanted);
        uint256[] memory picked = new uint256[](wanted + 1);
        uint256 found;
        // One pick more than wanted, for the excluded may be among them. The bias of the modulo is below 2^-200.
        for (uint256 i; i <= wanted && i < seats && found < wanted; ++i) {
            uint256 choice = uint256(keccak256(abi.encode(seed, i))) % (seats - i);
            uint256 number = _nth(picked, i, choice) + 1;
            address holder = address(table.holders[number].upperLookupRecent(time));
            if (holder != excluded) drawn[found++] = holder;
        }
        assembly ("memory-safe") {
            mstore(drawn, found)
        }
    }

    /* VALIDATORS */

    /// @inheritdoc IValidatorSeats
    function takeSeat(address service) external {
        Table storage table = _tables[service];
        Seat memory seat = table.seats[msg.sender];
        require(seat.number == 0 && seat.stake == 0, ValidatorSeats_Seated(msg.sender, seat.releasableAt));
        // forge-lint: disable-next-line(unsafe-typecast)
        uint32 number = uint32(table.count.latest()) + 1;
        table.seats[msg.sender] = Seat(number, 0, seatStake);
        _sit(table, number, msg.sender);
        table.count.push(uint96(block.timestamp), number);
        emit Seated(service, msg.sender, number, seatStake);
        staking.lockWith(msg.sender, seatStake, ownMinimum);
    }

    /// @inheritdoc IValidatorSeats
    function leaveSeat(address service) external {
        _leave(service, msg.sender);
    }

    /* ANYONE */

    /// @inheritdoc IValidatorSeats
    function evict(address service, address validator, address delegator) external {
        uint256 overdue = staking.overdueOf(validator, address(this), delegator);
        require(overdue != 0, ValidatorSeats_NotOverdue(validator, delegator));
        emit Evicted(service, validator, delegator, overdue);
        _leave(service, validator);
    }

    /// @inheritdoc IValidatorSeats
    function releaseSeat(address service, address validator) external {
        Seat memory seat = _tables[service].seats[validator];
        require(seat.stake != 0, ValidatorSeats_NotSeated(validator));
        bool free = seat.number == 0 && block.timestamp >= seat.releasableAt;
        require(free, ValidatorSeats_Seated(validator, seat.releasableAt));
        delete _tables[service].seats[validator];
        emit SeatReleased(service, validator, seat.stake);
        staking.unlockWith(validator, seat.stake);
    }

    /* SERVICES */

    /// @inheritdoc IValidatorSeats
    function slash(address validator, address beneficiary, address customer) external returns (uint256 amount) {
        Seat storage seat = _tables[msg.sender].seats[validator];
        amount = seat.stake;
        if (amount == 0) return 0;
        if (seat.number != 0) _unseat(msg.sender, validator, uint40(block.timestamp));
        seat.stake = 0;
        Credit[] memory credits = Payout.slashing(amount, SLASH_BURN, SLASH_REWARD, _burn, beneficiary, customer);
        emit SeatSlashed(msg.sender, validator, amount, beneficiary, credits[1].amount, customer);
        staking.slashWith(validator, amount, credits);
    }

    /// @inheritdoc IValidatorSeats
    function reward(Credit[] calldata rewards) external {
        uint256 sum;
        for (uint256 i; i < rewards.length; ++i) {
            sum += rewards[i].amount;
        }
        if (sum == 0) return;
        // The ledger reverts rather than answer false.
        assert(_ledger.transferFrom(msg.sender, address(this), _tokenId, sum));
        for (uint256 i; i < rewards.length; ++i) {
            if (rewards[i].amount != 0) staking.reward(rewards[i].to, rewards[i].amount);
        }
    }

    /* INTERNAL */

    /// @dev Draws of earlier commits bind the validator until the delay is over.
    function _leave(address service, address validator) private {
        require(_tables[service].seats[validator].number != 0, ValidatorSeats_NotSeated(validator));
        _unseat(service, validator, uint40(block.timestamp) + exitDelay);
    }

    /// @dev The last one of the table moves to the place that comes free.
    function _unseat(address service, address validator, uint40 releasableAt) private {
        Table storage table = _tables[service];
        Seat storage seat = table.seats[validator];
        uint32 number = seat.number;
        uint160 last = table.count.latest();
        address moved;
        if (number != last) {
            moved = address(table.holders[last].latest());
            _sit(table, number, moved);
            table.seats[moved].number = number;
        }
        table.count.push(uint96(block.timestamp), last - 1);
        (seat.number, seat.releasableAt) = (0, releasableAt);
        emit Unseated(service, validator, number, moved, releasableAt);
    }

    function _sit(Table storage table, uint256 number, address validator) private {
        table.holders[number].push(uint96(block.timestamp), uint160(validator));
    }

    /// @dev The number `choice` (counted from 0) of those not among the first `length` of `picked`, which are kept in ascending
    /// order; it is added to them.
    function _nth(uint256[] memory picked, uint256 length, uint256 choice) private pure returns (uint256) {
        uint256 i;
        for (; i < length && picked[i] <= choice; ++i) {
            ++choice;
        }
        for (uint256 j = length; j > i; --j) {
            picked[j] = picked[j - 1];
        }
        picked[i] = choice;
        return choice;
    }
}
