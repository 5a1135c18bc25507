//! Sending: simulate, sign, write, send; outbid what waits too long; fill what blocks.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::{BlockId, Encodable2718},
    primitives::{Bytes, TxKind, U256},
    providers::Provider,
};
use futures::future::join_all;

use super::{
    Action, ActionState, Fees, PATIENT, Revert, SentTransaction, TxManager, Verdict, Wanted,
    receipts::PARALLEL,
    send::{SendOutcome, Simulation, classify_send, classify_simulation},
    store::now_ms,
};
use crate::{
    chain::Head,
    error::{KeeperError, Result},
};

/// Most gas of one transaction (EIP-7825).
const MAX_TX_GAS: u64 = 16_777_216;
/// Offers made in a row while a node says "underpriced", before the nonce is left to whoever holds it.
const MAX_BUMPS: u32 = 8;
/// How long a nonce rests that somebody else's pending transaction holds.
const FOREIGN_NONCE_REST: Duration = Duration::from_secs(30);
/// Pause before asking again after "not yet" for reasons of our own.
const SOON: Duration = Duration::from_millis(300);
/// Offers that are still to be made before an action's deadline, as long as the limit of fees allows.
const OFFERS_LEFT: u32 = 6;
/// Shortest wait before a transaction is outbid.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);
/// Pause after the account could not pay.
const FUNDS_PAUSE: Duration = Duration::from_secs(5);
/// How long a tip suggestion is believed.
const TIP_LIFE: Duration = Duration::from_secs(30);

impl TxManager {
    /// Sends what is due, as far as the limit of transactions in flight allows.
    pub(super) async fn dispatch(&self, head: &Head) -> Result<()> {
        loop {
            let mut due = self.ready().await?;
            if due.is_empty() {
                return Ok(());
            }
            due.truncate(PARALLEL);
            let simulated = join_all(due.iter().map(|action| self.simulate_queued(action))).await;
            let mut has_sent = false;
            for (action, simulation) in due.iter().zip(simulated) {
                let simulation = match simulation? {
                    // It may need what one before it, sent meanwhile, does.
                    Simulation::Reverts(_) if has_sent => self.simulate_queued(action).await?,
                    simulation => simulation,
                };
                has_sent |= matches!(simulation, Simulation::Gas(_));
                self.dispatch_one(action, simulation, head).await?;
                // What became wanted meanwhile may be more urgent than the rest.
                if self.is_woken() {
                    break;
                }
            }
        }
    }

    /// Sends what became wanted since the last look. Called between the steps of whatever takes long.
    pub(super) async fn dispatch_new(&self, head: &Head) -> Result<()> {
        if self.is_woken() { self.dispatch(head).await } else { Ok(()) }
    }

    /// What may be sent now, the most urgent first. The patient wait until nothing else is due, and only three quarters of the
    /// transactions in flight are for them.
    pub(super) async fn ready(&self) -> Result<Vec<Action>> {
        let unsettled = self.store.unsettled().await?;
        let in_flight = unsettled.iter().filter(|action| action.state.is_in_flight()).count() as u32;
        let most = self.config.max_in_flight;
        let mut due = self.store.due(most.saturating_sub(in_flight)).await?;
        let for_patient = (most - most / 4).saturating_sub(in_flight) as usize;
        let urgent = due.iter().filter(|action| action.nonce.is_some() || action.priority < PATIENT).count();
        due.truncate(if urgent > 0 { urgent } else { for_patient });
        Ok(due)
    }

    async fn dispatch_one(&self, action: &Action, simulation: Simulation, head: &Head) -> Result<()> {
        match simulation {
            Simulation::Gas(gas) => self.push(action, gas, head).await,
            Simulation::InsufficientFunds => {
                self.out_of_funds(action).await;
                self.store.postpone(action.id, FUNDS_PAUSE, "the account cannot pay for gas").await
            }
            Simulation::Reverts(revert) => self.refused_by_chain(action, &revert).await,
        }
    }

    async fn simulate_queued(&self, action: &Action) -> Result<Simulation> {
        // A transaction of this action may be in the pool already when it holds a nonce; on the pending state it would then
        // revert because of itself.
        let block = if action.nonce.is_some() { BlockId::latest() } else { BlockId::pending() };
        self.simulate(action, block).await
    }

