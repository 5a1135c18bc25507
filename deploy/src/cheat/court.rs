//! A devnet with validators, on which a cheat is played.

use std::time::{Duration, Instant};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, U256},
    providers::Provider as _,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use assay_blobs::Blobs;
use assay_contracts::{
    DisputeGame, JobEscrow, Verification, deploy, rpc,
    suite::{Suite, VerificationParameters},
};
use assay_keepers::{
    challenger,
    provider::{Provider, ProviderHandle, ProviderSetup},
    validator,
    verification::{Handle, Setup, Tamper},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    TASKS,
    kinds::{Play, VALIDATORS},
};
use crate::{
    chain::{Chain, from_call, from_rpc},
    client::{
        models::{self, Package},
        open::{Opened, Request, from_blob, open},
        passages::{self, Passage},
    },
    commands::{deposit, import_model, mint_play_money, services::from_keeper, watch},
    config::{Config, OrderConfig},
    devnet::{self, Anvil, Setup as Ground, accounts},
    error::{Error, Result},
    keys,
    output::Output,
    token::Token,
};

/// Anvil's account of the first validator, and of the challenger.
const FIRST_VALIDATOR: usize = 4;
const CHALLENGER: usize = FIRST_VALIDATOR + VALIDATORS;
/// What a seat locks, in the token's smallest part.
const SEAT: u128 = 100_000_000;
/// After so long without a move, everybody who will move has moved, and time may pass.
const QUIET: Duration = Duration::from_secs(3);
/// How far it passes then, in seconds.
const LEAP: u64 = 15;
/// How long a game may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Everything that a game is played on.
#[derive(Debug)]
pub(super) struct Court {
    pub(super) chain: Chain,
    pub(super) token: Token,
    config: Config,
    model: B256,
    package: Package,
    anvil: Anvil,
    folder: tempfile::TempDir,
}

/// A keeper that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Keepers {
    provider: Option<ProviderHandle>,
    _watchers: Vec<Handle>,
}

/// What somebody has, staked or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holdings {
    pub(super) ledger: U256,
    pub(super) stake: u128,
    pub(super) seat: u128,
    pub(super) bonds: U256,
}

