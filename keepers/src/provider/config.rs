//! Settings of the provider role.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use alloy::primitives::Address;
use assay_contracts::follow::FollowConfig;
use assay_kernels::cuda::Backend;
use serde::{Deserialize, Serialize};

use crate::{tx::TxConfig, verification::RELAYS};

/// Settings of the provider role. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderConfig {
    /// SQLite file of its state.
    pub store: PathBuf,
    /// Most pages of 4 KiB that the store may have; unset: no limit.
    pub store_max_pages: Option<u32>,
    /// Model packages (directories) that it serves.
    pub models: Vec<PathBuf>,
    /// Hardware that they run on: `auto`, `cpu` or `cuda`.
    pub backend: Backend,
    /// Where `/health`, `/ready` and `/metrics` are served; unset: nowhere.
    pub http: Option<SocketAddr>,
    /// Relays of drand, asked in this order for the rounds of a suite that draws by drand.
    pub relays: Vec<String>,
    /// What it accepts.
    pub policy: Policy,
    /// How it works.
    pub work: WorkConfig,
    /// How it follows the chain.
    pub follow: FollowConfig,
    /// How it sends transactions.
    pub tx: TxConfig,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            store: PathBuf::from("provider.sqlite"),
            store_max_pages: None,
            models: Vec::new(),
            backend: Backend::default(),
            http: None,
            relays: RELAYS.map(Into::into).into(),
            policy: Policy::default(),
            work: WorkConfig::default(),
            follow: FollowConfig::default(),
            tx: TxConfig::default(),
        }
    }
}

/// Which orders are worth taking. Prices are net: what is left of the unit price after the protocol's fee and the royalties.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Least net price of a unit, by payment token (zero address: native currency), in the token's smallest part.
    pub min_unit_price: BTreeMap<Address, u128>,
    /// Least net price of a unit in any other token; unset: other tokens are refused, since anybody can make one.
    pub min_unit_price_other: Option<u128>,
    /// Least time between a take and the order's deadline, in seconds, beside the time that the work itself takes.
    pub min_time_left: u64,
    /// Least seconds between a take and its commit.
    pub min_take_window: u32,
    /// Most seconds between a commit and its settlement without a receipt.
    pub max_settle_window: u32,
    /// Least seconds for the answer to a demand. A provider that is down longer loses the batch's stake.
    pub min_demand_window: u32,
    /// Least fee of a demand, in the payment token: what an answer's gas costs.
    pub min_demand_fee: u128,
    /// Most stake that one batch may lock; unset: no limit.
    pub max_stake_per_batch: Option<u128>,
    /// Verification contracts that are accepted. The zero address: orders without one.
    pub verifications: Vec<Address>,
    /// Whether the suite's own verification contract is accepted too.
    pub suite_verification: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_unit_price: BTreeMap::new(),
            min_unit_price_other: None,
            min_time_left: 15,
            min_take_window: 15,
            max_settle_window: 7 * 24 * 3600,
            min_demand_window: 60,
            min_demand_fee: 0,
            max_stake_per_batch: None,
            verifications: vec![Address::ZERO],
            suite_verification: true,
        }
    }
}

/// How the provider works.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkConfig {
    /// Tasks in a batch, unless the order's smallest batch is larger.
    pub max_batch: u32,
    /// Largest batch that it takes at all, whatever an order asks.
    pub batch_limit: u32,
    /// An order's rest of at most this many tasks is computed first, then taken and committed in one transaction.
    pub take_and_commit_max: u32,
    /// Ranges held at once that are not committed yet. Two keep the machine busy; more take work away from others.
    pub max_takes: usize,
    /// Tasks given to the model at once.
    pub chunk: usize,
    /// Units a second that this machine is believed to compute until it has real work; unset: measured at the start.
    pub units_per_second: Option<f64>,
    /// How often missing or altered inputs are fetched again before the order is left alone.
    pub fetch_attempts: u32,
    /// First pause between these attempts, in milliseconds; doubles each time, up to 30 seconds.
    pub fetch_backoff_ms: u64,
    /// How often receipts are looked for, in milliseconds.
    pub receipt_poll_ms: u64,
    /// Time for taken work to be finished at a stop, in milliseconds.
    pub drain_ms: u64,
    /// Bytes of input rows kept in memory.
    pub input_cache_bytes: usize,
}

impl Default for WorkConfig {
    fn default() -> Self {
        Self {
            max_batch: 128,
            batch_limit: 10_000,
            take_and_commit_max: 16,
            max_takes: 2,
            chunk: 32,
            units_per_second: None,
            fetch_attempts: 8,
            fetch_backoff_ms: 250,
            receipt_poll_ms: 500,
            drain_ms: 60_000,
            input_cache_bytes: 64 << 20,
        }
    }
}
