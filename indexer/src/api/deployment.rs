//! `/v1/deployment`

use super::App;
use crate::wallet_connect::WalletConnect;
use assay_contracts::Suite;
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a client needs to talk to the chain itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Deployment {
    /// The chain.
    chain_id: u64,
    /// A JSON-RPC endpoint of it for anybody; null where the operator names none.
    #[schema(example = "https://rpc.example")]
    rpc_url: Option<String>,
    /// By what the page offers WalletConnect; null where it does not.
    walletconnect: Option<WalletConnect>,
    /// The deployment record: addresses of the contracts, and what they were deployed with.
    #[schema(value_type = Object)]
    suite: Suite,
}

/// The contracts that are indexed, and where the chain is
#[utoipa::path(get, path = "/v1/deployment", tag = "service", responses((status = 200, body = Deployment)))]
pub(crate) async fn one(State(app): State<Arc<App>>) -> Json<Deployment> {
    Json(Deployment {
        chain_id: app.suite.chain_id,
        rpc_url: app.public_rpc_url.clone(),
        walletconnect: app.wallet_connect.clone(),
        suite: app.suite.clone(),
    })
}
