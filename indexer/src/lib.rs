//! The suite's events into tables and over HTTP.
//!
//! [`Indexer::start`] follows the chain of a deployment into a SQLite database and serves it. Everything in the tables is
//! derived from events, each stored with its effects in one transaction; a reorganisation takes both back exactly.
//!
//! ```no_run
//! # async fn run() -> Result<(), assay_indexer::IndexerError> {
//! use assay_indexer::{CancellationToken, Indexer, IndexerConfig};
//!
//! let shutdown = CancellationToken::new();
//! let indexer = Indexer::start(IndexerConfig::default(), shutdown.clone()).await?;
//! println!("http://{}/", indexer.address());
//! let mut progress = indexer.progress();
//! progress.wait_for(|progress| progress.caught_up).await.ok();
//! shutdown.cancel();
//! indexer.stopped().await
//! # }
//! ```

mod api;
mod config;
mod describe;
mod error;
mod ingest;
mod lists;
mod metrics;
mod networks;
pub mod rows;
mod state;
mod store;
mod wallet_connect;

pub use config::IndexerConfig;
pub use error::{IndexerError, SuiteName};
pub use ingest::{Progress, Trouble};
pub use tokio_util::sync::CancellationToken;

use assay_blobs::Blobs;
use assay_contracts::{Suite, rpc};
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A running indexer. Dropping it leaves it running until the shutdown token is cancelled.
#[derive(Debug)]
pub struct Indexer {
    address: SocketAddr,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<Result<(), IndexerError>>,
}

impl Indexer {
    /// Opens the database, starts to serve, and follows the chain until `shutdown` is cancelled. An unreachable RPC is no
    /// error: the indexer serves what it has and waits.
    ///
    /// # Errors
    /// What needs the operator: a taken port, an unreadable deployment, a database of another deployment.
    pub async fn start(config: IndexerConfig, shutdown: CancellationToken) -> Result<Self, IndexerError> {
        let suite = Suite::load(&config.suite)?;
        let provider = rpc::connect(&config.rpc_url, Duration::from_millis(config.rpc_timeout_ms))?;
        let blobs = Blobs::files(&config.blobs)?;
        let public_rpc_url = config.public_rpc_url.clone();
        let wallet_connect = wallet_connect::WalletConnect::of(&config)?;
        let page_policy = api::page_policy(public_rpc_url.as_deref(), wallet_connect.as_ref())
            .ok_or_else(|| IndexerError::PublicRpcUrl(public_rpc_url.clone().unwrap_or_default()))?;
        let lists = lists::Lists::read(&config.lists)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| IndexerError::Bind { address: config.listen, source })?;
        let address = listener.local_addr().map_err(|source| IndexerError::Bind { address: config.listen, source })?;
        if let Some(folder) = config.database.parent() {
            std::fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
        }
        let (writer, readers) = store::open(&config.database, &suite, config.database_max_bytes).await?;

        let (sender, progress) = watch::channel(Progress::default());
        let metrics = metrics::Metrics::new();
        let stop = shutdown.child_token();
        let app = api::App {
            readers,
            blobs,
            suite: suite.clone(),
            lists: lists.into(),
            networks: networks::Networks::new(&suite),
            progress: progress.clone(),
            metrics: metrics.clone(),
            limits: api::Limits::new(&config),
            batches: api::BatchCache::default(),
            stop: stop.clone(),
            public_rpc_url,
            wallet_connect,
            page_policy,
        };
        let ingest = ingest::Ingest { config, provider, suite, writer, progress: sender, metrics };
        let task = tokio::spawn(run(ingest, app, listener, stop));
        Ok(Self { address, progress, task })
    }

    /// Where HTTP listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How far it is; changes as it goes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until it has stopped: after the shutdown token was cancelled, or on an error that needs the operator.
    pub async fn stopped(self) -> Result<(), IndexerError> {
        joined(self.task.await).unwrap_or(Ok(()))
    }
}

/// Serves and follows; when either ends, so does the other.
async fn run(
    ingest: ingest::Ingest,
    app: api::App,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), IndexerError> {
    let server = tokio::spawn(api::serve(listener, app));
    let result = ingest.run(stop.clone()).await;
    stop.cancel();
    if let Err(error) = &result {
        tracing::error!(code = error.code(), %error, "indexing stopped");
    }
    joined(server.await);
    result
}

/// What a task returned; none when the runtime ended it. A panic goes on.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}
