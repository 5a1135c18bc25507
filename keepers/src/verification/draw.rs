//! The next move in a draw.
//!
//! | phase | wanted |
//! |---|---|
//! | Waiting | `record` of the round, then `draw`; `postpone` where the round was lost |
//! | Sealing | own trace roots, sealed; a `demand` and more time where the inputs or the leaf are missing |
//! | Revealing | own seals, opened |
//! | Sealing, Revealing, Disputed, and over | `conclude` |
//! | Convicted, after validators agreed on what a game proved false | `conclude` |

use std::collections::BTreeSet;

use assay_contracts::{
    JobEscrow,
    Verification::{self, Binding, Revealed, Sealed},
    beacon::Beacon,
    protocol::{recast, trace_seal},
};

use super::{
    bench::Need,
    plan::{Case, Duty, Plan, Situation},
    rounds::Recording,
    testimony::{Testimony, roots_tree},
};
use crate::view::{DrawView, Phase};

/// Blocks after which a round of PREVRANDAO may be lost: where the chain keeps no more hashes than its opcode serves.
const LOST_AFTER: u64 = 256;

impl Plan {
    /// What the draw of a batch asks for.
    pub(super) fn draw(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        if draw.phase == Phase::Convicted {
            return self.slash_agreed(now, case, draw);
        }
        let is_mine = case.provider() == now.me;
        if !is_mine && !matches!(now.duty, Duty::Validator { .. }) {
            return;
        }
        match draw.phase {
            Phase::Waiting if case.is_committed() => self.start_draw(now, case, draw),
            Phase::Sealing if now.head_time <= draw.phase_end => self.seal(now, case, draw),
            Phase::Sealing | Phase::Revealing => self.reveal(now, case, draw),
            _ => {}
        }
        self.conclude(now, case, draw);
    }

    fn start_draw(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        let (round, batch_id) = (draw.round, case.batch_id);
        if let Some(recorded_at) = now.view.trials.rounds.get(&round) {
            if now.likely_time >= recorded_at + now.stagger(batch_id) {
                let call =
                    Verification::drawCall { order: recast(&case.order.order), batch: recast(&case.entry.batch) };
                self.want("draw", format!("draw:{batch_id}:{round}"), now.suite.verification, &call, None);
            }
            return;
        }
        let (is_past, is_lost) = match &now.suite.parameters.verification.beacon {
            Beacon::Prevrandao { .. } => (now.head_number > round, now.head_number > round.saturating_add(LOST_AFTER)),
            // Never lost: a network that is late may still publish it.
            Beacon::Drand(network) => (now.likely_time >= network.published_at(round), false),
        };
        if !is_past {
            return;
        }
        let recording = now.known.rounds.get(&round);
        if recording.is_none_or(|recording| recording.is_stale(now.head_number)) {
            self.needs.push(Need::Round { round, head: now.head_number });
        }
        let is_due = |recording: &&Recording| now.likely_time >= recording.since.saturating_add(now.stagger(batch_id));
        if let Some(recording) = recording.filter(is_due) {
            let key = format!("record:{round}");
            if !self.actions.iter().any(|action| action.key == key) {
                self.want_data("record", key, now.suite.beacon, recording.data.clone(), None);
            }
        }
        if is_lost {
            let call =
                Verification::postponeCall { order: recast(&case.order.order), batch: recast(&case.entry.batch) };
            self.want("postpone", format!("postpone:{batch_id}:{round}"), now.suite.verification, &call, None);
        }
    }

    /// Seals all own roots at once, or those that are here when time gets short.
    ///
    /// A validator that has no leaf cannot dispute what it will dissent from, and would lose its seat. So it has the leaf before it
    /// seals, while `extend` makes the provider's time to supply it its own.
    fn seal(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        let places = draw.places(now.me, case.provider());
        let open: Vec<_> = places.filter(|(_, index)| !draw.sealed.contains(&(*index, now.me))).collect();
        let window = u64::from(now.suite.parameters.verification.seal_window);
        let is_late = now.likely_time + window / 2 > draw.phase_end;
        let mut roots = Vec::new();
        for (place, index) in &open {
            match self.task(now, case, *index) {
                Some(task) if self.may_seal(now, case, draw, *index) => {
                    roots.push((*place, *index, task.said.trace_root()))
                }
                Some(_) if is_late && now.known.lacks_leaves_in_haste(case.batch_id) => {
                    self.ask_for_data(now, case, draw, *place, *index)
                }
                None if now.known.lacks_inputs(case.key(*index)) => self.ask_for_data(now, case, draw, *place, *index),
                _ => {}
            }
        }
        if roots.is_empty() || roots.len() < open.len() && !is_late {
            return;
        }
        let indices = join(roots.iter().map(|(_, index, _)| *index));
        let (chain_id, verification) = (now.suite.chain_id, now.suite.verification);
        let sealed = roots.into_iter().map(|(place, index, root)| {
            let salt = now.secret.trace_salt(case.batch_id, index);
            let value = trace_seal(chain_id, verification, case.batch_id, index, now.me, root, salt);
            Sealed { place: place as u8, value }
        });
        let (order, batch) = (recast(&case.order.order), recast(&case.entry.batch));
        let call = Verification::sealCall { order, batch, roots: sealed.collect() };
        let key = format!("sealTrace:{}:{indices}", case.batch_id);
        self.want("sealTrace", key, verification, &call, Some(draw.phase_end));
    }

