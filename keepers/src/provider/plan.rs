//! From what is known to what is wanted. Pure: no clock, no chain, no disk.
//!
//! | what the chain says | what is wanted |
//! |---|---|
//! | open order that suits, a free range | its inputs, then `take` (or the results, then `takeAndCommit`) |
//! | own take | its results, then `commit` |
//! | own take that ran out | `take` it again, or `expire` it, which frees what is left of the stake |
//! | own batch | `accept` with the customer's receipt, or `settle` after its window |
//! | open demand of an own batch | `supply` |

use std::collections::{BTreeMap, HashMap};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use assay_contracts::{JobEscrow, JobEscrow::Order, protocol};

use super::{
    config::ProviderConfig,
    inputs::{InputState, Inputs},
    policy::{Refusal, check_terms},
};
use crate::{
    tx::{PATIENT, Wanted},
    view::{BatchStatus, BatchView, ChainView, OrderView},
};

/// A range of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) order_id: B256,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// A range that was computed, its blob stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Computed {
    pub(crate) units: u64,
    pub(crate) root: B256,
}

/// Everything that a plan depends on.
#[derive(Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) config: &'a ProviderConfig,
    pub(crate) me: Address,
    pub(crate) escrow: Address,
    /// Bytes of a unit, by served model.
    pub(crate) unit_bytes: u8,
    pub(crate) view: &'a ChainView,
    /// Chain time of the head: nothing was included later than this.
    pub(crate) head_time: u64,
    /// What chain time may be by now: the head's plus the time since. The chain judges, by simulation.
    pub(crate) likely_time: u64,
    pub(crate) inputs: &'a HashMap<B256, InputState>,
    pub(crate) results: &'a HashMap<Range, Computed>,
    pub(crate) receipts: &'a HashMap<B256, Bytes>,
    /// Calldata of answers to demands, by batch and index.
    pub(crate) supplies: &'a HashMap<(B256, u32), Bytes>,
    /// Stake that is free; `None`: not asked.
    pub(crate) free_stake: Option<U256>,
    pub(crate) units_per_second: f64,
    /// Stopping: finish what is taken, take nothing.
    pub(crate) is_draining: bool,
}

/// What is wanted.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Wanted>,
    /// Orders whose inputs are needed.
    pub(crate) fetch: Vec<B256>,
    /// Ranges to compute, the most urgent first.
    pub(crate) compute: Vec<Range>,
    /// Answers to prepare.
    pub(crate) prepare: Vec<(B256, u32)>,
    /// Own committed batches (their roots) for which a receipt would help.
    pub(crate) await_receipts: Vec<B256>,
    /// Why open orders are left alone.
    pub(crate) refusals: BTreeMap<B256, Refusal>,
    /// Whether stake decides something.
    pub(crate) needs_stake: bool,
    /// Own ranges that are taken and not committed.
    pub(crate) held: usize,
    held_units: u64,
    claimed_stake: U256,
}

/// Makes the plan.
pub(crate) fn plan(now: &Situation<'_>) -> Plan {
    let mut plan = Plan::default();
    for (id, order) in &now.view.orders {
        for (batch_id, batch) in &order.batches {
            if batch.batch.provider == now.me && batch.status == BatchStatus::Committed {
                plan.finish_batch(now, order, *batch_id, batch);
            }
        }
        plan.work_on_takes(now, *id, order);
    }
    if !now.is_draining {
        for (id, order) in &now.view.orders {
            if order.is_open {
                plan.consider(now, *id, order);
            }
        }
    }
    for (id, order) in &now.view.orders {
        plan.expire_own(now, *id, order);
    }
    plan
}

impl Plan {
    fn want(&mut self, now: &Situation<'_>, kind: &'static str, key: String, call: &impl SolCall) {
        self.want_data(now, kind, key, call.abi_encode().into());
    }

    fn want_data(&mut self, now: &Situation<'_>, kind: &'static str, key: String, data: Bytes) {
        let priority = match kind {
            "supply" => 0,
            "commit" | "takeAndCommit" => 1,
            "take" => 2,
            "accept" | "settle" => PATIENT,
            _ => PATIENT + 1,
        };
        let (target, value) = (now.escrow, U256::ZERO);
        self.actions.push(Wanted { key, kind, priority, target, data, value, since: None, deadline: None });
    }

