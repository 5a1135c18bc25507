//! OpenZeppelin's `StandardMerkleTree`, version `standard-v1`.

use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
    sync::OnceLock,
};

use alloy::primitives::B256;
use assay_kernels::keccak::keccak256;
use serde::Deserialize;

use crate::Entry;

const FORMAT: &str = "standard-v1";

/// A list with its Merkle tree.
#[derive(Clone, Debug)]
pub struct Tree<E> {
    entries: Vec<E>,
    /// Where each entry's leaf is among the nodes.
    places: Vec<usize>,
    /// The root first; node `i` has the children `2i + 1` and `2i + 2`.
    nodes: Vec<B256>,
    /// Entries by key, made at the first question.
    index: OnceLock<HashMap<B256, usize>>,
}

/// A published tree that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTree {
    /// Not JSON of that form.
    #[error("it is no published tree: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Of something else.
    #[error("it is a tree of format {format:?} over {encoding:?}, expected {FORMAT:?} over {expected:?}")]
    Other {
        /// Its format.
        format: String,
        /// Types of its rows.
        encoding: Vec<String>,
        /// Types expected.
        expected: &'static [&'static str],
    },
    /// A row is not of those types.
    #[error("value {index} is {value:?}, expected {expected:?}")]
    Value {
        /// Which.
        index: usize,
        /// What it says.
        value: Vec<String>,
        /// Types expected.
        expected: &'static [&'static str],
    },
    /// Its nodes are not those of its rows.
    #[error("its root is {stated:?}, and its values have the root {actual:?}")]
    Root {
        /// What the file says.
        stated: Option<B256>,
        /// What its rows give.
        actual: Option<B256>,
    },
}

impl<E: Entry> Tree<E> {
    /// The tree of a list.
    ///
    /// # Panics
    /// When there are no entries: such a list has no root.
    pub fn new(entries: Vec<E>) -> Self {
        assert!(!entries.is_empty(), "a list has entries");
        let (nodes, places) = build(entries.iter().map(E::leaf).collect());
        Self { entries, places, nodes, index: OnceLock::new() }
    }

    /// What a sale is bound to.
    pub fn root(&self) -> B256 {
        self.nodes[0]
    }

    /// The list.
    pub fn entries(&self) -> &[E] {
        &self.entries
    }

    /// The entry under `key`, with its place in the list.
    pub fn find(&self, key: B256) -> Option<(usize, &E)> {
        let index = self.index.get_or_init(|| index(self.entries.iter().map(E::key).collect()));
        index.get(&key).map(|&place| (place, &self.entries[place]))
    }

    /// The proof of entry `index`.
    pub fn proof(&self, index: usize) -> Vec<B256> {
        siblings(&self.nodes, self.places[index])
    }

    /// Writes the tree as `StandardMerkleTree.load` reads it.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        write!(out, "{{\"format\":\"{FORMAT}\",\"leafEncoding\":{},\"tree\":[", quoted(E::ENCODING))?;
        write_nodes(&mut out, &self.nodes)?;
        write!(out, "],\"values\":[")?;
        for (index, (entry, place)) in self.entries.iter().zip(&self.places).enumerate() {
            write_value(&mut out, index == 0, &entry.texts(), *place)?;
        }
        writeln!(out, "]}}")?;
        out.flush()
    }

    /// Writes every entry's proof: one JSON object by the first column, a line each.
    pub fn write_proofs(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        for (index, entry) in self.entries.iter().enumerate() {
            write_proof(&mut out, index == 0, &entry.texts(), &siblings(&self.nodes, self.places[index]))?;
        }
        writeln!(out, "\n}}")?;
        out.flush()
    }

    /// Reads a published tree, and computes it again.
    ///
    /// # Errors
    /// When it is not the tree of its values.
    pub fn read(text: &[u8]) -> Result<Self, BadTree> {
        let file = parse(text)?;
        if file.format != FORMAT || file.leaf_encoding != E::ENCODING {
            return Err(BadTree::Other { format: file.format, encoding: file.leaf_encoding, expected: E::ENCODING });
        }
        let entry_of = |(index, Value { value }): (usize, Value)| {
            E::parse(&value).ok_or(BadTree::Value { index, value, expected: E::ENCODING })
        };
        let entries = file.values.into_iter().enumerate().map(entry_of).collect::<Result<Vec<_>, _>>()?;
        let stated = file.tree.first().copied();
        if entries.is_empty() {
            return Err(BadTree::Root { stated, actual: None });
        }
        let tree = Self::new(entries);
        if stated != Some(tree.root()) {
            return Err(BadTree::Root { stated, actual: Some(tree.root()) });
        }
        Ok(tree)
    }
}

