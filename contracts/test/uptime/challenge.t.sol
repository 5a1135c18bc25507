// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IUptime, LicenseChallenge, OperatorChallenge, Part} from "../../src/nodes/IUptime.sol";
import {Accumulators} from "../../src/nodes/libraries/Accumulators.sol";
import {EpochRewards} from "../../src/rewards/EpochRewards.sol";
import {Earned, PoolTerms} from "../../src/rewards/IEpochRewards.sol";
import {IEpochRoots, RootTerms} from "../../src/rewards/IEpochRoots.sol";
import {Share, Shares} from "../../src/rewards/IShares.sol";
import {Schedule} from "../../src/rewards/libraries/Emission.sol";
import {Trees} from "../rewards/Trees.sol";
import {Rule, Solved, World} from "./Rule.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Postings of an epoch that went well, and what becomes of them.
contract Uptime_Challenge_Test is UptimeTest {
    function revealAll(uint32 epoch) private {
        for (uint256 o; o < keys.length; ++o) {
            reveal(epoch, o);
        }
    }

    function solveFirst() private returns (Solved memory) {
        standard();
        playUntilReveals(0, 3);
        revealAll(0);
        return solve(0);
    }

    /* POSTING */

    function test_Post() external {
        Solved memory solved = solveFirst();
        vm.expectEmit();
        emit IUptime.OutcomePosted(0, solved.total, solved.truth);
        post(0, Trees.root(solved.leaves), solved.total, solved.truth);
        assertEq(uptime.outcomeOf(0).truthHash, keccak256(solved.truth));
        assertEq(uptime.postingOf(0).count, 9);
        vm.warp(block.timestamp + WINDOW);
        Shares memory shares = uptime.sharesOf(0);
        assertEq(shares.root, Trees.root(solved.leaves));
        assertEq(shares.total, 6 * WHOLE, "every check of every licence");
        assertEq(shares.count, 9);
        // A licence at 10 % and its operator.
        assertEq(solved.parts[0].shares, WHOLE * 9 / 10);
        assertEq(solved.commissions[6][0], 3 * WHOLE / 10);
    }

    function test_Post_RevertWhen_AnswersMayStillBeRevealed() external {
        Solved memory solved = solveFirst();
        vm.warp(block.timestamp - 1);
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_TooEarly.selector, 0));
        uptime.post(0, "root", 0, solved.truth);
    }

    /// @dev The seed of the next epoch alone says nothing about who examined whom.
    function test_Post_RevertWhen_TheEpochHasNoSeed() external {
        standard();
        enter(0);
        seed(1);
        vm.warp(attestations.revealEnd(0));
        bytes memory truth = empty(3);
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_TooEarly.selector, 0));
        uptime.post(0, "root", 0, truth);
    }

    function test_Post_RevertWhen_TheTruthIsShort() external {
        solveFirst();
        vm.expectRevert(IUptime.Uptime_BadTruth.selector);
        uptime.post(0, "root", 0, new bytes(2));
    }

    function test_Post_RevertWhen_TheTruthSaysMoreThanThereIs() external {
        Solved memory solved = solveFirst();
        solved.truth[2] |= 0x80;
        vm.expectRevert(IUptime.Uptime_BadTruth.selector);
        uptime.post(0, "root", 0, solved.truth);
    }

    function test_Post_RevertWhen_NotDue() external {
        standard();
        enter(0);
        enter(1);
        seed(1);
        seed(2);
        vm.warp(attestations.revealEnd(1));
        bytes memory truth = empty(3);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotDue.selector, 1, 0));
        uptime.post(1, "root", 0, truth);
    }

    function test_SharesOf_RevertWhen_Pending() external {
        Solved memory solved = solveFirst();
        post(0, "root", solved.total, solved.truth);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotFinal.selector, 0));
        uptime.sharesOf(0);
    }

    function test_OperatorOf() external {
        standard();
        assertEq(uptime.operatorOf(7), makeAddr("operator0"));
        assertEq(uptime.operatorOf(6), address(0), "a licence");
        assertEq(uptime.operatorOf(10), address(0));
        assertEq(address(uptime.license()), address(license));
        assertEq(uptime.licenses(), 6);
    }

    function test_DeputyOf() external {
        build(5);
        uint32[6] memory deputies = [uint32(0), 3, 4, 1, 2, 0];
        for (uint32 l; l < 6; ++l) {
            assertEq(uptime.deputyOf(l), deputies[l]);
        }
        build(1);
        assertEq(uptime.deputyOf(1), 0, "alone");
    }

    /* EMPTY WORLDS */

    function test_WhenNobodyIsThere() external {
        build(2);
        play(0, 0);
        assertEq(uptime.sharesOf(0).total, 0);
        assertEq(uptime.sharesOf(0).count, 2);
    }

    /// @dev Nobody is silent after an epoch in which there was nothing to say.
    function test_WhenThereWereNoSeats() external {
        build(2);
        addOperator(500);
        delegate(1, numberOf(0));
        delegate(2, numberOf(0));
        for (uint32 epoch; epoch < 2; ++epoch) {
            if (epoch == 1) addProvider("late");
            playUntilReveals(epoch, 0);
            postFinal(epoch);
        }
        assertFalse(uptime.isSilent(numberOf(0), 2));
        play(2, 3);
        assertEq(uptime.sharesOf(2).total, 2 * WHOLE);
    }

    function test_WhenNobodyReveals() external {
        standard();
        playUntilReveals(0, 3);
        postFinal(0);
        assertEq(uptime.sharesOf(0).total, 0);
        play(1, 3);
        assertEq(uptime.sharesOf(1).total, 6 * WHOLE);
        play(2, 3);
        assertEq(uptime.sharesOf(2).total, 0, "silent two epochs before");
        play(3, 3);
        assertEq(uptime.sharesOf(3).total, 6 * WHOLE);
    }

    /// @dev The second operator runs 4 and 5, whose deputies are 1 and 2 of the first.
    function test_WhenDeputiesStepIn() external {
        standard();
        playUntilReveals(0, 3);
        reveal(0, 0);
        reveal(0, 2);
        postFinal(0);
        play(1, 3);
        assertTrue(uptime.isSilent(numberOf(1), 2));
        play(2, 3);
        Solved memory solved = solvedOf(2);
        assertEq(solved.parts[0].assigned, 2 * ROUNDS);
        assertEq(solved.parts[1].right, 2 * ROUNDS);
        assertEq(solved.parts[2].right, ROUNDS);
        assertEq(solved.parts[3].assigned, 0);
        assertEq(solved.total, 6 * WHOLE, "nothing is lost");
    }

    /* CHALLENGES */

    function test_ChallengeLicense_Pays() external {
        Solved memory solved = solveFirst();
        bytes32[] memory leaves = solved.leaves;
        leaves[3] = "garbage";
        post(0, Trees.root(leaves), solved.total, solved.truth);
        uint256 before = held(watcher);
        LicenseChallenge memory claimed = licenseChallenge(0, 4, solved, leaves);
        vm.prank(watcher);
        uptime.challengeLicense(claimed);
        assertEq(held(watcher) - before, BOND / 2);
        assertEq(held(ledger.BURN()), BOND - BOND / 2);
        assertEq(uptime.nextEpoch(), 0);
    }

    function test_ChallengeLicense_RevertWhen_Final() external {
        Solved memory solved = solveFirst();
        bytes32[] memory leaves = solved.leaves;
        leaves[3] = "garbage";
        post(0, Trees.root(leaves), solved.total, solved.truth);
        vm.warp(block.timestamp + WINDOW);
        LicenseChallenge memory claimed = licenseChallenge(0, 4, solved, leaves);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotPending.selector, 0));
        uptime.challengeLicense(claimed);
    }

    function posted() private returns (Solved memory solved) {
        solved = solveFirst();
        post(0, Trees.root(solved.leaves), solved.total, solved.truth);
    }

    function test_ChallengeLicense_RevertWhen_TheTruthIsAnother() external {
        Solved memory solved = posted();
        LicenseChallenge memory claimed = licenseChallenge(0, 4, solved, solved.leaves);
        claimed.truth[0] ^= 0x03;
        vm.expectRevert(IUptime.Uptime_BadTruth.selector);
        uptime.challengeLicense(claimed);
    }

    function test_ChallengeLicense_RevertWhen_TheAnswersAreOthers() external {
        Solved memory solved = posted();
        LicenseChallenge memory claimed = licenseChallenge(0, 4, solved, solved.leaves);
        claimed.answers = allOf(3, 1);
        vm.expectRevert(IUptime.Uptime_BadAnswers.selector);
        uptime.challengeLicense(claimed);
    }

    function test_ChallengeLicense_RevertWhen_ThePreviousIsAnother() external {
        Solved memory solved = posted();
        LicenseChallenge memory claimed = licenseChallenge(0, 4, solved, solved.leaves);
        claimed.previous = solved.parts[0];
        claimed.previousProof = Trees.proof(solved.leaves, 0);
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        uptime.challengeLicense(claimed);
    }

    function test_ChallengeLicense_RevertWhen_TheCommissionIsAnother() external {
        Solved memory solved = posted();
        LicenseChallenge memory claimed = licenseChallenge(0, 2, solved, solved.leaves);
        claimed.commission += 1;
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        uptime.challengeLicense(claimed);
    }

    function test_ChallengeLicense_RevertWhen_TheCommissionProofIsShort() external {
        Solved memory solved = posted();
        LicenseChallenge memory claimed = licenseChallenge(0, 2, solved, solved.leaves);
        claimed.commissionProof = new bytes32[](1);
        vm.expectRevert(Accumulators.Accumulators_BadProof.selector);
        uptime.challengeLicense(claimed);
    }

    function test_ChallengeLicense_RevertWhen_ItIsNone() external {
        Solved memory solved = posted();
        LicenseChallenge memory claimed = licenseChallenge(0, 4, solved, solved.leaves);
        claimed.number = 7;
        vm.expectRevert(IUptime.Uptime_OutOfRange.selector);
        uptime.challengeLicense(claimed);
    }

    function test_ChallengeOperator_RevertWhen_ItIsALicence() external {
        Solved memory solved = posted();
        OperatorChallenge memory claimed = operatorChallenge(0, 1, solved, solved.leaves);
        claimed.number = 6;
        vm.expectRevert(IUptime.Uptime_OutOfRange.selector);
        uptime.challengeOperator(claimed);
    }

    function test_ChallengeOperator_RevertWhen_ItStoodLater() external {
        Solved memory solved = posted();
        OperatorChallenge memory claimed = operatorChallenge(0, 1, solved, solved.leaves);
        claimed.number = 10;
        vm.expectRevert(IUptime.Uptime_OutOfRange.selector);
        uptime.challengeOperator(claimed);
    }

    function test_ChallengeTotal_RevertWhen_ThePartIsNotTheLast() external {
        Solved memory solved = posted();
        bytes32[] memory proof = Trees.proof(solved.leaves, 4);
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        uptime.challengeTotal(0, solved.parts[4], proof);
    }

    function test_ChallengeTruth_RevertWhen_AVoterIsLeftOut() external {
        Solved memory solved = posted();
        vm.expectRevert(IUptime.Uptime_BadAnswers.selector);
        uptime.challengeTruth(0, 0, 0, solved.truth, new bytes[](2), new bytes32[][](2));
    }

    function test_ChallengeTruth_RevertWhen_AVotersAnswersAreOthers() external {
        Solved memory solved = posted();
        (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(0, 0);
        (answers[0], answers[1]) = (roundOf(allOf(3, 1), 0), roundOf(allOf(3, 1), 0));
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        uptime.challengeTruth(0, 0, 0, solved.truth, answers, proofs);
    }

    /// @dev What was said in another round.
    function test_ChallengeTruth_RevertWhen_TheRoundIsAnother() external {
        Solved memory solved = posted();
        (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(0, 2);
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        uptime.challengeTruth(0, 0, 0, solved.truth, answers, proofs);
    }

    function test_ChallengeTruth_RevertWhen_ThereIsNoSuchSeat() external {
        Solved memory solved = posted();
        (bytes[] memory answers, bytes32[][] memory proofs) = votesOf(0, 0);
        vm.expectRevert(IUptime.Uptime_OutOfRange.selector);
        uptime.challengeTruth(0, 0, 3, solved.truth, answers, proofs);
    }

    /* THE POOL */

    /// @dev A pool divides what it emits by these shares, and its own rule checks a claim of them.
    function test_RewardsAreDividedByIt() external {
        standard();
        PoolTerms memory pool = PoolTerms({
            token: address(token),
            schedule: Schedule(1e24, 1e21, 0),
            slowPeriod: 2 days,
            fastPeriod: 1 days,
            fastShare: 5000
        });
        EpochRewards rewards =
            new EpochRewards(ledger, uptime, pool, RootTerms(address(token), BOND, FEE, WINDOW, ANSWER));
        fund(address(this), 1e24, address(rewards));
        rewards.fund(1e24);
        fund(publisher, BOND, address(rewards));
        playAgainst(0, 3, 1);
        Solved memory solved = solvedOf(0);
        bytes32[] memory leaves = new bytes32[](9);
        uint96[] memory earned = new uint96[](9);
        for (uint32 i; i < 9; ++i) {
            uint64 part = i < 6 ? solved.parts[i].shares : solved.commissions[6][i - 6];
            earned[i] = uint96(uint256(1e21) * part / solved.total);
            leaves[i] = rewardLeaf(i + 1, earned[i]);
        }
        vm.prank(publisher);
        rewards.post(0, Trees.root(leaves));
        refuseChallenges(rewards, solved, leaves);
        vm.warp(block.timestamp + WINDOW);
        rewards.claim(Earned(0, 9, 1, earned[0]), Trees.proof(leaves, 0), false);
        vm.prank(makeAddr("operator0"));
        rewards.claim(Earned(0, 9, 7, earned[6]), Trees.proof(leaves, 6), false);
        vm.warp(block.timestamp + 2 days);
        rewards.collect(7);
        assertEq(held(makeAddr("operator0")), earned[6]);
        assertGt(earned[6], 0);
        assertLe(rewards.unclaimed() + earned[0] + earned[6], 1e21);
    }

    function refuseChallenges(EpochRewards rewards, Solved memory solved, bytes32[] memory leaves) private {
        bytes32[] memory none;
        for (uint32 number = 1; number <= 9; ++number) {
            Share memory share;
            if (number <= 6) {
                Part memory p = solved.parts[number - 1];
                bytes32 detail = keccak256(abi.encode(p.assigned, p.answered, p.right, p.wrong, p.sum, p.accumulators));
                share = Share(number, p.shares, detail);
            } else {
                share = Share(number, solved.commissions[6][number - 7], solved.parts[5].accumulators);
            }
            bytes32[] memory shareProof = Trees.proof(solved.leaves, number - 1);
            bytes32[] memory proof = Trees.proof(leaves, number - 1);
            vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
            rewards.challenge(0, share, shareProof, 0, none, leaves[number - 1], proof);
        }
    }

    function rewardLeaf(uint32 number, uint96 cumulative) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0), number, cumulative));
    }
}
