//! `/v1/accounts`

use super::{
    App,
    error::{ApiError, Failures},
    events::{self, EventView},
    extract::{self, Params, Segment},
    orders::PageQuery,
    page::{self, Filter, Page},
};
use crate::rows::{Allowance, Balance, LedgerOperator, Provision, schema};
use alloy::primitives::Address;
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What the suite holds for an account. An account that was never seen holds nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AccountView {
    /// The account.
    #[schema(value_type = schema::Account)]
    address: Address,
    /// Ledger balances, by token.
    balances: Vec<Balance>,
    /// What others may move out of it.
    allowances: Vec<Allowance>,
    /// ERC-6909 operators.
    operators: Vec<LedgerOperator>,
    /// Stake, by service.
    provisions: Vec<Provision>,
}

/// One account
#[utoipa::path(get, path = "/v1/accounts/{address}", tag = "accounts",
    params(("address" = String, Path, description = "The account")),
    responses((status = 200, body = AccountView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(address): Segment<String>,
) -> Result<Json<AccountView>, ApiError> {
    let address = extract::address(&address)?;
    let mut connection = app.readers.begin().await?;
    let owned = |column| Filter::bytes(column, Some(address));
    Ok(Json(AccountView {
        address,
        balances: page::all(&mut connection, owned("account")).await?,
        allowances: page::all(&mut connection, owned("owner")).await?,
        operators: page::all(&mut connection, owned("owner")).await?,
        provisions: page::all(&mut connection, owned("operator")).await?,
    }))
}

/// An account's events
///
/// Newest first.
#[utoipa::path(get, path = "/v1/accounts/{address}/history", tag = "accounts",
    params(("address" = String, Path, description = "The account"), PageQuery),
    responses((status = 200, body = Page<EventView>), Failures))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Segment(address): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<EventView>>, ApiError> {
    let address = extract::address(&address)?;
    let mut connection = app.readers.begin().await?;
    events::about(&mut connection, &app.suite, address.as_slice(), &query).await.map(Json)
}
