//! Draws and games as the chain's events tell them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy::primitives::{Address, B256, Bytes};
use assay_contracts::{
    DisputeGame::{DisputeGameEvents, Game},
    PrevrandaoBeacon::PrevrandaoBeaconEvents,
    Verification::VerificationEvents,
    protocol::draw_status,
};

/// The contract's numbers of the steps of a game.
pub(crate) mod step {
    pub(crate) const OPENED: u8 = 0;
    pub(crate) const ANSWERED: u8 = 1;
    pub(crate) const OPERATOR_NAMED: u8 = 2;
    pub(crate) const ROWS_SHOWN: u8 = 3;
    pub(crate) const ROW_NAMED: u8 = 4;
    pub(crate) const ROW_SHOWN: u8 = 5;

    /// Whether the challenger moves next.
    pub(crate) fn is_challengers(step: u8) -> bool {
        matches!(step, ANSWERED | ROWS_SHOWN | ROW_SHOWN)
    }
}

/// How far a draw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Undrawn,
    Sealing,
    Revealing,
    Disputed,
    Agreed,
    Convicted,
}

/// The draw of a batch.
#[derive(Debug, Clone)]
pub(crate) struct DrawView {
    pub(crate) phase: Phase,
    pub(crate) round: u64,
    /// Indices of the drawn tasks; a task's place is its position here.
    pub(crate) tasks: Vec<u32>,
    /// The validators of each place.
    pub(crate) validators: Vec<Vec<Address>>,
    /// Parties of a place.
    pub(crate) width: u8,
    /// Last second of the phase.
    pub(crate) phase_end: u64,
    pub(crate) sealed: BTreeSet<(u32, Address)>,
    /// Trace roots.
    pub(crate) revealed: BTreeMap<(u32, Address), B256>,
    /// Validators that were slashed for a task.
    pub(crate) slashed: BTreeSet<(u32, Address)>,
}

impl DrawView {
    /// Places of `party`; the provider has them all.
    pub(crate) fn places(&self, party: Address, provider: Address) -> impl Iterator<Item = (usize, u32)> {
        let holds = move |place: usize| party == provider || self.validators[place].contains(&party);
        self.tasks.iter().copied().enumerate().filter(move |(place, _)| holds(*place))
    }

    /// Tasks on which a validator agreed with the provider and has not been slashed for it.
    pub(crate) fn agreed(&self, provider: Address) -> impl Iterator<Item = u32> {
        let same = move |(index, party): (u32, Address), root: &B256| {
            party != provider
                && self.revealed.get(&(index, provider)) == Some(root)
                && !self.slashed.contains(&(index, party))
        };
        self.revealed.iter().filter(move |(at, root)| same(**at, root)).map(|((index, _), _)| *index)
    }

    /// The bit of `party` at a place where it belongs.
    pub(crate) fn party(&self, place: usize, party: Address) -> u8 {
        let number = self.validators[place].iter().position(|validator| *validator == party).map_or(0, |at| at + 1);
        (place * usize::from(self.width) + number) as u8
    }

    /// Last second to open a game on the batch as far as its draw is concerned.
    pub(crate) fn challenge_end(&self) -> u64 {
        match self.phase {
            Phase::Agreed => self.phase_end,
            Phase::Undrawn | Phase::Convicted => 0,
            _ => u64::MAX,
        }
    }
}

/// A game that is open.
#[derive(Debug, Clone)]
pub(crate) struct GameView {
    /// The state whose hash the chain keeps.
    pub(crate) game: Game,
    /// Row hashes of the named operator, once shown.
    pub(crate) row_hashes: Vec<B256>,
    /// The named row, once shown.
    pub(crate) row: Bytes,
}

/// What the contract reads out of a game's state and its task's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) step: u8,
    pub(crate) moved_at: u64,
    /// Last second of the side to move.
    pub(crate) deadline: u64,
}

impl GameView {
    /// A game that waits for the answer has moved on when the task was answered, for this game or for another.
    pub(crate) fn clock(&self, answer: Option<&AnswerView>, floor: u32) -> Clock {
        let game = &self.game;
        let (mut now, mut moved_at) = (game.step, game.movedAt.to::<u64>());
        if let Some(answer) = answer.filter(|_| game.step == step::OPENED) {
            (now, moved_at) = (step::ANSWERED, moved_at.max(answer.answered_at));
        }
        let time = if step::is_challengers(now) { game.challengerTime } else { game.providerTime };
        Clock { step: now, moved_at, deadline: moved_at + u64::from(time.max(floor)) }
    }
}

/// The provider's answer for a task.
#[derive(Debug, Clone)]
pub(crate) struct AnswerView {
    pub(crate) roots: Vec<B256>,
    pub(crate) answered_at: u64,
}

/// What became of a sealed challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Sealed and not opened.
    Sealed { at: u64, number: u64 },
    /// Not opened in time.
    Expired,
    /// Opened, and the game is over; or withdrawn, and the batch is lost.
    Ended,
}

/// The reward of a conviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PotView {
    pub(crate) winner: Address,
    pub(crate) claimable_at: u64,
}

