//! Epochs that were computed, kept small: a million licences take 4 MB an epoch.

use super::Unknown;
use alloy::primitives::{Address, B256, keccak256};
use assay_contracts::{follow::BlockRef, network::History};
use assay_epochs::{
    Rewards, Uptime,
    rewards::earned,
    uptime::{BASIS, Run, answers::Answers, assignment::deputy},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Bytes of epochs that are kept; the oldest go first and are computed anew when they are asked for.
const KEPT_BYTES: usize = 512 << 20;
/// Cumulative rewards are counted in 96 bits.
const MASK: u128 = (1 << 96) - 1;

/// A licence's checks in an epoch. An epoch has 64 rounds at most, and a deputy twice as many checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) assigned: u8,
    pub(crate) answered: u8,
    pub(crate) right: u8,
    pub(crate) wrong: u8,
}

/// An operator's epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OperatorCounts {
    pub(crate) delegated: u32,
    pub(crate) silent: bool,
    pub(crate) assigned: u64,
    pub(crate) answered: u64,
    pub(crate) right: u64,
    pub(crate) wrong: u64,
    /// Its shares.
    pub(crate) commission: u64,
}

/// A computed epoch.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) epoch: u32,
    /// Root of the shares.
    pub(crate) root: B256,
    /// Sum of all shares.
    pub(crate) total: u64,
    pub(crate) truth: Answers,
    pub(crate) truth_hash: B256,
    /// For each seat whether somebody sat there.
    pub(crate) occupied: Vec<bool>,
    /// From number 1 on.
    licenses: Vec<Counts>,
    /// From the number after the licences' on.
    operators: Vec<OperatorCounts>,
}

impl Epoch {
    fn compute(history: &History, epoch: u32) -> Result<Self, Unknown> {
        let bad = |reason: String| Unknown::Bad { epoch, reason };
        let inputs = history.inputs(epoch).map_err(|error| bad(error.to_string()))?;
        let uptime = Uptime::new(inputs).map_err(|error| bad(error.to_string()))?;
        let inputs = uptime.inputs();
        let mut operators: Vec<_> = inputs
            .operators
            .iter()
            .map(|operator| OperatorCounts {
                delegated: operator.delegated,
                silent: operator.silent,
                ..OperatorCounts::default()
            })
            .collect();
        let licenses = (1..=inputs.licenses()).map(|license| {
            let record = uptime.record(license).copied().unwrap_or_default();
            let run = inputs.run(license);
            if let Some(operator) = inputs.operator_index(run.operator).and_then(|index| operators.get_mut(index)) {
                operator.assigned += u64::from(record.assigned);
                operator.answered += u64::from(record.answered);
                operator.right += u64::from(record.right);
                operator.wrong += u64::from(record.wrong);
                operator.commission += record.commission(run.rate);
            }
            let small = |count: u32| u8::try_from(count).unwrap_or(u8::MAX);
            Counts {
                assigned: small(record.assigned),
                answered: small(record.answered),
                right: small(record.right),
                wrong: small(record.wrong),
            }
        });
        let licenses = licenses.collect();
        Ok(Self {
            epoch,
            root: uptime.shares().root().into(),
            total: uptime.shares().total(),
            truth_hash: keccak256(uptime.truth().bytes()),
            truth: uptime.truth().clone(),
            occupied: inputs.occupied.clone(),
            licenses,
            operators,
        })
    }

    fn bytes(&self) -> usize {
        self.licenses.len() * size_of::<Counts>() + self.operators.len() * size_of::<OperatorCounts>()
    }

    fn license_count(&self) -> u32 {
        self.licenses.len() as u32
    }

    /// A licence's checks; none when there is no such licence.
    pub(crate) fn license(&self, number: u32) -> Option<Counts> {
        self.licenses.get((number as usize).checked_sub(1)?).copied()
    }

    /// An operator's epoch; none when it did not stand.
    pub(crate) fn operator(&self, number: u32) -> Option<OperatorCounts> {
        let place = number.checked_sub(self.license_count())?.checked_sub(1)?;
        self.operators.get(place as usize).copied()
    }

    /// The shares of a licence that was run so, or of an operator.
    pub(crate) fn shares(&self, number: u32, run: Run) -> u64 {
        match self.license(number) {
            Some(counts) => u64::from(counts.right) * BASIS.saturating_sub(run.rate.into()),
            None => self.operator(number).map_or(0, |operator| operator.commission),
        }
    }

    /// Whether an operator's licences were given nothing to examine.
    pub(crate) fn is_silent(&self, operator: u32) -> bool {
        self.operator(operator).is_some_and(|operator| operator.silent)
    }

