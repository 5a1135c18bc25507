//! What the provider's tasks share: the view of the chain, what was found out besides it, and the bell that calls for a new plan.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use assay_contracts::JobEscrow::{self, JobEscrowErrors};
use tokio::sync::{Notify, broadcast};

use super::{
    inputs::InputState,
    plan::{Computed, Range},
    policy::Refusal,
    progress::Progress,
};
use crate::{
    tx::{Action, Judge, Revert, Verdict},
    view::{ChainView, Change, ChangeKind},
};

/// Found out beside the chain. All of it can be found out again.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    pub(crate) inputs: HashMap<B256, InputState>,
    pub(crate) results: HashMap<Range, Computed>,
    pub(crate) receipts: HashMap<B256, Bytes>,
    /// Receipts that the chain refused.
    pub(crate) bad_receipts: HashMap<B256, Bytes>,
    pub(crate) supplies: HashMap<(B256, u32), Bytes>,
    pub(crate) preparing: HashSet<(B256, u32)>,
    pub(crate) refusals: BTreeMap<B256, Refusal>,
    pub(crate) free_stake: Option<U256>,
    /// The head at which the free stake was asked for last.
    pub(crate) stake_asked_at: Option<B256>,
    /// Ranges to compute, the most urgent first.
    pub(crate) desired: Vec<Range>,
    pub(crate) await_receipts: Vec<B256>,
    pub(crate) held: usize,
    /// Measured speed.
    pub(crate) units_per_second: Option<f64>,
    /// When each order's event arrived.
    pub(crate) seen: HashMap<B256, Instant>,
}

/// See the module.
pub(crate) struct Shared {
    pub(crate) me: Address,
    view: Mutex<ChainView>,
    knowledge: Mutex<Knowledge>,
    /// The earliest cause since the last plan.
    cause: Mutex<Option<Instant>>,
    pub(crate) replan: Notify,
    pub(crate) compute: Notify,
    pub(crate) progress: broadcast::Sender<Progress>,
    pub(crate) is_draining: AtomicBool,
    pub(crate) tasks_computed: AtomicU64,
    pub(crate) batches_committed: AtomicU64,
    pub(crate) batches_settled: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(me: Address, served: Vec<(B256, B256)>) -> Self {
        Self {
            me,
            view: Mutex::new(ChainView::new(served)),
            knowledge: Mutex::default(),
            cause: Mutex::default(),
            replan: Notify::new(),
            compute: Notify::new(),
            progress: broadcast::channel(1024).0,
            is_draining: AtomicBool::new(false),
            tasks_computed: AtomicU64::new(0),
            batches_committed: AtomicU64::new(0),
            batches_settled: AtomicU64::new(0),
        }
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, ChainView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view, unless somebody has it.
    pub(crate) fn try_view(&self) -> Option<MutexGuard<'_, ChainView>> {
        self.view.try_lock().ok()
    }

    pub(crate) fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next plan has a cause that was known at `at`.
    pub(crate) fn note_cause(&self, at: Instant) {
        let mut cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        *cause = Some(cause.map_or(at, |cause| cause.min(at)));
    }

    /// Calls for a new plan because of something that was known at `at`.
    pub(crate) fn trigger(&self, at: Instant) {
        self.note_cause(at);
        self.replan.notify_one();
    }

    /// The earliest cause since this was asked last.
    pub(crate) fn take_cause(&self) -> Option<Instant> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Tells those who watch. Nobody watching is fine.
    pub(crate) fn tell(&self, progress: Progress) {
        self.progress.send(progress).ok();
    }

    /// Tells what new blocks brought.
    pub(crate) fn announce(&self, changes: Vec<Change>, seen: Instant) {
        for change in changes {
            if let Some(progress) = self.progress_of(&change, seen) {
                tracing::info!(order = %change.order_id, event = ?progress, "chain");
                self.tell(progress);
            }
        }
    }

    fn progress_of(&self, change: &Change, seen: Instant) -> Option<Progress> {
        let (order_id, tx_hash) = (change.order_id, change.tx_hash);
        Some(match &change.kind {
            ChangeKind::Opened => {
                let (customer, tasks) = {
                    let view = self.view();
                    let order = &view.orders.get(&order_id)?.order;
                    (order.customer, order.count)
                };
                self.knowledge().seen.insert(order_id, seen);
                Progress::SawOrder { order_id, customer, tasks }
            }
            ChangeKind::Taken { provider, first, count } if *provider == self.me => {
                Progress::Took { order_id, first: *first, count: *count, tx_hash }
            }
            ChangeKind::Taken { provider, first, count } => {
                Progress::TakenByOther { order_id, provider: *provider, first: *first, count: *count }
            }
            ChangeKind::Committed { batch_id, batch } if batch.provider == self.me => {
                self.batches_committed.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("assay_batches_committed_total").increment(1);
                let (first, count, units, root) = (batch.first, batch.count, batch.units, batch.root);
                Progress::Committed { order_id, batch_id: *batch_id, first, count, units, root, tx_hash }
            }
            ChangeKind::Settled { batch_id, batch, accepted } if batch.provider == self.me => {
                self.batches_settled.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("assay_batches_settled_total").increment(1);
                Progress::Settled { order_id, batch_id: *batch_id, count: batch.count, accepted: *accepted, tx_hash }
            }
            ChangeKind::Forfeited { batch_id, batch } if batch.provider == self.me => {
                metrics::counter!("assay_batches_forfeited_total").increment(1);
                Progress::Forfeited { order_id, batch_id: *batch_id, tx_hash }
            }
            ChangeKind::Demanded { batch_id, provider, index } if *provider == self.me => {
                Progress::Demanded { batch_id: *batch_id, index: *index }
            }
            ChangeKind::Supplied { batch_id, provider, index } if *provider == self.me => {
                Progress::Supplied { batch_id: *batch_id, index: *index, tx_hash }
            }
            ChangeKind::Expired { provider, first, count } if *provider == self.me => {
                Progress::Expired { order_id, first: *first, count: *count }
            }
            _ => return None,
        })
    }
}

/// The provider wants only what the stored chain state asks for, and stops wanting it when that changes. So nearly every revert
/// means "not yet": the chain is ahead of what is stored, or behind.
impl Judge for Shared {
    fn judge(&self, action: &Action, revert: &Revert) -> Verdict {
        use std::time::Duration;
        match revert.escrow() {
            Some(JobEscrowErrors::JobEscrow_BadReceipt(_)) => {
                if let Ok(call) = JobEscrow::acceptCall::abi_decode(&action.data) {
                    tracing::warn!(root = %call.batch.root, "the receipt is not the customer's; the batch waits for its window");
                    let mut knowledge = self.knowledge();
                    knowledge.receipts.remove(&call.batch.root);
                    knowledge.bad_receipts.insert(call.batch.root, call.receipt);
                }
                Verdict::Drop
            }
            Some(
                JobEscrowErrors::JobEscrow_DeadlinePassed(_)
                | JobEscrowErrors::JobEscrow_DemandExpired(_)
                | JobEscrowErrors::JobEscrow_BadProof(_)
                | JobEscrowErrors::JobEscrow_BadRow(_),
            ) => Verdict::Drop,
            Some(JobEscrowErrors::JobEscrow_NotVerified(_)) => Verdict::Later(Duration::from_secs(5)),
            Some(_) => Verdict::Later(Duration::from_millis(500)),
            None if revert.is_verification() => Verdict::Later(Duration::from_millis(700)),
            None => Verdict::Later(Duration::from_secs(2)),
        }
    }
}
