//! The log tables: blocks, events and their subjects.

use super::{
    column::{Column, Position},
    table::{placeholders, write_in_pieces},
};
use crate::{describe, error::IndexerError};
use alloy::{
    primitives::{Address, B256, Bytes, LogData},
    rpc::types::Log,
};
use assay_contracts::{
    Suite, SuiteEvent,
    follow::{Block, BlockRef},
};
use sqlx::{Row as _, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

/// An event as the log keeps it.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    pub(crate) position: Position,
    pub(crate) transaction_hash: B256,
    pub(crate) address: Address,
    pub(crate) topics: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl EventRow {
    /// The row of the log at index `log.log_index` of block `number`.
    pub(crate) fn new(number: u64, log: &Log) -> Result<Self, IndexerError> {
        let malformed = |reason: &str| IndexerError::MalformedLog { number, reason: reason.to_owned() };
        let log_index = log.log_index.ok_or_else(|| malformed("no log index"))?;
        let position = Position::new(number, log_index)
            .ok_or_else(|| malformed("its number exceeds 2^39 blocks or 2^24 logs in a block"))?;
        Ok(Self {
            position,
            transaction_hash: log.transaction_hash.ok_or_else(|| malformed("no transaction hash"))?,
            address: log.inner.address,
            topics: log.inner.data.topics().concat(),
            data: log.inner.data.data.to_vec(),
        })
    }

    fn put(&self, arguments: &mut sqlx::sqlite::SqliteArguments) {
        self.position.put(arguments);
        self.transaction_hash.put(arguments);
        self.address.put(arguments);
        put_bytes(&self.topics, arguments);
        put_bytes(&self.data, arguments);
    }

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: Position::get(row, 0)?,
            transaction_hash: B256::get(row, 1)?,
            address: Address::get(row, 2)?,
            topics: row.try_get(3)?,
            data: row.try_get(4)?,
        })
    }

    /// The event again. None when the suite's contracts emit no such event (the log keeps only those that they do).
    pub(crate) fn decode(&self, suite: &Suite) -> Option<SuiteEvent> {
        let topics = self.topics.chunks_exact(32).map(B256::from_slice).collect();
        let log = Log {
            inner: alloy::primitives::Log {
                address: self.address,
                data: LogData::new_unchecked(topics, Bytes::from(self.data.clone())),
            },
            block_number: Some(self.position.block()),
            log_index: Some(self.position.log_index()),
            transaction_hash: Some(self.transaction_hash),
            ..Log::default()
        };
        SuiteEvent::decode(suite, &log).ok().flatten()
    }
}

fn put_bytes(bytes: &[u8], arguments: &mut sqlx::sqlite::SqliteArguments) {
    sqlx::Arguments::add(arguments, bytes.to_vec()).expect("a blob always encodes");
}

const EVENT_COLUMNS: &str = "position, transaction_hash, address, topics, data";

/// Log rows that wait to be written together.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    blocks: Vec<(BlockRef, Option<u64>)>,
    events: Vec<EventRow>,
    subjects: Vec<(Vec<u8>, Position)>,
}

impl Pending {
    /// Adds a block with its events.
    pub(crate) fn block(&mut self, block: &Block) -> Result<(), IndexerError> {
        for (log, event) in &block.events {
            let row = EventRow::new(block.at.number, log)?;
            let position = row.position;
            self.subjects.extend(describe::subjects(event).into_iter().map(|subject| (subject, position)));
            self.events.push(row);
        }
        self.blocks.push((block.at, Some(block.timestamp).filter(|_| !block.events.is_empty())));
        Ok(())
    }

    /// Adds a block that was scanned and held nothing.
    pub(crate) fn checkpoint(&mut self, block: BlockRef) {
        self.blocks.push((block, None));
    }

