//! The real `EpochRewards` on a real chain takes what this crate computes, and nothing else.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U256, address, aliases::U96, bytes},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    signers::local::PrivateKeySigner,
    sol,
    sol_types::SolCall,
};
use assay_contracts::Ledger;
use assay_epochs::{
    Hash, Rewards, Share, ShareTree,
    nodes::{self, Difference, OpenedTree},
    rewards::{Challenge, Posted, Schedule, budget, challenge, leaf},
};
use assay_test_fixtures::Anvil;
use generated::EpochRewards;

#[allow(clippy::too_many_arguments)]
mod generated {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        EpochRewards,
        "../abi/EpochRewards.json"
    );
}

sol! {
    function license() returns (address);
    function licenses() returns (uint32);
    function sharesOf(uint32 epoch) returns (bytes32, uint32, uint64);
    function ownerOf(uint256 id) returns (address);
}

/// Everybody's money lies here.
const OWNER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// Answers for the shares and the collection.
const SHARES: Address = Address::repeat_byte(0x5a);
/// Returns the three words that are stored from slot `selector` on, whatever the arguments are.
const SAYS: Bytes = bytes!("5f3560e01c80545f5280600101546020526002015460405260605ff3");

const SCHEDULE: Schedule = Schedule { cap: 1_000_000_007, first: 300_000_001, halving: 2 };
const WINDOW: u64 = 1_000;
const ANSWER: u64 = 100;
const LICENSES: u32 = 590;

type Rules = EpochRewards::EpochRewardsInstance<DynProvider>;

struct World {
    _anvil: Anvil,
    provider: DynProvider,
    rewards: Rules,
    /// As this crate counts them.
    posted: Vec<Posted>,
    returned: u128,
    last: Option<Rewards>,
}

impl World {
    async fn new() -> Self {
        let anvil = Anvil::spawn();
        let signer: PrivateKeySigner = Anvil::KEYS[0].parse().unwrap();
        let provider = ProviderBuilder::default()
            .with_gas_estimation()
            .with_simple_nonce_management()
            .fetch_chain_id()
            .wallet(signer)
            .connect_http(anvil.url().parse().unwrap())
            .erased();
        provider.client().set_poll_interval(Duration::from_millis(20));
        provider.anvil_set_code(SHARES, SAYS).await.unwrap();
        says(&provider, licenseCall::SELECTOR, &[SHARES.into_word()]).await;
        says(&provider, licensesCall::SELECTOR, &[word(U256::from(LICENSES))]).await;
        says(&provider, ownerOfCall::SELECTOR, &[OWNER.into_word()]).await;

        let ledger = Ledger::deploy(provider.clone()).await.unwrap();
        let pool = EpochRewards::PoolTerms {
            token: Address::ZERO,
            schedule: EpochRewards::Schedule {
                cap: U96::from(SCHEDULE.cap),
                first: U96::from(SCHEDULE.first),
                halving: SCHEDULE.halving,
            },
            slowPeriod: 1_000,
            fastPeriod: 100,
            fastShare: 2_500,
        };
        let roots = EpochRewards::RootTerms {
            token: Address::ZERO,
            bond: 1_001,
            fee: 5,
            window: WINDOW as u32,
            answerTime: ANSWER as u32,
        };
        let rewards = EpochRewards::deploy(provider.clone(), *ledger.address(), SHARES, pool, roots).await.unwrap();
        let money = U256::from(10_u64.pow(18));
        ledger.depositNative(OWNER).value(money).send().await.unwrap().get_receipt().await.unwrap();
        let approve = ledger.approve(*rewards.address(), U256::ZERO, money);
        approve.send().await.unwrap().get_receipt().await.unwrap();
        let world = Self { _anvil: anvil, provider, rewards, posted: Vec::new(), returned: 0, last: None };
        let fund = world.rewards.fund(U256::from(SCHEDULE.cap));
        fund.send().await.unwrap().get_receipt().await.unwrap();
        world
    }

    fn epoch(&self) -> u32 {
        self.posted.len() as u32
    }

    /// What everybody should have earned after the next epoch.
    async fn divide(&self, shares: &ShareTree) -> Rewards {
        let count = U256::from(shares.shares().len());
        let divided = [shares.root().into(), word(count), word(U256::from(shares.total()))];
        says(&self.provider, sharesOfCall::SELECTOR, &divided).await;
        let budget = self.budget();
        assert_eq!(self.rewards.budgetOf(self.epoch()).call().await.unwrap(), U256::from(budget));
        Rewards::new(self.last.as_ref().map_or(&[], Rewards::cumulative), budget, shares)
    }

    fn budget(&self) -> u128 {
        let before =
            |epochs: usize| self.posted.len().checked_sub(epochs).map(|at| self.posted[at]).unwrap_or_default();
        budget(&SCHEDULE, self.epoch(), &before(1), &before(2))
    }

    async fn post(&self, root: Hash) {
        self.rewards.post(self.epoch(), root.into()).send().await.unwrap().get_receipt().await.unwrap();
    }

    /// Demands a node of what was posted, and answers with the nodes of `tree`.
    async fn open(&self, tree: &assay_kernels::merkle::Tree, tier: u32, index: usize, node: Hash, proof: Vec<Hash>) {
        let (level, at, epoch) = (U256::from(tier), U256::from(index), self.epoch());
        let demand = self.rewards.demand(epoch, level, at, node.into(), words(&proof));
        demand.send().await.unwrap().get_receipt().await.unwrap();
        let nodes = words(nodes::children(tree, tier, index).unwrap());
        let supply = self.rewards.supply(epoch, level, at, nodes);
        supply.send().await.unwrap().get_receipt().await.unwrap();
    }

