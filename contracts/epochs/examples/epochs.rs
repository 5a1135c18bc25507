//! An epoch of a million licences, 24 rounds, 256 seats and 200 operators: `epochs [LICENCES]`, on two threads.
//!
//! Prints `{"root_seconds": …, "proof_ms": …, …}`: the time from the epoch's inputs to the root of rewards, and the longest that it takes
//! to find what one licence can claim, with both its proofs and the explanation.

use std::{hint::black_box, time::Instant};

use assay_epochs::{
    Inputs, Rewards, Uptime,
    uptime::{Operator, Reveal, Run, answers::Answers},
    wire,
};
use assay_kernels::keccak::keccak256;
use serde_json::{Value, json};

const THREADS: usize = 2;
const ROUNDS: u32 = 24;
const SEATS: u32 = 256;
const OPERATORS: u32 = 200;
/// One operator of so many is silent, so that others stand in for it.
const SILENT: u32 = 20;
const PROOFS: u32 = 200;
const BUDGET: u128 = 1_000_000 << 60;

/// Everybody answers for everything, and most see the same.
fn inputs(licenses: u32) -> Inputs {
    let dice = |number: u32| u32::from_be_bytes(*keccak256(&[&number.to_be_bytes()]).first_chunk().expect("32 bytes"));
    let answers = |operator: u32| {
        let mut answers = Answers::empty(ROUNDS, SEATS);
        for (round, seat) in (0..ROUNDS).flat_map(|round| (0..SEATS).map(move |seat| (round, seat))) {
            let roll = dice((operator * ROUNDS + round) * SEATS + seat) % 100;
            answers.set(round, seat, if roll < 90 { 3 } else { roll as u8 % 4 });
        }
        answers
    };
    let reveals = (0..OPERATORS).filter(|operator| operator % SILENT != 0);
    let reveals: Vec<_> = reveals.map(|at| Reveal { operator: licenses + 1 + at, answers: answers(at) }).collect();
    Inputs {
        epoch: 30,
        seed: keccak256(&[b"seed"]),
        rounds: ROUNDS,
        occupied: vec![true; SEATS as usize],
        operators: (0..OPERATORS)
            .map(|at| Operator { delegated: licenses / OPERATORS, silent: at % SILENT == 0 })
            .collect(),
        voters: reveals.iter().map(|reveal| reveal.operator).collect(),
        reveals,
        runs: (0..licenses)
            .map(|at| Run { operator: licenses + 1 + dice(at) % OPERATORS, rate: 100 * (dice(at) % 21) as u16 })
            .collect(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let licenses: u32 = std::env::args().nth(1).as_deref().unwrap_or("1000000").parse()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build()?;
    println!("{}", pool.install(|| measure(licenses).map_err(|error| error.to_string()))?);
    Ok(())
}

fn measure(licenses: u32) -> Result<Value, Box<dyn std::error::Error>> {
    let inputs = inputs(licenses);
    let stored = wire::write_inputs(&inputs)?;
    let previous: Vec<u128> = (0..u128::from(licenses)).map(|at| at << 60).collect();

    let start = Instant::now();
    let epoch = Uptime::new(inputs)?;
    let shares_seconds = start.elapsed().as_secs_f64();
    let rewards = Rewards::new(&previous, BUDGET, epoch.shares());
    let root = rewards.root();
    let root_seconds = start.elapsed().as_secs_f64();

    let mut proof_ms: f64 = 0.0;
    for number in (0..PROOFS).map(|at| 1 + at * (licenses / PROOFS)) {
        let start = Instant::now();
        black_box((rewards.claim(number), epoch.shares().share(number), epoch.explain(number)));
        proof_ms = proof_ms.max(start.elapsed().as_secs_f64() * 1e3);
    }

    let start = Instant::now();
    let again = Uptime::new(wire::read_inputs(&stored)?)?;
    if Rewards::new(&previous, BUDGET, again.shares()).root() != root {
        return Err("what was stored gives another root".into());
    }
    Ok(json!({
        "root_seconds": root_seconds,
        "shares_seconds": shares_seconds,
        "proof_ms": proof_ms,
        "restored_seconds": start.elapsed().as_secs_f64(),
        "stored_bytes": stored.len(),
    }))
}
