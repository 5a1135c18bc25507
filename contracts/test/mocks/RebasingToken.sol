// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Balances are shares times a rate that changes for all holders at once; transfers round to whole shares.
contract RebasingToken is ERC20("Rebasing", "REB") {
    uint256 public constant ONE = 1e18;
    uint256 public rate = ONE;

    function mintShares(address to, uint256 shares) external {
        _mint(to, shares);
    }

    function setRate(uint256 rate_) external {
        rate = rate_;
    }

    function balanceOf(address holder) public view override returns (uint256) {
        return (super.balanceOf(holder) * rate) / ONE;
    }

    function _update(address from, address to, uint256 amount) internal override {
        bool moves = from != address(0) && to != address(0);
        super._update(from, to, moves ? (amount * ONE) / rate : amount);
    }
}
