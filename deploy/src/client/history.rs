//! What happened to an order, read from its events.

use std::collections::{BTreeMap, HashMap};

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::{SolEvent, SolEventInterface},
};
use assay_contracts::JobEscrow::{
    Batch, DemandRefunded, Demanded, JobEscrowEvents as Event, Order, OrderOpened, Supplied,
};
use serde::Serialize;

use crate::{
    chain::{Chain, from_rpc},
    error::{Error, Result},
    output::decimal,
};

/// An order with everything that happened to it so far.
#[derive(Clone, Debug)]
pub struct History {
    /// Its id.
    pub id: B256,
    /// Its terms.
    pub order: Order,
    /// What was escrowed.
    pub escrowed: U256,
    /// The transaction that opened it.
    pub opened: B256,
    /// The block in which it was opened.
    pub block: u64,
    /// The refund of a cancelled or reclaimed order.
    pub closed: Option<U256>,
    /// Transactions that took ranges of it.
    pub takes: Vec<B256>,
    /// Its batches, by first index.
    pub batches: Vec<BatchHistory>,
}

/// A committed batch and what became of it.
#[derive(Clone, Debug)]
pub struct BatchHistory {
    /// Its id.
    pub id: B256,
    /// The batch.
    pub batch: Batch,
    /// The transaction that committed it.
    pub committed: B256,
    /// How it ended.
    pub end: Option<End>,
}

/// How a batch ended.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum End {
    /// It was paid.
    Settled {
        /// The transaction.
        transaction: B256,
        /// By the customer's receipt, before its window had passed.
        accepted: bool,
        /// To the provider.
        #[serde(serialize_with = "decimal")]
        paid: U256,
        /// To the pool.
        #[serde(serialize_with = "decimal")]
        fee: U256,
        /// To the model's payees.
        #[serde(serialize_with = "decimal")]
        royalties: U256,
        /// Back to the customer.
        #[serde(serialize_with = "decimal")]
        refund: U256,
    },
    /// It was found wanting.
    Forfeited {
        /// The transaction.
        transaction: B256,
        /// Which fault, as the contract numbers them.
        fault: u8,
        /// Back to the customer.
        #[serde(serialize_with = "decimal")]
        refund: U256,
        /// Taken from the provider's stake.
        #[serde(serialize_with = "decimal")]
        slashed: U256,
    },
}

impl History {
    /// Tasks in batches that ended well or may still.
    pub fn committed_tasks(&self) -> u32 {
        self.batches.iter().map(|batch| batch.batch.count).sum()
    }

    /// Whether every task is in a batch and every batch has ended.
    pub fn is_final(&self) -> bool {
        let ended = self.batches.iter().all(|batch| batch.end.is_some());
        ended && (self.closed.is_some() || self.committed_tasks() == self.order.count)
    }
}

/// Reads the history of the order `id`.
///
/// # Errors
/// `unknown_order` when the chain has no such order.
pub async fn read(chain: &Chain, id: B256) -> Result<History> {
    read_from(chain, id, chain.suite.block).await
}

/// [`read`] for who knows a block at or before the order's opening.
pub async fn read_from(chain: &Chain, id: B256, block: u64) -> Result<History> {
    let filter = Filter::new().address(chain.suite.job_escrow).topic1(id).from_block(block);
    let logs = chain.provider.get_logs(&filter).await.map_err(from_rpc)?;
    let mut history = None;
    for log in &logs {
        let Ok(event) = Event::decode_raw_log(log.topics(), &log.data().data) else { continue };
        match (event, &mut history) {
            (Event::OrderOpened(event), history) => *history = Some(opened(event, log)),
            (event, Some(history)) => apply(history, event, log),
            (_, None) => {}
        }
    }
    history.ok_or_else(|| {
        let error = Error::not_found("unknown_order", format!("no order {id} on chain {}", chain.suite.chain_id));
        error.hint("`assay order list` shows those there are")
    })
}

fn opened(event: OrderOpened, log: &Log) -> History {
    History {
        id: event.orderId,
        order: event.order,
        escrowed: event.escrowed,
        opened: log.transaction_hash.unwrap_or_default(),
        block: log.block_number.unwrap_or_default(),
        closed: None,
        takes: Vec::new(),
        batches: Vec::new(),
    }
}

