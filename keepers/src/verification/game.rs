//! The next move in a game, and whether to begin one.
//!
//! | step | challenger | provider's side |
//! |---|---|---|
//! | Opened | | `answer` |
//! | Answered | `nameOperator` | |
//! | OperatorNamed | | `showRows` |
//! | RowsShown | `nameRow` | |
//! | RowNamed | | `showRow` |
//! | RowShown | `prove` | |
//!
//! Whoever waits for the other side longer than its clock ends the game by `timeout`.

use std::borrow::Cow;

use alloy::{
    primitives::{Address, B256},
    sol_types::SolCall,
};
use assay_contracts::{
    DisputeGame::{self, Batch, Game, Opening, Order},
    Verification,
    protocol::{challenge_seal, recast},
};
use assay_kernels::{
    Hash,
    commit::TaskLeaf,
    evidence::{self, false_element, first_difference},
    merkle::Tree,
};

use super::{
    bench::Need,
    faults,
    plan::{Case, Duty, Plan, Situation},
    testimony::roots_tree,
};
use crate::view::{AnswerView, Attempt, BatchStatus, DrawView, GameView, step};

/// Seconds that must be left of the window to seal a challenge: its game is opened in a later block.
const OPENING_TIME: u64 = 4;
/// Challenges of one task by one account at most. A second one is made only when the first was not opened in time.
const MAX_ATTEMPTS: u32 = 4;

/// A game with what surrounds it.
#[derive(Clone, Copy)]
struct Table<'a> {
    case: &'a Case<'a>,
    id: B256,
    view: &'a GameView,
    answer: Option<&'a AnswerView>,
}

impl Table<'_> {
    fn game(&self) -> &Game {
        &self.view.game
    }

    fn order(&self) -> Order {
        recast(&self.case.order.order)
    }

    fn batch(&self) -> Batch {
        recast(&self.case.entry.batch)
    }

    fn answered(&self) -> Vec<Hash> {
        self.answer.map(|answer| answer.roots.iter().map(|root| root.0).collect()).unwrap_or_default()
    }
}

impl Plan {
    /// The next move in a game: as its challenger, as the provider, or for the provider as a validator that agreed.
    pub(super) fn play(&mut self, now: &Situation<'_>, case: &Case<'_>, id: B256, view: &GameView) {
        let task = (case.batch_id, view.game.index);
        let answer = now.view.trials.answers.get(&task);
        let table = Table { case, id, view, answer };
        let clock = view.clock(answer, now.suite.parameters.verification.dispute_floor);
        let is_challenger = view.game.challenger == now.me;
        if is_challenger && now.view.trials.verdicts.contains(&task) {
            return self.join_verdict(now, &table);
        }
        if !is_challenger && !defends(now, case, view) {
            return;
        }
        if step::is_challengers(clock.step) != is_challenger {
            if now.likely_time > clock.deadline {
                self.time_out(now, &table);
            }
            return;
        }
        if now.head_time > clock.deadline {
            return;
        }
        // The provider moves for itself; who agreed with it helps once half of its time is gone.
        let half = clock.moved_at + (clock.deadline - clock.moved_at) / 2;
        if !is_challenger && case.provider() != now.me && now.likely_time <= half {
            return;
        }
        let end = clock.deadline;
        let moved = match clock.step {
            step::OPENED => self.answer(now, &table, end),
            step::ANSWERED => self.name_operator(now, &table, end),
            step::OPERATOR_NAMED => self.show_rows(now, &table, end),
            step::ROWS_SHOWN => self.name_row(now, &table, end),
            step::ROW_NAMED => self.show_row(now, &table, end),
            step::ROW_SHOWN => self.prove(now, &table, end),
            _ => None,
        };
        if moved.is_none() {
            tracing::debug!(game = %id, step = clock.step, "no move yet");
        }
    }

