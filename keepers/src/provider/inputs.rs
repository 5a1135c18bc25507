//! Inputs of orders: fetched by content hash, checked against the order and the model before anything is taken.

use std::{sync::Arc, time::Instant};

use assay_blobs::{BlobError, Blobs};
use assay_contracts::JobEscrow::Order;
use assay_kernels::model::Model;

use super::policy::{Refusal, refuse};

/// Longest row that the escrow lets a provider publish (`MAX_ROW_BYTES`): a longer one could not be answered for.
const MAX_ROW_BYTES: usize = 32_768;

/// The verified input rows of an order.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    pub(crate) rows: Arc<Vec<Vec<u8>>>,
    /// Units of the tasks before each task, and of all at the end.
    before: Arc<Vec<u64>>,
}

impl Inputs {
    /// Units of `count` tasks from `first` on.
    pub(crate) fn units(&self, first: u32, count: u32) -> u64 {
        let at = |index: u32| self.before.get(index as usize).or(self.before.last()).copied().unwrap_or_default();
        at(first.saturating_add(count)) - at(first)
    }

    /// Rows of 16-bit units, for tests of what does not look into them.
    #[cfg(test)]
    pub(crate) fn of(rows: Vec<Vec<u8>>) -> Self {
        let mut before = vec![0];
        before.extend(rows.iter().scan(0, |total, row| {
            *total += row.len() as u64 / 2;
            Some(*total)
        }));
        Self { rows: Arc::new(rows), before: Arc::new(before) }
    }

    /// Bytes of memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.len() + 32).sum()
    }
}

/// What is known of an order's inputs.
#[derive(Debug, Clone)]
pub(crate) enum InputState {
    /// Being fetched, or to be tried again.
    Waiting {
        /// Attempts that failed.
        failures: u32,
        /// When to try again; `None`: an attempt is under way.
        retry_at: Option<Instant>,
    },
    /// Here and verified.
    Ready(Inputs),
    /// Not to be had, or not acceptable.
    Refused(Refusal),
}

/// Why a fetch did not bring inputs.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// Another attempt may succeed.
    Again(Refusal),
    /// The inputs are what the order says, and they cannot be served.
    Never(Refusal),
}

/// Fetches and checks the inputs of `order`.
pub(crate) async fn fetch(blobs: &Blobs, order: &Order, model: &Model) -> Result<Inputs, FetchError> {
    let rows = blobs.get_inputs(&order.inputsRoot.0).await.map_err(|error| {
        let code = match &error {
            BlobError::Missing { .. } => "blob_missing",
            // It may be half written; the next attempt sees it whole.
            BlobError::Altered { .. } => "blob_altered",
            BlobError::TooLarge { .. } => "blob_too_large",
            _ => "blob_store_failed",
        };
        let refusal = Refusal { code, message: error.to_string() };
        if matches!(error, BlobError::TooLarge { .. }) {
            FetchError::Never(refusal)
        } else {
            FetchError::Again(refusal)
        }
    })?;
    check(rows, order, model).map_err(FetchError::Never)
}

fn check(rows: Vec<Vec<u8>>, order: &Order, model: &Model) -> Result<Inputs, Refusal> {
    if rows.len() != order.count as usize {
        return refuse("wrong_count", format!("the inputs hold {} tasks, the order {}", rows.len(), order.count));
    }
    let mut before = Vec::with_capacity(rows.len() + 1);
    let mut total = 0u64;
    before.push(0);
    for (index, row) in rows.iter().enumerate() {
        if row.len() > MAX_ROW_BYTES {
            return refuse(
                "input_too_long",
                format!("the input of task {index} has {} bytes, the most is {MAX_ROW_BYTES}", row.len()),
            );
        }
        let units = match model.units(row) {
            Ok(units) => units,
            Err(error) => return refuse("bad_input", format!("task {index}: {error}")),
        };
        if units > order.unitCap {
            return refuse(
                "units_over_cap",
                format!("task {index} has {units} units, the order pays {} at most", order.unitCap),
            );
        }
        total += u64::from(units);
        before.push(total);
    }
    Ok(Inputs { rows: Arc::new(rows), before: Arc::new(before) })
}
