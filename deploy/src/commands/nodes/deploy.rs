//! `assay nodes deploy`

use alloy::primitives::{Address, U256};
use assay_contracts::{
    Network, Sale, Suite,
    deploy::{self, DEVNET_CHAIN_ID, Outcome},
    network::{PoolTerms, Roots, Terms},
};
use serde_json::json;

use super::super::{Context, sale};
use crate::{
    chain::Chain,
    cli::{NetworkTermsArgs, RootArgs},
    config::Config,
    error::{Error, Result},
    output::say,
    token::{Token, parse_token},
};

const DAY: u32 = 24 * 3_600;

pub(super) async fn run(context: &Context, args: &NetworkTermsArgs) -> Result<()> {
    let chain = if args.check { context.reader().await? } else { context.actor().await? };
    let sale_args = args.sale();
    let terms = terms(&chain, sale::find(&chain, &sale_args)?, args).await?;
    let pool = pool(context, &chain, &terms, args).await?;
    refuse(&terms, pool.as_ref())?;
    if args.check {
        return check(context, &chain, terms, pool).await;
    }
    context.output.note(format!(
        "epoch 0 begins at {0}; should this be interrupted, `--genesis {0}` goes on with it later",
        terms.genesis
    ));
    let made = put(&chain, &context.config, terms, pool).await?;
    let record = context.config.chain_file();
    let report = json!({ "network": made.network, "created": made.created, "gas": made.gas, "record": record });
    context.output.result(&report, || {
        let network = &made.network;
        say!("licences     {} of {}", network.terms.licenses, network.terms.license);
        say!("LicenseStaking {}", network.license_staking);
        say!("Uptime         {}", network.uptime);
        say!("Attestations   {}", network.attestations);
        for pool in &network.pools {
            say!("EpochRewards   {}", pool.address);
        }
        let created = made.created;
        say!("{created} created with {} gas, the others found and verified; record: {}", made.gas, record.display());
    });
    Ok(())
}

/// Sends nothing: says where everything would lie, and what of it stands.
async fn check(context: &Context, chain: &Chain, terms: Terms, pool: Option<PoolTerms>) -> Result<()> {
    let found = deploy::find_network(&chain.provider, &chain.suite, terms.clone()).await?;
    if found.is_none() {
        refuse_past(chain, &terms).await?;
    }
    let [license_staking, uptime, attestations] = deploy::network_addresses(&chain.suite, &terms);
    let report = json!({
        "license_staking": license_staking, "uptime": uptime, "attestations": attestations, "deployed": found.is_some(),
        "terms": terms, "pool": pool,
    });
    context.output.result(&report, || {
        let state = if found.is_some() { "stands" } else { "can be deployed" };
        say!("{uptime}: a network of {} licences from {} on, which {state}", terms.licenses, terms.genesis);
    });
    Ok(())
}

/// A network that stands, and what it took to get there.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) network: Network,
    /// Contracts that were created.
    created: usize,
    gas: u64,
}

impl Made {
    fn count(&mut self, outcome: Outcome) {
        if let Outcome::Created { gas, .. } = outcome {
            self.created += 1;
            self.gas += gas;
        }
    }
}

/// Deploys what is missing of the network and the pool, verifies the rest, and enters it in the chain's record.
pub(crate) async fn put(chain: &Chain, config: &Config, terms: Terms, pool: Option<PoolTerms>) -> Result<Made> {
    let (provider, suite) = (&chain.provider, &chain.suite);
    if deploy::find_network(provider, suite, terms.clone()).await?.is_none() {
        refuse_past(chain, &terms).await?;
    }
    let mut outcomes = Vec::new();
    let deployed =
        deploy::deploy_network(provider, chain.account(), suite, terms, |_, outcome| outcomes.push(outcome)).await?;
    let mut made = Made { network: deployed, created: 0, gas: 0 };
    outcomes.into_iter().for_each(|outcome| made.count(outcome));
    if let Some(known) = suite.networks.iter().find(|known| known.uptime == made.network.uptime) {
        made.network.pools.clone_from(&known.pools);
    }
    // A pool that fails leaves a network that stands.
    enter(suite, config, &made.network)?;
    if let Some(terms) = pool {
        let (pool, outcome) = deploy::deploy_pool(provider, chain.account(), suite, &made.network, terms).await?;
        made.count(outcome);
        if !made.network.pools.contains(&pool) {
            made.network.pools.push(pool);
        }
        enter(suite, config, &made.network)?;
    }
    Ok(made)
}

fn enter(suite: &Suite, config: &Config, network: &Network) -> Result<()> {
    let mut suite = suite.clone();
    match suite.networks.iter_mut().find(|known| known.uptime == network.uptime) {
        Some(known) => known.clone_from(network),
        None => suite.networks.push(network.clone()),
    }
    Ok(deploy::write(&suite, &config.chain_file())?)
}

/// What is wrong with the terms, all at once.
fn refuse(terms: &Terms, pool: Option<&PoolTerms>) -> Result<()> {
    let pool = pool.map_or(Vec::new(), PoolTerms::faults);
    let faults: Vec<_> = terms.faults().iter().chain(&pool).map(ToString::to_string).collect();
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!("{} things are wrong with the network\n  {}", faults.len(), faults.join("\n  "));
    Err(Error::usage("bad_network", message).hint("nothing was sent; `assay nodes deploy --help` names every term"))
}

