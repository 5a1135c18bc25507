//! A devnet with a node network: an operator with a licence, and providers with seats that answer well or badly.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{Address, B256, Bytes, U256, address, uint},
    providers::DynProvider,
    rpc::types::TransactionReceipt,
    signers::{Signature, SignerSync, local::PrivateKeySigner},
};
use assay_contracts::{
    Attestations, LicenseStaking, Network, PrevrandaoBeacon, Staking, Suite,
    beacon::header_rlp,
    deploy,
    network::read::{self, Watch},
    rpc,
};
use assay_epochs::uptime::answers::Answers;
use assay_keepers::{
    checker,
    examination::{Challenge, Exam, Reply, Request, Rounds, Seat, SeatConfig, SeatSetup, probe},
};
use assay_kernels::model::Model;
use assay_test_fixtures::{AnvilOptions, tiny_model_dir};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{ADMIN, Devnet, quick_tx};

pub const LICENSES: u32 = 10;
/// The only operator that runs licences.
pub const OPERATOR: u32 = LICENSES + 1;
pub const EPOCH: u32 = 1_000;
const SEALS: u32 = 100;
pub const REVEALS: u32 = 200;
pub const AUDITS: u16 = 4;
pub const TASKS: u32 = 8;
const LICENSE: Address = address!("11cE000000000000000000000000000000000001");

pub struct Exams {
    pub net: Devnet,
    pub network: Network,
    /// Attests for the operator.
    pub key: PrivateKeySigner,
}

async fn send<P: alloy::providers::Provider, D: CallDecoder>(call: CallBuilder<P, D>) -> TransactionReceipt {
    let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    receipt
}

impl Exams {
    /// A network with this many rounds whose first epoch begins in a minute, with an operator that runs three licences in it, and one that
    /// runs none.
    pub async fn start(rounds: u16) -> Self {
        Self::start_of(tiny_model_dir(), rounds).await
    }

