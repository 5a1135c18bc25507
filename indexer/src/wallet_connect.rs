//! WalletConnect: wallets that are no part of the visitor's browser reach the page through a relay.

use crate::{IndexerConfig, IndexerError};
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

/// The relay that the client library of the page is made for.
const DEFAULT_RELAY: &str = "wss://relay.walletconnect.org";
const PROJECT_ID_DIGITS: usize = 32;

/// What the page needs to offer WalletConnect.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct WalletConnect {
    /// Names the operator to the relay; public, as everything here.
    #[schema(example = "0123456789abcdef0123456789abcdef")]
    pub(crate) project_id: String,
    /// The relay's WebSocket.
    #[schema(example = "wss://relay.walletconnect.org")]
    pub(crate) relay_url: String,
}

impl WalletConnect {
    /// What is configured; none: it is not offered.
    pub(crate) fn of(config: &IndexerConfig) -> Result<Option<Self>, IndexerError> {
        let Some(project_id) = &config.walletconnect_project_id else {
            return match &config.walletconnect_relay_url {
                None => Ok(None),
                Some(url) => bad(format!(
                    "`walletconnect_relay_url` is '{url}' without a project id; set `walletconnect_project_id`, or remove it"
                )),
            };
        };
        if project_id.len() != PROJECT_ID_DIGITS || !project_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return bad(format!(
                "'{project_id}' is no project id, which is {PROJECT_ID_DIGITS} hexadecimal digits; correct \
                 `walletconnect_project_id`"
            ));
        }
        if config.public_rpc_url.is_none() {
            return bad("such wallets lend the page no RPC endpoint to read the chain by; set `public_rpc_url`".into());
        }
        let relay_url = config.walletconnect_relay_url.clone().unwrap_or_else(|| DEFAULT_RELAY.into());
        let relay = Self { project_id: project_id.clone(), relay_url };
        match relay.origin() {
            Some(_) => Ok(Some(relay)),
            None => bad(format!(
                "'{}' is no URL of a relay; expected something like {DEFAULT_RELAY}; correct `walletconnect_relay_url`",
                relay.relay_url
            )),
        }
    }

    /// Scheme and host of the relay, for the page's policy; none when it is not reached by WebSocket.
    pub(crate) fn origin(&self) -> Option<String> {
        let url: Uri = self.relay_url.parse().ok()?;
        match url.scheme_str()? {
            scheme @ ("ws" | "wss") => Some(format!("{scheme}://{}", url.authority()?)),
            _ => None,
        }
    }
}

fn bad<T>(reason: String) -> Result<T, IndexerError> {
    Err(IndexerError::WalletConnect(reason))
}
