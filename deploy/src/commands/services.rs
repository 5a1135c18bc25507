//! `assay provider` and `assay indexer`.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{network::EthereumWallet, primitives::U256};
use assay_contracts::protocol::token_id;
use assay_indexer::{Indexer, IndexerError};
use assay_keepers::{
    KeeperError,
    provider::{Progress, Provider, ProviderHandle, ProviderSetup},
    telemetry::peak_rss,
};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Context, account, start_seat};
use crate::{
    chain::{Chain, bare_provider},
    cli::{IndexerCommand, ProviderCommand},
    error::{Error, Exit, Result},
    keys,
    output::say,
    token::{Token, need_balance, parse_token},
};

pub(super) async fn provider(context: Context, command: ProviderCommand) -> Result<()> {
    match command {
        ProviderCommand::Run { model, store, http, hardware } => {
            let mut context = context;
            hardware.apply(&mut context.config);
            let config = &mut context.config.provider;
            if !model.is_empty() {
                config.models = model;
            } else if config.models.is_empty() {
                config.models = vec![context.config.model.clone()];
            }
            if let Some(store) = store {
                config.store = store;
            }
            config.http = http.or(config.http);
            run_provider(&context).await
        }
        ProviderCommand::Stake { amount } => {
            let chain = context.actor().await?;
            let (token, _) = account::provision(&chain, chain.account()).await?;
            let amount = token.parse(&amount)?;
            let gas = stake(&chain, &token, amount).await?;
            staked(&context, &chain, gas).await
        }
        ProviderCommand::Thaw { amount } => {
            let chain = context.actor().await?;
            let (token, _) = account::provision(&chain, chain.account()).await?;
            let staking = chain.staking();
            let call = staking.thaw(chain.suite.job_escrow, token.parse(&amount)?);
            let receipt = chain.send(call).await?;
            staked(&context, &chain, receipt.gas_used).await
        }
        ProviderCommand::Withdraw => {
            let chain = context.actor().await?;
            let receipt = chain.send(chain.staking().withdraw(chain.suite.job_escrow)).await?;
            staked(&context, &chain, receipt.gas_used).await
        }
    }
}

/// Provisions `amount` of the signing account's ledger balance for the escrow; returns the gas.
pub(crate) async fn stake(chain: &Chain, token: &Token, amount: U256) -> Result<u64> {
    need_balance(chain, token, chain.account(), amount).await?;
    let approval = chain.send(chain.ledger().approve(chain.suite.staking, token_id(token.address), amount)).await?;
    let staking = chain.staking();
    let receipt = chain.send(staking.stake(chain.account(), chain.suite.job_escrow, amount)).await?;
    Ok(approval.gas_used + receipt.gas_used)
}

async fn staked(context: &Context, chain: &Chain, gas: u64) -> Result<()> {
    let (token, provision) = account::provision(chain, chain.account()).await?;
    let report = json!({
        "account": chain.account(),
        "token": token,
        "stake": provision.stake.to_string(),
        "locked": provision.locked.to_string(),
        "thawing": provision.thawing.to_string(),
        "thawed_at": provision.thawedAt.to::<u64>(),
        "gas": gas,
    });
    context.output.result(&report, || {
        let amount = |part| token.format(U256::from(part));
        say!(
            "staked {} (locked {}, thawing {})",
            amount(provision.stake),
            amount(provision.locked),
            amount(provision.thawing)
        );
    });
    Ok(())
}

/// Makes the folder that a file lies in.
pub(super) fn make_folder_of(file: &Path) -> Result<()> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, &error))
}

