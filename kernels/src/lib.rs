//! Deterministic integer inference, its traces, and the Merkle commitments over both.
//!
//! This crate knows bytes and arithmetic, never a chain. `ARITHMETIC.md` beside it is the specification; [`Model`] runs it.

mod cpu;
mod error;
mod isa;
#[cfg(test)]
mod reference;
mod tensor;
mod trace;
mod weights;

pub mod chance;
pub mod commit;
pub mod cuda;
pub mod doctor;
pub mod evidence;
pub mod fixed;
#[cfg(feature = "import")]
pub mod import;
pub mod keccak;
pub mod merkle;
pub mod model;
pub mod prompt;
pub mod tape;
#[cfg(feature = "tokenizer")]
pub mod tokenizer;

pub use error::{InputError, ModelError, RunError, TapeError};
pub use model::Model;
pub use trace::Trace;

/// A Keccak-256 digest.
pub type Hash = [u8; 32];
