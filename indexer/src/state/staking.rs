//! Provisions from the staking contract's events.

use super::Change;
use crate::rows::Amount;
use assay_contracts::Staking::StakingEvents;

impl Change<'_> {
    pub(super) async fn staking(&mut self, event: &StakingEvents) -> Result<(), sqlx::Error> {
        let key = match event {
            StakingEvents::Staked(event) => (event.operator, event.service),
            StakingEvents::ThawStarted(event) => (event.operator, event.service),
            StakingEvents::Withdrawn(event) => (event.operator, event.service),
            StakingEvents::Locked(event) => (event.operator, event.service),
            StakingEvents::Unlocked(event) => (event.operator, event.service),
            StakingEvents::Slashed(event) => (event.operator, event.service),
            // Delegated stake is in the log.
            _ => return Ok(()),
        };
        let provision = self.tables.provisions.entry(self.connection, key).await?;
        match event {
            StakingEvents::Staked(event) => provision.stake.add(event.amount),
            StakingEvents::ThawStarted(event) => {
                provision.thawing.add(event.amount);
                provision.thawed_at = event.thawedAt.to();
            }
            StakingEvents::Withdrawn(event) => {
                provision.stake.sub(event.amount);
                provision.thawing = Amount::default();
                provision.thawed_at = 0;
            }
            StakingEvents::Locked(event) => provision.locked.add(event.amount),
            StakingEvents::Unlocked(event) => provision.locked.sub(event.amount),
            StakingEvents::Slashed(event) => {
                provision.stake.sub(event.amount);
                provision.locked.sub(event.amount);
                provision.slashed.add(event.amount);
            }
            _ => {}
        }
        Ok(())
    }
}
