//! Seals what was answered when an epoch is over, and reveals it when the next one's seed says which answers are audited.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use assay_contracts::{
    Attestations::{revealCall, sealCall},
    Network,
    network::read::Snapshot,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    answers::{Frozen, Ledger},
    duty::{Duty, Idle},
};
use crate::{
    error::Result,
    supervise::while_progressing,
    tx::{TxManager, Wanted},
    verification::Secret,
};

/// The role's name in the store of transactions.
pub(super) const ROLE: &str = "checker";
/// How often it looks when no block arrives.
const TICK: Duration = Duration::from_secs(1);
/// Epochs whose answers may still be revealed: longer after their end than seeds are late.
const OPEN: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Sealer {
    pub(super) network: Network,
    pub(super) chain_id: u64,
    pub(super) me: Address,
    pub(super) only: Option<u32>,
    pub(super) secret: Secret,
    pub(super) ledger: Ledger,
    pub(super) tx: TxManager,
    pub(super) snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    pub(super) standing: Arc<Standing>,
    pub(super) looks: AtomicU64,
}

/// Where the checker stands, for people.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Option<(u32, Result<u32, Idle>)>>);

impl Standing {
    /// The current epoch, and the operator that is worked for in it or why there is none.
    pub(super) fn get(&self) -> Option<(u32, Result<u32, Idle>)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether that is news.
    fn set(&self, epoch: u32, operator: Result<u32, Idle>) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standing.replace((epoch, operator)) != Some((epoch, operator))
    }
}

impl Sealer {
    pub(super) async fn run(self: Arc<Self>, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.looks, || self.keep_looking()) => result,
        }
    }

    async fn keep_looking(&self) -> Result<()> {
        let mut snapshots = self.snapshots.clone();
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if let Some(snapshot) = snapshot {
                self.look(&snapshot).await?;
            }
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    async fn look(&self, snapshot: &Snapshot) -> Result<()> {
        let current = self.network.epoch_at(snapshot.time);
        self.stand(snapshot, current).await?;
        let mut wanted = Vec::new();
        for epoch in current.saturating_sub(OPEN)..current {
            if let Ok(duty) = self.duty(snapshot, epoch) {
                wanted.extend(self.wanted(snapshot, &duty).await?);
            }
        }
        self.tx.reconcile(ROLE, &wanted, snapshot.block.number).await
    }

    fn duty(&self, snapshot: &Snapshot, epoch: u32) -> Result<Duty, Idle> {
        Duty::of(&self.network, &snapshot.history, epoch, self.me, self.only)
    }

    /// Says what a new epoch brings, and forgets what no appeal can ask for any more.
    async fn stand(&self, snapshot: &Snapshot, current: u32) -> Result<()> {
        if snapshot.time < self.network.terms.genesis {
            return Ok(());
        }
        let operator = self.duty(snapshot, current).map(|duty| duty.operator);
        if self.standing.set(current, operator) {
            match operator {
                Ok(operator) => tracing::info!(epoch = current, operator, "examining"),
                Err(idle @ Idle::NotTheKey) => tracing::warn!(epoch = current, "nothing to examine: {}", idle.as_str()),
                Err(idle) => tracing::info!(epoch = current, "nothing to examine: {}", idle.as_str()),
            }
            self.ledger.prune(current.saturating_sub(kept(&self.network))).await?;
        }
        Ok(())
    }

    /// What is to be sent for an epoch that is over.
    async fn wanted(&self, snapshot: &Snapshot, duty: &Duty) -> Result<Option<Wanted>> {
        let (history, epoch) = (&snapshot.history, duty.epoch);
        if history.has_revealed(epoch, duty.operator) {
            return Ok(None);
        }
        let end = self.network.seals_end(epoch + 1);
        let open = snapshot.time < end;
        let Some(frozen) = self.frozen(duty, open).await? else { return Ok(None) };
        let Some(hash) = duty.seal(&self.network, self.chain_id, &frozen) else { return Ok(None) };
        let is_sealed = history.seal_of(epoch, duty.operator) == Some(hash);
        if open {
            return Ok((!is_sealed).then(|| self.seal(duty, hash, end)));
        }
        match history.seed_of(epoch + 1) {
            Some(seed) if is_sealed => self.reveal(duty, frozen, seed, snapshot.time).await,
            _ => Ok(None),
        }
    }

    /// What is sealed: once written it stays, unless the seats turn out to be others while it can be sealed anew.
    async fn frozen(&self, duty: &Duty, open: bool) -> Result<Option<Frozen>> {
        let stored = self.ledger.frozen(duty.epoch, duty.operator).await?;
        if !open || stored.as_ref().is_some_and(|frozen| frozen.seats == duty.seats_hash()) {
            return Ok(stored);
        }
        let answers = self.ledger.of(duty.epoch, duty.operator).await?;
        let place = B256::left_padding_from(self.network.attestations.as_slice());
        let salt = self.secret.derive("answers", place, duty.epoch, duty.operator);
        let frozen = duty.freeze(&answers, salt);
        self.ledger.freeze(duty, &frozen).await?;
        tracing::info!(epoch = duty.epoch, answers = answers.len(), "the epoch is over");
        Ok(Some(frozen))
    }

    fn seal(&self, duty: &Duty, hash: B256, end: u64) -> Wanted {
        let call = sealCall { epoch: duty.epoch, operator: duty.operator, hash };
        self.action("seal", hash, duty, call.abi_encode(), Some(end.saturating_sub(1)))
    }

    async fn reveal(&self, duty: &Duty, frozen: Frozen, seed: B256, now: u64) -> Result<Option<Wanted>> {
        let answers = self.ledger.of(duty.epoch, duty.operator).await?;
        let Some(audits) = duty.audits(&self.network, &frozen, &answers, &seed) else {
            tracing::error!(epoch = duty.epoch, "signatures that were sealed are missing: nothing can be revealed");
            return Ok(None);
        };
        let Frozen { answers, evidence, salt, .. } = frozen;
        let call = revealCall {
            epoch: duty.epoch,
            operator: duty.operator,
            answers: Bytes::from(answers),
            evidenceRoot: evidence,
            salt,
            audits,
        };
        let data = call.abi_encode();
        // Time for revealing ends no earlier than that; where the seed came late, later than anybody pays haste for.
        let end = self.network.seals_end(duty.epoch + 1) + u64::from(self.network.terms.exam.reveal_time);
        Ok(Some(self.action("reveal", seed, duty, data, (now < end).then(|| end.saturating_sub(1)))))
    }

    fn action(&self, kind: &'static str, of: B256, duty: &Duty, data: Vec<u8>, deadline: Option<u64>) -> Wanted {
        let target = self.network.attestations;
        Wanted {
            key: format!("{kind}:{target}:{}:{}:{of}", duty.epoch, duty.operator),
            kind,
            priority: 0,
            target,
            data: data.into(),
            value: U256::ZERO,
            since: None,
            deadline,
        }
    }
}

/// Epochs whose answers are kept: until the time for strikes and appeals is over.
fn kept(network: &Network) -> u32 {
    let terms = &network.terms;
    let doubt = terms.exam.reveal_time
        + terms.roots.window.saturating_add(6 * terms.roots.answer_time)
        + terms.faults.appeal_time.saturating_mul(2);
    OPEN + doubt.div_ceil(terms.epoch_length.max(1)) + 2
}
