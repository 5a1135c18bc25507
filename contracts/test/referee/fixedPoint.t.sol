// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {FixedPoint} from "../../src/work/referee/FixedPoint.sol";
import {Rows} from "../../src/work/referee/Rows.sol";

/// @notice The fixed-point helpers against the definitions in ARITHMETIC.md, written down plainly.
contract FixedPoint_Test is Test {
    /// @dev `⌊a / b⌋` from the definition.
    function assertFloor(int256 quotient, int256 a, int256 b) private pure {
        assertLe(quotient * b, a);
        assertGt((quotient + 1) * b, a);
    }

    /* ROUNDING */

    function test_Rsh_TiesGoUpwards() external pure {
        int256[7] memory x = [int256(3), 2, 1, 0, -1, -2, -3];
        int256[7] memory right = [int256(2), 1, 1, 0, 0, -1, -1];
        for (uint256 i = 0; i < 7; ++i) {
            assertEq(FixedPoint.rsh(x[i], 1), right[i]);
        }
        assertEq(FixedPoint.rsh(-6, 2), -1);
        assertEq(FixedPoint.rsh(-7, 2), -2);
    }

    function test_Fuzz_Rsh(int128 x, uint8 s) external pure {
        uint256 shift = bound(s, 1, 61);
        assertFloor(FixedPoint.rsh(x, shift), 2 * int256(x) + int256(2 ** shift), int256(2 ** (shift + 1)));
    }

    function test_Fuzz_FloorDiv(int128 a, int64 b) external pure {
        int256 divisor = bound(b, 1, type(int64).max);
        assertFloor(FixedPoint.floorDiv(a, divisor), a, divisor);
    }

    function test_Fuzz_Clamp(int256 x, uint32 max) external pure {
        int256 limit = int256(uint256(max));
        int256 y = FixedPoint.clamp(x, limit);
        assertTrue(y >= -limit && y <= limit);
        assertTrue(y == x || (x > limit && y == limit) || (x < -limit && y == -limit));
    }

    function test_Fuzz_Isqrt(uint128 x) external pure {
        uint256 root = FixedPoint.isqrt(x);
        assertLe(root * root, x);
        assertGt((root + 1) * (root + 1), x);
    }

    function test_Fuzz_Mean(int64 sum, uint16 width) external pure {
        int256 count = bound(int256(uint256(width)), 1, 2048);
        assertFloor(FixedPoint.mean(sum, count), 2 * int256(sum) + count, 2 * count);
    }

    /* QUANTISING */

    function test_Quantise_BringsTheMaximumTo127() external pure {
        for (int256 max = 1; max <= 32_767; max += 13) {
            assertEq(FixedPoint.quantise(max, max), 127);
            assertEq(FixedPoint.quantise(-max, max), -127);
        }
        assertEq(FixedPoint.quantise(32_767, 32_767), 127);
        assertEq(FixedPoint.quantise(0, 0), 0);
        assertEq(FixedPoint.quantise(-32_768, 0), 0);
    }

    /// @dev Within the maximum, the element times 127 over the maximum, at most one half and the rounded-down factor off.
    function test_Fuzz_Quantise(int16 x, uint16 max) external pure {
        int256 m = bound(int256(uint256(max)), 1, 32_767);
        int256 value = bound(int256(x), -m, m);
        int256 q = FixedPoint.quantise(value, m);
        assertTrue(q >= -127 && q <= 127);
        assertEq(q, FixedPoint.rsh(value * (2_130_706_432 / m), 24));
        assertLe(FixedPoint.magnitude(q * m - value * 127) * 2, m + m / 100 + 2);
    }

    /// @dev A whole row at once, as its elements one by one.
    function test_Fuzz_QuantisedRow(int16[] calldata values, uint16 max) external pure {
        uint256 count = values.length % 64;
        bytes memory row = abi.encodePacked(max);
        for (uint256 i = 0; i < count; ++i) {
            row = abi.encodePacked(row, values[i]);
        }
        int256 m = int256(uint256(max));
        bytes memory quantised = Rows.quantised(row, 2, count, FixedPoint.reciprocal(m));
        assertEq(quantised.length, count);
        for (uint256 i = 0; i < count; ++i) {
            assertEq(int8(uint8(quantised[i])), int8(FixedPoint.quantise(values[i], m)));
        }
    }

    /* ELEMENTS */

    function test_Fuzz_Norm(int32 d, uint32 deviation, uint16 width, int32 gain, int32 bias, uint8 s) external pure {
        uint256 shift = bound(s, 16, 30);
        uint256 channels = bound(width, 1, 2048);
        uint256 inverse = 2 ** 31 - 1;
        if (deviation != 0) {
            uint256 quotient = FixedPoint.isqrt(channels * 2 ** 64) / deviation;
            if (quotient < inverse) inverse = quotient;
        }
        int256 x = FixedPoint.rsh(FixedPoint.rsh(d * int256(inverse), 16) * gain, shift) + bias;
        if (x > 32_767) x = 32_767;
        if (x < -32_767) x = -32_767;
        assertEq(FixedPoint.norm(d, deviation, channels, gain, bias, shift), x);
    }

    /// @dev The value that the Rust side tests too.
    function test_RootOfAWidth() external pure {
        assertEq(FixedPoint.isqrt(uint256(384) << 64), 84_163_826_697);
    }

    function test_Fuzz_Requantise(int32 dot, uint16 max, uint32 mul, uint8 s, int32 bias) external pure {
        uint256 shift = bound(s, 1, 61);
        int256 first = FixedPoint.rsh(int256(dot) * int256(uint256(max)), 9);
        int256 second = FixedPoint.rsh(first * int256(uint256(mul)), shift);
        assertEq(
            FixedPoint.requantise(dot, int256(uint256(max)), int256(uint256(mul)), shift, bias), second + int256(bias)
        );
    }

    function test_Fuzz_AddResidualNeverReverts(int64 product, int16 residual, uint16 s) external pure {
        uint256 shift = bound(s, 0, 269);
        int256 y = FixedPoint.addResidual(product, residual, shift);
        assertTrue(y >= -FixedPoint.SUM_MAX && y <= FixedPoint.SUM_MAX);
        if (shift <= 64) {
            assertEq(y, FixedPoint.clamp(product + int256(residual) * int256(2 ** shift), FixedPoint.SUM_MAX));
        }
    }

    /// @dev The line of the segment, from its two numbers, over the whole range: symmetry `gelu(x) - gelu(-x) = x` holds throughout.
    function test_Gelu() external pure {
        for (int256 x = 0; x <= 32_767; x += 7) {
            assertEq(FixedPoint.gelu(x) - FixedPoint.gelu(-x), x);
            assertTrue(FixedPoint.gelu(-x) <= 0 && FixedPoint.gelu(-x) >= -175);
        }
        // Segment 0 starts with 13 / 2^16 (rounded to 2^-10), segment 12 (0.75) holds the least value, 63 ends the table.
        assertEq(FixedPoint.gelu(0), 0);
        assertEq(FixedPoint.gelu(-768), -((int256(11_146) + 32) >> 6));
        assertEq(FixedPoint.gelu(-(768 + 33)), -((int256(11_146) + ((-50 * 33) >> 6) + 32) >> 6));
        assertEq(FixedPoint.gelu(-4095), -((int256(11) + ((-2 * 63) >> 6) + 32) >> 6));
        assertEq(FixedPoint.gelu(-4096), 0);
        assertEq(FixedPoint.gelu(1024), 1024 - ((int256(10_401) + 32) >> 6));
        assertEq(FixedPoint.gelu(32_767), 32_767);
    }

    function test_Exp2() external pure {
        assertEq(FixedPoint.exp2(0), 255);
        for (uint256 k = 1; k < 20; ++k) {
            assertEq(FixedPoint.exp2(int256(1024 * k)), int256((255 + 2 ** (k - 1)) >> k));
        }
        assertEq(FixedPoint.exp2(2 ** 32), 0);
        int256 last = 255;
        for (int256 d = 0; d < 20 * 1024; d += 3) {
            int256 e = FixedPoint.exp2(d);
            assertTrue(e <= last && e >= 0);
            last = e;
        }
    }

    /// @dev From the definition, with divisions for shifts.
    function test_Fuzz_Exp2(uint32 distance) external pure {
        uint256 d = distance % 40_000;
        uint256 k = d / 1024 > 16 ? 16 : d / 1024;
        uint256 u = d % 1024;
        uint256 p = 32_768 - u * (22_668 - u * (7590 - u * 1308 / 1024) / 1024) / 1024;
        assertEq(FixedPoint.exp2(int256(d)), int256((255 * p + 2 ** (14 + k)) / 2 ** (15 + k)));
    }

    /// @dev Every value of the functions that have constants in them, by digests that the tests of `kernels/src/fixed.rs` hold too: words of
    /// 32 bits, one after the other.
    function test_EveryExponential() external pure {
        bytes memory values = new bytes(4 * (18 * 1024 + 1));
        for (uint256 d = 0; d <= 18 * 1024; ++d) {
            put(values, d, FixedPoint.exp2(int256(d)));
        }
        assertEq(keccak256(values), 0x6bfceb06fdcf4fa48b19400ae10109b3acf72d8e4c8706317f0d58bb375f8672);
    }

    function test_EveryGelu() external pure {
        bytes memory values = new bytes(4 * 8401);
        for (uint256 i = 0; i < 8401; ++i) {
            put(values, i, FixedPoint.gelu(int256(i) - 4200));
        }
        assertEq(keccak256(values), 0xf20a9da48de17567181559aad558ff9195b020fa303ed1c3fdffa5a0c9421030);
    }

    function test_EverySilu() external pure {
        bytes memory values = new bytes(4 * 25_001);
        for (uint256 i = 0; i < 25_001; ++i) {
            put(values, i, FixedPoint.silu(int256(i) - 12_500));
        }
        assertEq(keccak256(values), 0x2d62a6b714802044813a0f0197ff147f73e14da3c9255c89fc2ec2dc7229ec52);
    }

    function put(bytes memory words, uint256 place, int256 value) private pure {
        assembly ("memory-safe") {
            let word := add(add(words, 32), shl(2, place))
            let behind := shr(32, shl(32, mload(word)))
            mstore(word, or(shl(224, value), behind))
        }
    }

    /* DECODERS */

    /// @dev A quarter of a turn, no turn, and ties; as the tests of `kernels/src/fixed.rs`.
    function test_Turn() external pure {
        assertEq(FixedPoint.turn(100, 7, 0, 1 << 14, false), -7);
        assertEq(FixedPoint.turn(7, 100, 0, 1 << 14, true), 100);
        assertEq(FixedPoint.turn(100, 7, 1 << 14, 0, false), 100);
        assertEq(FixedPoint.turn(1, 0, 1 << 13, 0, false), 1);
        assertEq(FixedPoint.turn(-1, 0, 1 << 13, 0, false), 0);
        assertEq(FixedPoint.turn(2 ** 30, -(2 ** 30), -32_768, 32_767, true), -127);
        assertEq(FixedPoint.turn(-(2 ** 30), 2 ** 30, -32_768, 32_767, true), 127);
    }

    function test_Gated() external pure {
        assertEq(FixedPoint.gated(2 ** 30, 2 ** 30), 32_767);
        assertEq(FixedPoint.gated(2 ** 30, -(2 ** 30)), -32_767);
        assertEq(FixedPoint.gated(0, 2 ** 30), 0);
        assertEq(FixedPoint.gated(1024, 32_768), FixedPoint.silu(1024));
        assertEq(FixedPoint.gated(65_535, 1), 2);
        assertEq(FixedPoint.gated(65_536, 1), 2);
    }

    function test_StreamsHave27Bits() external pure {
        assertEq(FixedPoint.STREAM_MAX, 67_108_863);
    }

    function test_Fuzz_Average(int32 dot, uint16 sum) external pure {
        int256 s = int256(uint256(sum));
        int256 inverse = sum == 0 ? int256(0) : int256(4_294_967_296) / s;
        assertFloor(FixedPoint.average(dot, s), int256(dot) * inverse * 2 + 2 ** 24, 2 ** 25);
    }

    function test_Fuzz_Unit(int32 p, uint32 root) external pure {
        int256 r = int256(uint256(root));
        if (r == 0) assertEq(FixedPoint.unit(p, r), 0);
        else assertFloor(FixedPoint.unit(p, r), 65_534 * int256(p) + r, 2 * r);
    }
}
