//! Rounds of the game: a provider commits a batch, the lot falls, and somebody gains or loses.

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{RngCore, SeedableRng},
};

/// Random numbers that are the same for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Uniform in [0, 1), with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// How batches are drawn and who looks.
#[derive(Clone, Copy, Debug)]
pub struct Lot {
    /// Probability that a batch is drawn (p).
    pub rate: f64,
    /// Tasks of a batch (N).
    pub batch: u32,
    /// Tasks that a draw takes from it (s).
    pub draws: u32,
    /// Seats that re-execute each of them (v).
    pub validators: u32,
    /// Share of the seats that will not object (r).
    pub colluding: f64,
}

impl Lot {
    /// Whether a batch with `hits` false tasks is found out.
    ///
    /// One seat decides: of a draw's seats one is counted on to re-execute, and it colludes with probability r. More
    /// independent seats only find more.
    fn finds(&self, hits: u32, dice: &mut Dice) -> bool {
        dice.chance(self.rate) && !dice.chance(self.colluding) && self.draws_one_of(hits, dice)
    }

    /// Whether one of `hits` false tasks is among the tasks drawn, none of which is drawn twice.
    fn draws_one_of(&self, hits: u32, dice: &mut Dice) -> bool {
        (0..self.draws).any(|drawn| {
            let left = self.batch - drawn;
            dice.unit() * f64::from(left) < f64::from(hits)
        })
    }

    /// Seats of a draw that would object.
    fn objecting(&self, dice: &mut Dice) -> u32 {
        (0..self.validators).filter(|_| !dice.chance(self.colluding)).count() as u32
    }
}

/// What a provider does with a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Provider {
    /// Computes every task.
    Honest,
    /// Computes all but `hits` tasks of each of `flights` batches, which stand on one stake. Saves `saved` of a batch's
    /// price in each; found out, it loses the share `lost` of the stake for good, the rest returns through accomplices.
    Cheats {
        /// False tasks of a batch.
        hits: u32,
        /// Batches under one stake.
        flights: u32,
        /// What it saves in one batch, in prices.
        saved: f64,
        /// Share of the stake that does not return.
        lost: f64,
    },
    /// Computes nothing. Once drawn it knows the seats, and pays each that would object the share `reward` of the stake,
    /// which is what accusing would earn, or takes the loss of `lost` where that is cheaper.
    Bribes {
        /// The accuser's share of the stake.
        reward: f64,
        /// Share of the stake that does not return.
        lost: f64,
    },
}

/// What one round earns more than honest work, as a function of the stake: `keeps − pays · stake`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Without any stake.
    pub keeps: f64,
    /// Share of the stake that goes.
    pub pays: f64,
}

impl Line {
    fn at(self, stake: f64) -> f64 {
        self.keeps - self.pays * stake
    }
}

/// The end of one round: the provider takes the better of two ways out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome(Line, Line);

impl Outcome {
    fn only(keeps: f64, pays: f64) -> Self {
        let line = Line { keeps, pays };
        Self(line, line)
    }

    /// What the round earned with this stake.
    pub fn profit(&self, stake: f64) -> f64 {
        self.0.at(stake).max(self.1.at(stake))
    }
}

/// Plays one round.
pub fn play(provider: Provider, lot: &Lot, dice: &mut Dice) -> Outcome {
    match provider {
        Provider::Honest => Outcome::only(0.0, 0.0),
        Provider::Cheats { hits, flights, saved, lost } => {
            let found = (0..flights).filter(|_| lot.finds(hits, dice)).count();
            let keeps = f64::from(flights) * saved - found as f64;
            Outcome::only(keeps, if found > 0 { lost } else { 0.0 })
        }
        Provider::Bribes { .. } if !dice.chance(lot.rate) => Outcome::only(1.0, 0.0),
        Provider::Bribes { reward, lost } => {
            let bribe = f64::from(lot.objecting(dice)) * reward;
            Outcome(Line { keeps: 1.0, pays: bribe }, Line { keeps: 0.0, pays: lost })
        }
    }
}

/// Rounds that were played once and can be looked at with any stake.
#[derive(Debug)]
pub struct Rounds(Vec<Outcome>);

/// A mean or a root, with half the width of its interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// The interval is `value ± margin`.
    pub margin: f64,
}

impl Estimate {
    /// Whether the interval holds `value`, up to what bisection leaves.
    pub fn holds(&self, value: f64) -> bool {
        (self.value - value).abs() <= self.margin + 1e-6 * value.abs().max(1.0)
    }
}

impl Rounds {
    /// Plays `count` rounds.
    pub fn play(provider: Provider, lot: &Lot, count: u32, mut dice: Dice) -> Self {
        Self((0..count).map(|_| play(provider, lot, &mut dice)).collect())
    }

    /// What a round earns on average with this stake.
    pub fn mean(&self, stake: f64) -> f64 {
        self.0.iter().map(|outcome| outcome.profit(stake)).sum::<f64>() / self.0.len() as f64
    }

    /// [`Rounds::mean`] with its interval, `deviates` standard errors to each side.
    pub fn profit(&self, stake: f64, deviates: f64) -> Estimate {
        let mean = self.mean(stake);
        let squares: f64 = self.0.iter().map(|outcome| (outcome.profit(stake) - mean).powi(2)).sum();
        let count = self.0.len() as f64;
        Estimate { value: mean, margin: deviates * (squares / (count - 1.0) / count).sqrt() }
    }