async fn run_provider(context: &Context) -> Result<()> {
    let config = &context.config;
    let signer = keys::signer(config)?;
    // Wrong from the start is told at once; later the provider waits for its endpoint by itself.
    let chain = Chain::connect(config, None).await?;
    let rpc = bare_provider(&config.rpc_url)?;
    let mut settings = config.provider.clone();
    if settings.policy.min_unit_price.is_empty() && settings.policy.min_unit_price_other.is_none() {
        // Who names no price works for any in the configured token.
        let token = parse_token(config.token.as_deref(), config.chain_id, chain.suite.dev_token)?;
        settings.policy.min_unit_price.insert(token, 1);
    }
    make_folder_of(&settings.store)?;
    let setup = ProviderSetup {
        suite: chain.suite.clone(),
        rpc,
        wallet: EthereumWallet::from(signer),
        blobs: context.blobs()?,
    };
    let shutdown = stop_on_signal();
    let seat = start_seat(config, chain.suite.clone(), shutdown.clone()).await?;
    let handle = Provider::start(settings, setup, shutdown).await.map_err(from_keeper)?;
    let http = handle.http().map_or(String::new(), |address| format!(", http://{address}"));
    context.output.note(format!(
        "provider {} on chain {}{http}; Ctrl-C finishes what is taken and stops",
        handle.account(),
        config.chain_id
    ));
    if let Some(seat) = seat {
        context.output.note(format!("seat of {} at http://{}", seat.key(), seat.address()));
        let output = context.output;
        tokio::spawn(async move {
            if let Err(error) = seat.wait().await {
                output.note(format!("the seat stopped: {error}"));
            }
        });
    }
    let totals = watch(context, &handle);
    let transactions = handle.transactions().clone();
    let account = handle.account();
    handle.wait().await.map_err(from_keeper)?;
    let reactions = transactions.summary().await.map_err(from_keeper)?.reactions;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let Totals { committed, settled, tasks } = *totals.lock().unwrap_or_else(PoisonError::into_inner);
    let report = json!({
        "account": account,
        "batches_committed": committed,
        "batches_settled": settled,
        "tasks_settled": tasks,
        "reactions": reactions.len(),
        "reaction_p50_ms": reactions.quantile(0.5).map(millis),
        "reaction_p99_ms": reactions.quantile(0.99).map(millis),
        "peak_rss_mb": peak_rss().map(|bytes| bytes as f64 / 1e6),
    });
    context.output.result(&report, || say!("committed {committed} batches, {settled} settled ({tasks} tasks)"));
    Ok(())
}

/// What a provider did while it ran.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    committed: u64,
    settled: u64,
    tasks: u64,
}

/// Prints what the provider does, a line an event, and counts it.
fn watch(context: &Context, handle: &ProviderHandle) -> Arc<Mutex<Totals>> {
    let (mut events, output) = (handle.subscribe(), context.output);
    let totals = Arc::new(Mutex::new(Totals::default()));
    let counted = totals.clone();
    tokio::spawn(async move {
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let mut totals = counted.lock().unwrap_or_else(PoisonError::into_inner);
            match &event {
                Progress::Computed { .. } => continue,
                Progress::Committed { .. } => totals.committed += 1,
                Progress::Settled { count, .. } => {
                    totals.settled += 1;
                    totals.tasks += u64::from(*count);
                }
                _ => {}
            }
            output.note(serde_json::to_string(&event).unwrap_or_default());
        }
    });
    totals
}

pub(crate) fn from_keeper(error: KeeperError) -> Error {
    let exit = match &error {
        KeeperError::Rpc { .. } | KeeperError::Follow(_) => Exit::Network,
        KeeperError::WrongChain { .. } | KeeperError::StoreLocked { .. } | KeeperError::StoreMismatch { .. } => {
            Exit::Refused
        }
        KeeperError::PortTaken { .. } => Exit::Refused,
        KeeperError::Config(_) => Exit::Usage,
        KeeperError::Backend(_) => Exit::Refused,
        KeeperError::Model { .. } => Exit::Unverified,
        _ => Exit::Failure,
    };
    Error::new(exit, error.code().to_lowercase(), error)
}

pub(super) async fn indexer(context: Context, command: IndexerCommand) -> Result<()> {
    let IndexerCommand::Run { listen, database } = command;
    let mut config = context.config.indexer();
    config.listen = listen.unwrap_or(config.listen);
    config.database = database.unwrap_or(config.database);
    // The record must be there, and the endpoint must serve its chain.
    Chain::connect(&context.config, None).await?;
    let indexer = Indexer::start(config, stop_on_signal()).await.map_err(from_indexer)?;
    let report = json!({ "listen": format!("http://{}", indexer.address()) });
    context.output.result(&report, || say!("http://{}/ (Ctrl-C stops)", indexer.address()));
    indexer.stopped().await.map_err(from_indexer)
}

pub(crate) fn from_indexer(error: IndexerError) -> Error {
    let exit = match &error {
        IndexerError::Bind { .. } | IndexerError::WrongChain { .. } | IndexerError::WrongSuite { .. } => Exit::Refused,
        IndexerError::RpcUrl(_) => Exit::Usage,
        IndexerError::Suite(_) => Exit::NotFound,
        IndexerError::List { .. } => Exit::Usage,
        IndexerError::Follow(_) => Exit::Network,
        _ => Exit::Failure,
    };
    Error::new(exit, error.code(), error)
}

/// A token that Ctrl-C or SIGTERM cancels.
pub(crate) fn stop_on_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        crate::devnet::stopped_by_signal().await;
        cancelled.cancel();
    });
    token
}

#[cfg(test)]
mod tests {
    use assay_kernels::cuda::Unavailable;

    use super::*;

    #[test]
    fn a_gpu_that_is_missing_is_refused_with_a_code_that_stays() {
        let error = from_keeper(KeeperError::Backend(Unavailable::NoDevice));
        assert_eq!((error.code(), error.exit()), ("cuda_no_device", Exit::Refused));
    }
}
