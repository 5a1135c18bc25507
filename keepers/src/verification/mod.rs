//! Draws and disputes, for whoever takes part: a provider for its own batches, a validator for the draws of its seat, a challenger
//! for whatever it looks at.
//!
//! ```text
//!   chain ──events──► view ──┐
//!   blobs, models ─► bench ──┤── plan ──wanted actions──► transaction manager ──► chain
//!                      ▲     └──┬──
//!                      └─needs──┘
//! ```
//! The plan is a pure function of what the chain says and what is on the bench: fetched inputs, results and rounds, and traces,
//! which are computed when a draw or a game asks for them and are the same every time. Seals are derived from a stored secret, so
//! a keeper that is killed at any instruction seals, reveals and plays on as if nothing had happened.

mod bench;
mod demands;
mod draw;
mod faults;
mod game;
mod plan;
#[cfg(test)]
// Fields of events have the names that Solidity gives them.
#[allow(non_snake_case)]
mod plan_tests;
mod rounds;
mod secret;
mod service;
mod tamper;
mod testimony;

pub(crate) use bench::{Bench, Need};
pub(crate) use plan::{Duty, Situation, plan};
pub(crate) use rounds::{RELAYS, Recording, Rounds};
pub(crate) use secret::Secret;
pub use service::{Handle, Setup};
pub(crate) use service::{Settings, start};
pub use tamper::{Forgery, Stage, Tamper};
