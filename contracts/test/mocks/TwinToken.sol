// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {ITokenHooks} from "./HookToken.sol";

/// @notice The native currency's own ERC-20 face, as some chains have: one balance, two ways to move it. It calls the sender
/// back and takes a fee, so that it is as hostile as it can be.
contract TwinToken {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 public feeRate;

    function setFeeRate(uint256 rate) external {
        feeRate = rate;
    }

    function balanceOf(address holder) external view returns (uint256) {
        return holder.balance;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        if (from.code.length != 0) ITokenHooks(from).tokensToSend();
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        VM.deal(from, from.balance - amount);
        VM.deal(to, to.balance + amount - (amount * feeRate) / 10_000);
    }
}
