//! Deployment of the suite: by CREATE2 through the deterministic deployer, so that one admin and one choice of parameters
//! give one set of addresses on every chain.
//!
//! ```text
//! AccessManager(admin) → FeeSchedule(manager, pool, rate) → Ledger() → Staking(ledger, token, thaw)
//!     → ProgramRegistry() → ModelRegistry(programs) → JobEscrow(ledger, staking, registry, fees)
//!     → Referee() → PrevrandaoBeacon(delay) or DrandBeacon(genesis, period, drift, key)
//!     → ValidatorSeats(staking, burn, stake, delay)
//!     → DisputeGame(escrow, programs, referee, clocks) → Verification(escrow, seats, game, beacon, choices)
//!     [→ DevToken() on chain 31337]
//! NodeSale(ledger, terms, collection, tokens, tiers), which creates its NodeLicense; as many as there are sales
//! LicenseStaking(license, licenses, times) → Uptime(ledger, licenses, staking, beacon, terms), which creates its Attestations
//!     → EpochRewards(ledger, uptime, terms); as many as there are networks and pools of them
//! ```
//! Every argument is part of the init code, so there is no set-up transaction that somebody could race. Deployment may be
//! interrupted anywhere and run again: what lies at its address already is verified and left alone.

mod artifact;
mod network;
mod plan;
mod sale;

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256, address, bytes, keccak256, uint},
    providers::{DynProvider, Provider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    transports::{RpcError, TransportError},
};

pub use self::{
    artifact::Artifact,
    network::{
        chain_network, deploy_network, deploy_pool, devnet_network, find_network, find_pool, network_addresses,
        pool_address,
    },
    plan::{
        CREATE2_DEPLOYER, Contract, DEVNET_CHAIN_ID, MAX_RATE, Plan, SUITE_VERSION, chain_verification, dev_token,
        devnet_parameters, devnet_verification, salt,
    },
    sale::{creation, deploy_sale, find_sale, sale_address},
};
use crate::{
    beacon::Beacon,
    network::Fault,
    suite::{Parameters, Suite},
};

/// How long a creation may take to be mined before its outcome is called unknown.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(180);

/// Sender of [`DEPLOYER_TRANSACTION`]; its key is known to nobody.
const DEPLOYER_ACCOUNT: Address = address!("3fab184622dc19b6109349b94811493bf2a45362");
/// What that transaction costs: 100,000 gas at 100 gwei.
const DEPLOYER_COST: U256 = uint!(10_000_000_000_000_000_U256);
/// The precompile that checks pairings over BLS12-381 (EIP-2537).
const PAIRING_CHECK: Address = address!("000000000000000000000000000000000000000f");
/// Creates the deterministic deployer at the same address everywhere (Nick's method: a signature of round numbers).
/// Source: github.com/Arachnid/deterministic-deployment-proxy.
const DEPLOYER_TRANSACTION: Bytes = bytes!(
    "f8a58085174876e800830186a08080b853"
    "604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
    "1ba02222222222222222222222222222222222222222222222222222222222222222a0"
    "2222222222222222222222222222222222222222222222222222222222222222"
);

