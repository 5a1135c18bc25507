//! What operators answer, and what they commit to.

use assay_kernels::{
    Hash,
    keccak::keccak256,
    merkle::{Tree, leaf_hash},
};

/// Not examined, or not known.
pub const NONE: u8 = 0;
/// The provider did not answer.
pub const OFFLINE: u8 = 1;
/// It answered late.
pub const SLOW: u8 = 2;
/// It answered in time.
pub const GOOD: u8 = 3;

/// Whether an answer says that the provider is up.
pub fn is_up(answer: u8) -> bool {
    answer >= SLOW
}

/// An answer for each round and seat, two bits each: seat `s` of a round is in its byte `s / 4` at bit `2 * (s % 4)`. The truth of an epoch
/// is written alike. Bits beyond the last seat are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    rounds: u32,
    seats: u32,
    bytes: Vec<u8>,
}

impl Answers {
    /// No answers.
    pub fn empty(rounds: u32, seats: u32) -> Self {
        Self { rounds, seats, bytes: vec![0; rounds as usize * round_bytes(seats)] }
    }

    /// The answers of all rounds, one after the other; `None` when they are not of that length, or not zero beyond the last seat.
    pub fn from_bytes(rounds: u32, seats: u32, bytes: Vec<u8>) -> Option<Self> {
        let length = round_bytes(seats);
        let is_whole = |round: &[u8]| seats.is_multiple_of(4) || round[length - 1] >> (2 * (seats % 4)) == 0;
        let well_formed = bytes.len() == rounds as usize * length && bytes.chunks(length.max(1)).all(is_whole);
        well_formed.then_some(Self { rounds, seats, bytes })
    }

    /// Rounds.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Seats.
    pub fn seats(&self) -> u32 {
        self.seats
    }

    /// All rounds, one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of one round.
    pub fn round(&self, round: u32) -> &[u8] {
        let length = round_bytes(self.seats);
        &self.bytes[round as usize * length..][..length]
    }

    /// One answer.
    ///
    /// # Panics
    /// If there is no such round or seat.
    #[inline]
    pub fn get(&self, round: u32, seat: u32) -> u8 {
        self.bytes[self.place(round, seat)] >> (2 * (seat % 4)) & 3
    }

    /// Sets one answer.
    ///
    /// # Panics
    /// If there is no such round or seat.
    pub fn set(&mut self, round: u32, seat: u32, answer: u8) {
        let (place, shift) = (self.place(round, seat), 2 * (seat % 4));
        self.bytes[place] = self.bytes[place] & !(3 << shift) | (answer & 3) << shift;
    }

    #[inline]
    fn place(&self, round: u32, seat: u32) -> usize {
        assert!(round < self.rounds && seat < self.seats, "seat {seat} of round {round}");
        round as usize * round_bytes(self.seats) + seat as usize / 4
    }

    /// The tree that an operator commits to: a leaf a round.
    pub fn tree(&self) -> Tree {
        Tree::new((0..self.rounds).map(|round| leaf_hash(self.round(round))).collect())
    }
}

/// Bytes of a round.
pub fn round_bytes(seats: u32) -> usize {
    seats.div_ceil(4) as usize
}

/// The tree over providers' signatures, by round and then seat; empty where there is none.
pub fn evidence_tree(signatures: &[Vec<u8>]) -> Tree {
    Tree::new(signatures.iter().map(|signature| leaf_hash(signature)).collect())
}

/// What an operator commits to before anybody reveals: it binds chain, contract, epoch, operator and a salt that nobody else knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The chain.
    pub chain_id: u64,
    /// The address of `Attestations`.
    pub attestations: [u8; 20],
    /// The epoch.
    pub epoch: u32,
    /// The operator's number.
    pub operator: u32,
    /// Root of [`Answers::tree`].
    pub answers: Hash,
    /// Root of [`evidence_tree`].
    pub evidence: Hash,
    /// Random.
    pub salt: Hash,
}

impl Seal {
    /// What `Attestations.seal` takes: `keccak256(abi.encode(chainid, attestations, epoch, operator, answers, evidence, salt))`.
    pub fn hash(&self) -> Hash {
        let mut words = [[0; 32]; 7];
        words[0][24..].copy_from_slice(&self.chain_id.to_be_bytes());
        words[1][12..].copy_from_slice(&self.attestations);
        words[2][28..].copy_from_slice(&self.epoch.to_be_bytes());
        words[3][28..].copy_from_slice(&self.operator.to_be_bytes());
        words[4..].copy_from_slice(&[self.answers, self.evidence, self.salt]);
        keccak256(&[words.as_flattened()])
    }
}

/// The rounds and seats of which the provider's signature is asked at the reveal: `count` of the operator's answers that say up, drawn
/// by the seed of the epoch after. None when no answer says so.
pub fn audited(answers: &Answers, next_seed: &Hash, operator: u32, count: u32) -> Vec<(u32, u32)> {
    let all = (0..answers.rounds).flat_map(|round| (0..answers.seats).map(move |seat| (round, seat)));
    let up: Vec<_> = all.filter(|(round, seat)| is_up(answers.get(*round, *seat))).collect();
    if up.is_empty() {
        return Vec::new();
    }
    let drawn = |at: u32| {
        let mut words = [[0; 32]; 3];
        words[0] = *next_seed;
        words[1][28..].copy_from_slice(&operator.to_be_bytes());
        words[2][28..].copy_from_slice(&at.to_be_bytes());
        up[remainder(&keccak256(&[words.as_flattened()]), up.len() as u64) as usize]
    };
    (0..count).map(drawn).collect()
}

/// A hash as a number, modulo `divisor`, which is below 2^32.
pub(crate) fn remainder(hash: &Hash, divisor: u64) -> u64 {
    let (words, _) = hash.as_chunks::<4>();
    words.iter().fold(0, |rest, word| (rest << 32 | u64::from(u32::from_be_bytes(*word))) % divisor)
}
