//! Services that watch the chain and act.
//!
//! Every role is built of the same parts: [`chain`] follows the head and stores events with their effects (for node networks `board`
//! reads a network at the newest block), the role turns that into wanted actions, and [`tx`] sees each of them through to finality. [`store`] is one SQLite file held by one process,
//! [`supervise`] keeps the tasks running, [`telemetry`] says how they do.

mod board;
pub mod chain;
pub mod challenger;
pub mod checker;
pub mod epochs;
pub mod error;
pub mod examination;
mod life;
mod models;
pub mod provider;
pub mod store;
pub mod supervise;
pub mod telemetry;
pub mod tx;
pub mod validator;
pub mod verification;
mod view;

pub use error::{KeeperError, Result};
