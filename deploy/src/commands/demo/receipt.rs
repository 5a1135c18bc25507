//! The demo's receipt: what was ordered, committed, verified and paid, as tables and as JSON.

use std::time::{Duration, Instant};

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Run, sum};
use crate::{
    chain::{Chain, from_rpc},
    client::history::{End, History},
    devnet::Devnet,
    error::{Error, Result},
    output::{list, say, table},
    token::Token,
};

/// How long the indexer may take to reach the chain's head.
const INDEXER_PATIENCE: Duration = Duration::from_secs(20);

/// Everything that the demo has to show.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    question: String,
    answers: Vec<Answer>,
    tasks: u32,
    verified: u32,
    tasks_per_second: f64,
    orders: Vec<OrderReceipt>,
    batches: Vec<BatchReceipt>,
    gas: Gas,
    paid: Vec<Payment>,
    /// Whether the indexer says what the chain says.
    pub(super) indexer_agrees: bool,
    provider: Value,
    #[serde(serialize_with = "stages_as_object")]
    pub(super) stages: Vec<Stage>,
    token: Token,
    #[serde(skip)]
    histories: Vec<History>,
}

/// A passage that answers the question.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(super) cosine: f32,
    pub(super) source: String,
    pub(super) text: String,
}

/// How long something took.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(super) name: String,
    pub(super) seconds: f64,
}

#[derive(Debug, Serialize)]
struct OrderReceipt {
    name: &'static str,
    id: B256,
    tasks: u32,
    escrowed: String,
    transaction: B256,
    gas: u64,
    gas_per_task: f64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct BatchReceipt {
    order: B256,
    id: B256,
    provider: Address,
    first: u32,
    count: u32,
    units: u64,
    root: B256,
    committed: B256,
    settled: Option<B256>,
    accepted: bool,
}

#[derive(Debug, Default, Serialize)]
struct Gas {
    total: u64,
    per_task: f64,
}

#[derive(Debug, Serialize)]
struct Payment {
    name: &'static str,
    account: Address,
    amount: String,
    smallest_parts: String,
}

fn stages_as_object<S: serde::Serializer>(stages: &[Stage], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(stages.iter().map(|stage| (format!("{}_seconds", stage.name), stage.seconds)))
}

impl Receipt {
    pub(super) fn new(question: &str, token: &Token, answers: Vec<Answer>) -> Self {
        Self {
            question: question.to_owned(),
            answers,
            tasks: 0,
            verified: 0,
            tasks_per_second: 0.0,
            orders: Vec::new(),
            batches: Vec::new(),
            gas: Gas::default(),
            paid: Vec::new(),
            indexer_agrees: false,
            provider: Value::Null,
            stages: Vec::new(),
            token: token.clone(),
            histories: Vec::new(),
        }
    }

    /// Takes over an order with its batches.
    pub(super) fn add_order(&mut self, run: &Run, gas: u64) {
        let history = &run.collected.history;
        let tasks = history.order.count;
        self.orders.push(OrderReceipt {
            name: run.name,
            id: history.id,
            tasks,
            escrowed: self.token.format(run.opened.escrowed),
            transaction: run.opened.transaction,
            gas,
            gas_per_task: gas as f64 / f64::from(tasks),
            seconds: run.seconds,
        });
        for batch in &history.batches {
            let settled = match &batch.end {
                Some(End::Settled { transaction, accepted, .. }) => Some((*transaction, *accepted)),
                _ => None,
            };
            self.batches.push(BatchReceipt {
                order: history.id,
                id: batch.id,
                provider: batch.batch.provider,
                first: batch.batch.first,
                count: batch.batch.count,
                units: batch.batch.units,
                root: batch.batch.root,
                committed: batch.committed,
                settled: settled.map(|(transaction, _)| transaction),
                accepted: settled.is_some_and(|(_, accepted)| accepted),
            });
        }
        if self.tasks == 0 {
            self.tasks_per_second = f64::from(tasks) / run.seconds;
        }
        self.tasks += tasks;
        self.verified += run.collected.verified;
        self.gas.total += gas;
        self.gas.per_task = self.gas.total as f64 / f64::from(self.tasks);
        self.stages.push(Stage { name: run.name.to_owned(), seconds: run.seconds });
        self.histories.push(history.clone());
    }

