//! Receiving an order's results: each is checked against its committed leaf, the batch's receipt is signed, what does not come is
//! demanded on chain, and a fault that shows in the leaves is proved there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{B256, U256},
    providers::DynProvider,
    signers::SignerSync,
};
use assay_blobs::{BlobError, Blobs};
use assay_contracts::{
    JobEscrow::{self, Supplied},
    protocol::{self, draw_status},
};
use assay_kernels::{
    Hash,
    commit::{BatchScope, TaskLeaf, inputs_tree},
    merkle::{self, Tree, row_root},
};

use crate::{
    chain::{Chain, from_call},
    client::{
        faults::{self, Fault},
        history::{self, BatchHistory, Demands, End, History},
        open::{allow, from_blob, now},
    },
    error::{Error, Result},
};

/// Seconds before the end of a batch's window at which its missing tasks are demanded whatever the patience, plus one a task that
/// is awaited: to send a demand takes some calls to the endpoint, and a block must take it.
const LAST_CALL: u64 = 60;
/// Demands sent before the first of them is waited for. Nodes keep 16 pending transactions an account, and may drop more.
const IN_FLIGHT: usize = 16;
/// Refusals that mean somebody else was faster, or the clock. The next look at the chain tells what became of the batch.
const OVERTAKEN: [&str; 5] = [
    "JobEscrow_BatchNotCommitted",
    "JobEscrow_AlreadyDemanded",
    "JobEscrow_NotDemanded",
    "JobEscrow_DemandsOpen",
    "JobEscrow_WindowPassed",
];

/// How results are received.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Accept with a transaction instead of a receipt.
    pub accept: bool,
    /// How long a committed batch's results may be missing before they are demanded.
    pub patience: Duration,
    /// When to give up waiting.
    pub timeout: Option<Duration>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tasks in committed batches.
    pub committed: u32,
    /// Tasks whose results were received and verified.
    pub verified: u32,
    /// Tasks in batches that have settled.
    pub settled: u32,
}

/// All results of an order.
#[derive(Debug)]
pub struct Collected {
    /// Output rows in the order's order.
    pub outputs: Vec<Vec<u8>>,
    /// Results checked against their committed leaf: one a task.
    pub verified: u32,
    /// What happened to the order.
    pub history: History,
    /// Gas of the transactions that receiving took.
    pub gas: u64,
}

