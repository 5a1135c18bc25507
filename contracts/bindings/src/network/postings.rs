//! Roots that were posted, and what was doubted of them, by the events of one contract.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes};

use crate::{EpochRewards::EpochRewardsEvents, Uptime::UptimeEvents};

/// A root that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Who posted it.
    pub publisher: Address,
    /// What was posted.
    pub root: B256,
    /// Leaves of its tree.
    pub count: u32,
    /// Until when its highest node can be demanded (Unix seconds).
    pub window_end: u64,
    /// When nobody can doubt it any more, unless a demand is open (Unix seconds).
    pub final_at: u64,
    /// Whether its bond lies there still.
    pub is_bonded: bool,
    /// What came with it.
    pub outcome: Outcome,
    /// What was demanded of it, by tier and index. Kept of the last posting alone.
    pub demands: BTreeMap<(u32, u32), Demand>,
}

/// What is posted beside a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of `Uptime`: what shares are parts of, and the truth of all rounds, which is kept of the last posting alone.
    Shares {
        /// Sum of all shares.
        total: u64,
        /// The truth.
        truth: Bytes,
    },
    /// Of `EpochRewards`: what the epoch divides.
    Budget(u128),
}

/// A node that was demanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The node.
    pub node: B256,
    /// Who wants to see what it stands over.
    pub demander: Address,
    /// Until when the publisher shows that (Unix seconds).
    pub answer_by: u64,
    /// What was shown.
    pub nodes: Option<Vec<B256>>,
}

impl Posting {
    /// Whether a demand is open.
    pub fn is_open(&self) -> bool {
        self.demands.values().any(|demand| demand.nodes.is_none())
    }

    /// Whether nobody can doubt it any more at a time.
    pub fn is_final(&self, time: u64) -> bool {
        !self.is_open() && time >= self.final_at
    }
}

/// A demand whose posting is gone: its fee goes back to whoever made it, unless it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The epoch.
    pub epoch: u32,
    /// What was posted.
    pub root: B256,
    /// The end of its window.
    pub window_end: u64,
    /// Of the node.
    pub tier: u32,
    /// Of the node.
    pub index: u32,
    /// Who demanded it.
    pub demander: Address,
}

/// What one contract's roots are, and what was doubted of them.
#[derive(Clone, Debug)]
pub struct Postings {
    answer_time: u64,
    postings: BTreeMap<u32, Posting>,
    /// What was said of the posting whose root comes next.
    outcome: Option<Outcome>,
    removed: u32,
    refunds: Vec<Refund>,
}

impl Postings {
    /// Of a contract that has posted nothing yet, whose publishers answer within `answer_time` seconds.
    pub(super) fn new(answer_time: u32) -> Self {
        let answer_time = answer_time.into();
        Self { answer_time, postings: BTreeMap::new(), outcome: None, removed: 0, refunds: Vec::new() }
    }

    /// The epoch that is posted next, once the last one is final.
    pub fn next(&self) -> u32 {
        self.postings.last_key_value().map_or(0, |(epoch, _)| epoch + 1)
    }

    /// The last epoch that was posted, which alone may be open to doubt.
    pub fn last(&self) -> Option<(u32, &Posting)> {
        self.postings.last_key_value().map(|(epoch, posting)| (*epoch, posting))
    }

    /// The root of an epoch that stands.
    pub fn of(&self, epoch: u32) -> Option<&Posting> {
        self.postings.get(&epoch)
    }

    /// Whether the epoch is posted, and nobody can doubt it any more at a time.
    pub fn is_final(&self, epoch: u32, time: u64) -> bool {
        let next = self.next();
        epoch < next && (epoch + 1 < next || self.postings[&epoch].is_final(time))
    }

    /// The epoch whose root may be posted at a time.
    pub fn due(&self, time: u64) -> Option<u32> {
        self.last().is_none_or(|(_, posting)| posting.is_final(time)).then(|| self.next())
    }

