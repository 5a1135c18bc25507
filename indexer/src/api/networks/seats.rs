//! The providers that are examined.

use super::Reading;
use crate::{
    api::{
        App,
        error::{ApiError, Failures},
        extract::{self, Params, Segment},
        orders::PageQuery,
        page::Page,
    },
    networks::{Epoch, Locked, Penalty},
    rows::schema,
};
use alloy::primitives::{Address, B256};
use assay_contracts::Network;
use assay_epochs::uptime::answers::{GOOD, OFFLINE, SLOW};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Epochs of which a seat's uptime is shown.
const SHOWN_EPOCHS: u32 = 14;
/// Penalties of a seat that are shown.
const SHOWN_PENALTIES: usize = 14;

/// A seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SeatView {
    /// Its number, from 0.
    seat: u32,
    /// Who sits there in the epoch now; null: nobody.
    now: Option<Holder>,
    /// Who will in the next one, as it stands.
    next: Option<Holder>,
    /// Who left it and whose stake is not released yet, the last first.
    leaving: Vec<Leaving>,
    /// What its providers lost because they were offline: the last penalties, newest first.
    penalties: Vec<PenaltyView>,
    /// What the truth of the last epochs is, newest first.
    uptime: Vec<SeatEpoch>,
}

/// A provider that leaves a seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Leaving {
    /// The provider.
    #[schema(value_type = schema::Account)]
    provider: Address,
    /// The first epoch in which it is not examined.
    epoch: u32,
    /// From when on its stake can be released (Unix seconds).
    free_at: u64,
    /// What is left of it.
    #[schema(value_type = schema::Amount)]
    stake: String,
}

/// A penalty. The chain does not say again which epoch it is for; `uptime` and the transaction do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PenaltyView {
    /// Who lost it.
    #[schema(value_type = schema::Account)]
    provider: Address,
    /// The epoch in which it was taken.
    epoch: u32,
    /// What was taken of the stake.
    #[schema(value_type = schema::Amount)]
    amount: String,
    /// Of it, what went to `to`.
    #[schema(value_type = schema::Amount)]
    reward: String,
    /// Of it, what was burned.
    #[schema(value_type = schema::Amount)]
    burned: String,
    /// Who showed that the provider was offline.
    #[schema(value_type = schema::Account)]
    to: Address,
    /// When (Unix seconds).
    at: u64,
    /// The transaction.
    #[schema(value_type = schema::Hash)]
    transaction_hash: B256,
}

impl Leaving {
    fn new(locked: &Locked) -> Option<Self> {
        let (epoch, free_at) = locked.left?;
        Some(Self { provider: locked.provider, epoch, free_at, stake: locked.stake.to_string() })
    }
}

impl PenaltyView {
    fn new(network: &Network, penalty: &Penalty) -> Self {
        Self {
            provider: penalty.provider,
            epoch: network.epoch_at(penalty.at),
            amount: penalty.amount.to_string(),
            reward: penalty.reward.to_string(),
            burned: penalty.amount.saturating_sub(penalty.reward).to_string(),
            to: penalty.to,
            at: penalty.at,
            transaction_hash: penalty.transaction,
        }
    }
}

/// Who sits in a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Holder {
    /// The provider.
    #[schema(value_type = schema::Account)]
    provider: Address,
    /// Whose signatures are its word.
    #[schema(value_type = schema::Account)]
    key: Address,
    /// Where it answers.
    endpoint: String,
    /// What is left of the stake that it locked here; null: it has been released, or taken, since.
    #[schema(value_type = Option<schema::Amount>)]
    stake: Option<String>,
}

/// A seat's epoch, by the truth that everybody can compute.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SeatEpoch {
    /// The epoch.
    epoch: u32,
    /// Whether somebody sat there.
    occupied: bool,
    /// Rounds in which it answered in time.
    up: u32,
    /// Rounds in which it answered late.
    slow: u32,
    /// Rounds in which it did not answer.
    offline: u32,
    /// Rounds of which nobody knows.
    unknown: u32,
}

impl SeatEpoch {
    fn new(epoch: &Epoch, seat: u32) -> Option<Self> {
        let occupied = *epoch.occupied.get(seat as usize)?;
        let rounds = epoch.truth.rounds();
        let count = |answer: u8| (0..rounds).filter(|round| epoch.truth.get(*round, seat) == answer).count() as u32;
        let (up, slow, offline) = (count(GOOD), count(SLOW), count(OFFLINE));
        Some(Self { epoch: epoch.epoch, occupied, up, slow, offline, unknown: rounds - up - slow - offline })
    }
}

/// A network's seats
///
/// By number, empty ones too. What a seat locks is in the network's terms.
#[utoipa::path(get, path = "/v1/networks/{network}/seats", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"), PageQuery),
    responses((status = 200, body = Page<SeatView>), Failures))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Segment(network): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<SeatView>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let first = match query.cursor.as_deref() {
        None => 0,
        Some(cursor) => extract::index(cursor).map_err(|_| ApiError::bad_cursor(cursor))?.saturating_add(1),
    };
    let reading = Reading::of(&app, &network).await?;
    let (snapshot, epoch) = (&reading.snapshot, reading.epoch());
    let mut epochs = Vec::new();
    for epoch in (0..snapshot.closed()).rev().take(SHOWN_EPOCHS as usize) {
        epochs.push(snapshot.epoch(epoch).await?);
    }
    let stakes = &snapshot.stakes;
    let penalties = |seat: u32| {
        let shown = stakes.penalties(seat).take(SHOWN_PENALTIES);
        shown.map(|penalty| PenaltyView::new(reading.network, penalty))
    };
    let holder = |seat: u32, epoch: u32| {
        let holder = snapshot.history.seat_in(seat, epoch)?;
        let stake = stakes.of(holder.provider).filter(|locked| locked.seat == seat);
        Some(Holder {
            provider: holder.provider,
            key: holder.key,
            endpoint: holder.endpoint.clone(),
            stake: stake.map(|locked| locked.stake.to_string()),
        })
    };
    let view = |seat: u32| SeatView {
        seat,
        now: holder(seat, epoch),
        next: holder(seat, epoch + 1),
        leaving: stakes.leaving(seat).into_iter().filter_map(Leaving::new).collect(),
        penalties: penalties(seat).collect(),
        uptime: epochs.iter().filter_map(|epoch| SeatEpoch::new(epoch, seat)).collect(),
    };
    let seats = snapshot.history.seats_in(epoch + 1).max(snapshot.history.seats_in(epoch));
    let views = (first..seats).take(limit as usize + 1).map(view).collect();
    Ok(Json(Page::new(views, limit, |seat: &SeatView| seat.seat)))
}
