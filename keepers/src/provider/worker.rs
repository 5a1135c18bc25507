//! The worker: computes one range at a time on the whole machine, stores its blob, then says so.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::B256;
use assay_blobs::Blobs;
use assay_kernels::{
    commit::{Batch, BatchScope, TaskOutput},
    merkle::row_root,
    model::Model,
    prompt::Prompt,
};
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::{
    config::WorkConfig,
    inputs::{InputState, Inputs},
    plan::{Computed, Range},
    policy::Refusal,
    progress::Progress,
    shared::Shared,
};
use crate::{
    error::{KeeperError, Result},
    store::Store,
    supervise::Backoff,
    verification::Tamper,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) models: Vec<Arc<Model>>,
    pub(crate) config: WorkConfig,
    pub(crate) chain_id: u64,
    /// How it cheats; see [`Tamper`].
    pub(crate) tamper: Tamper,
}

/// How a computation ended.
enum Outcome {
    Done(Batch),
    NotWanted,
    Failed(String),
}

impl Worker {
    /// Reads which ranges were computed before.
    pub(crate) async fn load_results(&self) -> Result<()> {
        let rows = sqlx::query("SELECT order_id, first, count, units, root FROM results");
        let rows = rows.fetch_all(self.store.read()).await?;
        let mut knowledge = self.shared.knowledge();
        for row in &rows {
            let order_id = B256::from_slice(row.try_get("order_id")?);
            let range = Range { order_id, first: row.try_get("first")?, count: row.try_get("count")? };
            let units = row.try_get::<i64, _>("units")? as u64;
            knowledge.results.insert(range, Computed { units, root: B256::from_slice(row.try_get("root")?) });
        }
        Ok(())
    }

    /// Works until cancelled.
    pub(crate) async fn run(&self, cancel: CancellationToken) -> Result<()> {
        loop {
            let wake = self.shared.compute.notified();
            let next = self.next();
            let Some((range, inputs, model)) = next else {
                tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    () = wake => continue,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                result = self.work(range, inputs, model) => result?,
            }
        }
    }

    /// The most urgent range that is not computed and whose inputs are here.
    fn next(&self) -> Option<(Range, Inputs, Arc<Model>)> {
        let (range, inputs) = {
            let knowledge = self.shared.knowledge();
            knowledge.desired.iter().filter(|range| !knowledge.results.contains_key(range)).find_map(|range| {
                match knowledge.inputs.get(&range.order_id) {
                    Some(InputState::Ready(inputs)) => Some((*range, inputs.clone())),
                    _ => None,
                }
            })?
        };
        let model = self.shared.view().orders.get(&range.order_id)?.model;
        Some((range, inputs, self.models.get(model)?.clone()))
    }

    async fn work(&self, range: Range, inputs: Inputs, model: Arc<Model>) -> Result<()> {
        match self.compute(range, inputs, model).await? {
            Outcome::Done(batch) => self.keep(range, batch).await,
            Outcome::NotWanted => {
                tracing::info!(order = %range.order_id, first = range.first, "the range went to somebody else; computation stopped");
                Ok(())
            }
            Outcome::Failed(why) => {
                tracing::error!(order = %range.order_id, first = range.first, code = "run_failed", why, "the model cannot run it");
                let refusal = Refusal { code: "run_failed", message: why };
                self.shared.knowledge().inputs.insert(range.order_id, InputState::Refused(refusal));
                self.shared.trigger(Instant::now());
                Ok(())
            }
        }
    }

    async fn compute(&self, range: Range, inputs: Inputs, model: Arc<Model>) -> Result<Outcome> {
        let total = range.count;
        let mut tasks = Vec::with_capacity(total as usize);
        while (tasks.len() as u32) < total {
            if !self.shared.knowledge().desired.contains(&range) {
                return Ok(Outcome::NotWanted);
            }
            let from = range.first as usize + tasks.len();
            let to = (from + self.config.chunk.max(1)).min(range.first as usize + total as usize);
            let started = Instant::now();
            match blocking(run_chunk(model.clone(), inputs.clone(), from, to)).await? {
                Ok(done) => {
                    let indexed = (from as u32..).zip(done);
                    tasks.extend(indexed.map(|(index, task)| self.tamper.commitment(index, task)));
                }
                Err(why) => return Ok(Outcome::Failed(why)),
            }
            let units = inputs.units(from as u32, (to - from) as u32);
            self.measure(units, started.elapsed());
            self.shared.tasks_computed.fetch_add((to - from) as u64, Ordering::Relaxed);
            metrics::counter!("assay_tasks_computed_total").increment((to - from) as u64);
            let done = tasks.len() as u32;
            self.shared.tell(Progress::Computed { order_id: range.order_id, first: range.first, done, total });
        }
        let scope = BatchScope {
            chain_id: self.chain_id,
            order_id: range.order_id.0,
            provider: self.shared.me.into_array(),
            first: range.first,
        };
        let batch = blocking(move || Batch::new(scope, tasks)).await?;
        Ok(batch.map_or_else(|error| Outcome::Failed(error.to_string()), Outcome::Done))
    }

