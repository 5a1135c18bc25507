// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../ledger/ILedger.sol";
import {IStaking} from "../staking/IStaking.sol";

/// @notice A validator's seat for one service: one slot.
/// @param number Place in the service's table, counted from 1; zero while not seated.
/// @param releasableAt Once it was left: when its stake comes free (Unix seconds).
/// @param stake What it locks.
struct Seat {
    uint32 number;
    uint40 releasableAt;
    uint128 stake;
}

/// @title ValidatorSeats
/// @notice Who validates: a table of seats for each service, one a validator, all of equal stake, with their past, so that a lot can be
/// drawn from those who sat there at any time. A service is a verification contract; by taking a seat a validator names it as the
/// only account that may slash that seat. No list of services exists that anybody could change.
///
/// A seat locks `seatStake` of what the validator provisioned for this contract in `Staking`, its own first; what is missing is taken
/// from what others delegated to it. At least `ownMinimum` is its own. A slash brings back to its beneficiaries what is not burned,
/// half of the seat, and a validator could be all of them, or name a service that slashes at its will. So more than half is its own,
/// and takes the loss first: having oneself slashed always costs more than it brings, however many seats and services there are.
///
/// Delegators share the fees as their stake is locked, and slashes that own stake does not cover. Whoever asked to leave and finds its
/// stake locked after its thaw may `evict` the validator: the seat is left as by `leaveSeat`, bound for `exitDelay` and slashable, and
/// then anyone may release it. Stake of those who thaw backs no new seat. So nobody leaves between a fault and its slash, and nobody
/// stays longer than the thaw and the exit delay.
///
/// Hazard for delegators: where the thaw period is shorter than `exitDelay` and the pool is larger than what seats lock, those who leave
/// first leave the loss of a slash to come to those who stay.
/// @dev INVARIANT: the numbers of a table run from 1 to its count without a gap, at any time. INVARIANT: of what a validator's seats
/// here lost to slashes, no more was delegated than its own.
interface IValidatorSeats {
    /// @notice `validator` took seat `number`.
    event Seated(address indexed service, address indexed validator, uint32 number, uint256 stake);
    /// @notice `validator` left its seat (or lost it); `moved` sits there now, if not zero. Its stake comes free at `releasableAt`.
    event Unseated(
        address indexed service, address indexed validator, uint32 number, address moved, uint40 releasableAt
    );
    /// @notice The seat is left because stake of `delegator` is locked that has thawed: `overdue`.
    event Evicted(address indexed service, address indexed validator, address indexed delegator, uint256 overdue);
    /// @notice The stake of a former seat was freed.
    event SeatReleased(address indexed service, address indexed validator, uint256 stake);
    /// @notice The service took a seat's stake: `reward` to `beneficiary`, a part burned, the rest to `customer`.
    event SeatSlashed(
        address indexed service,
        address indexed validator,
        uint256 stake,
        address beneficiary,
        uint256 reward,
        address customer
    );

    /// @notice The validator holds a seat, or one whose stake is not free before `releasableAt`.
    error ValidatorSeats_Seated(address validator, uint40 releasableAt);
    /// @notice Nothing that has thawed for `delegator` is locked.
    error ValidatorSeats_NotOverdue(address validator, address delegator);
    /// @notice The validator holds no seat.
    error ValidatorSeats_NotSeated(address validator);
    /// @notice The deployment's seat stake or exit delay is zero.
    error ValidatorSeats_BadParameter(bytes32 what);

    /// @notice Part of a slashed seat that is burned, in basis points: 5,000.
    function SLASH_BURN() external view returns (uint256);
    /// @notice Part of a slashed seat that goes to the beneficiary, in basis points: 2,500. The customer receives the rest.
    function SLASH_REWARD() external view returns (uint256);
    /// @notice Part of a seat that is the validator's own, in basis points: 6,000.
    function OWN_SHARE() external view returns (uint256);
    /// @notice Where the stake lies.
    function staking() external view returns (IStaking);
    /// @notice What a seat locks, in the stake token.
    function seatStake() external view returns (uint128);
    /// @notice What of it is the validator's own at least: `OWN_SHARE`, rounded up.
    function ownMinimum() external view returns (uint128);
    /// @notice Seconds from leaving a seat until its stake comes free. It outlasts delay, draw and dispute.
    function exitDelay() external view returns (uint32);

    /// @notice Takes a seat of `service` for the caller, with `seatStake` of its provision for this contract and of what is
    /// delegated to it.
    function takeSeat(address service) external;
    /// @notice Leaves the seat. Draws of earlier commits still bind the caller. Nobody can pause this.
    function leaveSeat(address service) external;
    /// @notice Ends the seat of a validator that holds stake of `delegator` locked after its thaw (`Staking.overdueOf`). Anyone. A
    /// validator prevents it by having as much delegated anew before the thaw is over.
    function evict(address service, address validator, address delegator) external;
    /// @notice Frees the stake of a seat that was left `exitDelay` ago, delegated stake first. Anyone; nobody can pause this.
    function releaseSeat(address service, address validator) external;
    /// @notice Slashes the whole seat of `validator`, seated or leaving. The caller is the service. Nothing happens where nothing is
    /// left.
    function slash(address validator, address beneficiary, address customer) external returns (uint256 amount);
    /// @notice Pays validators, out of the caller's ledger balance in the stake token, by `Staking.reward`: own and delegated stake
    /// share as they are locked. The caller is the service. Credits of zero are passed over.
    /// @dev Requirements: the caller approved this contract for the sum on the ledger.
    function reward(Credit[] calldata rewards) external;

    /// @notice A validator's seat.
    function seatOf(address service, address validator) external view returns (Seat memory);
    /// @notice Seats of a service now.
    function seatCount(address service) external view returns (uint256);
    /// @notice Draws `wanted` distinct validators of those who held a seat at the end of the second `time`, without `excluded`; every
    /// order is equally likely. Fewer, if fewer held one.
    function pick(address service, bytes32 seed, uint256 wanted, uint40 time, address excluded)
        external
        view
        returns (address[] memory drawn);
}
