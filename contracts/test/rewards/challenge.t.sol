// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEpochRoots} from "../../src/rewards/IEpochRoots.sol";
import {Share} from "../../src/rewards/IShares.sol";
import {RewardsTest} from "./RewardsTest.sol";
import {Trees} from "./Trees.sol";

/// @notice Wrong roots of every kind, and right ones.
contract EpochRewards_Challenge_Test is RewardsTest {
    function setUp() public override {
        super.setUp();
        settle(0);
        divide(1, defaultParts());
    }

    /// @dev A beneficiary is given too much, by one unit.
    function test_WhenALeafSaysMore() external {
        falls(1, leafOf(1, earned[1][0] + 1));
    }

    /// @dev Or too little.
    function test_WhenALeafSaysLess() external {
        falls(4, leafOf(4, earned[1][3] - 1));
    }

    /// @dev What was earned before is taken away.
    function test_WhenALeafFalls() external {
        falls(1, leafOf(1, 0));
    }

    /// @dev One who had no share is given what the emission does not hold.
    function test_WhenTheSumExceedsTheEmission() external {
        falls(3, leafOf(3, CAP));
    }

    /// @dev A leaf of another beneficiary stands twice, once in a stranger's place.
    function test_WhenALeafIsDoubled() external {
        falls(2, leafOf(1, earned[1][0]));
    }

    /// @dev A beneficiary is left out: nothing stands at its place.
    function test_WhenALeafIsMissing() external {
        falls(4, 0);
    }

    /// @dev What stands there is nobody's leaf.
    function test_WhenALeafIsGarbage() external {
        falls(5, keccak256("garbage"));
    }

    /// @dev The root of the epoch before is posted again.
    function test_WhenTheRootIsStale() external {
        bytes32[] memory leaves = leavesOf(0);
        bytes32 root = Trees.root(leaves);
        vm.prank(publisher);
        rewards.post(1, root);
        slashes(1, 1, leaves);
    }

    /// @dev In the first epoch, and for who was no beneficiary before, nothing comes before.
    function test_WhenTheBeneficiaryIsNew() external {
        shares.setOperator(COUNT + 1, watcher);
        uint64[] memory parts = new uint64[](COUNT + 1);
        (parts[0], parts[COUNT]) = (1, 1);
        divide(1, parts);
        bytes32[] memory leaves = postWith(1, COUNT + 1, leafOf(COUNT + 1, FIRST));
        slashes(1, COUNT + 1, leaves);
        post(1);
        vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
        challenge(1, COUNT + 1, leavesOf(1));
        assertEq(earned[1][COUNT], FIRST / 2);
    }

    /// @dev In an epoch in which nobody did anything, nobody earns.
    function test_WhenNobodyHasAShare() external {
        divide(1, new uint64[](COUNT));
        assertEq(earned[1][0], earned[0][0]);
        uint256 budget = rewards.budgetOf(1);
        falls(1, leafOf(1, earned[0][0] + 1));
        vm.warp(block.timestamp + WINDOW);
        assertEq(rewards.budgetOf(2), FIRST + budget, "it goes on to the next");
    }

    /* WHAT IS TRUE STANDS */

    function test_RevertWhen_TheLeafIsTrue() external {
        post(1);
        for (uint32 number = 1; number <= COUNT; ++number) {
            vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
            challenge(1, number, leavesOf(1));
        }
    }

    function test_RevertWhen_AnythingShownIsFalse() external {
        bytes32[] memory leaves = postWith(1, 1, leafOf(1, 5));
        Share memory share = shareOf(1, 1);
        bytes32[] memory shareProof = Trees.proof(shareLeaves(1), 0);
        bytes32[] memory previousProof = proofOf(0, 1);
        bytes32[] memory proof = Trees.proof(leaves, 0);
        uint96 previous = earned[0][0];
        share.shares += 1;
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.challenge(1, share, shareProof, previous, previousProof, leaves[0], proof);
        share.shares -= 1;
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.challenge(1, share, shareProof, previous + 1, previousProof, leaves[0], proof);
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.challenge(1, share, shareProof, previous, previousProof, leaves[1], proof);
        share.number = 0;
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        rewards.challenge(1, share, shareProof, previous, previousProof, leaves[0], proof);
    }

    function test_RevertWhen_TheRootIsFinal() external {
        bytes32[] memory leaves = postWith(1, 1, leafOf(1, 5));
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotPending.selector, 1));
        challenge(1, 1, leaves);
    }

    /// @dev Whatever one leaf says, it is false exactly if it is not what the rule says.
    function testFuzz_OneLeaf(uint256 place, uint96 sum) external {
        uint32 number = uint32(bound(place, 1, COUNT));
        bytes32[] memory leaves = postWith(1, number, leafOf(number, sum));
        if (sum == earned[1][number - 1]) vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
        challenge(1, number, leaves);
        assertEq(rewards.nextEpoch(), sum == earned[1][number - 1] ? 2 : 1);
    }

    /// @dev A root with that leaf falls, and the right one stands in its place.
    function falls(uint32 number, bytes32 leaf) private {
        slashes(1, number, postWith(1, number, leaf));
        post(1);
        assertEq(rewards.postingOf(1).root, Trees.root(leavesOf(1)));
        vm.expectRevert(IEpochRoots.EpochRoots_NotFalse.selector);
        challenge(1, number, leavesOf(1));
    }

    /// @dev Leaves a second, in which nothing can be posted.
    function slashes(uint32 epoch, uint32 number, bytes32[] memory leaves) private {
        uint256 before = held(watcher);
        uint256 burned = held(ledger.BURN());
        uint256 reserve = rewards.reserve();
        uint256 emitted = shares.sharesOf(epoch).total == 0 ? 0 : rewards.budgetOf(epoch);
        uint256 all = held(address(rewards));
        challenge(epoch, number, leaves);
        assertEq(held(watcher) - before, BOND / 2);
        assertEq(held(ledger.BURN()) - burned, BOND - BOND / 2);
        assertEq(all - held(address(rewards)), BOND);
        assertEq(rewards.nextEpoch(), epoch);
        assertEq(rewards.postingOf(epoch).root, 0);
        assertEq(rewards.reserve(), reserve + emitted, "the emission is taken back");
        bytes32 root = Trees.root(leavesOf(epoch));
        vm.expectRevert(IEpochRoots.EpochRoots_TooSoon.selector);
        vm.prank(publisher);
        rewards.post(epoch, root);
        vm.warp(block.timestamp + 1);
    }
}
