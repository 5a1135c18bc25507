//! `assay nodes …`

use alloy::primitives::Address;
use clap::{Args, Subcommand};

use super::{SaleArgs, SeatCommand};

/// `assay nodes …`
#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// Deploy the node network over a sale's licences, or go on where it was interrupted, and enter it in the chain's record
    #[command(
        after_help = "Examples:\n  assay nodes deploy --check\n  assay nodes deploy --key keystore:deployer\n  assay nodes deploy --reward-cap 1000000 --reward-first 1000 --halving 365 --token native --key keystore:deployer\n\nWhat is not named is as docs/flows/uptime.md needs it. Terms are part of the addresses, for good."
    )]
    Deploy(Box<NetworkTermsArgs>),
    /// Become an operator, who runs nodes for licences
    #[command(
        after_help = "Example:\n  assay nodes register --rate 1000 --cap 200 --attester 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --key keystore:operator"
    )]
    Register(RegisterArgs),
    /// Change what new delegations cost, how many licences are taken on, or the key that attests
    #[command(after_help = "Example:\n  assay nodes offer --rate 800 --key keystore:operator")]
    Offer(OfferArgs),
    /// Have licences run by an operator from the next epoch on
    #[command(
        after_help = "Examples:\n  assay nodes delegate --to 1001 --key keystore:alice\n  assay nodes delegate 17 18 --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --rate 1000 --key keystore:alice"
    )]
    Delegate(DelegateArgs),
    /// End delegations with this epoch; the licences rest before they can be delegated anew
    #[command(after_help = "Example:\n  assay nodes undelegate 17 18 --key keystore:alice")]
    Undelegate {
        /// Ids [default: all of the signing account's that are delegated]
        ids: Vec<u32>,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
    /// Be examined as a provider: take a seat, answer operators, leave
    #[command(subcommand, after_help = "Example:\n  assay nodes seat show")]
    Seat(SeatCommand),
    /// Show the network: epoch, operators, seats, postings; and who runs the licences that are named
    #[command(after_help = "Examples:\n  assay nodes show\n  assay nodes show 17 18 --json | jq .licenses")]
    Show {
        /// Licences to look at
        ids: Vec<u32>,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
}

/// Which network.
#[derive(Args, Clone, Debug)]
pub struct NetworkArgs {
    /// The address of the network's Uptime [default: the last network in the chain's record]
    #[arg(long, value_name = "ADDRESS")]
    pub network: Option<Address>,
}

/// `assay nodes deploy`. What is not named is as in the record's network of the collection, else by default.
#[derive(Args, Clone, Debug, Default)]
pub struct NetworkTermsArgs {
    /// Send nothing: check the terms and print the addresses
    #[arg(long)]
    pub check: bool,
    /// The sale whose licences run the network [default: the last one in the chain's record]
    #[arg(long, value_name = "ADDRESS")]
    pub sale: Option<Address>,
    /// When epoch 0 begins, in Unix seconds [default: with the next whole epoch, at the end of a sale that is still open]
    #[arg(long, value_name = "TIME")]
    pub genesis: Option<u64>,
    /// Seconds of an epoch [default: 86400; 120 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub epoch_length: Option<u32>,
    /// Epochs that a licence rests after a delegation [default: 7; 2 on 31337]
    #[arg(long, value_name = "EPOCHS")]
    pub thaw_epochs: Option<u32>,
    /// How providers are examined.
    #[command(flatten)]
    pub exam: ExamArgs,
    /// What follows from faults.
    #[command(flatten)]
    pub faults: FaultArgs,
    /// How epochs are posted.
    #[command(flatten)]
    pub roots: RootArgs,
    /// What the network pays.
    #[command(flatten)]
    pub pool: PoolTermsArgs,
}

impl NetworkTermsArgs {
    /// Which sale.
    pub fn sale(&self) -> SaleArgs {
        SaleArgs { sale: self.sale }
    }
}

/// How providers are examined.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Examination")]
pub struct ExamArgs {
    /// Seconds of an epoch in which the answers of the one before are sealed [default: 7200; 20 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub seal_time: Option<u32>,
    /// Seconds for revealing them, once the epoch's seed is drawn [default: 14400; 30 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub reveal_time: Option<u32>,
    /// Seconds from leaving a seat until its stake comes free [default: 14 days; 600 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub exit_delay: Option<u32>,
    /// Rounds of an epoch, at most 64 [default: 24; 4 on 31337]
    #[arg(long, value_name = "N")]
    pub rounds: Option<u16>,
    /// Signatures that a reveal shows, at most 16 [default: 4; 2 on 31337]
    #[arg(long, value_name = "N")]
    pub audits: Option<u16>,
    /// Operators whose answers make the truth, at most 512 [default: 128; 16 on 31337]
    #[arg(long, value_name = "N")]
    pub max_voters: Option<u16>,
    /// Seats, at most 1024 [default: 256; 32 on 31337]
    #[arg(long, value_name = "N")]
    pub max_seats: Option<u16>,
    /// What a seat locks, in whole stake tokens [default: as a validator's seat]
    #[arg(long, value_name = "AMOUNT")]
    pub seat_stake: Option<String>,
}

/// What follows from faults.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Faults")]
pub struct FaultArgs {
    /// Wrong answers in an epoch that make a strike [default: 24; 4 on 31337]
    #[arg(long, value_name = "N")]
    pub wrong_limit: Option<u32>,
    /// Two strikes less than so many epochs apart ban [default: 30; 10 on 31337]
    #[arg(long, value_name = "EPOCHS")]
    pub strike_span: Option<u32>,
    /// Epochs of a ban [default: 7; 3 on 31337]
    #[arg(long, value_name = "EPOCHS")]
    pub ban_epochs: Option<u32>,
    /// Seconds for strikes, and for appeals [default: 3 days; 60 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub appeal_time: Option<u32>,
    /// Rounds offline in an epoch that cost a provider stake [default: 12; 2 on 31337]
    #[arg(long, value_name = "N")]
    pub offline_limit: Option<u32>,
    /// How much of a seat's stake, in basis points [default: 500; 1000 on 31337]
    #[arg(long, value_name = "BPS")]
    pub offline_slash: Option<u16>,
}

/// How epochs are posted: of the network, and of a pool that is deployed with it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Postings")]
pub struct RootArgs {
    /// Token of bonds and fees: native, dev or an address [default: native]
    #[arg(long, value_name = "TOKEN")]
    pub bond_token: Option<String>,
    /// What a publisher puts up for each root, in whole tokens [default: 0.1; 0.01 on 31337]
    #[arg(long, value_name = "AMOUNT")]
    pub bond: Option<String>,
    /// What a demand costs, in whole tokens [default: 0.01; 0.001 on 31337]
    #[arg(long, value_name = "AMOUNT")]
    pub fee: Option<String>,
    /// Seconds in which a root can be doubted [default: 86400; 30 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub window: Option<u32>,
    /// Seconds to answer a demand, and to read the answer [default: 14400; 10 on 31337]
    #[arg(long, value_name = "SECONDS")]
    pub answer_time: Option<u32>,
}

/// A pool that pays in the token of `--token`; none without a cap.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Rewards (a pool in the token of --token)")]
pub struct PoolTermsArgs {
    /// Never more than this in all, in whole tokens
    #[arg(long, value_name = "AMOUNT", requires = "reward_first")]
    pub reward_cap: Option<String>,
    /// Of each epoch, to begin with, in whole tokens
    #[arg(long, value_name = "AMOUNT", requires = "reward_cap")]
    pub reward_first: Option<String>,
    /// After so many epochs an epoch's emission halves, and again; 0: never
    #[arg(long, value_name = "EPOCHS", default_value_t = 0, requires = "reward_cap")]
    pub halving: u32,
    /// Seconds over which a full claim comes free [default: 180 days; 600 on 31337]
    #[arg(long, value_name = "SECONDS", requires = "reward_cap")]
    pub slow_period: Option<u32>,
    /// Seconds over which a fast claim comes free [default: 30 days; 60 on 31337]
    #[arg(long, value_name = "SECONDS", requires = "reward_cap")]
    pub fast_period: Option<u32>,
    /// What a fast claim keeps, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 5_000, requires = "reward_cap")]
    pub fast_share: u16,
}

/// `assay nodes register`
#[derive(Args, Clone, Debug)]
pub struct RegisterArgs {
    /// What you keep of a licence's rewards, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 1_000)]
    pub rate: u16,
    /// Licences that you take on at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub cap: u32,
    /// Account whose key attests for you, and can do nothing else [default: the signing account]
    #[arg(long, value_name = "ADDRESS")]
    pub attester: Option<Address>,
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// `assay nodes offer`
#[derive(Args, Clone, Debug)]
pub struct OfferArgs {
    /// What you keep of licences that are delegated from now on, in basis points
    #[arg(long, value_name = "BPS", required_unless_present_any = ["cap", "attester"])]
    pub rate: Option<u16>,
    /// Licences that you take on at most
    #[arg(long, value_name = "N")]
    pub cap: Option<u32>,
    /// Account whose key attests for you from the next epoch on
    #[arg(long, value_name = "ADDRESS")]
    pub attester: Option<Address>,
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// `assay nodes delegate`
#[derive(Args, Clone, Debug)]
pub struct DelegateArgs {
    /// Ids [default: all of the signing account's that can be delegated]
    pub ids: Vec<u32>,
    /// The operator, by its number or account
    #[arg(long, value_name = "OPERATOR")]
    pub to: String,
    /// The rate that you agree to, in basis points [default: what the operator asks now]
    #[arg(long, value_name = "BPS")]
    pub rate: Option<u16>,
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
}
