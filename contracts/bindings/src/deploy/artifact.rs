//! Compiled contracts as `contracts/abi` holds them, and the question whether code on a chain is one of them.

use std::ops::Range;

use alloy::primitives::Bytes;
use serde::Deserialize;

/// A compiled contract: what creates it and what then lies at its address.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Name of the contract in its source.
    pub name: String,
    /// Creation code, without constructor arguments.
    pub bytecode: Bytes,
    /// Code at the address, with zeros in place of immutables.
    pub deployed_bytecode: Bytes,
    /// Byte ranges of the deployed code that the constructor fills in.
    pub immutables: Vec<Range<usize>>,
}

impl Artifact {
    /// Reads a committed artifact.
    ///
    /// # Panics
    /// When the JSON is no artifact with bytecode: the files are compiled into this crate, so that would be a build fault,
    /// and this crate's tests read every one of them.
    pub(super) fn parse(json: &str) -> Self {
        let file: ArtifactFile = serde_json::from_str(json).expect("contracts/abi holds artifacts");
        assert!(!file.bytecode.is_empty(), "contracts/abi/{}.json has no bytecode: run `make abi`", file.contract_name);
        let mut immutables: Vec<_> =
            file.immutable_references.into_values().flatten().map(|r| r.start..r.start + r.length).collect();
        immutables.sort_by_key(|range| range.start);
        Self {
            name: file.contract_name,
            bytecode: file.bytecode,
            deployed_bytecode: file.deployed_bytecode,
            immutables,
        }
    }

    /// Whether `code` is this contract's: equal everywhere except in its immutables. What those hold is bound by the CREATE2
    /// address, which commits to the constructor's arguments.
    pub fn matches(&self, code: &[u8]) -> bool {
        if code.len() != self.deployed_bytecode.len() {
            return false;
        }
        let mut from = 0;
        for range in &self.immutables {
            if code[from..range.start] != self.deployed_bytecode[from..range.start] {
                return false;
            }
            from = range.end;
        }
        code[from..] == self.deployed_bytecode[from..]
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactFile {
    contract_name: String,
    bytecode: Bytes,
    deployed_bytecode: Bytes,
    /// By AST id of the immutable, as solc states it.
    #[serde(default)]
    immutable_references: std::collections::BTreeMap<String, Vec<ImmutableReference>>,
}

#[derive(Deserialize)]
struct ImmutableReference {
    start: usize,
    length: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(code: &'static [u8], immutables: Vec<Range<usize>>) -> Artifact {
        Artifact {
            name: "T".into(),
            bytecode: Bytes::from_static(&[1]),
            deployed_bytecode: Bytes::from_static(code),
            immutables,
        }
    }

    #[test]
    fn immutables_may_differ_and_nothing_else() {
        let contract = artifact(&[1, 0, 0, 2, 3, 0, 4], vec![1..3, 5..6]);
        assert!(contract.matches(&[1, 9, 9, 2, 3, 9, 4]));
        assert!(!contract.matches(&[1, 9, 9, 9, 3, 9, 4]), "a byte between immutables");
        assert!(!contract.matches(&[1, 9, 9, 2, 3, 9, 9]), "a byte after the last");
        assert!(!contract.matches(&[9, 9, 9, 2, 3, 9, 4]), "a byte before the first");
        assert!(!contract.matches(&[1, 9, 9, 2, 3, 9]), "shorter");
        assert!(!contract.matches(&[]), "no code");
    }
}
