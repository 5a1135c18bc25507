//! Orders as the chain's events tell them.

use std::collections::{BTreeMap, HashMap};

use alloy::primitives::{Address, B256, Bytes};
use assay_contracts::{
    JobEscrow::{Batch, JobEscrowEvents as Event, Order, Task},
    ModelRegistry::ModelRegistryEvents,
    SuiteEvent,
};

use super::{At, Trials};

/// A range that somebody took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Take {
    /// Who holds it; `None` once it was freed.
    pub(crate) provider: Option<Address>,
    pub(crate) count: u32,
    /// Last second to commit.
    pub(crate) expires_at: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchStatus {
    Committed,
    Settled,
    Forfeited,
}

/// A demand that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DemandView {
    pub(crate) demander: Address,
    /// Last second of an answer.
    pub(crate) deadline: u64,
}

/// A task that was supplied on demand.
#[derive(Debug, Clone)]
pub(crate) struct SuppliedTask {
    /// Its leaf with the proof.
    pub(crate) task: Task,
    pub(crate) input: Bytes,
    pub(crate) output: Bytes,
}

/// A committed batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchView {
    pub(crate) batch: Batch,
    pub(crate) status: BatchStatus,
    /// First second of settlement without a receipt.
    pub(crate) settles_at: u64,
    /// When it was settled or forfeited; 0 while it is committed.
    pub(crate) ended_at: u64,
    /// Open demands, by index.
    pub(crate) demands: BTreeMap<u32, DemandView>,
    /// What was supplied on demand, by index.
    pub(crate) supplied: BTreeMap<u32, SuppliedTask>,
}

/// An order and everything that happened to it.
#[derive(Debug, Clone)]
pub(crate) struct OrderView {
    pub(crate) order: Order,
    /// Which of the served models it wants.
    pub(crate) model: usize,
    pub(crate) is_open: bool,
    /// First index that was never taken.
    pub(crate) next: u32,
    pub(crate) takes: BTreeMap<u32, Take>,
    pub(crate) batches: BTreeMap<B256, BatchView>,
    pub(crate) last_block: u64,
}

impl OrderView {
    /// Whether nothing can happen to it any more that a provider cares about.
    fn is_finished(&self, now: u64) -> bool {
        let all_final = self.batches.values().all(|batch| batch.status != BatchStatus::Committed);
        let over = !self.is_open || now > self.order.deadline.to::<u64>();
        let complete = self.next == self.order.count && self.takes.is_empty();
        all_final && (complete || over && self.takes.values().all(|take| take.provider.is_none()))
    }
}

/// Seconds that orders are kept after their last batch ended: a game may still be opened under a seal that was made before.
const KEEP_ENDED: u64 = 3 * 3600;

/// What an event means to those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) order_id: B256,
    pub(crate) kind: ChangeKind,
    pub(crate) tx_hash: B256,
}

/// See [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Opened,
    Closed,
    Taken { provider: Address, first: u32, count: u32 },
    Expired { provider: Address, first: u32, count: u32 },
    Committed { batch_id: B256, batch: Batch },
    Settled { batch_id: B256, batch: Batch, accepted: bool },
    Forfeited { batch_id: B256, batch: Batch },
    Demanded { batch_id: B256, provider: Address, index: u32 },
    Supplied { batch_id: B256, provider: Address, index: u32 },
}

/// All orders for served models.
#[derive(Debug, Default)]
pub(crate) struct ChainView {
    /// Roots (program, weights) of the served models.
    served: Vec<(B256, B256)>,
    models: HashMap<B256, usize>,
    pub(crate) orders: BTreeMap<B256, OrderView>,
    batch_orders: HashMap<B256, B256>,
    /// Draws and games of their batches.
    pub(crate) trials: Trials,
    /// Block up to which this is the state.
    pub(crate) block: u64,
}

impl ChainView {
    /// An empty view for models of these roots.
    pub(crate) fn new(served: Vec<(B256, B256)>) -> Self {
        Self { served, ..Self::default() }
    }

