//! Connection to a chain's JSON-RPC endpoint.

use std::time::Duration;

use alloy::{
    network::Ethereum,
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::ClientBuilder,
    transports::layers::RetryBackoffLayer,
};

/// An endpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not an http(s) address.
    #[error("RPC_URL_INVALID: `{url}` is not an http or https address: {reason}")]
    InvalidUrl {
        /// What was given.
        url: String,
        /// Why it does not do.
        reason: String,
    },
    /// The HTTP client could not be made.
    #[error("RPC_CLIENT: cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A provider over HTTP. A request takes at most `timeout`; rate-limited requests (429) are retried a few times
/// with backoff, everything else is left to the caller, who knows whether a repeat is safe.
pub fn connect(url: &str, timeout: Duration) -> Result<DynProvider<Ethereum>, ConnectError> {
    let invalid = |reason: String| ConnectError::InvalidUrl { url: url.to_owned(), reason };
    let parsed: reqwest::Url = url.parse().map_err(|e| invalid(format!("{e}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(invalid(format!("its scheme is `{}`", parsed.scheme())));
    }
    let client = reqwest::Client::builder().timeout(timeout).connect_timeout(timeout).build()?;
    let transport = alloy::transports::http::Http::with_client(client, parsed);
    let rpc = ClientBuilder::default().layer(RetryBackoffLayer::new(4, 100, 10_000)).transport(transport, false);
    Ok(ProviderBuilder::default().connect_client(rpc).erased())
}
