// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";

contract DisputeGame_NameRow_Test is DisputeTest {
    function rowsAreShown() private returns (Play memory) {
        return playTo(committed(wrongAt(Inference.NORM, 2, 1), WRONG), Step.RowsShown, Inference.NORM, 2);
    }

    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = rowsAreShown();
        bytes32 expected = disputes.gameHash(play.gameId);
        play.game.rows = 100;
        expectWrongState(play, expected);
        doNameRow(play, 99);
    }

    function test_RevertWhen_ItIsNotTheTurnOfThisMove() external {
        Play memory play = playedTo(Step.OperatorNamed);
        expectWrongStep(Step.OperatorNamed);
        doNameRow(play, 0);
    }

    function test_RevertWhen_TheCallerIsNotTheChallenger() external {
        Play memory play = rowsAreShown();
        play.challenger = rival;
        expectNotAllowed(rival, challenger);
        doNameRow(play, 2);
    }

    function test_RevertWhen_TheClockRanOut() external {
        Play memory play = rowsAreShown();
        uint256 deadline = block.timestamp + TIME - 12;
        vm.warp(deadline + 1);
        expectTooLate(deadline);
        doNameRow(play, 2);
    }

    function testFuzz_RevertWhen_ThereIsNoSuchRow(uint32 row) external {
        row = uint32(bound(row, 4, type(uint32).max));
        Play memory play = rowsAreShown();
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_OutOfRange.selector, row, 4));
        doNameRow(play, row);
    }

    function testFuzz_WhenTheRowIsOfTheTensor(uint32 row, uint256 wait) external {
        row = uint32(bound(row, 0, 3));
        wait = bound(wait, 0, TIME - 12);
        Play memory play = rowsAreShown();
        skip(wait);
        Game memory next = moved(play.game, Step.RowNamed);
        next.row = row;
        vm.expectEmit(address(disputes));
        emit IDisputeGame.RowNamed(play.gameId, row, next);
        doNameRow(play, row);
        play.game = next;
        assertGame(play);
        assertEq(next.challengerTime, TIME - 12 - wait);
    }
}
