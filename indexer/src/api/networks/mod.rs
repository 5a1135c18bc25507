//! `/v1/networks`: who runs whose licences, who was up, and what that earned, each with what it follows from.

pub(crate) mod licenses;
pub(crate) mod operators;
pub(crate) mod rewards;
pub(crate) mod seats;
mod views;

use super::{
    App,
    error::{ApiError, Failures},
    extract::{self, Params, Segment},
    orders::PageQuery,
    page::{self, Filter, Page},
};
use crate::{
    networks::{Snapshot, Unknown},
    rows::{EpochRoot, RewardPool},
};
use alloy::primitives::Address;
use assay_contracts::Network;
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use std::sync::Arc;
use utoipa::ToSchema;
use views::NetworkView;

/// Where an epoch stands at a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EpochStatus {
    /// Nothing is posted of it.
    Due,
    /// Its root can still be doubted.
    Posted,
    /// Its root stands for ever.
    Final,
}

/// Roots that one contract holds, by epoch.
pub(crate) struct Roots {
    rows: Vec<EpochRoot>,
    time: u64,
}

impl Roots {
    async fn of(connection: &mut SqliteConnection, contract: Address, time: u64) -> Result<Self, ApiError> {
        let rows = page::all(connection, Filter::bytes("contract", Some(contract))).await?;
        Ok(Self { rows, time })
    }

    /// What is posted of an epoch.
    fn get(&self, epoch: u32) -> Option<&EpochRoot> {
        let place = self.rows.binary_search_by_key(&epoch, |row| row.epoch).ok()?;
        Some(&self.rows[place]).filter(|row| row.root.is_some())
    }

    fn status(&self, epoch: u32) -> EpochStatus {
        match self.get(epoch) {
            None => EpochStatus::Due,
            // The next one is posted only after this one is final.
            Some(_) if self.get(epoch + 1).is_some() => EpochStatus::Final,
            Some(row) if row.open == 0 && row.final_at <= self.time => EpochStatus::Final,
            Some(_) => EpochStatus::Posted,
        }
    }

    /// Epochs that are final: all before this one.
    fn finals(&self) -> u32 {
        let posted = self.next();
        posted - u32::from(posted != 0 && self.status(posted - 1) != EpochStatus::Final)
    }

    /// The epoch that can be posted next.
    fn next(&self) -> u32 {
        self.rows.iter().filter(|row| row.root.is_some()).count() as u32
    }
}

/// A network as one request sees it.
pub(crate) struct Reading<'a> {
    pub(crate) network: &'a Network,
    pub(crate) snapshot: Snapshot,
    pub(crate) connection: Transaction<'static, Sqlite>,
}

impl Reading<'_> {
    async fn of<'a>(app: &'a App, address: &str) -> Result<Reading<'a>, ApiError> {
        let address = extract::address(address)?;
        let mut connection = app.readers.begin().await?;
        let found = app.networks.read(&mut connection, &app.suite, address).await?;
        let (network, snapshot) = found.ok_or_else(|| {
            let message = format!("{address} is the Uptime contract of no network of this deployment");
            ApiError::new(StatusCode::NOT_FOUND, "network_unknown", message, "/v1/networks lists all")
        })?;
        Ok(Reading { network, snapshot, connection })
    }

    /// The epoch by the chain's clock.
    fn epoch(&self) -> u32 {
        self.network.epoch_at(self.snapshot.time)
    }

    async fn roots(&mut self, contract: Address) -> Result<Roots, ApiError> {
        Roots::of(&mut self.connection, contract, self.snapshot.time).await
    }

    /// A licence's number, or a 404 that says which there are.
    fn license(&self, text: &str) -> Result<u32, ApiError> {
        let (number, last) = (extract::index(text)?, self.network.terms.licenses);
        if (1..=last).contains(&number) {
            return Ok(number);
        }
        let message = format!("the network has no licence {number}");
        let hint = format!("licences are numbered from 1 to {last}");
        Err(ApiError::new(StatusCode::NOT_FOUND, "license_unknown", message, &hint))
    }

    /// An operator's number, or a 404 that says which there are.
    fn operator(&self, text: &str) -> Result<u32, ApiError> {
        let (number, licenses) = (extract::index(text)?, self.network.terms.licenses);
        let last = licenses + self.snapshot.history.attesters(0).count() as u32;
        if (licenses + 1..=last).contains(&number) {
            return Ok(number);
        }
        let message = format!("the network has no operator {number}");
        let hint = match last - licenses {
            0 => format!("nobody has registered; the first operator will be number {}", licenses + 1),
            _ => format!("operators are numbered from {} to {last}", licenses + 1),
        };
        Err(ApiError::new(StatusCode::NOT_FOUND, "operator_unknown", message, &hint))
    }
}

