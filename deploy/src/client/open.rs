//! Opening an order: terms, price, stake, inputs published, allowance granted exactly, transaction.

use alloy::{
    consensus::BlockHeader,
    eips::BlockId,
    primitives::{Address, B256, U256, aliases::U40},
    providers::Provider,
    signers::k256::elliptic_curve::rand_core::{OsRng, RngCore},
};
use assay_blobs::Blobs;
use assay_contracts::{
    JobEscrow::{Order, Policy},
    protocol::{self, escrowed, recast},
};

use crate::{
    chain::{Chain, from_call, from_rpc},
    client::models::{self, Registered},
    config::OrderConfig,
    error::{Error, Result},
    token::{Token, need_balance},
};

/// Gas of a validator's moves in a draw, as the verification contract reckons it.
const VALIDATOR_GAS: u128 = 170_000;

/// What a customer wants.
#[derive(Debug)]
pub struct Request<'a> {
    /// The model.
    pub model: &'a Registered,
    /// What is paid with.
    pub token: &'a Token,
    /// Input rows in order.
    pub rows: &'a [Vec<u8>],
    /// The model's limit of units a task.
    pub limit: u32,
    /// Price of a unit; unset: the owner's floor.
    pub unit_price: Option<u128>,
    /// Most units a task may bill; unset: those of the longest row.
    pub unit_cap: Option<u32>,
    /// Times and stakes.
    pub terms: &'a OrderConfig,
}

/// An order as it was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its id.
    pub id: B256,
    /// Its terms.
    pub order: Order,
    /// What was escrowed.
    pub escrowed: U256,
    /// The transaction that opened it.
    pub transaction: B256,
    /// Its block.
    pub block: u64,
    /// Gas of the transactions that it took: allowance and opening.
    pub gas: u64,
}

/// Opens an order. Nothing is sent before everything that can be checked is checked, and the inputs are published first, so
/// that whoever sees the order can fetch them.
pub async fn open(chain: &Chain, blobs: &Blobs, request: &Request<'_>) -> Result<Opened> {
    let order = terms(chain, request).await?;
    let total = escrowed(&order);
    need_balance(chain, request.token, chain.account(), total).await?;
    blobs.put_inputs(request.rows).await.map_err(from_blob)?;

    let mut gas = allow(chain, request.token.address, total).await?;
    let receipt = chain.send(chain.escrow().open(order.clone())).await?;
    gas += receipt.gas_used;
    Ok(Opened {
        id: protocol::order_id(chain.suite.chain_id, chain.suite.job_escrow, &order),
        order,
        escrowed: total,
        transaction: receipt.transaction_hash,
        block: receipt.block_number.unwrap_or_default(),
        gas,
    })
}

/// Lets the escrow take exactly `amount` of the signing account's ledger balance.
pub(super) async fn allow(chain: &Chain, token: Address, amount: U256) -> Result<u64> {
    let (owner, spender, id) = (chain.account(), chain.suite.job_escrow, protocol::token_id(token));
    let allowed = chain.ledger().allowance(owner, spender, id).call().await.map_err(from_call)?;
    if allowed == amount {
        return Ok(0);
    }
    Ok(chain.send(chain.ledger().approve(spender, id, amount)).await?.gas_used)
}

async fn terms(chain: &Chain, request: &Request<'_>) -> Result<Order> {
    let Request { model, token, rows, terms, .. } = request;
    let unit_price = price(chain, request).await?;
    let unit_cap = cap(request)?;
    let fees = chain.fees();
    let mut order = Order {
        customer: chain.account(),
        token: token.address,
        modelId: model.id,
        inputsRoot: assay_kernels::commit::inputs_tree(*rows).root().into(),
        count: u32::try_from(rows.len())
            .map_err(|_| Error::usage("too_many_tasks", "an order has at most 2^32 tasks"))?,
        unitCap: unit_cap,
        unitBytes: model.unit_bytes,
        unitPrice: unit_price,
        minBatch: terms.min_batch,
        deadline: U40::from(now(chain).await? + terms.lifetime),
        takeWindow: terms.take_window,
        settleWindow: terms.settle_window,
        demandWindow: terms.demand_window,
        demandFee: terms.demand_fee,
        stakePerBatch: terms.stake_per_batch,
        stakePerTask: stake_per_task(chain, request, unit_price, unit_cap).await?,
        verification: Address::ZERO,
        policy: Policy::default(),
        feeRecipient: fees.pool().call().await.map_err(from_call)?,
        feeRate: fees.rateOf(token.address).call().await.map_err(from_call)?,
        royalties: models::royalties(model),
        salt: salt(),
    };
    if terms.verify {
        verify(chain, terms, &mut order).await?;
    }
    Ok(order)
}

