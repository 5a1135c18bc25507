//! `assay epochs …`

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

use super::NetworkArgs;

/// `assay epochs …`
#[derive(Debug, Subcommand)]
pub enum EpochsCommand {
    /// Hold bonds in the ledger, and let the network's contracts take them for postings
    #[command(after_help = "Example:\n  assay epochs fund --postings 4 --key keystore:keeper")]
    Fund {
        /// Postings of each contract that may wait to become final at once; one fee of a demand is added for each
        #[arg(long, value_name = "NUMBER", default_value = "3")]
        postings: u32,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
    /// Draw seeds, post shares and rewards, and challenge what others post falsely, until Ctrl-C
    #[command(after_help = "Example:\n  assay epochs run --key keystore:keeper --http 127.0.0.1:9102")]
    Run(EpochsArgs),
}

/// `assay epochs run`
#[derive(Args, Clone, Debug)]
pub struct EpochsArgs {
    /// File of its state [default: what is configured]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Where /health, /ready and /metrics are served
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// Blocks on top of what a posting follows from before it is made [default: what is configured]
    #[arg(long, value_name = "BLOCKS")]
    pub depth: Option<u64>,
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
}
