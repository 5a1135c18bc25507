//! The provider's projection: the events that it needs, stored as they were logged and folded into orders.

use std::{sync::Arc, time::Instant};

use assay_contracts::{Suite, follow::Block};

use super::shared::Shared;
use crate::{
    chain::Projection,
    error::Result,
    store::{Store, StoreTransaction},
    view::log,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct EventProjection {
    pub(crate) store: Store,
    pub(crate) suite: Suite,
    pub(crate) shared: Arc<Shared>,
}

impl Projection for EventProjection {
    async fn load(&self) -> Result<()> {
        let (events, block) = log::load(&self.store, &self.suite).await?;
        log::rebuild(&mut self.shared.view(), &events, block);
        self.shared.trigger(Instant::now());
        Ok(())
    }

    async fn apply(&self, tx: &mut StoreTransaction, block: &Block) -> Result<()> {
        log::store(tx, block).await
    }

    async fn roll_back(&self, tx: &mut StoreTransaction, number: u64) -> Result<()> {
        log::roll_back(tx, number).await
    }

    fn applied(&self, block: &Block, seen: Instant) {
        let changes = log::follow(&mut self.shared.view(), block);
        if !block.events.is_empty() {
            self.shared.announce(changes, seen);
            // The head, which is published next, calls for the plan.
            self.shared.note_cause(seen);
        }
    }
}
