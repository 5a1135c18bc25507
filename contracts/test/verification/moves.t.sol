// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Binding, DrawStatus, IVerification, Revealed, Sealed} from "../../src/work/IVerification.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {Play, VerificationTest} from "./VerificationTest.sol";

/// @notice Sealing, revealing and concluding: who may, when, and what is paid.
contract Verification_Moves_Test is VerificationTest {
    /* SEAL */

    function test_Seal_RevertGiven_ItIsNotDrawn() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        expectStatus(p, DrawStatus.Waiting);
        verification.seal(p.order, p.batch, new Sealed[](0));
    }

    function test_Seal_RevertWhen_TheCallerWasNotDrawn() external {
        Play memory p = drawnPlay();
        Sealed[] memory roots = new Sealed[](1);
        roots[0].value = keccak256("any");
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NotDrawn.selector, 0, stranger));
        vm.prank(stranger);
        verification.seal(p.order, p.batch, roots);
        roots[0].place = 2;
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NotDrawn.selector, 2, provider));
        vm.prank(provider);
        verification.seal(p.order, p.batch, roots);
    }

    function test_Seal_RevertWhen_ItIsTheSecondOne() external {
        Play memory p = drawnPlay();
        sealAs(p, 1, 1, "true");
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadParty.selector, 5));
        sealAs(p, 1, 1, "another");
        Sealed[] memory twice = new Sealed[](2);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadParty.selector, 0));
        vm.prank(provider);
        verification.seal(p.order, p.batch, twice);
    }

    function test_Seal_RevertWhen_ThePhaseIsOver() external {
        Play memory p = drawnPlay();
        uint40 end = verification.drawOf(p.id).phaseEnd;
        vm.warp(end);
        sealAs(p, 0, 0, "true");
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooLate.selector, end));
        sealAs(p, 0, 1, "true");
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooLate.selector, end));
        vm.prank(p.lot[0].validators[0]);
        verification.extend(p.order, p.batch, 0);
    }

    function test_Seal_WhenEverybodyDid() external {
        Play memory p = drawnPlay();
        sealProvider(p, "true");
        assertStatus(p, DrawStatus.Sealing);
        sealValidators(p, "true");
        assertStatus(p, DrawStatus.Revealing);
        assertEq(verification.drawOf(p.id).phaseEnd, block.timestamp + 10 minutes);
    }

    /* REVEAL */

    function test_Reveal_RevertGiven_NothingIsDrawn() external {
        vm.expectRevert(
            abi.encodeWithSelector(IVerification.Verification_WrongStatus.selector, bytes32(0), DrawStatus.None)
        );
        verification.reveal(0, new Revealed[](0));
    }

    function test_Reveal_RevertWhen_ThePartyIsNotTheCallers() external {
        Play memory p = sealedPlay("true", "true");
        Revealed[] memory roots = new Revealed[](1);
        uint8[4] memory parties = [0, 3, 6, 255];
        address validator = p.lot[0].validators[0];
        for (uint256 i; i < parties.length; ++i) {
            roots[0] = Revealed(parties[i], p.lot[0].index, rootOf(p, 0, "true"), saltOf(validator, 0));
            vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadParty.selector, parties[i]));
            vm.prank(validator);
            verification.reveal(p.id, roots);
        }
        // Another validator's seal is not the caller's to open.
        roots[0] = Revealed(2, p.lot[0].index, rootOf(p, 0, "true"), saltOf(p.lot[0].validators[1], 0));
        vm.expectRevert();
        vm.prank(validator);
        verification.reveal(p.id, roots);
    }

    function test_Reveal_RevertWhen_ItWasRevealedOrNeverSealed() external {
        Play memory p = drawnPlay();
        sealAs(p, 0, 0, "true");
        skip(10 minutes + 1);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadParty.selector, 2));
        revealAs(p, 0, 1, "true");
        sealedElse(p);
    }

    function sealedElse(Play memory p) private {
        revealAs(p, 0, 0, "true");
        // All who sealed have revealed, which ends the phase.
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooLate.selector, block.timestamp - 1));
        revealAs(p, 0, 0, "true");
    }

    function test_Reveal_RevertWhen_Twice() external {
        Play memory p = sealedPlay("true", "true");
        revealAs(p, 0, 0, "true");
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadParty.selector, 1));
        revealAs(p, 0, 0, "true");
    }

    function test_Reveal_RevertWhen_ThePhaseIsOver() external {
        Play memory p = sealedPlay("true", "true");
        uint40 end = verification.drawOf(p.id).phaseEnd;
        vm.warp(end);
        revealAs(p, 0, 0, "true");
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_TooLate.selector, end));
        revealAs(p, 0, 1, "true");
    }

    function test_RevealBound_RevertWhen_TheCallerIsNotTheProvider() external {
        Play memory p = sealedPlay("true", "true");
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, 0, "true");
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_NotAllowed.selector, stranger, provider));
        vm.prank(stranger);
        verification.revealBound(p.order, p.batch, roots, bindings);
    }

    function test_RevealBound_RevertWhen_ThePartyIsAValidators() external {
        Play memory p = sealedPlay("true", "true");
        (Revealed[] memory roots, Binding[] memory bindings) = bound_(p, 0, "true");
        roots[0].party = 1;
        vm.expectRevert(abi.encodeWithSelector(IVerification.Verification_BadParty.selector, 1));
        vm.prank(provider);
        verification.revealBound(p.order, p.batch, roots, bindings);
    }

    /* CONCLUDE */

    function test_Conclude_RevertGiven_TheDrawHasNotBegunOrIsOver() external {
        Play memory p = committedPlay(verifiedTerms(), COUNT);
        expectStatus(p, DrawStatus.Waiting);
        conclude(p);
        p = agreedPlay2();
        expectStatus(p, DrawStatus.Agreed);
        conclude(p);
    }

    function agreedPlay2() private returns (Play memory p) {
        Order memory order = verifiedTerms();
        order.salt = keccak256("second");
        p = drawnPlay(order, COUNT, keccak256("value"));
        sealAll(p, "true", "true");
        revealAll(p, "true", "true");
        conclude(p);
    }

    function test_Conclude_WhenEverybodyAgrees() external {
        Play memory p = sealedPlay("true", "true");
        uint256 before = stakeBalance(customer);
        uint256[SEATS] memory earned;
        revealAll(p, "true", "true");
        vm.expectEmit(address(verification));
        emit IVerification.DrawConcluded(p.id, DrawStatus.Agreed, 4 * FEE, 0, uint40(block.timestamp) + 20 minutes);
        conclude(p);
        assertEq(stakeBalance(customer), before);
        for (uint256 place; place < 2; ++place) {
            for (uint256 i; i < 2; ++i) {
                for (uint256 k; k < SEATS; ++k) {
                    if (validators[k] == p.lot[place].validators[i]) earned[k] += FEE;
                }
            }
        }
        for (uint256 k; k < SEATS; ++k) {
            assertEq(stakeBalance(validators[k]), earned[k]);
        }
        assertEq(verification.challengeEnd(p.id), block.timestamp + 20 minutes);
        assertFalse(verification.agrees(p.id, false));
        assertTrue(verification.agrees(p.id, true));
        skip(20 minutes + 1);
        assertTrue(verification.agrees(p.id, false));
    }

    /* CONSERVATION */

    /// @dev Whatever each party does, the draw's reserve is paid out to the unit, no stake appears or vanishes, and the batch ends.
    function testFuzz_TheReserveIsPaidOutToTheUnit(uint256 conduct, uint128 fee, uint8 tasks, uint8 count) external {
        Order memory order = verifiedTerms();
        order.policy.fee = uint128(bound(fee, 186_000, 1e20));
        order.policy.tasks = uint8(bound(tasks, 1, 4));
        order.policy.validators = 3;
        Play memory p = drawnPlay(order, uint32(bound(count, 2, COUNT)), keccak256(abi.encode(conduct)));
        uint256 before = stakeBalance(address(verification));
        assertEq(before, drawReserve(order) - order.policy.fee);
        uint256 supply = ledger.totalSupply(idOf(stakeToken));

        act(p, conduct, true);
        if (statusOf(p) == DrawStatus.Sealing) skip(10 minutes + 1);
        act(p, conduct, false);
        skip(20 minutes + 1);
        if (conduct >> 250 & 1 == 1) win(p, 0, stranger, 1);
        conclude(p);
        if (statusOf(p) == DrawStatus.Disputed) {
            if (conduct >> 251 & 1 == 1) win(p, 0, rival, 2);
            skip(20 minutes + 1);
            conclude(p);
        }
        assertEq(stakeBalance(address(verification)), verification.potOf(p.id).amount, "the pot alone is left");
        skip(1 hours);
        if (verification.potOf(p.id).amount != 0) verification.claimPot(p.id);
        assertEq(stakeBalance(address(verification)), 0);
        if (statusOf(p) == DrawStatus.Agreed) escrow.settle(p.order, p.batch);
        assertEq(lockedStake(provider), 0, "the batch's stake is free or gone");
        vm.warp(order.deadline + 1);
        escrow.reclaim(p.order);
        assertEq(stakeBalance(address(escrow)), 0, "nothing stays in the escrow");
        assertEq(ledger.totalSupply(idOf(stakeToken)), supply);
    }

    /// @dev Two bits a party: silent at sealing, silent at revealing, true, false.
    function act(Play memory p, uint256 conduct, bool sealing) private {
        uint8 width = p.order.policy.validators + 1;
        for (uint8 place; place < p.lot.length; ++place) {
            for (uint8 number; number < width; ++number) {
                actAs(p, place, number, conduct >> (2 * (place * width + number)) & 3, sealing);
            }
        }
    }

    function actAs(Play memory p, uint8 place, uint8 number, uint256 way, bool sealing) private {
        if (way == 0 || (way == 1 && !sealing)) return;
        string memory mid = way == 3 ? "false" : "true";
        if (number == 0 && !sealing) return revealPlace(p, place, mid);
        if (number == 0) return sealValue(p, provider, place, sealOf(p, place, provider, rootOf(p, place, mid)));
        if (sealing) sealAs(p, place, number - 1, mid);
        else revealAs(p, place, number - 1, mid);
    }
}