    /// The same, examined by the model in `package`.
    pub async fn start_of(package: PathBuf, rounds: u16) -> Self {
        let parameters = deploy::devnet_parameters(ADMIN);
        let mut net = Devnet::start_of(package, &AnvilOptions::default(), parameters).await;
        net.anvil.rpc("anvil_autoImpersonateAccount", json!([true])).await;
        // All that a network asks of a collection is who owns a licence: `return ADMIN`.
        let code = [&[0x73][..], ADMIN.as_slice(), &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
        net.anvil.rpc("anvil_setCode", json!([LICENSE, Bytes::from(code)])).await;
        let mut terms = deploy::devnet_network(LICENSE, LICENSES, net.now().await + 60);
        (terms.epoch_length, terms.exam.seal_time, terms.exam.reveal_time) = (EPOCH, SEALS, REVEALS);
        (terms.exam.rounds, terms.exam.audits, terms.exam.seat_stake) = (rounds, AUDITS, 1_000);
        (terms.exam.exit_delay, terms.roots.window, terms.faults.offline_limit) = (5_000, 100, 1);
        let network = deploy::deploy_network(&net.rpc, ADMIN, &net.suite, terms, |_, _| {}).await.unwrap();
        net.suite.networks.push(network.clone());
        let this = Self { net, network, key: PrivateKeySigner::random() };
        this.endow(this.key.address()).await;
        let staking = LicenseStaking::new(this.network.license_staking, &this.net.rpc);
        send(staking.register(this.key.address(), 500, LICENSES).from(ADMIN)).await;
        send(staking.delegate(vec![U256::from(1), U256::from(2), U256::from(3)], OPERATOR, 500).from(ADMIN)).await;
        let idle = this.account().await;
        send(staking.register(idle, 500, LICENSES).from(idle)).await;
        this
    }

    /// Native currency for gas.
    async fn endow(&self, account: Address) {
        self.net.anvil.rpc("anvil_setBalance", json!([account, "0x56bc75e2d63100000"])).await;
    }

    /// A new account with gas.
    async fn account(&self) -> Address {
        let account = PrivateKeySigner::random().address();
        self.endow(account).await;
        account
    }

    /// Takes a seat for a new provider.
    pub async fn enroll(&self, key: Address, endpoint: impl ToString) -> Address {
        let provider = self.account().await;
        self.net.fund(provider, self.net.suite.staking).await;
        let staking = Staking::new(self.net.suite.staking, &self.net.rpc);
        let stake = U256::from(self.network.terms.exam.seat_stake);
        send(staking.stake(provider, self.network.attestations, stake).from(provider)).await;
        send(self.attestations().enroll(key, endpoint.to_string()).from(provider)).await;
        provider
    }

    pub fn attestations(&self) -> Attestations::AttestationsInstance<DynProvider> {
        Attestations::new(self.network.attestations, self.net.rpc.clone())
    }

    /// Waits for the chain's clock, and mines.
    pub async fn until(&self, time: u64) {
        let now = self.net.now().await;
        if time > now {
            self.net.anvil.increase_time(time - now).await;
        }
    }

    /// Draws the seed of an epoch that takes seals no more.
    pub async fn draw(&self, epoch: u32) {
        self.until(self.network.seals_end(epoch)).await;
        let attestations = self.attestations();
        send(attestations.begin(epoch).from(ADMIN)).await;
        self.net.anvil.mine(5).await;
        let round = attestations.roundOf(epoch).call().await.unwrap();
        let (_, header) = header_rlp(&self.net.rpc, round).await.unwrap();
        send(PrevrandaoBeacon::new(self.net.suite.beacon, &self.net.rpc).record(header).from(ADMIN)).await;
        send(attestations.draw(epoch).from(ADMIN)).await;
    }

    /// Comes to the time of a round at which everybody was to be asked.
    pub async fn enter(&self, epoch: u32, round: u32) {
        let span = Rounds::new(&self.network, epoch).span(round);
        self.until(span.start + (span.end - span.start) * 4 / 5).await;
    }

    pub fn exam(&self) -> Exam {
        Exam { model: Some(self.net.package.clone()), tasks: TASKS, ..Exam::default() }
    }

    /// A configuration for quick tests; `name` names its store.
    pub fn config(&self, name: &str) -> checker::Config {
        checker::Config {
            store: self.net.path(&format!("{name}.sqlite")),
            exam: self.exam(),
            // More than a busy machine takes.
            deadline_ms: 20_000,
            patience: 2,
            private_endpoints: true,
            poll_interval_ms: 50,
            tx: quick_tx(),
            ..checker::Config::default()
        }
    }

    pub fn setup(&self) -> checker::Setup {
        self.setup_at(self.net.anvil.url())
    }

    pub fn setup_at(&self, url: &str) -> checker::Setup {
        let rpc = rpc::connect(url, Duration::from_millis(1_500)).unwrap();
        checker::Setup { suite: self.net.suite.clone(), rpc, key: self.key.clone() }
    }

    pub async fn checker(&self, name: &str) -> checker::Handle {
        checker::start(self.config(name), self.setup(), CancellationToken::new()).await.unwrap()
    }

    /// A real seat that answers on this machine.
    pub async fn seat(&self, key: &PrivateKeySigner) -> Seat {
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let config = SeatConfig { listen: Some(listen), exam: self.exam(), ..SeatConfig::default() };
        let rpc = rpc::connect(self.net.anvil.url(), Duration::from_secs(5)).unwrap();
        let setup = SeatSetup { suite: self.net.suite.clone(), rpc, key: key.clone() };
        Seat::start(config, setup, CancellationToken::new()).await.unwrap()
    }

    /// What the operator revealed of an epoch, by seat and round; `None` if nothing.
    pub async fn revealed(&self, epoch: u32) -> Option<Vec<Vec<u8>>> {
        let history = read::history(&self.net.rpc, &self.network, self.net.anvil.block_number().await).await.unwrap();
        if !history.has_revealed(epoch, OPERATOR) {
            return None;
        }
        let inputs = history.inputs(epoch).unwrap();
        let answers: &Answers = &inputs.reveals[0].answers;
        let of = |seat| (0..answers.rounds()).map(|round| answers.get(round, seat)).collect();
        Some((0..answers.seats()).map(of).collect())
    }

    /// What the operator sealed of an epoch.
    pub async fn sealed(&self, epoch: u32) -> B256 {
        self.attestations().sealOf(epoch, OPERATOR).call().await.unwrap()
    }
}

/// How a provider that is no honest one answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Manner {
    /// As it should.
    Honest,
    /// Right, and signed by another key.
    OtherKey,
    /// Signed, and computed nothing.
    Guess,
    /// Signed, and computed half of it.
    Lazy,
    /// Right, without the last task.
    Short,
    /// Right, and signed in a way that the contract refuses.
    Malleable,
    /// Right, and late.
    Slow(u16),
    /// No JSON.
    Noise,
    /// More bytes than anybody wants.
    Flood,
    /// Refuses.
    Refuse,
    /// Sends them elsewhere.
    Redirect,
}

