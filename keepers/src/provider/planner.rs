//! The planner: at every change it looks at everything again and says what is wanted. It keeps nothing of its own, so a restart
//! is just another look.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, Bytes},
    providers::DynProvider,
    sol_types::SolCall,
};
use assay_blobs::Blobs;
use assay_contracts::{
    JobEscrow::{self, Task},
    Staking, Suite,
};
use assay_kernels::{commit::BatchScope, model::Model};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    config::ProviderConfig,
    inputs::{FetchError, InputState, fetch},
    plan::{Plan, Situation, plan},
    progress::Progress,
    shared::Shared,
    worker::blocking,
};
use crate::{
    chain::Head,
    error::Result,
    supervise::while_progressing,
    tx::TxManager,
    verification::{self, Bench, Duty, Need, Secret},
};

/// Name of the role in the transaction store.
pub(crate) const ROLE: &str = "provider";
/// Bytes of a unit: token ids of 16 bits.
const UNIT_BYTES: u8 = 2;
/// How often time alone is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Longest pause between attempts to fetch inputs.
const MAX_FETCH_PAUSE: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) config: ProviderConfig,
    pub(crate) suite: Suite,
    pub(crate) rpc: DynProvider,
    pub(crate) blobs: Blobs,
    pub(crate) models: Vec<Arc<Model>>,
    pub(crate) shared: Arc<Shared>,
    /// What draws and games need.
    pub(crate) bench: Arc<Bench>,
    pub(crate) secret: Secret,
    pub(crate) tx: TxManager,
    pub(crate) head: watch::Receiver<Option<Head>>,
    /// Looks completed, ever.
    pub(crate) looks: AtomicU64,
}

