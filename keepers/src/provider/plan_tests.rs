//! What the provider wants in each situation, event by event.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, Bytes, U256, aliases::U40};
use assay_contracts::JobEscrow::{self, JobEscrowEvents as Event, Order};
use assay_contracts::ModelRegistry::{ModelRegistered, ModelRegistryEvents};

use super::{
    config::{Policy, ProviderConfig, WorkConfig},
    inputs::{InputState, Inputs},
    plan::{Computed, Plan, Range, Situation, plan},
};

use crate::view::{At, BatchStatus, ChainView};

const ME: Address = Address::repeat_byte(1);
const OTHER: Address = Address::repeat_byte(2);
const ID: B256 = B256::repeat_byte(9);
const BATCH: B256 = B256::repeat_byte(8);
const ROOT: B256 = B256::repeat_byte(7);

/// A provider's world: an order of 100 tasks of one unit, batches of 10.
struct World {
    config: ProviderConfig,
    view: ChainView,
    now: u64,
    inputs: HashMap<B256, InputState>,
    results: HashMap<Range, Computed>,
    receipts: HashMap<B256, Bytes>,
    supplies: HashMap<(B256, u32), Bytes>,
    free_stake: U256,
    speed: f64,
    is_draining: bool,
}

impl World {
    fn new() -> Self {
        let mut view = ChainView::new(vec![(B256::repeat_byte(3), B256::repeat_byte(4))]);
        view.registry(&ModelRegistryEvents::ModelRegistered(ModelRegistered {
            modelId: B256::repeat_byte(5),
            owner: OTHER,
            programRoot: B256::repeat_byte(3),
            weightsRoot: B256::repeat_byte(4),
            unitBytes: 2,
            metadataURI: String::new(),
        }));
        let order = Order {
            customer: OTHER,
            token: Address::ZERO,
            modelId: B256::repeat_byte(5),
            inputsRoot: B256::repeat_byte(6),
            count: 100,
            unitCap: 1,
            unitBytes: 2,
            unitPrice: 10,
            minBatch: 1,
            deadline: U40::from(100_000u64),
            takeWindow: 100,
            settleWindow: 50,
            demandWindow: 60,
            demandFee: 0,
            stakePerBatch: 5,
            stakePerTask: 1,
            verification: Address::ZERO,
            policy: JobEscrow::Policy::default(),
            feeRecipient: OTHER,
            feeRate: 0,
            royalties: vec![],
            salt: B256::ZERO,
        };
        let mut world = Self {
            config: ProviderConfig {
                policy: Policy { min_unit_price: [(Address::ZERO, 1)].into(), ..Policy::default() },
                work: WorkConfig { max_batch: 10, max_takes: 2, take_and_commit_max: 4, ..WorkConfig::default() },
                ..ProviderConfig::default()
            },
            view,
            now: 1_000,
            inputs: HashMap::from([(ID, InputState::Ready(Inputs::of(vec![vec![0, 1]; 100])))]),
            results: HashMap::new(),
            receipts: HashMap::new(),
            supplies: HashMap::new(),
            free_stake: U256::from(1_000),
            speed: 1_000.0,
            is_draining: false,
        };
        world.event(Event::OrderOpened(JobEscrow::OrderOpened {
            orderId: ID,
            customer: OTHER,
            modelId: order.modelId,
            escrowed: U256::from(1_000),
            order,
        }));
        world
    }

    fn event(&mut self, event: Event) {
        let at = At { event, block: 1, timestamp: self.now, tx_hash: B256::ZERO };
        self.view.escrow(&at);
    }

    fn taken(&mut self, provider: Address, first: u32, count: u32) {
        let expires_at = U40::from(self.now + 100);
        self.event(Event::Taken(JobEscrow::Taken {
            orderId: ID,
            provider,
            first,
            count,
            stake: 15,
            expiresAt: expires_at,
        }));
    }

