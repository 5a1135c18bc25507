//! What everybody has earned of a pool: posted when the epoch's shares are final, and challenged where it is false.

use std::sync::Arc;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use assay_contracts::{
    EpochRewards,
    network::{Outcome, Pool, Posting},
};
use assay_epochs::{
    Rewards, Uptime,
    rewards::{self},
};

use super::{
    books, calls,
    doubt::FalseLeaf,
    look::{Look, Poster},
};
use crate::error::Result;

/// What an epoch of a pool comes to by its rule.
struct Right {
    uptime: Arc<Uptime>,
    previous: Option<Arc<Rewards>>,
    rewards: Arc<Rewards>,
}

impl Look<'_> {
    pub(super) async fn pool(&mut self, pool: &Pool) -> Result<()> {
        let poster = Poster { address: pool.address, roots: &pool.terms.roots };
        let Some(postings) = self.now.history.pool(pool.address) else { return Ok(()) };
        metrics::gauge!("assay_epochs_next", "contract" => pool.address.to_string()).set(postings.next());
        self.take_back(poster, postings).await?;
        if let Some((epoch, posting)) = postings.last()
            && !posting.is_final(self.now.time)
        {
            return self.doubt_rewards(poster, epoch, posting).await;
        }
        let Some(epoch) = postings.due(self.now.settled) else { return Ok(()) };
        if !self.now.history.uptime().is_final(epoch, self.now.settled) {
            return Ok(());
        }
        let contract = EpochRewards::new(pool.address, &self.means.rpc);
        let budget: u128 = contract.budgetOf(epoch).block(self.at()).call().await?.saturating_to();
        let Some(right) = self.right(pool.address, epoch, budget).await? else { return Ok(()) };
        let reserve: U256 = contract.reserve().block(self.at()).call().await?;
        if right.uptime.shares().total() != 0 && reserve < U256::from(budget) {
            let message = format!(
                "pool {} holds {reserve} units of {} and emits {budget} in epoch {epoch}: run `assay rewards fund`",
                pool.address, pool.terms.token
            );
            let missing = Some(U256::from(budget) - reserve);
            self.troubles.push(super::Trouble { code: "pool_underfunded", message, missing });
            return Ok(());
        }
        if let Err(error) = self.memory.books.publish_rewards(&self.means.blobs, epoch, &right.rewards).await {
            self.trouble("blobs_failed", error.to_string());
        }
        let root = right.rewards.root();
        let call = EpochRewards::postCall { epoch, root: root.into() };
        self.post(poster, epoch, postings, root, call.abi_encode().into()).await
    }

    /// The epoch by its rule, after what stands of the one before.
    async fn right(&mut self, pool: Address, epoch: u32, budget: u128) -> Result<Option<Right>> {
        let (history, books) = (self.now.history, &mut self.memory.books);
        let Some(uptime) = books.final_shares(history, epoch).await? else {
            self.false_final(self.means.network.uptime, epoch);
            return Ok(None);
        };
        let previous = match epoch.checked_sub(1) {
            None => None,
            Some(before) => {
                let posted = books.posted_rewards(&self.means.blobs, history, pool, before).await?;
                if posted.is_none() {
                    let message =
                        format!("what pool {pool} has final of epoch {before} is neither the rule's nor stored");
                    self.trouble("rewards_unknown", message);
                    return Ok(None);
                }
                posted
            }
        };
        let Some(rewards) = books.rewards(history, pool, epoch, budget).await? else { return Ok(None) };
        Ok(Some(Right { uptime, previous, rewards }))
    }

    /// A posting that can still be doubted.
    async fn doubt_rewards(&mut self, poster: Poster<'_>, epoch: u32, posting: &Posting) -> Result<()> {
        let Outcome::Budget(budget) = posting.outcome else { return Ok(()) };
        let Some(right) = self.right(poster.address, epoch, budget).await? else { return Ok(()) };
        let tree = right.rewards.tree();
        if posting.root.0 == right.rewards.root() {
            self.answer(poster, epoch, posting, tree);
            return Ok(());
        }
        self.note_false(poster.address, epoch, posting);
        let found = match self.stored_leaf(posting, &right.rewards).await {
            Some(found) => Some(found),
            None => self.open(poster, epoch, posting, tree).await?,
        };
        let Some(FalseLeaf { number, leaf, proof }) = found else { return Ok(()) };
        let parts = rewards::challenge(right.uptime.shares(), right.previous.as_deref(), number, leaf, proof);
        if let Some(parts) = parts {
            self.challenge(poster, "challengeRewards", epoch, posting, calls::challenge_rewards(epoch, parts));
        }
        Ok(())
    }

    /// Whoever stored the false tree has saved a demand.
    async fn stored_leaf(&self, posting: &Posting, right: &Rewards) -> Option<FalseLeaf> {
        let theirs = books::stored_rewards(&self.means.blobs, posting.root).await?;
        let (theirs, right) = (theirs.tree(), right.tree());
        if theirs.len() != right.len() {
            return None;
        }
        let place = theirs.leaves().iter().zip(right.leaves()).position(|(theirs, right)| theirs != right)?;
        Some(FalseLeaf { number: place as u32 + 1, leaf: theirs.leaves()[place], proof: theirs.proof(place) })
    }
}
