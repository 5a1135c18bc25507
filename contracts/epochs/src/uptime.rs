//! Who was up in an epoch, and what licences and operators have earned by saying so: `Uptime.sol`.
//!
//! In each of an epoch's rounds every licence has one seat to examine, drawn by the epoch's seed; its operator answers for all seats
//! at once ([`answers`]). What the voters say by their weight is the truth ([`truth`]), and a licence's shares are its answers that agree.

pub mod accumulators;
pub mod answers;
pub mod assignment;
pub mod challenge;
pub mod explain;
pub mod records;
pub mod truth;

use assay_kernels::Hash;
use rayon::prelude::*;

use crate::{Share, ShareTree};
use accumulators::Accumulators;
use answers::Answers;
use assignment::Seats;
pub use records::Record;

/// The whole of a rate.
pub const BASIS: u64 = 10_000;
/// The most leaves of an epoch's trees, which three tiers hold.
pub const MAX_NUMBERS: usize = 1 << 24;
/// The most operators.
pub const MAX_OPERATORS: usize = 1 << 16;
/// The most rounds of an epoch.
pub const MAX_ROUNDS: u32 = 64;
/// The most operators whose answers make the truth.
pub const MAX_VOTERS: usize = 512;
/// The most seats.
pub const MAX_SEATS: u32 = 1024;

/// An operator in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Licences that counted for it: its weight.
    pub delegated: u32,
    /// Whether its licences are given nothing to examine: see [`is_silent`].
    pub silent: bool,
}

/// Who ran a licence's node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The operator's number; zero for nobody.
    pub operator: u32,
    /// What it keeps, in basis points.
    pub rate: u16,
}

/// What an operator answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reveal {
    /// Its number.
    pub operator: u32,
    /// Of all rounds and seats.
    pub answers: Answers,
}

/// Everything that an epoch's shares follow from. All of it is on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The epoch.
    pub epoch: u32,
    /// Its seed.
    pub seed: Hash,
    /// Rounds of an epoch.
    pub rounds: u32,
    /// For each seat whether a provider sat there in the epoch.
    pub occupied: Vec<bool>,
    /// In the order of their numbers, which follow the licences'.
    pub operators: Vec<Operator>,
    /// In the order of their operators' numbers.
    pub reveals: Vec<Reveal>,
    /// Numbers of the operators whose answers make the truth, in the order of the contract's list.
    pub voters: Vec<u32>,
    /// For each licence, from number 1 on.
    pub runs: Vec<Run>,
}

/// Inputs that no epoch can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value}, expected {expected}")]
pub struct BadInputs {
    /// What is wrong.
    pub what: &'static str,
    /// What it is.
    pub value: u64,
    /// What it can be.
    pub expected: String,
}

/// Whether an operator is silent in `epoch`: banned in it, or two epochs before it ran licences, there were seats, and it revealed nothing.
/// In the first two epochs nothing was before.
pub fn is_silent(epoch: u32, banned: bool, delegated_before: u32, seats_before: u32, revealed_before: bool) -> bool {
    banned || (epoch >= 2 && delegated_before != 0 && seats_before != 0 && !revealed_before)
}

impl Inputs {
    /// Seats.
    pub fn seats(&self) -> u32 {
        self.occupied.len() as u32
    }

    /// Licences.
    pub fn licenses(&self) -> u32 {
        self.runs.len() as u32
    }

    /// Where the operator of a number is among the operators; `None` for another number.
    pub fn operator_index(&self, number: u32) -> Option<usize> {
        let index = number.checked_sub(self.licenses())?.checked_sub(1)? as usize;
        (index < self.operators.len()).then_some(index)
    }

    /// Who runs a licence; nobody runs what is none.
    pub fn run(&self, license: u32) -> Run {
        (license as usize).checked_sub(1).and_then(|place| self.runs.get(place)).copied().unwrap_or_default()
    }

    /// What an operator revealed.
    pub fn answers_of(&self, number: u32) -> Option<&Answers> {
        let place = self.reveals.binary_search_by_key(&number, |reveal| reveal.operator).ok()?;
        Some(&self.reveals[place].answers)
    }

    /// Checks that an epoch can have these.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), BadInputs> {
        let within = |what, value: usize, least: usize, most: usize| {
            let expected = || format!("{least} to {most}");
            let bad = || BadInputs { what, value: value as u64, expected: expected() };
            (least..=most).contains(&value).then_some(()).ok_or_else(bad)
        };
        within("rounds:", self.rounds as usize, 1, MAX_ROUNDS as usize)?;
        within("seats:", self.occupied.len(), 0, MAX_SEATS as usize)?;
        within("operators:", self.operators.len(), 0, MAX_OPERATORS)?;
        within("licences:", self.runs.len(), 1, MAX_NUMBERS - self.operators.len())?;
        within("voters:", self.voters.len(), 0, MAX_VOTERS)?;
        let bad = |what, value: u64, expected: &str| BadInputs { what, value, expected: expected.into() };
        let mut before = self.licenses();
        for Reveal { operator, answers } in &self.reveals {
            let number = u64::from(*operator);
            if *operator <= before || self.operator_index(*operator).is_none() {
                return Err(bad("a reveal of operator", number, "one that stands, in rising order"));
            }
            if (answers.rounds(), answers.seats()) != (self.rounds, self.seats()) {
                return Err(bad("other rounds or seats in the reveal of operator", number, "the epoch's"));
            }
            before = *operator;
        }
        for (place, voter) in self.voters.iter().enumerate() {
            if self.answers_of(*voter).is_none() || self.voters[..place].contains(voter) {
                return Err(bad("a vote of operator", (*voter).into(), "one that revealed, once"));
            }
        }
        for Run { operator, rate } in &self.runs {
            if *operator != 0 && self.operator_index(*operator).is_none() {
                return Err(bad("a licence is run by operator", (*operator).into(), "one that stands, or 0"));
            }
            if u64::from(*rate) > BASIS {
                return Err(bad("a licence's rate:", (*rate).into(), "at most 10000"));
            }
        }
        Ok(())
    }
}

