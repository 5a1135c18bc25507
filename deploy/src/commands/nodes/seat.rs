//! `assay nodes seat`: a provider's place among those that are examined.

use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
    signers::local::PrivateKeySigner,
};
use assay_contracts::{Attestations, Network, Suite};
use assay_keepers::examination::{Seat, SeatConfig, SeatSetup};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Context, sale,
        services::{from_keeper, stop_on_signal},
    },
    find, history,
};
use crate::{
    chain::{Chain, bare_provider, from_call},
    cli::SeatCommand,
    config::Config,
    error::{Error, Result},
    keys,
    output::say,
    token::{Token, need_balance},
};

pub(super) async fn run(context: &Context, command: SeatCommand) -> Result<()> {
    match command {
        SeatCommand::Enroll { endpoint, signer, network } => {
            let chain = context.actor().await?;
            let network = find(&chain, &network)?;
            let signer = signer.map_or_else(|| signer_of(&context.config).map(|key| key.address()), Ok)?;
            enroll(&chain, network, signer, &endpoint).await?;
            show(context, &chain, network, chain.account()).await
        }
        SeatCommand::Run => serve(context).await,
        SeatCommand::Leave { network } => {
            let chain = context.actor().await?;
            let network = find(&chain, &network)?;
            leave(&chain, network).await?;
            show(context, &chain, network, chain.account()).await
        }
        SeatCommand::Show { provider, network } => {
            let chain = context.reader().await?;
            let network = find(&chain, &network)?;
            let provider = provider.map_or_else(|| keys::signer(&context.config).map(|key| key.address()), Ok)?;
            show(context, &chain, network, provider).await
        }
    }
}

fn attestations(chain: &Chain, network: &Network) -> Attestations::AttestationsInstance<DynProvider> {
    Attestations::new(network.attestations, chain.provider.clone())
}

/// Stakes what the seat lacks, and takes it.
pub(crate) async fn enroll(chain: &Chain, network: &Network, signer: Address, endpoint: &str) -> Result<()> {
    let (staking, me) = (chain.staking(), chain.account());
    let token = Token::at(chain, staking.token().call().await.map_err(from_call)?).await?;
    let provision = staking.provisionOf(me, network.attestations).call().await.map_err(from_call)?;
    let free = provision.stake.saturating_sub(provision.locked).saturating_sub(provision.thawing);
    let missing = U256::from(network.terms.exam.seat_stake.saturating_sub(free));
    if !missing.is_zero() {
        need_balance(chain, &token, me, missing).await?;
        chain.send(chain.ledger().approve(chain.suite.staking, token.id(), missing)).await?;
        chain.send(staking.stake(me, network.attestations, missing)).await?;
    }
    chain.send(attestations(chain, network).enroll(signer, endpoint.to_owned())).await?;
    Ok(())
}

/// Leaves the seat; where it was left already and the delay is over, frees its stake.
async fn leave(chain: &Chain, network: &Network) -> Result<()> {
    let (contract, me) = (attestations(chain, network), chain.account());
    let seat = contract.seatOf(me).call().await.map_err(from_call)?;
    let (at, now) = (seat.freeAt.to::<u64>(), sale::now(chain).await?);
    if seat.stake == 0 {
        return Err(Error::not_found("no_seat", format!("{me} has no seat in this network")));
    }
    if at == 0 {
        chain.send(contract.leaveSeat()).await?;
    } else if at > now {
        let message = format!("the stake of the seat comes free in {} s", at - now);
        return Err(Error::refused("seat_bound", message).hint("it answers for the last epochs until then"));
    } else {
        chain.send(contract.release(me)).await?;
    }
    Ok(())
}

async fn show(context: &Context, chain: &Chain, network: &Network, provider: Address) -> Result<()> {
    let seat = attestations(chain, network).seatOf(provider).call().await.map_err(from_call)?;
    let now = sale::now(chain).await?;
    let (history, _) = history(chain, network).await?;
    // What is said now holds from the next epoch on.
    let next = if now < network.terms.genesis { 0 } else { network.epoch_at(now) + 1 };
    let index = seat.index.into();
    let held = history.seat_in(index, next).filter(|held| held.provider == provider);
    let token = Token::at(chain, chain.staking().token().call().await.map_err(from_call)?).await?;
    let free_at = seat.freeAt.to::<u64>();
    let report = json!({
        "provider": provider,
        "seat": (seat.stake != 0).then_some(index),
        "from": seat.from,
        "stake": seat.stake.to_string(),
        "token": token,
        "free_at": free_at,
        "signer": held.map(|held| held.key),
        "endpoint": held.map(|held| &held.endpoint),
    });
    context.output.result(&report, || {
        let stake = token.format(U256::from(seat.stake));
        match held {
            _ if seat.stake == 0 => say!("{provider} has no seat"),
            _ if free_at > now => say!("{provider} left its seat; {stake} comes free in {} s", free_at - now),
            _ if free_at != 0 => say!("{provider} left its seat; leave once more to free {stake}"),
            Some(held) => {
                say!("{provider} has seat {index} from epoch {} on, with {stake}", seat.from);
                say!("answers at {}, signed by {}", held.endpoint, held.key);
            }
            None => say!("{provider} has a seat with {stake}"),
        }
    });
    Ok(())
}

/// The key that `seat.key` names.
fn signer_of(config: &Config) -> Result<PrivateKeySigner> {
    if config.seat.key.is_none() {
        let error = Error::usage("key_missing", "a seat signs with a key of its own, and `seat.key` names none");
        return Err(error.hint("keystore:NAME, file:PATH or env:VARIABLE; on the local devnet anvil:INDEX"));
    }
    keys::signer(&Config { key: config.seat.key.clone(), ..config.clone() })
}

/// Answers operators, if `seat.listen` says where.
pub(crate) async fn start(config: &Config, suite: Suite, shutdown: CancellationToken) -> Result<Option<Seat>> {
    if config.seat.listen.is_none() {
        return Ok(None);
    }
    let key = signer_of(config)?;
    let rpc = bare_provider(&config.rpc_url)?;
    let mut seat: SeatConfig = config.seat.clone();
    seat.exam.model = seat.exam.model.or_else(|| Some(config.model.clone()));
    Seat::start(seat, SeatSetup { suite, rpc, key }, shutdown).await.map(Some).map_err(from_keeper)
}

async fn serve(context: &Context) -> Result<()> {
    let chain = Chain::connect(&context.config, None).await?;
    let seat = start(&context.config, chain.suite, stop_on_signal()).await?;
    let seat = seat.ok_or_else(|| {
        let error = Error::usage("seat_not_configured", "`seat.listen` does not say where operators are answered");
        error.hint("ASSAY_SEAT__LISTEN=0.0.0.0:9000, or listen in [seat] of assay.toml")
    })?;
    let (address, key) = (seat.address(), seat.key());
    context.output.note(format!("seat of {key} at http://{address}; Ctrl-C stops"));
    seat.wait().await.map_err(from_keeper)?;
    context.output.result(&json!({ "address": address, "signer": key }), || say!("seat of {key} stopped"));
    Ok(())
}
