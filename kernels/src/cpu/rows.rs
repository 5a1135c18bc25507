//! Kernels that work on a row at a time.

use std::ops::Range;

use super::{
    pack::{LANES, Part},
    simd::{Simd, WIDE, multiversion},
};
use crate::fixed::{self, PRE_SHIFT, SUM_MAX, clamp, rsh32};

/// Dot products of some rows with a block of channels, and what of the rows makes numbers of them: maxima, and 128 times the sums of
/// their bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Products<'a> {
    pub(crate) acc: &'a [[i32; LANES]],
    pub(crate) max: &'a [u16],
    pub(crate) offsets: &'a [i32],
}

/// What of the channels makes numbers of dot products. There are [`LANES`] of each; `count` are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels<'a> {
    pub(crate) mul: &'a [i32],
    pub(crate) bias: &'a [i32],
    pub(crate) row_shift: &'a [i32],
    pub(crate) shift: u32,
    pub(crate) count: usize,
}

/// Calls `sink` with the products of some channels, in the units of those, a vector at a time: row, first channel, products.
#[inline(always)]
pub(super) fn products<S: Simd>(
    products: Products<'_>,
    channels: Channels<'_>,
    some: Range<usize>,
    mut sink: impl FnMut(usize, usize, S::Vector),
) {
    let Products { acc, max, offsets } = products;
    for at in some.step_by(WIDE) {
        let (mul, bias) = (S::load(&take(&channels.mul[at..])), S::load(&take(&channels.bias[at..])));
        for (row, ((acc, &max), &offset)) in acc.iter().zip(max).zip(offsets).enumerate() {
            let x = S::sub(S::load(&take(&acc[at..])), S::splat(offset));
            sink(row, at, S::add(S::scale(x, max.into(), PRE_SHIFT, mul, channels.shift), bias));
        }
    }
}

/// What is made of a vector of products, given its row and first channel. A trait, for a closure that is called in two places is not
/// always inlined, and then not compiled for the instruction set of its callers.
trait Make<S: Simd, T> {
    fn make(&self, row: usize, at: usize, v: S::Vector) -> [T; WIDE];
}

/// Writes what is made of each vector of products: whole vectors first, in a loop that calls nothing.
#[inline(always)]
fn write_each<S: Simd, T: Copy>(acc: Products<'_>, channels: Channels<'_>, mut out: Part<'_, T>, of: &impl Make<S, T>) {
    let whole = channels.count / WIDE * WIDE;
    products::<S>(acc, channels, 0..whole, |row, at, v| {
        if let Some(out) = out.row(row)[at..].first_chunk_mut() {
            *out = of.make(row, at, v);
        }
    });
    products::<S>(acc, channels, whole..channels.count, |row, at, v| put(of.make(row, at, v), &mut out.row(row)[at..]));
}

/// The first numbers of `x`, with zeros behind where it has fewer.
#[inline(always)]
pub(super) fn take<T: Copy + Default>(x: &[T]) -> [T; WIDE] {
    x.first_chunk().copied().unwrap_or_else(|| take_fewer(x))
}

/// Apart, so that loops over whole vectors have no call for which they would keep everything in memory.
#[cold]
#[inline(never)]
fn take_fewer<T: Copy + Default>(x: &[T]) -> [T; WIDE] {
    let mut out = [T::default(); WIDE];
    out[..x.len()].copy_from_slice(x);
    out
}

/// Writes as many numbers as `out` has room for.
#[inline(always)]
pub(super) fn put<T: Copy>(x: [T; WIDE], out: &mut [T]) {
    match out.first_chunk_mut() {
        Some(out) => *out = x,
        None => put_fewer(x, out),
    }
}

#[cold]
#[inline(never)]
fn put_fewer<T: Copy>(x: [T; WIDE], out: &mut [T]) {
    out.copy_from_slice(&x[..out.len()]);
}

multiversion! {
    /// Products limited to 8 bits.
    fn to_bytes(acc: Products<'_>, channels: Channels<'_>, out: Part<'_, i8>) = to_bytes_of;
}

#[inline(always)]
fn to_bytes_of<S: Simd>(acc: Products<'_>, channels: Channels<'_>, out: Part<'_, i8>) {
    struct Bytes;
    impl<S: Simd> Make<S, i8> for Bytes {
        #[inline(always)]
        fn make(&self, _: usize, _: usize, v: S::Vector) -> [i8; WIDE] {
            S::narrow8(S::clamp(v, 127))
        }
    }
    write_each::<S, _>(acc, channels, out, &Bytes);
}

/// Rows that start `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) x: &'a [i16],
    pub(crate) stride: usize,
}

