//! Weights in the order in which the kernels read them.

use std::{marker::PhantomData, ops::Range};

use super::rows::Channels;
use crate::weights::{LinearRow, u32_at};

/// Dot products that are computed side by side.
pub(crate) const LANES: usize = 64;

/// Four bytes of each of 16 lanes, aligned for one load.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

impl Line {
    /// The first byte of each lane in its lowest bits.
    #[inline(always)]
    pub(crate) fn of(lanes: [i32; 16]) -> Self {
        // SAFETY: any bytes are a line, and there are as many.
        Self(unsafe { std::mem::transmute::<[i32; 16], [u8; 64]>(lanes.map(i32::to_le)) })
    }
}

/// A matrix of weights: `[rows / LANES][width / 4][LANES][4]`, as `weight + 128`.
///
/// The multiply-add of VNNI takes one unsigned factor. The 128 adds 128 times the sum of the activations to every dot
/// product, which is taken off again.
#[derive(Debug)]
pub(crate) struct PackedLinear {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    lines: Vec<Line>,
    mul: Vec<i32>,
    bias: Vec<i32>,
    shift: Vec<i32>,
}

impl PackedLinear {
    pub(crate) fn new<'a>(width: usize, rows: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::of_rows(width, rows.map(LinearRow::new))
    }

    /// Words as the weights of a product that has neither bias nor shift of its own.
    pub(crate) fn of_words<'a>(width: usize, rows: impl Iterator<Item = &'a [u8]>) -> Self {
        let word =
            |row: &'a [u8]| LinearRow { mul: u32_at(row, 0).cast_signed(), bias: 0, shift: 0, weights: &row[4..] };
        Self::of_rows(width, rows.map(word))
    }

    fn of_rows<'a>(width: usize, rows: impl Iterator<Item = LinearRow<'a>>) -> Self {
        let mut packed =
            Self { rows: 0, width, lines: Vec::new(), mul: Vec::new(), bias: Vec::new(), shift: Vec::new() };
        for row in rows {
            let lane = packed.rows % LANES;
            if lane == 0 {
                packed.lines.resize(packed.lines.len() + width / 4 * LANES / 16, Line([128; 64]));
            }
            let block = packed.rows / LANES * (width / 4 * LANES / 16);
            for (step, four) in row.weights.chunks_exact(4).enumerate() {
                let line = &mut packed.lines[block + step * (LANES / 16) + lane / 16].0;
                for (to, w) in line[lane % 16 * 4..].iter_mut().zip(four) {
                    *to = w ^ 0x80;
                }
            }
            packed.mul.push(row.mul);
            packed.bias.push(row.bias);
            packed.shift.push(row.shift.into());
            packed.rows += 1;
        }
        for of_channels in [&mut packed.mul, &mut packed.bias, &mut packed.shift] {
            of_channels.resize(packed.rows.next_multiple_of(LANES), 0);
        }
        packed
    }

    /// How many blocks of channels there are.
    pub(crate) fn blocks(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    /// What of a block of channels makes numbers of dot products.
    pub(crate) fn channels(&self, block: usize, shift: u32) -> Channels<'_> {
        let first = block * LANES;
        let block = first..first + LANES;
        let (mul, bias, row_shift) = (&self.mul[block.clone()], &self.bias[block.clone()], &self.shift[block]);
        Channels { mul, bias, row_shift, shift, count: LANES.min(self.rows - first) }
    }

    /// The lanes of a block of rows.
    pub(crate) fn block(&self, block: usize) -> &[Line] {
        let len = self.width / 4 * LANES / 16;
        &self.lines[block * len..][..len]
    }
}

/// A tensor, token by token, of which threads write parts side by side.
#[derive(Debug)]
pub(crate) struct Shared<'a, T> {
    data: *mut T,
    tokens: usize,
    width: usize,
    lent: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a mutable slice, which may go to another thread; parts of it do not overlap (see `part`).
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(data: &'a mut [T], width: usize) -> Self {
        Self { data: data.as_mut_ptr(), tokens: data.len() / width, width, lent: PhantomData }
    }

    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Some channels of some tokens.
    ///
    /// # Safety
    /// No other part that has a number in common may be in use at the same time.
    pub(crate) unsafe fn part(&self, tokens: Range<usize>, channels: Range<usize>) -> Part<'_, T> {
        assert!(tokens.end <= self.tokens && channels.end <= self.width);
        // SAFETY: the first number lies in the tensor, or the part is empty and at its end.
        let first =
            unsafe { self.data.add((tokens.start * self.width + channels.start).min(self.tokens * self.width)) };
        Part { first, rows: tokens.len(), count: channels.len(), stride: self.width, lent: PhantomData }
    }
}

/// Some channels of some tokens of a tensor, which nothing else uses.
#[derive(Debug)]
pub(crate) struct Part<'a, T> {
    first: *mut T,
    rows: usize,
    count: usize,
    stride: usize,
    lent: PhantomData<&'a mut [T]>,
}

impl<T> Part<'_, T> {
    /// The channels of a token, counted from the first of the part.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: the row is one of the part's, whose numbers are in the tensor and used by nothing else.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), self.count) }
    }
}

/// Lines for `steps` steps of [`LANES`] lanes.
pub(crate) fn lines(steps: usize) -> Vec<Line> {
    vec![Line([0; 64]); steps * LANES / 16]
}
