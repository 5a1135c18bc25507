//! What validator and challenger share: the life of a keeper that plans by [`super::plan()`] alone.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{network::EthereumWallet, primitives::Address, providers::DynProvider};
use assay_blobs::Blobs;
use assay_contracts::{
    Suite,
    follow::{Block, FollowConfig},
};
use assay_kernels::cuda::Backend;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{Bench, Duty, Rounds, Secret, Situation, Tamper, plan};
use crate::{
    chain::{ChainService, Head, Projection},
    error::{KeeperError, Result},
    life, models,
    store::{Store, StoreOptions, StoreTransaction},
    supervise::while_progressing,
    telemetry::{HealthServer, upkeep},
    tx::{Patience, TxConfig, TxManager},
    view::{ChainView, log},
};

/// How often time alone is looked at.
const TICK: Duration = Duration::from_millis(250);

/// What a validator or a challenger works with, beside its configuration.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The contracts.
    pub suite: Suite,
    /// The chain. Must neither sign nor fill in transactions by itself.
    pub rpc: DynProvider,
    /// The key. It never leaves the signer.
    pub wallet: EthereumWallet,
    /// Where inputs and results are.
    pub blobs: Blobs,
    /// How it cheats, in tests and demonstrations. The default is honesty.
    pub tamper: Tamper,
}

/// The settings that both roles have.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Name of the role.
    pub(crate) role: &'static str,
    pub(crate) duty: Duty,
    pub(crate) store: PathBuf,
    pub(crate) store_max_pages: Option<u32>,
    pub(crate) models: Vec<PathBuf>,
    pub(crate) backend: Backend,
    pub(crate) relays: Vec<String>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) follow: FollowConfig,
    pub(crate) tx: TxConfig,
}

/// A running keeper. Dropping it stops it at once; what it has stored lets the next one go on.
#[derive(Debug)]
pub struct Handle {
    pub(crate) account: Address,
    pub(crate) tx: TxManager,
    pub(crate) head: watch::Receiver<Option<Head>>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<Result<()>>,
}

impl Handle {
    /// The keeper's account.
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

    /// The newest block whose events are stored.
    pub fn head(&self) -> Option<Head> {
        *self.head.borrow()
    }

