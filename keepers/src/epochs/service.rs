//! The life of the role: it follows the head, looks, and has what it wants sent.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::providers::Provider;
use assay_contracts::network::read::Snapshot;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    CODES, Config, Handle, Setup, Trouble,
    look::{Look, Means, Memory, Now},
};
use crate::{
    board::{self, Board},
    chain::Head,
    error::{KeeperError, Result},
    life,
    store::{Store, StoreOptions},
    supervise::{Backoff, Supervisor, while_progressing},
    telemetry::{HealthServer, upkeep},
    tx::{Patience, TxManager},
    verification::Rounds,
};

/// Name of the role.
const ROLE: &str = "epochs";
/// How long nothing is looked at when no block comes.
const TICK: Duration = Duration::from_secs(2);

/// What is in the way, for whoever asks.
type Troubles = Arc<Mutex<Vec<Trouble>>>;

struct Planner {
    means: Means,
    depth: u64,
    tx: TxManager,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    head: watch::Receiver<Option<Head>>,
    troubles: Troubles,
    memory: tokio::sync::Mutex<Memory>,
    looks: AtomicU64,
}

impl Planner {
    async fn run(self: Arc<Self>, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.looks, || self.keep_looking()) => result,
        }
    }

    async fn keep_looking(&self) -> Result<()> {
        let mut snapshots = self.snapshots.clone();
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if let Some(snapshot) = snapshot {
                self.look(&snapshot).await?;
            }
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    async fn look(&self, snapshot: &Snapshot) -> Result<()> {
        let mut memory = self.memory.lock().await;
        let Snapshot { history, block, time } = snapshot;
        // Where no block comes, time passes all the same.
        let age = self.head.borrow().filter(|head| head.hash == block.hash).map(|head| head.stored_at.elapsed());
        let time = time + age.unwrap_or_default().as_secs();
        let settled = self.settled(block.number, time).await?;
        let now = Now { history, number: block.number, hash: block.hash, time, settled };
        let mut look = Look::new(&self.means, &mut memory, now);
        look.all().await?;
        let Look { wanted, troubles, .. } = look;
        self.tell(troubles);
        self.tx.reconcile(ROLE, &wanted, block.number).await
    }

    /// The time of the newest block that is deep enough for a bond.
    async fn settled(&self, number: u64, time: u64) -> Result<u64> {
        if self.depth == 0 {
            return Ok(time);
        }
        let Some(number) = number.checked_sub(self.depth) else { return Ok(0) };
        let rpc = KeeperError::rpc("eth_getBlockByNumber");
        let block = self.means.rpc.get_block_by_number(number.into()).await.map_err(rpc)?;
        Ok(block.map_or(0, |block| block.header.timestamp))
    }

    /// Keeps what is in the way for whoever asks, and logs what is new of it.
    fn tell(&self, troubles: Vec<Trouble>) {
        for code in CODES {
            let count = troubles.iter().filter(|trouble| trouble.code == code).count();
            metrics::gauge!("assay_epochs_troubles", "code" => code).set(count as f64);
        }
        let mut known = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before: BTreeSet<_> = known.iter().map(|trouble| &trouble.message).collect();
        for trouble in troubles.iter().filter(|trouble| !before.contains(&trouble.message)) {
            tracing::warn!(code = trouble.code, "{}", trouble.message);
        }
        *known = troubles;
    }
}

pub(super) async fn start(config: Config, setup: Setup, shutdown: CancellationToken) -> Result<Handle> {
    let Setup { suite, rpc, wallet, blobs } = setup;
    let network = board::network(&suite, config.network)?;
    let me = wallet.default_signer().address();
    let store = Store::open(StoreOptions { path: config.store, max_pages: config.store_max_pages }).await?;
    let pause = Duration::from_millis(config.poll_interval_ms.max(1));
    let board = Arc::new(Board::new(rpc.clone(), suite.chain_id, network.clone(), pause));
    let (snapshots, head) = (board.snapshots(), board.heads());
    let (chain_id, judge) = (suite.chain_id, Arc::new(Patience));
    let tx = TxManager::open(store, rpc.clone(), &wallet, chain_id, config.tx, judge, head.clone()).await?;
    let troubles = Troubles::default();
    let health = match config.http {
        None => None,
        Some(address) => {
            let (head, tx, troubles) = (head.clone(), tx.clone(), troubles.clone());
            let probe = move || {
                let mut readiness = life::readiness(&head, &tx, false);
                let troubles = troubles.lock().unwrap_or_else(PoisonError::into_inner).clone();
                readiness.ready &= troubles.is_empty();
                readiness.facts["ready"] = json!(readiness.ready);
                readiness.facts["troubles"] = json!(troubles);
                readiness
            };
            Some(HealthServer::bind(address, probe).await?)
        }
    };
    let http = health.as_ref().and_then(HealthServer::address);
    let rounds = Arc::new(Rounds::new(rpc.clone(), &suite, &config.relays)?);
    tracing::info!(account = %me, network = %network.uptime, role = ROLE, "started");
    let planner = Arc::new(Planner {
        means: Means { me, suite, network, rpc, blobs, rounds, spread: config.spread },
        depth: config.depth,
        tx: tx.clone(),
        snapshots,
        head: head.clone(),
        troubles,
        memory: tokio::sync::Mutex::default(),
        looks: AtomicU64::new(0),
    });
    let cancel = shutdown.child_token();
    // The endpoint is asked several times a second when all is well; a pause of seconds is long.
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
    supervisor.spawn("epochs", move |cancel| planner.clone().run(cancel));
    if let Some(health) = health {
        tokio::spawn(health.serve(cancel.clone()));
    }
    tokio::spawn(upkeep(cancel.clone()));
    let running = tokio::spawn(supervisor.wait());
    Ok(Handle { account: me, tx, head, http, shutdown: cancel, running })
}
