//! Data that is withheld: a task is demanded on chain, what is supplied there is used, and an unanswered demand forfeits the batch.

use assay_contracts::{JobEscrow, Verification, protocol::recast};
use assay_kernels::commit::TaskLeaf;

use super::plan::{Case, Plan, Situation};
use crate::view::{BatchStatus, DrawView, Phase};

impl Plan {
    /// Demands a task whose input or leaf is not to be had, once. Within the escrow's window, or while a game may be opened.
    pub(super) fn demand(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView, index: u32) {
        let Case { batch_id, entry, .. } = *case;
        let was_asked = entry.demands.contains_key(&index) || entry.supplied.contains_key(&index);
        if case.provider() == now.me || !case.is_committed() || was_asked {
            return;
        }
        let window = entry.batch.committedAt.to::<u64>() + u64::from(case.order.order.settleWindow);
        if now.likely_time < window || now.likely_time <= draw.challenge_end() {
            let (order, batch) = (case.order.order.clone(), entry.batch.clone());
            let call = JobEscrow::demandCall { order, batch, index };
            let end = (draw.phase == Phase::Sealing).then_some(draw.phase_end);
            self.want("demand", format!("demand:{batch_id}:{index}"), now.suite.job_escrow, &call, end);
        }
    }

    /// Leaves of a batch whose blob is withheld: those that were supplied. One is demanded, which one nobody can know before.
    pub(super) fn supplied_leaves(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) -> Vec<TaskLeaf> {
        if !now.known.lacks_leaves(case.batch_id) {
            return Vec::new();
        }
        let index = now.secret.pick(case.batch_id, case.entry.batch.first, case.entry.batch.count);
        self.demand(now, case, draw, index);
        let (chain_id, batch) = (now.suite.chain_id, &case.entry.batch);
        let leaf = |task: &JobEscrow::Task| TaskLeaf {
            chain_id,
            order_id: batch.orderId.0,
            provider: batch.provider.into_array(),
            index: task.index,
            input_hash: task.inputHash.0,
            output_hash: task.outputHash.0,
            units_before: task.unitsBefore,
            units: task.units,
        };
        case.entry.supplied.values().map(|supplied| leaf(&supplied.task)).collect()
    }

    /// A validator without a task's input or leaf demands them on chain, and has the time that the answer takes.
    pub(super) fn ask_for_data(
        &mut self,
        now: &Situation<'_>,
        case: &Case<'_>,
        draw: &DrawView,
        place: usize,
        index: u32,
    ) {
        let Some(demand) = case.entry.demands.get(&index) else { return self.demand(now, case, draw, index) };
        if case.provider() == now.me {
            return;
        }
        let window = u64::from(now.suite.parameters.verification.seal_window);
        if now.head_time <= demand.deadline && demand.deadline + window > draw.phase_end {
            let call = Verification::extendCall {
                order: recast(&case.order.order),
                batch: recast(&case.entry.batch),
                place: place as u8,
            };
            let key = format!("extend:{}:{index}", case.batch_id);
            self.want("extend", key, now.suite.verification, &call, Some(draw.phase_end));
        }
    }

    /// Forfeits the batch for each own demand that was not answered in time. Where the batch is lost already, takes back what the
    /// demand prepaid.
    pub(super) fn forfeit(&mut self, now: &Situation<'_>, case: &Case<'_>) {
        let Case { batch_id, entry, .. } = *case;
        let is_prepaid = entry.status == BatchStatus::Forfeited && case.order.order.demandFee > 0;
        let is_over = |deadline: u64| case.is_committed() && now.likely_time > deadline;
        let own = entry.demands.iter().filter(|(_, demand)| demand.demander == now.me);
        for (index, demand) in own.filter(|(_, demand)| is_prepaid || is_over(demand.deadline)) {
            let (order, batch) = (case.order.order.clone(), entry.batch.clone());
            let call = JobEscrow::forfeitCall { order, batch, index: *index };
            let key = format!("forfeit:{batch_id}:{index}:{}", demand.deadline);
            self.want("forfeit", key, now.suite.job_escrow, &call, None);
        }
    }
}