    /// Who was paid what, from the settlements' events.
    pub(super) fn paid(&mut self, names: &[(&'static str, Address)]) {
        let histories: Vec<_> = self.histories.iter().collect();
        let total = |part: fn(&(U256, U256, U256, U256)) -> U256| {
            sum(&histories, |end| match end {
                End::Settled { paid, fee, royalties, refund, .. } => part(&(*paid, *fee, *royalties, *refund)),
                End::Forfeited { .. } => U256::ZERO,
            })
        };
        let amounts = [total(|p| p.0), total(|p| p.2), total(|p| p.1), total(|p| p.3)];
        self.paid = names
            .iter()
            .zip(amounts)
            .map(|(&(name, account), value)| Payment {
                name,
                account,
                amount: self.token.format(value),
                smallest_parts: value.to_string(),
            })
            .collect();
    }

    /// Puts the steps of the devnet's start before the orders'.
    pub(super) fn devnet_stages(&mut self, stages: &[(&'static str, f64)]) {
        let first = stages.iter().map(|&(name, seconds)| Stage { name: name.into(), seconds });
        self.stages.splice(0..0, first);
    }

    pub(super) fn finish(&mut self, provider: &Value, seconds: f64) {
        self.provider = provider.clone();
        self.stages.push(Stage { name: "total".into(), seconds });
    }

    /// Success only when every result was verified and paid, and the indexer agrees with the chain.
    pub(super) fn judge(&self) -> Result<()> {
        let unpaid = self.batches.iter().filter(|batch| batch.settled.is_none()).count();
        if self.verified != self.tasks || unpaid > 0 {
            let message = format!("{} of {} results verified, {unpaid} batches unpaid", self.verified, self.tasks);
            return Err(Error::unverified("unverified_result", message));
        }
        if !self.indexer_agrees {
            return Err(Error::unverified("indexer_disagrees", "the indexer's state is not the chain's"));
        }
        Ok(())
    }

    /// Prints it for people.
    pub(super) fn print(&self) {
        say!("\n“{}”\n", self.question);
        for (rank, answer) in self.answers.iter().enumerate() {
            say!("{}. {:.3}  {}\n   {}\n", rank + 1, answer.cosine, answer.source, answer.text);
        }
        say!("{}\n", self.orders_table());
        say!("{}\n", self.batches_table());
        say!("{}\n", self.paid_table());
        say!("{}\n", self.stages_table());
        say!("gas: {} in all, {:.0} a task", self.gas.total, self.gas.per_task);
        say!("speed: {:.0} tasks a second, ordering to settlement", self.tasks_per_second);
        let number = |key: &str| self.provider[key].as_f64();
        if let (Some(memory), Some(reaction)) = (number("peak_rss_mb"), number("reaction_p99_ms")) {
            say!("provider: at most {memory:.0} MB of memory, 99 of 100 reactions within {reaction:.0} ms");
        }
        let agrees = if self.indexer_agrees { "agrees" } else { "DOES NOT AGREE" };
        say!("indexer: {agrees} with the chain");
        say!("{} of {} results checked against their committed leaf", self.verified, self.tasks);
    }

    fn orders_table(&self) -> comfy_table::Table {
        let mut table = table(["order", "tasks", "escrowed", "gas a task", "id, transaction"]);
        for order in &self.orders {
            let cells = [
                order.name.to_owned(),
                order.tasks.to_string(),
                order.escrowed.clone(),
                format!("{:.0}", order.gas_per_task),
                format!("{}\n{}", order.id, order.transaction),
            ];
            table.add_row(cells);
        }
        table
    }

    fn batches_table(&self) -> comfy_table::Table {
        let mut table = table(["batch", "units", "", "Merkle root, transactions"]);
        for batch in &self.batches {
            let settled = batch.settled.map_or("-".to_owned(), |transaction| transaction.to_string());
            table.add_row([
                format!("{}–{}", batch.first, batch.first + batch.count - 1),
                batch.units.to_string(),
                "root\ncommitted\nsettled".to_owned(),
                format!("{}\n{}\n{settled}", batch.root, batch.committed),
            ]);
        }
        table
    }

    fn paid_table(&self) -> comfy_table::Table {
        let mut table = list(["paid to", "account", "amount"]);
        for payment in &self.paid {
            table.add_row([payment.name.to_owned(), payment.account.to_string(), payment.amount.clone()]);
        }
        table
    }

    fn stages_table(&self) -> comfy_table::Table {
        let mut table = list(["stage", "seconds"]);
        for stage in &self.stages {
            table.add_row([stage.name.clone(), format!("{:.2}", stage.seconds)]);
        }
        table
    }
}

/// Compares what the indexer serves with what the chain says: orders, batches and every payee's ledger balance.
pub(super) async fn compare_indexer(chain: &Chain, devnet: &Devnet, receipt: &Receipt) -> Result<bool> {
    let head = chain.provider.get_block_number().await.map_err(from_rpc)?;
    let started = Instant::now();
    let progress = devnet.indexer.progress();
    while progress.borrow().indexed.is_none_or(|block| block.number < head) {
        if started.elapsed() > INDEXER_PATIENCE {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let api = Api { base: format!("http://{}", devnet.indexer.address()), client: reqwest::Client::new() };
    for history in &receipt.histories {
        if !api.has_order(history).await? {
            return Ok(false);
        }
    }
    for payment in &receipt.paid {
        let balance = receipt.token.ledger_balance(chain, payment.account).await?;
        if api.balance(payment.account, receipt.token.address).await? != balance.to_string() {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Api {
    base: String,
    client: reqwest::Client,
}

impl Api {
    async fn get(&self, path: &str) -> Result<Value> {
        let failed = |error: reqwest::Error| Error::network("indexer_unreachable", error);
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.map_err(failed)?;
        answer.json().await.map_err(failed)
    }

    /// Whether the indexer knows the order as complete, and each batch as the chain has it.
    async fn has_order(&self, history: &History) -> Result<bool> {
        let order = self.get(&format!("/v1/orders/{}", history.id)).await?;
        let batches = self.get(&format!("/v1/orders/{}/batches?limit=200", history.id)).await?;
        let served = batches["items"].as_array().cloned().unwrap_or_default();
        let same = |batch: &crate::client::history::BatchHistory| {
            served.iter().any(|item| {
                item["batch_id"] == json!(batch.id)
                    && item["root"] == json!(batch.batch.root)
                    && item["count"] == json!(batch.batch.count)
                    && item["status"] == json!("settled")
            })
        };
        Ok(order["status"] == json!("complete")
            && served.len() == history.batches.len()
            && history.batches.iter().all(same))
    }

    async fn balance(&self, account: Address, token: Address) -> Result<String> {
        let view = self.get(&format!("/v1/accounts/{account}")).await?;
        let balances = view["balances"].as_array().cloned().unwrap_or_default();
        let wanted = |item: &&Value| item["token"].as_str().and_then(|text| text.parse().ok()) == Some(token);
        let found = balances.iter().find(wanted).map_or("0".to_owned(), |item| match &item["amount"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        Ok(found)
    }
}
