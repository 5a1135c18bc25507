// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {IStaking} from "../../src/staking/IStaking.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {StakingTest} from "./StakingTest.sol";

/// @notice Each test plays one attack on staked money or on those who rely on it.
contract Staking_Attacks_Test is StakingTest {
    function setUp() public override {
        super.setUp();
        stake(1000);
    }

    /// @dev An operator who sees a slash coming withdraws what it can: not the locked part, and nothing at once.
    function test_ExitAheadOfASlash() external {
        lock(600);
        thaw(400);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 0, 1));
        staking.thaw(service, 1);
        skip(THAW);
        assertEq(staking.withdraw(service), 400);
        vm.stopPrank();

        vm.prank(service);
        staking.slash(operator, 600, credits(rival, 600));
        assertProvision(0, 0, 0, 0);
        assertEq(ledger.balanceOf(rival, id), 600);
    }

    /// @dev Stake that thaws backs no new obligation, even after its clock has run out.
    function test_RevertWhen_ThawedStakeIsLocked() external {
        thaw(1000);
        skip(THAW);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, service, 0, 1));
        lock(1);
    }

    /// @dev A thaw of one unit long ago does not carry a later, larger one past the clock.
    function test_RevertWhen_AnOldThawIsToppedUpAtTheLastSecond() external {
        thaw(1);
        skip(THAW);
        thaw(999);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, uint40(block.timestamp) + THAW));
        vm.prank(operator);
        staking.withdraw(service);
    }

    /// @dev What was withdrawn leaves no clock behind: staking and thawing again waits the whole period.
    function test_RevertWhen_AUsedClockIsReused() external {
        thaw(500);
        skip(THAW);
        vm.prank(operator);
        staking.withdraw(service);
        stake(500);
        thaw(500);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotThawed.selector, uint40(block.timestamp) + THAW));
        vm.prank(operator);
        staking.withdraw(service);
    }

    /// @dev Nobody delays an operator's exit by staking for it.
    function test_AStrangersStakeDoesNotRestartTheClock() external {
        thaw(500);
        skip(THAW - 1);
        vm.prank(other);
        staking.stake(operator, service, 1);
        skip(1);
        vm.prank(operator);
        assertEq(staking.withdraw(service), 500);
    }

    /// @dev Nor does a service that unlocks late: what is unlocked is free, and the thawing part keeps its clock.
    function test_AnUnlockDoesNotRestartTheClock() external {
        lock(300);
        thaw(500);
        skip(THAW);
        vm.prank(service);
        staking.unlock(operator, 300);
        vm.prank(operator);
        assertEq(staking.withdraw(service), 500);
        assertProvision(500, 0, 0, 0);
    }

    /// @dev A service reaches no further than its own lock: not the free part, not the thawing part, not other operators'
    /// stake in the same ledger account.
    function test_RevertWhen_AServiceSlashesBeyondItsLock() external {
        vm.prank(other);
        staking.stake(other, service, 5000);
        lock(100);
        thaw(200);
        Credit[] memory list = credits(service, 101);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 100, 101));
        vm.prank(service);
        staking.slash(operator, 101, list);
    }

    /// @dev A batch cannot be slashed twice for one lock.
    function test_RevertWhen_ALockIsSlashedTwice() external {
        lock(100);
        Credit[] memory list = credits(rival, 100);
        vm.startPrank(service);
        staking.slash(operator, 100, list);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, service, 0, 100));
        staking.slash(operator, 100, list);
    }

    /// @dev A second service, even one that the operator provisions, reaches nothing of the first's.
    function testFuzz_AServiceReachesItsOwnProvisionOnly(uint256 own, uint256 reach) external {
        own = bound(own, 1, 1000);
        reach = bound(reach, own + 1, 10_000);
        vm.prank(operator);
        staking.stake(operator, rival, own);
        lock(1000);

        Credit[] memory list = credits(rival, reach);
        vm.startPrank(rival);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, operator, rival, own, reach)
        );
        staking.lock(operator, reach);
        staking.lock(operator, own);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, rival, own, reach));
        staking.slash(operator, reach, list);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_NotLocked.selector, operator, rival, own, reach));
        staking.unlock(operator, reach);
        assertProvision(1000, 1000, 0, 0);
    }

    /// @dev One who names itself the service locks, slashes and so exits at once, but it stands behind nobody else's service.
    function test_SelfServiceBacksNobody() external {
        vm.startPrank(operator);
        staking.stake(operator, operator, 500);
        staking.lock(operator, 500);
        staking.slash(operator, 500, credits(operator, 500));
        vm.stopPrank();
        assertEq(ledger.balanceOf(operator, id), FUNDS - 1000);
        assertProvision(1000, 0, 0, 0);
    }

    /// @dev Balance sent to the staking contract outside `stake` is nobody's stake.
    function test_ADonationIsNobodysStake() external {
        vm.startPrank(other);
        ledger.transfer(address(staking), id, 700);
        vm.expectRevert(abi.encodeWithSelector(IStaking.Staking_InsufficientStake.selector, other, service, 0, 1));
        staking.thaw(service, 1);
        assertEq(ledger.balanceOf(address(staking), id), 1700);
        assertProvision(1000, 0, 0, 0);
    }

    /// @dev Nobody moves the staking contract's ledger balance but by its own functions.
    function test_RevertWhen_StakeIsPulledFromTheLedger() external {
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, rival, 0, 1000, id));
        vm.prank(rival);
        ledger.transferFrom(address(staking), rival, id, 1000);
    }

    /// @dev The staking contract asks for an allowance of the stake token; other tokens stay out of its reach.
    function test_OnlyTheApprovedTokenIsTaken() external {
        vm.deal(operator, 1 ether);
        vm.startPrank(operator);
        ledger.depositNative{value: 1 ether}(operator);
        staking.stake(operator, service, 100);
        assertEq(ledger.balanceOf(operator, 0), 1 ether);
    }

    /// @dev Native currency stakes like any token.
    function test_NativeStake() external {
        Staking native = new Staking(ledger, address(0), THAW);
        vm.deal(operator, 3 ether);
        vm.startPrank(operator);
        ledger.depositNative{value: 3 ether}(operator);
        ledger.approve(address(native), 0, 2 ether);
        native.stake(operator, service, 2 ether);
        native.thaw(service, 2 ether);
        skip(THAW);
        native.withdraw(service);
        ledger.withdraw(address(0), operator, 3 ether);
        assertEq(operator.balance, 3 ether);
    }
}
