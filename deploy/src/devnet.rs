//! A chain with everything on it: anvil, the suite, a model, a sale of node licences and a network over them, a funded and
//! staked provider, the indexer.

mod nodes;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use alloy::primitives::U256;
use assay_contracts::{ModelRegistry, deploy, suite::Suite};
use assay_indexer::{CancellationToken, Indexer};
use assay_keepers::{validator, verification::Handle};
use assay_kernels::import::Description;
use futures::future::try_join_all;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    chain::{self, Chain},
    client::models::Package,
    commands::{deposit, import_model, mint_play_money, register_model, services, watch},
    config::Config,
    error::{Error, Result},
    keys,
    output::Output,
    token::Token,
};

/// Who is who among anvil's accounts.
pub mod accounts {
    /// Deploys and administers.
    pub const ADMIN: usize = 0;
    /// Works.
    pub const PROVIDER: usize = 1;
    /// Orders.
    pub const CUSTOMER: usize = 2;
    /// Owns the model.
    pub const MODEL_OWNER: usize = 3;
    /// The first of the validators.
    pub const VALIDATOR: usize = 4;
    /// Buys node licences.
    pub const BUYER: usize = 9;
}

/// The model's floor on the devnet: 10 millionths of an aUSD a token of text.
pub const FLOOR: u128 = 10;
/// The model owner's royalty in basis points.
pub const ROYALTY: u16 = 1_000;
/// What customer, provider and buyer are given, in whole aUSD.
const FUNDS: &str = "10000";

/// A running anvil, killed when dropped.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    _watch: Child,
    /// Its JSON-RPC endpoint.
    pub url: String,
}

impl Anvil {
    /// Starts anvil on `port` (0: a free one) and waits until it listens.
    pub async fn start(port: u16) -> Result<Self> {
        let binary = anvil_binary();
        let mut command = Command::new(&binary);
        command.args(["--port", &port.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C reaches the terminal's whole group; the devnet is taken down in order instead.
        command.kill_on_drop(true).process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let error = Error::not_found("anvil_not_found", format!("{}: {error}", binary.display()));
            error.hint("`make setup` installs it (npm package @foundry-rs/anvil), or put anvil on the PATH")
        })?;
        let watch = end_with_us(&child)?;
        let mut lines = BufReader::new(child.stdout.take().expect("piped above")).lines();
        loop {
            match lines.next_line().await {
                Ok(Some(line)) => {
                    if let Some(address) = line.strip_prefix("Listening on ") {
                        let url = format!("http://{}", address.trim());
                        // Reads on, or anvil would block on a full pipe.
                        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                        return Ok(Self { child, _watch: watch, url });
                    }
                }
                _ => return Err(anvil_ended(port, &mut child).await),
            }
        }
    }

    /// Fails when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(Error::failure("anvil_ended", format!("anvil at {} has ended", self.url))),
        }
    }

    /// Ends it.
    pub async fn stop(mut self) {
        // It may have ended already.
        let _ = self.child.kill().await;
    }
}

async fn anvil_ended(port: u16, child: &mut Child) -> Error {
    let mut text = String::new();
    if let Some(stderr) = &mut child.stderr {
        // What cannot be read is not reported.
        let _ = stderr.read_to_string(&mut text).await;
    }
    if text.contains("in use") {
        return Error::refused("port_taken", format!("port {port} is taken"))
            .hint("stop what uses it, or choose another: --rpc-port 0 takes a free one");
    }
    Error::failure("anvil_failed", format!("anvil ended before it listened: {}", text.trim()))
}

/// The pinned anvil of the project, found from the working directory or the executable upwards; else the one on the PATH.
fn anvil_binary() -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let pinned = format!("node_modules/@foundry-rs/anvil-{os}-{arch}/bin/anvil");
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let found = starts.iter().flatten().flat_map(|start| start.ancestors()).map(|folder| folder.join(&pinned));
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "anvil".into())
}

/// How a devnet is made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Port of the chain; 0: a free one.
    pub rpc_port: u16,
    /// Port of the indexer; 0: a free one.
    pub http_port: u16,
    /// Where the model is imported from when the package is missing.
    pub source: PathBuf,
    /// The model package.
    pub model: PathBuf,
    /// Validators with a seat.
    pub validators: usize,
    /// Whether the node network is kept going: a seat, an operator that examines it, and who posts epochs.
    pub nodes: bool,
}

