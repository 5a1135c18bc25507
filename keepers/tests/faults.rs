//! What breaks around a provider: its process, the chain under it, its connection, its disk. Whatever it is, every task settles
//! exactly once.

mod common;

use std::time::{Duration, Instant};

use alloy::primitives::U256;
use assay_contracts::JobEscrow;
use assay_keepers::{
    provider::{Progress, Provider, ProviderHandle},
    verification::Tamper,
};
use assay_test_fixtures::{Anvil, AnvilOptions, FaultProxy, Faults};
use tokio_util::sync::CancellationToken;

use common::{
    Devnet, Opened, PROVIDERS, eventually,
    process::{Process, Role},
    progress,
};

/// The first provider in a process of its own.
fn start_process(net: &Devnet) -> Process {
    let key = Anvil::KEYS[2].parse().unwrap();
    Process::start(net, "process", &key, &Role::Provider(Box::new(net.config("process"))), &Tamper::default())
}

async fn check_all(net: &Devnet, order: &Opened) {
    net.all_settled(order).await;
    assert_eq!(net.reserved().await, U256::ZERO);
    eventually("no stake is locked", || async { (net.locked(PROVIDERS[0]).await == 0).then_some(()) }).await;
}

#[tokio::test]
async fn killed_before_between_and_after_each_step() {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.1), ..AnvilOptions::default() }).await;
    let order = net.order(64, |_| {}).await;
    for stage in ["took", "computed", "committed", "settled"] {
        let mut process = start_process(&net);
        process.event(stage).await;
        process.kill().await;
    }
    let mut process = start_process(&net);
    process.event("started").await;
    check_all(&net, &order).await;
    // Nothing was committed a second time under another root.
    assert_eq!(
        net.events::<JobEscrow::BatchCommitted>().await.len(),
        net.events::<JobEscrow::BatchSettled>().await.len()
    );
    assert!(net.events::<JobEscrow::TakeExpired>().await.is_empty());
    assert!(process.terminate().await, "SIGTERM ends it well");
}

#[tokio::test]
async fn killed_at_any_moment() {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.1), ..AnvilOptions::default() }).await;
    let order = net.order(90, |_| {}).await;
    for run in 0..14u64 {
        let process = start_process(&net);
        tokio::time::sleep(Duration::from_millis(90 + 53 * (run * 7 % 11))).await;
        process.kill().await;
    }
    let process = start_process(&net);
    check_all(&net, &order).await;
    process.kill().await;
}

/// Reorganises `depth` blocks away as soon as `stage` shows.
async fn reorged(depth: u64, stage: &impl Fn(&Progress) -> bool) {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.1), ..AnvilOptions::default() }).await;
    // The order itself must survive.
    let order = net.order(24, |_| {}).await;
    net.anvil.mine(depth).await;
    let provider = net.provider(0).await;
    let mut events = provider.subscribe();
    progress(&mut events, "the stage", stage).await;
    net.anvil.reorg(depth).await;
    check_all(&net, &order).await;
    drop(provider);
}

/// The depths from `first` in steps of three: three tests together go through each from 1 to 20, every one on a chain of its own.
async fn reorged_by_every_third(first: u64, stage: impl Fn(&Progress) -> bool) {
    futures::future::join_all((first..=20).step_by(3).map(|depth| reorged(depth, &stage))).await;
}

#[tokio::test]
async fn a_reorganisation_that_drops_a_take() {
    reorged_by_every_third(1, |event| matches!(event, Progress::Took { .. })).await;
}

#[tokio::test]
async fn a_reorganisation_that_drops_a_commit() {
    reorged_by_every_third(2, |event| matches!(event, Progress::Committed { .. })).await;
}

#[tokio::test]
async fn a_reorganisation_that_drops_a_settlement() {
    reorged_by_every_third(3, |event| matches!(event, Progress::Settled { .. })).await;
}

