//! The transaction store as a state machine: whatever steps follow each other, with restarts in between, no nonce has two holders,
//! no hash is lost, and no step leads where the diagram has no arrow.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use assay_keepers::{
    store::{Store, StoreOptions},
    tx::{Action, ActionState, Fees, Inclusion, SentTransaction, TxStore, Wanted},
};
use proptest::prelude::*;

const ME: Address = Address::repeat_byte(7);

fn want(key: u8) -> Wanted {
    Wanted {
        key: format!("action:{key}"),
        kind: "test",
        priority: i64::from(key % 3),
        target: Address::repeat_byte(1),
        data: Bytes::from(vec![key]),
        value: U256::ZERO,
        since: None,
        deadline: None,
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// The role wants these keys.
    Want(BTreeSet<u8>),
    /// Sign and record the next due action.
    Record,
    /// A node took the pick-th in-flight action.
    Submit(prop::sample::Index),
    /// The chain includes a transaction of the lowest nonce that it has not used: any one ever signed with it.
    Include(prop::sample::Index, bool),
    /// Somebody else uses the lowest unused nonce.
    Foreign,
    /// The last included block goes away.
    Reorg,
    /// The pick-th in-flight action is superseded.
    Supersede(prop::sample::Index),
    /// Everything included is final.
    Finalise,
    /// The process dies and another opens the store.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let pick = any::<prop::sample::Index>;
    prop_oneof![
        3 => prop::collection::btree_set(0u8..8, 0..6).prop_map(Step::Want),
        5 => Just(Step::Record),
        3 => pick().prop_map(Step::Submit),
        4 => (pick(), prop::bool::weighted(0.8)).prop_map(|(pick, success)| Step::Include(pick, success)),
        1 => Just(Step::Foreign),
        2 => Just(Step::Reorg),
        1 => pick().prop_map(Step::Supersede),
        1 => Just(Step::Finalise),
        1 => Just(Step::Restart),
    ]
}

/// The chain and the world around the store.
#[derive(Debug, Default)]
struct World {
    /// Which transaction used each nonce; `None`: somebody else's.
    chain: Vec<Option<B256>>,
    signed: BTreeMap<u64, Vec<SentTransaction>>,
    serial: u64,
    height: u64,
}

struct Machine {
    dir: tempfile::TempDir,
    open: Option<(Store, TxStore)>,
    world: World,
}

impl Machine {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = Some(Self::open(&dir).await);
        Self { dir, open, world: World::default() }
    }

    fn tx(&self) -> TxStore {
        self.open.as_ref().expect("open between steps").1.clone()
    }

    async fn open(dir: &tempfile::TempDir) -> (Store, TxStore) {
        let store = Store::open(StoreOptions::new(dir.path().join("tx.sqlite"))).await.unwrap();
        let tx = TxStore::open(store.clone(), ME, 31337).await.unwrap();
        (store, tx)
    }

    async fn in_flight(&self) -> Vec<Action> {
        self.tx().unsettled().await.unwrap().into_iter().filter(|action| action.state.is_in_flight()).collect()
    }

    async fn play(&mut self, step: Step) {
        match step {
            Step::Want(keys) => {
                let wanted: Vec<_> = keys.into_iter().map(want).collect();
                self.tx().reconcile("test", &wanted, self.world.height).await.unwrap();
            }
            Step::Record => self.record().await,
            Step::Submit(pick) => {
                let in_flight = self.in_flight().await;
                if !in_flight.is_empty() {
                    self.tx().submitted(pick.get(&in_flight).id).await.unwrap();
                }
            }
            Step::Include(pick, success) => self.include(pick, success).await,
            Step::Foreign => {
                let nonce = self.world.chain.len() as u64;
                self.world.chain.push(None);
                for action in self.tx().unsettled().await.unwrap() {
                    if action.nonce == Some(nonce) && action.state != ActionState::Included {
                        self.tx().release_nonce(action.id, None).await.unwrap();
                    }
                }
                self.sync().await;
            }
            Step::Reorg => {
                if let Some(Some(hash)) = self.world.chain.last().copied() {
                    self.world.chain.pop();
                    let actions = self.tx().actions().await.unwrap();
                    // An action that was wanted again since has nothing to lose.
                    if let Some(dropped) = actions.into_iter().find(|action| action.tx_hash == Some(hash)) {
                        self.tx().reorged(dropped.id).await.unwrap();
                    }
                    self.sync().await;
                }
            }
            Step::Supersede(pick) => {
                let in_flight = self.in_flight().await;
                if !in_flight.is_empty() {
                    self.tx().superseded(pick.get(&in_flight).id, "test").await.unwrap();
                }
            }
            Step::Finalise => {
                for action in self.tx().unsettled().await.unwrap() {
                    self.tx().finalised(action.id).await.unwrap();
                }
            }
            Step::Restart => {
                let Some((store, tx)) = self.open.take() else { return };
                store.close().await;
                drop((store, tx));
                self.open = Some(Self::open(&self.dir).await);
            }
        }
    }

    async fn record(&mut self) {
        let Some(action) = self.tx().due(1).await.unwrap().pop() else { return };
        let nonce = match action.nonce {
            Some(nonce) => nonce,
            None => self.tx().peek_nonce().await.unwrap(),
        };
        self.world.serial += 1;
        let hash = keccak256(self.world.serial.to_be_bytes());
        let fees = Fees { max_fee: self.world.serial, priority_fee: 1 };
        let sent = SentTransaction { hash, action_id: action.id, nonce, fees, gas_limit: 21_000, raw: hash.to_vec() };
        self.tx().record(&sent).await.unwrap();
        self.world.signed.entry(nonce).or_default().push(sent);
    }

    async fn include(&mut self, pick: prop::sample::Index, success: bool) {
        let nonce = self.world.chain.len() as u64;
        let Some(candidates) = self.world.signed.get(&nonce) else { return };
        let sent = pick.get(candidates).clone();
        // An action that is included elsewhere already cannot be found here by the manager a second time in one look; the chain's
        // own rules make the second one revert, and the store keeps the first.
        let owner = self.tx().actions().await.unwrap().into_iter().find(|action| action.id == sent.action_id).unwrap();
        if matches!(owner.state, ActionState::Included | ActionState::Finalised | ActionState::Failed) {
            return;
        }
        self.world.height += 1;
        let inclusion = Inclusion {
            tx_hash: sent.hash,
            number: self.world.height,
            hash: keccak256(self.world.height.to_be_bytes()),
            success,
        };
        self.world.chain.push(Some(sent.hash));
        let action = self.tx().included(&inclusion, None).await.unwrap();
        assert_eq!((action.state, action.nonce, action.success), (ActionState::Included, Some(nonce), Some(success)));
        self.sync().await;
    }

    async fn sync(&self) {
        self.tx().sync_nonces(self.world.chain.len() as u64).await.unwrap();
    }

    async fn check(&self) {
        let actions = self.tx().actions().await.unwrap();
        let free: BTreeSet<u64> = self.tx().free_nonces().await.unwrap().into_iter().collect();
        let next = self.tx().next_nonce().await.unwrap();
        let mut held = BTreeSet::new();
        for action in &actions {
            if let Some(nonce) = action.nonce {
                assert!(held.insert(nonce), "nonce {nonce} has two holders");
                assert!(nonce < next && !free.contains(&nonce), "nonce {nonce} is held and free");
            }
            if action.state.is_in_flight() || action.state == ActionState::Included {
                assert!(action.nonce.is_some(), "{action:?} holds no nonce");
            }
        }
        for nonce in self.world.chain.len() as u64..next {
            assert!(held.contains(&nonce) || free.contains(&nonce), "nonce {nonce} of {next} is lost");
        }
        for (nonce, sent) in &self.world.signed {
            let stored = self.tx().transactions(*nonce).await.unwrap();
            assert!(sent.iter().all(|sent| stored.contains(sent)), "a transaction of nonce {nonce} is lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_steps_loses_a_nonce_or_a_hash(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut machine = Machine::new().await;
            for step in steps {
                machine.play(step).await;
                machine.check().await;
            }
        });
    }
}

