//! What plans need beside the chain: fetched, computed and kept while it is of use. All of it can be had again.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::primitives::{B256, Bytes};
use assay_blobs::Blobs;
use assay_contracts::JobEscrow::Batch;
use assay_kernels::{
    Trace,
    commit::{self, BatchScope},
    model::Model,
};
use tokio::sync::Semaphore;

use super::{
    rounds::{Recording, Rounds},
    tamper::Tamper,
    testimony::Testimony,
};
use crate::view::ChainView;

/// Orders whose inputs are kept in memory.
const CACHED_INPUTS: usize = 8;
/// First and longest pause after something could not be had.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Attempts after which what a validator needs counts as missing: it has little time.
const ATTEMPTS: u32 = 3;
/// Attempts after which a batch's results count as missing, some 25 seconds: asking for them on chain costs.
const LEAVES_ATTEMPTS: u32 = 6;

/// A task of an order: whoever computes it gets the same. Or one of a batch: what there is to compute where its provider's output is
/// claimed.
pub(crate) type TaskKey = (B256, u32);

/// Something to bring.
#[derive(Debug, Clone)]
pub(crate) enum Need {
    /// What recording a round of the beacon takes, the chain being at this height.
    Round { round: u64, head: u64 },
    /// The leaves of a committed batch, from its blob.
    Leaves { batch_id: B256, batch: Box<Batch> },
    /// The order's input rows.
    Inputs { order_id: B256, root: B256 },
    /// A trace of a task; its input is the supplied row, or that under the order's root. Where an output is claimed, the trace of that.
    Task {
        key: TaskKey,
        order_id: B256,
        model: usize,
        inputs_root: B256,
        supplied: Option<Bytes>,
        claimed: Option<Bytes>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NeedId {
    Round(u64),
    Leaves(B256),
    Inputs(B256),
    Task(TaskKey),
}

impl Need {
    fn id(&self) -> NeedId {
        match self {
            Self::Round { round, .. } => NeedId::Round(*round),
            Self::Leaves { batch_id, .. } => NeedId::Leaves(*batch_id),
            Self::Inputs { order_id, .. } => NeedId::Inputs(*order_id),
            Self::Task { key, .. } => NeedId::Task(*key),
        }
    }
}

/// A task that was computed.
#[derive(Debug, Clone)]
pub(crate) struct TaskResult {
    /// What this keeper says of it.
    pub(crate) said: Testimony,
    /// Kept while a game asks for rows.
    pub(crate) trace: Option<Arc<Trace>>,
}

/// Everything on the bench.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) rounds: HashMap<u64, Recording>,
    pub(crate) leaves: HashMap<B256, Arc<commit::Batch>>,
    pub(crate) inputs: HashMap<B256, Arc<Vec<Vec<u8>>>>,
    pub(crate) tasks: HashMap<TaskKey, TaskResult>,
    failures: HashMap<NeedId, (u32, Instant)>,
    busy: HashSet<NeedId>,
}

impl Known {
    /// Whether the inputs of a task cannot be had from the blob store, as often as it was tried.
    pub(crate) fn lacks_inputs(&self, key: TaskKey) -> bool {
        self.failed(NeedId::Task(key), ATTEMPTS)
    }

    /// Whether the results of a batch cannot be had from the blob store, as often as a challenger tries.
    pub(crate) fn lacks_leaves(&self, batch_id: B256) -> bool {
        self.failed(NeedId::Leaves(batch_id), LEAVES_ATTEMPTS)
    }

    /// The same for a validator, which waits for half of its time before it asks.
    pub(crate) fn lacks_leaves_in_haste(&self, batch_id: B256) -> bool {
        self.failed(NeedId::Leaves(batch_id), ATTEMPTS)
    }

    fn failed(&self, id: NeedId, attempts: u32) -> bool {
        self.failures.get(&id).is_some_and(|(count, _)| *count >= attempts)
    }

    #[cfg(test)]
    pub(crate) fn fail(&mut self, key: TaskKey) {
        self.failures.insert(NeedId::Task(key), (ATTEMPTS, Instant::now()));
    }

