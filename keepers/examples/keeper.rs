//! A keeper as a process of its own: `keeper SETUP.json`, with the key in `ASSAY_KEY`. A provider prints each progress event as a
//! line of JSON, a checker each examination. The tests kill it at every stage; it also shows how little it takes to embed a keeper.

use std::{path::PathBuf, time::Duration};

use alloy::{network::EthereumWallet, providers::DynProvider, signers::local::PrivateKeySigner};
use assay_blobs::Blobs;
use assay_contracts::{Suite, rpc};
use assay_keepers::{
    challenger, checker, epochs,
    provider::{Provider, ProviderConfig, ProviderSetup},
    supervise::shutdown_signal,
    validator,
    verification::{self, Tamper},
};
use tokio_util::sync::CancellationToken;

#[derive(serde::Deserialize)]
struct Setup {
    rpc: String,
    suite: Suite,
    blobs: PathBuf,
    tamper: Tamper,
    role: Role,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Provider(Box<ProviderConfig>),
    Validator(validator::Config),
    Challenger(challenger::Config),
    Checker(checker::Config),
    Epochs(epochs::Config),
}

/// What every role works with.
struct Means {
    suite: Suite,
    rpc: DynProvider,
    wallet: EthereumWallet,
    blobs: Blobs,
    tamper: Tamper,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let path = std::env::args().nth(1).ok_or("usage: keeper SETUP.json")?;
    let Setup { rpc, suite, blobs, tamper, role } = serde_json::from_slice(&std::fs::read(path)?)?;
    let key: PrivateKeySigner = std::env::var("ASSAY_KEY")?.parse()?;
    let rpc = rpc::connect(&rpc, Duration::from_secs(5))?;
    let signer = key.clone();
    let means = Means { suite, rpc, wallet: key.into(), blobs: Blobs::files(&blobs)?, tamper };
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        shutdown_signal().await;
        stop.cancel();
    });
    match role {
        Role::Provider(config) => provide(*config, means, shutdown).await?,
        Role::Validator(config) => validator::run(config, means.into(), shutdown).await?,
        Role::Challenger(config) => challenger::run(config, means.into(), shutdown).await?,
        Role::Checker(config) => check(config, means, signer, shutdown).await?,
        Role::Epochs(config) => {
            let Means { suite, rpc, wallet, blobs, .. } = means;
            epochs::run(config, epochs::Setup { suite, rpc, wallet, blobs }, shutdown).await?;
        }
    }
    Ok(())
}

async fn provide(config: ProviderConfig, means: Means, shutdown: CancellationToken) -> assay_keepers::Result<()> {
    let Means { suite, rpc, wallet, blobs, tamper } = means;
    let setup = ProviderSetup { suite, rpc, wallet, blobs };
    let provider = Provider::start_tampered(config, setup, tamper, shutdown).await?;
    let mut events = provider.subscribe();
    println!("{}", serde_json::json!({ "event": "started" }));
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            println!("{}", serde_json::to_string(&event).unwrap_or_default());
        }
    });
    provider.wait().await
}

async fn check(
    config: checker::Config,
    means: Means,
    key: PrivateKeySigner,
    shutdown: CancellationToken,
) -> assay_keepers::Result<()> {
    let setup = checker::Setup { suite: means.suite, rpc: means.rpc, key };
    let checker = checker::start(config, setup, shutdown).await?;
    let mut events = checker.subscribe();
    println!("{}", serde_json::json!({ "event": "started" }));
    tokio::spawn(async move {
        while let Ok(examined) = events.recv().await {
            println!("{}", serde_json::json!({ "event": "examined", "seat": examined }));
        }
    });
    checker.wait().await
}

impl From<Means> for verification::Setup {
    fn from(means: Means) -> Self {
        let Means { suite, rpc, wallet, blobs, tamper } = means;
        Self { suite, rpc, wallet, blobs, tamper }
    }
}
