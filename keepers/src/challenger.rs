//! The challenger: anybody who computes a sample of what providers commit to, and disputes what it finds false.
//!
//! It needs no stake and no seat, only native currency for gas, and in the ledger enough of it for a bond, with an allowance for
//! the dispute game; where results may be withheld, also the order's token with an allowance for the escrow, to demand them.

use std::{net::SocketAddr, path::PathBuf};

use assay_contracts::follow::FollowConfig;
use assay_kernels::cuda::Backend;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use crate::verification::{Handle, Setup};
use crate::{
    error::{KeeperError, Result},
    tx::TxConfig,
    verification::{self, Duty, Settings},
};

/// Settings of the challenger role. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// SQLite file of its state.
    pub store: PathBuf,
    /// Most pages of 4 KiB that the store may have; unset: no limit.
    pub store_max_pages: Option<u32>,
    /// Model packages (directories) that it computes. Orders for other models are not looked at.
    pub models: Vec<PathBuf>,
    /// Hardware that they run on: `auto`, `cpu` or `cuda`.
    pub backend: Backend,
    /// Where `/health`, `/ready` and `/metrics` are served; unset: nowhere.
    pub http: Option<SocketAddr>,
    /// Share of all tasks that it computes, 0 to 1. Which ones, nobody else can know.
    pub rate: f64,
    /// How it follows the chain.
    pub follow: FollowConfig,
    /// How it sends transactions.
    pub tx: TxConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: PathBuf::from("challenger.sqlite"),
            store_max_pages: None,
            models: Vec::new(),
            backend: Backend::default(),
            http: None,
            rate: 1.0,
            follow: FollowConfig::default(),
            tx: TxConfig::default(),
        }
    }
}

/// Starts a challenger. It runs until `shutdown` is cancelled. An endpoint that is down does not keep it from starting.
///
/// # Errors
/// What a person has to set right: `bad_config`, a model's code, `CUDA_*`, `store_locked`, `store_mismatch`, `port_taken`.
pub async fn start(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<Handle> {
    let Config { store, store_max_pages, models, backend, http, rate, follow, tx } = config;
    if !(0.0..=1.0).contains(&rate) {
        return Err(KeeperError::Config(format!("rate is {rate}, expected a share between 0 and 1")));
    }
    let duty = Duty::Challenger { rate };
    // It has no part in starting draws.
    let relays = Vec::new();
    let settings =
        Settings { role: "challenger", duty, store, store_max_pages, models, backend, relays, http, follow, tx };
    verification::start(settings, setup, shutdown).await
}

/// Runs a challenger until `shutdown` is cancelled.
///
/// # Errors
/// As [`start`], and the fault that ended it, if one did.
pub async fn run(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<()> {
    start(config, setup, shutdown).await?.wait().await
}
