//! `/v1/disputes` and `/v1/validators`, and what is known of the verification of batches and tasks.

use super::{
    App,
    error::{ApiError, Failures},
    extract::{self, Params, Segment},
    orders::PageQuery,
    page::{self, Filter, Page},
};
use crate::{
    rows::{Batch, Dispute, DisputeStatus, DisputedTask, Draw, DrawStatus, Move, Pot, Testimony, Validator, schema},
    store::table::{Row, select_from},
};
use alloy::primitives::B256;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DisputesQuery {
    /// Only over tasks of this batch.
    batch: Option<String>,
    /// Only those in which this account is the challenger or the provider.
    #[param(example = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc")]
    account: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<DisputeStatus>)]
    status: Option<String>,
    /// `next` of the page before.
    #[param(example = "1204-3")]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A dispute with its moves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DisputeView {
    #[serde(flatten)]
    dispute: Dispute,
    /// What was done, oldest first.
    history: Vec<Move>,
}

/// A batch's draw with what its parties said, and the reward if it was convicted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DrawView {
    #[serde(flatten)]
    draw: Draw,
    /// What validators and provider said about each drawn task.
    testimonies: Vec<Testimony>,
    /// The reward of its conviction.
    pot: Option<Pot>,
}

/// What is known of a task's verification, from commit to disputes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Audit {
    /// Transaction that committed the batch with the task's leaf.
    #[schema(value_type = schema::Hash)]
    commit_transaction: B256,
    /// How far the batch's draw is; null where nothing is drawn.
    draw: Option<DrawStatus>,
    /// Whether the task was drawn; null while that is open.
    drawn: Option<bool>,
    /// What validators and provider said about it.
    testimonies: Vec<Testimony>,
    /// The trace root that the provider answered a challenge with.
    #[schema(value_type = Option<schema::Hash>)]
    answer: Option<B256>,
    /// Whether a game over the task was won against the provider.
    lost: bool,
    /// The disputes over it, oldest first.
    disputes: Vec<Dispute>,
}

/// Disputes
///
/// Newest first, sealed ones too.
#[utoipa::path(get, path = "/v1/disputes", tag = "verification", params(DisputesQuery),
    responses((status = 200, body = Page<Dispute>), Failures))]
pub(crate) async fn disputes(
    State(app): State<Arc<App>>,
    Params(query): Params<DisputesQuery>,
) -> Result<Json<Page<Dispute>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let status: Option<DisputeStatus> =
        extract::word(query.status.as_deref(), "bad_status", "sealed, expired, withdrawn, open, won, lost")?;
    let account = query.account.as_deref().map(extract::address).transpose()?;
    let filters = [
        Filter::bytes("batch_id", query.batch.as_deref().map(extract::hash).transpose()?),
        account.map(|account| Filter::Either(["challenger", "provider"], account.to_vec())),
        status.map(|status| Filter::Word("status", status.as_str())),
    ];
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.acquire().await?;
    let disputes = page::newest::<Dispute>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(disputes, limit, |dispute| dispute.position)))
}

/// One dispute
///
/// With every move and its transaction; what a move showed is in its event.
#[utoipa::path(get, path = "/v1/disputes/{dispute_id}", tag = "verification",
    params(("dispute_id" = String, Path, description = "The seal's hash, which is the game's id")),
    responses((status = 200, body = DisputeView), Failures))]
pub(crate) async fn dispute(
    State(app): State<Arc<App>>,
    Segment(dispute_id): Segment<String>,
) -> Result<Json<DisputeView>, ApiError> {
    let dispute_id = extract::hash(&dispute_id)?;
    let mut connection = app.readers.begin().await?;
    let unknown = || ApiError::not_found("dispute_unknown", format!("no challenge {dispute_id} was sealed"));
    let dispute = page::one(&mut connection, "dispute_id", dispute_id).await?.ok_or_else(unknown)?;
    let history = page::all(&mut connection, Filter::bytes("dispute_id", Some(dispute_id))).await?;
    Ok(Json(DisputeView { dispute, history }))
}

/// Validators
///
/// Their seats, the newest first; those who left or were slashed are listed too.
#[utoipa::path(get, path = "/v1/validators", tag = "verification", params(PageQuery),
    responses((status = 200, body = Page<Validator>), Failures))]
pub(crate) async fn validators(
    State(app): State<Arc<App>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Validator>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.acquire().await?;
    let validators = page::newest::<Validator>(&mut connection, [], before, limit).await?;
    Ok(Json(Page::new(validators, limit, |validator| validator.position)))
}

/// The draw of a batch, if its order names a verification contract.
pub(crate) async fn draw_of(connection: &mut SqliteConnection, batch_id: B256) -> Result<Option<DrawView>, ApiError> {
    let Some(draw) = page::one(connection, "batch_id", batch_id).await? else { return Ok(None) };
    let testimonies = page::all(connection, Filter::bytes("batch_id", Some(batch_id))).await?;
    let pot = page::one(connection, "batch_id", batch_id).await?;
    Ok(Some(DrawView { draw, testimonies, pot }))
}

/// What is known of task `index` of `batch`.
pub(crate) async fn audit(connection: &mut SqliteConnection, batch: &Batch, index: u32) -> Result<Audit, ApiError> {
    let draw: Option<Draw> = page::one(connection, "batch_id", batch.batch_id).await?;
    let drawn = draw.as_ref().filter(|draw| draw.draw_transaction.is_some());
    let task: Option<DisputedTask> = of_task(connection, batch.batch_id, index).await?.pop();
    Ok(Audit {
        commit_transaction: batch.commit_transaction,
        draw: draw.as_ref().map(|draw| draw.status),
        drawn: drawn.map(|draw| draw.drawn.iter().any(|drawn| drawn.index == index)),
        testimonies: of_task(connection, batch.batch_id, index).await?,
        answer: task.as_ref().and_then(|task| task.trace_root),
        lost: task.is_some_and(|task| task.lost),
        disputes: of_task(connection, batch.batch_id, index).await?,
    })
}

/// The rows of `R` about one task.
async fn of_task<R: Row>(connection: &mut SqliteConnection, batch_id: B256, index: u32) -> Result<Vec<R>, ApiError> {
    let order = R::COLUMNS.iter().find(|column| **column == "position").unwrap_or(&R::COLUMNS[R::KEY_COLUMNS - 1]);
    let sql = format!("{} WHERE batch_id = ? AND task_index = ? ORDER BY {order}", select_from::<R>());
    let query = sqlx::query(AssertSqlSafe(sql)).bind(batch_id.to_vec()).bind(i64::from(index));
    let rows = query.fetch_all(connection).await?;
    Ok(rows.iter().map(R::read).collect::<Result<_, _>>()?)
}
