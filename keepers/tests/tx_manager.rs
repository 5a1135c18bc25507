//! The transaction manager on a real chain. Its actions here are deposits, which the chain would do as often as it is asked: each
//! must happen exactly once, whatever goes wrong.

mod common;

use std::{sync::Arc, time::Duration};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use assay_contracts::{
    Ledger, Suite, deploy,
    follow::{Block, FollowConfig},
    rpc,
};
use assay_keepers::{
    Result,
    chain::{ChainService, Projection},
    store::{Store, StoreOptions, StoreTransaction},
    supervise::{Backoff, Supervisor},
    tx::{Action, ActionState, Judge, PATIENT, Revert, TxConfig, TxManager, Verdict, Wanted},
};
use assay_test_fixtures::{Anvil, FaultProxy, Faults};
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use common::{ADMIN, PROVIDERS, eventually, quick_tx, wallet};

const ME: Address = PROVIDERS[0];

/// Keeps nothing: the manager needs heads only.
struct Heads;

impl Projection for Heads {
    async fn load(&self) -> Result<()> {
        Ok(())
    }
    async fn apply(&self, _: &mut StoreTransaction, _: &Block) -> Result<()> {
        Ok(())
    }
    async fn roll_back(&self, _: &mut StoreTransaction, _: u64) -> Result<()> {
        Ok(())
    }
    fn applied(&self, _: &Block, _: std::time::Instant) {}
}

#[derive(Debug)]
struct Always(Verdict);

impl Judge for Always {
    fn judge(&self, _: &Action, _: &Revert) -> Verdict {
        self.0
    }
}

struct Rig {
    anvil: Anvil,
    rpc: alloy::providers::DynProvider,
    suite: Suite,
    dir: tempfile::TempDir,
}

struct Running {
    tx: TxManager,
    cancel: CancellationToken,
    task: JoinHandle<Result<()>>,
    store: Store,
}

impl Rig {
    async fn start() -> Self {
        common::log();
        let anvil = Anvil::spawn();
        let rpc = rpc::connect(anvil.url(), Duration::from_secs(10)).unwrap();
        rpc.client().set_poll_interval(Duration::from_millis(20));
        let suite = deploy::deploy(&rpc, ADMIN, 31_337, deploy::devnet_parameters(ADMIN), |_, _| {}).await.unwrap();
        Self { anvil, rpc, suite, dir: tempfile::tempdir().unwrap() }
    }

    async fn manager(&self, url: &str, config: TxConfig, verdict: Verdict) -> Running {
        let store = Store::open(StoreOptions::new(self.dir.path().join("tx.sqlite"))).await.unwrap();
        let rpc = rpc::connect(url, Duration::from_millis(800)).unwrap();
        let (sender, head) = watch::channel(None);
        let judge = Arc::new(Always(verdict));
        let tx = TxManager::open(store.clone(), rpc.clone(), &wallet(0), 31_337, config, judge, head).await.unwrap();
        let follow = FollowConfig { poll_interval_ms: 25, ..FollowConfig::default() };
        let chain = Arc::new(ChainService::new(store.clone(), rpc, self.suite.clone(), follow, Heads, sender));
        let cancel = CancellationToken::new();
        let backoff = Backoff { most: Duration::from_millis(500), ..Backoff::default() };
        let mut supervisor = Supervisor::new(cancel.clone(), backoff);
        supervisor.spawn("chain", move |cancel| {
            let chain = chain.clone();
            async move { chain.run(cancel).await }
        });
        let manager = tx.clone();
        supervisor.spawn("transactions", move |cancel| {
            let manager = manager.clone();
            async move { manager.run(cancel).await }
        });
        Running { tx, cancel, task: tokio::spawn(supervisor.wait()), store }
    }

    async fn quick(&self) -> Running {
        self.manager(self.anvil.url(), quick_tx(), Verdict::Drop).await
    }

    fn deposits(&self, keys: std::ops::Range<u64>) -> Vec<Wanted> {
        keys.map(|key| Wanted {
            key: format!("deposit:{key}"),
            kind: "deposit",
            priority: 0,
            target: self.suite.ledger,
            data: Ledger::depositNativeCall { to: ME }.abi_encode().into(),
            value: U256::from(1u64 << key),
            since: None,
            deadline: None,
        })
        .collect()
    }

