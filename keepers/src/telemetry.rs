//! Metrics and health of a keeper over HTTP: `/health` (the process lives), `/ready` (it does its work), `/metrics` (Prometheus).

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::error::{KeeperError, Result};

/// Buckets of reaction times, in seconds. The bound is 0.05.
const REACTION_BUCKETS: [f64; 10] = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0, 5.0];

/// How often histograms are drained.
const UPKEEP: Duration = Duration::from_secs(5);

/// The process's Prometheus registry, installed at the first call. `None` when the process has installed another recorder before;
/// its owner renders it then.
pub fn prometheus() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full("assay_reaction_seconds".into()), &REACTION_BUCKETS)
                .ok()?;
            builder.install_recorder().ok()
        })
        .as_ref()
}

/// Drains the recorder's histograms until cancelled; without it they grow for as long as nobody reads them.
pub async fn upkeep(cancel: CancellationToken) {
    while let Some(handle) = prometheus() {
        handle.run_upkeep();
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(UPKEEP) => {}
        }
    }
}

/// Whether the keeper does its work, with the facts that say so.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// A JSON object of facts.
    pub facts: Value,
}

type Probe = dyn Fn() -> Readiness + Send + Sync;

/// The HTTP side of a keeper, bound and not yet serving.
pub struct HealthServer {
    listener: TcpListener,
    probe: Arc<Probe>,
}

impl fmt::Debug for HealthServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthServer").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl HealthServer {
    /// Binds `address` (port 0: any free one).
    ///
    /// # Errors
    /// `port_taken`.
    pub async fn bind(address: SocketAddr, probe: impl Fn() -> Readiness + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|source| KeeperError::PortTaken { address, source })?;
        Ok(Self { listener, probe: Arc::new(probe) })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until cancelled.
    pub async fn serve(self, cancel: CancellationToken) {
        let router = Router::new()
            .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
            .route("/ready", get(ready))
            .route("/metrics", get(|| async { prometheus().map(PrometheusHandle::render).unwrap_or_default() }))
            .with_state(self.probe);
        let served = axum::serve(self.listener, router).with_graceful_shutdown(cancel.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, "the health port stopped");
        }
    }
}

async fn ready(State(probe): State<Arc<Probe>>) -> impl IntoResponse {
    let Readiness { ready, facts } = probe();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(facts))
}

/// Most memory that this process ever had resident, in bytes (`VmHWM`); `None` where the system does not say.
pub fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = holder.local_addr().unwrap();
        let error = HealthServer::bind(address, || unreachable!()).await.unwrap_err();
        assert_eq!(error.code(), "port_taken");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    #[tokio::test]
    async fn readiness_is_the_probes() {
        let server = HealthServer::bind("127.0.0.1:0".parse().unwrap(), || Readiness {
            ready: false,
            facts: json!({ "behind": 7 }),
        })
        .await
        .unwrap();
        let url = format!("http://{}", server.address().unwrap());
        let cancel = CancellationToken::new();
        let serving = tokio::spawn(server.serve(cancel.clone()));
        let ready = reqwest::get(format!("{url}/ready")).await.unwrap();
        assert_eq!(ready.status(), 503);
        assert_eq!(ready.json::<Value>().await.unwrap(), json!({ "behind": 7 }));
        assert_eq!(reqwest::get(format!("{url}/health")).await.unwrap().status(), 200);
        cancel.cancel();
        serving.await.unwrap();
    }

    #[test]
    fn peak_memory_is_known_on_linux() {
        assert!(!cfg!(target_os = "linux") || peak_rss().is_some_and(|bytes| bytes > 1 << 20));
    }
}
