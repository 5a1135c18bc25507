//! Operators' commissions as they grow from licence to licence, in a tree of their own.

use assay_kernels::{
    Hash,
    keccak::keccak256_rows,
    merkle::{Tree, leaf_hashes, root_hash},
};
use rayon::prelude::*;

/// What is hashed before the halves of a node.
const NODE: u8 = 1;
/// What is hashed before the count and the top of a root.
const ROOT: u8 = 2;

/// Commissions by operator, and their tree.
#[derive(Clone, Debug)]
pub struct Accumulators {
    commissions: Vec<u64>,
    /// From the leaves to the top.
    levels: Vec<Vec<Hash>>,
}

impl Accumulators {
    /// Nothing, for so many operators.
    pub fn new(operators: usize) -> Self {
        let commissions = vec![0; operators];
        let levels = tree(&commissions).levels().to_vec();
        Self { commissions, levels }
    }

    /// The root; zero when there are no operators.
    pub fn root(&self) -> Hash {
        let top = self.levels.last().and_then(|top| top.first());
        top.map_or([0; 32], |top| root_hash(self.commissions.len() as u64, top))
    }

    /// The commissions.
    pub fn into_commissions(self) -> Vec<u64> {
        self.commissions
    }

    /// Adds to the commissions of operators by their places, one after the other. Returns the root after each.
    ///
    /// Level by level, so that all nodes of a level are hashed side by side: each addition makes one new node of it, over the new node
    /// below and the sibling as the additions before left it.
    pub fn add(&mut self, additions: &[(usize, u64)]) -> Vec<Hash> {
        let mut rows = Vec::with_capacity(64 * additions.len());
        for &(operator, added) in additions {
            self.commissions[operator] += added;
            rows.extend(self.commissions[operator].to_be_bytes());
        }
        let mut nodes = leaf_hashes(&rows, 8);
        let mut hashes = Vec::with_capacity(additions.len());
        for (height, level) in self.levels.iter_mut().enumerate() {
            rows.clear();
            for (node, (operator, _)) in nodes.iter().zip(additions) {
                let place = operator >> height;
                level[place] = *node;
                // An odd last node moves up as it is.
                if place ^ 1 < level.len() {
                    rows.extend_from_slice(level[place & !1..][..2].as_flattened());
                }
            }
            hash_rows(NODE, &rows, 64, &mut hashes);
            let mut hashed = hashes.iter();
            for (node, (operator, _)) in nodes.iter_mut().zip(additions) {
                if (operator >> height) ^ 1 < level.len() {
                    *node = *hashed.next().expect("a hash for each row");
                }
            }
        }
        rows.clear();
        for node in &nodes {
            rows.extend((self.commissions.len() as u64).to_be_bytes());
            rows.extend(node);
        }
        hash_rows(ROOT, &rows, 40, &mut hashes);
        hashes
    }
}

/// Commissions in their tree.
pub fn tree(commissions: &[u64]) -> Tree {
    let rows: Vec<_> = commissions.iter().flat_map(|commission| commission.to_be_bytes()).collect();
    Tree::new(leaf_hashes(&rows, 8))
}

/// Hashes rows of `length` bytes, on all threads.
fn hash_rows(prefix: u8, rows: &[u8], length: usize, out: &mut Vec<Hash>) {
    const CHUNK: usize = 512;
    out.clear();
    out.resize(rows.len() / length, [0; 32]);
    let chunks = out.par_chunks_mut(CHUNK).zip(rows.par_chunks(CHUNK * length));
    chunks.for_each(|(out, rows)| keccak256_rows(prefix, rows, length, out));
}