    fn answer(&mut self, now: &Situation<'_>, table: &Table<'_>, end: u64) -> Option<()> {
        let game = table.game();
        let task = self.task(now, table.case, game.index)?;
        let call = DisputeGame::answerCall {
            gameId: table.id,
            game: game.clone(),
            roots: task.said.roots.iter().copied().map(B256::from).collect(),
        };
        // One answer serves every game over the task.
        let key = format!("answer:{}:{}", game.batchId, game.index);
        if !self.actions.iter().any(|action| action.key == key) {
            self.make_move(now, "answer", key, &call, Some(end));
        }
        Some(())
    }

    fn name_operator(&mut self, now: &Situation<'_>, table: &Table<'_>, end: u64) -> Option<()> {
        let index = table.game().index;
        let (task, trace) = self.disputed(now, table.case, index)?;
        let operator = if self.is_unshowable(now, table.case, index, trace) {
            task.said.roots.len() - 1
        } else {
            first_difference(&task.said.roots, &table.answered())?
        };
        let (game, operator) = (table.game().clone(), operator as u16);
        let call = DisputeGame::nameOperatorCall { gameId: table.id, game, operator };
        self.make_move(now, "nameOperator", format!("nameOperator:{}", table.id), &call, Some(end));
        Some(())
    }

    fn show_rows(&mut self, now: &Situation<'_>, table: &Table<'_>, end: u64) -> Option<()> {
        let (game, answered) = (table.game(), table.answered());
        let operator = usize::from(game.operator);
        let (task, trace) = self.traced(now, table.case, game.index)?;
        let hashes = task.said.row_hashes(trace, operator);
        let root = *answered.get(operator)?;
        if Tree::new(hashes.clone()).root() != root {
            tracing::error!(game = %table.id, operator, "what was answered is not what this keeper computes");
            return None;
        }
        let call = DisputeGame::showRowsCall {
            gameId: table.id,
            game: game.clone(),
            operatorRoot: root.into(),
            rootProof: roots_tree(&answered).proof(operator).into_iter().map(Into::into).collect(),
            rowHashes: hashes.into_iter().map(Into::into).collect(),
        };
        self.make_move(now, "showRows", format!("showRows:{}", table.id), &call, Some(end));
        Some(())
    }

    fn name_row(&mut self, now: &Situation<'_>, table: &Table<'_>, end: u64) -> Option<()> {
        let game = table.game();
        let (task, trace) = self.disputed(now, table.case, game.index)?;
        let own = task.said.row_hashes(trace, game.operator.into());
        let theirs: Vec<Hash> = table.view.row_hashes.iter().map(|hash| hash.0).collect();
        let row = first_difference(&own, &theirs)? as u32;
        let call = DisputeGame::nameRowCall { gameId: table.id, game: game.clone(), row };
        self.make_move(now, "nameRow", format!("nameRow:{}", table.id), &call, Some(end));
        Some(())
    }

    fn show_row(&mut self, now: &Situation<'_>, table: &Table<'_>, end: u64) -> Option<()> {
        let game = table.game();
        let (operator, row) = (usize::from(game.operator), game.row as usize);
        let (task, trace) = self.traced(now, table.case, game.index)?;
        let bytes = task.said.row(trace, operator, row)?;
        let tree = Tree::new(task.said.row_hashes(trace, operator));
        let call = DisputeGame::showRowCall {
            gameId: table.id,
            game: game.clone(),
            row: bytes.into(),
            proof: tree.proof(row).into_iter().map(Into::into).collect(),
        };
        self.make_move(now, "showRow", format!("showRow:{}", table.id), &call, Some(end));
        Some(())
    }

    fn prove(&mut self, now: &Situation<'_>, table: &Table<'_>, end: u64) -> Option<()> {
        let game = table.game();
        let operator = usize::from(game.operator);
        let (task, trace) = self.disputed(now, table.case, game.index)?;
        let model = now.models.get(table.case.order.model)?;
        let shape = *model.tape().shapes().get(operator)?;
        let own = task.said.row(trace, operator, game.row as usize)?;
        let element = false_element(shape, trace.tokens(), &own, &table.view.row)?;
        let evidence = model.evidence(trace, &table.answered(), operator, game.row, element)?;
        let openings = |rows: Vec<evidence::Opening>| rows.into_iter().map(opening).collect();
        let call = DisputeGame::proveCall {
            gameId: table.id,
            game: game.clone(),
            order: table.order(),
            batch: table.batch(),
            row: table.view.row.clone(),
            element,
            tensors: openings(evidence.tensors),
            weights: openings(evidence.weights),
        };
        self.make_move(now, "prove", format!("prove:{}", table.id), &call, Some(end));
        Some(())
    }

