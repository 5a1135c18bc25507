// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../../../src/work/IBeacon.sol";
import {BLS12381} from "../../../src/work/beacons/BLS12381.sol";
import {IDrandBeacon} from "../../../src/work/beacons/IDrandBeacon.sol";
import {HeaderBuilder} from "../utils/HeaderBuilder.sol";
import {DrandBeaconTest} from "./DrandBeaconTest.sol";

contract DrandBeacon_Record_Test is DrandBeaconTest {
    /// @dev Through calldata, as the beacon calls it.
    function compress(bytes calldata point) external pure returns (bytes memory) {
        return BLS12381.compress(point);
    }

    function test_RevertWhen_TheSignatureIsNotOnePoint() external {
        Round memory round = aRound();
        bytes memory point = round.point;
        bytes[6] memory wrong = [
            bytes(""),
            round.signature,
            HeaderBuilder.cut(point, 0, 127),
            bytes.concat(point, hex"00"),
            bytes.concat(point, point),
            bytes.concat(HeaderBuilder.cut(point, 16, 64), HeaderBuilder.cut(point, 80, 128))
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            expectBadSignature(round.number);
            record(round.number, wrong[i]);
        }
    }

    function test_RevertWhen_TheSignatureIsAnotherRounds() external {
        Round memory round = aRound();
        uint64[4] memory others = [0, round.number - 1, round.number + 1, type(uint64).max];
        for (uint256 i = 0; i < others.length; ++i) {
            expectBadSignature(others[i]);
            record(others[i], round.point);
        }
    }

    function test_GivenTheRoundIsRecorded() external {
        Round memory round = aRound();
        record(round.number, round.point);
        vm.recordLogs();
        record(round.number, round.point);
        record(round.number, roundAt(0).point);
        record(round.number, "");
        assertEq(vm.getRecordedLogs().length, 0, "said once");
        assertEq(beacon.valueOf(round.number), round.randomness);
    }

    /// @dev Rounds that quicknet published, from its first to recent ones, with y of either sign.
    function test_WhenTheSignatureIsTheRounds() external {
        uint256 larger = 0;
        for (uint256 i = 0; i < ROUNDS; ++i) {
            Round memory round = roundAt(i);
            assertEq(beacon.valueOf(round.number), 0);
            assertEq(this.compress(round.point), round.signature, "compressed");
            if (uint8(round.signature[0]) & 0x20 != 0) ++larger;

            vm.expectEmit(address(beacon));
            emit IBeacon.RoundRecorded(round.number, round.randomness, stranger);
            record(round.number, round.point);
            assertEq(beacon.valueOf(round.number), round.randomness);
        }
        assertFalse(vm.keyExistsJson(vectors, string.concat(".rounds[", vm.toString(ROUNDS), "]")));
        assertEq(larger, 8, "both signs");
    }

    /// @dev The sign is that of y against (p - 1) / 2, in the upper 16 bytes and, where those are equal, the lower 32.
    function test_TheSignAtItsEdge() external view {
        bytes memory x = new bytes(64);
        bytes memory half =
            hex"000000000000000000000000000000000d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555";
        assertEq(uint8(this.compress(bytes.concat(x, half))[0]), 0x80);
        half[63] = 0x56;
        assertEq(uint8(this.compress(bytes.concat(x, half))[0]), 0xa0);
        half[63] = 0x55;
        half[31] = 0x6c;
        assertEq(uint8(this.compress(bytes.concat(x, half))[0]), 0xa0);
        half[31] = 0x6a;
        half[32] = 0xff;
        assertEq(uint8(this.compress(bytes.concat(x, half))[0]), 0x80);
    }

    function expectBadSignature(uint64 round) private {
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.DrandBeacon_BadSignature.selector, round));
    }
}
