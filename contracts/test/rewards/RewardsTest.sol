// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Purchase} from "../../src/nodes/INodeLicense.sol";
import {NodeLicense} from "../../src/nodes/NodeLicense.sol";
import {EpochRewards} from "../../src/rewards/EpochRewards.sol";
import {Earned, PoolTerms} from "../../src/rewards/IEpochRewards.sol";
import {RootTerms} from "../../src/rewards/IEpochRoots.sol";
import {Share} from "../../src/rewards/IShares.sol";
import {Schedule} from "../../src/rewards/libraries/Emission.sol";
import {MerkleTree} from "../../src/work/libraries/MerkleTree.sol";
import {SharesMock} from "./mocks/SharesMock.sol";
import {Trees} from "./Trees.sol";

/// @notice A pool for six licences (Ada has 1 to 3, Bob 4, 5 and 6) and an operator, number 7. The test is the sale.
abstract contract RewardsTest is Test {
    uint32 internal constant LICENSES = 6;
    uint32 internal constant COUNT = 7;
    uint96 internal constant CAP = 1_000_000e18;
    uint96 internal constant FIRST = 10_000e18;
    uint32 internal constant HALVING = 4;
    uint32 internal constant SLOW = 180 days;
    uint32 internal constant FAST = 30 days;
    uint16 internal constant FAST_SHARE = 2500;
    uint128 internal constant BOND = 1001e18;
    uint128 internal constant FEE = 5e18;
    uint32 internal constant WINDOW = 1 days;
    uint32 internal constant ANSWER = 1 hours;
    bytes32 internal constant DETAIL = keccak256("detail");

    Ledger internal ledger;
    DevToken internal token;
    NodeLicense internal license;
    SharesMock internal shares;
    EpochRewards internal rewards;
    address internal ada = makeAddr("ada");
    address internal bob = makeAddr("bob");
    address internal operator = makeAddr("operator");
    address internal publisher = makeAddr("publisher");
    address internal watcher = makeAddr("watcher");

    /// @dev The shares of each epoch and what was earned up to it, place by place, by the rule, beside the contract.
    mapping(uint32 epoch => uint64[]) internal divided;
    mapping(uint32 epoch => uint96[]) internal earned;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        ledger = new Ledger();
        token = new DevToken();
        license = new NodeLicense("Assay Node", "NODE", 1, uint40(block.timestamp), address(0), 0);
        mintLicenses(ada, 1, 3);
        mintLicenses(bob, 4, 3);
        shares = new SharesMock(license, LICENSES);
        shares.setOperator(COUNT, operator);
        rewards = deploy(defaultPool());
        give(address(this), CAP);
        allow(address(this), CAP);
        rewards.fund(CAP);
        for (uint256 i; i < 2; ++i) {
            address who = i == 0 ? publisher : watcher;
            give(who, 100 * BOND);
            allow(who, 100 * BOND);
        }
    }

    function defaultPool() internal view returns (PoolTerms memory) {
        return PoolTerms({
            token: address(token),
            schedule: Schedule({cap: CAP, first: FIRST, halving: HALVING}),
            slowPeriod: SLOW,
            fastPeriod: FAST,
            fastShare: FAST_SHARE
        });
    }

    function rootTerms() internal view returns (RootTerms memory) {
        return RootTerms({token: address(token), bond: BOND, fee: FEE, window: WINDOW, answerTime: ANSWER});
    }

    function deploy(PoolTerms memory pool) internal returns (EpochRewards) {
        return new EpochRewards(ledger, shares, pool, rootTerms());
    }

    function mintLicenses(address buyer, uint256 first, uint256 count) internal {
        Purchase memory purchase;
        (purchase.buyer, purchase.boughtAt) = (buyer, uint40(block.timestamp));
        license.mint(first, count, purchase);
    }

    function give(address account, uint256 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(ledger), amount);
        ledger.deposit(address(token), account, amount);
    }

    function allow(address account, uint256 amount) internal {
        vm.prank(account);
        ledger.approve(address(rewards), uint160(address(token)), amount);
    }

    function held(address account) internal view returns (uint256) {
        return ledger.balanceOf(account, uint160(address(token)));
    }

    /* TREES */

    function shareOf(uint32 epoch, uint32 number) internal view returns (Share memory) {
        return Share(number, divided[epoch][number - 1], DETAIL);
    }

    function shareLeaves(uint32 epoch) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](divided[epoch].length);
        for (uint32 i; i < leaves.length; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encodePacked(i + 1, divided[epoch][i], DETAIL));
        }
    }

    function leafOf(uint32 number, uint96 cumulative) internal pure returns (bytes32) {
        return MerkleTree.leafHash(abi.encodePacked(number, cumulative));
    }

    function leavesOf(uint32 epoch) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](earned[epoch].length);
        for (uint32 i; i < leaves.length; ++i) {
            leaves[i] = leafOf(i + 1, earned[epoch][i]);
        }
    }

    function proofOf(uint32 epoch, uint32 number) internal view returns (bytes32[] memory) {
        return Trees.proof(leavesOf(epoch), number - 1);
    }

    function previousOf(uint32 epoch, uint32 number) internal view returns (uint96) {
        if (epoch == 0 || number > earned[epoch - 1].length) return 0;
        return earned[epoch - 1][number - 1];
    }

    /* EPOCHS */

    /// @dev Shares of an epoch, and by the rule what everyone has earned then.
    function divide(uint32 epoch, uint64[] memory parts) internal {
        uint64 total;
        for (uint256 i; i < parts.length; ++i) {
            total += parts[i];
        }
        divided[epoch] = parts;
        shares.set(epoch, Trees.root(shareLeaves(epoch)), uint32(parts.length), total);
        uint256 budget = rewards.budgetOf(epoch);
        delete earned[epoch];
        for (uint32 i; i < parts.length; ++i) {
            uint256 gain = total == 0 ? 0 : budget * parts[i] / total;
            earned[epoch].push(previousOf(epoch, i + 1) + uint96(gain));
        }
    }

    function defaultParts() internal pure returns (uint64[] memory parts) {
        parts = new uint64[](COUNT);
        (parts[0], parts[1], parts[3], parts[4], parts[6]) = (30, 7, 11, 3, 5);
    }

    function post(uint32 epoch) internal {
        vm.prank(publisher);
        rewards.post(epoch, Trees.root(leavesOf(epoch)));
    }

    /// @dev A posted epoch whose leaf of `number` is `leaf`.
    function postWith(uint32 epoch, uint32 number, bytes32 leaf) internal returns (bytes32[] memory leaves) {
        leaves = leavesOf(epoch);
        leaves[number - 1] = leaf;
        bytes32 root = Trees.root(leaves);
        vm.prank(publisher);
        rewards.post(epoch, root);
    }

    function settle(uint32 epoch) internal {
        divide(epoch, defaultParts());
        post(epoch);
        vm.warp(block.timestamp + WINDOW);
    }

    function claim(address caller, uint32 number, uint32 epoch, bool fast) internal {
        bytes32[] memory proof = proofOf(epoch, number);
        Earned memory claimed = said(number, epoch);
        vm.prank(caller);
        rewards.claim(claimed, proof, fast);
    }

    function said(uint32 number, uint32 epoch) internal view returns (Earned memory) {
        return Earned(epoch, uint32(earned[epoch].length), number, earned[epoch][number - 1]);
    }

    /// @dev Says that `leaf` stands falsely at the place of `number` in the tree of `leaves`.
    function challenge(uint32 epoch, uint32 number, bytes32[] memory leaves) internal {
        bytes32[] memory shareProof = Trees.proof(shareLeaves(epoch), number - 1);
        bytes32[] memory previousProof;
        if (epoch != 0 && number <= earned[epoch - 1].length) previousProof = proofOf(epoch - 1, number);
        bytes32[] memory proof = Trees.proof(leaves, number - 1);
        uint96 previous = previousOf(epoch, number);
        Share memory share = shareOf(epoch, number);
        vm.prank(watcher);
        rewards.challenge(epoch, share, shareProof, previous, previousProof, leaves[number - 1], proof);
    }
}
