//! Why a licence has its shares.

use super::{
    BASIS, Record, Run, Uptime,
    answers::NONE,
    assignment::{Seats, examined},
    records::{Verdict, judge},
};

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The round.
    pub round: u32,
    /// The seat.
    pub seat: u32,
    /// Whose check it was to begin with: the licence itself, or the one that it stood in for.
    pub license: u32,
    /// What the operator answered.
    pub answer: u8,
    /// What the truth is.
    pub truth: u8,
    /// How it ended.
    pub verdict: Verdict,
}

/// A licence's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The licence.
    pub license: u32,
    /// Who ran it, and what that one keeps.
    pub run: Run,
    /// Whether that one was silent, so that nothing was to be checked.
    pub silent: bool,
    /// The licence that it stood in for.
    pub stood_in_for: Option<u32>,
    /// What it had to check, round by round; its own seats first.
    pub checks: Vec<Check>,
    /// What came of it.
    pub record: Record,
    /// The licence's shares.
    pub shares: u64,
    /// The operator's shares of it.
    pub commission: u64,
    /// What shares are parts of.
    pub total: u64,
}

impl Explanation {
    /// How the shares follow from the record.
    pub fn formula(&self) -> String {
        let Self { record, run, shares, commission, total, .. } = self;
        format!(
            "shares: {right} right * ({BASIS} - {rate}) = {shares} of {total}; operator: {right} right * {rate} = {commission} of {total}",
            right = record.right,
            rate = run.rate
        )
    }
}

impl Uptime {
    /// A licence's epoch; `None` when there is no such licence.
    pub fn explain(&self, license: u32) -> Option<Explanation> {
        let (inputs, record) = (self.inputs(), *self.record(license)?);
        let run = inputs.run(license);
        let answers = inputs.answers_of(run.operator);
        let (mut checks, mut seats) = (Vec::new(), Seats::new(inputs));
        let of = examined(inputs, license);
        for license in of.into_iter().flatten() {
            for (round, &seat) in (0..).zip(seats.of(license)) {
                let answer = answers.map_or(NONE, |answers| answers.get(round, seat));
                let truth = self.truth().get(round, seat);
                let verdict = judge(inputs.occupied[seat as usize], answer, truth);
                checks.push(Check { round, seat, license, answer, truth, verdict });
            }
        }
        Some(Explanation {
            license,
            run,
            silent: inputs.operator_index(run.operator).is_some_and(|index| inputs.operators[index].silent),
            stood_in_for: of[1],
            checks,
            record,
            shares: record.shares(run.rate),
            commission: record.commission(run.rate),
            total: self.shares().total(),
        })
    }
}
