//! Following sent transactions: which nonces the chain has used and by whom, what a reorganisation dropped, what is final.
//!
//! A missing receipt alone proves nothing: nodes behind one URL differ, and receipts may lag. An action counts as dropped when the
//! node shows another block at its height; a nonce counts as used by others when no receipt turns up for a while.

use std::{collections::BTreeMap, time::Instant};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::TransactionBuilder,
    primitives::B256,
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Action, ActionState, Finality, Inclusion, Revert, TxManager,
    send::{Simulation, classify_simulation},
};
use crate::{
    chain::Head,
    error::{KeeperError, Result},
};

/// Requests in flight at once.
pub(super) const PARALLEL: usize = 8;

/// What the chain says about an included transaction's block.
#[derive(Debug, Clone, Copy)]
enum Standing {
    Canonical { is_final: bool },
    Dropped,
    Unknown,
}

impl TxManager {
    /// Brings every action that holds a nonce up to date. Returns the chain's count of the account's transactions.
    pub(super) async fn track(&self, head: &Head) -> Result<u64> {
        let chain_nonce = self
            .provider
            .get_transaction_count(self.address)
            .await
            .map_err(KeeperError::rpc("eth_getTransactionCount"))?;
        self.find_included(chain_nonce, head).await?;
        // What became wanted meanwhile does not wait for the rest.
        self.dispatch(head).await?;
        let mut included = self.store.unsettled().await?;
        included.retain(|action| action.state == ActionState::Included);
        included.extend(self.store.final_from(chain_nonce).await?);
        self.recheck(included, head).await?;
        self.store.sync_nonces(chain_nonce).await?;
        Ok(chain_nonce)
    }

    /// Looks for the receipts of nonces that the chain has used.
    async fn find_included(&self, chain_nonce: u64, head: &Head) -> Result<()> {
        let mut open: BTreeMap<u64, Option<Action>> = BTreeMap::new();
        open.extend(self.store.free_nonces().await?.into_iter().map(|nonce| (nonce, None)));
        for action in self.store.unsettled().await? {
            if let (Some(nonce), true) = (action.nonce, action.state != ActionState::Included) {
                open.insert(nonce, Some(action));
            }
        }
        open.retain(|nonce, _| *nonce < chain_nonce);
        let found: Vec<_> = stream::iter(open)
            .map(|(nonce, holder)| async move { Ok::<_, KeeperError>((nonce, holder, self.receipt_of(nonce).await?)) })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        // First those without a receipt: a dispatch may change what is known of them.
        for (nonce, holder, receipt) in &found {
            if let (None, Some(action)) = (receipt, holder) {
                self.maybe_lost(action, *nonce).await?;
            }
        }
        for receipt in found.into_iter().filter_map(|(_, _, receipt)| receipt) {
            self.include(&receipt).await?;
            self.dispatch_new(head).await?;
        }
        Ok(())
    }

