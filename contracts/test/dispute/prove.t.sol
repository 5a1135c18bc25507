// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {IReferee, Opening} from "../../src/work/IReferee.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {VerificationStub} from "./mocks/VerificationStub.sol";
import {Inference} from "./utils/Inference.sol";

contract DisputeGame_Prove_Test is DisputeTest {
    uint32 private constant FALSE_ELEMENT = 2;

    function test_RevertWhen_TheStateIsNotTheGames() external {
        Play memory play = playedTo(Step.RowShown);
        play.game.units += 1;
        expectWrongState(play, disputes.gameHash(play.gameId));
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_ItIsNotTheTurnOfThisMove() external {
        Play memory play = playedTo(Step.RowNamed);
        expectWrongStep(Step.RowNamed);
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_TheCallerIsNotTheChallenger() external {
        Play memory play = playedTo(Step.RowShown);
        play.challenger = rival;
        expectNotAllowed(rival, challenger);
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_TheClockRanOut() external {
        Play memory play = playedTo(Step.RowShown);
        uint256 deadline = disputes.deadlineOf(play.game);
        vm.warp(deadline + 1);
        expectTooLate(deadline);
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_TheRowIsNotTheOneShown() external {
        Play memory play = playedTo(Step.RowShown);
        bytes memory row = honest(WRONG)[Inference.UNIT][0];
        bytes32 leaf = MerkleTree.leafHash(row);
        play.trace[Inference.UNIT][0] = row;
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadReveal.selector, play.game.rowHash, leaf));
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_TheOrderIsAnother() external {
        Play memory play = playedTo(Step.RowShown);
        bytes32 batchOrder = play.batch.orderId;
        play.order.unitPrice += 1;
        bytes32 orderId = escrow.orderIdOf(play.order);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_Mismatch.selector, orderId, batchOrder));
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_TheBatchIsAnother() external {
        Play memory play = playedTo(Step.RowShown);
        play.batch.stake += 1;
        bytes32 other = keccak256(abi.encode(play.batch));
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_WrongState.selector, play.gameId, play.batchId, other)
        );
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_AnOpeningIsNotUnderTheAnswer() external {
        Play memory play = playedTo(Step.RowShown);
        play.trace[Inference.POOL][0][3] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(IReferee.Referee_BadOpening.selector, 0));
        doProve(play, FALSE_ELEMENT);
    }

    function test_RevertWhen_TheElementIsTrue() external {
        Play memory play = playedTo(Step.RowShown);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_ElementTrue.selector, 1));
        doProve(play, 1);
        // It cost time alone.
        assertGame(play);
        doProve(play, FALSE_ELEMENT);
    }

    function test_WhenTheElementIsFalse() external {
        Play memory play = playedTo(Step.RowShown);
        uint256 before = balance(challenger);
        vm.warp(disputes.deadlineOf(play.game));
        vm.expectEmit(address(disputes));
        emit IDisputeGame.GameEnded(play.gameId, play.batchId, WRONG, true, true, challenger, play.bond);
        doProve(play, FALSE_ELEMENT);

        assertOver(play);
        assertEq(disputes.openGames(play.batchId), 0);
        assertTrue(disputes.answerOf(play.batchId, WRONG).lost);
        assertEq(balance(challenger), before + play.bond);
        assertEq(balance(address(disputes)), 0);
        assertForfeited(play);
        VerificationStub.Verdict[] memory verdicts = verification.verdicts();
        assertEq(verdicts.length, 1);
        assertEq(verdicts[0].batchId, play.batchId);
        assertEq(verdicts[0].index, WRONG);
        assertEq(verdicts[0].winner, challenger);
        assertEq(verdicts[0].sealNumber, play.sealNumber);
    }

    /// @dev One bit of any row of any operator, inputs apart, is found by some element.
    function testFuzz_WhenAnyBitIsFalse(uint256 operatorSeed, uint256 rowSeed, uint256 placeSeed) external {
        uint16 operator = uint16(bound(operatorSeed, Inference.EMBED, Inference.UNIT));
        bytes[][] memory trace = honest(WRONG);
        uint32 row = uint32(bound(rowSeed, 0, trace[operator].length - 1));
        trace = wrongAt(operator, row, bound(placeSeed, 0, trace[operator][row].length - 1));
        Play memory play = playTo(committed(trace, WRONG), Step.RowShown, operator, row);
        doProve(play, falseElement(play));
        assertOver(play);
        assertForfeited(play);
    }

    /// @dev Which element of the row shown is false, by trying.
    function falseElement(Play memory play) private returns (uint32 element) {
        (uint16 operator, uint32 row) = (play.game.operator, play.game.row);
        for (; element < Inference.elementsOf(operator, UNITS); ++element) {
            (Opening[] memory tensors, Opening[] memory weights) =
                Inference.openings(play.trace, operator, row, element);
            bytes memory data = proveCall(play, play.trace[operator][row], element, tensors, weights);
            uint256 state = vm.snapshotState();
            vm.prank(challenger);
            (bool ok,) = address(disputes).call(data);
            if (!ok) continue;
            vm.revertToState(state);
            return element;
        }
        revert("no element is false");
    }
}