    async fn simulate(&self, action: &Action, block: BlockId) -> Result<Simulation> {
        let answer = self.provider.estimate_gas(self.request(action)).block(block).await;
        classify_simulation(answer).map_err(KeeperError::rpc("eth_estimateGas"))
    }

    /// A simulation reverts: the role decides, unless an earlier transaction of ours may be what is missing.
    async fn refused_by_chain(&self, action: &Action, revert: &Revert) -> Result<()> {
        if action.nonce.is_some() && self.waits_for_lower(action).await? {
            return self.store.postpone(action.id, SOON, &revert.message).await;
        }
        match self.judge.judge(action, revert) {
            Verdict::Later(pause) => {
                // From here on it is the chain that is waited for: no reaction of ours.
                self.memory().since.remove(&action.key);
                if action.reason.as_deref() != Some(&revert.message) {
                    tracing::info!(key = action.key, %revert, "not yet");
                }
                if action.nonce.is_some() {
                    // It may have to wait for long; later transactions must not wait with it.
                    self.store.release_nonce(action.id, Some(Duration::ZERO)).await?;
                }
                self.store.postpone(action.id, pause, &revert.message).await
            }
            Verdict::Drop => {
                tracing::info!(key = action.key, %revert, "would revert; dropped");
                metrics::counter!("assay_tx_dropped_total", "kind" => action.kind.clone()).increment(1);
                self.forget(action);
                self.store.superseded(action.id, &revert.message).await
            }
        }
    }

    /// Whether an action with a lower nonce is not included yet; what it does may be what this one needs.
    async fn waits_for_lower(&self, action: &Action) -> Result<bool> {
        let unsettled = self.store.unsettled().await?;
        Ok(unsettled.iter().any(|other| other.state != ActionState::Included && other.nonce < action.nonce))
    }

    /// Gives the action a transaction (the one it has, where that still pays enough) and sends it.
    async fn push(&self, action: &Action, gas: u64, head: &Head) -> Result<()> {
        let nonce = match action.nonce {
            Some(nonce) => nonce,
            None => self.store.peek_nonce().await?,
        };
        let earlier = self.store.transactions(nonce).await?;
        let mine = earlier.first().filter(|sent| sent.action_id == action.id && sent.fees.max_fee >= head.base_fee);
        let sent = match mine {
            Some(sent) => sent.clone(),
            None => match self.sign(action, nonce, gas, floor(&earlier), head).await? {
                Some(sent) => sent,
                None => {
                    return self.store.postpone(action.id, Duration::from_secs(2), "fees are above the limit").await;
                }
            },
        };
        self.store.record(&sent).await?;
        self.send(action, sent, head).await
    }

