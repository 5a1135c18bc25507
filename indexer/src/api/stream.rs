//! `/v1/events/stream`: events as they are indexed, as server-sent events.
//!
//! A stream remembers where its client is. Before it gives the next events it looks whether a rollback reached below that, and
//! if so says `rollback` first. A client that comes back with the id of an orphaned block is told the same.

use super::{
    App,
    error::ApiError,
    events::{EventId, EventView},
    extract::Params,
};
use crate::{
    rows::{Position, schema},
    store::{column::Column, log, undo_floor},
};
use alloy::primitives::B256;
use assay_contracts::follow::BlockRef;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

/// Events read at a time.
const PAGE: u32 = 256;
/// Pause after which a client that lost the stream should come back.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Only events after this id, for clients that cannot set `Last-Event-ID`. `0-0` gives all from the first one.
    #[param(example = "1204-3-5fbdb231")]
    after: Option<String>,
}

/// Forget everything above this block: it is no longer part of the chain. What replaces it follows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Rollback {
    /// The last block that still holds.
    block_number: u64,
    /// Its hash.
    #[schema(value_type = schema::Hash)]
    block_hash: B256,
}

/// Live events
///
/// Server-sent events. Each message is one event of the suite as in `/v1/events`, with its `id`; a client that comes back with
/// `Last-Event-ID` misses none and gets none twice. A message of type `rollback` says that everything above `block_number` is
/// no longer part of the chain. Without an id the stream starts with the next event.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events",
    params(StreamQuery, ("Last-Event-ID" = Option<String>, Header, description = "The last id received")),
    responses(
        (status = 200, content_type = "text/event-stream", body = EventView,
            description = "Messages whose data is an event, and messages of type `rollback`"),
        (status = 400, body = super::error::ErrorBody, description = "The id is malformed"),
        (status = 409, body = super::error::ErrorBody, description = "The id is of no block that was ever indexed"),
        (status = 503, body = super::error::ErrorBody, description = "Too many streams are open")))]
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Result<Response, ApiError> {
    let permit = app.limits.streams.clone().try_acquire_owned().map_err(|_| {
        let message = "every event stream is in use".to_owned();
        ApiError::unavailable("too_many_streams", message, "read /v1/events page by page, or try again later")
    })?;
    let id = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| ApiError::event_unknown("the value of Last-Event-ID"))?),
        None => query.after.as_deref(),
    };
    let feed = Feed::open(app.clone(), permit, id.map(EventId::parse).transpose()?).await?;
    let messages = stream::unfold(feed, |mut feed| async move { Some((feed.next().await?, feed)) });
    let messages = messages.map(Ok::<_, Infallible>).take_until(app.stop.clone().cancelled_owned());
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

/// One client's place in the events.
struct Feed {
    app: Arc<App>,
    progress: watch::Receiver<crate::ingest::Progress>,
    /// The last event given.
    position: Position,
    /// The last rollback that `position` takes into account.
    rollback: i64,
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.app.metrics.streams.decrement(1.0);
    }
}

impl Feed {
    async fn open(app: Arc<App>, permit: OwnedSemaphorePermit, id: Option<EventId>) -> Result<Self, ApiError> {
        let mut progress = app.progress.clone();
        // What is read below is at least as new as this.
        progress.mark_unchanged();
        let mut connection = app.readers.begin().await?;
        let rollback =
            sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM rollbacks").fetch_one(&mut *connection).await?;
        let mut ready = VecDeque::from([Event::default().retry(RETRY).comment("live")]);
        let position = match id {
            None => match log::head(&mut *connection).await? {
                Some(head) => last_of(head.number),
                None => Position(-1),
            },
            Some(id) => match place(&mut connection, id).await? {
                Place::Canonical => id.position,
                Place::Orphaned(to) => {
                    ready.push_back(rolled_back(to));
                    last_of(to.number)
                }
                Place::Unknown => return Err(unknown(id)),
            },
        };
        drop(connection);
        app.metrics.streams.increment(1.0);
        Ok(Self { app, progress, position, rollback, ready, _permit: permit })
    }

