//! What a licence or an operator earned of each pool, epoch by epoch, with what it follows from and the proof to claim it.

use super::{EpochStatus, Epochs, Reading, Roots, licenses::RunView};
use crate::{
    api::{
        App,
        error::{ApiError, Failures},
        extract::{Params, Segment},
        orders::PageQuery,
        page::{self, Filter, Page},
    },
    networks::Epoch,
    rows::{RewardBooks, schema},
};
use alloy::primitives::{Address, B256, U256};
use assay_contracts::network::Pool;
use assay_epochs::{
    Rewards,
    rewards::{Posted, Schedule, budget, earned},
    uptime::BASIS,
};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a beneficiary earned.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RewardsView {
    /// A licence, or an operator beyond the licences.
    number: u32,
    /// By pool, in the order of deployment.
    pools: Vec<PoolRewards>,
}

/// What a beneficiary earned of a pool. Amounts are in the smallest unit of `token`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PoolRewards {
    /// The pool.
    #[schema(value_type = schema::Account)]
    pool: Address,
    /// It pays in; zero: native currency.
    #[schema(value_type = schema::Account)]
    token: Address,
    /// Earned by the epochs that are final.
    #[schema(value_type = schema::Amount)]
    earned: String,
    /// Of that, not claimed yet.
    #[schema(value_type = schema::Amount)]
    claimable: String,
    /// What was claimed, and what of it comes free when.
    books: RewardBooks,
    /// What `claim` of the pool takes; null when nothing is final, or `trouble` says why.
    claim: Option<Claim>,
    /// What the two ways to claim would give now.
    choices: Choices,
    /// Why nothing can be proved: what became final is not what the events compute to.
    trouble: Option<String>,
    /// Epochs that are closed, newest first.
    epochs: Page<RewardEpoch>,
}

/// A leaf of the last final epoch, with its proof.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Claim {
    /// The epoch of the tree.
    epoch: u32,
    /// Its leaves.
    count: u32,
    /// The beneficiary.
    number: u32,
    /// All that it ever earned of the pool.
    #[schema(value_type = schema::Amount)]
    cumulative: String,
    /// The root as it was posted.
    #[schema(value_type = schema::Hash)]
    root: B256,
    /// Siblings from the leaf up.
    #[schema(value_type = Vec<schema::Hash>)]
    proof: Vec<B256>,
}

/// Slow or fast.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Choices {
    /// All of it.
    slow: Choice,
    /// Less of it, sooner.
    fast: Choice,
}

/// A way to claim.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Choice {
    /// Seconds over which it comes free.
    period: u32,
    /// What it keeps, in basis points.
    share: u16,
    /// What comes free.
    #[schema(value_type = schema::Amount)]
    amount: String,
    /// What goes back to the pool.
    #[schema(value_type = schema::Amount)]
    forfeited: String,
}

/// What an epoch brought, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RewardEpoch {
    /// The epoch.
    epoch: u32,
    /// Where it stands in the pool.
    status: EpochStatus,
    /// Who ran the licence; null: nobody, or the beneficiary is an operator.
    run: Option<RunView>,
    /// Right answers: the licence's, or those for all licences of the operator.
    right: u64,
    /// The beneficiary's shares.
    shares: u64,
    /// What they are parts of.
    total: u64,
    /// What the schedule emits in the epoch.
    #[schema(value_type = schema::Amount)]
    scheduled: String,
    /// What the epoch divides: the schedule's and what came back; null while that is not fixed.
    #[schema(value_type = Option<schema::Amount>)]
    budget: Option<String>,
    /// What it brought; null while the budget is not fixed.
    #[schema(value_type = Option<schema::Amount>)]
    amount: Option<String>,
    /// All that was earned with it.
    #[schema(value_type = Option<schema::Amount>)]
    cumulative: Option<String>,
    /// How all that follows, with the numbers filled in.
    #[schema(example = json!(["shares = 2 right * (10000 - 2000) = 16000 of 40000", "reward = floor(10 * 16000 / 40000) = 4"]))]
    why: Vec<String>,
}

/// A licence's rewards
///
/// Of each pool: what every epoch brought and why, what is claimed, and the proof that a claim takes.
#[utoipa::path(get, path = "/v1/networks/{network}/licenses/{id}/rewards", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"),
        ("id" = u32, Path, description = "The licence's number"), PageQuery),
    responses((status = 200, body = RewardsView), Failures))]