    fn committed(&mut self, provider: Address, first: u32, count: u32) {
        self.event(Event::BatchCommitted(JobEscrow::BatchCommitted {
            orderId: ID,
            batchId: BATCH,
            provider,
            first,
            count,
            units: u64::from(count),
            root: ROOT,
            stake: 15,
            committedAt: U40::from(self.now),
        }));
    }

    fn computed(&mut self, first: u32, count: u32) {
        let range = Range { order_id: ID, first, count };
        self.results.insert(range, Computed { units: u64::from(count), root: ROOT });
    }

    fn plan(&self) -> Plan {
        plan(&Situation {
            config: &self.config,
            me: ME,
            escrow: Address::repeat_byte(0xee),
            unit_bytes: 2,
            view: &self.view,
            head_time: self.now,
            likely_time: self.now,
            inputs: &self.inputs,
            results: &self.results,
            receipts: &self.receipts,
            supplies: &self.supplies,
            free_stake: Some(self.free_stake),
            units_per_second: self.speed,
            is_draining: self.is_draining,
        })
    }

    /// Wanted actions as `kind:first` or plain `kind`.
    fn wants(&self) -> Vec<String> {
        let short = |key: &str, kind: &str| match kind {
            "take" | "commit" | "takeAndCommit" | "expire" => format!("{kind}:{}", key.split(':').nth(2).unwrap()),
            _ => kind.to_owned(),
        };
        self.plan().actions.iter().map(|action| short(&action.key, action.kind)).collect()
    }

    fn refusal(&self) -> &'static str {
        self.plan().refusals.get(&ID).map_or("none", |refusal| refusal.code)
    }
}

#[test]
fn it_takes_ahead_as_far_as_it_may_hold_and_computes_while_it_waits() {
    let mut world = World::new();
    assert_eq!(world.wants(), ["take:0", "take:10"]);
    assert_eq!(world.plan().compute.len(), 2);
    world.taken(ME, 0, 10);
    assert_eq!(world.wants(), ["take:10"]);
    world.computed(0, 10);
    assert_eq!(world.wants(), ["commit:0", "take:10"]);
    world.committed(ME, 0, 10);
    assert_eq!(world.wants(), ["take:10", "take:20"]);
}

#[test]
fn the_loser_of_a_race_wants_the_next_range() {
    let mut world = World::new();
    world.taken(OTHER, 0, 10);
    assert_eq!(world.wants(), ["take:10", "take:20"]);
}

#[test]
fn inputs_come_before_a_take() {
    let mut world = World::new();
    world.inputs.clear();
    assert!(world.wants().is_empty());
    assert_eq!(world.plan().fetch, [ID]);
}

#[test]
fn a_range_that_ran_out_is_taken_first() {
    let mut world = World::new();
    world.taken(OTHER, 0, 7);
    world.now += 101;
    assert_eq!(world.wants(), ["take:0", "take:7"]);
}

#[test]
fn an_own_take_that_ran_out_is_taken_again_or_else_freed() {
    let mut world = World::new();
    world.taken(ME, 0, 10);
    world.now += 100;
    assert!(!world.wants().contains(&"expire:0".to_owned()), "its last second");
    world.now += 1;
    assert_eq!(world.wants(), ["take:0", "take:10"]);
    world.is_draining = true;
    assert_eq!(world.wants(), ["expire:0"]);
}

#[test]
fn a_small_rest_is_computed_then_taken_and_committed() {
    let mut world = World::new();
    world.taken(OTHER, 0, 97);
    assert!(world.wants().is_empty());
    assert_eq!(world.plan().compute, [Range { order_id: ID, first: 97, count: 3 }]);
    world.computed(97, 3);
    assert_eq!(world.wants(), ["takeAndCommit:97"]);
}