    async fn deposited(&self) -> U256 {
        Ledger::new(self.suite.ledger, &self.rpc).balanceOf(ME, U256::ZERO).call().await.unwrap()
    }

    /// Waits until every deposit below `count` is final, and checks that each was made once: each moves another power of two.
    async fn all_once(&self, running: &Running, count: u64) {
        eventually("every deposit is final", || async {
            self.anvil.mine(1).await;
            let states = running.tx.summary().await.unwrap();
            (states.count(ActionState::Finalised) >= count).then_some(())
        })
        .await;
        assert_eq!(self.deposited().await, U256::from((1u64 << count) - 1), "each deposit exactly once");
    }

    /// The account is used by something else too.
    async fn foreign(&self, fee: u128) -> B256 {
        let tx = TransactionRequest::default()
            .with_from(ME)
            .with_to(ADMIN)
            .with_value(U256::from(1))
            .with_max_fee_per_gas(fee)
            .with_max_priority_fee_per_gas(fee);
        *self.rpc.send_transaction(tx).await.unwrap().tx_hash()
    }
}

impl Running {
    async fn want(&self, wanted: &[Wanted]) {
        self.tx.reconcile("test", wanted, 0).await.unwrap();
    }

    async fn state(&self, key: &str) -> Option<ActionState> {
        self.tx.store().action(key).await.unwrap().map(|action| action.state)
    }

