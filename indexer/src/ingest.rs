//! Follows the chain into the database: fetch, store a group of steps in one transaction, again. Whatever fails in between,
//! the next attempt starts from what is stored.

use crate::{
    config::IndexerConfig,
    error::IndexerError,
    metrics::Metrics,
    store::{Stored, Writer},
};
use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    Suite,
    follow::{BlockRef, FollowError, Follower, Step},
};
use futures::StreamExt;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Steps that wait for the writer, and that one transaction holds at most.
const GROUP: usize = 2_048;
/// Pauses between attempts.
const BACKOFF: std::ops::Range<Duration> = Duration::from_millis(250)..Duration::from_secs(10);

/// How far the indexer is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The last block whose events are in the tables.
    pub indexed: Option<BlockRef>,
    /// The chain's head, as the node said last.
    pub head: Option<u64>,
    /// Whether everything up to the head was indexed when the chain was last looked at.
    pub caught_up: bool,
    /// Events stored since the start.
    pub events: u64,
    /// Rollbacks since the start.
    pub rollbacks: u64,
    /// Why indexing waits, if it does.
    pub trouble: Option<Trouble>,
}

impl Progress {
    /// Blocks between the last indexed block and the head; none while either is unknown.
    pub fn behind(&self) -> Option<u64> {
        Some(self.head?.saturating_sub(self.indexed?.number))
    }
}

/// An error that indexing waits out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Stable code.
    pub code: &'static str,
    /// The error.
    pub message: String,
}

impl From<&IndexerError> for Trouble {
    fn from(error: &IndexerError) -> Self {
        Self { code: error.code(), message: without_url(error.to_string()) }
    }
}

/// HTTP errors name their URL, which at many providers holds the key; everybody may read `/ready`.
fn without_url(mut message: String) -> String {
    while let Some(start) = message.find(" for url (") {
        let end = message[start..].find(')').map_or(message.len(), |end| start + end + 1);
        message.replace_range(start..end, "");
    }
    message
}

#[cfg(test)]
#[test]
fn urls_are_not_published() {
    let said = "the RPC failed: error sending request for url (https://rpc.example/v3/key): timed out".to_owned();
    assert_eq!(without_url(said), "the RPC failed: error sending request: timed out");
    assert_eq!(without_url("cut off for url (https://rpc".to_owned()), "cut off");
    assert_eq!(without_url("plain".to_owned()), "plain");
}

/// The task that writes.
pub(crate) struct Ingest {
    pub(crate) config: IndexerConfig,
    pub(crate) provider: DynProvider,
    pub(crate) suite: Suite,
    pub(crate) writer: Writer,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) metrics: Metrics,
}