    /// Signs at fees that outbid `floor`; `None` when the limit forbids it.
    async fn sign(
        &self,
        action: &Action,
        nonce: u64,
        gas: u64,
        floor: Option<Fees>,
        head: &Head,
    ) -> Result<Option<SentTransaction>> {
        let Some(fees) = self.config.fees.offer(head.base_fee, self.tip().await, floor) else { return Ok(None) };
        let gas_limit = (gas + gas * self.config.gas_margin_percent / 100).min(MAX_TX_GAS.max(gas));
        let mut tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee.into(),
            max_priority_fee_per_gas: fees.priority_fee.into(),
            to: TxKind::Call(action.target),
            value: action.value,
            access_list: Default::default(),
            input: action.data.clone(),
        };
        let signature = self.signer.sign_transaction(&mut tx).await?;
        let envelope = TxEnvelope::Eip1559(tx.into_signed(signature));
        Ok(Some(SentTransaction {
            hash: *envelope.tx_hash(),
            action_id: action.id,
            nonce,
            fees,
            gas_limit,
            raw: envelope.encoded_2718(),
        }))
    }

    /// The node's suggested tip. One gwei when it makes none.
    async fn tip(&self) -> u64 {
        if self.config.fees.priority_fee_per_gas.is_some() {
            return 0;
        }
        if let Some((at, tip)) = self.memory().tip
            && at.elapsed() < TIP_LIFE
        {
            return tip;
        }
        let suggested = self.provider.get_max_priority_fee_per_gas().await.unwrap_or(1_000_000_000);
        let tip = u64::try_from(suggested).unwrap_or(u64::MAX);
        self.memory().tip = Some((Instant::now(), tip));
        tip
    }

    /// Sends a transaction that is written, outbidding whatever the node says it has.
    async fn send(&self, action: &Action, mut sent: SentTransaction, head: &Head) -> Result<()> {
        for _ in 0..MAX_BUMPS {
            let outcome = classify_send(self.provider.send_raw_transaction(&sent.raw).await);
            metrics::counter!("assay_tx_sent_total", "kind" => action.kind.clone()).increment(1);
            self.note_send(action, &outcome);
            match outcome {
                SendOutcome::Accepted => {
                    tracing::info!(key = action.key, tx = %sent.hash, nonce = sent.nonce, max_fee = sent.fees.max_fee, "sent");
                    return self.store.submitted(action.id).await;
                }
                SendOutcome::Underpriced => {
                    let floor = floor(&self.store.transactions(sent.nonce).await?);
                    match self.sign(action, sent.nonce, sent.gas_limit, floor, head).await? {
                        Some(higher) => {
                            sent = SentTransaction { gas_limit: sent.gas_limit, ..higher };
                            self.store.record(&sent).await?;
                        }
                        None => {
                            tracing::warn!(
                                key = action.key,
                                nonce = sent.nonce,
                                "underpriced, and the fee limit is reached"
                            );
                            return Ok(());
                        }
                    }
                }
                // Whose transaction used it is found out by receipts.
                SendOutcome::NonceTooLow => return Ok(()),
                SendOutcome::InsufficientFunds => {
                    self.out_of_funds(action).await;
                    return Ok(());
                }
                SendOutcome::Refused(why) => {
                    tracing::warn!(key = action.key, tx = %sent.hash, why, "the node refuses it; dropped");
                    return self.store.superseded(action.id, &why).await;
                }
                SendOutcome::Unknown(why) => {
                    tracing::warn!(key = action.key, tx = %sent.hash, why, "no clear answer; asking again");
                    return Ok(());
                }
            }
        }
        tracing::warn!(
            key = action.key,
            nonce = sent.nonce,
            "another process's pending transaction holds the nonce; taking another"
        );
        self.forget(action);
        self.store.release_nonce(action.id, Some(FOREIGN_NONCE_REST)).await
    }

    fn note_send(&self, action: &Action, outcome: &SendOutcome) {
        let mut memory = self.memory();
        let failures = memory.sends.get(&action.id).map_or(0, |(_, failures)| *failures);
        let accepted = *outcome == SendOutcome::Accepted;
        memory.sends.insert(action.id, (Instant::now(), if accepted { 0 } else { failures + 1 }));
        if accepted {
            memory.out_of_funds = false;
            if let Some(since) = memory.since.remove(&action.key) {
                let reaction = since.elapsed();
                memory.reactions.push(reaction);
                metrics::histogram!("assay_reaction_seconds", "kind" => action.kind.clone())
                    .record(reaction.as_secs_f64());
            }
        }
    }

    async fn out_of_funds(&self, action: &Action) {
        if !std::mem::replace(&mut self.memory().out_of_funds, true) {
            let balance = self.provider.get_balance(self.address).await.ok();
            tracing::error!(account = %self.address, ?balance, key = action.key, code = "insufficient_funds",
                "the account cannot pay for gas; send native currency to it, the keeper goes on by itself");
        }
    }

    /// Sends again what no block has taken: at once when the node's answer was lost (or the process restarted), at higher fees
    /// when it has waited too long.
    pub(super) async fn resend(&self, chain_nonce: u64, head: &Head) -> Result<()> {
        for action in self.store.unsettled().await? {
            self.dispatch_new(head).await?;
            let Some(nonce) = action.nonce.filter(|nonce| *nonce >= chain_nonce && action.state.is_in_flight()) else {
                continue;
            };
            let last = self.memory().sends.get(&action.id).copied();
            let (waited, failures) = last.map_or((Duration::MAX, 0), |(at, failures)| (at.elapsed(), failures));
            let patience = match action.state {
                ActionState::Submitted => patience(self.config.bump_after, action.deadline, head),
                _ => Duration::from_millis(500).saturating_mul(1 << failures.min(6)),
            };
            if waited < patience {
                continue;
            }
            match self.simulate(&action, BlockId::latest()).await? {
                Simulation::Gas(gas) => self.send_again(&action, nonce, gas, last.is_some(), head).await?,
                Simulation::InsufficientFunds => self.out_of_funds(&action).await,
                Simulation::Reverts(_) if self.waits_for_lower(&action).await? => {
                    if let Some(sent) =
                        self.store.transactions(nonce).await?.into_iter().find(|sent| sent.action_id == action.id)
                    {
                        self.send(&action, sent, head).await?;
                    }
                }
                // Whether it is wanted later or never, it must not hold up the nonces behind it.
                Simulation::Reverts(revert) => {
                    tracing::info!(key = action.key, nonce, %revert, "would revert now; its nonce is free");
                    self.forget(&action);
                    self.store.superseded(action.id, &revert.message).await?;
                }
            }
        }
        Ok(())
    }

    async fn send_again(&self, action: &Action, nonce: u64, gas: u64, outbid: bool, head: &Head) -> Result<()> {
        let earlier = self.store.transactions(nonce).await?;
        let last = earlier.iter().find(|sent| sent.action_id == action.id).cloned();
        let outbid = outbid && action.state == ActionState::Submitted;
        let sent = match last {
            Some(last) if !outbid && last.fees.max_fee >= head.base_fee => last,
            last => match self.sign(action, nonce, gas, floor(&earlier), head).await? {
                Some(higher) => {
                    self.store.record(&higher).await?;
                    higher
                }
                // At the limit: the node may have dropped what it had.
                None => match last {
                    Some(last) => last,
                    None => return Ok(()),
                },
            },
        };
        self.send(action, sent, head).await
    }

    /// A free nonce below one in flight holds that one up; when no action is due to take it, an empty transfer to oneself does.
    pub(super) async fn fill_gap(&self, chain_nonce: u64) -> Result<()> {
        let free = self.store.peek_nonce().await?;
        let blocks =
            self.store.unsettled().await?.iter().any(|action| action.state.is_in_flight() && action.nonce > Some(free));
        // Patient actions may be due and find no room.
        let next_urgent = self.store.due(1).await?.pop().filter(|action| action.priority < PATIENT);
        if free < chain_nonce || !blocks || next_urgent.is_some() || !self.ready().await?.is_empty() {
            return Ok(());
        }
        tracing::info!(
            nonce = free,
            "nothing else to send: an empty transfer fills the nonce that holds up later ones"
        );
        let fill = Wanted {
            key: format!("fill:{free}:{}", now_ms()),
            kind: "fill",
            priority: 0,
            target: self.address,
            data: Bytes::new(),
            value: U256::ZERO,
            since: None,
            deadline: None,
        };
        self.store.enqueue("tx", &fill).await
    }
}

