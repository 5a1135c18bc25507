//! `assay checker`

use assay_keepers::{
    checker::{self, Handle, Setup},
    telemetry::peak_rss,
};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::{
    Context,
    nodes::{find, history},
    services::{from_keeper, make_folder_of, stop_on_signal},
};
use crate::{
    chain::{Chain, bare_provider},
    cli::{CheckerArgs, CheckerCommand, NetworkArgs},
    error::{Error, Result},
    keys,
    output::{list, say},
};

/// Epochs that are shown.
const SHOWN: u32 = 8;

pub(super) async fn run(context: Context, command: CheckerCommand) -> Result<()> {
    match command {
        CheckerCommand::Run(args) => examine(context, args).await,
        CheckerCommand::Show { operator, network } => show(&context, operator, &network).await,
    }
}

async fn examine(mut context: Context, args: CheckerArgs) -> Result<()> {
    let key = keys::signer(&context.config)?;
    // Wrong from the start is told at once; later the checker waits for its endpoint by itself.
    let chain = Chain::connect(&context.config, None).await?;
    args.hardware.apply(&mut context.config);
    let config = settings(&mut context, args)?;
    let rpc = bare_provider(&context.config.rpc_url)?;
    let setup = Setup { suite: chain.suite, rpc, key };
    let handle = checker::start(config, setup, stop_on_signal()).await.map_err(from_keeper)?;
    let account = handle.account();
    let http = handle.http().map_or(String::new(), |address| format!(", http://{address}"));
    context.output.note(format!("checker {account} on chain {}{http}; Ctrl-C stops", context.config.chain_id));
    watch(&context, &handle);
    handle.wait().await.map_err(from_keeper)?;
    let peak = peak_rss().map(|bytes| bytes as f64 / 1e6);
    let report = json!({ "account": account, "role": "checker", "peak_rss_mb": peak });
    context.output.result(&report, || say!("checker {account} stopped"));
    Ok(())
}

/// What the command line says wins over the configuration; the folder of the store is made.
fn settings(context: &mut Context, args: CheckerArgs) -> Result<checker::Config> {
    let mut config = std::mem::take(&mut context.config.checker);
    config.exam.network = args.network.network.or(config.exam.network);
    config.exam.model = args.model.or(config.exam.model).or_else(|| Some(context.config.model.clone()));
    config.operator = args.operator.or(config.operator);
    config.store = args.store.unwrap_or(config.store);
    config.http = args.http.or(config.http);
    // A devnet's providers are on this machine.
    config.private_endpoints |= context.config.chain_id == assay_contracts::deploy::DEVNET_CHAIN_ID;
    make_folder_of(&config.store)?;
    Ok(config)
}

/// Prints each examination, a line each.
fn watch(context: &Context, handle: &Handle) {
    let (mut events, output) = (handle.subscribe(), context.output);
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => output.note(serde_json::to_string(&event).unwrap_or_default()),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
}

async fn show(context: &Context, operator: Option<u32>, args: &NetworkArgs) -> Result<()> {
    let chain = context.reader().await?;
    let network = find(&chain, args)?;
    let now = super::sale::now(&chain).await?;
    let (history, _) = history(&chain, network).await?;
    let current = network.epoch_at(now);
    let me = operator.is_none().then(|| keys::signer(&context.config).map(|key| key.address())).transpose()?;
    let mine = |number, key| operator.map_or_else(|| Some(key) == me, |operator| number == operator);
    let attester = history.attesters(current).find(|attester| mine(attester.number, attester.key));
    let Some(attester) = attester else {
        let who = operator.map_or_else(|| "the signing account attests for none".into(), |number| number.to_string());
        let error = Error::not_found("no_operator", format!("no such operator of this network: {who}"));
        return Err(error.hint("`assay nodes show` lists operators and their keys"));
    };
    let number = attester.number;
    let epochs: Vec<Value> = (current.saturating_sub(SHOWN - 1)..=current)
        .map(|epoch| {
            let keys = history.attesters(epoch).find(|attester| attester.number == number);
            let place = (number - network.terms.licenses - 1) as usize;
            json!({
                "epoch": epoch,
                "key": keys.map(|attester| attester.key),
                "licenses": history.delegated_in(epoch).get(place),
                "seats": history.seats_in(epoch),
                "seeded": history.seed_of(epoch).is_some(),
                "sealed": history.seal_of(epoch, number).is_some(),
                "revealed": history.has_revealed(epoch, number),
            })
        })
        .collect();
    let report = json!({ "operator": number, "account": attester.account, "epoch": current, "epochs": epochs });
    context.output.result(&report, || {
        say!("operator {number} ({}), epoch {current}", attester.account);
        let mut table = list(["epoch", "licences", "seats", "seed", "sealed", "revealed"]);
        for epoch in &epochs {
            let fields = ["epoch", "licenses", "seats", "seeded", "sealed", "revealed"];
            table.add_row(fields.map(|field| match &epoch[field] {
                Value::Bool(yes) => if *yes { "yes" } else { "" }.to_owned(),
                other => other.to_string(),
            }));
        }
        say!("{table}");
    });
    Ok(())
}
