// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IJobEscrow, Take} from "../../src/work/IJobEscrow.sol";
import {Order} from "../../src/work/WorkTypes.sol";
import {WorkTest} from "./WorkTest.sol";

contract JobEscrow_Expire_Test is WorkTest {
    function expectNotTaken(bytes32 orderId, uint32 first) private {
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_NotTaken.selector, orderId, first));
    }

    function test_RevertGiven_NoTake() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        expectNotTaken(orderId, 0);
        escrow.expire(order, 0);
    }

    function test_RevertGiven_TheRangeWasFreedAlready() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 2);
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        expectNotTaken(orderId, 0);
        escrow.expire(order, 0);
    }

    function test_RevertGiven_TheRangeWasCommitted() external {
        (Order memory order,,) = committed(2);
        skip(order.takeWindow + 1);
        expectNotTaken(escrow.orderIdOf(order), 0);
        escrow.expire(order, 0);
    }

    function test_RevertWhen_TheTakeIsLive() external {
        Order memory order = terms();
        open(order);
        take(order, 0, 2);
        skip(order.takeWindow);
        vm.expectRevert(abi.encodeWithSelector(IJobEscrow.JobEscrow_TooEarly.selector, block.timestamp + 1));
        escrow.expire(order, 0);
    }

    function test_WhenTheTakeRanOut() external {
        Order memory order = terms();
        bytes32 orderId = open(order);
        take(order, 0, 2);
        uint256 stake = escrow.stakeFor(order, 2);
        uint256 burned = (stake + 9) / 10;
        assertNotEq(stake % 10, 0, "the rounding shows");
        skip(order.takeWindow + 1);
        vm.expectEmit(address(escrow));
        emit IJobEscrow.TakeExpired(orderId, provider, 0, 2, burned);
        vm.prank(stranger);
        escrow.expire(order, 0);
        Take memory held = escrow.takeOf(orderId, 0);
        assertEq(held.provider, address(0));
        assertEq(held.count, 2, "the range keeps its size");
        assertEq(lockedStake(provider), 0);
        assertEq(totalStake(provider), STAKE - burned);
        assertEq(stakeBalance(ledger.BURN()), burned);
    }

    function testFuzz_AnyStakeIsSplitExactly(uint128 perBatch, uint128 perTask) external {
        Order memory order = terms();
        order.stakePerBatch = uint128(bound(perBatch, 0, 1e20));
        order.stakePerTask = uint128(bound(perTask, 0, 1e20));
        open(order);
        take(order, 0, 2);
        uint256 stake = escrow.stakeFor(order, 2);
        assertEq(lockedStake(provider), stake);
        skip(order.takeWindow + 1);
        escrow.expire(order, 0);
        uint256 burned = stakeBalance(ledger.BURN());
        assertEq(lockedStake(provider), 0);
        assertEq(totalStake(provider) + burned, STAKE);
        assertGe(burned * 10, stake);
        assertLt(burned * 10, stake + 10);
    }
}
