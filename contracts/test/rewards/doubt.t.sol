// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEpochRoots, Posting} from "../../src/rewards/IEpochRoots.sol";
import {TreeNodes} from "../../src/rewards/libraries/TreeNodes.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {RewardsTest} from "./RewardsTest.sol";
import {Trees} from "./Trees.sol";

/// @notice A root whose tree is kept back: 600 leaves, so two tiers of nodes above them.
contract EpochRewards_Doubt_Test is RewardsTest {
    uint32 private constant MANY = 600;
    bytes32[] private _leaves;
    uint32 private windowEnd;
    bytes32 private root;

    function setUp() public override {
        super.setUp();
        for (uint32 i; i < MANY; ++i) {
            _leaves.push(leafOf(i + 1, i));
        }
        shares.set(0, keccak256("shares"), MANY, 1);
        root = Trees.root(_leaves);
        vm.prank(publisher);
        rewards.post(0, root);
        windowEnd = uint32(block.timestamp) + WINDOW;
    }

    /* DOWN TO A LEAF */

    function test_WhenTheTreeIsOpenedFromTheTop() external {
        assertEq(TreeNodes.highest(MANY), 2);
        bytes32[] memory top = Trees.tier(_leaves, 1);
        assertEq(top.length, 3);
        uint256 before = held(publisher);
        ask(2, 0, 0);
        rewards.supply(0, 2, 0, top);
        assertEq(held(publisher), before + FEE, "the publisher is paid for its gas");
        askFor(1, 2);
        rewards.supply(0, 1, 2, Trees.children(_leaves, 512));
        askFor(1, 0);
        rewards.supply(0, 1, 0, Trees.children(_leaves, 0));
        assertEq(rewards.postingOf(0).open, 0);
        vm.warp(windowEnd);
        assertTrue(rewards.isFinal(0));
    }

    function test_RevertWhen_TheNodesAreOthers() external {
        bytes32[] memory top = Trees.tier(_leaves, 1);
        ask(2, 0, 0);
        bytes32 kept = top[1];
        top[1] = bytes32(uint256(1));
        vm.expectRevert(IEpochRoots.EpochRoots_WrongNodes.selector);
        rewards.supply(0, 2, 0, top);
        top[1] = kept;
        vm.expectRevert(IEpochRoots.EpochRoots_WrongNodes.selector);
        rewards.supply(0, 2, 0, Trees.children(top, 1));
        rewards.supply(0, 2, 0, top);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_WrongTime.selector, block.timestamp + ANSWER));
        rewards.supply(0, 2, 0, top);
    }

    function test_RevertWhen_NothingCanBeDemanded() external {
        refused(3, 0);
        refused(0, 0);
        refused(2, 1);
        refused(1, 3);
        bytes32[] memory none;
        vm.expectRevert(IEpochRoots.EpochRoots_BadProof.selector);
        vm.prank(watcher);
        rewards.demand(0, 1, 0, keccak256("node"), none);
        ask(2, 0, 0);
        refused(2, 0);
    }

    /* CLOCKS */

    function test_WhenDemandsComeAtTheLastSecond() external {
        vm.warp(windowEnd - 1);
        ask(2, 0, 0);
        vm.warp(windowEnd + ANSWER - 1);
        assertFalse(rewards.isFinal(0));
        rewards.supply(0, 2, 0, Trees.tier(_leaves, 1));
        assertFalse(rewards.isFinal(0), "time to read it");
        vm.warp(windowEnd + 2 * ANSWER - 2);
        askFor(1, 1);
        rewards.supply(0, 1, 1, Trees.children(_leaves, 256));
        vm.warp(windowEnd + 4 * ANSWER - 3);
        assertFalse(rewards.isFinal(0));
        refusedNode(1, 2);
        vm.warp(windowEnd + 4 * ANSWER - 2);
        assertTrue(rewards.isFinal(0), "that is the end, whoever demands");
    }

    function test_RevertWhen_TheWindowIsOver() external {
        ask(2, 0, 0);
        rewards.supply(0, 2, 0, Trees.tier(_leaves, 1));
        vm.warp(windowEnd);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotPending.selector, 0));
        bytes32[] memory none;
        rewards.demand(0, 1, 0, 0, none);
    }

    /* SILENCE */

    function test_WhenNobodyAnswers() external {
        ask(2, 0, 0);
        uint32 answerBy = uint32(block.timestamp) + ANSWER;
        vm.warp(answerBy);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_WrongTime.selector, answerBy));
        rewards.expire(0, 2, 0);
        vm.warp(answerBy + 1);
        bytes32[] memory top = Trees.tier(_leaves, 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_WrongTime.selector, answerBy));
        rewards.supply(0, 2, 0, top);
        uint256 before = held(watcher);
        rewards.expire(0, 2, 0);
        assertEq(held(watcher), before + FEE + BOND / 2);
        assertEq(rewards.nextEpoch(), 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotPending.selector, 0));
        rewards.expire(0, 2, 0);
    }

    function test_RevertGiven_ADemandIsOpen() external {
        ask(2, 0, 0);
        vm.warp(windowEnd + 365 days);
        assertFalse(rewards.isFinal(0));
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotFinal.selector, 0));
        rewards.release(0);
        rewards.expire(0, 2, 0);
    }

    function test_WhenTheRootOfADemandIsGone() external {
        ask(2, 0, 0);
        askFor(1, 2);
        vm.expectRevert(IEpochRoots.EpochRoots_NothingDue.selector);
        rewards.refundDemand(0, root, windowEnd, 1, 2);
        vm.warp(block.timestamp + ANSWER + 1);
        rewards.expire(0, 2, 0);
        // The same root stands again, which changes nothing.
        vm.prank(publisher);
        rewards.post(0, root);
        uint256 before = held(watcher);
        rewards.refundDemand(0, root, windowEnd, 1, 2);
        assertEq(held(watcher), before + FEE);
        vm.expectRevert(IEpochRoots.EpochRoots_NothingDue.selector);
        rewards.refundDemand(0, root, windowEnd, 1, 2);
        assertEq(rewards.postingOf(0).open, 0);
        vm.warp(block.timestamp + WINDOW);
        assertTrue(rewards.isFinal(0));
    }

    /* BONDS */

    function test_WhenTheRootIsFinal() external {
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotFinal.selector, 0));
        rewards.release(0);
        vm.warp(windowEnd);
        uint256 before = held(publisher);
        rewards.release(0);
        assertEq(held(publisher), before + BOND);
        vm.expectRevert(IEpochRoots.EpochRoots_NothingDue.selector);
        rewards.release(0);
        Posting memory posting = rewards.postingOf(0);
        assertEq(posting.publisher, publisher);
        assertFalse(posting.bonded);
    }

    /* SHAPES */

    /// @dev Every node of every tier, of trees of any size, hashes from what it stands over, and shows its place.
    /// forge-config: default.fuzz.runs = 24
    function testFuzz_Nodes(uint256 size) external view {
        size = bound(size, 1, 1500);
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            leaves[i] = keccak256(abi.encode(i));
        }
        bytes32 top = Trees.root(leaves);
        uint256 highest = TreeNodes.highest(size);
        assertEq(highest, size <= 256 ? 1 : 2);
        for (uint256 tier = 1; tier <= highest; ++tier) {
            bytes32[] memory level = Trees.tier(leaves, tier);
            bytes32[] memory below = Trees.tier(leaves, tier - 1);
            for (uint256 i; i < level.length; ++i) {
                bytes32[] memory nodes = Trees.children(below, i * 256);
                assertEq(TreeNodes.childrenOf(size, tier, i), nodes.length);
                assertEq(this.over(nodes), level[i]);
                assertTrue(this.verify(top, uint64(size), tier, i, level[i], Trees.proof(level, i)));
                assertFalse(this.verify(top, uint64(size), tier, i + 1, level[i], Trees.proof(level, i)));
            }
            assertEq(TreeNodes.childrenOf(size, tier, level.length), 0);
        }
        uint256 place = size / 3;
        bytes32[] memory siblings = Trees.proof(leaves, place);
        assertTrue(this.verify(top, uint64(size), 0, place, leaves[place], siblings));
        assertFalse(this.verify(top, uint64(size), 0, place, keccak256("other"), siblings));
        bytes32[] memory longer = new bytes32[](siblings.length + 1);
        bytes32[] memory shorter = new bytes32[](siblings.length == 0 ? 0 : siblings.length - 1);
        for (uint256 i; i < siblings.length; ++i) {
            longer[i] = siblings[i];
            if (i < shorter.length) shorter[i] = siblings[i];
        }
        assertFalse(this.verify(top, uint64(size), 0, place, leaves[place], longer));
        if (siblings.length != 0) assertFalse(this.verify(top, uint64(size), 0, place, leaves[place], shorter));
        assertFalse(this.verify(top, uint64(size) + 1, 0, place, leaves[place], siblings));
        assertEq(MerkleTree.rootHash(uint64(size), Trees.tier(leaves, highest)[0]), top);
    }

    function over(bytes32[] calldata nodes) external pure returns (bytes32) {
        return TreeNodes.over(nodes);
    }

    function verify(bytes32 top, uint64 count, uint256 tier, uint256 index, bytes32 node, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return TreeNodes.verify(top, count, tier, index, node, proof);
    }

    function ask(uint256 tier, uint256 index, bytes32 node) private {
        bytes32[] memory none;
        vm.prank(watcher);
        rewards.demand(0, tier, index, node, none);
    }

    function askFor(uint256 tier, uint256 index) private {
        bytes32[] memory level = Trees.tier(_leaves, tier);
        bytes32[] memory proof = Trees.proof(level, index);
        vm.prank(watcher);
        rewards.demand(0, tier, index, level[index], proof);
    }

    function refused(uint256 tier, uint256 index) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NoDemand.selector, tier, index));
        ask(tier, index, 0);
    }

    function refusedNode(uint256 tier, uint256 index) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NoDemand.selector, tier, index));
        askFor(tier, index);
    }
}