    /// Ends it as abruptly as a task can be ended, and lets the store go.
    async fn kill(self) {
        self.task.abort();
        self.task.await.ok();
        self.cancel.cancel();
        self.store.close().await;
        drop((self.tx, self.store));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn many_actions_are_pipelined_and_each_becomes_final() {
    let rig = Rig::start().await;
    rig.anvil.set_automine(false).await;
    let running = rig.quick().await;
    running.want(&rig.deposits(0..12)).await;
    eventually("all are in flight at once", || async {
        (running.tx.summary().await.unwrap().count(ActionState::Submitted) == 12).then_some(())
    })
    .await;
    rig.all_once(&running, 12).await;
    assert_eq!(rig.rpc.get_transaction_count(ME).await.unwrap(), 12);
}

#[tokio::test]
async fn what_is_urgent_finds_room_however_much_of_the_patient_there_is() {
    let rig = Rig::start().await;
    rig.anvil.set_automine(false).await;
    let running = rig.manager(rig.anvil.url(), TxConfig { max_in_flight: 8, ..quick_tx() }, Verdict::Drop).await;
    let mut wanted = rig.deposits(0..10);
    for want in &mut wanted {
        want.priority = PATIENT;
    }
    running.want(&wanted).await;
    eventually("the patient use what is theirs", || async {
        (running.tx.summary().await.unwrap().count(ActionState::Submitted) == 6).then_some(())
    })
    .await;
    wanted.extend(rig.deposits(10..12));
    running.want(&wanted).await;
    for key in ["deposit:10", "deposit:11"] {
        eventually("the urgent are sent beside them", || async {
            (running.state(key).await? == ActionState::Submitted).then_some(())
        })
        .await;
    }
    let states = running.tx.summary().await.unwrap();
    assert_eq!((states.count(ActionState::Submitted), states.count(ActionState::Queued)), (8, 4));
    rig.anvil.set_automine(true).await;
    rig.all_once(&running, 12).await;
}

#[tokio::test]
async fn killed_anywhere_it_sends_nothing_twice() {
    let rig = Rig::start().await;
    let wanted = rig.deposits(0..8);
    for millis in [3, 8, 15, 25, 40, 60, 90] {
        let running = rig.quick().await;
        running.want(&wanted).await;
        tokio::time::sleep(Duration::from_millis(millis)).await;
        running.kill().await;
    }
    let running = rig.quick().await;
    running.want(&wanted).await;
    rig.all_once(&running, 8).await;
}

#[tokio::test]
async fn a_reorganisation_queues_and_sends_again() {
    let rig = Rig::start().await;
    let config = TxConfig { finality: assay_keepers::tx::Finality::Confirmations(30), ..quick_tx() };
    let running = rig.manager(rig.anvil.url(), config, Verdict::Drop).await;
    rig.anvil.mine(25).await;
    for (at, depth) in [1, 2, 7, 20].into_iter().enumerate() {
        let at = at as u64;
        running.want(&rig.deposits(0..at + 1)).await;
        let key = format!("deposit:{at}");
        eventually("it is included", || async { (running.state(&key).await? == ActionState::Included).then_some(()) })
            .await;
        rig.anvil.reorg(depth).await;
        rig.anvil.mine(1).await;
        eventually("everything is included again", || async {
            let included = running.tx.summary().await.unwrap().count(ActionState::Included) == at + 1;
            (included && rig.deposited().await == U256::from((1u64 << (at + 1)) - 1)).then_some(())
        })
        .await;
    }
    rig.all_once(&running, 4).await;
}

#[tokio::test]
async fn a_dropped_transaction_is_sent_again_and_its_nonce_is_not_lost() {
    let rig = Rig::start().await;
    rig.anvil.set_automine(false).await;
    let running = rig.quick().await;
    running.want(&rig.deposits(0..3)).await;
    eventually("all are sent", || async {
        (running.tx.summary().await.unwrap().count(ActionState::Submitted) == 3).then_some(())
    })
    .await;
    let first = running.tx.store().transactions(0).await.unwrap()[0].hash;
    rig.anvil.rpc("anvil_dropTransaction", json!([first])).await;
    rig.anvil.set_automine(true).await;
    rig.all_once(&running, 3).await;
}

#[tokio::test]
async fn a_nonce_that_another_process_used_is_replaced() {
    let rig = Rig::start().await;
    let running = rig.quick().await;
    running.want(&rig.deposits(0..1)).await;
    eventually("sent", || async { (running.state("deposit:0").await? == ActionState::Included).then_some(()) }).await;
    rig.foreign(10_000_000_000).await;
    running.want(&rig.deposits(0..3)).await;
    rig.all_once(&running, 3).await;
    assert_eq!(rig.rpc.get_transaction_count(ME).await.unwrap(), 4);
}

#[tokio::test]
async fn a_nonce_that_a_dear_foreign_transaction_holds_is_left_to_it() {
    let rig = Rig::start().await;
    let running = rig.quick().await;
    running.want(&rig.deposits(0..1)).await;
    eventually("sent", || async { (running.state("deposit:0").await? == ActionState::Included).then_some(()) }).await;
    rig.anvil.set_automine(false).await;
    rig.foreign(50_000_000_000_000).await;
    running.want(&rig.deposits(0..2)).await;
    eventually("sent behind the foreign one", || async {
        let action = running.tx.store().action("deposit:1").await.unwrap()?;
        (action.state == ActionState::Submitted && action.nonce == Some(2)).then_some(())
    })
    .await;
    rig.anvil.set_automine(true).await;
    rig.all_once(&running, 2).await;
}

#[tokio::test]
async fn what_waits_too_long_is_outbid_and_happens_once() {
    let rig = Rig::start().await;
    rig.anvil.set_automine(false).await;
    let config = TxConfig { bump_after_ms: 300, ..quick_tx() };
    let running = rig.manager(rig.anvil.url(), config, Verdict::Drop).await;
    running.want(&rig.deposits(0..2)).await;
    let offers = eventually("three offers for the first nonce", || async {
        let sent = running.tx.store().transactions(0).await.unwrap();
        (sent.len() >= 3).then_some(sent)
    })
    .await;
    for pair in offers.windows(2) {
        assert!(
            pair[0].fees.max_fee * 10 >= pair[1].fees.max_fee * 11,
            "raised by a tenth: {:?}",
            pair.iter().map(|sent| sent.fees).collect::<Vec<_>>()
        );
    }
    rig.all_once(&running, 2).await;
}

#[tokio::test]
async fn fees_never_pass_the_limit() {
    let rig = Rig::start().await;
    let mut config = quick_tx();
    config.fees.max_fee_per_gas = 1;
    let running = rig.manager(rig.anvil.url(), config, Verdict::Drop).await;
    running.want(&rig.deposits(0..1)).await;
    let reason =
        eventually("it says why it waits", || async { running.tx.store().action("deposit:0").await.unwrap()?.reason })
            .await;
    assert!(reason.contains("above the limit"), "{reason}");
    assert!(running.tx.store().transactions(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_empty_account_waits_for_money() {
    let rig = Rig::start().await;
    rig.anvil.rpc("anvil_setBalance", json!([ME, "0x0"])).await;
    let running = rig.quick().await;
    running.want(&rig.deposits(0..2)).await;
    eventually("it notices", || async { running.tx.is_out_of_funds().then_some(()) }).await;
    assert_eq!(rig.rpc.get_transaction_count(ME).await.unwrap(), 0);
    rig.anvil.rpc("anvil_setBalance", json!([ME, "0xde0b6b3a7640000"])).await;
    rig.all_once(&running, 2).await;
    assert!(!running.tx.is_out_of_funds());
}

#[tokio::test]
async fn lost_answers_rate_limits_and_hangs_neither_lose_nor_double() {
    let rig = Rig::start().await;
    let proxy = FaultProxy::spawn(rig.anvil.url()).await;
    let running = rig.manager(&proxy.url(), quick_tx(), Verdict::Drop).await;
    proxy.set(Faults {
        too_many_requests_every: 7,
        hang_every: 23,
        lose_answer_every: 5,
        hang: Duration::from_secs(2),
        ..Faults::default()
    });
    running.want(&rig.deposits(0..6)).await;
    eventually("all happened", || async { (rig.deposited().await >= U256::from(63)).then_some(()) }).await;
    proxy.set(Faults::default());
    rig.all_once(&running, 6).await;
}

#[tokio::test]
async fn an_endpoint_that_is_down_at_start_and_in_the_middle_is_waited_for() {
    let rig = Rig::start().await;
    let mut proxy = FaultProxy::spawn(rig.anvil.url()).await;
    proxy.stop().await;
    let running = rig.manager(&proxy.url(), quick_tx(), Verdict::Drop).await;
    running.want(&rig.deposits(0..2)).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(rig.deposited().await, U256::ZERO);
    proxy.start().await;
    eventually("they happened", || async { (rig.deposited().await == U256::from(3)).then_some(()) }).await;
    proxy.stop().await;
    running.want(&rig.deposits(0..4)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.start().await;
    rig.all_once(&running, 4).await;
}

#[tokio::test]
async fn a_revert_is_not_sent_and_is_told_with_its_arguments() {
    let rig = Rig::start().await;
    let running = rig.quick().await;
    let call = Ledger::withdrawCall { token: Address::ZERO, to: ME, amount: U256::ZERO };
    let wanted = [Wanted {
        key: "withdraw".into(),
        kind: "withdraw",
        priority: 0,
        target: rig.suite.ledger,
        data: call.abi_encode().into(),
        value: U256::ZERO,
        since: None,
        deadline: None,
    }];
    running.want(&wanted).await;
    let action = eventually("dropped", || async {
        let action = running.tx.store().action("withdraw").await.unwrap()?;
        (action.state == ActionState::Superseded).then_some(action)
    })
    .await;
    assert!(action.reason.as_deref().unwrap().contains("Ledger_ZeroAmount"), "{action:?}");
    assert_eq!(rig.rpc.get_transaction_count(ME).await.unwrap(), 0, "no gas was spent");
}

#[tokio::test]
async fn not_yet_is_asked_again_until_it_would_succeed() {
    let rig = Rig::start().await;
    let running = rig.manager(rig.anvil.url(), quick_tx(), Verdict::Later(Duration::from_millis(100))).await;
    let call = Ledger::withdrawCall { token: Address::ZERO, to: ME, amount: U256::from(5) };
    let data: Bytes = call.abi_encode().into();
    let wanted = [Wanted {
        key: "withdraw".into(),
        kind: "withdraw",
        priority: 0,
        target: rig.suite.ledger,
        data,
        value: U256::ZERO,
        since: None,
        deadline: None,
    }];
    running.want(&wanted).await;
    eventually("it waits", || async { running.tx.store().action("withdraw").await.unwrap()?.reason }).await;
    let ledger = Ledger::new(rig.suite.ledger, &rig.rpc);
    ledger.depositNative(ME).from(ADMIN).value(U256::from(5)).send().await.unwrap().get_receipt().await.unwrap();
    eventually("it happens", || async { (running.state("withdraw").await? == ActionState::Included).then_some(()) })
        .await;
    assert_eq!(rig.deposited().await, U256::ZERO);
}

#[tokio::test]
async fn a_wrong_chain_is_a_fault() {
    let rig = Rig::start().await;
    let mut other = Rig { suite: rig.suite.clone(), ..rig };
    other.suite.chain_id = 1;
    let running = other.manager(other.anvil.url(), quick_tx(), Verdict::Drop).await;
    let error = running.task.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "wrong_chain");
}
