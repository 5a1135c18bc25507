//! `assay demo`: the project's own documents through one order, a question answered from them, and the receipt of it all.

mod documents;
mod receipt;

use std::time::{Duration, Instant};

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use assay_kernels::tokenizer::output_to_unit_vector;
use serde_json::json;

use self::receipt::{Answer, Receipt, Stage};
use super::{Context, order::watched};
use crate::{
    chain::{Chain, from_rpc},
    cheat::{self, KINDS, Kind},
    cli::{DemoArgs, Split},
    client::{
        collect::{Collected, Options, Progress, collect},
        history::{End, History},
        models::{self, Package},
        open::{Opened, Request, open},
        passages::{self, Passage},
    },
    config::OrderConfig,
    devnet::{Devnet, Setup, accounts, or_interrupted},
    error::{Error, Result},
    output::Output,
};

/// Tokens that a passage has at most.
const PASSAGE_TOKENS: usize = 96;
/// How many passages answer the question.
const ANSWERS: usize = 3;
/// How long either order may take.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) async fn run(context: &Context, args: &DemoArgs) -> Result<()> {
    let model = args.model.clone().unwrap_or_else(|| context.config.model.clone());
    let setup = Setup { rpc_port: 0, http_port: 0, source: args.source.clone(), model, validators: 0, nodes: false };
    if let Some(kind) = &args.cheat {
        return cheat(context, kind, &setup).await;
    }
    let receipt = or_interrupted(show(context.output, context, args, &setup)).await?;
    context.output.result(&receipt, || receipt.print());
    receipt.judge()
}

/// Plays a cheat instead.
async fn cheat(context: &Context, name: &str, setup: &Setup) -> Result<()> {
    if name == "help" {
        let kinds: Vec<_> = KINDS.iter().map(|kind| json!({ "kind": kind.name, "about": kind.about })).collect();
        context.output.result(&json!({ "kinds": kinds }), cheat::print_kinds);
        return Ok(());
    }
    let Some(kind) = Kind::find(name) else {
        let error = Error::usage("unknown_cheat", format!("no cheat is called {name:?}"));
        return Err(error.hint("`assay demo --cheat help` lists the kinds"));
    };
    let verdict = or_interrupted(cheat::play(context.output, &context.config, setup, kind)).await?;
    context.output.result(&verdict, || verdict.print());
    verdict.judge()
}

/// The whole run; the devnet is gone at its end, whatever that is.
async fn show(output: Output, context: &Context, args: &DemoArgs, setup: &Setup) -> Result<Receipt> {
    let started = Instant::now();
    let mut devnet = Devnet::start(output, &context.config, setup).await?;
    let worked = work(output, args, &mut devnet).await;
    if worked.is_err() {
        // Says why, if the provider is to blame; else the error stands.
        devnet.check_provider().await?;
    }
    let mut receipt = worked?;
    receipt.devnet_stages(&devnet.stages);
    let provider = devnet.stop().await?;
    receipt.finish(&provider, started.elapsed().as_secs_f64());
    Ok(receipt)
}

async fn work(output: Output, args: &DemoArgs, devnet: &mut Devnet) -> Result<Receipt> {
    let package = Package::open(&devnet.config.model)?;
    let chain = devnet.connect(accounts::CUSTOMER).await?;
    let customer = Customer { output, chain: &chain, devnet, package: &package };

    let limit = PASSAGE_TOKENS.min(package.model.max_units() as usize);
    let texts = documents::passages(&args.documents, &package.tokenizer, limit)?;
    let documents = customer.embed("documents", &texts).await?;
    let question = passages::split_text("question", &args.question, Split::File);
    if question.is_empty() {
        return Err(Error::usage("no_passages", "the question is empty"));
    }
    let asked = customer.embed("question", &question).await?;

    let answers = answers(&texts, &documents.vectors, &asked.vectors[0]);
    let mut receipt = Receipt::new(&args.question, &devnet.token, answers);
    for run in [documents, asked] {
        let gas = gas(&chain, &run).await?;
        receipt.add_order(&run, gas);
    }
    receipt.paid(&names(devnet));
    let since = Instant::now();
    receipt.indexer_agrees = receipt::compare_indexer(&chain, devnet, &receipt).await?;
    receipt.stages.push(Stage { name: "indexer".into(), seconds: since.elapsed().as_secs_f64() });
    Ok(receipt)
}

