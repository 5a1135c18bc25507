//! The chain as the command uses it: one connection that is known to serve the right chain, the suite on it, and
//! transactions whose refusals come back as errors with a code.

use std::time::{Duration, Instant};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    network::{Ethereum, EthereumWallet},
    primitives::{Address, B256, Bytes},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
    sol_types::SolInterface,
    transports::{RpcError, TransportError},
};
use assay_contracts::{
    AccessManager, Attestations, DevToken, DisputeGame, EpochRewards, FeeSchedule, JobEscrow, Ledger, LicenseStaking,
    ModelRegistry, Network, NodeLicense, NodeSale, ProgramRegistry, Staking, Uptime, ValidatorSeats, Verification,
    deploy::DeployError,
    network::{NotKnown, Pool, read::ReadError},
    rpc,
    suite::Suite,
};

use crate::{
    config::Config,
    error::{Error, Exit, Result},
};

/// How long one RPC call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a transaction may take to be mined before its outcome is called unknown.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(180);

/// A provider for keepers, which sign and fill in by themselves. Asks the chain for nothing yet.
pub fn bare_provider(url: &str) -> Result<DynProvider> {
    /// How long one of their calls may take: they ask again.
    const TIMEOUT: Duration = Duration::from_secs(15);
    rpc::connect(url, TIMEOUT).map_err(|error| Error::usage("bad_rpc_url", error))
}

/// A provider for `url` that signs with `signer`, where there is one. Asks the chain for nothing yet.
pub fn provider(url: &str, signer: Option<&PrivateKeySigner>) -> Result<DynProvider> {
    let parsed: alloy::transports::http::reqwest::Url = url.parse().map_err(|error| {
        Error::usage("bad_rpc_url", format!("{url:?} is no RPC URL: {error}")).hint("such as http://127.0.0.1:8545")
    })?;
    let client = |builder: alloy::transports::http::reqwest::ClientBuilder| {
        builder.timeout(CALL_TIMEOUT).build().expect("an HTTP client needs nothing but memory")
    };
    let provider = match signer {
        Some(signer) => {
            let wallet = EthereumWallet::from(signer.clone());
            // The nonce is asked for each time: a cached one runs ahead when a transaction is refused before it is sent, and
            // everything after it would wait for a nonce that nobody uses.
            ProviderBuilder::default()
                .with_gas_estimation()
                .with_simple_nonce_management()
                .fetch_chain_id()
                .wallet(wallet)
                .with_reqwest(parsed, client)
                .erased()
        }
        None => ProviderBuilder::new().with_reqwest(parsed, client).erased(),
    };
    if provider.client().is_local() {
        provider.client().set_poll_interval(Duration::from_millis(50));
    }
    Ok(provider)
}

/// Refuses an endpoint that is down or serves another chain than the one configured.
pub async fn check_chain_id(provider: &DynProvider, config: &Config) -> Result<()> {
    let actual = provider.get_chain_id().await.map_err(|error| {
        let message = format!("{} does not answer: {}", config.rpc_url, plain(&error));
        Error::network("rpc_unreachable", message)
            .hint("is the node running, and is this its URL (--rpc-url, ASSAY_RPC_URL)?")
    })?;
    if actual != config.chain_id {
        let message = format!("{} serves chain {actual}, and chain {} was asked for", config.rpc_url, config.chain_id);
        return Err(Error::refused("wrong_chain", message).hint("correct --rpc-url or --chain-id; nothing was sent"));
    }
    Ok(())
}

/// A connection to the suite of the configured chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The endpoint, with the signer's wallet.
    pub provider: DynProvider,
    /// Where the contracts are.
    pub suite: Suite,
    /// Who signs.
    pub signer: Option<PrivateKeySigner>,
}

impl Chain {
    /// Connects to `config`'s chain, to act for `signer` or only to read.
    pub async fn connect(config: &Config, signer: Option<PrivateKeySigner>) -> Result<Self> {
        let provider = provider(&config.rpc_url, signer.as_ref())?;
        check_chain_id(&provider, config).await?;
        Ok(Self { provider, suite: load_suite(config)?, signer })
    }

    /// The account that signs.
    ///
    /// # Panics
    /// On a connection that only reads; commands that send are made with a signer.
    pub fn account(&self) -> Address {
        self.signer().address()
    }

    /// The key that signs. See [`account`](Self::account).
    pub fn signer(&self) -> &PrivateKeySigner {
        self.signer.as_ref().expect("the connection was made with a signer")
    }

