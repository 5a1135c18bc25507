//! Inner nodes of trees, in tiers of 256, so that a tree can be opened from its root downwards.
//!
//! Tier 0 are the leaves; a node of tier `t` stands over up to 256 nodes of tier `t - 1`. The highest tier has one node, which the root
//! commits to. Three tiers hold 16 million leaves.

use std::collections::HashMap;

use assay_kernels::{
    Hash,
    merkle::{Tree, node_hash, root_hash},
};

/// Levels between two tiers.
const LEVELS: u32 = 8;
/// The most nodes that one node of the next tier stands over.
pub const FAN: usize = 1 << LEVELS;

/// The highest tier of a tree of `count` leaves: at least 1.
pub fn highest(count: usize) -> u32 {
    let mut tier = 1;
    while width(count, tier) > 1 {
        tier += 1;
    }
    tier
}

/// How many nodes of the tier below node `index` of `tier` stands over; 0 when there is no such node.
pub fn children_of(count: usize, tier: u32, index: usize) -> usize {
    if tier == 0 || tier > highest(count) {
        return 0;
    }
    let below = width(count, tier - 1);
    below.saturating_sub(index.saturating_mul(FAN)).min(FAN)
}

/// Nodes of a tier.
fn width(count: usize, tier: u32) -> usize {
    count.div_ceil(1_usize.checked_shl(LEVELS * tier).unwrap_or(usize::MAX))
}

/// The nodes of a tier, in order.
pub fn tier(tree: &Tree, tier: u32) -> &[Hash] {
    let levels = tree.levels();
    &levels[((LEVELS * tier) as usize).min(levels.len() - 1)]
}

/// What answers a demand: the nodes of the tier below that node `index` of `tier` stands over. `None` when there is no such node.
pub fn children(tree: &Tree, tier_: u32, index: usize) -> Option<&[Hash]> {
    let count = children_of(tree.len(), tier_, index);
    (count != 0).then(|| &tier(tree, tier_ - 1)[index * FAN..][..count])
}

/// The siblings of node `index` of `tier`, from the bottom to the top.
///
/// # Panics
/// If there is no such node.
pub fn proof(tree: &Tree, tier: u32, index: usize) -> Vec<Hash> {
    assert!(index < width(tree.len(), tier), "node {index} of tier {tier} of a tree of {} leaves", tree.len());
    let levels = tree.levels().iter().skip((LEVELS * tier) as usize).enumerate();
    levels.filter_map(|(height, level)| level.get((index >> height) ^ 1)).copied().collect()
}

/// The node over `nodes`, at most 256 neighbours that begin at a multiple of 256.
fn over(nodes: &Tree) -> Hash {
    nodes.levels().last().and_then(|top| top.first()).copied().unwrap_or_default()
}

/// Whether `node` is node `index` of `tier` in the tree of `count` leaves under `root`. `proof` must hold exactly its siblings.
pub fn verify(root: &Hash, count: usize, tier: u32, index: usize, node: &Hash, proof: &[Hash]) -> bool {
    let (mut node, mut at, mut width) = (*node, index, width(count, tier));
    if at >= width {
        return false;
    }
    let mut siblings = proof.iter();
    while width > 1 {
        if at ^ 1 < width {
            let Some(sibling) = siblings.next() else { return false };
            node = if at.is_multiple_of(2) { node_hash(&node, sibling) } else { node_hash(sibling, &node) };
        }
        (at, width) = (at / 2, width.div_ceil(2));
    }
    siblings.next().is_none() && root_hash(count as u64, &node) == *root
}

/// The siblings of leaf `place` in somebody's tree whose leaves are those of `right` up to the one at `found`, which is `leaf` with `proof`.
///
/// # Panics
/// If `place` is not before `found`, `found` is not in the tree, or the proof is too short.
pub fn earlier_proof(right: &Tree, place: usize, found: usize, leaf: &Hash, proof: &[Hash]) -> Vec<Hash> {
    assert!(place < found && found < right.len(), "leaves {place} and {found} of {}", right.len());
    let (mut theirs, mut siblings) = (*leaf, proof.iter());
    let mut earlier = Vec::new();
    for (height, level) in right.levels().iter().enumerate() {
        let (place, found) = (place >> height, found >> height);
        // Beside the way up from the leaf that was found, where there is a node.
        let beside = level.get(found ^ 1).map(|_| *siblings.next().expect("a proof of that leaf"));
        match place ^ 1 {
            _ if place == found => earlier.extend(beside),
            sibling if sibling == found => earlier.push(theirs),
            // Left of that way, so that all below it is right.
            sibling => earlier.push(level[sibling]),
        }
        if let Some(beside) = beside {
            theirs = if found % 2 == 0 { node_hash(&theirs, &beside) } else { node_hash(&beside, &theirs) };
        }
    }
    earlier
}

