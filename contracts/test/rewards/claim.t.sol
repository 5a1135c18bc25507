// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Earned, IEpochRewards} from "../../src/rewards/IEpochRewards.sol";
import {IEpochRoots} from "../../src/rewards/IEpochRoots.sol";
import {Books, Stream} from "../../src/rewards/libraries/Stream.sol";
import {RewardsTest} from "./RewardsTest.sol";

contract EpochRewards_Claim_Test is RewardsTest {
    /* WHO */

    function test_RevertWhen_TheCallerIsAStranger() external {
        settle(0);
        bytes32[] memory proof = proofOf(0, 1);
        expectNotYours(1, bob);
        vm.prank(bob);
        rewards.claim(said(1, 0), proof, false);
    }

    function test_WhenTheCallerIsAnAgent() external {
        settle(0);
        vm.prank(ada);
        rewards.setAgent(watcher, true);
        bytes32[] memory proof = proofOf(0, 1);
        expectNotYours(1, watcher);
        vm.prank(watcher);
        rewards.claim(said(1, 0), proof, true);
        claim(watcher, 1, 0, false);
        vm.warp(block.timestamp + SLOW);
        vm.prank(watcher);
        rewards.collect(1);
        assertEq(held(ada), earned[0][0], "the owner's alone");
        proof = proofOf(0, 4);
        expectNotYours(4, watcher);
        vm.prank(watcher);
        rewards.claim(said(4, 0), proof, false);
        vm.prank(ada);
        rewards.setAgent(watcher, false);
        settle(1);
        proof = proofOf(1, 1);
        expectNotYours(1, watcher);
        vm.prank(watcher);
        rewards.claim(said(1, 1), proof, false);
    }

    function test_WhenTheBeneficiaryIsAnOperator() external {
        settle(0);
        claim(operator, COUNT, 0, false);
        vm.warp(block.timestamp + SLOW);
        rewards.collect(COUNT);
        assertEq(held(operator), earned[0][COUNT - 1]);
        assertGt(held(operator), 0);
    }

    function test_RevertWhen_ThereIsNoBeneficiary() external {
        settle(0);
        bytes32[] memory proof;
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NoBeneficiary.selector, COUNT + 1));
        rewards.claim(Earned(0, COUNT, COUNT + 1, 1), proof, false);
        vm.expectRevert();
        rewards.claim(Earned(0, COUNT, 0, 1), proof, false);
    }

    /* WHAT */

    function test_RevertWhen_TheEpochIsNotFinal() external {
        divide(0, defaultParts());
        bytes32[] memory proof = proofOf(0, 1);
        expectNotFinal(0);
        vm.prank(ada);
        rewards.claim(said(1, 0), proof, false);
        post(0);
        vm.warp(block.timestamp + WINDOW - 1);
        expectNotFinal(0);
        vm.prank(ada);
        rewards.claim(said(1, 0), proof, false);
        vm.warp(block.timestamp + 1);
        claim(ada, 1, 0, false);
    }

    function test_RevertWhen_TheLeafIsNotInTheTree() external {
        settle(0);
        bytes32[] memory proof = proofOf(0, 1);
        vm.startPrank(ada);
        uint96 cumulative = earned[0][0];
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.claim(Earned(0, COUNT, 1, cumulative + 1), proof, false);
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.claim(Earned(0, COUNT + 1, 1, cumulative), proof, false);
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.claim(Earned(0, COUNT, 2, cumulative), proof, false);
        vm.stopPrank();
    }

    function test_RevertGiven_ItWasClaimed() external {
        settle(0);
        settle(1);
        claim(ada, 1, 1, false);
        expectNothing();
        claim(ada, 1, 1, false);
        expectNothing();
        claim(ada, 1, 0, false);
        // A licence that earned nothing.
        expectNothing();
        claim(ada, 3, 1, false);
    }

    function test_WhenManyEpochsAreClaimedAtOnce() external {
        for (uint32 epoch; epoch < 6; ++epoch) {
            settle(epoch);
        }
        claim(ada, 1, 5, false);
        assertEq(rewards.booksOf(1).claimed, earned[5][0]);
        // Four epochs of 10,000 and two of 5,000, of which 30 parts in 56 are hers, each rounded down.
        uint256 whole = uint256(FIRST) * 30 / 56;
        uint256 half = uint256(FIRST / 2) * 30 / 56;
        assertEq(rewards.booksOf(1).claimed, 4 * whole + 2 * half);
    }

    /* HOW FAST */

    function test_WhenItIsSlow() external {
        settle(0);
        uint256 before = rewards.unclaimed();
        claim(ada, 1, 0, false);
        uint96 amount = earned[0][0];
        assertEq(rewards.unclaimed(), before - amount);
        Books memory account = rewards.booksOf(1);
        assertEq(account.unpaid, amount);
        assertEq(account.until - account.from, SLOW);
        assertEq(rewards.collectable(1), 0);
        vm.warp(account.from + SLOW / 3);
        assertEq(rewards.collectable(1), amount / 3);
        assertEq(rewards.collect(1), amount / 3);
        vm.warp(account.until - 1);
        assertLt(rewards.collectable(1), amount - amount / 3);
        vm.warp(account.until);
        rewards.collect(1);
        assertEq(held(ada), amount, "in full");
        expectNothing();
        rewards.collect(1);
    }

    function test_WhenItIsFast() external {
        settle(0);
        uint256 reserve = rewards.reserve();
        claim(ada, 1, 0, true);
        uint96 amount = earned[0][0];
        uint256 kept = uint256(amount) * FAST_SHARE / 10_000;
        assertEq(rewards.booksOf(1).unpaid, kept);
        assertEq(rewards.booksOf(1).claimed, amount);
        assertEq(rewards.reserve(), reserve + amount - kept, "the rest is the pool's");
        vm.warp(block.timestamp + FAST);
        rewards.collect(1);
        assertEq(held(ada), kept);
        // It is emitted with the epoch after the next.
        assertEq(rewards.budgetOf(1), FIRST);
        settle(1);
        assertEq(rewards.budgetOf(2), FIRST + amount - kept);
        settle(2);
        assertEq(rewards.budgetOf(3), FIRST);
    }

    function test_WhenAnotherStreamIsUnderWay() external {
        settle(0);
        claim(ada, 1, 0, false);
        vm.warp(block.timestamp + SLOW / 2);
        settle(1);
        uint256 free = rewards.collectable(1);
        uint256 first = earned[0][0];
        uint256 remaining = rewards.booksOf(1).until - block.timestamp;
        claim(ada, 1, 1, false);
        assertApproxEqAbs(rewards.collectable(1), free, uint256(first) / SLOW * 3, "what came free stays free");
        assertLe(rewards.collectable(1), free);
        Books memory account = rewards.booksOf(1);
        assertEq(account.unpaid, earned[1][0]);
        uint256 left = first - free;
        uint256 second = earned[1][0] - first;
        uint256 average = (left * remaining + second * SLOW) / (left + second);
        assertApproxEqAbs(account.until - block.timestamp, average, 1);
        vm.warp(account.until);
        rewards.collect(1);
        assertEq(held(ada), earned[1][0]);
    }

    /// @dev The line cannot hold so much for so little to come: what has come free is paid at once.
    function test_WhenMuchHasComeFreeAndLittleIsAdded() external {
        settle(0);
        claim(ada, 1, 0, false);
        vm.warp(block.timestamp + SLOW);
        uint64[] memory parts = new uint64[](COUNT);
        (parts[0], parts[1]) = (1, 1_000_000);
        divide(1, parts);
        post(1);
        vm.warp(block.timestamp + WINDOW);
        claim(ada, 1, 1, false);
        assertEq(held(ada), earned[0][0]);
        assertEq(rewards.booksOf(1).unpaid, earned[1][0] - earned[0][0]);
    }

    /* WHAT MOVES WITH A LICENCE */

    function test_WhenTheLicenceIsSold() external {
        settle(0);
        claim(ada, 1, 0, false);
        vm.warp(block.timestamp + SLOW / 2);
        rewards.collect(1);
        uint256 paid = held(ada);
        settle(1);
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
        vm.prank(bob);
        license.transferFrom(bob, watcher, 1);
        uint256 before = held(watcher);
        claim(watcher, 1, 1, false);
        vm.warp(block.timestamp + SLOW);
        rewards.collect(1);
        assertEq(held(ada), paid);
        assertEq(held(bob), 0);
        assertEq(held(watcher) - before, earned[1][0] - paid, "streaming and unclaimed");
    }

    function test_WhenTheLicenceWasReturned() external {
        settle(0);
        claim(ada, 1, 0, false);
        settle(1);
        bytes32[] memory proof = proofOf(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotReturned.selector, 1));
        rewards.returnBurned(said(1, 1), proof);
        license.burn(1);
        vm.warp(block.timestamp + SLOW);
        vm.expectRevert();
        rewards.collect(1);
        uint256 reserve = rewards.reserve();
        rewards.returnBurned(said(1, 1), proof);
        assertEq(rewards.reserve(), reserve + earned[1][0], "nothing is lost");
        expectNothing();
        rewards.returnBurned(said(1, 1), proof);
        // A number that was never sold, and an operator's.
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotReturned.selector, COUNT));
        rewards.returnBurned(Earned(1, COUNT, COUNT, 1), proof);
    }

    /* ARITHMETIC */

    /// @dev Joins keep every unit, free nothing early, and conserve amount times time left but for the second that is rounded up.
    function testFuzz_Join(uint96 unpaid, uint32 age, uint32 length, uint96 amount, uint32 period) external pure {
        length = uint32(bound(length, 1, 1460 days));
        uint256 time = 1_800_000_000 + bound(age, 0, 2 * uint256(length));
        amount = uint96(bound(amount, 0, type(uint96).max >> 1));
        unpaid = uint96(bound(unpaid, 0, type(uint96).max >> 1));
        period = uint32(bound(period, 0, 1460 days));
        Books memory account = Books(0, unpaid, 1_800_000_000, 1_800_000_000 + length);
        uint256 free = Stream.vested(account, time);
        uint256 left = unpaid - free;
        uint256 area = left == 0 ? 0 : left * (account.until - time);
        uint256 paid = Stream.join(account, amount, period, time);
        assertEq(paid + account.unpaid, uint256(unpaid) + amount, "every unit");
        if (paid != 0) assertEq(paid, free);
        if (left + amount == 0) return;
        // What is due at once is free at once.
        uint256 due = account.until == time ? left + amount : 0;
        assertLe(paid + Stream.vested(account, time), free + due, "nothing early");
        uint256 after_ = (left + amount) * (account.until - time);
        assertGe(after_, area + uint256(amount) * period, "nothing hastened");
        assertLe(after_, area + uint256(amount) * period + left + amount, "nothing delayed beyond a second");
        assertEq(Stream.vested(account, account.until), account.unpaid, "all in the end");
    }

    function testFuzz_Take(uint96 unpaid, uint32 length, uint32 first, uint32 second) external pure {
        length = uint32(bound(length, 1, 1460 days));
        Books memory account = Books(0, unpaid, 1_800_000_000, 1_800_000_000 + length);
        uint256 t1 = 1_800_000_000 + bound(first, 0, length);
        uint256 t2 = t1 + bound(second, 0, length);
        uint256 alone = Stream.vested(account, t2);
        uint256 taken = Stream.take(account, t1);
        taken += Stream.take(account, t2);
        assertLe(taken, alone + 1, "taking often gains nothing");
        assertGe(taken + 2, alone, "and loses nothing");
        assertEq(taken + account.unpaid, unpaid);
    }

    function expectNotYours(uint32 number, address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotYours.selector, number, caller));
    }

    function expectNotFinal(uint32 epoch) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotFinal.selector, epoch));
    }

    function expectNothing() private {
        vm.expectRevert(IEpochRewards.EpochRewards_NothingDue.selector);
    }
}