    /// An own batch that is not final.
    fn finish_batch(&mut self, now: &Situation<'_>, view: &OrderView, batch_id: B256, entry: &BatchView) {
        let is_verified = view.order.verification != Address::ZERO;
        let agrees = |accepted| !is_verified || now.view.trials.agrees(&batch_id, accepted, now.likely_time);
        for (index, demand) in &entry.demands {
            if now.head_time > demand.deadline {
                continue;
            }
            match now.supplies.get(&(batch_id, *index)) {
                Some(data) => self.want_data(now, "supply", format!("supply:{batch_id}:{index}"), data.clone()),
                None => self.prepare.push((batch_id, *index)),
            }
        }
        if !entry.demands.is_empty() {
            return;
        }
        let (order, batch) = (view.order.clone(), entry.batch.clone());
        if let Some(receipt) = now.receipts.get(&batch.root).filter(|_| agrees(true)) {
            let call = JobEscrow::acceptCall { order, batch, receipt: receipt.clone() };
            return self.want(now, "accept", format!("accept:{batch_id}"), &call);
        }
        self.await_receipts.push(batch.root);
        if now.likely_time >= entry.settles_at && agrees(false) {
            let call = JobEscrow::settleCall { order, batch };
            self.want(now, "settle", format!("settle:{batch_id}"), &call);
        }
    }

    /// Own takes: compute, commit.
    fn work_on_takes(&mut self, now: &Situation<'_>, order_id: B256, view: &OrderView) {
        for (first, take) in &view.takes {
            if take.provider != Some(now.me) || now.head_time > take.expires_at {
                continue;
            }
            let range = Range { order_id, first: *first, count: take.count };
            self.held += 1;
            match now.results.get(&range) {
                Some(done) => {
                    let call = JobEscrow::commitBatchCall {
                        order: view.order.clone(),
                        first: range.first,
                        count: range.count,
                        units: done.units,
                        root: done.root,
                    };
                    self.want(now, "commit", format!("commit:{order_id}:{first}:{}", done.root), &call);
                }
                None => self.compute_range(now, range),
            }
        }
    }

    fn compute_range(&mut self, now: &Situation<'_>, range: Range) {
        match now.inputs.get(&range.order_id) {
            Some(InputState::Ready(inputs)) => {
                self.held_units += inputs.units(range.first, range.count);
                self.compute.push(range);
            }
            _ if !self.fetch.contains(&range.order_id) => self.fetch.push(range.order_id),
            _ => {}
        }
    }

    /// An open order: takes what is free of it, as far as policy, stake and time allow.
    fn consider(&mut self, now: &Situation<'_>, order_id: B256, view: &OrderView) {
        let free = free_ranges(now, order_id, view);
        if free.is_empty() {
            return;
        }
        let outcome = self.acceptable(now, order_id, view).and_then(|inputs| match inputs {
            None => Ok(()),
            Some(inputs) => self.take_ranges(now, order_id, view, inputs, &free),
        });
        if let Err(refusal) = outcome {
            self.refusals.insert(order_id, refusal);
        }
    }