pub(crate) async fn of_license(
    State(app): State<Arc<App>>,
    Segment((network, id)): Segment<(String, String)>,
    Params(query): Params<PageQuery>,
) -> Result<Json<RewardsView>, ApiError> {
    let mut reading = Reading::of(&app, &network).await?;
    let number = reading.license(&id)?;
    rewards(&mut reading, number, &query).await.map(Json)
}

/// An operator's rewards
///
/// As those of a licence: what it keeps of the licences that it runs.
#[utoipa::path(get, path = "/v1/networks/{network}/operators/{number}/rewards", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"),
        ("number" = u32, Path, description = "The operator's number"), PageQuery),
    responses((status = 200, body = RewardsView), Failures))]
pub(crate) async fn of_operator(
    State(app): State<Arc<App>>,
    Segment((network, number)): Segment<(String, String)>,
    Params(query): Params<PageQuery>,
) -> Result<Json<RewardsView>, ApiError> {
    let mut reading = Reading::of(&app, &network).await?;
    let number = reading.operator(&number)?;
    rewards(&mut reading, number, &query).await.map(Json)
}

async fn rewards(reading: &mut Reading<'_>, number: u32, query: &PageQuery) -> Result<RewardsView, ApiError> {
    let mut pools = Vec::new();
    for pool in &reading.network.pools {
        pools.push(of_pool(reading, pool, number, query).await?);
    }
    Ok(RewardsView { number, pools })
}

async fn of_pool(
    reading: &mut Reading<'_>,
    pool: &Pool,
    number: u32,
    query: &PageQuery,
) -> Result<PoolRewards, ApiError> {
    let roots = reading.roots(pool.address).await?;
    let filters = [Filter::Bytes("pool", pool.address.to_vec()), Filter::Number("number", number.into())];
    let books: Option<RewardBooks> = page::all(&mut reading.connection, filters).await?.pop();
    let books = books.unwrap_or(RewardBooks { pool: pool.address, number, ..RewardBooks::default() });
    let page = Epochs::new(reading.snapshot.closed(), query)?;
    let finals = roots.finals();
    let rewards = match finals {
        0 => None,
        _ => Some(reading.snapshot.rewards(pool.address, emitted(&roots, finals)).await?),
    };
    let total = rewards.as_ref().and_then(|rewards| rewards.claim(number)).map_or(0, |(cumulative, _)| cumulative);
    let (claim, trouble) = match rewards.as_ref().map(|rewards| claim(rewards, &roots, number)) {
        Some(Ok(claim)) => (claim, None),
        Some(Err(trouble)) => (None, Some(trouble)),
        None => (None, None),
    };
    let claimable = U256::from(total).saturating_sub(books.claimed.0).saturating_to::<u128>();
    let epochs = of_epochs(reading, pool, &roots, number, page.from.min(finals), total).await?;
    let mut items: Vec<_> = epochs.into_iter().filter(|of| (page.from..page.until).contains(&of.epoch)).collect();
    items.reverse();
    Ok(PoolRewards {
        pool: pool.address,
        token: pool.terms.token,
        earned: total.to_string(),
        claimable: claimable.to_string(),
        books,
        claim,
        choices: choices(pool, claimable),
        trouble,
        epochs: page.page(items),
    })
}

/// As the pool's `claim` divides it.
fn choices(pool: &Pool, claimable: u128) -> Choices {
    let choice = |period: u32, share: u16| {
        let kept = (U256::from(claimable) * U256::from(share) / U256::from(BASIS)).saturating_to::<u128>();
        Choice { period, share, amount: kept.to_string(), forfeited: (claimable - kept).to_string() }
    };
    Choices {
        slow: choice(pool.terms.slow_period, BASIS as u16),
        fast: choice(pool.terms.fast_period, pool.terms.fast_share),
    }
}

/// What the pool emitted in its first epochs.
fn emitted(roots: &Roots, epochs: u32) -> Vec<u128> {
    (0..epochs).filter_map(|epoch| Some(roots.get(epoch)?.emitted.0.saturating_to())).collect()
}

/// The leaf of the last final epoch; why there is none if the root is another than it should be.
fn claim(rewards: &Rewards, roots: &Roots, number: u32) -> Result<Option<Claim>, String> {
    let Some(posted) = roots.finals().checked_sub(1).and_then(|last| roots.get(last)) else { return Ok(None) };
    let (root, epoch) = (B256::from(rewards.root()), posted.epoch);
    if posted.root != Some(root) {
        return Err(format!(
            "the root of epoch {epoch} that became final is {}, and what everybody earned by the events has the root {root}",
            posted.root.unwrap_or_default()
        ));
    }
    // Who registered later has no leaf yet.
    Ok(rewards.claim(number).map(|(cumulative, proof)| Claim {
        epoch,
        count: posted.count,
        number,
        cumulative: cumulative.to_string(),
        root,
        proof: proof.into_iter().map(B256::from).collect(),
    }))
}

