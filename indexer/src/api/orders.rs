//! `/v1/orders`

use super::{
    App,
    error::{ApiError, Failures},
    events::{self, EventView},
    extract::{self, Params, Segment},
    page::{self, Filter, Page},
};
use crate::rows::{Batch, Order, OrderStatus, Take};
use alloy::primitives::B256;
use axum::{Json, extract::State};
use serde::Deserialize;
use sqlx::SqliteConnection;
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrdersQuery {
    /// Only this customer's.
    #[param(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    customer: Option<String>,
    /// Only for this model.
    model: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<OrderStatus>)]
    status: Option<String>,
    /// `next` of the page before.
    #[param(example = "1204-3")]
    cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A page of any list that has no filters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// `next` of the page before.
    #[param(example = "1204-3")]
    pub(crate) cursor: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub(crate) limit: Option<String>,
}

/// Orders
///
/// Newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "work", params(OrdersQuery),
    responses((status = 200, body = Page<Order>), Failures))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<OrdersQuery>,
) -> Result<Json<Page<Order>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let status: Option<OrderStatus> = extract::word(query.status.as_deref(), "bad_status", "open, closed, complete")?;
    let filters = [
        Filter::bytes("customer", query.customer.as_deref().map(extract::address).transpose()?),
        Filter::bytes("model_id", query.model.as_deref().map(extract::hash).transpose()?),
        status.map(|status| Filter::Word("status", status.as_str())),
    ];
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.acquire().await?;
    let orders = page::newest::<Order>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(orders, limit, |order| order.position)))
}

/// One order
#[utoipa::path(get, path = "/v1/orders/{order_id}", tag = "work",
    params(("order_id" = String, Path, description = "The order's id")),
    responses((status = 200, body = Order), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(order_id): Segment<String>,
) -> Result<Json<Order>, ApiError> {
    let mut connection = app.readers.acquire().await?;
    find(&mut connection, extract::hash(&order_id)?).await.map(Json)
}

/// The order, or a 404.
pub(crate) async fn find(connection: &mut SqliteConnection, order_id: B256) -> Result<Order, ApiError> {
    let unknown = || ApiError::not_found("order_unknown", format!("no order {order_id} was opened"));
    page::one(connection, "order_id", order_id).await?.ok_or_else(unknown)
}

/// An order's batches
///
/// Newest first.
#[utoipa::path(get, path = "/v1/orders/{order_id}/batches", tag = "work",
    params(("order_id" = String, Path, description = "The order's id"), PageQuery),
    responses((status = 200, body = Page<Batch>), Failures))]
pub(crate) async fn batches(
    State(app): State<Arc<App>>,
    Segment(order_id): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Batch>>, ApiError> {
    let order_id = extract::hash(&order_id)?;
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.begin().await?;
    find(&mut connection, order_id).await?;
    let filters = [Filter::bytes("order_id", Some(order_id))];
    let batches = page::newest::<Batch>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(batches, limit, |batch| batch.position)))
}

/// An order's takes
///
/// The last take of each range, newest first. Ranges that were taken and committed at once have none.
#[utoipa::path(get, path = "/v1/orders/{order_id}/takes", tag = "work",
    params(("order_id" = String, Path, description = "The order's id"), PageQuery),
    responses((status = 200, body = Page<Take>), Failures))]
pub(crate) async fn takes(
    State(app): State<Arc<App>>,
    Segment(order_id): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Take>>, ApiError> {
    let order_id = extract::hash(&order_id)?;
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.begin().await?;
    find(&mut connection, order_id).await?;
    let filters = [Filter::bytes("order_id", Some(order_id))];
    let takes = page::newest::<Take>(&mut connection, filters, before, limit).await?;
    Ok(Json(Page::new(takes, limit, |take| take.position)))
}

/// An order's events
///
/// Newest first.
#[utoipa::path(get, path = "/v1/orders/{order_id}/history", tag = "work",
    params(("order_id" = String, Path, description = "The order's id"), PageQuery),
    responses((status = 200, body = Page<EventView>), Failures))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Segment(order_id): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<EventView>>, ApiError> {
    let order_id = extract::hash(&order_id)?;
    let mut connection = app.readers.begin().await?;
    find(&mut connection, order_id).await?;
    events::about(&mut connection, &app.suite, order_id.as_slice(), &query).await.map(Json)
}