    fn challenge(
        &self,
        parts: Challenge,
    ) -> alloy::contract::CallBuilder<&DynProvider, std::marker::PhantomData<EpochRewards::challengeCall>> {
        let Share { number, shares, detail } = parts.share;
        self.rewards.challenge(
            self.epoch(),
            EpochRewards::Share { number, shares, detail: detail.into() },
            words(&parts.share_proof),
            U96::from(parts.previous),
            words(&parts.previous_proof),
            parts.leaf.into(),
            words(&parts.proof),
        )
    }

    /// Lets the posted epoch become final, and one that earned something in it claim fast.
    async fn settle(&mut self, shares: &ShareTree, rewards: Rewards) {
        self.provider.anvil_increase_time(WINDOW + 3 * ANSWER).await.unwrap();
        self.provider.anvil_mine(Some(1), None).await.unwrap();
        let epoch = self.epoch();
        assert!(self.rewards.isFinal(epoch).call().await.unwrap());
        let skipped = shares.total() == 0;
        self.posted.push(Posted { budget: self.budget(), returned: self.returned, skipped });
        if !skipped {
            let number = 3 + epoch;
            let (cumulative, proof) = rewards.claim(number).unwrap();
            let count = rewards.cumulative().len() as u32;
            let earned = EpochRewards::Earned { epoch, count, number, cumulative: U96::from(cumulative) };
            self.rewards.claim(earned, words(&proof), true).send().await.unwrap().get_receipt().await.unwrap();
            self.returned += cumulative - cumulative * 2_500 / 10_000;
        }
        self.last = Some(rewards);
    }
}

/// What the shares' contract answers to a function.
async fn says(provider: &DynProvider, selector: [u8; 4], answer: &[B256]) {
    for (slot, word) in (u32::from_be_bytes(selector)..).zip(answer) {
        provider.anvil_set_storage_at(SHARES, U256::from(slot), *word).await.unwrap();
    }
}

fn word(number: U256) -> B256 {
    B256::from(number)
}

fn words(hashes: &[Hash]) -> Vec<B256> {
    hashes.iter().copied().map(B256::from).collect()
}

/// Shares of so many; `part` of each by its number.
fn shares(count: u32, part: impl Fn(u32) -> u64) -> ShareTree {
    let share = |number| Share { number, shares: part(number), detail: [number as u8; 32] };
    let shares: Vec<_> = (1..=count).map(share).collect();
    let total = shares.iter().map(|share| share.shares).sum();
    ShareTree::new(shares, total)
}

#[tokio::test]
async fn epochs_are_posted_doubted_and_claimed() {
    let mut world = World::new().await;
    // Nobody has a share of the third epoch. There are more operators from epoch to epoch.
    for (count, scale) in [(600, 7_u64), (601, 1_000_003), (601, 0), (620, 13), (620, 1)] {
        let shares = shares(count, |number| u64::from(number % 11) * scale);
        let rewards = world.divide(&shares).await;

        // A false root: one leaf pays a unit too much, and the next is garbage.
        let place = 299 + world.epoch() as usize * 70;
        let mut leaves = rewards.tree().leaves().to_vec();
        (leaves[place], leaves[place + 1]) = (leaf(place as u32 + 1, rewards.cumulative()[place] + 1), [9; 32]);
        let theirs = assay_kernels::merkle::Tree::new(leaves);
        world.post(theirs.root()).await;
        let mut opened = OpenedTree::new(theirs.root(), theirs.len());
        let (number, false_leaf, proof) = loop {
            match opened.difference(rewards.tree()) {
                Difference::None => panic!("the roots are equal"),
                Difference::Leaf { number, leaf, proof } => break (number, leaf, proof),
                Difference::Demand { tier, index, node, proof } => {
                    world.open(&theirs, tier, index, node, proof).await;
                    opened.open(tier, index, nodes::children(&theirs, tier, index).unwrap()).unwrap();
                }
            }
        };
        assert_eq!(number as usize, place + 1);
        let parts = challenge(&shares, world.last.as_ref(), number, false_leaf, proof).unwrap();
        world.challenge(parts).send().await.unwrap().get_receipt().await.unwrap();
        assert_eq!(world.rewards.nextEpoch().call().await.unwrap(), world.epoch(), "the root was removed");

        // The epoch is posted anew in another second. The right root: every node can be shown, and no leaf is false.
        world.provider.anvil_increase_time(1).await.unwrap();
        world.post(rewards.root()).await;
        let top = nodes::highest(count as usize);
        world.open(rewards.tree(), top, 0, [0; 32], Vec::new()).await;
        let (last, node) = (nodes::tier(rewards.tree(), 1).len() - 1, *nodes::tier(rewards.tree(), 1).last().unwrap());
        world.open(rewards.tree(), 1, last, node, nodes::proof(rewards.tree(), 1, last)).await;
        for number in [1, 300, LICENSES, count] {
            let (at, proof) = (number as usize - 1, rewards.claim(number).unwrap().1);
            let stands = rewards.tree().leaves()[at];
            let parts = challenge(&shares, world.last.as_ref(), number, stands, proof).unwrap();
            let error = world.challenge(parts).call().await.err().unwrap();
            let refused = error.as_decoded_error::<EpochRewards::EpochRoots_NotFalse>();
            assert!(refused.is_some(), "{number}: {error}");
        }
        world.settle(&shares, rewards).await;
    }
    assert!(world.posted[2].skipped && world.posted[3].budget > world.posted[2].budget);
}
