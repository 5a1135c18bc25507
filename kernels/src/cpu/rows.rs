//! Kernels that work on a row at a time.

use super::simd::{Simd, multiversion};
use crate::fixed::{self, SUM_MAX, clamp, rsh32, saturate16};

/// What turns the dot products of one row with a block of channels into numbers of those channels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels<'a> {
    pub(crate) mul: &'a [i32],
    pub(crate) bias: &'a [i32],
    pub(crate) row_shift: &'a [i32],
    pub(crate) shift: u32,
}

/// A row's maximum, and 128 times the sum of its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowScale {
    pub(crate) max: i32,
    pub(crate) offset: i32,
}

#[inline(always)]
fn product(acc: i32, row: RowScale, mul: i32, bias: i32, shift: u32) -> i32 {
    fixed::requantise(acc - row.offset, row.max, mul, shift) + bias
}

multiversion! {
    /// Products limited to 8 bits.
    fn to_bytes(acc: &[i32], row: RowScale, channels: Channels<'_>, out: &mut [i8]) = to_bytes_of;
}

#[inline(always)]
fn to_bytes_of<S: Simd>(acc: &[i32], row: RowScale, channels: Channels<'_>, out: &mut [i8]) {
    let Channels { mul, bias, shift, .. } = channels;
    for (((out, &acc), &mul), &bias) in out.iter_mut().zip(acc).zip(mul).zip(bias) {
        *out = clamp(product(acc, row, mul, bias, shift), 127) as i8;
    }
}

multiversion! {
    /// Products added to a residual, whose channels are shifted to the left.
    fn to_sum(acc: &[i32], row: RowScale, channels: Channels<'_>, residual: &[i16], residual_shift: i32, out: &mut [i32]) = to_sum_of;
}

#[inline(always)]
fn to_sum_of<S: Simd>(
    acc: &[i32],
    row: RowScale,
    channels: Channels<'_>,
    residual: &[i16],
    residual_shift: i32,
    out: &mut [i32],
) {
    let Channels { mul, bias, row_shift, shift } = channels;
    let terms = acc.iter().zip(mul).zip(bias).zip(row_shift).zip(residual);
    for (out, ((((&acc, &mul), &bias), &row_shift), &x)) in out.iter_mut().zip(terms) {
        let residual = i32::from(x) << ((residual_shift + row_shift) & 31);
        *out = clamp(product(acc, row, mul, bias, shift) + residual, SUM_MAX);
    }
}

multiversion! {
    /// Products through GELU.
    fn to_gelu(acc: &[i32], row: RowScale, channels: Channels<'_>, out: &mut [i16]) = to_gelu_of;
}

#[inline(always)]
fn to_gelu_of<S: Simd>(acc: &[i32], row: RowScale, channels: Channels<'_>, out: &mut [i16]) {
    let Channels { mul, bias, shift, .. } = channels;
    for (((out, &acc), &mul), &bias) in out.iter_mut().zip(acc).zip(mul).zip(bias) {
        *out = fixed::gelu(saturate16(product(acc, row, mul, bias, shift))) as i16;
    }
}

multiversion! {
    /// Mean and deviation of a row.
    fn moments(x: &[i32], mean: &mut i32, deviation: &mut u32) = moments_of;
}

#[inline(always)]
fn moments_of<S: Simd>(x: &[i32], mean: &mut i32, deviation: &mut u32) {
    *mean = fixed::mean(x.iter().map(|&y| i64::from(y)).sum(), x.len() as i64);
    let squares: i64 = x.iter().map(|&y| i64::from(y - *mean) * i64::from(y - *mean)).sum();
    *deviation = squares.cast_unsigned().isqrt() as u32;
}

/// Gains and biases of a norm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormGains<'a> {
    pub(crate) gain: &'a [i32],
    pub(crate) bias: &'a [i32],
    pub(crate) shift: u32,
}

multiversion! {
    /// A row normalised.
    fn normalise(x: &[i32], mean: i32, inverse: i32, gains: NormGains<'_>, out: &mut [i16]) = normalise_of;
}

#[inline(always)]
fn normalise_of<S: Simd>(x: &[i32], mean: i32, inverse: i32, gains: NormGains<'_>, out: &mut [i16]) {
    for (((out, &y), &gain), &bias) in out.iter_mut().zip(x).zip(gains.gain).zip(gains.bias) {
        *out = saturate16(fixed::normalise(y - mean, inverse, gain, bias, gains.shift)) as i16;
    }
}

multiversion! {
    /// A row quantised by its largest magnitude, which is returned with 128 times the sum of the bytes.
    fn quantise(x: &[i16], out: &mut [i8], max: &mut u16, offset: &mut i32) = quantise_of;
}

#[inline(always)]
fn quantise_of<S: Simd>(x: &[i16], out: &mut [i8], max: &mut u16, offset: &mut i32) {
    let largest = x.iter().fold(0, |m: i16, &v| m.max(v.abs()));
    let reciprocal = fixed::reciprocal(largest.into());
    let mut sum = 0;
    for (out, &v) in out.iter_mut().zip(x) {
        *out = fixed::quantise(v.into(), reciprocal);
        sum += i32::from(*out);
    }
    *max = largest as u16;
    *offset = 128 * sum;
}

multiversion! {
    /// The embedding of a word at its place.
    fn embed(word: &[u8], mul: i32, place: &[i16], shift: u32, out: &mut [i32]) = embed_of;
}

#[inline(always)]
fn embed_of<S: Simd>(word: &[u8], mul: i32, place: &[i16], shift: u32, out: &mut [i32]) {
    for ((out, &w), &p) in out.iter_mut().zip(word).zip(place) {
        *out = clamp(rsh32(i32::from(w.cast_signed()) * mul, shift) + i32::from(p), SUM_MAX);
    }
}

multiversion! {
    /// Adds a row to sums.
    fn accumulate(x: &[i16], sums: &mut [i32]) = accumulate_of;
}

#[inline(always)]
fn accumulate_of<S: Simd>(x: &[i16], sums: &mut [i32]) {
    for (sum, &v) in sums.iter_mut().zip(x) {
        *sum += i32::from(v);
    }
}
