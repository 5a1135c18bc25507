// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title FeeSchedule
/// @notice The protocol's take rate per token, in basis points, and the community pool that it goes to.
/// @dev Rates may be changed by the authority (OpenZeppelin AccessManager) within `MAX_RATE`; open orders keep the rate
/// that they were opened with. The pool is fixed at deployment.
interface IFeeSchedule {
    /// @notice The default rate changed.
    event DefaultRateSet(uint16 rate);
    /// @notice `token`'s own rate changed.
    event RateSet(address indexed token, uint16 rate);

    /// @notice `rate` exceeds the bound that no authority can pass.
    error FeeSchedule_RateTooHigh(uint16 rate, uint16 maximum);
    /// @notice The community pool must be an account.
    error FeeSchedule_ZeroPool();

    /// @notice The highest rate that can be set: 1,000 basis points (10 %).
    function MAX_RATE() external view returns (uint16);
    /// @notice The ledger account that receives fees.
    function pool() external view returns (address);
    /// @notice The rate for payments in `token`, in basis points.
    function rateOf(address token) external view returns (uint16);
    /// @notice Sets the rate of tokens that have none of their own. Only the authority.
    function setDefaultRate(uint16 rate) external;
    /// @notice Sets `token`'s own rate, zero included. Only the authority.
    function setRate(address token, uint16 rate) external;
}
