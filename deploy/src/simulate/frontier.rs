//! The frontier between stakes that stop cheating and stakes that do not, and its picture.

use serde::Serialize;

use super::{
    Parameters, formula,
    picture::{Anchor, Colour, Pen, Picture, Point},
    rounds::{Dice, Estimate, Lot, Provider, Rounds},
    scenarios::{self, PUBLISHED},
};
use crate::error::Result;

/// Simulated points on the frontier.
pub const POINTS: usize = RATES.len();

const RATES: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// The smallest stake for which leaving a whole batch undone loses.
#[derive(Clone, Debug, Serialize)]
pub struct Simulated {
    /// Probability that a batch is drawn (p).
    pub rate: f64,
    /// By formula.
    pub closed: f64,
    /// By simulation.
    pub stake: Estimate,
}

/// Smallest stakes over a horizontal axis.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// What is fixed along it.
    pub name: String,
    /// Pairs of p, or of the share of the tasks left undone, and the stake.
    pub points: Vec<(f64, f64)>,
}

/// What the picture shows.
#[derive(Clone, Debug, Serialize)]
pub struct Frontier {
    /// Stake against p, a curve for each share of colluding seats, and for bribery.
    pub whole: Vec<Curve>,
    /// Stake against the share of the tasks left undone, a curve for each number of draws.
    pub part: Vec<Curve>,
    /// Simulated points of the policy's curve.
    pub simulated: Vec<Simulated>,
}

impl Frontier {
    /// The frontier around the policy of `parameters`.
    pub fn new(parameters: &Parameters, deviates: f64) -> Result<Self> {
        Ok(Self { whole: whole(parameters), part: part(parameters), simulated: simulated(parameters, deviates)? })
    }

    /// The picture of it, with the policy and the published example marked.
    pub fn draw(&self, parameters: &Parameters) -> Picture {
        let mut picture = Picture::new(1080, 560, "Smallest stakes for which cheating loses in expectation");
        picture.text((40.0, 38.0), Anchor::Start, 20.0, INK, "Smallest stake for which cheating loses in expectation");
        let burned = percent(parameters.burned);
        let subtitle =
            format!("in prices of a batch; {burned} of slashed stake is burned, the rest returns to the cheat");
        picture.text((40.0, 60.0), Anchor::Start, 13.0, MUTED, subtitle);
        self.draw_whole(&mut picture, parameters);
        self.draw_part(&mut picture, parameters);
        picture
    }

    fn draw_whole(&self, picture: &mut Picture, parameters: &Parameters) {
        let lowest = self.whole.iter().flat_map(|curve| &curve.points).map(|point| point.0).fold(1.0, f64::min);
        let highest = self.whole.iter().flat_map(|curve| &curve.points).map(|point| point.1).fold(1.0, f64::max);
        let plot = Plot {
            left: 84.0,
            right: 540.0,
            top: 116.0,
            bottom: 484.0,
            x: Axis::log(lowest, 1.0),
            y: Axis::log(0.1, 10.0_f64.powf(highest.log10().ceil())),
        };
        plot.frame(picture, "Nothing is computed", "probability p that a batch is drawn");
        for (curve, colour) in self.whole.iter().zip(COLOURS) {
            let dash = curve.name.starts_with("bribery").then_some([7.0, 6.0]);
            plot.curve(picture, curve, Pen { colour, width: 2.2, dash });
        }
        for point in &self.simulated {
            plot.interval(picture, point.rate, point.stake);
        }
        let published = plot.at(PUBLISHED.rate, PUBLISHED.stake_over_price());
        picture.dot(published, 5.0, RED, WHITE);
        picture.text((published.0 - 9.0, published.1 + 5.0), Anchor::End, 12.0, RED, "published");
        picture.text((published.0 - 9.0, published.1 + 20.0), Anchor::End, 12.0, RED, "example");
        let policy = plot.at(parameters.rate, parameters.stake);
        picture.dot(policy, 6.0, INK, WHITE);
        picture.text((policy.0, policy.1 - 16.0), Anchor::End, 12.0, INK, "policy");
        let names = self.whole.iter().map(|curve| curve.name.as_str()).chain(["simulated, with interval"]);
        plot.legend(picture, names, 306.0);
    }

