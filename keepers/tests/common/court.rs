//! A devnet with validators, for draws and disputes.

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider as _},
    signers::local::PrivateKeySigner,
    sol_types::SolEvent,
};
use assay_contracts::{
    DisputeGame,
    JobEscrow::{Order, Policy},
    Ledger, Staking, ValidatorSeats, Verification, deploy, rpc,
    suite::VerificationParameters,
};
use assay_keepers::{
    challenger,
    provider::{Provider, ProviderHandle},
    store::{Store, StoreOptions},
    validator,
    verification::{Forgery, Handle, Setup, Stage, Tamper},
};
use assay_test_fixtures::{AnvilOptions, tiny_model_dir};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::{ADMIN, Devnet, Opened, PROVIDERS, STAKE, eventually, quick_tx};

/// What a seat locks.
pub const SEAT: u64 = 1_000_000;
/// The contract's numbers of a draw's ends.
pub const AGREED: u8 = 6;
pub const CONVICTED: u8 = 7;
/// Fee of a re-execution.
pub const FEE: u64 = 1_000_000;

pub struct Court {
    pub net: Devnet,
    pub validators: Vec<PrivateKeySigner>,
    pub challenger: PrivateKeySigner,
}

/// Clocks that a busy machine keeps and a person can wait for. A block takes half a second and counts for one at least.
fn parameters() -> VerificationParameters {
    VerificationParameters {
        beacon_delay: 1,
        seal_window: 60,
        reveal_window: 40,
        challenge_window: 20,
        seat_stake: SEAT.into(),
        gas_price: 1,
        dispute_time: 60,
        dispute_floor: 20,
        open_window: 40,
        ..deploy::devnet_verification()
    }
}

impl Court {
    /// A devnet on which four validators hold seats, and a challenger has money for bonds.
    pub async fn start() -> Self {
        let options = AnvilOptions { block_time: Some(0.5), ..AnvilOptions::default() };
        let chosen = deploy::devnet_parameters(ADMIN);
        let net =
            Devnet::start_chosen(&options, assay_contracts::suite::Parameters { verification: parameters(), ..chosen })
                .await;
        net.anvil.rpc("anvil_autoImpersonateAccount", json!([true])).await;
        let validators = (0..4).map(|_| PrivateKeySigner::random()).collect();
        let court = Self { net, validators, challenger: PrivateKeySigner::random() };
        let seated: Vec<Address> = court.validators.iter().map(|key| key.address()).collect();
        futures::future::join_all(seated.iter().map(|validator| court.seat(*validator))).await;
        court.bond(court.challenger.address()).await;
        court
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
        let config = self.net.config("provider0");
        Provider::start_tampered(config, self.net.setup(0), tamper, CancellationToken::new()).await.unwrap()
    }

    pub async fn validator(&self, number: usize, tamper: Tamper) -> Handle {
        let config = validator::Config {
            store: self.net.path(&format!("validator{number}.sqlite")),
            models: vec![tiny_model_dir()],
            spread: 2,
            follow: self.net.config("").follow,
            tx: quick_tx(),
            ..validator::Config::default()
        };
        let setup = self.setup(&self.validators[number], tamper);
        validator::start(config, setup, CancellationToken::new()).await.unwrap()
    }

    /// The same validator again, once its store is free.
    pub async fn validator_again(&self, number: usize) -> Handle {
        self.free(&format!("validator{number}.sqlite")).await;
        self.validator(number, honest()).await
    }

    /// The same challenger again, once its store is free.
    pub async fn challenger_again(&self) -> Handle {
        self.free("challenger.sqlite").await;
        self.challenger().await
    }

    /// The same provider again, once its store is free.
    pub async fn provider_again(&self, tamper: Tamper) -> ProviderHandle {
        self.free("provider0.sqlite").await;
        self.provider(tamper).await
    }

    /// Waits until the last tasks of a dropped keeper are gone.
    async fn free(&self, store: &str) {
        eventually("the store is free", || async {
            Store::open(StoreOptions::new(self.net.path(store))).await.ok().map(drop)
        })
        .await;
    }

    pub async fn all_validators(&self) -> Vec<Handle> {
        futures::future::join_all((0..4).map(|number| self.validator(number, Tamper::default()))).await
    }

    pub async fn challenger(&self) -> Handle {
        self.challenger_with(Tamper::default()).await
    }

    pub async fn challenger_with(&self, tamper: Tamper) -> Handle {
        let config = challenger::Config {
            store: self.net.path("challenger.sqlite"),
            models: vec![tiny_model_dir()],
            follow: self.net.config("").follow,
            tx: quick_tx(),
            ..challenger::Config::default()
        };
        challenger::start(config, self.setup(&self.challenger, tamper), CancellationToken::new()).await.unwrap()
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
