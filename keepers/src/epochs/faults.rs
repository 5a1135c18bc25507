//! What follows from faults, by final epochs alone: penalties of providers that were offline, of which half is the keeper's; strikes
//! against operators that answered falsely, and bans by two of them, which pay nobody and keep the network's answers worth something.

use std::collections::HashMap;

use alloy::sol_types::SolCall;
use assay_contracts::{
    Attestations, Uptime as Contract,
    network::{Faults, History},
};
use assay_epochs::{
    Uptime,
    uptime::answers::{Answers, NONE, OFFLINE, is_up},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::look::{LATER, Look};
use crate::error::Result;

/// Final epochs that are looked at.
const EPOCHS: u32 = 3;
/// Questions to the endpoint at a time.
const AT_ONCE: usize = 16;

impl Look<'_> {
    pub(super) async fn faults(&mut self) -> Result<()> {
        let (postings, settled) = (self.now.history.uptime(), self.now.settled);
        let next = postings.next();
        let epochs = next.saturating_sub(EPOCHS)..next;
        self.memory.penalised.retain(|(epoch, _)| epochs.contains(epoch));
        for epoch in epochs.filter(|epoch| postings.is_final(*epoch, settled)) {
            // Whatever follows from a false epoch, this keeper has no part in it.
            let Some(uptime) = self.memory.books.final_shares(self.now.history, epoch).await? else {
                self.false_final(self.means.network.uptime, epoch);
                continue;
            };
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
            let is_struck = self.now.history.strikes().contains_key(&(operator, epoch));
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
        let (network, history, at) = (&self.means.network, self.now.history, self.at());
        let contract = Contract::new(network.uptime, &self.means.rpc);
        let terms = &network.terms.faults;
        let strike_of = |(operator, epoch): StrikeId| {
            let call = contract.strikeOf(operator, epoch).block(at);
            async move { call.call().await.map(|strike| ((operator, epoch), strike)) }
        };
        let asked = self.memory.strikes.to_ask(history, terms).into_iter().map(strike_of);
        let asked: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let mut standing = Vec::new();
        for (id, strike) in asked {
            if strike.used {
                self.memory.strikes.note_used(history, id);
            } else if self.now.time >= strike.madeAt.to::<u64>() + u64::from(terms.appeal_time) {
                standing.push(id);
            }
        }
        let mut last = None;
        for [(operator, first), (_, second)] in pairs(&standing, terms.strike_span) {
            // A strike makes one ban; what is left over is looked at when that is made.
            if last.replace(operator) != Some(operator) && self.is_turn(format!("ban:{operator}:{first}:{second}")) {
                let call = Contract::banCall { operator, first, second };
                let key = format!("{operator}:{first}:{second}");
                self.want("ban", key, LATER, network.uptime, call.abi_encode().into());
            }
        }
        Ok(())
    }
}

/// An operator, and the epoch that it was struck for.
type StrikeId = (u32, u32);

/// Strikes that made a ban, which no event names: the chain is asked of each once, and of those alone that could make one.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    /// With the operator's bans when it was asked: a ban that a reorganisation took back leaves its strikes unused.
    used: HashMap<StrikeId, u32>,
}

impl Strikes {
    /// Strikes that stand and have one near to them that does, in order.
    fn to_ask(&self, history: &History, terms: &Faults) -> Vec<StrikeId> {
        let is_used = |id: &StrikeId| self.used.get(id) == Some(&history.bans_of(id.0));
        let stands = |(id, wrong): (&StrikeId, &u32)| (*wrong >= terms.wrong_limit && !is_used(id)).then_some(*id);
        let standing: Vec<_> = history.strikes().iter().filter_map(stands).collect();
        let mut near: Vec<_> = pairs(&standing, terms.strike_span).flatten().collect();
        near.dedup();
        near
    }

    fn note_used(&mut self, history: &History, id: StrikeId) {
        self.used.insert(id, history.bans_of(id.0));
    }
}

/// Each two neighbours of one operator that are near enough to each other for a ban.
fn pairs(strikes: &[StrikeId], span: u32) -> impl Iterator<Item = [StrikeId; 2]> + '_ {
    let pairs = strikes.windows(2).map(|pair| [pair[0], pair[1]]);
    pairs.filter(move |[first, second]| first.0 == second.0 && second.1 - first.1 < span)
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

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;
    use assay_contracts::{
        LicenseStaking::{LicenseStakingEvents, Registered},
        Uptime::{Appealed, Banned, Struck, UptimeEvents},
        deploy::devnet_network,
        network::NetworkEvent,
    };

    use super::{super::history_of, *};

    const ALICE: u32 = 11;
    const BOB: u32 = 12;

    struct Story(History);

    impl Story {
        /// Two operators of a network of ten licences.
        fn new() -> (Self, Faults) {
            let mut terms = devnet_network(Address::ZERO, 10, 0);
            (terms.faults.wrong_limit, terms.faults.strike_span) = (2, 5);
            let faults = terms.faults.clone();
            let mut history = history_of(terms);
            for number in [ALICE, BOB] {
                let event = LicenseStakingEvents::Registered(Registered { number, account: Address::ZERO });
                history.apply(&NetworkEvent::LicenseStaking(event));
            }
            (Self(history), faults)
        }

        fn tell(&mut self, event: UptimeEvents) {
            self.0.apply(&NetworkEvent::Uptime(Box::new(event)));
        }

        fn strike(&mut self, operator: u32, epoch: u32) {
            self.tell(UptimeEvents::Struck(Struck { operator, epoch, wrong: 3 }));
        }
    }

    #[test]
    fn the_chain_is_asked_of_strikes_that_can_make_a_ban_and_once_of_those_that_did() {
        let (mut story, terms) = Story::new();
        let mut strikes = Strikes::default();
        for (operator, epoch) in [(ALICE, 1), (BOB, 2), (ALICE, 6), (BOB, 9)] {
            story.strike(operator, epoch);
        }
        assert_eq!(strikes.to_ask(&story.0, &terms), [], "none is near to another");
        for epoch in [8, 9, 20] {
            story.strike(ALICE, epoch);
        }
        assert_eq!(strikes.to_ask(&story.0, &terms), [(ALICE, 6), (ALICE, 8), (ALICE, 9)]);
        story.tell(UptimeEvents::Appealed(Appealed { operator: ALICE, epoch: 8, wrong: 1 }));
        assert_eq!(strikes.to_ask(&story.0, &terms), [(ALICE, 6), (ALICE, 9)], "an appeal was right");

        let before = story.0.clone();
        story.tell(UptimeEvents::Banned(Banned { operator: ALICE, from: 30, until: 40 }));
        assert_eq!(strikes.to_ask(&story.0, &terms).len(), 2, "which ones it was made of is not said");
        for epoch in [6, 9] {
            strikes.note_used(&story.0, (ALICE, epoch));
        }
        assert_eq!(strikes.to_ask(&story.0, &terms), []);
        assert_eq!(strikes.to_ask(&before, &terms), [(ALICE, 6), (ALICE, 9)], "the chain took the ban back");
    }
}
