//! Tasks of batches with their Merkle proofs, from the blob store. A blob is verified against the committed root before
//! anything of it is served.

use super::{
    App, batches,
    error::{ApiError, ErrorBody, Failures},
    extract::{self, Params, Segment},
    orders,
    page::Page,
    verification::{self, Audit},
};
use crate::{
    rows::{Batch, BatchStatus, schema},
    store::table::{Row, select_from},
};
use alloy::primitives::{Address, B256, Bytes};
use assay_blobs::BlobError;
use assay_kernels::commit::{self, BatchScope};
use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};
use utoipa::{IntoParams, ToSchema};

/// One task of a committed batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TaskView {
    /// The order.
    #[schema(value_type = schema::Hash)]
    order_id: B256,
    /// The batch.
    #[schema(value_type = schema::Hash)]
    batch_id: B256,
    /// Index in the order.
    index: u32,
    /// Who computed it.
    #[schema(value_type = schema::Account)]
    provider: Address,
    /// Root of the input row.
    #[schema(value_type = schema::Hash)]
    input_hash: B256,
    /// Root of the output row.
    #[schema(value_type = schema::Hash)]
    output_hash: B256,
    /// Units of the batch's tasks before this one.
    units_before: u64,
    /// Units of this task.
    units: u32,
    /// What became of the batch.
    status: BatchStatus,
    /// How the task is proved to be in the batch.
    proof: Proof,
    /// The output row; in answers about one task only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "0x0fe3")]
    output: Option<Bytes>,
    /// What is known of its verification; in answers about one task only.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Audit>,
}

/// A position-bound Merkle proof: leaf number `position` of `count` under `root`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Proof {
    /// keccak256 of 0x00 and the packed task.
    #[schema(value_type = schema::Hash)]
    leaf: B256,
    /// Position in the batch.
    position: u32,
    /// Leaves of the batch.
    count: u32,
    /// The committed root.
    #[schema(value_type = schema::Hash)]
    root: B256,
    /// Siblings from the leaf up; levels at which the node is promoted have none.
    #[schema(value_type = Vec<schema::Hash>)]
    siblings: Vec<B256>,
}

/// A page of tasks, in the order's order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TasksQuery {
    /// `next` of the page before: the index to go on from.
    #[param(value_type = Option<u32>)]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

impl TasksQuery {
    fn range(&self) -> Result<(u32, u32), ApiError> {
        let start = self
            .cursor
            .as_deref()
            .map_or(Ok(0), |cursor| extract::index(cursor).map_err(|_| ApiError::bad_cursor(cursor)))?;
        Ok((start, extract::limit(self.limit.as_deref())?))
    }
}

/// Tasks of a batch
///
/// In the order's order, each with its Merkle proof under the committed root.
#[utoipa::path(get, path = "/v1/batches/{batch_id}/tasks", tag = "work",
    params(("batch_id" = String, Path, description = "The batch's id"), TasksQuery),
    responses((status = 200, body = Page<TaskView>),
        (status = 409, body = ErrorBody, description = "The stored results are not the committed ones"), Failures))]
pub(crate) async fn of_batch(
    State(app): State<Arc<App>>,
    Segment(batch_id): Segment<String>,
    Params(query): Params<TasksQuery>,
) -> Result<Json<Page<TaskView>>, ApiError> {
    let (start, limit) = query.range()?;
    let batch_id = extract::hash(&batch_id)?;
    let row = batches::find(&mut *app.readers.acquire().await?, batch_id).await?;
    let content = content(&app, &row).await?;
    let tasks = tasks(&row, &content, start, limit as usize + 1);
    Ok(Json(Page { next: None, items: tasks }.cut(limit)))
}

/// One task of a batch
///
/// With its output row and its audit trail. `index` is the index in the order.
#[utoipa::path(get, path = "/v1/batches/{batch_id}/tasks/{index}", tag = "work",
    params(("batch_id" = String, Path, description = "The batch's id"),
        ("index" = u32, Path, description = "The task's index in the order")),
    responses((status = 200, body = TaskView),
        (status = 409, body = ErrorBody, description = "The stored results are not the committed ones"), Failures))]
