//! Putting the provider together, and its life from start to stop.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::{network::EthereumWallet, primitives::Address, providers::DynProvider};
use assay_blobs::Blobs;
use assay_contracts::Suite;
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    config::ProviderConfig,
    events::EventProjection,
    planner::Planner,
    progress::{Progress, Snapshot},
    shared::Shared,
    worker::{Worker, blocking, measure_speed},
};
use crate::{
    chain::{ChainService, Head, head_age},
    error::{KeeperError, Result},
    life, models,
    store::{Store, StoreOptions},
    supervise::Supervisor,
    telemetry::{HealthServer, peak_rss, upkeep},
    tx::{TxManager, TxSummary},
    verification::{Bench, Rounds, Secret, Tamper},
};

/// What a provider works with, beside its configuration.
#[derive(Debug, Clone)]
pub struct ProviderSetup {
    /// The contracts.
    pub suite: Suite,
    /// The chain. Must neither sign nor fill in transactions by itself.
    pub rpc: DynProvider,
    /// The key. It never leaves the signer.
    pub wallet: EthereumWallet,
    /// Where inputs, results and receipts are.
    pub blobs: Blobs,
}

/// The provider role.
#[derive(Debug)]
pub struct Provider;

/// A running provider. Dropping it stops the provider at once; what it has stored lets the next one go on.
#[derive(Debug)]
pub struct ProviderHandle {
    shared: Arc<Shared>,
    tx: TxManager,
    head: watch::Receiver<Option<Head>>,
    http: Option<SocketAddr>,
    shutdown: CancellationToken,
    cancel: CancellationToken,
    running: JoinHandle<Result<()>>,
}

impl Provider {
    /// Starts a provider. It runs until `shutdown` is cancelled, and then finishes what it has taken; see
    /// [`ProviderHandle::wait`]. An endpoint that is down does not keep it from starting.
    ///
    /// # Errors
    /// What a person has to set right: `bad_config`, a model's code, `CUDA_*`, `store_locked`, `store_mismatch`, `port_taken`.
    pub async fn start(
        config: ProviderConfig,
        setup: ProviderSetup,
        shutdown: CancellationToken,
    ) -> Result<ProviderHandle> {
        Self::start_tampered(config, setup, Tamper::default(), shutdown).await
    }

    /// Starts a provider that cheats, to show what becomes of it; see [`Tamper`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_tampered(
        mut config: ProviderConfig,
        setup: ProviderSetup,
        tamper: Tamper,
        shutdown: CancellationToken,
    ) -> Result<ProviderHandle> {
        let ProviderSetup { suite, rpc, wallet, blobs } = setup;
        if config.policy.suite_verification {
            config.policy.verifications.push(suite.verification);
        }
        let models = models::open(&config.models, config.backend).await?;
        let roots = models.iter().map(|model| (model.program_root().into(), model.weights_root().into())).collect();
        let models = tamper.models(&models, &config.models)?;
        let me = wallet.default_signer().address();
        let store = Store::open(StoreOptions { path: config.store.clone(), max_pages: config.store_max_pages }).await?;
        let secret = Secret::open(&store).await?;
        let shared = Arc::new(Shared::new(me, roots));
        let (head_sender, head) = watch::channel(None);
        let tx = TxManager::open(
            store.clone(),
            rpc.clone(),
            &wallet,
            suite.chain_id,
            config.tx.clone(),
            shared.clone(),
            head.clone(),
        )
        .await?;
        let health = match config.http {
            None => None,
            Some(address) => {
                let (head, tx, shared) = (head.clone(), tx.clone(), shared.clone());
                let probe = move || life::readiness(&head, &tx, shared.draining());
                Some(HealthServer::bind(address, probe).await?)
            }
        };
        let http = health.as_ref().and_then(HealthServer::address);

        let worker = Arc::new(Worker {
            shared: shared.clone(),
            store: store.clone(),
            blobs: blobs.clone(),
            models: models.clone(),
            config: config.work.clone(),
            chain_id: suite.chain_id,
            tamper: tamper.clone(),
        });
        worker.load_results().await?;
        let speed = match config.work.units_per_second {
            Some(speed) => speed,
            None => {
                blocking({
                    let models = models.clone();
                    move || measure_speed(&models)
                })
                .await?
            }
        };
        tracing::info!(units_per_second = speed, "speed");
        shared.knowledge().units_per_second = Some(speed);
        let projection = EventProjection { store: store.clone(), suite: suite.clone(), shared: shared.clone() };
        let chain =
            ChainService::new(store, rpc.clone(), suite.clone(), config.follow.clone(), projection, head_sender);
        let drain = Duration::from_millis(config.work.drain_ms);
        let (bell, chain_id) = (shared.clone(), suite.chain_id);
        let ring = move || bell.trigger(std::time::Instant::now());
        let rounds = Rounds::new(rpc.clone(), &suite, &config.relays)?;
        let bench = Bench::new(rounds, blobs.clone(), models.clone(), tamper, chain_id, ring);
        let planner = Arc::new(Planner {
            config,
            suite,
            rpc,
            blobs,
            models,
            shared: shared.clone(),
            bench: Arc::new(bench),
            secret,
            tx: tx.clone(),
            head: head.clone(),
            looks: Default::default(),
        });

        let cancel = CancellationToken::new();
        let supervisor = supervise(&cancel, chain, &tx, &planner, &worker);
        if let Some(health) = health {
            tokio::spawn(health.serve(cancel.clone()));
        }
        tokio::spawn(stop(shared.clone(), tx.clone(), shutdown.clone(), cancel.clone(), drain));
        tokio::spawn(upkeep(cancel.clone()));
        tracing::info!(account = %me, "provider started");
        let running = tokio::spawn(supervisor.wait());
        Ok(ProviderHandle { shared, tx, head, http, shutdown, cancel, running })
    }
}

