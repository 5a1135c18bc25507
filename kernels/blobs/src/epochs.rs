//! What whoever posts an epoch's roots stores beside them.

use assay_kernels::Hash;

use crate::{BlobError, Blobs, codec::name};

impl Blobs {
    /// Stores what the shares under `root` follow from.
    ///
    /// # Errors
    /// `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn put_shares(&self, root: &Hash, inputs: Vec<u8>) -> Result<(), BlobError> {
        self.write(&shares_path(root), inputs).await
    }

    /// What the shares under `root` are said to follow from. Whoever reads it computes them, which takes the rules of epochs.
    ///
    /// # Errors
    /// `BLOB_MISSING`, `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn get_shares(&self, root: &Hash) -> Result<Vec<u8>, BlobError> {
        self.read(&shares_path(root)).await
    }

    /// Stores the cumulative rewards under `root`.
    ///
    /// # Errors
    /// `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn put_rewards(&self, root: &Hash, rewards: Vec<u8>) -> Result<(), BlobError> {
        self.write(&rewards_path(root), rewards).await
    }

    /// What is said to be the cumulative rewards under `root`. Whoever reads it computes their root, which takes the rules of epochs.
    ///
    /// # Errors
    /// `BLOB_MISSING`, `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn get_rewards(&self, root: &Hash) -> Result<Vec<u8>, BlobError> {
        self.read(&rewards_path(root)).await
    }
}

fn shares_path(root: &Hash) -> String {
    format!("shares/{}", name(root))
}

fn rewards_path(root: &Hash) -> String {
    format!("rewards/{}", name(root))
}
