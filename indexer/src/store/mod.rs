//! The database: a log of what the chain said, and state tables derived from it.
//!
//! One [`Writer`] stores steps of the chain, each with its effects in one transaction. Readers see committed steps only.

pub(crate) mod column;
pub(crate) mod log;
mod meta;
pub(crate) mod table;
pub(crate) mod undo;
mod writer;

pub(crate) use meta::{chain_time, undo_floor};
pub(crate) use writer::{Stored, Writer};

use crate::error::IndexerError;
use assay_contracts::Suite;
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, time::Duration};

/// Connections that serve reads at a time.
const READERS: u32 = 4;

/// Opens the database at `path`, making it if need be, for the events of `suite`.
///
/// `max_bytes` bounds the file; beyond it writes fail as on a full disk, and indexing waits.
pub(crate) async fn open(
    path: &Path,
    suite: &Suite,
    max_bytes: Option<u64>,
) -> Result<(Writer, SqlitePool), IndexerError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With a write-ahead log a power cut may lose the last commits, never their order: the follower sends them again.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(10));

    let mut connection = SqliteConnection::connect_with(&options.clone().pragma("cache_size", "-65536")).await?;
    if let Some(bytes) = max_bytes {
        let page: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut connection).await?;
        let pages = bytes / page.unsigned_abs().max(1);
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&mut connection).await?;
    }
    let writer = Writer::open(connection, path, suite.clone()).await?;

    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options.read_only(true))
        .await?;
    Ok((writer, readers))
}
