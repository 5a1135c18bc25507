// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {MerkleBuilder} from "../work/utils/MerkleBuilder.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";

contract DisputeGame_ShowRows_Test is DisputeTest {
    using Tensors for bytes[][];

    /// @dev The operator in question has a row for each channel.
    function named() private returns (Play memory) {
        return playTo(committed(wrongAt(Inference.NORM, 2, 1), WRONG), Step.OperatorNamed, Inference.NORM, 2);
    }

    function show(Play memory play, bytes32 root, bytes32[] memory proof, bytes32[] memory hashes) private {
        bytes memory data = showRowsCall(play, root, proof, hashes);
        vm.prank(provider);
        send(data);
    }

    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = named();
        bytes32 expected = disputes.gameHash(play.gameId);
        play.game.operator = Inference.UNIT;
        expectWrongState(play, expected);
        doShowRows(play, provider);
    }

    function test_RevertWhen_ItIsNotTheTurnOfThisMove() external {
        Play memory play = playedTo(Step.Answered);
        expectWrongStep(Step.Answered);
        doShowRows(play, provider);
    }

    function test_RevertWhen_TheClockRanOut() external {
        Play memory play = named();
        uint256 deadline = block.timestamp + TIME - 12;
        assertEq(disputes.deadlineOf(play.game), deadline);
        vm.warp(deadline + 1);
        expectTooLate(deadline);
        doShowRows(play, provider);
    }

    function test_RevertWhen_TheOperatorRootIsNotUnderTheAnswer() external {
        Play memory play = named();
        bytes32 traceRoot = play.trace.rootOf();
        bytes32[] memory hashes = Tensors.rowHashes(play.trace[Inference.NORM]);
        bytes32[] memory proof = play.trace.rootProof(Inference.NORM);
        bytes memory bad =
            abi.encodeWithSelector(IDisputeGame.DisputeGame_BadReveal.selector, traceRoot, bytes32("another"));
        vm.expectRevert(bad);
        show(play, "another", proof, hashes);
        // Another operator's root, true at its own place.
        bytes32 other = play.trace.rootsOf()[Inference.EMBED];
        proof = play.trace.rootProof(Inference.EMBED);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadReveal.selector, traceRoot, other));
        show(play, other, proof, hashes);
    }

    function test_RevertWhen_TheNumberOfRowsIsNotTheTapes() external {
        Play memory play = named();
        bytes32 root = play.trace.rootsOf()[Inference.NORM];
        bytes32[] memory proof = play.trace.rootProof(Inference.NORM);
        for (uint256 count = 0; count < 6; ++count) {
            if (count == 4) continue;
            vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_OutOfRange.selector, count, 4));
            show(play, root, proof, new bytes32[](count));
        }
    }

    function test_RevertWhen_TheHashesAreNotUnderTheRoot() external {
        Play memory play = named();
        bytes32 root = play.trace.rootsOf()[Inference.NORM];
        bytes32[] memory proof = play.trace.rootProof(Inference.NORM);
        bytes32[] memory hashes = Tensors.rowHashes(play.trace[Inference.NORM]);
        (hashes[0], hashes[1]) = (hashes[1], hashes[0]);
        bytes32 shown = MerkleBuilder.rootOf(hashes);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadReveal.selector, root, shown));
        show(play, root, proof, hashes);
    }

    function test_WhenTheHashesAreTheOperators() external {
        Play memory play = named();
        skip(TIME - 12);
        Game memory next = rowsShown(play);
        // So late, the provider moves for itself.
        assertEq(next.defender, provider);
        bytes32[] memory hashes = Tensors.rowHashes(play.trace[Inference.NORM]);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.RowsShown(play.gameId, hashes, next);
        doShowRows(play, provider);
        play.game = next;
        assertGame(play);
        assertEq(next.rows, 4);
        assertEq(next.providerTime, 0);
    }

    function test_WhenAnybodyMovesInTheFirstHalfOfTheClock() external {
        Play memory play = named();
        skip((TIME - 12) / 2);
        Game memory next = rowsShown(play);
        doShowRows(play, stranger);
        play.game = next;
        assertGame(play);
        assertEq(next.defender, provider, "the bond stays the provider's");
    }

    function test_WhenAnybodyMovesInTheSecondHalfOfTheClock() external {
        Play memory play = named();
        skip((TIME - 12) / 2 + 1);
        Game memory next = rowsShown(play);
        next.defender = stranger;
        doShowRows(play, stranger);
        play.game = next;
        assertGame(play);
    }
}