multiversion! {
    /// Products added to a residual, whose channels are shifted to the left.
    fn to_sum(acc: Products<'_>, channels: Channels<'_>, residual: Rows<'_>, residual_shift: i32, out: Part<'_, i32>) = to_sum_of;
}

#[inline(always)]
fn to_sum_of<S: Simd>(
    acc: Products<'_>,
    channels: Channels<'_>,
    residual: Rows<'_>,
    residual_shift: i32,
    out: Part<'_, i32>,
) {
    struct Sum<'a> {
        channels: Channels<'a>,
        residual: Rows<'a>,
        shift: i32,
    }
    impl<S: Simd> Make<S, i32> for Sum<'_> {
        #[inline(always)]
        fn make(&self, row: usize, at: usize, v: S::Vector) -> [i32; WIDE] {
            let Self { channels, residual, shift } = self;
            let shift = S::add(S::load(&take(&channels.row_shift[at..])), S::splat(*shift));
            let residual = S::widen(&take(&residual.x[row * residual.stride + at..]));
            S::store(S::clamp(S::add(v, S::shl(residual, shift)), SUM_MAX))
        }
    }
    write_each::<S, _>(acc, channels, out, &Sum { channels, residual, shift: residual_shift });
}

multiversion! {
    /// Products through GELU.
    fn to_gelu(acc: Products<'_>, channels: Channels<'_>, out: Part<'_, i16>) = to_gelu_of;
}

#[inline(always)]
fn to_gelu_of<S: Simd>(acc: Products<'_>, channels: Channels<'_>, out: Part<'_, i16>) {
    struct Gelu;
    impl<S: Simd> Make<S, i16> for Gelu {
        #[inline(always)]
        fn make(&self, _: usize, _: usize, v: S::Vector) -> [i16; WIDE] {
            S::narrow16(S::gelu(S::clamp(v, 32767)))
        }
    }
    write_each::<S, _>(acc, channels, out, &Gelu);
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
    let (whole, rest) = out.as_chunks_mut();
    let operands = x.as_chunks().0.iter().zip(gains.gain.as_chunks().0).zip(gains.bias.as_chunks().0);
    for (out, ((x, gain), bias)) in whole.iter_mut().zip(operands) {
        *out = normalised::<S>(x, (mean, inverse, gains.shift), gain, bias);
    }
    if !rest.is_empty() {
        let at = whole.len() * WIDE;
        let (x, gain, bias) = (take(&x[at..]), take(&gains.gain[at..]), take(&gains.bias[at..]));
        put(normalised::<S>(&x, (mean, inverse, gains.shift), &gain, &bias), rest);
    }
}

#[inline(always)]
fn normalised<S: Simd>(
    x: &[i32; WIDE],
    (mean, inverse, shift): (i32, i32, u32),
    gain: &[i32; WIDE],
    bias: &[i32; WIDE],
) -> [i16; WIDE] {
    let unit = S::scale(S::sub(S::load(x), S::splat(mean)), inverse, 16, S::load(gain), shift);
    S::narrow16(S::clamp(S::add(unit, S::load(bias)), 32767))
}

multiversion! {
    /// A row quantised by its largest magnitude, which is returned with 128 times the sum of the bytes.
    fn quantise(x: &[i16], out: &mut [i8], max: &mut u16, offset: &mut i32) = quantise_of;
}

#[inline(always)]
fn quantise_of<S: Simd>(x: &[i16], out: &mut [i8], max: &mut u16, offset: &mut i32) {
    let largest = x.iter().fold(0, |m: i16, &v| m.max(v.abs()));
    let reciprocal = fixed::reciprocal(largest.into());
    let mut sums = S::splat(0);
    let (whole, rest) = out.as_chunks_mut();
    for (out, x) in whole.iter_mut().zip(x.as_chunks().0) {
        let bytes = quantised::<S>(x, reciprocal);
        sums = S::add(sums, bytes);
        *out = S::narrow8(bytes);
    }
    if !rest.is_empty() {
        let bytes = quantised::<S>(&take(&x[whole.len() * WIDE..]), reciprocal);
        sums = S::add(sums, bytes);
        put(S::narrow8(bytes), rest);
    }
    *max = largest as u16;
    *offset = 128 * S::store(sums).iter().sum::<i32>();
}

/// [`fixed::quantise`] of each.
#[inline(always)]
fn quantised<S: Simd>(x: &[i16; WIDE], reciprocal: i32) -> S::Vector {
    let product = S::mul(S::widen(x), S::splat(reciprocal));
    S::shr(S::add(product, S::splat(1 << 23)), S::splat(24))
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
