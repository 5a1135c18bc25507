//! A devnet with validators, for draws and disputes.

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider as _},
    signers::local::PrivateKeySigner,
    sol_types::SolEvent,
};
use assay_blobs::Blobs;
use assay_contracts::{
    DisputeGame,
    JobEscrow::{self, Order, Policy},
    Ledger, Staking, ValidatorSeats, Verification,
    beacon::Beacon,
    deploy, rpc,
    suite::VerificationParameters,
};
use assay_keepers::{
    challenger,
    provider::{Provider, ProviderConfig, ProviderHandle},
    validator,
    verification::{Forgery, Handle, Setup, Stage, Tamper},
};
use assay_test_fixtures::{Anvil, AnvilOptions, tiny_model_dir};
use serde_json::json;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    ADMIN, Devnet, Opened, PROVIDERS, STAKE, eventually,
    process::{Process, Role},
    quick_tx,
};

/// What a seat locks.
pub const SEAT: u64 = 1_000_000;
/// Fee of a re-execution.
pub const FEE: u64 = 1_000_000;

pub struct Court {
    pub net: Devnet,
    pub validators: Vec<PrivateKeySigner>,
    pub challenger: PrivateKeySigner,
    relays: Vec<String>,
    /// Makes the blocks.
    blocks: JoinSet<()>,
}

async fn mine(rpc: DynProvider) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        rpc.raw_request::<_, String>("evm_mine".into(), ()).await.unwrap();
    }
}

/// Seconds to seal and to reveal in a draw and to challenge it, and of each side in a game.
pub const SEAL_WINDOW: u32 = 60;
pub const REVEAL_WINDOW: u32 = 40;
pub const CHALLENGE_WINDOW: u32 = 20;
pub const DISPUTE_TIME: u32 = 60;

/// Clocks that a busy machine keeps and a person can wait for. A block takes half a second and counts for one at least.
fn parameters() -> VerificationParameters {
    VerificationParameters {
        seal_window: SEAL_WINDOW,
        reveal_window: REVEAL_WINDOW,
        challenge_window: CHALLENGE_WINDOW,
        seat_stake: SEAT.into(),
        gas_price: 1,
        dispute_time: DISPUTE_TIME,
        dispute_floor: 20,
        open_window: 40,
        ..deploy::devnet_verification()
    }
}

impl Court {
    /// A devnet on which four validators hold seats, and a challenger has money for bonds.
    pub async fn start() -> Self {
        Self::of(tiny_model_dir()).await
    }

    /// The same, about the model in `package`.
    pub async fn of(package: PathBuf) -> Self {
        Self::start_with(package, Beacon::Prevrandao { delay: 1 }, &[]).await
    }

    /// The same with another beacon, for which keepers ask these relays.
    pub async fn start_by(beacon: Beacon, relays: &[String]) -> Self {
        Self::start_with(tiny_model_dir(), beacon, relays).await
    }

    async fn start_with(package: PathBuf, beacon: Beacon, relays: &[String]) -> Self {
        let chosen = deploy::devnet_parameters(ADMIN);
        let verification = VerificationParameters { beacon, ..parameters() };
        let chosen = assay_contracts::suite::Parameters { verification, ..chosen };
        // What is set up needs no clock: each of its transactions is a block of its own.
        let net = Devnet::start_of(package, &AnvilOptions::default(), chosen).await;
        net.anvil.rpc("anvil_autoImpersonateAccount", json!([true])).await;
        let validators: Vec<_> = (0..4).map(|_| PrivateKeySigner::random()).collect();
        let (challenger, relays) = (PrivateKeySigner::random(), relays.to_vec());
        let mut court = Self { net, validators, challenger, relays, blocks: JoinSet::new() };
        let seated: Vec<Address> = court.validators.iter().map(|key| key.address()).collect();
        futures::future::join_all(seated.iter().map(|validator| court.seat(*validator))).await;
        court.bond(court.challenger.address()).await;
        // To demand results that are withheld.
        court.net.fund(court.challenger.address(), court.net.suite.job_escrow).await;
        court.net.anvil.set_automine(false).await;
        court.blocks.spawn(mine(court.net.rpc.clone()));
        court
    }

