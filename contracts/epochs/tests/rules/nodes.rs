use assay_epochs::{
    Hash,
    nodes::{self, Difference, OpenedTree, WrongNodes, children, children_of, highest, proof, tier, verify},
};
use assay_kernels::merkle::{Tree, leaf_hash, root_hash};
use proptest::prelude::*;

fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|at| leaf_hash(&at.to_be_bytes())).collect()
}

/// The first leaf in which a tree that answers every demand differs from `right`, and how often it was asked.
pub(crate) fn descend(right: &Tree, theirs: &Tree) -> (u32, Hash, Vec<Hash>, usize) {
    let mut opened = OpenedTree::new(theirs.root(), theirs.len());
    for demands in 0.. {
        match opened.difference(right) {
            Difference::None => panic!("the roots are equal"),
            Difference::Leaf { number, leaf, proof } => return (number, leaf, proof, demands),
            Difference::Demand { tier, index, node, proof } => {
                if tier == highest(theirs.len()) {
                    assert_eq!((node, index, proof.len()), (theirs.root(), 0, 0));
                } else {
                    assert!(verify(&theirs.root(), theirs.len(), tier, index, &node, &proof));
                }
                opened.open(tier, index, children(theirs, tier, index).unwrap()).unwrap();
            }
        }
    }
    unreachable!("a tree has an end")
}

fn altered(all: &[Hash], at: &[usize]) -> Tree {
    let mut all = all.to_vec();
    at.iter().for_each(|at| all[*at][31] ^= 1);
    Tree::new(all)
}

#[test]
fn tiers_are_those_of_the_contract() {
    // (leaves, highest tier, children of the last node of each tier from the lowest)
    for (count, top, last) in [
        (1, 1, vec![1]),
        (256, 1, vec![256]),
        (257, 2, vec![1, 2]),
        (65_536, 2, vec![256, 256]),
        (65_537, 3, vec![1, 1, 2]),
        (1_000_200, 3, vec![8, 68, 16]),
    ] {
        assert_eq!(highest(count), top, "{count} leaves");
        for (tier, children) in (1..).zip(last) {
            let nodes = count.div_ceil(256_usize.pow(tier));
            assert_eq!(children_of(count, tier, nodes - 1), children, "{count} leaves, tier {tier}");
            assert_eq!(children_of(count, tier, nodes), 0);
        }
        assert_eq!((children_of(count, 0, 0), children_of(count, top + 1, 0)), (0, 0));
    }
    assert_eq!(children_of(1 << 24, 3, usize::MAX), 0);
}

#[test]
fn a_false_leaf_among_a_million_is_found_in_three_demands() {
    let all = leaves(1_000_000);
    let right = Tree::new(all.clone());
    for false_leaves in [vec![0], vec![255, 256], vec![65_535], vec![500_000, 999_999], vec![999_999]] {
        let theirs = altered(&all, &false_leaves);
        let (number, leaf, proof, demands) = descend(&right, &theirs);
        assert_eq!((number as usize, demands), (false_leaves[0] + 1, 3), "the first of {false_leaves:?}");
        assert_eq!(leaf, theirs.leaves()[false_leaves[0]]);
        assert!(verify(&theirs.root(), all.len(), 0, false_leaves[0], &leaf, &proof));
    }
}

#[test]
fn what_is_not_under_a_node_is_refused() {
    let tree = Tree::new(leaves(600));
    let (top, low) = (children(&tree, 2, 0).unwrap(), children(&tree, 1, 2).unwrap());
    let mut opened = OpenedTree::new(tree.root(), 600);
    assert_eq!(opened.open(1, 2, low), Err(WrongNodes::Unknown { tier: 1, index: 2 }), "before the node above");
    assert_eq!(opened.open(2, 0, &top[..2]), Err(WrongNodes::Count { given: 2, expected: 3 }));
    assert_eq!(opened.open(2, 0, &[top[1], top[0], top[2]]), Err(WrongNodes::Hash));
    opened.open(2, 0, top).unwrap();
    assert_eq!(opened.open(1, 1, children(&tree, 1, 0).unwrap()), Err(WrongNodes::Hash));
    assert_eq!(opened.open(1, 3, low), Err(WrongNodes::Unknown { tier: 1, index: 3 }));
    assert_eq!(opened.open(0, 0, &[]), Err(WrongNodes::Unknown { tier: 0, index: 0 }));
    opened.open(1, 2, low).unwrap();
    assert_eq!(opened.difference(&tree), Difference::None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_altered_leaf_is_found(count in 1_usize..70_000, picks in prop::collection::vec(any::<prop::sample::Index>(), 1..4), earlier in any::<prop::sample::Index>()) {
        let all = leaves(count);
        let right = Tree::new(all.clone());
        let mut at: Vec<_> = picks.iter().map(|pick| pick.index(count)).collect();
        at.sort_unstable();
        at.dedup();
        let theirs = altered(&all, &at);
        let (number, leaf, proof, demands) = descend(&right, &theirs);
        prop_assert_eq!((number as usize, demands as u32), (at[0] + 1, highest(count)));
        prop_assert_eq!(&proof, &theirs.proof(at[0]));
        if at[0] > 0 {
            for place in [at[0] - 1, earlier.index(at[0])] {
                prop_assert_eq!(nodes::earlier_proof(&right, place, at[0], &leaf, &proof), theirs.proof(place));
            }
        }
    }

    #[test]
    fn nodes_of_every_tier_are_proved(count in 1_usize..70_000, pick in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let tree = Tree::new(leaves(count));
        for level in 0..=highest(count) {
            let nodes = tier(&tree, level);
            prop_assert_eq!(nodes.len(), count.div_ceil(256_usize.pow(level)));
            let (at, wrong) = (pick.index(nodes.len()), other.index(nodes.len()));
            let proof = proof(&tree, level, at);
            prop_assert!(verify(&tree.root(), count, level, at, &nodes[at], &proof));
            prop_assert!(wrong == at || !verify(&tree.root(), count, level, wrong, &nodes[at], &proof));
            let long = [&proof[..], &[[0; 32]]].concat();
            prop_assert!(!verify(&tree.root(), count, level, at, &nodes[at], &long));
        }
        let top = tier(&tree, highest(count));
        prop_assert_eq!(root_hash(count as u64, &top[0]), tree.root());
    }
}