    fn time_out(&mut self, now: &Situation<'_>, table: &Table<'_>) {
        let (order, batch) = (table.order(), table.batch());
        let call = DisputeGame::timeoutCall { gameId: table.id, game: table.game().clone(), order, batch };
        self.make_move(now, "timeout", format!("timeout:{}:{}", table.id, table.game().step), &call, None);
    }

    fn join_verdict(&mut self, now: &Situation<'_>, table: &Table<'_>) {
        let (order, batch) = (table.order(), table.batch());
        let call = DisputeGame::joinVerdictCall { gameId: table.id, game: table.game().clone(), order, batch };
        self.make_move(now, "joinVerdict", format!("joinVerdict:{}", table.id), &call, None);
    }

    fn make_move(
        &mut self,
        now: &Situation<'_>,
        kind: &'static str,
        key: String,
        call: &impl SolCall,
        deadline: Option<u64>,
    ) {
        self.want(kind, key, now.suite.dispute_game, call, deadline);
    }

    /// Begins a game over each task of a batch that this keeper knows to be wrong.
    pub(super) fn challenge(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        if case.entry.status == BatchStatus::Settled {
            return self.open_seals(now, case, draw);
        }
        if case.provider() == now.me || !case.is_committed() || now.head_time > case.challenge_end(draw) {
            return;
        }
        let accused: Vec<u32> = match now.duty {
            Duty::Provider => return,
            Duty::Validator { .. } => draw
                .places(now.me, case.provider())
                .map(|(_, index)| index)
                .filter(|index| dissents(now, case, draw, *index))
                .collect(),
            Duty::Challenger { rate } => self.inspect(now, case, draw, rate),
        };
        let accused: Vec<_> = accused.into_iter().map(|index| (index, standing(now, case, index))).collect();
        // One conviction forfeits the whole batch: a challenger needs no second bond. A validator must win each task that it
        // dissented about.
        let is_challenger = matches!(now.duty, Duty::Challenger { .. });
        let begins = |standing: &Standing| match standing {
            Standing::Fresh { id } => !now.under_way.contains(&seal_key(*id)),
            _ => false,
        };
        let mut may_begin = !is_challenger || !accused.iter().any(|(_, it)| begins(it)) || !has_begun(now, case);
        for (index, standing) in accused {
            let begins = begins(&standing);
            if may_begin || !begins {
                self.accuse(now, case, draw, index, standing);
            }
            may_begin &= !(begins && is_challenger);
        }
    }

    /// Computes the sampled tasks of a batch; those that the provider did not.
    fn inspect(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView, rate: f64) -> Vec<u32> {
        let leaves = match self.leaves(now, case) {
            Some(leaves) => Cow::Borrowed(leaves.leaves()),
            None => Cow::Owned(self.supplied_leaves(now, case, draw)),
        };
        if leaves.is_empty() || !self.prove_faults(now, case, &leaves) {
            return Vec::new();
        }
        // What had to be demanded is looked at whatever the sample.
        let is_sampled = |index| matches!(leaves, Cow::Owned(_)) || now.secret.samples(case.batch_id, index, rate);
        let mut wrong = Vec::new();
        for leaf in leaves.iter() {
            let index = leaf.index;
            if !is_sampled(index) {
                continue;
            }
            let Some(task) = self.task(now, case, index) else { continue };
            let revealed = draw.revealed.get(&(index, case.provider()));
            let differs = task.said.output_hash() != Some(&leaf.output_hash)
                || revealed.is_some_and(|root| *root != task.said.trace_root());
            if differs && task.said.input_hash() == Some(&leaf.input_hash) {
                wrong.push(index);
            }
        }
        wrong
    }

