// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Delegation, Pool} from "../../src/staking/IStaking.sol";
import {StakingTest} from "./StakingTest.sol";

/// @notice Two delegators beside the operator, and a service that can pay rewards.
abstract contract DelegationTest is StakingTest {
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function setUp() public virtual override {
        super.setUp();
        fund(alice);
        fund(bob);
        fund(service);
    }

    /// @dev Gives an account ledger balance that the staking contract may pull.
    function fund(address account) internal {
        token.mint(account, FUNDS);
        vm.startPrank(account);
        token.approve(address(ledger), FUNDS);
        ledger.deposit(address(token), account, FUNDS);
        ledger.approve(address(staking), id, type(uint256).max);
        vm.stopPrank();
    }

    function delegate(address delegator, uint256 amount) internal returns (uint256) {
        vm.prank(delegator);
        return staking.delegate(operator, service, amount);
    }

    function undelegate(address delegator, uint256 shares) internal {
        vm.prank(delegator);
        staking.undelegate(operator, service, shares);
    }

    function withdrawDelegated(address delegator) internal returns (uint256) {
        vm.prank(delegator);
        return staking.withdrawDelegated(operator, service);
    }

    function claimRewards(address delegator) internal returns (uint256) {
        vm.prank(delegator);
        return staking.claimRewards(operator, service);
    }

    function lockWith(uint256 amount, uint256 ownMinimum) internal {
        vm.prank(service);
        staking.lockWith(operator, amount, ownMinimum);
    }

    function unlockWith(uint256 amount) internal {
        vm.prank(service);
        staking.unlockWith(operator, amount);
    }

    /// @dev The service slashes and burns what it takes.
    function slashWith(uint256 amount) internal {
        address burn = ledger.BURN();
        vm.prank(service);
        staking.slashWith(operator, amount, credits(burn, amount));
    }

    function reward(uint256 amount) internal {
        vm.prank(service);
        staking.reward(operator, amount);
    }

    function setCommission(uint16 rate) internal {
        vm.prank(operator);
        staking.setCommission(service, rate);
    }

    function assertPool(uint256 staked, uint256 locked, uint256 shares, uint256 thawing) internal view {
        Pool memory pool = staking.poolOf(operator, service);
        assertEq(pool.stake, staked, "pool stake");
        assertEq(pool.locked, locked, "pool locked");
        assertEq(pool.shares, shares, "pool shares");
        assertEq(pool.thawing, thawing, "pool thawing");
    }

    function assertDelegation(address delegator, uint256 shares, uint256 thawing, uint256 thawedAt) internal view {
        Delegation memory delegation = staking.delegationOf(operator, service, delegator);
        assertEq(delegation.shares, shares, "shares");
        assertEq(delegation.thawing, thawing, "thawing");
        assertEq(delegation.thawedAt, thawedAt, "thawedAt");
    }
}
