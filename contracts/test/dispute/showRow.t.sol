// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";

contract DisputeGame_ShowRow_Test is DisputeTest {
    using Tensors for bytes[][];

    function rowIsNamed() private returns (Play memory) {
        return playTo(committed(wrongAt(Inference.NORM, 2, 1), WRONG), Step.RowNamed, Inference.NORM, 2);
    }

    function show(Play memory play, bytes memory row, bytes32[] memory proof) private {
        bytes memory data = showRowCall(play, row, proof);
        vm.prank(provider);
        send(data);
    }

    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = rowIsNamed();
        bytes32 expected = disputes.gameHash(play.gameId);
        play.game.row = 1;
        expectWrongState(play, expected);
        doShowRow(play, provider);
    }

    function test_RevertWhen_ItIsNotTheTurnOfThisMove() external {
        Play memory play = playedTo(Step.RowsShown);
        expectWrongStep(Step.RowsShown);
        doShowRow(play, provider);
    }

    function test_RevertWhen_TheClockRanOut() external {
        Play memory play = rowIsNamed();
        uint256 deadline = block.timestamp + TIME - 24;
        vm.warp(deadline + 1);
        expectTooLate(deadline);
        doShowRow(play, provider);
    }

    function test_RevertWhen_TheRowHasAnotherLength() external {
        Play memory play = rowIsNamed();
        bytes32[] memory proof = play.trace.rowProof(Inference.NORM, 2);
        for (uint256 length = 0; length < 9; ++length) {
            if (length == 2 * UNITS) continue;
            vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_OutOfRange.selector, length, 2 * UNITS));
            show(play, new bytes(length), proof);
        }
    }

    function test_RevertWhen_TheRowIsNotUnderTheOperatorRoot() external {
        Play memory play = rowIsNamed();
        bytes32[] memory proof = play.trace.rowProof(Inference.NORM, 2);
        // The true row, which the provider did not commit to.
        bytes memory row = honest(WRONG)[Inference.NORM][2];
        bytes32 root = play.game.operatorRoot;
        bytes32 leaf = MerkleTree.leafHash(row);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadReveal.selector, root, leaf));
        show(play, row, proof);
        // Another row, true at its own place.
        row = play.trace[Inference.NORM][1];
        proof = play.trace.rowProof(Inference.NORM, 1);
        leaf = MerkleTree.leafHash(row);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadReveal.selector, root, leaf));
        show(play, row, proof);
    }

    function test_WhenTheRowIsTheOneNamed() external {
        Play memory play = rowIsNamed();
        skip(TIME - 24);
        Game memory next = rowShown(play);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.RowShown(play.gameId, play.trace[Inference.NORM][2], next);
        doShowRow(play, provider);
        play.game = next;
        assertGame(play);
        assertEq(next.providerTime, 0);
    }

    function test_WhenAnybodyMovesInTheFirstHalfOfTheClock() external {
        Play memory play = rowIsNamed();
        skip((TIME - 24) / 2);
        Game memory next = rowShown(play);
        doShowRow(play, stranger);
        play.game = next;
        assertGame(play);
        assertEq(next.defender, provider);
    }

    function test_WhenAnybodyMovesInTheSecondHalfOfTheClock() external {
        Play memory play = rowIsNamed();
        skip((TIME - 24) / 2 + 1);
        Game memory next = rowShown(play);
        next.defender = stranger;
        doShowRow(play, stranger);
        play.game = next;
        assertGame(play);
    }

    /// @dev It had to be helped before, and does not get the bond back for waking up.
    function test_GivenSomebodyElseDefends_WhenTheProviderMoves() external {
        Play memory play =
            playTo(committed(wrongAt(Inference.NORM, 2, 1), WRONG), Step.OperatorNamed, Inference.NORM, 2);
        skip(TIME - 12);
        Game memory next = rowsShown(play);
        next.defender = stranger;
        doShowRows(play, stranger);
        play.game = next;
        nameRow(play, 2);
        showRow(play);
        assertEq(play.game.defender, stranger);
    }
}
