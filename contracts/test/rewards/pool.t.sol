// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {EpochRewards} from "../../src/rewards/EpochRewards.sol";
import {IEpochRewards, PoolTerms} from "../../src/rewards/IEpochRewards.sol";
import {IEpochRoots, RootTerms} from "../../src/rewards/IEpochRoots.sol";
import {Emission, Schedule} from "../../src/rewards/libraries/Emission.sol";
import {RewardsTest} from "./RewardsTest.sol";
import {SharesMock} from "./mocks/SharesMock.sol";

contract EpochRewards_Pool_Test is RewardsTest {
    /* SCHEDULES */

    function test_WhenItHalves() external view {
        uint256 sum;
        for (uint32 epoch; epoch < 20; ++epoch) {
            assertEq(rewards.budgetOf(epoch), FIRST >> (epoch / HALVING));
            assertEq(Emission.before(defaultPool().schedule, epoch), sum);
            sum += rewards.budgetOf(epoch);
        }
        assertEq(rewards.budgetOf(4_000_000_000), 0);
    }

    function test_WhenItIsLinear() external {
        PoolTerms memory pool = defaultPool();
        pool.schedule = Schedule({cap: 100, first: 30, halving: 0});
        rewards = deploy(pool);
        assertEq(rewards.budgetOf(0), 30);
        assertEq(rewards.budgetOf(2), 30);
        assertEq(rewards.budgetOf(3), 10, "to the cap");
        assertEq(rewards.budgetOf(4), 0);
    }

    /// @dev Whatever the schedule, epochs add up to what was emitted before, never above the cap.
    function testFuzz_Emission(uint96 cap, uint96 first, uint32 halving, uint32 epoch) external pure {
        Schedule memory schedule = Schedule(cap, first, halving);
        uint256 before = Emission.before(schedule, epoch);
        uint256 during = Emission.during(schedule, epoch);
        assertEq(before + during, Emission.before(schedule, uint256(epoch) + 1));
        assertLe(before + during, cap);
        assertLe(during, halving == 0 ? first : uint256(first) >> (epoch / halving));
    }

    /* MONEY */

    function test_RevertWhen_MoreThanTheCapIsGiven() external {
        give(address(this), 1);
        allow(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_OverCap.selector, CAP + uint256(1), CAP));
        rewards.fund(1);
    }

    function test_RevertWhen_TheBudgetIsNotHere() external {
        rewards = deploy(defaultPool());
        allow(publisher, 100 * BOND);
        divide(0, defaultParts());
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_Underfunded.selector, 0, FIRST));
        post(0);
        give(address(this), FIRST);
        allow(address(this), FIRST);
        rewards.fund(FIRST);
        post(0);
        assertEq(rewards.reserve(), 0);
        assertEq(rewards.unclaimed(), 0, "not final yet");
        vm.warp(block.timestamp + WINDOW);
        assertEq(rewards.unclaimed(), FIRST);
    }

    /* ORDER */

    function test_RevertWhen_TheEpochIsNotDue() external {
        divide(0, defaultParts());
        divide(1, defaultParts());
        expectNotDue(1, 0);
        rewards.post(1, keccak256("root"));
        post(0);
        expectNotDue(0, 1);
        rewards.post(0, keccak256("root"));
        expectNotDue(1, 1);
        rewards.post(1, keccak256("root"));
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(IEpochRoots.EpochRoots_NoRoot.selector);
        rewards.post(1, 0);
        post(1);
    }

    function test_RevertWhen_TheSharesAreNotFinal() external {
        vm.expectRevert(abi.encodeWithSelector(SharesMock.NotFinal.selector, 0));
        rewards.post(0, keccak256("root"));
    }

    /* TERMS */

    function test_RevertWhen_TheTermsAreUnsound() external {
        PoolTerms memory pool = defaultPool();
        pool.schedule.cap = 0;
        unsound(pool, "cap");
        pool.schedule.cap = uint96(1 << 92);
        unsound(pool, "cap");
        pool = defaultPool();
        pool.schedule.first = 0;
        unsound(pool, "first");
        pool = defaultPool();
        pool.slowPeriod = 4 * 365 days + 1;
        unsound(pool, "slowPeriod");
        pool = defaultPool();
        pool.fastPeriod = pool.slowPeriod + 1;
        unsound(pool, "fastPeriod");
        pool = defaultPool();
        pool.fastShare = 10_001;
        unsound(pool, "fastShare");
    }

    function test_RevertWhen_TheRootTermsAreUnsound() external {
        RootTerms memory terms = rootTerms();
        terms.bond = 0;
        unsound(terms, "bond");
        terms = rootTerms();
        terms.window = 0;
        unsound(terms, "window");
        terms.window = 365 days + 1;
        unsound(terms, "window");
        terms = rootTerms();
        terms.answerTime = 0;
        unsound(terms, "answerTime");
    }

    function test_TermsCanBeRead() external view {
        assertEq(keccak256(abi.encode(rewards.poolTerms())), keccak256(abi.encode(defaultPool())));
        assertEq(keccak256(abi.encode(rewards.rootTerms())), keccak256(abi.encode(rootTerms())));
    }

    function unsound(PoolTerms memory pool, bytes32 what) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochRewards.EpochRewards_BadTerms.selector, what));
        deploy(pool);
    }

    function unsound(RootTerms memory terms, bytes32 what) private {
        PoolTerms memory pool = defaultPool();
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_BadTerms.selector, what));
        new EpochRewards(ledger, shares, pool, terms);
    }

    function expectNotDue(uint32 epoch, uint32 next) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochRoots.EpochRoots_NotDue.selector, epoch, next));
        vm.prank(publisher);
    }
}
