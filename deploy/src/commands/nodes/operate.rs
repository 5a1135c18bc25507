//! What operators and owners do: `assay nodes register`, `offer`, `delegate`, `undelegate`.

use std::collections::BTreeSet;

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
};
use assay_contracts::{LicenseStaking, Network};
use serde_json::{Value, json};

use super::{super::Context, find, named_or_held, own_number};
use crate::{
    chain::{Chain, from_call},
    cli::{DelegateArgs, NetworkArgs, OfferArgs, RegisterArgs},
    error::{Error, Result},
    output::say,
};

/// Licences in one transaction: what a block holds with room to spare.
const AT_ONCE: usize = 100;
const BASIS: u16 = 10_000;

pub(super) async fn register(context: &Context, args: &RegisterArgs) -> Result<()> {
    let chain = context.actor().await?;
    let network = find(&chain, &args.network)?;
    check_rate(args.rate)?;
    let attester = args.attester.unwrap_or(chain.account());
    let (number, transaction) = enter(&chain, network, attester, args.rate, args.cap).await?;
    offered(context, &chain, network, number, vec![transaction]).await
}

/// Registers the signing account as an operator; its number, and the transaction.
pub(crate) async fn enter(
    chain: &Chain,
    network: &Network,
    attester: Address,
    rate: u16,
    cap: u32,
) -> Result<(u32, B256)> {
    let receipt = chain.send(chain.license_staking(network).register(attester, rate, cap)).await?;
    let number = logged::<LicenseStaking::Registered>(network, &receipt).map(|event| event.number).next();
    let number = number.ok_or_else(|| Error::failure("no_event", "the registration was not logged"))?;
    Ok((number, receipt.transaction_hash))
}

pub(super) async fn offer(context: &Context, args: &OfferArgs) -> Result<()> {
    let chain = context.actor().await?;
    let network = find(&chain, &args.network)?;
    let number = own_number(&chain, network).await?.ok_or_else(|| no_operator(chain.account()))?;
    let staking = chain.license_staking(network);
    let mut transactions = Vec::new();
    if args.rate.is_some() || args.cap.is_some() {
        let now = staking.operatorAt(number).call().await.map_err(from_call)?;
        let (rate, cap) = (args.rate.unwrap_or(now.rate), args.cap.unwrap_or(now.cap));
        check_rate(rate)?;
        transactions.push(chain.send(staking.setOffer(rate, cap)).await?.transaction_hash);
    }
    if let Some(attester) = args.attester {
        transactions.push(chain.send(staking.setKey(attester)).await?.transaction_hash);
    }
    offered(context, &chain, network, number, transactions).await
}

pub(super) async fn delegate(context: &Context, args: &DelegateArgs) -> Result<()> {
    let chain = context.actor().await?;
    let network = find(&chain, &args.network)?;
    let staking = chain.license_staking(network);
    let number = operator(&chain, network, &args.to).await?;
    let offer = staking.operatorAt(number).call().await.map_err(from_call)?;
    let rate = args.rate.unwrap_or(offer.rate);
    if rate != offer.rate {
        let message = format!("operator {number} keeps {} basis points now, and you agree to {rate}", offer.rate);
        return Err(Error::refused("other_rate", message).hint("nothing was sent"));
    }
    let mut ids = named_or_held(&chain, network, &args.ids).await?;
    if args.ids.is_empty() {
        let next = staking.currentEpoch().call().await.map_err(from_call)? + 1;
        keep(&chain, network, &mut ids, |owner, delegation| {
            delegation.owner != owner || delegation.operator == 0 && delegation.freeAt <= next
        })
        .await?;
    }
    let ids = some(&chain, ids, "can be delegated")?;
    let room = offer.cap.saturating_sub(offer.delegated);
    if room < ids.len() as u32 {
        let message = format!("operator {number} takes on {room} licences more, and there are {}", ids.len());
        return Err(Error::refused("no_room", message).hint("name those that it shall run; nothing was sent"));
    }
    context.output.note(format!("{} licences, run by operator {number} for {rate} basis points", ids.len()));
    let (mut moved, mut transactions) = (Vec::new(), Vec::new());
    for ids in ids.chunks(AT_ONCE) {
        let receipt = chain.send(staking.delegate(ids.to_vec(), number, rate)).await?;
        let events = logged::<LicenseStaking::LicenseDelegated>(network, &receipt);
        moved.extend(events.map(|event| (event.id, event.epoch)));
        transactions.push(receipt.transaction_hash);
    }
    let report = json!({
        "operator": number, "rate": rate, "licenses": licenses(&moved), "transactions": transactions,
    });
    context.output.result(&report, || {
        let from = moved.first().map_or(0, |(_, epoch)| *epoch);
        say!("operator {number} runs {} licences from epoch {from} on, for {rate} basis points", moved.len());
    });
    Ok(())
}