    /// The next message; none when the indexer stops or cannot read.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let Err(error) = self.read().await {
                tracing::warn!(%error, "an event stream ends");
                return None;
            }
            if self.ready.is_empty() {
                self.progress.changed().await.ok()?;
            }
        }
    }

    async fn read(&mut self) -> Result<(), sqlx::Error> {
        let mut connection = self.app.readers.begin().await?;
        let rollbacks = rollbacks_since(&mut connection, self.rollback + 1).await?;
        if let Some((lowest, last)) = rollbacks {
            self.rollback = last;
            if lowest.number < self.position.block() {
                self.position = last_of(lowest.number);
                self.ready.push_back(rolled_back(lowest));
            }
        }
        for (row, seen) in log::events_after(&mut *connection, self.position, PAGE).await? {
            self.position = row.position;
            let Some(view) = EventView::new(&self.app.suite, &row, seen) else { continue };
            let event = Event::default().id(view.id()).json_data(&view);
            self.ready.push_back(event.expect("views have string keys only"));
        }
        Ok(())
    }
}

/// The position after every event of `block` and before every event of the next one.
fn last_of(block: u64) -> Position {
    Position(Position::after_block(block).0 - 1)
}

fn rolled_back(to: BlockRef) -> Event {
    let id = EventId::new(last_of(to.number), to.hash);
    let data = Rollback { block_number: to.number, block_hash: to.hash };
    Event::default().event("rollback").id(id.to_string()).json_data(data).expect("a rollback has string keys only")
}

/// Where an id stands now.
enum Place {
    /// Its block is part of the chain.
    Canonical,
    /// Its block is not; everything above this one may have changed since.
    Orphaned(BlockRef),
    /// Its block never was.
    Unknown,
}

async fn place(connection: &mut SqliteConnection, id: EventId) -> Result<Place, ApiError> {
    let number = id.position.block();
    let Some(prefix) = id.block else { return Ok(Place::Canonical) };
    let stored = log::block_at_or_below(&mut *connection, number).await?.filter(|block| block.number == number);
    if stored.is_some_and(|block| block.hash.starts_with(&prefix)) {
        return Ok(Place::Canonical);
    }
    let sql = "SELECT rollback FROM orphans WHERE number = ? AND substr(hash, 1, 4) = ?";
    let orphaned: Option<i64> =
        sqlx::query_scalar(sql).bind(number as i64).bind(prefix.to_vec()).fetch_optional(&mut *connection).await?;
    if let Some(rollback) = orphaned {
        let since = rollbacks_since(connection, rollback).await?;
        return Ok(since.map_or(Place::Unknown, |(lowest, _)| Place::Orphaned(lowest)));
    }
    let floor = undo_floor(connection).await?;
    if number > floor {
        // Another indexer saw it on a fork that this one never did; what is final they share.
        let shared = log::block_at_or_below(&mut *connection, floor).await?;
        return Ok(shared.map_or(Place::Unknown, Place::Orphaned));
    }
    // Final blocks without events are forgotten.
    Ok(if stored.is_none() { Place::Canonical } else { Place::Unknown })
}

/// The deepest of the rollbacks from number `first` on, and the number of the last one.
async fn rollbacks_since(
    connection: &mut SqliteConnection,
    first: i64,
) -> Result<Option<(BlockRef, i64)>, sqlx::Error> {
    let sql = "SELECT number, hash, (SELECT MAX(id) FROM rollbacks) FROM rollbacks WHERE id >= ? \
               ORDER BY number, id DESC LIMIT 1";
    let row = sqlx::query(sql).bind(first).fetch_optional(connection).await?;
    row.map(|row| {
        let to = BlockRef { number: u64::get(&row, 0)?, hash: B256::get(&row, 1)? };
        Ok((to, u64::get(&row, 2)? as i64))
    })
    .transpose()
}

fn unknown(id: EventId) -> ApiError {
    let message = format!("event {id} is of no block that was ever indexed");
    let hint = "start again without an id, or from 0-0 for everything";
    ApiError::new(StatusCode::CONFLICT, "event_id_unknown", message, hint)
}