    /// All that stand, by epoch.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Posting)> {
        self.postings.iter().map(|(epoch, posting)| (*epoch, posting))
    }

    /// How many were removed, ever.
    pub fn removed(&self) -> u32 {
        self.removed
    }

    /// Fees that may be due to those who demanded something of a posting that is gone. Of the demand by which it went, the contract has
    /// given the fee back already.
    pub fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    pub(super) fn uptime(&mut self, event: &UptimeEvents) {
        match event {
            UptimeEvents::OutcomePosted(event) => {
                self.outcome = Some(Outcome::Shares { total: event.total, truth: event.truth.clone() });
            }
            UptimeEvents::Posted(event) => {
                self.posted(event.epoch, event.publisher, event.root, event.count, event.windowEnd);
            }
            UptimeEvents::Demanded(event) => {
                let place = (event.tier.saturating_to(), event.index.saturating_to());
                self.demanded(event.epoch, place, event.node, event.demander, event.answerBy);
            }
            UptimeEvents::Supplied(event) => {
                let place = (event.tier.saturating_to(), event.index.saturating_to());
                self.supplied(event.epoch, place, event.nodes.clone());
            }
            UptimeEvents::Removed(event) => self.gone(event.epoch),
            UptimeEvents::BondReleased(event) => self.released(event.epoch),
            UptimeEvents::DemandRefunded(event) => {
                self.refunded(event.epoch, event.tier.saturating_to(), event.index.saturating_to(), event.demander);
            }
            UptimeEvents::Struck(_) | UptimeEvents::Appealed(_) | UptimeEvents::Banned(_) => {}
        }
    }

    pub(super) fn rewards(&mut self, event: &EpochRewardsEvents) {
        match event {
            EpochRewardsEvents::Emitted(event) => self.outcome = Some(Outcome::Budget(event.budget.saturating_to())),
            EpochRewardsEvents::Posted(event) => {
                self.posted(event.epoch, event.publisher, event.root, event.count, event.windowEnd);
            }
            EpochRewardsEvents::Demanded(event) => {
                let place = (event.tier.saturating_to(), event.index.saturating_to());
                self.demanded(event.epoch, place, event.node, event.demander, event.answerBy);
            }
            EpochRewardsEvents::Supplied(event) => {
                let place = (event.tier.saturating_to(), event.index.saturating_to());
                self.supplied(event.epoch, place, event.nodes.clone());
            }
            EpochRewardsEvents::Removed(event) => self.gone(event.epoch),
            EpochRewardsEvents::BondReleased(event) => self.released(event.epoch),
            EpochRewardsEvents::DemandRefunded(event) => {
                self.refunded(event.epoch, event.tier.saturating_to(), event.index.saturating_to(), event.demander);
            }
            // Claims and funds are no matter of roots.
            _ => {}
        }
    }

    fn posted(&mut self, epoch: u32, publisher: Address, root: B256, count: u32, window_end: u32) {
        if let Some(mut last) = self.postings.last_entry() {
            // Final: what it took to doubt it is not needed any more.
            last.get_mut().demands.clear();
            if let Outcome::Shares { truth, .. } = &mut last.get_mut().outcome {
                *truth = Bytes::new();
            }
        }
        // What a contract posts comes with its outcome, which is said first.
        let Some(outcome) = self.outcome.take() else { return };
        let (window_end, demands) = (u64::from(window_end), BTreeMap::new());
        let posting =
            Posting { publisher, root, count, window_end, final_at: window_end, is_bonded: true, outcome, demands };
        self.postings.insert(epoch, posting);
    }

    fn demanded(&mut self, epoch: u32, place: (u32, u32), node: B256, demander: Address, answer_by: u32) {
        let (answer_by, answer_time) = (u64::from(answer_by), self.answer_time);
        if let Some(posting) = self.postings.get_mut(&epoch) {
            posting.final_at = posting.final_at.max(answer_by + answer_time);
            posting.demands.insert(place, Demand { node, demander, answer_by, nodes: None });
        }
    }

    fn supplied(&mut self, epoch: u32, place: (u32, u32), nodes: Vec<B256>) {
        if let Some(demand) = self.postings.get_mut(&epoch).and_then(|posting| posting.demands.get_mut(&place)) {
            demand.nodes = Some(nodes);
        }
    }

    fn gone(&mut self, epoch: u32) {
        self.removed += 1;
        let Some(Posting { root, window_end, demands, .. }) = self.postings.remove(&epoch) else { return };
        let open = demands.into_iter().filter(|(_, demand)| demand.nodes.is_none());
        self.refunds.extend(open.map(|((tier, index), demand)| {
            let demander = demand.demander;
            Refund { epoch, root, window_end, tier, index, demander }
        }));
    }

    fn released(&mut self, epoch: u32) {
        if let Some(posting) = self.postings.get_mut(&epoch) {
            posting.is_bonded = false;
        }
    }

    fn refunded(&mut self, epoch: u32, tier: u32, index: u32, demander: Address) {
        let same = |refund: &Refund| {
            (refund.epoch, refund.tier, refund.index, refund.demander) == (epoch, tier, index, demander)
        };
        if let Some(at) = self.refunds.iter().position(same) {
            self.refunds.remove(at);
        }
    }
}
