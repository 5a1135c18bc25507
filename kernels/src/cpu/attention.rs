//! Attention of one task, with the queries in the lanes: maxima and sums over the keys then never cross lanes, and the
//! exponentials come out packed for the product with the values.

use std::ops::Range;

use super::{
    pack::{LANES, Line, Part, lines},
    rows::{put, take},
    simd::{Block, LINES, Operands, ROWS, Simd, WEIGHED, WIDE, Weighed, multiversion},
};
use crate::{
    fixed::{self, EXP_BITS},
    tensor::Exp,
};

/// Queries and keys of one task, token by token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scores<'a> {
    pub(crate) q: &'a [i8],
    pub(crate) k: &'a [i8],
    pub(crate) n: usize,
    /// Width of a token in `q` and `k`.
    pub(crate) width: usize,
    /// Scale of each head.
    pub(crate) scales: &'a [i32],
    pub(crate) shift: u32,
}

impl Scores<'_> {
    pub(crate) fn heads(&self) -> usize {
        self.scales.len()
    }

    fn head_width(&self) -> usize {
        self.width / self.heads()
    }
}

/// Room for one block of queries of one head; reused from block to block.
struct Scratch {
    queries: Vec<Line>,
    scores: Vec<[i32; LANES]>,
    /// 128 times the sum of each key's bytes, of the head.
    offsets: Vec<i32>,
    /// Four of each query at a time.
    exponentials: Vec<[Line; LINES]>,
    /// Four of each of 32 channels at a time, and then of the next 32, of the head.
    values: Vec<[Line; 2]>,
    acc: Box<Block>,
    max: [i32; LANES],
    sum: [i32; LANES],
}

impl Scratch {
    /// For heads whose values have `value_width` channels.
    fn new(scores: &Scores<'_>, value_width: usize) -> Self {
        let steps = scores.n.div_ceil(4);
        Self {
            queries: lines(scores.head_width() / 4),
            scores: vec![[0; LANES]; scores.n],
            offsets: vec![0; scores.n],
            exponentials: vec![[Line([0; 64]); LINES]; steps],
            values: vec![[Line([0; 64]); 2]; steps * value_width.div_ceil(32)],
            acc: Box::new([[0; LANES]; ROWS]),
            max: [0; LANES],
            sum: [0; LANES],
        }
    }
}