    /// Writes all rows and is empty again.
    pub(crate) async fn write(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let insert = |table: &'static str, columns: &'static str| {
            let width = columns.split(',').count();
            move |rows: usize| format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES {}", placeholders(width, rows))
        };
        write_in_pieces(connection, &self.events, insert("events", EVENT_COLUMNS), |row, arguments| row.put(arguments))
            .await?;
        // In key order the index is written page by page instead of all over the file.
        self.subjects.sort_unstable();
        write_in_pieces(connection, &self.subjects, insert("subjects", "subject, position"), |row, arguments| {
            put_bytes(&row.0, arguments);
            row.1.put(arguments);
        })
        .await?;
        write_in_pieces(connection, &self.blocks, insert("blocks", "number, hash, timestamp"), |row, arguments| {
            row.0.number.put(arguments);
            row.0.hash.put(arguments);
            row.1.put(arguments);
        })
        .await?;
        *self = Self::default();
        Ok(())
    }
}

fn block_ref(row: &SqliteRow) -> Result<BlockRef, sqlx::Error> {
    Ok(BlockRef { number: u64::get(row, 0)?, hash: B256::get(row, 1)? })
}

/// The last stored block.
pub(crate) async fn head(executor: impl SqliteExecutor<'_>) -> Result<Option<BlockRef>, sqlx::Error> {
    let row =
        sqlx::query("SELECT number, hash FROM blocks ORDER BY number DESC LIMIT 1").fetch_optional(executor).await?;
    row.map(|row| block_ref(&row)).transpose()
}

