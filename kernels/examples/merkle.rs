//! Merkle trees against those of the `rs_merkle` crate: `merkle [LEAVES]`, on two threads, a million leaves unless told.
//!
//! Prints `{"seconds": …, "vs_rs_merkle": …, "fraction_of_keccak_loop": …}`: the time of a tree, how many times as fast as `rs_merkle`
//! with the assembly keccak it is, and as a bare loop of that keccak over as many nodes on as many threads.

use std::{hint::black_box, time::Instant};

use assay_kernels::{
    Hash,
    keccak::keccak256,
    merkle::{Tree, leaf_hash, node_hash, root_hash},
};
use rayon::prelude::*;
use serde_json::json;

const THREADS: usize = 2;
const TURNS: usize = 5;

/// The peer's hasher, with the project's prefix: the same work, and the same root.
#[derive(Clone)]
struct Peer;

impl rs_merkle::Hasher for Peer {
    type Hash = Hash;

    fn hash(data: &[u8]) -> Hash {
        leaf_hash(data)
    }

    fn concat_and_hash(left: &Hash, right: Option<&Hash>) -> Hash {
        right.map_or(*left, |right| node_hash(left, right))
    }
}

fn seconds<T>(run: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_secs_f64()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).as_deref().unwrap_or("1000000").parse()?;
    let leaves: Vec<Hash> = (0..count as u64).map(|at| leaf_hash(&at.to_be_bytes())).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build()?;
    let (mut ours, mut peer, mut bare) = (f64::MAX, f64::MAX, f64::MAX);
    // They take turns, so that all see the same machine.
    for _ in 0..TURNS {
        let given = leaves.clone();
        ours = ours.min(seconds(|| pool.install(|| Tree::new(given))));
        peer = peer.min(seconds(|| rs_merkle::MerkleTree::<Peer>::from_leaves(&leaves)));
        bare = bare.min(seconds(|| {
            let part = |at: usize| (0..count / THREADS).fold([at as u8; 65], next);
            pool.install(|| (0..THREADS).into_par_iter().map(part).collect::<Vec<_>>())
        }));
    }
    let reference = rs_merkle::MerkleTree::<Peer>::from_leaves(&leaves).root().ok_or("no leaves")?;
    let root = Tree::new(leaves).root();
    if root != root_hash(count as u64, &reference) {
        return Err("the roots differ".into());
    }
    println!("{}", json!({ "seconds": ours, "vs_rs_merkle": peer / ours, "fraction_of_keccak_loop": bare / ours }));
    Ok(())
}

/// One node's worth of keccak, which nothing can skip or do ahead.
fn next(mut node: [u8; 65], _: usize) -> [u8; 65] {
    let hash = keccak256(&[&node]);
    node[1..33].copy_from_slice(&hash);
    node
}