    /// Wants the proof of what is wrong with the batch on its face. Whether a game is worth while: nothing is, and the inputs to
    /// say so are here.
    fn prove_faults(&mut self, now: &Situation<'_>, case: &Case<'_>, leaves: &[TaskLeaf]) -> bool {
        let Some(inputs) = now.known.inputs.get(&case.order_id) else {
            self.needs.push(Need::Inputs { order_id: case.order_id, root: case.order.order.inputsRoot });
            return false;
        };
        let Some(fault) = faults::find(&case.order.order, leaves, inputs) else { return true };
        let Some(task) = self.leaf(now, case, fault.index()) else { return false };
        let (order, batch) = (case.order.order.clone(), case.entry.batch.clone());
        let key = format!("fault:{}:{}", case.batch_id, fault.index());
        let target = now.suite.job_escrow;
        let end = Some(case.entry.settles_at);
        match fault.proof(order, batch, task, inputs) {
            faults::Proof::Units(call) => self.want("proveWrongUnits", key, target, &call, end),
            faults::Proof::Input(call) => self.want("proveWrongInput", key, target, &call, end),
            faults::Proof::Bound(call) => self.want("proveUnitsBound", key, target, &call, end),
        }
        false
    }

    /// Seals a challenge; once the seal stands, opens its game.
    fn accuse(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView, index: u32, standing: Standing) {
        // The task is only opened with its leaf; a bond for a game that cannot be opened is lost.
        let Some(task) = self.leaf(now, case, index) else {
            if now.known.lacks_leaves_in_haste(case.batch_id) {
                self.demand(now, case, draw, index);
            }
            return;
        };
        match standing {
            Standing::Playing | Standing::Over => {}
            Standing::Sealed { id, salt, at, .. } => {
                let (order, batch) = (recast(&case.order.order), recast(&case.entry.batch));
                let call = DisputeGame::openCall { order, batch, task, salt };
                let window = u64::from(now.suite.parameters.verification.open_window);
                self.make_move(now, "open", format!("open:{id}"), &call, Some(at + window));
            }
            Standing::Fresh { id } => {
                let end = case.challenge_end(draw);
                let is_lost = now.view.trials.verdicts.contains(&(case.batch_id, index));
                if now.likely_time.saturating_add(OPENING_TIME) <= end && !is_lost {
                    let call = DisputeGame::sealCall { sealHash: id };
                    self.make_move(now, "sealChallenge", seal_key(id), &call, Some(end));
                }
            }
        }
    }

    /// Opens this keeper's seals on a batch that was settled meanwhile: who is right has its bond back.
    fn open_seals(&mut self, now: &Situation<'_>, case: &Case<'_>, draw: &DrawView) {
        let late = case.entry.ended_at + u64::from(now.suite.parameters.verification.dispute_floor);
        for (index, standing) in seals(now, case) {
            if matches!(standing, Standing::Sealed { at, .. } if at <= late) {
                self.accuse(now, case, draw, index, standing);
            }
        }
    }

    /// Takes back the bonds of this keeper's seals on a batch that was lost before they were opened.
    pub(super) fn withdraw_seals(&mut self, now: &Situation<'_>, case: &Case<'_>) {
        if case.entry.status != BatchStatus::Forfeited {
            return;
        }
        let latest = now.view.trials.latest_seals.get(&case.batch_id).copied().unwrap_or_default();
        for (index, standing) in seals(now, case) {
            let Standing::Sealed { id, salt, at, number } = standing else { continue };
            let end = at + u64::from(now.suite.parameters.verification.open_window);
            if number > latest {
                let call = DisputeGame::withdrawSealCall { batchId: case.batch_id, index, salt };
                self.make_move(now, "withdrawSeal", format!("withdrawSeal:{id}"), &call, Some(end));
            }
        }
    }

    /// Claims what a conviction brought this keeper, once every earlier seal has had its time.
    pub(super) fn claim(&mut self, now: &Situation<'_>, batch_id: B256) {
        let Some(pot) = now.view.trials.pots.get(&batch_id) else { return };
        if pot.winner == now.me && now.likely_time >= pot.claimable_at {
            let call = Verification::claimPotCall { batchId: batch_id };
            self.want("claimPot", format!("claimPot:{batch_id}"), now.suite.verification, &call, None);
        }
    }
}

