// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";

contract DisputeGame_NameOperator_Test is DisputeTest {
    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = playedTo(Step.Answered);
        bytes32 expected = disputes.gameHash(play.gameId);
        // What a reader of the events may hold to be the state; the chain keeps the state that the last move left.
        play.game = answered(play.game, block.timestamp);
        expectWrongState(play, expected);
        doName(play, 1);
    }

    function test_RevertGiven_TheTaskIsNotAnswered() external {
        Play memory play = playedTo(Step.Opened);
        expectWrongStep(Step.Opened);
        doName(play, 1);
    }

    function test_RevertGiven_AnOperatorWasNamed() external {
        Play memory play = playedTo(Step.OperatorNamed);
        expectWrongStep(Step.OperatorNamed);
        doName(play, 1);
    }

    function test_RevertWhen_TheCallerIsNotTheChallenger() external {
        Play memory play = playedTo(Step.Answered);
        play.challenger = provider;
        expectNotAllowed(provider, challenger);
        doName(play, 1);
    }

    function test_RevertWhen_TheClockRanOut() external {
        Play memory play = playedTo(Step.Answered);
        uint256 deadline = block.timestamp + TIME;
        assertEq(disputes.deadlineOf(play.game), deadline);
        vm.warp(deadline + 1);
        expectTooLate(deadline);
        doName(play, 1);
    }

    function testFuzz_RevertWhen_ThereIsNoSuchOperator(uint16 operator) external {
        operator = uint16(bound(operator, 5, type(uint16).max));
        Play memory play = playedTo(Step.Answered);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_OutOfRange.selector, operator, 5));
        doName(play, operator);
    }

    function testFuzz_WhenTheOperatorIsOfTheTape(uint16 operator, uint256 wait) external {
        operator = uint16(bound(operator, 0, 4));
        wait = bound(wait, 0, TIME);
        Play memory play = playedTo(Step.Answered);
        uint256 answeredAt = block.timestamp;
        skip(wait);
        Game memory next = moved(answered(play.game, answeredAt), Step.OperatorNamed);
        next.operator = operator;
        vm.expectEmit(address(disputes));
        emit IDisputeGame.OperatorNamed(play.gameId, operator, next);
        doName(play, operator);
        play.game = next;
        assertGame(play);
        assertEq(next.challengerTime, TIME - wait);
        assertEq(next.providerTime, TIME - 12);
        assertEq(disputes.deadlineOf(next), block.timestamp + TIME - 12);
    }
}
