//! What is left to do when a sale is over: refunds, buybacks, commissions, releases.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::{Filter, TransactionReceipt},
    sol_types::SolEvent,
};
use assay_contracts::{NodeLicense, NodeSale, Sale};
use serde_json::json;

use super::{super::Context, find, tokens};
use crate::{
    chain::{Chain, from_call, from_rpc},
    cli::{LicenseArgs, SaleArgs},
    error::{Error, Result},
    output::say,
    token::Token,
};

/// Licences returned in one transaction: what a block holds with room to spare.
const AT_ONCE: usize = 100;

pub(super) async fn refund(context: &Context, args: &LicenseArgs) -> Result<()> {
    let chain = context.actor().await?;
    let sale = find(&chain, &args.sale)?;
    let ids = ids(&chain, sale, args, false).await?;
    let mut returned = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let receipt = chain.send(chain.sale(sale.address).refund(ids.to_vec())).await?;
        let event = |event: NodeSale::Refunded| (event.id, event.owner, event.token, event.amount);
        returned.extend(paid::<NodeSale::Refunded>(sale, &receipt).map(event));
    }
    report(context, &chain, sale, "refunded", &returned).await
}

pub(super) async fn buy_back(context: &Context, args: &LicenseArgs) -> Result<()> {
    let chain = context.actor().await?;
    let sale = find(&chain, &args.sale)?;
    let ids = ids(&chain, sale, args, true).await?;
    let mut returned = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let receipt = chain.send(chain.sale(sale.address).buyBack(ids.to_vec())).await?;
        let event = |event: NodeSale::BoughtBack| (event.id, event.owner, event.token, event.amount);
        returned.extend(paid::<NodeSale::BoughtBack>(sale, &receipt).map(event));
    }
    report(context, &chain, sale, "bought back", &returned).await
}

pub(super) async fn claim(context: &Context, referrer: Option<Address>, args: &SaleArgs) -> Result<()> {
    let chain = context.actor().await?;
    let sale = find(&chain, args)?;
    let (contract, referrer) = (chain.sale(sale.address), referrer.unwrap_or(chain.account()));
    let mut paid = Vec::new();
    for token in tokens(&chain, &sale.terms.tokens).await? {
        let due = contract.commissionOf(referrer, token.address).call().await.map_err(from_call)?;
        if !due.is_zero() {
            let receipt = chain.send(contract.claimCommission(referrer, token.address)).await?;
            paid.push((token, due, receipt));
        }
    }
    moved(context, &format!("commission of {referrer}"), &paid)
}

pub(super) async fn release(context: &Context, args: &SaleArgs) -> Result<()> {
    let chain = context.actor().await?;
    let sale = find(&chain, args)?;
    let contract = chain.sale(sale.address);
    let mut paid = Vec::new();
    for token in tokens(&chain, &sale.terms.tokens).await? {
        if !contract.releasable(token.address).call().await.map_err(from_call)?.is_zero() {
            let receipt = chain.send(contract.release(token.address)).await?;
            let amount = receipt.decoded_log::<NodeSale::Released>().map_or(U256::ZERO, |event| event.amount);
            paid.push((token, amount, receipt));
        }
    }
    moved(context, &format!("released to {}", sale.terms.seller), &paid)
}

/// The licences that were named, or all that the signing account holds and can return.
async fn ids(chain: &Chain, sale: &Sale, args: &LicenseArgs, buyback: bool) -> Result<Vec<U256>> {
    if !args.ids.is_empty() {
        return Ok(args.ids.iter().map(|id| U256::from(*id)).collect());
    }
    let mut ids = held(chain, sale, chain.account()).await?;
    if buyback {
        let license = chain.license(sale.license);
        let mut offered = Vec::new();
        for id in ids {
            if license.purchaseOf(id).call().await.map_err(from_call)?.buyback {
                offered.push(id);
            }
        }
        ids = offered;
    }
    if ids.is_empty() {
        let message = format!("{} holds no licence that can be returned", chain.account());
        return Err(Error::refused("no_licences", message).hint("name those of others by their ids"));
    }
    Ok(ids)
}

/// The licences of an account: those that came to it last.
pub(in super::super) async fn held(chain: &Chain, sale: &Sale, owner: Address) -> Result<Vec<U256>> {
    let filter = |filter: Filter| filter.address(sale.license).from_block(sale.block);
    let transfers = filter(Filter::new().event_signature(NodeLicense::Transfer::SIGNATURE_HASH));
    let came = transfers.clone().topic2(owner.into_word());
    let went = transfers.topic1(owner.into_word());
    let mut last = BTreeMap::new();
    for (filter, here) in [(came, true), (went, false)] {
        for log in chain.provider.get_logs(&filter).await.map_err(from_rpc)? {
            let at = (log.block_number, log.log_index);
            let Some(id) = log.topics().get(3).map(|topic| U256::from_be_bytes(topic.0)) else { continue };
            let known = last.entry(id).or_insert((at, here));
            *known = (*known).max((at, here));
        }
    }
    Ok(last.into_iter().filter(|(_, (_, here))| *here).map(|(id, _)| id).collect())
}

/// The sale's events of one kind in a transaction.
fn paid<'a, E: SolEvent + 'a>(sale: &Sale, receipt: &'a TransactionReceipt) -> impl Iterator<Item = E> + 'a {
    let address = sale.address;
    let logs = receipt.logs().iter().filter(move |log| log.address() == address);
    logs.filter_map(|log| log.log_decode::<E>().ok()).map(|log| log.inner.data)
}

async fn report(
    context: &Context,
    chain: &Chain,
    sale: &Sale,
    what: &str,
    returned: &[(U256, Address, Address, U256)],
) -> Result<()> {
    let tokens = tokens(chain, &sale.terms.tokens).await?;
    let licences: Vec<_> = returned
        .iter()
        .map(|(id, owner, token, amount)| {
            json!({ "id": id.to::<u64>(), "owner": owner, "token": token, "amount": amount.to_string() })
        })
        .collect();
    context.output.result(&json!({ "sale": sale.address, "returned": licences }), || {
        say!("{} licences {what}; in the ledger accounts of their owners:", returned.len());
        for token in &tokens {
            let sum: U256 = returned.iter().filter(|paid| paid.2 == token.address).map(|paid| paid.3).sum();
            if !sum.is_zero() {
                say!("{}", token.format(sum));
            }
        }
    });
    Ok(())
}

fn moved(context: &Context, what: &str, paid: &[(Token, U256, TransactionReceipt)]) -> Result<()> {
    if paid.is_empty() {
        let message = format!("{what}: nothing is due now");
        return Err(Error::refused("nothing_due", message).hint("`assay sale show` says how the sale stands"));
    }
    let report: Vec<_> = paid
        .iter()
        .map(|(token, amount, receipt)| {
            json!({ "token": token, "amount": amount.to_string(), "transaction": receipt.transaction_hash })
        })
        .collect();
    context.output.result(&json!({ "paid": report }), || {
        for (token, amount, _) in paid {
            say!("{what}: {}, in the ledger", token.format(*amount));
        }
    });
    Ok(())
}