    fn draw_part(&self, picture: &mut Picture, parameters: &Parameters) {
        let stakes = || self.part.iter().flat_map(|curve| &curve.points).map(|point| point.1);
        let (least, whole) = (stakes().fold(0.0, f64::min), stakes().fold(0.0, f64::max));
        let plot = Plot {
            left: 624.0,
            right: 1040.0,
            top: 116.0,
            bottom: 484.0,
            x: Axis::linear(0.0, 1.0),
            y: Axis::linear(least, whole + 0.5 * (whole - least).max(0.2)),
        };
        let title = format!(
            "Part of a batch of {} is left undone (p = {}, r = {})",
            parameters.batch,
            percent(parameters.rate),
            percent(parameters.colluding)
        );
        plot.frame(picture, &title, "share of the tasks left undone");
        for (curve, colour) in self.part.iter().zip(COLOURS) {
            plot.curve(picture, curve, Pen { colour, width: 2.2, dash: None });
        }
        let zero = plot.at(0.0, 0.0);
        picture.line(&[zero, plot.at(1.0, 0.0)], Pen { colour: MUTED, width: 1.0, dash: Some([2.0, 4.0]) });
        picture.text(
            (plot.right - 8.0, plot.bottom - 12.0),
            Anchor::End,
            12.0,
            MUTED,
            "below 0, losing the price is enough",
        );
        let end = plot.at(1.0, whole);
        picture.dot(end, 5.0, INK, WHITE);
        picture.text((end.0 - 4.0, end.1 - 12.0), Anchor::End, 12.0, INK, "the whole batch wants most");
        plot.legend(picture, self.part.iter().map(|curve| curve.name.as_str()), 640.0);
    }
}

/// p from its lowest to 1, evenly on a logarithmic scale.
fn rates(parameters: &Parameters) -> impl Iterator<Item = f64> {
    let lowest = 10.0_f64.powf(parameters.rate.min(0.01).log10().floor());
    (0..=96).map(move |step| lowest.powf(1.0 - f64::from(step) / 96.0))
}

fn whole(parameters: &Parameters) -> Vec<Curve> {
    let mut shares = vec![0.1, parameters.colluding, 0.5];
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let curve = |colluding: f64| Curve {
        name: format!("cheating, r = {}", percent(colluding)),
        points: rates(parameters)
            .map(|rate| (rate, formula::smallest_stake(1.0, rate * (1.0 - colluding), parameters.burned)))
            .collect(),
    };
    let bribery = |owned: f64| {
        let stake = |rate| formula::bribery(rate, parameters.validators, owned, parameters.reward, parameters.burned);
        Curve {
            name: format!("bribery, v = {}, r = {}", parameters.validators, percent(owned)),
            points: rates(parameters).map(|rate| (rate, stake(rate))).collect(),
        }
    };
    let mut curves: Vec<Curve> = shares.into_iter().map(curve).chain([bribery(0.0)]).collect();
    if parameters.colluding > 0.0 {
        curves.push(bribery(parameters.colluding));
    }
    curves
}

fn part(parameters: &Parameters) -> Vec<Curve> {
    let Parameters { rate, batch, tasks, colluding, burned, .. } = *parameters;
    let mut draws = vec![1, 2, tasks, 16];
    draws.sort_unstable();
    draws.dedup();
    let mut hits: Vec<u32> = (0..=100).map(|step| (u64::from(batch) * step / 100).max(1) as u32).collect();
    hits.dedup();
    let stake = |hits: u32, draws: u32| {
        let saved = f64::from(hits) / f64::from(batch);
        (saved, formula::smallest_stake(saved, formula::found(rate, colluding, batch, hits, draws), burned))
    };
    let curve = |draws: u32| Curve {
        name: if draws == 1 { "1 task drawn".into() } else { format!("{draws} tasks drawn") },
        points: hits.iter().map(|hits| stake(*hits, draws)).collect(),
    };
    draws.into_iter().filter(|draws| *draws <= batch).map(curve).collect()
}

fn simulated(parameters: &Parameters, deviates: f64) -> Result<Vec<Simulated>> {
    let Parameters { batch, colluding, burned, rounds, seed, .. } = *parameters;
    let provider = Provider::Cheats { hits: batch, flights: 1, saved: 1.0, lost: burned };
    let point = |(index, rate): (usize, f64)| {
        let lot = Lot { rate, ..parameters.lot() };
        let played = Rounds::play(provider, &lot, rounds, Dice::new(seed, 50 + index as u64));
        Ok(Simulated {
            rate,
            closed: formula::smallest_stake(1.0, rate * (1.0 - colluding), burned),
            stake: played.smallest_stake(deviates).ok_or_else(|| scenarios::never_found("computes nothing", rounds))?,
        })
    };
    RATES.into_iter().enumerate().map(point).collect()
}

const INK: Colour = [15, 23, 42];
const MUTED: Colour = [71, 85, 105];
const GRID: Colour = [226, 232, 240];
const WHITE: Colour = [255, 255, 255];
const RED: Colour = [185, 28, 28];
const COLOURS: [Colour; 5] = [[13, 148, 136], [79, 70, 229], [180, 83, 9], [100, 116, 139], [190, 24, 93]];

/// One axis.
struct Axis {
    from: f64,
    to: f64,
    log: bool,
}

