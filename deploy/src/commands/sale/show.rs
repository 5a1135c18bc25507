//! `assay sale show`

use alloy::primitives::U256;
use assay_contracts::{NodeSale, Sale, sale::Terms};
use serde_json::{Value, json};

use super::{super::Context, find, now, tokens};
use crate::{
    chain::{Chain, from_call},
    cli::SaleArgs,
    error::Result,
    output::{list, say},
    token::Token,
};

/// How a sale stands.
pub(super) struct Standing {
    pub(super) now: u64,
    pub(super) outcome: u8,
    pub(super) tiers: Vec<NodeSale::Tier>,
    pub(super) tokens: Vec<Token>,
}

impl Standing {
    pub(super) async fn read(chain: &Chain, sale: &Sale) -> Result<Self> {
        let contract = chain.sale(sale.address);
        Ok(Self {
            now: now(chain).await?,
            outcome: contract.outcome().call().await.map_err(from_call)?,
            tiers: contract.tiers().call().await.map_err(from_call)?,
            tokens: tokens(chain, &sale.terms.tokens).await?,
        })
    }

    pub(super) fn phase(&self, terms: &Terms) -> &'static str {
        match self.outcome {
            1 => "succeeded",
            2 => "failed",
            _ if self.now < terms.allowlist_at => "not open yet",
            _ if self.now < terms.public_at => "allow-list",
            _ => "public",
        }
    }

    /// Whether a tier sells to whom the phase admits.
    pub(super) fn is_open(&self, terms: &Terms, tier: usize) -> bool {
        let reached = !terms.sequential || tier == 0 || left(&self.tiers[tier - 1]) == 0;
        self.outcome == 0 && self.now >= terms.allowlist_at && reached && left(&self.tiers[tier]) > 0
    }
}

pub(super) fn left(tier: &NodeSale::Tier) -> u32 {
    tier.supply - tier.sold
}

pub(super) async fn run(context: &Context, args: &SaleArgs) -> Result<()> {
    let chain = context.reader().await?;
    let sale = find(&chain, args)?;
    let standing = Standing::read(&chain, sale).await?;
    let mut money = Vec::new();
    for token in &standing.tokens {
        let held = token.ledger_balance(&chain, sale.address).await?;
        let releasable = chain.sale(sale.address).releasable(token.address).call().await.map_err(from_call)?;
        money.push((token, held, releasable));
    }
    let report = report(sale, &standing, &money);
    context.output.result(&report, || print(sale, &standing, &money));
    Ok(())
}

fn report(sale: &Sale, standing: &Standing, money: &[(&Token, U256, U256)]) -> Value {
    let terms = &sale.terms;
    let tier = |(index, tier): (usize, &NodeSale::Tier)| {
        let promised = &terms.tiers[index];
        json!({
            "tier": index + 1, "name": promised.name, "first": tier.first, "supply": tier.supply, "sold": tier.sold,
            "left": left(tier), "cap": tier.cap, "open": standing.is_open(terms, index), "prices": promised.prices,
        })
    };
    json!({
        "sale": sale.address,
        "license": sale.license,
        "time": standing.now,
        "phase": standing.phase(terms),
        "sold": standing.tiers.iter().map(|tier| tier.sold).sum::<u32>(),
        "supply": terms.supply(),
        "tiers": standing.tiers.iter().enumerate().map(tier).collect::<Vec<_>>(),
        "money": money.iter().map(|(token, held, releasable)| json!({
            "token": token, "held": held.to_string(), "releasable": releasable.to_string(),
        })).collect::<Vec<_>>(),
        "terms": terms,
    })
}

fn print(sale: &Sale, standing: &Standing, money: &[(&Token, U256, U256)]) {
    let terms = &sale.terms;
    let sold: u32 = standing.tiers.iter().map(|tier| tier.sold).sum();
    say!("{} ({}): {}", terms.name, terms.symbol, standing.phase(terms));
    say!("sale     {}\nlicences {}", sale.address, sale.license);
    say!("{sold} of {} sold; succeeds from {} on\n", terms.supply(), terms.soft_cap);
    let mut phases = list(["phase", "begins", "in"]);
    let times = [("allow-list", terms.allowlist_at), ("public", terms.public_at), ("end", terms.ends_at)];
    for (name, at) in times.into_iter().chain([("transfers", terms.transferable_at)]) {
        if name != "allow-list" || terms.allowlist_at < terms.public_at {
            phases.add_row([name.to_owned(), at.to_string(), distance(standing.now, at)]);
        }
    }
    say!("{phases}\n");
    let mut tiers = list(["tier", "name", "price", "", "sold", "left", "cap", ""]);
    let dearest = |token: usize| terms.tiers.iter().map(|tier| tier.prices[token].0).max().unwrap_or(1).max(1);
    for (index, tier) in standing.tiers.iter().enumerate() {
        let prices = terms.tiers[index].prices.iter().zip(&standing.tokens).filter(|(price, _)| price.0 != 0);
        let prices: Vec<_> = prices.map(|(price, token)| token.format(U256::from(price.0))).collect();
        // The price curve, by the first token.
        let length = (terms.tiers[index].prices[0].0.saturating_mul(20) / dearest(0)) as usize;
        tiers.add_row([
            (index + 1).to_string(),
            terms.tiers[index].name.clone(),
            prices.join(" or "),
            "█".repeat(length),
            tier.sold.to_string(),
            left(tier).to_string(),
            if tier.cap == 0 { "-".to_owned() } else { tier.cap.to_string() },
            if standing.is_open(terms, index) { "open".to_owned() } else { String::new() },
        ]);
    }
    say!("{tiers}\n");
    let mut held = list(["token", "in the sale's ledger account", "free for the seller"]);
    for (token, amount, releasable) in money {
        held.add_row([token.symbol.clone(), token.format(*amount), token.format(*releasable)]);
    }
    say!("{held}");
}

/// How far `at` is, in its largest unit.
fn distance(now: u64, at: u64) -> String {
    let seconds = now.abs_diff(at);
    let text = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if at < now { format!("{text} ago") } else { text }
}
