// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../../../src/work/IBeacon.sol";

/// @notice A beacon whose rounds are what a test says.
contract BeaconMock is IBeacon {
    uint64 public nextRound = 1;

    mapping(uint64 round => bytes32) public valueOf;
    mapping(uint64 round => bool) public isLost;

    function record(uint64 round, bytes32 value) external {
        valueOf[round] = value;
        if (round >= nextRound) nextRound = round + 1;
        emit RoundRecorded(round, value, msg.sender);
    }

    function lose(uint64 round) external {
        isLost[round] = true;
        if (round >= nextRound) nextRound = round + 1;
    }
}
