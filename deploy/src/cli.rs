//! The command line.

mod checker;
mod epochs;
mod keepers;
mod nodes;
mod rewards;
mod sale;
mod simulate;

pub use checker::*;
pub use epochs::*;
pub use keepers::*;
pub use nodes::*;
pub use rewards::*;
pub use sale::*;
pub use simulate::*;

use std::path::PathBuf;

use alloy::primitives::{Address, B256};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{config::Overrides, error::EXIT_STATUSES};

/// Verifiable AI work, ordered, computed, committed and paid on chain.
#[derive(Debug, Parser)]
#[command(name = "assay", version, propagate_version = true, after_help = format!("Examples:
  assay demo                       everything once, on a chain of its own
  assay up                         the same devnet, kept running
  assay embed notes.txt            vectors of a text, one a line

{EXIT_STATUSES}"))]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print one JSON object on stdout (errors as JSON on stderr)
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, no notes
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Configuration file [default: assay.toml, if there]
    #[arg(long, global = true, value_name = "FILE", env = "ASSAY_CONFIG")]
    pub config: Option<PathBuf>,
    /// JSON-RPC endpoint
    #[arg(long, global = true, value_name = "URL")]
    pub rpc_url: Option<String>,
    /// Chain that the endpoint must serve
    #[arg(long, global = true, value_name = "ID")]
    pub chain_id: Option<u64>,
    /// Key to sign with: keystore:NAME, file:PATH, env:VARIABLE, or anvil:INDEX on chain 31337
    #[arg(long, global = true, value_name = "SOURCE")]
    pub key: Option<String>,
    /// File that holds the keystore's password
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Payment token: native, dev, or an address
    #[arg(long, global = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Folder of the blob store
    #[arg(long, global = true, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
}

