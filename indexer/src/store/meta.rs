//! Facts about the database itself.

use crate::error::{IndexerError, SuiteName};
use assay_contracts::Suite;
use sqlx::SqliteConnection;
use std::path::Path;

/// The version of the state tables. Raise it when `state.sql` or the meaning of an event changes: databases of another
/// version rebuild their state from their log, without asking the chain.
pub(super) const STATE_VERSION: &str = "4";

/// The highest block whose effects cannot be undone from the journal.
pub(super) const UNDO_FLOOR: &str = "undo_floor";

const SUITE: &str = "suite";
const SALES: &str = "sales";
const VERSION: &str = "state_version";

pub(super) async fn get(connection: &mut SqliteConnection, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = ?").bind(key).fetch_optional(connection).await
}

pub(super) async fn set(connection: &mut SqliteConnection, key: &str, value: &str) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(key).bind(value).execute(connection).await?;
    Ok(())
}

/// Claims a new database for `suite`, or checks that an old one is its.
pub(super) async fn claim(connection: &mut SqliteConnection, path: &Path, suite: &Suite) -> Result<(), IndexerError> {
    let expected = SuiteName { chain_id: suite.chain_id, job_escrow: suite.job_escrow };
    match get(connection, SUITE).await? {
        None => set(connection, SUITE, &expected.to_string()).await?,
        Some(actual) if actual == expected.to_string() => {}
        Some(actual) => return Err(IndexerError::WrongSuite { path: path.to_owned(), expected, actual }),
    }
    Ok(())
}

/// The block from which the chain has to be read again for the sake of sales that the log was not kept for; the sales are
/// remembered.
pub(super) async fn learn_sales(connection: &mut SqliteConnection, suite: &Suite) -> Result<Option<u64>, sqlx::Error> {
    let known = get(connection, SALES).await?.unwrap_or_default();
    let name = |sale: &assay_contracts::Sale| format!("{:#x}", sale.address);
    let first = suite.sales.iter().filter(|sale| !known.contains(&name(sale))).map(|sale| sale.block).min();
    if first.is_some() {
        let sales: Vec<_> = suite.sales.iter().map(name).collect();
        set(connection, SALES, &sales.join(" ")).await?;
    }
    Ok(first)
}

/// Whether the state tables are of this version.
pub(super) async fn state_is_current(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(get(connection, VERSION).await?.as_deref() == Some(STATE_VERSION))
}

/// Has them rebuilt.
pub(super) async fn set_state_stale(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    set(connection, VERSION, "stale").await
}

/// Records that they are.
pub(super) async fn set_state_current(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    set(connection, VERSION, STATE_VERSION).await
}

/// The highest block whose effects cannot be undone from the journal.
pub(crate) async fn undo_floor(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    Ok(get(connection, UNDO_FLOOR).await?.and_then(|text| text.parse().ok()).unwrap_or(0))
}
