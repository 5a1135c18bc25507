//! The canonical event stream against a real chain: nothing lost, doubled or out of order, whatever the chain or the
//! connection does.

use std::{pin::pin, time::Duration};

use alloy::{
    primitives::{Address, B256, U256, address},
    providers::{DynProvider, Provider},
    rpc::types::Log,
    sol_types::SolEvent,
};
use assay_contracts::{
    AccessManager::AccessManagerEvents,
    Ledger, Suite, SuiteEvent, deploy, events,
    follow::{BlockRef, FollowConfig, FollowError, Follower, Step},
    rpc,
};
use assay_test_fixtures::{Anvil, AnvilOptions, FaultProxy, Faults};
use futures::StreamExt;

const CUSTOMER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

/// Where a log lies, and its first topic.
type Place = (BlockRef, B256, u64, B256);

/// A reader that stores what it is told, as a database would.
#[derive(Default)]
struct Reader {
    known: Vec<BlockRef>,
    events: Vec<Place>,
    rollbacks: usize,
}

impl Reader {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Apply(block) => {
                assert!(self.known.last().is_none_or(|tip| tip.number < block.at.number), "blocks come in order, once");
                self.known.push(block.at);
                self.events.extend(block.events.iter().map(|(log, _)| place(log)));
            }
            Step::Checkpoint(at) if self.known.last() != Some(at) => self.known.push(*at),
            Step::Checkpoint(_) | Step::CaughtUp { .. } => {}
            Step::RollBack { to } => {
                self.rollbacks += 1;
                assert!(self.known.contains(to), "only what is stored can be returned to");
                self.known.retain(|at| at.number <= to.number);
                self.events.retain(|(at, ..)| at.number <= to.number);
            }
        }
    }

    fn deposits(&self) -> usize {
        self.events.iter().filter(|(.., topic)| *topic == Ledger::Transfer::SIGNATURE_HASH).count()
    }

    /// Reads until the head is `head`, restarting after errors as a keeper does.
    async fn read_to(&mut self, follower: &Follower, head: u64) {
        let read = async {
            loop {
                let mut steps = pin!(follower.steps(self.known.clone()));
                while let Some(step) = steps.next().await {
                    match step {
                        Ok(step) => {
                            self.apply(&step);
                            if matches!(step, Step::CaughtUp { head: at } if at.number >= head) {
                                return;
                            }
                        }
                        Err(error) => assert!(error.is_retryable(), "{error}"),
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("the reader reaches the head");
    }
}

fn place(log: &Log) -> Place {
    let at = BlockRef { number: log.block_number.unwrap(), hash: log.block_hash.unwrap() };
    (at, log.transaction_hash.unwrap(), log.log_index.unwrap(), *log.topic0().unwrap())
}

struct Chain {
    anvil: Anvil,
    provider: DynProvider,
    suite: Suite,
}

impl Chain {
    async fn start() -> Self {
        Self::start_with(&AnvilOptions::default()).await
    }

    async fn start_with(options: &AnvilOptions) -> Self {
        let anvil = Anvil::spawn_with(options);
        let provider = rpc::connect(anvil.url(), Duration::from_secs(10)).unwrap();
        let parameters = deploy::devnet_parameters(CUSTOMER);
        let suite = deploy::deploy(&provider, CUSTOMER, 31_337, parameters, |_, _| {}).await.unwrap();
        Self { anvil, provider, suite }
    }

    async fn deposit(&self, amount: u64) {
        let ledger = Ledger::new(self.suite.ledger, &self.provider);
        let call = ledger.depositNative(CUSTOMER).from(CUSTOMER).value(U256::from(amount));
        assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    }

    fn follower(&self, url: &str) -> Follower {
        let provider = rpc::connect(url, Duration::from_millis(500)).unwrap();
        let config = FollowConfig { poll_interval_ms: 10, range: 7, concurrency: 3, unfinalised: 64 };
        Follower::new(provider, self.suite.clone(), config)
    }

    /// What the chain holds now, asked for in one piece.
    async fn truth(&self) -> Vec<Place> {
        let logs = self.provider.get_logs(&events::filter(&self.suite).from_block(self.suite.block)).await.unwrap();
        logs.iter().map(place).collect()
    }

    async fn head(&self) -> u64 {
        self.anvil.block_number().await
    }
}

#[tokio::test]
async fn reads_finalised_ranges_and_the_unfinalised_rest() {
    let chain = Chain::start().await;
    for amount in 1..=30 {
        chain.deposit(amount).await;
        chain.anvil.mine(4).await;
    }
    let mut reader = Reader::default();
    reader.read_to(&chain.follower(chain.anvil.url()), chain.head().await).await;
    assert_eq!(reader.events, chain.truth().await);
    assert_eq!(reader.deposits(), 30);
    assert_eq!(reader.rollbacks, 0);
}

#[tokio::test]
async fn who_may_set_the_rates_is_in_the_stream_from_the_first_grant_on() {
    let chain = Chain::start().await;
    let mut steps = pin!(chain.follower(chain.anvil.url()).steps(Vec::new()));
    let first = loop {
        match steps.next().await.unwrap().unwrap() {
            Step::Apply(block) if !block.events.is_empty() => break block.events[0].1.clone(),
            Step::CaughtUp { .. } => panic!("the suite was deployed without an event"),
            _ => {}
        }
    };
    let SuiteEvent::AccessManager(AccessManagerEvents::RoleGranted(granted)) = first else { panic!("{first:?}") };
    assert_eq!((granted.roleId, granted.account), (0, CUSTOMER));
}

#[tokio::test]
async fn follows_reorganisations_of_1_to_20_blocks() {
    let chain = Chain::start().await;
    chain.anvil.mine(25).await;
    let follower = chain.follower(chain.anvil.url());
    let mut reader = Reader::default();
    for depth in [1, 2, 3, 7, 13, 20] {
        for amount in 1..=5 {
            chain.deposit(amount).await;
        }
        reader.read_to(&follower, chain.head().await).await;
        assert_eq!(reader.events, chain.truth().await);
        chain.anvil.reorg(depth).await;
        chain.deposit(9).await;
        reader.read_to(&follower, chain.head().await).await;
        assert_eq!(reader.events, chain.truth().await, "after a reorganisation of {depth}");
    }
    assert_eq!(reader.rollbacks, 6, "each was seen as one");
}

#[tokio::test]
async fn notices_a_replaced_head_without_a_new_block() {
    let chain = Chain::start().await;
    chain.deposit(1).await;
    chain.anvil.mine(2).await;
    let follower = chain.follower(chain.anvil.url());
    let mut reader = Reader::default();
    let mut steps = pin!(follower.steps(Vec::new()));
    loop {
        let step = steps.next().await.unwrap().unwrap();
        reader.apply(&step);
        if matches!(step, Step::CaughtUp { head } if head.number == chain.head().await) {
            break;
        }
    }
    chain.anvil.reorg(3).await;
    loop {
        let step =
            tokio::time::timeout(Duration::from_secs(10), steps.next()).await.expect("noticed").unwrap().unwrap();
        reader.apply(&step);
        if matches!(step, Step::CaughtUp { .. }) {
            break;
        }
    }
    assert_eq!(reader.rollbacks, 1);
    assert_eq!(reader.deposits(), 0, "the deposit was in a block that is gone");
}

#[tokio::test]
async fn rolls_back_what_was_lost_while_nobody_was_reading() {
    let chain = Chain::start().await;
    chain.anvil.mine(10).await;
    chain.deposit(1).await;
    let mut reader = Reader::default();
    reader.read_to(&chain.follower(chain.anvil.url()), chain.head().await).await;
    chain.anvil.reorg(4).await;
    // So much later that the fork is below the finalised block.
    chain.anvil.mine(200).await;
    chain.deposit(2).await;
    reader.read_to(&chain.follower(chain.anvil.url()), chain.head().await).await;
    assert_eq!(reader.events, chain.truth().await);
    assert_eq!(reader.rollbacks, 1);
}

#[tokio::test]
async fn loses_nothing_over_a_bad_connection() {
    let chain = Chain::start().await;
    for amount in 1..=20 {
        chain.deposit(amount).await;
        chain.anvil.mine(5).await;
    }
    let mut proxy = FaultProxy::spawn(chain.anvil.url()).await;
    let follower = chain.follower(&proxy.url());
    let mut reader = Reader::default();

    proxy.stop().await;
    let error = pin!(follower.steps(Vec::new())).next().await.unwrap().unwrap_err();
    assert!(matches!(error, FollowError::Rpc(_)) && error.is_retryable(), "{error}");
    proxy.start().await;

    for faults in [
        Faults { too_many_requests_every: 3, ..Default::default() },
        Faults { hang_every: 5, hang: Duration::from_secs(2), ..Default::default() },
        Faults { lose_answer_every: 4, ..Default::default() },
    ] {
        proxy.set(faults);
        chain.deposit(7).await;
        reader.read_to(&follower, chain.head().await).await;
        assert_eq!(reader.events, chain.truth().await);
    }
    proxy.set(Faults::default());
    assert_eq!(reader.rollbacks, 0, "faults are no reorganisations");
}

#[tokio::test]
async fn an_endpoint_that_lags_is_waited_for() {
    let chain = Chain::start().await;
    chain.deposit(1).await;
    chain.anvil.mine(10).await;
    let proxy = FaultProxy::spawn(chain.anvil.url()).await;
    let follower = chain.follower(&proxy.url());
    let mut reader = Reader::default();
    reader.read_to(&follower, chain.head().await).await;

    proxy.set(Faults { lag: 5, ..Default::default() });
    let stale =
        tokio::time::timeout(Duration::from_millis(300), pin!(follower.steps(reader.known.clone())).next()).await;
    assert!(stale.is_err(), "an old head is nothing new: {stale:?}");
    proxy.set(Faults::default());
    chain.deposit(2).await;
    reader.read_to(&follower, chain.head().await).await;
    assert_eq!(reader.events, chain.truth().await);
    assert_eq!(reader.rollbacks, 0);
}

#[tokio::test]
async fn says_when_nothing_stored_is_canonical() {
    let chain = Chain::start().await;
    let another_genesis = AnvilOptions { args: vec!["--timestamp".into(), "1700000000".into()], ..Default::default() };
    let other = Chain::start_with(&another_genesis).await;
    let mut reader = Reader::default();
    chain.deposit(1).await;
    reader.read_to(&chain.follower(chain.anvil.url()), chain.head().await).await;
    other.anvil.mine(30).await;
    let error = pin!(other.follower(other.anvil.url()).steps(reader.known)).next().await.unwrap().unwrap_err();
    assert!(matches!(error, FollowError::ReorgTooDeep { .. }) && !error.is_retryable(), "{error}");
}
