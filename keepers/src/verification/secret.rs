//! The secret that seals are made of. It is written once; a salt that is derived needs no write before what it hides is sent.

use std::fmt;

use alloy::{
    primitives::{B256, U256, keccak256},
    signers::local::PrivateKeySigner,
    sol_types::SolValue,
};
use sqlx::Row;

use crate::{error::Result, store::Store};

/// 32 bytes that nobody else knows.
#[derive(Clone)]
pub(crate) struct Secret(B256);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// The store's secret, made at the first call. It is on the disk before anything is sealed with it.
    pub(crate) async fn open(store: &Store) -> Result<Self> {
        let fresh = PrivateKeySigner::random().to_bytes();
        let mut tx = store.write_through().await?;
        sqlx::query("INSERT INTO secret (id, value) VALUES (1, ?) ON CONFLICT DO NOTHING")
            .bind(fresh.to_vec())
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query("SELECT value FROM secret WHERE id = 1").fetch_one(&mut *tx).await?;
        let secret = B256::from_slice(row.try_get("value")?);
        tx.commit().await?;
        Ok(Self(secret))
    }

    /// The salt of a sealed trace root.
    pub(crate) fn trace_salt(&self, batch_id: B256, index: u32) -> B256 {
        self.derive("trace", batch_id, index, 0)
    }

    /// The salt of a sealed challenge.
    pub(crate) fn challenge_salt(&self, batch_id: B256, index: u32, attempt: u32) -> B256 {
        self.derive("challenge", batch_id, index, attempt)
    }

    /// Whether a task is in the sample of the share `rate`: nobody else can know.
    pub(crate) fn samples(&self, batch_id: B256, index: u32, rate: f64) -> bool {
        let word = self.derive("sample", batch_id, index, 0);
        let number = u64::from_be_bytes(word.0[..8].try_into().unwrap_or_default()) >> 11;
        (number as f64) < rate * (1u64 << 53) as f64
    }

    /// One task of a batch: which one, nobody else can know.
    pub(crate) fn pick(&self, batch_id: B256, first: u32, count: u32) -> u32 {
        let word = self.derive("pick", batch_id, first, 0);
        first + (U256::from_be_bytes(word.0) % U256::from(count.max(1))).to::<u32>()
    }

    /// A number for a purpose that nobody else knows.
    pub(crate) fn derive(&self, purpose: &str, batch_id: B256, index: u32, attempt: u32) -> B256 {
        keccak256((self.0, purpose.to_owned(), batch_id, index, attempt).abi_encode())
    }

    #[cfg(test)]
    pub(crate) fn of(byte: u8) -> Self {
        Self(B256::repeat_byte(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[tokio::test]
    async fn a_store_keeps_its_secret_and_two_stores_differ() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| Store::open(StoreOptions::new(dir.path().join(name)));
        let (first, other) = (open("a.sqlite").await.unwrap(), open("b.sqlite").await.unwrap());
        let secret = Secret::open(&first).await.unwrap();
        first.close().await;
        drop(first);
        let again = Secret::open(&open("a.sqlite").await.unwrap()).await.unwrap();
        assert_eq!(secret.0, again.0);
        assert_ne!(secret.0, Secret::open(&other).await.unwrap().0);
    }

    #[test]
    fn salts_differ_by_purpose_batch_task_and_attempt() {
        let (secret, batch) = (Secret::of(1), B256::repeat_byte(2));
        let salts = std::collections::BTreeSet::from([
            secret.trace_salt(batch, 1),
            secret.trace_salt(batch, 2),
            secret.trace_salt(B256::ZERO, 1),
            secret.challenge_salt(batch, 1, 0),
            secret.challenge_salt(batch, 1, 1),
            Secret::of(3).trace_salt(batch, 1),
        ]);
        assert_eq!(salts.len(), 6);
    }

    #[test]
    fn a_sample_has_about_its_share() {
        let secret = Secret::of(1);
        let count = |rate| (0..4_000).filter(|index| secret.samples(B256::ZERO, *index, rate)).count();
        assert_eq!((count(0.0), count(1.0)), (0, 4_000));
        assert!((800..1_200).contains(&count(0.25)), "{}", count(0.25));
    }
}
