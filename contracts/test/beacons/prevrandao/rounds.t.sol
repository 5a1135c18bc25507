// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPrevrandaoBeacon} from "../../../src/work/beacons/IPrevrandaoBeacon.sol";
import {PrevrandaoBeacon} from "../../../src/work/beacons/PrevrandaoBeacon.sol";
import {PrevrandaoBeaconTest} from "./PrevrandaoBeaconTest.sol";

contract PrevrandaoBeacon_Rounds_Test is PrevrandaoBeaconTest {
    /* CONSTRUCTOR */

    function test_RevertWhen_TheDelayIsZero() external {
        vm.expectRevert(IPrevrandaoBeacon.PrevrandaoBeacon_NoDelay.selector);
        new PrevrandaoBeacon(0);
    }

    function test_RevertGiven_PrevrandaoIsAConstantOfThisChain() external {
        uint64[3] memory constants = [uint64(0), 1, type(uint64).max];
        for (uint256 i = 0; i < constants.length; ++i) {
            vm.prevrandao(uint256(constants[i]));
            vm.expectRevert(abi.encodeWithSelector(IPrevrandaoBeacon.PrevrandaoBeacon_NoRandao.selector, constants[i]));
            new PrevrandaoBeacon(DELAY);
        }
    }

    function test_GivenTheChainKeepsBlockHashesInItsState() external view {
        assertEq(beacon.window(), 8191);
        assertEq(beacon.delay(), DELAY);
    }

    function test_GivenTheChainDoesNotKeepBlockHashes() external {
        assertEq(beaconWithoutHistory().window(), 256);
    }

    /// @dev Anybody can deploy the code on a chain that does not run the system call. It then answers zero, or whatever was there
    /// before the chain stopped; neither counts.
    function test_GivenOnlyTheCodeIsThere() external {
        bytes32 slot = bytes32(uint256((HEAD - 1) % 8191));
        vm.store(HISTORY, slot, 0);
        assertEq(new PrevrandaoBeacon(DELAY).window(), 256);
        vm.store(HISTORY, slot, keccak256("some other block"));
        assertEq(new PrevrandaoBeacon(DELAY).window(), 256);
        // Even where the opcode knows no parent either, two zeros are no agreement.
        vm.store(HISTORY, slot, 0);
        vm.setBlockhash(HEAD - 1, 0);
        assertEq(new PrevrandaoBeacon(DELAY).window(), 256);
    }

    /* NEXT ROUND */

    function testFuzz_NextRound(uint64 number, uint32 delay) external {
        head(uint64(bound(number, HEAD, type(uint64).max - type(uint32).max)));
        vm.assume(delay != 0);
        assertEq(new PrevrandaoBeacon(delay).nextRound(), block.number + delay);
    }

    /* LOST ROUNDS */

    function test_GivenTheRoundIsWithinTheWindow() external {
        assertFalse(beacon.isLost(ROUND), "not over");
        assertFalse(beacon.isLost(type(uint64).max), "far ahead");
        minedAgo(0);
        assertFalse(beacon.isLost(ROUND), "the current block");
        head(ROUND + 256);
        assertFalse(beacon.isLost(ROUND), "the opcode reaches it");
        head(ROUND + 257);
        assertFalse(beacon.isLost(ROUND), "the system contract reaches it");
        head(ROUND + 8191);
        assertFalse(beacon.isLost(ROUND), "the system contract still reaches it");
    }

    function test_GivenTheRoundIsRecorded() external {
        record(minedAgo(8191));
        head(ROUND + 8192);
        assertFalse(beacon.isLost(ROUND));
        head(ROUND + 10_000_000);
        assertFalse(beacon.isLost(ROUND));
    }

    function test_GivenTheRoundIsOutOfTheWindow() external {
        bytes memory header = minedAgo(8192);
        assertTrue(beacon.isLost(ROUND));
        vm.expectRevert(abi.encodeWithSelector(IPrevrandaoBeacon.PrevrandaoBeacon_NoHash.selector, ROUND));
        record(header);
    }

    function test_GivenTheRoundIsOutOfTheOpcodesWindow() external {
        beacon = beaconWithoutHistory();
        minedAgo(256);
        assertFalse(beacon.isLost(ROUND));
        head(ROUND + 257);
        assertTrue(beacon.isLost(ROUND));
    }

    /// @dev Whenever one asks, a round that was mined can be recorded, or it is lost, and never both.
    function testFuzz_AMinedRoundIsRecordableOrLost(uint64 age, bool served) external {
        if (!served) beacon = beaconWithoutHistory();
        age = uint64(bound(age, 1, 20_000));
        bytes memory header = minedAgo(age);
        bool lost = beacon.isLost(ROUND);
        assertEq(lost, age > beacon.window());
        vm.prank(stranger);
        try beacon.record(header) {
            assertFalse(lost, "recorded");
            assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
        } catch {
            assertTrue(lost, "not recorded");
        }
        assertEq(beacon.isLost(ROUND), lost, "recording changes no answer");
    }
}
