// The fixed-point arithmetic of ARITHMETIC.md, one element at a time, as src/fixed.rs has it. The bounds that keep it
// from overflowing are given there.
#pragma once

#include "device.cuh"

constexpr i32 SUM_MAX = (1 << 24) - 1;

// x / 2^s rounded to the nearest, ties upwards.
DEVICE i32 rsh(i32 x, u32 s) { return (x + (1 << (s - 1))) >> s; }
DEVICE i64 rsh(i64 x, u32 s) { return (x + (static_cast<i64>(1) << (s - 1))) >> s; }

DEVICE i32 clamp(i32 x, i32 max) { return x > max ? max : x < -max ? -max : x; }
DEVICE i32 saturate16(i32 x) { return clamp(x, 32767); }
DEVICE i32 magnitude(i32 x) { return x < 0 ? -x : x; }

// Rounded towards minus infinity. `b` is positive.
DEVICE i64 divide_floor(i64 a, i64 b) {
    const i64 quotient = a / b;
    return quotient - (a % b < 0);
}

// The integer part of the square root, for x below 2^63. The estimate only saves time: whatever it is, what comes back
// is right.
DEVICE u32 integer_root(u64 x) {
    u64 root = about_root(x);
    while (root * root > x) --root;
    while ((root + 1) * (root + 1) <= x) ++root;
    return static_cast<u32>(root);
}

DEVICE i32 requantise(i32 acc, i32 max, i32 mul, u32 shift) {
    const i32 scaled = static_cast<i32>(rsh(static_cast<i64>(acc) * max, 9));
    return static_cast<i32>(rsh(static_cast<i64>(scaled) * mul, shift));
}

DEVICE i32 reciprocal(i32 max) { return max == 0 ? 0 : (127 << 24) / max; }
DEVICE i8 quantise(i32 x, i32 reciprocal) { return static_cast<i8>(rsh(x * reciprocal, 24)); }

// Of a distance from the maximum, which is not negative.
DEVICE u32 exp2_neg(i32 distance) {
    const i32 whole = distance >> 10 > 16 ? 16 : distance >> 10;
    const i32 u = distance & 1023;
    const i32 power = 32768 - ((u * (22668 - ((u * (7590 - ((u * 1308) >> 10))) >> 10))) >> 10);
    return static_cast<u32>((255 * power + (1 << (14 + whole))) >> (15 + whole));
}

DEVICE i32 inverse_sum(i32 sum) { return static_cast<i32>((static_cast<i64>(1) << 32) / sum); }

DEVICE i32 mean(i64 sum, i64 width) { return static_cast<i32>(divide_floor(2 * sum + width, 2 * width)); }

DEVICE i32 inverse_deviation(u64 root_width, u32 deviation) {
    constexpr u64 limit = 0x7fffffff;
    const u64 quotient = deviation == 0 ? limit : root_width / deviation;
    return static_cast<i32>(quotient > limit ? limit : quotient);
}

DEVICE i32 normalise(i32 d, i32 inverse, i32 gain, i32 bias, u32 shift) {
    const i32 unit = static_cast<i32>(rsh(static_cast<i64>(d) * inverse, 16));
    return static_cast<i32>(rsh(static_cast<i64>(unit) * gain, shift)) + bias;
}

// `tail` holds the 128 segments of fixed.rs: the base in the high half, the slope in the low half.
DEVICE i32 gelu(i32 x, const i32* tail) {
    const i32 a = magnitude(x) > 8191 ? 8191 : magnitude(x);
    const i32 segment = tail[a >> 6];
    const i32 base = segment >> 16, slope = static_cast<i16>(segment & 0xffff);
    return (x > 0 ? x : 0) - ((base + ((slope * (a & 63)) >> 6) + 32) >> 6);
}

DEVICE i16 unit(i32 p, u32 root) {
    if (root == 0) return 0;
    return static_cast<i16>(divide_floor(static_cast<i64>(65534) * p + root, 2 * static_cast<i64>(root)));
}