    /// The stake at which these very rounds earn nothing, by bisection; `None` when no stake does that, because no round
    /// was found out.
    ///
    /// The interval is the one of the mean, divided by how fast the mean falls with the stake.
    pub fn smallest_stake(&self, deviates: f64) -> Option<Estimate> {
        const WIDEST: f64 = 1e9;
        let (mut low, mut high) = (-1.0, 1.0);
        while self.mean(low) < 0.0 && low > -WIDEST {
            low *= 4.0;
        }
        while self.mean(high) > 0.0 && high < WIDEST {
            high *= 4.0;
        }
        if self.mean(low) < 0.0 || self.mean(high) > 0.0 {
            return None;
        }
        while high - low > 1e-7 * high.abs().max(1.0) {
            let middle = (low + high) / 2.0;
            if self.mean(middle) > 0.0 { low = middle } else { high = middle }
        }
        let (stake, step) = ((low + high) / 2.0, 1e-3);
        let fall = (self.mean(stake - step) - self.mean(stake + step)) / (2.0 * step);
        Some(Estimate { value: stake, margin: self.profit(stake, deviates).margin / fall })
    }
}

/// Standard errors to each side of the mean that hold `count` means at once with the probability `confidence` (Šidák).
pub fn deviates(confidence: f64, count: usize) -> f64 {
    let outside = 1.0 - confidence.powf(1.0 / count as f64);
    let (mut low, mut high) = (0.0, 40.0);
    while high - low > 1e-12 {
        let middle: f64 = (low + high) / 2.0;
        if libm::erfc(middle / std::f64::consts::SQRT_2) > outside { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::formula;

    const LOT: Lot = Lot { rate: 0.5, batch: 20, draws: 3, validators: 2, colluding: 0.25 };

    fn cheats(hits: u32) -> Provider {
        Provider::Cheats { hits, flights: 1, saved: f64::from(hits) / 20.0, lost: 0.5 }
    }

    #[test]
    fn the_deviates_of_the_normal_distribution() {
        assert!((deviates(0.95, 1) - 1.959_963_985).abs() < 1e-6);
        assert!((deviates(0.99, 1) - 2.575_829_304).abs() < 1e-6);
        assert!(deviates(0.95, 10) > 2.7 && deviates(0.95, 10) < 2.9);
    }

    #[test]
    fn one_seed_gives_one_stream_and_another_seed_another() {
        let first = |seed, stream| Dice::new(seed, stream).unit();
        assert_eq!(first(1, 0), first(1, 0));
        assert_ne!(first(1, 0), first(2, 0));
        assert_ne!(first(1, 0), first(1, 1));
    }

    #[test]
    fn dice_are_fair() {
        let mut dice = Dice::new(3, 0);
        let count = (0..100_000).filter(|_| dice.chance(0.3)).count();
        assert!((29_400..30_600).contains(&count), "{count}");
    }

    #[test]
    fn a_batch_is_found_out_as_often_as_the_formula_says() {
        for hits in [1, 5, 18, 20] {
            let mut dice = Dice::new(7, u64::from(hits));
            let count = (0..200_000).filter(|_| LOT.finds(hits, &mut dice)).count() as f64 / 200_000.0;
            let expected = formula::found(0.5, 0.25, 20, hits, 3);
            assert!((count - expected).abs() < 0.005, "{hits}: {count}, expected {expected}");
        }
    }

    #[test]
    fn honest_work_neither_gains_nor_loses() {
        let rounds = Rounds::play(Provider::Honest, &LOT, 1000, Dice::new(1, 0));
        assert_eq!(rounds.profit(5.0, 2.0), Estimate { value: 0.0, margin: 0.0 });
    }

    #[test]
    fn what_a_cheat_keeps_and_pays() {
        let certain = Lot { rate: 1.0, colluding: 0.0, ..LOT };
        let mut dice = Dice::new(1, 0);
        let found = play(cheats(20), &certain, &mut dice);
        assert_eq!((found.profit(0.0), found.profit(4.0)), (0.0, -2.0), "the price and half the stake are gone");
        let never = play(cheats(5), &Lot { colluding: 1.0, ..certain }, &mut dice);
        assert_eq!(never.profit(4.0), 0.25, "five of twenty tasks saved");
        let bribe = Provider::Bribes { reward: 0.25, lost: 0.5 };
        assert_eq!(play(bribe, &certain, &mut dice).profit(1.0), 0.5, "two seats take a quarter each");
        assert_eq!(play(bribe, &Lot { rate: 1e-18, ..certain }, &mut dice).profit(1.0), 1.0, "nobody to bribe");
        let panel = Lot { validators: 8, ..certain };
        assert_eq!(play(bribe, &panel, &mut dice).profit(4.0), -2.0, "eight seats cost more than the loss");
    }

    #[test]
    fn no_stake_helps_where_nobody_is_ever_found_out() {
        let blind = Lot { colluding: 1.0, ..LOT };
        assert_eq!(Rounds::play(cheats(20), &blind, 1000, Dice::new(1, 0)).smallest_stake(2.0), None);
    }
}