multiversion! {
    /// The exponentials of a task, as they are committed.
    fn exponentials(scores: Scores<'_>, out: &mut Exp) = exponentials_of;
}

#[inline(always)]
fn exponentials_of<S: Simd>(scores: Scores<'_>, out: &mut Exp) {
    let (n, heads) = (scores.n, scores.heads());
    *out =
        Exp { max: vec![0; n * heads], argmax: vec![0; n * heads], sum: vec![0; n * heads], e: vec![0; n * n * heads] };
    let mut scratch = Scratch::new(&scores, 0);
    for head in 0..heads {
        offsets(&scores, head, &mut scratch.offsets);
        for first in (0..n).step_by(LANES) {
            block::<S>(&scores, head, first, &mut scratch);
            let places = places::<S>(&scratch);
            for (lane, place) in places.into_iter().enumerate().take(n - first) {
                let at = (first + lane) * heads + head;
                out.max[at] = scratch.max[lane];
                out.argmax[at] = place as u16;
                out.sum[at] = scratch.sum[lane] as u16;
                for (j, e) in out.e[at * n..][..n].iter_mut().enumerate() {
                    *e = scratch.exponentials[j / 4][lane / 16].0[lane % 16 * 4 + j % 4];
                }
            }
        }
    }
}

/// Where each query first has its largest score: the least place after 2^16 is added to all others.
#[inline(always)]
fn places<S: Simd>(scratch: &Scratch) -> [i32; LANES] {
    let mut places = [0; LANES];
    for (at, places) in (0..LANES).step_by(WIDE).zip(places.chunks_exact_mut(WIDE)) {
        let max = S::load(&take(&scratch.max[at..]));
        let mut least = S::splat(i32::MAX);
        for (j, scores) in scratch.scores.iter().enumerate() {
            let distance = S::sub(max, S::load(&take(&scores[at..])));
            let far = S::shl(S::min(distance, S::splat(1)), S::splat(16));
            least = S::min(least, S::add(far, S::splat(j as i32)));
        }
        put(S::store(least), places);
    }
    places
}

multiversion! {
    /// Values of some heads weighted by the exponentials, before they are quantised: the channels of those heads.
    fn context(scores: Scores<'_>, heads: Range<usize>, v: &[i8], v_width: usize, out: Part<'_, i16>) = context_of;
}

#[inline(always)]
fn context_of<S: Simd>(scores: Scores<'_>, heads: Range<usize>, v: &[i8], v_width: usize, mut out: Part<'_, i16>) {
    let (n, head_width) = (scores.n, v_width / scores.heads());
    let mut scratch = Scratch::new(&scores, head_width);
    let mut weighed: Weighed = [[0; 32]; WEIGHED];
    let steps = scratch.exponentials.len();
    for (place, head) in heads.enumerate() {
        offsets(&scores, head, &mut scratch.offsets);
        for c in (0..head_width).step_by(32) {
            pack_values(&v[head * head_width + c..], v_width, &mut scratch.values[c / 32 * steps..][..steps]);
        }
        for first in (0..n).step_by(LANES) {
            block::<S>(&scores, head, first, &mut scratch);
            for c in (0..head_width).step_by(32) {
                let (count, values) = (head_width.min(c + 32) - c, &scratch.values[c / 32 * steps..][..steps]);
                for lane in (0..LANES.min(n - first)).step_by(WEIGHED) {
                    S::weigh(&scratch.exponentials, lane, values, &mut weighed);
                    for (row, weighed) in (lane..n - first).zip(&weighed) {
                        let inverse = fixed::inverse_sum(scratch.sum[row]);
                        let out = &mut out.row(first + row)[place * head_width + c..][..count];
                        for (out, weighed) in out.chunks_mut(WIDE).zip(weighed.chunks_exact(WIDE)) {
                            // The second factor and shift change nothing.
                            let value = S::scale(S::load(&take(weighed)), inverse, 24, S::splat(2), 1);
                            put(S::narrow16(value), out);
                        }
                    }
                }
            }
        }
    }
}

/// Four tokens of each of 32 channels together, as [`Simd::weigh`] reads them; what stands behind the head's channels is not used.
#[inline(always)]
fn pack_values(v: &[i8], width: usize, values: &mut [[Line; 2]]) {
    const NONE: [i8; 32] = [0; 32];
    for (step, lines) in values.iter_mut().enumerate() {
        let mut words = [[0u32; 16]; 2];
        for at in 0..4 {
            let row = v.get((step * 4 + at) * width..).unwrap_or(&NONE);
            let mut copy = NONE;
            let row = row.first_chunk().unwrap_or_else(|| {
                copy[..row.len()].copy_from_slice(row);
                &copy
            });
            for (word, &byte) in words.as_flattened_mut().iter_mut().zip(row) {
                *word |= u32::from(byte.cast_unsigned()) << (8 * at);
            }
        }
        for (line, words) in lines.iter_mut().zip(words) {
            *line = Line::of(words.map(u32::cast_signed));
        }
    }
}

/// 128 times the sum of the bytes of each key of a head, which the scores are too large by.
#[inline(always)]
fn offsets(scores: &Scores<'_>, head: usize, offsets: &mut [i32]) {
    let head_width = scores.head_width();
    for (key, offset) in scores.k.chunks_exact(scores.width).zip(offsets) {
        *offset = 128 * key[head * head_width..][..head_width].iter().map(|&k| i32::from(k)).sum::<i32>();
    }
}

/// Exponentials of one head for the queries from `first` on, with maxima and sums, in `scratch`.
#[inline(always)]
fn block<S: Simd>(scores: &Scores<'_>, head: usize, first: usize, scratch: &mut Scratch) {
    let &Scores { q, k, n, width, scales, shift } = scores;
    let head_width = scores.head_width();
    let column = head * head_width;
    let lanes = LANES.min(n - first);
    for lane in 0..lanes {
        let query = &q[(first + lane) * width + column..][..head_width];
        for (lines, four) in scratch.queries.chunks_exact_mut(LINES).zip(query.as_chunks::<4>().0) {
            let to = &mut lines[lane / 16].0.as_chunks_mut::<4>().0[lane % 16];
            *to = four.map(|q| q.cast_unsigned() ^ 0x80);
        }
    }

    scratch.max = [i32::MIN; LANES];
    let (scale, half, shift) = (S::splat(scales[head]), S::splat(1 << (shift - 1)), S::splat(shift.cast_signed()));
    for j in (0..n).step_by(ROWS) {
        let rows = ROWS.min(n - j);
        let x = &k[j * width + column..];
        S::dot(Operands { x, stride: width, rows, lines: &scratch.queries, coming: &[] }, &mut scratch.acc);
        for (row, acc) in scratch.acc.iter().enumerate().take(rows) {
            let offset = S::splat(scratch.offsets[j + row]);
            let scores = &mut scratch.scores[j + row];
            for at in (0..lanes).step_by(WIDE) {
                let product = S::mul(S::sub(S::load(&take(&acc[at..])), offset), scale);
                let score = S::shr(S::add(product, half), shift);
                put(S::store(score), &mut scores[at..]);
                put(S::store(S::max(score, S::load(&take(&scratch.max[at..])))), &mut scratch.max[at..]);
            }
        }
    }

    for at in (0..lanes).step_by(WIDE) {
        let max = S::load(&take(&scratch.max[at..]));
        let mut sum = S::splat(0);
        for (step, lines) in scratch.exponentials.iter_mut().enumerate() {
            let mut packed = S::splat(0);
            for (byte, scores) in scratch.scores[step * 4..].iter().take(4).enumerate() {
                let e = exp2_neg::<S>(S::sub(max, S::load(&take(&scores[at..]))));
                sum = S::add(sum, e);
                packed = S::add(packed, S::shl(e, S::splat(8 * byte as i32)));
            }
            lines[at / 16] = Line::of(S::store(packed));
        }
        put(S::store(sum), &mut scratch.sum[at..]);
    }
}

/// [`fixed::exp2_neg`] of each. Halving at last rounds as one shift would.
#[inline(always)]
fn exp2_neg<S: Simd>(d: S::Vector) -> S::Vector {
    let bits = S::splat(EXP_BITS as i32);
    let whole = S::min(S::shr(d, bits), S::splat(16));
    let u = S::and(d, S::splat((1 << EXP_BITS) - 1));
    let term = |constant: i32, inner: S::Vector| S::sub(S::splat(constant), S::shr(S::mul16(u, inner), bits));
    let power = term(32768, term(22668, term(7590, S::splat(1308))));
    let product = S::sub(S::shl(power, S::splat(8)), power);
    let twice = S::shr(product, S::add(whole, S::splat(14)));
    S::shr(S::add(twice, S::splat(1)), S::splat(1))
}
