//! The lists that the operator was given of its sales: who may buy early, and promo codes. A sale names its list by the root.

use crate::error::IndexerError;
use alloy::primitives::B256;
use assay_lists::{Allowance, BadTree, Promo, Tree};
use std::{collections::HashMap, path::PathBuf};

/// Lists by root.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) allowances: HashMap<B256, Tree<Allowance>>,
    pub(crate) promos: HashMap<B256, Tree<Promo>>,
}

impl Lists {
    /// Reads the trees in `files`.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, IndexerError> {
        let mut lists = Self::default();
        for path in files {
            let bad = |reason: String| IndexerError::List { path: path.clone(), reason };
            let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
            match Tree::<Allowance>::read(&text) {
                Ok(tree) => drop(lists.allowances.insert(tree.root(), tree)),
                Err(BadTree::Other { .. }) => {
                    let tree = Tree::<Promo>::read(&text).map_err(|error| bad(error.to_string()))?;
                    lists.promos.insert(tree.root(), tree);
                }
                Err(error) => return Err(bad(error.to_string())),
            }
        }
        Ok(lists)
    }
}
