//! Draws, testimonies, pots and validators' seats from the verification contract's and the seats' events.

use super::Change;
use crate::rows::{Draw, DrawStatus, DrawnTask, Json, Pot, Testimony, Validator};
use alloy::primitives::{Address, B256};
use assay_contracts::{
    ValidatorSeats::{Seated, Unseated, ValidatorSeatsEvents},
    Verification::{DrawConcluded, Drawn, PotAssigned, TraceRevealed, TraceSealed, VerificationEvents},
    protocol::draw_status,
};

impl Change<'_> {
    pub(super) async fn verification(&mut self, event: &VerificationEvents) -> Result<(), sqlx::Error> {
        let origin = self.origin;
        match event {
            VerificationEvents::DrawRequested(event) => self.tables.draws.insert(Draw {
                batch_id: event.batchId,
                position: origin.position,
                round: event.round,
                ..Draw::default()
            }),
            VerificationEvents::DrawPostponed(event) => {
                let draw = self.draw(event.batchId).await?;
                (draw.round, draw.certain) = (event.round, true);
            }
            VerificationEvents::Undrawn(event) => {
                let draw = self.draw(event.batchId).await?;
                (draw.status, draw.draw_transaction) = (DrawStatus::Undrawn, Some(origin.transaction_hash));
                draw.refund = event.refund.into();
            }
            VerificationEvents::Drawn(event) => self.drawn(event).await?,
            VerificationEvents::SealingExtended(event) => {
                self.draw(event.batchId).await?.phase_end = Some(event.sealEnd.to());
            }
            VerificationEvents::TraceSealed(event) => self.trace_sealed(event).await?,
            VerificationEvents::RevealStarted(event) => {
                let draw = self.draw(event.batchId).await?;
                draw.status = DrawStatus::Revealing;
                draw.phase_end = Some(event.revealEnd.to());
                end_revealing(draw, origin.timestamp);
            }
            VerificationEvents::TraceRevealed(event) => self.trace_revealed(event).await?,
            VerificationEvents::Dissented(event) => {
                self.testimony(event.batchId, event.index, event.validator).await?.dissented = true;
                let draw = self.draw(event.batchId).await?;
                (draw.status, draw.phase_end) = (DrawStatus::Disputed, Some(event.openEnd.to()));
            }
            VerificationEvents::DrawConcluded(event) => self.draw_concluded(event).await?,
            VerificationEvents::ValidatorSlashed(event) => {
                let testimony = self.testimony(event.batchId, event.index, event.validator).await?;
                testimony.slashed = Some(event.amount.into());
                testimony.slash_transaction = Some(origin.transaction_hash);
            }
            VerificationEvents::PotAssigned(event) => self.pot_assigned(event).await?,
            VerificationEvents::PotClaimed(event) => {
                if let Some(pot) = self.tables.pots.find(self.connection, (event.batchId,)).await? {
                    pot.claim_transaction = Some(origin.transaction_hash);
                }
            }
        }
        Ok(())
    }

    /// Everybody who was drawn has a testimony from here on, so that who stays silent is seen.
    async fn drawn(&mut self, event: &Drawn) -> Result<(), sqlx::Error> {
        let origin = self.origin;
        let batch = self.tables.batches.peek(self.connection, (event.batchId,)).await?;
        let provider = batch.map(|batch| batch.provider);
        let drawn: Vec<_> = event.tasks.iter().zip(&event.validators).collect();
        for (index, validators) in &drawn {
            for party in validators.iter().copied().chain(provider) {
                self.testimony(event.batchId, **index, party).await?;
            }
        }
        let task =
            |(index, validators): (&u32, &Vec<Address>)| DrawnTask { index: *index, validators: validators.clone() };
        let draw = self.draw(event.batchId).await?;
        draw.status = DrawStatus::Sealing;
        draw.seed = Some(event.seed);
        draw.drawn = Json(drawn.into_iter().map(task).collect());
        draw.phase_end = Some(event.sealEnd.to());
        draw.draw_transaction = Some(origin.transaction_hash);
        Ok(())
    }

    async fn trace_sealed(&mut self, event: &TraceSealed) -> Result<(), sqlx::Error> {
        let transaction = self.origin.transaction_hash;
        let testimony = self.testimony(event.batchId, event.index, event.party).await?;
        (testimony.seal, testimony.seal_transaction) = (Some(event.value), Some(transaction));
        self.draw(event.batchId).await?.seals += 1;
        Ok(())
    }

    async fn trace_revealed(&mut self, event: &TraceRevealed) -> Result<(), sqlx::Error> {
        let origin = self.origin;
        let testimony = self.testimony(event.batchId, event.index, event.party).await?;
        (testimony.trace_root, testimony.reveal_transaction) = (Some(event.traceRoot), Some(origin.transaction_hash));
        let draw = self.draw(event.batchId).await?;
        draw.reveals += 1;
        end_revealing(draw, origin.timestamp);
        Ok(())
    }

    async fn draw_concluded(&mut self, event: &DrawConcluded) -> Result<(), sqlx::Error> {
        let transaction = self.origin.transaction_hash;
        let draw = self.draw(event.batchId).await?;
        draw.status = status(event.status);
        draw.phase_end = Some(event.challengeEnd.to());
        (draw.paid, draw.refund) = (event.paid.into(), event.refund.into());
        draw.conclude_transaction = Some(transaction);
        Ok(())
    }

    /// A verdict ends a draw that has not begun or is over; one that goes on is concluded later.
    async fn pot_assigned(&mut self, event: &PotAssigned) -> Result<(), sqlx::Error> {
        self.tables.pots.insert(Pot {
            batch_id: event.batchId,
            winner: event.winner,
            seal_number: event.seal,
            amount: event.amount.into(),
            claimable_at: event.claimableAt.to(),
            ..Pot::default()
        });
        let draw = self.draw(event.batchId).await?;
        if matches!(draw.status, DrawStatus::Waiting | DrawStatus::Agreed) {
            draw.status = DrawStatus::Convicted;
        }
        Ok(())
    }

    async fn draw(&mut self, batch_id: B256) -> Result<&mut Draw, sqlx::Error> {
        self.tables.draws.entry(self.connection, (batch_id,)).await
    }

    async fn testimony(&mut self, batch_id: B256, index: u32, party: Address) -> Result<&mut Testimony, sqlx::Error> {
        self.tables.testimonies.entry(self.connection, (batch_id, index, party)).await
    }

    /* SEATS */

    pub(super) async fn validator_seats(&mut self, event: &ValidatorSeatsEvents) -> Result<(), sqlx::Error> {
        match event {
            ValidatorSeatsEvents::Seated(event) => self.seated(event).await?,
            ValidatorSeatsEvents::Unseated(event) => self.unseated(event).await?,
            ValidatorSeatsEvents::SeatReleased(event) => {
                let seat = self.seat(event.service, event.validator).await?;
                (seat.stake, seat.releasable_at) = Default::default();
            }
            ValidatorSeatsEvents::SeatSlashed(event) => {
                let seat = self.seat(event.service, event.validator).await?;
                seat.slashed.add(event.stake);
                seat.stake = Default::default();
            }
            // That the seat was left tells the event after it.
            ValidatorSeatsEvents::Evicted(_) => {}
        }
        Ok(())
    }

    async fn seated(&mut self, event: &Seated) -> Result<(), sqlx::Error> {
        let position = self.origin.position;
        let seat = self.seat(event.service, event.validator).await?;
        if seat.position == Default::default() {
            seat.position = position;
        }
        (seat.number, seat.releasable_at, seat.stake) = (event.number, 0, event.stake.into());
        Ok(())
    }

    /// The last one of the table moves to the place that comes free.
    async fn unseated(&mut self, event: &Unseated) -> Result<(), sqlx::Error> {
        let seat = self.seat(event.service, event.validator).await?;
        (seat.number, seat.releasable_at) = (0, event.releasableAt.to());
        if !event.moved.is_zero() {
            self.seat(event.service, event.moved).await?.number = event.number;
        }
        Ok(())
    }

    async fn seat(&mut self, service: Address, validator: Address) -> Result<&mut Validator, sqlx::Error> {
        self.tables.validators.entry(self.connection, (service, validator)).await
    }
}

/// No event tells that revealing ended early: it does when nobody who sealed is left.
fn end_revealing(draw: &mut Draw, now: u64) {
    if draw.reveals == draw.seals {
        draw.phase_end = Some(now - 1);
    }
}

/// The status with the contract's number.
fn status(code: u8) -> DrawStatus {
    match code {
        draw_status::NONE | draw_status::WAITING => DrawStatus::Waiting,
        draw_status::UNDRAWN => DrawStatus::Undrawn,
        draw_status::SEALING => DrawStatus::Sealing,
        draw_status::REVEALING => DrawStatus::Revealing,
        draw_status::DISPUTED => DrawStatus::Disputed,
        draw_status::AGREED => DrawStatus::Agreed,
        _ => DrawStatus::Convicted,
    }
}
