//! `/v1/batches`

use super::{
    App,
    error::{ApiError, Failures},
    extract::{self, Params, Segment},
    page::{self, Filter, Page},
    verification::{self, DrawView},
};
use crate::rows::{Batch, BatchStatus, Demand};
use alloy::primitives::B256;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchesQuery {
    /// Only this provider's.
    #[param(example = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc")]
    provider: Option<String>,
    /// Only of this order.
    order: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<BatchStatus>)]
    status: Option<String>,
    /// `next` of the page before.
    #[param(example = "1204-3")]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A batch with its demands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BatchView {
    #[serde(flatten)]
    batch: Batch,
    /// Demands for withheld data, by task index.
    demands: Vec<Demand>,
    /// Its draw; null where the order names no verification contract.
    draw: Option<DrawView>,
}

/// Batches
///
/// Newest first.
#[utoipa::path(get, path = "/v1/batches", tag = "work", params(BatchesQuery),
    responses((status = 200, body = Page<Batch>), Failures))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<BatchesQuery>,
) -> Result<Json<Page<Batch>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let status: Option<BatchStatus> =
        extract::word(query.status.as_deref(), "bad_status", "committed, settled, forfeited")?;
    let filters = [
        Filter::bytes("provider", query.provider.as_deref().map(extract::address).transpose()?),
        Filter::bytes("order_id", query.order.as_deref().map(extract::hash).transpose()?),
        status.map(|status| Filter::Word("status", status.as_str())),
    ];
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.acquire().await?;
    let batches = page::newest::<Batch>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(batches, limit, |batch| batch.position)))
}

/// One batch
#[utoipa::path(get, path = "/v1/batches/{batch_id}", tag = "work",
    params(("batch_id" = String, Path, description = "The batch's id")),
    responses((status = 200, body = BatchView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(batch_id): Segment<String>,
) -> Result<Json<BatchView>, ApiError> {
    let batch_id = extract::hash(&batch_id)?;
    let mut connection = app.readers.begin().await?;
    let batch = find(&mut connection, batch_id).await?;
    let demands = page::all(&mut connection, Filter::bytes("batch_id", Some(batch_id))).await?;
    let draw = verification::draw_of(&mut connection, batch_id).await?;
    Ok(Json(BatchView { batch, demands, draw }))
}

/// The batch, or a 404.
pub(crate) async fn find(connection: &mut SqliteConnection, batch_id: B256) -> Result<Batch, ApiError> {
    let unknown = || ApiError::not_found("batch_unknown", format!("no batch {batch_id} was committed"));
    page::one(connection, "batch_id", batch_id).await?.ok_or_else(unknown)
}