/// All draws and games.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trials {
    pub(crate) draws: BTreeMap<B256, DrawView>,
    /// Recorded rounds, with the time of the record.
    pub(crate) rounds: BTreeMap<u64, u64>,
    pub(crate) games: BTreeMap<B256, GameView>,
    pub(crate) answers: HashMap<(B256, u32), AnswerView>,
    /// Tasks over which the provider lost a game.
    pub(crate) verdicts: BTreeSet<(B256, u32)>,
    /// Challenges that are not games (any more), by seal hash.
    pub(crate) attempts: HashMap<B256, Attempt>,
    /// The latest seal under which a game was opened on a batch.
    pub(crate) latest_seals: HashMap<B256, u64>,
    pub(crate) pots: BTreeMap<B256, PotView>,
}

/// Seconds that sealed challenges are remembered whose batch is not known.
const KEEP_SEALS: u64 = 30 * 24 * 3600;

impl Trials {
    /// The batch that an event of the verification contract is about.
    pub(crate) fn drawn_batch(event: &VerificationEvents) -> Option<B256> {
        use VerificationEvents as Event;
        Some(match event {
            Event::DrawRequested(event) => event.batchId,
            Event::DrawPostponed(event) => event.batchId,
            Event::Undrawn(event) => event.batchId,
            Event::Drawn(event) => event.batchId,
            Event::SealingExtended(event) => event.batchId,
            Event::TraceSealed(event) => event.batchId,
            Event::RevealStarted(event) => event.batchId,
            Event::TraceRevealed(event) => event.batchId,
            Event::Dissented(event) => event.batchId,
            Event::DrawConcluded(event) => event.batchId,
            Event::PotAssigned(event) => event.batchId,
            Event::PotClaimed(event) => event.batchId,
            Event::ValidatorSlashed(event) => event.batchId,
        })
    }

    /// The batch that an event of the dispute game is about; seals do not tell.
    pub(crate) fn played_batch(&self, event: &DisputeGameEvents) -> Option<B256> {
        use DisputeGameEvents as Event;
        match event {
            Event::GameOpened(event) => Some(event.batchId),
            Event::Answered(event) => Some(event.batchId),
            Event::OperatorNamed(event) => Some(event.game.batchId),
            Event::RowsShown(event) => Some(event.game.batchId),
            Event::RowNamed(event) => Some(event.game.batchId),
            Event::RowShown(event) => Some(event.game.batchId),
            Event::GameEnded(event) => Some(event.batchId),
            Event::SealWithdrawn(event) => Some(event.batchId),
            Event::ChallengeSealed(_) | Event::SealExpired(_) => None,
        }
    }

    /// Folds an event of the beacon.
    pub(crate) fn beacon(&mut self, event: &PrevrandaoBeaconEvents, timestamp: u64) {
        let PrevrandaoBeaconEvents::RoundRecorded(event) = event;
        self.rounds.insert(event.round, timestamp);
    }

    /// Folds an event of the verification contract; each task of the order's batches has `validators`.
    pub(crate) fn draw(&mut self, event: &VerificationEvents, timestamp: u64, validators: u8) {
        use VerificationEvents as Event;
        if let Event::DrawRequested(event) = event {
            let draw = DrawView {
                phase: Phase::Waiting,
                round: event.round,
                tasks: Vec::new(),
                validators: Vec::new(),
                width: validators + 1,
                phase_end: 0,
                sealed: BTreeSet::new(),
                revealed: BTreeMap::new(),
                slashed: BTreeSet::new(),
            };
            self.draws.insert(event.batchId, draw);
            return;
        }
        let Some(batch_id) = Self::drawn_batch(event) else { return };
        let Some(draw) = self.draws.get_mut(&batch_id) else { return };
        match event {
            Event::DrawPostponed(event) => draw.round = event.round,
            Event::Undrawn(_) => draw.phase = Phase::Undrawn,
            Event::Drawn(event) => {
                (draw.tasks, draw.validators) = (event.tasks.clone(), event.validators.clone());
                (draw.phase, draw.phase_end) = (Phase::Sealing, event.sealEnd.to());
            }
            Event::SealingExtended(event) => draw.phase_end = event.sealEnd.to(),
            Event::TraceSealed(event) => {
                draw.sealed.insert((event.index, event.party));
            }
            Event::RevealStarted(event) => (draw.phase, draw.phase_end) = (Phase::Revealing, event.revealEnd.to()),
            Event::TraceRevealed(event) => {
                draw.revealed.insert((event.index, event.party), event.traceRoot);
                // Nobody who sealed is left: the contract ends the phase.
                if draw.revealed.len() == draw.sealed.len() {
                    draw.phase_end = timestamp.saturating_sub(1);
                }
            }
            Event::Dissented(event) => (draw.phase, draw.phase_end) = (Phase::Disputed, event.openEnd.to()),
            Event::DrawConcluded(event) => {
                draw.phase = if event.status == draw_status::AGREED { Phase::Agreed } else { Phase::Convicted };
                draw.phase_end = event.challengeEnd.to();
            }
            Event::PotAssigned(event) => {
                if matches!(draw.phase, Phase::Agreed | Phase::Waiting) {
                    draw.phase = Phase::Convicted;
                }
                let pot = PotView { winner: event.winner, claimable_at: event.claimableAt.to() };
                self.pots.insert(batch_id, pot);
            }
            Event::PotClaimed(_) => {
                self.pots.remove(&batch_id);
            }
            Event::ValidatorSlashed(event) => {
                draw.slashed.insert((event.index, event.validator));
            }
            Event::DrawRequested(_) => {}
        }
    }

