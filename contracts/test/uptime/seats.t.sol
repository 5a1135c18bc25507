// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ExamSeat, ExamTerms, IAttestations} from "../../src/nodes/IAttestations.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {UptimeTest} from "./UptimeTest.sol";

/// @notice Three seats, taken before the first epoch.
contract Attestations_Seats_Test is UptimeTest {
    address private first;
    address private fresh = makeAddr("fresh");

    function setUp() external {
        standard();
        first = providers[0];
    }

    function locked(address provider) private view returns (uint256) {
        return staking.provisionOf(provider, address(attestations)).locked;
    }

    function to(uint32 epoch) private {
        vm.warp(GENESIS + uint256(epoch) * LENGTH);
    }

    function provide(address provider, uint256 amount) private {
        fund(provider, amount, address(staking));
        vm.prank(provider);
        staking.stake(provider, address(attestations), amount);
    }

    /* TAKING */

    function test_Enroll() external {
        assertEq(attestations.seatOf(first).stake, SEAT_STAKE);
        assertEq(locked(first), SEAT_STAKE);
        to(0);
        assertEq(attestations.seatsIn(0), 3, "who came before the first epoch");
        addProvider("fourth");
        assertEq(attestations.seatsIn(0), 3, "from the next epoch on");
        (address provider,) = attestations.seatIn(3, 0);
        assertEq(provider, address(0));
        to(1);
        assertEq(attestations.seatsIn(1), 4);
        (provider,) = attestations.seatIn(3, 1);
        assertEq(provider, providers[3]);
        assertEq(attestations.seatsIn(0), 3, "what was stays");
    }

    function test_Enroll_RevertWhen_Seated() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_Seated.selector, first));
        vm.prank(first);
        attestations.enroll(fresh, "e");
    }

    function test_Enroll_RevertWhen_ItsStakeIsStillBound() external {
        removeProvider(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_Seated.selector, first));
        vm.prank(first);
        attestations.enroll(fresh, "e");
    }

    function test_Enroll_RevertWhen_TheKeyIsZero() external {
        vm.expectRevert(IAttestations.Attestations_NoKey.selector);
        vm.prank(fresh);
        attestations.enroll(address(0), "e");
    }

    function test_Enroll_RevertWhen_TheEndpointIsEmpty() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadEndpoint.selector, 0));
        vm.prank(fresh);
        attestations.enroll(fresh, "");
    }

    function test_Enroll_RevertWhen_TheEndpointIsLong() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadEndpoint.selector, 257));
        vm.prank(fresh);
        attestations.enroll(fresh, string(new bytes(257)));
    }

    function test_Enroll_RevertWhen_TheStakeIsMissing() external {
        provide(fresh, SEAT_STAKE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStaking.Staking_InsufficientStake.selector, fresh, attestations, SEAT_STAKE - 1, SEAT_STAKE
            )
        );
        vm.prank(fresh);
        attestations.enroll(fresh, "e");
    }

    function test_Enroll_RevertWhen_AllSeatsAreTaken() external {
        addProvider("a");
        addProvider("b");
        addProvider("c");
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_Full.selector, SEATS));
        vm.prank(fresh);
        attestations.enroll(fresh, "e");
    }

    /* KEY AND ENDPOINT */

    function test_SetKey() external {
        to(0);
        (, address key) = attestations.seatIn(0, 0);
        vm.prank(first);
        attestations.setKey(fresh);
        (, address now_) = attestations.seatIn(0, 0);
        assertEq(now_, key, "until the epoch ends");
        to(1);
        (, now_) = attestations.seatIn(0, 1);
        assertEq(now_, fresh);
        (, now_) = attestations.seatIn(0, 0);
        assertEq(now_, key);
    }

    function test_SetKey_RevertWhen_NotSeated() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSeated.selector, fresh));
        vm.prank(fresh);
        attestations.setKey(fresh);
    }

    function test_SetKey_RevertWhen_Left() external {
        removeProvider(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSeated.selector, first));
        vm.prank(first);
        attestations.setKey(fresh);
    }

    function test_SetEndpoint() external {
        vm.expectEmit();
        emit IAttestations.SeatEndpointSet(0, first, "https://elsewhere.example", 0);
        vm.prank(first);
        attestations.setEndpoint("https://elsewhere.example");
    }

    function test_SetEndpoint_RevertWhen_NotSeated() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSeated.selector, fresh));
        vm.prank(fresh);
        attestations.setEndpoint("e");
    }

    /* LEAVING */

    function test_LeaveSeat() external {
        to(2);
        removeProvider(0);
        (address provider, address key) = attestations.seatIn(0, 2);
        assertEq(provider, first, "to the end of the epoch");
        to(3);
        (provider, key) = attestations.seatIn(0, 3);
        assertEq(provider, address(0));
        assertEq(key, address(0));
        assertEq(attestations.seatsIn(3), 3, "its place stays");
        assertEq(locked(first), SEAT_STAKE, "bound");
    }

    /// @dev In the same epoch, so that it is never empty; and the place goes to one only.
    function test_LeaveSeat_WhenAnotherTakesThePlace() external {
        to(2);
        removeProvider(1);
        assertEq(addProvider("fourth"), 1);
        assertEq(addProvider("fifth"), 3);
        (address provider,) = attestations.seatIn(1, 2);
        assertEq(provider, makeAddr("second"));
        to(3);
        (provider,) = attestations.seatIn(1, 3);
        assertEq(provider, makeAddr("fourth"));
    }

    function test_LeaveSeat_RevertWhen_Left() external {
        removeProvider(0);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSeated.selector, first));
        vm.prank(first);
        attestations.leaveSeat();
    }

    function test_Release() external {
        removeProvider(0);
        vm.warp(block.timestamp + EXIT);
        attestations.release(first);
        assertEq(locked(first), 0);
        assertEq(attestations.seatOf(first).stake, 0);
        vm.prank(first);
        assertEq(attestations.enroll(fresh, "e"), 0);
        ExamSeat memory seat = attestations.seatOf(first);
        assertEq(seat.freeAt, 0);
    }

    function test_Release_RevertWhen_Seated() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotFree.selector, 0));
        attestations.release(first);
    }

    function test_Release_RevertWhen_TooEarly() external {
        removeProvider(0);
        uint256 freeAt = block.timestamp + EXIT;
        vm.warp(freeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotFree.selector, freeAt));
        attestations.release(first);
    }

    function test_Release_RevertWhen_NothingIsThere() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotSeated.selector, fresh));
        attestations.release(fresh);
    }

    function test_SeatIn_RevertWhen_TheEpochHasNotBegun() external {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_Future.selector, 0));
        attestations.seatIn(0, 0);
    }

    function test_Penalise_RevertWhen_ByAnother() external {
        to(1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_NotUptime.selector, watcher));
        vm.prank(watcher);
        attestations.penalise(0, 0, 1, watcher);
    }

    /* TERMS */

    function refuse(ExamTerms memory exam, bytes32 what) private {
        vm.expectRevert(abi.encodeWithSelector(IAttestations.Attestations_BadTerms.selector, what));
        deploy(exam, faultTerms());
    }

    function test_RevertWhen_SealTimeTakesTheEpoch() external {
        ExamTerms memory exam = examTerms();
        exam.sealTime = LENGTH;
        refuse(exam, "sealTime");
    }

    function test_RevertWhen_NothingCanBeRevealed() external {
        ExamTerms memory exam = examTerms();
        exam.revealTime = 0;
        refuse(exam, "revealTime");
    }

    function test_RevertWhen_TheExitIsAtOnce() external {
        ExamTerms memory exam = examTerms();
        exam.exitDelay = 0;
        refuse(exam, "exitDelay");
    }

    function test_RevertWhen_TooManyRounds() external {
        ExamTerms memory exam = examTerms();
        exam.rounds = 65;
        refuse(exam, "rounds");
    }

    function test_RevertWhen_TooManyAudits() external {
        ExamTerms memory exam = examTerms();
        exam.audits = 17;
        refuse(exam, "audits");
    }

    function test_RevertWhen_TooManyVoters() external {
        ExamTerms memory exam = examTerms();
        exam.maxVoters = 513;
        refuse(exam, "maxVoters");
    }

    function test_RevertWhen_TooManySeats() external {
        ExamTerms memory exam = examTerms();
        exam.maxSeats = 1025;
        refuse(exam, "maxSeats");
    }

    function test_RevertWhen_ASeatIsFree() external {
        ExamTerms memory exam = examTerms();
        exam.seatStake = 0;
        refuse(exam, "seatStake");
    }
}
