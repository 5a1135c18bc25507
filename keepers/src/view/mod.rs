//! The chain as a keeper sees it: orders for the models that it serves, their draws and their games, folded from stored events.
//! Folding the same events gives the same state, on every machine and after every restart.

pub(crate) mod log;
mod orders;
mod trials;

use alloy::primitives::B256;
use assay_contracts::SuiteEvent;
pub(crate) use orders::{BatchStatus, BatchView, ChainView, Change, ChangeKind, OrderView};
pub(crate) use trials::{AnswerView, Attempt, DrawView, GameView, Phase, Trials, step};

/// An event with what surrounds it.
#[derive(Debug, Clone)]
pub(crate) struct At<E> {
    pub(crate) event: E,
    pub(crate) block: u64,
    pub(crate) timestamp: u64,
    pub(crate) tx_hash: B256,
}

impl<E> At<E> {
    /// Another event at the same place.
    fn with<F>(&self, event: F) -> At<F> {
        At { event, block: self.block, timestamp: self.timestamp, tx_hash: self.tx_hash }
    }
}

/// Whether a keeper needs the event.
pub(crate) fn is_kept(event: &SuiteEvent) -> bool {
    matches!(
        event,
        SuiteEvent::JobEscrow(_)
            | SuiteEvent::ModelRegistry(_)
            | SuiteEvent::Verification(_)
            | SuiteEvent::DisputeGame(_)
            | SuiteEvent::Beacon(_)
    )
}
