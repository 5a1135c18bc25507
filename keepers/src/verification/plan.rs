//! From what is known to what is wanted in draws and games. Pure: no clock, no chain, no disk.

use std::{collections::BTreeSet, sync::Arc};

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::{SolCall, SolValue},
};
use assay_contracts::{JobEscrow, Suite, protocol::recast};
use assay_kernels::{Trace, commit, merkle::row_root, model::Model};

use super::{
    Secret,
    bench::{Known, Need, TaskKey, TaskResult},
    tamper::Tamper,
};
use crate::{
    tx::{PATIENT, Wanted},
    view::{BatchStatus, BatchView, ChainView, DrawView, OrderView},
};

/// What a keeper takes part for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Duty {
    /// Its own batches.
    Provider,
    /// The draws of its seat. What anybody may do, it does up to so many seconds later than others.
    Validator { spread: u64 },
    /// A share of all tasks.
    Challenger { rate: f64 },
}

/// Everything that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) me: Address,
    pub(crate) duty: Duty,
    pub(crate) suite: &'a Suite,
    pub(crate) view: &'a ChainView,
    pub(crate) head_number: u64,
    /// Chain time of the head: nothing was included later than this.
    pub(crate) head_time: u64,
    /// What chain time may be by now.
    pub(crate) likely_time: u64,
    pub(crate) known: &'a Known,
    pub(crate) models: &'a [Arc<Model>],
    /// Keys of this keeper's actions that have not ended, or whose transactions may be included after all: the chain may not show them
    /// yet, however long ago they were sent.
    pub(crate) under_way: &'a BTreeSet<String>,
    pub(crate) secret: &'a Secret,
    pub(crate) tamper: &'a Tamper,
}

impl Situation<'_> {
    /// Seconds that this keeper leaves to others before it does what anybody may do about a batch.
    pub(super) fn stagger(&self, batch_id: B256) -> u64 {
        match self.duty {
            Duty::Provider => 0,
            Duty::Validator { spread } => {
                let word = keccak256((self.me, batch_id).abi_encode());
                (U256::from_be_bytes(word.0) % U256::from(spread.saturating_add(1))).to()
            }
            Duty::Challenger { .. } => 60,
        }
    }
}

/// A committed batch with what surrounds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) order_id: B256,
    pub(super) order: &'a OrderView,
    pub(super) batch_id: B256,
    pub(super) entry: &'a BatchView,
}

impl Case<'_> {
    pub(super) fn provider(&self) -> Address {
        self.entry.batch.provider
    }

    pub(super) fn is_committed(&self) -> bool {
        self.entry.status == BatchStatus::Committed
    }

    pub(super) fn key(&self, index: u32) -> TaskKey {
        (self.order_id, index)
    }

    /// Last second to open a game: the later of the escrow's window and the draw's.
    pub(super) fn challenge_end(&self, draw: &DrawView) -> u64 {
        self.entry.settles_at.max(draw.challenge_end())
    }
}

/// What is wanted.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Wanted>,
    /// What to bring.
    pub(crate) needs: Vec<Need>,
    /// Tasks whose traces games ask for.
    pub(crate) full: BTreeSet<TaskKey>,
}

/// Makes the plan.
pub(crate) fn plan(now: &Situation<'_>) -> Plan {
    let mut plan = Plan::default();
    for (order_id, order) in &now.view.orders {
        if order.order.verification != now.suite.verification {
            continue;
        }
        for (batch_id, entry) in &order.batches {
            let case = Case { order_id: *order_id, order, batch_id: *batch_id, entry };
            if let Some(draw) = now.view.trials.draws.get(batch_id) {
                plan.draw(now, &case, draw);
                plan.challenge(now, &case, draw);
            }
            plan.forfeit(now, &case);
            plan.withdraw_seals(now, &case);
            plan.claim(now, *batch_id);
        }
    }
    for (game_id, game) in &now.view.trials.games {
        if let Some((order, entry)) = now.view.batch(&game.game.batchId) {
            let (order_id, batch_id) = (entry.batch.orderId, game.game.batchId);
            plan.play(now, &Case { order_id, order, batch_id, entry }, *game_id, game);
        }
    }
    plan.actions.retain(|action| !now.tamper.silences(action.kind));
    plan
}

impl Plan {
    /// Wants a call of the contract at `target`. `deadline`: the last second for it to be in a block.
    pub(super) fn want(
        &mut self,
        kind: &'static str,
        key: String,
        target: Address,
        call: &impl SolCall,
        deadline: Option<u64>,
    ) {
        self.want_data(kind, key, target, call.abi_encode().into(), deadline);
    }

    /// The same for a call that is encoded already.
    pub(super) fn want_data(
        &mut self,
        kind: &'static str,
        key: String,
        target: Address,
        data: Bytes,
        deadline: Option<u64>,
    ) {
        let priority = match kind {
            "sealTrace" | "reveal" | "revealBound" | "answer" | "nameOperator" | "showRows" | "nameRow" | "showRow"
            | "prove" => 0,
            "sealChallenge" | "open" | "joinVerdict" | "extend" | "demand" => 1,
            "record" | "draw" | "postpone" => 2,
            _ => PATIENT,
        };
        let value = U256::ZERO;
        self.actions.push(Wanted { key, kind, priority, target, data, value, since: None, deadline });
    }

