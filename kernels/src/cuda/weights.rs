//! Weights as the kernels read them.

use super::{device::TILE, plan::stride};
use crate::{
    fixed,
    tape::{Tape, WeightKind},
    weights::{LinearRow, Weights, gain_row, u32_at},
};

/// The arrays of a weight tensor, in the order in which the kernels take them.
///
/// Words and positions stay the rows that are committed, for one row of them serves one token. Rows of products are padded
/// with zeros to whole steps, and their number to whole tiles.
pub(super) fn arrays(tape: &Tape, weights: &Weights, tensor: usize) -> Vec<Vec<u8>> {
    let (spec, rows) = (tape.tensors()[tensor], weights.tensor(tensor));
    match spec.kind {
        WeightKind::Words | WeightKind::Positions => vec![rows.flatten().copied().collect()],
        WeightKind::Gains => {
            let (gain, bias): (Vec<i32>, Vec<i32>) = rows.map(gain_row).unzip();
            vec![numbers(gain), numbers(bias)]
        }
        WeightKind::Scales => vec![numbers(rows.map(|row| u32_at(row, 0).cast_signed()))],
        WeightKind::Linear => {
            let stride = stride(spec.width as usize);
            let mut bytes = vec![0; (spec.rows as usize).next_multiple_of(TILE.1) * stride];
            let linear: Vec<LinearRow<'_>> = rows.map(LinearRow::new).collect();
            for (to, row) in bytes.chunks_exact_mut(stride).zip(&linear) {
                to[..row.weights.len()].copy_from_slice(row.weights);
            }
            vec![
                bytes,
                numbers(linear.iter().map(|row| row.mul)),
                numbers(linear.iter().map(|row| row.bias)),
                numbers(linear.iter().map(|row| i32::from(row.shift))),
            ]
        }
    }
}

/// The segments of the GELU.
pub(super) fn gelu_tail() -> Vec<u8> {
    numbers(fixed::GELU_TAIL)
}

/// GPUs are little-endian.
fn numbers(values: impl IntoIterator<Item = i32>) -> Vec<u8> {
    values.into_iter().flat_map(i32::to_le_bytes).collect()
}
