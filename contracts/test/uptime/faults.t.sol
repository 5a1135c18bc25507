// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Evidence, IAttestations} from "../../src/nodes/IAttestations.sol";
import {FaultTerms, IUptime} from "../../src/nodes/IUptime.sol";
import {IEpochRoots} from "../../src/rewards/IEpochRoots.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Strikes, appeals, bans and penalties. The second operator finds the first provider up where the others do not, or the other
/// way round.
contract Uptime_Faults_Test is UptimeTest {
    function setUp() external {
        standard();
    }

    function strike(uint32 epoch) private {
        bytes memory truth = solvedOf(epoch).truth;
        bytes memory answers = worldOf(epoch).answers[1];
        uptime.strike(epoch, numberOf(1), truth, answers);
    }

    /// @dev Three pairs of the first seat, of which an appeal names some.
    function appeal(uint32 epoch, uint32 first, uint32 count) private {
        Evidence[] memory evidence = new Evidence[](count);
        for (uint32 i; i < count; ++i) {
            evidence[i] = evidenceOf(1, (first + i) * 3);
        }
        appealWith(epoch, evidence);
    }

    function appealWith(uint32 epoch, Evidence[] memory evidence) private {
        bytes memory truth = solvedOf(epoch).truth;
        bytes memory answers = worldOf(epoch).answers[1];
        uptime.appeal(epoch, numberOf(1), truth, answers, evidence);
    }

    /* STRIKES */

    function test_Strike() external {
        playAgainst(0, 3, 1);
        strike(0);
        assertEq(uptime.strikeOf(numberOf(1), 0).wrong, 3);
        assertEq(uptime.strikeOf(numberOf(1), 0).madeAt, block.timestamp);
    }

    function test_Strike_RevertWhen_Pending() external {
        playUntilReveals(0, 3);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postSolved(0);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotFinal.selector, 0));
        uptime.strike(0, numberOf(1), truth, sealed_[1]);
    }

    function test_Strike_RevertWhen_TooLate() external {
        playAgainst(0, 3, 1);
        vm.warp(block.timestamp + APPEAL);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(IUptime.Uptime_WrongTime.selector);
        uptime.strike(0, numberOf(1), truth, answers);
    }

    function test_Strike_RevertWhen_Struck() external {
        playAgainst(0, 3, 1);
        strike(0);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(IUptime.Uptime_Done.selector);
        uptime.strike(0, numberOf(1), truth, answers);
    }

    function test_Strike_RevertWhen_ItWasRight() external {
        playAgainst(0, 3, 3);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_TooFew.selector, 0, WRONG_LIMIT));
        uptime.strike(0, numberOf(1), truth, answers);
    }

    /// @dev Slow is up.
    function test_Strike_RevertWhen_ItSaidSlow() external {
        playAgainst(0, 3, 2);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_TooFew.selector, 0, WRONG_LIMIT));
        uptime.strike(0, numberOf(1), truth, answers);
    }

    function test_Strike_RevertWhen_TheAnswersAreOthers() external {
        playAgainst(0, 3, 3);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(IUptime.Uptime_BadAnswers.selector);
        uptime.strike(0, numberOf(1), truth, allOf(3, 1));
    }

    function test_Strike_RevertWhen_TheTruthIsAnother() external {
        playAgainst(0, 3, 3);
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(IUptime.Uptime_BadTruth.selector);
        uptime.strike(0, numberOf(1), allOf(3, 1), answers);
    }

    /* APPEALS */

    function test_Appeal() external {
        playAgainst(0, 1, 3);
        strike(0);
        appeal(0, 0, 1);
        assertEq(uptime.strikeOf(numberOf(1), 0).wrong, 2);
        appeal(0, 1, 1);
        assertEq(uptime.strikeOf(numberOf(1), 0).wrong, 1, "it stands no longer");
        vm.expectRevert(IUptime.Uptime_NoStrike.selector);
        this.appealAs(0, 2, 1);
    }

    function appealAs(uint32 epoch, uint32 first, uint32 count) external {
        appeal(epoch, first, count);
    }

    function test_Appeal_RevertWhen_AgainByTheSame() external {
        playAgainst(0, 1, 3);
        strike(0);
        appeal(0, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_Irrelevant.selector, 0));
        this.appealAs(0, 0, 1);
    }

    function test_Appeal_RevertWhen_TooLate() external {
        playAgainst(0, 1, 3);
        strike(0);
        vm.warp(block.timestamp + APPEAL);
        vm.expectRevert(IUptime.Uptime_WrongTime.selector);
        this.appealAs(0, 0, 1);
    }

    /// @dev Of the second seat, at which it was right.
    function test_Appeal_RevertWhen_ItWasNotWrongThere() external {
        playAgainst(0, 1, 3);
        strike(0);
        Evidence[] memory evidence = new Evidence[](1);
        evidence[0] = evidenceOf(1, 1);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_Irrelevant.selector, 1));
        uptime.appeal(0, numberOf(1), truth, answers, evidence);
    }

    /// @dev Who said offline of a provider that was up has no evidence that could count.
    function test_Appeal_RevertWhen_ItSaidOffline() external {
        playAgainst(0, 3, 1);
        strike(0);
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_Irrelevant.selector, 0));
        this.appealAs(0, 0, 1);
    }

    function test_Appeal_RevertWhen_TheSignatureIsAnothers() external {
        playAgainst(0, 1, 3);
        strike(0);
        Evidence[] memory evidence = new Evidence[](1);
        evidence[0] = evidenceOf(1, 0);
        evidence[0].signature = sign(0, 0, 0, 0);
        bytes memory truth = solvedOf(0).truth;
        bytes memory answers = worldOf(0).answers[1];
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadEvidence.selector, 0));
        uptime.appeal(0, numberOf(1), truth, answers, evidence);
    }

    function test_Appeal_RevertWhen_NoStrikeWasMade() external {
        playAgainst(0, 1, 3);
        vm.expectRevert(IUptime.Uptime_NoStrike.selector);
        this.appealAs(0, 0, 1);
    }

    /* BANS */

    function strikeTwice() private {
        playAgainst(0, 3, 1);
        strike(0);
        playAgainst(1, 3, 1);
        strike(1);
    }

    function test_Ban() external {
        strikeTwice();
        vm.warp(block.timestamp + APPEAL);
        uint32 from = runners.currentEpoch() + 1;
        uptime.ban(numberOf(1), 0, 1);
        assertFalse(uptime.bannedIn(numberOf(1), from - 1), "what has begun stays");
        assertTrue(uptime.bannedIn(numberOf(1), from));
        assertTrue(uptime.bannedIn(numberOf(1), from + 1));
        assertFalse(uptime.bannedIn(numberOf(1), from + 2));
        assertTrue(uptime.isSilent(numberOf(1), from));
    }

    /// @dev It reveals on, without a vote, and is back when the ban ends.
    function test_Ban_TakesTheVote() external {
        strikeTwice();
        play(2, 3);
        uptime.ban(numberOf(1), 0, 1);
        uint32 from = 4;
        play(3, 3);
        playUntilReveals(from, 3);
        reveal(from, 1);
        assertEq(attestations.votersIn(from).length, 0);
        reveal(from, 2);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NoVote.selector, numberOf(1)));
        attestations.outvote(from, numberOf(1), 0);
    }

    function test_Ban_RevertWhen_AnAppealIsStillPossible() external {
        strikeTwice();
        vm.warp(block.timestamp + APPEAL - 1);
        vm.expectRevert(IUptime.Uptime_WrongTime.selector);
        uptime.ban(numberOf(1), 0, 1);
    }

    function test_Ban_RevertWhen_ByOneStrike() external {
        strikeTwice();
        vm.warp(block.timestamp + APPEAL);
        vm.expectRevert(IUptime.Uptime_NoStrike.selector);
        uptime.ban(numberOf(1), 0, 0);
    }

    function test_Ban_RevertWhen_UsedBefore() external {
        strikeTwice();
        vm.warp(block.timestamp + APPEAL);
        uptime.ban(numberOf(1), 0, 1);
        vm.expectRevert(IUptime.Uptime_NoStrike.selector);
        uptime.ban(numberOf(1), 0, 1);
    }

    function test_Ban_RevertWhen_TooFarApart() external {
        playAgainst(0, 3, 1);
        strike(0);
        play(1, 3);
        play(2, 3);
        playAgainst(3, 3, 1);
        strike(3);
        vm.warp(block.timestamp + APPEAL);
        vm.expectRevert(IUptime.Uptime_NoStrike.selector);
        uptime.ban(numberOf(1), 0, 3);
    }

    /// @dev An honest operator that others lied about shows signatures, and no ban comes of the rest.
    function test_Ban_RevertWhen_AnAppealTookOneAway() external {
        playAgainst(0, 1, 3);
        strike(0);
        appeal(0, 0, 2);
        playAgainst(1, 1, 3);
        strike(1);
        vm.warp(block.timestamp + APPEAL);
        vm.expectRevert(IUptime.Uptime_NoStrike.selector);
        uptime.ban(numberOf(1), 0, 1);
    }

    /* PENALTIES */

    function locked(uint32 seat) private returns (uint256) {
        return staking.provisionOf(makeAddr(["first", "second", "third"][seat]), address(attestations)).locked;
    }

    function penalise(uint32 epoch, uint32 seat) private returns (uint256) {
        bytes memory truth = solvedOf(epoch).truth;
        vm.prank(watcher);
        return uptime.penalise(epoch, seat, truth);
    }

    function test_Penalise() external {
        play(0, 1);
        uint256 before = held(watcher);
        uint256 amount = penalise(0, 2);
        assertEq(amount, uint256(SEAT_STAKE) * SLASH / 10_000);
        assertEq(held(watcher) - before, amount / 2);
        assertEq(held(ledger.BURN()), amount - amount / 2);
        assertEq(locked(2), SEAT_STAKE - amount);
        assertEq(attestations.seatOf(providers[2]).stake, SEAT_STAKE - amount);
        assertEq(attestations.seatOf(providers[2]).freeAt, 0, "it sits on");
    }

    /// @dev At 30 % each, the second leaves less than half.
    function test_Penalise_EndsASeat() external {
        play(0, 1);
        penalise(0, 2);
        play(1, 1);
        penalise(1, 2);
        assertGt(attestations.seatOf(providers[2]).freeAt, 0);
        uint32 next = runners.currentEpoch() + 1;
        vm.warp(GENESIS + uint256(next) * LENGTH);
        (address provider,) = attestations.seatIn(2, next);
        assertEq(provider, address(0));
        vm.warp(block.timestamp + EXIT);
        attestations.release(providers[2]);
        assertEq(locked(2), 0);
    }

    function test_Penalise_RevertWhen_Done() external {
        play(0, 1);
        penalise(0, 2);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(IUptime.Uptime_Done.selector);
        uptime.penalise(0, 2, truth);
    }

    function test_Penalise_RevertWhen_ItWasUp() external {
        play(0, 3);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_TooFew.selector, 0, 2));
        uptime.penalise(0, 2, truth);
    }

    /// @dev Operators with half of the votes cannot say that a provider was offline.
    function test_Penalise_RevertWhen_OnlyHalfSayOffline() external {
        playSeals(0, 3);
        sealAnswers(0, 0, allOf(3, 1));
        enter(1);
        seed(1);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postFinal(0);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_TooFew.selector, 0, 2));
        uptime.penalise(0, 2, truth);
    }

    function test_Penalise_RevertWhen_ThereIsNoSuchSeat() external {
        play(0, 1);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(IUptime.Uptime_OutOfRange.selector);
        uptime.penalise(0, 3, truth);
    }

    function test_Penalise_RevertWhen_Pending() external {
        playUntilReveals(0, 1);
        for (uint256 o; o < 3; ++o) {
            reveal(0, o);
        }
        postSolved(0);
        bytes memory truth = solvedOf(0).truth;
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotFinal.selector, 0));
        uptime.penalise(0, 2, truth);
    }

    /* TERMS */

    function refuse(FaultTerms memory faults, bytes32 what) private {
        vm.expectRevert(abi.encodeWithSelector(IUptime.Uptime_BadTerms.selector, what));
        deploy(examTerms(), faults);
    }

    function test_RevertWhen_EveryAnswerStrikes() external {
        FaultTerms memory faults = faultTerms();
        faults.wrongLimit = 0;
        refuse(faults, "wrongLimit");
    }

    function test_RevertWhen_BansNeverBegin() external {
        FaultTerms memory faults = faultTerms();
        faults.banEpochs = 0;
        refuse(faults, "banEpochs");
    }

    function test_RevertWhen_NobodyCanAppeal() external {
        FaultTerms memory faults = faultTerms();
        faults.appealTime = 0;
        refuse(faults, "appealTime");
    }

    function test_RevertWhen_PenaltiesNeedMoreRoundsThanThereAre() external {
        FaultTerms memory faults = faultTerms();
        faults.offlineLimit = ROUNDS + 1;
        refuse(faults, "offlineLimit");
    }

    function test_RevertWhen_MoreThanTheSeatIsTaken() external {
        FaultTerms memory faults = faultTerms();
        faults.offlineSlash = 10_001;
        refuse(faults, "offlineSlash");
    }

    function test_Terms() external view {
        assertEq(keccak256(abi.encode(uptime.faultTerms())), keccak256(abi.encode(faultTerms())));
        assertEq(keccak256(abi.encode(attestations.terms())), keccak256(abi.encode(examTerms())));
    }
}
