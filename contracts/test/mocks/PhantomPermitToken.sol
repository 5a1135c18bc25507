// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Has no permit, but a fallback that swallows any call, as wrapped ether on mainnet does.
contract PhantomPermitToken is ERC20("Phantom", "PHAN") {
    uint256 public swallowed;

    fallback() external {
        ++swallowed;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