    /// The receipt of whichever transaction of ours used the nonce.
    async fn receipt_of(&self, nonce: u64) -> Result<Option<TransactionReceipt>> {
        for sent in self.store.transactions(nonce).await? {
            if let Some(receipt) = self.receipt(sent.hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>> {
        self.provider.get_transaction_receipt(hash).await.map_err(KeeperError::rpc("eth_getTransactionReceipt"))
    }

    async fn include(&self, receipt: &TransactionReceipt) -> Result<()> {
        let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash) else { return Ok(()) };
        let success = receipt.status();
        let inclusion = Inclusion { tx_hash: receipt.transaction_hash, number, hash, success };
        let action = self.store.included(&inclusion, None).await?;
        self.forget(&action);
        if let Some(nonce) = action.nonce {
            self.memory().missing.remove(&nonce);
        }
        if success {
            tracing::info!(key = action.key, tx = %inclusion.tx_hash, block = number, "included");
        } else {
            let why = self.why(&action, hash).await;
            tracing::warn!(key = action.key, tx = %inclusion.tx_hash, block = number, why, "reverted");
            self.store.included(&inclusion, Some(&why)).await?;
        }
        metrics::counter!("assay_tx_included_total", "kind" => action.kind, "success" => success.to_string())
            .increment(1);
        Ok(())
    }

    /// Why a mined transaction reverted, as far as the node can still tell.
    async fn why(&self, action: &Action, block: B256) -> String {
        let call = self.request(action);
        match classify_simulation(self.provider.estimate_gas(call).block(BlockId::hash(block)).await) {
            Ok(Simulation::Reverts(Revert { message, .. })) => message,
            _ => "reverted in its block; it would not on the block's final state".into(),
        }
    }

    /// The call that an action makes, for simulation.
    pub(super) fn request(&self, action: &Action) -> TransactionRequest {
        TransactionRequest::default()
            .with_from(self.address)
            .with_to(action.target)
            .with_input(action.data.clone())
            .with_value(action.value)
    }

    /// The chain has used the nonce and no transaction of ours has a receipt: somebody else uses the account, once that has been
    /// so for longer than receipts may lag.
    async fn maybe_lost(&self, action: &Action, nonce: u64) -> Result<()> {
        let since = *self.memory().missing.entry(nonce).or_insert_with(Instant::now);
        if since.elapsed() < self.config.nonce_grace {
            return Ok(());
        }
        tracing::warn!(key = action.key, nonce, "another process used the nonce; queued again with a new one");
        self.memory().missing.remove(&nonce);
        self.forget(action);
        self.store.release_nonce(action.id, None).await
    }

    /// Checks included actions block by block.
    async fn recheck(&self, actions: Vec<Action>, head: &Head) -> Result<()> {
        let finalized = match self.config.finality {
            Finality::Confirmations(_) => None,
            Finality::Tag if actions.is_empty() => None,
            Finality::Tag => self.header(BlockNumberOrTag::Finalized).await?.map(|(number, _)| number),
        };
        let mut blocks: BTreeMap<(u64, B256), Vec<Action>> = BTreeMap::new();
        for action in actions {
            if let Some(block) = action.block {
                blocks.entry(block).or_default().push(action);
            }
        }
        let standings: Vec<_> = stream::iter(blocks)
            .map(|(block, actions)| async move {
                Ok::<_, KeeperError>((actions, self.standing(block, head, finalized).await?))
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        for (actions, standing) in standings {
            for action in actions {
                self.settle_standing(&action, standing).await?;
                self.dispatch_new(head).await?;
            }
        }
        Ok(())
    }

    async fn settle_standing(&self, action: &Action, standing: Standing) -> Result<()> {
        match standing {
            Standing::Canonical { is_final: true } if action.state == ActionState::Included => {
                self.store.finalised(action.id).await
            }
            Standing::Canonical { .. } | Standing::Unknown => Ok(()),
            Standing::Dropped => match action.tx_hash {
                Some(hash) => match self.receipt(hash).await? {
                    Some(receipt) => self.include(&receipt).await,
                    None => {
                        tracing::warn!(key = action.key, tx = %hash, "a reorganisation dropped it; queued again");
                        metrics::counter!("assay_tx_reorged_total").increment(1);
                        self.forget(action);
                        self.store.reorged(action.id).await
                    }
                },
                None => self.store.reorged(action.id).await,
            },
        }
    }

    async fn standing(&self, (number, hash): (u64, B256), head: &Head, finalized: Option<u64>) -> Result<Standing> {
        Ok(match self.header(BlockNumberOrTag::Number(number)).await? {
            None => Standing::Unknown,
            Some((_, canonical)) if canonical != hash => Standing::Dropped,
            Some(_) => Standing::Canonical {
                // Judged by the head whose effects are stored, so that a role has seen what it is told is final.
                is_final: number <= head.number
                    && match self.config.finality {
                        Finality::Confirmations(depth) => number + depth <= head.number,
                        Finality::Tag => finalized.is_some_and(|finalized| number <= finalized),
                    },
            },
        })
    }

    async fn header(&self, block: BlockNumberOrTag) -> Result<Option<(u64, B256)>> {
        let block = self.provider.get_block_by_number(block).await.map_err(KeeperError::rpc("eth_getBlockByNumber"))?;
        Ok(block.map(|block| (block.header.number, block.header.hash)))
    }
}