    /// Lets the clock run out that a party is known not to use.
    pub async fn run_out(&self, seconds: u32) {
        self.net.anvil.increase_time(seconds.into()).await;
    }

    async fn seat(&self, validator: Address) {
        let (net, suite) = (&self.net, &self.net.suite);
        self.bond(validator).await;
        net.fund(validator, suite.staking).await;
        // To demand inputs that are withheld.
        net.fund(validator, suite.job_escrow).await;
        let staking = Staking::new(suite.staking, &net.rpc);
        let stake = staking.stake(validator, suite.validator_seats, U256::from(SEAT)).from(validator);
        assert!(stake.send().await.unwrap().get_receipt().await.unwrap().status());
        let seats = ValidatorSeats::new(suite.validator_seats, &net.rpc);
        // What it costs depends on who sat down before; all do so at once.
        let take = seats.takeSeat(suite.verification).gas(1_000_000).from(validator);
        assert!(take.send().await.unwrap().get_receipt().await.unwrap().status());
    }

    /// Native currency for gas, and in the ledger for bonds.
    async fn bond(&self, account: Address) {
        let (net, suite) = (&self.net, &self.net.suite);
        let ether = U256::from(10u64.pow(18));
        net.anvil.rpc("anvil_setBalance", json!([account, ether * U256::from(100)])).await;
        let ledger = Ledger::new(suite.ledger, &net.rpc);
        let deposit = ledger.depositNative(account).from(account).value(ether);
        assert!(deposit.send().await.unwrap().get_receipt().await.unwrap().status());
        let approve = ledger.approve(suite.dispute_game, U256::ZERO, U256::MAX).from(account);
        assert!(approve.send().await.unwrap().get_receipt().await.unwrap().status());
    }

    /// Opens an order of `tasks` tasks in one batch; each drawn batch has `drawn` tasks re-executed by two validators.
    pub async fn order(&self, tasks: u32, drawn: u8) -> Opened {
        self.order_with(tasks, drawn, |_| {}).await
    }

    pub async fn order_with(&self, tasks: u32, drawn: u8, change: impl FnOnce(&mut Order)) -> Opened {
        let verification = self.net.suite.verification;
        self.net
            .order(tasks, |order| {
                order.verification = verification;
                order.minBatch = tasks;
                order.policy = Policy { rate: 10_000, tasks: drawn, validators: 2, fee: FEE.into() };
                order.stakePerBatch = 20_000_000;
                order.stakePerTask = 1_000_000;
                change(order);
            })
            .await
    }

    pub async fn provider(&self, tamper: Tamper) -> ProviderHandle {
        let config = ProviderConfig { relays: self.relays.clone(), ..self.net.config("provider0") };
        Provider::start_tampered(config, self.net.setup(0), tamper, CancellationToken::new()).await.unwrap()
    }

    pub async fn validator(&self, number: usize, tamper: Tamper) -> Handle {
        self.validator_in(number, self.setup(&self.validators[number], tamper)).await
    }

    async fn validator_in(&self, number: usize, setup: Setup) -> Handle {
        validator::start(self.validator_config(number), setup, CancellationToken::new()).await.unwrap()
    }

    pub async fn all_validators(&self) -> Vec<Handle> {
        futures::future::join_all((0..4).map(|number| self.validator(number, Tamper::default()))).await
    }

    /// A blob store that has the order's inputs and no results.
    pub fn without_results(&self, order: &Opened) -> Blobs {
        let root = alloy::hex::encode(order.order.inputsRoot);
        let elsewhere = self.net.path("elsewhere");
        std::fs::create_dir_all(elsewhere.join("inputs")).unwrap();
        std::fs::copy(self.net.path(&format!("blobs/inputs/{root}")), elsewhere.join("inputs").join(root)).unwrap();
        Blobs::files(&elsewhere).unwrap()
    }