impl Axis {
    fn log(from: f64, to: f64) -> Self {
        Self { from: 10.0_f64.powf(from.log10().floor()), to, log: true }
    }

    fn linear(from: f64, to: f64) -> Self {
        Self { from, to, log: false }
    }

    /// 0 at its start, 1 at its end, nothing beyond.
    fn share(&self, value: f64) -> f32 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0) as f32
    }

    /// Where grid lines are: at powers of ten, or at about five round numbers.
    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let (from, to) = (self.from.log10().round() as i32, self.to.log10().round() as i32);
            return (from..=to).map(|power| 10.0_f64.powi(power)).collect();
        }
        let rough = (self.to - self.from) / 6.0;
        let decade = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * decade >= rough).unwrap_or(10.0) * decade;
        let (first, last) = ((self.from / step).ceil() as i32, (self.to / step).floor() as i32);
        (first..=last).map(|tick| f64::from(tick) * step).collect()
    }
}

/// A frame with two axes.
struct Plot {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    x: Axis,
    y: Axis,
}

impl Plot {
    fn at(&self, x: f64, y: f64) -> Point {
        (
            self.left + self.x.share(x) * (self.right - self.left),
            self.bottom - self.y.share(y) * (self.bottom - self.top),
        )
    }

    fn frame(&self, picture: &mut Picture, title: &str, across: &str) {
        let thin = |colour| Pen { colour, width: 1.0, dash: None };
        for tick in self.x.ticks() {
            let (x, _) = self.at(tick, self.y.from);
            picture.line(&[(x, self.top), (x, self.bottom)], thin(GRID));
            picture.text((x, self.bottom + 20.0), Anchor::Middle, 12.0, MUTED, percent(tick));
        }
        for tick in self.y.ticks() {
            let (_, y) = self.at(self.x.from, tick);
            picture.line(&[(self.left, y), (self.right, y)], thin(GRID));
            picture.text((self.left - 8.0, y + 4.0), Anchor::End, 12.0, MUTED, number(tick));
        }
        picture.line(&[(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)], thin(MUTED));
        picture.text((self.left - 44.0, self.top - 16.0), Anchor::Start, 14.0, INK, title);
        let middle = (self.left + self.right) / 2.0;
        picture.text((middle, self.bottom + 44.0), Anchor::Middle, 13.0, MUTED, across);
    }

    /// The part of a curve that does not lie below the frame.
    fn curve(&self, picture: &mut Picture, curve: &Curve, pen: Pen) {
        let mut points: Vec<Point> = Vec::new();
        for (index, (x, y)) in curve.points.iter().enumerate() {
            let inside = *y >= self.y.from;
            let before = index.checked_sub(1).is_some_and(|before| curve.points[before].1 >= self.y.from);
            let after = curve.points.get(index + 1).is_some_and(|point| point.1 >= self.y.from);
            if inside || before || after {
                points.push(self.at(*x, *y));
            }
        }
        picture.line(&points, pen);
    }

    fn interval(&self, picture: &mut Picture, x: f64, stake: Estimate) {
        let (low, high) = (self.at(x, stake.value - stake.margin), self.at(x, stake.value + stake.margin));
        picture.line(&[low, high], Pen { colour: INK, width: 1.5, dash: None });
        picture.dot(self.at(x, stake.value), 3.5, WHITE, INK);
    }

    fn legend<'a>(&self, picture: &mut Picture, names: impl Iterator<Item = &'a str>, left: f32) {
        for (index, name) in names.enumerate() {
            let y = self.top + 18.0 + 21.0 * index as f32;
            if name.starts_with("simulated") {
                picture.line(
                    &[(left + 13.0, y - 10.0), (left + 13.0, y + 2.0)],
                    Pen { colour: INK, width: 1.5, dash: None },
                );
                picture.dot((left + 13.0, y - 4.0), 3.5, WHITE, INK);
            } else {
                let dash = name.starts_with("bribery").then_some([7.0, 6.0]);
                let pen = Pen { colour: COLOURS[index % COLOURS.len()], width: 2.2, dash };
                picture.line(&[(left, y - 4.0), (left + 26.0, y - 4.0)], pen);
            }
            picture.text((left + 36.0, y), Anchor::Start, 12.0, INK, name);
        }
    }
}

/// A share as people read it: 8 %, 33.3 %, 0.1 %.
fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A number with as many digits as it needs, at most one after the point above 1.
fn number(value: f64) -> String {
    let digits = if value >= 1.0 { 10.0 } else { 1000.0 };
    let rounded = (value * digits).round() / digits;
    if rounded < 0.0 {
        return format!("−{}", number(-value));
    }
    if rounded >= 1000.0 {
        return format!("{},{:03}", (rounded / 1000.0) as u64, rounded as u64 % 1000);
    }
    format!("{rounded}")
}
