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
        bytes4[] memory acts = selectors();
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

    /// @dev What the runs say holds only if every act happens, and is refused where it must be.
    function test_EveryActPassesSomewhereAndIsRefusedElsewhere() external {
        bytes4[] memory acts = selectors();
        for (uint256 i; i < 1500; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            // The arguments beyond those that an act takes are of no account.
            bytes memory data =
                abi.encodePacked(acts[seed % acts.length], abi.encode(seed >> 8, seed >> 72, seed >> 80));
            data = bytes.concat(data, abi.encode(seed >> 88));
            if (acts[seed % acts.length] == handler.nameAnyRow.selector) data = rowCall(seed);
            if (acts[seed % acts.length] == handler.proveAny.selector) data = elementCall(seed);
            (bool ok,) = address(handler).call(data);
            assertTrue(ok, "act against the store");
        }
        assertGt(handler.passed("seal"), 0, "seal");
        bytes32[10] memory names = [
            bytes32("expireSeal"),
            "open",
            "answer",
            "nameOperator",
            "showRows",
            "nameRow",
            "showRow",
            "prove",
            "timeout",
            "joinVerdict"
        ];
        for (uint256 i; i < names.length; ++i) {
            string memory name = string(abi.encodePacked(names[i]));
            assertGt(handler.passed(names[i]), 0, name);
            assertGt(handler.passed(keccak256(abi.encode(names[i], "refused"))), 0, name);
        }
    }

    function rowCall(uint256 seed) private view returns (bytes memory) {
        return abi.encodeCall(handler.nameAnyRow, (seed >> 8, uint32(seed >> 72)));
    }

    function elementCall(uint256 seed) private view returns (bytes memory) {
        return abi.encodeCall(handler.proveAny, (seed >> 8, uint32(seed >> 72)));
    }

    function selectors() private view returns (bytes4[] memory acts) {
        acts = new bytes4[](14);
        (acts[0], acts[1]) = (handler.sealChallenge.selector, handler.expireSeal.selector);
        (acts[2], acts[3]) = (handler.openGame.selector, handler.answerTask.selector);
        (acts[4], acts[5]) = (handler.nameAny.selector, handler.showSomeRows.selector);
        (acts[6], acts[7]) = (handler.nameAnyRow.selector, handler.showSomeRow.selector);
        (acts[8], acts[9]) = (handler.proveAny.selector, handler.timeoutAny.selector);
        (acts[10], acts[11]) = (handler.joinAny.selector, handler.pass.selector);
        // Games are what there must be enough of.
        (acts[12], acts[13]) = (handler.stretch.selector, handler.stretch.selector);
    }
}
