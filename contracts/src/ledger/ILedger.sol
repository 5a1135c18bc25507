// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC6909, IERC6909TokenSupply} from "@openzeppelin/contracts/interfaces/IERC6909.sol";

/// @notice One credit of a payment: `amount` to the ledger account `to`.
struct Credit {
    address to;
    uint256 amount;
}

/// @title Ledger
/// @notice Holds every token of the suite. A balance here is an ERC-6909 balance whose id is the token's address
/// (`uint256(uint160(token))`), zero for the chain's native currency.
/// Deposits and withdrawals are ERC-6909 mints and burns, so the `Transfer` event alone rebuilds every balance.
/// @dev INVARIANT: for every token, the sum of all balances (`totalSupply(id)`) is at most what this contract holds.
/// Claimed for plain ERC-20 tokens. Tokens that take a fee on transfer are refused at deposit; tokens whose balances
/// change by themselves (rebasing) must be wrapped first, since no deposit check can see a later rebase.
/// Tokens sent to this contract without a deposit are donations: they are credited to nobody.
interface ILedger is IERC6909, IERC6909TokenSupply {
    /// @notice The amount that arrived (or left) is not the amount stated: a fee-taking or rebasing token.
    error Ledger_InexactTransfer(address token, uint256 expected, uint256 actual);
    /// @notice `deposit` and `depositWithPermit` take ERC-20 tokens; the native currency goes through `depositNative`.
    error Ledger_NotAToken(address token);
    /// @notice An amount of zero moves nothing.
    error Ledger_ZeroAmount();
    /// @notice The native transfer to `to` failed; withdraw to an account that can receive it.
    error Ledger_NativeTransferFailed(address to, uint256 amount);

    /// @notice The ledger account of burned funds. Nobody holds its key and no function spends from it.
    function BURN() external view returns (address);

    /// @notice Moves `amount` of the ERC-20 `token` from the caller into the ledger, credited to `to`.
    /// @dev Effects: raises `to`'s balance by exactly `amount`.
    /// Requirements: the caller approved this contract on `token`; what arrives equals `amount`.
    function deposit(address token, address to, uint256 amount) external;

    /// @notice Credits `msg.value` of the native currency to `to`.
    function depositNative(address to) external payable;

    /// @notice `deposit` preceded by an ERC-2612 permit of the caller.
    /// @dev A permit that fails is not fatal: somebody may have used it already, and then the allowance stands.
    function depositWithPermit(
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Burns `amount` of the caller's balance and sends the tokens to `to` (`token` zero: native currency).
    /// @dev Nobody can pause this. Requirements: balance at least `amount`; exactly `amount` leaves the ledger.
    function withdraw(address token, address to, uint256 amount) external;

    /// @notice Pays several accounts out of the caller's balance in one call.
    /// @dev One `Transfer` per credit of more than zero. Requirements: the caller's balance covers the sum.
    function pay(address token, Credit[] calldata credits) external;
}
