//! The provider: takes orders for the models it serves, computes them, commits, answers demands and settles.
//!
//! ```text
//!   chain ──events──► store + view ──┐
//!   blobs ──inputs, receipts────────►├─ planner ──wanted actions──► transaction manager ──► chain
//!   worker ──results────────────────►┘     └──ranges to compute──► worker ──► blobs
//! ```
//! The planner is a pure function of what is known, asked again at every change ([`plan`](self)). Nothing remembers what it was
//! about to do; a provider that is killed and started again looks, and goes on.

mod config;
mod events;
mod inputs;
mod plan;
#[cfg(test)]
mod plan_tests;
mod planner;
mod policy;
mod progress;
mod service;
mod shared;
mod worker;

pub use config::{Policy, ProviderConfig, WorkConfig};
pub use policy::Refusal;
pub use progress::{Progress, Snapshot};
pub use service::{Provider, ProviderHandle, ProviderSetup};
