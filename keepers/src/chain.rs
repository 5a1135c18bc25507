//! Head following: the suite's canonical events, each stored with its effects in one transaction.
//!
//! A [`Projection`] turns events into rows. The block's hash goes into the same transaction, so a keeper killed at any
//! instruction resumes from exactly what it has stored, and a reorganisation takes back exactly what it brought.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::B256,
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    Suite,
    follow::{Block, BlockRef, FollowConfig, Follower, Step},
};
use futures::StreamExt;
use sqlx::Row;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{KeeperError, Result},
    store::{Store, StoreTransaction},
    supervise::while_progressing,
};

/// Block references kept: a reorganisation deeper than this cannot be followed.
const KEPT_BLOCKS: i64 = 1_024;

/// The newest block whose effects are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Chain time, Unix seconds. All clocks of the protocol run on it.
    pub timestamp: u64,
    /// Base fee in wei.
    pub base_fee: u64,
    /// Whether this was the chain's head when it was stored (false: still catching up).
    pub caught_up: bool,
    /// When this keeper stored it.
    pub stored_at: Instant,
}

/// What a role keeps of the chain's events.
pub trait Projection: Send + Sync + 'static {
    /// Reads into memory what is stored. Called at every (re)start and after a roll-back.
    fn load(&self) -> impl Future<Output = Result<()>> + Send;
    /// Writes the effects of `block` within `tx`.
    fn apply(&self, tx: &mut StoreTransaction, block: &Block) -> impl Future<Output = Result<()>> + Send;
    /// Takes back, within `tx`, the effects of every block above `number`.
    fn roll_back(&self, tx: &mut StoreTransaction, number: u64) -> impl Future<Output = Result<()>> + Send;
    /// The effects of `block` are committed; follow in memory. `seen` is when the block arrived.
    fn applied(&self, block: &Block, seen: Instant);
}

/// Follows the head for one projection.
#[derive(Debug)]
pub struct ChainService<P> {
    store: Store,
    provider: DynProvider,
    suite: Suite,
    config: FollowConfig,
    projection: P,
    head: watch::Sender<Option<Head>>,
    /// Steps taken, ever.
    steps: AtomicU64,
}

impl<P: Projection> ChainService<P> {
    /// A service that stores into `store` and publishes heads on `head`.
    pub fn new(
        store: Store,
        provider: DynProvider,
        suite: Suite,
        config: FollowConfig,
        projection: P,
        head: watch::Sender<Option<Head>>,
    ) -> Self {
        Self { store, provider, suite, config, projection, head, steps: AtomicU64::new(0) }
    }

    /// Follows until cancelled. Ends early with an error, which a supervisor answers by calling it again.
    ///
    /// # Errors
    /// `wrong_chain` when the endpoint serves another chain than the suite's.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.steps, || self.follow()) => result,
        }
    }

    async fn follow(&self) -> Result<()> {
        check_chain(&self.provider, self.suite.chain_id).await?;
        let known = self.known().await?;
        self.projection.load().await?;
        let follower = Follower::new(self.provider.clone(), self.suite.clone(), self.config.clone());
        let mut steps = pin!(follower.steps(known));
        while let Some(step) = steps.next().await {
            self.take(step?).await?;
            self.steps.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn take(&self, step: Step) -> Result<()> {
        let seen = Instant::now();
        match step {
            Step::Apply(block) => {
                let mut tx = self.store.write().await?;
                remember(&mut tx, block.at, Some(block.timestamp)).await?;
                self.projection.apply(&mut tx, &block).await?;
                tx.commit().await?;
                self.projection.applied(&block, seen);
                metrics::counter!("assay_chain_events_total").increment(block.events.len() as u64);
                self.publish(block.at, Some(block.timestamp), None, false);
            }
            Step::Checkpoint(at) => {
                let mut tx = self.store.write().await?;
                remember(&mut tx, at, None).await?;
                tx.commit().await?;
            }
            Step::RollBack { to } => {
                tracing::warn!(to = to.number, "the chain was reorganised; undoing what is above this block");
                let mut tx = self.store.write().await?;
                sqlx::query("DELETE FROM blocks WHERE number > ?").bind(to.number as i64).execute(&mut *tx).await?;
                self.projection.roll_back(&mut tx, to.number).await?;
                tx.commit().await?;
                metrics::counter!("assay_chain_reorgs_total").increment(1);
                self.publish(to, None, None, false);
                self.projection.load().await?;
            }
            Step::CaughtUp { head } => {
                let block = self.provider.get_block_by_number(BlockNumberOrTag::Number(head.number)).await;
                let block = block.map_err(KeeperError::rpc("eth_getBlockByNumber"))?;
                // Gone again: the next step says so.
                let Some(block) = block.filter(|block| block.header.hash == head.hash) else { return Ok(()) };
                self.publish(head, Some(block.header.timestamp), block.header.base_fee_per_gas, true);
                metrics::gauge!("assay_chain_head").set(head.number as f64);
            }
        }
        Ok(())
    }

    /// Publishes a head; what is not known of it stays as it was.
    fn publish(&self, at: BlockRef, timestamp: Option<u64>, base_fee: Option<u64>, caught_up: bool) {
        self.head.send_modify(|head| {
            let last = *head;
            *head = Some(Head {
                number: at.number,
                hash: at.hash,
                timestamp: timestamp.or(last.map(|last| last.timestamp)).unwrap_or_default(),
                base_fee: base_fee.or(last.map(|last| last.base_fee)).unwrap_or_default(),
                // Once at the head, following block by block is being at the head.
                caught_up: caught_up || last.is_some_and(|last| last.caught_up),
                stored_at: Instant::now(),
            });
        });
    }

    async fn known(&self) -> Result<Vec<BlockRef>> {
        let rows = sqlx::query("SELECT number, hash FROM blocks ORDER BY number").fetch_all(self.store.read()).await?;
        Ok(rows
            .iter()
            .map(|row| BlockRef { number: row.get::<i64, _>(0) as u64, hash: B256::from_slice(row.get(1)) })
            .collect())
    }
}

async fn remember(tx: &mut StoreTransaction, at: BlockRef, timestamp: Option<u64>) -> Result<()> {
    sqlx::query(
        "INSERT INTO blocks (number, hash, timestamp) VALUES (?, ?, ?)
         ON CONFLICT (number) DO UPDATE SET hash = excluded.hash, timestamp = coalesce(excluded.timestamp, timestamp)",
    )
    .bind(at.number as i64)
    .bind(at.hash.as_slice())
    .bind(timestamp.map(|timestamp| timestamp as i64))
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM blocks WHERE number <= ?").bind(at.number as i64 - KEPT_BLOCKS).execute(&mut **tx).await?;
    Ok(())
}

/// Checks that the endpoint serves the chain that is meant.
///
/// # Errors
/// `wrong_chain`, `rpc_failed`.
pub async fn check_chain(provider: &DynProvider, expected: u64) -> Result<()> {
    let actual = provider.get_chain_id().await.map_err(KeeperError::rpc("eth_chainId"))?;
    if actual == expected { Ok(()) } else { Err(KeeperError::WrongChain { expected, actual }) }
}

/// How old the newest head is by this machine's clock: grows when the endpoint or the chain stands still.
pub fn head_age(head: &watch::Receiver<Option<Head>>) -> Option<Duration> {
    head.borrow().map(|head| head.stored_at.elapsed())
}
