//! Keccak-256, the one hash of the project.
//!
//! The engine is `keccak-asm` (CRYPTOGAMS assembly): of the crates that build everywhere it is the fastest for one message
//! at a time.

use keccak_asm::{Digest, Keccak256};

use crate::Hash;

/// Keccak-256 of the concatenation of `parts`.
pub fn keccak256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_ethereum_does() {
        let empty = keccak256(&[]);
        assert_eq!(hex(&empty), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(
            hex(&keccak256(&[b"ab", b"", b"c"])),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }
}
