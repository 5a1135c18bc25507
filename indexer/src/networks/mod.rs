//! Node networks in memory: what their events say, and epochs computed from that.
//!
//! ```text
//! stored events ─► Watched: history, closed epochs ─► Snapshot ─► Computed: Epoch (who was up), Rewards (what that earned)
//! ```
//!
//! An epoch is closed once its answers can no longer be revealed: what it follows from lies in the blocks up to the one that closed it.
//! That block's hash is the key of everything computed, so nothing outlives a reorganisation that touches it.

mod computed;
mod stakes;

pub(crate) use computed::{Epoch, OperatorCounts};
pub(crate) use stakes::{Locked, Penalty};

use crate::{
    rows::Position,
    store::{self, log},
};
use alloy::primitives::Address;
use assay_contracts::{
    Attestations::AttestationsEvents,
    Network, Suite, SuiteEvent,
    follow::BlockRef,
    network::{History, NetworkEvent},
};
use assay_epochs::Rewards;
use computed::Computed;
use sqlx::SqliteConnection;
use stakes::Stakes;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Mutex as AsyncMutex;

/// Every network of a suite, in its order.
#[derive(Clone, Debug)]
pub(crate) struct Networks(Arc<[Entry]>);

#[derive(Debug)]
struct Entry {
    network: Network,
    watched: AsyncMutex<Watched>,
    computed: Arc<Mutex<Computed>>,
}

/// A history as far as it was read.
#[derive(Debug)]
struct Watched {
    history: Arc<History>,
    stakes: Arc<Stakes>,
    /// The last event in it.
    at: Position,
    /// The last rollback that it knows.
    rollback: i64,
    /// When each epoch's answers can no longer be revealed.
    ends: BTreeMap<u32, u64>,
    /// The block that closed each epoch: the first that is known to be as late as that.
    closed: BTreeMap<u32, BlockRef>,
}

/// A network at the last stored block.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) history: Arc<History>,
    pub(crate) stakes: Arc<Stakes>,
    /// The chain's time (Unix seconds).
    pub(crate) time: u64,
    /// Of epochs 0, 1, and so on, without a gap.
    closed: Arc<[BlockRef]>,
    computed: Arc<Mutex<Computed>>,
}

/// Why an epoch cannot be computed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Unknown {
    /// Its answers can still be revealed.
    #[error("answers of epoch {0} can still be revealed")]
    Open(u32),
    /// Its events are not those of an epoch.
    #[error("epoch {epoch} cannot be computed: {reason}")]
    Bad { epoch: u32, reason: String },
}

impl Networks {
    pub(crate) fn new(suite: &Suite) -> Self {
        let entry = |network: &Network| Entry {
            network: network.clone(),
            watched: AsyncMutex::new(Watched::new(network)),
            computed: Arc::default(),
        };
        Self(suite.networks.iter().map(entry).collect())
    }

    /// The network whose `Uptime` lies at `address`, at the last block that `connection` sees: it must be in a transaction.
    pub(crate) async fn read(
        &self,
        connection: &mut SqliteConnection,
        suite: &Suite,
        address: Address,
    ) -> Result<Option<(&Network, Snapshot)>, sqlx::Error> {
        let Some(entry) = self.0.iter().find(|entry| entry.network.uptime == address) else { return Ok(None) };
        let time = store::chain_time(connection).await?;
        let mut watched = entry.watched.lock().await;
        watched.read(connection, suite, &entry.network, time).await?;
        let closed = (0..).zip(&watched.closed).take_while(|(next, (epoch, _))| next == *epoch);
        let snapshot = Snapshot {
            history: watched.history.clone(),
            stakes: watched.stakes.clone(),
            time,
            closed: closed.map(|(_, (_, block))| *block).collect(),
            computed: entry.computed.clone(),
        };
        Ok(Some((&entry.network, snapshot)))
    }
}

impl Watched {
    fn new(network: &Network) -> Self {
        Self {
            history: Arc::new(History::new(network)),
            stakes: Arc::default(),
            at: Position(-1),
            rollback: 0,
            ends: BTreeMap::new(),
            closed: BTreeMap::new(),
        }
    }

