//! Seeds: a round of the beacon is named for each epoch, brought to the chain, and recorded.

use alloy::sol_types::SolCall;
use assay_contracts::{Attestations, PrevrandaoBeacon, beacon::Beacon};
use tokio::task::JoinHandle;

use super::look::{DUE, Look};
use crate::{error::Result, verification::Recording};

/// Epochs without a seed that are brought forward at once.
const MOST: usize = 8;

/// A round that is asked for beside the looks: relays that are slow to answer hold nothing else up.
#[derive(Debug, Default)]
pub(super) struct Asked {
    asking: Option<JoinHandle<Result<Recording, String>>>,
    /// What was said last.
    answer: Option<Result<Recording, String>>,
}

impl Look<'_> {
    /// Names, brings and records what epochs that take seals no more lack.
    pub(super) async fn seeds(&mut self) -> Result<()> {
        let (network, time) = (&self.means.network, self.now.time);
        if time < network.terms.genesis {
            return Ok(());
        }
        // An epoch is posted when its seed and the next one are known.
        let first = self.now.history.uptime().next();
        let lacks = |epoch: &u32| network.seals_end(*epoch) <= time && self.now.history.seed_of(*epoch).is_none();
        let epochs: Vec<_> = (first..=network.epoch_at(time)).filter(lacks).take(MOST).collect();
        let mut rounds = Vec::new();
        for epoch in epochs {
            rounds.extend(self.seed(epoch).await?);
        }
        self.memory.recordings.retain(|round, _| rounds.contains(round));
        Ok(())
    }

    /// The next step for an epoch. Returns the round that is waited for.
    async fn seed(&mut self, epoch: u32) -> Result<Option<u64>> {
        let target = self.means.network.attestations;
        let round = Attestations::new(target, &self.means.rpc).roundOf(epoch).block(self.at()).call().await?;
        // Every beacon answers to these two.
        let beacon = PrevrandaoBeacon::new(self.means.suite.beacon, &self.means.rpc);
        let is_open = round == 0 || {
            let value = beacon.valueOf(round).block(self.at()).call().await?;
            if !value.is_zero() {
                if self.is_turn(format!("draw:{epoch}")) {
                    let call = Attestations::drawCall { epoch };
                    self.want("draw", format!("{epoch}:{round}"), DUE, target, call.abi_encode().into());
                }
                return Ok(None);
            }
            beacon.isLost(round).block(self.at()).call().await?
        };
        if is_open {
            if self.is_turn(format!("begin:{epoch}:{round}")) {
                let call = Attestations::beginCall { epoch };
                self.want("begin", format!("{epoch}:{round}"), DUE, target, call.abi_encode().into());
            }
            return Ok(None);
        }
        self.record(round).await;
        Ok(Some(round))
    }

    /// Brings a round to the chain once it is published.
    async fn record(&mut self, round: u64) {
        let is_published = match &self.means.suite.parameters.verification.beacon {
            Beacon::Prevrandao { .. } => self.now.number > round,
            Beacon::Drand(network) => self.now.time >= network.published_at(round),
        };
        if !is_published {
            return;
        }
        match self.recording(round).await {
            Some(Ok(Recording { data, since, .. })) => {
                let is_turn = self.now.time >= since && self.is_turn(format!("record:{round}"));
                if is_turn {
                    self.want("record", round.to_string(), DUE, self.means.suite.beacon, data);
                }
            }
            Some(Err(why)) => self.trouble("round_unknown", format!("round {round} of the beacon: {why}")),
            None => {}
        }
    }

    /// What brings a round to the chain, once somebody has said so; who could not is asked again, and for what may have changed.
    async fn recording(&mut self, round: u64) -> Option<Result<Recording, String>> {
        let asked = self.memory.recordings.entry(round).or_default();
        if let Some(done) = asked.asking.take_if(|asking| asking.is_finished()) {
            let answer = done.await.unwrap_or_else(|error| Err(error.to_string()));
            // What is known already is not lost because it could not be read again.
            if answer.is_ok() || !matches!(asked.answer, Some(Ok(_))) {
                asked.answer = Some(answer);
            }
        }
        let head = self.now.number;
        let is_known = matches!(&asked.answer, Some(Ok(recording)) if !recording.is_stale(head));
        if asked.asking.is_none() && !is_known {
            let rounds = self.means.rounds.clone();
            asked.asking = Some(tokio::spawn(async move { rounds.recording(round, head).await }));
        }
        asked.answer.clone()
    }
}
