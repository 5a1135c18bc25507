// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Earned} from "../../src/rewards/IEpochRewards.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {RewardsTest} from "./RewardsTest.sol";

/// @notice Gas of each verb as a transaction of its own. Claims are by trees of 131,072 leaves and of a million.
/// forge-config: default.isolate = true
contract EpochRewards_Gas_Test is RewardsTest {
    string private constant GROUP = "EpochRewards";

    bytes32[] private _siblings;

    function test_Gas_Claim() external {
        claims(17, "claim_first", "claim_next");
        vm.warp(block.timestamp + 10 days);
        rewards.collect(1);
        vm.snapshotGasLastCall(GROUP, "collect, to a new account of the ledger");
    }

    function test_Gas_ClaimOfAMillion() external {
        claims(20, "claim_first, of a million", "claim_next, of a million");
    }

    function test_Gas_ClaimFast() external {
        postOf(17, 0, 5000e18);
        bytes32[] memory proof = _siblings;
        vm.prank(ada);
        rewards.claim(Earned(0, 1 << 17, 1, 5000e18), proof, true);
        vm.snapshotGasLastCall(GROUP, "claim_first, fast");
    }

    function test_Gas_Post() external {
        divide(0, defaultParts());
        bytes32 root = keccak256("root");
        vm.prank(publisher);
        rewards.post(0, root);
        vm.snapshotGasLastCall(GROUP, "post");
        bytes32[] memory none;
        vm.prank(watcher);
        rewards.demand(0, 1, 0, 0, none);
        vm.snapshotGasLastCall(GROUP, "demand");
        vm.warp(block.timestamp + ANSWER + 1);
        rewards.expire(0, 1, 0);
        vm.snapshotGasLastCall(GROUP, "expire");
    }

    function test_Gas_Supply() external {
        bytes32[] memory nodes = new bytes32[](256);
        for (uint256 i; i < 256; ++i) {
            nodes[i] = keccak256(abi.encode(i));
        }
        bytes32[] memory copy = nodes;
        bytes32 root = MerkleTree.rootOf(copy);
        for (uint256 i; i < 256; ++i) {
            nodes[i] = keccak256(abi.encode(i));
        }
        shares.set(0, keccak256("shares"), 256, 1);
        vm.prank(publisher);
        rewards.post(0, root);
        bytes32[] memory none;
        vm.prank(watcher);
        rewards.demand(0, 1, 0, 0, none);
        rewards.supply(0, 1, 0, nodes);
        vm.snapshotGasLastCall(GROUP, "supply, 256 nodes");
    }

    function test_Gas_Challenge() external {
        settle(0);
        divide(1, defaultParts());
        challenge(1, 1, postWith(1, 1, leafOf(1, 5)));
        vm.snapshotGasLastCall(GROUP, "challenge, of 7 leaves");
    }

    function claims(uint256 levels, string memory first, string memory next) private {
        postOf(levels, 0, 5000e18);
        postOf(levels, 1, 9000e18);
        bytes32[] memory proof = _siblings;
        uint32 count = uint32(1 << levels);
        vm.prank(ada);
        rewards.claim(Earned(0, count, 1, 5000e18), proof, false);
        vm.snapshotGasLastCall(GROUP, first);
        vm.warp(block.timestamp + 10 days);
        vm.prank(ada);
        rewards.claim(Earned(1, count, 1, 9000e18), proof, false);
        vm.snapshotGasLastCall(GROUP, next);
    }

    /// @dev A tree of so many levels whose first leaf says `cumulative`.
    function postOf(uint256 levels, uint32 epoch, uint96 cumulative) private {
        delete _siblings;
        bytes32 node = leafOf(1, cumulative);
        for (uint256 i; i < levels; ++i) {
            _siblings.push(keccak256(abi.encode(i)));
            node = MerkleTree.nodeHash(node, _siblings[i]);
        }
        uint32 count = uint32(1 << levels);
        shares.set(epoch, keccak256("shares"), count, 1);
        bytes32 root = MerkleTree.rootHash(count, node);
        vm.prank(publisher);
        rewards.post(epoch, root);
        vm.warp(block.timestamp + WINDOW);
    }
}
