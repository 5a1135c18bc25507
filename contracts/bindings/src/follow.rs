//! The canonical stream of the suite's events.
//!
//! One source for every reader of the chain: ranges of `eth_getLogs` up to the finalised block, then block by block with logs
//! pinned to the block's hash and each block checked to be the child of the one before. Whoever stores the effects of a
//! [`Step`] together with its block reference, in one transaction, can be killed at any instruction: given what it has stored,
//! the stream first rolls back what is no longer canonical and then goes on.

use std::{collections::VecDeque, time::Duration};

use alloy::{
    eips::BlockNumberOrTag,
    network::Ethereum,
    primitives::B256,
    providers::{DynProvider, Provider},
    rpc::types::{Block as RpcBlock, Filter, Log},
    transports::{RpcError, TransportErrorKind},
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    Suite, SuiteEvent,
    events::{self, UnknownEvent},
};

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// A canonical block with the suite's events in it, in log order.
#[derive(Clone, Debug)]
pub struct Block {
    /// Number and hash.
    pub at: BlockRef,
    /// Unix seconds.
    pub timestamp: u64,
    /// The suite's events.
    pub events: Vec<(Log, SuiteEvent)>,
}

/// What a reader does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Apply a block. Up to the finalised block only those with events come; after it, every block.
    Apply(Block),
    /// Everything up to and including this block was given; remember it.
    Checkpoint(BlockRef),
    /// Undo every block above this one.
    RollBack {
        /// The newest stored block that is still canonical.
        to: BlockRef,
    },
    /// The stream has given everything up to the chain's head.
    CaughtUp {
        /// The head.
        head: BlockRef,
    },
}

/// How the stream reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct FollowConfig {
    /// Pause between looks at the head, in milliseconds.
    pub poll_interval_ms: u64,
    /// Most blocks in one `eth_getLogs` of the backfill. Halved when an endpoint refuses, raised again when it accepts.
    pub range: u64,
    /// Ranges in flight during the backfill.
    pub concurrency: usize,
    /// Blocks under the head that are read one by one where the endpoint knows no `finalized` block.
    pub unfinalised: u64,
}

impl Default for FollowConfig {
    fn default() -> Self {
        Self { poll_interval_ms: 500, range: 1_000, concurrency: 4, unfinalised: 64 }
    }
}

/// Why the stream ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The endpoint did not answer, or with an error.
    #[error("RPC_FAILED: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    /// The endpoint's answers do not fit together (a reorganisation between two requests, or several nodes behind one address).
    #[error("RPC_INCONSISTENT: {0}")]
    Inconsistent(String),
    /// None of the stored blocks is canonical any more.
    #[error(
        "REORG_TOO_DEEP: stored block {oldest:?} and everything after it is no longer canonical; \
         delete the store and read the chain again, or check that the endpoint serves the right chain"
    )]
    ReorgTooDeep {
        /// The oldest stored block.
        oldest: BlockRef,
    },
    /// A contract of the suite emitted something else than its events.
    #[error(transparent)]
    UnknownEvent(#[from] Box<UnknownEvent>),
}

impl FollowError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Rpc(_) | Self::Inconsistent(_))
    }
}

/// Reads the suite's events from a chain.
#[derive(Clone, Debug)]
pub struct Follower {
    provider: DynProvider<Ethereum>,
    suite: Suite,
    config: FollowConfig,
}

impl Follower {
    /// A follower of `suite` over `provider`.
    pub fn new(provider: DynProvider<Ethereum>, suite: Suite, config: FollowConfig) -> Self {
        Self { provider, suite, config }
    }

