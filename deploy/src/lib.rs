//! The `assay` command: a devnet, deployment, models, orders, accounts and keys, and the services of the suite.
//!
//! Each command reads the [configuration](config), connects to the [chain], does one thing and prints its result as text or, with
//! `--json`, as one JSON object. What fails comes back as an [`Error`] with a stable code and an exit status.

pub mod chain;
pub mod cheat;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod devnet;
pub mod error;
pub mod keys;
pub mod output;
pub mod simulate;
pub mod token;

use std::{ffi::OsString, io::IsTerminal, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use tracing_subscriber::EnvFilter;

pub use error::{Error, Exit, Result};
use output::Output;

/// Runs the command line `arguments`, program name first.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let cli = match cli::Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, wants_json),
    };
    let output = Output { json: cli.global.json, quiet: cli.global.quiet };
    start_logging(match &cli.command {
        // Keepers that race for the same move are part of a cheat's game, and their refused transactions no news.
        cli::Command::Demo(args) if args.cheat.is_some() => "error",
        // What a keeper computes on, and why on nothing faster.
        cli::Command::Provider(_) | cli::Command::Validator(_) | cli::Command::Challenger(_) => {
            "warn,assay_keepers::models=info"
        }
        _ => "warn",
    });
    match commands::run(cli, output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error, output.json);
            ExitCode::from(error.exit() as u8)
        }
    }
}

/// clap's own help and complaints; the latter as JSON where JSON was asked for.
fn usage(error: &clap::Error, json: bool) -> ExitCode {
    let help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if json && !help {
        let text = error.render().to_string();
        let message = text.trim_start_matches("error: ").lines().next().unwrap_or_default();
        complain(&Error::usage("usage", message).hint("--help shows what is possible, with an example"), true);
        return ExitCode::from(Exit::Usage as u8);
    }
    // Nowhere to print to is nothing to complain about.
    let _ = error.print();
    if help { ExitCode::SUCCESS } else { ExitCode::from(Exit::Usage as u8) }
}

fn complain(error: &Error, json: bool) {
    if json {
        eprintln!("{}", error.to_json());
    } else {
        eprintln!("{error}");
    }
}

/// Logs go to stderr; `RUST_LOG` says how much, else `level`.
fn start_logging(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A subscriber that is there already is the tests' business.
    let _ = if std::io::stderr().is_terminal() { builder.try_init() } else { builder.with_ansi(false).try_init() };
}
