//! What a licence did in an epoch, and what was earned until then.

use assay_kernels::{Hash, keccak::keccak256, keccak::keccak256_rows};
use rayon::prelude::*;

use super::{
    BASIS, Inputs,
    answers::{Answers, NONE, is_up},
};
use crate::Share;

/// Words of a record, ABI-encoded.
const WORDS: usize = 6;
/// Bytes of its encoding after the first, which is zero.
const ROW: usize = 32 * WORDS - 1;

/// A licence's record: what the detail of its share is the hash of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Checks that it had to make.
    pub assigned: u32,
    /// Of them, answered.
    pub answered: u32,
    /// Of them, as the truth is.
    pub right: u32,
    /// Answered, and not as the truth is.
    pub wrong: u32,
    /// `right * 10000` of this and all licences before it.
    pub sum: u64,
    /// Root of the operators' commissions after this licence.
    pub accumulators: Hash,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody sat there: it does not count.
    Empty,
    /// The operator did not answer.
    Unanswered,
    /// It answered, and nobody knows the truth.
    Unknown,
    /// As the truth is.
    Right,
    /// Not as the truth is.
    Wrong,
}

/// How a check of a seat ends.
pub fn judge(occupied: bool, answer: u8, truth: u8) -> Verdict {
    match (answer, truth) {
        _ if !occupied => Verdict::Empty,
        (NONE, _) => Verdict::Unanswered,
        (_, NONE) => Verdict::Unknown,
        _ if is_up(answer) == is_up(truth) => Verdict::Right,
        _ => Verdict::Wrong,
    }
}

impl Record {
    /// Counts a check.
    pub fn add(&mut self, verdict: Verdict) {
        let is = |yes: bool| u32::from(yes);
        self.assigned += is(verdict != Verdict::Empty);
        self.answered += is(!matches!(verdict, Verdict::Empty | Verdict::Unanswered));
        self.right += is(verdict == Verdict::Right);
        self.wrong += is(verdict == Verdict::Wrong);
    }

    /// Counts the checks of one seat a round.
    pub(super) fn count(&mut self, inputs: &Inputs, seats: &[u32], answers: Option<&Answers>, truth: &Answers) {
        for (round, &seat) in (0..).zip(seats) {
            let answer = answers.map_or(NONE, |answers| answers.get(round, seat));
            self.add(judge(inputs.occupied[seat as usize], answer, truth.get(round, seat)));
        }
    }

    /// The licence's shares, of which its operator keeps `rate` basis points.
    pub fn shares(&self, rate: u16) -> u64 {
        u64::from(self.right) * (BASIS - u64::from(rate))
    }

    /// The operator's shares of this licence.
    pub fn commission(&self, rate: u16) -> u64 {
        u64::from(self.right) * u64::from(rate)
    }

    /// The hash that the licence's share holds.
    pub fn detail(&self) -> Hash {
        keccak256(&[&[0], &self.row()])
    }

    /// The ABI encoding after its first byte.
    fn row(&self) -> [u8; ROW] {
        let mut row = [0; ROW];
        for (at, number) in [self.assigned, self.answered, self.right, self.wrong].into_iter().enumerate() {
            row[32 * at + 27..32 * at + 31].copy_from_slice(&number.to_be_bytes());
        }
        row[32 * 5 - 9..32 * 5 - 1].copy_from_slice(&self.sum.to_be_bytes());
        row[32 * 5 - 1..].copy_from_slice(&self.accumulators);
        row
    }
}

/// Shares of nothing, with the details of records of licences from number 1 on.
pub(super) fn details(records: &[Record]) -> Vec<Share> {
    let mut shares = vec![Share { number: 0, shares: 0, detail: [0; 32] }; records.len()];
    const CHUNK: usize = 512;
    shares.par_chunks_mut(CHUNK).zip(records.par_chunks(CHUNK)).enumerate().for_each(|(chunk, (shares, records))| {
        let rows: Vec<_> = records.iter().map(Record::row).collect();
        let mut hashes = vec![[0; 32]; records.len()];
        keccak256_rows(0, rows.as_flattened(), ROW, &mut hashes);
        for (at, (share, detail)) in shares.iter_mut().zip(hashes).enumerate() {
            *share = Share { number: (chunk * CHUNK + at) as u32 + 1, shares: 0, detail };
        }
    });
    shares
}
