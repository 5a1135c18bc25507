//! The commands, one file a subject.

mod account;
mod checker;
mod configuration;
mod demo;
mod deploy;
mod dispute;
mod doctor;
mod epochs;
mod generate;
mod keys;
mod model;
mod nodes;
mod order;
mod rewards;
mod sale;
pub(crate) mod services;
mod simulate;
mod up;
pub(crate) mod watch;

pub(crate) use account::{deposit, mint_play_money};
pub(crate) use epochs::hold as hold_bonds;
pub(crate) use model::{import_model, register_model};
pub(crate) use nodes::{deploy_network, enroll_seat, register_operator, start_seat};
pub(crate) use rewards::give as fund_pool;
pub(crate) use sale::deploy_sale;

use clap::CommandFactory;

use crate::{
    chain::Chain,
    cli::{Cli, Command, HardwareArgs, ReceiveArgs},
    client::collect::Options,
    config::{self, Config, Loaded},
    error::Result,
    keys as signing,
    output::{Output, say},
};

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// How it speaks.
    pub output: Output,
    /// The effective configuration.
    pub config: Config,
}

impl Context {
    /// A connection that only reads.
    pub async fn reader(&self) -> Result<Chain> {
        Chain::connect(&self.config, None).await
    }

    /// A connection that acts for the configured key.
    pub async fn actor(&self) -> Result<Chain> {
        Chain::connect(&self.config, Some(signing::signer(&self.config)?)).await
    }

    /// The blob store.
    pub fn blobs(&self) -> Result<assay_blobs::Blobs> {
        assay_blobs::Blobs::files(&self.config.blobs).map_err(crate::client::open::from_blob)
    }

    /// How results are received.
    pub fn collect_options(&self, args: &ReceiveArgs) -> Options {
        Options {
            accept: args.accept,
            patience: std::time::Duration::from_secs(self.config.order.patience),
            timeout: args.timeout.map(std::time::Duration::from_secs),
        }
    }
}

/// Runs the command of `cli`.
pub async fn run(cli: Cli, output: Output) -> Result<()> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "assay", &mut script);
        say!("{}", String::from_utf8_lossy(&script));
        return Ok(());
    }
    let loaded = config::load(cli.global.config.as_deref(), &cli.global.overrides())?;
    for warning in &loaded.warnings {
        output.note(format!("warning: {warning}"));
    }
    let context = |loaded: Loaded| Context { output, config: loaded.config };
    let context_on = |mut loaded: Loaded, hardware: HardwareArgs| {
        hardware.apply(&mut loaded.config);
        context(loaded)
    };
    match cli.command {
        Command::Config(_) => configuration::check(&loaded, output),
        Command::Doctor { model } => doctor::run(&context(loaded), model).await,
        Command::Up(args) => up::run(&context_on(loaded, args.hardware), &args).await,
        Command::Demo(args) => demo::run(&context_on(loaded, args.hardware), &args).await,
        Command::Deploy(args) => deploy::run(&context(loaded), &args).await,
        Command::Provider(command) => services::provider(context(loaded), command).await,
        Command::Validator(command) => watch::validator(context(loaded), command).await,
        Command::Challenger(command) => watch::challenger(context(loaded), command).await,
        Command::Checker(command) => checker::run(context(loaded), command).await,
        Command::Epochs(command) => epochs::run(context(loaded), command).await,
        Command::Dispute(command) => dispute::run(&context(loaded), command).await,
        Command::Indexer(command) => services::indexer(context(loaded), command).await,
        Command::Model(command) => model::run(&context(loaded), command).await,
        Command::Order(command) => order::run(&context(loaded), command).await,
        Command::Embed(args) => order::embed(&context(loaded), &args).await,
        Command::Generate(args) => generate::run(&context(loaded), &args).await,
        Command::Account(command) => account::run(&context(loaded), command).await,
        Command::Sale(command) => sale::run(&context(loaded), command).await,
        Command::Nodes(command) => nodes::run(&context(loaded), command).await,
        Command::Rewards(command) => rewards::run(&context(loaded), command).await,
        Command::Simulate(command) => simulate::run(&context(loaded), command),
        Command::Keys(command) => keys::run(&context(loaded), command),
        Command::Completions { .. } => unreachable!("answered above, without a configuration"),
    }
}
