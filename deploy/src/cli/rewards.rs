//! `assay rewards …`

use alloy::primitives::Address;
use clap::{Args, Subcommand};

/// `assay rewards …`
#[derive(Debug, Subcommand)]
pub enum RewardsCommand {
    /// Give the pool money for later epochs, from the ledger account; nothing comes back
    #[command(after_help = "Example:\n  assay rewards fund 10000 --key keystore:treasury")]
    Fund {
        /// Amount in whole tokens, such as 12.5
        amount: String,
        /// Which pool.
        #[command(flatten)]
        pool: PoolArgs,
    },
    /// Claim what was earned: all of it, coming free slowly; or a part of it sooner
    #[command(
        after_help = "Examples:\n  assay rewards claim --key keystore:alice\n  assay rewards claim 17 18 --fast --key keystore:alice\n\nAll epochs are computed anew from the chain before anything is sent."
    )]
    Claim {
        /// Licences or operators, by their numbers [default: all of the signing account's]
        numbers: Vec<u32>,
        /// Keep the pool's fast share, over its fast period, and give the rest back to it
        #[arg(long)]
        fast: bool,
        /// Which pool.
        #[command(flatten)]
        pool: PoolArgs,
    },
    /// Pay what has come free of claims to the owners' ledger accounts
    #[command(after_help = "Example:\n  assay rewards collect --key keystore:alice")]
    Collect {
        /// Licences or operators, by their numbers [default: all of the signing account's]
        numbers: Vec<u32>,
        /// Which pool.
        #[command(flatten)]
        pool: PoolArgs,
    },
    /// Show a pool: what it holds, its epochs; and the books of licences and operators
    #[command(after_help = "Examples:\n  assay rewards show\n  assay rewards show 17 18 --json | jq .books")]
    Show {
        /// Licences or operators to look at, by their numbers
        numbers: Vec<u32>,
        /// Which pool.
        #[command(flatten)]
        pool: PoolArgs,
    },
    /// Compute an epoch from the chain alone, and say whether it is what was posted
    #[command(after_help = "Example:\n  assay rewards recompute --epoch 12 --json | jq .rewards.same")]
    Recompute {
        /// The epoch
        #[arg(long)]
        epoch: u32,
        /// Which pool.
        #[command(flatten)]
        pool: PoolArgs,
    },
}

/// Which pool.
#[derive(Args, Clone, Debug)]
pub struct PoolArgs {
    /// The pool's address [default: the last one in the chain's record]
    #[arg(long, value_name = "ADDRESS")]
    pub pool: Option<Address>,
}