async fn provider_at(net: &Devnet, url: &str) -> ProviderHandle {
    Provider::start(net.config("proxied"), net.setup_at(0, url), CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_that_limits_hangs_and_loses_answers() {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.5), ..AnvilOptions::default() }).await;
    let proxy = FaultProxy::spawn(net.anvil.url()).await;
    proxy.set(Faults {
        too_many_requests_every: 11,
        hang_every: 97,
        lose_answer_every: 17,
        hang: Duration::from_secs(2),
        ..Faults::default()
    });
    let provider = provider_at(&net, &proxy.url()).await;
    let order = net.order(40, |_| {}).await;
    check_all(&net, &order).await;
    drop(provider);
}

#[tokio::test]
async fn an_endpoint_with_stale_heads() {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.1), ..AnvilOptions::default() }).await;
    let proxy = FaultProxy::spawn(net.anvil.url()).await;
    let provider = provider_at(&net, &proxy.url()).await;
    let order = net.order(40, |_| {}).await;
    // Now ahead, now behind, as behind a balancer.
    let swing = async {
        loop {
            for lag in [6, 0, 3, 0] {
                proxy.set(Faults { lag, ..Faults::default() });
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    };
    tokio::select! {
        () = check_all(&net, &order) => {}
        () = swing => {}
    }
    drop(provider);
}

#[tokio::test]
async fn an_endpoint_that_is_down_at_start_and_in_the_middle() {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.1), ..AnvilOptions::default() }).await;
    let mut proxy = FaultProxy::spawn(net.anvil.url()).await;
    proxy.stop().await;
    let provider = provider_at(&net, &proxy.url()).await;
    let mut events = provider.subscribe();
    let order = net.order(60, |_| {}).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.start().await;
    progress(&mut events, "a commit", |event| matches!(event, Progress::Committed { .. })).await;
    proxy.stop().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    proxy.start().await;
    check_all(&net, &order).await;
    drop(provider);
}

#[tokio::test]
async fn a_full_store_loses_nothing_and_goes_on_when_there_is_room() {
    let net = Devnet::start().await;
    let mut config = net.config("full");
    // Just room for the tables: the first actions do not fit.
    let provider = Provider::start(config.clone(), net.setup(0), CancellationToken::new()).await.unwrap();
    eventually("it has read the chain", || async { provider.snapshot().await.unwrap().caught_up.then_some(()) }).await;
    drop(provider);
    let path = config.store.clone();
    let pages = eventually("its size", || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        std::fs::metadata(&path).ok().map(|meta| meta.len() / 4096)
    })
    .await;
    config.store_max_pages = Some(pages as u32 + 1);
    let provider = Provider::start(config.clone(), net.setup(0), CancellationToken::new()).await.unwrap();
    let order = net.order(200, |order| order.settleWindow = 3_600).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(net.batches(&order).await.len() < 13, "the limit never bit");
    drop(provider);
    // Room again.
    config.store_max_pages = None;
    let provider = eventually("the store is free again", || async {
        Provider::start(config.clone(), net.setup(0), CancellationToken::new()).await.ok()
    })
    .await;
    let started = Instant::now();
    eventually("everything is committed", || async {
        let tasks: u32 = net.batches(&order).await.iter().map(|batch| batch.count).sum();
        (tasks == 200).then_some(())
    })
    .await;
    println!("went on within {:?}", started.elapsed());
    drop(provider);
}

#[tokio::test]
async fn a_blob_store_that_cannot_write_keeps_the_results_waiting() {
    let net = Devnet::start().await;
    let blocker = net.path("blobs").join("batches");
    let provider = net.provider(0).await;
    // A file where the folder should be: every write fails, whoever asks.
    std::fs::write(&blocker, b"").unwrap();
    let mut events = provider.subscribe();
    let order = net.order(20, |_| {}).await;
    progress(
        &mut events,
        "the results",
        |event| matches!(event, Progress::Computed { done, total, .. } if done == total),
    )
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(net.batches(&order).await.is_empty(), "nothing is committed whose results are not stored");
    std::fs::remove_file(&blocker).unwrap();
    check_all(&net, &order).await;
    let snapshot = provider.snapshot().await.unwrap();
    assert_eq!(snapshot.tasks_computed, 20, "nothing was computed twice");
    drop(provider);
}
