//! Epochs as they were computed last, so that a look at the chain computes what has changed alone.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use alloy::primitives::{Address, B256};
use assay_blobs::Blobs;
use assay_contracts::network::{History, Mark, Outcome, Posting};
use assay_epochs::{Hash, Rewards, Uptime, wire};

use crate::error::{KeeperError, Result};

/// Epochs that are kept of each kind.
const KEPT: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// With what their inputs are told by.
    uptimes: BTreeMap<u32, (Mark, Arc<Uptime>)>,
    /// By their roots, of each pool.
    rewards: HashMap<Address, BTreeMap<u32, Arc<Rewards>>>,
    /// Roots whose leaves are in the blob store.
    published: HashSet<Hash>,
}

impl Books {
    /// An epoch by its rule; its time for revealing is over. `None` while its seed is not drawn.
    pub(super) async fn uptime(&mut self, history: &History, epoch: u32) -> Result<Option<Arc<Uptime>>> {
        let Some(mark) = history.mark_of(epoch) else { return Ok(None) };
        if let Some((_, known)) = self.uptimes.get(&epoch).filter(|(known, _)| *known == mark) {
            return Ok(Some(known.clone()));
        }
        let Ok(inputs) = history.inputs(epoch) else { return Ok(None) };
        let computed = blocking(move || Uptime::new(inputs)).await?;
        let computed = Arc::new(computed.map_err(assay_contracts::network::read::ReadError::from)?);
        keep(&mut self.uptimes, epoch, (mark, computed.clone()));
        Ok(Some(computed))
    }

    /// The shares of a final epoch as they were posted; `None` when those are not what its rule says.
    pub(super) async fn final_shares(&mut self, history: &History, epoch: u32) -> Result<Option<Arc<Uptime>>> {
        let Some(uptime) = self.uptime(history, epoch).await? else { return Ok(None) };
        let is_same = history.uptime().of(epoch).is_some_and(|posting| is_right(&uptime, posting));
        Ok(is_same.then_some(uptime))
    }

    /// What everybody has earned of a pool with a posted epoch, under the root that was posted. `None` when nobody can say.
    pub(super) async fn posted_rewards(
        &mut self,
        blobs: &Blobs,
        history: &History,
        pool: Address,
        epoch: u32,
    ) -> Result<Option<Arc<Rewards>>> {
        let Some(root) = root_of(history, pool, epoch) else { return Ok(None) };
        if let Some(known) = self.known(pool, epoch, root) {
            return Ok(Some(known));
        }
        if let Some(stored) = stored_rewards(blobs, root).await {
            self.keep_rewards(pool, epoch, stored.clone());
            return Ok(Some(stored));
        }
        // From the last one that is known on; each must have the root that stands.
        let mut first = epoch;
        while first > 0
            && root_of(history, pool, first - 1).and_then(|root| self.known(pool, first - 1, root)).is_none()
        {
            first -= 1;
        }
        let mut last = None;
        for number in first..=epoch {
            let Some(posting) = history.pool(pool).and_then(|postings| postings.of(number)) else { return Ok(None) };
            let Outcome::Budget(budget) = posting.outcome else { return Ok(None) };
            let Some(rewards) = self.rewards(history, pool, number, budget).await? else { return Ok(None) };
            if rewards.root() != posting.root.0 {
                return Ok(None);
            }
            last = Some(rewards);
        }
        Ok(last)
    }

    /// What everybody should have earned of a pool with an epoch of `budget`. The epoch before, if there is one, was computed or read.
    /// `None` when the epoch's shares are not what its rule says.
    pub(super) async fn rewards(
        &mut self,
        history: &History,
        pool: Address,
        epoch: u32,
        budget: u128,
    ) -> Result<Option<Arc<Rewards>>> {
        let Some(uptime) = self.final_shares(history, epoch).await? else { return Ok(None) };
        let previous = match epoch.checked_sub(1) {
            None => None,
            Some(before) => {
                let Some(root) = root_of(history, pool, before) else { return Ok(None) };
                let Some(known) = self.known(pool, before, root) else { return Ok(None) };
                Some(known)
            }
        };
        let computed = blocking(move || {
            Rewards::new(previous.as_deref().map_or(&[], Rewards::cumulative), budget, uptime.shares())
        });
        let computed = Arc::new(computed.await?);
        self.keep_rewards(pool, epoch, computed.clone());
        Ok(Some(computed))
    }

    /// Stores what the shares follow from, once.
    pub(super) async fn publish_shares(&mut self, blobs: &Blobs, uptime: &Uptime) -> Result<()> {
        let root = uptime.shares().root();
        if !self.published.contains(&root) {
            let inputs = wire::write_inputs(uptime.inputs());
            let inputs = inputs.map_err(assay_contracts::network::read::ReadError::from)?;
            blobs.put_shares(&root, inputs).await.map_err(failed)?;
            self.published.insert(root);
        }
        Ok(())
    }

    /// Stores what everybody has earned, once.
    pub(super) async fn publish_rewards(&mut self, blobs: &Blobs, epoch: u32, rewards: &Rewards) -> Result<()> {
        let root = rewards.root();
        if !self.published.contains(&root) {
            blobs.put_rewards(&root, wire::write_rewards(epoch, rewards)).await.map_err(failed)?;
            self.published.insert(root);
        }
        Ok(())
    }

