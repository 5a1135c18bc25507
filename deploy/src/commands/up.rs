//! `assay up`: the devnet of the demo, kept running.

use alloy::providers::Provider as _;
use serde_json::json;

use super::Context;
use crate::{
    chain::{Chain, from_rpc},
    cli::UpArgs,
    devnet::{Devnet, Setup, accounts, stopped_by_signal},
    error::{Error, Result},
    keys,
    output::{list, say},
};

/// Seats without which an order with two validators a task is not taken.
const SEATS_NEEDED: usize = 4;

/// Blocks in a row that could not be made before it is over: half a minute, in which a busy machine recovers.
const MOST_MISSES: u32 = 30;

/// Blocks that could not be made, in a row.
#[derive(Debug, Default)]
struct Misses(u32);

impl Misses {
    /// One failure is worth a warning, which it answers; many in a row are the end.
    fn judge(&mut self, mined: Result<()>) -> Result<Option<Error>> {
        self.0 = if mined.is_ok() { 0 } else { self.0 + 1 };
        match mined {
            Err(error) if self.0 >= MOST_MISSES => Err(error),
            mined => Ok(mined.err()),
        }
    }
}

pub(super) async fn run(context: &Context, args: &UpArgs) -> Result<()> {
    let model = args.model.clone().unwrap_or_else(|| context.config.model.clone());
    let setup = Setup {
        rpc_port: args.rpc_port,
        http_port: args.http_port,
        source: args.source.clone(),
        model,
        validators: args.validators.into(),
        nodes: !args.no_nodes,
    };
    let mut devnet = crate::devnet::or_interrupted(Devnet::start(context.output, &context.config, &setup)).await?;
    // What other terminals need to find the chain by default settings: its record, as `assay deploy` writes it.
    let chain: Chain = devnet.connect(accounts::CUSTOMER).await?;
    announce(context, &devnet, &chain, args.validators.into());
    let stop = stopped_by_signal();
    tokio::pin!(stop);
    let mut misses = Misses::default();
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {
                devnet.check_provider().await?;
                // Blocks come at once with transactions; clocks and beacon need some without.
                let mined = chain.provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await;
                if let Some(miss) = misses.judge(mined.map(drop).map_err(from_rpc))? {
                    devnet.anvil.check()?;
                    context.output.note(format!("no block this second, the next one tries again: {miss}"));
                }
            }
        }
    }
    context.output.note("stopping");
    devnet.stop().await.map(drop)
}

fn announce(context: &Context, devnet: &Devnet, chain: &Chain, validators: usize) {
    let mut people: Vec<_> = [
        ("admin", accounts::ADMIN),
        ("provider", accounts::PROVIDER),
        ("customer", accounts::CUSTOMER),
        ("model owner", accounts::MODEL_OWNER),
        ("buyer of nodes", accounts::BUYER),
    ]
    .map(|(name, index)| (name.to_owned(), index))
    .into();
    people.extend((0..validators).map(|n| (format!("validator {}", n + 1), accounts::VALIDATOR + n)));
    let accounts: Vec<_> = people
        .iter()
        .map(|(name, index)| json!({ "name": name, "address": keys::anvil(*index).address(), "key": format!("anvil:{index}") }))
        .collect();
    let explorer = format!("http://{}", devnet.indexer.address());
    let file = devnet.config.chains.with_file_name("assay.toml");
    let report = json!({
        "rpc_url": devnet.anvil.url,
        "chain_id": chain.suite.chain_id,
        "indexer": explorer,
        "config": file,
        "model": devnet.model,
        "operator": devnet.operator(),
        "suite": chain.suite,
        "accounts": accounts,
    });
    context.output.result(&report, || {
        let mut endpoints = list(["what", "where"]);
        endpoints.add_row(["chain (JSON-RPC)", &devnet.anvil.url]);
        endpoints.add_row(["page and API", &explorer]);
        endpoints.add_row(["API description", &format!("{explorer}/openapi.json")]);
        endpoints.add_row(["model", &devnet.model.to_string()]);
        say!("{endpoints}\n");
        say!("{}\n", super::deploy::contracts(&chain.suite));
        let mut dev = list(["account", "address", "--key"]);
        for (name, index) in &people {
            dev.add_row([name.clone(), keys::anvil(*index).address().to_string(), format!("anvil:{index}")]);
        }
        say!("{dev}\n");
        say!("Try, in another terminal:\n");
        say!("  export ASSAY_CONFIG={}", file.display());
        say!("  echo 'who pays when a provider lies?' | assay embed - --key anvil:{}", accounts::CUSTOMER);
        if validators >= SEATS_NEEDED {
            say!(
                "  echo 'a task that validators re-execute' | assay embed - --verify --key anvil:{}",
                accounts::CUSTOMER
            );
        }
        say!("  assay sale show");
        say!("  assay sale buy --quantity 2 --key anvil:{}", accounts::BUYER);
        if let Some(operator) = devnet.operator() {
            say!(
                "  assay nodes delegate --to {operator} --key anvil:{}    (rewards: some six minutes later)",
                accounts::BUYER
            );
            say!("  assay rewards show --key anvil:{}", accounts::BUYER);
        }
        say!("  assay order list");
        say!("  assay account show --key anvil:{}", accounts::PROVIDER);
        say!("  curl -s {explorer}/v1/stats\n");
        say!("Ctrl-C stops everything.");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_fail_now_and_then_end_nothing() {
        let failed = || Err(Error::failure("rpc_failed", "busy"));
        let mut misses = Misses::default();
        for _ in 0..3 {
            for _ in 1..MOST_MISSES {
                assert_eq!(misses.judge(failed()).unwrap().unwrap().code(), "rpc_failed", "a warning");
            }
            assert!(misses.judge(Ok(())).unwrap().is_none());
        }
        for _ in 1..MOST_MISSES {
            misses.judge(failed()).unwrap();
        }
        assert_eq!(misses.judge(failed()).unwrap_err().code(), "rpc_failed");
    }
}