/// Receives the results of the order `id`, whose input rows are `rows`, until every batch has settled.
///
/// Safe to stop at any point and to call again: everything it needs is on the chain and in the blob store. What is wrong with one
/// batch is said when there is nothing left to do for the others, so that a provider cannot sacrifice one to hide the next.
///
/// # Errors
/// `batch_forfeited` when a provider withheld or lied and lost (the money is back); `unverified_result` when results that were
/// paid for are false; `demand_fees_lacking` and `window_passed` when what is missing cannot be demanded; `timed_out`.
pub async fn collect(
    chain: &Chain,
    blobs: &Blobs,
    id: B256,
    block: u64,
    rows: &[Vec<u8>],
    options: Options,
    mut report: impl FnMut(Progress),
) -> Result<Collected> {
    let started = Instant::now();
    let (inputs, received, since) = (inputs_tree(rows), BTreeMap::new(), HashMap::new());
    let undrawn = HashSet::new();
    let mut collector = Collector { chain, blobs, rows, inputs, options, received, undrawn, since, gas: 0 };
    loop {
        let history = history::read_from(chain, id, block).await?;
        collector.check_inputs(&history)?;
        let mut demands = history::demands(chain, &history).await?;
        let mut failed = HashMap::new();
        for batch in &history.batches {
            let demands = demands.remove(&batch.id).unwrap_or_default();
            if let Err(error) = collector.look_at(&history, batch, &demands).await {
                failed.insert(batch.id, error);
            }
        }
        // A reorganisation may have replaced a batch: only what is on the chain now counts.
        collector.received.retain(|id, _| history.batches.iter().any(|batch| batch.id == *id));
        report(collector.progress(&history));

        let timed_out = options.timeout.is_some_and(|timeout| started.elapsed() > timeout);
        let known = |batch: &BatchHistory| collector.received.contains_key(&batch.id) || failed.contains_key(&batch.id);
        let is_stuck = |batch: &BatchHistory| batch.end.is_none() && failed.contains_key(&batch.id);
        let is_closed = history.closed.is_some() && history.committed_tasks() < history.order.count;
        let is_done = history.batches.iter().all(known)
            && (history.is_final() || is_closed || history.batches.iter().any(is_stuck));
        if is_done || timed_out {
            if let Some(error) = history.batches.iter().find_map(|batch| failed.remove(&batch.id)) {
                return Err(error);
            }
            if is_done && is_closed {
                return Err(Error::refused("order_closed", format!("order {id} was closed before it was complete")));
            }
            if is_done {
                return Ok(collector.finish(history));
            }
            let message = format!("order {id} is not complete after {} s", started.elapsed().as_secs());
            return Err(Error::refused("timed_out", message)
                .hint("it stands: `assay order collect` goes on, `assay order show` tells"));
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

struct Collector<'a> {
    chain: &'a Chain,
    blobs: &'a Blobs,
    rows: &'a [Vec<u8>],
    /// Tree over `rows`.
    inputs: Tree,
    options: Options,
    /// Output rows of verified batches, by batch id.
    received: BTreeMap<B256, Vec<Vec<u8>>>,
    /// Batches that are complete and right, and whose draw is not over.
    undrawn: HashSet<B256>,
    /// When the results of a batch were first missing.
    since: HashMap<B256, Instant>,
    gas: u64,
}

/// A task as its leaf states it.
struct Shown {
    leaf: TaskLeaf,
    /// The output row.
    row: Vec<u8>,
    /// The leaf's proof, if it was supplied on demand.
    proof: Option<Vec<Hash>>,
}

impl Collector<'_> {
    /// Faults are judged by the rows, so they must be those that were ordered.
    fn check_inputs(&self, history: &History) -> Result<()> {
        let (given, ordered) = (B256::from(self.inputs.root()), history.order.inputsRoot);
        if given == ordered {
            return Ok(());
        }
        let message = format!("the inputs have the root {given}, and those of order {} have {ordered}", history.id);
        Err(Error::unverified("wrong_inputs", message).hint("name the store that the inputs are in with --blobs"))
    }

    /// Receives a batch that was not received yet, or sees to it that it is.
    async fn look_at(&mut self, history: &History, batch: &BatchHistory, demands: &Demands) -> Result<()> {
        let escrow = self.chain.escrow();
        if let Some(End::Forfeited { refund, slashed, .. }) = &batch.end {
            self.take_back_fees(history, batch, demands).await?;
            let (first, last) = (batch.batch.first, batch.batch.first + batch.batch.count - 1);
            let message = format!(
                "the provider {} lost the batch of tasks {first} to {last}: {refund} came back, {slashed} of its stake was slashed",
                batch.batch.provider
            );
            return Err(Error::refused("batch_forfeited", message).hint("order the tasks again"));
        }
        // While a demand is open the batch cannot settle, whatever else came of it.
        if !demands.open.is_empty() {
            let now = now(self.chain).await?;
            if let Some(index) = demands.open.iter().find_map(|(index, (_, end))| (now > *end).then_some(*index)) {
                self.play(&[escrow.forfeit(history.order.clone(), batch.batch.clone(), index)]).await?;
                return Ok(());
            }
        }
        if self.received.contains_key(&batch.id) {
            return Ok(());
        }
        if batch.end.is_none() && self.undrawn.contains(&batch.id) && !self.is_drawn(history, batch).await? {
            return Ok(());
        }
        let shown = self.shown(batch, demands).await?;
        if self.judge(history, batch, &shown).await? {
            return Ok(());
        }
        self.missing(history, batch, demands).await
    }

    /// The batch's tasks from the store, or else what was supplied of them on chain.
    async fn shown(&self, batch: &BatchHistory, demands: &Demands) -> Result<Vec<Shown>> {
        let scope = BatchScope {
            chain_id: self.chain.suite.chain_id,
            order_id: batch.batch.orderId.0,
            provider: batch.batch.provider.into_array(),
            first: batch.batch.first,
        };
        match self.blobs.get_batch(&batch.batch.root.0, scope).await {
            Ok(results) if results.count() == batch.batch.count => {
                let tasks = results.leaves().iter().zip(results.tasks());
                Ok(tasks.map(|(leaf, task)| Shown { leaf: *leaf, row: task.row.clone(), proof: None }).collect())
            }
            // What is altered, too large or of another size is as good as nothing: what counts is on the chain.
            Ok(_) | Err(BlobError::Missing { .. } | BlobError::Altered { .. } | BlobError::TooLarge { .. }) => {
                let shown = demands.supplied.values().map(|Supplied { task, output, .. }| Shown {
                    leaf: TaskLeaf {
                        chain_id: scope.chain_id,
                        order_id: scope.order_id,
                        provider: scope.provider,
                        index: task.index,
                        input_hash: task.inputHash.0,
                        output_hash: task.outputHash.0,
                        units_before: task.unitsBefore,
                        units: task.units,
                    },
                    row: output.to_vec(),
                    proof: Some(task.proof.iter().map(|sibling| sibling.0).collect()),
                });
                Ok(shown.collect())
            }
            Err(error) => Err(from_blob(error)),
        }
    }

    /// Judges what is known of a batch, in the order of its tasks: proves what is false, and acknowledges what is complete and right.
    /// Answers whether that is all there is to do now; else tasks are missing.
    async fn judge(&mut self, history: &History, batch: &BatchHistory, shown: &[Shown]) -> Result<bool> {
        let is_complete = shown.len() == batch.batch.count as usize;
        let tree = is_complete.then(|| Tree::new(shown.iter().map(|task| task.leaf.hash()).collect()));
        // Neither the store nor the escrow lets such leaves pass: the endpoint makes them up.
        let (first, count, ordered) = (batch.batch.first, batch.batch.count, self.rows.len());
        let root = batch.batch.root.0;
        let is_possible = |Shown { leaf, row, proof }: &Shown| {
            let is_in_batch = leaf.index >= first && leaf.index - first < count && (leaf.index as usize) < ordered;
            let is_proved = |proof: &Vec<Hash>| {
                merkle::verify(&root, count.into(), (leaf.index - first).into(), &leaf.hash(), proof)
            };
            is_in_batch && row_root(row) == leaf.output_hash && proof.as_ref().is_none_or(is_proved)
        };
        let is_under_root = tree.as_ref().is_none_or(|tree| tree.root() == root);
        if !is_under_root || !shown.iter().all(is_possible) {
            let message =
                format!("batch {}: the results are not under the committed root; no receipt was signed", batch.id);
            return Err(Error::unverified("unverified_result", message).hint("use another RPC endpoint"));
        }
        for (place, Shown { leaf, .. }) in shown.iter().enumerate() {
            let before = place.checked_sub(1).map(|place| &shown[place]);
            let before = before.filter(|before| before.leaf.index + 1 == leaf.index);
            let row = &self.rows[leaf.index as usize];
            let Some(fault) = faults::find(&history.order, &batch.batch, row, before.map(|task| &task.leaf), leaf)
            else {
                continue;
            };
            if batch.end.is_some() {
                let message =
                    format!("task {} of batch {}: {fault}, and the batch has settled already", leaf.index, batch.id);
                return Err(Error::unverified("unverified_result", message));
            }
            let task = task(batch, &shown[place], tree.as_ref());
            let before = before.map(|before| self::task(batch, before, tree.as_ref()));
            self.prove(history, batch, fault, before, task).await?;
            return Ok(true);
        }
        if is_complete && (batch.end.is_some() || self.acknowledge(history, batch).await?) {
            self.received.insert(batch.id, shown.iter().map(|task| task.row.clone()).collect());
        }
        Ok(is_complete)
    }

    /// Proves the fault of `task` on chain, which forfeits the batch.
    async fn prove(
        &mut self,
        history: &History,
        batch: &BatchHistory,
        fault: Fault,
        before: Option<JobEscrow::Task>,
        task: JobEscrow::Task,
    ) -> Result<()> {
        let (escrow, order, batch, index) =
            (self.chain.escrow(), history.order.clone(), batch.batch.clone(), task.index as usize);
        let row = &self.rows[index];
        match (fault, before) {
            (Fault::Gap, Some(before)) => self.play(&[escrow.proveUnitsGap(order, batch, before, task)]).await?,
            (Fault::Input, _) => {
                let proof = self.inputs.proof(index).into_iter().map(B256::from).collect();
                self.play(&[escrow.proveWrongInput(order, batch, task, row_root(row).into(), proof)]).await?
            }
            (Fault::Units, _) => self.play(&[escrow.proveWrongUnits(order, batch, task, row.clone().into())]).await?,
            (Fault::Bound | Fault::Gap, _) => self.play(&[escrow.proveUnitsBound(order, batch, task)]).await?,
        };
        Ok(())
    }

    /// Whether the draw of a batch, if its order has draws, is over. Acknowledged before, a batch need not be drawn.
    async fn is_drawn(&self, history: &History, batch: &BatchHistory) -> Result<bool> {
        if history.order.verification != self.chain.suite.verification {
            return Ok(true);
        }
        let draw = self.chain.verification().drawOf(batch.id).call().await.map_err(from_call)?;
        Ok(matches!(draw.status, draw_status::UNDRAWN | draw_status::AGREED))
    }

    /// Says that a batch came and is right: by signature, or on chain. Answers whether that is said.
    async fn acknowledge(&mut self, history: &History, batch: &BatchHistory) -> Result<bool> {
        if !self.is_drawn(history, batch).await? {
            self.undrawn.insert(batch.id);
            return Ok(false);
        }
        if self.options.accept {
            let escrow = self.chain.escrow();
            let call = escrow.accept(history.order.clone(), batch.batch.clone(), Vec::new().into());
            return Ok(self.play(&[call]).await? == 1);
        }
        let digest = protocol::receipt_digest(self.chain.suite.chain_id, self.chain.suite.job_escrow, &batch.batch);
        let signature =
            self.chain.signer().sign_hash_sync(&digest).map_err(|error| Error::failure("sign_failed", error))?;
        self.blobs.put_receipt(&batch.batch.root.0, signature.as_bytes().to_vec()).await.map_err(from_blob)?;
        Ok(true)
    }

    /// A batch without all results: after a while, and while that is possible, everything missing is demanded at once. Its provider
    /// answers, or loses the batch.
    async fn missing(&mut self, history: &History, batch: &BatchHistory, demands: &Demands) -> Result<()> {
        let is_patient = self.since.entry(batch.id).or_insert_with(Instant::now).elapsed() < self.options.patience;
        if batch.end.is_some() {
            if is_patient {
                return Ok(());
            }
            let message = format!("batch {} has settled, and its results are not in the store", batch.id);
            return Err(Error::not_found("blob_missing", message)
                .hint("name the store that the provider publishes to with --blobs"));
        }
        let mut missing: Vec<_> = (batch.batch.first..batch.batch.first + batch.batch.count).collect();
        missing.retain(|index| !demands.open.contains_key(index) && !demands.supplied.contains_key(index));
        if missing.is_empty() {
            return Ok(());
        }
        let window_end = batch.batch.committedAt.to::<u64>() + u64::from(history.order.settleWindow);
        let left = window_end.saturating_sub(now(self.chain).await?);
        if left == 0 && !is_patient && demands.open.is_empty() {
            let message = format!(
                "batch {}: the results of {} tasks are not in the store, and its window to demand them ended at {window_end}",
                batch.id,
                missing.len()
            );
            return Err(Error::refused("window_passed", message).hint(
                "name the store that the provider publishes to with --blobs; it is paid when the batch settles",
            ));
        }
        // Other batches may be as late, and they are looked at one after another.
        let awaited =
            history.batches.iter().filter(|batch| batch.end.is_none() && !self.received.contains_key(&batch.id));
        let is_last_call = left <= LAST_CALL + awaited.map(|batch| u64::from(batch.batch.count)).sum::<u64>();
        if left == 0 || is_patient && !is_last_call {
            return Ok(());
        }
        self.demand(history, batch, &missing, left).await
    }

    /// Demands the tasks `missing`, as many as there is money for.
    async fn demand(&mut self, history: &History, batch: &BatchHistory, missing: &[u32], left: u64) -> Result<()> {
        let order = &history.order;
        let (fee, account) = (U256::from(order.demandFee), self.chain.account());
        let mut affordable = missing.len();
        let mut balance = U256::ZERO;
        if !fee.is_zero() {
            let (ledger, token) = (self.chain.ledger(), protocol::token_id(order.token));
            balance = ledger.balanceOf(account, token).call().await.map_err(from_call)?;
            affordable = (balance / fee).saturating_to::<usize>().min(missing.len());
            self.gas += allow(self.chain, order.token, fee * U256::from(affordable)).await?;
        }
        let (demanded, rest) = missing.split_at(affordable);
        let escrow = self.chain.escrow();
        let calls: Vec<_> =
            demanded.iter().map(|index| escrow.demand(order.clone(), batch.batch.clone(), *index)).collect();
        self.play(&calls).await?;
        if rest.is_empty() {
            return Ok(());
        }
        let lacking = fee * U256::from(missing.len()) - balance;
        let message = format!(
            "batch {}: of {} missing tasks {} were demanded; for the fees of the other {} (each {fee} of token {}) the ledger account \
             {account} lacks {lacking}",
            batch.id,
            missing.len(),
            demanded.len(),
            rest.len(),
            order.token
        );
        Err(Error::refused("demand_fees_lacking", message).hint(format!(
            "`assay account deposit`, then run the command again within {left} s, while they can be demanded"
        )))
    }

    /// What this account prepaid for demands on a lost batch comes back to it.
    async fn take_back_fees(&mut self, history: &History, batch: &BatchHistory, demands: &Demands) -> Result<()> {
        let (escrow, account) = (self.chain.escrow(), self.chain.account());
        let mine = demands.open.iter().filter(|(_, (demander, _))| *demander == account && history.order.demandFee > 0);
        let calls: Vec<_> =
            mine.map(|(index, _)| escrow.forfeit(history.order.clone(), batch.batch.clone(), *index)).collect();
        self.play(&calls).await?;
        Ok(())
    }

    /// Plays moves that do not depend on each other, several in flight, and answers how many were made. Those in which somebody
    /// else was faster are left out.
    async fn play<D: CallDecoder>(&mut self, calls: &[CallBuilder<&DynProvider, D>]) -> Result<usize> {
        let is_overtaken = |error: &Error| OVERTAKEN.contains(&error.code());
        let mut made = 0;
        for calls in calls.chunks(IN_FLIGHT) {
            let mut sent = Vec::new();
            let mut refused = None;
            for call in calls {
                match self.chain.submit(call).await {
                    Ok(hash) => sent.push((call, hash)),
                    Err(error) if is_overtaken(&error) => {}
                    Err(error) => {
                        refused = Some(error);
                        break;
                    }
                }
            }
            for (call, hash) in sent {
                match self.chain.mined(call, hash).await {
                    Ok(receipt) => {
                        self.gas += receipt.gas_used;
                        made += 1;
                    }
                    Err(error) if is_overtaken(&error) => {}
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            if let Some(error) = refused {
                return Err(error);
            }
        }
        Ok(made)
    }

    fn progress(&self, history: &History) -> Progress {
        let settled = history.batches.iter().filter(|batch| matches!(batch.end, Some(End::Settled { .. })));
        Progress {
            committed: history.committed_tasks(),
            verified: self.received.values().map(|rows| rows.len() as u32).sum(),
            settled: settled.map(|batch| batch.batch.count).sum(),
        }
    }

    /// The batches are disjoint and complete, so their rows in order are the order's.
    fn finish(mut self, history: History) -> Collected {
        let outputs: Vec<_> =
            history.batches.iter().filter_map(|batch| self.received.remove(&batch.id)).flatten().collect();
        Collected { verified: outputs.len() as u32, outputs, history, gas: self.gas }
    }
}

/// A leaf with its proof: as it was supplied, or from the tree over every leaf, without which nothing but what was supplied is known.
fn task(batch: &BatchHistory, Shown { leaf, proof, .. }: &Shown, tree: Option<&Tree>) -> JobEscrow::Task {
    let own = tree.map(|tree| tree.proof((leaf.index - batch.batch.first) as usize));
    let proof = own.as_ref().or(proof.as_ref()).into_iter().flatten();
    JobEscrow::Task {
        index: leaf.index,
        inputHash: leaf.input_hash.into(),
        outputHash: leaf.output_hash.into(),
        unitsBefore: leaf.units_before,
        units: leaf.units,
        proof: proof.map(B256::from).collect(),
    }
}
