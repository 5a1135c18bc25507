//! Facts about the database itself.

use crate::error::{IndexerError, SuiteName};
use alloy::primitives::Address;
use assay_contracts::Suite;
use sqlx::SqliteConnection;
use std::path::Path;

/// The version of the state tables. Raise it when `state.sql` or the meaning of an event changes: databases of another
/// version rebuild their state from their log, without asking the chain.
pub(super) const STATE_VERSION: &str = "5";

/// The highest block whose effects cannot be undone from the journal.
pub(super) const UNDO_FLOOR: &str = "undo_floor";

/// The time of the last stored block, as far as it was given (Unix seconds).
pub(super) const HEAD_TIME: &str = "head_time";

const SUITE: &str = "suite";
const CONTRACTS: &str = "contracts";
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

/// The block from which the chain has to be read again for the sake of sales, networks and pools that the log was not kept for; they
/// are remembered.
pub(super) async fn learn_contracts(
    connection: &mut SqliteConnection,
    suite: &Suite,
) -> Result<Option<u64>, sqlx::Error> {
    let known = get(connection, CONTRACTS).await?.unwrap_or_default();
    let sales = suite.sales.iter().map(|sale| (sale.address, sale.block));
    let networks = suite.networks.iter().map(|network| (network.uptime, network.block));
    let pools = suite.networks.iter().flat_map(|network| &network.pools).map(|pool| (pool.address, pool.block));
    let named = |(address, block): (Address, u64)| (format!("{address:#x}"), block);
    let contracts: Vec<_> = sales.chain(networks).chain(pools).map(named).collect();
    let first = contracts.iter().filter(|(name, _)| !known.contains(name)).map(|(_, block)| *block).min();
    if first.is_some() {
        let names: Vec<_> = contracts.into_iter().map(|(name, _)| name).collect();
        set(connection, CONTRACTS, &names.join(" ")).await?;
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

/// The time of the chain, as far as the log tells (Unix seconds).
pub(crate) async fn chain_time(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let head = get(connection, HEAD_TIME).await?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let sql = "SELECT timestamp FROM blocks WHERE timestamp IS NOT NULL ORDER BY number DESC LIMIT 1";
    let last: Option<i64> = sqlx::query_scalar(sql).fetch_optional(connection).await?;
    Ok(last.map_or(0, i64::unsigned_abs).max(head))
}
