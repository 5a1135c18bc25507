//! What the suite's contracts say, for Rust: bindings generated from the committed artifacts, the identifiers
//! that the protocol derives from content, and the canonical stream of the suite's events.

pub mod beacon;
pub mod bindings;
pub mod deploy;
pub mod events;
pub mod follow;
pub mod protocol;
pub mod rpc;
pub mod sale;
pub mod suite;

pub use bindings::{
    AccessManager, DevToken, DisputeGame, DrandBeacon, FeeSchedule, JobEscrow, Ledger, ModelRegistry, NodeLicense,
    NodeSale, PrevrandaoBeacon, ProgramRegistry, Referee, Staking, ValidatorSeats, Verification,
};
pub use events::SuiteEvent;
pub use sale::Sale;
pub use suite::Suite;
