// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";

contract DisputeGame_ExpireSeal_Test is DisputeTest {
    bytes32 private constant HASH = keccak256("sealed");

    function expectBadSeal(bytes32 sealHash, uint256 openEnd) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_BadSeal.selector, sealHash, openEnd));
    }

    function test_RevertGiven_ThereIsNoSuchSeal() external {
        expectBadSeal(HASH, OPEN_WINDOW);
        disputes.expireSeal(HASH);
    }

    function test_RevertGiven_ItCanStillBeOpened() external {
        vm.prank(challenger);
        disputes.seal(HASH);
        uint256 openEnd = block.timestamp + OPEN_WINDOW;
        vm.warp(openEnd);
        expectBadSeal(HASH, openEnd);
        disputes.expireSeal(HASH);
    }

    function test_RevertGiven_ItWasOpened() external {
        Play memory play = committed(honest(WRONG), WRONG);
        open(play);
        skip(OPEN_WINDOW + 1);
        expectBadSeal(play.gameId, OPEN_WINDOW);
        disputes.expireSeal(play.gameId);
    }

    function test_WhenItsTimeHasPassed() external {
        vm.prank(challenger);
        disputes.seal(HASH);
        uint256 bond = disputes.sealOf(HASH).bond;
        uint256 before = balance(challenger);
        skip(OPEN_WINDOW + 1);
        vm.expectEmit(address(disputes));
        emit IDisputeGame.SealExpired(HASH, bond);
        vm.prank(stranger);
        disputes.expireSeal(HASH);

        assertEq(disputes.sealOf(HASH).number, 0);
        assertEq(balance(ledger.BURN()), bond);
        assertEq(balance(challenger), before);
        assertEq(balance(address(disputes)), 0);
        // Once.
        expectBadSeal(HASH, OPEN_WINDOW);
        disputes.expireSeal(HASH);
    }
}
