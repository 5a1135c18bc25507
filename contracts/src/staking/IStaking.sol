// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../ledger/ILedger.sol";

/// @notice What an operator has put behind one service.
/// @param stake Everything provisioned, locked and thawing parts included.
/// @param locked Part that open obligations hold; it can be slashed and cannot leave.
/// @param thawing Part on its way out; it backs no new obligation.
/// @param thawedAt When the thawing part may be withdrawn (Unix seconds); 0 when nothing thaws.
struct Provision {
    uint128 stake;
    uint128 locked;
    uint128 thawing;
    uint40 thawedAt;
}

/// @title Staking
/// @notice Provisions of one stake token per (operator, service). A service is a contract; by provisioning to it an operator
/// names it as the only account that may lock and slash that provision. No list of services exists that anybody
/// could change, and a provision serves one service only.
/// @dev INVARIANT: stake >= locked + thawing for every provision. INVARIANT: this contract's ledger balance >= sum of stakes.
/// Exits are always open: nobody can pause `thaw` or `withdraw`, and what is locked is freed by the service's own rules.
interface IStaking {
    /// @notice `from` added `amount` to the provision of `operator` for `service`.
    event Staked(address indexed operator, address indexed service, address from, uint256 amount);
    /// @notice `amount` more thaws; the whole thawing part is free at `thawedAt`.
    event ThawStarted(address indexed operator, address indexed service, uint256 amount, uint40 thawedAt);
    /// @notice The thawed part went back to the operator's ledger account.
    event Withdrawn(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service locked `amount`.
    event Locked(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service released `amount`.
    event Unlocked(address indexed operator, address indexed service, uint256 amount);
    /// @notice The service took `amount` of the locked stake away.
    event Slashed(address indexed operator, address indexed service, uint256 amount);

    /// @notice The free stake (own, neither locked nor thawing) does not cover `wanted`.
    error Staking_InsufficientStake(address operator, address service, uint256 free, uint256 wanted);
    /// @notice More than what is locked was to be released or slashed.
    error Staking_NotLocked(address operator, address service, uint256 locked, uint256 wanted);
    /// @notice Nothing can be withdrawn before `thawedAt` (0: nothing thaws).
    error Staking_NotThawed(uint40 thawedAt);
    /// @notice An amount of zero, or one that takes the provision beyond 128 bits.
    error Staking_BadAmount(uint256 amount);
    /// @notice The credits of a slash must add up to the amount slashed.
    error Staking_CreditsMismatch(uint256 amount, uint256 credits);

    /// @notice The token that is staked (zero: native currency).
    function token() external view returns (address);
    /// @notice Seconds between `thaw` and `withdraw`.
    function thawPeriod() external view returns (uint32);
    /// @notice The provision of `operator` for `service`.
    function provisionOf(address operator, address service) external view returns (Provision memory);
    /// @notice What `service` could lock now: stake - locked - thawing.
    function freeStake(address operator, address service) external view returns (uint256);

    /// @notice Moves `amount` from the caller's ledger balance into the provision of `operator` for `service`.
    /// @dev Requirements: the caller approved this contract for `amount` of the stake token on the ledger.
    function stake(address operator, address service, uint256 amount) external;
    /// @notice Starts the exit of `amount` of the caller's free stake. One clock a provision: a later call restarts it for
    /// the whole thawing part, so there is no list that could grow.
    function thaw(address service, uint256 amount) external;
    /// @notice Credits the caller's ledger account with the whole thawed part.
    function withdraw(address service) external returns (uint256 amount);

    /// @notice Locks `amount` of `operator`'s free stake. The caller is the service. Zero does nothing.
    function lock(address operator, uint256 amount) external;
    /// @notice Releases `amount`. The caller is the service. Zero does nothing.
    function unlock(address operator, uint256 amount) external;
    /// @notice Takes `amount` of the locked stake and credits it. The caller is the service. Zero does nothing.
    /// @dev Requirements: `amount` is locked; the credits add up to it.
    function slash(address operator, uint256 amount, Credit[] calldata credits) external;
}
