//! Receiving an order's results: each is checked against its committed leaf, the batch's receipt is signed, and what does not
//! come is demanded on chain.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, U256},
    signers::SignerSync,
};
use assay_blobs::{BlobError, Blobs};
use assay_contracts::{JobEscrow, protocol};
use assay_kernels::{
    commit::{Batch as Results, BatchScope},
    merkle::{row_root, verify},
};

use crate::{
    chain::Chain,
    client::{
        history::{self, BatchHistory, End, History},
        open::{from_blob, now},
    },
    error::{Error, Result},
};

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
    /// Merkle proofs checked: one a task.
    pub verified: u32,
    /// What happened to the order.
    pub history: History,
    /// Gas of the transactions that receiving took.
    pub gas: u64,
}

/// Receives the results of the order `id`, whose input rows are `rows`, until every batch has settled.
///
/// Safe to stop at any point and to call again: everything it needs is on the chain and in the blob store.
///
/// # Errors
/// `batch_forfeited` when a provider withheld or lied and lost (the money is back); `unverified_result` when results do not hash
/// to what was committed, in which case no receipt is signed; `timed_out`.
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
    let mut collector =
        Collector { chain, blobs, rows, options, block, received: BTreeMap::new(), since: HashMap::new(), gas: 0 };
    loop {
        let history = history::read_from(chain, id, block).await?;
        for batch in &history.batches {
            collector.look_at(&history, batch).await?;
        }
        // A reorganisation may have replaced a batch: only what is on the chain now counts.
        collector.received.retain(|id, _| history.batches.iter().any(|batch| batch.id == *id));
        report(collector.progress(&history));
        if history.closed.is_some() && history.committed_tasks() < history.order.count {
            return Err(Error::refused("order_closed", format!("order {id} was closed before it was complete")));
        }
        if history.is_final() && collector.received.len() == history.batches.len() {
            return Ok(collector.finish(history));
        }
        if options.timeout.is_some_and(|timeout| started.elapsed() > timeout) {
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
    options: Options,
    block: u64,
    /// Output rows of verified batches, by batch id.
    received: BTreeMap<B256, Vec<Vec<u8>>>,
    /// When the results of a batch were first missing.
    since: HashMap<B256, Instant>,
    gas: u64,
}

impl Collector<'_> {
    /// Receives a batch that was not received yet, or sees to it that it is.
    async fn look_at(&mut self, history: &History, batch: &BatchHistory) -> Result<()> {
        if let Some(End::Forfeited { refund, slashed, .. }) = &batch.end {
            let (first, last) = (batch.batch.first, batch.batch.first + batch.batch.count - 1);
            let message = format!(
                "the provider {} lost the batch of tasks {first} to {last}: {refund} came back, {slashed} of its stake was slashed",
                batch.batch.provider
            );
            return Err(Error::refused("batch_forfeited", message).hint("order the tasks again"));
        }
        if self.received.contains_key(&batch.id) {
            return Ok(());
        }
        let scope = BatchScope {
            chain_id: self.chain.suite.chain_id,
            order_id: batch.batch.orderId.0,
            provider: batch.batch.provider.into_array(),
            first: batch.batch.first,
        };
        match self.blobs.get_batch(&batch.batch.root.0, scope).await {
            Ok(results) => self.receive(history, batch, &results).await,
            // Altered bytes are as good as none: what counts is on the chain.
            Err(BlobError::Missing { .. } | BlobError::Altered { .. }) => self.missing(history, batch).await,
            Err(error) => Err(from_blob(error)),
        }
    }

    /// Checks every result of a batch against its committed leaf, then says on chain or by signature that it came.
    async fn receive(&mut self, history: &History, batch: &BatchHistory, results: &Results) -> Result<()> {
        for position in 0..results.leaves().len() {
            if let Some(wrong) = self.check(batch, results, position) {
                return self.prove(history, batch, results, position, wrong).await;
            }
        }
        if batch.end.is_none() {
            self.acknowledge(history, batch).await?;
        }
        self.received.insert(batch.id, results.tasks().iter().map(|task| task.row.clone()).collect());
        Ok(())
    }

    /// What is wrong with the result at `position`, if anything.
    fn check(&self, batch: &BatchHistory, results: &Results, position: usize) -> Option<Wrong> {
        let (leaf, task) = (&results.leaves()[position], &results.tasks()[position]);
        let Some(row) = self.rows.get(leaf.index as usize) else { return Some(Wrong::Proof) };
        let (count, root) = (u64::from(batch.batch.count), &batch.batch.root.0);
        let proven = verify(root, count, position as u64, &leaf.hash(), &results.proof(position));
        if !proven || row_root(&task.row) != leaf.output_hash || results.count() != batch.batch.count {
            return Some(Wrong::Proof);
        }
        if leaf.input_hash != row_root(row) {
            return Some(Wrong::Input);
        }
        if u64::from(leaf.units) * 2 != row.len() as u64 {
            return Some(Wrong::Units);
        }
        // The receipt covers the units that were committed beside the root: the leaves must add up to them.
        let is_last = position + 1 == results.leaves().len();
        (is_last && results.units() != batch.batch.units).then_some(Wrong::Total)
    }

    /// A committed leaf that is false by itself is proved so on chain, which forfeits the batch.
    async fn prove(
        &mut self,
        history: &History,
        batch: &BatchHistory,
        results: &Results,
        position: usize,
        wrong: Wrong,
    ) -> Result<()> {
        let leaf = &results.leaves()[position];
        let place = format!("task {} of batch {}", leaf.index, batch.id);
        let unverified =
            |what: &str| Error::unverified("unverified_result", format!("{place}: {what}; no receipt was signed"));
        let task = JobEscrow::Task {
            index: leaf.index,
            inputHash: leaf.input_hash.into(),
            outputHash: leaf.output_hash.into(),
            unitsBefore: leaf.units_before,
            units: leaf.units,
            proof: results.proof(position).into_iter().map(B256::from).collect(),
        };
        let (escrow, order) = (self.chain.escrow(), history.order.clone());
        let receipt = match wrong {
            Wrong::Proof => return Err(unverified("it is not under the committed root")),
            _ if batch.end.is_some() => {
                return Err(unverified("it is not what was ordered, and the batch has settled already"));
            }
            Wrong::Input => {
                let tree = assay_kernels::commit::inputs_tree(self.rows);
                let index = leaf.index as usize;
                let ordered = row_root(&self.rows[index]).into();
                let proof = tree.proof(index).into_iter().map(B256::from).collect();
                self.chain.send(escrow.proveWrongInput(order, batch.batch.clone(), task, ordered, proof)).await?
            }
            Wrong::Total => self.chain.send(escrow.proveUnitsBound(order, batch.batch.clone(), task)).await?,
            Wrong::Units => {
                let row = self.rows[leaf.index as usize].clone();
                self.chain.send(escrow.proveWrongUnits(order, batch.batch.clone(), task, row.into())).await?
            }
        };
        self.gas += receipt.gas_used;
        Ok(())
    }

    async fn acknowledge(&mut self, history: &History, batch: &BatchHistory) -> Result<()> {
        if self.options.accept {
            let escrow = self.chain.escrow();
            let call = escrow.accept(history.order.clone(), batch.batch.clone(), Vec::new().into());
            self.gas += self.chain.send(call).await?.gas_used;
            return Ok(());
        }
        let digest = protocol::receipt_digest(self.chain.suite.chain_id, self.chain.suite.job_escrow, &batch.batch);
        let signature =
            self.chain.signer().sign_hash_sync(&digest).map_err(|error| Error::failure("sign_failed", error))?;
        self.blobs.put_receipt(&batch.batch.root.0, signature.as_bytes().to_vec()).await.map_err(from_blob)
    }

    /// A batch without results: after a while they are demanded task by task, and a silent provider loses the batch.
    async fn missing(&mut self, history: &History, batch: &BatchHistory) -> Result<()> {
        let since = *self.since.entry(batch.id).or_insert_with(Instant::now);
        if since.elapsed() < self.options.patience {
            return Ok(());
        }
        if batch.end.is_some() {
            let message = format!("batch {} has settled, and its results are not in the store", batch.id);
            return Err(Error::not_found("blob_missing", message)
                .hint("name the store that the provider publishes to with --blobs"));
        }
        let supplied = history::supplied(self.chain, batch.id, self.block).await?;
        let Some(index) =
            (batch.batch.first..batch.batch.first + batch.batch.count).find(|index| !supplied.contains_key(index))
        else {
            return self.receive_supplied(history, batch, &supplied).await;
        };
        let demand = self.chain.escrow().demandOf(batch.id, index).call().await.map_err(crate::chain::from_call)?;
        let (escrow, order) = (self.chain.escrow(), history.order.clone());
        if demand.demander.is_zero() {
            self.demand(history, batch, index).await
        } else if now(self.chain).await? > demand.deadline.to::<u64>() {
            let receipt = self.chain.send(escrow.forfeit(order, batch.batch.clone(), index)).await?;
            self.gas += receipt.gas_used;
            Ok(())
        } else {
            Ok(())
        }
    }

    async fn demand(&mut self, history: &History, batch: &BatchHistory, index: u32) -> Result<()> {
        let order = &history.order;
        if order.demandFee > 0 {
            let (spender, id) = (self.chain.suite.job_escrow, protocol::token_id(order.token));
            let ledger = self.chain.ledger();
            let call = ledger.approve(spender, id, U256::from(order.demandFee));
            self.gas += self.chain.send(call).await?.gas_used;
        }
        let escrow = self.chain.escrow();
        let call = escrow.demand(order.clone(), batch.batch.clone(), index);
        self.gas += self.chain.send(call).await?.gas_used;
        Ok(())
    }

    /// Results that came through demands alone make a batch like any other.
    async fn receive_supplied(
        &mut self,
        history: &History,
        batch: &BatchHistory,
        supplied: &BTreeMap<u32, JobEscrow::Supplied>,
    ) -> Result<()> {
        let scope = BatchScope {
            chain_id: self.chain.suite.chain_id,
            order_id: batch.batch.orderId.0,
            provider: batch.batch.provider.into_array(),
            first: batch.batch.first,
        };
        let tasks = supplied.values().map(|task| assay_kernels::commit::TaskOutput {
            input_hash: task.inputHash.0,
            units: task.units,
            row: task.output.to_vec(),
        });
        let results =
            Results::new(scope, tasks.collect()).map_err(|error| Error::unverified("unverified_result", error))?;
        self.receive(history, batch, &results).await
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

/// What a committed leaf says wrongly.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// It is not under the root.
    Proof,
    /// Another input than the one ordered at its index.
    Input,
    /// Other units than its input has.
    Units,
    /// The leaves add up to other units than the batch bills; shown at the last.
    Total,
}