    /// The ledger.
    pub fn ledger(&self) -> Ledger::LedgerInstance<DynProvider> {
        Ledger::new(self.suite.ledger, self.provider.clone())
    }

    /// The stakes.
    pub fn staking(&self) -> Staking::StakingInstance<DynProvider> {
        Staking::new(self.suite.staking, self.provider.clone())
    }

    /// The models.
    pub fn models(&self) -> ModelRegistry::ModelRegistryInstance<DynProvider> {
        ModelRegistry::new(self.suite.model_registry, self.provider.clone())
    }

    /// Their programs.
    pub fn programs(&self) -> ProgramRegistry::ProgramRegistryInstance<DynProvider> {
        ProgramRegistry::new(self.suite.program_registry, self.provider.clone())
    }

    /// The orders.
    pub fn escrow(&self) -> JobEscrow::JobEscrowInstance<DynProvider> {
        JobEscrow::new(self.suite.job_escrow, self.provider.clone())
    }

    /// The draws.
    pub fn verification(&self) -> Verification::VerificationInstance<DynProvider> {
        Verification::new(self.suite.verification, self.provider.clone())
    }

    /// The games.
    pub fn disputes(&self) -> DisputeGame::DisputeGameInstance<DynProvider> {
        DisputeGame::new(self.suite.dispute_game, self.provider.clone())
    }

    /// The validators' seats.
    pub fn seats(&self) -> ValidatorSeats::ValidatorSeatsInstance<DynProvider> {
        ValidatorSeats::new(self.suite.validator_seats, self.provider.clone())
    }

    /// The fee rates.
    pub fn fees(&self) -> FeeSchedule::FeeScheduleInstance<DynProvider> {
        FeeSchedule::new(self.suite.fee_schedule, self.provider.clone())
    }

    /// A sale of node licences.
    pub fn sale(&self, address: Address) -> NodeSale::NodeSaleInstance<DynProvider> {
        NodeSale::new(address, self.provider.clone())
    }

    /// The licences of a sale.
    pub fn license(&self, address: Address) -> NodeLicense::NodeLicenseInstance<DynProvider> {
        NodeLicense::new(address, self.provider.clone())
    }

    /// Who runs a network's licences.
    pub fn license_staking(&self, network: &Network) -> LicenseStaking::LicenseStakingInstance<DynProvider> {
        LicenseStaking::new(network.license_staking, self.provider.clone())
    }

    /// What was posted of a network's epochs.
    pub fn uptime(&self, network: &Network) -> Uptime::UptimeInstance<DynProvider> {
        Uptime::new(network.uptime, self.provider.clone())
    }

    /// A pool of a network.
    pub fn rewards(&self, pool: &Pool) -> EpochRewards::EpochRewardsInstance<DynProvider> {
        EpochRewards::new(pool.address, self.provider.clone())
    }

    /// A token, through the interface of the devnet's: ERC-20 with permit.
    pub fn token(&self, address: Address) -> DevToken::DevTokenInstance<DynProvider> {
        DevToken::new(address, self.provider.clone())
    }

    /// Sends a transaction and waits until it is mined.
    ///
    /// # Errors
    /// A revert, found before sending or after, as an error whose code is the contract's error; a transaction that is not
    /// mined in time as `unconfirmed`, since it may still be.
    pub async fn send<P, D>(&self, call: CallBuilder<P, D>) -> Result<TransactionReceipt>
    where
        P: Provider<Ethereum>,
        D: CallDecoder,
    {
        let hash = self.submit(&call).await?;
        self.mined(&call, hash).await
    }

    /// Sends a transaction. Those that do not depend on each other can be sent one after another before the first is mined.
    ///
    /// # Errors
    /// A revert that shows before sending.
    pub async fn submit<P, D>(&self, call: &CallBuilder<P, D>) -> Result<B256>
    where
        P: Provider<Ethereum>,
        D: CallDecoder,
    {
        Ok(*call.send().await.map_err(from_call)?.tx_hash())
    }

    /// Waits until what [`submit`](Self::submit) sent is mined.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn mined<P, D>(&self, call: &CallBuilder<P, D>, hash: B256) -> Result<TransactionReceipt>
    where
        P: Provider<Ethereum>,
        D: CallDecoder,
    {
        let started = Instant::now();
        loop {
            if let Some(receipt) = self.provider.get_transaction_receipt(hash).await.map_err(from_rpc)? {
                return if receipt.status() { Ok(receipt) } else { Err(self.why_reverted(call, hash).await) };
            }
            if started.elapsed() > RECEIPT_TIMEOUT {
                let message =
                    format!("transaction {hash} is not mined after {} s; it may still be", RECEIPT_TIMEOUT.as_secs());
                return Err(Error::network("unconfirmed", message).hint("look it up before trying again"));
            }
            tokio::time::sleep(self.provider.client().poll_interval().min(Duration::from_secs(2))).await;
        }
    }

