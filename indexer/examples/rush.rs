//! Thousands buy from one sale at once; prints what came of it as JSON.
//!
//! `cargo run -p assay-indexer --example rush -- 5000`

#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../tests/it/document.rs"]
mod document;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../tests/it/rush.rs"]
mod rush;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../tests/it/sales.rs"]
mod sales;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../tests/it/world.rs"]
mod world;

#[tokio::main]
async fn main() {
    let buyers = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let rush = rush::rush(buyers, 1).await;
    println!("{}", serde_json::to_string(&rush).expect("plain data"));
}