pub(super) async fn undelegate(context: &Context, named: &[u32], args: &NetworkArgs) -> Result<()> {
    let chain = context.actor().await?;
    let network = find(&chain, args)?;
    let mut ids = named_or_held(&chain, network, named).await?;
    if named.is_empty() {
        keep(&chain, network, &mut ids, |_, delegation| delegation.operator != 0).await?;
    }
    let ids = some(&chain, ids, "is delegated")?;
    let (mut moved, mut transactions, mut free_at) = (Vec::new(), Vec::new(), 0);
    for ids in ids.chunks(AT_ONCE) {
        let receipt = chain.send(chain.license_staking(network).undelegate(ids.to_vec())).await?;
        for event in logged::<LicenseStaking::LicenseUndelegated>(network, &receipt) {
            moved.push((event.id, event.epoch));
            free_at = event.freeAt;
        }
        transactions.push(receipt.transaction_hash);
    }
    let report = json!({ "licenses": licenses(&moved), "free_at": free_at, "transactions": transactions });
    context.output.result(&report, || {
        let from = moved.first().map_or(0, |(_, epoch)| *epoch);
        say!("nobody runs {} licences from epoch {from} on; you can delegate them for epoch {free_at}", moved.len());
    });
    Ok(())
}

/// An operator's number: as it was named, or of the account that was.
async fn operator(chain: &Chain, network: &Network, text: &str) -> Result<u32> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let account: Address = text.parse().map_err(|_| {
        let message = format!("operator {text:?}: expected its number, or an address of 20 bytes");
        Error::usage("bad_operator", message).hint("`assay nodes show` lists operators")
    })?;
    let number = chain.license_staking(network).numberOf(account).call().await.map_err(from_call)?;
    if number == 0 { Err(no_operator(account)) } else { Ok(number) }
}

/// Keeps those of the signing account's licences whose last delegation is as it should be.
async fn keep(
    chain: &Chain,
    network: &Network,
    ids: &mut BTreeSet<u32>,
    right: impl Fn(Address, &LicenseStaking::LicenseDelegation) -> bool,
) -> Result<()> {
    let staking = chain.license_staking(network);
    let mut wrong = Vec::new();
    for id in ids.iter() {
        let delegation = staking.delegationOf(U256::from(*id)).call().await.map_err(from_call)?;
        if !right(chain.account(), &delegation) {
            wrong.push(*id);
        }
    }
    wrong.iter().for_each(|id| {
        ids.remove(id);
    });
    Ok(())
}

fn some(chain: &Chain, ids: BTreeSet<u32>, state: &str) -> Result<Vec<U256>> {
    if ids.is_empty() {
        let message = format!("{} holds no licence that {state}", chain.account());
        return Err(Error::refused("no_licences", message).hint("`assay nodes show ID` says how one stands"));
    }
    Ok(ids.into_iter().map(U256::from).collect())
}

fn check_rate(rate: u16) -> Result<()> {
    if rate <= BASIS {
        return Ok(());
    }
    Err(Error::usage("bad_rate", format!("--rate is {rate}: expected at most {BASIS} basis points")))
}

fn no_operator(account: Address) -> Error {
    let error = Error::not_found("no_operator", format!("{account} is no operator of this network"));
    error.hint("`assay nodes register` makes the signing account one")
}

/// The network's events of one kind in a transaction.
fn logged<'a, E: SolEvent + 'a>(network: &Network, receipt: &'a TransactionReceipt) -> impl Iterator<Item = E> + 'a {
    let address = network.license_staking;
    let logs = receipt.logs().iter().filter(move |log| log.address() == address);
    logs.filter_map(|log| log.log_decode::<E>().ok()).map(|log| log.inner.data)
}

fn licenses(moved: &[(U256, u32)]) -> Vec<Value> {
    moved.iter().map(|(id, epoch)| json!({ "id": id.saturating_to::<u32>(), "epoch": epoch })).collect()
}

async fn offered(
    context: &Context,
    chain: &Chain,
    network: &Network,
    number: u32,
    transactions: Vec<B256>,
) -> Result<()> {
    let operator = chain.license_staking(network).operatorAt(number).call().await.map_err(from_call)?;
    let report = json!({
        "operator": number, "account": operator.account, "rate": operator.rate, "cap": operator.cap,
        "delegated": operator.delegated, "transactions": transactions,
    });
    context.output.result(&report, || {
        say!(
            "operator {number} keeps {} basis points and takes on {} licences; {} are delegated",
            operator.rate,
            operator.cap,
            operator.delegated
        );
    });
    Ok(())
}
