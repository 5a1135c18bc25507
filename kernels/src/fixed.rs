//! The fixed-point arithmetic of `ARITHMETIC.md`, one element at a time.
//!
//! Every function is total for the ranges that a valid model allows; the comments give the bound that keeps it from
//! overflowing.

/// Largest magnitude of a pre-norm sum.
pub const SUM_MAX: i32 = (1 << 24) - 1;

/// Largest magnitude of a stream: the squares of 2,048 of them add up to less than `2^63`.
pub const STREAM_MAX: i32 = (1 << 26) - 1;

/// Limit of a gate: 64.
const GATE_MAX: i32 = (64 << GELU_BITS) - 1;

/// Bits that the product of an accumulator and a row's maximum loses before it meets the multiplier of its channel.
pub const PRE_SHIFT: u32 = 9;

/// Fraction bits of the argument of [`exp2_neg`], in powers of two.
pub const EXP_BITS: u32 = 10;

/// Fraction bits of cosines and sines.
pub const ANGLE_BITS: u32 = 14;

/// Fraction bits of the argument and of the result of [`gelu`] and [`silu`].
pub const GELU_BITS: u32 = 10;

/// `x / 2^s` rounded to the nearest, ties upwards. `s` is at least 1.
#[inline(always)]
pub const fn rsh32(x: i32, s: u32) -> i32 {
    (x + (1 << (s - 1))) >> s
}

/// `x / 2^s` rounded to the nearest, ties upwards. `s` is at least 1.
#[inline(always)]
pub const fn rsh64(x: i64, s: u32) -> i64 {
    (x + (1 << (s - 1))) >> s
}

/// A dot product `acc` of a row with maximum `m`, in the units of its output channel, without the bias.
///
/// `|acc| ≤ 127·127·K` with `K ≤ 2048` and `m < 2^15` keep the first product below `2^40`, so its quotient fits `i32`;
/// `mul < 2^31` keeps the second below `2^62`; a valid model keeps the result below `2^29`.
#[inline(always)]
pub const fn requantise(acc: i32, m: i32, mul: i32, shift: u32) -> i32 {
    let scaled = rsh64(acc as i64 * m as i64, PRE_SHIFT) as i32;
    rsh64(scaled as i64 * mul as i64, shift) as i32
}

/// Factor that brings a row of maximum `m` to ±127: `⌊127·2^24 / m⌋`, and 0 for a row of zeros.
#[inline(always)]
pub const fn reciprocal(m: i32) -> i32 {
    if m == 0 { 0 } else { (127 << 24) / m }
}

/// One element of a row quantised to 8 bits with the row's [`reciprocal`]. `|x| ≤ m` keeps the product below `127·2^24`.
#[inline(always)]
pub const fn quantise(x: i32, reciprocal: i32) -> i8 {
    rsh32(x * reciprocal, 24) as i8
}

/// `round(255 · 2^-d)` for `d ≥ 0` with [`EXP_BITS`] fraction bits, at most 0.52 off.
///
/// The cubic is a minimax fit of `2^-u` on [0, 1) in units of `2^-15`.
#[inline(always)]
pub const fn exp2_neg(d: i32) -> u8 {
    let whole = d >> EXP_BITS;
    let whole = if whole > 16 { 16 } else { whole };
    let u = d & ((1 << EXP_BITS) - 1);
    let power = 32768 - ((u * (22668 - ((u * (7590 - ((u * 1308) >> 10))) >> 10))) >> 10);
    ((255 * power + (1 << (14 + whole))) >> (15 + whole)) as u8
}

/// `⌊2^32 / sum⌋`; the sum of a row of exponentials is at least 255, for its largest is 255.
#[inline(always)]
pub const fn inverse_sum(sum: i32) -> i32 {
    ((1i64 << 32) / sum as i64) as i32
}

/// Mean of a row, rounded to the nearest, ties upwards.
#[inline(always)]
pub const fn mean(sum: i64, width: i64) -> i32 {
    (2 * sum + width).div_euclid(2 * width) as i32
}

/// `⌊√width · 2^32⌋`, the numerator of [`inverse_deviation`].
pub const fn root_width(width: usize) -> u64 {
    ((width as u128) << 64).isqrt() as u64
}

