//! What networks posted, punished and paid, from their events.

use super::Change;
use alloy::primitives::{Address, B256, keccak256};
use assay_contracts::{
    EpochRewards::EpochRewardsEvents,
    Suite,
    Uptime::UptimeEvents,
    network::{NetworkEvent, Roots},
};

impl Change<'_> {
    pub(super) async fn network(
        &mut self,
        suite: &Suite,
        contract: Address,
        event: &NetworkEvent,
    ) -> Result<(), sqlx::Error> {
        match event {
            NetworkEvent::Uptime(event) => self.uptime(suite, contract, event).await,
            NetworkEvent::EpochRewards(_, event) => self.epoch_rewards(suite, contract, event).await,
            // Histories are made of these.
            NetworkEvent::LicenseStaking(_) | NetworkEvent::Attestations(_) => Ok(()),
        }
    }

    async fn uptime(&mut self, suite: &Suite, uptime: Address, event: &UptimeEvents) -> Result<(), sqlx::Error> {
        match event {
            UptimeEvents::OutcomePosted(event) => {
                let row = self.tables.epoch_roots.entry(self.connection, (uptime, event.epoch)).await?;
                (row.total, row.truth_hash) = (event.total, Some(keccak256(&event.truth)));
                Ok(())
            }
            UptimeEvents::Posted(event) => {
                let (root, publisher) = (event.root, event.publisher);
                self.root_posted(uptime, event.epoch, root, publisher, event.count, event.windowEnd).await
            }
            UptimeEvents::Demanded(event) => self.root_demanded(suite, uptime, event.epoch, event.answerBy).await,
            UptimeEvents::Supplied(event) => self.root_supplied(uptime, event.epoch).await,
            UptimeEvents::Removed(event) => self.root_removed(uptime, event.epoch).await,
            UptimeEvents::Struck(event) => {
                let time = self.origin.timestamp;
                let row = self.tables.strikes.entry(self.connection, (uptime, event.operator, event.epoch)).await?;
                (row.struck_at, row.wrong) = (time, event.wrong);
                Ok(())
            }
            UptimeEvents::Appealed(event) => {
                let row = self.tables.strikes.entry(self.connection, (uptime, event.operator, event.epoch)).await?;
                (row.wrong, row.appealed) = (event.wrong, true);
                Ok(())
            }
            UptimeEvents::Banned(event) => {
                let row = self.tables.bans.entry(self.connection, (uptime, event.operator, event.from)).await?;
                row.until_epoch = event.until;
                Ok(())
            }
            UptimeEvents::BondReleased(_) | UptimeEvents::DemandRefunded(_) => Ok(()),
        }
    }

    async fn epoch_rewards(
        &mut self,
        suite: &Suite,
        pool: Address,
        event: &EpochRewardsEvents,
    ) -> Result<(), sqlx::Error> {
        match event {
            EpochRewardsEvents::Emitted(event) => {
                let returned = self.tables.reward_pools.entry(self.connection, (pool,)).await?.returned;
                let row = self.tables.epoch_roots.entry(self.connection, (pool, event.epoch)).await?;
                (row.budget, row.emitted, row.returned) = (event.budget.into(), event.emitted.into(), returned);
                Ok(())
            }
            EpochRewardsEvents::Posted(event) => {
                let (root, publisher) = (event.root, event.publisher);
                self.root_posted(pool, event.epoch, root, publisher, event.count, event.windowEnd).await
            }
            EpochRewardsEvents::Demanded(event) => self.root_demanded(suite, pool, event.epoch, event.answerBy).await,
            EpochRewardsEvents::Supplied(event) => self.root_supplied(pool, event.epoch).await,
            EpochRewardsEvents::Removed(event) => self.root_removed(pool, event.epoch).await,
            EpochRewardsEvents::Funded(event) => {
                self.tables.reward_pools.entry(self.connection, (pool,)).await?.funded.add(event.amount);
                Ok(())
            }
            EpochRewardsEvents::Claimed(event) => {
                let money = self.tables.reward_pools.entry(self.connection, (pool,)).await?;
                money.claimed.add(event.amount);
                money.returned.add(event.forfeited);
                let books = self.tables.reward_books.entry(self.connection, (pool, event.number)).await?;
                books.claimed.add(event.amount);
                books.forfeited.add(event.forfeited);
                books.unpaid = event.unpaid.into();
                (books.stream_from, books.stream_until) = (event.from.into(), event.until.into());
                Ok(())
            }
            EpochRewardsEvents::Collected(event) => {
                let time = self.origin.timestamp;
                self.tables.reward_pools.entry(self.connection, (pool,)).await?.collected.add(event.amount);
                let books = self.tables.reward_books.entry(self.connection, (pool, event.number)).await?;
                books.collected.add(event.amount);
                // What a claim paid out by itself is no part of the line that it announced, of which nothing is free yet.
                if books.stream_from < time || books.stream_until <= time {
                    books.unpaid.sub(event.amount);
                    books.stream_from = time;
                }
                Ok(())
            }
            EpochRewardsEvents::Returned(event) => {
                let books = self.tables.reward_books.entry(self.connection, (pool, event.number)).await?;
                let claimed = event.amount.saturating_sub(books.unpaid.0);
                books.claimed.add(claimed);
                books.forfeited.add(event.amount);
                books.unpaid = Default::default();
                let money = self.tables.reward_pools.entry(self.connection, (pool,)).await?;
                money.claimed.add(claimed);
                money.returned.add(event.amount);
                Ok(())
            }
            EpochRewardsEvents::AgentSet(_)
            | EpochRewardsEvents::BondReleased(_)
            | EpochRewardsEvents::DemandRefunded(_) => Ok(()),
        }
    }

    async fn root_posted(
        &mut self,
        contract: Address,
        epoch: u32,
        root: B256,
        publisher: Address,
        count: u32,
        window_end: u32,
    ) -> Result<(), sqlx::Error> {
        let (position, transaction_hash) = (self.origin.position, self.origin.transaction_hash);
        let row = self.tables.epoch_roots.entry(self.connection, (contract, epoch)).await?;
        (row.position, row.transaction_hash) = (position, transaction_hash);
        (row.root, row.publisher, row.count) = (Some(root), Some(publisher), count);
        (row.final_at, row.open) = (window_end.into(), 0);
        Ok(())
    }

    /// Time to answer, and as much to read the answer.
    async fn root_demanded(
        &mut self,
        suite: &Suite,
        contract: Address,
        epoch: u32,
        answer_by: u32,
    ) -> Result<(), sqlx::Error> {
        let answer_time = roots_of(suite, contract).map_or(0, |roots| roots.answer_time);
        let row = self.tables.epoch_roots.entry(self.connection, (contract, epoch)).await?;
        row.open += 1;
        row.final_at = row.final_at.max(u64::from(answer_by) + u64::from(answer_time));
        Ok(())
    }

    async fn root_supplied(&mut self, contract: Address, epoch: u32) -> Result<(), sqlx::Error> {
        let row = self.tables.epoch_roots.entry(self.connection, (contract, epoch)).await?;
        row.open = row.open.saturating_sub(1);
        Ok(())
    }

    async fn root_removed(&mut self, contract: Address, epoch: u32) -> Result<(), sqlx::Error> {
        let row = self.tables.epoch_roots.entry(self.connection, (contract, epoch)).await?;
        (row.root, row.publisher, row.open) = (None, None, 0);
        row.removed += 1;
        Ok(())
    }
}

/// What a contract of a network promises of its roots.
fn roots_of(suite: &Suite, contract: Address) -> Option<&Roots> {
    suite.networks.iter().find_map(|network| {
        let pool = network.pools.iter().find(|pool| pool.address == contract);
        let shares = (network.uptime == contract).then_some(&network.terms.roots);
        pool.map(|pool| &pool.terms.roots).or(shares)
    })
}
