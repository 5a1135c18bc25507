//! What a provider tells those who watch it.

use alloy::primitives::{Address, B256};
use serde::Serialize;

use super::policy::Refusal;
use crate::tx::ActionState;

/// Something happened. What the chain says is told once its block is stored; a reorganisation may take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Progress {
    /// An order for a served model was opened.
    SawOrder {
        /// The order.
        order_id: B256,
        /// Its customer.
        customer: Address,
        /// Tasks in it.
        tasks: u32,
    },
    /// An order is left alone, for now at least.
    Refused {
        /// The order.
        order_id: B256,
        /// Why.
        refusal: Refusal,
    },
    /// This provider took a range.
    Took {
        /// The order.
        order_id: B256,
        /// First index.
        first: u32,
        /// Tasks.
        count: u32,
        /// The transaction.
        tx_hash: B256,
    },
    /// Another provider took a range.
    TakenByOther {
        /// The order.
        order_id: B256,
        /// Who.
        provider: Address,
        /// First index.
        first: u32,
        /// Tasks.
        count: u32,
    },
    /// `done` of `total` tasks of a range are computed.
    Computed {
        /// The order.
        order_id: B256,
        /// First index of the range.
        first: u32,
        /// Tasks computed.
        done: u32,
        /// Tasks in the range.
        total: u32,
    },
    /// This provider committed a batch.
    Committed {
        /// The order.
        order_id: B256,
        /// The batch.
        batch_id: B256,
        /// First index.
        first: u32,
        /// Tasks.
        count: u32,
        /// Units.
        units: u64,
        /// Merkle root.
        root: B256,
        /// The transaction.
        tx_hash: B256,
    },
    /// A batch of this provider was paid.
    Settled {
        /// The order.
        order_id: B256,
        /// The batch.
        batch_id: B256,
        /// Tasks.
        count: u32,
        /// Whether by the customer's receipt.
        accepted: bool,
        /// The transaction.
        tx_hash: B256,
    },
    /// A batch of this provider was forfeited.
    Forfeited {
        /// The order.
        order_id: B256,
        /// The batch.
        batch_id: B256,
        /// The transaction.
        tx_hash: B256,
    },
    /// Somebody demands the data of a task of this provider.
    Demanded {
        /// The batch.
        batch_id: B256,
        /// Index in the order.
        index: u32,
    },
    /// This provider answered a demand.
    Supplied {
        /// The batch.
        batch_id: B256,
        /// Index in the order.
        index: u32,
        /// The transaction.
        tx_hash: B256,
    },
    /// A take of this provider ran out and part of its stake was burned.
    Expired {
        /// The order.
        order_id: B256,
        /// First index.
        first: u32,
        /// Tasks.
        count: u32,
    },
}

/// A look at a provider.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its account.
    pub account: Address,
    /// Newest block whose events are stored.
    pub head: Option<u64>,
    /// Whether it has reached the chain's head.
    pub caught_up: bool,
    /// Seconds since the newest block was stored.
    pub head_age_seconds: Option<f64>,
    /// Orders for served models that are not over.
    pub orders: usize,
    /// Orders that are left alone, and why.
    pub refused: Vec<(B256, Refusal)>,
    /// Ranges that are taken (or about to be) and not committed.
    pub held: usize,
    /// Tasks computed since the start.
    pub tasks_computed: u64,
    /// Own batches committed, as seen since the start.
    pub batches_committed: u64,
    /// Own batches settled, as seen since the start.
    pub batches_settled: u64,
    /// Actions in each state, over the store's life.
    pub actions: Vec<(ActionState, u64)>,
    /// Reaction times counted: from the event (or finished computation) that made an action wanted to its transaction sent.
    pub reactions: usize,
    /// Half of the reactions were at most this long, in milliseconds.
    pub reaction_p50_ms: Option<f64>,
    /// 99 of 100 reactions were at most this long, in milliseconds.
    pub reaction_p99_ms: Option<f64>,
    /// Most memory that the process ever had resident, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Whether the account could not pay for its last transaction.
    pub out_of_funds: bool,
}
