//! Deployment of node networks and their pools: each contract lies where its terms put it.

use std::collections::BTreeMap;

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes},
    providers::DynProvider,
};

use super::{
    Contract, DeployError, Outcome, check_chain, code_of, ensure, first_block,
    plan::{ATTESTATIONS, EPOCH_REWARDS, LICENSE_STAKING, UPTIME, chain_verification, devnet_verification},
    verify,
};
use crate::{
    Network, Suite,
    network::{Exam, Faults, Pool, PoolTerms, Roots, Terms},
};

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;

/// What a network on a real chain promises where nothing else is chosen.
pub fn chain_network(license: Address, licenses: u32, genesis: u64) -> Terms {
    Terms {
        license,
        licenses,
        genesis,
        epoch_length: DAY,
        thaw_epochs: 7,
        exam: Exam {
            seal_time: 2 * HOUR,
            reveal_time: 4 * HOUR,
            // Two epochs with all doubt take four days and a quarter; the rest is for strikes and penalties.
            exit_delay: 14 * DAY,
            rounds: 24,
            audits: 4,
            // A challenge of a truth goes through all voters: some 2,500,000 gas.
            max_voters: 128,
            max_seats: 256,
            seat_stake: chain_verification().seat_stake,
        },
        faults: Faults {
            wrong_limit: 24,
            strike_span: 30,
            ban_epochs: 7,
            appeal_time: 3 * DAY,
            // Half of a day.
            offline_limit: 12,
            offline_slash: 500,
        },
        // At 10 gwei a posting costs 0.004 and an answer 0.0043.
        roots: Roots {
            token: Address::ZERO,
            bond: 10u128.pow(17),
            fee: 10u128.pow(16),
            window: DAY,
            answer_time: 4 * HOUR,
        },
    }
}

/// The local devnet's network: an epoch of two minutes, and play money that is staked.
pub fn devnet_network(license: Address, licenses: u32, genesis: u64) -> Terms {
    Terms {
        license,
        licenses,
        genesis,
        epoch_length: 120,
        thaw_epochs: 2,
        exam: Exam {
            seal_time: 20,
            reveal_time: 30,
            exit_delay: 600,
            rounds: 4,
            audits: 2,
            max_voters: 16,
            max_seats: 32,
            seat_stake: devnet_verification().seat_stake,
        },
        faults: Faults {
            wrong_limit: 4,
            strike_span: 10,
            ban_epochs: 3,
            appeal_time: 60,
            offline_limit: 2,
            offline_slash: 1_000,
        },
        roots: Roots { token: Address::ZERO, bond: 10u128.pow(16), fee: 10u128.pow(15), window: 30, answer_time: 10 },
    }
}

/// Where the network of these terms lies: `LicenseStaking`, `Uptime` and its `Attestations`.
pub fn network_addresses(suite: &Suite, terms: &Terms) -> [Address; 3] {
    contracts(suite, terms).map(|contract| contract.address)
}

/// Where a pool of the network lies.
pub fn pool_address(suite: &Suite, network: &Network, terms: &PoolTerms) -> Address {
    pool(suite, network, terms).address
}

/// Deploys what is missing of the network, without pools, and verifies the rest. `report` hears of each contract. Can be called again
/// whatever interrupted it.
///
/// # Errors
/// See [`DeployError`]; terms with [faults](Terms::faults) are refused before anything is sent.
pub async fn deploy_network(
    provider: &DynProvider,
    from: Address,
    suite: &Suite,
    terms: Terms,
    mut report: impl FnMut(&Contract, Outcome),
) -> Result<Network, DeployError> {
    refuse(terms.faults())?;
    check_chain(provider, suite.chain_id).await?;
    let [staking, uptime, attestations] = contracts(suite, &terms);
    for contract in [&staking, &uptime] {
        let (outcome, code) = ensure(provider, from, contract).await?;
        verify(contract, &code)?;
        report(contract, outcome);
    }
    record(provider, [staking, uptime, attestations], terms).await
}

/// The network of these terms if all of it stands, verified and without pools. Sends nothing.
pub async fn find_network(provider: &DynProvider, suite: &Suite, terms: Terms) -> Result<Option<Network>, DeployError> {
    let contracts = contracts(suite, &terms);
    for contract in &contracts {
        if code_of(provider, contract, BlockId::latest()).await?.is_empty() {
            return Ok(None);
        }
    }
    record(provider, contracts, terms).await.map(Some)
}

/// Deploys a pool of the network unless it stands, and verifies it.
///
/// # Errors
/// As [`deploy_network`].
pub async fn deploy_pool(
    provider: &DynProvider,
    from: Address,
    suite: &Suite,
    network: &Network,
    terms: PoolTerms,
) -> Result<(Pool, Outcome), DeployError> {
    refuse(terms.faults())?;
    check_chain(provider, suite.chain_id).await?;
    let contract = pool(suite, network, &terms);
    let (outcome, code) = ensure(provider, from, &contract).await?;
    Ok((record_pool(provider, &contract, &code, terms).await?, outcome))
}

/// The pool of these terms if it stands, verified. Sends nothing.
pub async fn find_pool(
    provider: &DynProvider,
    suite: &Suite,
    network: &Network,
    terms: PoolTerms,
) -> Result<Option<Pool>, DeployError> {
    let contract = pool(suite, network, &terms);
    let code = code_of(provider, &contract, BlockId::latest()).await?;
    if code.is_empty() {
        return Ok(None);
    }
    record_pool(provider, &contract, &code, terms).await.map(Some)
}

fn refuse(faults: Vec<crate::network::Fault>) -> Result<(), DeployError> {
    if faults.is_empty() { Ok(()) } else { Err(DeployError::BadTerms(faults)) }
}

fn contracts(suite: &Suite, terms: &Terms) -> [Contract; 3] {
    let staking = Contract::new(&LICENSE_STAKING, terms.staking_arguments());
    let uptime = Contract::new(&UPTIME, terms.uptime_arguments(suite, staking.address));
    // Its first creation, whose nonce is 1 (EIP-161).
    let attestations = Contract { artifact: &ATTESTATIONS, init_code: Bytes::new(), address: uptime.address.create(1) };
    [staking, uptime, attestations]
}

fn pool(suite: &Suite, network: &Network, terms: &PoolTerms) -> Contract {
    Contract::new(&EPOCH_REWARDS, terms.arguments(suite.ledger, network.uptime))
}

async fn record(provider: &DynProvider, contracts: [Contract; 3], terms: Terms) -> Result<Network, DeployError> {
    let mut code_hashes = BTreeMap::new();
    for contract in &contracts {
        let code = code_of(provider, contract, BlockId::latest()).await?;
        code_hashes.insert(contract.artifact.name.clone(), verify(contract, &code)?);
    }
    let block = first_block(provider, contracts.iter()).await?;
    let [license_staking, uptime, attestations] = contracts.map(|contract| contract.address);
    Ok(Network { license_staking, uptime, attestations, block, code_hashes, terms, pools: Vec::new() })
}

async fn record_pool(
    provider: &DynProvider,
    pool: &Contract,
    code: &[u8],
    terms: PoolTerms,
) -> Result<Pool, DeployError> {
    let code_hash = verify(pool, code)?;
    let block = first_block(provider, std::iter::once(pool)).await?;
    Ok(Pool { address: pool.address, block, code_hash, terms })
}
