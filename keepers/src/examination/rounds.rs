//! When the rounds of an epoch are.

use std::ops::Range;

use assay_contracts::Network;

/// Share of a round, in percent, in which nobody is asked: at its beginning and its end those who look at the chain may differ about
/// which round it is, and an answer takes time.
const QUIET: (u64, u64) = (10, 25);

/// The rounds of an epoch by the chain's time: as many equal parts of what is left of it when its seed can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    epoch: u32,
    start: u64,
    end: u64,
    count: u32,
}

impl Rounds {
    /// Of an epoch.
    pub fn new(network: &Network, epoch: u32) -> Self {
        let (start, end) = (network.seals_end(epoch), network.begins(epoch + 1));
        Self { epoch, start, end, count: network.terms.exam.rounds.into() }
    }

    /// The rounds of the epoch at a time; `None` before the first epoch.
    pub fn at(network: &Network, time: u64) -> Option<Self> {
        (time >= network.terms.genesis).then(|| Self::new(network, network.epoch_at(time)))
    }

    /// Their epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// From when until before when a round is (Unix seconds).
    pub fn span(&self, round: u32) -> Range<u64> {
        let edge = |round: u32| self.start + (self.end - self.start) * u64::from(round) / u64::from(self.count.max(1));
        edge(round)..edge(round + 1)
    }

    /// The round at a time, if the time is in one.
    pub fn round_at(&self, time: u64) -> Option<u32> {
        if !(self.start..self.end).contains(&time) {
            return None;
        }
        (0..self.count).find(|round| self.span(*round).contains(&time))
    }

    /// When to ask in a round, by a random number.
    pub fn moment(&self, round: u32, random: u64) -> u64 {
        let Range { start, end } = self.span(round);
        let length = end - start;
        let (first, last) = (length * QUIET.0 / 100, length - length * QUIET.1 / 100);
        start + first + random % (last - first).max(1)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;
    use assay_contracts::deploy::devnet_network;

    use super::*;

    fn network(rounds: u16, epoch_length: u32) -> Network {
        let mut terms = devnet_network(Address::ZERO, 10, 1_000);
        (terms.exam.rounds, terms.epoch_length, terms.exam.seal_time) = (rounds, epoch_length, 20);
        let address = Address::ZERO;
        Network {
            license_staking: address,
            uptime: address,
            attestations: address,
            block: 0,
            code_hashes: Default::default(),
            terms,
            pools: Vec::new(),
        }
    }

    #[test]
    fn rounds_fill_what_is_left_of_an_epoch_after_its_seals() {
        let network = network(3, 120);
        assert_eq!(Rounds::at(&network, 999), None);
        let rounds = Rounds::at(&network, 1_119).unwrap();
        assert_eq!((rounds.epoch(), rounds.span(0), rounds.span(2)), (0, 1_020..1_053, 1_086..1_120));
        assert_eq!((rounds.round_at(1_019), rounds.round_at(1_020), rounds.round_at(1_052)), (None, Some(0), Some(0)));
        assert_eq!((rounds.round_at(1_053), rounds.round_at(1_119), rounds.round_at(1_120)), (Some(1), Some(2), None));
        assert_eq!(Rounds::at(&network, 1_120).unwrap().epoch(), 1);
    }

    #[test]
    fn everybody_is_asked_within_the_round_and_at_different_times() {
        let network = network(4, 86_400);
        let rounds = Rounds::new(&network, 7);
        let moments: Vec<_> = (0..1_000).map(|random| rounds.moment(2, random * 7_919)).collect();
        let Range { start, end } = rounds.span(2);
        assert!(moments.iter().all(|moment| (start + 2_000..end - 5_000).contains(moment)));
        assert!(moments.iter().max().unwrap() - moments.iter().min().unwrap() > (end - start) / 2);
    }

    #[test]
    fn rounds_shorter_than_a_second_are_still_in_order() {
        let rounds = Rounds::new(&network(64, 30), 0);
        assert_eq!(rounds.span(63).end, 1_030);
        for round in 0..64 {
            assert!(rounds.moment(round, u64::MAX) >= rounds.span(round).start);
        }
        assert!(rounds.round_at(1_025).is_some());
    }
}