    fn known(&self, pool: Address, epoch: u32, root: B256) -> Option<Arc<Rewards>> {
        self.rewards.get(&pool)?.get(&epoch).filter(|known| known.root() == root.0).cloned()
    }

    fn keep_rewards(&mut self, pool: Address, epoch: u32, rewards: Arc<Rewards>) {
        keep(self.rewards.entry(pool).or_default(), epoch, rewards);
    }
}

/// Whether a posting of shares is what the rule says.
pub(super) fn is_right(uptime: &Uptime, posting: &Posting) -> bool {
    let Outcome::Shares { total, .. } = posting.outcome else { return false };
    posting.root.0 == uptime.shares().root() && total == uptime.shares().total()
}

/// Rewards as somebody stored them under a root, which they have.
pub(super) async fn stored_rewards(blobs: &Blobs, root: B256) -> Option<Arc<Rewards>> {
    let bytes = blobs.get_rewards(&root.0).await.ok()?;
    let read = tokio::task::spawn_blocking(move || wire::read_rewards(&bytes)).await.ok()?;
    let (_, rewards) = read.ok()?;
    (rewards.root() == root.0).then(|| Arc::new(rewards))
}

fn root_of(history: &History, pool: Address, epoch: u32) -> Option<B256> {
    Some(history.pool(pool)?.of(epoch)?.root)
}

fn keep<T>(kept: &mut BTreeMap<u32, T>, epoch: u32, value: T) {
    kept.insert(epoch, value);
    while kept.len() > KEPT {
        // The one that was needed for no longer than the others: the farthest from what is computed now.
        let far = |at: &u32| at.abs_diff(epoch);
        let (first, last) = (*kept.keys().next().unwrap_or(&epoch), *kept.keys().next_back().unwrap_or(&epoch));
        kept.remove(if far(&first) > far(&last) { &first } else { &last });
    }
}

fn failed(error: assay_blobs::BlobError) -> KeeperError {
    KeeperError::Blobs(error.to_string())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| KeeperError::Panicked { task: "epoch", message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use alloy::primitives::U256;
    use assay_contracts::{
        Attestations::{AttestationsEvents, Revealed, Seeded},
        LicenseStaking::{KeySet, LicenseDelegated, LicenseStakingEvents, Registered},
        deploy::devnet_network,
        network::NetworkEvent,
    };

    use super::{super::history_of, *};

    const LICENSES: u32 = 50_000;
    const OPERATOR: u32 = LICENSES + 1;

    fn staking(history: &mut History, event: LicenseStakingEvents) {
        history.apply(&NetworkEvent::LicenseStaking(event));
    }

    fn attested(history: &mut History, event: AttestationsEvents) {
        history.apply(&NetworkEvent::Attestations(Box::new(event)));
    }

    fn delegate(history: &mut History, id: u32, epoch: u32) {
        let (id, owner) = (U256::from(id), Address::ZERO);
        let event = LicenseDelegated { id, operator: OPERATOR, owner, rate: 0, epoch };
        staking(history, LicenseStakingEvents::LicenseDelegated(event));
    }

    /// Epoch 0 of a network whose licences are all run.
    fn history() -> History {
        let mut history = history_of(devnet_network(Address::ZERO, LICENSES, 0));
        let registered = Registered { number: OPERATOR, account: Address::ZERO };
        staking(&mut history, LicenseStakingEvents::Registered(registered));
        let key = KeySet { number: OPERATOR, key: Address::repeat_byte(1), epoch: 0 };
        staking(&mut history, LicenseStakingEvents::KeySet(key));
        (1..=LICENSES).for_each(|id| delegate(&mut history, id, 0));
        attested(&mut history, AttestationsEvents::Seeded(Seeded { epoch: 0, seed: B256::repeat_byte(7) }));
        history
    }

    #[tokio::test]
    async fn an_epoch_is_computed_once_until_something_else_is_known_of_it() {
        let (mut books, mut history) = (Books::default(), history());
        let started = Instant::now();
        let first = books.uptime(&history, 0).await.unwrap().unwrap();
        let computing = started.elapsed();
        delegate(&mut history, 1, 1);
        let mut best = Duration::MAX;
        for _ in 0..20 {
            let started = Instant::now();
            let again = books.uptime(&history, 0).await.unwrap().unwrap();
            best = best.min(started.elapsed());
            assert!(Arc::ptr_eq(&first, &again));
        }
        assert!(best * 100 < computing, "{best:?} to find what took {computing:?} to compute");

        // A reorganisation brought an answer.
        let (operator, answers, root) = (OPERATOR, Vec::new().into(), B256::ZERO);
        let revealed = Revealed { epoch: 0, operator, answers, answersRoot: root, evidenceRoot: root };
        attested(&mut history, AttestationsEvents::Revealed(revealed));
        let other = books.uptime(&history, 0).await.unwrap().unwrap();
        assert_eq!((first.inputs().reveals.len(), other.inputs().reveals.len()), (0, 1));
    }
}
