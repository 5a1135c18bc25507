//! Disputes and their moves from the dispute game's events.

use super::Change;
use crate::rows::{Dispute, DisputeStatus, GameStep, Move, MoveName};
use alloy::primitives::B256;
use assay_contracts::DisputeGame::{
    Answered, ChallengeSealed, DisputeGameEvents, Game, GameEnded, GameOpened, SealExpired, SealWithdrawn,
};

impl Change<'_> {
    pub(super) async fn dispute_game(&mut self, event: &DisputeGameEvents) -> Result<(), sqlx::Error> {
        match event {
            DisputeGameEvents::ChallengeSealed(event) => self.challenge_sealed(event).await,
            DisputeGameEvents::SealExpired(event) => self.seal_expired(event).await,
            DisputeGameEvents::SealWithdrawn(event) => self.seal_withdrawn(event).await,
            DisputeGameEvents::GameOpened(event) => self.game_opened(event).await,
            DisputeGameEvents::Answered(event) => self.answered(event).await,
            DisputeGameEvents::OperatorNamed(event) => {
                self.moved(event.gameId, MoveName::OperatorNamed, &event.game).await
            }
            DisputeGameEvents::RowsShown(event) => self.moved(event.gameId, MoveName::RowsShown, &event.game).await,
            DisputeGameEvents::RowNamed(event) => self.moved(event.gameId, MoveName::RowNamed, &event.game).await,
            DisputeGameEvents::RowShown(event) => self.moved(event.gameId, MoveName::RowShown, &event.game).await,
            DisputeGameEvents::GameEnded(event) => self.game_ended(event).await,
        }
    }

    /// A seal that was spent can be made again; then its moves go on.
    async fn challenge_sealed(&mut self, event: &ChallengeSealed) -> Result<(), sqlx::Error> {
        let origin = self.origin;
        let dispute = self.tables.disputes.entry(self.connection, (event.sealHash,)).await?;
        *dispute = Dispute {
            dispute_id: event.sealHash,
            position: origin.position,
            challenger: event.challenger,
            seal_number: event.number,
            bond: event.bond.into(),
            moved_at: origin.timestamp,
            moves: dispute.moves,
            ..Dispute::default()
        };
        self.record(event.sealHash, MoveName::Sealed).await.map(drop)
    }

    async fn seal_expired(&mut self, event: &SealExpired) -> Result<(), sqlx::Error> {
        let dispute = self.record(event.sealHash, MoveName::Expired).await?;
        dispute.status = DisputeStatus::Expired;
        Ok(())
    }

    async fn seal_withdrawn(&mut self, event: &SealWithdrawn) -> Result<(), sqlx::Error> {
        let dispute = self.record(event.sealHash, MoveName::Withdrawn).await?;
        dispute.status = DisputeStatus::Withdrawn;
        dispute.bond_to = Some(event.challenger);
        Ok(())
    }

    async fn game_opened(&mut self, event: &GameOpened) -> Result<(), sqlx::Error> {
        let dispute = self.record(event.gameId, MoveName::Opened).await?;
        dispute.status = DisputeStatus::Open;
        dispute.batch_id = Some(event.batchId);
        dispute.task_index = Some(event.index);
        dispute.provider = Some(event.game.provider);
        advance(dispute, &event.game);
        if event.answered {
            dispute.step = Some(GameStep::Answered);
        }
        let task = self.tables.disputed_tasks.entry(self.connection, (event.batchId, event.index)).await?;
        if !task.disputes.contains(&event.gameId) {
            task.disputes.push(event.gameId);
        }
        Ok(())
    }

    /// An answer serves every game over the task that waits for it in time.
    async fn answered(&mut self, event: &Answered) -> Result<(), sqlx::Error> {
        let now = self.origin.timestamp;
        let task = self.tables.disputed_tasks.entry(self.connection, (event.batchId, event.index)).await?;
        task.trace_root = Some(event.traceRoot);
        for id in task.disputes.0.clone() {
            let game = self.tables.disputes.peek(self.connection, (id,)).await?;
            let waits = |game: &Dispute| game.status == DisputeStatus::Open && game.step == Some(GameStep::Opened);
            let Some(game) = game.filter(|game| waits(game)) else { continue };
            let used = now.saturating_sub(game.moved_at);
            if used > u64::from(game.provider_time) {
                continue;
            }
            let dispute = self.record(id, MoveName::Answered).await?;
            dispute.step = Some(GameStep::Answered);
            dispute.moved_at = now;
            dispute.provider_time = dispute.provider_time.saturating_sub(used as u32);
        }
        Ok(())
    }

    async fn moved(&mut self, id: B256, name: MoveName, game: &Game) -> Result<(), sqlx::Error> {
        let dispute = self.record(id, name).await?;
        advance(dispute, game);
        Ok(())
    }

    async fn game_ended(&mut self, event: &GameEnded) -> Result<(), sqlx::Error> {
        let (name, status) = match (event.proven, event.challengerWon) {
            (true, _) => (MoveName::Proven, DisputeStatus::Won),
            (false, true) => (MoveName::Ended, DisputeStatus::Won),
            (false, false) => (MoveName::Ended, DisputeStatus::Lost),
        };
        let now = self.origin.timestamp;
        let dispute = self.record(event.gameId, name).await?;
        (dispute.status, dispute.moved_at) = (status, now);
        dispute.proven = Some(event.proven);
        dispute.bond_to = Some(event.bondTo);
        let task = self.tables.disputed_tasks.entry(self.connection, (event.batchId, event.index)).await?;
        task.lost |= event.challengerWon;
        Ok(())
    }

    /// Adds a move to a dispute.
    async fn record(&mut self, id: B256, name: MoveName) -> Result<&mut Dispute, sqlx::Error> {
        let origin = self.origin;
        let dispute = self.tables.disputes.entry(self.connection, (id,)).await?;
        self.tables.moves.insert(Move {
            dispute_id: id,
            number: dispute.moves,
            name,
            position: origin.position,
            moved_at: origin.timestamp,
            transaction_hash: origin.transaction_hash,
        });
        dispute.moves += 1;
        Ok(dispute)
    }
}

/// Takes over a game's state. What was named counts from the move that named it.
fn advance(dispute: &mut Dispute, game: &Game) {
    let step = step(game.step);
    dispute.step = Some(step);
    dispute.defender = Some(game.defender);
    dispute.moved_at = game.movedAt.to();
    (dispute.provider_time, dispute.challenger_time) = (game.providerTime, game.challengerTime);
    dispute.operator = (game.step >= GameStep::OperatorNamed as u8).then_some(game.operator.into());
    dispute.row = (game.step >= GameStep::RowNamed as u8).then_some(game.row);
}

/// Steps in the order of the contract's enum.
fn step(code: u8) -> GameStep {
    match code {
        0 => GameStep::Opened,
        1 => GameStep::Answered,
        2 => GameStep::OperatorNamed,
        3 => GameStep::RowsShown,
        4 => GameStep::RowNamed,
        _ => GameStep::RowShown,
    }
}