    /// The chain moved between estimate and inclusion: asking again tells what refused.
    async fn why_reverted<P, D>(&self, call: &CallBuilder<P, D>, hash: B256) -> Error
    where
        P: Provider<Ethereum>,
        D: CallDecoder,
    {
        match call.call_raw().await {
            Err(error) => from_call(error),
            Ok(_) => {
                Error::refused("reverted", format!("transaction {hash} reverted; the chain had moved on meanwhile"))
                    .hint("try again")
            }
        }
    }
}

fn load_suite(config: &Config) -> Result<Suite> {
    let path = config.chain_file();
    if !path.is_file() {
        let message = format!("no deployment on chain {} is known: {} does not exist", config.chain_id, path.display());
        return Err(Error::not_found("not_deployed", message).hint("`assay deploy` puts the suite there, or finds it"));
    }
    Suite::load(&path).map_err(|error| Error::usage("bad_deployment_record", format!("{}: {error}", path.display())))
}

/// A failed contract call.
pub fn from_call(error: alloy::contract::Error) -> Error {
    match error {
        alloy::contract::Error::TransportError(error) => from_rpc(error),
        alloy::contract::Error::ZeroData(call, _) => {
            let error = Error::refused("no_contract", format!("{call}: there is no such contract at that address"));
            error.hint("was the chain started anew? `assay deploy` deploys again")
        }
        other => Error::network("rpc_failed", other),
    }
}

/// A failed RPC call: a revert that the contracts explain, or trouble with the endpoint.
pub fn from_rpc(error: TransportError) -> Error {
    let RpcError::ErrorResp(answer) = &error else {
        let hint = "the endpoint fails or is gone; what was sent before stands, so look before repeating";
        return Error::network("rpc_failed", plain(&error)).hint(hint);
    };
    if let Some(data) = answer.as_revert_data()
        && let Some(revert) = explain(&data)
    {
        return revert;
    }
    let message = answer.message.to_lowercase();
    if message.contains("insufficient funds") {
        let error = Error::refused("insufficient_gas_funds", &answer.message);
        return error.hint("the signing account needs native currency for gas: send some to it");
    }
    if message.contains("revert") {
        return Error::refused("reverted", &answer.message);
    }
    Error::network("rpc_failed", format!("the node answers: {} (code {})", answer.message, answer.code))
}

/// What could not be read of a network.
pub fn from_read(error: ReadError) -> Error {
    match error {
        ReadError::Rpc(error) => from_rpc(error),
        ReadError::Call(error) => from_call(error),
        ReadError::NotKnown(error @ (NotKnown::Seed(_) | NotKnown::Answers(_))) => {
            Error::refused("epoch_open", error).hint("`assay nodes show` says how far the network is")
        }
        error @ ReadError::NoBlock(_) => Error::network("rpc_failed", error),
        error => Error::unverified("bad_epoch", error),
    }
}

