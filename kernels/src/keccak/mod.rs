//! Keccak-256, the one hash of the project.
//!
//! One message at a time goes through `keccak-asm` (CRYPTOGAMS assembly), of the crates that build everywhere the fastest. Many
//! messages of one length go side by side, one in each 64-bit lane of a vector.

mod lanes;

use keccak_asm::{Digest, Keccak256};

use crate::{Hash, isa::Isa};

/// Keccak-256 of the concatenation of `parts`.
pub fn keccak256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Keccak-256 of `prefix ‖ row` for each of the rows of `length` bytes that `rows` holds one after the other.
///
/// # Panics
/// If `rows` does not hold as many rows as `out` takes hashes.
pub fn keccak256_rows(prefix: u8, rows: &[u8], length: usize, out: &mut [Hash]) {
    rows_with(Isa::detect(), prefix, rows, length, out);
}

fn rows_with(isa: Isa, prefix: u8, rows: &[u8], length: usize, out: &mut [Hash]) {
    assert_eq!(rows.len(), length * out.len(), "rows of {length} bytes for {} hashes", out.len());
    let row = |at: usize| &rows[at * length..][..length];
    let lanes = lanes::count(isa);
    let mut at = 0;
    // A vector that is not full is still faster than its messages one by one, if it is more than a few.
    while lanes > 1 && out.len() - at > lanes / 4 {
        let taken = lanes.min(out.len() - at);
        // Lanes without a message repeat the last.
        lanes::hash(isa, prefix, |lane| row(at + lane.min(taken - 1)), &mut out[at..at + taken]);
        at += taken;
    }
    for (hash, at) in out[at..].iter_mut().zip(at..) {
        *hash = keccak256(&[&[prefix], row(at)]);
    }
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

    /// Lengths around every edge of words and blocks, and counts that fill no vector.
    #[test]
    fn rows_side_by_side_hash_as_one_by_one() {
        let bytes: Vec<u8> = (0..30_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for isa in Isa::available() {
            for length in (0..290).chain([407, 408, 543, 1_540, 2_000]) {
                for count in [0, 1, 2, 3, 4, 7, 8, 9, 14] {
                    let rows = &bytes[..length * count];
                    let mut out = vec![[0; 32]; count];
                    rows_with(isa, 0xa5, rows, length, &mut out);
                    for (at, hash) in out.iter().enumerate() {
                        let expected = keccak256(&[&[0xa5], &rows[at * length..][..length]]);
                        assert_eq!(*hash, expected, "{isa:?}, {count} rows of {length}, row {at}");
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of 3 bytes for 2 hashes")]
    fn rows_that_are_missing_are_not_made_up() {
        keccak256_rows(0, &[1; 5], 3, &mut [[0; 32]; 2]);
    }
}
