//! The manager's loop: simulate, sign, write, send; watch, outbid, send again.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    network::{EthereumWallet, TxSigner},
    primitives::{Address, B256, Signature},
    providers::{DynProvider, Provider},
};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Action, ActionState, FeeConfig, Judge, TxStore, Wanted, store::now_ms};
use crate::{
    chain::{Head, check_chain},
    error::{KeeperError, Result},
    store::Store,
    supervise::while_progressing,
};

/// Reaction times kept for the quantiles.
const REACTIONS: usize = 4096;
/// How long actions that have ended are kept.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often actions in flight are looked at when no head arrives.
const TRACK_EVERY: Duration = Duration::from_millis(400);

/// When a block counts as final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finality {
    /// This many blocks on top of it.
    Confirmations(u64),
    /// The node's `finalized` tag.
    Tag,
}

/// Settings of the transaction manager.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct TxConfig {
    /// When a block counts as final. Before, its transactions are checked at every head.
    pub finality: Finality,
    /// Transactions in flight at once. A quarter of them is kept for what does not bear waiting ([`PATIENT`](super::PATIENT)).
    pub max_in_flight: u32,
    /// How long a transaction may wait for a block before it is outbid, in milliseconds.
    pub bump_after_ms: u64,
    /// How long receipts may lag behind the account's transaction count, in milliseconds.
    pub nonce_grace_ms: u64,
    /// Gas limit on top of the estimate, in percent.
    pub gas_margin_percent: u64,
    /// Fees.
    pub fees: FeeConfig,
}

impl Default for TxConfig {
    fn default() -> Self {
        Self {
            finality: Finality::Confirmations(12),
            max_in_flight: 16,
            bump_after_ms: 30_000,
            nonce_grace_ms: 3_000,
            gas_margin_percent: 25,
            fees: FeeConfig::default(),
        }
    }
}

/// [`TxConfig`] as the manager uses it.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) finality: Finality,
    pub(super) nonce_grace: Duration,
    pub(super) max_in_flight: u32,
    pub(super) bump_after: Duration,
    pub(super) gas_margin_percent: u64,
    pub(super) fees: FeeConfig,
}

/// Times from a cause seen to its first transaction sent.
#[derive(Debug, Default, Clone)]
pub struct Reactions {
    times: VecDeque<Duration>,
}

impl Reactions {
    pub(super) fn push(&mut self, time: Duration) {
        if self.times.len() == REACTIONS {
            self.times.pop_front();
        }
        self.times.push_back(time);
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The time that a share `q` (0 to 1) of them does not exceed.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let mut times: Vec<_> = self.times.iter().copied().collect();
        times.sort_unstable();
        let rank = (q * times.len() as f64).ceil() as usize;
        times.get(rank.clamp(1, times.len().max(1)) - 1).copied()
    }
}

/// A look at the manager.
#[derive(Debug, Clone)]
pub struct TxSummary {
    /// Actions in each state.
    pub states: Vec<(ActionState, u64)>,
    /// Reaction times.
    pub reactions: Reactions,
    /// Whether the account could not pay for its last transaction.
    pub out_of_funds: bool,
}

impl TxSummary {
    /// Actions in `state`.
    pub fn count(&self, state: ActionState) -> u64 {
        self.states.iter().find(|(is, _)| *is == state).map_or(0, |(_, count)| *count)
    }

    /// Actions of which a transaction may be in some node's pool.
    pub fn in_flight(&self) -> u64 {
        self.count(ActionState::Building) + self.count(ActionState::Submitted)
    }
}

/// What may be forgotten at a restart.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Since when a used nonce lacks a receipt.
    pub(super) missing: HashMap<u64, Instant>,
    /// When the causes of queued actions were seen.
    pub(super) since: HashMap<String, Instant>,
    /// Last send of an action in flight, and how often a node's answer was lost or negative in a row.
    pub(super) sends: HashMap<i64, (Instant, u32)>,
    pub(super) reactions: Reactions,
    pub(super) tip: Option<(Instant, u64)>,
    pub(super) out_of_funds: bool,
}

/// The transaction manager of one account. Clones share it.
#[derive(Clone)]
pub struct TxManager(Arc<Inner>);

/// Everything shared.
pub struct Inner {
    pub(super) provider: DynProvider,
    pub(super) address: Address,
    pub(super) store: TxStore,
    pub(super) config: Settings,
    pub(super) chain_id: u64,
    pub(super) signer: Arc<dyn TxSigner<Signature> + Send + Sync>,
    pub(super) judge: Arc<dyn Judge>,
    head: watch::Receiver<Option<Head>>,
    wake: Notify,
    /// Rounds completed, ever.
    rounds: AtomicU64,
    memory: Mutex<Memory>,
}

impl Deref for TxManager {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for TxManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxManager")
            .field("address", &self.address)
            .field("chain_id", &self.chain_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("address", &self.address).finish_non_exhaustive()
    }
}

