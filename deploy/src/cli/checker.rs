//! `assay checker …` and `assay nodes seat …`

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::{Args, Subcommand};

use super::{HardwareArgs, NetworkArgs};

/// `assay checker …`
#[derive(Debug, Subcommand)]
pub enum CheckerCommand {
    /// Examine every seat in every round, seal and reveal what was found, until Ctrl-C
    #[command(
        after_help = "Examples:\n  assay checker run --key keystore:attester\n  assay checker run --key keystore:attester --model models/minilm --http 127.0.0.1:9103"
    )]
    Run(CheckerArgs),
    /// Show what an operator attested to in the last epochs
    #[command(after_help = "Example:\n  assay checker show 1001 --json | jq .epochs")]
    Show {
        /// The operator's number [default: the one that the signing account attests for]
        operator: Option<u32>,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
}

/// `assay checker run`
#[derive(Args, Clone, Debug)]
pub struct CheckerArgs {
    /// Model package that probes are computed with [default: what is configured]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Number of the operator [default: the one that the key attests for]
    #[arg(long, value_name = "N")]
    pub operator: Option<u32>,
    /// File of its state [default: what is configured]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Where /health, /ready and /metrics are served
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<std::net::SocketAddr>,
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Hardware to compute on.
    #[command(flatten)]
    pub hardware: HardwareArgs,
}

/// `assay nodes seat …`
#[derive(Debug, Subcommand)]
pub enum SeatCommand {
    /// Take a seat, in which operators examine you from the next epoch on; stakes what is missing
    #[command(
        after_help = "Example:\n  assay nodes seat enroll provider.example:9000 --signer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --key keystore:provider"
    )]
    Enroll {
        /// Host and port at which operators reach the seat
        endpoint: String,
        /// Account of the key that signs answers, which `seat.key` names [default: that key's]
        #[arg(long, value_name = "ADDRESS")]
        signer: Option<Address>,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
    /// Answer operators where `seat.listen` says, until Ctrl-C; `assay provider run` does so too
    #[command(
        after_help = "Example:\n  ASSAY_SEAT__LISTEN=0.0.0.0:9000 ASSAY_SEAT__KEY=keystore:seat assay nodes seat run"
    )]
    Run,
    /// Leave the seat with this epoch, or free its stake once the exit delay is over
    #[command(after_help = "Example:\n  assay nodes seat leave --key keystore:provider")]
    Leave {
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
    /// Show a provider's seat
    #[command(after_help = "Example:\n  assay nodes seat show 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Show {
        /// The provider [default: the signing account]
        provider: Option<Address>,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
}
