// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../../../src/work/IBeacon.sol";
import {BlockHeader} from "../../../src/work/beacons/BlockHeader.sol";
import {IPrevrandaoBeacon} from "../../../src/work/beacons/IPrevrandaoBeacon.sol";
import {PrevrandaoBeacon} from "../../../src/work/beacons/PrevrandaoBeacon.sol";
import {HeaderBuilder} from "../utils/HeaderBuilder.sol";
import {PrevrandaoBeaconTest} from "./PrevrandaoBeaconTest.sol";

contract PrevrandaoBeacon_Record_Test is PrevrandaoBeaconTest {
    function test_RevertWhen_TheBytesAreNoHeader() external {
        vm.expectRevert(abi.encodeWithSelector(BlockHeader.BlockHeader_Malformed.selector, 0));
        record("");
    }

    function test_RevertWhen_TheBlockIsTheCurrentOneOrLater() external {
        for (uint64 number = ROUND; number < ROUND + 3; ++number) {
            head(ROUND);
            expectNoHash(number);
            record(headerOf(number));
        }
        expectNoHash(type(uint64).max);
        record(headerOf(type(uint64).max));
    }

    function test_RevertWhen_TheBlockIsOutOfReach() external {
        bytes memory header = minedAgo(8192);
        expectNoHash(ROUND);
        record(header);
    }

    function test_RevertWhen_TheBlockIsOutOfReachOfTheOpcodeAlone() external {
        beacon = beaconWithoutHistory();
        bytes memory header = minedAgo(257);
        expectNoHash(ROUND);
        record(header);
    }

    function test_RevertWhen_TheHeaderIsNotTheBlocks() external {
        minedAgo(1);
        bytes memory forged = HeaderBuilder.headerOf(ROUND, keccak256("a better mix"));
        expectWrongHeader(ROUND);
        record(forged);
        head(ROUND + 300);
        expectWrongHeader(ROUND);
        record(forged);
    }

    function test_RevertWhen_TheValueIsNoMix() external {
        // Nothing, small constants of rollups, and the highest difficulty.
        uint64[4] memory constants = [0, 1, 2_500_000_000_000_000, type(uint64).max];
        for (uint64 i = 0; i < constants.length; ++i) {
            bytes32 constant_ = bytes32(uint256(constants[i]));
            bytes memory header = HeaderBuilder.headerOf(ROUND + i, constant_);
            mined(ROUND + i, header);
            expectNotRandom(ROUND + i, constant_);
            record(header);
        }
    }

    function test_RevertWhen_TheValueIsThatOfTheRecordingBlock() external {
        bytes memory header = minedAgo(5);
        vm.prevrandao(mixOf(ROUND));
        expectNotRandom(ROUND, mixOf(ROUND));
        record(header);

        vm.prevrandao(mixOf(ROUND + 1));
        record(header);
        assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
    }

    function test_GivenTheRoundIsRecorded() external {
        bytes memory header = minedAgo(1);
        record(header);

        bytes memory forged = HeaderBuilder.headerOf(ROUND, keccak256("a better mix"));
        vm.recordLogs();
        record(header);
        record(forged);
        head(ROUND + 1_000_000);
        record(header);
        assertEq(vm.getRecordedLogs().length, 0, "said once");
        assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
    }

    function test_WhenTheHeaderIsTheBlocks() external {
        bytes memory header = minedAgo(1);
        assertEq(beacon.valueOf(ROUND), 0);
        vm.expectEmit(address(beacon));
        emit IBeacon.RoundRecorded(ROUND, mixOf(ROUND), stranger);
        record(header);
        assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
        assertEq(beacon.valueOf(ROUND - 1), 0);
        assertEq(beacon.valueOf(ROUND + 1), 0);
    }

    function test_WhenTheOpcodeReaches() external {
        beacon = beaconWithoutHistory();
        bytes memory header = minedAgo(256);
        record(header);
        assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
    }

    /// @dev One block beyond the opcode, and the last that the system contract serves.
    function test_WhenTheSystemContractReaches() external {
        uint256 snapshot = vm.snapshotState();
        uint64[2] memory ages = [uint64(257), 8191];
        for (uint256 i = 0; i < ages.length; ++i) {
            bytes memory header = minedAgo(ages[i]);
            assertEq(blockhash(ROUND), 0, "the opcode does not know");
            record(header);
            assertEq(beacon.valueOf(ROUND), mixOf(ROUND));
            vm.revertToState(snapshot);
        }
    }

    /// @dev Real blocks of real chains.
    function test_WhenTheHeaderIsReal() external {
        string memory vectors = vm.readFile("test-fixtures/vectors/headers.json");
        uint256 seen = 0;
        for (; vm.keyExistsJson(vectors, itemAt(seen)); ++seen) {
            bytes memory header = vm.parseJsonBytes(vectors, string.concat(itemAt(seen), ".header"));
            uint64 number = uint64(vm.parseJsonUint(vectors, string.concat(itemAt(seen), ".number")));
            bytes32 mix = vm.parseJsonBytes32(vectors, string.concat(itemAt(seen), ".mixHash"));
            assertEq(keccak256(header), vm.parseJsonBytes32(vectors, string.concat(itemAt(seen), ".hash")));
            mined(number, header);
            record(header);
            assertEq(beacon.valueOf(number), mix);
        }
        assertEq(seen, 4, "headers");
    }

    function itemAt(uint256 index) private pure returns (string memory) {
        return string.concat(".headers[", vm.toString(index), "]");
    }

    function expectNoHash(uint64 round) private {
        vm.expectRevert(abi.encodeWithSelector(IPrevrandaoBeacon.PrevrandaoBeacon_NoHash.selector, round));
    }

    function expectWrongHeader(uint64 round) private {
        bytes32 hash = keccak256(headerOf(round));
        vm.expectRevert(abi.encodeWithSelector(IPrevrandaoBeacon.PrevrandaoBeacon_WrongHeader.selector, round, hash));
    }

    function expectNotRandom(uint64 round, bytes32 value) private {
        vm.expectRevert(abi.encodeWithSelector(IPrevrandaoBeacon.PrevrandaoBeacon_NotRandom.selector, round, value));
    }
}
