//! `assay rewards`

mod claim;
mod recompute;

use std::collections::BTreeSet;

use alloy::{primitives::U256, rpc::types::TransactionReceipt};
use assay_contracts::{EpochRewards, Network, network::Pool};
use serde_json::{Value, json};

use super::{
    Context,
    nodes::{named_or_held, own_number},
    sale,
};
use crate::{
    chain::{Chain, from_call},
    cli::{PoolArgs, RewardsCommand},
    error::{Error, Result},
    output::{list, say},
    token::{Token, need_balance},
};

pub(super) async fn run(context: &Context, command: RewardsCommand) -> Result<()> {
    match command {
        RewardsCommand::Fund { amount, pool } => fund(context, &amount, &pool).await,
        RewardsCommand::Claim { numbers, fast, pool } => claim::claim(context, &numbers, fast, &pool).await,
        RewardsCommand::Collect { numbers, pool } => claim::collect(context, &numbers, &pool).await,
        RewardsCommand::Show { numbers, pool } => show(context, &numbers, &pool).await,
        RewardsCommand::Recompute { epoch, pool } => recompute::run(context, epoch, &pool).await,
    }
}

/// The pool that was named, or the last one; with its network.
fn find<'a>(chain: &'a Chain, args: &PoolArgs) -> Result<(&'a Network, &'a Pool)> {
    let pools = chain.suite.networks.iter().flat_map(|network| network.pools.iter().map(move |pool| (network, pool)));
    let pools: Vec<_> = pools.collect();
    let found = match args.pool {
        Some(address) => pools.iter().find(|(_, pool)| pool.address == address),
        None => pools.last(),
    };
    found.copied().ok_or_else(|| {
        let known: Vec<_> = pools.iter().map(|(_, pool)| pool.address.to_string()).collect();
        let message = match args.pool {
            Some(address) => format!("{address} is no pool in the record of chain {}", chain.suite.chain_id),
            None => format!("the record of chain {} has no pool", chain.suite.chain_id),
        };
        let hint = "`assay nodes deploy --reward-cap AMOUNT --reward-first AMOUNT` enters one";
        Error::not_found("pool_not_found", message).hint(if known.is_empty() { hint.into() } else { known.join(", ") })
    })
}

/// Numbers as they were named; else the licences that the signing account holds, and the number that it registered under.
async fn numbers(chain: &Chain, network: &Network, named: &[u32]) -> Result<BTreeSet<u32>> {
    let mut numbers = named_or_held(chain, network, named).await?;
    if named.is_empty() {
        numbers.extend(own_number(chain, network).await?);
    }
    if numbers.is_empty() {
        let message = format!("{} holds no licence and is no operator", chain.account());
        return Err(Error::refused("no_licences", message).hint("name those of others by their numbers"));
    }
    Ok(numbers)
}

/// The last epoch of the pool that is final.
async fn last_final(chain: &Chain, pool: &Pool) -> Result<Option<u32>> {
    let contract = chain.rewards(pool);
    let next = contract.nextEpoch().call().await.map_err(from_call)?;
    let Some(last) = next.checked_sub(1) else { return Ok(None) };
    // Only the last that was posted can still be doubted.
    let is_final = contract.isFinal(last).call().await.map_err(from_call)?;
    Ok(if is_final { Some(last) } else { last.checked_sub(1) })
}

async fn fund(context: &Context, amount: &str, args: &PoolArgs) -> Result<()> {
    let chain = context.actor().await?;
    let (_, pool) = find(&chain, args)?;
    let token = Token::at(&chain, pool.terms.token).await?;
    let amount = token.parse(amount)?;
    let receipt = give(&chain, pool, &token, amount).await?;
    let reserve = chain.rewards(pool).reserve().call().await.map_err(from_call)?;
    let report = json!({
        "pool": pool.address, "token": token, "funded": amount.to_string(), "reserve": reserve.to_string(),
        "transaction": receipt.transaction_hash, "gas": receipt.gas_used,
    });
    context.output.result(&report, || {
        say!("funded {}; the pool holds {} for later epochs", token.format(amount), token.format(reserve));
    });
    Ok(())
}

