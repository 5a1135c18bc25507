//! `assay deploy`

use std::path::Path;

use alloy::{primitives::Address, providers::DynProvider};
use assay_contracts::{
    Network, Sale,
    beacon::{Beacon, Drand},
    deploy::{self, DEVNET_CHAIN_ID, Outcome, devnet_parameters},
    suite::{Parameters, Suite},
};
use serde_json::json;

use super::Context;
use crate::{
    chain,
    cli::{BeaconKind, DeployArgs},
    error::{Error, Result},
    keys,
    output::{list, say},
    token::parse_token,
};

/// Thaw period outside the devnet: 21 days, well beyond a week's settle window with its demands.
const THAW_PERIOD: u32 = 21 * 24 * 3_600;

pub(super) async fn run(context: &Context, args: &DeployArgs) -> Result<()> {
    if args.check {
        return check(context).await;
    }
    let config = &context.config;
    let signer = keys::signer(config)?;
    let account = signer.address();
    let parameters = parameters(args, config.chain_id, account)?;
    let provider = chain::provider(&config.rpc_url, Some(&signer))?;
    chain::check_chain_id(&provider, config).await?;
    if args.create2_deployer {
        deploy::install_create2_deployer(&provider, account).await?;
    }
    let bar = context.output.bar(if config.chain_id == DEVNET_CHAIN_ID { 7 } else { 6 }, "deploy");
    let (mut created, mut total) = (0, 0);
    let mut suite = deploy::deploy(&provider, account, config.chain_id, parameters, |contract, outcome| {
        if let Outcome::Created { gas, .. } = outcome {
            created += 1;
            total += gas;
        }
        bar.set_message(contract.artifact.name.clone());
        bar.inc(1);
    })
    .await?;
    bar.finish_and_clear();
    suite.sales = standing_sales(&provider, &suite, &config.chain_file()).await?;
    suite.networks = standing_networks(&provider, &suite, &config.chain_file()).await?;
    deploy::write(&suite, &config.chain_file())?;
    report(context, &suite, created, total);
    Ok(())
}

/// The sales of an earlier record that stand on the chain: a devnet that was started anew has other ones, or none.
async fn standing_sales(provider: &DynProvider, suite: &Suite, record: &Path) -> Result<Vec<Sale>> {
    let Ok(earlier) = Suite::load(record) else { return Ok(Vec::new()) };
    let mut sales = Vec::new();
    for sale in earlier.sales {
        sales.extend(deploy::find_sale(provider, suite, sale.terms).await?);
    }
    Ok(sales)
}

/// The node networks of an earlier record that stand on the chain, with their pools.
async fn standing_networks(provider: &DynProvider, suite: &Suite, record: &Path) -> Result<Vec<Network>> {
    let Ok(earlier) = Suite::load(record) else { return Ok(Vec::new()) };
    let mut networks = Vec::new();
    for known in earlier.networks {
        let Some(mut network) = deploy::find_network(provider, suite, known.terms).await? else { continue };
        for pool in known.pools {
            network.pools.extend(deploy::find_pool(provider, suite, &network, pool.terms).await?);
        }
        networks.push(network);
    }
    Ok(networks)
}

/// Verifies the recorded suite: every contract at the address that its parameters give, with this version's code.
async fn check(context: &Context) -> Result<()> {
    let chain = context.reader().await?;
    let parameters = chain.suite.parameters.clone();
    let found = deploy::find(&chain.provider, context.config.chain_id, parameters).await?;
    let path = context.config.chain_file();
    let Some(found) = found else {
        let message = format!("chain {} does not carry the whole suite of {}", context.config.chain_id, path.display());
        return Err(Error::not_found("not_deployed", message).hint("`assay deploy` creates what is missing"));
    };
    let sales = standing_sales(&chain.provider, &found, &path).await?;
    let networks = standing_networks(&chain.provider, &found, &path).await?;
    // The block may be stated earlier than need be; everything else must be what was found.
    if (Suite { block: chain.suite.block, sales, networks, ..found }) != chain.suite {
        let message = format!("{} states other addresses or code than its parameters give", path.display());
        return Err(
            Error::unverified("bad_deployment_record", message).hint("do not trust it: deploy or fetch it anew")
        );
    }
    report(context, &chain.suite, 0, 0);
    Ok(())
}

fn parameters(args: &DeployArgs, chain_id: u64, account: Address) -> Result<Parameters> {
    let devnet = chain_id == DEVNET_CHAIN_ID;
    let defaults = devnet_parameters(args.admin.unwrap_or(account));
    let pool = match args.pool {
        Some(pool) => pool,
        None if devnet => defaults.pool,
        None => {
            let error =
                Error::usage("pool_missing", "the account that receives protocol fees must be named, for good: --pool");
            return Err(error.hint("it is part of the suite's addresses and cannot be changed later"));
        }
    };
    let dev_token = devnet.then(deploy::dev_token);
    let mut verification = if devnet { defaults.verification } else { deploy::chain_verification() };
    if args.beacon == BeaconKind::Drand {
        verification.beacon = Beacon::Drand(Drand::quicknet(args.drift));
    }
    Ok(Parameters {
        pool,
        default_rate: args.fee_rate,
        stake_token: parse_token(args.stake_token.as_deref(), chain_id, dev_token)?,
        thaw_period: args.thaw_period.unwrap_or(if devnet { defaults.thaw_period } else { THAW_PERIOD }),
        verification,
        ..defaults
    })
}

fn report(context: &Context, suite: &Suite, created: usize, gas: u64) {
    let path = context.config.chain_file();
    let report = json!({ "suite": suite, "created": created, "gas": gas, "record": path });
    context.output.result(&report, || {
        say!("{}", contracts(suite));
        say!("{created} contracts created with {gas} gas, the others found and verified; record: {}", path.display());
    });
}

/// A suite's contracts as a table.
pub(super) fn contracts(suite: &Suite) -> comfy_table::Table {
    let mut table = list(["contract", "address"]);
    let beacon = match suite.parameters.verification.beacon {
        Beacon::Prevrandao { .. } => "PrevrandaoBeacon",
        Beacon::Drand(_) => "DrandBeacon",
    };
    let rows = [
        ("AccessManager", Some(suite.access_manager)),
        ("FeeSchedule", Some(suite.fee_schedule)),
        ("Ledger", Some(suite.ledger)),
        ("Staking", Some(suite.staking)),
        ("ProgramRegistry", Some(suite.program_registry)),
        ("ModelRegistry", Some(suite.model_registry)),
        ("JobEscrow", Some(suite.job_escrow)),
        ("Referee", Some(suite.referee)),
        (beacon, Some(suite.beacon)),
        ("ValidatorSeats", Some(suite.validator_seats)),
        ("DisputeGame", Some(suite.dispute_game)),
        ("Verification", Some(suite.verification)),
        ("DevToken", suite.dev_token),
    ];
    for (name, address) in rows {
        if let Some(address) = address {
            table.add_row([name.to_owned(), address.to_string()]);
        }
    }
    for sale in &suite.sales {
        table.add_row([format!("NodeSale ({})", sale.terms.name), sale.address.to_string()]);
        table.add_row([format!("NodeLicense ({})", sale.terms.name), sale.license.to_string()]);
    }
    for network in &suite.networks {
        let contracts = [
            ("LicenseStaking", network.license_staking),
            ("Uptime", network.uptime),
            ("Attestations", network.attestations),
        ];
        let pools = network.pools.iter().map(|pool| ("EpochRewards", pool.address));
        for (name, address) in contracts.into_iter().chain(pools) {
            table.add_row([name.to_owned(), address.to_string()]);
        }
    }
    table
}
