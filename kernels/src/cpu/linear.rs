//! Matrix products, each with what follows it on every number.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{
    crew::Crew,
    pack::{LANES, Line, PackedLinear, Part, Shared},
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

/// A matrix product of a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) isa: Isa,
    /// Threads that take parts of it.
    pub(crate) crew: Option<&'a Crew>,
    pub(crate) input: Activations<'a>,
    pub(crate) weights: &'a PackedLinear,
    /// Weights of the next product.
    pub(crate) following: Option<&'a PackedLinear>,
    pub(crate) shift: u32,
}

impl Product<'_> {
    pub(crate) fn to_bytes(self) -> Vec<i8> {
        self.each(|_, acc, channels, out| rows::to_bytes(self.isa, acc, channels, out))
    }

    pub(crate) fn to_sum(self, residual: &[i16], residual_shift: i32) -> Vec<i32> {
        self.each(|first, acc, channels, out| {
            let residual = Rows { x: &residual[first..], stride: self.weights.rows };
            rows::to_sum(self.isa, acc, channels, residual, residual_shift, out);
        })
    }

    pub(crate) fn to_gelu(self) -> Vec<i16> {
        self.each(|_, acc, channels, out| rows::to_gelu(self.isa, acc, channels, out))
    }

    /// Calls `sink` with the dot products of some tokens with each block of channels, with the place of the first, and where to put
    /// what it makes of them.
    fn each<T: Copy + Default + Send>(
        self,
        sink: impl Fn(usize, Products<'_>, Channels<'_>, Part<'_, T>) + Sync,
    ) -> Vec<T> {
        let Self { isa, crew, input, weights, shift, .. } = self;
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
        #[cfg(target_arch = "x86_64")]
        let aligned = (isa == Isa::Amx && weights.width.is_multiple_of(amx::DEPTH)).then(|| Aligned::new(input.x));
        take_turns(weights.blocks(), crew, |blocks, next| {
            let then = match next {
                Next::Block(block) => weights.block(block),
                Next::First => self.following.map_or(&[][..], |following| following.block(0)),
                Next::Last => self.following.map_or(&[][..], |following| following.block(last_job(following, crew))),
            };
            #[cfg(target_arch = "x86_64")]
            if let Some(aligned) = &aligned {
                return on_tiles(aligned.get(), input.max.len(), weights, (blocks, then), sink);
            }
            on_vectors(isa, input, weights, (blocks, then), sink);
        });
        out
    }
}

/// What a thread most likely does after a job.
enum Next {
    /// The job that begins with this block.
    Block(usize),
    /// The first job of the next product.
    First,
    /// The last one.
    Last,
}

/// How many of `count` things a thread takes at a time.
fn job_size(count: usize, crew: Option<&Crew>) -> usize {
    crew.map_or(count, |_| count.div_ceil(JOBS * rayon::current_num_threads())).max(1)
}

/// The first block of the last job of a product.
fn last_job(weights: &PackedLinear, crew: Option<&Crew>) -> usize {
    let size = job_size(weights.blocks(), crew);
    (weights.blocks() - 1) / size * size
}

/// Runs `job` on all of `count` things, side by side with a crew.
pub(crate) fn split(count: usize, crew: Option<&Crew>, job: impl Fn(Range<usize>) + Sync) {
    take_turns(count, crew, |range, _| job(range));
}

fn take_turns(count: usize, crew: Option<&Crew>, job: impl Fn(Range<usize>, Next) + Sync) {
    let Some(crew) = crew else { return job(0..count, Next::First) };
    let size = job_size(count, Some(crew));
    crew.run(count.div_ceil(size), &|turn| {
        let next = match turn.next {
            Some(part) => Next::Block(part * size),
            None if turn.leads => Next::First,
            None => Next::Last,
        };
        job(turn.part * size..count.min((turn.part + 1) * size), next);
    });
}

/// `then` is what is read after the blocks.
fn on_vectors(
    isa: Isa,
    input: Activations<'_>,
    weights: &PackedLinear,
    (blocks, then): (Range<usize>, &[Line]),
    sink: impl Fn(usize, usize, &[[i32; LANES]]),
) {
    let (stride, tokens) = (weights.width, input.max.len());
    let mut acc: Block = [[0; LANES]; ROWS];
    for start in (0..tokens).step_by(TOKENS) {
        let end = tokens.min(start + TOKENS);
        for block in blocks.clone() {
            let lines = weights.block(block);
            let mut coming = portions(weights, block, (&blocks, then), (end - start).div_ceil(ROWS));
            for token in (start..end).step_by(ROWS) {
                let (rows, coming) = (ROWS.min(end - token), coming.next().unwrap_or(&[]));
                dot(isa, Operands { x: &input.x[token * stride..], stride, rows, lines, coming }, &mut acc);
                sink(token, block, &acc[..rows]);
            }
        }
    }
}

/// What is read after a block, for each of the steps that go through the block.
fn portions<'a>(
    weights: &'a PackedLinear,
    block: usize,
    (blocks, then): (&Range<usize>, &'a [Line]),
    steps: usize,
) -> impl Iterator<Item = &'a [Line]> {
    let next = if block + 1 < blocks.end { weights.block(block + 1) } else { then };
    next.chunks(next.len().div_ceil(steps).max(1))
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

/// As [`on_vectors`]. The rows that do not fill the tiles come last, for the tiles are configured for a number of rows.
#[cfg(target_arch = "x86_64")]
fn on_tiles(
    x: &[i8],
    tokens: usize,
    weights: &PackedLinear,
    (blocks, then): (Range<usize>, &[Line]),
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
        for block in blocks.clone() {
            let lines = weights.block(block);
            let mut coming = portions(weights, block, (&blocks, then), range.len().div_ceil(amx::ROWS));
            for token in range.clone().step_by(amx::ROWS) {
                let coming = coming.next().unwrap_or(&[]);
                tiles.dot(Operands { x: &x[token * stride..], stride, rows, lines, coming }, &mut acc.0);
                sink(token, block, &acc.0[..rows]);
            }
        }
    }
}
