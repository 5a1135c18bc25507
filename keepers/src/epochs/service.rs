//! The life of the role: it follows the head, looks, and has what it wants sent.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    Network, Suite,
    network::read::{Snapshot, Watch},
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Config, Handle, Setup, Trouble,
    look::{Look, Means, Memory, Now},
};
use crate::{
    chain::{Head, check_chain},
    error::{KeeperError, Result},
    life,
    store::{Store, StoreOptions},
    supervise::{Backoff, Supervisor, while_progressing},
    telemetry::{HealthServer, upkeep},
    tx::{Action, Judge, Revert, TxManager, Verdict},
    verification::Rounds,
};

/// Name of the role.
const ROLE: &str = "epochs";
/// How long nothing is looked at when no block comes.
const TICK: Duration = Duration::from_secs(2);
/// Pause before a move that would revert is tried again: the chain is ahead of what was seen, or behind.
const NOT_YET: Duration = Duration::from_millis(700);

/// A wanted move that would revert is early or late; the next look says which.
#[derive(Debug)]
struct Patience;

impl Judge for Patience {
    fn judge(&self, _: &Action, _: &Revert) -> Verdict {
        Verdict::Later(NOT_YET)
    }
}

/// Follows the head by asking.
#[derive(Debug)]
struct Heads {
    rpc: DynProvider,
    chain_id: u64,
    pause: Duration,
    sender: watch::Sender<Option<Head>>,
}

impl Heads {
    async fn run(&self, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = self.follow() => result,
        }
    }

    async fn follow(&self) -> Result<()> {
        check_chain(&self.rpc, self.chain_id).await?;
        loop {
            let rpc = KeeperError::rpc("eth_getBlockByNumber");
            let block = self.rpc.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(rpc)?;
            if let Some(header) = block.map(|block| block.header) {
                self.sender.send_if_modified(|head| {
                    if head.is_some_and(|head| head.hash == header.hash) {
                        return false;
                    }
                    *head = Some(Head {
                        number: header.number,
                        hash: header.hash,
                        timestamp: header.timestamp,
                        base_fee: header.base_fee_per_gas.unwrap_or_default(),
                        caught_up: true,
                        stored_at: Instant::now(),
                    });
                    true
                });
                metrics::gauge!("assay_chain_head").set(header.number as f64);
            }
            tokio::time::sleep(self.pause).await;
        }
    }
}

/// What is in the way, for whoever asks.
type Troubles = Arc<Mutex<Vec<Trouble>>>;

struct Planner {
    means: Means,
    depth: u64,
    tx: TxManager,
    head: watch::Receiver<Option<Head>>,
    troubles: Troubles,
    mind: tokio::sync::Mutex<(Watch, Memory)>,
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
        let mut heads = self.head.clone();
        loop {
            if heads.borrow_and_update().is_some() {
                self.look().await?;
                self.looks.fetch_add(1, Ordering::Relaxed);
            }
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    async fn look(&self) -> Result<()> {
        let mut mind = self.mind.lock().await;
        let (watch, memory) = &mut *mind;
        let Snapshot { history, block, time } = watch.snapshot().await?;
        // Where no block comes, time passes all the same.
        let age = self.head.borrow().filter(|head| head.hash == block.hash).map(|head| head.stored_at.elapsed());
        let time = time + age.unwrap_or_default().as_secs();
        let settled = self.settled(block.number, time).await?;
        let now = Now { history: &history, number: block.number, hash: block.hash, time, settled };
        let mut look = Look::new(&self.means, memory, now);
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
        metrics::gauge!("assay_epochs_troubles").set(troubles.len() as f64);
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
    let network = find(&suite, &config)?.clone();
    let me = wallet.default_signer().address();
    let store = Store::open(StoreOptions { path: config.store, max_pages: config.store_max_pages }).await?;
    let (head_sender, head) = watch::channel(None);
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
    let rounds = Rounds::new(rpc.clone(), &suite, &config.relays)?;
    let pause = Duration::from_millis(config.poll_interval_ms.max(1));
    let heads = Arc::new(Heads { rpc: rpc.clone(), chain_id, pause, sender: head_sender });
    let watch = Watch::new(rpc.clone(), network.clone());
    tracing::info!(account = %me, network = %network.uptime, role = ROLE, "started");
    let planner = Arc::new(Planner {
        means: Means { me, suite, network, rpc, blobs, rounds, spread: config.spread },
        depth: config.depth,
        tx: tx.clone(),
        head: head.clone(),
        troubles,
        mind: tokio::sync::Mutex::new((watch, Memory::default())),
        looks: AtomicU64::new(0),
    });
    let cancel = shutdown.child_token();
    // The endpoint is asked several times a second when all is well; a pause of seconds is long.
    let quick = Backoff { most: Duration::from_secs(3), healthy: Duration::from_secs(1), ..Backoff::default() };
    let mut supervisor = Supervisor::new(cancel.clone(), quick);
    supervisor.spawn("heads", move |cancel| {
        let heads = heads.clone();
        async move { heads.run(cancel).await }
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

fn find<'a>(suite: &'a Suite, config: &Config) -> Result<&'a Network> {
    let found = match config.network {
        Some(address) => suite.networks.iter().find(|network| network.uptime == address),
        None => suite.networks.last(),
    };
    found.ok_or_else(|| {
        let which = config.network.map_or("a network".into(), |address| format!("the network {address}"));
        KeeperError::Config(format!("the deployment's record has not {which}; `assay nodes deploy` makes one"))
    })
}
