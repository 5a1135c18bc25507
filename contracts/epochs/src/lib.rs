//! The rules of an epoch, as the contracts hold them: who was up, who earned what, and the trees that say so.
//!
//! Everything here is a function of public data and knows no chain. Whoever publishes an epoch, doubts what somebody else published or
//! shows a licence what it earned computes the same:
//!
//! ```text
//! Inputs ── Uptime::new ──► truth, records, ShareTree ── Rewards::new (budget, last cumulative rewards) ──► root to claim by
//!    └ wire                    └ explain, challenges          └ wire, challenge
//! ```
//!
//! * [`uptime`]: answers of operators to truth, records and shares (`Uptime.sol`)
//! * [`shares`]: the tree that divides an epoch (`IShares.sol`)
//! * [`rewards`]: budgets and cumulative rewards (`EpochRewards.sol`)
//! * [`nodes`]: trees that are opened from the root downwards, and where a foreign one differs (`TreeNodes.sol`)
//! * [`wire`]: what a publisher stores so that anybody can do all this
//!
//! Licences and operators have one numbering: licences from 1, operators after the last licence. Trees have number `n` at place `n - 1`.
//! Amounts are in the token's smallest unit, rates in basis points. The rules themselves are stated in `docs/flows`.

pub mod nodes;
pub mod rewards;
pub mod shares;
pub mod uptime;
pub mod wire;

pub use assay_kernels::Hash;
pub use rewards::Rewards;
pub use shares::{Share, ShareTree};
pub use uptime::{Inputs, Uptime};