/// What went wrong; run it again after setting it right, it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The RPC serves another chain.
    #[error("the RPC serves chain {actual}, and chain {expected} was asked for: check the RPC URL or the chain id")]
    WrongChain {
        /// Chain asked for.
        expected: u64,
        /// Chain found.
        actual: u64,
    },
    /// A parameter that the contracts would refuse.
    #[error("parameter {field} is {value}, expected {expected}")]
    BadParameter {
        /// Its name.
        field: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// Terms of a network or a pool that the contracts would refuse.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    BadTerms(Vec<Fault>),
    /// The chain lacks the deterministic deployer.
    #[error(
        "chain {chain_id} has no deterministic deployer at {CREATE2_DEPLOYER}: `assay deploy --create2-deployer` puts it there \
         for 0.01 native coins (a chain that refuses transactions without a chain id must carry it from its genesis)"
    )]
    NoDeployer {
        /// The chain.
        chain_id: u64,
    },
    /// The chain cannot verify drand's signatures.
    #[error(
        "chain {chain_id} has no BLS12-381 precompiles (EIP-2537, part of Prague), which drand's signatures are verified with: \
         choose the beacon prevrandao where its blocks have a RANDAO mix, or wait until the chain has them"
    )]
    NoPrecompiles {
        /// The chain.
        chain_id: u64,
    },
    /// Something else lies at a contract's address.
    #[error(
        "{name}: the code at {address} (hash {code_hash}) is not this suite's; the chain or the RPC cannot be trusted"
    )]
    WrongCode {
        /// The contract.
        name: String,
        /// Its CREATE2 address.
        address: Address,
        /// Hash of the code found.
        code_hash: B256,
    },
    /// The creation was mined and left no code.
    #[error(
        "{name}: transaction {transaction} was mined, and there is no code at {address}; its gas limit or the chain's code size limit was too low"
    )]
    NotCreated {
        /// The contract.
        name: String,
        /// Its CREATE2 address.
        address: Address,
        /// The creation.
        transaction: B256,
    },
    /// The creation was sent and not mined in time. That is not a failure: it may still be.
    #[error("{name}: transaction {transaction} is not mined after {} s; run again to go on", RECEIPT_TIMEOUT.as_secs())]
    Unconfirmed {
        /// The contract.
        name: String,
        /// The creation.
        transaction: B256,
    },
    /// The RPC failed.
    #[error("RPC, {doing}: {source}")]
    Rpc {
        /// What was being done.
        doing: String,
        /// What the transport says.
        source: TransportError,
    },
    /// The record could not be written or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl DeployError {
    /// A name that does not change between versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongChain { .. } => "wrong_chain",
            Self::BadParameter { .. } => "bad_parameter",
            Self::BadTerms(_) => "bad_terms",
            Self::NoDeployer { .. } => "no_create2_deployer",
            Self::NoPrecompiles { .. } => "no_bls_precompiles",
            Self::WrongCode { .. } => "wrong_code",
            Self::NotCreated { .. } => "not_created",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Rpc { .. } => "rpc_failed",
            Self::File { .. } => "io",
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unconfirmed { .. } => true,
            Self::Rpc { source, .. } => !matches!(source, RpcError::ErrorResp(_)),
            _ => false,
        }
    }

    fn rpc(doing: impl Into<String>) -> impl FnOnce(TransportError) -> Self {
        let doing = doing.into();
        move |source| Self::Rpc { doing, source }
    }
}

/// What became of one contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there, and its code is right.
    Found,
    /// It was created now.
    Created {
        /// The creation.
        transaction: B256,
        /// Its gas.
        gas: u64,
    },
}