/// The newest stored blocks, at most `limit`, oldest first.
pub(crate) async fn newest_blocks(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<BlockRef>, sqlx::Error> {
    let sql = "SELECT number, hash FROM blocks ORDER BY number DESC LIMIT ?";
    let rows = sqlx::query(sql).bind(limit).fetch_all(executor).await?;
    rows.iter().rev().map(block_ref).collect()
}

/// The last stored block at or below `number`.
pub(crate) async fn block_at_or_below(
    executor: impl SqliteExecutor<'_>,
    number: u64,
) -> Result<Option<BlockRef>, sqlx::Error> {
    let sql = "SELECT number, hash FROM blocks WHERE number <= ? ORDER BY number DESC LIMIT 1";
    let row = sqlx::query(sql).bind(number as i64).fetch_optional(executor).await?;
    row.map(|row| block_ref(&row)).transpose()
}

/// Events after `after` in the chain's order, at most `limit`.
pub(crate) async fn events_after(
    executor: impl SqliteExecutor<'_>,
    after: Position,
    limit: u32,
) -> Result<Vec<(EventRow, Seen)>, sqlx::Error> {
    let sql = "SELECT position, transaction_hash, address, topics, data, hash, timestamp FROM events \
               JOIN blocks ON number = position >> 24 WHERE position > ? ORDER BY position LIMIT ?";
    let rows = sqlx::query(sql).bind(after.0).bind(limit).fetch_all(executor).await?;
    rows.iter().map(event_with_block).collect()
}

/// Events about `subject` before `before`, newest first, at most `limit`.
pub(crate) async fn events_about(
    executor: impl SqliteExecutor<'_>,
    subject: &[u8],
    before: Position,
    limit: u32,
) -> Result<Vec<(EventRow, Seen)>, sqlx::Error> {
    let sql = "SELECT events.position, transaction_hash, address, topics, data, hash, timestamp FROM subjects \
               JOIN events USING (position) JOIN blocks ON number = subjects.position >> 24 \
               WHERE subject = ? AND subjects.position < ? ORDER BY subjects.position DESC LIMIT ?";
    let rows = sqlx::query(sql).bind(subject.to_vec()).bind(before.0).bind(limit).fetch_all(executor).await?;
    rows.iter().map(event_with_block).collect()
}

/// Events of `contracts` after `after` in the chain's order, at most `limit`.
pub(crate) async fn events_of(
    executor: impl SqliteExecutor<'_>,
    contracts: &[Address],
    after: Position,
    limit: u32,
) -> Result<Vec<(EventRow, Seen)>, sqlx::Error> {
    // Each contract's positions come in order from the index, and the database merges them.
    let of_one = "SELECT position FROM subjects WHERE subject = ? AND position > ?";
    let positions = vec![of_one; contracts.len()].join(" UNION ALL ");
    let sql = format!(
        "SELECT events.position, transaction_hash, address, topics, data, hash, timestamp FROM \
         ({positions} ORDER BY position LIMIT ?) AS wanted JOIN events USING (position) \
         JOIN blocks ON number = events.position >> 24 ORDER BY events.position"
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for contract in contracts {
        query = query.bind(contract.to_vec()).bind(after.0);
    }
    let rows = query.bind(limit).fetch_all(executor).await?;
    rows.iter().map(event_with_block).collect()
}

/// The last rollback, and the lowest block that any of those after `id` went back to.
pub(crate) async fn rollbacks_after(
    executor: impl SqliteExecutor<'_>,
    id: i64,
) -> Result<(i64, Option<u64>), sqlx::Error> {
    let sql = "SELECT COALESCE(MAX(id), 0), (SELECT MIN(number) FROM rollbacks WHERE id > ?) FROM rollbacks";
    let row = sqlx::query(sql).bind(id).fetch_one(executor).await?;
    let lowest: Option<i64> = row.try_get(1)?;
    Ok((row.try_get(0)?, lowest.map(i64::unsigned_abs)))
}

/// The block that holds an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) block_hash: B256,
    pub(crate) timestamp: u64,
}

fn event_with_block(row: &SqliteRow) -> Result<(EventRow, Seen), sqlx::Error> {
    let seen = Seen { block_hash: B256::get(row, 5)?, timestamp: Option::<u64>::get(row, 6)?.unwrap_or_default() };
    Ok((EventRow::read(row)?, seen))
}

/// Removes the blocks above `to` and everything that they hold, and records that they are gone.
pub(crate) async fn remove_above(
    connection: &mut SqliteConnection,
    suite: &Suite,
    to: BlockRef,
) -> Result<(), sqlx::Error> {
    let first = Position::after_block(to.number);
    let rollback: i64 = sqlx::query_scalar("INSERT INTO rollbacks (number, hash) VALUES (?, ?) RETURNING id")
        .bind(to.number as i64)
        .bind(to.hash.to_vec())
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO orphans (number, hash, rollback) SELECT number, hash, ? FROM blocks WHERE number > ?",
    )
    .bind(rollback)
    .bind(to.number as i64)
    .execute(&mut *connection)
    .await?;

    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE position >= ?");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(first.0).fetch_all(&mut *connection).await?;
    for row in &rows {
        let event = EventRow::read(row)?;
        let subjects = event.decode(suite).map(|event| describe::subjects(&event)).unwrap_or_default();
        for subject in subjects {
            sqlx::query("DELETE FROM subjects WHERE subject = ? AND position = ?")
                .bind(subject)
                .bind(event.position.0)
                .execute(&mut *connection)
                .await?;
        }
    }
    sqlx::query("DELETE FROM events WHERE position >= ?").bind(first.0).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM blocks WHERE number > ?").bind(to.number as i64).execute(&mut *connection).await?;
    let mut block = Pending::default();
    block.checkpoint(to);
    block.write(connection).await
}

/// Removes everything.
pub(crate) async fn remove_all(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("DELETE FROM subjects; DELETE FROM events; DELETE FROM blocks").execute(connection).await?;
    Ok(())
}

/// Forgets checkpoints at or below `number`, except the last stored block.
pub(crate) async fn forget_checkpoints(connection: &mut SqliteConnection, number: u64) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM blocks WHERE timestamp IS NULL AND number < ? AND number < (SELECT MAX(number) FROM blocks)";
    sqlx::query(sql).bind(number as i64).execute(connection).await?;
    Ok(())
}
