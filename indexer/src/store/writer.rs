//! The one writer: steps of the chain in, tables out.

use super::{
    log::{self, Pending},
    meta, undo,
};
use crate::{
    error::IndexerError,
    rows::Position,
    state::{self, Origin, Tables},
};
use assay_contracts::{
    Suite,
    follow::{Block, BlockRef, Step},
};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::path::Path;

/// Rows of state that stay in memory between transactions; beyond it the cache starts anew.
const CACHED_ROWS: usize = 200_000;
/// Stored blocks that the follower is given.
const KNOWN_BLOCKS: u32 = 1_024;
/// Events that a rebuild reads at a time.
const REBUILD_PAGE: u32 = 10_000;

/// What a call of [`Writer::store`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Blocks.
    pub(crate) blocks: u64,
    /// Events.
    pub(crate) events: u64,
    /// Rollbacks.
    pub(crate) rollbacks: u64,
}

/// Stores steps.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: SqliteConnection,
    suite: Suite,
    tables: Tables,
    /// The tables' memory does not mirror the database (at the start, after a failed transaction).
    stale: bool,
    /// A transaction was begun and not committed.
    begun: bool,
}

impl Writer {
    /// Prepares the database: makes its tables, and rebuilds the state when its version is another one.
    pub(super) async fn open(
        mut connection: SqliteConnection,
        path: &Path,
        suite: Suite,
    ) -> Result<Self, IndexerError> {
        sqlx::raw_sql(include_str!("log.sql")).execute(&mut connection).await?;
        meta::claim(&mut connection, path, &suite).await?;
        let mut writer = Self { connection, suite, tables: Tables::default(), stale: true, begun: false };
        writer.make_room().await?;
        if !meta::state_is_current(&mut writer.connection).await? {
            writer.rebuild().await?;
        }
        Ok(writer)
    }

    /// The newest stored blocks, oldest first: what to follow from, and how far back a common ancestor can be found.
    pub(crate) async fn known(&mut self) -> Result<Vec<BlockRef>, IndexerError> {
        self.end_failed().await;
        Ok(log::newest_blocks(&mut self.connection, KNOWN_BLOCKS).await?)
    }

    /// The last stored block.
    pub(crate) async fn head(&mut self) -> Result<Option<BlockRef>, IndexerError> {
        self.end_failed().await;
        Ok(log::head(&mut self.connection).await?)
    }

    /// Stores `steps` and all their effects in one transaction, or nothing. Blocks up to `finalized` need no journal.
    pub(crate) async fn store(&mut self, steps: &[Step], finalized: u64) -> Result<Stored, IndexerError> {
        let result = self.try_store(steps, finalized).await;
        self.end_failed().await;
        // Memory ran ahead of a database that went back.
        self.stale = result.is_err() || self.tables.len() > CACHED_ROWS;
        result
    }

    async fn try_store(&mut self, steps: &[Step], finalized: u64) -> Result<Stored, IndexerError> {
        self.begin().await?;
        if self.stale {
            self.tables.begin(&mut self.connection).await?;
        }
        let mut group = Group {
            head: log::head(&mut self.connection).await?,
            connection: &mut self.connection,
            suite: &self.suite,
            tables: &mut self.tables,
            pending: Pending::default(),
            finalized,
            time: None,
            stored: Stored::default(),
        };
        for step in steps {
            group.step(step).await?;
        }
        group.finish().await?;
        let (stored, time) = (group.stored, group.time);
        if let Some(time) = time {
            meta::set(&mut self.connection, meta::HEAD_TIME, &time.to_string()).await?;
        }
        self.commit().await?;
        Ok(stored)
    }

    /// What followed the deployment of a sale or a network that is new in the record is read from the chain again.
    async fn make_room(&mut self) -> Result<(), IndexerError> {
        self.begin().await?;
        if let Some(first) = meta::learn_contracts(&mut self.connection, &self.suite).await?
            && log::head(&mut self.connection).await?.is_some_and(|head| head.number >= first)
        {
            match log::block_at_or_below(&mut self.connection, first.saturating_sub(1)).await? {
                Some(to) => log::remove_above(&mut self.connection, &self.suite, to).await?,
                None => log::remove_all(&mut self.connection).await?,
            }
            meta::set_state_stale(&mut self.connection).await?;
        }
        self.commit().await
    }

    /// Drops the state tables and derives them from the log again.
    pub(crate) async fn rebuild(&mut self) -> Result<(), IndexerError> {
        self.stale = true;
        self.begin().await?;
        for table in Tables::NAMES {
            let sql = format!("DROP TABLE IF EXISTS {table}");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await?;
        }
        sqlx::raw_sql(include_str!("state.sql")).execute(&mut self.connection).await?;
        for trigger in Tables::triggers() {
            sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut self.connection).await?;
        }
        replay(&mut self.connection, &self.suite, &mut self.tables).await?;
        meta::set_state_current(&mut self.connection).await?;
        self.commit().await
    }

    async fn begin(&mut self) -> Result<(), IndexerError> {
        self.end_failed().await;
        self.begun = true;
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut self.connection).await?;
        Ok(())
    }

    /// Rolls back what a transaction left that failed or was given up. SQLite ends one by itself when the disk is full, and then
    /// there is nothing to roll back: the driver's own transactions lose count by that and never begin again.
    async fn end_failed(&mut self) {
        if std::mem::take(&mut self.begun) {
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await;
        }
    }

    async fn commit(&mut self) -> Result<(), IndexerError> {
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await?;
        self.begun = false;
        Ok(())
    }
}

