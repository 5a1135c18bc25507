// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title DevToken
/// @notice Play money for the local devnet: anyone may mint. It cannot be deployed on any chain but 31337.
contract DevToken is ERC20Permit {
    /// @notice The chain is not the local devnet.
    error DevToken_NotADevnet(uint256 chainId);

    constructor() ERC20("Assay Devnet Dollar", "aUSD") ERC20Permit("Assay Devnet Dollar") {
        require(block.chainid == 31_337, DevToken_NotADevnet(block.chainid));
    }

    /// @notice Mints `amount` to `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
