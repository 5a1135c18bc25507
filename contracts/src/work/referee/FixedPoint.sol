// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title FixedPoint
/// @notice The fixed-point arithmetic of `kernels/ARITHMETIC.md`, one element at a time.
/// @dev Everything is computed in 256 bits. For the inputs and weights of an honest provider these are the numbers that 32 and 64
/// bits give, for the bounds of ARITHMETIC.md hold. Other inputs are false themselves, at an earlier operator; for them a result
/// is merely some number, and no function reverts: the callers pass values of at most 32 bits and sums of at most 2,048
/// products of such, far from 256 bits.
library FixedPoint {
    /// @notice Largest magnitude of a sum.
    int256 internal constant SUM_MAX = 2 ** 24 - 1;

    /// @notice Largest magnitude of 16-bit elements.
    int256 internal constant MAX_16 = 32_767;

    /// @notice Largest magnitude of 8-bit elements.
    int256 internal constant MAX_8 = 127;

    /// @notice Largest factor of a norm.
    uint256 private constant INVERSE_MAX = 2 ** 31 - 1;

    /// @dev `a·Φ(-a)` on [0, 4) as 64 lines of `base u16 ‖ slope i16` (zero from there on): the table in `kernels/src/fixed.rs`.
    bytes private constant GELU_TAIL = hex"000d079a07a606cf0e750606147a054119ba04811e3b03c82202031725190270"
        hex"278801d22959013f2a9700b82b4e003d2b8affce2b57ff6c2ac1ff1629d6fecc"
        hex"28a1fe8e272efe5b2589fe3323bbfe1521d0fe011fd0fdf51dc4fdf01bb4fdf3"
        hex"19a7fdfb17a1fe0815a9fe1913c3fe2e11f1fe461036fe5f0e95fe7a0d0ffe95"
        hex"0ba4feb10a55fecc0921fee70808ff010709ff1a0623ff310554ff47049cff5c"
        hex"03f8ff6f0368ff8102e8ff910279ff9f0218ffac01c4ffb8017cffc2013effcb"
        hex"0109ffd300dcffda00b6ffe00096ffe5007bffe90064ffed0051fff00042fff3"
        hex"0035fff6002bfff70022fff9001bfffa0016fffb0011fffc000dfffd000bfffe";

    /// @notice Largest magnitude of a stream.
    int256 internal constant STREAM_MAX = 2 ** 26 - 1;

    /// @dev `a·σ(-a)` on [0, 12) as 96 lines of `base u16 ‖ slope i16` (zero from there on): the table in `kernels/src/fixed.rs`.
    bytes private constant SILU_TAIL = hex"001f07810f1f06841c24058c2738049d306e03bc37e202e93db0022841fc017a44eb00df46a500584751ffe44715ff824616ff324478fef14258fec03fd7fe9b"
        hex"3d0bfe813a0cfe7136edfe6933bdfe68308cfe6c2d64fe742a4cfe80274dfe8f246afea021aafeb11f0cfec41c94fed71a41feea1815fefc160dff0e1429ff20"
        hex"126aff3010caff410f4bff500debff5e0ca7ff6b0b7eff770a6cff840974ff8e0890ff9807c0ffa20703ffaa0657ffb205bbffb9052dffbf04acffc50436ffcb"
        hex"03ccffd0036cffd50315ffd902c7ffdc027fffe0023fffe30205ffe601d2ffe801a2ffeb0178ffed0151ffef012ffff10110fff200f5fff300dbfff500c4fff6"
        hex"00b0fff7009efff8008dfff9007ffff90072fffa0066fffb005cfffb0052fffc0049fffc0042fffc003bfffd0035fffd002ffffe002afffe0026fffe0022fffe"
        hex"001ffffe001bffff0018ffff0016ffff0013ffff001000000010ffff000effff000dffff000a0000000900000008000000070000000600000006000000050000";

    /* ROUNDING */

    /// @notice `x / 2^s` to the nearest, ties upwards, for `1 ≤ s ≤ 61`.
    function rsh(int256 x, uint256 s) internal pure returns (int256) {
        return (x + (int256(1) << (s - 1))) >> s;
    }

    /// @notice `x` limited to `±max`.
    function clamp(int256 x, int256 max) internal pure returns (int256) {
        if (x > max) return max;
        return x < -max ? -max : x;
    }

    /// @notice `a / b` towards minus infinity, for `b > 0`.
    function floorDiv(int256 a, int256 b) internal pure returns (int256) {
        int256 quotient = a / b;
        return a % b < 0 ? quotient - 1 : quotient;
    }

    /// @notice `⌊√x⌋`.
    function isqrt(uint256 x) internal pure returns (uint256) {
        return Math.sqrt(x);
    }

    /// @notice `|x|`.
    function magnitude(int256 x) internal pure returns (int256) {
        return x < 0 ? -x : x;
    }

    /* ROWS */

    /// @notice Mean of `width` elements to the nearest, ties upwards.
    function mean(int256 sum, int256 width) internal pure returns (int256) {
        return floorDiv(2 * sum + width, 2 * width);
    }

    /// @notice Factor that brings a row of maximum `max` to ±127, in 24 fraction bits; 0 for a row of zeros.
    function reciprocal(int256 max) internal pure returns (int256) {
        return max == 0 ? int256(0) : (MAX_8 << 24) / max;
    }

    /// @notice An element of a row of maximum `max`, quantised to 8 bits. Where `|x| > max`, it may exceed them.
    function quantise(int256 x, int256 max) internal pure returns (int256) {
        return rsh(x * reciprocal(max), 24);
    }

    /* ELEMENTS */

    /// @notice A word's channel scaled, and its position's added.
    function embed(int256 weight, int256 mul, uint256 shift, int256 position) internal pure returns (int256) {
        return clamp(rsh(weight * mul, shift) + position, SUM_MAX);
    }

    /// @notice An element at distance `d` from its row's mean, normalised. `deviation` is the root of the sum of squares.
    function norm(int256 d, uint256 deviation, uint256 width, int256 gain, int256 bias, uint256 shift)
        internal
        pure
        returns (int256)
    {
        uint256 inverse = INVERSE_MAX;
        if (deviation != 0) inverse = Math.min(isqrt(width << 64) / deviation, INVERSE_MAX);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 unitVariance = rsh(d * int256(inverse), 16);
        return clamp(rsh(unitVariance * gain, shift) + bias, MAX_16);
    }

    /// @notice A dot product with a row of maximum `max`, in the units of its output channel.
    function requantise(int256 dot, int256 max, int256 mul, uint256 shift, int256 bias) internal pure returns (int256) {
        return rsh(rsh(dot * max, 9) * mul, shift) + bias;
    }

    /// @notice A product with its residual added, `residual` of 16 bits shifted left by `shift`.
    /// @dev A valid model shifts by 14 at most. A registrant may name shifts up to 269: bits are lost there, and nothing reverts.
    function addResidual(int256 product, int256 residual, uint256 shift) internal pure returns (int256) {
        unchecked {
            return clamp(product + (residual << shift), SUM_MAX);
        }
    }

    /// @notice `x·Φ(x)` for `|x| ≤ 32767` in 10 fraction bits, as `max(x, 0) - a·Φ(-a)` with `a = |x|`.
    function gelu(int256 x) internal pure returns (int256) {
        int256 positive = x > 0 ? x : int256(0);
        int256 a = magnitude(x);
        if (a >= 4096) return positive;
        bytes memory table = GELU_TAIL;
        int256 base;
        int256 slope;
        assembly ("memory-safe") {
            // An entry has four bytes; what is loaded ends with it.
            let entry := mload(add(table, add(4, shl(2, shr(6, a)))))
            base := and(shr(16, entry), 0xffff)
            slope := signextend(1, entry)
        }
        return positive - ((base + ((slope * (a & 63)) >> 6) + 32) >> 6);
    }

    /// @notice `x·σ(x)` in 10 fraction bits, as `max(x, 0) - a·σ(-a)` with `a = |x|`.
    function silu(int256 x) internal pure returns (int256) {
        int256 positive = x > 0 ? x : int256(0);
        int256 a = magnitude(x);
        if (a >= 12_288) return positive;
        bytes memory table = SILU_TAIL;
        int256 base;
        int256 slope;
        assembly ("memory-safe") {
            // An entry has four bytes; what is loaded ends with it.
            let entry := mload(add(table, add(4, shl(2, shr(7, a)))))
            base := and(shr(16, entry), 0xffff)
            slope := signextend(1, entry)
        }
        return positive - ((base + ((slope * (a & 127)) >> 6) + 32) >> 6);
    }

    /// @notice A product through SiLU times another, limited to 16 bits.
    function gated(int256 gate, int256 up) internal pure returns (int256) {
        return clamp(rsh(silu(clamp(gate, 2 ** 16 - 1)) * up, 15), MAX_16);
    }

    /// @notice The product of channel `x` turned with that of the other of its pair, `y`, limited to 8 bits.
    function turn(int256 x, int256 y, int256 cosine, int256 sine, bool odd) internal pure returns (int256) {
        return clamp(rsh(x * cosine + (odd ? y * sine : -y * sine), 14), MAX_8);
    }

    /// @notice A score: a dot product in powers of two, with 10 fraction bits.
    function score(int256 dot, int256 scale, uint256 shift) internal pure returns (int256) {
        return rsh(dot * scale, shift);
    }

    /// @notice `255 · 2^-d` to the nearest (at most 0.52 off), for `d ≥ 0` with 10 fraction bits.
    function exp2(int256 d) internal pure returns (int256) {
        int256 whole = d >> 10;
        if (whole > 16) whole = 16;
        int256 u = d & 1023;
        int256 power = 32_768 - ((u * (22_668 - ((u * (7590 - ((u * 1308) >> 10))) >> 10))) >> 10);
        // forge-lint: disable-next-line(unsafe-typecast)
        return rsh(255 * power, uint256(15 + whole));
    }

    /// @notice A weighted sum of values divided by the sum of the weights, in 8 fraction bits.
    /// @dev The sum of an honest row is at least 255. A row that claims 0 is false there, and has the inverse 0 here.
    function average(int256 dot, int256 sum) internal pure returns (int256) {
        return sum == 0 ? int256(0) : rsh(dot * (int256(2 ** 32) / sum), 24);
    }

    /// @notice `32767 · p / root` to the nearest, ties upwards; 0 for a vector of zeros.
    function unit(int256 p, int256 root) internal pure returns (int256) {
        return root == 0 ? int256(0) : floorDiv(65_534 * p + root, 2 * root);
    }
}
