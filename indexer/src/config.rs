//! Configuration of the indexer.

use assay_contracts::follow::FollowConfig;
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// How the indexer runs. Every field has a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexerConfig {
    /// JSON-RPC endpoint of the chain.
    pub rpc_url: String,
    /// JSON-RPC endpoint of the chain that visitors of the page may use, as their browsers reach it; none: their wallets' own.
    pub public_rpc_url: Option<String>,
    /// Project id under which the page offers WalletConnect, 32 hexadecimal digits; none: it is not offered, and no relay is asked
    /// for anything.
    pub walletconnect_project_id: Option<String>,
    /// The relay that WalletConnect goes through; none: the one at `relay.walletconnect.org`.
    pub walletconnect_relay_url: Option<String>,
    /// Longest that one RPC request may take, in milliseconds.
    pub rpc_timeout_ms: u64,
    /// The deployment record that `assay deploy` wrote.
    pub suite: PathBuf,
    /// The SQLite database; made when it is missing.
    pub database: PathBuf,
    /// Most bytes that the database may have; none: as much as the disk holds. When it is full, indexing waits and `/ready`
    /// says so.
    pub database_max_bytes: Option<u64>,
    /// Folder of the blob store, from which tasks are served.
    pub blobs: PathBuf,
    /// Published trees of allow-lists and promo codes, as `assay sale allowlist` and `assay sale promo` write them. With them the
    /// indexer tells accounts what they may buy and gives them their proofs. Whoever knows a code can ask for its proof.
    pub lists: Vec<PathBuf>,
    /// Where HTTP listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Longest that one HTTP request may take, in milliseconds. Event streams are exempt.
    pub request_timeout_ms: u64,
    /// Event streams that may be open at a time.
    pub max_streams: usize,
    /// Blocks behind the head at which `/ready` answers 503.
    pub ready_max_behind: u64,
    /// Pause between looks at the head for `/ready` and finality, in milliseconds.
    pub head_interval_ms: u64,
    /// How the chain is followed.
    pub follow: FollowConfig,
}

impl Default for IndexerConfig {
    fn default() -> Self {
        Self {
            rpc_url: "http://127.0.0.1:8545".to_owned(),
            public_rpc_url: None,
            walletconnect_project_id: None,
            walletconnect_relay_url: None,
            rpc_timeout_ms: 10_000,
            suite: PathBuf::from("deploy/chains/31337.json"),
            database: PathBuf::from(".assay/indexer.db"),
            database_max_bytes: None,
            blobs: PathBuf::from(".assay/blobs"),
            lists: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8547)),
            request_timeout_ms: 10_000,
            max_streams: 256,
            ready_max_behind: 5,
            head_interval_ms: 2_000,
            follow: FollowConfig::default(),
        }
    }
}
