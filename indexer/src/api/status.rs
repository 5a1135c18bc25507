//! What the indexer says of itself, and totals.

use super::{
    App,
    error::{ApiError, ErrorBody, Failures},
    page,
};
use crate::{
    ingest::Progress,
    rows::{Token, schema},
    store::log,
};
use alloy::primitives::{Address, B256};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sqlx::{Row as _, SqliteConnection};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::ToSchema;

/// Totals.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// The chain.
    chain_id: u64,
    /// The escrow.
    #[schema(value_type = schema::Account)]
    job_escrow: Address,
    /// The last block that is counted.
    block_number: Option<u64>,
    /// Its hash.
    #[schema(value_type = Option<schema::Hash>)]
    block_hash: Option<B256>,
    /// Events.
    events: i64,
    /// Orders by status.
    orders: BTreeMap<String, i64>,
    /// Batches by status.
    batches: BTreeMap<String, i64>,
    /// Draws by status.
    draws: BTreeMap<String, i64>,
    /// Disputes by status.
    disputes: BTreeMap<String, i64>,
    /// Tasks that were settled.
    tasks_settled: i64,
    /// Models.
    models: i64,
    /// Providers that ever took a task.
    providers: i64,
    /// Ledger accounts that ever held something.
    accounts: i64,
    /// Money, by token.
    tokens: Vec<Token>,
}

/// Totals
#[utoipa::path(get, path = "/v1/stats", tag = "service", responses((status = 200, body = Stats), Failures))]
pub(crate) async fn stats(State(app): State<Arc<App>>) -> Result<Json<Stats>, ApiError> {
    let mut connection = app.readers.begin().await?;
    let head = log::head(&mut *connection).await?;
    let orders = by_status(&mut connection, "SELECT status, COUNT(*) FROM orders GROUP BY status").await?;
    let batches = by_status(&mut connection, "SELECT status, COUNT(*) FROM batches GROUP BY status").await?;
    let draws = by_status(&mut connection, "SELECT status, COUNT(*) FROM draws GROUP BY status").await?;
    let disputes = by_status(&mut connection, "SELECT status, COUNT(*) FROM disputes GROUP BY status").await?;
    let counts = "SELECT (SELECT COUNT(*) FROM events), (SELECT COALESCE(SUM(settled), 0) FROM orders), \
                  (SELECT COUNT(*) FROM models), (SELECT COUNT(*) FROM providers), \
                  (SELECT COUNT(DISTINCT account) FROM balances)";
    let counts = sqlx::query(counts).fetch_one(&mut *connection).await?;
    Ok(Json(Stats {
        chain_id: app.suite.chain_id,
        job_escrow: app.suite.job_escrow,
        block_number: head.map(|head| head.number),
        block_hash: head.map(|head| head.hash),
        events: counts.try_get(0)?,
        orders,
        batches,
        draws,
        disputes,
        tasks_settled: counts.try_get(1)?,
        models: counts.try_get(2)?,
        providers: counts.try_get(3)?,
        accounts: counts.try_get(4)?,
        tokens: page::all(&mut connection, None).await?,
    }))
}

async fn by_status(connection: &mut SqliteConnection, sql: &'static str) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Alive.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The version that runs.
    version: &'static str,
}

/// Whether the process answers
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// How far the index is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether the tables are up to date.
    ready: bool,
    /// The last block whose events are in the tables.
    indexed_block: Option<u64>,
    /// The chain's head.
    head_block: Option<u64>,
    /// Blocks in between.
    behind: Option<u64>,
    /// Why it is not ready: a stable code, what is wrong, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

/// Whether the tables are up to date
///
/// 503 while the index is behind, the RPC is unreachable or the disk is full.
#[utoipa::path(get, path = "/ready", tag = "service",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let progress = app.progress.borrow().clone();
    let error = hindrance(&progress, app.limits.ready_max_behind);
    let status = if error.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Readiness {
        ready: error.is_none(),
        indexed_block: progress.indexed.map(|block| block.number),
        head_block: progress.head,
        behind: progress.behind(),
        error,
    };
    (status, Json(readiness)).into_response()
}

fn hindrance(progress: &Progress, max_behind: u64) -> Option<ErrorBody> {
    if let Some(trouble) = &progress.trouble {
        let hint = match trouble.code {
            "disk_full" => "make room, or raise `database_max_bytes`; indexing goes on by itself",
            _ => "it is tried again; check the RPC endpoint if it lasts",
        };
        return Some(ErrorBody { code: trouble.code, message: trouble.message.clone(), hint: hint.to_owned() });
    }
    let (code, message) = match progress.behind() {
        None => ("starting", "the chain was not read yet".to_owned()),
        Some(behind) if behind > max_behind => ("behind", format!("the index is {behind} blocks behind the head")),
        Some(_) => return None,
    };
    Some(ErrorBody { code, message, hint: "wait; /metrics shows the progress".to_owned() })
}

/// Prometheus metrics
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}

/// This API's OpenAPI 3.1 document
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses((status = 200, body = Object)))]
pub(crate) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(super::document())
}
