//! A provider's side: answers the operators that examine its seat.
//!
//! Whoever can make a machine compute for nothing will. So a seat computes for operators that ran licences when the epoch began, by their
//! signature, for the current round, and once for each of them in it; who asks again is shown the same answer.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::{
    primitives::{Address, B256},
    providers::DynProvider,
    signers::{SignerSync, local::PrivateKeySigner},
};
use assay_contracts::{Network, Suite, network::read::Snapshot};
use assay_kernels::{cuda::Backend, model::Model};
use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, Semaphore, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Exam, Rounds,
    door::{self, Limits},
    probe::{self, Challenge, PATH, Reply, Request, model_id},
};
use crate::{
    board::{self, Board},
    error::{KeeperError, Result},
    supervise::{Backoff, Supervisor},
};

/// A question takes some 400 bytes. There is room for all operators of a large network, which come at random moments of a round.
const LIMITS: Limits = Limits { connections: 256, reading: Duration::from_secs(10), bytes: 2_048 };

/// Settings of a provider's seat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeatConfig {
    /// Where operators are answered; unset: nowhere, the provider has no seat.
    pub listen: Option<SocketAddr>,
    /// Key whose signatures are the seat's word, named as other keys are.
    pub key: Option<String>,
    /// What is asked.
    #[serde(flatten)]
    pub exam: Exam,
    /// Hardware that it is computed on: `auto`, `cpu` or `cuda`.
    pub backend: Backend,
}

/// What a seat works with, beside its configuration.
#[derive(Debug, Clone)]
pub struct SeatSetup {
    /// The contracts.
    pub suite: Suite,
    /// The chain.
    pub rpc: DynProvider,
    /// The seat's key.
    pub key: PrivateKeySigner,
}

/// A seat that answers. Dropping it ends it.
#[derive(Debug)]
pub struct Seat {
    address: SocketAddr,
    key: Address,
    cancel: CancellationToken,
    running: JoinHandle<Result<()>>,
}