    /// Forgets everything but the served models.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(std::mem::take(&mut self.served));
    }

    /// A batch and its order.
    pub(crate) fn batch(&self, batch_id: &B256) -> Option<(&OrderView, &BatchView)> {
        let order = self.orders.get(self.batch_orders.get(batch_id)?)?;
        Some((order, order.batches.get(batch_id)?))
    }

    /// Folds an event of any contract.
    pub(crate) fn fold(&mut self, at: &At<SuiteEvent>) -> Option<Change> {
        match &at.event {
            SuiteEvent::ModelRegistry(event) => self.registry(event),
            SuiteEvent::JobEscrow(event) => return self.escrow(&at.with((**event).clone())),
            SuiteEvent::Beacon(event) => self.trials.beacon(event, at.timestamp),
            SuiteEvent::Verification(event) => {
                let batch_id = Trials::drawn_batch(event)?;
                self.touch(&batch_id, at.block)?;
                let validators = self.batch(&batch_id).map(|(order, _)| order.order.policy.validators);
                self.trials.draw(event, at.timestamp, validators.unwrap_or_default());
            }
            SuiteEvent::DisputeGame(event) => {
                if let Some(batch_id) = self.trials.played_batch(event) {
                    self.touch(&batch_id, at.block)?;
                }
                self.trials.game(event, at.timestamp);
            }
            _ => {}
        }
        None
    }

    /// Notes that something happened to a batch; `None` when it is of no order for a served model.
    fn touch(&mut self, batch_id: &B256, block: u64) -> Option<()> {
        let order = self.batch_orders.get(batch_id)?;
        self.orders.get_mut(order)?.last_block = block;
        Some(())
    }

    /// Folds an event of the registry.
    pub(crate) fn registry(&mut self, event: &ModelRegistryEvents) {
        if let ModelRegistryEvents::ModelRegistered(model) = event {
            let roots = (model.programRoot, model.weightsRoot);
            if let Some(index) = self.served.iter().position(|served| *served == roots) {
                self.models.insert(model.modelId, index);
            }
        }
    }

    /// Folds an event of the escrow. `None` when it concerns no order for a served model.
    pub(crate) fn escrow(&mut self, at: &At<Event>) -> Option<Change> {
        if let Event::OrderOpened(opened) = &at.event {
            let model = *self.models.get(&opened.modelId)?;
            let order = opened.order.clone();
            let view = OrderView {
                order,
                model,
                is_open: true,
                next: 0,
                takes: BTreeMap::new(),
                batches: BTreeMap::new(),
                last_block: at.block,
            };
            self.orders.insert(opened.orderId, view);
            return Some(Change { order_id: opened.orderId, kind: ChangeKind::Opened, tx_hash: at.tx_hash });
        }
        let order_id = self.order_of(&at.event)?;
        let view = self.orders.get_mut(&order_id)?;
        view.last_block = at.block;
        let kind = fold(view, at)?;
        if let ChangeKind::Committed { batch_id, .. } = &kind {
            self.batch_orders.insert(*batch_id, order_id);
        }
        Some(Change { order_id, kind, tx_hash: at.tx_hash })
    }

    fn order_of(&self, event: &Event) -> Option<B256> {
        let batch_id = match event {
            Event::OrderCancelled(event) => return Some(event.orderId),
            Event::OrderReclaimed(event) => return Some(event.orderId),
            Event::Taken(event) => return Some(event.orderId),
            Event::TakeExpired(event) => return Some(event.orderId),
            Event::BatchCommitted(event) => return Some(event.orderId),
            Event::BatchSettled(event) => return Some(event.orderId),
            Event::BatchForfeited(event) => return Some(event.orderId),
            Event::Demanded(event) => event.batchId,
            Event::Supplied(event) => event.batchId,
            Event::DemandRefunded(event) => event.batchId,
            _ => return None,
        };
        self.batch_orders.get(&batch_id).copied()
    }

    /// Forgets orders that are over for good: finished, and older than any reorganisation that can be followed.
    pub(crate) fn evict(&mut self, now: u64, settled_block: u64) {
        let (orders, trials) = (&mut self.orders, &mut self.trials);
        orders.retain(|_, order| {
            let ended = |batch: &BatchView| batch.ended_at == 0 || batch.ended_at + KEEP_ENDED < now;
            let is_finished = order.is_finished(now) && order.batches.values().all(ended);
            let is_over = is_finished && order.batches.keys().all(|batch| trials.is_over(batch));
            order.last_block > settled_block || !is_over
        });
        self.batch_orders.retain(|_, order| orders.contains_key(order));
        trials.retain(|batch| self.batch_orders.contains_key(batch), now);
    }
}