    /// The steps that bring a reader that has stored `known` (ascending; empty: nothing) to the head, and keep it there.
    /// Keep at least the newest few hundred references: a reorganisation below the oldest cannot be undone.
    /// The stream ends with its first error; call again with what is stored then.
    pub fn steps(&self, known: Vec<BlockRef>) -> impl Stream<Item = Result<Step, FollowError>> + Send + 'static {
        let walk = Walk {
            range: self.config.range.max(1),
            follower: self.clone(),
            known: known.into(),
            queue: VecDeque::new(),
            announced: None,
        };
        stream::try_unfold(walk, |mut walk| async move {
            let step = walk.next().await?;
            Ok(Some((step, walk)))
        })
    }

    async fn block(&self, at: BlockNumberOrTag) -> Result<Option<RpcBlock>, FollowError> {
        Ok(self.provider.get_block_by_number(at).await?)
    }

    async fn latest(&self) -> Result<RpcBlock, FollowError> {
        self.block(BlockNumberOrTag::Latest)
            .await?
            .ok_or_else(|| FollowError::Inconsistent("the endpoint has no latest block".to_owned()))
    }

    /// The highest block that will not change: the `finalized` tag, or a depth where the chain has none.
    async fn finalised(&self, head: u64) -> u64 {
        let assumed = head.saturating_sub(self.config.unfinalised);
        match self.block(BlockNumberOrTag::Finalized).await {
            Ok(Some(block)) => block.header.number.min(head),
            // An endpoint without the tag answers with an error or with nothing; a lost connection shows at the next request.
            Ok(None) | Err(_) => assumed,
        }
    }

    fn decode(&self, logs: Vec<Log>) -> Result<Vec<(Log, SuiteEvent)>, FollowError> {
        let mut decoded = Vec::with_capacity(logs.len());
        for log in logs {
            if let Some(event) = SuiteEvent::decode(&self.suite, &log)? {
                decoded.push((log, event));
            }
        }
        Ok(decoded)
    }

    async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, FollowError> {
        let mut logs = self.provider.get_logs(filter).await?;
        logs.retain(|log| !log.removed);
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }

    /// The blocks of `[from, to]` that have events, and the reference of `to`. All finalised.
    async fn range(&self, from: u64, to: u64) -> Result<(Vec<Block>, BlockRef), FollowError> {
        let filter = events::filter(&self.suite).from_block(from).to_block(to);
        let (logs, end) = futures::try_join!(self.logs(&filter), self.block(to.into()))?;
        let end = end.ok_or_else(|| FollowError::Inconsistent(format!("finalised block {to} is missing")))?;
        let mut blocks: Vec<Block> = Vec::new();
        for (log, event) in self.decode(logs)? {
            let (Some(number), Some(hash)) = (log.block_number, log.block_hash) else {
                return Err(FollowError::Inconsistent(format!("a log of blocks {from} to {to} names no block")));
            };
            let at = BlockRef { number, hash };
            match blocks.last_mut() {
                Some(block) if block.at == at => block.events.push((log, event)),
                Some(block) if block.at.number == number => {
                    return Err(FollowError::Inconsistent(format!("two hashes for finalised block {number}")));
                }
                _ => {
                    let timestamp = match log.block_timestamp {
                        Some(timestamp) => timestamp,
                        None => self.timestamp(at).await?,
                    };
                    blocks.push(Block { at, timestamp, events: vec![(log, event)] });
                }
            }
        }
        Ok((blocks, reference(&end)))
    }

    async fn timestamp(&self, at: BlockRef) -> Result<u64, FollowError> {
        let block = self.provider.get_block_by_hash(at.hash).await?;
        let block = block.ok_or_else(|| FollowError::Inconsistent(format!("block {} of a log is missing", at.hash)))?;
        Ok(block.header.timestamp)
    }
}

/// State of one run of the stream.
struct Walk {
    follower: Follower,
    known: VecDeque<BlockRef>,
    queue: VecDeque<Step>,
    announced: Option<BlockRef>,
    range: u64,
}

impl Walk {
    /// References kept to find a common ancestor with.
    const KEPT: usize = 1_024;

    async fn next(&mut self) -> Result<Step, FollowError> {
        loop {
            if let Some(step) = self.queue.pop_front() {
                return Ok(step);
            }
            self.advance().await?;
        }
    }

    async fn advance(&mut self) -> Result<(), FollowError> {
        let Some(&tip) = self.known.back() else { return self.anchor().await };
        let latest = self.follower.latest().await?;
        let head = reference(&latest);
        if head.number <= tip.number {
            return self.at_head(tip, head).await;
        }
        if head.number == tip.number + 1 {
            return self.apply(tip, latest).await;
        }
        let finalised = self.follower.finalised(head.number).await;
        if finalised > tip.number {
            return self.backfill(tip, finalised).await;
        }
        let next = self.follower.block((tip.number + 1).into()).await?;
        let next = next.ok_or_else(|| FollowError::Inconsistent(format!("block {} is missing", tip.number + 1)))?;
        self.apply(tip, next).await
    }

