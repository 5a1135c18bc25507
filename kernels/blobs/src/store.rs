//! Reading and writing blobs, each checked against its name.

use std::path::Path;

use assay_kernels::{
    Hash,
    commit::{Batch, BatchScope, inputs_tree},
};
use opendal::{Operator, services};

use crate::{
    BlobError, MAX_BLOB_LEN,
    codec::{decode_batch, decode_inputs, encode_batch, encode_inputs, name},
    error::Reason,
};

/// A store of blobs. Clones share it.
#[derive(Debug, Clone)]
pub struct Blobs {
    operator: Operator,
}

impl Blobs {
    /// A store in the folder `path`, which is made when it is not there.
    ///
    /// A blob is written beside its place and moved there when it is complete, so a full disk or a killed process leaves
    /// no half blob behind.
    ///
    /// # Errors
    /// `BLOB_STORE` when the folder cannot be made.
    pub fn files(path: &Path) -> Result<Self, BlobError> {
        let root = path.to_string_lossy();
        let service = services::Fs::default().root(&root).atomic_write_dir(&path.join(".partial").to_string_lossy());
        let operator = Operator::new(service).map_err(|e| BlobError::from_store(&root, e))?;
        Ok(Self { operator })
    }

    /// A store that lives and dies with the process.
    ///
    /// # Errors
    /// `BLOB_STORE`; it is not known to happen.
    pub fn memory() -> Result<Self, BlobError> {
        let operator = Operator::new(services::Memory::default()).map_err(|e| BlobError::from_store("memory", e))?;
        Ok(Self { operator })
    }

    /// Stores the input rows of an order and returns their root.
    ///
    /// # Errors
    /// `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn put_inputs(&self, rows: &[Vec<u8>]) -> Result<Hash, BlobError> {
        let root = inputs_tree(rows).root();
        self.write(&inputs_path(&root), encode_inputs(rows)).await?;
        Ok(root)
    }

    /// The input rows whose root is `root`.
    ///
    /// # Errors
    /// `BLOB_MISSING`, `BLOB_ALTERED`, `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn get_inputs(&self, root: &Hash) -> Result<Vec<Vec<u8>>, BlobError> {
        let path = inputs_path(root);
        let altered = |reason| BlobError::Altered { path: path.clone(), reason };
        let rows = decode_inputs(&self.read(&path).await?).map_err(altered)?;
        if inputs_tree(&rows).root() == *root { Ok(rows) } else { Err(altered(Reason::Root)) }
    }

    /// Stores a batch under its root and returns the root.
    ///
    /// # Errors
    /// `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn put_batch(&self, batch: &Batch) -> Result<Hash, BlobError> {
        let root = batch.root();
        self.write(&batch_path(&root), encode_batch(batch)).await?;
        Ok(root)
    }

    /// The batch whose root is `root`, committed by the provider, for the order and range of `scope`.
    ///
    /// # Errors
    /// `BLOB_MISSING`, `BLOB_ALTERED`, `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn get_batch(&self, root: &Hash, scope: BatchScope) -> Result<Batch, BlobError> {
        let path = batch_path(root);
        let altered = |reason| BlobError::Altered { path: path.clone(), reason };
        let tasks = decode_batch(&self.read(&path).await?).map_err(altered)?;
        let batch = Batch::new(scope, tasks).map_err(|_| altered(Reason::Range))?;
        if batch.root() == *root { Ok(batch) } else { Err(altered(Reason::Root)) }
    }

    /// Stores the customer's receipt for the batch whose root is `root`: a signature over it, 65 bytes for a plain account, more
    /// for one that is a contract (ERC-1271).
    ///
    /// # Errors
    /// `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn put_receipt(&self, root: &Hash, signature: Vec<u8>) -> Result<(), BlobError> {
        self.write(&receipt_path(root), signature).await
    }

    /// The receipt for a batch; `None` when there is none (yet). The one blob that its name does not prove: the escrow checks
    /// the signature.
    ///
    /// # Errors
    /// `BLOB_TOO_LARGE`, `BLOB_STORE`.
    pub async fn get_receipt(&self, root: &Hash) -> Result<Option<Vec<u8>>, BlobError> {
        match self.read(&receipt_path(root)).await {
            Ok(signature) => Ok(Some(signature)),
            Err(BlobError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn read(&self, path: &str) -> Result<Vec<u8>, BlobError> {
        let store = |e| BlobError::from_store(path, e);
        let len = self.operator.stat(path).await.map_err(store)?.content_length();
        check_len(path, len)?;
        let bytes = self.operator.read_with(path).range(0..len).await.map_err(store)?;
        Ok(bytes.to_vec())
    }

    pub(crate) async fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), BlobError> {
        let store = |e| BlobError::from_store(path, e);
        check_len(path, bytes.len() as u64)?;
        let mut writer = self.operator.writer(path).await.map_err(store)?;
        let written = match writer.write(bytes).await {
            Ok(()) => writer.close().await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            // Frees what the failed write took; that failing too changes nothing for the caller.
            let _ = writer.abort().await;
            return Err(store(error));
        }
        Ok(())
    }
}

fn check_len(path: &str, len: u64) -> Result<(), BlobError> {
    if len > MAX_BLOB_LEN { Err(BlobError::TooLarge { path: path.into(), len }) } else { Ok(()) }
}

fn inputs_path(root: &Hash) -> String {
    format!("inputs/{}", name(root))
}

fn receipt_path(root: &Hash) -> String {
    format!("receipts/{}", name(root))
}

fn batch_path(root: &Hash) -> String {
    format!("batches/{}", name(root))
}
