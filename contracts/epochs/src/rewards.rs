//! What everybody has earned of a pool, epoch by epoch.

use assay_kernels::{
    Hash,
    merkle::{Tree, leaf_hash, leaf_hashes},
};
use rayon::prelude::*;

use crate::ShareTree;

/// Cumulative rewards are counted in 96 bits.
pub(crate) const MASK: u128 = (1 << 96) - 1;
/// Bytes of a leaf: number, cumulative reward.
const LEAF: usize = 4 + 12;

/// How a pool is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Never more than this in all; below 2^96.
    pub cap: u128,
    /// Of each epoch, to begin with; below 2^96.
    pub first: u128,
    /// After so many epochs an epoch's emission halves, and again; zero for never.
    pub halving: u32,
}

impl Schedule {
    /// What the schedule emits in all epochs before `epoch`.
    pub fn before(&self, epoch: u64) -> u128 {
        let (mut rate, mut left, mut sum) = (self.first, epoch, 0_u128);
        // At most 96 times: then the rate is nothing.
        while self.halving != 0 && left > self.halving.into() && rate != 0 {
            sum = rate.saturating_mul(self.halving.into()).saturating_add(sum);
            rate >>= 1;
            left -= u64::from(self.halving);
        }
        self.cap.min(rate.saturating_mul(left.into()).saturating_add(sum))
    }

    /// What the schedule emits in `epoch`.
    pub fn during(&self, epoch: u32) -> u128 {
        self.before(u64::from(epoch) + 1) - self.before(epoch.into())
    }
}

/// An epoch as it was posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// What it emits, if anybody has shares of it.
    pub budget: u128,
    /// What had come back to the pool by then, in all and modulo 2^96.
    pub returned: u128,
    /// Whether nobody had shares of it.
    pub skipped: bool,
}

/// The budget of `epoch`, after the one before it and the one before that as they were posted (unused where there are none).
pub fn budget(schedule: &Schedule, epoch: u32, last: &Posted, before_last: &Posted) -> u128 {
    let emission = schedule.during(epoch);
    if epoch == 0 {
        return emission;
    }
    let counted = if epoch == 1 { 0 } else { before_last.returned };
    let came_back = last.returned.wrapping_sub(counted) & MASK;
    emission + came_back + if last.skipped { last.budget } else { 0 }
}

/// What `shares` of `total` earn of a budget: `floor(budget * shares / total)`, modulo 2^96 as the contract counts it.
pub fn earned(budget: u128, shares: u64, total: u64) -> u128 {
    if total == 0 {
        return 0;
    }
    let (shares, total) = (u128::from(shares), u128::from(total));
    // The product may have more than 128 bits; both parts of it have fewer.
    ((budget / total).wrapping_mul(shares)).wrapping_add(budget % total * shares / total) & MASK
}

/// The leaf of a number.
pub fn leaf(number: u32, cumulative: u128) -> Hash {
    leaf_hash(&encode(number, cumulative))
}

fn encode(number: u32, cumulative: u128) -> [u8; LEAF] {
    // The cumulative reward fills the lower 96 bits.
    (u128::from(number) << 96 | cumulative & MASK).to_be_bytes()
}

/// What everybody has earned up to an epoch, with its tree.
#[derive(Debug)]
pub struct Rewards {
    /// By number, from 1.
    cumulative: Vec<u128>,
    tree: Tree,
}

impl Rewards {
    /// What everybody has earned after an epoch of `budget` that `shares` divide. `previous` has what they had before it, by number from 1
    /// on; who is not in it had nothing.
    pub fn new(previous: &[u128], budget: u128, shares: &ShareTree) -> Self {
        let mut cumulative = vec![0; shares.shares().len()];
        cumulative.par_iter_mut().zip(shares.shares()).enumerate().with_min_len(1024).for_each(|(at, (sum, share))| {
            let before = previous.get(at).copied().unwrap_or_default();
            *sum = (before + earned(budget, share.shares, shares.total())) & MASK;
        });
        Self::from_cumulative(cumulative)
    }

    /// The tree of rewards that are known, by number from 1 on.
    pub fn from_cumulative(cumulative: Vec<u128>) -> Self {
        let mut rows = vec![0; LEAF * cumulative.len()];
        rows.par_chunks_exact_mut(LEAF).zip(&cumulative).enumerate().with_min_len(1024).for_each(|(at, (row, sum))| {
            row.copy_from_slice(&encode(at as u32 + 1, *sum));
        });
        let tree = Tree::new(leaf_hashes(&rows, LEAF));
        Self { cumulative, tree }
    }

    /// What is posted.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Everybody's, by number from 1 on.
    pub fn cumulative(&self) -> &[u128] {
        &self.cumulative
    }

    /// What a number has earned, with the proof that a claim needs; `None` when there is no such number.
    pub fn claim(&self, number: u32) -> Option<(u128, Vec<Hash>)> {
        let place = (number as usize).checked_sub(1)?;
        Some((*self.cumulative.get(place)?, self.tree.proof(place)))
    }

    /// The tree, to open it or to compare another's with it.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
}

/// What `EpochRewards.challenge` takes beside the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Of the epoch.
    pub share: crate::Share,
    /// Under the root of shares.
    pub share_proof: Vec<Hash>,
    /// What the number had earned before the epoch.
    pub previous: u128,
    /// Under the last epoch's root; none for who was not in it.
    pub previous_proof: Vec<Hash>,
    /// What stands at the number's place.
    pub leaf: Hash,
    /// Under the root that is challenged.
    pub proof: Vec<Hash>,
}

/// The challenge of a `leaf` that stands at the place of `number`, with its proof; `None` when there is no such number. `previous` is the
/// epoch before, where there is one.
pub fn challenge(
    shares: &ShareTree,
    previous: Option<&Rewards>,
    number: u32,
    leaf: Hash,
    proof: Vec<Hash>,
) -> Option<Challenge> {
    let (share, share_proof) = shares.share(number)?;
    let (previous, previous_proof) = previous.and_then(|rewards| rewards.claim(number)).unwrap_or_default();
    Some(Challenge { share, share_proof, previous, previous_proof, leaf, proof })
}