    /// Nothing is stored: the block before the suite's first is the one to return to.
    async fn anchor(&mut self) -> Result<(), FollowError> {
        let number = self.follower.suite.block.saturating_sub(1);
        let block = self.follower.block(number.into()).await?;
        let block = block.ok_or_else(|| FollowError::Inconsistent(format!("block {number} is missing")))?;
        self.remember(reference(&block));
        self.queue.push_back(Step::Checkpoint(reference(&block)));
        Ok(())
    }

    /// The head is no higher than what was given: it is the same, or it was replaced, or the endpoint lags.
    async fn at_head(&mut self, tip: BlockRef, head: BlockRef) -> Result<(), FollowError> {
        let given = self.known.iter().rev().find(|known| known.number <= head.number).copied();
        let canonical = match given {
            Some(given) if given.number == head.number => given.hash == head.hash,
            Some(given) => self.is_canonical(given).await?,
            // Lower than anything stored: an endpoint that is still syncing.
            None => true,
        };
        if !canonical {
            return self.roll_back(head).await;
        }
        if head == tip && self.announced != Some(tip) {
            self.announced = Some(tip);
            self.queue.push_back(Step::CaughtUp { head: tip });
        } else {
            tokio::time::sleep(Duration::from_millis(self.follower.config.poll_interval_ms)).await;
        }
        Ok(())
    }

    /// Gives `block`, the next above `tip`, unless it descends from another.
    async fn apply(&mut self, tip: BlockRef, block: RpcBlock) -> Result<(), FollowError> {
        let at = reference(&block);
        if block.header.parent_hash != tip.hash {
            return self.roll_back(at).await;
        }
        let filter = events::filter(&self.follower.suite).at_block_hash(at.hash);
        let logs = self.follower.logs(&filter).await?;
        let events = self.follower.decode(logs)?;
        self.remember(at);
        self.queue.push_back(Step::Apply(Block { at, timestamp: block.header.timestamp, events }));
        Ok(())
    }

    /// Gives everything up to `finalised`, in ranges.
    async fn backfill(&mut self, tip: BlockRef, finalised: u64) -> Result<(), FollowError> {
        // What is stored may be of a fork that lost while nobody was reading.
        if !self.is_canonical(tip).await? {
            return self.roll_back(tip).await;
        }
        let concurrency = self.follower.config.concurrency.max(1);
        let starts = (tip.number + 1..=finalised).step_by(self.range as usize).take(concurrency);
        let ranges: Vec<_> = starts.map(|from| (from, (from + self.range - 1).min(finalised))).collect();
        let follower = self.follower.clone();
        let fetched: Result<Vec<_>, _> = stream::iter(ranges)
            .map(|(from, to)| {
                let follower = follower.clone();
                async move { follower.range(from, to).await }
            })
            .buffered(concurrency)
            .try_collect()
            .await;
        match fetched {
            // Endpoints refuse ranges that are too long or hold too much, each with an error of its own.
            Err(FollowError::Rpc(RpcError::ErrorResp(_))) if self.range > 1 => self.range /= 2,
            Err(error) => return Err(error),
            Ok(parts) => {
                for (blocks, end) in parts {
                    self.queue.extend(blocks.into_iter().map(Step::Apply));
                    self.queue.push_back(Step::Checkpoint(end));
                    self.remember(end);
                }
                self.range = (self.range * 2).min(self.follower.config.range.max(1));
            }
        }
        Ok(())
    }

    /// Finds the newest given block that is still canonical and goes back to it. `seen` is what contradicts the tip.
    async fn roll_back(&mut self, seen: BlockRef) -> Result<(), FollowError> {
        let oldest = *self.known.front().expect("rolled back only with a tip");
        while let Some(known) = self.known.back().copied() {
            if known.number <= seen.number && self.is_canonical(known).await? {
                self.announced = None;
                self.queue.push_back(Step::RollBack { to: known });
                return Ok(());
            }
            self.known.pop_back();
        }
        Err(FollowError::ReorgTooDeep { oldest })
    }

    async fn is_canonical(&self, known: BlockRef) -> Result<bool, FollowError> {
        let block = self.follower.block(known.number.into()).await?;
        Ok(block.is_some_and(|block| reference(&block) == known))
    }

    fn remember(&mut self, at: BlockRef) {
        self.known.push_back(at);
        if self.known.len() > Self::KEPT {
            self.known.pop_front();
        }
    }
}

fn reference(block: &RpcBlock) -> BlockRef {
    BlockRef { number: block.header.number, hash: block.header.hash }
}
