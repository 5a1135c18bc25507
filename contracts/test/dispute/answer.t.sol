// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Answer, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";

contract DisputeGame_Answer_Test is DisputeTest {
    using Tensors for bytes[][];

    function expectBadAnswer(bytes32 what, bytes32 actual, bytes32 expected) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadAnswer.selector, what, actual, expected));
    }

    function give(Play memory play, bytes32[] memory roots) private {
        bytes memory data = answerCall(play, roots);
        vm.prank(provider);
        send(data);
    }

    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = playedTo(Step.Opened);
        bytes32 expected = disputes.gameHash(play.gameId);
        play.game.outputHash = "another";
        expectWrongState(play, expected);
        doAnswer(play, provider);
    }

    function test_RevertGiven_TheTaskWasAnswered() external {
        Play memory play = playedTo(Step.Answered);
        play.trace = wrongAt(Inference.POOL, 0, 7);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_AlreadyAnswered.selector, play.batchId, WRONG));
        doAnswer(play, provider);
    }

    function test_RevertWhen_TheClockRanOut() external {
        Play memory play = playedTo(Step.Opened);
        uint256 deadline = block.timestamp + TIME;
        vm.warp(deadline + 1);
        expectTooLate(deadline);
        doAnswer(play, provider);
    }

    function test_RevertGiven_NoRootWasRevealed_WhenTheCallerIsNotTheProvider() external {
        Play memory play = playedTo(Step.Opened);
        expectNotAllowed(rival, provider);
        doAnswer(play, rival);
    }

    function test_RevertWhen_TheNumberOfRootsIsNotTheTapes() external {
        Play memory play = playedTo(Step.Opened);
        bytes32[] memory roots = new bytes32[](6);
        expectBadAnswer("roots", bytes32(uint256(6)), bytes32(uint256(5)));
        give(play, roots);
        roots = new bytes32[](0);
        expectBadAnswer("roots", 0, bytes32(uint256(5)));
        give(play, roots);
    }

    function test_RevertWhen_TheFirstRootIsNotTheInput() external {
        Play memory play = playedTo(Step.Opened);
        bytes32[] memory roots = play.trace.rootsOf();
        roots[0] = "another";
        expectBadAnswer("input", "another", play.task.inputHash);
        give(play, roots);
    }

    function test_RevertWhen_TheLastRootIsNotTheOutput() external {
        Play memory play = playedTo(Step.Opened);
        bytes32[] memory roots = honest(WRONG).rootsOf();
        expectBadAnswer("output", roots[4], play.task.outputHash);
        give(play, roots);
    }

    function test_RevertWhen_TheRootsAreNotThoseRevealed() external {
        Play memory play = playedTo(Step.Opened);
        bytes32 revealed = play.trace.rootOf();
        verification.reveal(play.batchId, WRONG, revealed);
        play.trace[Inference.NORM][0][0] ^= 0x01;
        expectBadAnswer("trace", play.trace.rootOf(), revealed);
        doAnswer(play, provider);
    }

    function test_WhenTheAnswerFits() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME);
        bytes32 traceRoot = play.trace.rootOf();
        vm.expectEmit(address(disputes));
        emit IDisputeGame.Answered(play.batchId, WRONG, provider, traceRoot, play.trace.rootsOf());
        doAnswer(play, provider);

        Answer memory given = disputes.answerOf(play.batchId, WRONG);
        assertEq(given.traceRoot, traceRoot);
        assertEq(given.answeredAt, block.timestamp);
        assertFalse(given.lost);
        assertGame(play);
        // The challenger's clock began; the provider's is spent but for the floor of each move.
        assertEq(disputes.deadlineOf(play.game), block.timestamp + TIME);
        nameOperator(play, 1, block.timestamp);
        assertEq(play.game.providerTime, 0);
        assertEq(disputes.deadlineOf(play.game), block.timestamp + FLOOR);
    }

    /// @dev Whoever agreed in the draw knows the preimage, and says nothing but what the provider revealed.
    function test_GivenARootWasRevealed_WhenTheCallerIsNotTheProvider() external {
        Play memory play = playedTo(Step.Opened);
        verification.reveal(play.batchId, WRONG, play.trace.rootOf());
        doAnswer(play, rival);
        assertEq(disputes.answerOf(play.batchId, WRONG).traceRoot, play.trace.rootOf());
    }
}