    /// The licence that a licence stood in for.
    pub(crate) fn stood_in_for(&self, history: &History, license: u32) -> Option<u32> {
        let operator = |license| history.run_in(license, self.epoch).operator;
        let stands = operator(license) != 0 && !self.is_silent(operator(license));
        deputy(self.license_count(), license).filter(|deputy| stands && self.is_silent(operator(*deputy)))
    }

    /// All numbers with their shares, in order.
    fn all_shares(&self, history: &History) -> impl Iterator<Item = u64> {
        let numbers = 1..=self.license_count() + self.operators.len() as u32;
        numbers.map(|number| self.shares(number, history.run_in(number, self.epoch)))
    }
}

/// What follows from which closing blocks and budgets.
type Follows = Vec<(BlockRef, u128)>;

/// What was computed of a network.
#[derive(Debug, Default)]
pub(super) struct Computed {
    epochs: BTreeMap<u32, (BlockRef, Arc<Epoch>)>,
    bytes: usize,
    /// By pool, as of its last epoch that was asked for.
    rewards: HashMap<Address, (Follows, Arc<Rewards>)>,
}

impl Computed {
    pub(super) fn epoch(&mut self, history: &History, epoch: u32, block: BlockRef) -> Result<Arc<Epoch>, Unknown> {
        if let Some((follows, known)) = self.epochs.get(&epoch)
            && *follows == block
        {
            return Ok(known.clone());
        }
        let computed = Arc::new(Epoch::compute(history, epoch)?);
        self.bytes += computed.bytes();
        if let Some((_, replaced)) = self.epochs.insert(epoch, (block, computed.clone())) {
            self.bytes -= replaced.bytes();
        }
        while self.bytes > KEPT_BYTES && self.epochs.len() > 1 {
            let oldest = self.epochs.keys().find(|kept| **kept != epoch).copied();
            let Some((_, gone)) = oldest.and_then(|oldest| self.epochs.remove(&oldest)) else { break };
            self.bytes -= gone.bytes();
        }
        Ok(computed)
    }

