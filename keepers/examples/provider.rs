//! A provider as a process of its own: `provider SETUP.json`, with the key in `ASSAY_KEY`. Prints each progress event as a line of
//! JSON. The tests kill it at every stage; it also shows how little it takes to embed a provider.

use std::{path::PathBuf, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use assay_blobs::Blobs;
use assay_contracts::{Suite, rpc};
use assay_keepers::{
    provider::{Provider, ProviderConfig, ProviderSetup},
    supervise::shutdown_signal,
};
use tokio_util::sync::CancellationToken;

#[derive(serde::Deserialize)]
struct Setup {
    rpc: String,
    suite: Suite,
    blobs: PathBuf,
    config: ProviderConfig,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let path = std::env::args().nth(1).ok_or("usage: provider SETUP.json")?;
    let setup: Setup = serde_json::from_slice(&std::fs::read(path)?)?;
    let key: PrivateKeySigner = std::env::var("ASSAY_KEY")?.parse()?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        shutdown_signal().await;
        stop.cancel();
    });
    let provider = Provider::start(
        setup.config,
        ProviderSetup {
            suite: setup.suite,
            rpc: rpc::connect(&setup.rpc, Duration::from_secs(5))?,
            wallet: key.into(),
            blobs: Blobs::files(&setup.blobs)?,
        },
        shutdown,
    )
    .await?;
    let mut events = provider.subscribe();
    println!("{}", serde_json::json!({ "event": "started" }));
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            println!("{}", serde_json::to_string(&event).unwrap_or_default());
        }
    });
    Ok(provider.wait().await?)
}
