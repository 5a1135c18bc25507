//! `assay order` and `assay embed`

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256, U256};
use assay_kernels::tokenizer::output_to_unit_vector;
use serde_json::{Value, json};

use super::Context;
use crate::{
    chain::Chain,
    cli::{CollectArgs, EmbedArgs, InputArgs, OrderCommand, ReceiveArgs, TermArgs},
    client::{
        collect::{Collected, Progress, collect},
        history::{self, BatchHistory, End, History},
        models::{self, Package},
        open::{Opened, Request, from_blob, now, open},
        passages::{self, Passage},
        vectors,
    },
    devnet::or_interrupted,
    error::{Error, Exit, Result},
    output::{self, Output, say, table},
    token::Token,
};

pub(super) async fn run(context: &Context, command: OrderCommand) -> Result<()> {
    match command {
        OrderCommand::Open { inputs, input } => {
            let (_, _, opened, token) = open_texts(context, &inputs, &input).await?;
            context.output.result(&opened_json(&opened), || say!("{}", opened.id));
            let (tasks, price) = (opened.order.count, token.format(opened.escrowed));
            context.output.note(format!(
                "{tasks} tasks, {price} escrowed; `assay order collect {}` receives the results",
                opened.id
            ));
            Ok(())
        }
        OrderCommand::Collect { id, collect } => collect_order(context, id, &collect).await,
        OrderCommand::Show { id } => show(context, id).await,
        OrderCommand::List { customer, limit } => list(context, customer, limit).await,
        OrderCommand::Cancel { id } => cancel(context, id).await,
    }
}

/// `assay embed`: open, wait, verify, write.
pub(super) async fn embed(context: &Context, args: &EmbedArgs) -> Result<()> {
    check_out(args.collect.out.as_deref())?;
    let (chain, texts, opened, _) = open_texts(context, &args.files, &args.input).await?;
    context.output.note(format!("order {}", opened.id));
    let rows = context.blobs()?.get_inputs(&opened.order.inputsRoot.0).await.map_err(from_blob)?;
    let collected = receive(context, &chain, (opened.id, opened.block), &rows, &args.collect.receive).await?;
    write(context, &texts, &collected, args.collect.out.as_deref())
}

/// Reads and checks everything, then opens the order. Nothing is sent for texts that the model cannot take.
async fn open_texts(
    context: &Context,
    files: &[PathBuf],
    input: &InputArgs,
) -> Result<(Chain, Vec<Passage>, Opened, Token)> {
    let texts = passages::read(files, input.split)?;
    let package = open_package(context, &input.terms)?;
    if package.model.tape().is_decoder() {
        let error = Error::usage("not_an_encoder", format!("{} makes text and no vectors", package.model.name()));
        return Err(error.hint("`assay generate` orders text"));
    }
    let rows = passages::rows(&package.tokenizer, package.model.max_units(), &texts)?;
    let (chain, opened, token) = open_rows(context, &package, &rows, &input.terms).await?;
    Ok((chain, texts, opened, token))
}

/// The package that an order's terms name.
pub(super) fn open_package(context: &Context, args: &TermArgs) -> Result<Package> {
    Package::open(args.package.as_deref().unwrap_or(&context.config.model))
}

/// Opens the order for input rows of a model.
pub(super) async fn open_rows(
    context: &Context,
    package: &Package,
    rows: &[Vec<u8>],
    args: &TermArgs,
) -> Result<(Chain, Opened, Token)> {
    let chain = context.actor().await?;
    let model = models::find(&chain, args.model, package).await?;
    let token = Token::configured(&chain, &context.config).await?;
    let mut terms = context.config.order.clone();
    terms.verify |= args.verify;
    let request = Request {
        model: &model,
        token: &token,
        rows,
        limit: package.model.max_units(),
        unit_price: args.unit_price,
        unit_cap: args.unit_cap,
        terms: &terms,
    };
    let opened = open(&chain, &context.blobs()?, &request).await?;
    Ok((chain, opened, token))
}

pub(super) async fn receive(
    context: &Context,
    chain: &Chain,
    (id, block): (B256, u64),
    rows: &[Vec<u8>],
    args: &ReceiveArgs,
) -> Result<Collected> {
    let (options, blobs) = (context.collect_options(args), context.blobs()?);
    let work = watched(context.output, rows.len(), async |report| {
        collect(chain, &blobs, id, block, rows, options, report).await
    });
    or_interrupted(work).await.map_err(|error| match error.exit() {
        Exit::Interrupted => error.hint(format!("order {id} stands: `assay order collect {id}` receives its results")),
        _ => error,
    })
}

