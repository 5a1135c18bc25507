//! Measures a backfill against a bare loop of `eth_getLogs` over the same chain, and prints both as JSON.
//!
//! `cargo run -p assay-indexer --example backfill -- 60000`

#[allow(dead_code, unreachable_pub)]
#[path = "../tests/it/world.rs"]
mod world;

use alloy::{
    primitives::{Address, U256, keccak256},
    providers::Provider,
};
use assay_contracts::{Ledger::Credit, events};
use std::time::{Duration, Instant};
use world::{NATIVE, Running, World};

/// Payments of one transaction, each an event.
const PAYMENTS: u64 = 400;

#[tokio::main]
async fn main() {
    let wanted: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60_000);
    let world = World::new().await;
    for round in 0..wanted.div_ceil(PAYMENTS) {
        // A tenth of the payees are new each time, as customers of a market would be.
        let payee = |index: u64| Address::from_word(keccak256((index + round * PAYMENTS / 10).to_be_bytes()));
        let credits = (0..PAYMENTS).map(|index| Credit { to: payee(index), amount: U256::from(1) }).collect();
        let pay = world.ledger.pay(NATIVE, credits).gas(29_000_000);
        world.must(world.customer, pay.into_transaction_request()).await;
    }
    world.anvil.mine(100).await;

    let (events, bare) = get_logs(&world).await;
    let started = Instant::now();
    let indexer = Running::start(world.config("backfill")).await.expect("a fresh index starts");
    world.synced(&indexer).await;
    let indexed = started.elapsed();
    assert_eq!(indexer.ok("/v1/stats").await["events"], events, "every event is in the tables");
    let rate = |took: Duration| (events as f64 / took.as_secs_f64()).round();
    println!(
        "{}",
        serde_json::json!({
            "events": events,
            "get_logs_events_per_second": rate(bare),
            "indexed_events_per_second": rate(indexed),
            "ratio": bare.as_secs_f64() / indexed.as_secs_f64(),
        })
    );
}

/// Fetches and counts every log in ranges of a thousand blocks, and does nothing with them.
async fn get_logs(world: &World) -> (usize, Duration) {
    let head = world.provider.get_block_number().await.expect("anvil answers");
    let started = Instant::now();
    let mut events = 0;
    for from in (world.suite.block..=head).step_by(1_000) {
        let filter = events::filter(&world.suite).from_block(from).to_block(head.min(from + 999));
        events += world.provider.get_logs(&filter).await.expect("anvil answers").len();
    }
    (events, started.elapsed())
}
