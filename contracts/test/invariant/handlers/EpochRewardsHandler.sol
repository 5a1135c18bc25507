// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {EpochRewards} from "../../../src/rewards/EpochRewards.sol";
import {Books} from "../../../src/rewards/libraries/Stream.sol";
import {RewardsTest} from "../../rewards/RewardsTest.sol";
import {Trees} from "../../rewards/Trees.sol";

/// @notice Acts as publishers that say true and false, watchers that look or do not, owners that claim, sell and return, and as time.
/// Keeps, from what it did alone, what everybody must have.
contract EpochRewardsHandler is RewardsTest {
    address[4] private _owners;
    /// @dev By number; zero for what was returned.
    address[8] public ownerOf;
    uint256 public emitted;
    uint256 public pending;
    uint256 public claimed;
    uint256 public forfeited;
    uint256 public paid;
    uint256 public bonds;
    uint32 public posted;
    bool public wasFalse;
    mapping(address owner => uint256) public income;

    constructor() {
        setUp();
        _owners = [ada, bob, makeAddr("cyd"), makeAddr("dan")];
        for (uint256 i = 1; i <= LICENSES; ++i) {
            ownerOf[i] = i < 4 ? ada : bob;
        }
        ownerOf[COUNT] = operator;
        give(publisher, 1e9 * 1e18);
        allow(publisher, type(uint256).max);
        allow(watcher, type(uint256).max);
    }

    function theRewards() external view returns (EpochRewards) {
        return rewards;
    }

    function balance(address account) external view returns (uint256) {
        return held(account);
    }

    /// @dev The next epoch is posted. `lie` of eight: one leaf is false, by `how` much.
    function postNext(uint64[7] calldata parts, uint8 lie, uint96 how) external {
        if (posted != 0 && !rewards.isFinal(posted - 1)) return;
        finish();
        uint64[] memory all = new uint64[](COUNT);
        for (uint256 i; i < COUNT; ++i) {
            all[i] = parts[i] % 1000;
        }
        divide(posted, all);
        uint256 budget = shares.sharesOf(posted).total == 0 ? 0 : rewards.budgetOf(posted);
        wasFalse = lie % 8 == 0;
        if (wasFalse) {
            uint256 place = how % COUNT;
            uint96 true_ = earned[posted][place];
            earned[posted][place] = uint96(bound(how, 0, 2 * uint256(CAP)));
            wasFalse = earned[posted][place] != true_;
        }
        vm.warp(block.timestamp + 1);
        post(posted);
        (pending, bonds) = (budget, bonds + BOND);
        ++posted;
    }

    /// @dev The last root is demanded, and answered or not.
    function doubt(bool answered) external {
        if (posted == 0 || rewards.isFinal(posted - 1)) return;
        uint32 epoch = posted - 1;
        if (block.timestamp >= rewards.postingOf(epoch).windowEnd) return;
        bytes32[] memory none;
        vm.prank(watcher);
        try rewards.demand(epoch, 1, 0, 0, none) {}
        catch {
            return;
        }
        if (answered) return rewards.supply(epoch, 1, 0, leavesOf(epoch));
        vm.warp(block.timestamp + ANSWER + 1);
        rewards.expire(epoch, 1, 0);
        removed();
    }

    /// @dev Somebody compares the leaves of the last root with the rule: it falls exactly if one differs.
    function look() external {
        if (posted == 0 || rewards.isFinal(posted - 1)) return;
        uint32 epoch = posted - 1;
        bytes32[] memory leaves = leavesOf(epoch);
        uint256 total = shares.sharesOf(epoch).total;
        for (uint32 number = 1; number <= COUNT; ++number) {
            uint256 gain = total == 0 ? 0 : rewards.budgetOf(epoch) * divided[epoch][number - 1] / total;
            if (earned[epoch][number - 1] == previousOf(epoch, number) + gain) continue;
            challenge(epoch, number, leaves);
            removed();
            return;
        }
        assertFalse(wasFalse, "a lie was not found");
    }

    function claimFor(uint256 who, uint256 when, bool fast) external {
        uint32 number = uint32(1 + who % COUNT);
        if (posted == 0 || ownerOf[number] == address(0)) return;
        uint32 epoch = uint32(when % posted);
        Books memory before = rewards.booksOf(number);
        uint256 had = held(ownerOf[number]);
        bytes32[] memory proof = proofOf(epoch, number);
        vm.prank(ownerOf[number]);
        try rewards.claim(said(number, epoch), proof, fast) {}
        catch {
            return;
        }
        finish();
        uint256 amount = earned[epoch][number - 1] - before.claimed;
        claimed += amount;
        if (fast) forfeited += amount - amount * FAST_SHARE / 10_000;
        receive_(number, held(ownerOf[number]) - had);
    }

    function collect(uint256 who) external {
        uint32 number = uint32(1 + who % COUNT);
        if (ownerOf[number] == address(0) || rewards.collectable(number) == 0) return;
        receive_(number, rewards.collect(number));
    }

    function sell(uint256 id, uint256 to) external {
        id = 1 + id % LICENSES;
        if (ownerOf[id] == address(0)) return;
        vm.prank(ownerOf[id]);
        license.transferFrom(ownerOf[id], _owners[to % 4], id);
        ownerOf[id] = _owners[to % 4];
    }

    function giveBack(uint256 id, uint256 luck) external {
        id = 1 + id % LICENSES;
        if (luck % 4 != 0 || ownerOf[id] == address(0)) return;
        license.burn(id);
        ownerOf[id] = address(0);
    }

    function recover(uint256 who) external {
        uint32 number = uint32(1 + who % LICENSES);
        if (posted == 0 || ownerOf[number] != address(0)) return;
        uint32 epoch = posted - 1;
        Books memory before = rewards.booksOf(number);
        try rewards.returnBurned(said(number, epoch), proofOf(epoch, number)) {}
        catch {
            return;
        }
        finish();
        uint96 sum = earned[epoch][number - 1];
        uint256 amount = sum > before.claimed ? sum - before.claimed : 0;
        claimed += amount;
        forfeited += amount + before.unpaid;
    }

    function release(uint256 which) external {
        if (posted == 0) return;
        try rewards.release(uint32(which % posted)) {
            bonds -= BOND;
        } catch {}
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 days));
        if (posted != 0 && rewards.isFinal(posted - 1)) finish();
    }

    /// @dev What everybody's accounts stream still.
    function unpaid() external view returns (uint256 sum) {
        for (uint32 number = 1; number <= COUNT; ++number) {
            sum += rewards.booksOf(number).unpaid;
        }
    }

    /// @dev The last root is final: what it emits is emitted.
    function finish() private {
        if (posted == 0 || !rewards.isFinal(posted - 1)) return;
        emitted += pending;
        pending = 0;
    }

    function removed() private {
        --posted;
        (pending, bonds) = (0, bonds - BOND);
    }

    function receive_(uint32 number, uint256 amount) private {
        paid += amount;
        income[ownerOf[number]] += amount;
    }
}