// What is generic is compiled where it is used, which may be without optimisation. So what takes long on a large list is here, and is not.

/// The leaf of a row: hashed twice, so that no inner node passes for one.
pub(crate) fn leaf(words: &[B256]) -> B256 {
    keccak256(&[&keccak256(&[&words.concat()])]).into()
}

/// The nodes over some leaves, and where each leaf is among them.
fn build(leaves: Vec<B256>) -> (Vec<B256>, Vec<usize>) {
    let mut leaves: Vec<_> = leaves.into_iter().zip(0..).collect();
    leaves.sort_unstable();
    let (last, mut places) = (2 * leaves.len() - 2, vec![0; leaves.len()]);
    let mut nodes = vec![B256::ZERO; last + 1];
    for (rank, (leaf, entry)) in leaves.into_iter().enumerate() {
        nodes[last - rank] = leaf;
        places[entry] = last - rank;
    }
    for parent in (0..last / 2).rev() {
        let (left, right) = (nodes[2 * parent + 1], nodes[2 * parent + 2]);
        nodes[parent] = keccak256(&[left.min(right).as_slice(), left.max(right).as_slice()]).into();
    }
    (nodes, places)
}

/// Places by key.
fn index(keys: Vec<B256>) -> HashMap<B256, usize> {
    keys.into_iter().zip(0..).collect()
}

/// The siblings on the way from a place to the root.
fn siblings(nodes: &[B256], mut place: usize) -> Vec<B256> {
    let mut proof = Vec::new();
    while place != 0 {
        // Left children have odd places.
        proof.push(nodes[if place % 2 == 1 { place + 1 } else { place - 1 }]);
        place = (place - 1) / 2;
    }
    proof
}

fn write_nodes(out: &mut dyn Write, nodes: &[B256]) -> io::Result<()> {
    for (index, node) in nodes.iter().enumerate() {
        write!(out, "{}\"{node}\"", if index == 0 { "\n" } else { ",\n" })?;
    }
    Ok(())
}

fn write_value(out: &mut dyn Write, is_first: bool, texts: &[String], place: usize) -> io::Result<()> {
    let comma = if is_first { "\n" } else { ",\n" };
    write!(out, "{comma}{{\"value\":{},\"treeIndex\":{place}}}", quoted(texts))
}

fn write_proof(out: &mut dyn Write, is_first: bool, texts: &[String], proof: &[B256]) -> io::Result<()> {
    let comma = if is_first { "{\n" } else { ",\n" };
    let proof: Vec<_> = proof.iter().map(B256::to_string).collect();
    write!(out, "{comma}\"{}\":{{\"value\":{},\"proof\":{}}}", texts[0], quoted(texts), quoted(&proof))
}

fn parse(text: &[u8]) -> Result<File, serde_json::Error> {
    serde_json::from_slice(text)
}

/// Texts without anything to escape, as a JSON array.
fn quoted(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| format!("\"{}\"", text.as_ref())).collect();
    format!("[{}]", texts.join(","))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    format: String,
    leaf_encoding: Vec<String>,
    tree: Vec<B256>,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: Vec<String>,
}
