//! What verification by lot costs and what cheating earns, by closed formula and by Monte Carlo.
//!
//! `docs/economics.md` derives the formulas and shows this module's output. Money is in prices of a batch: R = 1.
//!
//! | module | answers |
//! |---|---|
//! | [`formula`] | the closed formulas |
//! | [`rounds`] | the simulated game between provider and lot, and the stake at which it breaks even |
//! | [`scenarios`] | who cheats how, and what other policies would cost |
//! | [`validators`] | whether drawn validators do their work, with and without ringers |
//! | [`frontier`] | the picture of it all, drawn by [`picture`] |

pub mod formula;
pub mod frontier;
pub mod picture;
pub mod rounds;
pub mod scenarios;
pub mod validators;

use serde::Serialize;

use crate::error::{Error, Result};
use frontier::Frontier;
use rounds::Estimate;
use scenarios::{Policy, Scenario};
use validators::{Equilibrium, Response, Seat};

/// Probability with which all intervals of a report hold what they estimate, together.
pub const CONFIDENCE: f64 = 0.95;

/// What is assumed. Amounts are in prices of a batch where nothing else is said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameters {
    /// Rounds a scenario.
    pub rounds: u32,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Probability that a batch is drawn (p).
    pub rate: f64,
    /// Tasks of a batch (N).
    pub batch: u32,
    /// Tasks that a draw takes from it (s).
    pub tasks: u32,
    /// Validators that re-execute each of them (v).
    pub validators: u32,
    /// Share of the validators' seats that will not object, because they collude or copy (r).
    pub colluding: f64,
    /// Share of slashed stake that is burned (β): `JobEscrow.SLASH_BURN`.
    pub burned: f64,
    /// Share of slashed stake that the accuser gets (χ): `JobEscrow.SLASH_REWARD`.
    pub reward: f64,
    /// Stake that a batch locks (S).
    pub stake: f64,
    /// Gas of a whole dispute at the order's gas-price cap.
    pub dispute_cost: f64,
    /// What a validator is paid for a task that it re-executed, in prices of a task.
    pub fee: f64,
    /// What a validator's seat loses for a false root or for silence.
    pub seat_stake: f64,
    /// Share of that which goes to the provider that set the ringer.
    pub trap_share: f64,
    /// What setting a ringer costs the provider, in prices of a task.
    pub trap_cost: f64,
    /// Share of the validators who copy whatever it costs them.
    pub lazy: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            rounds: 100_000,
            seed: 7,
            rate: 1.0,
            batch: 1000,
            tasks: 4,
            validators: 2,
            colluding: 1.0 / 3.0,
            burned: 0.5,
            reward: 0.25,
            stake: 3.2,
            dispute_cost: 0.1,
            fee: 1.0,
            seat_stake: 1.0,
            trap_share: 0.25,
            trap_cost: 1.0,
            lazy: 0.05,
        }
    }
}

impl Parameters {
    /// Refuses what no chain would accept or no simulation can answer.
    pub fn check(&self) -> Result<()> {
        let bad = |code: &str, what: String| Err(Error::usage(code, what));
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if !(1000..=10_000_000).contains(&self.rounds) {
            return bad("bad_rounds", format!("--rounds {}: expected 1,000 to 10,000,000", self.rounds));
        }
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            let error = Error::usage("bad_rate", format!("--rate {}: expected a probability in (0, 1]", self.rate));
            return Err(error.hint("without a draw nobody re-executes; 1 draws every batch, 8% one in twelve"));
        }
        if self.batch == 0 || self.tasks == 0 || self.tasks > self.batch {
            let what = format!("--tasks {} of --batch {}: expected 1 to all tasks of a batch", self.tasks, self.batch);
            return Err(Error::usage("bad_tasks", what).hint("distinct tasks are drawn, so no more than there are"));
        }
        if !(2..=64).contains(&self.validators) {
            let what = format!("--validators {}: expected 2 to 64", self.validators);
            return Err(Error::usage("bad_validators", what).hint("one validator alone is the cheapest to bribe"));
        }
        if !(0.0..1.0).contains(&self.colluding) {
            let what = format!("--colluding {}: expected a share in [0, 1)", self.colluding);
            return Err(
                Error::usage("bad_colluding", what).hint("if all validators collude, no stake makes cheating lose")
            );
        }
        if !(self.burned > 0.0 && self.burned <= 1.0) {
            let what = format!("--burned {}: expected a share in (0, 1]", self.burned);
            let hint = "what is not burned returns to a provider that accuses itself, so without it no stake is lost";
            return Err(Error::usage("bad_burned", what).hint(hint));
        }
        if !(self.reward > 0.0 && self.burned + self.reward <= 1.0) {
            let what =
                format!("--reward {} beside --burned {}: expected shares of one whole", self.reward, self.burned);
            return Err(Error::usage("bad_reward", what).hint("a reward of nothing would leave nobody to accuse"));
        }
        for (name, value) in [("--trap-share", self.trap_share), ("--lazy", self.lazy)] {
            if !share(value) {
                return bad("bad_share", format!("{name} {value}: expected a share in [0, 1]"));
            }
        }
        let amounts = [
            ("--stake", self.stake),
            ("--dispute-cost", self.dispute_cost),
            ("--fee", self.fee),
            ("--seat-stake", self.seat_stake),
            ("--trap-cost", self.trap_cost),
        ];
        for (name, value) in amounts {
            if !(value.is_finite() && value >= 0.0) {
                return bad("bad_amount", format!("{name} {value}: expected an amount, 0 or more"));
            }
        }
        if self.trap_share * self.seat_stake == 0.0 {
            let what = format!("--trap-share {} of --seat-stake {}: nothing", self.trap_share, self.seat_stake);
            return Err(Error::usage("bad_trap", what).hint("a provider sets ringers for its share of a lost seat"));
        }
        Ok(())
    }
}

