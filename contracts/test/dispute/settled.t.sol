// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {BatchStatus} from "../../src/work/IJobEscrow.sol";
import {DrawStatus} from "../../src/work/IVerification.sol";
import {Play} from "./DisputeTest.sol";
import {DrawnDisputeTest} from "./DrawnDisputeTest.sol";
import {Inference} from "./utils/Inference.sol";
import {Tensors} from "./utils/Tensors.sol";

/// @notice A customer in league with the provider signs its receipt as soon as a challenger's seal is seen, to have the bond burned. The game
/// is played all the same, over the bond alone, by the suite's own `Verification`.
contract DisputeGame_Settled_Test is DrawnDisputeTest {
    using Tensors for bytes[][];

    /// @dev The draw is agreed upon, the challenger has sealed, and then comes the receipt.
    function settledUnder(bytes[][] memory trace) private returns (Play memory play) {
        play = committed(trace, WRONG);
        agree(play, trace.rootsOf());
        seal(play);
        accept(play);
    }

    function accept(Play memory play) private {
        vm.prank(customer);
        escrow.accept(play.order, play.batch, "");
        assertSettled(play);
    }

    function assertSettled(Play memory play) private view {
        assertEq(uint8(escrow.batchState(play.batchId).status), uint8(BatchStatus.Settled), "what is paid is paid");
        assertEq(uint8(draws.drawOf(play.batchId).status), uint8(DrawStatus.Agreed), "and the draw over");
        assertEq(draws.potOf(play.batchId).winner, address(0), "nothing to win");
    }

    function openNow(Play memory play) private {
        skip(12);
        doOpen(play);
        play.game = newGame(play);
        assertGame(play);
    }

    function test_WhoIsRightHasTheBondBack() external {
        Play memory play = settledUnder(wrongAt(Inference.UNIT, 0, 5));
        openNow(play);
        uint256 stake = staking.provisionOf(provider, address(escrow)).stake;
        answer(play);
        finish(play, block.timestamp);
        assertEq(balance(challenger), 100 ether);
        assertEq(staking.provisionOf(provider, address(escrow)).stake, stake, "the batch's stake was free");
        assertSettled(play);
        assertOver(play);
    }

    /// @dev Its stake is out of reach, so the provider has no reason to answer.
    function test_SilenceLosesTheBondToNobody() external {
        Play memory play = settledUnder(wrongAt(Inference.UNIT, 0, 5));
        openNow(play);
        skip(TIME + 1);
        timeout(play);
        assertEq(balance(challenger), 100 ether);
        assertSettled(play);
    }

    /// @dev What makes blind sealing costly: nobody has the bond of a true task back from a provider that answers.
    function test_WhoSealedWhatIsTrueLosesTheBond() external {
        Play memory play = settledUnder(honest(WRONG));
        openNow(play);
        answer(play);
        skip(TIME + 1);
        timeout(play);
        assertEq(balance(challenger), 100 ether - play.bond);
        assertEq(balance(provider), play.bond);
        assertSettled(play);
    }

    /// @dev Two challengers, one verdict.
    function test_AVerdictServesEverySeal() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        agree(play, play.trace.rootsOf());
        Play memory other = copyFor(play, rival, "rival");
        seal(play);
        seal(other);
        accept(play);
        openNow(play);
        doOpen(other);
        other.game = newGame(other);
        answer(play);
        finish(play, block.timestamp);
        joinVerdict(other);
        assertEq(balance(challenger) + balance(rival), 200 ether);
        assertEq(balance(address(disputes)), 0);
    }

    /// @dev The receipt overtakes a seal that is on its way. Later ones have no game, and their bonds burn.
    function test_SealsThatCameAfterTheReceipt() external {
        Play memory play = committed(wrongAt(Inference.UNIT, 0, 5), WRONG);
        agree(play, play.trace.rootsOf());
        accept(play);
        uint256 end = block.timestamp + FLOOR;
        Play memory late = copyFor(play, rival, "late");
        vm.warp(end);
        seal(play);
        vm.warp(end + 1);
        seal(late);
        openNow(play);
        skip(12);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_NotChallengeable.selector, play.batchId, end));
        doOpen(late);
        skip(OPEN_WINDOW);
        disputes.expireSeal(late.gameId);
        skip(TIME);
        timeout(play);
        assertEq(balance(rival), 100 ether - late.bond);
        assertEq(balance(challenger), 100 ether);
    }

    /// @dev The game under way cannot be settled away, and the seal's own clock runs on.
    function test_OnlyWithinTheSealsTime() external {
        Play memory play = settledUnder(wrongAt(Inference.UNIT, 0, 5));
        uint256 openEnd = block.timestamp + OPEN_WINDOW;
        vm.warp(openEnd + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadSeal.selector, play.gameId, openEnd));
        doOpen(play);
        vm.warp(openEnd);
        doOpen(play);
        assertEq(disputes.openGames(play.batchId), 1);
    }
}