    pub(super) fn rewards(
        &mut self,
        history: &History,
        pool: Address,
        follows: Follows,
    ) -> Result<Arc<Rewards>, Unknown> {
        let (mut known, mut cumulative) = (0, Vec::new());
        if let Some((before, rewards)) = self.rewards.get(&pool)
            && follows.starts_with(before)
        {
            if before.len() == follows.len() {
                return Ok(rewards.clone());
            }
            (known, cumulative) = (before.len(), rewards.cumulative().to_vec());
        }
        for (epoch, (block, emitted)) in (0..).zip(&follows).skip(known) {
            let epoch = self.epoch(history, epoch, *block)?;
            let shares = epoch.all_shares(history);
            cumulative.resize(epoch.licenses.len() + epoch.operators.len(), 0);
            for (sum, shares) in cumulative.iter_mut().zip(shares) {
                *sum = (*sum + earned(*emitted, shares, epoch.total)) & MASK;
            }
        }
        let rewards = Arc::new(Rewards::from_cumulative(cumulative));
        self.rewards.insert(pool, (follows, rewards.clone()));
        Ok(rewards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Bytes, U256};
    use assay_contracts::{
        Attestations::{self, AttestationsEvents},
        LicenseStaking::{self, LicenseStakingEvents},
        Network,
        deploy::chain_network,
        network::NetworkEvent,
    };
    use assay_epochs::uptime::answers::{GOOD, OFFLINE};
    use std::time::{Duration, Instant};

    const LICENSES: u32 = 20_000;
    const OPERATORS: u32 = 5;

    fn block(number: u64) -> BlockRef {
        BlockRef { number, hash: B256::with_last_byte(number as u8) }
    }

    fn staking(history: &mut History, event: LicenseStakingEvents) {
        history.apply(&NetworkEvent::LicenseStaking(event));
    }

    fn attested(history: &mut History, event: AttestationsEvents) {
        history.apply(&NetworkEvent::Attestations(Box::new(event)));
    }

    /// Two epochs in which four of five operators run most licences and say of one seat what `answer` says of epoch and operator.
    fn history(answer: fn(u32, u32) -> u8) -> History {
        let terms = chain_network(Address::repeat_byte(4), LICENSES, 0);
        let rounds = u32::from(terms.exam.rounds);
        let at = Address::repeat_byte;
        let (code_hashes, pools) = (BTreeMap::new(), Vec::new());
        let network =
            Network { license_staking: at(1), uptime: at(2), attestations: at(3), block: 0, code_hashes, terms, pools };
        let mut history = History::new(&network);
        for number in LICENSES + 1..=LICENSES + OPERATORS {
            let account = at(number as u8);
            staking(&mut history, LicenseStakingEvents::Registered(LicenseStaking::Registered { number, account }));
            let key = LicenseStaking::KeySet { number, key: account, epoch: 0 };
            staking(&mut history, LicenseStakingEvents::KeySet(key));
        }
        for license in (1..=LICENSES).filter(|license| license % 7 != 0) {
            let (id, operator, rate) = (U256::from(license), LICENSES + 1 + license % 4, (license % 10_000) as u16);
            let event = LicenseStaking::LicenseDelegated { id, operator, owner: at(9), rate, epoch: 0 };
            staking(&mut history, LicenseStakingEvents::LicenseDelegated(event));
        }
        let (provider, key, endpoint) = (at(7), at(8), "there:1".to_owned());
        let seat = Attestations::SeatTaken { seat: 0, provider, key, endpoint, epoch: 0 };
        attested(&mut history, AttestationsEvents::SeatTaken(seat));
        for epoch in 0..2 {
            let seed = B256::repeat_byte(epoch as u8 + 1);
            attested(&mut history, AttestationsEvents::Seeded(Attestations::Seeded { epoch, seed }));
            for (place, operator) in (0..).zip(LICENSES + 1..LICENSES + OPERATORS) {
                let answers = Bytes::from(vec![answer(epoch, operator); rounds as usize]);
                let (answers_root, weight) = (B256::ZERO, 1);
                let revealed = Attestations::Revealed {
                    epoch,
                    operator,
                    answers,
                    answersRoot: answers_root,
                    evidenceRoot: answers_root,
                };
                attested(&mut history, AttestationsEvents::Revealed(revealed));
                let voting = Attestations::Voting { epoch, place, operator, weight };
                attested(&mut history, AttestationsEvents::Voting(voting));
            }
        }
        history
    }

    /// One of the operators says the opposite in epoch 1.
    fn mostly_good(epoch: u32, operator: u32) -> u8 {
        if epoch == 1 && operator == LICENSES + 2 { OFFLINE } else { GOOD }
    }

    #[test]
    fn what_is_kept_of_an_epoch_pays_what_the_whole_of_it_does() {
        let history = history(mostly_good);
        let whole: Vec<_> = (0..2).map(|epoch| Uptime::new(history.inputs(epoch).unwrap()).unwrap()).collect();
        let first = Rewards::new(&[], 1_000_003, whole[0].shares());
        let second = Rewards::new(first.cumulative(), 77, whole[1].shares());
        assert_ne!(whole[0].shares().total(), whole[1].shares().total());

        let mut computed = Computed::default();
        for uptime in &whole {
            let number = uptime.inputs().epoch;
            let epoch = computed.epoch(&history, number, block(number.into())).unwrap();
            let root = B256::from(uptime.shares().root());
            assert_eq!((epoch.root, epoch.total), (root, uptime.shares().total()));
            for (share, number) in uptime.shares().shares().iter().zip(1..) {
                assert_eq!(epoch.shares(number, history.run_in(number, epoch.epoch)), share.shares);
            }
        }
        let pool = Address::repeat_byte(6);
        let one = computed.rewards(&history, pool, vec![(block(0), 1_000_003)]).unwrap();
        assert_eq!(one.root(), first.root());
        let follows = vec![(block(0), 1_000_003), (block(1), 77)];
        let both = computed.rewards(&history, pool, follows.clone()).unwrap();
        assert_eq!(both.root(), second.root());

        let asked = Instant::now();
        let (cumulative, _) = computed.rewards(&history, pool, follows).unwrap().claim(LICENSES).unwrap();
        assert!(asked.elapsed() < Duration::from_millis(50), "a proof of what is computed took {:?}", asked.elapsed());
        assert_eq!(cumulative, second.cumulative()[LICENSES as usize - 1]);
    }

    #[test]
    fn what_followed_from_another_block_is_computed_again() {
        let (before, after) = (history(mostly_good), history(|_, _| GOOD));
        let mut computed = Computed::default();
        let pool = Address::repeat_byte(6);
        let follows = |hash: u64| vec![(block(0), 500), (block(hash), 500)];
        let old = computed.rewards(&before, pool, follows(1)).unwrap();
        let same = computed.rewards(&after, pool, follows(1)).unwrap();
        assert_eq!(old.root(), same.root(), "the block says that nothing has changed");
        let new = computed.rewards(&after, pool, follows(2)).unwrap();
        assert_ne!(old.root(), new.root());
        assert_eq!(computed.epoch(&after, 1, block(2)).unwrap().operator(LICENSES + 2).unwrap().wrong, 0);
        assert_ne!(computed.epoch(&before, 1, block(1)).unwrap().operator(LICENSES + 2).unwrap().wrong, 0);
    }
}
