//! Content-addressed store of the inputs of orders, of the results of batches, and of what roots of epochs follow from.
//!
//! A blob's name is the Merkle root of what it holds. Whoever reads one computes the root again, so a blob that does not
//! hash right is refused, whoever wrote it: the store need not be trusted.

mod codec;
mod epochs;
mod error;
mod store;

pub use codec::MAX_BLOB_LEN;
pub use error::{BlobError, Reason};
pub use store::Blobs;
