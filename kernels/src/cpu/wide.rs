//! Matrix products of few or many tokens, kept as the 32-bit numbers that what follows them needs.
//!
//! A decoder that generates has one token of each text at a time, and then nothing but the weights costs anything: every byte of them
//! is read once, in the order in which it lies in memory, by all threads together.

use super::{
    crew::Crew,
    linear::Activations,
    pack::{LANES, PackedLinear},
    rows::{self, Products, put},
    simd::{Block, Operands, ROWS, Simd, WIDE, multiversion},
};
use crate::isa::Isa;

/// Products with bias of each token with each channel.
pub(crate) fn product(isa: Isa, crew: &Crew, input: Activations<'_>, weights: &PackedLinear, shift: u32) -> Vec<i32> {
    let (tokens, rows) = (input.max.len(), weights.rows);
    let mut out = vec![0; rows.next_multiple_of(LANES) * tokens];
    crew.parts(&mut out, tokens * LANES, |block, out| on_block(isa, input, weights, shift, block, out));
    by_token(crew, out, tokens, rows)
}

/// From `[block][token][lane]` to `[token][row]`.
fn by_token(crew: &Crew, mut blocks: Vec<i32>, tokens: usize, rows: usize) -> Vec<i32> {
    if tokens == 1 {
        blocks.truncate(rows);
        return blocks;
    }
    let mut out = vec![0; tokens * rows];
    crew.parts(&mut out, rows, |token, out| {
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            out.copy_from_slice(&blocks[(block * tokens + token) * LANES..][..out.len()]);
        }
    });
    out
}

multiversion! {
    /// Products of all tokens with a block of channels.
    fn on_block(input: Activations<'_>, weights: &PackedLinear, shift: u32, block: usize, out: &mut [i32]) = on_block_of;
}

#[inline(always)]
fn on_block_of<S: Simd>(input: Activations<'_>, weights: &PackedLinear, shift: u32, block: usize, out: &mut [i32]) {
    let (stride, tokens, lines) = (weights.width, input.max.len(), weights.block(block));
    let mut acc: Block = [[0; LANES]; ROWS];
    for (start, out) in (0..tokens).step_by(ROWS).zip(out.chunks_mut(ROWS * LANES)) {
        let rows = ROWS.min(tokens - start);
        S::dot(Operands { x: &input.x[start * stride..], stride, rows, lines, coming: &[] }, &mut acc);
        let (max, offsets) = (&input.max[start..start + rows], &input.offsets[start..start + rows]);
        let products = Products { acc: &acc[..rows], max, offsets };
        let channels = weights.channels(block, shift);
        rows::products::<S>(products, channels, 0..channels.count, |row, at, v| {
            put(S::store(v), &mut out[row * LANES + at..][..WIDE]);
        });
    }
}
