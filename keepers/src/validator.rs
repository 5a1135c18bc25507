//! The validator: re-executes what it is drawn for, seals and reveals what it found, and disputes what it found otherwise.
//!
//! It shares nothing with anybody but the chain and the blob store. It needs a seat (`ValidatorSeats.takeSeat`), native currency
//! for gas, and in the ledger enough native currency for a bond, with an allowance for the dispute game; where inputs or
//! results may be withheld, also the order's token with an allowance for the escrow, to demand them.

use std::{net::SocketAddr, path::PathBuf};

use assay_contracts::follow::FollowConfig;
use assay_kernels::cuda::Backend;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use crate::verification::{Handle, Setup};
use crate::{
    error::Result,
    tx::TxConfig,
    verification::{self, Duty, RELAYS, Settings},
};

/// Settings of the validator role. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// SQLite file of its state.
    pub store: PathBuf,
    /// Most pages of 4 KiB that the store may have; unset: no limit.
    pub store_max_pages: Option<u32>,
    /// Model packages (directories) that it re-executes. It must have those of all orders that it may be drawn for.
    pub models: Vec<PathBuf>,
    /// Hardware that they run on: `auto`, `cpu` or `cuda`.
    pub backend: Backend,
    /// Where `/health`, `/ready` and `/metrics` are served; unset: nowhere.
    pub http: Option<SocketAddr>,
    /// Relays of drand, asked in this order for the rounds of a suite that draws by drand.
    pub relays: Vec<String>,
    /// What anybody may do for a draw, it does up to so many seconds later than others, so that not all validators pay for
    /// transactions of which one is enough.
    pub spread: u64,
    /// How it follows the chain.
    pub follow: FollowConfig,
    /// How it sends transactions.
    pub tx: TxConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: PathBuf::from("validator.sqlite"),
            store_max_pages: None,
            models: Vec::new(),
            backend: Backend::default(),
            http: None,
            relays: RELAYS.map(Into::into).into(),
            spread: 24,
            follow: FollowConfig::default(),
            tx: TxConfig::default(),
        }
    }
}

/// Starts a validator. It runs until `shutdown` is cancelled. An endpoint that is down does not keep it from starting.
///
/// # Errors
/// What a person has to set right: `bad_config`, a model's code, `CUDA_*`, `store_locked`, `store_mismatch`, `port_taken`.
pub async fn start(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<Handle> {
    let Config { store, store_max_pages, models, backend, http, relays, spread, follow, tx } = config;
    let duty = Duty::Validator { spread };
    let settings =
        Settings { role: "validator", duty, store, store_max_pages, models, backend, relays, http, follow, tx };
    verification::start(settings, setup, shutdown).await
}

/// Runs a validator until `shutdown` is cancelled.
///
/// # Errors
/// As [`start`], and the fault that ended it, if one did.
pub async fn run(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<()> {
    start(config, setup, shutdown).await?.wait().await
}
