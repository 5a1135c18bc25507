//! Matrix products, each with what follows it on every number.

use super::{
    pack::{LANES, PackedLinear},
    rows::{self, Channels, RowScale},
    simd::{Block, Operands, ROWS, Simd, multiversion},
};
use crate::isa::Isa;

/// Tokens that go through all weights before the next: their bytes stay in the first-level cache.
const TOKENS: usize = 48;

/// Rows of bytes with their maxima, and 128 times their sums.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activations<'a> {
    pub(crate) x: &'a [i8],
    pub(crate) max: &'a [u16],
    pub(crate) offsets: &'a [i32],
}

multiversion! {
    fn dot(operands: Operands<'_>, out: &mut Block) = dot_of;
}

#[inline(always)]
fn dot_of<S: Simd>(operands: Operands<'_>, out: &mut Block) {
    S::dot(operands, out);
}

pub(crate) fn to_bytes(isa: Isa, input: Activations<'_>, weights: &PackedLinear, shift: u32) -> Vec<i8> {
    let mut out = vec![0; input.max.len() * weights.rows];
    product(isa, input, weights, shift, |token, first, acc, row, channels| {
        let out = &mut out[token * weights.rows + first..][..channels.mul.len()];
        rows::to_bytes(isa, acc, row, channels, out);
    });
    out
}

pub(crate) fn to_sum(
    isa: Isa,
    input: Activations<'_>,
    weights: &PackedLinear,
    shift: u32,
    residual: &[i16],
    residual_shift: i32,
) -> Vec<i32> {
    let mut out = vec![0; input.max.len() * weights.rows];
    product(isa, input, weights, shift, |token, first, acc, row, channels| {
        let at = token * weights.rows + first;
        let (out, residual) = (&mut out[at..][..channels.mul.len()], &residual[at..]);
        rows::to_sum(isa, acc, row, channels, residual, residual_shift, out);
    });
    out
}

pub(crate) fn to_gelu(isa: Isa, input: Activations<'_>, weights: &PackedLinear, shift: u32) -> Vec<i16> {
    let mut out = vec![0; input.max.len() * weights.rows];
    product(isa, input, weights, shift, |token, first, acc, row, channels| {
        let out = &mut out[token * weights.rows + first..][..channels.mul.len()];
        rows::to_gelu(isa, acc, row, channels, out);
    });
    out
}

/// Calls `sink` with the dot products of each token with each block of channels: token, first channel, products.
fn product(
    isa: Isa,
    input: Activations<'_>,
    weights: &PackedLinear,
    shift: u32,
    mut sink: impl FnMut(usize, usize, &[i32], RowScale, Channels<'_>),
) {
    let width = weights.width;
    let tokens = input.max.len();
    let mut acc: Block = [[0; LANES]; ROWS];
    for start in (0..tokens).step_by(TOKENS) {
        let end = tokens.min(start + TOKENS);
        for (block, lines) in weights.blocks().enumerate() {
            let first = block * LANES;
            let lanes = first..weights.rows.min(first + LANES);
            let channels = Channels {
                mul: &weights.mul[lanes.clone()],
                bias: &weights.bias[lanes.clone()],
                row_shift: &weights.shift[lanes],
                shift,
            };
            for token in (start..end).step_by(ROWS) {
                let rows = ROWS.min(end - token);
                dot(isa, Operands { x: &input.x[token * width..], stride: width, rows, lines }, &mut acc);
                for (token, acc) in (token..token + rows).zip(&acc) {
                    let scale = RowScale { max: input.max[token].into(), offset: input.offsets[token] };
                    sink(token, first, &acc[..channels.mul.len()], scale, channels);
                }
            }
        }
    }
}
