//! Penalties of providers that were offline, by the truth of final epochs. Half of what a seat loses is the keeper's.

use alloy::sol_types::SolCall;
use assay_contracts::{Attestations, Uptime as Contract};
use assay_epochs::uptime::answers::OFFLINE;

use super::look::{LATER, Look};
use crate::error::Result;

/// Final epochs that are looked at.
const EPOCHS: u32 = 3;

impl Look<'_> {
    pub(super) async fn faults(&mut self) -> Result<()> {
        let (postings, settled) = (self.now.history.uptime(), self.now.settled);
        if self.means.network.terms.faults.offline_slash == 0 {
            return Ok(());
        }
        let next = postings.next();
        let epochs = next.saturating_sub(EPOCHS)..next;
        self.memory.penalised.retain(|(epoch, _)| epochs.contains(epoch));
        for epoch in epochs.filter(|epoch| postings.is_final(*epoch, settled)) {
            self.penalise(epoch).await?;
        }
        Ok(())
    }

    async fn penalise(&mut self, epoch: u32) -> Result<()> {
        let network = &self.means.network;
        let Some(uptime) = self.memory.books.final_shares(self.now.history, epoch).await? else { return Ok(()) };
        let (truth, limit) = (uptime.truth(), network.terms.faults.offline_limit);
        let offline = |seat: &u32| {
            (0..truth.rounds()).filter(|round| truth.get(*round, *seat) == OFFLINE).count() >= limit as usize
        };
        for seat in (0..truth.seats()).filter(offline) {
            if self.memory.penalised.contains(&(epoch, seat)) {
                continue;
            }
            if !self.can_be_penalised(epoch, seat).await? {
                self.memory.penalised.insert((epoch, seat));
                continue;
            }
            if self.is_turn(format!("penalise:{epoch}:{seat}")) {
                let call = Contract::penaliseCall { epoch, seat, truth: truth.bytes().to_vec().into() };
                self.want("penalise", format!("{epoch}:{seat}"), LATER, network.uptime, call.abi_encode().into());
            }
        }
        Ok(())
    }

    /// Whether it was not done yet, and whoever sat there has something to lose still.
    async fn can_be_penalised(&self, epoch: u32, seat: u32) -> Result<bool> {
        let (network, rpc) = (&self.means.network, &self.means.rpc);
        let Some(holder) = self.now.history.seat_in(seat, epoch) else { return Ok(false) };
        if Contract::new(network.uptime, rpc).isPenalised(epoch, seat).block(self.at()).call().await? {
            return Ok(false);
        }
        let attestations = Attestations::new(network.attestations, rpc);
        let held = attestations.seatOf(holder.provider).block(self.at()).call().await?;
        Ok(held.stake != 0 && held.from <= epoch)
    }
}
