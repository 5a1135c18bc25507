//! Everybody's shares of an epoch: posted when its reveals are over, and challenged where they are false.

use alloy::{primitives::U256, sol_types::SolCall};
use assay_contracts::{
    Attestations, Uptime as Contract,
    network::{Outcome, Posting},
};
use assay_epochs::{Uptime, uptime::answers::Answers};

use super::{books, calls, look::Look};
use crate::error::Result;

impl Look<'_> {
    pub(super) async fn shares(&mut self) -> Result<()> {
        let (poster, postings) = (self.uptime(), self.now.history.uptime());
        metrics::gauge!("assay_epochs_next", "contract" => "uptime").set(postings.next());
        self.take_back(poster, postings).await?;
        if let Some((epoch, posting)) = postings.last()
            && !posting.is_final(self.now.time)
        {
            return self.doubt_shares(epoch, posting).await;
        }
        let Some(epoch) = postings.due(self.now.settled) else { return Ok(()) };
        if !self.is_revealed(epoch).await? {
            return Ok(());
        }
        let Some(uptime) = self.memory.books.uptime(self.now.history, epoch).await? else { return Ok(()) };
        if let Err(error) = self.memory.books.publish_shares(&self.means.blobs, &uptime).await {
            self.trouble("blobs_failed", error.to_string());
        }
        let (root, truth) = (uptime.shares().root(), uptime.truth().bytes().to_vec().into());
        let call = Contract::postCall { epoch, root: root.into(), total: uptime.shares().total(), truth };
        self.post(poster, epoch, postings, root, call.abi_encode().into()).await
    }

    /// Whether the epoch's seed is known and nothing of it can be revealed any more, deep enough for a bond.
    async fn is_revealed(&self, epoch: u32) -> Result<bool> {
        let contract = Attestations::new(self.means.network.attestations, &self.means.rpc);
        let end = contract.revealEnd(epoch).block(self.at()).call().await?;
        Ok(self.now.history.seed_of(epoch).is_some() && end <= U256::from(self.now.settled))
    }

    /// A posting that can still be doubted: the cheapest proof, if it is false; its answers, if it is this keeper's.
    async fn doubt_shares(&mut self, epoch: u32, posting: &Posting) -> Result<()> {
        let poster = self.uptime();
        let Some(right) = self.memory.books.uptime(self.now.history, epoch).await? else { return Ok(()) };
        let Outcome::Shares { truth, .. } = &posting.outcome else { return Ok(()) };
        let (rounds, seats) = (right.inputs().rounds, right.inputs().seats());
        // The contract takes no truth of another form.
        let Some(posted) = Answers::from_bytes(rounds, seats, truth.to_vec()) else { return Ok(()) };
        if let Some(parts) = right.challenge_truth(&posted) {
            self.note_false(poster.address, epoch, posting);
            self.challenge(poster, "challengeTruth", epoch, posting, calls::challenge_truth(epoch, parts));
        } else if posting.root.0 != right.shares().root() {
            self.note_false(poster.address, epoch, posting);
            self.doubt_tree(epoch, posting, &right).await?;
        } else if !books::is_right(&right, posting) {
            self.note_false(poster.address, epoch, posting);
            if let Some(parts) = right.challenge_total() {
                self.challenge(poster, "challengeTotal", epoch, posting, calls::challenge_total(epoch, &parts));
            }
        } else {
            self.answer(poster, epoch, posting, right.shares().tree());
        }
        Ok(())
    }

    async fn doubt_tree(&mut self, epoch: u32, posting: &Posting, right: &Uptime) -> Result<()> {
        let poster = self.uptime();
        let Some(found) = self.open(poster, epoch, posting, right.shares().tree()).await? else { return Ok(()) };
        if let Some(parts) = right.challenge_leaf(found.number, found.leaf, found.proof) {
            self.challenge(poster, "challengeLeaf", epoch, posting, calls::challenge_leaf(epoch, parts));
        }
        Ok(())
    }
}
