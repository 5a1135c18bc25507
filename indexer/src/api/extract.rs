//! What clients send, checked, with errors of the API's own form.

use super::error::{ApiError, shorten};
use crate::rows::Position;
use alloy::primitives::{Address, B256, hex};
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

/// Items of a page when the client does not say.
const DEFAULT_LIMIT: u32 = 50;
/// Items of a page at most.
pub(crate) const MAX_LIMIT: u32 = 200;

/// `axum`'s `Path` with errors of the API's form.
pub(crate) struct Segment<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(value) = Path::from_request_parts(parts, state).await.map_err(|rejection| {
            ApiError::bad_request("bad_path", rejection.body_text(), "paths are UTF-8, percent-encoded")
        })?;
        Ok(Self(value))
    }
}

/// `axum`'s `Query` with errors of the API's form.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(|rejection| {
            ApiError::bad_request("bad_query", rejection.body_text(), "/openapi.json lists the parameters of each path")
        })?;
        Ok(Self(value))
    }
}

/// 32 bytes in hexadecimal, with `0x` or without.
pub(crate) fn hash(text: &str) -> Result<B256, ApiError> {
    Ok(B256::from(fixed::<32>(text, "bad_hash", "0x and 64 hexadecimal digits")?))
}

/// 20 bytes in hexadecimal, with `0x` or without, in any case.
pub(crate) fn address(text: &str) -> Result<Address, ApiError> {
    Ok(Address::from(fixed::<20>(text, "bad_address", "0x and 40 hexadecimal digits")?))
}

fn fixed<const N: usize>(text: &str, code: &'static str, expected: &str) -> Result<[u8; N], ApiError> {
    hex::decode_to_array(text)
        .map_err(|_| ApiError::bad_request(code, format!("'{}' is not {expected}", shorten(text)), expected))
}

/// A task's index, or a licence's id.
pub(crate) fn index(text: &str) -> Result<u32, ApiError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let message = format!("'{}' is no index", shorten(text));
        ApiError::bad_request("bad_index", message, "an index is a whole number below 2^32")
    })
}

/// Items of the page that the client asks for.
pub(crate) fn limit(text: Option<&str>) -> Result<u32, ApiError> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let hint = format!("`limit` lies between 1 and {MAX_LIMIT}; more comes page by page");
    match text.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(ApiError::bad_request("bad_limit", format!("'{}' is no page size", shorten(text)), &hint)),
    }
}

/// The position before which the client's page starts; the newest when it does not say.
pub(crate) fn cursor(text: Option<&str>) -> Result<Position, ApiError> {
    let Some(text) = text else { return Ok(Position(i64::MAX)) };
    text.parse().map_err(|()| ApiError::bad_cursor(text))
}

/// One of the words of an enum.
pub(crate) fn word<T: DeserializeOwned>(
    text: Option<&str>,
    code: &'static str,
    words: &str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let value = serde_json::from_value(serde_json::Value::String(text.to_owned()));
    value.map(Some).map_err(|_| {
        ApiError::bad_request(
            code,
            format!("'{}' is not one of {words}", shorten(text)),
            &format!("choose one of {words}"),
        )
    })
}