    fn measure(&self, units: u64, time: Duration) {
        let speed = units as f64 / time.as_secs_f64().max(1e-6);
        let mut knowledge = self.shared.knowledge();
        knowledge.units_per_second = Some(knowledge.units_per_second.map_or(speed, |old| 0.8 * old + 0.2 * speed));
        metrics::gauge!("assay_units_per_second").set(knowledge.units_per_second.unwrap_or(speed));
    }

    /// Stores the blob, then that it is stored. A full disk or an absent store is waited for: the results are worth more than the
    /// wait.
    async fn keep(&self, range: Range, batch: Batch) -> Result<()> {
        let backoff = Backoff::default();
        let mut failures = 0;
        loop {
            let error = match self.try_keep(range, &batch).await {
                Ok(()) => break,
                Err(error) if error.is_retryable() => error,
                Err(error) => return Err(error),
            };
            failures += 1;
            tracing::warn!(order = %range.order_id, first = range.first, code = error.code(), %error, "results are not stored yet");
            tokio::time::sleep(backoff.pause(failures)).await;
        }
        let computed = Computed { units: batch.units(), root: batch.root().into() };
        self.shared.knowledge().results.insert(range, computed);
        self.shared.trigger(Instant::now());
        Ok(())
    }

    async fn try_keep(&self, range: Range, batch: &Batch) -> Result<()> {
        if !self.tamper.withholds {
            self.blobs.put_batch(batch).await.map_err(|error| KeeperError::Blobs(error.to_string()))?;
        }
        let root = batch.root();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
        let mut tx = self.store.write().await?;
        sqlx::query("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)")
            .bind(range.order_id.to_vec())
            .bind(range.first)
            .bind(range.count)
            .bind(batch.units() as i64)
            .bind(root.to_vec())
            .bind(now)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// Units a second of the slowest of `models`, measured on a few made-up rows. An order is only taken when the work fits its time,
/// so a machine must know its speed before its first one.
pub(crate) fn measure_speed(models: &[Arc<Model>]) -> f64 {
    let speed_of = |model: &Arc<Model>| {
        let tokens = model.tape().max_tokens().clamp(1, 32);
        let row = if model.tape().is_decoder() {
            Prompt::new(&[0], tokens as usize, 0, 0).encode()
        } else {
            vec![0; 2 * tokens as usize]
        };
        let (rows, units) = ([row.as_slice(); 4], model.tape().units(tokens));
        let started = Instant::now();
        let done = model.run(&rows).is_ok();
        if done { (rows.len() as u32 * units) as f64 / started.elapsed().as_secs_f64().max(1e-6) } else { 0.0 }
    };
    models.iter().map(speed_of).fold(f64::INFINITY, f64::min)
}

fn run_chunk(
    model: Arc<Model>,
    inputs: Inputs,
    from: usize,
    to: usize,
) -> impl FnOnce() -> Result<Vec<TaskOutput>, String> + Send + 'static {
    move || {
        let rows: Vec<&[u8]> = inputs.rows[from..to].iter().map(Vec::as_slice).collect();
        let outputs = model.run(&rows).map_err(|error| error.to_string())?;
        let tasks = rows.iter().zip(outputs).enumerate().map(|(at, (input, row))| TaskOutput {
            input_hash: row_root(input),
            units: inputs.units((from + at) as u32, 1) as u32,
            row,
        });
        Ok(tasks.collect())
    }
}

/// Runs heavy work off the executor's threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let result = tokio::task::spawn_blocking(work).await;
    result.map_err(|error| KeeperError::Panicked { task: "computation", message: error.to_string() })
}
