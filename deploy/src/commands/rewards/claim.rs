//! `assay rewards claim`, `collect`

use alloy::{
    primitives::{B256, U256, aliases::U96},
    providers::Provider,
};
use assay_contracts::{
    EpochRewards, Network,
    network::{Pool, read},
};
use assay_epochs::Rewards;
use serde_json::json;

use super::{super::Context, find, last_final, numbers};
use crate::{
    chain::{Chain, from_call, from_read, from_rpc},
    cli::PoolArgs,
    error::{Error, Result},
    output::say,
    token::Token,
};

/// What was claimed for a number.
struct Claimed {
    number: u32,
    amount: U256,
    forfeited: U256,
    transaction: B256,
}

pub(super) async fn claim(context: &Context, named: &[u32], fast: bool, args: &PoolArgs) -> Result<()> {
    let chain = context.actor().await?;
    let (network, pool) = find(&chain, args)?;
    let numbers = numbers(&chain, network, named).await?;
    let (epoch, rewards) = final_rewards(&chain, network, pool).await?;
    let contract = chain.rewards(pool);
    let mut claimed = Vec::new();
    for number in numbers {
        let Some((cumulative, proof)) = rewards.claim(number) else {
            let message = format!("epoch {epoch} has no number {number}: expected 1 to {}", rewards.cumulative().len());
            return Err(Error::usage("bad_number", message));
        };
        let books = contract.booksOf(number).call().await.map_err(from_call)?;
        if books.claimed.to::<u128>() >= cumulative {
            continue;
        }
        let count = rewards.cumulative().len() as u32;
        let earned = EpochRewards::Earned { epoch, count, number, cumulative: U96::from(cumulative) };
        let proof = proof.into_iter().map(B256::from).collect();
        let receipt = chain.send(contract.claim(earned, proof, fast)).await?;
        let event = receipt.decoded_log::<EpochRewards::Claimed>();
        let event = event.ok_or_else(|| Error::failure("no_event", "the claim was not logged"))?;
        let transaction = receipt.transaction_hash;
        claimed.push(Claimed { number, amount: event.amount, forfeited: event.forfeited, transaction });
    }
    if claimed.is_empty() {
        let message = format!("everything up to epoch {epoch}, the last that is final, is claimed");
        return Err(Error::refused("nothing_due", message).hint("`assay rewards collect` pays what has come free"));
    }
    report(context, &chain, pool, epoch, &claimed).await
}

/// The last final epoch of the pool with everybody's rewards, computed anew, and found to be what was posted.
async fn final_rewards(chain: &Chain, network: &Network, pool: &Pool) -> Result<(u32, Rewards)> {
    let Some(epoch) = last_final(chain, pool).await? else {
        let error = Error::refused("nothing_final", "no epoch of the pool is final yet");
        return Err(error.hint("`assay rewards show` says which epoch is due"));
    };
    let posted = chain.rewards(pool).postingOf(epoch).call().await.map_err(from_call)?;
    let head = chain.provider.get_block_number().await.map_err(from_rpc)?;
    let computed = read::recompute(&chain.provider, network, pool, epoch, head).await.map_err(from_read)?;
    let root = B256::from(computed.rewards.root());
    if root != posted.root {
        let message = format!("the root of epoch {epoch} is {}, and the rule makes it {root}", posted.root);
        return Err(Error::unverified("false_root", message).hint("nobody challenged it in time; nothing was sent"));
    }
    Ok((epoch, computed.rewards))
}

async fn report(context: &Context, chain: &Chain, pool: &Pool, epoch: u32, claimed: &[Claimed]) -> Result<()> {
    let token = Token::at(chain, pool.terms.token).await?;
    let one = |claimed: &Claimed| {
        json!({
            "number": claimed.number, "amount": claimed.amount.to_string(),
            "forfeited": claimed.forfeited.to_string(), "transaction": claimed.transaction,
        })
    };
    let report = json!({
        "pool": pool.address, "epoch": epoch, "token": token, "claimed": claimed.iter().map(one).collect::<Vec<_>>(),
    });
    context.output.result(&report, || {
        for Claimed { number, amount, forfeited, .. } in claimed {
            let given =
                if forfeited.is_zero() { String::new() } else { format!("; {} given up", token.format(*forfeited)) };
            say!("{number}: {} claimed up to epoch {epoch}{given}", token.format(*amount));
        }
    });
    Ok(())
}

pub(super) async fn collect(context: &Context, named: &[u32], args: &PoolArgs) -> Result<()> {
    let chain = context.actor().await?;
    let (network, pool) = find(&chain, args)?;
    let (contract, token) = (chain.rewards(pool), Token::at(&chain, pool.terms.token).await?);
    let mut collected = Vec::new();
    for number in numbers(&chain, network, named).await? {
        if contract.collectable(number).call().await.map_err(from_call)?.is_zero() {
            continue;
        }
        let receipt = chain.send(contract.collect(number)).await?;
        let event = receipt.decoded_log::<EpochRewards::Collected>();
        let event = event.ok_or_else(|| Error::failure("no_event", "the payment was not logged"))?;
        collected.push((number, event.data, receipt.transaction_hash));
    }
    if collected.is_empty() {
        let error = Error::refused("nothing_due", "nothing has come free");
        return Err(error.hint("`assay rewards show NUMBER` says when it will"));
    }
    let one = |(number, event, transaction): &(u32, EpochRewards::Collected, B256)| {
        json!({
            "number": number, "owner": event.owner, "amount": event.amount.to_string(), "transaction": transaction,
        })
    };
    let report = json!({
        "pool": pool.address, "token": token, "collected": collected.iter().map(one).collect::<Vec<_>>(),
    });
    context.output.result(&report, || {
        for (number, event, _) in &collected {
            say!("{number}: {} to {}, in the ledger", token.format(event.amount), event.owner);
        }
    });
    Ok(())
}
