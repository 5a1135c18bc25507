// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IDisputeGame} from "../../src/work/IDisputeGame.sol";
import {BatchStatus, IJobEscrow} from "../../src/work/IJobEscrow.sol";
import {IValidatorSeats} from "../../src/work/IValidatorSeats.sol";
import {IVerification} from "../../src/work/IVerification.sol";
import {Lie} from "./handlers/CourtStage.sol";
import {VerificationHandler} from "./handlers/VerificationHandler.sol";

/// @notice The invariants of draws, seats and games with everything real but the beacon; README.md states each in prose.
/// forge-config: default.invariant.runs = 16
/// forge-config: default.invariant.depth = 96
contract Verification_Invariants_Test is Test {
    VerificationHandler private handler;
    IVerification private court;
    IDisputeGame private disputes;
    IValidatorSeats private seats;
    IJobEscrow private escrow;

    function setUp() external {
        handler = new VerificationHandler();
        handler.setUp();
        (court, disputes, seats, escrow) = handler.suite();
        bytes4[] memory acts = new bytes4[](26);
        (acts[0], acts[1], acts[2]) = (handler.commit.selector, handler.commit.selector, handler.liarSeals.selector);
        (acts[3], acts[4]) = (handler.liarReveals.selector, handler.liarSupplies.selector);
        (acts[5], acts[6]) = (handler.validatorSeals.selector, handler.validatorReveals.selector);
        (acts[7], acts[8]) = (handler.validatorSeals.selector, handler.validatorReveals.selector);
        (acts[9], acts[10], acts[11]) =
        (handler.changeSeat.selector, handler.drawAny.selector, handler.concludeAny.selector);
        (acts[12], acts[13], acts[14]) =
        (handler.claimAny.selector, handler.demandAny.selector, handler.forfeitAny.selector);
        (acts[15], acts[16], acts[17]) =
        (handler.settleAny.selector, handler.acceptAny.selector, handler.reclaimAny.selector);
        (acts[18], acts[19], acts[20]) =
        (handler.sealChallenge.selector, handler.playAny.selector, handler.timeoutAny.selector);
        (acts[21], acts[22]) = (handler.joinAny.selector, handler.expireAny.selector);
        // Draws and games are what there must be enough of, and time for them.
        (acts[23], acts[24], acts[25]) = (handler.pass.selector, handler.pass.selector, handler.playAny.selector);
        targetSelector(FuzzSelector(address(handler), acts));
        targetContract(address(handler));
    }

    /// @dev V1 to V6, in one: runs are what takes time.
    function invariant_WhatMustBe() external view {
        theHonestKeepTheirsAndLiesAreNotPaid();
        seatsAreBackedAndTheHonestSit();
        moneyIsWhereItMustBe();
    }

    /// @dev V1 and V2.
    function theHonestKeepTheirsAndLiesAreNotPaid() private view {
        for (uint256 i; i < handler.caseCount(); ++i) {
            (bytes32 id, bool isGood, Lie lie) = handler.caseAt(i);
            BatchStatus status = escrow.batchState(id).status;
            assertFalse(isGood && status == BatchStatus.Forfeited, "V1: an honest provider's batch");
            assertFalse(lie == Lie.Output && status == BatchStatus.Settled, "V2: a wrong output");
        }
        (uint256 stake,) = handler.providerLock(true);
        assertEq(stake, 1e24, "V1: an honest provider's stake");
    }

    /// @dev V3.
    function seatsAreBackedAndTheHonestSit() private view {
        for (uint256 i; i < 7; ++i) {
            (uint256 due, uint256 locked) = handler.locks(i);
            assertEq(locked, due, "V3: a seat locks what it says");
            if (i < handler.honestValidators()) assertEq(due, seats.seatStake(), "V3: an honest validator's seat");
        }
    }

    /// @dev V4 and V6.
    function moneyIsWhereItMustBe() private view {
        assertEq(handler.held(address(court)), handler.courtDue(), "V4: draws and pots");
        assertEq(handler.held(address(escrow)), handler.escrowDue(), "V4: orders, draws to come and demands");
        assertEq(handler.held(address(seats)), 0, "V4: fees pass through");
        (uint256 sum, uint256 supply) = handler.total();
        assertEq(sum, supply, "V4: nothing is anybody else's");
        address staking = address(escrow.staking());
        // Less than a unit is left over of each fee that delegators share.
        assertGe(handler.held(staking), handler.stakeDue(), "V4: stake");
        assertLe(handler.held(staking), handler.stakeDue() + 100, "V4: stake");
        (uint256 all, uint256 own) = handler.bonds();
        assertEq(handler.native(address(disputes)), all, "V4: bonds");
        uint256 rest = handler.native(handler.watcherAccount()) + own + handler.overtaken();
        assertEq(rest, 100 ether, "V6: an honest challenger's bonds");
    }

    /// @dev V7: at the end of each run everything ends by moves that anybody can make.
    function afterInvariant() external {
        handler.windUp();
        assertEq(handler.held(address(escrow)), 0, "V7: the escrow's money has left");
        assertEq(handler.held(address(court)), 0, "V7: the draws' money has left");
        assertEq(handler.native(address(disputes)), 0, "V7: every bond has left");
        for (uint256 i; i < handler.caseCount(); ++i) {
            (bytes32 id,, Lie lie) = handler.caseAt(i);
            BatchStatus status = escrow.batchState(id).status;
            assertTrue(status == BatchStatus.Settled || status == BatchStatus.Forfeited, "V7: every batch is final");
            if (lie == Lie.Output) assertTrue(status == BatchStatus.Forfeited, "V2: every wrong output is lost");
        }
        for (uint256 i; i < 7; ++i) {
            (uint256 due, uint256 locked) = handler.locks(i);
            assertEq(due + locked, 0, "V7: every seat is released");
        }
        (, uint256 locked_) = handler.providerLock(true);
        assertEq(locked_, 0, "V7: no stake is locked");
        (, locked_) = handler.providerLock(false);
        assertEq(locked_, 0, "V7: no stake is locked");
    }
}
