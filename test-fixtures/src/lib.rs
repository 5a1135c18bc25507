//! What the tests stand on: a real chain, a faulty way to reach it, and where the shared files are.

pub mod anvil;
pub mod proxy;
pub mod relay;

use std::path::PathBuf;

pub use anvil::{Anvil, AnvilOptions};
pub use proxy::{FaultProxy, Faults};
pub use relay::{DrandRelay, Mood};

/// The project's root.
pub fn workspace_root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the crate lies in the workspace").to_owned()
}

/// The tiny model: every operator, no quality, loaded in a millisecond.
pub fn tiny_model_dir() -> PathBuf {
    workspace_root().join("test-fixtures/models/tiny")
}

/// The tiny decoder: the same of decoders.
pub fn tiny_decoder_dir() -> PathBuf {
    workspace_root().join("test-fixtures/models/tiny-decoder")
}

/// The source of the real model, as `make setup` unpacks it. `ASSAY_MINILM` names another folder.
///
/// # Panics
/// When it is not there.
pub fn minilm_source_dir() -> PathBuf {
    let dir = std::env::var_os("ASSAY_MINILM").map_or_else(|| workspace_root().join(".tools/minilm"), PathBuf::from);
    assert!(dir.join("model.safetensors").exists(), "no model in {}: run `make setup`", dir.display());
    dir
}