/// Shows the progress of `work` as a bar.
pub(super) async fn watched<T>(
    output: Output,
    tasks: usize,
    work: impl AsyncFnOnce(&mut dyn FnMut(Progress)) -> Result<T>,
) -> Result<T> {
    let bar = output.bar(tasks as u64, "verified");
    let result = work(&mut |progress: Progress| {
        bar.set_position(u64::from(progress.verified));
        bar.set_message(format!("{} committed, {} settled", progress.committed, progress.settled));
    })
    .await;
    bar.finish_and_clear();
    result
}

async fn collect_order(context: &Context, id: B256, args: &CollectArgs) -> Result<()> {
    check_out(args.out.as_deref())?;
    let (chain, history, rows) = own_order(context, id).await?;
    if models::is_decoder(&chain, history.order.modelId).await? {
        let error = Error::usage("not_an_encoder", format!("order {id} is for text and not for vectors"));
        return Err(error.hint(format!("`assay generate --order {id}` receives it")));
    }
    let collected = receive(context, &chain, (id, history.block), &rows, &args.receive).await?;
    // The texts are not on record, only their token ids: results are named by their index.
    let texts: Vec<_> =
        (0..rows.len()).map(|index| Passage { source: format!("{id}:{index}"), text: String::new() }).collect();
    write(context, &texts, &collected, args.out.as_deref())
}

/// An order of the signing account with its input rows.
pub(super) async fn own_order(context: &Context, id: B256) -> Result<(Chain, History, Vec<Vec<u8>>)> {
    let chain = context.actor().await?;
    let history = history::read(&chain, id).await?;
    if history.order.customer != chain.account() {
        let message = format!("order {id} is {}'s, and the key is {}'s", history.order.customer, chain.account());
        return Err(Error::refused("not_customer", message).hint("receipts are signed with the customer's key: --key"));
    }
    let rows = context.blobs()?.get_inputs(&history.order.inputsRoot.0).await.map_err(from_blob)?;
    Ok((chain, history, rows))
}

fn check_out(out: Option<&Path>) -> Result<()> {
    match out.and_then(Path::extension).and_then(|ending| ending.to_str()) {
        Some("npy" | "jsonl") => Ok(()),
        None if out.is_none() => Ok(()),
        _ => {
            let name = out.map(|path| path.display().to_string()).unwrap_or_default();
            Err(Error::usage("bad_output_file", format!("{name}: vectors are written as .jsonl or .npy")))
        }
    }
}

fn write(context: &Context, texts: &[Passage], collected: &Collected, out: Option<&Path>) -> Result<()> {
    let vectors: Vec<_> = collected.outputs.iter().map(|row| output_to_unit_vector(row)).collect();
    if let Some(path) = out {
        vectors::write(path, texts, &vectors)?;
    }
    let mut report = history_json(&collected.history);
    report["verified"] = collected.verified.into();
    report["out"] = json!(out);
    if out.is_none() && context.output.json {
        report["vectors"] = texts
            .iter()
            .zip(&vectors)
            .map(|(text, vector)| json!({ "source": text.source, "text": text.text, "vector": vector }))
            .collect();
    }
    context.output.result(&report, || {
        if out.is_none() {
            // A reader that has seen enough and closed the pipe is no error.
            let _ = vectors::write_lines(&mut std::io::stdout().lock(), texts, &vectors);
            let _ = std::io::stdout().flush();
        }
    });
    let tasks = collected.outputs.len();
    context.output.note(format!("{} of {tasks} results checked against their committed leaf", collected.verified));
    Ok(())
}

fn opened_json(opened: &Opened) -> Value {
    json!({
        "id": opened.id,
        "customer": opened.order.customer,
        "model": opened.order.modelId,
        "tasks": opened.order.count,
        "unit_price": opened.order.unitPrice.to_string(),
        "unit_cap": opened.order.unitCap,
        "token": opened.order.token,
        "escrowed": opened.escrowed.to_string(),
        "transaction": opened.transaction,
        "gas": opened.gas,
    })
}