/// Factor that brings deviations to unit variance: `⌊√width·2^32 / sd⌋`, at most `2^31 - 1`, where `sd` is the root of the
/// sum of squares.
#[inline(always)]
pub const fn inverse_deviation(root_width: u64, sd: u32) -> i32 {
    if sd == 0 {
        return i32::MAX;
    }
    let quotient = root_width / sd as u64;
    if quotient > i32::MAX as u64 { i32::MAX } else { quotient as i32 }
}

/// One element of a normalised row, before it is limited to 16 bits.
///
/// `|d| < 2^25` and `inverse < 2^31` keep the first product below `2^56`; what it makes is below `2^23` for rows up to
/// 2,048 wide, so `|gain| ≤ 2^22` and `shift ≥ 16` keep the second below `2^45` and its quotient below `2^29`.
#[inline(always)]
pub const fn normalise(d: i32, inverse: i32, gain: i32, bias: i32, shift: u32) -> i32 {
    let unit = rsh64(d as i64 * inverse as i64, 16) as i32;
    rsh64(unit as i64 * gain as i64, shift) as i32 + bias
}

/// Limits to ±32767.
#[inline(always)]
pub const fn saturate16(x: i32) -> i32 {
    clamp(x, 32767)
}

/// Limits to `±max`.
#[inline(always)]
pub const fn clamp(x: i32, max: i32) -> i32 {
    if x > max {
        max
    } else if x < -max {
        -max
    } else {
        x
    }
}

/// `x·Φ(x)` for `|x| ≤ 32767`, as `max(x, 0) - a·Φ(-a)` with `a = |x|`; at most 7e-4 off.
#[inline(always)]
pub const fn gelu(x: i32) -> i32 {
    let a = if x < 0 { -x } else { x };
    let positive = if x > 0 { x } else { 0 };
    let end = (8 << GELU_BITS) - 1;
    let a = if a > end { end } else { a };
    let segment = GELU_TAIL[((a >> 6) & 127) as usize];
    let (base, slope) = (segment >> 16, segment << 16 >> 16);
    positive - ((base + ((slope * (a & 63)) >> 6) + 32) >> 6)
}

/// `a·Φ(-a)` on [0, 8): minimax lines over 64 segments of [0, 4), zero beyond. High half: the value at the segment's start
/// in units of `2^-16`; low half: the slope in units of `2^-12`.
pub const GELU_TAIL: [i32; 128] = {
    let mut table = [0; 128];
    let mut i = 0;
    while i < 64 {
        table[i] = (GELU_BASES[i] << 16) | (GELU_SLOPES[i] & 0xffff);
        i += 1;
    }
    table
};

#[rustfmt::skip]
const GELU_BASES: [i32; 64] = [
    13, 1958, 3701, 5242, 6586, 7739, 8706, 9497, 10120, 10585, 10903, 11086, 11146, 11095, 10945, 10710,
    10401, 10030, 9609, 9147, 8656, 8144, 7620, 7092, 6567, 6049, 5545, 5059, 4593, 4150, 3733, 3343,
    2980, 2645, 2337, 2056, 1801, 1571, 1364, 1180, 1016, 872, 744, 633, 536, 452, 380, 318,
    265, 220, 182, 150, 123, 100, 81, 66, 53, 43, 34, 27, 22, 17, 13, 11,
];

#[rustfmt::skip]
const GELU_SLOPES: [i32; 64] = [
    1946, 1743, 1542, 1345, 1153, 968, 791, 624, 466, 319, 184, 61, -50, -148, -234, -308,
    -370, -421, -461, -491, -511, -523, -528, -525, -517, -504, -487, -466, -442, -417, -390, -363,
    -335, -308, -281, -255, -230, -207, -185, -164, -145, -127, -111, -97, -84, -72, -62, -53,
    -45, -38, -32, -27, -23, -19, -16, -13, -10, -9, -7, -6, -5, -4, -3, -2,
];

/// `x·σ(x)` for `|x| < 2^30`, as `max(x, 0) - a·σ(-a)` with `a = |x|`; at most 1e-3 off. Argument and result have
/// [`GELU_BITS`] fraction bits.
#[inline(always)]
pub const fn silu(x: i32) -> i32 {
    let a = if x < 0 { -x } else { x };
    let positive = if x > 0 { x } else { 0 };
    let end = (16 << GELU_BITS) - 1;
    let a = if a > end { end } else { a };
    let segment = SILU_TAIL[((a >> 7) & 127) as usize];
    let (base, slope) = (segment >> 16, segment << 16 >> 16);
    positive - ((base + ((slope * (a & 127)) >> 6) + 32) >> 6)
}

