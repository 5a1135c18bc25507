// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";

contract DisputeGame_Timeout_Test is DisputeTest {
    /* REFUSED */

    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = playedTo(Step.Opened);
        bytes32 expected = disputes.gameHash(play.gameId);
        skip(TIME + 1);
        play.game.movedAt -= 1;
        expectWrongState(play, expected);
        timeout(play);
    }

    function test_RevertWhen_TheClockRuns() external {
        for (uint256 i; i < 6; ++i) {
            uint256 start = vm.snapshotState();
            Play memory play = playedTo(Step(i));
            uint256 deadline = disputes.deadlineOf(play.game);
            vm.warp(deadline);
            expectTooEarly(deadline);
            timeout(play);
            vm.revertToState(start);
        }
    }

    function test_RevertWhen_TheBatchIsAnother() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME + 1);
        play.batch.committedAt += 1;
        bytes32 other = keccak256(abi.encode(play.batch));
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_WrongState.selector, play.gameId, play.batchId, other)
        );
        timeout(play);
    }

    /* SILENCE, A MOVE EACH */

    function test_WhenTheProviderDoesNotAnswer() external {
        providerLoses(playedTo(Step.Opened), TIME);
    }

    function test_WhenTheChallengerNamesNoOperator() external {
        challengerLoses(playedTo(Step.Answered), TIME);
    }

    function test_WhenTheProviderShowsNoRows() external {
        providerLoses(playedTo(Step.OperatorNamed), TIME - 12);
    }

    function test_WhenTheChallengerNamesNoRow() external {
        challengerLoses(playedTo(Step.RowsShown), TIME - 12);
    }

    function test_WhenTheProviderShowsNoRow() external {
        providerLoses(playedTo(Step.RowNamed), TIME - 24);
    }

    function test_WhenTheChallengerProvesNothing() external {
        challengerLoses(playedTo(Step.RowShown), TIME - 24);
    }

    /* CLOCKS */

    /// @dev Whoever used up its time has the floor for each move that is left.
    function test_GivenTheMoverHasNoTimeLeft() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME);
        answer(play);
        uint256 answeredAt = block.timestamp;
        skip(TIME);
        nameOperator(play, Inference.UNIT, answeredAt);
        assertEq(disputes.deadlineOf(play.game), block.timestamp + FLOOR);
        skip(FLOOR);
        showRows(play);
        assertEq(disputes.deadlineOf(play.game), block.timestamp + FLOOR);
        skip(FLOOR);
        nameRow(play, 0);
        skip(FLOOR);
        showRow(play);
        providerTimeIsSpent(play);
        challengerLoses(play, FLOOR);
    }

    /// @dev A little time left is no worse than none.
    function test_GivenTheMoverHasLessThanTheFloorLeft() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME - 1);
        answer(play);
        nameOperator(play, Inference.UNIT, block.timestamp);
        assertEq(play.game.providerTime, 1);
        providerLoses(play, FLOOR);
    }

    /// @dev The bond of one that did not answer in time for its own game stays lost, whatever younger games show.
    function test_GivenAnAnswerToAYoungerGameCameAfterTheClock() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME);
        Play memory younger = copyFor(play, rival, "younger");
        open(younger);
        answer(younger);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_WrongStep.selector, Step.Opened));
        doName(play, 0);
        assertEq(disputes.deadlineOf(play.game), play.game.movedAt + TIME);
        lostByProvider(play);
    }

    /// @dev The last second serves both.
    function test_GivenAnAnswerToAYoungerGameCameInTime() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME - 12);
        Play memory younger = copyFor(play, rival, "younger");
        open(younger);
        answer(younger);
        uint256 answeredAt = block.timestamp;
        assertEq(answeredAt, play.game.movedAt + TIME);
        skip(TIME);
        Play memory first = play;
        expectTooEarly(answeredAt + TIME);
        timeout(first);
        nameOperator(play, Inference.UNIT, answeredAt);
        assertEq(play.game.providerTime, 0);
        assertEq(play.game.challengerTime, 0);
        // For the younger one the answer cost nothing.
        nameOperator(younger, Inference.UNIT, answeredAt);
        assertEq(younger.game.providerTime, TIME);
    }

    function test_GivenTheLongestGame() external {
        Play memory play = committed(honest(WRONG), WRONG);
        uint256 start = block.timestamp;
        seal(play);
        skip(OPEN_WINDOW);
        doOpen(play);
        play.game = newGame(play);
        skip(TIME);
        answer(play);
        uint256 answeredAt = block.timestamp;
        skip(TIME);
        nameOperator(play, Inference.NORM, answeredAt);
        skip(FLOOR);
        showRows(play);
        skip(FLOOR);
        nameRow(play, 0);
        skip(FLOOR);
        showRow(play);
        assertLe(disputes.deadlineOf(play.game) - start, disputes.longestGame());
        assertEq(disputes.longestGame(), OPEN_WINDOW + 2 * TIME + 6 * FLOOR);
    }

    /* OUTCOMES */

    function providerTimeIsSpent(Play memory play) private pure {
        assertEq(play.game.providerTime, 0);
        assertEq(play.game.challengerTime, 0);
    }

    function providerLoses(Play memory play, uint256 clock) private {
        vm.warp(uint256(play.game.movedAt) + clock);
        expectTooEarly(block.timestamp);
        timeout(play);
        skip(1);
        lostByProvider(play);
    }

    function lostByProvider(Play memory play) private {
        uint256 before = balance(challenger);
        uint256 held = balance(address(disputes));
        vm.expectEmit(address(disputes));
        emit IDisputeGame.GameEnded(play.gameId, play.batchId, WRONG, true, false, challenger, play.bond);
        timeout(play);
        assertOver(play);
        assertTrue(disputes.answerOf(play.batchId, WRONG).lost);
        assertEq(balance(challenger), before + play.bond);
        assertEq(balance(address(disputes)), held - play.bond);
        assertForfeited(play);
        assertEq(verification.verdicts()[0].winner, challenger);
    }

    function challengerLoses(Play memory play, uint256 clock) private {
        uint256 since = disputes.answerOf(play.batchId, WRONG).answeredAt;
        if (play.game.step != Step.Opened) since = play.game.movedAt;
        vm.warp(since + clock);
        expectTooEarly(block.timestamp);
        timeout(play);
        skip(1);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.GameEnded(play.gameId, play.batchId, WRONG, false, false, provider, play.bond);
        timeout(play);
        assertOver(play);
        assertEq(disputes.openGames(play.batchId), 0);
        assertFalse(disputes.answerOf(play.batchId, WRONG).lost);
        assertEq(balance(provider), play.bond);
        assertEq(balance(address(disputes)), 0);
        assertCommitted(play);
        assertEq(verification.verdicts().length, 0);
    }
}
