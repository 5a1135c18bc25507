//! The checker: examines providers for an operator of a node network, seals what it finds and reveals it.
//!
//! ```text
//!   chain ──► board: the network at the newest block ──┬─► examiner ──► seats, every one in every round
//!                                                      │      └──► store: answers with the providers' signatures
//!                                                      └─► sealer ──► transaction manager: seal, reveal with audits
//! ```
//! Its key attests and can do nothing else. Nothing is remembered that is not in the store or on the chain; a checker that is killed and
//! started again asks whom it has no answer of, and goes on.

mod answers;
mod duty;
mod examiner;
mod latency;
mod sealer;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use alloy::{network::EthereumWallet, primitives::Address, providers::DynProvider, signers::local::PrivateKeySigner};
use assay_contracts::Suite;
use assay_kernels::cuda::Backend;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::{Semaphore, broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::{
    answers::Ledger,
    examiner::Examiner,
    latency::{KEPT, Latencies},
    sealer::{Sealer, Standing},
};
use crate::{
    board::{self, Board},
    chain::Head,
    error::{KeeperError, Result},
    examination::{Exam, endpoint::Asker},
    life,
    store::{Store, StoreOptions},
    supervise::{Backoff, Supervisor},
    telemetry::{HealthServer, Readiness, prometheus, upkeep},
    tx::{Patience, TxConfig, TxManager},
    verification::Secret,
};

/// Events that a slow listener may be behind.
const EVENTS: usize = 1_024;

/// Settings of the checker role. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// SQLite file of its state.
    pub store: PathBuf,
    /// Most pages of 4 KiB that the store may have; unset: no limit.
    pub store_max_pages: Option<u32>,
    /// What is asked.
    #[serde(flatten)]
    pub exam: Exam,
    /// Hardware that answers are computed anew on: `auto`, `cpu` or `cuda`.
    pub backend: Backend,
    /// Number of the operator; unset: the one that the key attests for.
    pub operator: Option<u32>,
    /// Tasks of an answer that are computed anew.
    pub rechecks: u32,
    /// An answer in this time is good, in milliseconds.
    pub deadline_ms: u64,
    /// A right one in so many times that is slow; later ones are none.
    pub patience: u32,
    /// Seats that are asked at once.
    pub parallel: u32,
    /// Whether endpoints may be addresses of private networks.
    pub private_endpoints: bool,
    /// Where `/health`, `/ready` and `/metrics` are served; unset: nowhere.
    pub http: Option<SocketAddr>,
    /// Pause between looks at the chain's head, in milliseconds.
    pub poll_interval_ms: u64,
    /// How it sends transactions.
    pub tx: TxConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: PathBuf::from("checker.sqlite"),
            store_max_pages: None,
            exam: Exam::default(),
            backend: Backend::default(),
            operator: None,
            rechecks: 2,
            deadline_ms: 5_000,
            patience: 4,
            parallel: 64,
            private_endpoints: false,
            http: None,
            poll_interval_ms: 1_000,
            tx: TxConfig::default(),
        }
    }
}

/// What a checker works with, beside its configuration.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The contracts.
    pub suite: Suite,
    /// The chain. Must neither sign nor fill in transactions by itself.
    pub rpc: DynProvider,
    /// The key that attests for the operator.
    pub key: PrivateKeySigner,
}

/// A seat was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// The epoch.
    pub epoch: u32,
    /// The round.
    pub round: u32,
    /// The seat.
    pub seat: u32,
    /// `good`, `slow` or `offline`.
    pub answer: &'static str,
    /// How long it took, if it was up.
    pub latency_ms: Option<u32>,
    /// Why it counts as offline.
    pub reason: Option<String>,
}

/// A running checker. Dropping it stops it at once; what it has stored lets the next one go on.
#[derive(Debug)]
pub struct Handle {
    account: Address,
    tx: TxManager,
    http: Option<SocketAddr>,
    events: broadcast::Sender<Examined>,
    cancel: CancellationToken,
    running: JoinHandle<Result<()>>,
}

impl Handle {
    /// The account of its key.
    pub fn account(&self) -> Address {
        self.account
    }

    /// Where its HTTP side listens.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The transaction manager, for reading.
    pub fn transactions(&self) -> &TxManager {
        &self.tx
    }