/// How long each step took, in seconds, in order.
pub type Stages = Vec<(&'static str, f64)>;

/// A running devnet.
#[derive(Debug)]
pub struct Devnet {
    /// The chain.
    pub anvil: Anvil,
    /// The contracts.
    pub suite: Suite,
    /// Configuration that reaches it; state lies in a folder that is removed at the end.
    pub config: Config,
    /// The registered model.
    pub model: alloy::primitives::B256,
    /// The payment token.
    pub token: Token,
    /// The indexer, in this process.
    pub indexer: Indexer,
    /// Seconds a step.
    pub stages: Stages,
    provider: Child,
    _watch: Child,
    _validators: Vec<Handle>,
    keepers: Option<nodes::Keepers>,
    shutdown: CancellationToken,
    _folder: TempDir,
}

impl Devnet {
    /// Starts everything.
    pub async fn start(output: Output, base: &Config, setup: &Setup) -> Result<Self> {
        let mut clock = Clock::new(output);
        let folder =
            tempfile::Builder::new().prefix("assay-").tempdir().map_err(|error| Error::failure("io", error))?;
        clock.begin("chain");
        let anvil = Anvil::start(setup.rpc_port).await?;
        let config = configuration(base, &anvil.url, folder.path(), &setup.model);

        clock.begin("deploy");
        deploy_suite(&config).await?;
        nodes::sell(&config).await?;
        let suite = nodes::found(&config).await?;
        clock.begin("model");
        if !is_current(&setup.model) {
            import_model(output, &setup.source, &setup.model).await?;
        }
        let package = Package::open(&setup.model)?;
        clock.begin("setup");
        let (model, token) = populate(&config, &package).await?;
        clock.begin("services");
        let shutdown = CancellationToken::new();
        let mut indexing = config.indexer();
        indexing.listen.set_port(setup.http_port);
        write_config(&config, folder.path())?;
        let indexer = Indexer::start(indexing, shutdown.clone()).await.map_err(services::from_indexer)?;
        let keepers = match setup.nodes {
            true => Some(nodes::keep(&config, folder.path(), &shutdown).await?),
            false => None,
        };
        let provider = spawn_provider(&config, folder.path())?;
        let watch = end_with_us(&provider)?;
        let validators = start_validators(&config, setup.validators, folder.path(), &shutdown).await?;
        let stages = clock.end();
        Ok(Self {
            anvil,
            suite,
            config,
            model,
            token,
            indexer,
            stages,
            provider,
            _watch: watch,
            _validators: validators,
            keepers,
            shutdown,
            _folder: folder,
        })
    }

    /// Number of the operator that examines the provider, where the network is kept going.
    pub fn operator(&self) -> Option<u32> {
        self.keepers.as_ref().map(|keepers| keepers.operator)
    }

    /// A connection for one of anvil's accounts.
    pub async fn connect(&self, account: usize) -> Result<Chain> {
        Chain::connect(&self.config, Some(keys::anvil(account))).await
    }

    /// Fails when the provider has ended, with what it said.
    pub async fn check_provider(&mut self) -> Result<()> {
        match self.provider.try_wait() {
            Ok(None) => Ok(()),
            _ => {
                let mut text = String::new();
                if let Some(stderr) = &mut self.provider.stderr {
                    // What cannot be read is not reported.
                    let _ = stderr.read_to_string(&mut text).await;
                }
                Err(Error::failure("provider_ended", format!("the provider ended: {}", text.trim())))
            }
        }
    }

    /// Stops everything in order; returns what the provider reports of itself.
    pub async fn stop(mut self) -> Result<Value> {
        let report = stop_provider(&mut self.provider).await;
        self.shutdown.cancel();
        let indexer = self.indexer.stopped().await.map_err(services::from_indexer);
        self.anvil.stop().await;
        indexer?;
        report
    }
}

/// The configuration that reaches the devnet: state and blobs in `folder`, short clocks.
pub(crate) fn configuration(base: &Config, url: &str, folder: &Path, model: &Path) -> Config {
    let mut config = base.clone();
    config.rpc_url = url.to_owned();
    config.chain_id = deploy::DEVNET_CHAIN_ID;
    config.chains = folder.join("chains");
    config.blobs = folder.join("blobs");
    config.model = model.to_owned();
    config.token = None;
    config.key = None;
    config.indexer.database = folder.join("indexer.sqlite");
    config.indexer.public_rpc_url = Some(url.to_owned());
    config.indexer.follow.poll_interval_ms = 50;
    config.indexer.head_interval_ms = 100;
    config.provider.models = vec![model.to_owned()];
    config.provider.store = folder.join("provider.sqlite");
    config.provider.http = None;
    config
}

/// Whether there is a package at `folder`, and not one of an older source than this version imports.
pub(crate) fn is_current(folder: &Path) -> bool {
    let Ok(text) = std::fs::read(folder.join("model.json")) else { return false };
    let Ok(manifest) = serde_json::from_slice::<Value>(&text) else { return false };
    let minilm = Description::minilm();
    manifest["name"] != minilm.name.as_str() || manifest["source_sha256"].as_str() == minilm.sha256.as_deref()
}

pub(crate) async fn deploy_suite(config: &Config) -> Result<Suite> {
    let admin = keys::anvil(accounts::ADMIN);
    let provider = chain::provider(&config.rpc_url, Some(&admin))?;
    let parameters = deploy::devnet_parameters(admin.address());
    let suite = deploy::deploy(&provider, admin.address(), config.chain_id, parameters, |_, _| {}).await?;
    deploy::write(&suite, &config.chain_file())?;
    Ok(suite)
}

/// Registers the model, funds the customer, funds and stakes the provider.
pub(crate) async fn populate(config: &Config, package: &Package) -> Result<(alloy::primitives::B256, Token)> {
    let connect = async |account: usize| Chain::connect(config, Some(keys::anvil(account))).await;
    let owner = connect(accounts::MODEL_OWNER).await?;
    let token = Token::configured(&owner, config).await?;
    let royalty = ModelRegistry::Royalty { account: owner.account(), share: ROYALTY };
    let uri = format!("file:{}", config.model.display());
    let (model, _) = register_model(&owner, package, &token, FLOOR, vec![royalty], uri).await?;
    let funds = token.parse(FUNDS)?;
    for account in [accounts::CUSTOMER, accounts::PROVIDER] {
        let chain = connect(account).await?;
        mint_play_money(&chain, funds).await?;
        deposit(&chain, &token, chain.account(), funds).await?;
        if account == accounts::PROVIDER {
            services::stake(&chain, &token, funds).await?;
        }
    }
    Ok((model, token))
}

/// Funds anvil's account `number` for two seats and takes one.
pub(crate) async fn seat(config: &Config, number: usize) -> Result<()> {
    let chain = Chain::connect(config, Some(keys::anvil(number))).await?;
    let token = Token::configured(&chain, config).await?;
    let funds = U256::from(chain.suite.parameters.verification.seat_stake) * U256::from(2);
    mint_play_money(&chain, funds).await?;
    deposit(&chain, &token, chain.account(), funds).await?;
    watch::join(&chain, "1").await.map(drop)
}

/// Seats so many validators and runs them in this process.
async fn start_validators(
    config: &Config,
    count: usize,
    folder: &Path,
    shutdown: &CancellationToken,
) -> Result<Vec<Handle>> {
    try_join_all((0..count).map(|number| seat(config, accounts::VALIDATOR + number))).await?;
    let mut validators = Vec::new();
    for number in 0..count {
        let settings = validator::Config {
            store: folder.join(format!("validator{number}.sqlite")),
            models: vec![config.model.clone()],
            backend: config.validator.backend,
            spread: 2,
            follow: config.indexer.follow.clone(),
            ..validator::Config::default()
        };
        let config = Config { key: Some(format!("anvil:{}", accounts::VALIDATOR + number)), ..config.clone() };
        let setup = watch::setup(&config).await?;
        validators.push(validator::start(settings, setup, shutdown.clone()).await.map_err(services::from_keeper)?);
    }
    Ok(validators)
}

/// The provider is a process of its own, as on a real chain, so that its memory is its own too.
fn spawn_provider(config: &Config, folder: &Path) -> Result<Child> {
    let file = folder.join("provider.toml");
    let text = provider_toml(config);
    std::fs::write(&file, text).map_err(|error| Error::file(&file, &error))?;
    let binary = std::env::current_exe().map_err(|error| Error::failure("io", error))?;
    let mut command = Command::new(binary);
    command.args(["provider", "run", "--json", "--config"]).arg(&file);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ASSAY_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
    command.spawn().map_err(|error| Error::failure("io", format!("cannot start the provider: {error}")))
}

/// `assay.toml` in the devnet's folder: with it, every command reaches the devnet.
fn write_config(config: &Config, folder: &Path) -> Result<()> {
    let mut file: toml::Table = provider_toml(config).parse().expect("written just now");
    file.retain(|key, _| key != "provider" && key != "key");
    file.insert("model".into(), absolute(&config.model).display().to_string().into());
    let path = folder.join("assay.toml");
    std::fs::write(&path, file.to_string()).map_err(|error| Error::file(&path, &error))
}

/// What the provider needs to know, as its configuration file.
fn provider_toml(config: &Config) -> String {
    let path = |path: &Path| toml::Value::String(absolute(path).display().to_string());
    let provider = toml::toml! {
        [work]
        receipt_poll_ms = 50
        [follow]
        poll_interval_ms = 50
    };
    let mut provider = provider;
    provider
        .insert("models".into(), toml::Value::Array(config.provider.models.iter().map(|model| path(model)).collect()));
    provider.insert("store".into(), path(&config.provider.store));
    provider.insert("backend".into(), config.provider.backend.to_string().into());
    let mut file = toml::Table::new();
    file.insert("rpc_url".into(), config.rpc_url.clone().into());
    file.insert("chain_id".into(), toml::Value::Integer(config.chain_id as i64));
    file.insert("chains".into(), path(&config.chains));
    file.insert("blobs".into(), path(&config.blobs));
    file.insert("key".into(), format!("anvil:{}", accounts::PROVIDER).into());
    file.insert("provider".into(), provider.into());
    file.to_string()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Asks the provider to finish and reads what it reports.
async fn stop_provider(provider: &mut Child) -> Result<Value> {
    if let Some(id) = provider.id() {
        terminate(id).await;
    }
    let mut text = String::new();
    let read = async {
        if let Some(stdout) = &mut provider.stdout {
            // A provider that cannot be read has no report; the parse below says so.
            let _ = stdout.read_to_string(&mut text).await;
        }
        provider.wait().await
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), read).await;
    match ended {
        Ok(Ok(status)) if status.success() => {
            serde_json::from_str(&text).map_err(|error| Error::failure("provider_report", format!("{error}: {text}")))
        }
        Ok(_) => Err(Error::failure("provider_failed", "the provider ended with an error")),
        Err(_) => Err(Error::failure("provider_hangs", "the provider did not stop within 20 s")),
    }
}

/// Kills `child` when this process has ended without doing so itself, as after SIGKILL: a shell waits for the end of a pipe that
/// only this process holds open. Keep what is returned; dropped, it kills nothing.
fn end_with_us(child: &Child) -> Result<Child> {
    let id = child.id().map_or(String::new(), |id| id.to_string());
    let mut watch = Command::new("sh");
    watch.args(["-c", "read -r line; kill -KILL \"$0\"", &id]);
    watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).process_group(0);
    watch.spawn().map_err(|error| Error::failure("io", format!("cannot start sh: {error}")))
}