/// A provider of a test.
pub struct Stranger {
    pub address: SocketAddr,
    pub key: PrivateKeySigner,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Manner,
    key: PrivateKeySigner,
    suite: Suite,
    network: Network,
    model: Model,
    rpc: DynProvider,
    /// How often each round of an epoch was asked.
    asked: Mutex<HashMap<(u32, u32), u32>>,
    salt: AtomicU8,
}

impl Stranger {
    pub async fn start(exams: &Exams, manner: Manner) -> Self {
        let key = PrivateKeySigner::random();
        let shared = Arc::new(Shared {
            manner,
            key: key.clone(),
            suite: exams.net.suite.clone(),
            network: exams.network.clone(),
            model: Model::open(&exams.net.package).unwrap(),
            rpc: exams.net.rpc.clone(),
            asked: Mutex::default(),
            salt: AtomicU8::new(1),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(probe::PATH, post(answer)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, key, shared }
    }

    /// How often it was asked in a round.
    pub fn asked(&self, epoch: u32, round: u32) -> u32 {
        self.shared.asked.lock().unwrap().get(&(epoch, round)).copied().unwrap_or_default()
    }
}

async fn answer(State(stranger): State<Arc<Shared>>, Json(request): Json<Request>) -> impl IntoResponse {
    *stranger.asked.lock().unwrap().entry((request.epoch, request.round)).or_default() += 1;
    match stranger.manner {
        Manner::Slow(millis) => tokio::time::sleep(Duration::from_millis(millis.into())).await,
        Manner::Noise => return "yes, I am here".into_response(),
        Manner::Flood => return vec![b' '; 1 << 20].into_response(),
        Manner::Refuse => return (StatusCode::FORBIDDEN, "not\nyou").into_response(),
        Manner::Redirect => {
            return (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:1/")]).into_response();
        }
        _ => {}
    }
    Json(stranger.reply(&request).await).into_response()
}

impl Shared {
    async fn reply(&self, request: &Request) -> Reply {
        let history = Watch::new(self.rpc.clone(), self.network.clone()).snapshot().await.unwrap().history;
        let seed = history.seed_of(request.epoch).unwrap();
        let provider = history.seat_in(request.seat, request.epoch).unwrap().provider;
        let attestations = self.network.attestations;
        let digest = request.probe().digest(self.suite.chain_id, attestations);
        let challenge = Challenge::new(&self.model, &seed, &digest, request);
        let mut leaves = challenge.compute(&self.model).unwrap();
        let wrong = match self.manner {
            Manner::Guess => leaves.len(),
            Manner::Lazy => leaves.len() / 2,
            _ => 0,
        };
        leaves
            .iter_mut()
            .take(wrong)
            .for_each(|leaf| *leaf = B256::repeat_byte(self.salt.fetch_add(1, Ordering::Relaxed)));
        let result = challenge.result(&self.model, self.suite.chain_id, provider, &leaves).unwrap();
        if self.manner == Manner::Short {
            leaves.pop();
        }
        let digest = probe::response(self.suite.chain_id, attestations, request, result);
        let key = if self.manner == Manner::OtherKey { PrivateKeySigner::random() } else { self.key.clone() };
        let signature = key.sign_hash_sync(&digest).unwrap();
        if self.manner == Manner::Malleable {
            return Reply { leaves, signature: high(&signature.as_bytes()).into() };
        }
        Reply { leaves, signature: signature.as_bytes().to_vec().into() }
    }
}

/// The same signature with the higher s, which contracts refuse.
pub fn high(signature: &[u8]) -> Vec<u8> {
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let signature = Signature::from_raw(signature).unwrap();
    Signature::new(signature.r(), order - signature.s(), !signature.v()).as_bytes().to_vec()
}
