//! HTTP: what the tables say, as JSON.

mod accounts;
mod batches;
mod deployment;
mod error;
mod events;
mod extract;
mod layers;
mod models;
mod networks;
mod orders;
mod page;
mod sales;
mod status;
mod stream;
mod tasks;
mod verification;
mod web;

pub(crate) use tasks::BatchCache;

use crate::{
    config::IndexerConfig, ingest::Progress, lists::Lists, metrics::Metrics, networks::Networks, rows::schema,
    wallet_connect::WalletConnect,
};
use assay_blobs::Blobs;
use assay_contracts::Suite;
use axum::{
    Router,
    http::{HeaderValue, Uri},
    middleware,
    routing::get,
};
use error::ApiError;
use sqlx::SqlitePool;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, cors};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Longest wait for open requests at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) readers: SqlitePool,
    pub(crate) blobs: Blobs,
    pub(crate) suite: Suite,
    pub(crate) lists: Arc<Lists>,
    pub(crate) networks: Networks,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) batches: BatchCache,
    pub(crate) stop: CancellationToken,
    /// For `/v1/deployment`.
    pub(crate) public_rpc_url: Option<String>,
    pub(crate) wallet_connect: Option<WalletConnect>,
    /// The page's content security policy.
    pub(crate) page_policy: HeaderValue,
}

/// What one client may ask for.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    request_timeout: Duration,
    streams: Arc<Semaphore>,
    ready_max_behind: u64,
}

impl Limits {
    pub(crate) fn new(config: &IndexerConfig) -> Self {
        Self {
            request_timeout: Duration::from_millis(config.request_timeout_ms),
            streams: Arc::new(Semaphore::new(config.max_streams.min(Semaphore::MAX_PERMITS))),
            ready_max_behind: config.ready_max_behind,
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Assay indexer",
        description = "Orders, batches, tasks, models, providers and accounts of one Assay deployment, derived from its \
            events. Lists are newest first and paged by cursor: pass `next` of one page as `cursor` of the following one. \
            Every JSON response carries an `ETag`; send it back as `If-None-Match` to be answered 304 when nothing changed. \
            Errors have a stable `code`.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(schema::Hash, schema::Account, schema::Amount, schema::Position)),
    tags(
        (name = "work", description = "Orders, batches and tasks"),
        (name = "verification", description = "Disputes and validators; draws are part of their batches"),
        (name = "nodes", description = "Sales of node licences and who holds them; networks, who is up in them, and what that earns"),
        (name = "registry", description = "Models, providers, fees and who sets them"),
        (name = "accounts", description = "Ledger balances, provisions and history"),
        (name = "events", description = "The events behind it all"),
        (name = "service", description = "The indexer itself")
    )
)]
struct Document;

/// Every route with its part of the OpenAPI document.
fn routes() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(orders::batches))
        .routes(routes!(orders::takes))
        .routes(routes!(orders::history))
        .routes(routes!(tasks::of_order))
        .routes(routes!(tasks::one_of_order))
        .routes(routes!(batches::list))
        .routes(routes!(batches::one))
        .routes(routes!(tasks::of_batch))
        .routes(routes!(tasks::one_of_batch))
        .routes(routes!(verification::disputes))
        .routes(routes!(verification::dispute))
        .routes(routes!(verification::validators))
        .routes(routes!(sales::list))
        .routes(routes!(sales::one))
        .routes(routes!(sales::purchases))
        .routes(routes!(sales::licenses))
        .routes(routes!(sales::license))
        .routes(routes!(sales::payouts))
        .routes(routes!(sales::account))
        .routes(routes!(sales::promo))
        .routes(routes!(sales::history))
        .routes(routes!(networks::list))
        .routes(routes!(networks::one))
        .routes(routes!(networks::history))
        .routes(routes!(networks::operators::list))
        .routes(routes!(networks::operators::one))
        .routes(routes!(networks::seats::list))
        .routes(routes!(networks::licenses::one))
        .routes(routes!(networks::rewards::of_license))
        .routes(routes!(networks::rewards::of_operator))
        .routes(routes!(models::list))
        .routes(routes!(models::one))
        .routes(routes!(models::providers))
        .routes(routes!(models::provider))
        .routes(routes!(models::fees))
        .routes(routes!(models::roles))
        .routes(routes!(accounts::one))
        .routes(routes!(accounts::history))
        .routes(routes!(events::list))
        .routes(routes!(stream::stream))
        .routes(routes!(status::stats))
        .routes(routes!(deployment::one))
        .routes(routes!(status::health))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
        .routes(routes!(status::openapi))
        .split_for_parts()
}

/// The content security policy of a page that reads the chain at `rpc_url`; none when that is no URL.
pub(crate) fn page_policy(rpc_url: Option<&str>, relay: Option<&WalletConnect>) -> Option<HeaderValue> {
    let rpc_origin = match rpc_url.map(str::parse::<Uri>) {
        None => None,
        Some(Ok(url)) => Some(format!("{}://{}", url.scheme_str()?, url.authority()?)),
        Some(Err(_)) => return None,
    };
    let others = [rpc_origin, relay.and_then(WalletConnect::origin)].into_iter().flatten();
    HeaderValue::from_str(&web::policy(others)).ok()
}

/// The OpenAPI document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    routes().1
}

fn router(app: Arc<App>) -> Router {
    let read_only = cors::CorsLayer::new()
        .allow_origin(cors::Any)
        .allow_methods([axum::http::Method::GET])
        .allow_headers(cors::Any)
        .expose_headers([axum::http::header::ETAG]);
    let (documented, _) = routes();
    documented
        .route("/", get(web::page))
        .route("/assets/{name}", get(web::asset))
        .fallback(|| async { ApiError::no_route() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(app.clone(), layers::time_out))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn(layers::etag))
        .layer(middleware::from_fn_with_state(app.clone(), layers::measure))
        .layer(CompressionLayer::new())
        .layer(read_only)
        .with_state(app)
}

/// Serves until the app's `stop` is cancelled and open requests are answered.
pub(crate) async fn serve(listener: TcpListener, app: App) {
    let stop = app.stop.clone();
    let server = axum::serve(listener, router(Arc::new(app))).with_graceful_shutdown(stop.clone().cancelled_owned());
    let drained = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        result = server.into_future() => {
            if let Err(error) = result {
                tracing::error!(%error, "HTTP stopped");
            }
        }
        () = drained => {}
    }
}
