//! `assay rewards recompute`

use alloy::{
    primitives::{B256, keccak256},
    providers::Provider,
};
use assay_contracts::network::read;
use serde_json::{Value, json};

use super::{super::Context, find};
use crate::{
    chain::{from_call, from_read, from_rpc},
    cli::PoolArgs,
    error::{Error, Result},
    output::{list, say},
};

/// A value as the rule makes it, and as it was posted.
struct Compared {
    what: &'static str,
    computed: String,
    /// `None` while nothing is posted.
    posted: Option<String>,
}

impl Compared {
    fn new<T: std::fmt::Display>(what: &'static str, computed: T, posted: Option<T>) -> Self {
        Self { what, computed: computed.to_string(), posted: posted.map(|posted| posted.to_string()) }
    }

    fn is_same(&self) -> Option<bool> {
        self.posted.as_ref().map(|posted| *posted == self.computed)
    }
}

/// Of one contract.
struct Part {
    contract: &'static str,
    is_final: bool,
    values: Vec<Compared>,
}

impl Part {
    /// `None` while nothing is posted.
    fn is_same(&self) -> Option<bool> {
        self.values.iter().map(Compared::is_same).collect::<Option<Vec<_>>>().map(|same| same.iter().all(|same| *same))
    }

    fn report(&self) -> Value {
        let mut report = json!({ "final": self.is_final, "same": self.is_same() });
        for value in &self.values {
            report[value.what] = json!({ "computed": value.computed, "posted": value.posted });
        }
        report
    }
}

pub(super) async fn run(context: &Context, epoch: u32, args: &PoolArgs) -> Result<()> {
    let chain = context.reader().await?;
    let (network, pool) = find(&chain, args)?;
    let head = chain.provider.get_block_number().await.map_err(from_rpc)?;
    let computed = read::recompute(&chain.provider, network, pool, epoch, head).await.map_err(from_read)?;

    let uptime = chain.uptime(network);
    let posting = uptime.postingOf(epoch).call().await.map_err(from_call)?;
    let outcome = uptime.outcomeOf(epoch).call().await.map_err(from_call)?;
    let stands = !posting.root.is_zero();
    let shares = computed.uptime.shares();
    let shared = Part {
        contract: "Uptime",
        is_final: uptime.isFinal(epoch).call().await.map_err(from_call)?,
        values: vec![
            Compared::new("root", B256::from(shares.root()), stands.then_some(posting.root)),
            Compared::new("total", shares.total(), stands.then_some(outcome.total)),
            Compared::new("truth", keccak256(computed.uptime.truth().bytes()), stands.then_some(outcome.truthHash)),
            Compared::new("leaves", shares.shares().len() as u32, stands.then_some(posting.count)),
        ],
    };
    let contract = chain.rewards(pool);
    let posting = contract.postingOf(epoch).call().await.map_err(from_call)?;
    let stands = !posting.root.is_zero();
    let rewarded = Part {
        contract: "EpochRewards",
        is_final: contract.isFinal(epoch).call().await.map_err(from_call)?,
        values: vec![
            Compared::new("root", B256::from(computed.rewards.root()), stands.then_some(posting.root)),
            Compared::new("leaves", computed.rewards.cumulative().len() as u32, stands.then_some(posting.count)),
        ],
    };
    let report = json!({
        "epoch": epoch, "block": head, "budget": computed.budget.to_string(),
        "uptime": shared.report(), "rewards": rewarded.report(),
    });
    let parts = [shared, rewarded];
    context.output.result(&report, || print(epoch, &parts));
    if parts.iter().any(|part| part.is_same() == Some(false)) {
        let message = format!("what was posted of epoch {epoch} is not what the rule says");
        return Err(Error::unverified("false_root", message).hint("before it is final anybody can prove it false"));
    }
    Ok(())
}

fn print(epoch: u32, parts: &[Part]) {
    say!("epoch {epoch}, from what lies on the chain");
    let mut table = list(["contract", "", "by the rule", "as posted", ""]);
    for part in parts {
        for value in &part.values {
            let state = match value.is_same() {
                None => "not posted",
                Some(false) => "FALSE",
                Some(true) if part.is_final => "right and final",
                Some(true) => "right",
            };
            let posted = value.posted.clone().unwrap_or_default();
            table.add_row([
                part.contract.to_owned(),
                value.what.to_owned(),
                value.computed.clone(),
                posted,
                state.to_owned(),
            ]);
        }
    }
    say!("{table}");
}
