// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDrandBeacon} from "../../../src/work/beacons/IDrandBeacon.sol";
import {DrandBeaconTest} from "./DrandBeaconTest.sol";

/// @notice Somebody who wants a second value for a round: another encoding of the signature, or another point that passes for it.
contract DrandBeacon_Attacks_Test is DrandBeaconTest {
    /// @dev The field's modulus, upper and lower word of 64 bytes.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// @dev The signature of round 1,000 plus (0, 2), a point of order three. On the curve, and its pairing with any point of G2
    /// equals that of the signature itself (checked with a reference library): only the subgroup check tells them apart.
    bytes private constant TWEAKED = hex"000000000000000000000000000000000bbaa2cd356c8b543308abe2c07d92fa"
        hex"cb092294f841b0c295786b635167aba148d4e2e86fedf3cf2c04c43b68a5aaee"
        hex"0000000000000000000000000000000010cded0866820992f398646689dbf127"
        hex"2dda5fa9e0088989db7c4c7d3a59de10418aea586a7b3c95f52e5f30d4dd5f48";

    Round private round;

    function setUp() public override {
        super.setUp();
        round = aRound();
    }

    function test_ASignaturePlusAPointOfOrderThree() external {
        assertRefused(TWEAKED);
    }

    function test_PointsOfSmallOrder() external {
        // (0, 2) and (0, -2), which are on the curve.
        assertRefused(abi.encode(0, 0, 0, 2));
        assertRefused(abi.encode(0, 0, P_HIGH, P_LOW - 2));
    }

    function test_TheNegatedSignature() external {
        (uint256[4] memory words) = wordsOf(round.point);
        (words[2], words[3]) = minus(P_HIGH, P_LOW, words[2], words[3]);
        assertRefused(abi.encode(words));
        // The negated one of the negated one is the signature.
        (words[2], words[3]) = minus(P_HIGH, P_LOW, words[2], words[3]);
        assertEq(abi.encode(words), round.point);
    }

    function test_Infinity() external {
        assertRefused(new bytes(128));
    }

    function test_APointOffTheCurve() external {
        bytes memory point = round.point;
        point[127] ^= 0x01;
        assertRefused(point);
        point[127] ^= 0x01;
        point[63] ^= 0x01;
        assertRefused(point);
    }

    /// @dev The same point, with a coordinate that the modulus was added to.
    function test_CoordinatesBeyondTheModulus() external {
        for (uint256 i = 0; i < 4; i += 2) {
            uint256[4] memory words = wordsOf(round.point);
            (words[i], words[i + 1]) = plus(P_HIGH, P_LOW, words[i], words[i + 1]);
            assertRefused(abi.encode(words));
        }
    }

    /// @dev Sixteen bytes before each coordinate must be zero; compression leaves them out.
    function test_BytesThatCompressionLeavesOut() external {
        for (uint256 i = 0; i < 128; ++i) {
            if (i == 16) i = 64;
            if (i == 80) break;
            bytes memory point = round.point;
            point[i] = 0x01;
            assertRefused(point);
            point[i] = 0x00;
        }
    }

    /// @dev Any other byte string of the right length.
    function testFuzz_ChangedSignatures(uint256 offset, uint8 change) external {
        bytes memory point = round.point;
        offset = bound(offset, 0, 127);
        vm.assume(change != 0);
        point[offset] ^= bytes1(change);
        assertRefused(point);
    }

    /// @dev Another network's rounds: the same signatures under another key.
    function test_AnotherNetworksSignatures() external {
        assertEq(beacon.valueOf(round.number), 0);
        for (uint256 i = 0; i < ROUNDS; ++i) {
            Round memory other = roundAt(i);
            if (other.number == round.number) continue;
            assertRefused(other.point);
        }
    }

    /// @dev Little gas ends in a revert, never in a value.
    function test_StarvingRecordsNothing() external {
        bytes memory proof = abi.encodeCall(beacon.record, (round.number, round.point));
        for (uint256 gas_ = 10_000; gas_ < 150_000; gas_ += 5000) {
            (bool success,) = address(beacon).call{gas: gas_}(proof);
            assertEq(success, beacon.valueOf(round.number) != 0);
            if (success) return;
        }
        assertEq(beacon.valueOf(round.number), 0);
        record(round.number, round.point);
        assertEq(beacon.valueOf(round.number), round.randomness);
    }

    function assertRefused(bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.DrandBeacon_BadSignature.selector, round.number));
        // A precompile that refuses its input keeps all gas it was given.
        beacon.record{gas: 1_000_000}(round.number, signature);
        assertEq(beacon.valueOf(round.number), 0);
    }

    function wordsOf(bytes memory point) private pure returns (uint256[4] memory) {
        return abi.decode(point, (uint256[4]));
    }

    function plus(uint256 aHigh, uint256 aLow, uint256 bHigh, uint256 bLow)
        private
        pure
        returns (uint256, uint256 low)
    {
        unchecked {
            low = aLow + bLow;
            return (aHigh + bHigh + (low < aLow ? 1 : 0), low);
        }
    }

    function minus(uint256 aHigh, uint256 aLow, uint256 bHigh, uint256 bLow) private pure returns (uint256, uint256) {
        unchecked {
            return (aHigh - bHigh - (aLow < bLow ? 1 : 0), aLow - bLow);
        }
    }
}
