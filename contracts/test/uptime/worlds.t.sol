// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LicenseChallenge, OperatorChallenge, Outcome, Part} from "../../src/nodes/IUptime.sol";
import {IEpochRoots} from "../../src/rewards/IEpochRoots.sol";
import {Trees} from "../rewards/Trees.sol";
import {Rule, Solved, World} from "./Rule.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Random small worlds: the posting by the reference computation stands whatever anybody tries, and each other one falls.
/// forge-config: default.fuzz.runs = 96
contract Uptime_Worlds_Test is UptimeTest {
    uint256 private _luck;

    function luck(uint256 below) private returns (uint256) {
        _luck = uint256(keccak256(abi.encode(_luck)));
        return _luck % below;
    }

    /// @dev Epoch 0 decides who is silent in epoch 2, which is looked at; meanwhile a seat is left and a licence given back.
    function playTo2(uint256 salt) private returns (Solved memory solved) {
        _luck = salt;
        build(uint32(1 + luck(7)));
        uint256 operators = luck(5);
        for (uint256 o; o < operators; ++o) {
            addOperator(uint16([uint256(0), 1500, 3333, 10_000][luck(4)]));
        }
        for (uint256 id = 1; id <= licenses && operators != 0; ++id) {
            if (luck(6) != 0) delegate(id, numberOf(luck(operators)));
        }
        uint256 seats = luck(SEATS + 1);
        for (uint256 s; s < seats; ++s) {
            addProvider(string.concat("provider", vm.toString(s)));
        }
        playRandomly(0, 4);
        if (seats != 0 && luck(2) == 0) removeProvider(uint32(luck(seats)));
        uint256 id_ = 1 + luck(licenses);
        if (runs[id_].operator != 0 && luck(2) == 0) undelegate(id_);
        playRandomly(1, 6);
        return playRandomly(2, 6);
    }

    /// @dev Each operator that may reveal does with a chance of all but one in `odds`.
    function playRandomly(uint32 epoch, uint256 odds) private returns (Solved memory solved) {
        enter(epoch);
        if (epoch == 0) seed(0);
        vm.warp(sealEnd(epoch + 1) - 1);
        for (uint256 o; o < keys.length; ++o) {
            sealAnswers(epoch, o, randomAnswers(epoch));
        }
        enter(epoch + 1);
        seed(epoch + 1);
        for (uint256 o; o < keys.length; ++o) {
            if (runners.delegatedIn(numberOf(o), epoch) != 0 && luck(odds) != 0) reveal(epoch, o);
        }
        solved = solve(epoch);
        post(epoch, Trees.root(solved.leaves), solved.total, solved.truth);
        if (epoch != 2) vm.warp(block.timestamp + WINDOW);
    }

    /// @dev Mostly alike, so that there are truths; nobody says up of an empty seat, who could not show it.
    function randomAnswers(uint32 epoch) private returns (bytes memory answers) {
        uint256 seats = providers.length;
        answers = empty(seats);
        for (uint256 i; i < ROUNDS * seats; ++i) {
            uint256 answer = luck(3) == 0 ? luck(4) : 1 + i % 3;
            if (answer > 1 && !worldOf(epoch).occupied[i % seats]) answer = luck(2);
            Rule.write(answers, seats, i / seats, i % seats, answer);
        }
    }

    /* WHAT IS RIGHT STANDS */

    function testFuzz_AnHonestPostingStands(uint256 salt) external {
        Solved memory solved = playTo2(salt);
        uint256 count = solved.leaves.length;
        for (uint32 number = 1; number <= licenses; ++number) {
            LicenseChallenge memory claimed = licenseChallenge(2, number, solved, solved.leaves);
            vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
            uptime.challengeLicense(claimed);
            // Another leaf than the one that is there.
            claimed.leaf = solved.leaves[luck(count)];
            if (claimed.leaf == solved.leaves[number - 1]) claimed.leaf = keccak256("none");
            vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
            uptime.challengeLicense(claimed);
            tamper(claimed);
        }
        for (uint256 order; order < keys.length; ++order) {
            OperatorChallenge memory claimed = operatorChallenge(2, order, solved, solved.leaves);
            vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
            uptime.challengeOperator(claimed);
            claimed.commission += 1;
            vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
            uptime.challengeOperator(claimed);
        }
        Part memory last = solved.parts[licenses - 1];
        bytes32[] memory proof = Trees.proof(solved.leaves, licenses - 1);
        vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
        uptime.challengeTotal(2, last, proof);
        last.sum += 1;
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        uptime.challengeTotal(2, last, proof);
        for (uint32 i; i < ROUNDS * providers.length; ++i) {
            uint32 seat = i % uint32(providers.length);
            (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(2, i / uint32(providers.length));
            vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
            uptime.challengeTruth(2, i / uint32(providers.length), seat, solved.truth, answers, proofs);
        }
        vm.warp(block.timestamp + WINDOW);
        assertEq(uptime.sharesOf(2).total, solved.total);
    }

    /// @dev A challenger that says something else of what the leaf follows from.
    function tamper(LicenseChallenge memory claimed) private {
        if (claimed.number != 1) {
            claimed.previous.sum += 10_000;
            vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
            uptime.challengeLicense(claimed);
            claimed.previous.sum -= 10_000;
        }
        if (claimed.answers.length == 0) return;
        claimed.answers[luck(claimed.answers.length)] ^= bytes1(uint8(1 << luck(8)));
        claimed.commission += 1;
        (bool removed,) = address(uptime).call(abi.encodeCall(uptime.challengeLicense, (claimed)));
        assertFalse(removed, "by other answers");
    }

    /* WHAT IS WRONG FALLS */

    function testFuzz_AWrongLeafFalls(uint256 salt) external {
        Solved memory solved = playTo2(salt);
        removeHonest(solved);
        uint256 place = luck(solved.leaves.length);
        bytes32[] memory leaves = solved.leaves;
        leaves[place] = keccak256("garbage");
        postAgain(leaves, solved.total, solved.truth);
        challengeLeaf(place, solved, leaves);
        assertEq(uptime.postingOf(2).root, 0);
    }

    /// @dev Whoever posts pays itself one right answer more, and is consistent from there on.
    function testFuzz_AConsistentLieFalls(uint256 salt) external {
        Solved memory solved = playTo2(salt);
        removeHonest(solved);
        uint32 liar = uint32(luck(licenses));
        (bytes32[] memory leaves, uint64 total) = lie(solved, liar);
        postAgain(leaves, total, solved.truth);
        LicenseChallenge memory claimed = licenseChallenge(2, liar + 1, solved, leaves);
        vm.prank(watcher);
        uptime.challengeLicense(claimed);
        assertEq(uptime.postingOf(2).root, 0);
    }

    function testFuzz_AWrongTotalFalls(uint256 salt) external {
        Solved memory solved = playTo2(salt);
        removeHonest(solved);
        postAgain(solved.leaves, solved.total + 1, solved.truth);
        Part memory last = solved.parts[licenses - 1];
        bytes32[] memory proof = Trees.proof(solved.leaves, licenses - 1);
        vm.prank(watcher);
        uptime.challengeTotal(2, last, proof);
        assertEq(uptime.postingOf(2).root, 0);
    }

    /// @dev Another truth, and all that follows from it.
    function testFuzz_AWrongTruthFalls(uint256 salt) external {
        Solved memory solved = playTo2(salt);
        uint256 seats = providers.length;
        if (seats == 0) return;
        removeHonest(solved);
        uint32 i = uint32(luck(ROUNDS * seats));
        bytes memory truth = solved.truth;
        uint256 was = Rule.read(truth, seats, i / seats, i % seats);
        Rule.write(truth, seats, i / seats, i % seats, (was + 1 + luck(3)) % 4);
        Solved memory other = Rule.solveWith(worldOf(2), truth);
        postAgain(other.leaves, other.total, truth);
        uint32 round = i / uint32(seats);
        (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(2, round);
        vm.prank(watcher);
        uptime.challengeTruth(2, round, i % uint32(seats), truth, answers, proofs);
        assertEq(uptime.postingOf(2).root, 0);
        Outcome memory outcome = uptime.outcomeOf(2);
        assertEq(outcome.truthHash, 0);
        assertEq(outcome.total, 0);
    }

    /// @dev Takes the honest posting of epoch 2 back, as it was never made.
    function removeHonest(Solved memory) private {
        vm.revertToState(_before);
    }

    uint256 private _before;

    function post(uint32 epoch, bytes32 root, uint64 total, bytes memory truth) internal override {
        if (epoch == 2) _before = vm.snapshotState();
        super.post(epoch, root, total, truth);
    }

    function postAgain(bytes32[] memory leaves, uint64 total, bytes memory truth) private {
        super.post(2, Trees.root(leaves), total, truth);
    }

    function challengeLeaf(uint256 place, Solved memory solved, bytes32[] memory leaves) private {
        if (place < licenses) {
            LicenseChallenge memory claimed = licenseChallenge(2, uint32(place + 1), solved, leaves);
            vm.prank(watcher);
            uptime.challengeLicense(claimed);
        } else {
            OperatorChallenge memory claimed = operatorChallenge(2, place - licenses, solved, leaves);
            vm.prank(watcher);
            uptime.challengeOperator(claimed);
        }
    }

    function lie(Solved memory solved, uint32 liar) private view returns (bytes32[] memory leaves, uint64 total) {
        leaves = new bytes32[](solved.leaves.length);
        for (uint256 i; i < leaves.length; ++i) {
            leaves[i] = solved.leaves[i];
        }
        for (uint256 l = liar; l < licenses; ++l) {
            // A copy: the honest parts are needed to prove it.
            Part memory part = abi.decode(abi.encode(solved.parts[l]), (Part));
            if (l == liar) (part.right, part.shares) = (part.right + 1, part.shares + 10_000);
            part.sum += 10_000;
            (leaves[l], total) = (Rule.leafOf(part), part.sum);
        }
    }
}