    /// A task as it was computed, once it is.
    pub(super) fn task<'a>(&mut self, now: &Situation<'a>, case: &Case<'_>, index: u32) -> Option<&'a TaskResult> {
        let found = now.known.tasks.get(&case.key(index));
        if found.is_none() {
            self.need_task(case, case.key(index), None);
        }
        found
    }

    /// A task with its trace, as a challenger of its provider's output knows it, once that is here. A decoder reads its output, so
    /// the trace in which the first false operator is found is that of the text that is claimed.
    pub(super) fn disputed<'a>(
        &mut self,
        now: &Situation<'a>,
        case: &Case<'_>,
        index: u32,
    ) -> Option<(&'a TaskResult, &'a Trace)> {
        let (own, trace) = self.traced(now, case, index)?;
        if !now.models.get(case.order.model)?.tape().is_decoder() {
            return Some((own, trace));
        }
        let claimed = self.claimed(now, case, index)?;
        if own.said.output_hash() == Some(&row_root(&claimed)) || claimed.len() != trace.output().len() {
            return Some((own, trace));
        }
        self.traced_as(now, case, (case.batch_id, index), Some(claimed))
    }

    /// Whether what is claimed is no output of the task at all, by its length: nobody can ever show it as one.
    pub(super) fn is_unshowable(&mut self, now: &Situation<'_>, case: &Case<'_>, index: u32, trace: &Trace) -> bool {
        let is_decoder = now.models.get(case.order.model).is_some_and(|model| model.tape().is_decoder());
        is_decoder && self.claimed(now, case, index).is_some_and(|row| row.len() != trace.output().len())
    }

    /// The output row that the provider of a batch claims, from its blob or as it was supplied on chain, where it is demanded.
    fn claimed(&mut self, now: &Situation<'_>, case: &Case<'_>, index: u32) -> Option<Bytes> {
        if let Some(supplied) = case.entry.supplied.get(&index) {
            return Some(supplied.output.clone());
        }
        if let Some(leaves) = self.leaves(now, case) {
            let position = index.checked_sub(case.entry.batch.first)? as usize;
            return leaves.tasks().get(position).map(|task| task.row.clone().into());
        }
        if let Some(draw) =
            now.view.trials.draws.get(&case.batch_id).filter(|_| now.known.lacks_leaves_in_haste(case.batch_id))
        {
            self.demand(now, case, draw, index);
        }
        None
    }

    /// A task with its trace, once it is here.
    pub(super) fn traced<'a>(
        &mut self,
        now: &Situation<'a>,
        case: &Case<'_>,
        index: u32,
    ) -> Option<(&'a TaskResult, &'a Trace)> {
        self.traced_as(now, case, case.key(index), None)
    }

    fn traced_as<'a>(
        &mut self,
        now: &Situation<'a>,
        case: &Case<'_>,
        key: TaskKey,
        claimed: Option<Bytes>,
    ) -> Option<(&'a TaskResult, &'a Trace)> {
        self.full.insert(key);
        let found = now.known.tasks.get(&key).and_then(|task| Some((task, task.trace.as_deref()?)));
        if found.is_none() {
            self.need_task(case, key, claimed);
        }
        found
    }

    fn need_task(&mut self, case: &Case<'_>, key: TaskKey, claimed: Option<Bytes>) {
        self.needs.push(Need::Task {
            key,
            order_id: case.order_id,
            model: case.order.model,
            inputs_root: case.order.order.inputsRoot,
            supplied: case.entry.supplied.get(&key.1).map(|supplied| supplied.input.clone()),
            claimed,
        });
    }

    /// The leaves of a batch, once they are here.
    pub(super) fn leaves<'a>(&mut self, now: &Situation<'a>, case: &Case<'_>) -> Option<&'a commit::Batch> {
        let found = now.known.leaves.get(&case.batch_id).map(Arc::as_ref);
        if found.is_none() {
            self.needs.push(Need::Leaves { batch_id: case.batch_id, batch: Box::new(case.entry.batch.clone()) });
        }
        found
    }

    /// A leaf of a batch with its proof: as the provider supplied it on chain, or from the blob.
    pub(super) fn leaf<T>(&mut self, now: &Situation<'_>, case: &Case<'_>, index: u32) -> Option<T>
    where
        T: From<<T::SolType as alloy::sol_types::SolType>::RustType> + SolValue,
    {
        if let Some(supplied) = case.entry.supplied.get(&index) {
            return Some(recast(&supplied.task));
        }
        let leaves = self.leaves(now, case)?;
        let position = index.checked_sub(case.entry.batch.first)? as usize;
        let leaf = leaves.leaves().get(position)?;
        let proof = leaves.proof(position).into_iter().map(B256::from).collect();
        Some(recast(&JobEscrow::Task {
            index,
            inputHash: leaf.input_hash.into(),
            outputHash: leaf.output_hash.into(),
            unitsBefore: leaf.units_before,
            units: leaf.units,
            proof,
        }))
    }
}