impl Court {
    /// Starts a chain and seats everybody.
    pub(super) async fn start(output: Output, base: &Config, ground: &Ground) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("assay-").tempdir().map_err(|error| Error::failure("io", error))?;
        let anvil = Anvil::start(0).await?;
        let mut config = devnet::configuration(base, &anvil.url, folder.path(), &ground.model);
        config.order = OrderConfig::default();
        let suite = devnet::deploy_suite(&config, parameters()).await?;
        if !devnet::is_current(&ground.model) {
            import_model(output, &ground.source, &ground.model).await?;
        }
        let package = Package::open(&ground.model)?;
        let (model, token) = devnet::populate(&config, &package).await?;
        let funds = U256::from(SEAT) * U256::from(2);
        for number in 0..=VALIDATORS {
            let chain = Chain::connect(&config, Some(keys::anvil(FIRST_VALIDATOR + number))).await?;
            if number == VALIDATORS {
                watch::fund_bonds(&chain, "1").await?;
                continue;
            }
            mint_play_money(&chain, funds).await?;
            deposit(&chain, &token, chain.account(), funds).await?;
            watch::join(&chain, "1").await?;
        }
        let chain = Chain::connect(&config, Some(keys::anvil(accounts::CUSTOMER))).await?;
        debug_assert_eq!(chain.suite, suite);
        // From here on blocks come by the second, as draws and clocks need them.
        rpc_call(&chain, "evm_setIntervalMining", json!([1])).await?;
        Ok(Self { chain, token, config, model, package, anvil, folder })
    }

    /// Opens the order that is cheated on.
    pub(super) async fn order(&self, play: &Play) -> Result<Opened> {
        let texts: Vec<_> = (1..=TASKS)
            .map(|number| Passage { source: "demo".into(), text: format!("The text of the task {number}.") })
            .collect();
        let limit = self.package.model.max_units();
        let rows = passages::rows(&self.package.tokenizer, limit, &texts)?;
        let model = models::find(&self.chain, Some(self.model), &self.package).await?;
        let terms = OrderConfig {
            verify: true,
            draw_tasks: play.drawn,
            settle_window: 30,
            demand_window: 60,
            min_batch: TASKS.into(),
            ..OrderConfig::default()
        };
        let request = Request {
            model: &model,
            token: &self.token,
            rows: &rows,
            limit,
            unit_price: None,
            unit_cap: None,
            terms: &terms,
        };
        open(&self.chain, &self.blobs()?, &request).await
    }

    /// Starts everybody as `play` says.
    pub(super) async fn keepers(&self, play: &Play) -> Result<Keepers> {
        let mut watchers = Vec::new();
        for number in 0..VALIDATORS {
            let config = validator::Config {
                store: self.folder.path().join(format!("validator{number}.sqlite")),
                models: vec![self.config.model.clone()],
                spread: 2,
                follow: self.config.indexer.follow.clone(),
                ..validator::Config::default()
            };
            let tamper = before_draw(play, play.validators.get(number).cloned().unwrap_or_default());
            let setup = self.setup(FIRST_VALIDATOR + number, tamper)?;
            watchers.push(validator::start(config, setup, CancellationToken::new()).await.map_err(from_keeper)?);
        }
        if let Some(tamper) = &play.challenger {
            let config = challenger::Config {
                store: self.folder.path().join("challenger.sqlite"),
                models: vec![self.config.model.clone()],
                follow: self.config.indexer.follow.clone(),
                ..challenger::Config::default()
            };
            let setup = self.setup(CHALLENGER, tamper.clone())?;
            watchers.push(challenger::start(config, setup, CancellationToken::new()).await.map_err(from_keeper)?);
        }
        let Setup { suite, rpc, wallet, blobs, .. } = self.setup(accounts::PROVIDER, Tamper::default())?;
        let mut config = self.config.provider.clone();
        config.policy.min_unit_price.insert(self.token.address, 1);
        config.follow = self.config.indexer.follow.clone();
        // Four short tasks are done in time, however busy the machine is when it would be measured.
        config.work.units_per_second = Some(1e6);
        let setup = ProviderSetup { suite, rpc, wallet, blobs };
        let provider =
            Provider::start_tampered(config, setup, before_draw(play, play.provider.clone()), CancellationToken::new());
        Ok(Keepers { provider: Some(provider.await.map_err(from_keeper)?), _watchers: watchers })
    }

    fn setup(&self, account: usize, tamper: Tamper) -> Result<Setup> {
        let rpc = rpc::connect(&self.anvil.url, Duration::from_secs(15))
            .map_err(|error| Error::usage("bad_rpc_url", error))?;
        let wallet = EthereumWallet::from(keys::anvil(account));
        Ok(Setup { suite: self.suite().clone(), rpc, wallet, blobs: self.blobs()?, tamper })
    }

    fn suite(&self) -> &Suite {
        &self.chain.suite
    }

    fn blobs(&self) -> Result<Blobs> {
        Blobs::files(&self.config.blobs).map_err(from_blob)
    }

    /// Waits until the order's first batch is paid or forfeited and every reward claimed. Lets time pass where nobody moves.
    pub(super) async fn finish(&self, keepers: &mut Keepers, block: u64) -> Result<()> {
        let (started, mut seen, mut since) = (Instant::now(), 0, Instant::now());
        loop {
            let suite = self.suite();
            let contracts = vec![suite.verification, suite.dispute_game, suite.job_escrow];
            let filter = Filter::new().address(contracts).from_block(block);
            let logs = self.chain.provider.get_logs(&filter).await.map_err(from_rpc)?;
            let count = |signature: B256| logs.iter().filter(|log| log.topic0() == Some(&signature)).count();
            let open = count(DisputeGame::GameOpened::SIGNATURE_HASH) > count(DisputeGame::GameEnded::SIGNATURE_HASH);
            let is_claimed = count(Verification::PotAssigned::SIGNATURE_HASH) == 0
                || count(Verification::PotClaimed::SIGNATURE_HASH) > 0;
            let is_committed = count(JobEscrow::BatchCommitted::SIGNATURE_HASH) > 0;
            let is_forfeited = count(JobEscrow::BatchForfeited::SIGNATURE_HASH) > 0;
            if is_forfeited {
                // It would take the order again.
                keepers.provider = None;
            }
            if count(JobEscrow::BatchSettled::SIGNATURE_HASH) > 0 || is_forfeited && is_claimed && !open {
                return Ok(());
            }
            if logs.len() > seen {
                (seen, since) = (logs.len(), Instant::now());
            } else if is_committed && since.elapsed() > QUIET {
                // Only a reward is left, which waits until no earlier seal can be opened.
                let leap = if is_forfeited && !open { 4 * LEAP } else { LEAP };
                rpc_call(&self.chain, "evm_increaseTime", json!([leap])).await?;
                rpc_call(&self.chain, "evm_mine", json!([])).await?;
                since = Instant::now();
            }
            if started.elapsed() > PATIENCE {
                let message = format!("the game is not over after {} s", PATIENCE.as_secs());
                return Err(Error::failure("game_unfinished", message));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Everybody, by name.
    pub(super) fn parties(&self) -> Vec<(String, Address)> {
        let address = |number: usize| keys::anvil(number).address();
        let validators = (0..VALIDATORS).map(|n| (format!("validator {}", n + 1), address(FIRST_VALIDATOR + n)));
        [("customer".to_owned(), address(accounts::CUSTOMER)), ("provider".into(), address(accounts::PROVIDER))]
            .into_iter()
            .chain(validators)
            .chain([("challenger".into(), address(CHALLENGER))])
            .collect()
    }

    /// What `account` has.
    pub(super) async fn holdings(&self, account: Address) -> Result<Holdings> {
        let (staking, suite) = (self.chain.staking(), self.suite());
        let native = Token::at(&self.chain, Address::ZERO).await?;
        let stake = staking.provisionOf(account, suite.job_escrow).call().await.map_err(from_call)?.stake;
        let seat = staking.provisionOf(account, suite.validator_seats).call().await.map_err(from_call)?.stake;
        let ledger = self.token.ledger_balance(&self.chain, account).await?;
        Ok(Holdings { ledger, stake, seat, bonds: native.ledger_balance(&self.chain, account).await? })
    }

    /// Ends the chain.
    pub(super) async fn stop(self) {
        self.anvil.stop().await;
    }
}

/// `tamper`, without a draw where `play` ends before it.
fn before_draw(play: &Play, mut tamper: Tamper) -> Tamper {
    if play.is_undrawn {
        tamper.silent.extend(["record", "draw"].map(str::to_owned));
    }
    tamper
}

/// The devnet's clocks, with amounts that fit play money of six decimals.
fn parameters() -> VerificationParameters {
    VerificationParameters { seat_stake: SEAT, gas_price: 1, ..deploy::devnet_verification() }
}

async fn rpc_call(chain: &Chain, method: &'static str, parameters: serde_json::Value) -> Result<()> {
    chain.provider.raw_request::<_, serde_json::Value>(method.into(), parameters).await.map_err(from_rpc).map(drop)
}