    /// What is examined from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Examined> {
        self.events.subscribe()
    }

    /// Asks it to stop. What it has begun goes on at the next start.
    pub fn stop(&self) {
        self.cancel.cancel();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The fault that ended it, if one did.
    pub async fn wait(mut self) -> Result<()> {
        let ended = (&mut self.running).await;
        ended.unwrap_or_else(|error| Err(KeeperError::Panicked { task: "checker", message: error.to_string() }))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Starts a checker. It runs until `shutdown` is cancelled. An endpoint that is down does not keep it from starting.
///
/// # Errors
/// What a person has to set right: `bad_config`, a model's code, `CUDA_*`, `store_locked`, `store_mismatch`, `port_taken`.
pub async fn start(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<Handle> {
    let Setup { suite, rpc, key } = setup;
    check(&config)?;
    let network = board::network(&suite, config.exam.network)?;
    let (chain_id, me, only) = (suite.chain_id, key.address(), config.operator);
    let model = config.exam.open(config.backend).await?;
    let store = Store::open(StoreOptions { path: config.store, max_pages: config.store_max_pages }).await?;
    let secret = Secret::open(&store).await?;
    let pause = Duration::from_millis(config.poll_interval_ms);
    let board = Arc::new(Board::new(rpc.clone(), chain_id, network.clone(), pause));
    let (snapshots, heads, ledger) = (board.snapshots(), board.heads(), Ledger(store.clone()));
    let wallet = EthereumWallet::from(key.clone());
    let judge = Arc::new(Patience);
    let tx = TxManager::open(store, rpc, &wallet, chain_id, config.tx, judge, heads.clone()).await?;
    let (latencies, standing) = (Arc::new(Latencies::default()), Arc::new(Standing::default()));
    for (seat, latency) in ledger.latencies(KEPT).await? {
        latencies.add(seat, latency);
    }
    let health = match config.http {
        None => None,
        Some(address) => {
            let (tx, standing, latencies) = (tx.clone(), standing.clone(), latencies.clone());
            Some(HealthServer::bind(address, move || facts(&heads, &tx, &standing, &latencies)).await?)
        }
    };
    let http = health.as_ref().and_then(HealthServer::address);
    let (events, _) = broadcast::channel(EVENTS);
    let deadline = Duration::from_millis(config.deadline_ms);
    let examiner = Arc::new(Examiner {
        network: network.clone(),
        chain_id,
        key,
        only,
        model,
        tasks: config.exam.tasks,
        rechecks: config.rechecks,
        deadline,
        patience: deadline * config.patience,
        asker: Asker::new(config.private_endpoints)?,
        secret: secret.clone(),
        ledger: ledger.clone(),
        latencies,
        events: events.clone(),
        snapshots: snapshots.clone(),
        lines: Arc::new(Semaphore::new(config.parallel as usize)),
        machine: Semaphore::new(1),
        looks: Default::default(),
    });
    let sealer = Sealer {
        network,
        chain_id,
        me,
        only,
        secret,
        ledger,
        tx: tx.clone(),
        snapshots,
        standing,
        looks: Default::default(),
    };
    let cancel = shutdown.child_token();
    let supervisor = supervise(&cancel, board, &tx, examiner, Arc::new(sealer));
    if let Some(health) = health {
        tokio::spawn(health.serve(cancel.clone()));
    }
    prometheus();
    tokio::spawn(upkeep(cancel.clone()));
    tracing::info!(account = %me, "checker started");
    let running = tokio::spawn(supervisor.wait());
    Ok(Handle { account: me, tx, http, events, cancel, running })
}

/// Runs a checker until `shutdown` is cancelled.
///
/// # Errors
/// As [`start`], and the fault that ended it, if one did.
pub async fn run(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<()> {
    start(config, setup, shutdown).await?.wait().await
}

fn check(config: &Config) -> Result<()> {
    let least = [
        ("rechecks", u64::from(config.rechecks)),
        ("deadline_ms", config.deadline_ms),
        ("patience", config.patience.into()),
        ("parallel", config.parallel.into()),
        ("poll_interval_ms", config.poll_interval_ms),
    ];
    match least.iter().find(|(_, value)| *value == 0) {
        Some((field, _)) => Err(KeeperError::Config(format!("{field} is 0, expected at least 1"))),
        None => Ok(()),
    }
}

fn supervise(
    cancel: &CancellationToken,
    board: Arc<Board>,
    tx: &TxManager,
    examiner: Arc<Examiner>,
    sealer: Arc<Sealer>,
) -> Supervisor {
    let quick = Backoff { most: Duration::from_secs(3), healthy: Duration::from_secs(1), ..Backoff::default() };
    let mut supervisor = Supervisor::new(cancel.clone(), quick);
    supervisor.spawn("board", move |cancel| {
        let board = board.clone();
        async move { board.run(cancel).await }
    });
    let manager = tx.clone();
    supervisor.spawn("transactions", move |cancel| {
        let manager = manager.clone();
        async move { manager.run(cancel).await }
    });
    supervisor.spawn("examiner", move |cancel| examiner.clone().run(cancel));
    supervisor.spawn("sealer", move |cancel| sealer.clone().run(cancel));
    supervisor
}

/// What `/ready` says.
fn facts(
    heads: &watch::Receiver<Option<Head>>,
    tx: &TxManager,
    standing: &Standing,
    latencies: &Latencies,
) -> Readiness {
    let mut readiness = life::readiness(heads, tx, false);
    if let Some((epoch, operator)) = standing.get() {
        readiness.facts["epoch"] = json!(epoch);
        readiness.facts["operator"] = json!(operator.ok());
        readiness.facts["idle"] = json!(operator.err().map(|idle| idle.as_str()));
    }
    readiness.facts["seats"] = latencies.facts();
    readiness
}
