//! A relay of drand's HTTP API that serves the published rounds of quicknet among the vectors and, where told to, misbehaves.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::workspace_root;

/// What a relay does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// Serves what the network published.
    #[default]
    Honest,
    /// Says that it has no such round, as before the round's time.
    Withholding,
    /// Fails.
    Failing,
    /// Never answers.
    Silent,
    /// Sends whoever asks elsewhere.
    Redirecting,
    /// Answers with a page for people.
    Babbling,
    /// Answers without an end.
    Endless,
    /// Answers with the signature of another round, and says so.
    Mistaken,
    /// Answers with the signature of another round under the number that was asked for.
    Lying,
    /// Answers with a signature that is no point of the curve.
    Garbling,
}

impl Mood {
    /// All but the honest one.
    pub const BAD: [Self; 9] = [
        Self::Withholding,
        Self::Failing,
        Self::Silent,
        Self::Redirecting,
        Self::Babbling,
        Self::Endless,
        Self::Mistaken,
        Self::Lying,
        Self::Garbling,
    ];
}

#[derive(Debug, Default)]
struct Shared {
    mood: Mood,
    requests: u64,
}

/// A running relay.
#[derive(Debug)]
pub struct DrandRelay {
    url: String,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

impl DrandRelay {
    /// Starts a relay in this mood.
    pub async fn spawn(mood: Mood) -> Self {
        let shared = Arc::new(Mutex::new(Shared { mood, requests: 0 }));
        let app = Router::new().route("/{chain}/public/{round}", get(answer)).with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serving on loopback");
        });
        Self { url, shared, server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Behave so from now on; returns how many requests there were before.
    pub fn set(&self, mood: Mood) -> u64 {
        let mut shared = lock(&self.shared);
        shared.mood = mood;
        shared.requests
    }

    /// Requests that arrived so far.
    pub fn requests(&self) -> u64 {
        lock(&self.shared).requests
    }
}

impl Drop for DrandRelay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The vectors of quicknet.
///
/// # Panics
/// When the file is missing or damaged.
pub fn quicknet() -> Value {
    let path = workspace_root().join("test-fixtures/vectors/drand-quicknet.json");
    serde_json::from_slice(&std::fs::read(path).expect("the vectors are there")).expect("the vectors are JSON")
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().expect("nothing panics under the lock")
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, Path((chain, round)): Path<(String, u64)>) -> Response {
    let mood = {
        let mut shared = lock(&shared);
        shared.requests += 1;
        shared.mood
    };
    let vectors = quicknet();
    let rounds = vectors["rounds"].as_array().expect("a list");
    let asked = rounds.iter().find(|entry| entry["round"] == round);
    let (Some(asked), true) = (asked, vectors["chainHash"] == format!("0x{chain}")) else {
        // Who never answers does not say this either.
        return if mood == Mood::Silent { std::future::pending().await } else { StatusCode::NOT_FOUND.into_response() };
    };
    let other = rounds.iter().find(|entry| entry["round"] != round).expect("a second round");
    let plain = |number: &Value, signature: &Value| {
        let [randomness, signature] = [&asked["randomness"], signature].map(|value| {
            let digits = value.as_str().expect("a hex string");
            digits.trim_start_matches("0x").to_owned()
        });
        Json(json!({ "round": number, "randomness": randomness, "signature": signature })).into_response()
    };
    match mood {
        Mood::Honest => plain(&asked["round"], &asked["signature"]),
        Mood::Withholding => StatusCode::NOT_FOUND.into_response(),
        Mood::Failing => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::Silent => std::future::pending().await,
        Mood::Redirecting => Redirect::temporary("/").into_response(),
        Mood::Babbling => "<html>Please enable cookies</html>".into_response(),
        Mood::Endless => {
            let chunk = || Some((Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1_024])), ()));
            Body::from_stream(futures::stream::unfold((), move |()| async move { chunk() })).into_response()
        }
        Mood::Mistaken => plain(&other["round"], &other["signature"]),
        Mood::Lying => plain(&asked["round"], &other["signature"]),
        Mood::Garbling => plain(&asked["round"], &json!("ff".repeat(48))),
    }
}
