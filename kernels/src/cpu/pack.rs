//! Weights in the order in which the kernels read them.

use crate::weights::{LinearRow, u32_at};

/// Dot products that are computed side by side.
pub(crate) const LANES: usize = 64;

/// Four bytes of each of 16 lanes, aligned for one load.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

/// A matrix of weights: `[rows / LANES][width / 4][LANES][4]`, as `weight + 128`.
///
/// The multiply-add of VNNI takes one unsigned factor. The 128 adds 128 times the sum of the activations to every dot
/// product, which is taken off again.
#[derive(Debug)]
pub(crate) struct PackedLinear {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    lines: Vec<Line>,
    pub(crate) mul: Vec<i32>,
    pub(crate) bias: Vec<i32>,
    pub(crate) shift: Vec<i32>,
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
        packed
    }

    /// The lanes of each block of rows.
    pub(crate) fn blocks(&self) -> std::slice::ChunksExact<'_, Line> {
        self.lines.chunks_exact(self.width / 4 * LANES / 16)
    }
}

/// Lines for `steps` steps of [`LANES`] lanes.
pub(crate) fn lines(steps: usize) -> Vec<Line> {
    vec![Line([0; 64]); steps * LANES / 16]
}
