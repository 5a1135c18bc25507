//! Who cheats how, and what other policies would cost.

use serde::Serialize;

use super::{
    Parameters, formula,
    rounds::{Dice, Estimate, Lot, Provider, Rounds},
};
use crate::error::{Error, Result};

/// The example that Proof of Sampling is published with: p = 8 %, r = 10 %, a reward of 1.2 C and a stake of 10 C, for
/// single tasks of cost C.
pub const PUBLISHED: Published = Published { rate: 0.08, colluding: 0.1, reward: 1.2, stake: 10.0 };

/// See [`PUBLISHED`].
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Probability that a task is challenged.
    pub rate: f64,
    /// Share of validators that collude.
    pub colluding: f64,
    /// The price, in costs.
    pub reward: f64,
    /// The stake, in costs.
    pub stake: f64,
}

impl Published {
    /// The stake in prices.
    pub fn stake_over_price(self) -> f64 {
        self.stake / self.reward
    }
}

/// A way to cheat, and the closed formula for the stake that stops it.
#[derive(Clone, Debug)]
pub struct Case {
    group: &'static str,
    name: String,
    provider: Provider,
    lot: Lot,
    closed: f64,
    stake: f64,
}

/// A way to cheat, what it takes to stop it, and what it earns.
#[derive(Clone, Debug, Serialize)]
pub struct Scenario {
    /// `policy` or `published`.
    pub group: &'static str,
    /// What the provider does.
    pub name: String,
    /// The stake at which it breaks even, by formula. Below zero, losing the price is enough.
    pub closed: f64,
    /// The same, simulated.
    pub simulated: Estimate,
    /// The stake that it faces.
    pub stake: f64,
    /// What it earns there in a round more than honest work.
    pub profit: Estimate,
    /// Whether the stake that it faces makes it lose in expectation.
    pub stopped: bool,
}

/// What a policy costs.
#[derive(Clone, Debug, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Probability that a batch is drawn (p).
    pub rate: f64,
    /// Tasks of a batch (N).
    pub batch: u32,
    /// Tasks that a draw takes (s).
    pub tasks: u32,
    /// The stake that the escrow asks for, over the price.
    pub stake: f64,
    /// What validators are paid, as a share of the price.
    pub cost: f64,
    /// Probability that one false task is found.
    pub finds_one: f64,
    /// Probability that a tenth of the tasks is found, if false.
    pub finds_tenth: f64,
    /// Probability that a false batch is found.
    pub finds_all: f64,
}

impl Parameters {
    /// The policy's lot.
    pub fn lot(&self) -> Lot {
        Lot {
            rate: self.rate,
            batch: self.batch,
            draws: self.tasks,
            validators: self.validators,
            colluding: self.colluding,
        }
    }
}

/// All ways to cheat.
pub fn cases(parameters: &Parameters) -> Vec<Case> {
    [whole(parameters), parts(parameters), shared(parameters), bribed(parameters), published(parameters)].concat()
}

/// A provider of `lot` that leaves `hits` tasks of each of `flights` batches undone.
fn cheats(lot: Lot, name: String, hits: u32, flights: u32, saved: f64, lost: f64, stake: f64) -> Case {
    let found = formula::found(lot.rate, lot.colluding, lot.batch, hits, lot.draws);
    let closed = formula::shared_stake(saved, found, lost, flights);
    let provider = Provider::Cheats { hits, flights, saved, lost };
    Case { group: "policy", name, provider, lot, closed, stake }
}

fn whole(parameters: &Parameters) -> Vec<Case> {
    let (lot, stake) = (parameters.lot(), parameters.stake);
    let accuses = [
        ("computes nothing, accuses itself, is its own customer", parameters.burned),
        ("computes nothing, accuses itself", 1.0 - parameters.reward),
        ("computes nothing, is accused by a stranger", 1.0),
    ];
    accuses.map(|(name, lost)| cheats(lot, name.into(), lot.batch, 1, 1.0, lost, stake)).to_vec()
}

fn parts(parameters: &Parameters) -> Vec<Case> {
    let (lot, batch) = (parameters.lot(), parameters.batch);
    let mut hits: Vec<u32> = [1, batch / 100, batch / 10, batch / 2].into_iter().filter(|hits| *hits > 0).collect();
    hits.dedup();
    let part = |hits: u32| {
        let name = format!("computes all but {hits} of {batch} tasks");
        cheats(lot, name, hits, 1, f64::from(hits) / f64::from(batch), parameters.burned, parameters.stake)
    };
    hits.into_iter().filter(|hits| *hits < batch).map(part).collect()
}

