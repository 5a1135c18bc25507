//! What a drawn validator does that is handed a trace root: re-execute, or copy it and save the work.
//!
//! Two players with two decisions each. The validator re-executes or copies. The provider is honest, or deviates: it
//! *lies* (a false batch, the true trace root of which nobody re-computes if all copy), or, where ringers exist, it
//! *traps* (an honest batch, a false root handed out: who reveals it cannot win the dispute and loses the seat's stake, of
//! which a share goes to the provider). In equilibrium each mixes so that the other gains nothing by changing.

use serde::Serialize;

use super::{
    Parameters,
    rounds::{Dice, Estimate},
};

/// The validator's side of the game. Money is in prices of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Price of re-executing one task.
    work: f64,
    /// What a re-executed task is paid.
    fee: f64,
    /// What a seat loses that revealed a false root.
    stake: f64,
    /// What accusing a liar earns: the accuser's share, which the seats of a draw race for.
    accusing: f64,
    /// What a trapped seat brings the provider.
    trapped: f64,
    /// What setting a trap costs the provider.
    trap: f64,
    /// Probability that a false batch is drawn and meets a seat that does not collude.
    met: f64,
    /// What a liar loses that is found out: the price and the burned share of the stake.
    loss: f64,
}

/// What the provider does other than honest work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deviation {
    /// A false batch, with its root handed to the seats.
    Lie,
    /// An honest batch, with a false root handed to the seats.
    Trap,
}

/// A mixed equilibrium: nobody gains by changing.
#[derive(Clone, Debug, Serialize)]
pub struct Equilibrium {
    /// Whether providers may trap.
    pub ringers: bool,
    /// The deviation that pays first as copying spreads.
    pub deviation: Deviation,
    /// Share of seats that copy: at it, the deviation earns the provider nothing.
    pub copying: f64,
    /// [`Equilibrium::copying`] in the simulated game; absent where one side does best without mixing.
    pub copying_simulated: Option<Estimate>,
    /// Share of batches in which the provider deviates: at it, copying earns the validator nothing.
    pub deviating: f64,
    /// [`Equilibrium::deviating`] in the simulated game, likewise.
    pub deviating_simulated: Option<Estimate>,
    /// Share of all batches that are false and paid.
    pub false_and_paid: f64,
}

/// How many validators copy when they know how often roots are false.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Response {
    /// Share of handed-out roots that are traps.
    pub traps: f64,
    /// Share of validators whose best answer is to copy, with those who copy whatever it costs them.
    pub copying: f64,
    /// The same among simulated validators.
    pub copying_simulated: Estimate,
}

impl Seat {
    /// The game that `parameters` describe.
    pub fn new(parameters: &Parameters) -> Self {
        let task = 1.0 / f64::from(parameters.batch);
        Self {
            work: task,
            fee: parameters.fee * task,
            stake: parameters.seat_stake,
            accusing: parameters.reward * parameters.stake / f64::from(parameters.validators),
            trapped: parameters.trap_share * parameters.seat_stake,
            trap: parameters.trap_cost * task,
            met: parameters.rate * (1.0 - parameters.colluding),
            loss: 1.0 + parameters.burned * parameters.stake,
        }
    }

    /// Share of copying seats from which on lying earns more than honest work; above 1 where it never does, below 0 where
    /// it always does.
    pub fn lying_pays_from(&self) -> f64 {
        1.0 - 1.0 / (self.met * self.loss)
    }

    /// Share of copying seats from which on setting traps earns more than it costs.
    pub fn trapping_pays_from(&self) -> f64 {
        self.trap / self.trapped
    }

    /// How often the provider must deviate so that copying pays no more than re-executing.
    pub fn copying_pays_below(&self, deviation: Deviation) -> f64 {
        self.work / self.risk(deviation)
    }

    /// What copying forgoes or loses when the provider deviates.
    fn risk(&self, deviation: Deviation) -> f64 {
        match deviation {
            Deviation::Lie => self.accusing,
            Deviation::Trap => self.fee + self.stake,
        }
    }

    /// What the provider's deviation earns in one round in which a seat copies when `dice` fall below `copying`.
    fn provider_earns(&self, deviation: Deviation, copying: f64, dice: [f64; 2]) -> f64 {
        let copies = dice[0] < copying;
        match deviation {
            Deviation::Lie if dice[1] < self.met && !copies => 1.0 - self.loss,
            Deviation::Lie => 1.0,
            Deviation::Trap if copies => self.trapped - self.trap,
            Deviation::Trap => -self.trap,
        }
    }

    /// What copying earns more than re-executing in one round in which the provider deviates when `die` falls below
    /// `deviating`.
    fn copying_earns(&self, deviation: Deviation, deviating: f64, die: f64) -> f64 {
        self.work - if die < deviating { self.risk(deviation) } else { 0.0 }
    }

