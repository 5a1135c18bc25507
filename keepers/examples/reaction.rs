//! How long a provider takes from what it sees to the transaction that answers it: single-task orders, one after another, on a
//! real chain with the tiny model, whose kernel time is nothing. Prints
//! `{"orders", "reactions", "p50_ms", "p99_ms"}`.
//!
//! ```text
//! cargo run -p assay-keepers --example reaction -- [ORDERS, at most 250]
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Devnet, eventually};

#[tokio::main]
async fn main() {
    let orders: u64 = std::env::args().nth(1).map_or(200, |n| n.parse().expect("a number of orders"));
    let devnet = Devnet::start().await;
    let provider = devnet.provider(0).await;
    for done in 0..orders {
        devnet.order(1, |_| {}).await;
        eventually("the order is committed", || async {
            (provider.snapshot().await.ok()?.batches_committed > done).then_some(())
        })
        .await;
    }
    let snapshot = provider.snapshot().await.expect("the provider runs");
    let (p50, p99) = (snapshot.reaction_p50_ms.unwrap_or_default(), snapshot.reaction_p99_ms.unwrap_or_default());
    println!(r#"{{"orders":{orders},"reactions":{},"p50_ms":{p50:.2},"p99_ms":{p99:.2}}}"#, snapshot.reactions);
    provider.stop();
    provider.wait().await.expect("it stops in order");
}
