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
    networks::Epoch,
    rows::schema,
};
use alloy::primitives::Address;
use assay_epochs::uptime::answers::{GOOD, OFFLINE, SLOW};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Epochs of which a seat's uptime is shown.
const SHOWN_EPOCHS: u32 = 14;

/// A seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SeatView {
    /// Its number, from 0.
    seat: u32,
    /// Who sits there in the epoch now; null: nobody.
    now: Option<Holder>,
    /// Who will in the next one, as it stands.
    next: Option<Holder>,
    /// What the truth of the last epochs is, newest first.
    uptime: Vec<SeatEpoch>,
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
    let holder = |seat: u32, epoch: u32| {
        let seat = snapshot.history.seat_in(seat, epoch)?;
        Some(Holder { provider: seat.provider, key: seat.key, endpoint: seat.endpoint.clone() })
    };
    let view = |seat: u32| SeatView {
        seat,
        now: holder(seat, epoch),
        next: holder(seat, epoch + 1),
        uptime: epochs.iter().filter_map(|epoch| SeatEpoch::new(epoch, seat)).collect(),
    };
    let seats = snapshot.history.seats_in(epoch + 1).max(snapshot.history.seats_in(epoch));
    let views = (first..seats).take(limit as usize + 1).map(view).collect();
    Ok(Json(Page::new(views, limit, |seat: &SeatView| seat.seat)))
}
