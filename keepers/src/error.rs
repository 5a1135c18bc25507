//! The one error of this crate: a stable code, whether a retry can help, and a message that says what to do.

use std::path::PathBuf;

use alloy::{
    primitives::Address,
    transports::{RpcError, TransportErrorKind},
};
use assay_contracts::{follow::FollowError, network::read::ReadError};
use assay_kernels::cuda::Unavailable;

/// What alloy's providers fail with.
pub type TransportError = RpcError<TransportErrorKind>;

/// Result with [`KeeperError`].
pub type Result<T, E = KeeperError> = std::result::Result<T, E>;

/// Why a keeper could not do what it was asked. [`KeeperError::code`] is stable; messages are not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// Another process holds the store's lease.
    #[error("the store {path} is in use by another process; stop it, or give this one a store of its own")]
    StoreLocked {
        /// The store's file.
        path: PathBuf,
    },
    /// The disk (or the store's page limit) is full. Nothing was lost; work goes on when there is room.
    #[error("no room left for the store: {0}; free some disk space, the keeper goes on by itself")]
    StoreFull(sqlx::Error),
    /// The store is busy or its disk failed for a moment.
    #[error("the store did not answer: {0}")]
    StoreUnavailable(sqlx::Error),
    /// The store holds something that this version does not understand.
    #[error(
        "the store is damaged or of another version: {0}; restore it or start with a new one (all state is derived from the chain)"
    )]
    StoreCorrupt(String),
    /// The store belongs to another account or chain.
    #[error(
        "the store belongs to account {stored} on chain {stored_chain}, not to {wanted} on chain {wanted_chain}; use one store for each account and chain"
    )]
    StoreMismatch {
        /// Account that the store was made for.
        stored: Address,
        /// Chain that the store was made for.
        stored_chain: u64,
        /// Account now asked for.
        wanted: Address,
        /// Chain now asked for.
        wanted_chain: u64,
    },
    /// A file operation failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The RPC endpoint failed, refused or timed out.
    #[error("RPC {method}: {source}")]
    Rpc {
        /// JSON-RPC method.
        method: &'static str,
        /// What went wrong.
        source: TransportError,
    },
    /// The RPC endpoint serves another chain than the deployment's.
    #[error("the RPC endpoint serves chain {actual}, the deployment is on chain {expected}; check the URL")]
    WrongChain {
        /// The deployment's chain id.
        expected: u64,
        /// What the endpoint answered.
        actual: u64,
    },
    /// Head following failed.
    #[error("{0}")]
    Follow(Box<FollowError>),
    /// A node network could not be read.
    #[error("{0}")]
    Read(Box<ReadError>),
    /// The key refused to sign.
    #[error("cannot sign: {0}")]
    Sign(#[from] alloy::signers::Error),
    /// The HTTP port cannot be had.
    #[error("cannot listen on {address}: {source}; choose another address or stop what holds it")]
    PortTaken {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A model package cannot be used.
    #[error("model {path}: {message}")]
    Model {
        /// The package's directory.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// The stable code of what is wrong.
        code: &'static str,
    },
    /// GPUs were asked for, and none can be used.
    #[error(transparent)]
    Backend(#[from] Unavailable),
    /// The blob store failed (not: a blob is missing or altered, which concerns one order only).
    #[error("blob store: {0}")]
    Blobs(String),
    /// The configuration makes no sense.
    #[error("configuration: {0}")]
    Config(String),
    /// A task panicked. A bug.
    #[error("the task {task} panicked: {message}")]
    Panicked {
        /// The task's name.
        task: &'static str,
        /// The panic's message.
        message: String,
    },
}

impl KeeperError {
    /// A code that never changes its meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::StoreLocked { .. } => "store_locked",
            Self::StoreFull(_) => "store_full",
            Self::StoreUnavailable(_) => "store_unavailable",
            Self::StoreCorrupt(_) => "store_corrupt",
            Self::StoreMismatch { .. } => "store_mismatch",
            Self::Io { .. } => "io",
            Self::Rpc { .. } => "rpc_failed",
            Self::WrongChain { .. } => "wrong_chain",
            Self::Follow(_) => "follow_failed",
            Self::Read(_) => "read_failed",
            Self::Sign(_) => "sign_failed",
            Self::PortTaken { .. } => "port_taken",
            Self::Model { code, .. } => code,
            Self::Backend(why) => why.code(),
            Self::Blobs(_) => "blob_store_failed",
            Self::Config(_) => "bad_config",
            Self::Panicked { .. } => "panicked",
        }
    }

    /// Whether the same attempt may succeed later without anybody changing the configuration.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::StoreFull(_) | Self::StoreUnavailable(_) | Self::Rpc { .. } | Self::Blobs(_) => true,
            Self::Follow(error) => error.is_retryable(),
            // Contracts that are not the record's, or an epoch that cannot be, do not pass.
            Self::Read(error) => !matches!(**error, ReadError::UnknownEvent { .. } | ReadError::BadInputs(_)),
            Self::Backend(why) => why.is_retryable(),
            _ => false,
        }
    }

    /// Wraps a transport error with the method that met it.
    pub(crate) fn rpc(method: &'static str) -> impl FnOnce(TransportError) -> Self {
        move |source| Self::Rpc { method, source }
    }
}

impl From<FollowError> for KeeperError {
    fn from(error: FollowError) -> Self {
        Self::Follow(Box::new(error))
    }
}

impl From<ReadError> for KeeperError {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

impl From<alloy::contract::Error> for KeeperError {
    fn from(error: alloy::contract::Error) -> Self {
        ReadError::from(error).into()
    }
}

impl From<sqlx::Error> for KeeperError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite's primary result codes: 5 BUSY, 6 LOCKED, 10 IOERR, 13 FULL, 14 CANTOPEN.
        let code = match &error {
            sqlx::Error::Database(database) => {
                database.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff)
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => Some(5),
            _ => None,
        };
        match code {
            Some(13) => Self::StoreFull(error),
            Some(5 | 6 | 10 | 14) => Self::StoreUnavailable(error),
            _ => Self::StoreCorrupt(error.to_string()),
        }
    }
}
