//! What all contracts that post roots have in common: bonds and demands.

use alloy::primitives::{Address, B256};
use assay_contracts::{
    Uptime as Roots,
    network::{Posting, Postings},
};
use assay_epochs::{
    Hash,
    nodes::{self, Difference, OpenedTree},
};
use assay_kernels::merkle::Tree;

use super::{
    calls,
    look::{DUE, LATER, Look, Poster, URGENT},
};
use crate::error::Result;

/// A leaf that is not the right one.
#[derive(Debug)]
pub(super) struct FalseLeaf {
    pub(super) number: u32,
    pub(super) leaf: Hash,
    pub(super) proof: Vec<Hash>,
}

impl Look<'_> {
    /// Shows what was demanded of this keeper's own posting, whose tree is `tree`.
    pub(super) fn answer(&mut self, poster: Poster<'_>, epoch: u32, posting: &Posting, tree: &Tree) {
        if posting.publisher != self.means.me {
            return;
        }
        let open = posting.demands.iter().filter(|(_, demand)| demand.nodes.is_none());
        for (&(tier, index), demand) in open {
            if let Some(nodes) = nodes::children(tree, tier, index as usize) {
                let data = calls::supply(epoch, (tier, index), nodes);
                let (key, by) = (key(epoch, posting, (tier, index)), Some(demand.answer_by));
                self.want_by("supply", key, URGENT, poster.address, data, by);
            }
        }
    }

    /// Opens a false tree from the root downwards until a leaf of it is seen that is not that of `right`. The posting goes where what was
    /// demanded is not shown.
    pub(super) async fn open(
        &mut self,
        poster: Poster<'_>,
        epoch: u32,
        posting: &Posting,
        right: &Tree,
    ) -> Result<Option<FalseLeaf>> {
        let mut theirs = OpenedTree::new(posting.root.0, posting.count as usize);
        // From the highest tier down.
        for (&(tier, index), demand) in posting.demands.iter().rev() {
            let Some(nodes) = &demand.nodes else { continue };
            let nodes: Vec<Hash> = nodes.iter().map(|node| node.0).collect();
            if let Err(error) = theirs.open(tier, index as usize, &nodes) {
                tracing::debug!(epoch, tier, index, %error, "what was shown opens nothing");
            }
        }
        let (place, node, proof) = match theirs.difference(right) {
            Difference::None => return Ok(None),
            Difference::Leaf { number, leaf, proof } => return Ok(Some(FalseLeaf { number, leaf, proof })),
            Difference::Demand { tier, index, node, proof } => ((tier, index as u32), node, proof),
        };
        let key = key(epoch, posting, place);
        let until = demandable_until(poster, posting, place.0);
        if let Some(demand) = posting.demands.get(&place) {
            // It has not been shown; what this keeper does not know how to read is left to others.
            if self.now.time > demand.answer_by && demand.nodes.is_none() {
                self.want("expire", key, URGENT, poster.address, calls::expire(epoch, place));
            }
        } else if self.now.time < until && self.can_pay(poster, poster.roots.fee, "the fee of a demand").await? {
            let data = calls::demand(epoch, place, node.into(), &proof);
            self.want_by("demand", key, URGENT, poster.address, data, Some(until - 1));
        }
        Ok(None)
    }

    /// Wants a challenge while the posting can be challenged.
    pub(super) fn challenge(
        &mut self,
        poster: Poster<'_>,
        kind: &'static str,
        epoch: u32,
        posting: &Posting,
        data: alloy::primitives::Bytes,
    ) {
        let by = (!posting.is_open()).then(|| posting.final_at.saturating_sub(1));
        let key = format!("{epoch}:{}:{}", short(posting.root), posting.window_end);
        self.want_by(kind, key, URGENT, poster.address, data, by);
    }

    /// Takes back bonds of final epochs, and fees of demands whose postings are gone.
    pub(super) async fn take_back(&mut self, poster: Poster<'_>, postings: &Postings) -> Result<()> {
        let (me, time) = (self.means.me, self.now.time);
        let is_mine = |(epoch, posting): &(u32, &Posting)| {
            posting.publisher == me && posting.is_bonded && postings.is_final(*epoch, time)
        };
        for (epoch, posting) in postings.all().filter(is_mine) {
            let key = format!("{epoch}:{}", posting.window_end);
            self.want("release", key, LATER, poster.address, calls::release(epoch));
        }
        let contract = Roots::new(poster.address, &self.means.rpc);
        for refund in postings.refunds().iter().filter(|refund| refund.demander == me) {
            let (root, window_end) = (refund.root, u32::try_from(refund.window_end).unwrap_or(u32::MAX));
            let (tier, index) =
                (alloy::primitives::U256::from(refund.tier), alloy::primitives::U256::from(refund.index));
            let open = contract.demandOf(refund.epoch, root, window_end, tier, index).block(self.at()).call().await?;
            if open.demander == me {
                let call = contract.refundDemand(refund.epoch, root, window_end, tier, index);
                let key = format!("{}:{}:{window_end}:{tier}:{index}", refund.epoch, short(root));
                self.want("refundDemand", key, LATER, poster.address, call.calldata().clone());
            }
        }
        Ok(())
    }

    /// Wants a posting, if the bond is there.
    pub(super) async fn post(
        &mut self,
        poster: Poster<'_>,
        epoch: u32,
        postings: &Postings,
        root: Hash,
        data: alloy::primitives::Bytes,
    ) -> Result<()> {
        if self.is_turn(format!("post:{}:{epoch}:{}", poster.address, postings.removed()))
            && self.can_pay(poster, poster.roots.bond, "the bond of a posting").await?
        {
            let key = format!("{epoch}:{}:{}", postings.removed(), short(root.into()));
            self.want("post", key, DUE, poster.address, data);
        }
        Ok(())
    }

    /// Says once a look that a contract's epochs are lost.
    pub(super) fn false_final(&mut self, contract: Address, epoch: u32) {
        let message = format!(
            "what {contract} says of epoch {epoch} became final and is not what its rule says: this keeper builds nothing on it"
        );
        if self.troubles.iter().all(|trouble| trouble.message != message) {
            self.trouble("false_final", message);
        }
    }
}

/// Until when a node of a tier can be demanded.
fn demandable_until(poster: Poster<'_>, posting: &Posting, tier: u32) -> u64 {
    let lower = u64::from(nodes::highest(posting.count as usize) - tier);
    posting.window_end + lower * 2 * u64::from(poster.roots.answer_time)
}

fn key(epoch: u32, posting: &Posting, (tier, index): (u32, u32)) -> String {
    format!("{epoch}:{}:{}:{tier}:{index}", short(posting.root), posting.window_end)
}

fn short(root: B256) -> String {
    root.to_string()[2..18].to_owned()
}
