//! Position-bound Merkle trees.
//!
//! * leaf: `keccak256(0x00 ‖ data)`
//! * node: `keccak256(0x01 ‖ left ‖ right)`
//! * root: `keccak256(0x02 ‖ uint64 count ‖ top)`, where `top` is the last node of the tree
//!
//! The shape is that of the `rs_merkle` crate: an odd last node moves up to the next level unchanged. A proof holds the siblings
//! from the bottom to the top, and none for a level on which its node moves up. The prefixes keep leaves, nodes and roots
//! apart, and the count in the root fixes the shape, so one root has one reading.

use rayon::prelude::*;

use crate::{
    Hash,
    keccak::{keccak256, keccak256_rows},
};

/// What is hashed before the data of a leaf.
pub(crate) const LEAF: u8 = 0x00;
/// What is hashed before the halves of a node.
const NODE: u8 = 0x01;

/// Hashes that one thread computes at a time.
const CHUNK: usize = 512;

/// Hash of a leaf that holds `data`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    keccak256(&[&[LEAF], data])
}

/// Hashes of the leaves that hold the rows of `length` bytes in `rows`, one after the other.
///
/// # Panics
/// If `rows` does not hold a whole number of rows, or `length` is 0.
pub fn leaf_hashes(rows: &[u8], length: usize) -> Vec<Hash> {
    assert!(rows.len().is_multiple_of(length), "{} bytes of rows of {length}", rows.len());
    let mut hashes = vec![[0; 32]; rows.len() / length];
    hash_rows(LEAF, rows, length, &mut hashes);
    hashes
}

/// Hashes rows on all threads.
fn hash_rows(prefix: u8, rows: &[u8], length: usize, out: &mut [Hash]) {
    if out.len() <= CHUNK {
        return keccak256_rows(prefix, rows, length, out);
    }
    let chunks = out.par_chunks_mut(CHUNK).zip(rows.par_chunks(CHUNK * length));
    chunks.for_each(|(out, rows)| keccak256_rows(prefix, rows, length, out));
}

/// Hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [NODE; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    keccak256(&[&bytes])
}

/// Root of a tree of `count` leaves whose last node is `top`.
pub fn root_hash(count: u64, top: &Hash) -> Hash {
    let mut bytes = [0x02; 41];
    bytes[1..9].copy_from_slice(&count.to_be_bytes());
    bytes[9..].copy_from_slice(top);
    keccak256(&[&bytes])
}

/// Root of a tensor: each row is a leaf.
pub fn tensor_root<R: AsRef<[u8]>>(rows: impl IntoIterator<Item = R>) -> Hash {
    Tree::new(rows.into_iter().map(|row| leaf_hash(row.as_ref())).collect()).root()
}

/// Root of a tensor of one row, as task inputs and outputs are.
pub fn row_root(row: &[u8]) -> Hash {
    root_hash(1, &leaf_hash(row))
}

/// Checks that `leaf` is the leaf number `index` of the `count` leaves under `root`.
///
/// `proof` must hold exactly the siblings on the way up: one too many or one too few is refused.
pub fn verify(root: &Hash, count: u64, index: u64, leaf: &Hash, proof: &[Hash]) -> bool {
    if index >= count {
        return false;
    }
    let (mut node, mut at, mut width) = (*leaf, index, count);
    let mut siblings = proof.iter();
    while width > 1 {
        let moves_up = at == width - 1 && width % 2 == 1;
        if !moves_up {
            let Some(sibling) = siblings.next() else {
                return false;
            };
            node = if at % 2 == 0 { node_hash(&node, sibling) } else { node_hash(sibling, &node) };
        }
        at /= 2;
        width = width.div_ceil(2);
    }
    siblings.next().is_none() && root_hash(count, &node) == *root
}

