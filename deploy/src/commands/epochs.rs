//! `assay epochs`: who brings a node network from epoch to epoch.

use std::collections::BTreeMap;

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
};
use assay_contracts::{Network, network::Roots, protocol::token_id};
use assay_keepers::epochs::{self, Setup};
use serde_json::json;

use super::{
    Context, deposit, nodes,
    services::{from_keeper, make_folder_of, stop_on_signal},
};
use crate::{
    chain::{Chain, bare_provider},
    cli::{EpochsArgs, EpochsCommand, NetworkArgs},
    error::Result,
    keys,
    output::{list, say},
    token::Token,
};

pub(super) async fn run(context: Context, command: EpochsCommand) -> Result<()> {
    match command {
        EpochsCommand::Fund { postings, network } => fund(&context, postings, &network).await,
        EpochsCommand::Run(args) => keep(context, args).await,
    }
}

/// Each contract of the network that posts roots.
fn posters(network: &Network) -> Vec<(Address, &Roots)> {
    let pools = network.pools.iter().map(|pool| (pool.address, &pool.terms.roots));
    std::iter::once((network.uptime, &network.terms.roots)).chain(pools).collect()
}

/// Holds what so many postings of each contract take, and allows each contract to take it.
async fn fund(context: &Context, postings: u32, args: &NetworkArgs) -> Result<()> {
    let chain = context.actor().await?;
    let (gas, held) = hold(&chain, nodes::find(&chain, args)?, postings).await?;
    let balances: Vec<_> =
        held.iter().map(|(token, amount)| json!({ "token": token, "amount": amount.to_string() })).collect();
    let report = json!({ "account": chain.account(), "postings": postings, "held": balances, "gas": gas });
    context.output.result(&report, || {
        let mut table = list(["for bonds", ""]);
        for (token, amount) in &held {
            table.add_row([token.format(*amount), format!("{postings} postings of each contract")]);
        }
        say!("{table}");
    });
    Ok(())
}

/// Has the signing account hold what so many postings of each contract take; the gas it took, and what is held.
pub(crate) async fn hold(chain: &Chain, network: &Network, postings: u32) -> Result<(u64, Vec<(Token, U256)>)> {
    let posters = posters(network);
    let mut needed: BTreeMap<Address, U256> = BTreeMap::new();
    for (_, roots) in &posters {
        let each = U256::from(roots.bond) + U256::from(roots.fee);
        *needed.entry(roots.token).or_default() += each * U256::from(postings);
    }
    let (mut gas, mut held) = (0, Vec::new());
    for (address, wanted) in needed {
        let token = Token::at(chain, address).await?;
        let balance = token.ledger_balance(chain, chain.account()).await?;
        if balance < wanted {
            gas += deposit(chain, &token, chain.account(), wanted - balance).await?.gas_used;
        }
        held.push((token, balance.max(wanted)));
    }
    for (contract, roots) in &posters {
        gas += chain.send(chain.ledger().approve(*contract, token_id(roots.token), U256::MAX)).await?.gas_used;
    }
    Ok((gas, held))
}

async fn keep(mut context: Context, args: EpochsArgs) -> Result<()> {
    let signer = keys::signer(&context.config)?;
    let chain = Chain::connect(&context.config, None).await?;
    let network = nodes::find(&chain, &args.network)?.uptime;
    let rpc = bare_provider(&context.config.rpc_url)?;
    let mut config = std::mem::take(&mut context.config.epochs);
    if args.network.network.is_some() || config.network.is_none() {
        config.network = Some(network);
    }
    config.store = args.store.unwrap_or(config.store);
    config.http = args.http.or(config.http);
    config.depth = args.depth.unwrap_or(config.depth);
    make_folder_of(&config.store)?;
    let (wallet, blobs) = (EthereumWallet::from(signer), context.blobs()?);
    let setup = Setup { suite: chain.suite, rpc, wallet, blobs };
    let handle = epochs::start(config, setup, stop_on_signal()).await.map_err(from_keeper)?;
    let account = handle.account();
    let http = handle.http().map_or(String::new(), |address| format!(", http://{address}"));
    context.output.note(format!("epochs {account} on chain {}{http}; Ctrl-C stops", context.config.chain_id));
    handle.wait().await.map_err(from_keeper)?;
    context.output.result(&json!({ "account": account, "role": "epochs" }), || say!("epochs {account} stopped"));
    Ok(())
}