async fn fresh() -> (tempfile::TempDir, TxStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(dir.path().join("tx.sqlite"))).await.unwrap();
    let tx = TxStore::open(store, ME, 31337).await.unwrap();
    (dir, tx)
}

#[tokio::test]
async fn wanting_twice_is_wanting_once() {
    let (_dir, tx) = fresh().await;
    let wanted = [want(1), want(2)];
    assert_eq!(tx.reconcile("test", &wanted, 1).await.unwrap().len(), 2);
    assert!(tx.reconcile("test", &wanted, 2).await.unwrap().is_empty());
    assert_eq!(tx.actions().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_taken_back_unless_it_was_sent() {
    let (_dir, tx) = fresh().await;
    tx.reconcile("test", &[want(0), want(1)], 1).await.unwrap();
    let first = tx.due(1).await.unwrap().remove(0);
    let fees = Fees { max_fee: 9, priority_fee: 1 };
    let hash = B256::repeat_byte(1);
    let sent = SentTransaction { hash, action_id: first.id, nonce: 0, fees, gas_limit: 1, raw: vec![1] };
    tx.record(&sent).await.unwrap();
    tx.reconcile("test", &[], 1).await.unwrap();
    let states: Vec<_> = tx.actions().await.unwrap().into_iter().map(|action| action.state).collect();
    assert_eq!(states, [ActionState::Building, ActionState::Superseded]);
    // The queue of another role is its own business.
    tx.reconcile("other", &[want(5)], 1).await.unwrap();
    tx.reconcile("test", &[], 1).await.unwrap();
    assert_eq!(tx.action("action:5").await.unwrap().unwrap().state, ActionState::Queued);
    // Reorganisations take it back and bring it again. It never failed, so it need not wait for longer each time.
    for _ in 0..6 {
        tx.reconcile("test", &[want(1)], 1).await.unwrap();
        tx.reconcile("test", &[], 1).await.unwrap();
    }
    tx.reconcile("test", &[want(1)], 1).await.unwrap();
    assert!(tx.action(&want(1).key).await.unwrap().unwrap().attempts <= 1);
}

#[tokio::test]
async fn a_nonce_is_given_once_and_freed_ones_go_first() {
    let (_dir, tx) = fresh().await;
    tx.reconcile("test", &[want(0), want(3), want(6)], 1).await.unwrap();
    let due = tx.due(3).await.unwrap();
    let fees = Fees { max_fee: 9, priority_fee: 1 };
    let sign = |action: &Action, nonce: u64, tag: u8| SentTransaction {
        hash: B256::repeat_byte(tag),
        action_id: action.id,
        nonce,
        fees,
        gas_limit: 1,
        raw: vec![tag],
    };
    tx.record(&sign(&due[0], 0, 1)).await.unwrap();
    tx.record(&sign(&due[1], 1, 2)).await.unwrap();
    assert_eq!(tx.record(&sign(&due[2], 1, 3)).await.unwrap_err().code(), "store_corrupt");
    tx.superseded(due[0].id, "raced").await.unwrap();
    assert_eq!(tx.peek_nonce().await.unwrap(), 0);
    tx.record(&sign(&due[2], 0, 4)).await.unwrap();
    assert_eq!(tx.peek_nonce().await.unwrap(), 2);
    assert_eq!(tx.transactions(0).await.unwrap().len(), 2, "both hashes of the nonce are kept");
}

#[tokio::test]
async fn a_superseded_transaction_that_is_mined_after_all_counts_as_its_actions() {
    let (_dir, tx) = fresh().await;
    tx.reconcile("test", &[want(0), want(3)], 1).await.unwrap();
    let due = tx.due(2).await.unwrap();
    let fees = Fees { max_fee: 9, priority_fee: 1 };
    let hashes = [B256::repeat_byte(1), B256::repeat_byte(2)];
    let sent = |at: usize| SentTransaction {
        hash: hashes[at],
        action_id: due[at].id,
        nonce: 0,
        fees,
        gas_limit: 1,
        raw: vec![],
    };
    tx.record(&sent(0)).await.unwrap();
    tx.superseded(due[0].id, "not wanted").await.unwrap();
    assert!(tx.under_way("test").await.unwrap().contains(&due[0].key), "it is public");
    tx.superseded(due[1].id, "not wanted").await.unwrap();
    assert!(!tx.under_way("test").await.unwrap().contains(&due[1].key), "it was never sent");
    tx.reconcile("test", &[want(0), want(3)], 1).await.unwrap();
    tx.record(&sent(1)).await.unwrap();
    let inclusion = Inclusion { tx_hash: hashes[0], number: 5, hash: B256::repeat_byte(9), success: true };
    tx.included(&inclusion, None).await.unwrap();
    let actions = tx.actions().await.unwrap();
    assert_eq!((actions[0].state, actions[0].nonce), (ActionState::Included, Some(0)));
    assert_eq!((actions[1].state, actions[1].nonce), (ActionState::Queued, None), "it needs another nonce");
}

#[tokio::test]
async fn what_is_final_is_wanted_again_only_when_its_block_is_known_to_the_role() {
    let (_dir, tx) = fresh().await;
    tx.reconcile("test", &[want(0)], 1).await.unwrap();
    let action = tx.due(1).await.unwrap().remove(0);
    let fees = Fees { max_fee: 9, priority_fee: 1 };
    let hash = B256::repeat_byte(1);
    tx.record(&SentTransaction { hash, action_id: action.id, nonce: 0, fees, gas_limit: 1, raw: vec![] })
        .await
        .unwrap();
    let inclusion = Inclusion { tx_hash: hash, number: 5, hash, success: true };
    tx.included(&inclusion, None).await.unwrap();
    tx.finalised(action.id).await.unwrap();
    tx.reconcile("test", &[want(0)], 4).await.unwrap();
    assert_eq!(
        tx.action("action:0").await.unwrap().unwrap().state,
        ActionState::Finalised,
        "the role has not seen block 5"
    );
    tx.reconcile("test", &[want(0)], 5).await.unwrap();
    assert_eq!(
        tx.action("action:0").await.unwrap().unwrap().state,
        ActionState::Queued,
        "block 5 is gone, so is the effect"
    );
}

#[tokio::test]
async fn only_what_has_ended_is_forgotten() {
    let (_dir, tx) = fresh().await;
    tx.reconcile("test", &[want(0), want(3)], 1).await.unwrap();
    let due = tx.due(2).await.unwrap();
    let fees = Fees { max_fee: 9, priority_fee: 1 };
    for (nonce, action) in due.iter().enumerate() {
        let hash = B256::repeat_byte(1 + nonce as u8);
        let nonce = nonce as u64;
        tx.record(&SentTransaction { hash, action_id: action.id, nonce, fees, gas_limit: 1, raw: vec![] })
            .await
            .unwrap();
    }
    let hash = B256::repeat_byte(1);
    tx.included(&Inclusion { tx_hash: hash, number: 5, hash, success: true }, None).await.unwrap();
    tx.finalised(due[0].id).await.unwrap();
    assert_eq!(tx.prune(std::time::Duration::from_secs(60)).await.unwrap(), 0, "too young");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert_eq!(tx.prune(std::time::Duration::from_millis(5)).await.unwrap(), 1);
    assert_eq!(tx.actions().await.unwrap().len(), 1);
    assert!(tx.transactions(0).await.unwrap().is_empty());
    assert_eq!(tx.transactions(1).await.unwrap().len(), 1, "what is in flight is kept");
}

#[tokio::test]
async fn a_store_belongs_to_one_account_and_chain() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(dir.path().join("tx.sqlite"))).await.unwrap();
    TxStore::open(store.clone(), ME, 31337).await.unwrap();
    assert_eq!(TxStore::open(store.clone(), ME, 1).await.unwrap_err().code(), "store_mismatch");
    assert_eq!(TxStore::open(store, Address::ZERO, 31337).await.unwrap_err().code(), "store_mismatch");
}
