//! What happens to every request: a clock, an `ETag`, metrics, and no panic that reaches the client.

use super::{App, error::ApiError};
use alloy::primitives::{hex, keccak256};
use axum::{
    body::{self, Body},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{any::Any, sync::Arc, time::Instant};

/// Answers 503 when the handler takes too long. Streams answer at once and go on.
pub(crate) async fn time_out(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.limits.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timed_out().into_response(),
    }
}

/// Counts and times each answer under its route, not its path, so that ids do not become labels.
pub(crate) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.metrics.request(route, response.status().as_u16(), started.elapsed());
    response
}

/// Answers a panic of a handler; the panic itself is on standard error.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal().into_response()
}

/// Tags each JSON answer with the hash of its body, and answers 304 to a client that has it.
pub(crate) async fn etag(request: Request, next: Next) -> Response {
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().clone();
    let response = next.run(request).await;
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !readable || !json || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, content) = response.into_parts();
    let Ok(bytes) = body::to_bytes(content, usize::MAX).await else { return ApiError::internal().into_response() };
    // Weak, because compression may change the bytes on their way.
    let tag = format!("W/\"{}\"", hex::encode(&keccak256(&bytes)[..16]));
    let value = HeaderValue::from_str(&tag).expect("hexadecimal digits are valid in a header");
    parts.headers.insert(header::ETAG, value);
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if matches(&known, &tag) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether `If-None-Match` names `tag` (compared weakly, as RFC 9110 says).
fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}
