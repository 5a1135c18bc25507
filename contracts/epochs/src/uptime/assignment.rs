//! Which licence examines whom.

use assay_kernels::{Hash, keccak::keccak256_rows};

use super::Inputs;

/// Bytes after the seed's first: the rest of it, the licence and the round, a word each.
const ROW: usize = 31 + 32 + 32;

/// Seats by licence and round: `keccak256(abi.encode(seed, licence, round)) % seats`.
#[derive(Debug)]
pub struct Seats {
    first: u8,
    /// What is hashed, a row a round.
    rows: Vec<u8>,
    hashes: Vec<Hash>,
    seats: Vec<u32>,
    count: u64,
    /// `2^(32 * i)` modulo the number of seats, from the highest power to the lowest.
    powers: [u64; 8],
}

impl Seats {
    /// Of an epoch.
    pub fn new(inputs: &Inputs) -> Self {
        let (rounds, count) = (inputs.rounds, u64::from(inputs.seats()));
        let mut rows = vec![0; ROW * rounds as usize];
        for (row, round) in rows.chunks_exact_mut(ROW).zip(0..rounds) {
            row[..31].copy_from_slice(&inputs.seed[1..]);
            row[ROW - 4..].copy_from_slice(&round.to_be_bytes());
        }
        let mut powers = [1_u64; 8];
        for at in (0..7).rev() {
            powers[at] = (powers[at + 1] << 32).checked_rem(count).unwrap_or_default();
        }
        let hashes = vec![[0; 32]; rounds as usize];
        Self { first: inputs.seed[0], rows, hashes, seats: Vec::with_capacity(rounds as usize), count, powers }
    }

    /// The seats that are a licence's, round by round; none when there are no seats.
    pub fn of(&mut self, license: u32) -> &[u32] {
        self.seats.clear();
        if self.count != 0 {
            for row in self.rows.chunks_exact_mut(ROW) {
                row[ROW - 36..ROW - 32].copy_from_slice(&license.to_be_bytes());
            }
            keccak256_rows(self.first, &self.rows, ROW, &mut self.hashes);
            // As `remainder`, with one division: products of 32 and 10 bits.
            let rest = |hash: &Hash| {
                let words = hash.as_chunks::<4>().0.iter().zip(&self.powers);
                let sum: u64 = words.map(|(word, power)| u64::from(u32::from_be_bytes(*word)) * power).sum();
                (sum % self.count) as u32
            };
            self.seats.extend(self.hashes.iter().map(rest));
        }
        &self.seats
    }
}

/// The licence that a licence stands in for when its operator is silent, and the other way round; the last of an odd number has none.
pub fn deputy(licenses: u32, license: u32) -> Option<u32> {
    let half = licenses / 2;
    match license {
        1.. if license <= half => Some(license + half),
        1.. if license <= 2 * half => Some(license - half),
        _ => None,
    }
}

/// Whose seats a licence examines: its own, and those of its deputy when that one's operator is silent. None when nobody runs it or its
/// own operator is silent.
pub fn examined(inputs: &Inputs, license: u32) -> [Option<u32>; 2] {
    let is_silent = |license| {
        let operator = inputs.operator_index(inputs.run(license).operator)?;
        Some(inputs.operators[operator].silent)
    };
    if is_silent(license) != Some(false) {
        return [None; 2];
    }
    let deputy = deputy(inputs.licenses(), license).filter(|deputy| is_silent(*deputy) == Some(true));
    [Some(license), deputy]
}