    /// Asks it to stop. What it has begun goes on at the next start, which must come before the clocks run out.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The fault that ended it, if one did.
    pub async fn wait(mut self) -> Result<()> {
        let ended = (&mut self.running).await;
        ended.unwrap_or_else(|error| Err(KeeperError::Panicked { task: "keeper", message: error.to_string() }))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// View and bell, shared by the tasks.
#[derive(Debug, Default)]
struct Desk {
    view: Mutex<ChainView>,
    replan: Notify,
    /// When the last news arrived that no plan has seen yet.
    cause: Mutex<Option<Instant>>,
}

impl Desk {
    fn view(&self) -> MutexGuard<'_, ChainView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_cause(&self, at: Instant) {
        let mut cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        *cause = Some(cause.map_or(at, |cause| cause.min(at)));
    }

    fn ring(&self) {
        self.note_cause(Instant::now());
        self.replan.notify_one();
    }

    fn take_cause(&self) -> Option<Instant> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Events {
    store: Store,
    suite: Suite,
    desk: Arc<Desk>,
}

impl Projection for Events {
    async fn load(&self) -> Result<()> {
        let (events, block) = log::load(&self.store, &self.suite).await?;
        log::rebuild(&mut self.desk.view(), &events, block);
        self.desk.ring();
        Ok(())
    }

    async fn apply(&self, tx: &mut StoreTransaction, block: &Block) -> Result<()> {
        log::store(tx, block).await
    }

    async fn roll_back(&self, tx: &mut StoreTransaction, number: u64) -> Result<()> {
        log::roll_back(tx, number).await
    }

    fn applied(&self, block: &Block, seen: Instant) {
        log::follow(&mut self.desk.view(), block);
        // The head, which is published next, calls for the plan.
        self.desk.note_cause(seen);
    }
}

struct Planner {
    role: &'static str,
    duty: Duty,
    me: Address,
    suite: Suite,
    secret: Secret,
    desk: Arc<Desk>,
    bench: Arc<Bench>,
    tx: TxManager,
    head: watch::Receiver<Option<Head>>,
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
            self.look().await?;
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                () = self.desk.replan.notified() => {}
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    async fn look(&self) -> Result<()> {
        let cause = self.desk.take_cause();
        let Some(head) = self.head.borrow().as_ref().filter(|head| head.caught_up).copied() else { return Ok(()) };
        let under_way = self.tx.store().under_way(self.role).await?;
        let (mut plan, derived_at) = {
            let view = self.desk.view();
            let plan = plan(&Situation {
                me: self.me,
                duty: self.duty,
                suite: &self.suite,
                view: &view,
                head_number: head.number,
                head_time: head.timestamp,
                likely_time: head.timestamp + head.stored_at.elapsed().as_secs(),
                known: &self.bench.known(),
                models: &self.bench.models,
                under_way: &under_way,
                secret: &self.secret,
                tamper: &self.bench.tamper,
            });
            self.bench.tidy(&view, &plan.full);
            (plan, view.block)
        };
        for action in &mut plan.actions {
            action.since = cause;
        }
        self.tx.reconcile(self.role, &plan.actions, derived_at).await?;
        self.bench.bring(plan.needs);
        Ok(())
    }
}

/// Starts a keeper of this kind. It runs until `shutdown` is cancelled.
pub(crate) async fn start(settings: Settings, setup: Setup, shutdown: CancellationToken) -> Result<Handle> {
    let Setup { suite, rpc, wallet, blobs, tamper } = setup;
    let models = models::open(&settings.models, settings.backend).await?;
    let roots = models.iter().map(|model| (model.program_root().into(), model.weights_root().into())).collect();
    let me = wallet.default_signer().address();
    let store = Store::open(StoreOptions { path: settings.store, max_pages: settings.store_max_pages }).await?;
    let secret = Secret::open(&store).await?;
    let desk = Arc::new(Desk { view: Mutex::new(ChainView::new(roots)), ..Desk::default() });
    let (head_sender, head) = watch::channel(None);
    let (chain_id, judge) = (suite.chain_id, Arc::new(Patience));
    let tx = TxManager::open(store.clone(), rpc.clone(), &wallet, chain_id, settings.tx, judge, head.clone()).await?;
    let bell = desk.clone();
    let rounds = Rounds::new(rpc.clone(), &suite, &settings.relays)?;
    let bench = Arc::new(Bench::new(rounds, blobs, models, tamper, chain_id, move || bell.ring()));
    let health = match settings.http {
        None => None,
        Some(address) => {
            let (head, tx) = (head.clone(), tx.clone());
            Some(HealthServer::bind(address, move || life::readiness(&head, &tx, false)).await?)
        }
    };
    let http = health.as_ref().and_then(HealthServer::address);
    let events = Events { store: store.clone(), suite: suite.clone(), desk: desk.clone() };
    let chain = ChainService::new(store, rpc, suite.clone(), settings.follow, events, head_sender);
    let (role, duty) = (settings.role, settings.duty);
    let planner = Planner {
        role,
        duty,
        me,
        suite,
        secret,
        desk,
        bench,
        tx: tx.clone(),
        head: head.clone(),
        looks: AtomicU64::new(0),
    };
    let cancel = shutdown.child_token();
    let mut supervisor = life::supervise(&cancel, chain, &tx);
    let planner = Arc::new(planner);
    supervisor.spawn("planner", move |cancel| planner.clone().run(cancel));
    if let Some(health) = health {
        tokio::spawn(health.serve(cancel.clone()));
    }
    tokio::spawn(upkeep(cancel.clone()));
    tracing::info!(account = %me, role, "started");
    let running = tokio::spawn(supervisor.wait());
    Ok(Handle { account: me, tx, head, http, shutdown: cancel, running })
}
