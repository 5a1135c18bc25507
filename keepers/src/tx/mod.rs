//! The transaction manager: one for all roles of an account.
//!
//! A role says which actions it *wants* ([`TxManager::reconcile`]); the manager sees to it that each is sent, included and final,
//! through crashes, reorgs, dropped transactions, other users of the account and nodes that answer wrongly.
//!
//! ```text
//!            simulated, signed, written      node took it       receipt            deep enough
//!   Queued ─────────────────────────► Building ──► Submitted ──► Included ──────────► Finalised
//!     ▲  │                               │             │  ▲          │  (reverted) ──► Failed
//!     │  └─ not wanted any more ─► Superseded ◄────────┘  │          │
//!     └──────────────── reorged out, or its nonce went elsewhere ────┘
//! ```
//!
//! What holds at every instruction: a transaction is written before it is sent, with its hash; a nonce has one holder; a time-out
//! proves nothing, so nothing is ever given up because of one. Whether an action still makes sense is asked of the chain (by
//! simulation) and of the role ([`Judge`]), never of memory.

mod dispatch;
mod fees;
mod receipts;
mod revert;
mod send;
mod service;
mod store;
mod types;

pub use fees::{FeeConfig, Fees};
pub use revert::Revert;
pub use service::{Finality, Reactions, TxConfig, TxManager, TxSummary};
pub use store::{Inclusion, SentTransaction, TxStore};
pub(crate) use types::Patience;
pub use types::{Action, ActionState, Judge, PATIENT, Verdict, Wanted};