/// A Merkle tree held in memory, ready to give proofs.
///
/// A tree without leaves has a root of its own, under which nothing verifies.
#[derive(Debug)]
pub struct Tree {
    /// From the leaves to the top; every level of more than one node is followed by its parents.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Builds the tree over leaf hashes (see [`leaf_hash`]).
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, odd) = level.as_chunks::<2>();
            let mut parents = vec![[0; 32]; pairs.len()];
            hash_rows(NODE, pairs.as_flattened().as_flattened(), 64, &mut parents);
            parents.extend(odd);
            levels.push(parents);
        }
        Self { levels }
    }

    /// The tree whose levels somebody else has computed, from the leaves to the top. There is at least one leaf.
    pub(crate) fn from_levels(levels: Vec<Vec<Hash>>) -> Self {
        Self { levels }
    }

    /// Number of leaves.
    pub fn len(&self) -> usize {
        self.leaves().len()
    }

    /// Whether the tree has no leaves.
    pub fn is_empty(&self) -> bool {
        self.leaves().is_empty()
    }

    /// The leaves, as they were given.
    pub fn leaves(&self) -> &[Hash] {
        &self.levels[0]
    }

    /// The leaves and every level of nodes above them, up to the top. An odd last node is in each level that it moves up through.
    pub fn levels(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// The root, which binds the number of leaves.
    pub fn root(&self) -> Hash {
        let top = self.levels.last().and_then(|level| level.first());
        root_hash(self.len() as u64, top.unwrap_or(&[0; 32]))
    }

    /// The siblings of leaf `index`, from the bottom to the top.
    ///
    /// # Panics
    /// If there is no such leaf, as indexing a slice does.
    pub fn proof(&self, index: usize) -> Vec<Hash> {
        assert!(index < self.len(), "leaf {index} of a tree of {}", self.len());
        let levels = self.levels.iter().enumerate();
        levels.filter_map(|(height, level)| level.get((index >> height) ^ 1)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count as u64).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// `rs_merkle`'s hasher with this project's node prefix; an odd node moves up, as is its default.
    #[derive(Clone)]
    struct Domain;

    impl rs_merkle::Hasher for Domain {
        type Hash = Hash;

        fn hash(data: &[u8]) -> Hash {
            leaf_hash(data)
        }

        fn concat_and_hash(left: &Hash, right: Option<&Hash>) -> Hash {
            right.map_or(*left, |right| node_hash(left, right))
        }
    }

    #[test]
    fn every_shape_is_that_of_rs_merkle() {
        for count in (1..70).chain([255, 256, 257, 1023, 1024, 2047, 4097, 10_000]) {
            let reference = rs_merkle::MerkleTree::<Domain>::from_leaves(&leaves(count));
            let tree = Tree::new(leaves(count));
            assert_eq!(tree.leaves(), leaves(count));
            assert_eq!(tree.root(), root_hash(count as u64, &reference.root().unwrap()), "{count} leaves");
            for index in (0..count).step_by(count.div_ceil(300)).chain([count - 1]) {
                let expected = reference.proof(&[index]);
                assert_eq!(tree.proof(index), expected.proof_hashes(), "leaf {index} of {count}");
            }
        }
    }

    #[test]
    fn rows_become_leaves() {
        for (length, count) in [(1, 3), (31, 40), (164, 1_500)] {
            let rows: Vec<u8> = (0..length * count).map(|at| (at % 251) as u8).collect();
            let expected: Vec<Hash> = rows.chunks_exact(length).map(leaf_hash).collect();
            assert_eq!(leaf_hashes(&rows, length), expected);
        }
    }

    #[test]
    fn nothing_verifies_under_the_empty_root() {
        let tree = Tree::new(Vec::new());
        assert!(tree.is_empty() && tree.leaves().is_empty());
        assert!(!verify(&tree.root(), 0, 0, &leaf_hash(b""), &[]));
        assert!(!verify(&tree.root(), 1, 0, &[0; 32], &[]));
    }

    #[test]
    fn a_tensor_of_one_row_is_its_row_root() {
        assert_eq!(tensor_root([b"row"]), row_root(b"row"));
    }

    proptest! {
        #[test]
        fn a_proof_binds_leaf_position_and_count(count in 1usize..1500, pick in any::<prop::sample::Index>(), wrong in any::<prop::sample::Index>()) {
            let index = pick.index(count);
            let all = leaves(count);
            let tree = Tree::new(all.clone());
            let (root, proof) = (tree.root(), tree.proof(index));
            let (n, i) = (count as u64, index as u64);
            prop_assert!(verify(&root, n, i, &all[index], &proof));

            let other = wrong.index(count);
            if other != index {
                prop_assert!(!verify(&root, n, other as u64, &all[index], &proof));
                prop_assert!(!verify(&root, n, i, &all[other], &proof));
            }
            prop_assert!(!verify(&root, n + 1, i, &all[index], &proof));
            prop_assert!(!verify(&root, n, i + n, &all[index], &proof));
            let mut long = proof.clone();
            long.push([7; 32]);
            prop_assert!(!verify(&root, n, i, &all[index], &long));
            if let Some((_, short)) = proof.split_last() {
                prop_assert!(!verify(&root, n, i, &all[index], short));
            }
        }
    }
}
