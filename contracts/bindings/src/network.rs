//! Node networks: who runs the licences of a collection, who is up, and what that earns. What a network promises, where it is, and what
//! its events say.
//!
//! ```text
//! Network ── events::NetworkEvent ──► History ── inputs(epoch) ──► assay_epochs: Uptime ── budgets ──► Rewards
//! ```

pub mod events;
pub mod hashes;
mod history;
mod postings;
pub mod read;
mod shared;
mod terms;

pub use self::{
    events::NetworkEvent,
    history::{Attester, History, Mark, NotKnown, Seat},
    postings::{Demand, Outcome, Posting, Postings, Refund},
    terms::{Exam, Fault, Faults, MAX_LICENSES, PoolTerms, Roots, Terms},
};

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// A node network as deployed and verified. Its terms are part of its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Who runs which licence.
    pub license_staking: Address,
    /// Who was up in an epoch, and everybody's shares of it.
    pub uptime: Address,
    /// Seats, seeds and answers; created by `uptime`.
    pub attestations: Address,
    /// A block at or before the network's first event.
    pub block: u64,
    /// keccak256 of the code found at each contract, by contract name.
    pub code_hashes: BTreeMap<String, B256>,
    /// What it promises.
    pub terms: Terms,
    /// What it pays from, in the order of deployment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pools: Vec<Pool>,
}

/// A pool of one token that pays by the network's shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// `EpochRewards`.
    pub address: Address,
    /// A block at or before its first event.
    pub block: u64,
    /// keccak256 of the code found there.
    pub code_hash: B256,
    /// What it promises.
    pub terms: PoolTerms,
}

impl Network {
    /// The contracts whose events make up the network's state.
    pub fn event_sources(&self) -> Vec<Address> {
        let pools = self.pools.iter().map(|pool| pool.address);
        [self.license_staking, self.attestations, self.uptime].into_iter().chain(pools).collect()
    }

    /// Whether a contract is one of those.
    pub fn emits(&self, contract: Address) -> bool {
        [self.license_staking, self.attestations, self.uptime].contains(&contract)
            || self.pools.iter().any(|pool| pool.address == contract)
    }

    /// The epoch at a time; 0 before the first.
    pub fn epoch_at(&self, time: u64) -> u32 {
        let epoch = time.saturating_sub(self.terms.genesis) / u64::from(self.terms.epoch_length);
        u32::try_from(epoch).unwrap_or(u32::MAX)
    }

    /// When an epoch begins (Unix seconds).
    pub fn begins(&self, epoch: u32) -> u64 {
        self.terms.genesis + u64::from(epoch) * u64::from(self.terms.epoch_length)
    }

    /// When the answers of the epoch before can no longer be sealed and the epoch's own seed can be drawn (Unix seconds).
    pub fn seals_end(&self, epoch: u32) -> u64 {
        self.begins(epoch) + u64::from(self.terms.exam.seal_time)
    }
}