    /// Reads what was stored since.
    async fn read(
        &mut self,
        connection: &mut SqliteConnection,
        suite: &Suite,
        network: &Network,
        time: u64,
    ) -> Result<(), sqlx::Error> {
        let (rollback, to) = log::rollbacks_after(&mut *connection, self.rollback).await?;
        if rollback < self.rollback {
            // A transaction that began before a rollback that is known here already: what it sees is gone.
            return Ok(());
        }
        if let Some(to) = to {
            let closed = std::mem::take(&mut self.closed);
            *self = Self::new(network);
            self.rollback = rollback;
            self.closed = closed.into_iter().filter(|(_, block)| block.number <= to).collect();
        }
        let sources = [network.license_staking, network.attestations, network.uptime];
        let mut after = self.at;
        loop {
            let page = log::events_of(&mut *connection, &sources, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = last.position;
            let (history, stakes) = (Arc::make_mut(&mut self.history), Arc::make_mut(&mut self.stakes));
            for (row, seen) in &page {
                let block = BlockRef { number: row.position.block(), hash: seen.block_hash };
                close(&self.ends, &mut self.closed, seen.timestamp, block);
                let Some(SuiteEvent::Network(_, event)) = row.decode(suite) else { continue };
                history.apply(&event);
                stakes.apply(network, &event, seen.timestamp, row.transaction_hash);
                // Answers of an epoch are revealed from when the next one's seed is known.
                if let NetworkEvent::Attestations(event) = &event
                    && let AttestationsEvents::Seeded(event) = &**event
                    && let Some(epoch) = event.epoch.checked_sub(1)
                {
                    self.ends.insert(epoch, seen.timestamp + u64::from(network.terms.exam.reveal_time));
                }
            }
            self.at = after;
        }
        if let Some(head) = log::head(&mut *connection).await? {
            close(&self.ends, &mut self.closed, time, head);
        }
        Ok(())
    }
}

/// Events that are read at a time.
const PAGE: u32 = 10_000;

/// Notes which epochs are closed by a block of that time.
fn close(ends: &BTreeMap<u32, u64>, closed: &mut BTreeMap<u32, BlockRef>, time: u64, block: BlockRef) {
    for (epoch, _) in ends.iter().rev().skip_while(|(_, end)| **end > time) {
        if closed.contains_key(epoch) {
            break;
        }
        closed.insert(*epoch, block);
    }
}

impl Snapshot {
    /// How many epochs are closed: all before this one.
    pub(crate) fn closed(&self) -> u32 {
        self.closed.len() as u32
    }

    /// An epoch, computed now if it was not before.
    pub(crate) async fn epoch(&self, epoch: u32) -> Result<Arc<Epoch>, Unknown> {
        let block = *self.closed.get(epoch as usize).ok_or(Unknown::Open(epoch))?;
        let history = self.history.clone();
        self.compute(epoch, move |computed| computed.epoch(&history, epoch, block)).await
    }

    /// What everybody has earned of `pool` after the epochs that emitted so much of it, from the first on.
    pub(crate) async fn rewards(&self, pool: Address, emitted: Vec<u128>) -> Result<Arc<Rewards>, Unknown> {
        let last = emitted.len().saturating_sub(1) as u32;
        if self.closed.len() < emitted.len() {
            return Err(Unknown::Open(last));
        }
        let (history, closed) = (self.history.clone(), self.closed.clone());
        let follows = move || closed.iter().copied().zip(emitted).collect::<Vec<_>>();
        self.compute(last, move |computed| computed.rewards(&history, pool, follows())).await
    }

    /// Does `work` where it stops nobody; it ends even when nobody waits for it any more.
    async fn compute<T: Send + 'static>(
        &self,
        epoch: u32,
        work: impl FnOnce(&mut Computed) -> Result<T, Unknown> + Send + 'static,
    ) -> Result<T, Unknown> {
        let computed = self.computed.clone();
        let done =
            tokio::task::spawn_blocking(move || work(&mut computed.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await.unwrap_or_else(|error| Err(Unknown::Bad { epoch, reason: error.to_string() }))
    }
}
