//! What follows from faults, by final epochs alone: penalties of providers that were offline, of which half is the keeper's; strikes
//! against operators that answered falsely, and bans by two of them, which pay nobody and keep the network's answers worth something.

use std::collections::BTreeMap;

use alloy::sol_types::SolCall;
use assay_contracts::{Attestations, Uptime as Contract};
use assay_epochs::{
    Uptime,
    uptime::answers::{Answers, NONE, OFFLINE, is_up},
};

use super::look::{LATER, Look};
use crate::error::Result;

/// Final epochs that are looked at.
const EPOCHS: u32 = 3;

impl Look<'_> {
    pub(super) async fn faults(&mut self) -> Result<()> {
        let (postings, settled) = (self.now.history.uptime(), self.now.settled);
        let next = postings.next();
        let epochs = next.saturating_sub(EPOCHS)..next;
        self.memory.penalised.retain(|(epoch, _)| epochs.contains(epoch));
        for epoch in epochs.filter(|epoch| postings.is_final(*epoch, settled)) {
            // Whatever follows from a false epoch, this keeper has no part in it.
            let Some(uptime) = self.memory.books.final_shares(self.now.history, epoch).await? else { continue };
            if self.means.network.terms.faults.offline_slash != 0 {
                self.penalise(epoch, &uptime).await?;
            }
            let final_at = postings.of(epoch).map_or(0, |posting| posting.final_at);
            if self.now.time < final_at + u64::from(self.means.network.terms.faults.appeal_time) {
                self.strike(epoch, &uptime).await?;
            }
        }
        self.ban().await
    }

    async fn penalise(&mut self, epoch: u32, uptime: &Uptime) -> Result<()> {
        let network = &self.means.network;
        let (truth, limit) = (uptime.truth(), network.terms.faults.offline_limit as usize);
        let is_offline = |round: &u32, seat: &u32| truth.get(*round, *seat) == OFFLINE;
        let offline = |seat: &u32| (0..truth.rounds()).filter(|round| is_offline(round, seat)).count() >= limit;
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

    async fn strike(&mut self, epoch: u32, uptime: &Uptime) -> Result<()> {
        let (network, truth) = (&self.means.network, uptime.truth());
        for reveal in &uptime.inputs().reveals {
            let (operator, answers) = (reveal.operator, &reveal.answers);
            let is_struck = self.now.history.strikes().contains(&(operator, epoch));
            if is_struck || wrong(answers, truth) < network.terms.faults.wrong_limit as usize {
                continue;
            }
            if self.is_turn(format!("strike:{epoch}:{operator}")) {
                let (answers, truth) = (answers.bytes().to_vec().into(), truth.bytes().to_vec().into());
                let call = Contract::strikeCall { epoch, operator, truth, answers };
                self.want("strike", format!("{epoch}:{operator}"), LATER, network.uptime, call.abi_encode().into());
            }
        }
        Ok(())
    }

    /// Bans by each two strikes that stand and are near enough to each other.
    async fn ban(&mut self) -> Result<()> {
        let network = &self.means.network;
        let contract = Contract::new(network.uptime, &self.means.rpc);
        let terms = &network.terms.faults;
        let mut standing: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &(operator, epoch) in self.now.history.strikes() {
            if self.memory.spent_strikes.contains(&(operator, epoch)) {
                continue;
            }
            let strike = contract.strikeOf(operator, epoch).block(self.at()).call().await?;
            if strike.used || strike.wrong < terms.wrong_limit {
                self.memory.spent_strikes.insert((operator, epoch));
            } else if self.now.time >= strike.madeAt.to::<u64>() + u64::from(terms.appeal_time) {
                standing.entry(operator).or_default().push(epoch);
            }
        }
        for (operator, mut epochs) in standing {
            epochs.sort_unstable();
            let near = |pair: &&[u32]| pair[1] - pair[0] < terms.strike_span;
            let Some(&[first, second]) = epochs.windows(2).find(near) else { continue };
            if self.is_turn(format!("ban:{operator}:{first}:{second}")) {
                let call = Contract::banCall { operator, first, second };
                let key = format!("{operator}:{first}:{second}");
                self.want("ban", key, LATER, network.uptime, call.abi_encode().into());
            }
        }
        Ok(())
    }
}

/// Answers that are not as the truth is, where both are known.
fn wrong(answers: &Answers, truth: &Answers) -> usize {
    let places = (0..truth.rounds()).flat_map(|round| (0..truth.seats()).map(move |seat| (round, seat)));
    let is_wrong = |&(round, seat): &(u32, u32)| {
        let (said, was) = (answers.get(round, seat), truth.get(round, seat));
        said != NONE && was != NONE && is_up(said) != is_up(was)
    };
    places.filter(is_wrong).count()
}
