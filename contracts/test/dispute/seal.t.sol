// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC6909} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {IDisputeGame, Seal, Step} from "../../src/work/IDisputeGame.sol";
import {DisputeTest, Play} from "./DisputeTest.sol";

contract DisputeGame_Seal_Test is DisputeTest {
    bytes32 private constant HASH = keccak256("sealed");

    function expectSealExists(bytes32 sealHash) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.DisputeGame_SealExists.selector, sealHash));
    }

    function test_RevertGiven_TheSameSealWasMade() external {
        vm.prank(challenger);
        disputes.seal(HASH);
        expectSealExists(HASH);
        vm.prank(rival);
        disputes.seal(HASH);
    }

    function test_RevertGiven_TheSealsGameIsOpen() external {
        Play memory play = playedTo(Step.Opened);
        expectSealExists(play.gameId);
        vm.prank(challenger);
        disputes.seal(play.gameId);
    }

    function test_RevertGiven_TheBalanceIsBelowTheBond() external {
        uint256 bond = disputes.bondNow();
        vm.prank(stranger);
        ledger.approve(address(disputes), 0, bond);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, stranger, 0, bond, 0));
        vm.prank(stranger);
        disputes.seal(HASH);
    }

    function test_RevertGiven_TheAllowanceIsBelowTheBond() external {
        uint256 bond = disputes.bondNow();
        vm.prank(challenger);
        ledger.approve(address(disputes), 0, bond - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, address(disputes), bond - 1, bond, 0)
        );
        vm.prank(challenger);
        disputes.seal(HASH);
    }

    function test_WhenTheSealIsNew() external {
        uint256 before = balance(challenger);
        uint128 bond = disputes.bondNow();
        vm.expectEmit(address(disputes));
        emit IDisputeGame.ChallengeSealed(HASH, challenger, 1, bond);
        vm.expectEmit(address(ledger));
        emit IERC6909.Transfer(address(disputes), challenger, address(disputes), 0, bond);
        vm.prank(challenger);
        assertEq(disputes.seal(HASH), 1);

        Seal memory made = disputes.sealOf(HASH);
        assertEq(made.number, 1);
        assertEq(made.sealedAt, block.timestamp);
        assertEq(made.bond, bond);
        assertEq(balance(challenger), before - bond);
        assertEq(balance(address(disputes)), bond);
        vm.prank(rival);
        assertEq(disputes.seal("another"), 2, "numbers go by arrival");
    }

    /// @dev Who raises the base fee raises its own bond; who lowers it meets the floor.
    function testFuzz_WhenTheBaseFeeMoves(uint64 fee) external {
        vm.fee(fee);
        uint256 gas = uint256(1_500_000) * 3 * fee;
        uint256 expected = gas > 0.001 ether ? gas : 0.001 ether;
        assertEq(disputes.bondNow(), expected);
        vm.deal(address(this), expected);
        ledger.depositNative{value: expected}(stranger);
        vm.startPrank(stranger);
        ledger.approve(address(disputes), 0, expected);
        disputes.seal(HASH);
        assertEq(disputes.sealOf(HASH).bond, expected);
        assertEq(balance(stranger), 0);
    }

    function test_GivenTheSealsGameIsOver() external {
        Play memory play = playedTo(Step.Opened);
        skip(TIME + 1);
        timeout(play);
        vm.prank(challenger);
        assertEq(disputes.seal(play.gameId), 2, "under another number");
    }
}