pub(crate) async fn one_of_batch(
    State(app): State<Arc<App>>,
    Segment((batch_id, index)): Segment<(String, String)>,
) -> Result<Json<TaskView>, ApiError> {
    let (batch_id, index) = (extract::hash(&batch_id)?, extract::index(&index)?);
    let row = batches::find(&mut *app.readers.acquire().await?, batch_id).await?;
    one(&app, &row, index).await.map(Json)
}

/// Tasks of an order
///
/// Those in committed batches, in the order's order, each with its Merkle proof. A page ends early where a range is not
/// committed yet.
#[utoipa::path(get, path = "/v1/orders/{order_id}/tasks", tag = "work",
    params(("order_id" = String, Path, description = "The order's id"), TasksQuery),
    responses((status = 200, body = Page<TaskView>),
        (status = 409, body = ErrorBody, description = "The stored results are not the committed ones"), Failures))]
pub(crate) async fn of_order(
    State(app): State<Arc<App>>,
    Segment(order_id): Segment<String>,
    Params(query): Params<TasksQuery>,
) -> Result<Json<Page<TaskView>>, ApiError> {
    let (start, limit) = query.range()?;
    let order_id = extract::hash(&order_id)?;
    orders::find(&mut *app.readers.acquire().await?, order_id).await?;
    let wanted = limit as usize + 1;
    let mut items = Vec::new();
    for row in ending_after(&app, order_id, start, i64::from(limit) + 1).await? {
        let content = content(&app, &row).await?;
        items.extend(tasks(&row, &content, start, wanted - items.len()));
        if items.len() == wanted {
            break;
        }
    }
    Ok(Json(Page { next: None, items }.cut(limit)))
}

/// One task of an order
///
/// With its output row and its audit trail.
#[utoipa::path(get, path = "/v1/orders/{order_id}/tasks/{index}", tag = "work",
    params(("order_id" = String, Path, description = "The order's id"),
        ("index" = u32, Path, description = "The task's index in the order")),
    responses((status = 200, body = TaskView),
        (status = 409, body = ErrorBody, description = "The stored results are not the committed ones"), Failures))]
pub(crate) async fn one_of_order(
    State(app): State<Arc<App>>,
    Segment((order_id, index)): Segment<(String, String)>,
) -> Result<Json<TaskView>, ApiError> {
    let (order_id, index) = (extract::hash(&order_id)?, extract::index(&index)?);
    orders::find(&mut *app.readers.acquire().await?, order_id).await?;
    let row = ending_after(&app, order_id, index, 1).await?.pop().ok_or_else(|| not_committed(index))?;
    if row.first > index {
        return Err(not_committed(index));
    }
    one(&app, &row, index).await.map(Json)
}

impl Page<TaskView> {
    /// Cuts what was read beyond `limit`; the following page starts there.
    fn cut(mut self, limit: u32) -> Self {
        self.next = self.items.get(limit as usize).map(|task| task.index.to_string());
        self.items.truncate(limit as usize);
        self
    }
}

/// The order's batches that hold `index` or a later one, in the order's order.
async fn ending_after(app: &App, order_id: B256, index: u32, limit: i64) -> Result<Vec<Batch>, ApiError> {
    let sql = format!("{} WHERE order_id = ? AND first + count > ? ORDER BY first LIMIT ?", select_from::<Batch>());
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(order_id.to_vec())
        .bind(i64::from(index))
        .bind(limit)
        .fetch_all(&app.readers)
        .await?;
    Ok(rows.iter().map(Batch::read).collect::<Result<_, _>>()?)
}

fn not_committed(index: u32) -> ApiError {
    ApiError::not_found("task_not_committed", format!("task {index} is in no committed batch"))
}

/// At most `most` tasks of `row` from index `start` on, without their outputs.
fn tasks(row: &Batch, content: &commit::Batch, start: u32, most: usize) -> Vec<TaskView> {
    let skipped = start.saturating_sub(row.first) as usize;
    (skipped..content.leaves().len()).take(most).map(|position| view(row, content, position)).collect()
}

