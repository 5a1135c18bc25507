//! One look at the network: what is wanted of it, and what is in the way.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::DynProvider,
};
use assay_blobs::Blobs;
use assay_contracts::{
    Ledger, Network, Suite,
    network::{History, Posting, Roots},
    protocol::token_id,
};

use super::{Trouble, books::Books, faults::Strikes, seeds::Asked};
use crate::{
    error::Result,
    tx::{PATIENT, Wanted},
    verification::Rounds,
};

/// What does not bear waiting: a challenge, an answer.
pub(super) const URGENT: i64 = 0;
/// What the network waits for.
pub(super) const DUE: i64 = 1;
/// What loses nothing but time by waiting.
pub(super) const LATER: i64 = PATIENT;

/// What the role works with.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) me: Address,
    pub(super) suite: Suite,
    pub(super) network: Network,
    pub(super) rpc: DynProvider,
    pub(super) blobs: Blobs,
    pub(super) rounds: Arc<Rounds>,
    pub(super) spread: u64,
}

/// What is remembered from look to look, to spare work. All of it is found again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) books: Books,
    /// Since when something is due that anybody may do.
    due: HashMap<String, u64>,
    pub(super) recordings: HashMap<u64, Asked>,
    /// Epochs with seats that nothing is to be had of any more.
    pub(super) penalised: HashSet<(u32, u32)>,
    pub(super) strikes: Strikes,
    /// False postings that were told of.
    told: HashSet<(Address, B256, u64)>,
}

/// The chain at a block.
#[derive(Debug)]
pub(super) struct Now<'a> {
    pub(super) history: &'a History,
    pub(super) number: u64,
    pub(super) hash: B256,
    /// Chain time, most likely, of a transaction that is sent now.
    pub(super) time: u64,
    /// What was true at this time is deep enough for a bond.
    pub(super) settled: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) means: &'a Means,
    pub(super) memory: &'a mut Memory,
    pub(super) now: Now<'a>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) troubles: Vec<Trouble>,
    /// Due keys of this look.
    turns: Vec<String>,
    /// What the transactions that are wanted take from the ledger, by token.
    spent: HashMap<Address, U256>,
}

/// A contract that posts roots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poster<'a> {
    pub(super) address: Address,
    pub(super) roots: &'a Roots,
}

impl<'a> Look<'a> {
    pub(super) fn new(means: &'a Means, memory: &'a mut Memory, now: Now<'a>) -> Self {
        let (wanted, troubles, turns, spent) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        Self { means, memory, now, wanted, troubles, turns, spent }
    }

    /// Everything.
    pub(super) async fn all(&mut self) -> Result<()> {
        self.shares().await?;
        for pool in &self.means.network.pools {
            self.pool(pool).await?;
        }
        self.seeds().await?;
        self.votes().await?;
        self.faults().await?;
        // What is due no longer waits for nobody's turn.
        self.memory.due.retain(|key, _| self.turns.contains(key));
        Ok(())
    }

    /// The block of the look.
    pub(super) fn at(&self) -> BlockId {
        BlockId::hash(self.now.hash)
    }

    pub(super) fn uptime(&self) -> Poster<'a> {
        let network = &self.means.network;
        Poster { address: network.uptime, roots: &network.terms.roots }
    }

    pub(super) fn want(&mut self, kind: &'static str, key: String, priority: i64, target: Address, data: Bytes) {
        self.want_by(kind, key, priority, target, data, None);
    }

    /// Wants a transaction in a block until `deadline`.
    pub(super) fn want_by(
        &mut self,
        kind: &'static str,
        key: String,
        priority: i64,
        target: Address,
        data: Bytes,
        deadline: Option<u64>,
    ) {
        let key = format!("{kind}:{target}:{key}");
        self.wanted.push(Wanted { key, kind, priority, target, data, value: U256::ZERO, since: None, deadline });
    }

    pub(super) fn trouble(&mut self, code: &'static str, message: String) {
        self.troubles.push(Trouble { code, message, missing: None });
    }

    /// Tells of a false posting, once.
    pub(super) fn note_false(&mut self, contract: Address, epoch: u32, posting: &Posting) {
        if self.memory.told.insert((contract, posting.root, posting.window_end)) {
            tracing::warn!(%contract, epoch, root = %posting.root, publisher = %posting.publisher, "a false posting");
            metrics::counter!("assay_epochs_false_total").increment(1);
        }
    }

    /// Whether it is this keeper's turn to do what anybody may do and was due since a look at which it was first asked.
    pub(super) fn is_turn(&mut self, key: String) -> bool {
        let drawn = keccak256([self.means.me.as_slice(), key.as_bytes()].concat());
        let wait = u64::from_be_bytes(drawn[..8].try_into().unwrap_or_default()) % (self.means.spread + 1);
        let since = *self.memory.due.entry(key.clone()).or_insert(self.now.time);
        self.turns.push(key);
        self.now.time >= since.saturating_add(wait)
    }

    /// Whether the keeper has what a posting or a demand takes, beside all that it wants already. If not, says how much is missing.
    pub(super) async fn can_pay(&mut self, poster: Poster<'_>, amount: u128, what: &str) -> Result<bool> {
        let (token, me) = (poster.roots.token, self.means.me);
        let ledger = Ledger::new(self.means.suite.ledger, &self.means.rpc);
        let held = ledger.balanceOf(me, token_id(token)).block(self.at()).call().await?;
        let allowed = ledger.allowance(me, poster.address, token_id(token)).block(self.at()).call().await?;
        let spent = self.spent.entry(token).or_default();
        let needed = *spent + U256::from(amount);
        let missing = needed.saturating_sub(held).max(U256::from(amount).saturating_sub(allowed));
        if missing.is_zero() {
            *spent = needed;
            return Ok(true);
        }
        let message = if held < needed {
            format!(
                "{me} lacks {} units of {token} in the ledger for {what} of {}: run `assay epochs fund`",
                needed - held,
                poster.address
            )
        } else {
            format!(
                "{me} does not let {} take {amount} units of {token} for {what}: run `assay epochs fund`",
                poster.address
            )
        };
        self.troubles.push(Trouble { code: "bond_missing", message, missing: Some(missing) });
        Ok(false)
    }
}