    /// Whether a computed root may be sealed: its leaf is here, or nothing is to be disputed, or time is up.
    fn may_seal(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView, index: u32) -> bool {
        let window = u64::from(now.suite.parameters.verification.seal_window);
        let is_last_call = now.likely_time + window / 4 > draw.phase_end;
        let is_needed = case.provider() != now.me && case.is_committed();
        !is_needed || self.leaf::<JobEscrow::Task>(now, case, index).is_some() || is_last_call
    }

    fn reveal(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        let mut end = draw.phase_end;
        if draw.phase == Phase::Sealing {
            end += u64::from(now.suite.parameters.verification.reveal_window);
        }
        if now.head_time > end {
            return;
        }
        let hidden =
            |index: u32| draw.sealed.contains(&(index, now.me)) && !draw.revealed.contains_key(&(index, now.me));
        let places: Vec<_> = draw.places(now.me, case.provider()).filter(|(_, index)| hidden(*index)).collect();
        let (mut roots, mut bindings) = (Vec::new(), Vec::new());
        for (place, index) in &places {
            let Some(task) = self.task(now, case, *index) else { continue };
            if case.provider() == now.me {
                // The contract takes no root under a game that waits for the answer.
                if now.view.trials.waits_for_answer(&case.batch_id, *index) {
                    continue;
                }
                let Some(binding) = self.binding(now, case, *index, &task.said) else { continue };
                bindings.push(binding);
            }
            roots.push(Revealed {
                party: draw.party(*place, now.me),
                index: *index,
                traceRoot: task.said.trace_root(),
                salt: now.secret.trace_salt(case.batch_id, *index),
            });
        }
        let window = u64::from(now.suite.parameters.verification.reveal_window);
        let is_late = now.likely_time + window / 2 > end;
        if roots.is_empty() || roots.len() < places.len() && !is_late {
            return;
        }
        let indices = join(roots.iter().map(|root| root.index));
        let (batch_id, target) = (case.batch_id, now.suite.verification);
        if case.provider() == now.me {
            let (order, batch) = (recast(&case.order.order), recast(&case.entry.batch));
            let call = Verification::revealBoundCall { order, batch, roots, bindings };
            self.want("revealBound", format!("revealBound:{batch_id}:{indices}"), target, &call, Some(end));
        } else {
            let call = Verification::revealCall { batchId: batch_id, roots };
            self.want("reveal", format!("reveal:{batch_id}:{indices}"), target, &call, Some(end));
        }
    }

    fn binding(&mut self, now: &Situation<'_>, case: &Case<'_>, index: u32, said: &Testimony) -> Option<Binding> {
        let task = self.leaf(now, case, index)?;
        let tree = roots_tree(&said.roots);
        let proof = |at: usize| tree.proof(at).into_iter().map(Into::into).collect();
        Some(Binding { task, inputProof: proof(0), outputProof: proof(said.roots.len() - 1) })
    }

    /// Who agreed with a lie has its seat to lose: a part of it is for whoever convicted the provider, who sees to it first.
    fn slash_agreed(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        let trials = &now.view.trials;
        let is_lost = |index: u32| trials.verdicts.contains(&(case.batch_id, index));
        let lost: BTreeSet<u32> = draw.agreed(case.provider()).filter(|index| is_lost(*index)).collect();
        let is_winner = trials.pots.get(&case.batch_id).is_some_and(|pot| pot.winner == now.me);
        let is_due = is_winner || now.likely_time > draw.phase_end + now.stagger(case.batch_id);
        if lost.is_empty() || !is_due || matches!(now.duty, Duty::Provider) {
            return;
        }
        let call = Verification::concludeCall { order: recast(&case.order.order), batch: recast(&case.entry.batch) };
        let key = format!("slashAgreed:{}:{}", case.batch_id, join(lost.into_iter()));
        self.want("conclude", key, now.suite.verification, &call, None);
    }

    fn conclude(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        let end = match draw.phase {
            Phase::Sealing => draw.phase_end + u64::from(now.suite.parameters.verification.reveal_window),
            Phase::Revealing => draw.phase_end,
            Phase::Disputed if now.view.trials.open_games(&case.batch_id) == 0 => draw.phase_end,
            _ => return,
        };
        if now.likely_time <= end + now.stagger(case.batch_id) {
            return;
        }
        let call = Verification::concludeCall { order: recast(&case.order.order), batch: recast(&case.entry.batch) };
        let key = format!("conclude:{}:{:?}", case.batch_id, draw.phase);
        self.want("conclude", key, now.suite.verification, &call, None);
    }
}

fn join(indices: impl Iterator<Item = u32>) -> String {
    indices.map(|index| index.to_string()).collect::<Vec<_>>().join(",")
}
