// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {EpochRewards} from "../../src/rewards/EpochRewards.sol";
import {EpochRewardsHandler} from "./handlers/EpochRewardsHandler.sol";

/// @notice The pool's invariants; README.md states each in prose.
contract EpochRewards_Invariants_Test is Test {
    uint256 private constant CAP = 1_000_000e18;

    EpochRewardsHandler private handler;
    EpochRewards private rewards;

    function setUp() external {
        handler = new EpochRewardsHandler();
        vm.warp(1_800_000_000);
        rewards = handler.theRewards();
        bytes4[] memory acts = new bytes4[](10);
        (acts[0], acts[1], acts[2]) = (handler.postNext.selector, handler.doubt.selector, handler.look.selector);
        (acts[3], acts[4], acts[5]) = (handler.claimFor.selector, handler.collect.selector, handler.sell.selector);
        (acts[6], acts[7], acts[8]) = (handler.giveBack.selector, handler.recover.selector, handler.release.selector);
        acts[9] = handler.pass.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), acts));
    }

    /// @dev R1 and R2.
    function invariant_ClaimedIsEmitted() external view {
        bool last = handler.posted() != 0 && rewards.isFinal(handler.posted() - 1);
        uint256 emitted = handler.emitted() + (last ? handler.pending() : 0);
        assertLe(handler.claimed(), emitted, "R1");
        assertEq(rewards.unclaimed(), emitted - handler.claimed(), "R1: to the unit");
        assertLe(emitted, CAP + handler.forfeited(), "R2: the cap");
    }

    /// @dev R3 and R4.
    function invariant_MoneyIsConserved() external view {
        uint256 pending = rewards.nextEpoch() != 0 && rewards.isFinal(rewards.nextEpoch() - 1) ? 0 : handler.pending();
        uint256 streams = handler.unpaid();
        uint256 owed = rewards.reserve() + rewards.unclaimed() + pending + streams + handler.bonds();
        assertEq(handler.balance(address(rewards)), owed, "R3");
        assertEq(handler.claimed(), handler.paid() + streams + handler.forfeited(), "R4");
        assertEq(rewards.nextEpoch(), handler.posted(), "R5");
    }

    /// @dev R6: whoever owned a licence when money of it was collected has it, and nobody else has any.
    function invariant_OwnersArePaid() external view {
        for (uint256 number = 1; number <= 7; ++number) {
            address owner = handler.ownerOf(number);
            if (owner != address(0)) assertEq(handler.balance(owner), handler.income(owner), "R6");
        }
    }
}