/// An order's history as JSON.
pub(super) fn history_json(history: &History) -> Value {
    json!({
        "id": history.id,
        "status": status(history),
        "customer": history.order.customer,
        "model": history.order.modelId,
        "tasks": history.order.count,
        "unit_price": history.order.unitPrice.to_string(),
        "unit_cap": history.order.unitCap,
        "token": history.order.token,
        "escrowed": history.escrowed.to_string(),
        "deadline": history.order.deadline.to::<u64>(),
        "transaction": history.opened,
        "batches": history.batches.iter().map(batch_json).collect::<Vec<_>>(),
    })
}

fn batch_json(batch: &BatchHistory) -> Value {
    json!({
        "id": batch.id,
        "provider": batch.batch.provider,
        "first": batch.batch.first,
        "count": batch.batch.count,
        "units": batch.batch.units,
        "root": batch.batch.root,
        "committed": batch.committed,
        "end": batch.end,
    })
}

fn status(history: &History) -> &'static str {
    if history.closed.is_some() {
        "closed"
    } else if history.is_final() {
        "complete"
    } else if history.batches.is_empty() && history.takes.is_empty() {
        "open"
    } else {
        "in progress"
    }
}

async fn show(context: &Context, id: B256) -> Result<()> {
    let chain = context.reader().await?;
    let history = history::read(&chain, id).await?;
    let token = Token::at(&chain, history.order.token).await?;
    context.output.result(&history_json(&history), || {
        say!("order {id}: {}", status(&history));
        say!("customer {}", history.order.customer);
        say!("model    {}", history.order.modelId);
        say!("tasks    {}, {} escrowed", history.order.count, token.format(history.escrowed));
        say!("{}", batches(&history, &token));
    });
    Ok(())
}

/// An order's batches as a table.
pub(super) fn batches(history: &History, token: &Token) -> comfy_table::Table {
    let mut table = table(["tasks", "units", "", "root, transactions"]);
    for batch in &history.batches {
        let last = batch.batch.first + batch.batch.count - 1;
        let (word, ended) = match &batch.end {
            None => ("-", "-".to_owned()),
            Some(End::Settled { paid, transaction, accepted, .. }) => {
                let how = if *accepted { "by receipt" } else { "after its window" };
                ("settled", format!("{transaction}\n{how}, {} to the provider", token.format(*paid)))
            }
            Some(End::Forfeited { refund, transaction, .. }) => {
                ("forfeited", format!("{transaction}\n{} back", token.format(*refund)))
            }
        };
        table.add_row([
            format!("{}–{last}", batch.batch.first),
            batch.batch.units.to_string(),
            format!("root\ncommitted\n{word}"),
            format!("{}\n{}\n{ended}", batch.batch.root, batch.committed),
        ]);
    }
    table
}

async fn list(context: &Context, customer: Option<Address>, limit: usize) -> Result<()> {
    let chain = context.reader().await?;
    let orders = history::list(&chain, customer, limit).await?;
    context.output.result(&json!({ "orders": orders }), || {
        let mut table = output::list(["order", "customer", "tasks", "escrowed", "block"]);
        for order in &orders {
            let (tasks, escrowed, block) =
                (order.tasks.to_string(), order.escrowed.to_string(), order.block.to_string());
            table.add_row([order.id.to_string(), order.customer.to_string(), tasks, escrowed, block]);
        }
        say!("{table}");
    });
    Ok(())
}

/// Cancels an untaken order, or reclaims what nobody committed once the deadline has passed.
async fn cancel(context: &Context, id: B256) -> Result<()> {
    let chain = context.actor().await?;
    let history = history::read(&chain, id).await?;
    let late = now(&chain).await? > history.order.deadline.to::<u64>();
    let order = history.order.clone();
    let receipt = if late {
        chain.send(chain.escrow().reclaim(order)).await?
    } else {
        chain.send(chain.escrow().cancel(order)).await?
    };
    let refund = history::read_from(&chain, id, history.block).await?.closed.unwrap_or(U256::ZERO);
    let token = Token::at(&chain, history.order.token).await?;
    let report = json!({ "id": id, "refund": refund.to_string(), "transaction": receipt.transaction_hash });
    context.output.result(&report, || say!("{} came back", token.format(refund)));
    Ok(())
}