/// Somebody's tree, of which only the root and what was supplied are known.
#[derive(Debug)]
pub struct OpenedTree {
    root: Hash,
    count: usize,
    /// What each opened node stands over.
    opened: HashMap<(u32, usize), Tree>,
}

/// Nodes that are not those of the place they were given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongNodes {
    /// There is no such node, or the one above it was not opened.
    #[error("node {index} of tier {tier} is not known")]
    Unknown {
        /// Its tier.
        tier: u32,
        /// Its index.
        index: usize,
    },
    /// Not as many as there are.
    #[error("{given} nodes, expected {expected}")]
    Count {
        /// Given.
        given: usize,
        /// Expected.
        expected: usize,
    },
    /// They have another node above them.
    #[error("the nodes do not hash to the node above them")]
    Hash,
}

/// How an opened tree differs from the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In nothing: the roots are equal.
    None,
    /// Below this node, which is to be demanded.
    Demand {
        /// Its tier.
        tier: u32,
        /// Its index.
        index: usize,
        /// The node that stands there.
        node: Hash,
        /// Its siblings; none for the highest.
        proof: Vec<Hash>,
    },
    /// In this leaf.
    Leaf {
        /// The beneficiary's number: one more than the place.
        number: u32,
        /// The leaf that stands there.
        leaf: Hash,
        /// Its siblings.
        proof: Vec<Hash>,
    },
}

impl OpenedTree {
    /// A root over `count` leaves.
    pub fn new(root: Hash, count: usize) -> Self {
        Self { root, count, opened: HashMap::new() }
    }

    /// Takes in what was supplied for node `index` of `tier`.
    ///
    /// # Errors
    /// When the nodes are not those under it.
    pub fn open(&mut self, tier: u32, index: usize, nodes: &[Hash]) -> Result<(), WrongNodes> {
        let expected = children_of(self.count, tier, index);
        if expected == 0 {
            return Err(WrongNodes::Unknown { tier, index });
        }
        if nodes.len() != expected {
            return Err(WrongNodes::Count { given: nodes.len(), expected });
        }
        let nodes = Tree::new(nodes.to_vec());
        let above = if tier == highest(self.count) {
            root_hash(self.count as u64, &over(&nodes)) == self.root
        } else {
            let node = self.node(tier, index).ok_or(WrongNodes::Unknown { tier, index })?;
            over(&nodes) == node
        };
        if !above {
            return Err(WrongNodes::Hash);
        }
        self.opened.insert((tier, index), nodes);
        Ok(())
    }

    /// Where the tree differs from `right`, as far down as it was opened.
    ///
    /// # Panics
    /// When the trees are not of one size, which the contract fixes.
    pub fn difference(&self, right: &Tree) -> Difference {
        assert_eq!(self.count, right.len(), "leaves of the two trees");
        if self.root == right.root() {
            return Difference::None;
        }
        let (mut tier, mut index) = (highest(self.count), 0);
        while let Some(nodes) = self.opened.get(&(tier, index)) {
            let mine = children(right, tier, index).unwrap_or_default();
            // Nodes under one that differs cannot all be equal.
            let at = nodes.leaves().iter().zip(mine).position(|(theirs, mine)| theirs != mine).unwrap_or_default();
            (tier, index) = (tier - 1, index * FAN + at);
            if tier == 0 {
                let (number, leaf) = (index as u32 + 1, nodes.leaves()[at]);
                return Difference::Leaf { number, leaf, proof: self.proof(tier, index) };
            }
        }
        Difference::Demand {
            tier,
            index,
            node: self.node(tier, index).unwrap_or(self.root),
            proof: self.proof(tier, index),
        }
    }

    /// A node below one that was opened.
    fn node(&self, tier: u32, index: usize) -> Option<Hash> {
        self.opened.get(&(tier + 1, index / FAN))?.leaves().get(index % FAN).copied()
    }

    /// The siblings of a node whose ancestors were all opened.
    fn proof(&self, mut tier: u32, mut index: usize) -> Vec<Hash> {
        let mut proof = Vec::new();
        while let Some(nodes) = self.opened.get(&(tier + 1, index / FAN)) {
            proof.extend(nodes.proof(index % FAN));
            (tier, index) = (tier + 1, index / FAN);
        }
        proof
    }
}
