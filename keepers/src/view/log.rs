//! Events as they were logged, stored with the blocks that hold them.

use alloy::{
    primitives::{Address, B256, LogData},
    rpc::types::Log,
};
use assay_contracts::{Suite, SuiteEvent, follow::Block};
use sqlx::Row;

use super::{At, ChainView, Change, is_kept};
use crate::{
    error::{KeeperError, Result},
    store::{Store, StoreTransaction},
};

/// Blocks that a reorganisation may undo; what is older may be forgotten.
const REORG_DEPTH: u64 = 1_024;

/// Writes the events of `block` that a keeper needs.
pub(crate) async fn store(tx: &mut StoreTransaction, block: &Block) -> Result<()> {
    for (log, _) in block.events.iter().filter(|(_, event)| is_kept(event)) {
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

/// Takes back what [`store`] wrote of blocks above `number`.
pub(crate) async fn roll_back(tx: &mut StoreTransaction, number: u64) -> Result<()> {
    sqlx::query("DELETE FROM chain_events WHERE block_number > ?").bind(number as i64).execute(&mut **tx).await?;
    Ok(())
}

/// All stored events, and the newest block that they are of.
pub(crate) async fn load(store: &Store, suite: &Suite) -> Result<(Vec<At<SuiteEvent>>, u64)> {
    let rows = sqlx::query("SELECT * FROM chain_events ORDER BY block_number, log_index");
    let rows = rows.fetch_all(store.read()).await?;
    let block: Option<i64> = sqlx::query_scalar("SELECT max(number) FROM blocks").fetch_one(store.read()).await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        let topics = row.try_get::<&[u8], _>("topics")?.chunks_exact(32).map(B256::from_slice).collect();
        let data = row.try_get::<Vec<u8>, _>("data")?.into();
        let address = Address::from_slice(row.try_get::<&[u8], _>("address")?);
        let inner = alloy::primitives::Log { address, data: LogData::new_unchecked(topics, data) };
        let decoded = SuiteEvent::decode(suite, &Log { inner, ..Log::default() });
        let decoded = decoded.map_err(|error| KeeperError::StoreCorrupt(format!("a stored event: {error}")))?;
        let event = decoded.ok_or_else(|| KeeperError::StoreCorrupt(format!("a stored event of {address}")))?;
        events.push(At {
            event,
            block: row.try_get::<i64, _>("block_number")? as u64,
            timestamp: row.try_get::<i64, _>("timestamp")? as u64,
            tx_hash: B256::from_slice(row.try_get("tx_hash")?),
        });
    }
    Ok((events, block.unwrap_or_default() as u64))
}

/// Makes `view` the state after `events`, whose newest block is `block`.
pub(crate) fn rebuild(view: &mut ChainView, events: &[At<SuiteEvent>], block: u64) {
    view.clear();
    for event in events {
        view.fold(event);
    }
    view.block = block;
}

/// Folds a block that was just stored.
pub(crate) fn follow(view: &mut ChainView, block: &Block) -> Vec<Change> {
    let events = block.events.iter().filter(|(_, event)| is_kept(event));
    let mut changes = Vec::new();
    for (log, event) in events {
        let tx_hash = log.transaction_hash.unwrap_or_default();
        let at = At { event: event.clone(), block: block.at.number, timestamp: block.timestamp, tx_hash };
        changes.extend(view.fold(&at));
    }
    view.block = block.at.number;
    view.evict(block.timestamp, block.at.number.saturating_sub(REORG_DEPTH));
    changes
}