/// `a·σ(-a)` on [0, 16): minimax lines over 96 segments of [0, 12), zero beyond. In the units of [`GELU_TAIL`].
pub const SILU_TAIL: [i32; 128] = {
    let mut table = [0; 128];
    let mut i = 0;
    while i < 96 {
        table[i] = (SILU_BASES[i] << 16) | (SILU_SLOPES[i] & 0xffff);
        i += 1;
    }
    table
};

#[rustfmt::skip]
const SILU_BASES: [i32; 96] = [
    31, 3871, 7204, 10040, 12398, 14306, 15792, 16892, 17643, 18085, 18257, 18197, 17942, 17528, 16984, 16343,
    15627, 14860, 14061, 13245, 12428, 11620, 10828, 10061, 9322, 8618, 7948, 7316, 6721, 6165, 5645, 5161,
    4714, 4298, 3915, 3563, 3239, 2942, 2668, 2420, 2192, 1984, 1795, 1623, 1467, 1325, 1196, 1078,
    972, 876, 789, 711, 639, 575, 517, 466, 418, 376, 337, 303, 272, 245, 219, 196,
    176, 158, 141, 127, 114, 102, 92, 82, 73, 66, 59, 53, 47, 42, 38, 34,
    31, 27, 24, 22, 19, 16, 16, 14, 13, 10, 9, 8, 7, 6, 6, 5,
];

#[rustfmt::skip]
const SILU_SLOPES: [i32; 96] = [
    1921, 1668, 1420, 1181, 956, 745, 552, 378, 223, 88, -28, -126, -206, -271, -320, -357,
    -383, -399, -407, -408, -404, -396, -384, -369, -352, -335, -316, -297, -278, -260, -242, -224,
    -208, -191, -176, -162, -149, -137, -124, -114, -104, -94, -86, -78, -71, -65, -59, -53,
    -48, -43, -39, -36, -32, -29, -26, -24, -21, -19, -17, -15, -14, -13, -11, -10,
    -9, -8, -7, -7, -6, -5, -5, -4, -4, -4, -3, -3, -2, -2, -2, -2,
    -2, -1, -1, -1, -1, 0, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0,
];

/// One of two products that are turned together: `(x·cosine ± y·sine) / 2^14` rounded, limited to 8 bits. The even channel of a
/// pair takes the sine of the odd one off, the odd one adds that of the even one.
///
/// `|x|, |y| ≤ 2^30` keep the sum within `2^46`.
#[inline(always)]
pub const fn turn(x: i32, y: i32, cosine: i16, sine: i16, odd: bool) -> i8 {
    let across = y as i64 * sine as i64;
    let sum = x as i64 * cosine as i64 + if odd { across } else { -across };
    let turned = rsh64(sum, ANGLE_BITS);
    (if turned > 127 {
        127
    } else if turned < -127 {
        -127
    } else {
        turned
    }) as i8
}

/// A gated product of 16 bits: `silu(gate) · up / 2^15` rounded. `|up| ≤ 2^30` keeps the product below `2^47`.
#[inline(always)]
pub const fn gated(gate: i32, up: i32) -> i32 {
    let product = silu(clamp(gate, GATE_MAX)) as i64 * up as i64;
    let limit = 32767 << 15;
    rsh64(
        if product > limit {
            limit
        } else if product < -limit {
            -limit
        } else {
            product
        },
        15,
    ) as i32
}

