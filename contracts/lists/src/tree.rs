//! OpenZeppelin's `StandardMerkleTree`, version `standard-v1`.

use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
    sync::OnceLock,
};

use alloy::primitives::{B256, keccak256};
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
        let mut leaves: Vec<_> = entries.iter().map(E::leaf).zip(0..).collect();
        leaves.sort_unstable();
        let (last, mut places) = (2 * leaves.len() - 2, vec![0; leaves.len()]);
        let mut nodes = vec![B256::ZERO; last + 1];
        for (rank, (leaf, entry)) in leaves.into_iter().enumerate() {
            nodes[last - rank] = leaf;
            places[entry] = last - rank;
        }
        for parent in (0..last / 2).rev() {
            let (left, right) = (nodes[2 * parent + 1], nodes[2 * parent + 2]);
            nodes[parent] = keccak256([left.min(right), left.max(right)].concat());
        }
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
        let index = self.index.get_or_init(|| self.entries.iter().map(E::key).zip(0..).collect());
        index.get(&key).map(|&place| (place, &self.entries[place]))
    }

    /// The proof of entry `index`.
    pub fn proof(&self, index: usize) -> Vec<B256> {
        let mut place = self.places[index];
        let mut proof = Vec::new();
        while place != 0 {
            // Left children have odd places.
            proof.push(self.nodes[if place % 2 == 1 { place + 1 } else { place - 1 }]);
            place = (place - 1) / 2;
        }
        proof
    }

    /// Writes the tree as `StandardMerkleTree.load` reads it.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        write!(out, "{{\"format\":\"{FORMAT}\",\"leafEncoding\":{},\"tree\":[", quoted(E::ENCODING))?;
        for (index, node) in self.nodes.iter().enumerate() {
            write!(out, "{}\"{node}\"", if index == 0 { "\n" } else { ",\n" })?;
        }
        write!(out, "],\"values\":[")?;
        for (index, (entry, place)) in self.entries.iter().zip(&self.places).enumerate() {
            let comma = if index == 0 { "\n" } else { ",\n" };
            write!(out, "{comma}{{\"value\":{},\"treeIndex\":{place}}}", quoted(&entry.texts()))?;
        }
        writeln!(out, "]}}")?;
        out.flush()
    }

    /// Writes every entry's proof: one JSON object by the first column, a line each.
    pub fn write_proofs(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        for (index, entry) in self.entries.iter().enumerate() {
            let (comma, texts) = (if index == 0 { "{\n" } else { ",\n" }, entry.texts());
            let proof: Vec<_> = self.proof(index).iter().map(B256::to_string).collect();
            write!(out, "{comma}\"{}\":{{\"value\":{},\"proof\":{}}}", texts[0], quoted(&texts), quoted(&proof))?;
        }
        writeln!(out, "\n}}")?;
        out.flush()
    }

    /// Reads a published tree, and computes it again.
    ///
    /// # Errors
    /// When it is not the tree of its values.
    pub fn read(text: &[u8]) -> Result<Self, BadTree> {
        let file: File = serde_json::from_slice(text)?;
        if file.format != FORMAT || file.leaf_encoding != E::ENCODING {
            return Err(BadTree::Other { format: file.format, encoding: file.leaf_encoding, expected: E::ENCODING });
        }
        let parse = |(index, Value { value }): (usize, Value)| {
            E::parse(&value).ok_or(BadTree::Value { index, value, expected: E::ENCODING })
        };
        let entries = file.values.into_iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
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
