// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Credit} from "../../ledger/ILedger.sol";
import {Batch, Order} from "../WorkTypes.sol";
import {Terms} from "./Terms.sol";

/// @notice How a batch's reservation is divided. The four parts add up to it.
struct Shares {
    uint256 provider;
    uint256 fee;
    uint256 royalties;
    uint256 refund;
}

/// @title Payout
/// @notice Who receives what, rounding stated.
library Payout {
    /// @notice Basis points of the whole.
    uint256 internal constant BASIS = 10_000;

    /// @notice Divides a settled batch's reservation: the fee rounded up, each royalty rounded down, the provider the rest of the
    /// gross amount, and what the units did not use, with `unspent` that the batch set aside for a draw, back to the customer.
    /// @dev The fee schedule bounds the fee by 10 % and the registry all royalties by 50 %, so that the rest is never negative:
    /// for a gross amount of 1 the fee takes it all, and from 2 on the rounded-up fee is at most one half.
    function settlement(Order calldata order, Batch calldata batch, uint256 unspent)
        internal
        pure
        returns (Credit[] memory credits, Shares memory shares)
    {
        uint256 royalties = order.royalties.length;
        uint256 gross = uint256(order.unitPrice) * batch.units;
        credits = new Credit[](royalties + 3);
        for (uint256 i = 0; i < royalties; ++i) {
            uint256 amount = gross * order.royalties[i].share / BASIS;
            credits[i] = Credit(order.royalties[i].account, amount);
            shares.royalties += amount;
        }
        shares.fee = partUp(gross, order.feeRate);
        shares.provider = gross - shares.fee - shares.royalties;
        shares.refund = Terms.reserve(order, batch.count) + unspent - gross;
        credits[royalties] = Credit(batch.provider, shares.provider);
        credits[royalties + 1] = Credit(order.feeRecipient, shares.fee);
        credits[royalties + 2] = Credit(order.customer, shares.refund);
    }

    /// @notice Divides slashed stake: `burnRate` of it (rounded up) burned, `rewardRate` (rounded down) to `beneficiary`, the rest
    /// to `customer`.
    function slashing(
        uint256 stake,
        uint256 burnRate,
        uint256 rewardRate,
        address burn,
        address beneficiary,
        address customer
    ) internal pure returns (Credit[] memory credits) {
        uint256 burned = partUp(stake, burnRate);
        uint256 reward = stake * rewardRate / BASIS;
        credits = new Credit[](3);
        credits[0] = Credit(burn, burned);
        credits[1] = Credit(beneficiary, reward);
        credits[2] = Credit(customer, stake - burned - reward);
    }

    /// @notice `rate` basis points of `amount`, rounded up.
    function partUp(uint256 amount, uint256 rate) internal pure returns (uint256) {
        return (amount * rate + BASIS - 1) / BASIS;
    }

    /// @notice A payment to one account.
    function single(address to, uint256 amount) internal pure returns (Credit[] memory credits) {
        credits = new Credit[](1);
        credits[0] = Credit(to, amount);
    }
}
