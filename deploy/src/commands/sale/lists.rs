//! `assay sale allowlist` and `assay sale promo`: lists into Merkle trees, and back from what was published.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use assay_lists::{Entry, Tree, csv};
use serde_json::json;

use super::super::Context;
use crate::{
    cli::ListArgs,
    error::{Error, Result},
    output::say,
};

/// Faults of a list that are printed; a file of another form has one a line.
const SHOWN: usize = 50;

/// Makes the tree of the list in `args`.
pub(super) fn make<E: csv::Line>(context: &Context, args: &ListArgs) -> Result<()> {
    let text = std::fs::read_to_string(&args.file).map_err(|error| Error::file(&args.file, &error))?;
    let entries = csv::read::<E>(&text).map_err(|errors| bad_list(&args.file, &errors))?;
    let tree = Tree::new(entries);
    let out = |named: &Option<PathBuf>, ending: &str| named.clone().unwrap_or_else(|| args.file.with_extension(ending));
    let (tree_file, proofs_file) = (out(&args.tree, "tree.json"), out(&args.proofs, "proofs.json"));
    create(&tree_file, |file| tree.write(file))?;
    create(&proofs_file, |file| tree.write_proofs(file))?;
    let report = json!({
        "root": tree.root(), "entries": tree.entries().len(), "tree": tree_file, "proofs": proofs_file,
    });
    context.output.result(&report, || say!("{}", tree.root()));
    context.output.note(format!(
        "{} entries; tree {}, proofs {}",
        tree.entries().len(),
        tree_file.display(),
        proofs_file.display()
    ));
    Ok(())
}

fn bad_list(path: &Path, errors: &[csv::LineError]) -> Error {
    let mut lines: Vec<_> = errors.iter().take(SHOWN).map(ToString::to_string).collect();
    if errors.len() > SHOWN {
        lines.push(format!("and {} more", errors.len() - SHOWN));
    }
    let message = format!("{}: {} lines cannot be used\n  {}", path.display(), errors.len(), lines.join("\n  "));
    Error::usage("bad_list", message).hint("nothing was written; correct them all and run it again")
}

fn create(path: &Path, write: impl FnOnce(File) -> std::io::Result<()>) -> Result<()> {
    File::create(path).and_then(write).map_err(|error| Error::file(path, &error))
}

/// A published tree.
pub(super) fn read<E: Entry>(path: &Path) -> Result<Tree<E>> {
    let text = std::fs::read(path).map_err(|error| Error::file(path, &error))?;
    Tree::read(&text).map_err(|error| Error::unverified("bad_tree", format!("{}: {error}", path.display())))
}