/// Task `index` of `row` with its output and its audit trail.
async fn one(app: &App, row: &Batch, index: u32) -> Result<TaskView, ApiError> {
    let content = content(app, row).await?;
    let position = index.checked_sub(row.first).filter(|position| *position < row.count).ok_or_else(|| {
        let message = format!("batch {} holds tasks {} to {}", row.batch_id, row.first, row.first + (row.count - 1));
        ApiError::not_found("task_unknown", message)
    })?;
    let mut task = view(row, &content, position as usize);
    task.audit = Some(verification::audit(&mut *app.readers.begin().await?, row, index).await?);
    task.output = Some(Bytes::copy_from_slice(&content.tasks()[position as usize].row));
    Ok(task)
}

fn view(row: &Batch, content: &commit::Batch, position: usize) -> TaskView {
    let leaf = &content.leaves()[position];
    TaskView {
        order_id: row.order_id,
        batch_id: row.batch_id,
        index: leaf.index,
        provider: row.provider,
        input_hash: leaf.input_hash.into(),
        output_hash: leaf.output_hash.into(),
        units_before: leaf.units_before,
        units: leaf.units,
        status: row.status,
        proof: Proof {
            leaf: leaf.hash().into(),
            position: leaf.index - row.first,
            count: row.count,
            root: row.root,
            siblings: content.proof(position).into_iter().map(B256::from).collect(),
        },
        output: None,
        audit: None,
    }
}

/// The batch's content from the store, verified.
async fn content(app: &App, row: &Batch) -> Result<Arc<commit::Batch>, ApiError> {
    if let Some(known) = app.batches.get(row.batch_id) {
        return Ok(known);
    }
    let scope = BatchScope {
        chain_id: app.suite.chain_id,
        order_id: row.order_id.0,
        provider: row.provider.into_array(),
        first: row.first,
    };
    let (blobs, root, runtime) = (app.blobs.clone(), row.root.0, tokio::runtime::Handle::current());
    // Hashing a large batch takes long enough to hold up other requests.
    let read = tokio::task::spawn_blocking(move || runtime.block_on(async { blobs.get_batch(&root, scope).await }));
    let batch = read.await.map_err(|_| ApiError::internal())?.map_err(|error| refused(row, &error))?;
    // The root binds the number of leaves, so another count means that the provider committed one that it did not hash.
    if batch.count() != row.count {
        let message =
            format!("batch {} was committed with {} tasks, its root has {}", row.batch_id, row.count, batch.count());
        return Err(ApiError::new(StatusCode::CONFLICT, "batch_inconsistent", message, "demand its tasks on chain"));
    }
    let batch = Arc::new(batch);
    app.batches.put(row.batch_id, batch.clone());
    Ok(batch)
}

fn refused(row: &Batch, error: &BlobError) -> ApiError {
    let of = format!("batch {} with root {}: {error}", row.batch_id, row.root);
    let hint = "demand the task on chain if the provider does not publish it";
    match error {
        BlobError::Missing { .. } => ApiError::new(StatusCode::NOT_FOUND, "blob_missing", of, hint),
        BlobError::Altered { .. } => ApiError::new(StatusCode::CONFLICT, "blob_altered", of, hint),
        BlobError::TooLarge { .. } => ApiError::new(StatusCode::CONFLICT, "blob_too_large", of, hint),
        BlobError::Store { .. } => ApiError::unavailable("blob_store_failed", of, "try again later"),
    }
}

/// Batches that were verified lately. They are named by content, so none is ever stale.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchCache(Arc<Mutex<VecDeque<Verified>>>);

/// A batch's id and its content.
type Verified = (B256, Arc<commit::Batch>);

impl BatchCache {
    /// Tasks of all cached batches together.
    const MOST_TASKS: usize = 50_000;

    fn get(&self, batch_id: B256) -> Option<Arc<commit::Batch>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.iter().position(|(known, _)| *known == batch_id)?;
        let entry = entries.remove(at)?;
        let batch = entry.1.clone();
        entries.push_front(entry);
        Some(batch)
    }

    fn put(&self, batch_id: B256, batch: Arc<commit::Batch>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push_front((batch_id, batch));
        let mut tasks = 0;
        entries.retain(|(_, batch)| {
            tasks += batch.tasks().len();
            tasks <= Self::MOST_TASKS
        });
    }
}
