// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ExamTerms, Evidence} from "../../src/nodes/IAttestations.sol";
import {LicenseChallenge, OperatorChallenge} from "../../src/nodes/IUptime.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {Trees} from "../rewards/Trees.sol";
import {Solved} from "./Rule.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Gas of each verb as a transaction of its own: six licences, three operators, three seats, three rounds.
/// forge-config: default.isolate = true
contract Uptime_Gas_Test is UptimeTest {
    string private constant GROUP = "Uptime";

    function test_Gas_Epoch() external {
        standard();
        playSeals(0, 3);
        pushSeal(0, 0);
        vm.snapshotGasLastCall(GROUP, "seal, again");
        enter(1);
        vm.warp(sealEnd(1));
        attestations.begin(1);
        vm.snapshotGasLastCall(GROUP, "begin");
        beacon.record(attestations.roundOf(1), "seed");
        attestations.draw(1);
        vm.snapshotGasLastCall(GROUP, "draw");
        reveal(0, 0);
        Evidence[] memory audits = auditsOf(0, 1);
        bytes32 root = evidenceRoot(1);
        attestations.reveal(0, numberOf(1), sealed_[1], root, saltOf(0, 1), audits);
        vm.snapshotGasLastCall(GROUP, "reveal, 9 answers and 2 audits");
    }

    function test_Gas_Challenges() external {
        standard();
        playUntilReveals(0, 3);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        Solved memory solved = solve(0);
        bytes32[] memory leaves = solved.leaves;
        (leaves[2], leaves[8]) = ("garbage", "garbage");
        post(0, Trees.root(leaves), solved.total, solved.truth);
        vm.snapshotGasLastCall(GROUP, "post");
        LicenseChallenge memory claimed = licenseChallenge(0, 3, solved, leaves);
        uptime.challengeLicense(claimed);
        vm.snapshotGasLastCall(GROUP, "challengeLicense");
        solved = solvedOf(0);
        leaves = solved.leaves;
        leaves[8] = "garbage";
        vm.warp(block.timestamp + 1);
        post(0, Trees.root(leaves), solved.total, solved.truth);
        OperatorChallenge memory second = operatorChallenge(0, 2, solved, leaves);
        uptime.challengeOperator(second);
        vm.snapshotGasLastCall(GROUP, "challengeOperator");
    }

    function test_Gas_Faults() external {
        standard();
        vm.prank(providers[2]);
        attestations.leaveSeat();
        vm.snapshotGasLastCall(GROUP, "leaveSeat");
        address left = providers[2];
        providers[2] = address(0);
        playAgainst(0, 1, 3);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        uptime.strike(0, numberOf(1), truth, answers);
        vm.snapshotGasLastCall(GROUP, "strike");
        Evidence[] memory evidence = new Evidence[](1);
        evidence[0] = evidenceOf(1, 0);
        uptime.appeal(0, numberOf(1), truth, answers, evidence);
        vm.snapshotGasLastCall(GROUP, "appeal, of one answer");
        uptime.penalise(0, 1, truth);
        vm.snapshotGasLastCall(GROUP, "penalise");
        vm.warp(block.timestamp + EXIT);
        attestations.release(left);
        vm.snapshotGasLastCall(GROUP, "release");
    }
}

/// @notice The largest epoch that the terms allow: 64 rounds of 1,024 seats, examined by 512 voters.
/// forge-config: default.isolate = true
contract Uptime_GasOfTheLargest_Test is UptimeTest {
    string private constant GROUP = "Uptime";
    uint16 private constant MOST_ROUNDS = 64;
    uint16 private constant MOST_SEATS = 1024;
    uint16 private constant MOST_VOTERS = 512;

    function examTerms() internal pure override returns (ExamTerms memory exam) {
        exam = super.examTerms();
        (exam.rounds, exam.maxSeats, exam.maxVoters, exam.seatStake) = (MOST_ROUNDS, MOST_SEATS, MOST_VOTERS, 1);
    }

    function test_Gas_OfTheLargest() external {
        vm.pauseGasMetering();
        build(MOST_VOTERS);
        for (uint256 o; o < MOST_VOTERS; ++o) {
            delegate(o + 1, addOperator(1000));
        }
        for (uint256 s; s < MOST_SEATS; ++s) {
            addProvider(vm.toString(s));
        }
        vm.warp(GENESIS);
        seed(0);
        bytes memory answers = new bytes(uint256(MOST_ROUNDS) * MOST_SEATS / 4);
        for (uint256 i; i < answers.length; ++i) {
            answers[i] = 0x55;
        }
        bytes32[] memory leaves = new bytes32[](MOST_ROUNDS);
        bytes memory round = new bytes(MOST_SEATS / 4);
        for (uint256 i; i < round.length; ++i) {
            round[i] = 0x55;
        }
        for (uint256 r; r < MOST_ROUNDS; ++r) {
            leaves[r] = MerkleTree.leafHash(round);
        }
        revealAll(answers, Trees.root(leaves));
        vm.warp(attestations.revealEnd(0));
        post(0, "root", 0, new bytes(answers.length));
        vm.snapshotGasLastCall(GROUP, "post, of the largest epoch");
        challenge(answers.length, round, Trees.proof(leaves, 5));
    }

    function revealAll(bytes memory answers, bytes32 root) private {
        vm.warp(sealEnd(1) - 1);
        for (uint256 o; o < MOST_VOTERS; ++o) {
            bytes32 hash = attestations.sealHash(0, numberOf(o), root, 0, 0);
            vm.prank(keys[o]);
            attestations.seal(0, numberOf(o), hash);
        }
        seed(1);
        for (uint256 o; o < MOST_VOTERS; ++o) {
            if (o + 1 == MOST_VOTERS) vm.resumeGasMetering();
            attestations.reveal(0, numberOf(o), answers, 0, 0, new Evidence[](0));
        }
        vm.snapshotGasLastCall(GROUP, "reveal, of the largest epoch, all offline");
    }

    function challenge(uint256 length, bytes memory round, bytes32[] memory proof) private {
        bytes[] memory all = new bytes[](MOST_VOTERS);
        bytes32[][] memory proofs = new bytes32[][](MOST_VOTERS);
        for (uint256 o; o < MOST_VOTERS; ++o) {
            (all[o], proofs[o]) = (round, proof);
        }
        uptime.challengeTruth(0, 5, 77, new bytes(length), all, proofs);
        uint256 gas = vm.snapshotGasLastCall(GROUP, "challengeTruth, of the largest epoch");
        // EIP-7825.
        assertLt(gas, 16_777_216);
    }
}
