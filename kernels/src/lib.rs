//! Deterministic integer inference, its traces, and the Merkle commitments over both.
//!
//! This crate knows bytes and arithmetic, never a chain. `ARITHMETIC.md` beside it is the specification; the code here is
//! its reference implementation.

pub mod commit;
pub mod keccak;
pub mod merkle;

/// A Keccak-256 digest.
pub type Hash = [u8; 32];