impl TxManager {
    /// A manager that sends from the wallet's default account through `provider` (which must not sign or fill by itself) and asks
    /// `judge` about reverts. `head` is the newest block whose effects are stored.
    ///
    /// # Errors
    /// `store_mismatch` when the store belongs to another account or chain.
    pub async fn open(
        store: Store,
        provider: DynProvider,
        wallet: &EthereumWallet,
        chain_id: u64,
        config: TxConfig,
        judge: Arc<dyn Judge>,
        head: watch::Receiver<Option<Head>>,
    ) -> Result<Self> {
        let signer = wallet.default_signer();
        let address = signer.address();
        let store = TxStore::open(store, address, chain_id).await?;
        Ok(Self(Arc::new(Inner {
            provider,
            address,
            store,
            config: Settings {
                finality: config.finality,
                nonce_grace: Duration::from_millis(config.nonce_grace_ms),
                max_in_flight: config.max_in_flight.max(1),
                bump_after: Duration::from_millis(config.bump_after_ms),
                gas_margin_percent: config.gas_margin_percent,
                fees: config.fees,
            },
            chain_id,
            signer,
            judge,
            head,
            wake: Notify::new(),
            rounds: AtomicU64::new(0),
            memory: Mutex::default(),
        })))
    }

    /// The sending account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The store, for reading.
    pub fn store(&self) -> &TxStore {
        &self.store
    }

    /// See [`TxStore::reconcile`]. Wakes the loop when something was queued.
    pub async fn reconcile(&self, role: &str, wanted: &[Wanted], derived_at: u64) -> Result<()> {
        self.memory().since.retain(|key, _| wanted.iter().any(|want| want.key == *key));
        let new = self.store.reconcile(role, wanted, derived_at).await?;
        if new.is_empty() {
            return Ok(());
        }
        let since = wanted.iter().filter(|want| new.contains(&want.key));
        let since = since.filter_map(|want| want.since.map(|since| (want.key.clone(), since)));
        self.memory().since.extend(since);
        self.wake.notify_one();
        Ok(())
    }

    /// A look at the state.
    pub async fn summary(&self) -> Result<TxSummary> {
        let states = self.store.counts().await?;
        let memory = self.memory();
        Ok(TxSummary { states, reactions: memory.reactions.clone(), out_of_funds: memory.out_of_funds })
    }

    /// Whether the account could not pay for its last transaction.
    pub fn is_out_of_funds(&self) -> bool {
        self.memory().out_of_funds
    }

    /// Works until cancelled. Ends early with an error, which a supervisor answers by calling it again.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.rounds, || self.work()) => result,
        }
    }

    async fn work(&self) -> Result<()> {
        let mut heads = self.head.clone();
        // Before that, neither the base fee nor what the roles want is of today.
        heads.wait_for(|head| head.is_some_and(|head| head.caught_up)).await.ok();
        check_chain(&self.provider, self.chain_id).await?;
        self.first_sync().await?;
        let mut tracked = None;
        loop {
            let Some(head) = *heads.borrow_and_update() else { return Ok(()) };
            self.dispatch(&head).await?;
            if tracked.is_none_or(|(hash, at): (B256, Instant)| hash != head.hash || at.elapsed() >= TRACK_EVERY) {
                let chain_nonce = self.track(&head).await?;
                self.resend(chain_nonce, &head).await?;
                self.fill_gap(chain_nonce).await?;
                tracked = Some((head.hash, Instant::now()));
                self.dispatch(&head).await?;
                self.publish_metrics().await?;
            }
            self.rounds.fetch_add(1, Ordering::Relaxed);
            let pause = self.pause().await?;
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A new store may meet transactions of an older one in the pool: it leaves them their nonces.
    async fn first_sync(&self) -> Result<()> {
        if self.store.is_fresh().await? {
            let rpc = KeeperError::rpc("eth_getTransactionCount");
            let pending = self.provider.get_transaction_count(self.address).pending().await.map_err(rpc)?;
            self.store.sync_nonces(pending).await?;
        }
        self.store.prune(KEEP_ENDED).await?;
        Ok(())
    }

    /// How long nothing needs to be done if nothing happens.
    async fn pause(&self) -> Result<Duration> {
        let most = if self.store.unsettled().await?.is_empty() { 30_000 } else { 400 };
        let due = match self.store.next_due().await? {
            // What is due and finds no room waits for what is in flight.
            Some(due) if due > now_ms() || !self.ready().await?.is_empty() => (due - now_ms()).clamp(5, most),
            _ => most,
        };
        Ok(Duration::from_millis(due as u64))
    }

    /// Whether something was queued since this was asked last.
    pub(super) fn is_woken(&self) -> bool {
        self.wake.notified().now_or_never().is_some()
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Forgets when the action was sent; its nonce has changed hands or was used.
    pub(super) fn forget(&self, action: &Action) {
        self.memory().sends.remove(&action.id);
    }

    async fn publish_metrics(&self) -> Result<()> {
        let counts = self.store.counts().await?;
        for state in ActionState::ALL {
            let count = counts.iter().find(|(is, _)| *is == state).map_or(0, |(_, count)| *count);
            metrics::gauge!("assay_tx_actions", "state" => state.as_str()).set(count as f64);
        }
        Ok(())
    }
}
