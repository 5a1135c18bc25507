// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice What a holder that registered with `HookToken` is told, as in ERC-777.
interface ITokenHooks {
    /// @notice Tokens are about to leave the holder.
    function tokensToSend() external;
    /// @notice Tokens have arrived at the holder.
    function tokensReceived() external;
}

/// @notice An ERC-777-like token: calls its holders before and after it moves. May also take a fee of what it moves,
/// rounded down, so that small transfers are free.
contract HookToken is ERC20("Hook", "HOOK") {
    mapping(address holder => bool) public registered;
    uint256 public feeRate;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function register(address holder) external {
        registered[holder] = true;
    }

    /// @notice Sets the fee in basis points.
    function setFeeRate(uint256 rate) external {
        feeRate = rate;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (registered[from]) ITokenHooks(from).tokensToSend();
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) {
            uint256 fee = (amount * feeRate) / 10_000;
            if (fee != 0) super._update(to, address(0), fee);
        }
        if (registered[to]) ITokenHooks(to).tokensReceived();
    }
}
