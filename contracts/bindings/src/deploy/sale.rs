//! Deployment of sales: each lies where its terms put it, and brings the contract of its licences along.

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes},
    providers::DynProvider,
};

use super::{
    Contract, DeployError, Outcome, check_chain, code_of, ensure, first_block,
    plan::{NODE_LICENSE, NODE_SALE},
    verify,
};
use crate::{Sale, Suite, sale::Terms};

/// Where a sale with these terms lies.
pub fn sale_address(suite: &Suite, terms: &Terms) -> Address {
    contract(suite, terms).address
}

/// The code that creates it: calling it says whether the contract would refuse the terms, and why.
pub fn creation(suite: &Suite, terms: &Terms) -> Bytes {
    contract(suite, terms).init_code
}

/// Deploys the sale unless it stands, and verifies it. Can be called again whatever interrupted it.
///
/// # Errors
/// See [`DeployError`]; terms that the contract refuses leave no code: check them first with [`creation`].
pub async fn deploy_sale(
    provider: &DynProvider,
    from: Address,
    suite: &Suite,
    terms: Terms,
) -> Result<(Sale, Outcome), DeployError> {
    check_chain(provider, suite.chain_id).await?;
    let contract = contract(suite, &terms);
    let (outcome, code) = ensure(provider, from, &contract).await?;
    Ok((record(provider, &contract, &code, terms).await?, outcome))
}

/// The sale of these terms if it stands, verified. Sends nothing.
pub async fn find_sale(provider: &DynProvider, suite: &Suite, terms: Terms) -> Result<Option<Sale>, DeployError> {
    let contract = contract(suite, &terms);
    let code = code_of(provider, &contract, BlockId::latest()).await?;
    if code.is_empty() {
        return Ok(None);
    }
    record(provider, &contract, &code, terms).await.map(Some)
}

fn contract(suite: &Suite, terms: &Terms) -> Contract {
    Contract::new(&NODE_SALE, terms.arguments(suite.ledger))
}

async fn record(provider: &DynProvider, sale: &Contract, code: &[u8], terms: Terms) -> Result<Sale, DeployError> {
    // The sale's first creation, whose nonce is 1 (EIP-161).
    let license = Contract { artifact: &NODE_LICENSE, init_code: Bytes::new(), address: sale.address.create(1) };
    let license_code = code_of(provider, &license, BlockId::latest()).await?;
    Ok(Sale {
        address: sale.address,
        license: license.address,
        block: first_block(provider, std::iter::once(sale)).await?,
        code_hash: verify(sale, code)?,
        license_code_hash: verify(&license, &license_code)?,
        terms,
    })
}
