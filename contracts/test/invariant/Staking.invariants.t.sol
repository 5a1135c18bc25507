// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {Ledger} from "../../src/ledger/Ledger.sol";
import {Provision} from "../../src/staking/IStaking.sol";
import {Staking} from "../../src/staking/Staking.sol";
import {StakingHandler} from "./handlers/StakingHandler.sol";
import {StakingStore} from "./stores/StakingStore.sol";

/// @notice The staking contract's invariants; README.md states each in prose.
contract Staking_Invariants_Test is Test {
    Ledger private ledger;
    Staking private staking;
    StakingStore private store;
    StakingHandler private handler;
    uint256 private id;

    function setUp() external {
        vm.warp(1_800_000_000);
        ledger = new Ledger();
        DevToken token = new DevToken();
        id = uint256(uint160(address(token)));
        staking = new Staking(ledger, address(token), 7 days);
        store = new StakingStore();
        handler = new StakingHandler(ledger, token, staking, store);
        targetContract(address(handler));
    }

    /// @dev S1 and S2.
    function invariant_StakeIsHeld() external view {
        uint256 sum;
        for (uint256 i; i < 9; ++i) {
            (address operator, address service) = _pair(i);
            Provision memory provision = staking.provisionOf(operator, service);
            assertGe(provision.stake, uint256(provision.locked) + provision.thawing, "S1: parts within the stake");
            assertEq(
                staking.freeStake(operator, service),
                provision.stake - provision.locked - provision.thawing,
                "S1: the rest is free"
            );
            sum += provision.stake;
        }
        assertEq(ledger.balanceOf(address(staking), id), sum + store.donated(), "S2: stakes are held");
    }

    /// @dev S3, S4 and S5.
    function invariant_ProvisionsChangeByTheirOwnersAndServicesOnly() external view {
        for (uint256 i; i < 9; ++i) {
            (address operator, address service) = _pair(i);
            Provision memory provision = staking.provisionOf(operator, service);
            StakingStore.Provided memory expected = store.provisionOf(operator, service);
            assertEq(staking.freeStake(operator, service), expected.free, "S3: free");
            assertEq(provision.locked, expected.locked, "S3: locked");
            assertEq(provision.thawing, expected.thawing, "S3: thawing");
            assertEq(provision.thawedAt, expected.thawedAt, "S3: clock");
            assertEq(
                expected.staked, provision.stake + expected.withdrawn + expected.slashed, "S4: nothing made or lost"
            );
            assertEq(provision.thawedAt == 0, provision.thawing == 0, "S5: a clock runs for a thawing part alone");
        }
    }

    /// @dev S6.
    function invariant_LedgerAccountsReceiveWhatLeaves() external view {
        for (uint256 i; i < 3; ++i) {
            address operator = handler.operators(i);
            assertEq(ledger.balanceOf(operator, id), store.balanceOf(operator), "S6: operator");
        }
        assertEq(ledger.balanceOf(handler.burn(), id), store.balanceOf(handler.burn()), "S6: burned");
    }

    /// @dev S7: at the end of each run the services let go and everybody leaves with everything.
    function afterInvariant() external {
        for (uint256 i; i < 9; ++i) {
            (address operator, address service) = _pair(i);
            vm.startPrank(service);
            staking.unlock(operator, staking.provisionOf(operator, service).locked);
            vm.startPrank(operator);
            uint256 free = staking.freeStake(operator, service);
            if (free != 0) staking.thaw(service, free);
            vm.stopPrank();
        }
        skip(staking.thawPeriod());
        for (uint256 i; i < 9; ++i) {
            (address operator, address service) = _pair(i);
            if (staking.provisionOf(operator, service).stake == 0) continue;
            vm.prank(operator);
            staking.withdraw(service);
        }
        assertEq(ledger.balanceOf(address(staking), id), store.donated(), "S7: all stake has left");
    }

    function _pair(uint256 i) private view returns (address operator, address service) {
        return (handler.operators(i / 3), handler.services(i % 3));
    }
}
