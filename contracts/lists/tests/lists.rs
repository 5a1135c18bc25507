//! Lists from lines to published trees, against what the JavaScript library makes of the same rows.

use alloy::primitives::{B256, U256};
use assay_lists::{Allowance, BadTree, Entry, Promo, Tree, csv::read};
use serde_json::{Value, json};

/// `StandardMerkleTree.of(…)` of the JavaScript library, with its dump and every proof.
fn vectors() -> Vec<Value> {
    let path = assay_test_fixtures::workspace_root().join("test-fixtures/vectors/standard-merkle.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    file["trees"].as_array().unwrap().clone()
}

fn check<E: Entry>(vector: &Value) {
    let tree = Tree::<E>::read(vector["dump"].to_string().as_bytes()).unwrap();
    assert_eq!(tree.root().to_string(), vector["root"]);
    let proofs: Vec<_> = (0..tree.entries().len()).map(|index| json!(tree.proof(index))).collect();
    assert_eq!(json!(proofs), vector["proofs"]);

    let mut dump = Vec::new();
    tree.write(&mut dump).unwrap();
    let lower = String::from_utf8(dump).unwrap().to_lowercase().replace("leafencoding", "leafEncoding");
    let dump: Value = serde_json::from_str(&lower.replace("treeindex", "treeIndex")).unwrap();
    assert_eq!(dump, vector["dump"], "addresses apart, which are written with their checksum");

    let mut written = Vec::new();
    tree.write_proofs(&mut written).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    for (index, entry) in tree.entries().iter().enumerate() {
        assert_eq!(written[&entry.texts()[0]]["proof"], vector["proofs"][index]);
    }
}

#[test]
fn trees_and_proofs_are_those_of_the_javascript_library() {
    let vectors = vectors();
    let (lists, codes): (Vec<_>, Vec<_>) =
        vectors.iter().partition(|vector| vector["dump"]["leafEncoding"][0] == "address");
    assert_eq!((lists.len(), codes.len()), (5, 2));
    lists.into_iter().for_each(check::<Allowance>);
    codes.into_iter().for_each(check::<Promo>);
}

#[test]
fn a_tree_that_is_not_its_values_is_refused() {
    let vector = &vectors()[3]["dump"];
    let altered = |pointer: &str, value: Value| {
        let mut dump = vector.clone();
        *dump.pointer_mut(pointer).unwrap() = value;
        Tree::<Allowance>::read(dump.to_string().as_bytes()).unwrap_err()
    };
    assert!(matches!(altered("/values/2/value/1", "4000".into()), BadTree::Root { .. }));
    assert!(matches!(altered("/tree/0", json!(B256::ZERO)), BadTree::Root { .. }));
    assert!(matches!(altered("/values", json!([])), BadTree::Root { actual: None, .. }));
    assert!(matches!(altered("/values/2/value/1", "-1".into()), BadTree::Value { index: 2, .. }));
    assert!(matches!(altered("/format", "simple-v1".into()), BadTree::Other { .. }));
    assert!(matches!(altered("/tree", json!("x")), BadTree::Malformed(_)));
    assert!(matches!(Tree::<Promo>::read(vector.to_string().as_bytes()), Err(BadTree::Other { .. })));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_line() {
    let text = "address,allocation
0x70997970C51812dc3A010C7d01b50e0d17dc79C8,5

0x70997970c51812dc3a010c7d01b50e0d17dc79c8,1
0x70997970C51812dc3A010C7d01b50e0d17dc79c8,1
0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc,0
0x3c44cdddb6a900fa2b585dd299e03d12fa4293,1
0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc
0x90f79bf6eb2c4f870365e785982e1f101e93b906,1.5
0x90f79bf6eb2c4f870365e785982e1f101e93b906,4294967296
0x0000000000000000000000000000000000000000,1
0x90F79BF6EB2C4F870365E785982E1F101E93B906, 2
";
    let errors = read::<Allowance>(text).unwrap_err();
    let expected = [
        (3, "the line is empty"),
        (4, "is on line 2 already"),
        (5, "its checksum is wrong; if the address is right, it is written 0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        (6, "allocation \"0\": expected a whole number from 1"),
        (7, "40 hexadecimal digits"),
        (8, "1 columns, expected address,allocation"),
        (9, "allocation \"1.5\""),
        (10, "allocation \"4294967296\""),
        (11, "address 0x0…0"),
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, (line, message)) in errors.iter().zip(expected) {
        assert!(error.line == line && error.message.contains(message), "{error}");
    }
    assert_eq!(read::<Allowance>("address,allocation\n").unwrap_err()[0].line, 0);
}

#[test]
fn a_list_may_have_a_header_a_mark_and_carriage_returns() {
    let text = "\u{feff}Address, Allocation\r\n0x70997970C51812dc3A010C7d01b50e0d17dc79C8,5\r\n";
    let list = read::<Allowance>(text).unwrap();
    assert_eq!((list.len(), list[0].allocation), (1, U256::from(5)));
    assert_eq!(read::<Allowance>("0x70997970C51812dc3A010C7d01b50e0d17dc79C8,5").unwrap(), list);
}

#[test]
fn codes_are_hashed_and_bounded() {
    let list = read::<Promo>("code,discount,total\nEARLY,1000,50\nearly,500,1\n").unwrap();
    assert_eq!(list[0].code, Promo::code_of("EARLY"));
    assert_ne!(list[0].code, list[1].code);
    let errors = read::<Promo>("A,0,1\nB,10001,1\nC,1,0\n,1,1\nA,1,1\nA,2,2\n").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [1, 2, 3, 4, 6]);
}