fn fold(view: &mut OrderView, at: &At<Event>) -> Option<ChangeKind> {
    Some(match &at.event {
        Event::OrderCancelled(_) | Event::OrderReclaimed(_) => {
            view.is_open = false;
            ChangeKind::Closed
        }
        Event::Taken(taken) => {
            let (provider, first, count) = (taken.provider, taken.first, taken.count);
            let take = Take { provider: Some(provider), count, expires_at: taken.expiresAt.to::<u64>() };
            view.takes.insert(first, take);
            view.next = view.next.max(first.saturating_add(count));
            ChangeKind::Taken { provider, first, count }
        }
        Event::TakeExpired(expired) => {
            if let Some(take) = view.takes.get_mut(&expired.first) {
                take.provider = None;
            }
            ChangeKind::Expired { provider: expired.provider, first: expired.first, count: expired.count }
        }
        Event::BatchCommitted(committed) => {
            let batch = Batch {
                orderId: committed.orderId,
                provider: committed.provider,
                first: committed.first,
                count: committed.count,
                units: committed.units,
                root: committed.root,
                stake: committed.stake,
                committedAt: committed.committedAt,
            };
            view.takes.remove(&batch.first);
            view.next = view.next.max(batch.first.saturating_add(batch.count));
            let settles_at = batch.committedAt.to::<u64>() + u64::from(view.order.settleWindow);
            let status = BatchStatus::Committed;
            let entry = BatchView {
                batch: batch.clone(),
                status,
                settles_at,
                ended_at: 0,
                demands: BTreeMap::new(),
                supplied: BTreeMap::new(),
            };
            view.batches.insert(committed.batchId, entry);
            ChangeKind::Committed { batch_id: committed.batchId, batch }
        }
        Event::BatchSettled(settled) => {
            let entry = view.batches.get_mut(&settled.batchId)?;
            (entry.status, entry.ended_at) = (BatchStatus::Settled, at.timestamp);
            let (batch_id, accepted) = (settled.batchId, settled.accepted);
            ChangeKind::Settled { batch_id, batch: entry.batch.clone(), accepted }
        }
        Event::BatchForfeited(forfeited) => {
            let entry = view.batches.get_mut(&forfeited.batchId)?;
            (entry.status, entry.ended_at) = (BatchStatus::Forfeited, at.timestamp);
            ChangeKind::Forfeited { batch_id: forfeited.batchId, batch: entry.batch.clone() }
        }
        Event::Demanded(demanded) => {
            let entry = view.batches.get_mut(&demanded.batchId)?;
            let demand = DemandView { demander: demanded.demander, deadline: demanded.deadline.to() };
            entry.demands.insert(demanded.index, demand);
            let provider = entry.batch.provider;
            ChangeKind::Demanded { batch_id: demanded.batchId, provider, index: demanded.index }
        }
        Event::Supplied(supplied) => {
            let entry = view.batches.get_mut(&supplied.batchId)?;
            entry.demands.remove(&supplied.index);
            let (task, input, output) = (supplied.task.clone(), supplied.input.clone(), supplied.output.clone());
            entry.supplied.insert(supplied.index, SuppliedTask { task, input, output });
            // The escrow leaves as much time to read what was supplied as there was to supply it.
            entry.settles_at = entry.settles_at.max(at.timestamp + u64::from(view.order.demandWindow));
            let provider = entry.batch.provider;
            ChangeKind::Supplied { batch_id: supplied.batchId, provider, index: supplied.index }
        }
        Event::DemandRefunded(refunded) => {
            view.batches.get_mut(&refunded.batchId)?.demands.remove(&refunded.index);
            return None;
        }
        _ => return None,
    })
}