impl Global {
    /// What these options override in the configuration.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            rpc_url: self.rpc_url.clone(),
            chain_id: self.chain_id,
            blobs: self.blobs.clone(),
            key: self.key.clone(),
            password_file: self.password_file.clone(),
            token: self.token.clone(),
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a devnet until Ctrl-C: chain, contracts, model, provider, validators, indexer
    #[command(
        after_help = "Examples:\n  assay up\n  assay up --validators 0\n  assay up --rpc-port 8545 --http-port 8547"
    )]
    Up(UpArgs),
    /// Show everything once: order, compute, commit, settle, verify, answer a question
    #[command(
        after_help = "Examples:\n  assay demo\n  assay demo -q \"how is a batch verified?\"\n  assay demo --json | jq .gas.per_task\n  assay demo --cheat help\n  assay demo --cheat wrong-output"
    )]
    Demo(DemoArgs),
    /// Deploy the suite to the chain, or go on where it was interrupted
    #[command(after_help = "Examples:
  assay deploy --key anvil:0
  assay deploy --check
  assay deploy --rpc-url https://rpc.example --chain-id 10 --key keystore:deployer --pool 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    Deploy(DeployArgs),
    /// Work as a provider
    #[command(subcommand, after_help = "Example:\n  assay provider run --key keystore:provider")]
    Provider(ProviderCommand),
    /// Validate: hold a seat, re-execute what is drawn
    #[command(subcommand, after_help = "Example:\n  assay validator join --key keystore:validator")]
    Validator(ValidatorCommand),
    /// Challenge: compute what providers commit to, dispute what is false
    #[command(subcommand, after_help = "Example:\n  assay challenger run --key keystore:challenger")]
    Challenger(ChallengerCommand),
    /// Attest for an operator of a node network: examine its providers
    #[command(subcommand, after_help = "Example:\n  assay checker run --key keystore:attester")]
    Checker(CheckerCommand),
    /// Bring a node network from epoch to epoch: seeds, postings, challenges
    #[command(subcommand, after_help = "Example:\n  assay epochs run --key keystore:keeper")]
    Epochs(EpochsCommand),
    /// Look at disputes
    #[command(subcommand, after_help = "Example:\n  assay dispute show 0x5f…c1")]
    Dispute(DisputeCommand),
    /// Serve the suite's history over HTTP
    #[command(subcommand, after_help = "Example:\n  assay indexer run")]
    Indexer(IndexerCommand),
    /// Import, register and list models
    #[command(subcommand, after_help = "Example:\n  assay model list")]
    Model(ModelCommand),
    /// Open, follow and cancel orders
    #[command(subcommand, after_help = "Example:\n  assay order list")]
    Order(OrderCommand),
    /// Embed texts: open an order, wait, verify, write the vectors
    #[command(after_help = "Examples:
  assay embed notes.txt > vectors.jsonl
  assay embed --split paragraph -o vectors.npy README.md docs/*.md
  echo 'one sentence' | assay embed -")]
    Embed(EmbedArgs),
    /// Answer or continue a text with a decoder: open an order, wait, verify, print
    #[command(after_help = "Examples:
  assay generate --package models/smollm2 'What is the capital of France?'
  assay generate --package models/smollm2 --raw --temperature 0.8 --seed 7 'Once upon a time'
  assay generate --package models/smollm2 --local 'What is the capital of France?'")]
    Generate(GenerateArgs),
    /// Move and show money in the ledger
    #[command(subcommand, after_help = "Example:\n  assay account show")]
    Account(AccountCommand),
    /// Sell and buy node licences
    #[command(subcommand, after_help = "Example:\n  assay sale show")]
    Sale(SaleCommand),
    /// Deploy node networks, run nodes for licences, delegate them
    #[command(subcommand, after_help = "Example:\n  assay nodes show")]
    Nodes(NodesCommand),
    /// Fund pools, claim what licences and operators earned, compute it anew
    #[command(subcommand, after_help = "Example:\n  assay rewards show")]
    Rewards(RewardsCommand),
    /// Play the economics with made-up participants
    #[command(subcommand, after_help = "Example:\n  assay simulate posp")]
    Simulate(SimulateCommand),
    /// Encrypted keys
    #[command(subcommand, after_help = "Example:\n  assay keys new alice")]
    Keys(KeysCommand),
    /// Look at the configuration
    #[command(subcommand, after_help = "Example:\n  assay config check")]
    Config(ConfigCommand),
    /// Check this machine: what models can run on, whether it makes the committed bits, how fast it is
    #[command(after_help = "Examples:\n  assay doctor\n  assay doctor --model models/minilm --json | jq .cpu")]
    Doctor {
        /// Model package to measure speed with [default: the configured model, if there]
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
    },
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  assay completions bash > ~/.local/share/bash-completion/completions/assay\n  source <(assay completions zsh)"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `assay up`
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Port of the chain's RPC; 0 takes a free one
    #[arg(long, default_value_t = 8545)]
    pub rpc_port: u16,
    /// Port of the indexer's HTTP; 0 takes a free one
    #[arg(long, default_value_t = 8547)]
    pub http_port: u16,
    /// Validators that hold seats and re-execute what is drawn; an order with --verify needs four
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=5))]
    pub validators: u8,
    /// Leave the node network to others: no seat of the provider, no operator, nobody who posts epochs
    #[arg(long)]
    pub no_nodes: bool,
    /// Where models are imported from
    #[arg(long, value_name = "DIR", default_value = ".tools/minilm")]
    pub source: PathBuf,
    /// Model package to serve [default: what is configured, imported when missing]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Hardware to compute on.
    #[command(flatten)]
    pub hardware: HardwareArgs,
}

/// `assay demo`
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Question to answer from the embedded documents
    #[arg(short, long, default_value = "who pays when a provider lies?")]
    pub question: String,
    /// Folder whose documents are embedded
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub documents: PathBuf,
    /// Where models are imported from
    #[arg(long, value_name = "DIR", default_value = ".tools/minilm")]
    pub source: PathBuf,
    /// Model package to use [default: what is configured, imported when missing]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Hardware to compute on.
    #[command(flatten)]
    pub hardware: HardwareArgs,
    /// Play how somebody cheats, and what becomes of it, instead; "help" lists the kinds
    #[arg(long, value_name = "KIND")]
    pub cheat: Option<String>,
}

/// `assay deploy`
#[derive(Args, Clone, Debug)]
pub struct DeployArgs {
    /// Administrator of the fee schedule [default: the signing account]
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<Address>,
    /// Ledger account that receives protocol fees [default on 31337: 0x…fee5]
    #[arg(long, value_name = "ADDRESS")]
    pub pool: Option<Address>,
    /// Protocol fee in basis points
    #[arg(long, value_name = "BPS", default_value_t = 250)]
    pub fee_rate: u16,
    /// Token that is staked: native, dev or an address [default: dev on 31337, else native]
    #[arg(long, value_name = "TOKEN")]
    pub stake_token: Option<String>,
    /// Seconds that stake thaws [default: 60 on 31337, else 21 days]
    #[arg(long, value_name = "SECONDS")]
    pub thaw_period: Option<u32>,
    /// Where draws get their randomness, for good
    #[arg(long, value_enum, default_value_t = BeaconKind::Prevrandao)]
    pub beacon: BeaconKind,
    /// With drand: most seconds by which a block's timestamp lies behind the time at which the block can still be changed
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub drift: u32,
    /// Put the deterministic deployer on the chain first, where it is missing
    #[arg(long)]
    pub create2_deployer: bool,
    /// Send nothing: verify the code of the suite that the chain's record names
    #[arg(long)]
    pub check: bool,
}

/// Where draws get their randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BeaconKind {
    /// The RANDAO mix of a later block: for chains of many proposers
    Prevrandao,
    /// A later round of drand's quicknet: for any chain with the precompiles of EIP-2537
    Drand,
}

/// `assay dispute …`
#[derive(Debug, Subcommand)]
pub enum DisputeCommand {
    /// Show every move of a dispute with its transaction, gas and clocks
    #[command(after_help = "Example:\n  assay dispute show 0x5f…c1 --json | jq .gas")]
    Show {
        /// The game's id: the hash that its challenge was sealed with
        id: B256,
    },
}

/// `assay indexer …`
#[derive(Debug, Subcommand)]
pub enum IndexerCommand {
    /// Follow the chain into SQLite and serve it, until Ctrl-C
    #[command(
        after_help = "Examples:\n  assay indexer run\n  assay indexer run --listen 127.0.0.1:0 --database index.sqlite"
    )]
    Run {
        /// Where HTTP listens; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<std::net::SocketAddr>,
        /// The database
        #[arg(long, value_name = "FILE")]
        database: Option<PathBuf>,
    },
}

/// `assay model …`
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Turn all-MiniLM-L6-v2 or SmolLM2-135M-Instruct into an integer model package
    #[command(
        after_help = "Examples:\n  assay model import\n  assay model import --source .tools/minilm --calibrate corpus.txt --out models/minilm\n  assay model import --source .tools/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --out models/smollm2"
    )]
    Import {
        /// Folder with model.safetensors and tokenizer.json, or file in the format GGUF
        #[arg(long, value_name = "DIR", default_value = ".tools/minilm")]
        source: PathBuf,
        /// Texts to calibrate with, one a line [default: the project's corpus]
        #[arg(long, value_name = "FILE")]
        calibrate: Option<PathBuf>,
        /// Where the package is written [default: the configured model]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Register a model package on chain; the signing account owns it
    #[command(
        after_help = "Example:\n  assay model register --floor 10 --royalty 0x70997970C51812dc3A010C7d01b50e0d17dc79C8=500 --key keystore:owner"
    )]
    Register {
        /// The package [default: the configured model]
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
        /// Least unit price in the token's smallest part
        #[arg(long, value_name = "PRICE", default_value_t = 1)]
        floor: u128,
        /// Share of the revenue, ACCOUNT=BASISPOINTS; may be given up to 8 times
        #[arg(long, value_name = "ACCOUNT=BPS")]
        royalty: Vec<String>,
        /// Where the model is described
        #[arg(long, value_name = "URI", default_value = "")]
        uri: String,
    },
    /// List the models of the chain
    #[command(after_help = "Example:\n  assay model list --json | jq -r '.models[].id'")]
    List,
}

/// Which texts, on which terms.
#[derive(Args, Clone, Debug)]
pub struct InputArgs {
    /// How files become passages
    #[arg(long, value_enum, default_value_t = Split::Line)]
    pub split: Split,
    /// Terms of the order.
    #[command(flatten)]
    pub terms: TermArgs,
}

/// Which model, at which price.
#[derive(Args, Clone, Debug)]
pub struct TermArgs {
    /// Model: the id on chain [default: the one registered for the local package]
    #[arg(long, value_name = "ID")]
    pub model: Option<B256>,
    /// The model's package, for tokenizer and limits [default: the configured model]
    #[arg(long, value_name = "DIR")]
    pub package: Option<PathBuf>,
    /// Price of a unit (two bytes of an input, a token of text) in the payment token's smallest part [default: the owner's floor]
    #[arg(long, value_name = "PRICE")]
    pub unit_price: Option<u128>,
    /// Most units one task may bill [default: those of the longest input]
    #[arg(long, value_name = "UNITS")]
    pub unit_cap: Option<u32>,
    /// Have batches drawn and re-executed by validators before they are accepted, under stake enough that no lie pays
    #[arg(long)]
    pub verify: bool,
}

/// How files become passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Split {
    /// Every line that is not blank
    Line,
    /// Every paragraph: lines up to a blank one
    Paragraph,
    /// The whole file
    File,
}

/// How results are received.
#[derive(Args, Clone, Debug)]
pub struct CollectArgs {
    /// How they are waited for.
    #[command(flatten)]
    pub receive: ReceiveArgs,
    /// Where the vectors go: .jsonl or .npy [default: JSON lines on stdout]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How an order's results are waited for and accepted.
#[derive(Args, Clone, Debug)]
pub struct ReceiveArgs {
    /// Settle with a transaction of one's own instead of a signed receipt that the provider uses
    #[arg(long)]
    pub accept: bool,
    /// Give up waiting after so many seconds; the order stands and `assay order collect` goes on
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// `assay embed`
#[derive(Args, Clone, Debug)]
pub struct EmbedArgs {
    /// Text files, UTF-8; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Input options.
    #[command(flatten)]
    pub input: InputArgs,
    /// Output options.
    #[command(flatten)]
    pub collect: CollectArgs,
}

/// `assay generate`
#[derive(Args, Clone, Debug)]
pub struct GenerateArgs {
    /// The text to answer
    #[arg(required_unless_present = "order")]
    pub prompt: Option<String>,
    /// Go on with the text instead of answering it
    #[arg(long)]
    pub raw: bool,
    /// Tokens that are chosen; what follows the end of an answer is cut off
    #[arg(long, value_name = "TOKENS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub count: u16,
    /// How far choices stray from what is likeliest: 1 as the model was trained, 0 not at all
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0)]
    pub temperature: f64,
    /// What chance begins with: the same seed makes the same text
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Receive the text of an order that was opened before
    #[arg(long, value_name = "ID", conflicts_with_all = ["prompt", "local"])]
    pub order: Option<B256>,
    /// Run the model here, without chain and order: the same text for the same seed
    #[arg(long)]
    pub local: bool,
    /// Terms of the order.
    #[command(flatten)]
    pub terms: TermArgs,
    /// How the result is waited for.
    #[command(flatten)]
    pub receive: ReceiveArgs,
}

/// `assay order …`
#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// Open an order over texts and return at once
    #[command(
        after_help = "Examples:\n  assay order open --inputs passages.txt --key keystore:alice\n  id=$(assay order open --inputs a.txt b.txt --json | jq -r .id)"
    )]
    Open {
        /// Text files, UTF-8; - reads standard input
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        inputs: Vec<PathBuf>,
        /// Input options.
        #[command(flatten)]
        input: InputArgs,
    },
    /// Wait for an order's results, verify them and sign their receipts
    #[command(after_help = "Example:\n  assay order collect 0x5f…c1 -o vectors.npy --key keystore:alice")]
    Collect {
        /// The order's id
        id: B256,
        /// Output options.
        #[command(flatten)]
        collect: CollectArgs,
    },
    /// Show an order, its batches and who was paid
    #[command(after_help = "Example:\n  assay order show 0x5f…c1")]
    Show {
        /// The order's id
        id: B256,
    },
    /// List orders, the newest first
    #[command(
        after_help = "Examples:\n  assay order list\n  assay order list --customer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --limit 5"
    )]
    List {
        /// Only this customer's
        #[arg(long, value_name = "ADDRESS")]
        customer: Option<Address>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Cancel an order that nobody has taken; after its deadline, reclaim what nobody committed
    #[command(after_help = "Example:\n  assay order cancel 0x5f…c1 --key keystore:alice")]
    Cancel {
        /// The order's id
        id: B256,
    },
}

/// `assay account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Deposit into the ledger: native currency, or an ERC-20 token with one permit where it has them
    #[command(
        after_help = "Examples:\n  assay account deposit 25 --key keystore:alice\n  assay account deposit 0.5 --token native --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    )]
    Deposit {
        /// Amount in whole tokens, such as 12.5
        amount: String,
        /// Ledger account that is credited [default: the signing account]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<Address>,
        /// Mint play money first (devnet only)
        #[arg(long)]
        mint: bool,
    },
    /// Withdraw from the ledger
    #[command(after_help = "Example:\n  assay account withdraw 25 --key keystore:alice")]
    Withdraw {
        /// Amount in whole tokens, or "all"
        amount: String,
        /// Who receives it [default: the signing account]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<Address>,
    },
    /// Show balances and stake
    #[command(
        after_help = "Examples:\n  assay account show --key keystore:alice\n  assay account show 0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    )]
    Show {
        /// The account [default: the signing account]
        address: Option<Address>,
    },
}

/// `assay keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make an encrypted keystore file (Web3 secret storage)
    #[command(
        after_help = "Examples:\n  assay keys new alice\n  assay keys new alice --import env:OLD_KEY --password-file password.txt"
    )]
    New {
        /// Its name
        name: String,
        /// Encrypt an existing key: file:PATH or env:VARIABLE
        #[arg(long, value_name = "SOURCE")]
        import: Option<String>,
    },
    /// List the keystore's names and addresses
    #[command(after_help = "Example:\n  assay keys list")]
    List,
}

/// `assay config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its value and where it comes from
    #[command(after_help = "Example:\n  ASSAY_RPC_URL=http://node:8545 assay config check")]
    Check,
}