    /// The equilibrium, with or without ringers, closed and by simulation.
    ///
    /// The deviation that pays first as copying spreads is the one that providers mix; the other then earns less than
    /// honest work.
    pub fn equilibrium(&self, ringers: bool, rounds: u32, deviates: f64, seed: u64) -> Equilibrium {
        let (lie, trap) = (self.lying_pays_from(), self.trapping_pays_from());
        let (deviation, pays_from) =
            if ringers && trap < lie { (Deviation::Trap, trap) } else { (Deviation::Lie, lie) };
        let deters = self.copying_pays_below(deviation);
        let (copying, deviating) = match (pays_from, deters) {
            // Deviating always pays: validators answer what always happens.
            (from, deters) if from <= 0.0 => (if deters < 1.0 { 0.0 } else { 1.0 }, 1.0),
            // It never pays, even if all copy; so they do.
            (from, _) if from >= 1.0 => (1.0, 0.0),
            // Copying pays however often the provider deviates.
            (_, deters) if deters >= 1.0 => (1.0, 1.0),
            mixed => mixed,
        };
        let mut dice = Dice::new(seed, 100 + u64::from(ringers));
        let provider: Vec<[f64; 2]> = (0..rounds).map(|_| [dice.unit(), dice.unit()]).collect();
        let validator: Vec<f64> = (0..rounds).map(|_| dice.unit()).collect();
        let mixed = 0.0 < pays_from && pays_from < 1.0 && deters < 1.0;
        let lies = if deviation == Deviation::Lie { deviating } else { 0.0 };
        Equilibrium {
            ringers,
            deviation,
            copying,
            copying_simulated: mixed.then(|| {
                let earns = |share| provider.iter().map(|dice| self.provider_earns(deviation, share, *dice)).collect();
                indifference(deviates, earns)
            }),
            deviating,
            deviating_simulated: mixed.then(|| {
                let earns = |share| validator.iter().map(|die| self.copying_earns(deviation, share, *die)).collect();
                indifference(deviates, earns)
            }),
            false_and_paid: lies * (1.0 - self.met * (1.0 - copying)),
        }
    }

    /// Best answers of validators whose machines re-execute at half to one and a half times the price, of whom the
    /// share `lazy` copies whatever it costs them, for trap frequencies up to twice the equilibrium's.
    pub fn responses(&self, lazy: f64, rounds: u32, deviates: f64, seed: u64) -> Vec<Response> {
        let (least, most) = (0.5, 1.5);
        let equilibrium = self.copying_pays_below(Deviation::Trap);
        let at = |step: u32| {
            let traps = equilibrium * f64::from(step) / 4.0;
            let risk = traps * self.risk(Deviation::Trap);
            let rational = ((most * self.work - risk) / ((most - least) * self.work)).clamp(0.0, 1.0);
            let mut dice = Dice::new(seed, 200 + u64::from(step));
            let copiers = (0..rounds).filter(|_| {
                let work = self.work * (least + (most - least) * dice.unit());
                dice.chance(lazy) || work > risk
            });
            Response {
                traps,
                copying: lazy + (1.0 - lazy) * rational,
                copying_simulated: share(copiers.count(), rounds, deviates),
            }
        };
        (0..=8).map(at).collect()
    }
}

/// A share of `rounds`, with its interval.
fn share(count: usize, rounds: u32, deviates: f64) -> Estimate {
    let (count, rounds) = (count as f64, f64::from(rounds));
    let value = count / rounds;
    Estimate { value, margin: deviates * (value * (1.0 - value) / rounds).sqrt() }
}

/// The share at which the mean of `payoffs` changes its sign, on the same dice for every share, by bisection. Payoffs are
/// linear in the share on average, so their ends give the slope by which the mean's interval is divided.
fn indifference(deviates: f64, payoffs: impl Fn(f64) -> Vec<f64>) -> Estimate {
    let mean = |share: f64| {
        let payoffs = payoffs(share);
        payoffs.iter().sum::<f64>() / payoffs.len() as f64
    };
    let (at_none, at_all) = (mean(0.0), mean(1.0));
    let rising = at_all > at_none;
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > 1e-7 {
        let middle = (low + high) / 2.0;
        if (mean(middle) < 0.0) == rising { low = middle } else { high = middle }
    }
    let value = (low + high) / 2.0;
    let payoffs = payoffs(value);
    let (centre, count) = (mean(value), payoffs.len() as f64);
    let variance = payoffs.iter().map(|payoff| (payoff - centre).powi(2)).sum::<f64>() / (count - 1.0);
    Estimate { value, margin: deviates * (variance / count).sqrt() / (at_all - at_none).abs() }
}
