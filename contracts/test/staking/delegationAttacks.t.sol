// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {DelegationTest} from "./DelegationTest.sol";

/// @notice Each test plays one attack on delegators, on the operator they back, or on those who rely on locked stake.
contract Staking_DelegationAttacks_Test is DelegationTest {
    /// @dev The inflation attack: own the only share, make it dear, and let the next deposit round to none. Nothing that anybody
    /// can send raises what a share is worth.
    function testFuzz_TheFirstDelegatorCannotPriceOutTheNext(uint256 donation, uint256 amount) external {
        donation = bound(donation, 1, FUNDS / 2);
        amount = bound(amount, 1, FUNDS);
        delegate(alice, 1);
        lockWith(1, 0);
        vm.prank(alice);
        ledger.transfer(address(staking), id, donation);
        reward(donation);

        assertEq(delegate(bob, amount), amount);
        undelegate(bob, amount);
        skip(THAW);
        assertEq(withdrawDelegated(bob), amount);
    }

    /// @dev Names itself the service, pays into a pool of its own, and looks for the money in another's.
    function test_ASelfServiceReachesItsOwnPoolOnly() external {
        delegate(bob, 1000);
        vm.startPrank(alice);
        staking.delegate(operator, alice, 500);
        staking.lockWith(operator, 500, 0);
        staking.reward(operator, 100);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, alice, 500, 501));
        staking.slashWith(operator, 501, credits(alice, 501));
        staking.slashWith(operator, 500, credits(alice, 500));
        staking.claimRewards(operator, alice);
        vm.stopPrank();
        assertLe(ledger.balanceOf(alice, id), FUNDS);
        assertPool(1000, 0, 1000, 0);
        assertGe(ledger.balanceOf(address(staking), id), 1000);
    }

    /// @dev One stake does not stand behind two services.
    function test_RevertWhen_DelegatedStakeIsCountedForASecondService() external {
        delegate(alice, 1000);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientDelegation.selector, operator, rival, 0, 1));
        vm.prank(rival);
        staking.lockWith(operator, 1, 0);
    }

    /// @dev An operator who delegates to itself has delegated stake, not own stake.
    function test_RevertWhen_TheOperatorsDelegationStandsInForItsMinimum() external {
        stake(99);
        delegate(operator, 5000);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 99, 100));
        lockWith(1000, 100);
        stake(1);
        lockWith(1000, 100);
        assertPool(5000, 900, 5000, 0);

        // Nor does it thaw the one as the other.
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 0, 1));
        thaw(1);
    }

    /// @dev Releases that leave the obligation standing do not let the minimum out first.
    function test_TheMinimumIsReleasedLast() external {
        stake(100);
        delegate(alice, 900);
        lockWith(1000, 100);
        unlockWith(900);
        assertProvision(100, 100, 0, 0);
        assertPool(900, 0, 900, 0);
    }

    /// @dev `slash` and `unlock`, which reach own stake only, do not reach what `lockWith` took of the pool.
    function test_RevertWhen_OwnStakesVerbsReachThePool() external {
        stake(100);
        delegate(alice, 900);
        lockWith(1000, 100);
        vm.startPrank(service);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 100, 101));
        staking.slash(operator, 101, credits(rival, 101));
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 100, 101));
        staking.unlock(operator, 101);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 0, 1));
        staking.lock(operator, 1);
    }

    /// @dev A delegator who sees the slash coming leaves the loss to nobody: it thaws, and loses like those who stay.
    function test_ExitAheadOfASlash() external {
        delegate(alice, 1000);
        delegate(bob, 1000);
        lockWith(1000, 0);
        undelegate(alice, 1000);
        skip(THAW - 1);
        slashWith(1000);
        undelegate(bob, 1000);
        skip(THAW);
        assertEq(withdrawDelegated(alice), 500);
        assertEq(withdrawDelegated(bob), 500);
    }

    /// @dev Stands ready to leave at any moment and goes on earning: thawing shares earn nothing, from the first second on.
    function test_AThawedDelegatorDoesNotEarn() external {
        delegate(alice, 1024);
        delegate(bob, 1024);
        lockWith(1024, 0);
        undelegate(alice, 1024);
        skip(THAW);
        reward(1000);
        assertEq(claimRewards(alice), 0);
        assertEq(claimRewards(bob), 1000);
    }

    /// @dev Thaws long before it needs to, then moves fresh stake in behind the old clock.
    function test_RevertWhen_AnOldThawIsToppedUpAtTheLastSecond() external {
        delegate(alice, 1000);
        undelegate(alice, 1);
        skip(THAW);
        undelegate(alice, 999);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, uint40(block.timestamp) + THAW));
        withdrawDelegated(alice);
    }

    /// @dev An operator who holds its lock for ever holds nobody's stake for ever: what asked to leave backs no further lock, is
    /// seen to be overdue, and is what the service releases first.
    function test_AnOperatorThatNeverLeaves() external {
        stake(100);
        delegate(alice, 900);
        lockWith(1000, 100);
        undelegate(alice, 900);
        skip(THAW);
        assertEq(staking.overdueOf(operator, service, alice), 900);

        // Stake that comes later stays free for the one who waits, and cannot be locked in its place.
        delegate(bob, 400);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientDelegation.selector, operator, service, 0, 1)
        );
        lockWith(1, 0);
        assertEq(withdrawDelegated(alice), 400);
        unlockWith(staking.overdueOf(operator, service, alice));
        assertEq(withdrawDelegated(alice), 500);
        assertPool(400, 400, 400, 0);
        assertProvision(100, 100, 0, 0);
    }

    /// @dev Two wait for the same stake: the first takes what is there, and the second is overdue by all that it lacks.
    function test_TwoWhoWait() external {
        delegate(alice, 600);
        delegate(bob, 600);
        lockWith(400, 0);
        undelegate(alice, 600);
        undelegate(bob, 600);
        skip(THAW);
        assertEq(withdrawDelegated(alice), 600);
        assertEq(staking.overdueOf(operator, service, bob), 400);
        assertEq(withdrawDelegated(bob), 200);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolLocked.selector, 400));
        withdrawDelegated(bob);
        unlockWith(400);
        assertEq(withdrawDelegated(bob), 400);
        assertPool(0, 0, 0, 0);
    }

    /// @dev Leaving in many small steps, or coming and going, gains nothing by rounding, whatever a share is worth.
    function testFuzz_ComingAndGoingGainsNothing(uint256 loss, uint256 amount, uint256 step) external {
        loss = bound(loss, 0, 9999);
        amount = bound(amount, 1, FUNDS);
        delegate(alice, 10_000);
        lockWith(loss, 0);
        slashWith(loss);

        uint256 before = ledger.balanceOf(bob, id);
        uint256 shares = delegate(bob, amount);
        step = bound(step, shares / 5 + 1, shares + 1);
        for (uint256 left = shares; left != 0;) {
            uint256 part = left < step ? left : step;
            undelegate(bob, part);
            skip(THAW);
            withdrawDelegated(bob);
            left -= part;
        }
        assertLe(ledger.balanceOf(bob, id), before, "no gain");
        assertGe(ledger.balanceOf(bob, id) + 6, before, "a unit a move is lost at most");
        undelegate(alice, 10_000);
        skip(THAW);
        assertGe(withdrawDelegated(alice), 10_000 - loss, "nobody pays for it");
        assertPool(0, 0, 0, 0);
    }

    /// @dev Partial withdrawals against a lock end no fewer shares than they are worth.
    function testFuzz_DribblingOutOfALockedPoolGainsNothing(uint256 loss, uint256 locked) external {
        loss = bound(loss, 0, 9000);
        locked = bound(locked, 2, 1000);
        delegate(alice, 7000);
        delegate(bob, 3000);
        lockWith(loss, 0);
        slashWith(loss);
        lockWith(10_000 - loss, 0);
        undelegate(alice, 7000);
        skip(THAW);

        uint256 fair = 7000 * (10_000 - loss) / 10_000;
        uint256 got;
        unlockWith(1);
        got += withdrawDelegated(alice);
        unlockWith(locked - 1);
        if (staking.delegationOf(operator, service, alice).thawing != 0) got += withdrawDelegated(alice);
        unlockWith(staking.poolOf(operator, service).locked);
        if (staking.delegationOf(operator, service, alice).thawing != 0) got += withdrawDelegated(alice);
        assertLe(got, fair);
        assertGe(got + 3, fair);

        undelegate(bob, 3000);
        skip(THAW);
        assertGe(withdrawDelegated(bob), 10_000 - loss - fair - 1);
    }

    /// @dev An operator raises its commission as the reward arrives.
    function test_ACommissionRaisedAheadOfAReward() external {
        delegate(alice, 1024);
        lockWith(1024, 0);
        setCommission(10_000);
        reward(700);
        assertEq(staking.rewardsOf(operator, service, alice), 700);
        skip(THAW - 1);
        reward(100);
        undelegate(alice, 1024);
        assertEq(ledger.balanceOf(alice, id), FUNDS - 1024 + 800, "left in time, with everything");
    }

    /// @dev An operator stakes much for a moment to take the delegators' part: shares go by what is locked.
    function test_OwnFreeStakeTakesNoPartOfAReward() external {
        delegate(alice, 1024);
        lockWith(1024, 0);
        stake(FUNDS / 2);
        reward(500);
        assertEq(staking.rewardsOf(operator, service, alice), 500);
    }

    /// @dev Buys in after a slash made shares cheap: they are cheap for a reason, and earn no more a unit.
    function test_CheapSharesEarnNoMoreAUnit() external {
        delegate(alice, 1024);
        lockWith(768, 0);
        slashWith(768);
        assertEq(delegate(bob, 256), 1024);
        lockWith(512, 0);
        reward(400);
        assertEq(staking.rewardsOf(operator, service, alice), 200);
        assertEq(staking.rewardsOf(operator, service, bob), 200);
    }

    /// @dev Old shares of a pool that lost everything get nothing of what comes later.
    function test_RevertWhen_AWipedPoolIsRefilled() external {
        delegate(alice, 1000);
        lockWith(1000, 0);
        slashWith(1000);
        undelegate(alice, 400);
        skip(THAW);
        assertEq(withdrawDelegated(alice), 0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_PoolWiped.selector, operator, service));
        delegate(bob, 500);
        assertEq(staking.freeDelegation(operator, service), 0);
        reward(10);
        assertEq(staking.rewardsOf(operator, service, alice), 0, "no stake, no reward");
    }

    /// @dev After a loss to the last unit, those who lost do not live on what comes later.
    function test_OldSharesOfANearlyWipedPoolStayWorthless() external {
        delegate(alice, 10_000);
        lockWith(9999, 0);
        slashWith(9999);
        uint256 shares = delegate(bob, FUNDS);
        undelegate(alice, 10_000);
        undelegate(bob, shares);
        skip(THAW);
        assertEq(withdrawDelegated(alice), 1);
        assertEq(withdrawDelegated(bob), FUNDS);
    }

    /// @dev Delegators are called by nobody, so none of them can refuse a move or enter in the middle of one.
    function test_NobodyIsCalledBack() external {
        vm.etch(alice, hex"fe");
        vm.etch(operator, hex"fe");
        delegate(alice, 1000);
        delegate(bob, 1000);
        lockWith(2000, 0);
        vm.startStateDiffRecording();
        reward(100);
        slashWith(100);
        unlockWith(1900);
        undelegate(alice, 1000);
        skip(THAW);
        withdrawDelegated(alice);
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();
        assertGt(accesses.length, 0);
        for (uint256 i; i < accesses.length; ++i) {
            address account = accesses[i].account;
            assertTrue(account == address(staking) || account == address(ledger) || account == address(vm));
        }
    }
}
