//! Epochs that look random and are the same everywhere.

use assay_epochs::{
    Hash, Inputs,
    uptime::{Operator, Reveal, Run, answers::Answers},
};
use assay_kernels::keccak::keccak256;

/// Numbers from a seed.
pub(crate) struct Dice(pub(crate) Hash);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(keccak256(&[&seed.to_be_bytes()]))
    }

    /// Below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = keccak256(&[&self.0]);
        u64::from_be_bytes(self.0[..8].try_into().unwrap()) % sides
    }
}

/// An epoch with silent operators, such that reveal nothing, empty seats and licences that nobody runs.
pub(crate) fn inputs(seed: u64, licenses: u32, operators: u32, rounds: u32, seats: u32) -> Inputs {
    let mut dice = Dice::new(seed);
    let mut reveals = Vec::new();
    for operator in licenses + 1..=licenses + operators {
        let mut answers = Answers::empty(rounds, seats);
        for (round, seat) in (0..rounds).flat_map(|round| (0..seats).map(move |seat| (round, seat))) {
            // Most see what is: three of four seats are good.
            let is = if seat % 4 == 3 { 1 } else { 3 };
            answers.set(round, seat, if dice.roll(4) == 0 { dice.roll(4) as u8 } else { is });
        }
        if dice.roll(5) != 0 {
            reveals.push(Reveal { operator, answers });
        }
    }
    let mut voters: Vec<_> = reveals.iter().map(|reveal| reveal.operator).collect();
    voters.retain(|_| dice.roll(6) != 0);
    voters.reverse();
    let run = |dice: &mut Dice| match dice.roll(u64::from(operators) + 1) as u32 {
        0 => Run::default(),
        index => Run { operator: licenses + index, rate: [0, 500, 10_000, 1][dice.roll(4) as usize] },
    };
    Inputs {
        epoch: 7,
        seed: dice.0,
        rounds,
        occupied: (0..seats).map(|_| dice.roll(5) != 0).collect(),
        operators: (0..operators)
            .map(|_| Operator { delegated: dice.roll(4) as u32 * 7, silent: dice.roll(4) == 0 })
            .collect(),
        reveals,
        voters,
        runs: (0..licenses).map(|_| run(&mut dice)).collect(),
    }
}

/// Epochs of all sizes and shapes, small enough for the plain way.
pub(crate) fn many() -> impl Iterator<Item = Inputs> {
    let sizes = [(1, 0), (1, 1), (2, 1), (3, 2), (8, 3), (9, 4), (33, 5), (40, 8), (300, 9)];
    let exams = [(1, 0), (1, 1), (3, 2), (8, 3), (5, 4), (9, 7), (24, 256), (4, 1000)];
    (0_u64..).zip(sizes).flat_map(move |(at, (licenses, operators))| {
        let each = move |(of, (rounds, seats))| inputs(100 * at + of, licenses, operators, rounds, seats);
        (0_u64..).zip(exams).map(each)
    })
}