/// SIGTERM, by the shell: the standard library sends no signals but SIGKILL.
async fn terminate(id: u32) {
    // A process that is gone needs no signal.
    let _ = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id.to_string()]).status().await;
}

/// Resolves at the first Ctrl-C or SIGTERM.
pub async fn stopped_by_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without signals there is nothing to wait for; the process then ends as the system wishes.
    let _ = tokio::signal::ctrl_c().await;
}

/// Runs `work` unless Ctrl-C or SIGTERM comes first; what `work` holds is dropped then.
pub async fn or_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        () = stopped_by_signal() => Err(Error::interrupted()),
    }
}

/// Measures steps and shows them.
struct Clock {
    bar: indicatif::ProgressBar,
    stages: Stages,
    running: Option<(&'static str, Instant)>,
}

impl Clock {
    fn new(output: Output) -> Self {
        Self { bar: output.spinner("devnet"), stages: Vec::new(), running: None }
    }

    fn begin(&mut self, stage: &'static str) {
        self.finish();
        self.bar.set_message(stage);
        self.running = Some((stage, Instant::now()));
    }

    fn finish(&mut self) {
        if let Some((stage, since)) = self.running.take() {
            self.stages.push((stage, since.elapsed().as_secs_f64()));
        }
    }

    fn end(mut self) -> Stages {
        self.finish();
        self.bar.finish_and_clear();
        self.stages
    }
}
