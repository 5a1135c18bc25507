//! The provider's projection: the escrow's and the registry's events, stored as they were logged and folded into orders.

use std::{sync::Arc, time::Instant};

use alloy::{
    primitives::{Address, B256},
    sol_types::SolEventInterface,
};
use assay_contracts::{
    JobEscrow::JobEscrowEvents, ModelRegistry::ModelRegistryEvents, Suite, SuiteEvent, follow::Block,
};
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    orders::{At, ChainView},
    shared::Shared,
};
use crate::{
    chain::Projection,
    error::{KeeperError, Result},
    store::{Store, StoreTransaction},
};

/// Blocks that a reorganisation may undo; what is older may be forgotten.
const REORG_DEPTH: u64 = 1_024;

/// See the module.
#[derive(Debug)]
pub(crate) struct EventProjection {
    pub(crate) store: Store,
    pub(crate) suite: Suite,
    pub(crate) shared: Arc<Shared>,
}

impl Projection for EventProjection {
    async fn load(&self) -> Result<()> {
        let rows = sqlx::query("SELECT * FROM chain_events ORDER BY block_number, log_index");
        let rows = rows.fetch_all(self.store.read()).await?;
        let block: Option<i64> =
            sqlx::query_scalar("SELECT max(number) FROM blocks").fetch_one(self.store.read()).await?;
        let mut view = self.shared.view();
        view.clear();
        for row in &rows {
            self.fold_row(&mut view, row)?;
        }
        view.block = block.unwrap_or_default() as u64;
        drop(view);
        self.shared.trigger(Instant::now());
        Ok(())
    }

    async fn apply(&self, tx: &mut StoreTransaction, block: &Block) -> Result<()> {
        for (log, event) in &block.events {
            if !matches!(event, SuiteEvent::JobEscrow(_) | SuiteEvent::ModelRegistry(_)) {
                continue;
            }
            let topics: Vec<u8> = log.topics().iter().flat_map(|topic| topic.0).collect();
            sqlx::query("INSERT OR REPLACE INTO chain_events VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(block.at.number as i64)
                .bind(log.log_index.unwrap_or_default() as i64)
                .bind(block.timestamp as i64)
                .bind(log.transaction_hash.unwrap_or_default().to_vec())
                .bind(log.address().to_vec())
                .bind(topics)
                .bind(log.data().data.to_vec())
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }

    async fn roll_back(&self, tx: &mut StoreTransaction, number: u64) -> Result<()> {
        sqlx::query("DELETE FROM chain_events WHERE block_number > ?").bind(number as i64).execute(&mut **tx).await?;
        Ok(())
    }

    fn applied(&self, block: &Block, seen: Instant) {
        let mut view = self.shared.view();
        let mut changes = Vec::new();
        for (log, event) in &block.events {
            match event {
                SuiteEvent::ModelRegistry(event) => view.registry(event),
                SuiteEvent::JobEscrow(event) => {
                    let tx_hash = log.transaction_hash.unwrap_or_default();
                    let at =
                        At { event: (**event).clone(), block: block.at.number, timestamp: block.timestamp, tx_hash };
                    changes.extend(view.escrow(&at));
                }
                _ => {}
            }
        }
        view.block = block.at.number;
        view.evict(block.timestamp, block.at.number.saturating_sub(REORG_DEPTH));
        drop(view);
        if !changes.is_empty() {
            self.shared.announce(changes, seen);
            // The head, which is published next, calls for the plan.
            self.shared.note_cause(seen);
        }
    }
}

impl EventProjection {
    fn fold_row(&self, view: &mut ChainView, row: &SqliteRow) -> Result<()> {
        let address = Address::from_slice(row.try_get::<&[u8], _>("address")?);
        let topics: Vec<B256> = row.try_get::<&[u8], _>("topics")?.chunks_exact(32).map(B256::from_slice).collect();
        let data: &[u8] = row.try_get("data")?;
        let corrupt = |error: alloy::sol_types::Error| KeeperError::StoreCorrupt(format!("a stored event: {error}"));
        if address == self.suite.model_registry {
            view.registry(&ModelRegistryEvents::decode_raw_log(&topics, data).map_err(corrupt)?);
        } else {
            let event = JobEscrowEvents::decode_raw_log(&topics, data).map_err(corrupt)?;
            view.escrow(&At {
                event,
                block: row.try_get::<i64, _>("block_number")? as u64,
                timestamp: row.try_get::<i64, _>("timestamp")? as u64,
                tx_hash: B256::from_slice(row.try_get("tx_hash")?),
            });
        }
        Ok(())
    }
}
