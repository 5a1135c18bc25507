// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DisputeGame} from "../../src/work/DisputeGame.sol";
import {VerificationStub} from "../dispute/mocks/VerificationStub.sol";
import {DisputeGameHandler} from "./handlers/DisputeGameHandler.sol";

/// @notice The dispute game's invariants; README.md states each in prose.
contract DisputeGame_Invariants_Test is Test {
    DisputeGameHandler private handler;
    DisputeGame private disputes;
    VerificationStub private verification;

    function setUp() external {
        handler = new DisputeGameHandler();
        handler.setUp();
        disputes = handler.played();
        verification = handler.judge();
        bytes4[] memory acts = new bytes4[](16);
        (acts[0], acts[1], acts[2]) =
        (handler.sealChallenge.selector, handler.expireSeal.selector, handler.openGame.selector);
        (acts[3], acts[4], acts[5]) =
        (handler.answerTask.selector, handler.nameAny.selector, handler.showSomeRows.selector);
        (acts[6], acts[7], acts[8]) =
        (handler.nameAnyRow.selector, handler.showSomeRow.selector, handler.proveAny.selector);
        (acts[9], acts[10], acts[11]) = (handler.timeoutAny.selector, handler.joinAny.selector, handler.pass.selector);
        // Games are what there must be enough of.
        (acts[12], acts[13]) = (handler.stretch.selector, handler.stretch.selector);
        (acts[14], acts[15]) = (handler.withdrawAny.selector, handler.acceptLast.selector);
        targetSelector(FuzzSelector(address(handler), acts));
        targetContract(address(handler));
    }

    /// @dev G1.
    function invariant_BondsAreHeld() external view {
        uint256 sum;
        for (uint256 i; i < handler.gameCount(); ++i) {
            (, uint256 held,,) = handler.expected(i);
            sum += held;
        }
        assertEq(handler.native(address(disputes)), sum, "G1: seals and open games");
    }

    /// @dev G2.
    function invariant_BondsGoWhereTheyMust() external view {
        for (uint256 i; i < 3; ++i) {
            address account = handler.challengers(i);
            assertEq(handler.native(account), handler.due(account), "G2: challenger");
        }
        (address provider, address burn) = handler.others();
        assertEq(handler.native(provider), handler.due(provider), "G2: provider");
        assertEq(handler.native(burn), handler.due(burn), "G2: burned");
    }

    /// @dev G3.
    function invariant_StatesAreWhatTheMovesLedTo() external view {
        for (uint256 i; i < handler.gameCount(); ++i) {
            (bytes32 id,, bytes32 hash, uint64 number) = handler.expected(i);
            assertEq(disputes.gameHash(id), hash, "G3: game");
            assertEq(disputes.sealOf(id).number, number, "G3: seal");
        }
    }

    /// @dev G4.
    function invariant_GamesAreCounted() external view {
        for (uint256 i; i < 3; ++i) {
            (bytes32 batchId, uint256 games) = handler.openOn(i);
            assertEq(disputes.openGames(batchId), games, "G4: open games");
        }
    }

    /// @dev G5 and G6.
    function invariant_TheHonestNeverLose() external view {
        VerificationStub.Verdict[] memory verdicts = verification.verdicts();
        assertEq(verdicts.length, handler.verdictsDue(), "G6: each verdict is told once");
        for (uint256 i; i < verdicts.length; ++i) {
            assertEq(verdicts[i].index, 1, "G5: a true task that is defended never loses");
        }
        for (uint256 i; i < 3; ++i) {
            (bytes32 batchId,) = handler.openOn(i);
            assertEq(disputes.answerOf(batchId, 1).lost, handler.lostTask(i, 1), "G6: lost");
            assertFalse(disputes.answerOf(batchId, 0).lost, "G5: not lost");
            assertEq(handler.forfeitedOnChain(batchId), handler.isForfeited(i), "G6: forfeited");
        }
    }

    /// @dev G7: at the end of each run anybody can end what is left, and no bond stays.
    function afterInvariant() external {
        handler.endAll();
        assertEq(handler.native(address(disputes)), 0, "G7: every bond has left");
        for (uint256 i; i < 3; ++i) {
            (bytes32 batchId,) = handler.openOn(i);
            assertEq(disputes.openGames(batchId), 0, "G7: every game is over");
        }
    }
}