impl From<Unknown> for ApiError {
    fn from(error: Unknown) -> Self {
        match error {
            Unknown::Open(_) => {
                Self::new(StatusCode::CONFLICT, "epoch_open", error.to_string(), "ask again when the epoch is closed")
            }
            Unknown::Bad { .. } => {
                tracing::error!(%error, "an epoch cannot be computed");
                Self::internal()
            }
        }
    }
}

/// A page of epochs before `cursor`, newest first.
#[derive(Debug)]
struct Epochs {
    from: u32,
    /// Not counted.
    until: u32,
}

impl Epochs {
    /// Of all before `end`.
    fn new(end: u32, query: &PageQuery) -> Result<Self, ApiError> {
        let limit = extract::limit(query.limit.as_deref())?;
        let until = match query.cursor.as_deref() {
            None => end,
            Some(cursor) => extract::index(cursor).map_err(|_| ApiError::bad_cursor(cursor))?.min(end),
        };
        Ok(Self { from: until.saturating_sub(limit), until })
    }

    fn newest_first(&self) -> impl Iterator<Item = u32> + use<> {
        (self.from..self.until).rev()
    }

    /// The page of `items`, with the cursor of the next.
    fn page<T>(&self, items: Vec<T>) -> Page<T> {
        Page { items, next: (self.from != 0).then(|| self.from.to_string()) }
    }
}

/// Node networks
///
/// All of the deployment, in its order.
#[utoipa::path(get, path = "/v1/networks", tag = "nodes", responses((status = 200, body = Vec<NetworkView>), Failures))]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<NetworkView>>, ApiError> {
    let mut views = Vec::new();
    for network in &app.suite.networks {
        views.push(view(&app, &network.uptime.to_string()).await?);
    }
    Ok(Json(views))
}

/// One network
#[utoipa::path(get, path = "/v1/networks/{network}", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract")),
    responses((status = 200, body = NetworkView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(network): Segment<String>,
) -> Result<Json<NetworkView>, ApiError> {
    view(&app, &network).await.map(Json)
}

async fn view(app: &App, network: &str) -> Result<NetworkView, ApiError> {
    let mut reading = Reading::of(app, network).await?;
    let roots = reading.roots(reading.network.uptime).await?;
    let mut pools = Vec::new();
    for pool in &reading.network.pools {
        let roots = reading.roots(pool.address).await?;
        let money: Option<RewardPool> = page::one(&mut reading.connection, "pool", pool.address).await?;
        pools.push((pool, roots, money.unwrap_or_default()));
    }
    Ok(NetworkView::new(app, &reading, &roots, pools))
}

/// A network's events
///
/// Those of the contract that judges who was up, newest first; of another contract by `/v1/accounts/{address}/history`.
#[utoipa::path(get, path = "/v1/networks/{network}/history", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"), PageQuery),
    responses((status = 200, body = Page<super::events::EventView>), Failures))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Segment(network): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<super::events::EventView>>, ApiError> {
    let mut reading = Reading::of(&app, &network).await?;
    let uptime = reading.network.uptime;
    super::events::about(&mut reading.connection, &app.suite, uptime.as_slice(), &query).await.map(Json)
}
