//! `assay provider`, `assay validator`, `assay challenger`

use std::{net::SocketAddr, path::PathBuf};

use alloy::primitives::Address;
use assay_kernels::cuda::Backend;
use clap::{Args, Subcommand};

use crate::config::Config;

/// `assay provider …`
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// Take orders, compute, commit and settle, until Ctrl-C
    #[command(
        after_help = "Examples:\n  assay provider run --key keystore:provider\n  assay provider run --key anvil:1 --model models/minilm --http 127.0.0.1:9101\n  assay provider run --key anvil:1 --backend cuda"
    )]
    Run {
        /// Model packages to serve [default: what is configured]
        #[arg(long, value_name = "DIR")]
        model: Vec<PathBuf>,
        /// File of its state [default: what is configured]
        #[arg(long, value_name = "FILE")]
        store: Option<PathBuf>,
        /// Where /health, /ready and /metrics are served
        #[arg(long, value_name = "ADDRESS")]
        http: Option<SocketAddr>,
        /// Hardware to compute on.
        #[command(flatten)]
        hardware: HardwareArgs,
    },
    /// Provision stake from the ledger account
    #[command(after_help = "Example:\n  assay provider stake 1000 --key keystore:provider")]
    Stake {
        /// Amount in whole tokens, such as 12.5
        amount: String,
    },
    /// Start the exit of free stake
    #[command(after_help = "Example:\n  assay provider thaw 1000 --key keystore:provider")]
    Thaw {
        /// Amount in whole tokens
        amount: String,
    },
    /// Move thawed stake back to the ledger account
    #[command(after_help = "Example:\n  assay provider withdraw --key keystore:provider")]
    Withdraw,
}

/// `assay validator …`
#[derive(Debug, Subcommand)]
pub enum ValidatorCommand {
    /// Take a seat: stakes what is missing, deposits a bond for disputes, sits down
    #[command(after_help = "Example:\n  assay validator join --bond 0.1 --key keystore:validator")]
    Join {
        /// Native currency to hold in the ledger for bonds, in whole units
        #[arg(long, value_name = "AMOUNT", default_value = "0.1")]
        bond: String,
    },
    /// Leave the seat, or free its stake once the exit delay is over
    #[command(after_help = "Example:\n  assay validator leave --key keystore:validator")]
    Leave,
    /// Re-execute what the seat is drawn for, seal, reveal and dispute, until Ctrl-C
    #[command(after_help = "Example:\n  assay validator run --key keystore:validator --model models/minilm")]
    Run(KeeperArgs),
    /// Show a seat and what it has for bonds
    #[command(after_help = "Example:\n  assay validator show 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Show {
        /// The validator [default: the signing account]
        address: Option<Address>,
    },
}

/// `assay challenger …`
#[derive(Debug, Subcommand)]
pub enum ChallengerCommand {
    /// Deposit a bond for disputes, and allow what challenges need
    #[command(after_help = "Example:\n  assay challenger fund --bond 0.1 --key keystore:challenger")]
    Fund {
        /// Native currency to hold in the ledger for bonds, in whole units
        #[arg(long, value_name = "AMOUNT", default_value = "0.1")]
        bond: String,
    },
    /// Compute a share of all tasks and dispute what is false, until Ctrl-C
    #[command(after_help = "Example:\n  assay challenger run --rate 0.1 --key keystore:challenger")]
    Run {
        /// Share of all tasks that it computes, 0 to 1 [default: what is configured]
        #[arg(long, value_name = "SHARE")]
        rate: Option<f64>,
        /// Options of a keeper.
        #[command(flatten)]
        keeper: KeeperArgs,
    },
}

/// How a validator or a challenger runs.
#[derive(Args, Clone, Debug)]
pub struct KeeperArgs {
    /// Model packages to re-execute [default: what is configured]
    #[arg(long, value_name = "DIR")]
    pub model: Vec<PathBuf>,
    /// File of its state [default: what is configured]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Where /health, /ready and /metrics are served
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// Hardware to compute on.
    #[command(flatten)]
    pub hardware: HardwareArgs,
}

/// What keepers compute on.
#[derive(Args, Clone, Copy, Debug)]
pub struct HardwareArgs {
    /// GPUs, the CPU, or GPUs if there are any that can be used [default: what is configured, else auto]
    #[arg(long, value_name = "auto|cpu|cuda")]
    pub backend: Option<Backend>,
}

impl HardwareArgs {
    /// Has every keeper compute on what was named.
    pub fn apply(self, config: &mut Config) {
        let Config { provider, validator, challenger, checker, seat, .. } = config;
        let keepers = [&mut provider.backend, &mut validator.backend, &mut challenger.backend, &mut checker.backend];
        for backend in keepers.into_iter().chain([&mut seat.backend]) {
            *backend = self.backend.unwrap_or(*backend);
        }
    }
}
