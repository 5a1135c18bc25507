// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A program registry in which nothing is checked: a program is registered when a test says so.
contract ProgramsMock {
    mapping(bytes32 programRoot => bool) public isRegistered;

    function add(bytes32 programRoot) external {
        isRegistered[programRoot] = true;
    }
}
