//! A devnet with validators, on which a cheat is played.

use std::time::{Duration, Instant};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, U256, address},
    providers::Provider as _,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use assay_blobs::Blobs;
use assay_contracts::{DisputeGame, JobEscrow, Verification, suite::Suite};
use assay_keepers::{
    challenger,
    provider::{Provider, ProviderHandle, ProviderSetup},
    validator,
    verification::{Handle, Setup, Tamper},
};
use futures::future::try_join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    TASKS,
    abuse::Abuse,
    kinds::{self, Play, VALIDATORS},
};
use crate::{
    chain::{Chain, bare_provider, from_call, from_rpc},
    client::{
        models::{self, Package},
        open::{Opened, Request, from_blob, open},
        passages::{self, Passage},
    },
    commands::{import_model, services::from_keeper, watch},
    config::{Config, OrderConfig},
    devnet::{self, Anvil, Setup as Ground, accounts},
    error::{Error, Result},
    keys,
    output::Output,
    token::Token,
};

/// Anvil's account of the challenger.
const CHALLENGER: usize = accounts::VALIDATOR + VALIDATORS;
/// Where the ledger burns.
const BURN: Address = address!("000000000000000000000000000000000000dEaD");
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
    pub(super) config: Config,
    model: B256,
    pub(super) package: Package,
    anvil: Anvil,
    folder: tempfile::TempDir,
}

/// A keeper that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Keepers {
    provider: Option<ProviderHandle>,
    validators: Vec<Handle>,
    _challenger: Option<Handle>,
}

/// What the chain says of a game so far.
struct Signs {
    logs: Vec<Log>,
}

impl Signs {
    fn count<E: SolEvent>(&self) -> usize {
        self.logs.iter().filter(|log| log.topic0() == Some(&E::SIGNATURE_HASH)).count()
    }

    fn has<E: SolEvent>(&self) -> bool {
        self.count::<E>() > 0
    }

    fn is_drawn(&self) -> bool {
        self.has::<Verification::Drawn>()
    }

    /// Whether a game goes on.
    fn is_open(&self) -> bool {
        self.count::<DisputeGame::GameOpened>() > self.count::<DisputeGame::GameEnded>()
    }

    /// Whether the batch is paid, or forfeited and the reward claimed.
    fn is_over(&self) -> bool {
        let is_claimed = !self.has::<Verification::PotAssigned>() || self.has::<Verification::PotClaimed>();
        let is_forfeited = self.has::<JobEscrow::BatchForfeited>();
        self.has::<JobEscrow::BatchSettled>() || is_forfeited && is_claimed && !self.is_open()
    }
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
        let suite = devnet::deploy_suite(&config).await?;
        if !devnet::is_current(&ground.model) {
            import_model(output, &ground.source, &ground.model).await?;
        }
        let package = Package::open(&ground.model)?;
        let (model, token) = devnet::populate(&config, &package).await?;
        try_join_all((0..VALIDATORS).map(|number| devnet::seat(&config, accounts::VALIDATOR + number))).await?;
        watch::fund(&Chain::connect(&config, Some(keys::anvil(CHALLENGER))).await?, "1").await?;
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
        // A task may bill more than it holds, or the order itself would forbid it.
        let units = |row: &Vec<u8>| row.len() / usize::from(model.unit_bytes.max(1));
        let longest = rows.iter().map(units).max().unwrap_or_default() as u32;
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
            unit_cap: Some(longest + 1),
            terms: &terms,
        };
        open(&self.chain, &self.blobs()?, &request).await
    }

    /// Starts everybody as `play` says.
    pub(super) async fn keepers(&self, play: &Play) -> Result<Keepers> {
        let validators = if play.are_validators_late { Vec::new() } else { self.validators(play).await? };
        let mut challenger = None;
        if let Some(tamper) = &play.challenger {
            let config = challenger::Config {
                store: self.folder.path().join("challenger.sqlite"),
                models: vec![self.config.model.clone()],
                backend: self.config.challenger.backend,
                follow: self.config.indexer.follow.clone(),
                ..challenger::Config::default()
            };
            let setup = self.setup(CHALLENGER, tamper.clone())?;
            challenger = Some(challenger::start(config, setup, CancellationToken::new()).await.map_err(from_keeper)?);
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
        let provider = Some(provider.await.map_err(from_keeper)?);
        Ok(Keepers { provider, validators, _challenger: challenger })
    }

    async fn validators(&self, play: &Play) -> Result<Vec<Handle>> {
        let mut validators = Vec::new();
        for number in 0..VALIDATORS {
            let config = validator::Config {
                store: self.folder.path().join(format!("validator{number}.sqlite")),
                models: vec![self.config.model.clone()],
                backend: self.config.validator.backend,
                spread: 2,
                follow: self.config.indexer.follow.clone(),
                ..validator::Config::default()
            };
            let tamper = before_draw(play, play.validators.get(number).cloned().unwrap_or_default());
            let setup = self.setup(accounts::VALIDATOR + number, tamper)?;
            validators.push(validator::start(config, setup, CancellationToken::new()).await.map_err(from_keeper)?);
        }
        Ok(validators)
    }

    fn setup(&self, account: usize, tamper: Tamper) -> Result<Setup> {
        let rpc = bare_provider(&self.anvil.url)?;
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
    pub(super) async fn finish(&self, play: &Play, keepers: &mut Keepers, opened: &Opened) -> Result<()> {
        let (started, mut seen, mut since) = (Instant::now(), 0, Instant::now());
        let mut abuse = Abuse::of(play);
        loop {
            let suite = self.suite();
            let contracts = vec![suite.beacon, suite.verification, suite.dispute_game, suite.job_escrow];
            let filter = Filter::new().address(contracts).from_block(opened.block);
            let signs = Signs { logs: self.chain.provider.get_logs(&filter).await.map_err(from_rpc)? };
            let is_forfeited = signs.has::<JobEscrow::BatchForfeited>();
            if is_forfeited {
                // It would take the order again.
                keepers.provider = None;
            }
            if signs.is_over() {
                return Ok(());
            }
            if play.are_validators_late && keepers.validators.is_empty() && signs.has::<DisputeGame::GameEnded>() {
                keepers.validators = self.validators(play).await?;
            }
            abuse.commit(self, opened, &signs.logs).await?;
            // The beacon's round has its blocks to come.
            let quiet = if signs.is_drawn() || play.is_undrawn { QUIET } else { 2 * QUIET };
            if signs.logs.len() > seen {
                (seen, since) = (signs.logs.len(), Instant::now());
            } else if signs.has::<JobEscrow::BatchCommitted>() && since.elapsed() > quiet {
                // Only a reward is left, which waits until no earlier seal can be opened.
                let leap = if is_forfeited && !signs.is_open() { 4 * LEAP } else { LEAP };
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
        let validators = (0..VALIDATORS).map(|n| (format!("validator {}", n + 1), address(accounts::VALIDATOR + n)));
        [("customer".to_owned(), address(accounts::CUSTOMER)), ("provider".into(), address(accounts::PROVIDER))]
            .into_iter()
            .chain(validators)
            .chain([("challenger".into(), address(CHALLENGER)), ("burned".into(), BURN)])
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
        tamper.silent.extend(kinds::before_draw());
    }
    tamper
}

async fn rpc_call(chain: &Chain, method: &'static str, parameters: serde_json::Value) -> Result<()> {
    chain.provider.raw_request::<_, serde_json::Value>(method.into(), parameters).await.map_err(from_rpc).map(drop)
}
