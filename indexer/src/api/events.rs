//! `/v1/events`, and events in lists.

use super::{
    App,
    error::{ApiError, Failures},
    extract::{self, Params},
    orders::PageQuery,
    page::Page,
};
use crate::{
    describe,
    rows::{Position, schema},
    store::log::{self, EventRow, Seen},
};
use alloy::primitives::{Address, B256, hex};
use assay_contracts::Suite;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Names an event for good: its position and the start of its block's hash, so that an id of an orphaned block is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) position: Position,
    /// First bytes of the block's hash; none in an id that a person typed.
    pub(crate) block: Option<[u8; EventId::HASH_BYTES]>,
}

impl EventId {
    pub(crate) const HASH_BYTES: usize = 4;

    pub(crate) fn new(position: Position, block_hash: B256) -> Self {
        let mut block = [0; Self::HASH_BYTES];
        block.copy_from_slice(&block_hash[..Self::HASH_BYTES]);
        Self { position, block: Some(block) }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let unknown = || ApiError::event_unknown(text);
        let (position, block) = match text.match_indices('-').nth(1) {
            Some((at, _)) => (&text[..at], Some(hex::decode_to_array(&text[at + 1..]).map_err(|_| unknown())?)),
            None => (text, None),
        };
        Ok(Self { position: position.parse().map_err(|()| unknown())?, block })
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.position)?;
        self.block.map_or(Ok(()), |block| write!(f, "-{}", hex::encode(block)))
    }
}

/// An event of the suite.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// `<block>-<log index>-<start of the block hash>`; never names another event.
    #[schema(example = "1204-3-5fbdb231")]
    id: String,
    /// The block's number.
    block_number: u64,
    /// The block's hash.
    #[schema(value_type = schema::Hash)]
    block_hash: B256,
    /// The block's time (Unix seconds).
    timestamp: u64,
    /// The transaction.
    #[schema(value_type = schema::Hash)]
    transaction_hash: B256,
    /// The contract that emitted it.
    #[schema(value_type = schema::Account)]
    address: Address,
    /// `Contract.Event`.
    #[schema(example = "JobEscrow.BatchSettled")]
    name: &'static str,
    /// The event's own fields. Amounts are decimal strings, bytes hexadecimal.
    #[schema(value_type = Object)]
    fields: serde_json::Value,
}

impl EventView {
    /// None when the log holds something that is none of the suite's events, which it never stores.
    pub(crate) fn new(suite: &Suite, row: &EventRow, seen: Seen) -> Option<Self> {
        let description = describe::describe(&row.decode(suite)?);
        Some(Self {
            id: EventId::new(row.position, seen.block_hash).to_string(),
            block_number: row.position.block(),
            block_hash: seen.block_hash,
            timestamp: seen.timestamp,
            transaction_hash: row.transaction_hash,
            address: row.address,
            name: description.name,
            fields: description.fields,
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// A page of the events about `subject`, newest first.
pub(crate) async fn about(
    connection: &mut SqliteConnection,
    suite: &Suite,
    subject: &[u8],
    query: &PageQuery,
) -> Result<Page<EventView>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let before = extract::cursor(query.cursor.as_deref())?;
    let rows = log::events_about(connection, subject, before, limit + 1).await?;
    let page = Page::new(rows, limit, |(row, _)| row.position);
    let items = page.items.iter().filter_map(|(row, seen)| EventView::new(suite, row, *seen)).collect();
    Ok(Page { items, next: page.next })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only events after this id; from the first one when left out.
    #[param(example = "1204-3-5fbdb231")]
    after: Option<String>,
    /// Items of the page: 1 to 200, 50 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Events
///
/// In the chain's order, oldest first. `next` is the `after` of the following page, null when there is none yet.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(EventsQuery),
    responses((status = 200, body = Page<EventView>), Failures))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<EventsQuery>,
) -> Result<Json<Page<EventView>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let after = query.after.as_deref().map(EventId::parse).transpose()?.map_or(Position(-1), |id| id.position);
    let mut connection = app.readers.acquire().await?;
    let rows = log::events_after(&mut *connection, after, limit + 1).await?;
    let page = Page::new(rows, limit, |(row, seen)| EventId::new(row.position, seen.block_hash));
    let items = page.items.iter().filter_map(|(row, seen)| EventView::new(&app.suite, row, *seen)).collect();
    Ok(Json(Page { items, next: page.next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back() {
        let position = Position::new(1204, 3).unwrap();
        let id = EventId::new(position, B256::repeat_byte(0x5f));
        assert_eq!(id.to_string(), "1204-3-5f5f5f5f");
        assert_eq!(EventId::parse("1204-3-5f5f5f5f").unwrap(), id);
        assert_eq!(EventId::parse("1204-3").unwrap(), EventId { position, block: None });
        for bad in ["", "-", "--", "1204", "1204-3-", "1204-3-5f5f5f", "1204-3-5f5f5f5f-", "1204-x-5f5f5f5f", "é-3-é"]
        {
            assert!(EventId::parse(bad).is_err(), "{bad}");
        }
    }
}
