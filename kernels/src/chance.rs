//! Seeded choice among scores, in integers.
//!
//! To draw an id with the probability that its score gives it, noise of the Gumbel distribution is added to every score, and the
//! largest sum wins. So one sum is enough to show that a choice is false, and nobody has to add up probabilities.

use crate::{fixed::rsh32, keccak::keccak256};

/// The id that marks a place of a prompt as one to be chosen for.
pub const BLANK: u16 = u16::MAX;

/// What is hashed before seed, place and block.
pub(crate) const NOISE: u8 = 0x03;
/// Bytes that are hashed for a block.
pub(crate) const NOISE_LEN: usize = 16;
/// Ids that share a hash: 32 bits of it each.
pub(crate) const BLOCK: usize = 8;

/// Fraction bits of the focus of a prompt, the inverse of its temperature.
pub const FOCUS_BITS: u32 = 8;

/// The largest magnitude of a score that noise is added to.
const SCORE_MAX: i64 = 1 << 30;

/// What is hashed, after [`NOISE`], for the noise of ids `8·block` to `8·block + 7` at a place.
pub(crate) fn noise_message(seed: u64, place: u32, block: u32) -> [u8; NOISE_LEN] {
    let mut message = [0; NOISE_LEN];
    message[..8].copy_from_slice(&seed.to_be_bytes());
    message[8..12].copy_from_slice(&place.to_be_bytes());
    message[12..].copy_from_slice(&block.to_be_bytes());
    message
}

/// The 32 random bits of `id` at a place.
pub fn random_bits(seed: u64, place: u32, id: u32) -> u32 {
    let block = BLOCK as u32;
    let hash = keccak256(&[&[NOISE], &noise_message(seed, place, id / block)]);
    let at = 4 * (id % block) as usize;
    u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]])
}

/// The score by which an id is chosen, of its product `z` and its random bits. Without a focus the largest product wins.
#[inline(always)]
pub const fn score(z: i32, focus: u16, bits: u32) -> i32 {
    if focus == 0 {
        return z;
    }
    let scaled = (z as i64 * focus as i64 + (1 << (FOCUS_BITS - 1))) >> FOCUS_BITS;
    let scaled = if scaled > SCORE_MAX {
        SCORE_MAX
    } else if scaled < -SCORE_MAX {
        -SCORE_MAX
    } else {
        scaled
    };
    scaled as i32 + gumbel(bits)
}

/// `-log2(-ln(1 - w))` with 10 fraction bits, for `w = (2·bits + 1) / 2^33`; at most 9e-4 off.
///
/// Near 0 that is `-log2 w` with a correction, near 1 the logarithm of a logarithm.
#[inline(always)]
pub const fn gumbel(bits: u32) -> i32 {
    let small = bits >> 31 == 0;
    // The numerator of the nearer of w and 1 - w.
    let x = 2 * (if small { bits } else { !bits }) as u64 + 1;
    let minus_log = (33 << 16) - log2(x);
    let g = if small {
        let u = (x >> 18) as i32;
        minus_log - ((u * (23_911 + ((u * (3_470 + ((u * 3_486) >> 14))) >> 14))) >> 14)
    } else {
        (16 << 16) + LOG2_OF_LOG2_E - log2(minus_log as u64)
    };
    rsh32(g, 6)
}

/// `-log2(ln 2)` with 16 fraction bits.
const LOG2_OF_LOG2_E: i32 = 34_653;

/// `log2(x)` with 16 fraction bits for `1 ≤ x < 2^33`; the polynomial is at most 1.5e-5 off, and the 14 bits of its argument cost
/// 9e-5.
#[inline(always)]
const fn log2(x: u64) -> i32 {
    let whole = 63 - x.leading_zeros();
    let f = ((x << (40 - whole)) >> 26) as i32 & 0x3fff;
    let p = 27_367 + ((f * (-12_863 + ((f * 3_040) >> 14))) >> 14);
    let p = 94_501 + ((f * (-46_508 + ((f * p) >> 14))) >> 14);
    ((whole as i32) << 16) + ((f * p) >> 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_within_its_bound_and_falls() {
        let edges = [0, 1, 2, 3, 4, u32::MAX / 2 - 1, u32::MAX / 2, u32::MAX / 2 + 1, u32::MAX - 1, u32::MAX];
        let all = (0..u32::MAX).step_by(9_973).chain((0..32).flat_map(|k| [1 << k, (1 << k) + 1, u32::MAX - (1 << k)]));
        for bits in all.chain(edges) {
            let w = (2.0 * f64::from(bits) + 1.0) / 2f64.powi(33);
            let exact = -(-libm::log1p(-w)).log2();
            let got = f64::from(gumbel(bits)) / 1024.0;
            assert!((got - exact).abs() < 9e-4, "{bits}: {got} for {exact}");
        }
        assert_eq!((gumbel(0), gumbel(u32::MAX)), (33 << 10, -4624));
    }

    #[test]
    fn scores_are_limited_before_the_noise() {
        let top = (1 << 29) - 1;
        assert_eq!(score(top, 0, 0), top);
        assert_eq!(
            (score(top, u16::MAX, 0), score(-top, u16::MAX, u32::MAX)),
            ((1 << 30) + (33 << 10), -(1 << 30) - 4624)
        );
        assert_eq!(score(3, 128, 0) - gumbel(0), 2, "ties go upwards");
    }

    #[test]
    fn ids_are_drawn_as_often_as_their_scores_say() {
        // Probabilities 1/2, 1/4, 1/8, 1/8 and a focus of 2, which squares them: 16, 4, 1 and 1 parts of 22.
        let products = [-1024, -2048, -3072, -3072];
        for (focus, parts, of) in [(256, [4, 2, 1, 1], 8), (512, [16, 4, 1, 1], 22)] {
            let draws = 40_000;
            let mut counts = [0; 4];
            for place in 0..draws {
                let score = |id: &usize| score(products[*id], focus, random_bits(7, place, *id as u32));
                counts[(0..4).max_by_key(score).unwrap()] += 1;
            }
            for (count, part) in counts.into_iter().zip(parts) {
                let expected = f64::from(draws * part) / f64::from(of);
                // Four deviations.
                assert!((f64::from(count) - expected).abs() < 4.0 * expected.sqrt(), "{counts:?} for {parts:?}");
            }
        }
    }

    #[test]
    fn random_bits_depend_on_seed_place_and_id() {
        let bits = random_bits(1, 2, 3);
        assert!(
            [random_bits(0, 2, 3), random_bits(1, 3, 3), random_bits(1, 2, 4), random_bits(1, 2, 11)]
                .iter()
                .all(|b| *b != bits)
        );
        let hash = keccak256(&[&[3], &1u64.to_be_bytes(), &2u32.to_be_bytes(), &0u32.to_be_bytes()]);
        assert_eq!(bits.to_be_bytes(), hash[12..16]);
    }
}
