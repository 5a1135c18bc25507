//! `assay sale`

mod buy;
mod deploy;
mod description;
mod lists;
mod settle;
mod show;

use alloy::{eips::BlockId, primitives::Address, providers::Provider};
use assay_contracts::Sale;

pub(crate) use deploy::put as deploy_sale;
pub(super) use settle::held;

use super::Context;
use crate::{
    chain::{Chain, from_rpc},
    cli::{SaleArgs, SaleCommand},
    error::{Error, Result},
    token::Token,
};

pub(super) async fn run(context: &Context, command: SaleCommand) -> Result<()> {
    match command {
        SaleCommand::Deploy { file, check } => deploy::run(context, &file, check).await,
        SaleCommand::Allowlist(args) => lists::make::<assay_lists::Allowance>(context, &args),
        SaleCommand::Promo(args) => lists::make::<assay_lists::Promo>(context, &args),
        SaleCommand::Show(args) => show::run(context, &args).await,
        SaleCommand::Buy(args) => buy::run(context, &args).await,
        SaleCommand::Refund(args) => settle::refund(context, &args).await,
        SaleCommand::BuyBack(args) => settle::buy_back(context, &args).await,
        SaleCommand::ClaimCommission { referrer, sale } => settle::claim(context, referrer, &sale).await,
        SaleCommand::Release(args) => settle::release(context, &args).await,
    }
}

/// The sale that was named, or the last one.
pub(super) fn find<'a>(chain: &'a Chain, args: &SaleArgs) -> Result<&'a Sale> {
    let sales = &chain.suite.sales;
    let found = match args.sale {
        Some(address) => sales.iter().find(|sale| sale.address == address),
        None => sales.last(),
    };
    found.ok_or_else(|| {
        let known: Vec<_> = sales.iter().map(|sale| format!("{} ({})", sale.address, sale.terms.name)).collect();
        let message = match args.sale {
            Some(address) => format!("{address} is no sale in the record of chain {}", chain.suite.chain_id),
            None => format!("the record of chain {} has no sale", chain.suite.chain_id),
        };
        let hint = if known.is_empty() { "`assay sale deploy FILE` enters one".into() } else { known.join(", ") };
        Error::not_found("sale_not_found", message).hint(hint)
    })
}

/// The sale's tokens, in its order.
async fn tokens(chain: &Chain, addresses: &[Address]) -> Result<Vec<Token>> {
    futures::future::try_join_all(addresses.iter().map(|address| Token::at(chain, *address))).await
}

/// The time by which contracts go.
pub(super) async fn now(chain: &Chain) -> Result<u64> {
    let block = chain.provider.get_block(BlockId::latest()).await.map_err(from_rpc)?;
    Ok(block.map_or(0, |block| block.header.timestamp))
}
