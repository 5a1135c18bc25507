//! A JSON-RPC endpoint with faults: it passes requests on to a real one and, where told to, misbehaves.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the proxy does wrong. All zero: nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// One in so many requests is answered 429.
    pub too_many_requests_every: u64,
    /// One in so many requests is not passed on and gets no answer for [`Faults::hang`].
    pub hang_every: u64,
    /// One in so many requests is passed on, but its answer is lost: 502 after the deed.
    pub lose_answer_every: u64,
    /// How long a hung request hangs.
    pub hang: Duration,
    /// How many blocks the head that is shown lies behind the real one.
    pub lag: u64,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Faults,
    requests: u64,
    sent: u64,
}

#[derive(Clone, Debug)]
struct Proxy {
    upstream: String,
    client: reqwest::Client,
    shared: Arc<Mutex<Shared>>,
}

/// A running proxy.
#[derive(Debug)]
pub struct FaultProxy {
    proxy: Proxy,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a faultless proxy in front of `upstream`.
    pub async fn spawn(upstream: &str) -> Self {
        let proxy = Proxy { upstream: upstream.to_owned(), client: reqwest::Client::new(), shared: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut this = Self { proxy, address, server: None };
        this.serve(listener);
        this
    }

    /// JSON-RPC address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Misbehave so from now on.
    pub fn set(&self, faults: Faults) {
        self.proxy.shared().faults = faults;
    }

    /// Requests that arrived so far.
    pub fn requests(&self) -> u64 {
        self.proxy.shared().requests
    }

    /// Transactions that were passed on so far (`eth_sendRawTransaction`).
    pub fn transactions(&self) -> u64 {
        self.proxy.shared().sent
    }

    /// Refuses connections until [`FaultProxy::start`].
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // Aborted: the error is the abort.
            let _ = server.await;
        }
    }

    /// Listens again, at the same address.
    pub async fn start(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still ours");
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let app = Router::new().route("/", post(handle)).with_state(self.proxy.clone());
        self.server = Some(tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serving on loopback");
        }));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl Proxy {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no holder panics")
    }

    async fn forward(&self, body: &Value) -> Result<Value, reqwest::Error> {
        self.client.post(&self.upstream).json(body).send().await?.json().await
    }

    /// The head that a node `lag` blocks behind would show.
    async fn stale_head(&self, lag: u64) -> Result<u64, reqwest::Error> {
        let reply =
            self.forward(&json!({"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []})).await?;
        let digits = reply["result"].as_str().unwrap_or("0x0").trim_start_matches("0x");
        Ok(u64::from_str_radix(digits, 16).unwrap_or_default().saturating_sub(lag))
    }

    /// Answers as a node that lags would; `None` when the request does not ask about the head.
    async fn lagging(&self, request: &Value, lag: u64) -> Result<Option<Value>, reqwest::Error> {
        let head = self.stale_head(lag).await?;
        let result = match request["method"].as_str() {
            Some("eth_blockNumber") => json!(format!("0x{head:x}")),
            Some("eth_getBlockByNumber") => match request["params"][0].as_str() {
                Some("latest" | "pending") => {
                    let mut request = request.clone();
                    request["params"][0] = json!(format!("0x{head:x}"));
                    return Ok(Some(self.forward(&request).await?));
                }
                Some(tag) => match u64::from_str_radix(tag.trim_start_matches("0x"), 16) {
                    Ok(number) if number > head => Value::Null,
                    _ => return Ok(None),
                },
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(json!({"jsonrpc": "2.0", "id": request["id"], "result": result})))
    }
}

async fn handle(State(proxy): State<Proxy>, body: Bytes) -> Response {
    let (number, faults) = {
        let mut shared = proxy.shared();
        shared.requests += 1;
        (shared.requests, shared.faults.clone())
    };
    let every = |n: u64| n != 0 && number.is_multiple_of(n);
    if every(faults.too_many_requests_every) {
        return (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
    }
    if every(faults.hang_every) {
        tokio::time::sleep(faults.hang).await;
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "not JSON").into_response();
    };
    if faults.lag > 0
        && let Ok(Some(reply)) = proxy.lagging(&request, faults.lag).await
    {
        return answer(&reply);
    }
    if request["method"] == "eth_sendRawTransaction" {
        proxy.shared().sent += 1;
    }
    match proxy.forward(&request).await {
        Ok(_) if every(faults.lose_answer_every) => StatusCode::BAD_GATEWAY.into_response(),
        Ok(reply) => answer(&reply),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

fn answer(reply: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], reply.to_string()).into_response()
}
