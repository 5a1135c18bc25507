// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Answer} from "../../../src/work/IDisputeGame.sol";
import {IVerification} from "../../../src/work/IVerification.sol";
import {Batch, Order} from "../../../src/work/WorkTypes.sol";

/// @notice Games whose course a test decides. It has what `Verification` reads and makes the one call that a won game makes.
contract GamesMock {
    uint16 public constant OPERATORS = 3;
    uint256 public constant longestGame = 1 hours;

    mapping(bytes32 batchId => uint256) public openGames;
    mapping(bytes32 batchId => mapping(uint32 index => Answer)) private _answers;

    function setOpenGames(bytes32 batchId, uint256 games) external {
        openGames[batchId] = games;
    }

    function answer(bytes32 batchId, uint32 index, bytes32 traceRoot) external {
        _answers[batchId][index] = Answer(traceRoot, uint40(block.timestamp), false, 0);
    }

    function setGames(bytes32 batchId, uint32 index, uint32 games) external {
        _answers[batchId][index].games = games;
    }

    /// @notice A game over the task `index` was won by `winner`.
    function win(
        IVerification verification,
        Order calldata order,
        Batch calldata batch,
        uint32 index,
        address winner,
        uint64 sealNumber
    ) external {
        _answers[keccak256(abi.encode(batch))][index].lost = true;
        verification.convict(order, batch, index, winner, sealNumber);
    }

    function operatorsOf(bytes32) external pure returns (uint16) {
        return OPERATORS;
    }

    function answerOf(bytes32 batchId, uint32 index) external view returns (Answer memory) {
        return _answers[batchId][index];
    }
}