    /// A validator with another blob store.
    pub async fn validator_from(&self, number: usize, blobs: Blobs) -> Handle {
        self.validator_in(number, Setup { blobs, ..self.setup(&self.validators[number], honest()) }).await
    }

    /// The challenger with another blob store.
    pub async fn challenger_from(&self, blobs: Blobs) -> Handle {
        self.challenger_in(Setup { blobs, ..self.setup(&self.challenger, honest()) }).await
    }

    pub async fn challenger(&self) -> Handle {
        self.challenger_with(honest()).await
    }

    pub async fn challenger_with(&self, tamper: Tamper) -> Handle {
        self.challenger_in(self.setup(&self.challenger, tamper)).await
    }

    async fn challenger_in(&self, setup: Setup) -> Handle {
        challenger::start(self.challenger_config(), setup, CancellationToken::new()).await.unwrap()
    }

    /// The provider in a process of its own.
    pub fn provider_process(&self, tamper: &Tamper) -> Process {
        let role = Role::Provider(Box::new(self.net.config("provider0")));
        Process::start(&self.net, "provider0", &Anvil::KEYS[2].parse().unwrap(), &role, tamper)
    }

    /// A validator in a process of its own.
    pub fn validator_process(&self, number: usize) -> Process {
        let (name, role) = (format!("validator{number}"), Role::Validator(self.validator_config(number)));
        Process::start(&self.net, &name, &self.validators[number], &role, &honest())
    }

    /// The challenger in a process of its own.
    pub fn challenger_process(&self) -> Process {
        let role = Role::Challenger(self.challenger_config());
        Process::start(&self.net, "challenger", &self.challenger, &role, &honest())
    }

    fn validator_config(&self, number: usize) -> validator::Config {
        validator::Config {
            store: self.net.path(&format!("validator{number}.sqlite")),
            models: vec![self.net.package.clone()],
            relays: self.relays.clone(),
            spread: 2,
            follow: self.net.config("").follow,
            tx: quick_tx(),
            ..validator::Config::default()
        }
    }

    fn challenger_config(&self) -> challenger::Config {
        challenger::Config {
            store: self.net.path("challenger.sqlite"),
            models: vec![self.net.package.clone()],
            follow: self.net.config("").follow,
            tx: quick_tx(),
            ..challenger::Config::default()
        }
    }

    fn setup(&self, key: &PrivateKeySigner, tamper: Tamper) -> Setup {
        Setup {
            suite: self.net.suite.clone(),
            rpc: rpc::connect(self.net.anvil.url(), Duration::from_millis(1_500)).unwrap(),
            wallet: EthereumWallet::from(key.clone()),
            blobs: self.net.blobs.clone(),
            tamper,
        }
    }

    /// Logs of one event of a contract.
    pub async fn logs<E: SolEvent>(&self, contract: Address) -> Vec<E> {
        let filter = alloy::rpc::types::Filter::new()
            .address(contract)
            .event_signature(E::SIGNATURE_HASH)
            .from_block(self.net.suite.block);
        let logs = self.net.rpc.get_logs(&filter).await.unwrap();
        logs.iter().map(|log| E::decode_log(&log.inner).unwrap().data).collect()
    }

    pub async fn draw_logs<E: SolEvent>(&self) -> Vec<E> {
        self.logs(self.net.suite.verification).await
    }

    pub async fn game_logs<E: SolEvent>(&self) -> Vec<E> {
        self.logs(self.net.suite.dispute_game).await
    }

    /// How many seals and moves of games there are.
    pub async fn game_moves(&self) -> usize {
        self.game_logs::<DisputeGame::ChallengeSealed>().await.len()
            + self.game_logs::<DisputeGame::GameOpened>().await.len()
            + self.game_logs::<DisputeGame::Answered>().await.len()
            + self.game_logs::<DisputeGame::OperatorNamed>().await.len()
            + self.game_logs::<DisputeGame::RowsShown>().await.len()
            + self.game_logs::<DisputeGame::RowNamed>().await.len()
            + self.game_logs::<DisputeGame::RowShown>().await.len()
    }