#[test]
fn stake_and_time_bound_what_is_taken() {
    let mut world = World::new();
    world.free_stake = U256::from(29);
    assert_eq!(world.wants(), ["take:0"], "15 for a batch of ten: there is stake for one");
    world.free_stake = U256::from(14);
    assert!(world.wants().is_empty());
    assert_eq!(world.refusal(), "insufficient_stake");
    world.free_stake = U256::from(1_000);
    world.speed = 0.2;
    assert_eq!(world.wants(), ["take:0"], "50 s for one, half the window; the next has to wait");
    world.speed = 0.19;
    assert!(world.wants().is_empty());
    assert_eq!(world.refusal(), "not_enough_time");
}

#[test]
fn a_batch_settles_after_its_window_or_by_receipt() {
    let mut world = World::new();
    world.taken(ME, 0, 100);
    world.committed(ME, 0, 100);
    assert!(world.wants().is_empty());
    assert_eq!(world.plan().await_receipts, [ROOT]);
    world.receipts.insert(ROOT, Bytes::from_static(&[1]));
    assert_eq!(world.wants(), ["accept"]);
    world.receipts.clear();
    world.now += 50;
    assert_eq!(world.wants(), ["settle"]);
    world.event(Event::BatchSettled(JobEscrow::BatchSettled {
        orderId: ID,
        batchId: BATCH,
        accepted: false,
        paid: U256::ZERO,
        fee: U256::ZERO,
        royalties: U256::ZERO,
        refund: U256::ZERO,
    }));
    assert!(world.wants().is_empty());
}

#[test]
fn a_demand_is_answered_before_anything_and_puts_settlement_off() {
    let mut world = World::new();
    world.taken(ME, 0, 100);
    world.committed(ME, 0, 100);
    let deadline = U40::from(world.now + 60);
    let demanded = JobEscrow::Demanded { batchId: BATCH, index: 4, demander: OTHER, fee: U256::ZERO, deadline };
    world.event(Event::Demanded(demanded));
    world.now += 55;
    assert_eq!(world.plan().prepare, [(BATCH, 4)]);
    assert!(world.wants().is_empty(), "no settlement with a demand open");
    world.supplies.insert((BATCH, 4), Bytes::from_static(&[1]));
    assert_eq!(world.wants(), ["supply"]);
    world.event(Event::Supplied(JobEscrow::Supplied {
        batchId: BATCH,
        index: 4,
        task: JobEscrow::Task { index: 4, ..JobEscrow::Task::default() },
        input: Bytes::new(),
        output: Bytes::new(),
    }));
    assert!(world.wants().is_empty(), "as much time to read as there was to answer");
    world.now += 60;
    assert_eq!(world.wants(), ["settle"]);
}

#[test]
fn orders_for_other_models_are_not_seen() {
    let mut world = World::new();
    let mut order = world.view.orders[&ID].order.clone();
    order.modelId = B256::repeat_byte(0x55);
    let order_id = B256::repeat_byte(0x44);
    let opened = JobEscrow::OrderOpened {
        orderId: order_id,
        customer: OTHER,
        modelId: order.modelId,
        escrowed: U256::ZERO,
        order,
    };
    world.event(Event::OrderOpened(opened));
    assert!(!world.view.orders.contains_key(&order_id));
}

#[test]
fn what_is_over_is_forgotten_once_no_reorganisation_can_bring_it_back() {
    let mut world = World::new();
    world.taken(OTHER, 0, 100);
    world.committed(OTHER, 0, 100);
    world.view.evict(world.now, 10);
    assert!(world.view.orders.contains_key(&ID), "its batch is not final");
    let batch = world.view.orders.get_mut(&ID).unwrap().batches.get_mut(&BATCH).unwrap();
    (batch.status, batch.ended_at) = (BatchStatus::Settled, world.now);
    let later = world.now + 3 * 3600;
    world.view.evict(later + 1, 0);
    assert!(world.view.orders.contains_key(&ID), "its last event may still be undone");
    world.view.evict(later, 1);
    assert!(world.view.orders.contains_key(&ID), "a game may be opened on what was settled");
    world.view.evict(later + 1, 1);
    assert!(world.view.orders.is_empty());
}