impl Planner {
    /// Plans until cancelled.
    pub(crate) async fn run(self: Arc<Self>, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.looks, || self.keep_looking()) => result,
        }
    }

    async fn keep_looking(self: &Arc<Self>) -> Result<()> {
        let mut heads = self.head.clone();
        loop {
            self.look().await?;
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                () = self.shared.replan.notified() => {}
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// One look: plan, reconcile, start what the plan needs.
    async fn look(self: &Arc<Self>) -> Result<()> {
        let cause = self.shared.take_cause();
        let Some(head) = self.head.borrow().as_ref().filter(|head| head.caught_up).copied() else { return Ok(()) };
        let (mut plan, needs, derived_at) = self.plan(&head);
        if plan.needs_stake {
            self.ask_free_stake(&head, cause.unwrap_or_else(Instant::now));
        }
        // What a clock brings about is no reaction to anything seen.
        let by_clock = ["settle", "expire", "draw", "record", "conclude", "timeout", "claimPot"];
        for action in plan.actions.iter_mut().filter(|action| !by_clock.contains(&action.kind)) {
            action.since = cause.or_else(|| Some(Instant::now()));
        }
        self.tx.reconcile(ROLE, &plan.actions, derived_at).await?;
        self.start_fetches(&plan);
        self.start_answers(&plan);
        self.bench.bring(needs);
        self.publish(plan);
        Ok(())
    }

    fn plan(&self, head: &Head) -> (Plan, Vec<Need>, u64) {
        let view = self.shared.view();
        let knowledge = self.shared.knowledge();
        let mut plan = plan(&Situation {
            config: &self.config,
            me: self.shared.me,
            escrow: self.suite.job_escrow,
            unit_bytes: UNIT_BYTES,
            view: &view,
            head_time: head.timestamp,
            likely_time: head.timestamp + head.stored_at.elapsed().as_secs(),
            inputs: &knowledge.inputs,
            results: &knowledge.results,
            receipts: &knowledge.receipts,
            supplies: &knowledge.supplies,
            free_stake: knowledge.free_stake,
            units_per_second: knowledge.units_per_second.unwrap_or(f64::MIN_POSITIVE),
            is_draining: self.shared.draining(),
        });
        let trials = verification::plan(&verification::Situation {
            me: self.shared.me,
            duty: Duty::Provider,
            suite: &self.suite,
            view: &view,
            head_number: head.number,
            head_time: head.timestamp,
            likely_time: head.timestamp + head.stored_at.elapsed().as_secs(),
            known: &self.bench.known(),
            models: &self.models,
            under_way: &BTreeSet::new(),
            secret: &self.secret,
            tamper: &self.bench.tamper,
        });
        self.bench.tidy(&view, &trials.full);
        plan.actions.retain(|action| !self.bench.tamper.silences(action.kind));
        plan.prepare.retain(|_| !self.bench.tamper.silences("supply"));
        plan.actions.extend(trials.actions);
        (plan, trials.needs, view.block)
    }

    /// Asks for the free stake, once a head. No plan waits for the answer: it calls for another one if it is news, and until then
    /// the simulation stops what does not fit. `cause` is what the asking plan reacted to.
    fn ask_free_stake(self: &Arc<Self>, head: &Head, cause: Instant) {
        let asked_at = Some(head.hash);
        if std::mem::replace(&mut self.shared.knowledge().stake_asked_at, asked_at) == asked_at {
            return;
        }
        let planner = self.clone();
        tokio::spawn(async move {
            let staking = Staking::new(planner.suite.staking, &planner.rpc);
            let answer = staking.freeStake(planner.shared.me, planner.suite.job_escrow).call().await;
            let mut knowledge = planner.shared.knowledge();
            // A later head has asked again.
            if knowledge.stake_asked_at != asked_at {
                return;
            }
            match answer {
                Ok(free) if knowledge.free_stake != Some(free) => {
                    knowledge.free_stake = Some(free);
                    planner.shared.trigger(cause);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the free stake is not known; asking again");
                    knowledge.stake_asked_at = None;
                }
            }
        });
    }

    fn start_fetches(self: &Arc<Self>, plan: &Plan) {
        for order_id in &plan.fetch {
            let mut knowledge = self.shared.knowledge();
            let failures = match knowledge.inputs.get(order_id) {
                None => 0,
                Some(InputState::Waiting { failures, retry_at: Some(at) }) if *at <= Instant::now() => *failures,
                _ => continue,
            };
            let cached: usize = knowledge
                .inputs
                .values()
                .map(|state| if let InputState::Ready(inputs) = state { inputs.bytes() } else { 0 })
                .sum();
            let held = plan.held > 0 && knowledge.desired.iter().any(|range| range.order_id == *order_id);
            if cached > self.config.work.input_cache_bytes && !held {
                continue;
            }
            knowledge.inputs.insert(*order_id, InputState::Waiting { failures, retry_at: None });
            drop(knowledge);
            tokio::spawn(self.clone().fetch_inputs(*order_id, failures));
        }
    }

    async fn fetch_inputs(self: Arc<Self>, order_id: B256, failures: u32) {
        let Some((order, model)) =
            self.shared.view().orders.get(&order_id).map(|view| (view.order.clone(), view.model))
        else {
            self.shared.knowledge().inputs.remove(&order_id);
            return;
        };
        let state = match fetch(&self.blobs, &order, &self.models[model]).await {
            Ok(inputs) => InputState::Ready(inputs),
            Err(FetchError::Never(refusal)) => InputState::Refused(refusal),
            Err(FetchError::Again(refusal))
                if failures + 1 >= self.config.work.fetch_attempts && !self.holds(order_id) =>
            {
                InputState::Refused(refusal)
            }
            Err(FetchError::Again(refusal)) => {
                let first = Duration::from_millis(self.config.work.fetch_backoff_ms);
                let pause = first.saturating_mul(1 << failures.min(16)).min(MAX_FETCH_PAUSE);
                tracing::warn!(order = %order_id, %refusal, attempt = failures + 1, ?pause, "inputs are not here yet");
                InputState::Waiting { failures: failures + 1, retry_at: Some(Instant::now() + pause) }
            }
        };
        // A first attempt that succeeds is part of the reaction to the order; waiting for the customer's upload is not.
        let seen = self.shared.knowledge().seen.remove(&order_id).filter(|_| failures == 0);
        self.shared.knowledge().inputs.insert(order_id, state);
        self.shared.trigger(seen.unwrap_or_else(Instant::now));
    }

    /// Whether this provider holds a range of the order that it has not committed.
    fn holds(&self, order_id: B256) -> bool {
        let view = self.shared.view();
        let me = Some(self.shared.me);
        view.orders.get(&order_id).is_some_and(|order| order.takes.values().any(|take| take.provider == me))
    }

    fn start_answers(self: &Arc<Self>, plan: &Plan) {
        for demand in &plan.prepare {
            if self.shared.knowledge().preparing.insert(*demand) {
                let planner = self.clone();
                let (batch_id, index) = *demand;
                tokio::spawn(async move {
                    match planner.answer(batch_id, index).await {
                        Ok(data) => {
                            planner.shared.knowledge().supplies.insert((batch_id, index), data);
                            planner.shared.trigger(Instant::now());
                        }
                        Err(why) => tracing::error!(batch = %batch_id, index, why, "a demand cannot be answered yet"),
                    }
                    tokio::time::sleep(TICK).await;
                    planner.shared.knowledge().preparing.remove(&(batch_id, index));
                });
            }
        }
    }

    /// Calldata of `supply` for a task of an own batch, from the stored blobs.
    async fn answer(&self, batch_id: B256, index: u32) -> Result<Bytes, String> {
        let found = {
            let view = self.shared.view();
            view.orders
                .values()
                .find_map(|order| Some((order.order.clone(), order.batches.get(&batch_id)?.batch.clone())))
        };
        let (order, batch) = found.ok_or("the batch is not known any more")?;
        let scope = BatchScope {
            chain_id: self.suite.chain_id,
            order_id: batch.orderId.0,
            provider: batch.provider.into_array(),
            first: batch.first,
        };
        let blob = self.blobs.get_batch(&batch.root.0, scope).await.map_err(|error| error.to_string())?;
        let rows = self.blobs.get_inputs(&order.inputsRoot.0).await.map_err(|error| error.to_string())?;
        let position = (index - batch.first) as usize;
        let (blob, proof) = blocking(move || {
            let proof = blob.proof(position);
            (blob, proof)
        })
        .await
        .map_err(|error| error.to_string())?;
        let leaf = blob.leaves().get(position).ok_or("the index is outside the batch")?;
        let call = JobEscrow::supplyCall {
            task: Task {
                index,
                inputHash: leaf.input_hash.into(),
                outputHash: leaf.output_hash.into(),
                unitsBefore: leaf.units_before,
                units: leaf.units,
                proof: proof.into_iter().map(Into::into).collect(),
            },
            input: rows.get(index as usize).cloned().ok_or("the inputs lack the index")?.into(),
            output: blob.tasks()[position].row.clone().into(),
            order,
            batch,
        };
        Ok(call.abi_encode().into())
    }

    /// Hands the plan's other parts to those who wait for them, and says what changed about refusals.
    fn publish(&self, plan: Plan) {
        let mut knowledge = self.shared.knowledge();
        for (order_id, refusal) in &plan.refusals {
            if knowledge.refusals.get(order_id).is_none_or(|known| known.code != refusal.code) {
                tracing::warn!(order = %order_id, code = refusal.code, "left alone: {}", refusal.message);
                metrics::counter!("assay_orders_refused_total", "code" => refusal.code).increment(1);
                self.shared.tell(Progress::Refused { order_id: *order_id, refusal: refusal.clone() });
            }
        }
        knowledge.refusals = plan.refusals;
        knowledge.held = plan.held;
        knowledge.await_receipts = plan.await_receipts;
        let changed = knowledge.desired != plan.compute;
        knowledge.desired = plan.compute;
        self.forget_unneeded(&mut knowledge);
        drop(knowledge);
        if changed {
            // A permit is kept when the worker is busy, so nothing is missed.
            self.shared.compute.notify_one();
        }
    }

    /// Inputs and answers of orders and batches that need none any more.
    fn forget_unneeded(&self, knowledge: &mut super::shared::Knowledge) {
        // The view was locked before the knowledge everywhere else; here it is only tried.
        let Some(view) = self.shared.try_view() else { return };
        let me = Some(self.shared.me);
        knowledge.inputs.retain(|id, _| {
            view.orders.get(id).is_some_and(|order| {
                order.is_open && (order.next < order.order.count || !order.takes.is_empty())
                    || order.takes.values().any(|take| take.provider == me)
            })
        });
        let batch_is_known = |id: &B256| view.orders.values().any(|order| order.batches.contains_key(id));
        knowledge.supplies.retain(|(batch, _), _| batch_is_known(batch));
        knowledge.seen.retain(|id, _| view.orders.contains_key(id));
        let awaited = &knowledge.await_receipts;
        let is_open = |root: &B256| {
            awaited.contains(root)
                || view.orders.values().any(|order| {
                    order
                        .batches
                        .values()
                        .any(|entry| entry.batch.root == *root && entry.status == crate::view::BatchStatus::Committed)
                })
        };
        knowledge.receipts.retain(|root, _| is_open(root));
        knowledge.bad_receipts.retain(|root, _| is_open(root));
    }

    /// Looks for customers' receipts until cancelled.
    pub(crate) async fn poll_receipts(self: Arc<Self>, cancel: CancellationToken) -> Result<()> {
        let pause = Duration::from_millis(self.config.work.receipt_poll_ms.max(10));
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            let roots = self.shared.knowledge().await_receipts.clone();
            for root in roots {
                let receipt = match self.blobs.get_receipt(&root.0).await {
                    Ok(Some(receipt)) => Bytes::from(receipt),
                    Ok(None) => continue,
                    Err(error) => {
                        tracing::debug!(%root, %error, "no receipt");
                        continue;
                    }
                };
                let mut knowledge = self.shared.knowledge();
                if knowledge.bad_receipts.get(&root) != Some(&receipt) && !receipt.is_empty() {
                    knowledge.receipts.insert(root, receipt);
                    drop(knowledge);
                    self.shared.trigger(Instant::now());
                }
            }
        }
    }
}
