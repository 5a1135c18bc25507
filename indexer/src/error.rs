//! What can go wrong, with codes that stay the same from version to version.

use alloy::{primitives::Address, transports::TransportError};
use assay_blobs::BlobError;
use assay_contracts::{follow::FollowError, rpc::ConnectError, suite::SuiteError};
use std::{net::SocketAddr, path::PathBuf};

/// Why the indexer could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum IndexerError {
    /// The address to listen on is in use or may not be bound.
    #[error("cannot listen on {address}: {source}; stop what uses the port, or choose another with `listen`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The deployment file cannot be read.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The RPC address is no URL.
    #[error("{0}; expected something like http://127.0.0.1:8545")]
    RpcUrl(#[from] ConnectError),
    /// The RPC address for visitors is no URL.
    #[error("'{0}' is no URL of a JSON-RPC endpoint; correct `public_rpc_url`")]
    PublicRpcUrl(String),
    /// WalletConnect cannot be offered as it is configured.
    #[error("WalletConnect: {0}")]
    WalletConnect(String),
    /// The blob store cannot be opened.
    #[error("{0}; correct `blobs`")]
    Blobs(#[from] BlobError),
    /// A list of a sale cannot be used.
    #[error(
        "list {path}: {reason}; correct `lists`, or make it again with `assay sale allowlist` or `assay sale promo`"
    )]
    List {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The chain behind the RPC is another one.
    #[error("the RPC serves chain {actual}, the deployment is on chain {expected}; correct `rpc_url` or `suite`")]
    WrongChain {
        /// The deployment's chain.
        expected: u64,
        /// The RPC's chain.
        actual: u64,
    },
    /// The database belongs to another deployment.
    #[error(
        "the database at {path} indexes escrow {actual}, not {expected}; use another `database`, or delete this one \
         to index anew"
    )]
    WrongSuite {
        /// The database file.
        path: PathBuf,
        /// The configured escrow, with its chain.
        expected: SuiteName,
        /// The escrow that the database was made for.
        actual: String,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A step does not continue what is stored; following again from the stored blocks mends it.
    #[error("block {number} does not follow the indexed block {indexed}")]
    OutOfOrder {
        /// The block that came.
        number: u64,
        /// The last stored block.
        indexed: u64,
    },
    /// A log is not what the node should send.
    #[error("block {number} holds a malformed log: {reason}")]
    MalformedLog {
        /// The block.
        number: u64,
        /// What is wrong with the log.
        reason: String,
    },
    /// The node failed or sent something that is no chain.
    #[error(transparent)]
    Follow(Box<FollowError>),
    /// The node did not answer.
    #[error("the RPC failed: {0}")]
    Rpc(#[from] TransportError),
}

/// An escrow and its chain, as `chain 31337, 0x…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteName {
    /// Chain id.
    pub chain_id: u64,
    /// The escrow.
    pub job_escrow: Address,
}

impl std::fmt::Display for SuiteName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x} of chain {}", self.job_escrow, self.chain_id)
    }
}

impl IndexerError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => "port_taken",
            Self::Bind { .. } => "cannot_listen",
            Self::Suite(_) => "bad_deployment",
            Self::RpcUrl(_) | Self::PublicRpcUrl(_) => "bad_rpc_url",
            Self::WalletConnect(_) => "bad_walletconnect",
            Self::Blobs(_) => "bad_blob_store",
            Self::List { .. } => "bad_list",
            Self::WrongChain { .. } => "wrong_chain",
            Self::WrongSuite { .. } => "wrong_suite",
            Self::Database(error) if is_full(error) => "disk_full",
            Self::Database(_) => "database_failed",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::MalformedLog { .. } => "malformed_log",
            Self::Follow(_) => "follow_failed",
            Self::Rpc(_) => "rpc_unreachable",
        }
    }

    /// Whether trying again may help. A full disk counts: somebody may make room.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database(_) | Self::OutOfOrder { .. } | Self::Rpc(_) => true,
            Self::Follow(error) => error.is_retryable(),
            _ => false,
        }
    }
}

impl From<FollowError> for IndexerError {
    fn from(error: FollowError) -> Self {
        Self::Follow(Box::new(error))
    }
}

/// `SQLITE_FULL`: the disk, or the configured size, is used up.
fn is_full(error: &sqlx::Error) -> bool {
    const SQLITE_FULL: &str = "13";
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_FULL)
}