impl Ingest {
    /// Follows the chain until `shutdown` or an error that no further attempt would mend.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<(), IndexerError> {
        let mut pause = BACKOFF.start;
        while !shutdown.is_cancelled() {
            let before = self.progress.borrow().events;
            let Err(error) = self.follow(&shutdown).await else { break };
            if !error.is_retryable() {
                return Err(error);
            }
            if self.progress.borrow().events > before {
                pause = BACKOFF.start;
            }
            tracing::warn!(code = error.code(), %error, ?pause, "indexing waits");
            self.metrics.retries.increment(1);
            self.progress.send_modify(|progress| {
                progress.trouble = Some(Trouble::from(&error));
                progress.caught_up = false;
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
            pause = (pause * 2).min(BACKOFF.end);
        }
        Ok(())
    }

    /// Follows until the first error.
    async fn follow(&mut self, shutdown: &CancellationToken) -> Result<(), IndexerError> {
        let head = self.writer.head().await?;
        self.progress.send_modify(|progress| progress.indexed = head);
        let heads = tokio::select! {
            heads = self.watch_heads() => heads?,
            () = shutdown.cancelled() => return Ok(()),
        };
        let known = self.writer.known().await?;
        let (steps, _pump) =
            pump(Follower::new(self.provider.clone(), self.suite.clone(), self.config.follow.clone()), known);
        let mut steps = steps;
        let mut group = Vec::new();
        loop {
            let received = tokio::select! {
                received = steps.recv_many(&mut group, GROUP) => received,
                () = shutdown.cancelled() => return Ok(()),
            };
            if received == 0 {
                return Err(FollowError::Inconsistent("the stream of blocks ended".to_owned()).into());
            }
            let failure = self.store(&mut group, heads.finalized()).await?;
            if let Some(error) = failure {
                return Err(error.into());
            }
        }
    }

    /// Stores the steps of `group` and empties it. The error that ended the stream, if one did, comes after its last step.
    async fn store(
        &mut self,
        group: &mut Vec<Result<Step, FollowError>>,
        finalized: u64,
    ) -> Result<Option<FollowError>, IndexerError> {
        let mut failure = None;
        let mut steps = Vec::with_capacity(group.len());
        for item in group.drain(..) {
            match item {
                Ok(step) => steps.push(step),
                Err(error) => failure = Some(error),
            }
        }
        if steps.is_empty() {
            return Ok(failure);
        }
        let started = Instant::now();
        let stored = self.writer.store(&steps, finalized).await?;
        self.metrics.store_seconds.record(started.elapsed().as_secs_f64());
        let indexed = self.writer.head().await?;
        self.report(indexed, stored, steps.last());
        Ok(failure)
    }

    fn report(&self, indexed: Option<BlockRef>, stored: Stored, last: Option<&Step>) {
        self.metrics.events.increment(stored.events);
        self.metrics.rollbacks.increment(stored.rollbacks);
        self.metrics.indexed_block.set(indexed.map_or(0.0, |block| block.number as f64));
        if stored.rollbacks > 0 {
            tracing::info!(rollbacks = stored.rollbacks, "rolled back reorganised blocks");
        }
        tracing::debug!(blocks = stored.blocks, events = stored.events, ?indexed, "stored");
        self.progress.send_modify(|progress| {
            progress.indexed = indexed;
            progress.events += stored.events;
            progress.rollbacks += stored.rollbacks;
            progress.caught_up = matches!(last, Some(Step::CaughtUp { .. }));
            progress.trouble = None;
        });
    }

    /// Checks the chain's id, looks at its head once, and keeps looking in the background.
    async fn watch_heads(&self) -> Result<Heads, IndexerError> {
        let actual = self.provider.get_chain_id().await?;
        if actual != self.suite.chain_id {
            return Err(IndexerError::WrongChain { expected: self.suite.chain_id, actual });
        }
        let unfinalised = self.config.follow.unfinalised;
        let finalized = look(&self.provider, unfinalised, &self.progress, &self.metrics).await?;
        let (sender, finalized) = watch::channel(finalized);
        let (provider, progress, metrics) = (self.provider.clone(), self.progress.clone(), self.metrics.clone());
        let interval = Duration::from_millis(self.config.head_interval_ms.max(10));
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                match look(&provider, unfinalised, &progress, &metrics).await {
                    // A lagging node behind the same address may say less than another did before.
                    Ok(number) => drop(sender.send_if_modified(|known| {
                        let higher = number > *known;
                        *known = number.max(*known);
                        higher
                    })),
                    Err(error) => progress.send_modify(|progress| progress.trouble = Some(Trouble::from(&error))),
                }
            }
        });
        Ok(Heads { finalized, _task: AbortOnDropHandle::new(task) })
    }
}

/// What the background looks found.
struct Heads {
    finalized: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

impl Heads {
    fn finalized(&self) -> u64 {
        *self.finalized.borrow()
    }
}

/// Notes the chain's head and returns the last block that will not change.
async fn look(
    provider: &DynProvider,
    unfinalised: u64,
    progress: &watch::Sender<Progress>,
    metrics: &Metrics,
) -> Result<u64, IndexerError> {
    let head = provider.get_block_number().await?;
    // Chains without the tag answer with an error or with nothing.
    let tagged = provider.get_block_by_number(BlockNumberOrTag::Finalized).await.ok().flatten();
    metrics.head_block.set(head as f64);
    progress.send_modify(|progress| {
        progress.head = Some(head);
        if progress.trouble.as_ref().is_some_and(|trouble| trouble.code == "rpc_unreachable") {
            progress.trouble = None;
        }
    });
    Ok(tagged.map_or(head.saturating_sub(unfinalised), |block| block.header.number.min(head)))
}

/// Fetches ahead of the writer.
fn pump(
    follower: Follower,
    known: Vec<BlockRef>,
) -> (mpsc::Receiver<Result<Step, FollowError>>, AbortOnDropHandle<()>) {
    let (sender, receiver) = mpsc::channel(GROUP);
    let task = tokio::spawn(async move {
        let mut steps = std::pin::pin!(follower.steps(known));
        while let Some(step) = steps.next().await {
            if sender.send(step).await.is_err() {
                return;
            }
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}
