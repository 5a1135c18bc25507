//! Reading a network from its chain: its history, what an epoch follows from, and what everybody has earned.

use alloy::{
    eips::BlockId,
    primitives::U256,
    providers::{DynProvider, Provider},
    rpc::types::{Block, Filter},
    sol_types,
    transports::{RpcError, TransportError},
};
use assay_epochs::{
    Rewards,
    uptime::{BadInputs, Inputs, Uptime},
};

use super::{History, Network, NetworkEvent, NotKnown, Pool, events};
use crate::{Attestations, EpochRewards, Uptime as UptimeContract, follow::BlockRef};

/// Blocks in one request for events, to begin with.
const RANGE: u64 = 10_000;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The endpoint did not answer, or with an error.
    #[error("{0}")]
    Rpc(#[from] TransportError),
    /// A view did not answer.
    #[error("{0}")]
    Call(#[from] alloy::contract::Error),
    /// A contract of the network emitted something else than its events.
    #[error("an event in block {block:?} is none of its contract's: {source}")]
    UnknownEvent {
        /// The block.
        block: Option<u64>,
        /// Why.
        source: sol_types::Error,
    },
    /// Not everything is known of an epoch yet.
    #[error("{0}")]
    NotKnown(#[from] NotKnown),
    /// What the events say cannot be of an epoch.
    #[error("{0}")]
    BadInputs(#[from] BadInputs),
    /// What was posted of the shares of an epoch is final and not what its rule says.
    #[error("the shares of epoch {0} became final and are not what the rule says: nobody challenged them in time")]
    FalseShares(u32),
    /// The block is not there.
    #[error("the chain has no block {0}")]
    NoBlock(u64),
    /// The chain was reorganised while it was read.
    #[error("block {0} was replaced while the network was read")]
    Changed(u64),
}

/// The network's history up to and with block `to`.
///
/// # Errors
/// See [`ReadError`].
pub async fn history(provider: &DynProvider, network: &Network, to: u64) -> Result<History, ReadError> {
    let mut history = History::new(network);
    extend(provider, network, &mut history, network.block, to).await?;
    Ok(history)
}

/// Adds the events of blocks `from` to `to`, both counted. A history to which not all of them could be added is spoilt.
async fn extend(
    provider: &DynProvider,
    network: &Network,
    history: &mut History,
    mut from: u64,
    to: u64,
) -> Result<(), ReadError> {
    let mut range = RANGE;
    while from <= to {
        let last = to.min(from + range - 1);
        let filter: Filter = events::filter(network).from_block(from).to_block(last);
        let logs = match provider.get_logs(&filter).await {
            Ok(logs) => logs,
            // Endpoints bound what they answer at once, each in its own words.
            Err(RpcError::ErrorResp(_)) if range > 1 => {
                range /= 2;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for log in logs {
            let event = NetworkEvent::decode(network, &log);
            let event = event.map_err(|source| ReadError::UnknownEvent { block: log.block_number, source })?;
            if let Some(event) = event {
                history.apply(&event);
            }
        }
        from = last + 1;
    }
    Ok(())
}

/// A network's history again and again, up to the newest block, without reading all of it each time.
///
/// What lies below the finalised block (where the endpoint knows none: [`UNFINALISED`] blocks deep) is read once; what lies above, every
/// time, so that no event of a block that is no longer canonical stays.
#[derive(Clone, Debug)]
pub struct Watch {
    provider: DynProvider,
    network: Network,
    settled: History,
    /// The first block that `settled` does not have.
    next: u64,
}

/// Blocks under the head that may still change, where the endpoint knows no finalised block.
pub const UNFINALISED: u64 = 64;

/// A network at a block.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What its events say, with those of the block.
    pub history: History,
    /// The block.
    pub block: BlockRef,
    /// Its time (Unix seconds).
    pub time: u64,
}

impl Watch {
    /// Reads nothing yet.
    pub fn new(provider: DynProvider, network: Network) -> Self {
        let (settled, next) = (History::new(&network), network.block);
        Self { provider, network, settled, next }
    }

    /// The network at the newest block.
    ///
    /// # Errors
    /// See [`ReadError`]; [`ReadError::Changed`] when the chain changed meanwhile: call again.
    pub async fn snapshot(&mut self) -> Result<Snapshot, ReadError> {
        let head = self.block(BlockId::latest()).await?.ok_or(ReadError::NoBlock(0))?.header;
        let finalised = match self.block(BlockId::finalized()).await {
            Ok(Some(block)) if block.header.number > 0 => block.header.number,
            Ok(_) | Err(ReadError::Rpc(RpcError::ErrorResp(_))) => head.number.saturating_sub(UNFINALISED),
            Err(error) => return Err(error),
        };
        if finalised >= self.next {
            let mut settled = self.settled.clone();
            extend(&self.provider, &self.network, &mut settled, self.next, finalised).await?;
            (self.settled, self.next) = (settled, finalised + 1);
        }
        let mut history = self.settled.clone();
        extend(&self.provider, &self.network, &mut history, self.next, head.number).await?;
        let now = self.block(BlockId::number(head.number)).await?;
        if now.is_none_or(|block| block.header.hash != head.hash) {
            return Err(ReadError::Changed(head.number));
        }
        Ok(Snapshot { history, block: BlockRef { number: head.number, hash: head.hash }, time: head.timestamp })
    }

    async fn block(&self, id: BlockId) -> Result<Option<Block>, ReadError> {
        Ok(self.provider.get_block(id).await?)
    }
}

/// What an epoch's shares follow from, of a `history` that was read up to block `at`.
///
/// # Errors
/// [`NotKnown`] when it can still be revealed at that block; else see [`ReadError`].
pub async fn inputs(
    provider: &DynProvider,
    network: &Network,
    history: &History,
    epoch: u32,
    at: u64,
) -> Result<Inputs, ReadError> {
    let contract = Attestations::new(network.attestations, provider.clone());
    let end = contract.revealEnd(epoch).block(BlockId::number(at)).call().await?;
    let block = provider.get_block(BlockId::number(at)).await?.ok_or(ReadError::NoBlock(at))?;
    if end > U256::from(block.header.timestamp) {
        return Err(NotKnown::Answers(epoch).into());
    }
    Ok(history.inputs(epoch)?)
}

/// An epoch of a pool, computed anew.
#[derive(Debug)]
pub struct Recomputed {
    /// Who was up, and everybody's shares.
    pub uptime: Uptime,
    /// What the epoch divides, of this pool.
    pub budget: u128,
    /// What everybody has earned of this pool with the epoch.
    pub rewards: Rewards,
}

/// Computes a pool from its first epoch up to `epoch`, by what the chain says at block `at`.
///
/// # Errors
/// [`ReadError::FalseShares`] when the pool pays by shares that nobody can compute; else see [`ReadError`].
pub async fn recompute(
    provider: &DynProvider,
    network: &Network,
    pool: &Pool,
    epoch: u32,
    at: u64,
) -> Result<Recomputed, ReadError> {
    let history = history(provider, network, at).await?;
    let (contract, uptime) =
        (EpochRewards::new(pool.address, provider.clone()), UptimeContract::new(network.uptime, provider.clone()));
    let block = BlockId::number(at);
    let mut before: Vec<u128> = Vec::new();
    let mut number = 0;
    loop {
        let computed = Uptime::new(inputs(provider, network, &history, number, at).await?)?;
        if uptime.isFinal(number).block(block).call().await? {
            let shares = uptime.sharesOf(number).block(block).call().await?;
            let same = shares.root.0 == computed.shares().root() && shares.total == computed.shares().total();
            if !same {
                return Err(ReadError::FalseShares(number));
            }
        }
        let budget = contract.budgetOf(number).block(block).call().await?.saturating_to();
        let rewards = Rewards::new(&before, budget, computed.shares());
        if number == epoch {
            return Ok(Recomputed { uptime: computed, budget, rewards });
        }
        before = rewards.cumulative().to_vec();
        number += 1;
    }
}
