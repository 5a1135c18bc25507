// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {UptimeHandler} from "./handlers/UptimeHandler.sol";

/// @notice The invariants of seats and epochs; README.md states each in prose. The handler sees to U3 and U4.
/// forge-config: default.invariant.runs = 16
/// forge-config: default.invariant.depth = 24
contract Uptime_Invariants_Test is Test {
    UptimeHandler private handler;

    function setUp() external {
        handler = new UptimeHandler();
        vm.warp(1_800_010_000);
        bytes4[] memory acts = new bytes4[](6);
        (acts[0], acts[1], acts[2]) = (handler.come.selector, handler.go.selector, handler.free.selector);
        (acts[3], acts[4], acts[5]) = (handler.pass.selector, handler.pass.selector, handler.refund.selector);
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), acts));
    }

    /// @dev U1, U2 and U5: an invariant each would play every epoch three times.
    function invariant_MoneyAndSeats() external view {
        checkMoney();
        checkSeats();
    }

    function checkMoney() private view {
        uint256 stakes;
        for (uint256 i; i < handler.count(); ++i) {
            address provider = handler.everybody(i);
            (uint256 locked, uint256 stake, uint256 seat) = handler.bindingOf(provider);
            assertEq(locked, seat, "U1");
            assertEq(seat, handler.seated(provider), "U1: seat");
            assertEq(stake, handler.staked(provider), "U1: stake");
            stakes += stake;
        }
        (uint256 bonds, uint256 staked, uint256 others, uint256 all) = handler.money();
        assertEq(staked, stakes, "U2: stakes");
        assertEq(bonds, handler.bonded(), "U2: bonds");
        assertEq(bonds + staked + others, all, "U2: money is anywhere else");
    }

    /// @dev Of the last four epochs: each is looked at many times.
    function checkSeats() private view {
        uint32 last = handler.epoch();
        for (uint32 epoch = last < 4 ? 0 : last - 3; epoch <= last; ++epoch) {
            (bytes32 was, bytes32 says) = handler.seatsThen(epoch);
            assertEq(says, was, "U5");
        }
    }

    /// @dev The invariants say something only if the acts get anywhere.
    function test_EveryActGetsSomewhere() external {
        for (uint256 i; i < 48; ++i) {
            uint256 random = uint256(keccak256(abi.encode(i)));
            uint256 act = random % 6;
            if (act == 0) handler.come();
            else if (act == 1) handler.go(random >> 8);
            else if (act == 2) handler.free();
            else if (act == 3) handler.refund();
            else handler.pass(random);
            checkMoney();
            checkSeats();
        }
        assertGt(handler.handovers(), 0, "seats that change hands");
        assertGt(handler.penalties(), 0, "penalties");
        assertGt(handler.expulsions(), 0, "seats that penalties end");
        assertGt(handler.releases(), 0, "stake that comes free");
        assertGt(handler.removals(), 0, "postings that are removed");
        assertGt(handler.strikes(), 0, "strikes");
        assertGt(handler.refunds(), 0, "bonds that go back");
    }
}
