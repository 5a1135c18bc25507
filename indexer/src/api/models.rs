//! `/v1/models`, `/v1/providers`, `/v1/fees` and `/v1/roles`

use super::{
    App,
    error::{ApiError, Failures},
    extract::{self, Params, Segment},
    orders::PageQuery,
    page::{self, Filter, Page},
};
use crate::rows::{Earning, FeeRate, Model, PriceFloor, Provider, Provision, RoleMember};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A model with its price floors.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ModelView {
    #[serde(flatten)]
    model: Model,
    /// Tokens that it is or was sold for, with the least price of a unit.
    price_floors: Vec<PriceFloor>,
}

/// A provider with what it earned and staked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ProviderView {
    #[serde(flatten)]
    provider: Provider,
    /// Paid in all, by token.
    earnings: Vec<Earning>,
    /// Its provisions, by service.
    provisions: Vec<Provision>,
}

/// Models
///
/// Newest first.
#[utoipa::path(get, path = "/v1/models", tag = "registry", params(PageQuery),
    responses((status = 200, body = Page<Model>), Failures))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Model>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.acquire().await?;
    let models = page::newest::<Model>(&mut connection, [], before, limit).await?;
    Ok(Json(Page::new(models, limit, |model| model.position)))
}

/// One model
#[utoipa::path(get, path = "/v1/models/{model_id}", tag = "registry",
    params(("model_id" = String, Path, description = "The model's id")),
    responses((status = 200, body = ModelView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(model_id): Segment<String>,
) -> Result<Json<ModelView>, ApiError> {
    let model_id = extract::hash(&model_id)?;
    let mut connection = app.readers.begin().await?;
    let unknown = || ApiError::not_found("model_unknown", format!("no model {model_id} was registered"));
    let model = page::one(&mut connection, "model_id", model_id).await?.ok_or_else(unknown)?;
    let price_floors = page::all(&mut connection, Filter::bytes("model_id", Some(model_id))).await?;
    Ok(Json(ModelView { model, price_floors }))
}

/// Providers
///
/// The one seen last for the first time comes first.
#[utoipa::path(get, path = "/v1/providers", tag = "registry", params(PageQuery),
    responses((status = 200, body = Page<Provider>), Failures))]
pub(crate) async fn providers(
    State(app): State<Arc<App>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Provider>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let mut connection = app.readers.acquire().await?;
    let providers = page::newest::<Provider>(&mut connection, [], before, limit).await?;
    Ok(Json(Page::new(providers, limit, |provider| provider.position)))
}

/// One provider
#[utoipa::path(get, path = "/v1/providers/{address}", tag = "registry",
    params(("address" = String, Path, description = "The provider's account")),
    responses((status = 200, body = ProviderView), Failures))]
pub(crate) async fn provider(
    State(app): State<Arc<App>>,
    Segment(address): Segment<String>,
) -> Result<Json<ProviderView>, ApiError> {
    let address = extract::address(&address)?;
    let mut connection = app.readers.begin().await?;
    let unknown = || ApiError::not_found("provider_unknown", format!("{address:#x} never took a task"));
    let provider = page::one(&mut connection, "provider", address).await?.ok_or_else(unknown)?;
    let earnings = page::all(&mut connection, Filter::bytes("provider", Some(address))).await?;
    let provisions = page::all(&mut connection, Filter::bytes("operator", Some(address))).await?;
    Ok(Json(ProviderView { provider, earnings, provisions }))
}

/// Take rates
///
/// The default and those of tokens that have their own.
#[utoipa::path(get, path = "/v1/fees", tag = "registry", responses((status = 200, body = [FeeRate]), Failures))]
pub(crate) async fn fees(State(app): State<Arc<App>>) -> Result<Json<Vec<FeeRate>>, ApiError> {
    let mut connection = app.readers.acquire().await?;
    page::all(&mut connection, None).await.map(Json)
}

/// Members of the access manager's roles
///
/// Role 0 may change the take rates of later orders, and who holds which role. Former members are listed too.
#[utoipa::path(get, path = "/v1/roles", tag = "registry", responses((status = 200, body = [RoleMember]), Failures))]
pub(crate) async fn roles(State(app): State<Arc<App>>) -> Result<Json<Vec<RoleMember>>, ApiError> {
    let mut connection = app.readers.acquire().await?;
    page::all(&mut connection, None).await.map(Json)
}