/// How long a transaction may wait before it is outbid: less and less as its action's deadline nears, so that some offers are left.
fn patience(usual: Duration, deadline: Option<u64>, head: &Head) -> Duration {
    let Some(deadline) = deadline else { return usual };
    let left = deadline.saturating_sub(head.timestamp + head.stored_at.elapsed().as_secs());
    usual.min(Duration::from_secs(left) / OFFERS_LEFT).max(SHORTEST_PATIENCE)
}

/// The highest offer made for a nonce, by whichever action.
fn floor(sent: &[SentTransaction]) -> Option<Fees> {
    let max_fee = sent.iter().map(|sent| sent.fees.max_fee).max()?;
    let priority_fee = sent.iter().map(|sent| sent.fees.priority_fee).max()?;
    Some(Fees { max_fee, priority_fee })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    #[test]
    fn a_transaction_is_outbid_sooner_as_its_deadline_nears() {
        let stored_at = Instant::now();
        let head = Head { number: 1, hash: B256::ZERO, timestamp: 1_000, base_fee: 1, caught_up: true, stored_at };
        let usual = Duration::from_secs(30);
        assert_eq!(patience(usual, None, &head), usual);
        assert_eq!(patience(usual, Some(5_000), &head), usual);
        assert_eq!(patience(usual, Some(1_060), &head), Duration::from_secs(10));
        assert_eq!(patience(usual, Some(1_000), &head), SHORTEST_PATIENCE);
        assert_eq!(patience(usual, Some(0), &head), SHORTEST_PATIENCE);
    }
}
