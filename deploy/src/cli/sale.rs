//! `assay sale …`

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::{Args, Subcommand};

/// `assay sale …`
#[derive(Debug, Subcommand)]
pub enum SaleCommand {
    /// Deploy the sale that a file describes, or find it, and enter it in the chain's record
    #[command(
        after_help = "Examples:\n  assay sale deploy sale.toml --check\n  assay sale deploy sale.toml --key keystore:deployer\n\ndocs/sellers.md shows a file with every key."
    )]
    Deploy {
        /// What the sale promises, in TOML
        file: PathBuf,
        /// Send nothing: check the file, ask the chain whether the contract would accept it, and print the address
        #[arg(long)]
        check: bool,
    },
    /// Make an allow-list's Merkle tree from lines of address,allocation
    #[command(after_help = "Example:\n  assay sale allowlist buyers.csv --json | jq -r .root")]
    Allowlist(ListArgs),
    /// Make the Merkle tree of promo codes from lines of code,discount,total (discounts in basis points)
    #[command(after_help = "Example:\n  assay sale promo codes.csv --json | jq -r .root")]
    Promo(ListArgs),
    /// Show phases, tiers, prices, what is sold and what was raised
    #[command(after_help = "Examples:\n  assay sale show\n  assay sale show --json | jq .tiers")]
    Show(SaleArgs),
    /// Buy licences
    #[command(
        after_help = "Examples:\n  assay sale buy --key keystore:alice\n  assay sale buy --quantity 5 --tier 2 --token native --max-cost 1.5 --key keystore:alice\n  assay sale buy --allowlist buyers.tree.json --key keystore:alice\n  assay sale buy --code EARLY --promo codes.tree.json --key keystore:alice"
    )]
    Buy(BuyArgs),
    /// Return licences of a failed sale; their owners' ledger accounts receive what they cost
    #[command(
        after_help = "Examples:\n  assay sale refund --key keystore:alice\n  assay sale refund 17 18 --key keystore:anybody"
    )]
    Refund(LicenseArgs),
    /// Return licences to the seller of a sale that succeeded, for what they cost less its fee
    #[command(after_help = "Example:\n  assay sale buy-back 17 18 --key keystore:alice")]
    BuyBack(LicenseArgs),
    /// Pay a referrer what it earned, once the sale has succeeded
    #[command(after_help = "Example:\n  assay sale claim-commission --key keystore:referrer")]
    ClaimCommission {
        /// Whose commission [default: the signing account's]
        #[arg(long, value_name = "ADDRESS")]
        referrer: Option<Address>,
        /// Which sale.
        #[command(flatten)]
        sale: SaleArgs,
    },
    /// Pay the seller what has come free of the proceeds, in every token
    #[command(after_help = "Example:\n  assay sale release --key keystore:anybody")]
    Release(SaleArgs),
}

/// Which sale.
#[derive(Args, Clone, Debug)]
pub struct SaleArgs {
    /// The sale's address [default: the last one in the chain's record]
    #[arg(long, value_name = "ADDRESS")]
    pub sale: Option<Address>,
}

/// A list and where its tree goes.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// The list, one row a line, with or without a header
    pub file: PathBuf,
    /// Where the tree goes, as StandardMerkleTree.load reads it [default: the list's name with .tree.json]
    #[arg(long, value_name = "FILE")]
    pub tree: Option<PathBuf>,
    /// Where the proofs go, by address or code [default: the list's name with .proofs.json]
    #[arg(long, value_name = "FILE")]
    pub proofs: Option<PathBuf>,
}

/// `assay sale buy`
#[derive(Args, Clone, Debug)]
pub struct BuyArgs {
    /// Licences
    #[arg(short, long, default_value_t = 1)]
    pub quantity: u16,
    /// Tier, by number from 1 or by name [default: the first that has licences left]
    #[arg(long)]
    pub tier: Option<String>,
    /// The most that all may cost, in whole tokens [default: what they cost now]
    #[arg(long, value_name = "AMOUNT")]
    pub max_cost: Option<String>,
    /// Who sent you: saves what the seller offers, and pays the referrer
    #[arg(long, value_name = "ADDRESS", conflicts_with = "code")]
    pub referrer: Option<Address>,
    /// Promo code
    #[arg(long, requires = "promo")]
    pub code: Option<String>,
    /// Published tree of the promo codes
    #[arg(long, value_name = "FILE")]
    pub promo: Option<PathBuf>,
    /// Published tree of the allow-list; needed before the public phase
    #[arg(long, value_name = "FILE")]
    pub allowlist: Option<PathBuf>,
    /// Keep the right to return them to the seller on its terms
    #[arg(long)]
    pub buyback: bool,
    /// Print what they would cost, and send nothing
    #[arg(long)]
    pub quote: bool,
    /// Which sale.
    #[command(flatten)]
    pub sale: SaleArgs,
}

/// Licences to return.
#[derive(Args, Clone, Debug)]
pub struct LicenseArgs {
    /// Ids [default: all of the signing account's that can be returned]
    pub ids: Vec<u32>,
    /// Which sale.
    #[command(flatten)]
    pub sale: SaleArgs,
}