fn shared(parameters: &Parameters) -> Vec<Case> {
    let (lot, stake) = (parameters.lot(), parameters.stake);
    let flights = |count: u32| {
        let name = format!("computes nothing of {count} batches on one stake");
        cheats(lot, name, lot.batch, count, 1.0, parameters.burned, stake)
    };
    [10, 50].map(flights).to_vec()
}

fn bribed(parameters: &Parameters) -> Vec<Case> {
    let Parameters { rate, validators, reward, burned, stake, .. } = *parameters;
    let bribes = |name: &str, colluding: f64| Case {
        group: "policy",
        name: name.into(),
        provider: Provider::Bribes { reward, lost: burned },
        lot: Lot { colluding, ..parameters.lot() },
        closed: formula::bribery(rate, validators, colluding, reward, burned),
        stake,
    };
    vec![
        bribes("computes nothing, bribes every drawn seat", 0.0),
        bribes("computes nothing, owns a share r of the seats, bribes the others", parameters.colluding),
    ]
}

fn published(parameters: &Parameters) -> Vec<Case> {
    let lot = Lot { rate: PUBLISHED.rate, batch: 1, draws: 1, validators: 1, colluding: PUBLISHED.colluding };
    let (cost, stake) = (1.0 / PUBLISHED.reward, PUBLISHED.stake_over_price());
    let case = |name: &str, flights, saved, lost| Case {
        group: "published",
        ..cheats(lot, name.into(), 1, flights, saved, lost, stake)
    };
    vec![
        case("computes nothing", 1, cost, 1.0),
        case("the same, whose computing costs the whole price", 1, 1.0, 1.0),
        case("computes nothing, accuses itself", 1, cost, parameters.burned),
        case("computes nothing of 10 tasks on one stake, accuses itself", 10, cost, parameters.burned),
    ]
}

/// Plays each case.
pub fn play(parameters: &Parameters, cases: &[Case], deviates: f64) -> Result<Vec<Scenario>> {
    let play = |(index, case): (usize, &Case)| {
        let rounds =
            Rounds::play(case.provider, &case.lot, parameters.rounds, Dice::new(parameters.seed, index as u64));
        Ok(Scenario {
            group: case.group,
            name: case.name.clone(),
            closed: case.closed,
            simulated: rounds.smallest_stake(deviates).ok_or_else(|| never_found(&case.name, parameters.rounds))?,
            stake: case.stake,
            profit: rounds.profit(case.stake, deviates),
            stopped: case.stake > case.closed,
        })
    };
    cases.iter().enumerate().map(play).collect()
}

/// Too few rounds to see what is rare.
pub(super) fn never_found(what: &str, rounds: u32) -> Error {
    let error = Error::usage("too_few_rounds", format!("{rounds} rounds found nobody out who {what}"));
    error.hint("more --rounds show rarer things")
}

/// The policy beside others: the same with one draw, with p = 8 %, re-executing all, and of single tasks.
pub fn policies(parameters: &Parameters) -> Vec<Policy> {
    let Parameters { rate, batch, tasks, .. } = *parameters;
    let shares = |rate: f64| format!("p = {} %", (rate * 1000.0).round() / 10.0);
    let policy = |rate: f64, batch: u32, tasks: u32| {
        let found = |hits: u32| formula::found(rate, parameters.colluding, batch, hits.max(1), tasks);
        let cheating = formula::smallest_stake(1.0, found(batch), parameters.burned);
        let accusers = f64::from(parameters.validators) * (1.0 - parameters.colluding);
        let bribery = 1.0 / (rate * accusers * parameters.reward);
        Policy {
            name: format!("{}, {tasks} of {batch}", shares(rate)),
            rate,
            batch,
            tasks,
            stake: cheating.max(bribery),
            cost: rate * f64::from(tasks * parameters.validators) * parameters.fee / f64::from(batch),
            finds_one: found(1),
            finds_tenth: found(batch / 10),
            finds_all: found(batch),
        }
    };
    let mut rows = vec![policy(rate, batch, tasks)];
    let others = [
        (1.0, batch, 1),
        (PUBLISHED.rate, batch, tasks),
        (PUBLISHED.rate, batch, batch),
        (1.0, 1, 1),
        (PUBLISHED.rate, 1, 1),
    ];
    for (rate, batch, tasks) in others {
        if !rows.iter().any(|row| (row.rate, row.batch, row.tasks) == (rate, batch, tasks)) {
            rows.push(policy(rate, batch, tasks));
        }
    }
    rows
}
