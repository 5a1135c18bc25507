// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPrevrandaoBeacon} from "../../../src/work/beacons/IPrevrandaoBeacon.sol";
import {PrevrandaoBeacon} from "../../../src/work/beacons/PrevrandaoBeacon.sol";
import {HeaderBuilder} from "../utils/HeaderBuilder.sol";
import {PrevrandaoBeaconTest} from "./PrevrandaoBeaconTest.sol";

/// @notice Somebody who wants another value for a round, or none.
contract PrevrandaoBeacon_Attacks_Test is PrevrandaoBeaconTest {
    /// @dev One byte changed, anywhere: no value is stored for any round that the forgery can name.
    function test_NoChangedByteIsRecorded() external {
        bytes memory header = minedAgo(1);
        for (uint256 i = 0; i < header.length; ++i) {
            header[i] ^= 0x01;
            (bool success,) = address(beacon).call(abi.encodeCall(beacon.record, (header)));
            assertFalse(success, vm.toString(i));
            header[i] ^= 0x01;
        }
        assertEq(beacon.valueOf(ROUND), 0);
        record(header);
    }

    /// @dev The header of a block that somebody likes better, in the name of the round.
    function test_AnotherBlocksHeaderIsNoAnswer() external {
        bytes memory liked = headerOf(ROUND - 1);
        mined(ROUND - 1, liked);
        minedAgo(1);
        record(liked);
        assertEq(beacon.valueOf(ROUND), 0, "it is the other block's value");
        assertEq(beacon.valueOf(ROUND - 1), mixOf(ROUND - 1));

        bytes[] memory fields = HeaderBuilder.fieldsOf(ROUND - 1, mixOf(ROUND - 1));
        fields[HeaderBuilder.NUMBER] = HeaderBuilder.integer(ROUND);
        vm.expectPartialRevert(IPrevrandaoBeacon.PrevrandaoBeacon_WrongHeader.selector);
        record(HeaderBuilder.list(fields));
    }

    /// @dev In the round's own block its value is known to the opcode, not to the beacon; a block later nobody has a choice.
    function test_ARoundIsNotRecordedInItsOwnBlock() external {
        head(ROUND);
        bytes memory header = headerOf(ROUND);
        vm.expectPartialRevert(IPrevrandaoBeacon.PrevrandaoBeacon_NoHash.selector);
        record(header);
        mined(ROUND, header);
        record(header);
    }

    /// @dev The system contract keeps 8,191 slots: the one of a lost round holds a later block's hash, which proves nothing.
    function test_AReusedSlotProvesNothing() external {
        bytes memory old = headerOf(ROUND);
        mined(ROUND, old);
        // A block whose header names the old number would be needed, and there is none; the slot's own block is another round.
        mined(ROUND + 8191, headerOf(ROUND + 8191));
        head(ROUND + 8192);
        assertTrue(beacon.isLost(ROUND));
        vm.expectPartialRevert(IPrevrandaoBeacon.PrevrandaoBeacon_NoHash.selector);
        record(old);
        record(headerOf(ROUND + 8191));
        assertEq(beacon.valueOf(ROUND), 0);
    }

    /// @dev On a chain without the system call, deploying its code later brings no lost round back.
    function test_ALostRoundStaysLost() external {
        beacon = beaconWithoutHistory();
        bytes memory header = minedAgo(257);
        assertTrue(beacon.isLost(ROUND));
        vm.etch(HISTORY, HISTORY_CODE);
        assertTrue(beacon.isLost(ROUND));
        vm.expectPartialRevert(IPrevrandaoBeacon.PrevrandaoBeacon_NoHash.selector);
        record(header);
    }

    /// @dev With little gas the question about the past might fail inside. Whatever gas is given, the answer is the right one or
    /// none, so a draw cannot be moved to another round by starving it.
    function test_StarvingChangesNoAnswer() external {
        bytes memory header = minedAgo(8191);
        bytes memory question = abi.encodeCall(beacon.isLost, (ROUND));
        bytes memory proof = abi.encodeCall(beacon.record, (header));
        uint256 answered = 0;
        for (uint256 gas_ = 100; gas_ < 12_000; gas_ += 100) {
            (bool success, bytes memory answer) = address(beacon).staticcall{gas: gas_}(question);
            if (success) {
                ++answered;
                assertFalse(abi.decode(answer, (bool)));
            }
            (success,) = address(beacon).call{gas: gas_}(proof);
            assertFalse(success);
        }
        assertGt(answered, 0);
        record(header);
    }

    /// @dev A chain whose opcode and headers repeat one large constant.
    function test_AConstantIsNeverAValue() external {
        bytes32 constant_ = keccak256("the sequencer's number");
        vm.prevrandao(constant_);
        PrevrandaoBeacon other = new PrevrandaoBeacon(1);
        for (uint64 i = 0; i < 300; i += 37) {
            bytes memory header = HeaderBuilder.headerOf(ROUND, constant_);
            mined(ROUND, header);
            vm.roll(ROUND + 1 + i);
            vm.prevrandao(constant_);
            vm.expectPartialRevert(IPrevrandaoBeacon.PrevrandaoBeacon_NotRandom.selector);
            other.record(header);
        }
    }

    /// @dev Sender, order and time of recording change nothing.
    function testFuzz_TheValueIsTheSameWhoeverRecords(address who, uint64 age, bytes32 later) external {
        bytes memory header = minedAgo(uint64(bound(age, 1, 8191)));
        vm.assume(later != mixOf(ROUND));
        vm.prevrandao(later);
        vm.prank(who);
        beacon.record(header);
        assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
    }
}
