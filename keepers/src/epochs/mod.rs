//! The epochs role: anybody who brings a node network from epoch to epoch, and keeps what is posted of it true.
//!
//! ```text
//!   chain ── Watch ──► snapshot ── look ──wanted actions──► transaction manager ──► chain
//!                                   │ seeds: begin, record, draw
//!                                   │ shares of an epoch (`Uptime`): post, challenge, demand, supply, release
//!                                   │ rewards of each pool (`EpochRewards`): the same
//!                                   │ votes: outvote
//!                                   └ faults: penalise, strike, ban
//! ```
//!
//! Each look starts from what the chain says at one block, and wants what that asks for; nothing is remembered that is not computed
//! again after a restart. So a keeper that is killed at any instruction goes on, and of two of them one does what the other would have
//! done: the second sees it, or its transaction reverts and costs gas.
//!
//! A posting puts a bond at stake. It is made when what it follows from lies [`Config::depth`] blocks deep, so that a reorganisation of
//! fewer blocks cannot make it false.

mod books;
mod calls;
mod doubt;
mod faults;
mod look;
mod pools;
mod seeds;
mod service;
mod shares;
mod votes;

use std::{net::SocketAddr, path::PathBuf};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::DynProvider,
};
use assay_blobs::Blobs;
use assay_contracts::Suite;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use crate::verification::Handle;
use crate::{error::Result, tx::TxConfig, verification::RELAYS};

/// Settings of the epochs role. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// SQLite file of its state.
    pub store: PathBuf,
    /// Most pages of 4 KiB that the store may have; unset: no limit.
    pub store_max_pages: Option<u32>,
    /// The network, by its `Uptime`; unset: the last one of the deployment's record.
    pub network: Option<Address>,
    /// Where `/health`, `/ready` and `/metrics` are served; unset: nowhere.
    pub http: Option<SocketAddr>,
    /// Relays of drand, asked in this order for the rounds of a suite that draws by drand.
    pub relays: Vec<String>,
    /// What anybody may do, it does up to so many seconds later than others, so that not all keepers pay for transactions of which one is
    /// enough. Challenges do not wait.
    pub spread: u64,
    /// Blocks on top of what a posting follows from before it is made.
    pub depth: u64,
    /// Pause between looks at the head, in milliseconds.
    pub poll_interval_ms: u64,
    /// How it sends transactions.
    pub tx: TxConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: PathBuf::from("epochs.sqlite"),
            store_max_pages: None,
            network: None,
            http: None,
            relays: RELAYS.map(Into::into).into(),
            spread: 24,
            depth: 12,
            poll_interval_ms: 1_000,
            tx: TxConfig::default(),
        }
    }
}

/// What the role works with, beside its configuration.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The contracts, with their networks.
    pub suite: Suite,
    /// The chain. Must neither sign nor fill in transactions by itself.
    pub rpc: DynProvider,
    /// The key. It never leaves the signer.
    pub wallet: EthereumWallet,
    /// Where it stores what roots follow from.
    pub blobs: Blobs,
}

/// Codes of troubles.
pub const CODES: [&str; 6] =
    ["bond_missing", "pool_underfunded", "false_final", "rewards_unknown", "round_unknown", "blobs_failed"];

/// Why the keeper cannot do something that is due. It goes on with all else, and tries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// A code that never changes its meaning: one of [`CODES`].
    pub code: &'static str,
    /// What to do about it.
    pub message: String,
    /// How much is missing, in the smallest unit of the contract's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<U256>,
}

/// Starts the role. It runs until `shutdown` is cancelled. An endpoint that is down does not keep it from starting.
///
/// # Errors
/// What a person has to set right: `bad_config`, `store_locked`, `store_mismatch`, `port_taken`.
pub async fn start(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<Handle> {
    service::start(config, setup, shutdown).await
}

/// Runs the role until `shutdown` is cancelled.
///
/// # Errors
/// As [`start`], and the fault that ended it, if one did.
pub async fn run(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<()> {
    start(config, setup, shutdown).await?.wait().await
}

/// The history of a network that is on no chain.
#[cfg(test)]
fn history_of(terms: assay_contracts::network::Terms) -> assay_contracts::network::History {
    assay_contracts::network::History::new(&assay_contracts::Network {
        license_staking: Address::ZERO,
        uptime: Address::ZERO,
        attestations: Address::ZERO,
        block: 0,
        code_hashes: std::collections::BTreeMap::new(),
        terms,
        pools: Vec::new(),
    })
}
