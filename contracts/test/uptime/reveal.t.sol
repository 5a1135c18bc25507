// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Evidence, IAttestations, Voter} from "../../src/nodes/IAttestations.sol";
import {ILicenseStaking} from "../../src/nodes/ILicenseStaking.sol";
import {Rule} from "./Rule.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Seeds, seals, reveals and votes of the first epoch.
contract Attestations_Reveal_Test is UptimeTest {
    function setUp() external {
        standard();
    }

    /* SEEDS */

    function test_Begin_RevertWhen_SealsAreStillTaken() external {
        vm.warp(sealEnd(1) - 1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 1));
        attestations.begin(1);
    }

    function test_Begin_RevertWhen_TheRoundIsOnlyLate() external {
        vm.warp(sealEnd(0));
        attestations.begin(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        attestations.begin(0);
    }

    function test_Begin_WhenTheRoundIsLost() external {
        vm.warp(sealEnd(0));
        attestations.begin(0);
        uint64 round = attestations.roundOf(0);
        beacon.lose(round);
        attestations.begin(0);
        assertGt(attestations.roundOf(0), round);
        beacon.record(attestations.roundOf(0), "value");
        assertEq(attestations.draw(0), "value");
    }

    function test_Begin_RevertWhen_TheSeedIsKnown() external {
        seed(0);
        uint64 round = attestations.roundOf(0);
        beacon.lose(round);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        attestations.begin(0);
    }

    function test_Draw() external {
        assertEq(attestations.revealEnd(0), type(uint256).max);
        bytes32 value = seed(1);
        assertEq(attestations.seedOf(1), value);
        assertEq(attestations.revealEnd(0), block.timestamp + REVEAL);
    }

    function test_Draw_RevertWhen_NotBegun() external {
        vm.warp(sealEnd(0));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        attestations.draw(0);
    }

    function test_Draw_RevertWhen_TheBeaconHasNoValue() external {
        vm.warp(sealEnd(0));
        attestations.begin(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        attestations.draw(0);
    }

    /// @dev Or the time for revealing could be drawn out.
    function test_Draw_RevertWhen_Drawn() external {
        seed(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        attestations.draw(0);
    }

    /* SEALS */

    function test_Seal() external {
        playSeals(0, 3);
        bytes32 was = attestations.sealOf(0, numberOf(0));
        vm.prank(keys[0]);
        attestations.seal(0, numberOf(0), "another");
        assertEq(attestations.sealOf(0, numberOf(0)), "another");
        assertTrue(was != "another" && was != 0);
    }

    function test_Seal_RevertWhen_TooLate() external {
        vm.warp(sealEnd(1));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        vm.prank(keys[0]);
        attestations.seal(0, numberOf(0), "seal");
    }

    function test_Seal_RevertWhen_TheEpochHasNotBegun() external {
        vm.warp(GENESIS);
        vm.expectRevert(abi.encodeWithSelector(ILicenseStaking.LicenseStaking_Future.selector, 1));
        vm.prank(keys[0]);
        attestations.seal(1, numberOf(0), "seal");
    }

    function test_Seal_RevertWhen_ByAnotherKey() external {
        vm.warp(GENESIS);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotTheKey.selector, numberOf(0), keys[1]));
        vm.prank(keys[1]);
        attestations.seal(0, numberOf(0), "seal");
    }

    /// @dev The key of the epoch seals, though its owner has named another since.
    function test_Seal_WhenTheKeyIsReplaced() external {
        vm.warp(GENESIS);
        vm.prank(makeAddr("operator0"));
        runners.setKey(watcher);
        vm.warp(sealEnd(1) - 1);
        vm.prank(keys[0]);
        attestations.seal(0, numberOf(0), "seal");
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotTheKey.selector, numberOf(0), keys[0]));
        vm.prank(keys[0]);
        attestations.seal(1, numberOf(0), "seal");
    }

    /// @dev An operator without a key attests to nothing.
    function test_Seal_RevertWhen_TheKeyIsZero() external {
        vm.prank(makeAddr("operator0"));
        runners.setKey(address(0));
        vm.warp(GENESIS);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotTheKey.selector, numberOf(0), watcher));
        vm.prank(watcher);
        attestations.seal(0, numberOf(0), "seal");
    }

    /* REVEALS */

    function test_Reveal() external {
        playUntilReveals(0, 3);
        reveal(0, 0);
        reveal(0, 2);
        (bytes32 root, bytes32 evidence) = attestations.answersOf(0, numberOf(0));
        assertEq(root, answersRoot(sealed_[0]));
        assertEq(evidence, evidenceRoot(0));
        Voter[] memory voters = attestations.votersIn(0);
        assertEq(voters.length, 2);
        assertEq(voters[1].operator, numberOf(2));
        assertEq(voters[1].weight, 1);
        assertEq(voters[1].answersRoot, answersRoot(sealed_[2]));
        assertEq(attestations.sealOf(0, numberOf(0)), 0);
    }

    function test_Reveal_WhenNothingWasFound() external {
        playUntilReveals(0, 0);
        assertEq(auditsOf(0, 0).length, 0);
        reveal(0, 0);
    }

    function test_Reveal_RevertWhen_TheSeedIsNotKnown() external {
        playSeals(0, 3);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        this.revealAs(0, 0, sealed_[0], "salt");
    }

    function test_Reveal_RevertWhen_TooLate() external {
        playUntilReveals(0, 3);
        vm.warp(attestations.revealEnd(0));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        this.revealAs(0, 0, sealed_[0], saltOf(0, 0));
    }

    function test_Reveal_RevertWhen_TheSaltIsAnother() external {
        playUntilReveals(0, 3);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSealed.selector, 0, numberOf(0)));
        this.revealAs(0, 0, sealed_[0], "salt");
    }

    function test_Reveal_RevertWhen_TheAnswersAreOthers() external {
        playUntilReveals(0, 3);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSealed.selector, 0, numberOf(0)));
        this.revealAs(0, 0, allOf(3, 2), saltOf(0, 0));
    }

    function test_Reveal_RevertWhen_Revealed() external {
        playUntilReveals(0, 3);
        reveal(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSealed.selector, 0, numberOf(0)));
        this.revealAs(0, 0, sealed_[0], saltOf(0, 0));
    }

    function test_Reveal_RevertWhen_TheAnswersAreLonger() external {
        playUntilReveals(0, 3);
        bytes memory longer = bytes.concat(sealed_[0], hex"00");
        vm.expectRevert(IAttestations.Attestations_BadAnswers.selector);
        this.revealAs(0, 0, longer, saltOf(0, 0));
    }

    /// @dev The third and last seat is at bits 4 and 5.
    function test_Reveal_RevertWhen_SomethingIsSaidBeyondTheLastSeat() external {
        playSeals(0, 3);
        bytes memory answers = allOf(3, 3);
        answers[1] |= 0x40;
        sealAnswers(0, 0, answers);
        seed(1);
        vm.expectRevert(IAttestations.Attestations_BadAnswers.selector);
        this.revealAs(0, 0, answers, saltOf(0, 0));
    }

    function test_Reveal_RevertWhen_ItRunsNoLicence() external {
        uint32 number = addOperator(0);
        playUntilReveals(0, 3);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NoLicenses.selector, number));
        this.revealAs(0, 3, sealed_[3], saltOf(0, 3));
    }

    function test_Reveal_RevertWhen_AuditsAreMissing() external {
        playUntilReveals(0, 3);
        bytes32 root = evidenceRoot(0);
        vm.expectRevert(IAttestations.Attestations_BadAnswers.selector);
        attestations.reveal(0, numberOf(0), sealed_[0], root, saltOf(0, 0), new Evidence[](0));
    }

    function revealAs(uint32 epoch, uint256 order, bytes memory answers, bytes32 salt) external {
        bytes32 root = evidenceRoot(order);
        Evidence[] memory audits = attestations.seedOf(epoch + 1) == 0 ? new Evidence[](0) : auditsOf(epoch, order);
        attestations.reveal(epoch, numberOf(order), answers, root, salt, audits);
    }

    /* AUDITS */

    function refuseAudits(Evidence[] memory audits, uint256 which) private {
        bytes32 root = evidenceRoot(0);
        uint32 number = numberOf(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadEvidence.selector, audits[which].position));
        attestations.reveal(0, number, sealed_[0], root, saltOf(0, 0), audits);
    }

    function test_Reveal_RevertWhen_AnotherPositionIsShown() external {
        playUntilReveals(0, 3);
        Evidence[] memory audits = auditsOf(0, 0);
        audits[1] = evidenceOf(0, (audits[1].position + 1) % 9);
        refuseAudits(audits, 1);
    }

    function test_Reveal_RevertWhen_TheResultIsAnother() external {
        playUntilReveals(0, 3);
        Evidence[] memory audits = auditsOf(0, 0);
        audits[0].result = "another";
        refuseAudits(audits, 0);
    }

    function test_Reveal_RevertWhen_TheSignatureIsNotUnderTheRoot() external {
        playUntilReveals(0, 3);
        Evidence[] memory audits = auditsOf(0, 0);
        audits[0].proof[0] = "another";
        refuseAudits(audits, 0);
    }

    /// @dev What another operator was given is no evidence.
    function test_Reveal_RevertWhen_TheSignatureIsForAnother() external {
        playSeals(0, 3);
        signatures[0] = signatures[1];
        pushSeal(0, 0);
        seed(1);
        refuseAudits(auditsOf(0, 0), 0);
    }

    /// @dev Rounds of random answers: the contract finds the audited positions that a plain list gives.
    /// forge-config: default.fuzz.runs = 48
    function testFuzz_Reveal_Audits(bytes32 salt, uint256 seats) external {
        seats = bound(seats, 4, SEATS);
        while (providers.length < seats) addProvider(vm.toString(providers.length));
        playSeals(0, 3);
        bytes memory answers = empty(seats);
        for (uint256 i; i < ROUNDS * seats; ++i) {
            Rule.write(answers, seats, i / seats, i % seats, uint8(salt[i]) % 4);
        }
        sealAnswers(0, 0, answers);
        enter(1);
        seed(1);
        reveal(0, 0);
        (bytes32 root,) = attestations.answersOf(0, numberOf(0));
        assertEq(root, answersRoot(answers));
    }

    /* VOTES */

    function four() private {
        addOperator(0);
        undelegate(3);
        delegate(3, numberOf(3));
        playUntilReveals(0, 3);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postFinal(0);
        playUntilReveals(1, 3);
    }

    /// @dev Weights 2, 2, 1, 1.
    function test_Outvote() external {
        four();
        reveal(1, 2);
        reveal(1, 3);
        reveal(1, 1);
        reveal(1, 0);
        assertEq(attestations.votersIn(1).length, VOTERS);
        attestations.outvote(1, numberOf(0), 0);
        Voter[] memory voters = attestations.votersIn(1);
        assertEq(voters[0].operator, numberOf(0));
        assertEq(voters[0].weight, 2);
        (bytes32 root,) = attestations.answersOf(1, numberOf(2));
        assertEq(root, answersRoot(sealed_[2]), "its answers still count for itself");
        postFinal(1);
    }

    function test_Outvote_RevertWhen_NotHeavier() external {
        four();
        reveal(1, 2);
        reveal(1, 1);
        reveal(1, 0);
        reveal(1, 3);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NoVote.selector, numberOf(3)));
        attestations.outvote(1, numberOf(3), 0);
    }

    function test_Outvote_RevertWhen_ItVotes() external {
        playUntilReveals(0, 3);
        reveal(0, 0);
        reveal(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NoVote.selector, numberOf(0)));
        attestations.outvote(0, numberOf(0), 1);
    }

    function test_Outvote_RevertWhen_ItRevealedNothing() external {
        playUntilReveals(0, 3);
        reveal(0, 2);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NoVote.selector, numberOf(0)));
        attestations.outvote(0, numberOf(0), 0);
    }

    function test_Outvote_RevertWhen_TooLate() external {
        four();
        for (uint256 o = 4; o > 0; --o) {
            reveal(1, o - 1);
        }
        vm.warp(attestations.revealEnd(1));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 1));
        attestations.outvote(1, numberOf(0), 0);
    }
}
