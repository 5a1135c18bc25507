//! What is wrong with a committed leaf on its face, as the contracts' `Faults` judges it.

use std::fmt;

use assay_contracts::JobEscrow::{Batch, Order};
use assay_kernels::{commit::TaskLeaf, merkle::row_root};

/// A fault that loses its batch in one move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing or beyond the cap is billed, or the first leaf does not start at 0, or the last does not end at the batch's units.
    Bound,
    /// The leaf does not start where the one before it ends.
    Gap,
    /// Another input than the one ordered at its index.
    Input,
    /// Other units than that input has.
    Units,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bound => "its units are out of bounds",
            Self::Gap => "it does not start at the unit at which the task before it ends",
            Self::Input => "its input is not the one ordered",
            Self::Units => "it bills other units than its input has",
        })
    }
}

/// The fault of `leaf`, whose ordered input is `row`, after the leaf `before` where that is known.
pub fn find(order: &Order, batch: &Batch, row: &[u8], before: Option<&TaskLeaf>, leaf: &TaskLeaf) -> Option<Fault> {
    // In 128 bits, because a provider chooses these numbers: in 64 the sum could overflow.
    let end = |leaf: &TaskLeaf| u128::from(leaf.units_before) + u128::from(leaf.units);
    let is_last = leaf.index - batch.first == batch.count - 1;
    let out_of_bounds = leaf.units == 0
        || leaf.units > order.unitCap
        || (leaf.index == batch.first && leaf.units_before != 0)
        || (is_last && end(leaf) != u128::from(batch.units));
    if out_of_bounds {
        Some(Fault::Bound)
    } else if before.is_some_and(|before| end(before) != u128::from(leaf.units_before)) {
        Some(Fault::Gap)
    } else if leaf.input_hash != row_root(row) {
        Some(Fault::Input)
    } else if (row.len() as u64).checked_div(order.unitBytes.into()) != Some(leaf.units.into()) {
        Some(Fault::Units)
    } else {
        None
    }
}