/// Has the order's batches drawn by the suite's verification contract: for the least fee that it accepts, under stake enough for the
/// smallest batch and the largest.
async fn verify(chain: &Chain, terms: &OrderConfig, order: &mut Order) -> Result<()> {
    let verification = chain.verification();
    order.verification = chain.suite.verification;
    // What a task may cost, and the gas of re-executing it.
    let gas = VALIDATOR_GAS.saturating_mul(chain.suite.parameters.verification.gas_price);
    let fee = order.unitPrice.saturating_mul(u128::from(order.unitCap)).saturating_add(gas);
    order.policy = Policy {
        rate: terms.draw_rate,
        tasks: terms.draw_tasks,
        validators: terms.draw_validators,
        fee: fee.max(order.demandFee),
    };
    if terms.draw_rate == 0 || terms.draw_rate > 10_000 || terms.draw_tasks == 0 || terms.draw_validators < 2 {
        let message = "a draw needs a rate of 1 to 10000 basis points, a task, and two validators a task";
        return Err(Error::usage("bad_draw", message).hint("see order.draw_rate, draw_tasks and draw_validators"));
    }
    for count in [1, order.count] {
        let needed = verification.stakeNeeded(recast(order), count).call().await.map_err(from_call)?;
        let needed = needed.saturating_add(U256::from(1)).saturating_to::<u128>();
        let tasks = order.stakePerTask.saturating_mul(u128::from(count));
        order.stakePerBatch = order.stakePerBatch.max(needed.saturating_sub(tasks));
    }
    Ok(())
}

/// Makes two like orders differ.
fn salt() -> B256 {
    let mut salt = B256::ZERO;
    OsRng.fill_bytes(salt.as_mut_slice());
    salt
}

/// The unit price: the owner's floor, or what was asked for, which must not be under it.
async fn price(chain: &Chain, request: &Request<'_>) -> Result<u128> {
    let floor = models::floor(chain, request.model.id, request.token.address).await?;
    match request.unit_price {
        Some(price) if price < floor => {
            let message =
                format!("unit price {price} is under the model's floor of {floor} for {}", request.token.symbol);
            Err(Error::refused("price_under_floor", message)
                .hint("raise --unit-price, or leave it away to pay the floor"))
        }
        Some(price) => Ok(price),
        None => Ok(floor),
    }
}

/// The unit cap: the longest row, or what was asked for, between that and the model's limit.
fn cap(request: &Request<'_>) -> Result<u32> {
    let units = |row: &Vec<u8>| row.len() / usize::from(request.model.unit_bytes.max(1));
    let longest = request.rows.iter().map(units).max().unwrap_or(0);
    let longest = u32::try_from(longest).unwrap_or(u32::MAX);
    match request.unit_cap {
        Some(cap) if cap < longest || cap > request.limit => {
            let message =
                format!("unit cap {cap}: the longest task has {longest} units, and the model takes {}", request.limit);
            Err(Error::usage("bad_unit_cap", message).hint("leave --unit-cap away to use the longest task's"))
        }
        Some(cap) => Ok(cap),
        None => Ok(longest),
    }
}

/// Twice what a task can cost, where stake and payment are of one token; else it must be configured.
async fn stake_per_task(chain: &Chain, request: &Request<'_>, unit_price: u128, unit_cap: u32) -> Result<u128> {
    if let Some(stake) = request.terms.stake_per_task {
        return Ok(stake);
    }
    let stake_token = chain.staking().token().call().await.map_err(from_call)?;
    if stake_token != request.token.address {
        let message =
            format!("stake is in token {stake_token}, the price in {}: they cannot be compared", request.token.address);
        return Err(Error::usage("stake_not_configured", message)
            .hint("set order.stake_per_task (ASSAY_ORDER__STAKE_PER_TASK)"));
    }
    Ok(unit_price.saturating_mul(u128::from(unit_cap)).saturating_mul(2))
}

/// The chain's time: windows run on it, whatever this machine's clock says.
pub async fn now(chain: &Chain) -> Result<u64> {
    let block = chain.provider.get_block(BlockId::latest()).await.map_err(from_rpc)?;
    Ok(block.map_or(0, |block| block.header.timestamp()))
}

/// A blob that is missing, altered or could not be stored.
pub fn from_blob(error: assay_blobs::BlobError) -> Error {
    use assay_blobs::BlobError;
    let code = error.code().to_lowercase();
    match error {
        BlobError::Missing { .. } => Error::not_found(&code, &error),
        BlobError::Altered { .. } => Error::unverified(&code, &error),
        _ => Error::failure(&code, &error),
    }
}
