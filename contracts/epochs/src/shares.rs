//! What divides an epoch: everybody's shares, in one tree.

use assay_kernels::{
    Hash,
    merkle::{Tree, leaf_hash, leaf_hashes},
};
use rayon::prelude::*;

/// Bytes of a leaf: number, shares, detail.
const LEAF: usize = 4 + 8 + 32;

/// One beneficiary's leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A licence, or an operator beyond the licences.
    pub number: u32,
    /// Of the epoch.
    pub shares: u64,
    /// Hash of what the shares follow from.
    pub detail: Hash,
}

impl Share {
    /// The leaf.
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.encode())
    }

    fn encode(&self) -> [u8; LEAF] {
        let mut bytes = [0; LEAF];
        bytes[..4].copy_from_slice(&self.number.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.shares.to_be_bytes());
        bytes[12..].copy_from_slice(&self.detail);
        bytes
    }
}

/// The shares of an epoch, with their tree.
#[derive(Debug)]
pub struct ShareTree {
    /// By number, from 1.
    shares: Vec<Share>,
    total: u64,
    tree: Tree,
}

impl ShareTree {
    /// The tree of `shares`, by number from 1 on; `total` is what they are parts of.
    ///
    /// # Panics
    /// When a number is not at its place.
    pub fn new(shares: Vec<Share>, total: u64) -> Self {
        let mut rows = vec![0; LEAF * shares.len()];
        rows.par_chunks_exact_mut(LEAF).zip(&shares).enumerate().with_min_len(1024).for_each(|(at, (row, share))| {
            assert_eq!(share.number as usize, at + 1, "the number at place {at}");
            row.copy_from_slice(&share.encode());
        });
        let tree = Tree::new(leaf_hashes(&rows, LEAF));
        Self { shares, total, tree }
    }

    /// What is posted.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// What the shares are parts of.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Everybody's, by number from 1 on.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// The leaf of a number, with its proof; `None` when there is no such number.
    pub fn share(&self, number: u32) -> Option<(Share, Vec<Hash>)> {
        let place = (number as usize).checked_sub(1)?;
        Some((*self.shares.get(place)?, self.tree.proof(place)))
    }

    /// The tree, to open it or to compare another's with it.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
}
