// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Parameters} from "../IVerification.sol";
import {Order} from "../WorkTypes.sol";
import {Terms} from "./Terms.sol";

/// @title Deterrence
/// @notice The inequalities that make a lie lose in expectation; docs/economics.md derives them. `p` is the policy's rate, `r` the
/// colluding share of the seats, `v` the validators a task, `b` and `c` the burned share of slashed stake and the accuser's, all
/// rates in basis points; `R` is the highest price of a batch and `S` its stake.
library Deterrence {
    using Terms for Order;

    uint256 internal constant BASIS = 10_000;
    /// @notice Gas of a whole dispute, all moves of both sides.
    uint256 internal constant DISPUTE_GAS = 2_000_000;
    /// @notice Gas of a validator's moves in a draw.
    uint256 internal constant VALIDATOR_GAS = 170_000;

    /// @notice The stake that a batch of `count` tasks must exceed.
    function stakeNeeded(Order calldata order, uint256 count, Parameters memory chosen, uint256 burn, uint256 reward)
        internal
        pure
        returns (uint256 needed)
    {
        uint256 price = order.reserve(count);
        // p (1 - r) (R + b S) > R: only what is burned deters who accuses himself.
        uint256 found = uint256(order.policy.rate) * (BASIS - chosen.colluding);
        needed = price * (BASIS * BASIS - found) * BASIS / (found * burn);
        // p v (1 - r) c S > R: every drawn validator that is not the provider's own forgoes the accuser's part if it is bribed.
        uint256 bribe = price * BASIS * BASIS * BASIS / (found * order.policy.validators * reward);
        // c S >= 2 G: a lone challenger earns twice what a dispute costs.
        uint256 dispute = (2 * DISPUTE_GAS * uint256(chosen.gasPrice) * BASIS + reward - 1) / reward;
        if (bribe > needed) needed = bribe;
        if (dispute > needed + 1) needed = dispute - 1;
    }

    /// @notice The least fee of a validator: the highest price of the task that it computes again, and its gas.
    function feeNeeded(Order calldata order, Parameters memory chosen) internal pure returns (uint256) {
        return order.reserve(1) + VALIDATOR_GAS * uint256(chosen.gasPrice);
    }
}
