//! Matrix products, each with what follows it on every number.

#[cfg(target_arch = "x86_64")]
use super::amx;
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
    let sink = |first_token: usize, first: usize, acc: &[[i32; LANES]]| {
        let lanes = first..weights.rows.min(first + LANES);
        let (mul, bias, row_shift) =
            (&weights.mul[lanes.clone()], &weights.bias[lanes.clone()], &weights.shift[lanes.clone()]);
        for (token, acc) in (first_token..).zip(acc) {
            let scale = RowScale { max: input.max[token].into(), offset: input.offsets[token] };
            sink(token, first, &acc[..lanes.len()], scale, Channels { mul, bias, row_shift, shift });
        }
    };
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Amx && weights.width.is_multiple_of(amx::DEPTH) {
        return on_tiles(input, weights, sink);
    }
    on_vectors(isa, input, weights, sink);
}

fn on_vectors(
    isa: Isa,
    input: Activations<'_>,
    weights: &PackedLinear,
    mut sink: impl FnMut(usize, usize, &[[i32; LANES]]),
) {
    let (stride, tokens) = (weights.width, input.max.len());
    let mut acc: Block = [[0; LANES]; ROWS];
    for start in (0..tokens).step_by(TOKENS) {
        let end = tokens.min(start + TOKENS);
        for (block, lines) in weights.blocks().enumerate() {
            for token in (start..end).step_by(ROWS) {
                let rows = ROWS.min(end - token);
                dot(isa, Operands { x: &input.x[token * stride..], stride, rows, lines }, &mut acc);
                sink(token, block * LANES, &acc[..rows]);
            }
        }
    }
}

/// All weights go past the rows of the tiles, which are configured once for them.
#[cfg(target_arch = "x86_64")]
fn on_tiles(input: Activations<'_>, weights: &PackedLinear, mut sink: impl FnMut(usize, usize, &[[i32; LANES]])) {
    let (stride, tokens) = (weights.width, input.max.len());
    let mut acc = [[0; LANES]; amx::ROWS];
    for token in (0..tokens).step_by(amx::ROWS) {
        let rows = amx::ROWS.min(tokens - token);
        let tiles = amx::Tiles::new(rows);
        for (block, lines) in weights.blocks().enumerate() {
            tiles.dot(Operands { x: &input.x[token * stride..], stride, rows, lines }, &mut acc);
            sink(token, block * LANES, &acc[..rows]);
        }
    }
}