/// Closed epochs from `start` on, oldest first, of which those that are final bring the beneficiary to `total`.
async fn of_epochs(
    reading: &Reading<'_>,
    pool: &Pool,
    roots: &Roots,
    number: u32,
    start: u32,
    total: u128,
) -> Result<Vec<RewardEpoch>, ApiError> {
    let schedule = pool.terms.schedule();
    let mut epochs = Vec::new();
    let mut amounts = Vec::new();
    for epoch in start..reading.snapshot.closed() {
        let computed = reading.snapshot.epoch(epoch).await?;
        let budget = budget_of(roots, &schedule, epoch);
        let run = super::licenses::run(reading, number, epoch);
        let shares = computed.shares(number, reading.snapshot.history.run_in(number, epoch));
        let amount = budget.map(|budget| earned(budget, shares, computed.total));
        amounts.push(amount);
        epochs.push(RewardEpoch {
            epoch,
            status: roots.status(epoch),
            right: right(&computed, number),
            shares,
            total: computed.total,
            scheduled: schedule.during(epoch).to_string(),
            budget: budget.map(|budget| budget.to_string()),
            amount: amount.map(|amount| amount.to_string()),
            cumulative: None,
            why: why(&computed, number, run.as_ref(), shares, budget.map(|budget| (budget, schedule.during(epoch)))),
            run,
        });
    }
    let finals = amounts.iter().take((roots.finals().saturating_sub(start)) as usize);
    let mut sum = Some(total.saturating_sub(finals.flatten().sum()));
    for (epoch, amount) in epochs.iter_mut().zip(amounts) {
        sum = sum.zip(amount).map(|(sum, amount)| sum + amount);
        epoch.cumulative = sum.map(|sum| sum.to_string());
    }
    Ok(epochs)
}

/// What an epoch divides; none while the epochs before it decide.
fn budget_of(roots: &Roots, schedule: &Schedule, epoch: u32) -> Option<u128> {
    let before = |back: u32| posted(roots, epoch.checked_sub(back));
    match roots.get(epoch) {
        Some(row) => Some(row.budget.0.saturating_to()),
        // What it would divide if it were posted now.
        None => (epoch == roots.next()).then(|| budget(schedule, epoch, &before(1), &before(2))),
    }
}

/// An epoch as the next budget follows from it.
fn posted(roots: &Roots, epoch: Option<u32>) -> Posted {
    let row = epoch.and_then(|epoch| roots.get(epoch));
    row.map_or_else(Posted::default, |row| Posted {
        budget: row.budget.0.saturating_to(),
        returned: row.returned.0.saturating_to(),
        skipped: row.emitted.0.is_zero(),
    })
}

fn right(epoch: &Epoch, number: u32) -> u64 {
    let licence = epoch.license(number).map(|counts| counts.right.into());
    licence.or_else(|| epoch.operator(number).map(|operator| operator.right)).unwrap_or_default()
}

/// The rules with the numbers filled in.
fn why(epoch: &Epoch, number: u32, run: Option<&RunView>, shares: u64, budget: Option<(u128, u128)>) -> Vec<String> {
    let (right, total) = (right(epoch, number), epoch.total);
    let mut why = vec![match (epoch.license(number), run) {
        (None, _) => {
            format!("shares = sum of right * rate over {right} right answers for its licences = {shares} of {total}")
        }
        (Some(_), None) => "shares = 0: nobody ran the licence".to_owned(),
        (Some(_), Some(run)) if epoch.is_silent(run.operator) => {
            format!("shares = 0: operator {} revealed nothing two epochs before, or is banned", run.operator)
        }
        (Some(_), Some(run)) => format!("shares = {right} right * ({BASIS} - {}) = {shares} of {total}", run.rate),
    }];
    let Some((budget, scheduled)) = budget else {
        why.push("the budget is fixed when the epochs before are posted".to_owned());
        return why;
    };
    if let Some(more) = budget.checked_sub(scheduled).filter(|more| *more != 0) {
        why.push(format!("budget = {scheduled} by the schedule + {more} that came back = {budget}"));
    }
    why.push(match total {
        0 => format!("reward = 0: nobody has shares, and the budget of {budget} goes to the next epoch"),
        _ => format!("reward = floor({budget} * {shares} / {total}) = {}", earned(budget, shares, total)),
    });
    why
}
