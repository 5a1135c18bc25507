//! A keeper's store: one SQLite file, held by one process at a time.
//!
//! Writes go through one connection, so that a write never waits for another inside SQLite; reads have their own.
//! A killed process loses nothing that it has committed. A power cut may take the last commits, never their order, and nothing up to
//! the last [`Store::write_through`]: a lost transaction hash is lost money, all else is found out again.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::error::{KeeperError, Result};

/// A transaction on the store.
pub type StoreTransaction = Transaction<'static, Sqlite>;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The SQLite file. It is made when missing, its directory too.
    pub path: PathBuf,
    /// Most pages (of 4 KiB) that the file may have; `None`: as many as the disk holds.
    pub max_pages: Option<u32>,
}

impl StoreOptions {
    /// A store at `path` without a limit.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_pages: None }
    }
}

/// An open store. Clones share it. The lease ends with the last clone, or with the process, however it ends.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    path: Arc<Path>,
    _lease: Arc<File>,
}

impl Store {
    /// Opens (or makes) the store, takes its lease and brings its tables up to date.
    ///
    /// # Errors
    /// `store_locked` when another process has it, `store_corrupt` when its tables are of another version, `io`.
    pub async fn open(options: StoreOptions) -> Result<Self> {
        let StoreOptions { path, max_pages } = options;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|source| KeeperError::Io { path: parent.into(), source })?;
        }
        let lease = take_lease(&path)?;
        let mut connect = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        if let Some(pages) = max_pages {
            connect = connect.pragma("max_page_count", pages.to_string());
        }
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(connect.clone()).await?;
        sqlx::migrate!("./migrations").run(&writer).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                KeeperError::from(error)
            }
            other => KeeperError::StoreCorrupt(other.to_string()),
        })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(connect.create_if_missing(false).read_only(true))
            .await?;
        Ok(Self { writer, readers, path: path.into(), _lease: Arc::new(lease) })
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a transaction that writes. It is rolled back when dropped without a commit.
    pub async fn write(&self) -> Result<StoreTransaction> {
        Ok(self.writer.begin_with("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await?)
    }

    /// Like [`Self::write`]; its commit returns once it and all before it are on the disk, which may take long on a busy one.
    pub async fn write_through(&self) -> Result<StoreTransaction> {
        Ok(self.writer.begin_with("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").await?)
    }

    /// The pool for queries that only read. They see the last committed state.
    pub fn read(&self) -> &SqlitePool {
        &self.readers
    }

    /// Closes the connections; the lease ends with the last clone.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Locks `<store>.lock`. The system drops the lock when the process ends, so a crash leaves nothing to clean up.
fn take_lease(store: &Path) -> Result<File> {
    let mut path = store.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| KeeperError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(KeeperError::StoreLocked { path: store.into() }),
        Err(TryLockError::Error(source)) => Err(KeeperError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_has_one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/keeper.sqlite");
        let first = Store::open(StoreOptions::new(&path)).await.unwrap();
        let error = Store::open(StoreOptions::new(&path)).await.unwrap_err();
        assert_eq!(error.code(), "store_locked");
        assert!(error.to_string().contains("keeper.sqlite"), "{error}");
        first.close().await;
        drop(first);
        Store::open(StoreOptions::new(&path)).await.unwrap();
    }

    /// 1 is `NORMAL`, 2 is `FULL`, as SQLite numbers them.
    #[tokio::test]
    async fn only_what_is_written_through_waits_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(dir.path().join("keeper.sqlite"))).await.unwrap();
        for _ in 0..2 {
            let mut tx = store.write().await.unwrap();
            let level: u32 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *tx).await.unwrap();
            assert_eq!(level, 1);
            drop(tx);
            let mut tx = store.write_through().await.unwrap();
            let level: u32 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *tx).await.unwrap();
            assert_eq!(level, 2);
        }
    }

    #[tokio::test]
    async fn a_full_store_says_so_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keeper.sqlite");
        Store::open(StoreOptions::new(&path)).await.unwrap().close().await;
        let pages = std::fs::metadata(&path).unwrap().len() / 4096 + 4;
        let store = Store::open(StoreOptions { path, max_pages: Some(pages as u32) }).await.unwrap();
        let mut stored = 0u32;
        let error = loop {
            let mut tx = store.write().await.unwrap();
            let insert = sqlx::query("INSERT INTO blocks (number, hash) VALUES (?, ?)")
                .bind(stored)
                .bind(vec![0u8; 2000])
                .execute(&mut *tx)
                .await;
            match insert {
                Ok(_) => tx.commit().await.unwrap(),
                Err(error) => break KeeperError::from(error),
            }
            stored += 1;
            assert!(stored < 100, "the limit never bit");
        };
        assert_eq!((error.code(), error.is_retryable()), ("store_full", true));
        let kept: u32 = sqlx::query_scalar("SELECT count(*) FROM blocks").fetch_one(store.read()).await.unwrap();
        assert!(stored > 0 && kept == stored, "stored {stored}, kept {kept}");
    }
}