/// Gives the pool so much of the signing account's ledger balance.
pub(crate) async fn give(chain: &Chain, pool: &Pool, token: &Token, amount: U256) -> Result<TransactionReceipt> {
    need_balance(chain, token, chain.account(), amount).await?;
    let ledger = chain.ledger();
    let held = ledger.allowance(chain.account(), pool.address, token.id()).call().await.map_err(from_call)?;
    if held < amount {
        chain.send(ledger.approve(pool.address, token.id(), amount)).await?;
    }
    chain.send(chain.rewards(pool).fund(amount)).await
}

/// How a pool stands.
struct Standing {
    now: u64,
    token: Token,
    reserve: U256,
    unclaimed: U256,
    /// The epoch that is posted next, and what it would divide.
    due: u32,
    budget: U256,
    last_final: Option<u32>,
    books: Vec<(u32, EpochRewards::Books, U256)>,
}

async fn show(context: &Context, named: &[u32], args: &PoolArgs) -> Result<()> {
    let chain = context.reader().await?;
    let (network, pool) = find(&chain, args)?;
    let contract = chain.rewards(pool);
    let due = contract.nextEpoch().call().await.map_err(from_call)?;
    let mut books = Vec::new();
    for &number in named {
        let held = contract.booksOf(number).call().await.map_err(from_call)?;
        books.push((number, held, contract.collectable(number).call().await.map_err(from_call)?));
    }
    let standing = Standing {
        now: sale::now(&chain).await?,
        token: Token::at(&chain, pool.terms.token).await?,
        reserve: contract.reserve().call().await.map_err(from_call)?,
        unclaimed: contract.unclaimed().call().await.map_err(from_call)?,
        due,
        budget: contract.budgetOf(due).call().await.map_err(from_call)?,
        last_final: last_final(&chain, pool).await?,
        books,
    };
    let report = report(network, pool, &standing);
    context.output.result(&report, || print(pool, &standing));
    Ok(())
}

fn report(network: &Network, pool: &Pool, standing: &Standing) -> Value {
    let books = |(number, books, collectable): &(u32, EpochRewards::Books, U256)| {
        json!({
            "number": number, "claimed": books.claimed.to_string(), "unpaid": books.unpaid.to_string(),
            "from": books.from, "until": books.until, "collectable": collectable.to_string(),
        })
    };
    json!({
        "pool": pool,
        "uptime": network.uptime,
        "time": standing.now,
        "token": standing.token,
        "reserve": standing.reserve.to_string(),
        "unclaimed": standing.unclaimed.to_string(),
        "due": standing.due,
        "budget": standing.budget.to_string(),
        "last_final": standing.last_final,
        "books": standing.books.iter().map(books).collect::<Vec<_>>(),
    })
}

fn print(pool: &Pool, standing: &Standing) {
    let Standing { now, token, reserve, unclaimed, due, budget, last_final, books } = standing;
    let last = last_final.map_or_else(|| "no epoch is final".to_owned(), |epoch| format!("epoch {epoch} is final"));
    say!("pool {}: {last}, epoch {due} is posted next", pool.address);
    say!("{} for later epochs, of which epoch {due} divides {}", token.format(*reserve), token.format(*budget));
    say!("{} emitted and not claimed", token.format(*unclaimed));
    if books.is_empty() {
        return;
    }
    let mut table = list(["number", "claimed", "not paid out", "free now", "all free in"]);
    for (number, books, collectable) in books {
        let left = u64::from(books.until).saturating_sub(*now);
        table.add_row([
            number.to_string(),
            token.format(U256::from(books.claimed)),
            token.format(U256::from(books.unpaid)),
            token.format(*collectable),
            if books.unpaid.is_zero() { "-".to_owned() } else { format!("{left} s") },
        ]);
    }
    say!("\n{table}");
}
