//! What cheating costs, in closed form. Money is in prices of a batch, so the price R is 1.
//!
//! Derivations: `docs/economics.md`. Proof of Sampling: Zhang et al., arXiv 2405.00295, whose condition
//! `p(1 − r)(R + S) > C` is the [`smallest_stake`] of a provider that loses all its stake.

/// Probability that `hits` tasks of `batch` are all missed by `draws` distinct draws: C(N − k, s) / C(N, s).
pub fn missed(batch: u32, hits: u32, draws: u32) -> f64 {
    (0..draws).map(|drawn| f64::from((batch - drawn).saturating_sub(hits)) / f64::from(batch - drawn)).product()
}

/// Probability that a batch with `hits` false tasks is found out: drawn at all, a false task among the draws, and the
/// seat that decides not one that looks away.
pub fn found(rate: f64, colluding: f64, batch: u32, hits: u32, draws: u32) -> f64 {
    rate * (1.0 - colluding) * (1.0 - missed(batch, hits, draws))
}

/// The stake at which a cheat that saves `saved` of the price breaks even, when it is found out with probability
/// `found`, forfeits the price and loses the share `lost` of the stake for good. Below zero, losing the price is enough.
///
/// From `saved − found · (1 + lost · S) = 0`.
pub fn smallest_stake(saved: f64, found: f64, lost: f64) -> f64 {
    (saved / found - 1.0) / lost
}

/// [`smallest_stake`] when one stake stands behind `flights` batches, all of them false: each that is found out
/// forfeits its price, and the first takes the stake.
pub fn shared_stake(saved: f64, found: f64, lost: f64, flights: u32) -> f64 {
    let batches = f64::from(flights);
    let any = 1.0 - (1.0 - found).powf(batches);
    batches * (saved - found) / (lost * any)
}

/// The stake at which a provider breaks even that knows the `validators` seats of a draw and pays each what accusing
/// would earn it, the share `reward` of the stake. A share `colluding` of the seats asks for nothing; where paying the rest
/// costs more than being found out (the price and the share `lost` of the stake), it is found out instead.
///
/// Where `v · χ ≤ lost`, paying is always cheaper and this is `1 / (p · v · (1 − r) · χ)`.
pub fn bribery(rate: f64, validators: u32, colluding: f64, reward: f64, lost: f64) -> f64 {
    let pays = |stake: f64| -> f64 {
        let costs = |seats: u32| (f64::from(seats) * reward * stake).min(1.0 + lost * stake);
        (0..=validators).map(|seats| chosen(validators, seats, 1.0 - colluding) * costs(seats)).sum()
    };
    root(|stake| 1.0 - rate * pays(stake))
}

/// Probability that exactly `hits` of `count` independent trials hit: the binomial distribution.
fn chosen(count: u32, hits: u32, chance: f64) -> f64 {
    let ways: f64 = (0..hits).map(|hit| f64::from(count - hit) / f64::from(hit + 1)).product();
    ways * chance.powf(f64::from(hits)) * (1.0 - chance).powf(f64::from(count - hits))
}

/// Where `falling`, positive at 0, falls to 0: by bisection.
fn root(falling: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while falling(high) > 0.0 && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if falling(middle) > 0.0 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-12 * right.abs().max(1.0), "{left} is not {right}");
    }

    #[test]
    fn draws_without_replacement_miss_less_than_with() {
        close(missed(10, 3, 1), 0.7);
        close(missed(10, 3, 2), 7.0 / 10.0 * 6.0 / 9.0);
        close(missed(10, 10, 1), 0.0);
        close(missed(10, 0, 10), 1.0);
        close(missed(10, 3, 8), 0.0);
        assert!(missed(1000, 100, 4) < 0.9_f64.powi(4));
    }

    #[test]
    fn the_stakes_of_the_protocol_page() {
        // p = 8 % wants 12.9 R/β; p = 1 wants 0.11 R/β, both at r = 10 %.
        close(smallest_stake(1.0, found(0.08, 0.1, 1, 1, 1), 1.0), 1.0 / 0.072 - 1.0);
        close(smallest_stake(1.0, found(1.0, 0.1, 1000, 1000, 4), 1.0), 1.0 / 0.9 - 1.0);
        close(smallest_stake(1.0, 2.0 / 3.0, 0.5), 1.0);
        close(bribery(1.0, 2, 0.0, 0.25, 0.5), 2.0);
    }

    #[test]
    fn a_bribe_is_paid_while_it_is_cheaper_than_the_loss() {
        close(bribery(0.3, 2, 0.4, 0.25, 0.5), 1.0 / (0.3 * 2.0 * 0.6 * 0.25));
        // Eight honest seats at a quarter of the stake each: it rather loses price and burned share, as if unbribed.
        close(bribery(0.5, 8, 0.0, 0.25, 0.5), smallest_stake(1.0, 0.5, 0.5));
        let shares: f64 = (0..=5).map(|hits| chosen(5, hits, 0.3)).sum();
        close(shares, 1.0);
        close(chosen(5, 2, 0.3), 10.0 * 0.09 * 0.343);
    }

    #[test]
    fn one_batch_in_flight_is_the_plain_case() {
        close(shared_stake(1.0, 0.072, 0.5, 1), smallest_stake(1.0, 0.072, 0.5));
        // Found out for certain, a hundred batches lose one stake and a hundred prices: of which they saved just those.
        close(shared_stake(1.0, 0.5, 0.5, 100), 100.0 * 0.5 / 0.5 / (1.0 - 0.5_f64.powi(100)));
    }

    #[test]
    fn no_part_of_a_batch_wants_more_stake_than_the_whole() {
        for (rate, colluding, batch, draws) in
            [(1.0, 1.0 / 3.0, 1000, 4), (0.08, 0.1, 100, 1), (0.5, 0.4, 37, 9), (1.0, 0.0, 2, 1)]
        {
            let stake = |hits: u32| {
                let saved = f64::from(hits) / f64::from(batch);
                smallest_stake(saved, found(rate, colluding, batch, hits, draws), 0.5)
            };
            let whole = stake(batch);
            for hits in 1..batch {
                assert!(stake(hits) <= whole + 1e-9, "{hits} of {batch}: {} > {whole}", stake(hits));
            }
        }
    }
}
