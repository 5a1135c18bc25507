//! How long seats take to answer.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

/// Times kept of a seat.
pub(super) const KEPT: u32 = 256;

/// The latest times of each seat, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Latencies(Mutex<BTreeMap<u32, VecDeque<u32>>>);

impl Latencies {
    /// Notes a time.
    pub(super) fn add(&self, seat: u32, latency: u32) {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = seats.entry(seat).or_default();
        if times.len() == KEPT as usize {
            times.pop_front();
        }
        times.push_back(latency);
    }

    /// By seat: how many there are, and the times that half, nine tenths and 99 of a hundred do not exceed.
    pub(super) fn facts(&self) -> Value {
        let seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = seats.iter().map(|(seat, times)| {
            let mut times: Vec<_> = times.iter().copied().collect();
            times.sort_unstable();
            let quantile = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
            let (p50, p90, p99) = (quantile(50), quantile(90), quantile(99));
            (seat.to_string(), json!({ "count": times.len(), "p50_ms": p50, "p90_ms": p90, "p99_ms": p99 }))
        });
        facts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_latest_times() {
        let latencies = Latencies::default();
        (1..=1_000).for_each(|time| latencies.add(3, time));
        latencies.add(0, 7);
        assert_eq!(
            latencies.facts(),
            json!({
                "0": { "count": 1, "p50_ms": 7, "p90_ms": 7, "p99_ms": 7 },
                "3": { "count": 256, "p50_ms": 872, "p90_ms": 975, "p99_ms": 998 },
            })
        );
    }
}