/// Applies the whole log to empty state tables; nothing at or below its last block can be undone from the journal then.
async fn replay(connection: &mut SqliteConnection, suite: &Suite, tables: &mut Tables) -> Result<(), IndexerError> {
    undo::set_scope(connection, None).await?;
    // Of blocks that are gone as well: what is journaled next is about other blocks of the same numbers.
    undo::forget_up_to(connection, i64::MAX as u64).await?;
    tables.begin(connection).await?;
    let mut after = Position(-1);
    loop {
        let page = log::events_after(&mut *connection, after, REBUILD_PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = last.position;
        for (row, seen) in &page {
            let Some(event) = row.decode(suite) else { continue };
            let origin =
                Origin { position: row.position, timestamp: seen.timestamp, transaction_hash: row.transaction_hash };
            state::apply(connection, tables, suite, origin, &event).await?;
        }
        tables.flush(connection).await?;
    }
    if let Some(head) = log::head(&mut *connection).await? {
        set_floor(connection, head.number).await?;
    }
    Ok(())
}

/// From here on the journal serves only the blocks above `number`.
async fn set_floor(connection: &mut SqliteConnection, number: u64) -> Result<(), sqlx::Error> {
    undo::forget_up_to(connection, number).await?;
    meta::set(connection, meta::UNDO_FLOOR, &number.to_string()).await
}

/// Steps that are stored in one transaction.
struct Group<'a> {
    connection: &'a mut SqliteConnection,
    suite: &'a Suite,
    tables: &'a mut Tables,
    pending: Pending,
    head: Option<BlockRef>,
    finalized: u64,
    /// Of the last block that was applied; zero after a rollback.
    time: Option<u64>,
    stored: Stored,
}

impl Group<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), IndexerError> {
        match step {
            Step::Apply(block) => self.apply(block).await,
            Step::Checkpoint(block) => self.checkpoint(*block),
            Step::RollBack { to } => self.roll_back(*to).await,
            Step::CaughtUp { .. } => Ok(()),
        }
    }

    async fn apply(&mut self, block: &Block) -> Result<(), IndexerError> {
        if let Some(head) = self.head.filter(|head| block.at.number <= head.number) {
            return self.skip_known(block.at, head).await;
        }
        let journaled = block.at.number > self.finalized && !block.events.is_empty();
        if journaled {
            // What came before belongs to other blocks.
            self.tables.flush(self.connection).await?;
            undo::set_scope(self.connection, Some(block.at.number)).await?;
        }
        for (log, event) in &block.events {
            let row = log::EventRow::new(block.at.number, log)?;
            let origin =
                Origin { position: row.position, timestamp: block.timestamp, transaction_hash: row.transaction_hash };
            state::apply(self.connection, self.tables, self.suite, origin, event).await?;
        }
        if journaled {
            self.tables.flush(self.connection).await?;
            undo::set_scope(self.connection, None).await?;
        }
        self.pending.block(block)?;
        self.head = Some(block.at);
        self.time = Some(block.timestamp);
        self.stored.blocks += 1;
        self.stored.events += block.events.len() as u64;
        Ok(())
    }

    /// A block that is stored already changes nothing; another one at its height is not the chain that is stored.
    async fn skip_known(&mut self, block: BlockRef, head: BlockRef) -> Result<(), IndexerError> {
        self.pending.write(self.connection).await?;
        match log::block_at_or_below(&mut *self.connection, block.number).await? {
            Some(stored) if stored == block => Ok(()),
            _ => Err(IndexerError::OutOfOrder { number: block.number, indexed: head.number }),
        }
    }

    fn checkpoint(&mut self, block: BlockRef) -> Result<(), IndexerError> {
        match self.head {
            Some(head) if block.number < head.number || (block.number == head.number && block.hash != head.hash) => {
                Err(IndexerError::OutOfOrder { number: block.number, indexed: head.number })
            }
            Some(head) if block == head => Ok(()),
            _ => {
                self.pending.checkpoint(block);
                self.head = Some(block);
                Ok(())
            }
        }
    }

    async fn roll_back(&mut self, to: BlockRef) -> Result<(), IndexerError> {
        self.finish().await?;
        if self.head.is_none_or(|head| head.number <= to.number) {
            return Ok(());
        }
        log::remove_above(self.connection, self.suite, to).await?;
        if to.number >= meta::undo_floor(self.connection).await? {
            undo::undo_above(self.connection, to.number).await?;
        } else {
            for table in Tables::NAMES {
                sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *self.connection).await?;
            }
            replay(self.connection, self.suite, self.tables).await?;
        }
        self.tables.begin(self.connection).await?;
        self.head = Some(to);
        self.time = Some(0);
        self.stored.rollbacks += 1;
        Ok(())
    }

    /// Writes what is in memory, and forgets the journal of blocks that are final now.
    async fn finish(&mut self) -> Result<(), IndexerError> {
        self.tables.flush(self.connection).await?;
        self.pending.write(self.connection).await?;
        let Some(head) = self.head else { return Ok(()) };
        let floor = self.finalized.min(head.number);
        if floor > meta::undo_floor(self.connection).await? {
            set_floor(self.connection, floor).await?;
            log::forget_checkpoints(self.connection, floor).await?;
        }
        Ok(())
    }
}
