//! `assay nodes`

mod deploy;
mod operate;
mod seat;
mod show;

use std::collections::BTreeSet;

use alloy::providers::Provider;
use assay_contracts::{
    Network, Sale,
    network::{History, read},
};

pub(crate) use deploy::put as deploy_network;
pub(crate) use operate::enter as register_operator;
pub(crate) use seat::{enroll as enroll_seat, start as start_seat};

use super::{Context, sale};
use crate::{
    chain::{Chain, from_call, from_read, from_rpc},
    cli::{NetworkArgs, NodesCommand},
    error::{Error, Result},
};

pub(super) async fn run(context: &Context, command: NodesCommand) -> Result<()> {
    match command {
        NodesCommand::Deploy(args) => deploy::run(context, &args).await,
        NodesCommand::Register(args) => operate::register(context, &args).await,
        NodesCommand::Offer(args) => operate::offer(context, &args).await,
        NodesCommand::Delegate(args) => operate::delegate(context, &args).await,
        NodesCommand::Undelegate { ids, network } => operate::undelegate(context, &ids, &network).await,
        NodesCommand::Seat(command) => seat::run(context, command).await,
        NodesCommand::Show { ids, network } => show::run(context, &ids, &network).await,
    }
}

/// The network that was named, or the last one.
pub(super) fn find<'a>(chain: &'a Chain, args: &NetworkArgs) -> Result<&'a Network> {
    let networks = &chain.suite.networks;
    let found = match args.network {
        Some(address) => networks.iter().find(|network| network.uptime == address),
        None => networks.last(),
    };
    found.ok_or_else(|| {
        let known: Vec<_> = networks.iter().map(|network| network.uptime.to_string()).collect();
        let message = match args.network {
            Some(address) => format!("{address} is no network in the record of chain {}", chain.suite.chain_id),
            None => format!("the record of chain {} has no node network", chain.suite.chain_id),
        };
        let hint = if known.is_empty() { "`assay nodes deploy` enters one".into() } else { known.join(", ") };
        Error::not_found("network_not_found", message).hint(hint)
    })
}

/// The sale that the network's licences come from.
pub(super) fn sale_of<'a>(chain: &'a Chain, network: &Network) -> Result<&'a Sale> {
    let sale = chain.suite.sales.iter().find(|sale| sale.license == network.terms.license);
    sale.ok_or_else(|| {
        let message = format!("the sale of the licences at {} is not in the chain's record", network.terms.license);
        Error::not_found("sale_not_found", message).hint("`assay sale deploy FILE` enters it")
    })
}

/// Numbers as they were named, each once and in order; else the licences that the signing account holds.
pub(super) async fn named_or_held(chain: &Chain, network: &Network, named: &[u32]) -> Result<BTreeSet<u32>> {
    if !named.is_empty() {
        return Ok(named.iter().copied().collect());
    }
    let held = sale::held(chain, sale_of(chain, network)?, chain.account()).await?;
    Ok(held.into_iter().map(|id| id.saturating_to()).collect())
}

/// The number that the signing account registered under, if it did.
pub(super) async fn own_number(chain: &Chain, network: &Network) -> Result<Option<u32>> {
    let staking = chain.license_staking(network);
    let number = staking.numberOf(chain.account()).call().await.map_err(from_call)?;
    Ok((number != 0).then_some(number))
}

/// What the network's events say until now, and the block that is now.
pub(super) async fn history(chain: &Chain, network: &Network) -> Result<(History, u64)> {
    let head = chain.provider.get_block_number().await.map_err(from_rpc)?;
    Ok((read::history(&chain.provider, network, head).await.map_err(from_read)?, head))
}