/// One order from its texts to verified vectors.
pub(crate) struct Run {
    name: &'static str,
    opened: Opened,
    collected: Collected,
    vectors: Vec<Vec<f32>>,
    seconds: f64,
}

struct Customer<'a> {
    output: Output,
    chain: &'a Chain,
    devnet: &'a Devnet,
    package: &'a Package,
}

impl Customer<'_> {
    async fn embed(&self, name: &'static str, texts: &[Passage]) -> Result<Run> {
        let started = Instant::now();
        let rows = passages::rows(&self.package.tokenizer, self.package.model.max_units(), texts)?;
        let blobs = assay_blobs::Blobs::files(&self.devnet.config.blobs).map_err(crate::client::open::from_blob)?;
        let model = models::find(self.chain, Some(self.devnet.model), self.package).await?;
        let request = Request {
            model: &model,
            token: &self.devnet.token,
            rows: &rows,
            limit: self.package.model.max_units(),
            unit_price: None,
            unit_cap: None,
            terms: &OrderConfig::default(),
        };
        let opened = open(self.chain, &blobs, &request).await?;
        let options = Options { accept: false, patience: Duration::from_secs(60), timeout: Some(TIMEOUT) };
        let collected = watched(self.output, rows.len(), async |report: &mut dyn FnMut(Progress)| {
            collect(self.chain, &blobs, opened.id, opened.block, &rows, options, report).await
        })
        .await?;
        let vectors = collected.outputs.iter().map(|row| output_to_unit_vector(row)).collect();
        Ok(Run { name, opened, collected, vectors, seconds: started.elapsed().as_secs_f64() })
    }
}

/// The passages nearest to the question: vectors have length 1, so the cosine is the inner product.
fn answers(texts: &[Passage], vectors: &[Vec<f32>], question: &[f32]) -> Vec<Answer> {
    let cosine = |vector: &Vec<f32>| vector.iter().zip(question).map(|(a, b)| a * b).sum::<f32>();
    let mut answers: Vec<_> = texts
        .iter()
        .zip(vectors)
        .map(|(text, vector)| Answer { cosine: cosine(vector), source: text.source.clone(), text: text.text.clone() })
        .collect();
    answers.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    answers.truncate(ANSWERS);
    answers
}

/// Gas of every transaction of an order: opening with its allowance, takes, commits, settlements.
async fn gas(chain: &Chain, run: &Run) -> Result<u64> {
    let mut total = run.opened.gas + run.collected.gas;
    for transaction in transactions(&run.collected.history) {
        let receipt = chain.provider.get_transaction_receipt(transaction).await.map_err(from_rpc)?;
        total += receipt.map_or(0, |receipt| receipt.gas_used);
    }
    Ok(total)
}

/// The provider's transactions, each once.
fn transactions(history: &History) -> Vec<B256> {
    let mut all = history.takes.clone();
    for batch in &history.batches {
        all.push(batch.committed);
        if let Some(End::Settled { transaction, .. } | End::Forfeited { transaction, .. }) = &batch.end {
            all.push(*transaction);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Who is who on the devnet.
fn names(devnet: &Devnet) -> Vec<(&'static str, Address)> {
    vec![
        ("provider", crate::keys::anvil(accounts::PROVIDER).address()),
        ("model owner", crate::keys::anvil(accounts::MODEL_OWNER).address()),
        ("pool", devnet.suite.parameters.pool),
        ("customer refund", crate::keys::anvil(accounts::CUSTOMER).address()),
    ]
}

/// The sum of a field over all settled batches.
fn sum(histories: &[&History], field: impl Fn(&End) -> U256) -> U256 {
    histories.iter().flat_map(|history| &history.batches).filter_map(|batch| batch.end.as_ref()).map(field).sum()
}
