//! Errors as clients see them.

use crate::store::column::Position;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// What every error answers with.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "code": "order_unknown",
    "message": "no order 0x9c22ff5f21f0b81b113e63f7db6da94fedef11b2119b4088b89664fb9a3cb658 was opened",
    "hint": "check the id, or ask /ready whether the index is up to date"
}))]
pub(crate) struct ErrorBody {
    /// Stable; for programs.
    pub(crate) code: &'static str,
    /// What was wrong, with the value; for people.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// An error response.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
}

/// The errors that any route may answer with, for the OpenAPI document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive only")]
pub(crate) enum Failures {
    /// The request is malformed.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// No such thing.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// The database is busy or the answer took too long.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: String, hint: &str) -> Self {
        Self { status, body: ErrorBody { code, message, hint: hint.to_owned() } }
    }

    pub(crate) fn bad_request(code: &'static str, message: String, hint: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, hint)
    }

    pub(crate) fn not_found(code: &'static str, message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message, "check the id, or ask /ready whether the index is up to date")
    }

    pub(crate) fn unavailable(code: &'static str, message: String, hint: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message, hint)
    }

    pub(crate) fn no_route() -> Self {
        let message = "no such path".to_owned();
        Self::new(StatusCode::NOT_FOUND, "path_unknown", message, "/openapi.json lists every path")
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "this path is read with GET".to_owned();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, "nothing here can be written")
    }

    pub(crate) fn timed_out() -> Self {
        let message = "the answer took too long".to_owned();
        Self::unavailable("request_timeout", message, "ask for less with `limit`, or try again later")
    }

    pub(crate) fn internal() -> Self {
        let message = "the indexer failed on this request".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message, "its log says more")
    }

    pub(crate) fn bad_cursor(cursor: &str) -> Self {
        let message = format!("'{}' is no cursor", shorten(cursor));
        Self::bad_request("bad_cursor", message, "pass `next` of the page before, or leave `cursor` out to start")
    }

    pub(crate) fn event_unknown(id: &str) -> Self {
        let message = format!("'{}' is no event id", shorten(id));
        let example = Position::default();
        let hint = format!("an id is <block>-<log index>-<start of the block hash>, such as {example}-5fbdb231");
        Self::bad_request("bad_event_id", message, &hint)
    }
}

/// What a client sent, short enough to show.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "a read failed");
        Self::unavailable("database_unavailable", "the database did not answer".to_owned(), "try again later")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
        }
        response
    }
}
