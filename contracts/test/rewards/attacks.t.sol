// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Earned, IEpochRewards} from "../../src/rewards/IEpochRewards.sol";
import {IEpochRoots} from "../../src/rewards/IEpochRoots.sol";
import {RewardsTest} from "./RewardsTest.sol";
import {Trees} from "./Trees.sol";

/// @notice Each test plays an attack. Its comment says what the attacker wants.
contract EpochRewards_Attacks_Test is RewardsTest {
    /// @dev The seller claims, sells, and has the buyer's account claim the same again; or claims after the sale.
    function test_Attack_DoubleClaimAfterTransfer() external {
        settle(0);
        claim(ada, 1, 0, false);
        vm.prank(ada);
        license.transferFrom(ada, bob, 1);
        vm.expectRevert(IEpochRewards.EpochRewards_NothingDue.selector);
        claim(bob, 1, 0, false);
        settle(1);
        bytes32[] memory proof = proofOf(1, 1);
        uint96 cumulative = earned[1][0];
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotYours.selector, 1, ada));
        vm.prank(ada);
        rewards.claim(Earned(1, COUNT, 1, cumulative), proof, false);
        claim(bob, 1, 1, false);
        vm.warp(block.timestamp + SLOW);
        rewards.collect(1);
        assertEq(held(ada), 0);
        assertEq(held(bob), cumulative);
    }

    /// @dev The seller's agent wants to go on claiming, or to spoil the buyer's choice.
    function test_Attack_TheSellersAgent() external {
        settle(0);
        vm.startPrank(ada);
        rewards.setAgent(watcher, true);
        license.transferFrom(ada, bob, 1);
        vm.stopPrank();
        bytes32[] memory proof = proofOf(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotYours.selector, 1, watcher));
        vm.prank(watcher);
        rewards.claim(said(1, 0), proof, false);
    }

    /// @dev The operator to whom a licence is delegated wants its rewards.
    function test_Attack_TheUserClaims() external {
        settle(0);
        vm.prank(ada);
        license.setUser(1, operator, type(uint64).max);
        bytes32[] memory proof = proofOf(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotYours.selector, 1, operator));
        vm.prank(operator);
        rewards.claim(said(1, 0), proof, false);
    }

    /// @dev A false root that nobody looked at: its maker wants the whole pool. It gets no more than what epochs have emitted.
    function test_Attack_AFalseRootGoesUnseen() external {
        settle(0);
        divide(1, defaultParts());
        bytes32[] memory leaves = postWith(1, 4, leafOf(4, CAP));
        vm.warp(block.timestamp + WINDOW);
        bytes32[] memory proof = Trees.proof(leaves, 3);
        uint256 emitted = rewards.unclaimed();
        assertEq(emitted, 2 * uint256(FIRST));
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_NotEmitted.selector, CAP, emitted));
        vm.prank(bob);
        rewards.claim(Earned(1, COUNT, 4, CAP), proof, false);
    }

    /// @dev While the last root can be doubted, what it emits is nobody's, even for a claim by an older root.
    function test_Attack_AnOlderRootDrawsOnThePendingOne() external {
        divide(0, defaultParts());
        bytes32[] memory leaves = postWith(0, 4, leafOf(4, FIRST + 1));
        vm.warp(block.timestamp + WINDOW);
        divide(1, defaultParts());
        post(1);
        bytes32[] memory proof = Trees.proof(leaves, 3);
        vm.expectRevert(
            abi.encodeWithSelector(IEpochRewards.EpochRewards_NotEmitted.selector, FIRST + uint256(1), FIRST)
        );
        vm.prank(bob);
        rewards.claim(Earned(0, COUNT, 4, FIRST + 1), proof, false);
    }

    /// @dev Garbage is posted so that nobody can show any leaf of it: the highest node is demanded, and silence costs the bond.
    function test_Attack_TheTreeIsKeptBack() external {
        divide(0, defaultParts());
        vm.prank(publisher);
        rewards.post(0, keccak256("garbage"));
        bytes32[] memory none;
        vm.prank(watcher);
        rewards.demand(0, 1, 0, 0, none);
        vm.warp(block.timestamp + ANSWER + 1);
        rewards.expire(0, 1, 0);
        post(0);
        vm.warp(block.timestamp + WINDOW);
        claim(ada, 1, 0, false);
    }

    /// @dev A tree of another size, in which the attacker has places of its own.
    function test_Attack_ATreeOfAnotherSize() external {
        divide(0, defaultParts());
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = leafOf(4, FIRST);
        bytes32 root = Trees.root(leaves);
        vm.prank(publisher);
        rewards.post(0, root);
        bytes32[] memory none;
        vm.prank(watcher);
        rewards.demand(0, 1, 0, 0, none);
        vm.expectRevert(IEpochRoots.EpochRoots_WrongNodes.selector);
        rewards.supply(0, 1, 0, leaves);
        vm.warp(block.timestamp + ANSWER + 1);
        rewards.expire(0, 1, 0);
    }

    /// @dev Posting and removing one's own root again and again: it costs half a bond a window.
    function test_Attack_APublisherRemovesItsOwnRoot() external {
        divide(0, defaultParts());
        allow(publisher, 100 * BOND);
        bytes32[] memory none;
        uint256 before = held(publisher);
        vm.startPrank(publisher);
        rewards.post(0, keccak256("garbage"));
        rewards.demand(0, 1, 0, 0, none);
        vm.warp(block.timestamp + ANSWER + 1);
        rewards.expire(0, 1, 0);
        vm.stopPrank();
        assertEq(before - held(publisher), BOND - BOND / 2);
        assertEq(rewards.reserve(), CAP, "and nothing of the pool");
    }

    /// @dev Someone collects in every block, so that rounding eats what comes free.
    function test_Attack_CollectingInEveryBlock() external {
        settle(0);
        claim(ada, 2, 0, false);
        for (uint256 i; i < 50; ++i) {
            vm.warp(block.timestamp + 12);
            rewards.collect(2);
        }
        vm.warp(block.timestamp + SLOW);
        rewards.collect(2);
        assertEq(held(ada), earned[0][1]);
    }

    /// @dev Fast and slow claims in turn, to have much soon for little: what is forfeited is gone at once, and a join hastens nothing.
    function test_Attack_SlowMoneyBehindFast() external {
        settle(0);
        settle(1);
        claim(ada, 1, 0, false);
        claim(ada, 1, 1, true);
        uint256 slow = earned[0][0];
        uint256 fast = uint256(earned[1][0] - earned[0][0]) * FAST_SHARE / 10_000;
        uint256 length = rewards.booksOf(1).until - block.timestamp;
        assertGe(length * (slow + fast), slow * SLOW + fast * FAST);
    }
}
