//! Attention of one task, with the queries in the lanes: maxima and sums over the keys then never cross lanes, and the
//! exponentials come out packed for the product with the values.

use super::{
    pack::{LANES, Line, lines},
    simd::{Block, Operands, ROWS, Simd, multiversion},
};
use crate::{
    fixed::{self, rsh32, rsh64},
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
    fn heads(&self) -> usize {
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
    exponentials: Vec<Line>,
    acc: Box<Block>,
    max: [i32; LANES],
    argmax: [i32; LANES],
    sum: [i32; LANES],
}

impl Scratch {
    fn new(scores: &Scores<'_>) -> Self {
        let steps = scores.n.div_ceil(4);
        Self {
            queries: lines(scores.head_width() / 4),
            scores: vec![[0; LANES]; steps * 4],
            exponentials: lines(steps),
            acc: Box::new([[0; LANES]; ROWS]),
            max: [0; LANES],
            argmax: [0; LANES],
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
    let mut scratch = Scratch::new(&scores);
    for head in 0..heads {
        for first in (0..n).step_by(LANES) {
            block::<S>(&scores, head, first, &mut scratch);
            for lane in 0..LANES.min(n - first) {
                let at = (first + lane) * heads + head;
                out.max[at] = scratch.max[lane];
                out.argmax[at] = scratch.argmax[lane] as u16;
                out.sum[at] = scratch.sum[lane] as u16;
                for (j, e) in out.e[at * n..][..n].iter_mut().enumerate() {
                    *e = scratch.exponentials[j / 4 * (LANES / 16) + lane / 16].0[lane % 16 * 4 + j % 4];
                }
            }
        }
    }
}

multiversion! {
    /// Values weighted by the exponentials, before they are quantised, token by token.
    fn context(scores: Scores<'_>, v: &[i8], v_width: usize, out: &mut [i16]) = context_of;
}

#[inline(always)]
fn context_of<S: Simd>(scores: Scores<'_>, v: &[i8], v_width: usize, out: &mut [i16]) {
    let n = scores.n;
    let stride = n.div_ceil(4) * 4;
    let mut transposed = vec![0; stride * v_width];
    for (t, row) in v.chunks_exact(v_width).enumerate() {
        for (c, &v) in row.iter().enumerate() {
            transposed[c * stride + t] = v;
        }
    }
    let mut scratch = Scratch::new(&scores);
    let head_width = v_width / scores.heads();
    for head in 0..scores.heads() {
        for first in (0..n).step_by(LANES) {
            block::<S>(&scores, head, first, &mut scratch);
            let lanes = LANES.min(n - first);
            let mut inverse = [0; LANES];
            for (inverse, &sum) in inverse.iter_mut().zip(&scratch.sum).take(lanes) {
                *inverse = fixed::inverse_sum(sum);
            }
            for c in (0..head_width).step_by(ROWS) {
                let rows = ROWS.min(head_width - c);
                let channel = head * head_width + c;
                let x = &transposed[channel * stride..];
                let operands = Operands { x, stride, rows, lines: &scratch.exponentials };
                S::dot(operands, &mut scratch.acc);
                for (row, acc) in scratch.acc.iter_mut().enumerate().take(rows) {
                    for (acc, &inverse) in acc.iter_mut().zip(&inverse) {
                        *acc = rsh64(i64::from(*acc) * i64::from(inverse), 24) as i32;
                    }
                    for (lane, &value) in acc.iter().enumerate().take(lanes) {
                        out[(first + lane) * v_width + channel + row] = value as i16;
                    }
                }
            }
        }
    }
}

/// Exponentials of one head for the queries from `first` on, with maxima, their places, and sums, in `scratch`.
#[inline(always)]
fn block<S: Simd>(scores: &Scores<'_>, head: usize, first: usize, scratch: &mut Scratch) {
    let &Scores { q, k, n, width, scales, shift } = scores;
    let head_width = scores.head_width();
    let column = head * head_width;
    for lane in 0..LANES.min(n - first) {
        let query = &q[(first + lane) * width + column..][..head_width];
        for (step, four) in query.chunks_exact(4).enumerate() {
            let to = &mut scratch.queries[step * (LANES / 16) + lane / 16].0[lane % 16 * 4..][..4];
            to.iter_mut().zip(four).for_each(|(to, &q)| *to = q.cast_unsigned() ^ 0x80);
        }
    }

    scratch.max = [i32::MIN; LANES];
    for j in (0..n).step_by(ROWS) {
        let rows = ROWS.min(n - j);
        let x = &k[j * width + column..];
        S::dot(Operands { x, stride: width, rows, lines: &scratch.queries }, &mut scratch.acc);
        for (row, acc) in scratch.acc.iter().enumerate().take(rows) {
            let key = &k[(j + row) * width + column..][..head_width];
            let offset = 128 * key.iter().map(|&k| i32::from(k)).sum::<i32>();
            let place = (j + row) as i32;
            let lanes = scratch.scores[j + row].iter_mut().zip(acc).zip(&mut scratch.max).zip(&mut scratch.argmax);
            for (((score, &acc), max), argmax) in lanes {
                *score = rsh32((acc - offset) * scales[head], shift);
                *argmax = if *score > *max { place } else { *argmax };
                *max = (*max).max(*score);
            }
        }
    }

    scratch.sum = [0; LANES];
    for (step, (scores, lines)) in
        scratch.scores.chunks_exact(4).zip(scratch.exponentials.chunks_exact_mut(LANES / 16)).enumerate()
    {
        let mut packed = [0u32; LANES];
        for (byte, scores) in scores.iter().enumerate().take(n - step * 4) {
            for (((packed, &score), &max), sum) in packed.iter_mut().zip(scores).zip(&scratch.max).zip(&mut scratch.sum)
            {
                let e = u32::from(fixed::exp2_neg(max - score));
                *sum += e as i32;
                *packed |= e << (8 * byte);
            }
        }
        for (line, packed) in lines.iter_mut().zip(packed.chunks_exact(16)) {
            for (bytes, packed) in line.0.chunks_exact_mut(4).zip(packed) {
                bytes.copy_from_slice(&packed.to_le_bytes());
            }
        }
    }
}
