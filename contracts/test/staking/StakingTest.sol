// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Credit} from "../../src/ledger/ILedger.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Provision} from "../../src/staking/IStaking.sol";
import {Staking} from "../../src/staking/Staking.sol";

/// @notice A staking contract over a ledger on which users hold the stake token and have approved it.
abstract contract StakingTest is Test {
    uint256 internal constant FUNDS = 1_000_000;
    uint32 internal constant THAW = 7 days;

    Ledger internal ledger;
    DevToken internal token;
    Staking internal staking;
    uint256 internal id;

    address internal operator = makeAddr("operator");
    address internal other = makeAddr("other");
    address internal service = makeAddr("service");
    address internal rival = makeAddr("rival");

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        ledger = new Ledger();
        token = new DevToken();
        staking = new Staking(ledger, address(token), THAW);
        id = uint256(uint160(address(token)));
        for (uint256 i; i < 2; ++i) {
            address user = [operator, other][i];
            token.mint(user, FUNDS);
            vm.startPrank(user);
            token.approve(address(ledger), FUNDS);
            ledger.deposit(address(token), user, FUNDS);
            ledger.approve(address(staking), id, type(uint256).max);
            vm.stopPrank();
        }
    }

    /// @dev The operator stakes for the service.
    function stake(uint256 amount) internal {
        vm.prank(operator);
        staking.stake(operator, service, amount);
    }

    /// @dev The service locks stake of the operator.
    function lock(uint256 amount) internal {
        vm.prank(service);
        staking.lock(operator, amount);
    }

    /// @dev The operator starts to thaw.
    function thaw(uint256 amount) internal {
        vm.prank(operator);
        staking.thaw(service, amount);
    }

    function assertProvision(uint256 staked, uint256 locked, uint256 thawing, uint256 thawedAt) internal view {
        Provision memory provision = staking.provisionOf(operator, service);
        assertEq(provision.stake, staked, "stake");
        assertEq(provision.locked, locked, "locked");
        assertEq(provision.thawing, thawing, "thawing");
        assertEq(provision.thawedAt, thawedAt, "thawedAt");
        assertEq(staking.freeStake(operator, service), staked - locked - thawing, "free");
    }

    function credits(address to, uint256 amount) internal pure returns (Credit[] memory list) {
        list = new Credit[](1);
        list[0] = Credit(to, amount);
    }
}