/// An epoch, computed.
#[derive(Debug)]
pub struct Uptime {
    inputs: Inputs,
    truth: Answers,
    /// By licence, from number 1 on.
    records: Vec<Record>,
    shares: ShareTree,
}

impl Uptime {
    /// Computes an epoch: 24 rounds of a million licences in some seconds.
    ///
    /// # Errors
    /// When no epoch can have such inputs.
    pub fn new(inputs: Inputs) -> Result<Self, BadInputs> {
        inputs.check()?;
        let truth = truth::of(&inputs);
        let mut records = count_all(&inputs, &truth);
        let commissions = carry(&inputs, &mut records);
        let mut shares: Vec<_> = records::details(&records);
        let last = records.last().map_or([0; 32], |record| record.accumulators);
        let numbers = inputs.licenses() + 1..;
        shares.extend(numbers.zip(commissions).map(|(number, shares)| Share { number, shares, detail: last }));
        shares.iter_mut().zip(&records).zip(&inputs.runs).for_each(|((share, record), run)| {
            share.shares = record.shares(run.rate);
        });
        let total = records.last().map_or(0, |record| record.sum);
        Ok(Self { inputs, truth, records, shares: ShareTree::new(shares, total) })
    }

    /// What it was computed from.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Who was up.
    pub fn truth(&self) -> &Answers {
        &self.truth
    }

    /// The record of a licence; `None` when there is no such licence.
    pub fn record(&self, license: u32) -> Option<&Record> {
        self.records.get((license as usize).checked_sub(1)?)
    }

    /// The tree that divides the epoch. Its total is what is posted.
    pub fn shares(&self) -> &ShareTree {
        &self.shares
    }

    /// Operators' commissions after licence `license`, in their order; zero: before the first.
    fn commissions_after(&self, license: u32) -> Vec<u64> {
        let mut commissions = vec![0; self.inputs.operators.len()];
        for (record, run) in self.records[..license as usize].iter().zip(&self.inputs.runs) {
            if let Some(index) = self.inputs.operator_index(run.operator) {
                commissions[index] += record.commission(run.rate);
            }
        }
        commissions
    }
}

/// Everybody's checks, without what is carried from licence to licence.
fn count_all(inputs: &Inputs, truth: &Answers) -> Vec<Record> {
    let mut answers = vec![None; inputs.operators.len()];
    for reveal in &inputs.reveals {
        if let Some(index) = inputs.operator_index(reveal.operator) {
            answers[index] = Some(&reveal.answers);
        }
    }
    let mut records = vec![Record::default(); inputs.runs.len()];
    records.par_chunks_mut(1024).enumerate().for_each(|(chunk, records)| {
        let mut seats = Seats::new(inputs);
        for (at, record) in records.iter_mut().enumerate() {
            let license = (chunk * 1024 + at) as u32 + 1;
            let Some(operator) = inputs.operator_index(inputs.run(license).operator) else { continue };
            for of in assignment::examined(inputs, license).into_iter().flatten() {
                record.count(inputs, seats.of(of), answers[operator], truth);
            }
        }
    });
    records
}

/// Fills in what is carried from licence to licence. Returns the operators' commissions.
fn carry(inputs: &Inputs, records: &mut [Record]) -> Vec<u64> {
    let mut accumulators = Accumulators::new(inputs.operators.len());
    let mut root = accumulators.root();
    let mut sum = 0;
    const BATCH: usize = 1 << 14;
    for (records, runs) in records.chunks_mut(BATCH).zip(inputs.runs.chunks(BATCH)) {
        let update = |(record, run): (&Record, &Run)| {
            let commission = record.commission(run.rate);
            inputs.operator_index(run.operator).filter(|_| commission != 0).map(|index| (index, commission))
        };
        let updates: Vec<_> = records.iter().zip(runs).map(update).collect();
        let done: Vec<_> = updates.iter().flatten().copied().collect();
        let mut roots = accumulators.add(&done).into_iter();
        for (record, update) in records.iter_mut().zip(updates) {
            if update.is_some() {
                root = roots.next().unwrap_or(root);
            }
            sum += u64::from(record.right) * BASIS;
            (record.sum, record.accumulators) = (sum, root);
        }
    }
    accumulators.into_commissions()
}
