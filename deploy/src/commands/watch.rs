//! `assay validator` and `assay challenger`: those who watch providers.

use std::path::PathBuf;

use alloy::{network::EthereumWallet, primitives::U256};
use assay_blobs::Blobs;
use assay_contracts::protocol::token_id;
use assay_keepers::{
    challenger, validator,
    verification::{Handle, Setup, Tamper},
};
use serde_json::json;

use super::{
    Context, deposit,
    services::{from_keeper, make_folder_of, stop_on_signal},
};
use crate::{
    chain::{Chain, bare_provider, from_call},
    cli::{ChallengerCommand, KeeperArgs, ValidatorCommand},
    client::open::{from_blob, now},
    config::Config,
    error::{Error, Result},
    keys,
    output::say,
    token::{Token, need_balance},
};

/// Gas of the slots that the tables of seats may need beyond what was measured.
const SLOT_GAS: u64 = 100_000;

pub(super) async fn validator(mut context: Context, command: ValidatorCommand) -> Result<()> {
    match command {
        ValidatorCommand::Join { bond } => {
            let chain = context.actor().await?;
            let gas = join(&chain, &bond).await?;
            context.output.note(format!("{gas} gas"));
            show(&context, &chain, chain.account()).await
        }
        ValidatorCommand::Leave => {
            let chain = context.actor().await?;
            leave(&chain).await?;
            show(&context, &chain, chain.account()).await
        }
        ValidatorCommand::Show { address } => {
            let chain = context.reader().await?;
            let account = address.map_or_else(|| keys::signer(&context.config).map(|key| key.address()), Ok)?;
            show(&context, &chain, account).await
        }
        ValidatorCommand::Run(args) => {
            let setup = setup(&context.config).await?;
            args.hardware.apply(&mut context.config);
            let mut config = std::mem::take(&mut context.config.validator);
            prepare(&args, &context, &mut config.models, &mut config.store)?;
            config.http = args.http.or(config.http);
            let handle = validator::start(config, setup, stop_on_signal()).await.map_err(from_keeper)?;
            finish(&context, "validator", handle).await
        }
    }
}

pub(super) async fn challenger(mut context: Context, command: ChallengerCommand) -> Result<()> {
    let (rate, args) = match command {
        ChallengerCommand::Fund { bond } => {
            let chain = context.actor().await?;
            let gas = fund(&chain, &bond).await?;
            let native = Token::at(&chain, alloy::primitives::Address::ZERO).await?;
            let bonds = native.ledger_balance(&chain, chain.account()).await?;
            let report = json!({ "account": chain.account(), "bonds": bonds.to_string(), "gas": gas });
            context.output.result(&report, || say!("for bonds: {}", native.format(bonds)));
            return Ok(());
        }
        ChallengerCommand::Run { rate, keeper } => (rate, keeper),
    };
    let setup = setup(&context.config).await?;
    args.hardware.apply(&mut context.config);
    let mut config = std::mem::take(&mut context.config.challenger);
    prepare(&args, &context, &mut config.models, &mut config.store)?;
    config.http = args.http.or(config.http);
    config.rate = rate.unwrap_or(config.rate);
    let handle = challenger::start(config, setup, stop_on_signal()).await.map_err(from_keeper)?;
    finish(&context, "challenger", handle).await
}

/// Stakes what a seat lacks, puts native currency aside for bonds, takes the seat; returns the gas.
pub(crate) async fn join(chain: &Chain, bond: &str) -> Result<u64> {
    let (seats, staking, me) = (chain.seats(), chain.staking(), chain.account());
    let mut gas = fund(chain, bond).await?;
    let token = Token::at(chain, staking.token().call().await.map_err(from_call)?).await?;
    let needed = seats.seatStake().call().await.map_err(from_call)?;
    let provision = staking.provisionOf(me, chain.suite.validator_seats).call().await.map_err(from_call)?;
    let free = provision.stake.saturating_sub(provision.locked).saturating_sub(provision.thawing);
    let own = seats.ownMinimum().call().await.map_err(from_call)?;
    let delegated = staking.freeDelegation(me, chain.suite.validator_seats).call().await.map_err(from_call)?;
    let missing = U256::from(needed.saturating_sub(free)).saturating_sub(delegated);
    let missing = missing.max(U256::from(own.saturating_sub(free)));
    if !missing.is_zero() {
        need_balance(chain, &token, me, missing).await?;
        gas += chain.send(chain.ledger().approve(chain.suite.staking, token.id(), missing)).await?.gas_used;
        gas += chain.send(staking.stake(me, chain.suite.validator_seats, missing)).await?.gas_used;
    }
    // A table's past has a slot for every second in which it changed: what is measured in one second may cost more in the next.
    let call = seats.takeSeat(chain.suite.verification);
    let measured = call.estimate_gas().await.map_err(from_call)?;
    Ok(gas + chain.send(call.gas(measured + SLOT_GAS)).await?.gas_used)
}