fn apply(history: &mut History, event: Event, log: &Log) {
    let transaction = log.transaction_hash.unwrap_or_default();
    match event {
        Event::OrderCancelled(event) => history.closed = Some(event.refund),
        Event::OrderReclaimed(event) => history.closed = Some(event.refund),
        Event::Taken(_) => history.takes.push(transaction),
        Event::BatchCommitted(event) => {
            let batch = Batch {
                orderId: event.orderId,
                provider: event.provider,
                first: event.first,
                count: event.count,
                units: event.units,
                root: event.root,
                stake: event.stake,
                committedAt: event.committedAt,
            };
            history.batches.push(BatchHistory { id: event.batchId, batch, committed: transaction, end: None });
            history.batches.sort_by_key(|batch| batch.batch.first);
        }
        Event::BatchSettled(event) => {
            let (accepted, paid, fee) = (event.accepted, event.paid, event.fee);
            let (royalties, refund) = (event.royalties, event.refund);
            end(history, event.batchId, End::Settled { transaction, accepted, paid, fee, royalties, refund });
        }
        Event::BatchForfeited(event) => {
            let (fault, refund, slashed) = (event.fault, event.refund, event.slashed);
            end(history, event.batchId, End::Forfeited { transaction, fault, refund, slashed });
        }
        _ => {}
    }
}

fn end(history: &mut History, id: B256, how: End) {
    if let Some(batch) = history.batches.iter_mut().find(|batch| batch.id == id) {
        batch.end = Some(how);
    }
}

/// The demands on a batch, by index in the order.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// Those without an answer: who asked, and the last second to answer.
    pub open: BTreeMap<u32, (Address, u64)>,
    /// The answers.
    pub supplied: BTreeMap<u32, Supplied>,
}

/// The demands on each of the order's batches that has any.
pub async fn demands(chain: &Chain, history: &History) -> Result<HashMap<B256, Demands>> {
    let batches: Vec<_> = history.batches.iter().map(|batch| batch.id).collect();
    let mut found: HashMap<B256, Demands> = HashMap::new();
    if batches.is_empty() {
        return Ok(found);
    }
    let kinds = vec![Demanded::SIGNATURE_HASH, Supplied::SIGNATURE_HASH, DemandRefunded::SIGNATURE_HASH];
    let filter = Filter::new().address(chain.suite.job_escrow).event_signature(kinds).topic1(batches);
    let logs = chain.provider.get_logs(&filter.from_block(history.block)).await.map_err(from_rpc)?;
    for log in &logs {
        match Event::decode_raw_log(log.topics(), &log.data().data) {
            Ok(Event::Demanded(event)) => {
                let asked = (event.demander, event.deadline.to::<u64>());
                found.entry(event.batchId).or_default().open.insert(event.index, asked);
            }
            Ok(Event::Supplied(event)) => {
                let demands = found.entry(event.batchId).or_default();
                demands.open.remove(&event.index);
                demands.supplied.insert(event.index, event);
            }
            Ok(Event::DemandRefunded(event)) => {
                found.entry(event.batchId).or_default().open.remove(&event.index);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// One line of `assay order list`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: B256,
    /// Who pays.
    pub customer: Address,
    /// The model.
    pub model: B256,
    /// Tasks.
    pub tasks: u32,
    /// What was escrowed.
    #[serde(serialize_with = "decimal")]
    pub escrowed: U256,
    /// The payment token.
    pub token: Address,
    /// The block in which it was opened.
    pub block: u64,
}

/// Orders, the newest first; `customer` restricts them to one account's.
pub async fn list(chain: &Chain, customer: Option<Address>, limit: usize) -> Result<Vec<Summary>> {
    let mut filter = Filter::new().address(chain.suite.job_escrow).event_signature(OrderOpened::SIGNATURE_HASH);
    if let Some(customer) = customer {
        filter = filter.topic2(customer.into_word());
    }
    let logs = chain.provider.get_logs(&filter.from_block(chain.suite.block)).await.map_err(from_rpc)?;
    let events = logs.iter().rev().take(limit).filter_map(|log| {
        let event = log.log_decode::<OrderOpened>().ok()?.inner.data;
        Some(Summary {
            id: event.orderId,
            customer: event.customer,
            model: event.modelId,
            tasks: event.order.count,
            escrowed: event.escrowed,
            token: event.order.token,
            block: log.block_number.unwrap_or_default(),
        })
    });
    Ok(events.collect())
}