/// Whether this keeper has a seal, on its way or on the chain, or a game on any task of the batch, computed again since its start
/// or not.
fn has_begun(now: &Situation<'_>, case: &Case<'_>) -> bool {
    let (first, count) = (case.entry.batch.first, case.entry.batch.count);
    (first..first + count).any(|index| match standing(now, case, index) {
        Standing::Fresh { id } => now.under_way.contains(&seal_key(id)),
        Standing::Sealed { .. } | Standing::Playing => true,
        Standing::Over => false,
    })
}

fn seal_key(id: B256) -> String {
    format!("sealChallenge:{id}")
}

/// How far this keeper is with accusing a task.
#[derive(Clone, Copy)]
enum Standing {
    /// Not begun.
    Fresh {
        id: B256,
    },
    /// A seal waits to be opened.
    Sealed {
        id: B256,
        salt: B256,
        at: u64,
        number: u64,
    },
    Playing,
    Over,
}

/// This keeper's seals that wait to be opened, by task.
fn seals<'a>(now: &'a Situation<'_>, case: &'a Case<'_>) -> impl Iterator<Item = (u32, Standing)> + 'a {
    let window = u64::from(now.suite.parameters.verification.open_window);
    let waits = |attempt: &Attempt| matches!(attempt, Attempt::Sealed { at, .. } if now.head_time <= at + window);
    // Which seal is of which task is only found by hashing all of the batch's; where no seal waits there is no need.
    let some = now.duty != Duty::Provider && now.view.trials.attempts.values().any(waits);
    let (first, count) = (case.entry.batch.first, if some { case.entry.batch.count } else { 0 });
    let standings = (first..first + count).map(|index| (index, standing(now, case, index)));
    standings.filter(|(_, standing)| matches!(standing, Standing::Sealed { .. }))
}

fn standing(now: &Situation<'_>, case: &Case<'_>, index: u32) -> Standing {
    let trials = &now.view.trials;
    let window = u64::from(now.suite.parameters.verification.open_window);
    for attempt in 0..MAX_ATTEMPTS {
        let salt = now.secret.challenge_salt(case.batch_id, index, attempt);
        let id = challenge_seal(case.batch_id, index, salt, now.me);
        if trials.games.contains_key(&id) {
            return Standing::Playing;
        }
        match trials.attempts.get(&id) {
            Some(Attempt::Ended) => return Standing::Over,
            Some(Attempt::Expired) => {}
            // Its bond is lost whether somebody burns it or not.
            Some(&Attempt::Sealed { at, .. }) if now.head_time > at + window => {}
            Some(&Attempt::Sealed { at, number }) => return Standing::Sealed { id, salt, at, number },
            None => return Standing::Fresh { id },
        }
    }
    Standing::Over
}

/// Whether this keeper stands on the provider's side of a game: it is the provider, or it revealed the same root.
fn defends(now: &Situation<'_>, case: &Case<'_>, view: &GameView) -> bool {
    let Duty::Validator { .. } = now.duty else { return case.provider() == now.me };
    let revealed = |party: Address| {
        let draw = now.view.trials.draws.get(&case.batch_id)?;
        draw.revealed.get(&(view.game.index, party)).copied()
    };
    case.entry.status == BatchStatus::Committed
        && revealed(now.me).is_some_and(|own| revealed(case.provider()) == Some(own))
}

/// Whether this validator revealed another root than the provider.
fn dissents(now: &Situation<'_>, case: &Case<'_>, draw: &DrawView, index: u32) -> bool {
    let revealed = |party: Address| draw.revealed.get(&(index, party));
    revealed(now.me).is_some_and(|own| revealed(case.provider()).is_some_and(|root| root != own))
}

fn opening(opening: evidence::Opening) -> Opening {
    let hashes = |hashes: Vec<Hash>| hashes.into_iter().map(B256::from).collect();
    Opening {
        row: opening.row.into(),
        proof: hashes(opening.proof),
        root: opening.root.into(),
        rootProof: hashes(opening.root_proof),
    }
}