/// One of the inequalities that the escrow enforces.
#[derive(Clone, Debug, Serialize)]
pub struct Condition {
    /// What it keeps from paying.
    pub against: &'static str,
    /// The inequality.
    pub inequality: &'static str,
    /// The stake that it asks for.
    pub stake: f64,
    /// Whether the policy's stake is more.
    pub holds: bool,
}

/// All that the simulation found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was assumed.
    pub parameters: Parameters,
    /// [`CONFIDENCE`].
    pub confidence: f64,
    /// What the escrow enforces.
    pub conditions: Vec<Condition>,
    /// The least stake that the escrow accepts: the largest of the conditions'.
    pub smallest_stake: f64,
    /// Who cheats how.
    pub scenarios: Vec<Scenario>,
    /// What the policy and others cost.
    pub policies: Vec<Policy>,
    /// Without ringers and with them.
    pub equilibria: Vec<Equilibrium>,
    /// Validators' answers to ever more ringers.
    pub responses: Vec<Response>,
    /// Share of the seats that may collude beside the lazy ones, so that together they are r.
    pub colluding_beside_lazy: f64,
    /// The frontier that is drawn.
    pub frontier: Frontier,
    /// Whether every closed value lies in its interval.
    pub agrees: bool,
    /// What does not.
    pub disagreements: Vec<String>,
}

/// Plays everything that `parameters` describe. The same parameters give the same report.
pub fn posp(parameters: &Parameters) -> Result<Report> {
    parameters.check()?;
    let cases = scenarios::cases(parameters);
    // Intervals: of each scenario, of the frontier's points, of four shares in equilibrium, of nine responses.
    let deviates = rounds::deviates(CONFIDENCE, cases.len() + frontier::POINTS + 4 + 9);
    let scenarios = scenarios::play(parameters, &cases, deviates)?;
    let frontier = Frontier::new(parameters, deviates)?;
    let seat = Seat::new(parameters);
    let equilibria =
        [false, true].map(|ringers| seat.equilibrium(ringers, parameters.rounds, deviates, parameters.seed));
    let responses = seat.responses(parameters.lazy, parameters.rounds, deviates, parameters.seed);
    let conditions = conditions(parameters);
    let disagreements = disagreements(&scenarios, &frontier, &equilibria, &responses);
    Ok(Report {
        parameters: parameters.clone(),
        confidence: CONFIDENCE,
        smallest_stake: conditions.iter().map(|condition| condition.stake).fold(0.0, f64::max),
        conditions,
        scenarios,
        policies: scenarios::policies(parameters),
        equilibria: equilibria.to_vec(),
        responses,
        colluding_beside_lazy: (1.0 - (1.0 - parameters.colluding) / (1.0 - parameters.lazy)).max(0.0),
        frontier,
        agrees: disagreements.is_empty(),
        disagreements,
    })
}

fn conditions(parameters: &Parameters) -> Vec<Condition> {
    let Parameters { rate, colluding, burned, reward, validators, .. } = *parameters;
    let condition = |against, inequality, stake: f64| {
        let stake = stake.max(0.0);
        Condition { against, inequality, stake, holds: parameters.stake > stake }
    };
    vec![
        condition("cheating", "p(1−r)(R + βS) > R", formula::smallest_stake(1.0, rate * (1.0 - colluding), burned)),
        condition("bribery", "p·v·(1−r)·χ·S > R", 1.0 / (rate * (1.0 - colluding) * f64::from(validators) * reward)),
        condition("nobody accusing", "χ·S ≥ 2·dispute", 2.0 * parameters.dispute_cost / reward),
    ]
}

/// Names each closed value that lies outside its interval.
fn disagreements(
    scenarios: &[Scenario],
    frontier: &Frontier,
    equilibria: &[Equilibrium],
    responses: &[Response],
) -> Vec<String> {
    let mut compared: Vec<(String, f64, Estimate)> = Vec::new();
    for scenario in scenarios {
        compared.push((scenario.name.clone(), scenario.closed, scenario.simulated));
    }
    for point in &frontier.simulated {
        compared.push((format!("frontier at p = {}", point.rate), point.closed, point.stake));
    }
    for equilibrium in equilibria {
        let name = if equilibrium.ringers { "with ringers" } else { "without ringers" };
        let copying = equilibrium.copying_simulated.map(|simulated| ("copying", equilibrium.copying, simulated));
        let deviating =
            equilibrium.deviating_simulated.map(|simulated| ("deviating", equilibrium.deviating, simulated));
        for (what, closed, simulated) in copying.into_iter().chain(deviating) {
            compared.push((format!("{what}, {name}"), closed, simulated));
        }
    }
    for response in responses {
        compared.push((format!("copying at {} traps", response.traps), response.copying, response.copying_simulated));
    }
    compared
        .into_iter()
        .filter(|(_, closed, simulated)| !simulated.holds(*closed))
        .map(|(name, closed, simulated)| {
            format!("{name}: formula {closed}, simulation {} ± {}", simulated.value, simulated.margin)
        })
        .collect()
}

#[cfg(test)]
mod tests;
