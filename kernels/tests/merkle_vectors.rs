//! The vectors that Solidity and the other crates read are exactly what this crate computes.
//!
//! `ASSAY_BLESS=1 cargo test -p assay-kernels --test merkle_vectors` writes them anew.

use std::path::Path;

use assay_kernels::{
    Hash,
    commit::{TaskLeaf, inputs_tree},
    keccak::keccak256,
    merkle::{Tree, leaf_hash, node_hash, root_hash, row_root, tensor_root, verify},
};
use serde_json::{Value, json};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| hex(hash)).collect()
}

/// Bytes that look random and are the same everywhere.
fn bytes(label: &str, number: u64, len: usize) -> Vec<u8> {
    let block = |i: u64| keccak256(&[label.as_bytes(), &number.to_be_bytes(), &i.to_be_bytes()]);
    (0..).flat_map(block).take(len).collect()
}

/// `leaf i = leafHash(uint64 i)`; small trees come with every proof, large ones with a few.
fn tree(count: u64) -> Value {
    let leaves: Vec<Hash> = (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect();
    let tree = Tree::new(leaves.clone());
    let indices: Vec<u64> =
        if count <= 33 { (0..count).collect() } else { vec![0, 1, count / 2, count - 2, count - 1] };
    let proofs: Vec<Value> = indices
        .iter()
        .map(|&index| {
            let proof = tree.proof(index as usize);
            assert!(verify(&tree.root(), count, index, &leaves[index as usize], &proof));
            json!({ "index": index, "leaf": hex(&leaves[index as usize]), "siblings": hexes(&proof) })
        })
        .collect();
    let listed = if count <= 33 { hexes(&leaves) } else { Vec::new() };
    json!({ "count": count, "leaves": listed, "root": hex(&tree.root()), "proofs": proofs })
}

fn task_leaf(number: u64, extreme: bool) -> Value {
    let hash = |label: &str| -> Hash { bytes(label, number, 32).try_into().unwrap() };
    let leaf = TaskLeaf {
        chain_id: [1, 10, 8453, 31337, u64::MAX][number as usize % 5],
        order_id: hash("order"),
        provider: bytes("provider", number, 20).try_into().unwrap(),
        index: if extreme { u32::MAX } else { number as u32 * 7 },
        input_hash: hash("input"),
        output_hash: hash("output"),
        units_before: if extreme { u64::MAX } else { number * 1_000_003 },
        units: if extreme { u32::MAX } else { number as u32 + 1 },
    };
    json!({
        // As strings: many JSON readers lose digits beyond 2^53.
        "chainId": leaf.chain_id.to_string(),
        "orderId": hex(&leaf.order_id),
        "provider": hex(&leaf.provider),
        "index": leaf.index,
        "inputHash": hex(&leaf.input_hash),
        "outputHash": hex(&leaf.output_hash),
        "unitsBefore": leaf.units_before.to_string(),
        "units": leaf.units,
        "encoded": hex(&leaf.encode()),
        "leaf": hex(&leaf.hash()),
    })
}

fn tensor(rows: u64, width: usize) -> Value {
    let rows: Vec<Vec<u8>> = (0..rows).map(|i| bytes("tensor", i, width)).collect();
    json!({ "rows": rows.iter().map(|row| hex(row)).collect::<Vec<_>>(), "root": hex(&tensor_root(&rows)) })
}

fn inputs(count: u64) -> Value {
    let rows: Vec<Vec<u8>> = (0..count).map(|i| bytes("ids", i, 2 * (i as usize % 5 + 1))).collect();
    let hashes: Vec<Hash> = rows.iter().map(|row| row_root(row)).collect();
    let tree = inputs_tree(&rows);
    json!({
        "rows": rows.iter().map(|row| hex(row)).collect::<Vec<_>>(),
        "inputHashes": hexes(&hashes),
        "inputsRoot": hex(&tree.root()),
        "proofs": (0..rows.len()).map(|i| hexes(&tree.proof(i))).collect::<Vec<_>>(),
    })
}

fn vectors() -> Value {
    let (a, b) = (leaf_hash(b""), leaf_hash(b"assay"));
    json!({
        "leafHashes": [
            { "data": "0x", "hash": hex(&a) },
            { "data": hex(b"assay"), "hash": hex(&b) },
            { "data": hex(&bytes("leaf", 0, 300)), "hash": hex(&leaf_hash(&bytes("leaf", 0, 300))) },
        ],
        "nodeHash": { "left": hex(&a), "right": hex(&b), "hash": hex(&node_hash(&a, &b)) },
        "rootHash": { "count": 2, "top": hex(&node_hash(&a, &b)), "hash": hex(&root_hash(2, &node_hash(&a, &b))) },
        "trees": (1..=33).chain([1000, 1023, 1024, 1025, 10_000]).map(tree).collect::<Vec<_>>(),
        "tensors": [tensor(1, 64), tensor(2, 1), tensor(3, 0), tensor(7, 384)],
        "inputs": [inputs(1), inputs(2), inputs(11)],
        "taskLeaves": (0..10).map(|i| task_leaf(i, i == 9)).collect::<Vec<_>>(),
    })
}

#[test]
fn committed_vectors_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/vectors/merkle.json");
    let current = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    if std::env::var_os("ASSAY_BLESS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == current, "{} is not what this crate computes: see the head of this test", path.display());
}
