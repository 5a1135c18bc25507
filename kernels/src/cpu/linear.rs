//! Matrix products, each with what follows it on every number.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{
    crew::Crew,
    pack::{LANES, PackedLinear, Part, Shared},
    rows::{self, Channels, Products, Rows},
    simd::{Block, Operands, ROWS, Simd, multiversion},
};
use crate::isa::Isa;

/// Tokens that go past a block of weights before the next: their bytes stay in the second-level cache, those of the weights in the
/// first.
const TOKENS: usize = 240;

/// Parts of a product that threads take, for each thread: more than one, for not all threads are as fast.
const JOBS: usize = 4;

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

pub(crate) fn to_bytes(
    isa: Isa,
    crew: Option<&Crew>,
    input: Activations<'_>,
    weights: &PackedLinear,
    shift: u32,
) -> Vec<i8> {
    product(isa, crew, input, weights, shift, |_, acc, channels, out| rows::to_bytes(isa, acc, channels, out))
}

pub(crate) fn to_sum(
    isa: Isa,
    crew: Option<&Crew>,
    input: Activations<'_>,
    weights: &PackedLinear,
    shift: u32,
    residual: &[i16],
    residual_shift: i32,
) -> Vec<i32> {
    product(isa, crew, input, weights, shift, |first, acc, channels, out| {
        let residual = Rows { x: &residual[first..], stride: weights.rows };
        rows::to_sum(isa, acc, channels, residual, residual_shift, out);
    })
}

pub(crate) fn to_gelu(
    isa: Isa,
    crew: Option<&Crew>,
    input: Activations<'_>,
    weights: &PackedLinear,
    shift: u32,
) -> Vec<i16> {
    product(isa, crew, input, weights, shift, |_, acc, channels, out| rows::to_gelu(isa, acc, channels, out))
}

/// Calls `sink` with the dot products of some tokens with each block of channels, with the place of the first, and where to put what
/// it makes of them.
fn product<T: Copy + Default + Send>(
    isa: Isa,
    crew: Option<&Crew>,
    input: Activations<'_>,
    weights: &PackedLinear,
    shift: u32,
    sink: impl Fn(usize, Products<'_>, Channels<'_>, Part<'_, T>) + Sync,
) -> Vec<T> {
    let mut out = vec![T::default(); input.max.len() * weights.rows];
    let shared = Shared::new(&mut out, weights.rows);
    let sink = |token: usize, block: usize, acc: &[[i32; LANES]]| {
        let (tokens, channels) = (token..token + acc.len(), weights.channels(block, shift));
        let first = block * LANES;
        // SAFETY: each block of channels belongs to one job, which makes it of some tokens after others.
        let part = unsafe { shared.part(tokens.clone(), first..first + channels.count) };
        let acc = Products { acc, max: &input.max[tokens.clone()], offsets: &input.offsets[tokens] };
        sink(token * weights.rows + first, acc, channels, part);
    };
    let blocks = weights.rows.div_ceil(LANES);
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Amx && weights.width.is_multiple_of(amx::DEPTH) {
        let aligned = Aligned::new(input.x);
        split(blocks, crew, |blocks| on_tiles(aligned.get(), input.max.len(), weights, blocks, sink));
        return out;
    }
    split(blocks, crew, |blocks| on_vectors(isa, input, weights, blocks, sink));
    out
}

/// Runs `job` on all of `count` things, side by side with a crew.
pub(crate) fn split(count: usize, crew: Option<&Crew>, job: impl Fn(Range<usize>) + Sync) {
    let Some(crew) = crew else { return job(0..count) };
    let each = count.div_ceil(JOBS * rayon::current_num_threads());
    crew.run(count.div_ceil(each.max(1)), &|at| job(at * each..count.min((at + 1) * each)));
}

fn on_vectors(
    isa: Isa,
    input: Activations<'_>,
    weights: &PackedLinear,
    blocks: Range<usize>,
    sink: impl Fn(usize, usize, &[[i32; LANES]]),
) {
    let (stride, tokens) = (weights.width, input.max.len());
    let mut acc: Block = [[0; LANES]; ROWS];
    for start in (0..tokens).step_by(TOKENS) {
        let end = tokens.min(start + TOKENS);
        for block in blocks.clone() {
            let lines = weights.block(block);
            for token in (start..end).step_by(ROWS) {
                let rows = ROWS.min(end - token);
                dot(isa, Operands { x: &input.x[token * stride..], stride, rows, lines }, &mut acc);
                sink(token, block, &acc[..rows]);
            }
        }
    }
}

/// Room for sums, aligned as the rows of tiles like it.
#[cfg(target_arch = "x86_64")]
#[repr(C, align(64))]
struct Acc([[i32; LANES]; amx::ROWS]);

/// A copy of bytes that starts with a line of the cache: tiles read rows across lines half as fast.
#[cfg(target_arch = "x86_64")]
struct Aligned {
    bytes: Vec<i8>,
    start: usize,
}

#[cfg(target_arch = "x86_64")]
impl Aligned {
    fn new(x: &[i8]) -> Self {
        let mut bytes: Vec<i8> = Vec::with_capacity(x.len() + 63);
        let start = bytes.as_ptr().align_offset(64);
        bytes.resize(start, 0);
        bytes.extend_from_slice(x);
        Self { bytes, start }
    }

    fn get(&self) -> &[i8] {
        &self.bytes[self.start..]
    }
}

/// The rows that do not fill the tiles come last, for the tiles are configured for a number of rows.
#[cfg(target_arch = "x86_64")]
fn on_tiles(
    x: &[i8],
    tokens: usize,
    weights: &PackedLinear,
    blocks: Range<usize>,
    sink: impl Fn(usize, usize, &[[i32; LANES]]),
) {
    let stride = weights.width;
    let full = tokens / amx::ROWS * amx::ROWS;
    let mut acc = Acc([[0; LANES]; amx::ROWS]);
    for (range, rows) in [(0..full, amx::ROWS), (full..tokens, tokens - full)] {
        if range.is_empty() {
            continue;
        }
        let tiles = amx::Tiles::new(rows);
        let steps = range.len().div_ceil(amx::ROWS);
        for block in blocks.clone() {
            let lines = weights.block(block);
            // The tiles wait for weights longer than they multiply, so those of the next block come meanwhile.
            let next = if block + 1 < blocks.end { weights.block(block + 1) } else { &[] };
            let mut coming = next.chunks(lines.len().div_ceil(steps));
            for token in range.clone().step_by(amx::ROWS) {
                coming.next().into_iter().flatten().for_each(amx::prefetch);
                tiles.dot(Operands { x: &x[token * stride..], stride, rows, lines }, &mut acc.0);
                sink(token, block, &acc.0[..rows]);
            }
        }
    }
}
