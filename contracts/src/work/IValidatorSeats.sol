// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

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
/// @dev A validator provisions stake for this contract in `Staking`; a seat locks `seatStake` of it. INVARIANT: the numbers of a
/// table run from 1 to its count without a gap, at any time.
interface IValidatorSeats {
    /// @notice `validator` took seat `number`.
    event Seated(address indexed service, address indexed validator, uint32 number, uint256 stake);
    /// @notice `validator` left its seat (or lost it); `moved` sits there now, if not zero. Its stake comes free at `releasableAt`.
    event Unseated(
        address indexed service, address indexed validator, uint32 number, address moved, uint40 releasableAt
    );
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
    /// @notice The validator holds no seat.
    error ValidatorSeats_NotSeated(address validator);
    /// @notice The deployment's seat stake or exit delay is zero.
    error ValidatorSeats_BadParameter(bytes32 what);

    /// @notice Part of a slashed seat that is burned, in basis points: 5,000.
    function SLASH_BURN() external view returns (uint256);
    /// @notice Part of a slashed seat that goes to the beneficiary, in basis points: 2,500. The customer receives the rest.
    function SLASH_REWARD() external view returns (uint256);
    /// @notice Where the stake lies.
    function staking() external view returns (IStaking);
    /// @notice What a seat locks, in the stake token.
    function seatStake() external view returns (uint128);
    /// @notice Seconds from leaving a seat until its stake comes free. It outlasts delay, draw and dispute.
    function exitDelay() external view returns (uint32);

    /// @notice Takes a seat of `service` for the caller, with `seatStake` of its provision for this contract.
    function takeSeat(address service) external;
    /// @notice Leaves the seat. Draws of earlier commits still bind the caller. Nobody can pause this.
    function leaveSeat(address service) external;
    /// @notice Frees the stake of a seat that was left `exitDelay` ago. Nobody can pause this.
    function releaseSeat(address service) external;
    /// @notice Slashes the whole seat of `validator`, seated or leaving. The caller is the service. Nothing happens where nothing is
    /// left.
    function slash(address validator, address beneficiary, address customer) external returns (uint256 amount);

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