fn supervise(
    cancel: &CancellationToken,
    chain: ChainService<EventProjection>,
    tx: &TxManager,
    planner: &Arc<Planner>,
    worker: &Arc<Worker>,
) -> Supervisor {
    let mut supervisor = life::supervise(cancel, chain, tx);
    let plans = planner.clone();
    supervisor.spawn("planner", move |cancel| plans.clone().run(cancel));
    let receipts = planner.clone();
    supervisor.spawn("receipts", move |cancel| receipts.clone().poll_receipts(cancel));
    let worker = worker.clone();
    supervisor.spawn("worker", move |cancel| {
        let worker = worker.clone();
        async move { worker.run(cancel).await }
    });
    supervisor
}

/// Stops in two steps: no new work, and once what is taken is committed and sent (or the time for that is over), everything.
async fn stop(
    shared: Arc<Shared>,
    tx: TxManager,
    shutdown: CancellationToken,
    cancel: CancellationToken,
    drain: Duration,
) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = cancel.cancelled() => return,
    }
    shared.is_draining.store(true, Ordering::Relaxed);
    shared.trigger(std::time::Instant::now());
    tracing::info!("stopping: finishing what is taken, taking nothing new");
    let drained = async {
        loop {
            // A plan made before the stop may still say that something is held; the next one does not.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let held = shared.knowledge().held;
            if held == 0 && tx.summary().await.is_ok_and(|summary| summary.in_flight() == 0) {
                return;
            }
        }
    };
    tokio::select! {
        result = tokio::time::timeout(drain, drained) => if result.is_err() {
            tracing::warn!("the time to finish is over; what is left goes on at the next start");
        },
        () = cancel.cancelled() => {}
    }
    cancel.cancel();
}

impl ProviderHandle {
    /// The provider's account.
    pub fn account(&self) -> Address {
        self.shared.me
    }

    /// Where its HTTP side listens.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// The transaction manager, for reading.
    pub fn transactions(&self) -> &TxManager {
        &self.tx
    }

    /// How it stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let TxSummary { states, reactions, out_of_funds } = self.tx.summary().await?;
        let head = *self.head.borrow();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let orders = self.shared.view().orders.len();
        let knowledge = self.shared.knowledge();
        Ok(Snapshot {
            account: self.shared.me,
            head: head.map(|head| head.number),
            caught_up: head.is_some_and(|head| head.caught_up),
            head_age_seconds: head_age(&self.head).map(|age| age.as_secs_f64()),
            orders,
            refused: knowledge.refusals.iter().map(|(id, refusal)| (*id, refusal.clone())).collect(),
            held: knowledge.held,
            tasks_computed: self.shared.tasks_computed.load(Ordering::Relaxed),
            batches_committed: self.shared.batches_committed.load(Ordering::Relaxed),
            batches_settled: self.shared.batches_settled.load(Ordering::Relaxed),
            actions: states,
            reactions: reactions.len(),
            reaction_p50_ms: reactions.quantile(0.5).map(millis),
            reaction_p99_ms: reactions.quantile(0.99).map(millis),
            peak_rss_bytes: peak_rss(),
            out_of_funds,
        })
    }

    /// Asks it to stop: no new work; what is taken is finished. Returns at once; see [`Self::wait`].
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The fault that ended it, if one did.
    pub async fn wait(mut self) -> Result<()> {
        let ended = (&mut self.running).await;
        ended.unwrap_or_else(|error| Err(KeeperError::Panicked { task: "provider", message: error.to_string() }))
    }
}

impl Drop for ProviderHandle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