/// Writes the record `deploy/chains/<chain id>.json` so that a reader sees the old file or the new one, never a part.
pub fn write(suite: &Suite, path: &Path) -> Result<(), DeployError> {
    let failed = |source| DeployError::File { path: path.display().to_string(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let mut text = serde_json::to_string_pretty(suite).map_err(std::io::Error::from).map_err(failed)?;
    text.push('\n');
    let replace = || {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    replace().map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        failed(source)
    })
}

/// Deploys what is missing of the suite with `provider`, whose wallet signs for `from`, and verifies the rest.
///
/// `report` hears of each contract once it stands. Whatever interrupts this, calling it again goes on.
///
/// # Errors
/// See [`DeployError`]; the chain is asked for its id before anything is sent.
pub async fn deploy(
    provider: &DynProvider,
    from: Address,
    chain_id: u64,
    parameters: Parameters,
    mut report: impl FnMut(&Contract, Outcome),
) -> Result<Suite, DeployError> {
    let plan = Plan::new(chain_id, parameters)?;
    check_chain(provider, chain_id).await?;
    check_beacon(provider, &plan).await?;
    let mut code_hashes = BTreeMap::new();
    for contract in plan.contracts() {
        let (outcome, code) = ensure(provider, from, contract).await?;
        code_hashes.insert(contract.artifact.name.clone(), verify(contract, &code)?);
        report(contract, outcome);
    }
    record(provider, plan, code_hashes).await
}

/// The suite of `parameters` when all of it stands, verified; `None` when a contract is missing. Sends nothing.
pub async fn find(provider: &DynProvider, chain_id: u64, parameters: Parameters) -> Result<Option<Suite>, DeployError> {
    let plan = Plan::new(chain_id, parameters)?;
    check_chain(provider, chain_id).await?;
    check_beacon(provider, &plan).await?;
    let mut code_hashes = BTreeMap::new();
    for contract in plan.contracts() {
        let code = code_of(provider, contract, BlockId::latest()).await?;
        if code.is_empty() {
            return Ok(None);
        }
        code_hashes.insert(contract.artifact.name.clone(), verify(contract, &code)?);
    }
    record(provider, plan, code_hashes).await.map(Some)
}

/// Puts the deterministic deployer on a chain that lacks it: pays its one-time account and publishes the transaction that
/// nobody signed. Chains that refuse transactions without a chain id (EIP-155) refuse this one as well.
pub async fn install_create2_deployer(provider: &DynProvider, from: Address) -> Result<(), DeployError> {
    let failed = || DeployError::rpc("installing the deterministic deployer");
    if !provider.get_code_at(CREATE2_DEPLOYER).await.map_err(failed())?.is_empty() {
        return Ok(());
    }
    let balance = provider.get_balance(DEPLOYER_ACCOUNT).await.map_err(failed())?;
    if balance < DEPLOYER_COST {
        let pay =
            TransactionRequest::default().with_from(from).with_to(DEPLOYER_ACCOUNT).with_value(DEPLOYER_COST - balance);
        let sent = provider.send_transaction(pay).await.map_err(failed())?;
        wait(provider, "deterministic deployer's account", *sent.tx_hash()).await?;
    }
    let sent = provider.send_raw_transaction(&DEPLOYER_TRANSACTION).await.map_err(failed())?;
    wait(provider, "deterministic deployer", *sent.tx_hash()).await?;
    Ok(())
}

/// Refuses a chain id other than the one asked for, and a chain without the deterministic deployer.
async fn check_chain(provider: &DynProvider, expected: u64) -> Result<(), DeployError> {
    let actual = provider.get_chain_id().await.map_err(DeployError::rpc("asking for the chain id"))?;
    if actual != expected {
        return Err(DeployError::WrongChain { expected, actual });
    }
    let deployer =
        provider.get_code_at(CREATE2_DEPLOYER).await.map_err(DeployError::rpc("looking for the deployer"))?;
    if deployer.is_empty() {
        return Err(DeployError::NoDeployer { chain_id: expected });
    }
    Ok(())
}

/// Refuses a chain without the precompiles that the chosen beacon needs.
async fn check_beacon(provider: &DynProvider, plan: &Plan) -> Result<(), DeployError> {
    if matches!(plan.parameters.verification.beacon, Beacon::Drand(_)) {
        // A pair of infinities, whose pairing is one. Where nothing is, a call succeeds as well, and answers nothing.
        let call = TransactionRequest::default().with_to(PAIRING_CHECK).with_input(vec![0; 384]);
        let answer = provider.call(call).await.map_err(DeployError::rpc("looking for the BLS12-381 precompiles"))?;
        if U256::try_from_be_slice(&answer) != Some(U256::ONE) {
            return Err(DeployError::NoPrecompiles { chain_id: plan.chain_id });
        }
    }
    Ok(())
}

/// Creates `contract` unless there is code at its address; returns that code.
async fn ensure(provider: &DynProvider, from: Address, contract: &Contract) -> Result<(Outcome, Bytes), DeployError> {
    let found = code_of(provider, contract, BlockId::latest()).await?;
    if !found.is_empty() {
        return Ok((Outcome::Found, found));
    }
    let name = &contract.artifact.name;
    let create =
        TransactionRequest::default().with_from(from).with_to(CREATE2_DEPLOYER).with_input(contract.calldata());
    let sent = match provider.send_transaction(create).await {
        Ok(sent) => sent,
        Err(source) => match in_flight(provider, contract).await? {
            Some(code) => return Ok((Outcome::Found, code)),
            None => return Err(DeployError::Rpc { doing: format!("creating {name}"), source }),
        },
    };
    let receipt = wait(provider, name, *sent.tx_hash()).await?;
    // At the receipt's own block: another node behind the same URL may lag with its latest one. A creation that failed
    // because an earlier run's was mined first leaves the code there too, and that is what counts.
    let block = receipt.block_number.map_or(BlockId::latest(), BlockId::number);
    let code = code_of(provider, contract, block).await?;
    if code.is_empty() {
        let (name, transaction) = (name.clone(), receipt.transaction_hash);
        return Err(DeployError::NotCreated { name, address: contract.address, transaction });
    }
    let created = Outcome::Created { transaction: receipt.transaction_hash, gas: receipt.gas_used };
    Ok((if receipt.status() { created } else { Outcome::Found }, code))
}

/// The code of `contract` when an earlier run's creation of it waits in the node's pool: a second one is refused by nodes that
/// estimate gas on pending state. Waits until it is mined.
async fn in_flight(provider: &DynProvider, contract: &Contract) -> Result<Option<Bytes>, DeployError> {
    if !code_of(provider, contract, BlockId::pending()).await.is_ok_and(|code| !code.is_empty()) {
        return Ok(None);
    }
    let started = Instant::now();
    while started.elapsed() < RECEIPT_TIMEOUT {
        let code = code_of(provider, contract, BlockId::latest()).await?;
        if !code.is_empty() {
            return Ok(Some(code));
        }
        pause(provider).await;
    }
    Ok(None)
}

async fn pause(provider: &DynProvider) {
    tokio::time::sleep(provider.client().poll_interval().min(Duration::from_secs(2))).await;
}

async fn wait(provider: &DynProvider, name: &str, transaction: B256) -> Result<TransactionReceipt, DeployError> {
    let started = Instant::now();
    loop {
        let receipt = provider.get_transaction_receipt(transaction).await;
        if let Some(receipt) = receipt.map_err(DeployError::rpc(format!("waiting for {name}")))? {
            return Ok(receipt);
        }
        if started.elapsed() > RECEIPT_TIMEOUT {
            return Err(DeployError::Unconfirmed { name: name.into(), transaction });
        }
        pause(provider).await;
    }
}

/// Checks that `code` is `contract`'s own; returns its hash.
fn verify(contract: &Contract, code: &[u8]) -> Result<B256, DeployError> {
    let code_hash = keccak256(code);
    if !contract.artifact.matches(code) {
        return Err(DeployError::WrongCode {
            name: contract.artifact.name.clone(),
            address: contract.address,
            code_hash,
        });
    }
    Ok(code_hash)
}

async fn code_of(provider: &DynProvider, contract: &Contract, block: BlockId) -> Result<Bytes, DeployError> {
    let doing = format!("reading the code of {}", contract.artifact.name);
    provider.get_code_at(contract.address).block_id(block).await.map_err(DeployError::rpc(doing))
}

async fn record(provider: &DynProvider, plan: Plan, code_hashes: BTreeMap<String, B256>) -> Result<Suite, DeployError> {
    let block = first_block(provider, plan.contracts()).await?;
    Ok(plan.suite(block, code_hashes))
}

/// The block in which the first of the contracts appeared: nothing of theirs happened before it. Binary search over the
/// chain's history; 0 where the node keeps no old state, which is right as well and only makes followers scan longer.
async fn first_block(provider: &DynProvider, contracts: impl Iterator<Item = &Contract>) -> Result<u64, DeployError> {
    let mut first = provider.get_block_number().await.map_err(DeployError::rpc("asking for the block number"))?;
    for contract in contracts {
        let (mut low, mut high) = (0, first);
        while low < high {
            let middle = low + (high - low) / 2;
            match code_of(provider, contract, BlockId::number(middle)).await {
                Ok(code) if code.is_empty() => low = middle + 1,
                Ok(_) => high = middle,
                Err(DeployError::Rpc { source: RpcError::ErrorResp(_), .. }) => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        first = high;
    }
    Ok(first)
}
