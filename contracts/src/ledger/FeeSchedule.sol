// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IFeeSchedule} from "./IFeeSchedule.sol";

/// @title FeeSchedule
/// @notice Take rates behind an OpenZeppelin AccessManager, and the pool that they feed.
contract FeeSchedule is IFeeSchedule, AccessManaged {
    /// @dev A token's own rate; `own` tells a rate of zero from none.
    struct Rate {
        bool own;
        uint16 rate;
    }

    /// @inheritdoc IFeeSchedule
    uint16 public constant MAX_RATE = 1000;

    /// @inheritdoc IFeeSchedule
    address public immutable pool;

    /* STORAGE */

    /// @notice The rate of tokens that have none of their own.
    uint16 public defaultRate;

    mapping(address token => Rate) private _rates;

    /// @param authority_ The AccessManager that decides who may set rates.
    /// @param pool_ The ledger account that receives fees.
    /// @param defaultRate_ The first default rate, in basis points.
    constructor(address authority_, address pool_, uint16 defaultRate_) AccessManaged(authority_) {
        require(pool_ != address(0), FeeSchedule_ZeroPool());
        pool = pool_;
        _setDefaultRate(defaultRate_);
    }

    /* RATES */

    /// @inheritdoc IFeeSchedule
    function setDefaultRate(uint16 rate) external restricted {
        _setDefaultRate(rate);
    }

    /// @inheritdoc IFeeSchedule
    function setRate(address token, uint16 rate) external restricted {
        _requireBounded(rate);
        _rates[token] = Rate({own: true, rate: rate});
        emit RateSet(token, rate);
    }

    /// @inheritdoc IFeeSchedule
    function rateOf(address token) external view returns (uint16) {
        Rate memory rate = _rates[token];
        return rate.own ? rate.rate : defaultRate;
    }

    /* INTERNAL */

    function _setDefaultRate(uint16 rate) private {
        _requireBounded(rate);
        defaultRate = rate;
        emit DefaultRateSet(rate);
    }

    function _requireBounded(uint16 rate) private pure {
        require(rate <= MAX_RATE, FeeSchedule_RateTooHigh(rate, MAX_RATE));
    }
}
