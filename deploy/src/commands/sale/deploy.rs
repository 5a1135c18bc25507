//! `assay sale deploy`

use std::path::Path;

use alloy::{network::TransactionBuilder, providers::Provider, rpc::types::TransactionRequest};
use assay_contracts::{
    Sale, Suite,
    deploy::{self, Outcome},
    sale::Terms,
};
use serde_json::json;

use super::{super::Context, description::Description, now};
use crate::{
    chain::{Chain, from_rpc},
    config::Config,
    error::{Error, Result},
    output::say,
};

pub(super) async fn run(context: &Context, file: &Path, check: bool) -> Result<()> {
    let description = Description::read(file)?;
    let chain = if check { context.reader().await? } else { context.actor().await? };
    let folder = file.parent().unwrap_or(Path::new("."));
    let terms = description.terms(&chain, folder).await?;
    let (supply, tiers) = (terms.supply(), terms.tiers.len());
    if check {
        let found = deploy::find_sale(&chain.provider, &chain.suite, terms.clone()).await?;
        if found.is_none() {
            would_accept(&chain, &terms).await?;
        }
        let address = deploy::sale_address(&chain.suite, &terms);
        let report = json!({ "address": address, "deployed": found.is_some(), "terms": terms });
        context.output.result(&report, || {
            let state = if found.is_some() { "stands" } else { "can be deployed" };
            say!("{address}: a sale of {supply} licences in {tiers} tiers, which {state}");
        });
        return Ok(());
    }
    let (sale, outcome) = put(&chain, &context.config, terms).await?;
    let gas = match outcome {
        Outcome::Created { gas, .. } => Some(gas),
        Outcome::Found => None,
    };
    let record = context.config.chain_file();
    let report = json!({ "sale": sale, "created": gas.is_some(), "gas": gas, "record": record });
    context.output.result(&report, || {
        say!("sale     {}\nlicences {}", sale.address, sale.license);
        match gas {
            Some(gas) => say!("created with {gas} gas; record: {}", record.display()),
            None => say!("found and verified; record: {}", record.display()),
        }
    });
    Ok(())
}

/// Deploys the sale unless it stands, and enters it in the chain's record.
pub(crate) async fn put(chain: &Chain, config: &Config, terms: Terms) -> Result<(Sale, Outcome)> {
    if deploy::find_sale(&chain.provider, &chain.suite, terms.clone()).await?.is_none() {
        would_accept(chain, &terms).await?;
    }
    let (sale, outcome) = deploy::deploy_sale(&chain.provider, chain.account(), &chain.suite, terms).await?;
    let mut suite: Suite = chain.suite.clone();
    match suite.sales.iter_mut().find(|known| known.address == sale.address) {
        // The names of tiers are not on chain: the file says them.
        Some(known) => *known = sale.clone(),
        None => suite.sales.push(sale.clone()),
    }
    deploy::write(&suite, &config.chain_file())?;
    Ok((sale, outcome))
}

/// Asks the chain whether the contract's constructor accepts the terms: through the deployer it could not say why not.
async fn would_accept(chain: &Chain, terms: &Terms) -> Result<()> {
    let now = now(chain).await?;
    if terms.ends_at <= now {
        let message = format!("ends_at is {}: expected a time after the chain's, {now}", terms.ends_at);
        return Err(Error::usage("bad_sale", message).hint("nothing was sent"));
    }
    let creation = TransactionRequest::default().with_deploy_code(deploy::creation(&chain.suite, terms));
    chain.provider.call(creation).await.map_err(from_rpc).map(drop)
}