/// `round(32767 · p / s)`, an element of the unit vector; 0 for a vector of zeros.
///
/// `|p| ≤ s < 2^31` keeps the numerator below `2^48`.
#[inline(always)]
pub const fn unit(p: i32, s: u32) -> i16 {
    if s == 0 {
        return 0;
    }
    (65534 * p as i64 + s as i64).div_euclid(2 * s as i64) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_nearest_with_ties_upwards() {
        assert_eq!([3, 2, 1, 0, -1, -2, -3].map(|x| rsh32(x, 1)), [2, 1, 1, 0, 0, -1, -1]);
        assert_eq!([6, 5, -5, -6, -7].map(|x| rsh64(x, 2)), [2, 1, -1, -1, -2]);
        assert_eq!((mean(3, 2), mean(-3, 2), mean(-5, 4), mean(7, 4)), (2, -1, -1, 2));
    }

    #[test]
    fn exponentials_are_within_their_bound() {
        for d in 0..20 << EXP_BITS {
            let exact = 255.0 * (-f64::from(d) / 1024.0).exp2();
            assert!((f64::from(exp2_neg(d)) - exact).abs() < 0.52, "d = {d}");
        }
        assert_eq!((exp2_neg(0), exp2_neg(i32::MAX)), (255, 0));
    }

    #[test]
    fn gelu_is_within_its_bound() {
        for x in -32767..=32767 {
            let real = f64::from(x) / 1024.0;
            let exact = real * 0.5 * libm::erfc(-real / std::f64::consts::SQRT_2);
            assert!((f64::from(gelu(x)) / 1024.0 - exact).abs() < 7e-4, "x = {x}");
        }
    }

    #[test]
    fn silu_is_within_its_bound() {
        for x in -65536..=65536 {
            let real = f64::from(x) / 1024.0;
            let exact = real / (1.0 + (-real).exp());
            assert!((f64::from(silu(x)) / 1024.0 - exact).abs() < 1e-3, "x = {x}");
        }
        assert_eq!(silu(0), 0);
    }

    /// The same digests stand in the tests of the contract that recomputes elements, so both have every value of these functions.
    #[test]
    fn the_referee_has_every_value() {
        let digest = |values: &[i32]| -> String {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
            crate::keccak::keccak256(&[&bytes]).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let of = |range: std::ops::RangeInclusive<i32>, f: fn(i32) -> i32| digest(&range.map(f).collect::<Vec<_>>());
        assert_eq!(
            of(0..=18 * 1024, |d| exp2_neg(d).into()),
            "6bfceb06fdcf4fa48b19400ae10109b3acf72d8e4c8706317f0d58bb375f8672"
        );
        assert_eq!(of(-4200..=4200, gelu), "f20a9da48de17567181559aad558ff9195b020fa303ed1c3fdffa5a0c9421030");
        assert_eq!(of(-12_500..=12_500, silu), "2d62a6b714802044813a0f0197ff147f73e14da3c9255c89fc2ec2dc7229ec52");
    }

    #[test]
    fn pairs_turn_by_their_angle() {
        // A quarter of a turn: the even channel becomes minus the odd one, the odd one the even one.
        assert_eq!((turn(100, 7, 0, 1 << 14, false), turn(7, 100, 0, 1 << 14, true)), (-7, 100));
        assert_eq!((turn(100, 7, 1 << 14, 0, false), turn(7, 100, 1 << 14, 0, true)), (100, 7));
        assert_eq!((turn(1, 0, 1 << 13, 0, false), turn(-1, 0, 1 << 13, 0, false)), (1, 0), "ties go upwards");
        let (most, least) = (1 << 30, -1 << 30);
        assert_eq!(
            (turn(most, least, i16::MIN, i16::MIN, true), turn(least, most, i16::MIN, i16::MAX, true)),
            (0, 127)
        );
        assert_eq!(turn(most, least, i16::MIN, i16::MAX, true), -127);
    }

    #[test]
    fn gated_products_fit_16_bits() {
        let (most, least) = (1 << 30, -1 << 30);
        assert_eq!((gated(most, most), gated(most, least)), (32767, -32767));
        assert_eq!((gated(0, most), gated(most, 0), gated(least, most)), (0, 0, 0));
        assert_eq!((gated(1024, 32768), gated(65_535, 1), gated(65_536, 1)), (silu(1024), 2, 2));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let product = 127 * 127 * 2048 * 32767i64;
        assert_eq!(i64::from(requantise(127 * 127 * 2048, 32767, 1 << 20, 22)), (product / 512) >> 2);
        for m in [1, 2, 127, 128, 32767] {
            assert_eq!([m, -m].map(|x| quantise(x, reciprocal(m))), [127, -127], "m = {m}");
        }
        assert_eq!(unit(i32::MIN + 1, i32::MAX as u32), -32767);
        assert_eq!(normalise(1 << 25, 0, 1 << 22, 5, 16), 5);
        assert_eq!(inverse_deviation(root_width(4096), 0), i32::MAX);
        assert_eq!(root_width(384), 84_163_826_697);
    }
}