    #[cfg(test)]
    pub(crate) fn fail_leaves(&mut self, batch_id: B256) {
        self.failures.insert(NeedId::Leaves(batch_id), (LEAVES_ATTEMPTS, Instant::now()));
    }
}

/// See the module.
pub(crate) struct Bench {
    rounds: Rounds,
    blobs: Blobs,
    pub(crate) models: Vec<Arc<Model>>,
    pub(crate) tamper: Tamper,
    chain_id: u64,
    known: Mutex<Known>,
    /// Traces take the whole machine; one is made at a time.
    machine: Semaphore,
    /// Calls for a new plan.
    bell: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

impl Bench {
    pub(crate) fn new(
        rounds: Rounds,
        blobs: Blobs,
        models: Vec<Arc<Model>>,
        tamper: Tamper,
        chain_id: u64,
        bell: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (known, machine) = (Mutex::default(), Semaphore::new(1));
        Self { rounds, blobs, models, tamper, chain_id, known, machine, bell: Box::new(bell) }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what belongs to no order of `view`, and all traces but those of `full`.
    pub(crate) fn tidy(&self, view: &ChainView, full: &BTreeSet<TaskKey>) {
        let mut known = self.known();
        known.leaves.retain(|batch, _| view.batch(batch).is_some());
        known.inputs.retain(|order, _| view.orders.contains_key(order));
        known.tasks.retain(|(id, _), _| view.orders.contains_key(id) || view.batch(id).is_some());
        for (key, task) in &mut known.tasks {
            if !full.contains(key) {
                task.trace = None;
            }
        }
        let needed: HashSet<u64> = view.trials.draws.values().map(|draw| draw.round).collect();
        known.rounds.retain(|round, _| needed.contains(round));
    }

    /// Starts to bring what is not being brought and was not found missing just now.
    pub(crate) fn bring(self: &Arc<Self>, needs: Vec<Need>) {
        for need in needs {
            let id = need.id();
            let mut known = self.known();
            let rests = known.failures.get(&id).is_some_and(|(_, retry_at)| *retry_at > Instant::now());
            if rests || !known.busy.insert(id) {
                continue;
            }
            drop(known);
            let bench = self.clone();
            tokio::spawn(async move {
                let result = bench.try_bring(need).await;
                bench.brought(id, result);
                (bench.bell)();
            });
        }
    }

    fn brought(&self, id: NeedId, result: Result<(), String>) {
        let mut known = self.known();
        known.busy.remove(&id);
        match result {
            Ok(()) => {
                known.failures.remove(&id);
            }
            Err(why) => {
                let count = known.failures.get(&id).map_or(0, |(count, _)| *count) + 1;
                let pause = FIRST_PAUSE.saturating_mul(1 << count.min(8)).min(LONGEST_PAUSE);
                known.failures.insert(id, (count, Instant::now() + pause));
                tracing::warn!(what = ?id, why, attempt = count, "not to be had yet");
            }
        }
    }

    async fn try_bring(&self, need: Need) -> Result<(), String> {
        match need {
            Need::Round { round, head } => {
                let recording = self.rounds.recording(round, head).await?;
                self.known().rounds.insert(round, recording);
            }
            Need::Leaves { batch_id, batch } => {
                let blob =
                    self.blobs.get_batch(&batch.root.0, self.scope(&batch)).await.map_err(|error| error.to_string())?;
                self.known().leaves.insert(batch_id, Arc::new(blob));
            }
            Need::Inputs { order_id, root } => {
                self.inputs(order_id, root).await?;
            }
            Need::Task { key, order_id, model, inputs_root, supplied, claimed } => {
                let row = match supplied {
                    Some(row) => row.to_vec(),
                    None => {
                        let rows = self.inputs(order_id, inputs_root).await?;
                        rows.get(key.1 as usize).cloned().ok_or("the inputs lack the index")?
                    }
                };
                let task = self.compute(key.1, model, row, claimed).await?;
                self.known().tasks.insert(key, task);
            }
        }
        Ok(())
    }

    fn scope(&self, batch: &Batch) -> BatchScope {
        BatchScope {
            chain_id: self.chain_id,
            order_id: batch.orderId.0,
            provider: batch.provider.into_array(),
            first: batch.first,
        }
    }

    async fn inputs(&self, order_id: B256, root: B256) -> Result<Arc<Vec<Vec<u8>>>, String> {
        if let Some(rows) = self.known().inputs.get(&order_id) {
            return Ok(rows.clone());
        }
        let rows = Arc::new(self.blobs.get_inputs(&root.0).await.map_err(|error| error.to_string())?);
        let mut known = self.known();
        if known.inputs.len() >= CACHED_INPUTS {
            known.inputs.clear();
        }
        known.inputs.insert(order_id, rows.clone());
        Ok(rows)
    }

    async fn compute(
        &self,
        index: u32,
        model: usize,
        row: Vec<u8>,
        claimed: Option<Bytes>,
    ) -> Result<TaskResult, String> {
        let _turn = self.machine.acquire().await.map_err(|error| error.to_string())?;
        let (model, tamper) = (self.models.get(model).ok_or("no such model")?.clone(), self.tamper.clone());
        let make = move || match claimed {
            Some(output) => Testimony::of_claim(&model, &row, &output),
            None => Testimony::make(&model, &row, index, &tamper),
        };
        let made = tokio::task::spawn_blocking(make).await.map_err(|error| error.to_string())?;
        let (said, trace) = made.map_err(|error| error.to_string())?;
        metrics::counter!("assay_traces_computed_total").increment(1);
        Ok(TaskResult { said, trace: Some(Arc::new(trace)) })
    }
}