/// Refuses a network that is to be deployed and whose epochs have begun: each of them would have to be drawn and posted first.
async fn refuse_past(chain: &Chain, terms: &Terms) -> Result<()> {
    let now = sale::now(chain).await?;
    if terms.genesis < now {
        let message = format!("genesis is {}: expected a time that is not before the chain's, {now}", terms.genesis);
        return Err(Error::usage("bad_network", message).hint("nothing was sent"));
    }
    Ok(())
}

/// What was named; else as in the record's network of the collection, else by default.
async fn terms(chain: &Chain, sale: &Sale, args: &NetworkTermsArgs) -> Result<Terms> {
    let known = chain.suite.networks.iter().rfind(|network| network.terms.license == sale.license);
    let mut terms = match known {
        Some(network) => network.terms.clone(),
        None => defaults(chain, sale, args).await?,
    };
    set(&mut terms.genesis, args.genesis);
    set(&mut terms.epoch_length, args.epoch_length);
    set(&mut terms.thaw_epochs, args.thaw_epochs);
    let exam = &mut terms.exam;
    set(&mut exam.seal_time, args.exam.seal_time);
    set(&mut exam.reveal_time, args.exam.reveal_time);
    set(&mut exam.exit_delay, args.exam.exit_delay);
    set(&mut exam.rounds, args.exam.rounds);
    set(&mut exam.audits, args.exam.audits);
    set(&mut exam.max_voters, args.exam.max_voters);
    set(&mut exam.max_seats, args.exam.max_seats);
    if let Some(stake) = &args.exam.seat_stake {
        let token = Token::at(chain, chain.suite.parameters.stake_token).await?;
        exam.seat_stake = amount(&token, stake)?;
    }
    let faults = &mut terms.faults;
    set(&mut faults.wrong_limit, args.faults.wrong_limit);
    set(&mut faults.strike_span, args.faults.strike_span);
    set(&mut faults.ban_epochs, args.faults.ban_epochs);
    set(&mut faults.appeal_time, args.faults.appeal_time);
    set(&mut faults.offline_limit, args.faults.offline_limit);
    set(&mut faults.offline_slash, args.faults.offline_slash);
    roots(chain, &mut terms.roots, &args.roots).await?;
    Ok(terms)
}

async fn defaults(chain: &Chain, sale: &Sale, args: &NetworkTermsArgs) -> Result<Terms> {
    // More licences than 32 bits count are more than the terms allow.
    let licenses = u32::try_from(sale.terms.supply()).unwrap_or(u32::MAX);
    let mut terms = if chain.suite.chain_id == DEVNET_CHAIN_ID {
        deploy::devnet_network(sale.license, licenses, 0)
    } else {
        deploy::chain_network(sale.license, licenses, 0)
    };
    terms.exam.seat_stake = chain.suite.parameters.verification.seat_stake;
    let now = sale::now(chain).await?;
    let length = u64::from(args.epoch_length.unwrap_or(terms.epoch_length)).max(1);
    terms.genesis = if sale.terms.ends_at > now { sale.terms.ends_at } else { (now / length + 1) * length };
    Ok(terms)
}

async fn roots(chain: &Chain, roots: &mut Roots, args: &RootArgs) -> Result<()> {
    if let Some(token) = &args.bond_token {
        roots.token = parse_token(Some(token), chain.suite.chain_id, chain.suite.dev_token)?;
        if roots.token != Address::ZERO && (args.bond.is_none() || args.fee.is_none()) {
            let error = Error::usage("bad_network", "what is a bond and a fee in another token must be named");
            return Err(error.hint("--bond AMOUNT --fee AMOUNT"));
        }
    }
    let token = Token::at(chain, roots.token).await?;
    for (held, named) in [(&mut roots.bond, &args.bond), (&mut roots.fee, &args.fee)] {
        if let Some(text) = named {
            *held = amount(&token, text)?;
        }
    }
    set(&mut roots.window, args.window);
    set(&mut roots.answer_time, args.answer_time);
    Ok(())
}

async fn pool(context: &Context, chain: &Chain, network: &Terms, args: &NetworkTermsArgs) -> Result<Option<PoolTerms>> {
    let args = &args.pool;
    let (Some(cap), Some(first)) = (&args.reward_cap, &args.reward_first) else { return Ok(None) };
    let token = Token::configured(chain, &context.config).await?;
    let [slow, fast] = if chain.suite.chain_id == DEVNET_CHAIN_ID { [600, 60] } else { [180 * DAY, 30 * DAY] };
    Ok(Some(PoolTerms {
        token: token.address,
        cap: amount(&token, cap)?,
        first: amount(&token, first)?,
        halving: args.halving,
        slow_period: args.slow_period.unwrap_or(slow),
        fast_period: args.fast_period.unwrap_or(fast),
        fast_share: args.fast_share,
        roots: network.roots.clone(),
    }))
}

fn amount(token: &Token, text: &str) -> Result<u128> {
    let amount: U256 = token.parse(text)?;
    u128::try_from(amount).map_err(|_| Error::usage("bad_amount", format!("{text}: expected less than 2^128 units")))
}

fn set<T>(term: &mut T, named: Option<T>) {
    if let Some(named) = named {
        *term = named;
    }
}