    /// The steps of the only batch's draw that the chain has seen.
    pub async fn draw_steps(&self) -> BTreeSet<&'static str> {
        let signs = [
            ("committed", !self.net.events::<JobEscrow::BatchCommitted>().await.is_empty()),
            ("drawn", !self.draw_logs::<Verification::Drawn>().await.is_empty()),
            ("sealed", !self.draw_logs::<Verification::TraceSealed>().await.is_empty()),
            ("revealing", !self.draw_logs::<Verification::RevealStarted>().await.is_empty()),
            ("revealed", !self.draw_logs::<Verification::TraceRevealed>().await.is_empty()),
            ("concluded", !self.draw_logs::<Verification::DrawConcluded>().await.is_empty()),
        ];
        signs.into_iter().filter(|(_, seen)| *seen).map(|(name, _)| name).collect()
    }

    /// Waits for the first log that `wanted` accepts.
    pub async fn draw_log<E: SolEvent>(&self, what: &str, wanted: impl Fn(&E) -> bool) -> E {
        eventually(what, || async { self.draw_logs::<E>().await.into_iter().find(&wanted) }).await
    }

    pub async fn game_log<E: SolEvent>(&self, what: &str, wanted: impl Fn(&E) -> bool) -> E {
        eventually(what, || async { self.game_logs::<E>().await.into_iter().find(&wanted) }).await
    }

    /// Waits until the draw of the order's batch is concluded with `status`.
    pub async fn concluded(&self, status: u8) {
        let end = self.draw_log::<Verification::DrawConcluded>("the draw is concluded", |_| true).await;
        assert_eq!(end.status, status);
    }

    /// Validators that were slashed.
    pub async fn slashed(&self) -> Vec<Address> {
        self.draw_logs::<Verification::ValidatorSlashed>().await.into_iter().map(|event| event.validator).collect()
    }

    pub fn disputes(&self) -> DisputeGame::DisputeGameInstance<DynProvider> {
        DisputeGame::new(self.net.suite.dispute_game, self.net.rpc.clone())
    }

    /// Checks what must hold whatever happened: nobody's money is left in the contracts of draws and games, and the provider's
    /// stake is what the convictions left of it.
    pub async fn check_money(&self, convictions: u64) {
        assert_eq!(self.net.balance(self.net.suite.verification).await, U256::ZERO, "money left of draws");
        let ledger = Ledger::new(self.net.suite.ledger, &self.net.rpc);
        let bonds = ledger.balanceOf(self.net.suite.dispute_game, U256::ZERO).call().await.unwrap();
        assert_eq!(bonds, U256::ZERO, "bonds left of games");
        let staking = Staking::new(self.net.suite.staking, &self.net.rpc);
        let provision = staking.provisionOf(PROVIDERS[0], self.net.suite.job_escrow).call().await.unwrap();
        assert_eq!(convictions > 0, provision.stake < u128::from(STAKE), "stake of {}", provision.stake);
        assert_eq!(provision.locked, 0, "stake still locked");
    }
}

pub fn honest() -> Tamper {
    Tamper::default()
}

pub fn lies(stage: Stage, output: bool) -> Tamper {
    Tamper { forgery: Some(Forgery { stage, output }), ..Tamper::default() }
}

pub fn silent(kinds: &[&str]) -> Tamper {
    Tamper { silent: kinds.iter().map(|kind| (*kind).to_owned()).collect(), ..Tamper::default() }
}

/// The id of the order's only batch.
pub async fn batch_id(court: &Court, order: &Opened) -> B256 {
    let batches = court.net.batches(order).await;
    assert_eq!(batches.len(), 1);
    assay_contracts::protocol::batch_id(&batches[0])
}