    /// Whether the order suits; its inputs, once they are here.
    fn acceptable<'a>(
        &mut self,
        now: &'a Situation<'_>,
        order_id: B256,
        view: &OrderView,
    ) -> Result<Option<&'a Inputs>, Refusal> {
        let config = now.config;
        check_terms(&view.order, &config.policy, now.unit_bytes, config.work.batch_limit, now.likely_time)?;
        match now.inputs.get(&order_id) {
            Some(InputState::Ready(inputs)) => Ok(Some(inputs)),
            Some(InputState::Refused(refusal)) => Err(refusal.clone()),
            Some(InputState::Waiting { .. }) | None => {
                self.fetch.push(order_id);
                Ok(None)
            }
        }
    }

    fn take_ranges(
        &mut self,
        now: &Situation<'_>,
        order_id: B256,
        view: &OrderView,
        inputs: &Inputs,
        free: &[Range],
    ) -> Result<(), Refusal> {
        for range in free {
            if self.held >= now.config.work.max_takes {
                return Ok(());
            }
            let units = inputs.units(range.first, range.count);
            self.fits_time(now, &view.order, units)?;
            self.fits_stake(now, &view.order, range.count)?;
            self.held += 1;
            if is_taken_with_commit(now, view, range) {
                self.take_and_commit(now, view, *range);
            } else {
                let Range { first, count, .. } = *range;
                let call = JobEscrow::takeCall { order: view.order.clone(), first, count };
                self.want(now, "take", format!("take:{order_id}:{first}:{count}"), &call);
                // The machine need not wait for the block.
                if !now.results.contains_key(range) {
                    self.compute_range(now, *range);
                }
            }
        }
        Ok(())
    }

    fn take_and_commit(&mut self, now: &Situation<'_>, view: &OrderView, range: Range) {
        match now.results.get(&range) {
            Some(done) => {
                let Range { order_id, first, count } = range;
                let order = view.order.clone();
                let call = JobEscrow::takeAndCommitCall { order, first, count, units: done.units, root: done.root };
                self.want(now, "takeAndCommit", format!("takeAndCommit:{order_id}:{first}:{}", done.root), &call);
            }
            None => self.compute_range(now, range),
        }
    }

    /// Whether the work that is held and these units are done in half the take's window, and before the deadline.
    fn fits_time(&mut self, now: &Situation<'_>, order: &Order, units: u64) -> Result<(), Refusal> {
        let seconds = (self.held_units + units) as f64 / now.units_per_second.max(1e-9);
        let left =
            order.deadline.to::<u64>().saturating_sub(now.likely_time).saturating_sub(now.config.policy.min_time_left);
        let window = (f64::from(order.takeWindow) / 2.0).min(left as f64);
        if seconds <= window {
            return Ok(());
        }
        // What is held already may be the reason, and then it is only a matter of time.
        if self.held_units > 0 && units as f64 / now.units_per_second.max(1e-9) <= window {
            return Err(Refusal {
                code: "busy",
                message: format!("{seconds:.0} s of work are at hand and {window:.0} s allowed"),
            });
        }
        let message = format!(
            "{units} units take {seconds:.1} s at {:.0} units/s, and {window:.0} s are allowed",
            now.units_per_second
        );
        Err(Refusal { code: "not_enough_time", message })
    }

    fn fits_stake(&mut self, now: &Situation<'_>, order: &Order, count: u32) -> Result<(), Refusal> {
        self.needs_stake = true;
        let wanted = protocol::stake_for(order, count).map_or(U256::MAX, U256::from);
        if let Some(most) = now.config.policy.max_stake_per_batch
            && wanted > U256::from(most)
        {
            return Err(Refusal {
                code: "stake_too_high",
                message: format!("a batch of {count} tasks locks {wanted}, the limit is {most}"),
            });
        }
        let Some(free) = now.free_stake else { return Ok(()) };
        if self.claimed_stake.saturating_add(wanted) > free {
            let message = format!(
                "a batch of {count} tasks locks {wanted}, and {} of the free stake {free} is left; provision more stake for the escrow",
                free.saturating_sub(self.claimed_stake)
            );
            return Err(Refusal { code: "insufficient_stake", message });
        }
        self.claimed_stake += wanted;
        Ok(())
    }

    /// Own takes that ran out and are not taken again: the rest of their stake is better free than locked.
    fn expire_own(&mut self, now: &Situation<'_>, order_id: B256, view: &OrderView) {
        for (first, take) in &view.takes {
            let key = format!("take:{order_id}:{first}:{}", take.count);
            let is_wanted = self.actions.iter().any(|action| action.key == key);
            if take.provider == Some(now.me) && now.likely_time > take.expires_at && !is_wanted {
                let call = JobEscrow::expireCall { order: view.order.clone(), first: *first };
                self.want(now, "expire", format!("expire:{order_id}:{first}:{}", take.expires_at), &call);
            }
        }
    }
}

/// Ranges that could be taken now: those freed or run out first, then what lies beyond the frontier, in batches.
fn free_ranges(now: &Situation<'_>, order_id: B256, view: &OrderView) -> Vec<Range> {
    let work = &now.config.work;
    let limit = work.max_takes.max(1);
    let ran_out = view.takes.iter().filter(|(_, take)| take.provider.is_none() || now.likely_time > take.expires_at);
    let mut ranges: Vec<_> = ran_out
        .filter(|(_, take)| take.count <= work.batch_limit)
        .map(|(first, take)| Range { order_id, first: *first, count: take.count })
        .take(limit)
        .collect();
    let size = view.order.minBatch.max(work.max_batch.clamp(1, work.batch_limit.max(1)));
    let mut first = view.next;
    while first < view.order.count && ranges.len() < limit {
        let count = size.min(view.order.count - first);
        ranges.push(Range { order_id, first, count });
        first += count;
    }
    ranges
}

/// Whether the range is the rest of the order and small enough to be computed before it is taken.
fn is_taken_with_commit(now: &Situation<'_>, view: &OrderView, range: &Range) -> bool {
    range.first == view.next
        && range.count == view.order.count - view.next
        && range.count <= now.config.work.take_and_commit_max
}
