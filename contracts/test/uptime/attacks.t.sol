// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Evidence, IAttestations} from "../../src/nodes/IAttestations.sol";
import {ILicenseStaking} from "../../src/nodes/ILicenseStaking.sol";
import {IUptime} from "../../src/nodes/IUptime.sol";
import {Uptime} from "../../src/nodes/Uptime.sol";
import {Rule} from "./Rule.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice What operators, providers and publishers try, and what comes of it.
contract Uptime_Attacks_Test is UptimeTest {
    function setUp() external {
        standard();
    }

    /// @dev The third operator seals the hash that the first one sealed, to open it with the first one's answers and salt.
    function test_Attack_CopyingASeal() external {
        playSeals(0, 3);
        bytes32 copied = attestations.sealOf(0, numberOf(0));
        vm.prank(keys[2]);
        attestations.seal(0, numberOf(2), copied);
        enter(1);
        seed(1);
        reveal(0, 0);
        Evidence[] memory audits = auditsOf(0, 0);
        bytes32 root = evidenceRoot(0);
        uint32 number = numberOf(2);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSealed.selector, 0, number));
        attestations.reveal(0, number, sealed_[0], root, saltOf(0, 0), audits);
    }

    /// @dev Or it waits until it has seen what others found.
    function test_Attack_SealingWhatOthersRevealed() external {
        playUntilReveals(0, 3);
        reveal(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_WrongTime.selector, 0));
        vm.prank(keys[2]);
        attestations.seal(0, numberOf(2), "copy");
    }

    /// @dev It says good of everybody and asks nobody: no signature, no reveal.
    function test_Attack_AlwaysGood() external {
        playSeals(0, 3);
        for (uint256 i; i < signatures[2].length; ++i) {
            signatures[2][i] = "";
        }
        pushSeal(0, 2);
        enter(1);
        seed(1);
        Evidence[] memory audits = auditsOf(0, 2);
        bytes32 root = evidenceRoot(2);
        uint32 number = numberOf(2);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadEvidence.selector, audits[0].position));
        attestations.reveal(0, number, sealed_[2], root, saltOf(0, 2), audits);
    }

    /// @dev Signatures of an earlier epoch, or those that were given to another contract.
    function test_Attack_ReplayingResponses() external {
        play(0, 3);
        playSeals(1, 3);
        for (uint32 i; i < signatures[0].length; ++i) {
            signatures[0][i] = sign(0, 0, i / 3, i % 3);
        }
        pushSeal(1, 0);
        enter(2);
        seed(2);
        Evidence[] memory audits = auditsOf(1, 0);
        bytes32 root = evidenceRoot(0);
        uint32 number = numberOf(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadEvidence.selector, audits[0].position));
        attestations.reveal(1, number, sealed_[0], root, saltOf(1, 0), audits);
    }

    function test_Attack_ReplayingElsewhere() external {
        IAttestations other = deploy(examTerms(), faultTerms()).attestations();
        bytes32 here = attestations.responseHash(0, 0, 0, 7, "result");
        assertTrue(other.responseHash(0, 0, 0, 7, "result") != here, "another contract");
        bytes32 sealedHere = attestations.sealHash(0, 7, "a", "b", "c");
        assertTrue(other.sealHash(0, 7, "a", "b", "c") != sealedHere);
        vm.chainId(77);
        assertTrue(attestations.responseHash(0, 0, 0, 7, "result") != here, "another chain");
        assertTrue(attestations.sealHash(0, 7, "a", "b", "c") != sealedHere);
    }

    /// @dev Half of the voting licences say offline of everybody. Nothing is true then, nobody is paid for it, and no provider loses.
    function test_Attack_HalfCollude() external {
        playSeals(0, 3);
        sealAnswers(0, 0, allOf(3, 1));
        enter(1);
        seed(1);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postFinal(0);
        // A tie is the provider's.
        assertEq(solvedOf(0).truth, allOf(3, 3));
        assertEq(uptime.sharesOf(0).total, 3 * WHOLE);
    }

    /// @dev A small operator answers at seats that nobody else looked at. A third of the votes is no truth.
    function test_Attack_AnsweringWhereNobodyLooks() external {
        playSeals(0, 0);
        sealAnswers(0, 1, allOf(3, 1));
        enter(1);
        seed(1);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postFinal(0);
        assertEq(solvedOf(0).truth, empty(3));
    }

    /// @dev More than half: each provider loses the stated part an epoch, and no more.
    function test_Attack_AMajorityColludes() external {
        play(0, 1);
        bytes memory truth = solvedOf(0).truth;
        for (uint32 seat; seat < 3; ++seat) {
            vm.prank(watcher);
            uptime.penalise(0, seat, truth);
            vm.expectRevert(IUptime.Uptime_Done.selector);
            uptime.penalise(0, seat, truth);
            uint256 left = staking.provisionOf(providers[seat], address(attestations)).locked;
            assertEq(left, SEAT_STAKE - uint256(SEAT_STAKE) * SLASH / 10_000);
        }
    }

    /// @dev A thief of the key attests for an epoch. It can take nothing, and its owner names another key.
    function test_Attack_TheHotKeyIsStolen() external {
        vm.warp(GENESIS);
        vm.startPrank(keys[0]);
        vm.expectRevert(ILicenseStaking.LicenseStaking_NoOperator.selector);
        runners.setKey(keys[0]);
        attestations.seal(0, numberOf(0), "garbage");
        vm.stopPrank();
        vm.prank(makeAddr("operator0"));
        runners.setKey(makeAddr("new key"));
        vm.warp(GENESIS + LENGTH);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotTheKey.selector, numberOf(0), keys[0]));
        vm.prank(keys[0]);
        attestations.seal(1, numberOf(0), "garbage");
    }

    /// @dev An operator hides what it found and is not paid, two epochs on either.
    function test_Attack_HidingAnswers() external {
        playUntilReveals(0, 3);
        reveal(0, 1);
        reveal(0, 2);
        postFinal(0);
        assertEq(solvedOf(0).parts[0].assigned, ROUNDS);
        assertEq(solvedOf(0).parts[0].shares, 0);
        play(1, 3);
        play(2, 3);
        assertEq(solvedOf(2).parts[0].assigned, 0, "its deputy's operator is paid instead");
    }

    /// @dev A provider that leaves before the epoch that it was away in is final.
    function test_Attack_LeavingBeforeThePenalty() external {
        enter(0);
        address provider = providers[1];
        playSeals(0, 1);
        removeProvider(1);
        seed(1);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postFinal(0);
        vm.expectRevert();
        attestations.release(provider);
        bytes memory truth = solvedOf(0).truth;
        vm.prank(watcher);
        uint256 amount = uptime.penalise(0, 1, truth);
        assertEq(attestations.seatOf(provider).stake, SEAT_STAKE - amount);
        vm.warp(block.timestamp + EXIT);
        attestations.release(provider);
        assertEq(staking.provisionOf(provider, address(attestations)).locked, 0);
    }

    /// @dev An old fault is no reason to take the stake of a seat that was taken anew.
    function test_Attack_PenalisingANewSeatForAnOldFault() external {
        play(0, 1);
        bytes memory truth = solvedOf(0).truth;
        address provider = providers[1];
        removeProvider(1);
        vm.warp(block.timestamp + EXIT);
        attestations.release(provider);
        vm.prank(provider);
        assertEq(attestations.enroll(watcher, "e"), 1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSeated.selector, provider));
        uptime.penalise(0, 1, truth);
    }

    /// @dev Thousands of operators without licences: none of them can vote, or be in anybody's way.
    function test_Attack_CrowdingTheList() external {
        uint32 number = addOperator(0);
        for (uint256 o; o < VOTERS; ++o) {
            addOperator(0);
        }
        playUntilReveals(0, 3);
        Evidence[] memory audits = auditsOf(0, 3);
        bytes32 root = evidenceRoot(3);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NoLicenses.selector, number));
        attestations.reveal(0, number, sealed_[3], root, saltOf(0, 3), audits);
    }

    /// @dev A publisher whose truth is not its root's, to be asked about the one and right about the other.
    function test_Attack_TheTruthIsOnlyHashed() external {
        playUntilReveals(0, 3);
        reveal(0, 0);
        solve(0);
        bytes memory truth = empty(3);
        post(0, "root", 0, truth);
        (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(0, 1);
        vm.prank(watcher);
        uptime.challengeTruth(0, 1, 2, truth, answers, proofs);
        assertEq(uptime.nextEpoch(), 0);
    }
}
