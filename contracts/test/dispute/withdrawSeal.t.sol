// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {Inference} from "./utils/Inference.sol";

contract DisputeGame_WithdrawSeal_Test is DisputeTest {
    function expectBadSeal(bytes32 sealHash, uint256 openEnd) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadSeal.selector, sealHash, openEnd));
    }

    function expectNotForfeited(Play memory play) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NotForfeited.selector, play.batchId));
    }

    function forfeit(Play memory play) private {
        vm.prank(address(verification));
        escrow.convict(play.order, play.batch, stranger);
    }

    /// @dev A seal over task 0, while the game over task 1 is played.
    function rivalOf(Play memory play) private view returns (Play memory other) {
        other = copyFor(play, rival, "rival");
        other.task = taskOf(0, honest(0), 0, UNITS);
    }

    function test_RevertGiven_TheCallerMadeNoSuchSeal() external {
        Play memory play = committed(honest(WRONG), WRONG);
        seal(play);
        forfeit(play);
        Play memory thief = copyFor(play, rival, play.salt);
        expectBadSeal(sealHashOf(thief), OPEN_WINDOW);
        withdrawSeal(thief);
    }

    function test_RevertGiven_ItWasOpened() external {
        Play memory play = playedTo(Step.Opened);
        forfeit(play);
        expectBadSeal(play.gameId, OPEN_WINDOW);
        withdrawSeal(play);
    }

    function test_RevertGiven_TheBatchIsCommitted() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        seal(play);
        expectNotForfeited(play);
        withdrawSeal(play);
    }

    function test_RevertGiven_TheBatchIsSettled() external {
        Play memory play = committed(honest(WRONG), WRONG);
        vm.warp(escrow.batchState(play.batchId).settlesAt);
        seal(play);
        escrow.settle(play.order, play.batch);
        expectNotForfeited(play);
        withdrawSeal(play);
    }

    function test_RevertGiven_ThereIsNoSuchBatch() external {
        Play memory play = committed(honest(WRONG), WRONG);
        play.batchId = keccak256("not yet");
        seal(play);
        expectNotForfeited(play);
        withdrawSeal(play);
    }

    function test_RevertGiven_ItsTimeToOpenHasPassed() external {
        Play memory play = committed(honest(WRONG), WRONG);
        seal(play);
        forfeit(play);
        uint256 openEnd = block.timestamp + OPEN_WINDOW;
        vm.warp(openEnd + 1);
        expectBadSeal(play.gameId, openEnd);
        withdrawSeal(play);
    }

    function test_RevertGiven_AGameWasOpenedUnderALaterSeal() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        Play memory early = rivalOf(play);
        seal(early);
        playTo(play, Step.RowShown);
        assertEq(disputes.latestSeal(play.batchId), play.sealNumber);
        doProve(play, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_Overtaken.selector, early.gameId, play.sealNumber)
        );
        withdrawSeal(early);
    }

    function test_WhenAnotherGameConvictedTheProvider() external {
        Play memory play = playedTo(Step.RowShown);
        Play memory late = rivalOf(play);
        seal(late);
        doProve(play, 2);
        assertForfeited(play);

        vm.expectEmit(address(disputes));
        emit IDisputeGame.SealWithdrawn(late.gameId, play.batchId, rival, late.bond);
        withdrawSeal(late);
        assertEq(balance(rival), 100 ether);
        assertEq(balance(address(disputes)), 0);
        assertEq(disputes.sealOf(late.gameId).number, 0);
        assertEq(disputes.latestSeal(play.batchId), play.sealNumber, "games count, seals do not");
        expectBadSeal(late.gameId, OPEN_WINDOW);
        withdrawSeal(late);
        skip(OPEN_WINDOW + 1);
        expectBadSeal(late.gameId, OPEN_WINDOW);
        disputes.expireSeal(late.gameId);
    }

    function test_WhenAFaultProvedOnItsFaceForfeitedTheBatch() external {
        Play memory play = committed(honest(WRONG), WRONG);
        seal(play);
        forfeit(play);
        assertEq(disputes.latestSeal(play.batchId), 0);
        skip(OPEN_WINDOW);
        withdrawSeal(play);
        assertEq(balance(challenger), 100 ether);
    }
}
