//! What can go wrong with a blob.

use std::fmt;

use crate::MAX_BLOB_LEN;

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Nothing is stored under the name.
    #[error("{path} is not in the store; it may not have been published yet")]
    Missing {
        /// Name of the blob.
        path: String,
    },
    /// The bytes are not those that the name stands for.
    #[error("{path} is not what its name says: {reason}; fetch it from somewhere else")]
    Altered {
        /// Name of the blob.
        path: String,
        /// What does not fit.
        reason: Reason,
    },
    /// The blob is beyond [`MAX_BLOB_LEN`].
    #[error("{path} has {len} bytes, and the most is {MAX_BLOB_LEN}; split the order")]
    TooLarge {
        /// Name of the blob.
        path: String,
        /// Its length in bytes.
        len: u64,
    },
    /// The store itself failed.
    #[error("the blob store failed on {path}: {source}")]
    Store {
        /// Name of the blob.
        path: String,
        /// The store's own error.
        source: Box<opendal::Error>,
    },
}

impl BlobError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "BLOB_MISSING",
            Self::Altered { .. } => "BLOB_ALTERED",
            Self::TooLarge { .. } => "BLOB_TOO_LARGE",
            Self::Store { .. } => "BLOB_STORE",
        }
    }

    /// Whether the same call may succeed later.
    ///
    /// A missing blob may still be published, and a disk or network may recover; altered or too large blobs do not heal.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Store { .. })
    }

    pub(crate) fn from_store(path: &str, source: opendal::Error) -> Self {
        match source.kind() {
            opendal::ErrorKind::NotFound => Self::Missing { path: path.into() },
            _ => Self::Store { path: path.into(), source: Box::new(source) },
        }
    }
}

/// Why bytes are not the blob that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes end too early or go on too long.
    Length,
    /// The root of the content is another one.
    Root,
    /// The batch's indices cannot be.
    Range,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "its lengths do not add up",
            Self::Root => "its content has another root",
            Self::Range => "it has no tasks or its indices do not fit 32 bits",
        })
    }
}
