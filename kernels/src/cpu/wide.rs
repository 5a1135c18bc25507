//! Matrix products of few or many tokens, kept as the 32-bit numbers that what follows them needs.
//!
//! A decoder that generates has one token of each text at a time, and then nothing but the weights costs anything: every byte of them
//! is read once, in the order in which it lies in memory, by all threads together.

use rayon::prelude::*;

use super::{
    linear::Activations,
    pack::{LANES, PackedLinear},
    simd::{Block, Operands, ROWS, Simd, multiversion},
};
use crate::{fixed, isa::Isa};

/// Bytes of weights that are worth waking a thread for.
const SHARE: usize = 1 << 17;

/// Products with bias of each token with each channel.
pub(crate) fn product(isa: Isa, input: Activations<'_>, weights: &PackedLinear, shift: u32) -> Vec<i32> {
    let (tokens, rows) = (input.max.len(), weights.rows);
    let blocks = rows.div_ceil(LANES);
    let mut out = vec![0; blocks * tokens * LANES];
    let shares = (rows * weights.width * tokens.div_ceil(ROWS) / SHARE).clamp(1, rayon::current_num_threads());
    let share = blocks.div_ceil(shares);
    if shares == 1 {
        on_blocks(isa, input, weights, shift, 0, &mut out);
    } else {
        let parts = out.par_chunks_mut(share * tokens * LANES).enumerate();
        parts.for_each(|(at, out)| on_blocks(isa, input, weights, shift, at * share, out));
    }
    by_token(out, tokens, rows)
}

/// From `[block][token][lane]` to `[token][row]`.
fn by_token(mut blocks: Vec<i32>, tokens: usize, rows: usize) -> Vec<i32> {
    if tokens == 1 {
        blocks.truncate(rows);
        return blocks;
    }
    let mut out = vec![0; tokens * rows];
    let each = |(token, out): (usize, &mut [i32])| {
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            out.copy_from_slice(&blocks[(block * tokens + token) * LANES..][..out.len()]);
        }
    };
    out.par_chunks_mut(rows).enumerate().for_each(each);
    out
}

multiversion! {
    /// Products of all tokens with the blocks of channels from `first` on, as many as `out` holds.
    fn on_blocks(input: Activations<'_>, weights: &PackedLinear, shift: u32, first: usize, out: &mut [i32]) = on_blocks_of;
}

#[inline(always)]
fn on_blocks_of<S: Simd>(input: Activations<'_>, weights: &PackedLinear, shift: u32, first: usize, out: &mut [i32]) {
    let (stride, tokens) = (weights.width, input.max.len());
    let mut acc: Block = [[0; LANES]; ROWS];
    for ((block, lines), out) in weights.blocks().enumerate().skip(first).zip(out.chunks_mut(tokens * LANES)) {
        let lanes = block * LANES..weights.rows.min((block + 1) * LANES);
        let (mul, bias) = (&weights.mul[lanes.clone()], &weights.bias[lanes]);
        for (start, out) in (0..tokens).step_by(ROWS).zip(out.chunks_mut(ROWS * LANES)) {
            let rows = ROWS.min(tokens - start);
            S::dot(Operands { x: &input.x[start * stride..], stride, rows, lines }, &mut acc);
            for ((token, acc), out) in (start..).zip(&acc).zip(out.chunks_mut(LANES)) {
                let (max, offset) = (i32::from(input.max[token]), input.offsets[token]);
                for (((out, &acc), &mul), &bias) in out.iter_mut().zip(acc).zip(mul).zip(bias) {
                    *out = fixed::requantise(acc - offset, max, mul, shift) + bias;
                }
            }
        }
    }
}
