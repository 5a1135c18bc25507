// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {DisputeGame} from "../../src/work/DisputeGame.sol";
import {Clocks, Game, IDisputeGame, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";

contract DisputeGame_Views_Test is DisputeTest {
    function test_Constructor() external view {
        assertEq(address(disputes.ledger()), address(ledger));
        assertEq(address(disputes.escrow()), address(escrow));
        assertEq(address(disputes.models()), address(models));
        assertEq(address(disputes.programs()), address(programs));
        assertEq(address(disputes.referee()), address(referee));
        assertEq(abi.encode(disputes.clocks()), abi.encode(clocks()));
        assertEq(disputes.operatorsOf(modelId), 5);
    }

    function test_RevertWhen_TheTimeIsZero() external {
        Clocks memory chosen = clocks();
        chosen.time = 0;
        refused(chosen);
    }

    function test_RevertWhen_TheFloorIsZero() external {
        Clocks memory chosen = clocks();
        chosen.floor = 0;
        refused(chosen);
    }

    function test_RevertWhen_TheOpenWindowIsZero() external {
        Clocks memory chosen = clocks();
        chosen.openWindow = 0;
        refused(chosen);
    }

    /// @dev Whoever has to move first would lose every game.
    function refused(Clocks memory chosen) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_TooLate.selector, 0));
        new DisputeGame(escrow, programs, referee, chosen);
    }

    /// @dev A deadline is the mover's: the time that is left to it, or the floor.
    function testFuzz_DeadlineOf(uint8 step, uint40 movedAt, uint32 providerTime, uint32 challengerTime) external view {
        Game memory game;
        game.step = Step(step % 6);
        (game.movedAt, game.providerTime, game.challengerTime) = (movedAt, providerTime, challengerTime);
        bool challengers = uint8(game.step) % 2 == 1;
        uint256 time = challengers ? game.challengerTime : game.providerTime;
        assertEq(disputes.deadlineOf(game), uint256(game.movedAt) + (time > FLOOR ? time : FLOOR));
    }

    /// @dev A real model's tape: as many operators as the file says, and its shapes asked of the same referee.
    function test_OperatorsOf_ARealModel() external {
        bytes memory tape = vm.readFileBinary("test-fixtures/models/tiny/program.tape");
        assertEq(disputes.operatorsOf(register(tape, keccak256("weights"))), 25);
    }

    function test_GameHash_OfNoGame() external {
        Play memory play = committed(honest(WRONG), WRONG);
        assertEq(disputes.gameHash(sealHashOf(play)), 0);
        expectWrongState(play, 0);
        timeout(play);
    }
}