impl Seat {
    /// Answers at `config.listen` until `shutdown` is cancelled.
    ///
    /// # Errors
    /// What a person has to set right: `bad_config`, a model's code, `CUDA_*`, `port_taken`.
    pub async fn start(config: SeatConfig, setup: SeatSetup, shutdown: CancellationToken) -> Result<Self> {
        let SeatSetup { suite, rpc, key } = setup;
        let address =
            config.listen.ok_or_else(|| KeeperError::Config("a seat needs an address to listen on".into()))?;
        let network = board::network(&suite, config.exam.network)?;
        let model = config.exam.open(config.backend).await?;
        let listener = TcpListener::bind(address).await.map_err(|source| KeeperError::PortTaken { address, source })?;
        let bound = listener.local_addr().map_err(|source| KeeperError::PortTaken { address, source })?;
        let board = Arc::new(Board::new(rpc, suite.chain_id, network.clone(), Duration::from_secs(1)));
        let desk = Desk {
            network,
            chain_id: suite.chain_id,
            model_id: model_id(&model),
            tasks: config.exam.tasks,
            model,
            me: key.address(),
            key,
            snapshots: board.snapshots(),
            hall: Mutex::default(),
            machine: Semaphore::new(1),
        };
        let key = desk.me;
        let router = Router::new().route(PATH, post(answer)).with_state(Arc::new(desk));
        let cancel = shutdown.child_token();
        let mut supervisor = Supervisor::new(cancel.clone(), Backoff::default());
        supervisor.spawn("seat's view", move |cancel| {
            let board = board.clone();
            async move { board.run(cancel).await }
        });
        tokio::spawn(door::serve(listener, router, LIMITS, cancel.clone()));
        tracing::info!(%key, address = %bound, "seat answers");
        let running = tokio::spawn(supervisor.wait());
        Ok(Self { address: bound, key, cancel, running })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of the key that signs.
    pub fn key(&self) -> Address {
        self.key
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The fault that ended it, if one did.
    pub async fn wait(mut self) -> Result<()> {
        let ended = (&mut self.running).await;
        ended.unwrap_or_else(|error| Err(KeeperError::Panicked { task: "seat", message: error.to_string() }))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Why nothing is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NotReady,
    NotCurrent,
    OtherExam,
    OtherSeat,
    NoOperator,
    BadSignature,
    AskedAlready,
    Failed,
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the chain is not known yet"),
            Self::NotCurrent => (StatusCode::CONFLICT, "not_current", "it is another epoch or round"),
            Self::OtherExam => (StatusCode::CONFLICT, "other_exam", "the seat has another model or number of tasks"),
            Self::OtherSeat => (StatusCode::NOT_FOUND, "other_seat", "its key is not of this seat in this epoch"),
            Self::NoOperator => (StatusCode::FORBIDDEN, "no_operator", "the operator runs no licence in this epoch"),
            Self::BadSignature => (StatusCode::FORBIDDEN, "bad_signature", "the operator's key did not sign this"),
            Self::AskedAlready => (StatusCode::TOO_MANY_REQUESTS, "asked_already", "it was asked otherwise before"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed", "the tasks could not be computed"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        metrics::counter!("assay_seat_refusals_total", "code" => code).increment(1);
        (status, Json(json!({ "error": code, "message": message }))).into_response()
    }
}

/// What an operator asked in the current round.
#[derive(Debug)]
struct Asked {
    signature: B256,
    reply: OnceCell<Reply>,
}

/// Who may ask in the current epoch, and who did in the current round.
#[derive(Debug, Default)]
struct Hall {
    /// What it was made of: the epoch and its seed.
    epoch: Option<(u32, B256)>,
    /// Keys of operators that run licences.
    keys: HashMap<u32, Address>,
    round: u32,
    /// By seat, since a key may answer in several, and operator.
    asked: HashMap<(u32, u32), Arc<Asked>>,
}

#[derive(Debug)]
struct Desk {
    network: Network,
    chain_id: u64,
    model: Arc<Model>,
    model_id: B256,
    tasks: u32,
    key: PrivateKeySigner,
    me: Address,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    hall: Mutex<Hall>,
    /// One probe at a time has the machine, so that each is as quick as it can be.
    machine: Semaphore,
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    body: Result<Json<Request>, JsonRejection>,
) -> Result<Json<Reply>, Response> {
    let Json(request) = body.map_err(IntoResponse::into_response)?;
    let (seed, provider, asked) = desk.admit(&request).map_err(IntoResponse::into_response)?;
    // What was begun is finished, even if who asked went away, and then shown to who asks again.
    let computed = tokio::spawn(async move {
        let compute = || desk.clone().compute(request, seed, provider);
        asked.reply.get_or_try_init(compute).await.cloned()
    });
    let reply = computed.await.unwrap_or(Err(Refusal::Failed));
    reply.map(Json).map_err(IntoResponse::into_response)
}

impl Desk {
    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the question is answered at all; its epoch's seed, the provider, and where the answer is kept.
    fn admit(&self, request: &Request) -> Result<(B256, Address, Arc<Asked>), Refusal> {
        let snapshot = self.snapshots.borrow().clone().ok_or(Refusal::NotReady)?;
        let rounds = Rounds::at(&self.network, snapshot.time).ok_or(Refusal::NotCurrent)?;
        let current = (Some(rounds.epoch()), rounds.round_at(snapshot.time));
        let seed = snapshot.history.seed_of(request.epoch);
        let (Some(seed), true) = (seed, current == (Some(request.epoch), Some(request.round))) else {
            return Err(Refusal::NotCurrent);
        };
        if (request.model, request.tasks) != (self.model_id, self.tasks) {
            return Err(Refusal::OtherExam);
        }
        let seat = snapshot.history.seat_in(request.seat, request.epoch).filter(|seat| seat.key == self.me);
        let provider = seat.ok_or(Refusal::OtherSeat)?.provider;
        let key = self.key_of(&snapshot, (request.epoch, seed), request).ok_or(Refusal::NoOperator)?;
        let digest = request.probe().digest(self.chain_id, self.network.attestations);
        if probe::signer(&digest, &request.signature) != Some(key) {
            return Err(Refusal::BadSignature);
        }
        let signature = alloy::primitives::keccak256(&request.signature);
        let asked = {
            let mut hall = self.hall();
            let new = || Arc::new(Asked { signature, reply: OnceCell::new() });
            hall.asked.entry((request.seat, request.operator)).or_insert_with(new).clone()
        };
        if asked.signature != signature { Err(Refusal::AskedAlready) } else { Ok((seed, provider, asked)) }
    }

    /// The key of an operator that runs licences in the epoch. What was asked in rounds before is forgotten.
    fn key_of(&self, snapshot: &Snapshot, epoch: (u32, B256), request: &Request) -> Option<Address> {
        let mut hall = self.hall();
        if hall.epoch != Some(epoch) {
            let delegated = snapshot.history.delegated_in(epoch.0);
            let attesters = snapshot.history.attesters(epoch.0).zip(delegated);
            let running = attesters.filter(|(operator, delegated)| *delegated > 0 && !operator.key.is_zero());
            let keys = running.map(|(operator, _)| (operator.number, operator.key)).collect();
            *hall = Hall { epoch: Some(epoch), keys, ..Hall::default() };
        }
        if hall.round != request.round {
            hall.round = request.round;
            hall.asked.clear();
        }
        hall.keys.get(&request.operator).copied()
    }

    /// Computes all tasks and signs what came of them.
    async fn compute(self: Arc<Self>, request: Request, seed: B256, provider: Address) -> Result<Reply, Refusal> {
        let _turn = self.machine.acquire().await.map_err(|_| Refusal::Failed)?;
        let desk = self.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let digest = request.probe().digest(desk.chain_id, desk.network.attestations);
            let challenge = Challenge::new(&desk.model, &seed, &digest, &request);
            let leaves = challenge.compute(&desk.model).ok()?;
            let result = challenge.result(&desk.model, desk.chain_id, provider, &leaves)?;
            let digest = probe::response(desk.chain_id, desk.network.attestations, &request, result);
            let signature = desk.key.sign_hash_sync(&digest).ok()?;
            Some(Reply { leaves, signature: signature.as_bytes().to_vec().into() })
        });
        let reply = computed.await.ok().flatten().ok_or(Refusal::Failed)?;
        metrics::counter!("assay_seat_probes_total").increment(1);
        Ok(reply)
    }
}