/// The transport's error without its layers.
fn plain(error: &TransportError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

impl From<DeployError> for Error {
    fn from(error: DeployError) -> Self {
        let exit = match &error {
            DeployError::Rpc { .. } | DeployError::Unconfirmed { .. } => Exit::Network,
            DeployError::BadParameter { .. } | DeployError::BadTerms(_) => Exit::Usage,
            DeployError::WrongCode { .. } => Exit::Unverified,
            DeployError::File { .. } => Exit::Failure,
            _ => Exit::Refused,
        };
        let (code, retryable) = (error.code(), error.is_retryable());
        match error {
            // The node refuses: funds, most likely, or a revert.
            DeployError::Rpc { source: source @ RpcError::ErrorResp(_), .. } => from_rpc(source),
            error if retryable => {
                Self::new(exit, code, error).hint("run the same command again: it goes on where it stopped")
            }
            error => Self::new(exit, code, error),
        }
    }
}

/// Explains revert data by the suite's own errors.
fn explain(data: &Bytes) -> Option<Error> {
    let text = decode::<JobEscrow::JobEscrowErrors>(data)
        .or_else(|| decode::<Ledger::LedgerErrors>(data))
        .or_else(|| decode::<Staking::StakingErrors>(data))
        .or_else(|| decode::<ModelRegistry::ModelRegistryErrors>(data))
        .or_else(|| decode::<Verification::VerificationErrors>(data))
        .or_else(|| decode::<DisputeGame::DisputeGameErrors>(data))
        .or_else(|| decode::<ValidatorSeats::ValidatorSeatsErrors>(data))
        .or_else(|| decode::<FeeSchedule::FeeScheduleErrors>(data))
        .or_else(|| decode::<NodeSale::NodeSaleErrors>(data))
        .or_else(|| decode::<NodeLicense::NodeLicenseErrors>(data))
        .or_else(|| decode::<LicenseStaking::LicenseStakingErrors>(data))
        .or_else(|| decode::<Attestations::AttestationsErrors>(data))
        .or_else(|| decode::<Uptime::UptimeErrors>(data))
        .or_else(|| decode::<EpochRewards::EpochRewardsErrors>(data))
        .or_else(|| decode::<DevToken::DevTokenErrors>(data))
        .or_else(|| decode::<AccessManager::AccessManagerErrors>(data))?;
    let name = text.split([' ', '(', '{']).next().unwrap_or(&text).to_owned();
    let exit = if name == "ModelRegistry_UnknownModel" { Exit::NotFound } else { Exit::Refused };
    let error = Error::new(exit, name.clone(), format!("the contract refuses: {text}"));
    Some(match hint(&name) {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// The error as Rust prints it, without the enum around it: `Name { field: value, … }`.
fn decode<E: SolInterface + std::fmt::Debug>(data: &[u8]) -> Option<String> {
    let error = E::abi_decode(data).ok()?;
    let text = format!("{error:?}");
    let inner = text.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(&text);
    Some(inner.to_owned())
}

/// What a person can do about the refusals that people meet.
fn hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "ERC6909InsufficientBalance" => {
            "the ledger account holds too little: `assay account show`, then `assay account deposit`"
        }
        "ERC20InsufficientBalance" => "the account holds too few tokens; on the devnet anybody may mint them",
        "Staking_InsufficientStake" => {
            "the provider needs more free stake: `assay account deposit`, then `assay provider stake`"
        }
        "ModelRegistry_UnknownModel" => "`assay model list` shows the models of this chain",
        "ModelRegistry_TokenNotAccepted" => "the model is not sold for this token: choose another with --token",
        "ModelRegistry_PriceUnderFloor" => "raise --unit-price to the owner's floor, or leave it away to pay the floor",
        "ModelRegistry_StaleTerms" | "JobEscrow_StaleFee" => "the terms changed meanwhile: run the command again",
        "Verification_TooFewValidators" => "validators must take seats first: `assay validator join`",
        "NodeSale_TooDear" => "others bought meanwhile: `assay sale show`, then a higher --max-cost or another --tier",
        "NodeSale_SoldOut" | "NodeSale_TierNotOnSale" => "`assay sale show` says what is left, and in which tiers",
        "NodeSale_NotAllowed" => "in this phase the list of the sale decides: --allowlist with its published tree",
        "NodeSale_WrongOutcome" => "`assay sale show` says how the sale stands (0: open, 1: succeeded, 2: failed)",
        "NodeLicense_Locked" => "licences change hands from the sale's transferableAt on: `assay sale show`",
        "LicenseStaking_Registered" => "`assay nodes offer` changes what an operator offers",
        "LicenseStaking_NoOperator" => "`assay nodes show` lists operators; `assay nodes register` makes you one",
        "LicenseStaking_Delegated" => "`assay nodes undelegate` ends that first",
        "LicenseStaking_Thawing" => "the licence rests until that epoch: `assay nodes show`",
        "LicenseStaking_OverCap" => "the operator takes on no more: choose another with --to",
        "ModelRegistry_AlreadyRegistered" => "it is registered under the same owner: nothing is left to do",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolError;

    use super::*;

    #[test]
    fn a_revert_is_named_with_its_values_and_a_way_out() {
        let revert = Ledger::ERC6909InsufficientBalance {
            sender: Address::repeat_byte(1),
            balance: alloy::primitives::U256::from(5),
            needed: alloy::primitives::U256::from(7),
            id: alloy::primitives::U256::ZERO,
        };
        let error = explain(&revert.abi_encode().into()).unwrap();
        assert_eq!((error.code(), error.exit()), ("ERC6909InsufficientBalance", Exit::Refused));
        let text = error.to_string();
        assert!(
            text.contains("balance: 5") && text.contains("needed: 7") && text.contains("account deposit"),
            "{text}"
        );
        assert!(explain(&Bytes::from_static(&[1, 2, 3, 4])).is_none());
    }
}