/// Holds at least `bond` of native currency in the ledger, which the dispute game may take bonds from, and lets the escrow take what
/// a demand for withheld data prepays; returns the gas.
pub(crate) async fn fund(chain: &Chain, bond: &str) -> Result<u64> {
    let native = Token::at(chain, alloy::primitives::Address::ZERO).await?;
    let wanted = native.parse(bond)?;
    let held = native.ledger_balance(chain, chain.account()).await?;
    let mut gas = 0;
    if held < wanted {
        gas += deposit(chain, &native, chain.account(), wanted - held).await?.gas_used;
    }
    let token = chain.staking().token().call().await.map_err(from_call)?;
    for (spender, token) in [(chain.suite.dispute_game, native.address), (chain.suite.job_escrow, token)] {
        gas += chain.send(chain.ledger().approve(spender, token_id(token), U256::MAX)).await?.gas_used;
    }
    Ok(gas)
}

/// Leaves the seat; where it was left already and the delay is over, frees its stake.
async fn leave(chain: &Chain) -> Result<()> {
    let (seats, service) = (chain.seats(), chain.suite.verification);
    let seat = seats.seatOf(service, chain.account()).call().await.map_err(from_call)?;
    if seat.number > 0 {
        let call = seats.leaveSeat(service);
        let measured = call.estimate_gas().await.map_err(from_call)?;
        chain.send(call.gas(measured + SLOT_GAS)).await?;
    } else if seat.stake > 0 {
        let (at, now) = (seat.releasableAt.to::<u64>(), now(chain).await?);
        if now < at {
            let message = format!("the stake of the seat comes free in {} s", at - now);
            return Err(Error::refused("seat_bound", message).hint("draws of earlier commits bind it until then"));
        }
        chain.send(seats.releaseSeat(service, chain.account())).await?;
    } else {
        return Err(Error::not_found("no_seat", format!("{} holds no seat", chain.account())));
    }
    Ok(())
}

async fn show(context: &Context, chain: &Chain, account: alloy::primitives::Address) -> Result<()> {
    let seats = chain.seats();
    let seat = seats.seatOf(chain.suite.verification, account).call().await.map_err(from_call)?;
    let taken = seats.seatCount(chain.suite.verification).call().await.map_err(from_call)?;
    let staked = Token::at(chain, chain.staking().token().call().await.map_err(from_call)?).await?;
    let (staking, seats_at) = (chain.staking(), chain.suite.validator_seats);
    let own = staking.provisionOf(account, seats_at).call().await.map_err(from_call)?.locked;
    let delegated = staking.poolOf(account, seats_at).call().await.map_err(from_call)?.locked;
    let native = Token::at(chain, alloy::primitives::Address::ZERO).await?;
    let bonds = native.ledger_balance(chain, account).await?;
    let left = seat.releasableAt.to::<u64>().saturating_sub(now(chain).await?);
    let report = json!({
        "account": account,
        "seat": seat.number,
        "seats": taken.to_string(),
        "stake": seat.stake.to_string(),
        "own_locked": own.to_string(),
        "delegated_locked": delegated.to_string(),
        "token": staked,
        "releasable_at": seat.releasableAt.to::<u64>(),
        "bonds": bonds.to_string(),
    });
    context.output.result(&report, || {
        let stake = staked.format(U256::from(seat.stake));
        match (seat.number, seat.stake) {
            (0, 0) => say!("{account} holds no seat"),
            (0, _) if left > 0 => say!("{account} left its seat; {stake} comes free in {left} s"),
            (0, _) => say!("{account} left its seat; leave once more to free {stake}"),
            (number, _) => say!("{account} holds seat {number} of {taken} with {stake}"),
        }
        if delegated > 0 {
            let (own, delegated) = (staked.format(U256::from(own)), staked.format(U256::from(delegated)));
            say!("its seats hold {own} of its own and {delegated} delegated to it");
        }
        say!("for bonds: {}", native.format(bonds));
    });
    Ok(())
}

/// What a keeper with `config`'s key works with.
pub(crate) async fn setup(config: &Config) -> Result<Setup> {
    let signer = keys::signer(config)?;
    let chain = Chain::connect(config, None).await?;
    let rpc = bare_provider(&config.rpc_url)?;
    let (wallet, blobs) = (EthereumWallet::from(signer), Blobs::files(&config.blobs).map_err(from_blob)?);
    Ok(Setup { suite: chain.suite, rpc, wallet, blobs, tamper: Tamper::default() })
}

/// What the command line says wins over the configuration; the folder of the store is made.
fn prepare(args: &KeeperArgs, context: &Context, models: &mut Vec<PathBuf>, store: &mut PathBuf) -> Result<()> {
    if !args.model.is_empty() {
        models.clone_from(&args.model);
    } else if models.is_empty() {
        models.push(context.config.model.clone());
    }
    if let Some(path) = &args.store {
        store.clone_from(path);
    }
    make_folder_of(store)?;
    Ok(())
}

async fn finish(context: &Context, role: &str, handle: Handle) -> Result<()> {
    let account = handle.account();
    let http = handle.http().map_or(String::new(), |address| format!(", http://{address}"));
    context.output.note(format!("{role} {account} on chain {}{http}; Ctrl-C stops", context.config.chain_id));
    handle.wait().await.map_err(from_keeper)?;
    context.output.result(&json!({ "account": account, "role": role }), || say!("{role} {account} stopped"));
    Ok(())
}
