// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";
import {VerificationStub} from "./mocks/VerificationStub.sol";

contract DisputeGame_JoinVerdict_Test is DisputeTest {
    /// @dev Two games over the task, of which the first may prove and the second waits for its challenger.
    function two() private returns (Play memory first, Play memory second) {
        first = committed(wrongAt(4, 0, 5), WRONG);
        second = copyFor(first, rival, "second");
        seal(second);
        playTo(first, Step.RowShown);
        doOpen(second);
        second.game = newGame(second);
    }

    function test_RevertWhen_TheStateIsNotTheGames() external {
        (Play memory first, Play memory second) = two();
        doProve(first, 2);
        second.game.bond += 1;
        expectWrongState(second, disputes.gameHash(second.gameId));
        joinVerdict(second);
    }

    function test_RevertGiven_NoGameOverTheTaskWasLostByTheProvider() external {
        (Play memory first, Play memory second) = two();
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NoVerdict.selector, first.batchId, WRONG));
        joinVerdict(second);
        // Nor does a game that its challenger lost say anything.
        skip(TIME + 1);
        timeout(first);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NoVerdict.selector, first.batchId, WRONG));
        joinVerdict(second);
    }

    function test_RevertWhen_TheBatchIsAnother() external {
        (Play memory first, Play memory second) = two();
        doProve(first, 2);
        second.batch.first += 1;
        bytes32 other = keccak256(abi.encode(second.batch));
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.DisputeGame_WrongState.selector, second.gameId, second.batchId, other)
        );
        joinVerdict(second);
    }

    function test_GivenTheTaskLostAGame() external {
        (Play memory first, Play memory second) = two();
        assertEq(disputes.openGames(first.batchId), 2);
        doProve(first, 2);
        assertEq(disputes.openGames(first.batchId), 1);
        uint256 before = balance(rival);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.GameEnded(second.gameId, second.batchId, WRONG, true, false, rival, second.bond);
        joinVerdict(second);

        assertOver(second);
        assertEq(disputes.openGames(first.batchId), 0);
        assertEq(balance(rival), before + second.bond);
        assertEq(balance(address(disputes)), 0);
        // The verification contract learns of the earlier seal.
        VerificationStub.Verdict[] memory verdicts = verification.verdicts();
        assertEq(verdicts.length, 2);
        assertEq(verdicts[1].winner, rival);
        assertEq(verdicts[1].sealNumber, 1);
        assertEq(verdicts[0].sealNumber, 2);
    }
}
