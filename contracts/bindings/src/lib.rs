//! What the suite's contracts say, for Rust: bindings generated from the committed artifacts, the identifiers
//! that the protocol derives from content, and the canonical stream of the suite's events.

pub mod beacon;
pub mod bindings;
pub mod deploy;
pub mod events;
pub mod follow;
pub mod network;
pub mod protocol;
pub mod rpc;
pub mod sale;
pub mod suite;

pub use bindings::{
    AccessManager, Attestations, DevToken, DisputeGame, DrandBeacon, EpochRewards, FeeSchedule, JobEscrow, Ledger,
    LicenseStaking, ModelRegistry, NodeLicense, NodeSale, PrevrandaoBeacon, ProgramRegistry, Referee, Staking, Uptime,
    ValidatorSeats, Verification,
};
pub use events::SuiteEvent;
pub use network::Network;
pub use sale::Sale;
pub use suite::Suite;
