//! Attention of one token to those up to it, and the other kernels that only decoders have.

use super::simd::{Simd, multiversion};
use crate::{
    fixed::{self, STREAM_MAX, clamp, rsh32, rsh64},
    prompt::Choice,
};

/// A token's queries and the keys up to its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) q: &'a [i8],
    /// Keys of all tokens that count, one after the other.
    pub(crate) k: &'a [i8],
    pub(crate) key_width: usize,
    pub(crate) head_width: usize,
    /// Scale of each head.
    pub(crate) scales: &'a [i32],
    pub(crate) shift: u32,
}

/// A token's exponentials: by head, the largest score with its first place, the sum, and one number for each token that counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exponentials {
    pub(crate) max: Vec<i32>,
    pub(crate) argmax: Vec<u16>,
    pub(crate) sum: Vec<u16>,
    pub(crate) e: Vec<u8>,
}

multiversion! {
    /// The exponentials of a token.
    fn exponentials(query: Query<'_>, scores: &mut Vec<i32>, out: &mut Exponentials) = exponentials_of;
}

#[inline(always)]
fn exponentials_of<S: Simd>(query: Query<'_>, scores: &mut Vec<i32>, out: &mut Exponentials) {
    let Query { q, k, key_width, head_width, scales, shift } = query;
    let (heads, count) = (scales.len(), k.len() / key_width);
    let share = heads * head_width / key_width;
    out.max.clear();
    out.argmax.clear();
    out.sum.clear();
    out.e.resize(heads * count, 0);
    scores.resize(count, 0);
    for ((head, &scale), e) in scales.iter().enumerate().zip(out.e.chunks_exact_mut(count)) {
        let query = &q[head * head_width..][..head_width];
        let column = head / share * head_width;
        let mut max = i32::MIN;
        for (score, key) in scores.iter_mut().zip(k.chunks_exact(key_width)) {
            let key = &key[column..][..head_width];
            let dot: i32 = query.iter().zip(key).map(|(&q, &k)| i32::from(q) * i32::from(k)).sum();
            *score = rsh32(dot * scale, shift);
            max = max.max(*score);
        }
        let mut sum = 0;
        for (e, &score) in e.iter_mut().zip(&*scores) {
            *e = fixed::exp2_neg(max - score);
            sum += i32::from(*e);
        }
        out.max.push(max);
        out.argmax.push(scores.iter().position(|&score| score == max).unwrap_or(0) as u16);
        out.sum.push(sum as u16);
    }
}

multiversion! {
    /// The values of all tokens that count, weighted by a token's exponentials, before they are quantised.
    fn blend(e: &[u8], sums: &[u16], v: &[i8], v_width: usize, acc: &mut Vec<i32>, out: &mut [i16]) = blend_of;
}

#[inline(always)]
fn blend_of<S: Simd>(e: &[u8], sums: &[u16], v: &[i8], v_width: usize, acc: &mut Vec<i32>, out: &mut [i16]) {
    let (heads, count) = (sums.len(), v.len() / v_width);
    let head_width = out.len() / heads;
    let share = out.len() / v_width;
    let heads = e.chunks_exact(count).zip(sums).zip(out.chunks_exact_mut(head_width));
    for (head, ((e, &sum), out)) in heads.enumerate() {
        let column = head / share * head_width;
        acc.clear();
        acc.resize(head_width, 0);
        for (&e, v) in e.iter().zip(v.chunks_exact(v_width)) {
            for (acc, &v) in acc.iter_mut().zip(&v[column..][..head_width]) {
                *acc += i32::from(e) * i32::from(v);
            }
        }
        let inverse = i64::from(fixed::inverse_sum(sum.into()));
        for (out, &acc) in out.iter_mut().zip(&*acc) {
            *out = rsh64(i64::from(acc) * inverse, 24) as i16;
        }
    }
}

multiversion! {
    /// Root of the sum of squares of a row.
    fn root(x: &[i32], out: &mut u32) = root_of;
}

#[inline(always)]
fn root_of<S: Simd>(x: &[i32], out: &mut u32) {
    *out = x.iter().map(|&y| i64::from(y) * i64::from(y)).sum::<i64>().cast_unsigned().isqrt() as u32;
}

multiversion! {
    /// A row of products added to a stream.
    fn add(v: &[i32], stream: &[i32], out: &mut [i32]) = add_of;
}

#[inline(always)]
fn add_of<S: Simd>(v: &[i32], stream: &[i32], out: &mut [i32]) {
    for ((out, &v), &y) in out.iter_mut().zip(v).zip(stream) {
        *out = clamp(v + y, STREAM_MAX);
    }
}

multiversion! {
    /// A row of products limited to 8 bits.
    fn limit(v: &[i32], out: &mut [i8]) = limit_of;
}

#[inline(always)]
fn limit_of<S: Simd>(v: &[i32], out: &mut [i8]) {
    for (out, &v) in out.iter_mut().zip(v) {
        *out = clamp(v, 127) as i8;
    }
}

multiversion! {
    /// A row of products turned by the angles of a head, one head after the other.
    fn turn(v: &[i32], angles: &[i16], out: &mut [i8]) = turn_of;
}

#[inline(always)]
fn turn_of<S: Simd>(v: &[i32], angles: &[i16], out: &mut [i8]) {
    for (v, out) in v.chunks_exact(angles.len()).zip(out.chunks_exact_mut(angles.len())) {
        let pairs = v.as_chunks::<2>().0.iter().zip(angles.as_chunks::<2>().0).zip(out.as_chunks_mut::<2>().0);
        for ((&[x, y], &[cosine, sine]), out) in pairs {
            *out = [fixed::turn(x, y, cosine, sine, false), fixed::turn(y, x, cosine, sine, true)];
        }
    }
}

multiversion! {
    /// A row of gated products.
    fn gate(gates: &[i32], ups: &[i32], out: &mut [i16]) = gate_of;
}

#[inline(always)]
fn gate_of<S: Simd>(gates: &[i32], ups: &[i32], out: &mut [i16]) {
    for ((out, &gate), &up) in out.iter_mut().zip(gates).zip(ups) {
        *out = fixed::gated(gate, up) as i16;
    }
}

multiversion! {
    /// The first of the largest scores among ids from `first` on, given their products and random bits (none without a focus).
    fn choose(products: &[i32], focus: u16, bits: &[u32], first: usize, out: &mut Choice) = choose_of;
}

#[inline(always)]
fn choose_of<S: Simd>(products: &[i32], focus: u16, bits: &[u32], first: usize, out: &mut Choice) {
    let score = |at: usize| crate::chance::score(products[at], focus, bits.get(at).copied().unwrap_or(0));
    let max = (0..products.len()).map(score).max().unwrap_or(i32::MIN);
    let place = (0..products.len()).find(|&at| score(at) == max).unwrap_or(0);
    *out = Choice { max, id: (first + place) as u16 };
}
