// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {VerificationStub} from "./mocks/VerificationStub.sol";

contract DisputeGame_Open_Test is DisputeTest {
    function expectBadSeal(bytes32 sealHash, uint256 openEnd) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadSeal.selector, sealHash, openEnd));
    }

    function expectNotChallengeable(Play memory play, uint256 end) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NotChallengeable.selector, play.batchId, end));
    }

    function sealedNow() private returns (Play memory play) {
        play = committed(honest(WRONG), WRONG);
        seal(play);
    }

    function test_RevertWhen_TheBatchIsNotOfTheOrder() external {
        Play memory play = sealedNow();
        skip(12);
        bytes32 batchOrder = play.batch.orderId;
        play.order.salt = "another";
        bytes32 orderId = escrow.orderIdOf(play.order);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_Mismatch.selector, orderId, batchOrder));
        doOpen(play);
    }

    /// @dev Such an order is settled by receipt or window alone.
    function test_RevertGiven_TheOrderHasNoVerificationContract() external {
        verification = VerificationStub(address(0));
        Play memory play = sealedNow();
        skip(12);
        bytes32 orderId = play.batch.orderId;
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_Mismatch.selector, orderId, orderId));
        doOpen(play);
    }

    function test_RevertGiven_TheSealWasMadeInThisBlock() external {
        Play memory play = sealedNow();
        expectBadSeal(play.gameId, block.timestamp + OPEN_WINDOW);
        doOpen(play);
    }

    function test_RevertGiven_TheSealsTimePassed() external {
        Play memory play = sealedNow();
        skip(OPEN_WINDOW + 1);
        expectBadSeal(play.gameId, block.timestamp - 1);
        doOpen(play);
    }

    function test_RevertGiven_ThereIsNoSuchSeal() external {
        Play memory play = committed(honest(WRONG), WRONG);
        expectBadSeal(sealHashOf(play), OPEN_WINDOW);
        doOpen(play);
    }

    function test_RevertGiven_TheSealWasOpened() external {
        Play memory play = playedTo(Step.Opened);
        expectBadSeal(play.gameId, OPEN_WINDOW);
        doOpen(play);
    }

    function test_RevertGiven_TheVerificationContractPlaysElsewhere() external {
        Play memory play = sealedNow();
        skip(12);
        verification.setDisputes(IDisputeGame(rival));
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_PlayedElsewhere.selector, rival));
        doOpen(play);
    }

    function test_RevertGiven_TheBatchIsNotCommitted() external {
        Play memory play = committed(honest(WRONG), WRONG);
        play.batch.root = "another";
        play.batchId = keccak256(abi.encode(play.batch));
        seal(play);
        skip(12);
        expectNotChallengeable(play, 0);
        doOpen(play);
    }

    function test_RevertGiven_TheBatchWasSettledLongBeforeTheSeal() external {
        Play memory play = committed(honest(WRONG), WRONG);
        uint256 settledAt = escrow.batchState(play.batchId).settlesAt + 7;
        vm.warp(settledAt);
        escrow.settle(play.order, play.batch);
        skip(FLOOR + 1);
        seal(play);
        skip(12);
        expectNotChallengeable(play, settledAt + FLOOR);
        doOpen(play);
    }

    function test_RevertGiven_TheBatchIsForfeited() external {
        Play memory play = playedTo(Step.Opened);
        Play memory late = copyFor(play, rival, "late");
        skip(TIME + 1);
        seal(late);
        timeout(play);
        skip(12);
        expectNotChallengeable(late, escrow.batchState(play.batchId).settlesAt);
        doOpen(late);
    }

    function test_RevertGiven_TheWindowsPassed() external {
        Play memory play = committed(honest(WRONG), WRONG);
        uint256 settlesAt = escrow.batchState(play.batchId).settlesAt;
        vm.warp(settlesAt);
        seal(play);
        vm.warp(settlesAt + 1);
        expectNotChallengeable(play, settlesAt);
        doOpen(play);

        // The draw's lasts longer, to the second.
        verification.setEnd(uint40(settlesAt + 2));
        vm.warp(settlesAt + 3);
        expectNotChallengeable(play, settlesAt + 2);
        doOpen(play);
        vm.warp(settlesAt + 2);
        doOpen(play);
    }

    function test_RevertWhen_TheTaskDoesNotLieInTheBatch() external {
        Play memory play = sealedNow();
        skip(12);
        bytes memory bad = abi.encodeWithSelector(IDisputeGame.DisputeGame_BadProof.selector, WRONG);
        play.task.units += 1;
        vm.expectRevert(bad);
        doOpen(play);
        play.task.units -= 1;
        play.task.outputHash = "another";
        vm.expectRevert(bad);
        doOpen(play);
    }

    function test_WhenTheChallengeIsGood() external {
        Play memory play = sealedNow();
        // The last second of the seal.
        skip(OPEN_WINDOW);
        play.game = newGame(play);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.GameOpened(play.gameId, play.batchId, WRONG, false, play.game);
        doOpen(play);

        assertGame(play);
        assertEq(disputes.sealOf(play.gameId).number, 0, "seal spent");
        assertEq(disputes.openGames(play.batchId), 1);
        assertEq(balance(address(disputes)), play.bond, "the seal's bond is the game's");
        assertEq(disputes.deadlineOf(play.game), block.timestamp + TIME);
    }

    function test_GivenTheTaskWasAnswered() external {
        Play memory play = playedTo(Step.Answered);
        Play memory second = copyFor(play, rival, "second");
        seal(second);
        skip(12);
        second.game = newGame(second);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.GameOpened(second.gameId, second.batchId, WRONG, true, second.game);
        doOpen(second);
        assertEq(disputes.openGames(play.batchId), 2);
        // The challenger's turn from the start, with its whole time.
        skip(12);
        nameOperator(second, 1, second.game.movedAt);
    }
}