    /// Folds an event of the dispute game.
    pub(crate) fn game(&mut self, event: &DisputeGameEvents, timestamp: u64) {
        use DisputeGameEvents as Event;
        match event {
            Event::ChallengeSealed(event) => {
                self.attempts.insert(event.sealHash, Attempt::Sealed { at: timestamp, number: event.number });
            }
            Event::SealExpired(event) => {
                self.attempts.insert(event.sealHash, Attempt::Expired);
            }
            Event::SealWithdrawn(event) => {
                self.attempts.insert(event.sealHash, Attempt::Ended);
            }
            Event::GameOpened(event) => {
                self.attempts.remove(&event.gameId);
                let latest = self.latest_seals.entry(event.batchId).or_default();
                *latest = event.game.sealNumber.max(*latest);
                let game = GameView { game: event.game.clone(), row_hashes: Vec::new(), row: Bytes::new() };
                self.games.insert(event.gameId, game);
            }
            Event::Answered(event) => {
                let answer = AnswerView { roots: event.roots.clone(), answered_at: timestamp };
                self.answers.insert((event.batchId, event.index), answer);
            }
            Event::OperatorNamed(event) => self.moved(&event.gameId, &event.game),
            Event::RowsShown(event) => {
                self.moved(&event.gameId, &event.game);
                if let Some(view) = self.games.get_mut(&event.gameId) {
                    view.row_hashes = event.rowHashes.clone();
                }
            }
            Event::RowNamed(event) => self.moved(&event.gameId, &event.game),
            Event::RowShown(event) => {
                self.moved(&event.gameId, &event.game);
                if let Some(view) = self.games.get_mut(&event.gameId) {
                    view.row = event.row.clone();
                }
            }
            Event::GameEnded(event) => {
                self.games.remove(&event.gameId);
                self.attempts.insert(event.gameId, Attempt::Ended);
                if event.challengerWon {
                    self.verdicts.insert((event.batchId, event.index));
                }
            }
        }
    }

    fn moved(&mut self, id: &B256, game: &Game) {
        if let Some(view) = self.games.get_mut(id) {
            view.game = game.clone();
        }
    }

    /// Games open on a batch.
    pub(crate) fn open_games(&self, batch_id: &B256) -> usize {
        self.games.values().filter(|view| view.game.batchId == *batch_id).count()
    }

    /// Whether a game over the task is open and nothing was answered.
    pub(crate) fn waits_for_answer(&self, batch_id: &B256, index: u32) -> bool {
        let over = |view: &GameView| view.game.batchId == *batch_id && view.game.index == index;
        !self.answers.contains_key(&(*batch_id, index)) && self.games.values().any(over)
    }

    /// Whether the batch's draw and games let it settle at `time`; see `Verification.agrees`.
    pub(crate) fn agrees(&self, batch_id: &B256, accepted: bool, time: u64) -> bool {
        let Some(draw) = self.draws.get(batch_id).filter(|_| self.open_games(batch_id) == 0) else { return false };
        match draw.phase {
            Phase::Undrawn => true,
            Phase::Waiting => accepted,
            Phase::Agreed => accepted || time > draw.phase_end,
            _ => false,
        }
    }

    /// Whether nothing can happen to the batch's draw and games any more.
    pub(crate) fn is_over(&self, batch_id: &B256) -> bool {
        let ended = |draw: &DrawView| matches!(draw.phase, Phase::Undrawn | Phase::Agreed | Phase::Convicted);
        let ended = self.draws.get(batch_id).is_none_or(|draw| ended(draw) || draw.phase == Phase::Waiting);
        ended && self.open_games(batch_id) == 0 && !self.pots.contains_key(batch_id)
    }

    /// Forgets what belongs to batches that are not known any more.
    pub(crate) fn retain(&mut self, is_known: impl Fn(&B256) -> bool, now: u64) {
        self.draws.retain(|batch, _| is_known(batch));
        self.games.retain(|_, view| is_known(&view.game.batchId));
        self.answers.retain(|(batch, _), _| is_known(batch));
        self.verdicts.retain(|(batch, _)| is_known(batch));
        self.pots.retain(|batch, _| is_known(batch));
        self.latest_seals.retain(|batch, _| is_known(batch));
        self.attempts
            .retain(|_, attempt| !matches!(attempt, Attempt::Sealed { at, .. } if at.saturating_add(KEEP_SEALS) < now));
        // A round is asked about from its commit on; what is older than every waiting draw has served.
        if let Some(first) = self.draws.values().map(|draw| draw.round).min() {
            self.rounds = self.rounds.split_off(&first);
        }
    }
}
