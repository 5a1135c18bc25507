//! What breaks: the RPC, the disk, the process, and configurations that cannot work.

use crate::{
    life::{compare, live},
    reorg::{Dice, Traffic},
    world::{Running, World, assert_same},
};
use assay_indexer::{CancellationToken, Indexer, IndexerConfig};
use assay_test_fixtures::{Anvil, AnvilOptions, FaultProxy, Faults};
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Asserts that `indexer` ends as a fresh index of the chain does.
async fn assert_whole(world: &World, indexer: &Running, context: &str) {
    world.synced(indexer).await;
    compare(world, indexer).await;
    let fresh = world.index("fresh").await;
    world.synced(&fresh).await;
    assert_same(&indexer.config.database, &fresh.config.database, context).await;
    fresh.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_rpc_loses_and_doubles_nothing() {
    let world = World::new().await;
    let proxy = FaultProxy::spawn(world.anvil.url()).await;
    proxy.set(Faults {
        too_many_requests_every: 5,
        hang_every: 17,
        lose_answer_every: 7,
        hang: Duration::from_secs(30),
        lag: 2,
    });
    let mut config = world.config("faulty");
    config.rpc_url = proxy.url();
    config.rpc_timeout_ms = 200;
    let indexer = Running::start(config).await.unwrap();
    live(&world).await;
    world.anvil.reorg(6).await;
    let (mut dice, mut traffic) = (Dice::new(9), Traffic::default());
    for _ in 0..15 {
        traffic.act(&world, &mut dice).await;
    }
    // Which requests fail is counted, not timed: sooner or later one that ends the stream does.
    while retries(&indexer).await == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.set(Faults::default());
    assert_whole(&world, &indexer, "after faults").await;
}

/// How often indexing stopped and tried again, as `/metrics` says.
async fn retries(indexer: &Running) -> String {
    let metrics = indexer.http.get(format!("{}/metrics", indexer.url)).send().await.unwrap().text().await.unwrap();
    let value = metrics.lines().find_map(|line| line.strip_prefix("assay_indexer_retries_total "));
    value.expect("the counter is there from the start").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_that_is_down_is_waited_for() {
    let world = World::new().await;
    let mut proxy = FaultProxy::spawn(world.anvil.url()).await;
    proxy.stop().await;
    let mut config = world.config("down");
    config.rpc_url = proxy.url();
    let indexer = Running::start(config).await.unwrap();
    indexer.until(|progress| progress.trouble.is_some()).await;
    let (status, ready) = indexer.get("/ready").await;
    assert_eq!((status, &ready["ready"]), (503, &false.into()), "{ready}");
    assert_eq!(ready["error"]["code"], "rpc_unreachable");
    assert!(!ready.to_string().contains("http://"), "the RPC's URL may hold a key: {ready}");
    assert_eq!(indexer.get("/v1/orders").await.0, 200, "what is indexed is served");

    proxy.start().await;
    live(&world).await;
    world.synced(&indexer).await;
    indexer.until(|progress| progress.trouble.is_none()).await;
    assert_eq!(indexer.get("/ready").await.0, 200);

    proxy.stop().await;
    indexer.until(|progress| progress.trouble.is_some()).await;
    assert_eq!(indexer.get("/ready").await.0, 503);
    world.anvil.reorg(3).await;
    world.open(3, 99).await;
    proxy.start().await;
    assert_whole(&world, &indexer, "after the RPC came back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_index_is_not_ready() {
    let world = World::new().await;
    let proxy = FaultProxy::spawn(world.anvil.url()).await;
    let mut config = world.config("lagging");
    config.rpc_url = proxy.url();
    config.ready_max_behind = 0;
    // The node is asked for its head often, for blocks hardly ever.
    config.follow.poll_interval_ms = 3_600_000;
    let indexer = Running::start(config).await.unwrap();
    indexer.until(|progress| progress.caught_up).await;
    assert_eq!(indexer.get("/ready").await.0, 200);
    world.anvil.mine(3).await;
    indexer.until(|progress| progress.behind() == Some(3)).await;
    let (status, ready) = indexer.get("/ready").await;
    assert_eq!((status, &ready["error"]["code"], &ready["behind"]), (503, &"behind".into(), &3.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_out() {
    // Full while it reads what it missed, and while blocks come in.
    for limit in [365_000, 450_000] {
        let world = World::new().await;
        live(&world).await;
        let mut config = world.config("full");
        config.database_max_bytes = Some(limit);
        let indexer = Running::start(config.clone()).await.unwrap();
        let (mut dice, mut traffic) = (Dice::new(4), Traffic::default());
        while indexer.get("/ready").await.1["error"]["code"] != "disk_full" {
            traffic.act(&world, &mut dice).await;
        }
        // It goes on trying. A smaller group of blocks may still find room; in the end none does, and it keeps saying so.
        let (mut tries, mut full) = (0, 0);
        while full < 20 {
            traffic.act(&world, &mut dice).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            let (status, ready) = indexer.get("/ready").await;
            let is_full = ready["error"]["code"] == "disk_full";
            (tries, full) = (tries + 1, if is_full { full + 1 } else { 0 });
            assert!(status == 503 && tries < 300, "{limit} bytes: {ready}");
        }
        assert_eq!(indexer.get("/v1/orders").await.0, 200);
        indexer.stop().await.unwrap();
        config.database_max_bytes = None;
        let indexer = Running::start(config).await.unwrap();
        assert_whole(&world, &indexer, "after the disk was full").await;
    }
}

/// Not a test of its own: the process that [`a_killed_indexer_goes_on`] kills.
#[tokio::test(flavor = "multi_thread")]
async fn child_process() {
    let Ok(config) = std::env::var("ASSAY_INDEXER_TEST_CONFIG") else { return };
    let config: IndexerConfig = serde_json::from_str(&config).unwrap();
    Indexer::start(config, CancellationToken::new()).await.unwrap().stopped().await.unwrap();
}

fn spawn_child(config: &IndexerConfig) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_process", "--nocapture"])
        .env("ASSAY_INDEXER_TEST_CONFIG", serde_json::to_string(config).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_indexer_goes_on() {
    let world = World::new().await;
    let config = world.config("killed");
    let (mut dice, mut traffic) = (Dice::new(7), Traffic::default());
    for round in 0..8 {
        // Killed while it starts, while it reads what it missed, and while blocks come in.
        let mut child = spawn_child(&config);
        for _ in 0..3 {
            traffic.act(&world, &mut dice).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(400))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        if round % 3 == 2 {
            world.anvil.reorg(1 + dice.roll(5)).await;
        }
    }
    let indexer = Running::start(config).await.unwrap();
    assert_whole(&world, &indexer, "after eight kills").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused() {
    let world = World::new().await;
    let indexer = world.index("first").await;
    world.synced(&indexer).await;

    let mut taken = world.config("second");
    taken.listen = indexer.url.trim_start_matches("http://").parse().unwrap();
    let error = Running::start(taken).await.err().unwrap();
    assert_eq!(error.code(), "port_taken", "{error}");
    assert!(error.to_string().contains(&indexer.url["http://".len()..]), "{error}");

    let other = Anvil::spawn_with(&AnvilOptions { chain_id: Some(5), ..AnvilOptions::default() });
    let mut wrong = world.config("third");
    wrong.rpc_url = other.url().to_owned();
    let error = Running::start(wrong).await.unwrap().ended().await.unwrap_err();
    assert_eq!(error.code(), "wrong_chain");
    assert!(error.to_string().contains("chain 5"), "{error}");

    let database = indexer.config.database.clone();
    indexer.stop().await.unwrap();
    let mut suite = world.suite.clone();
    suite.job_escrow = alloy::primitives::Address::repeat_byte(1);
    let mut foreign = world.config("fourth");
    foreign.database = database;
    foreign.suite = world.folder.path().join("other.json");
    assay_contracts::deploy::write(&suite, &foreign.suite).unwrap();
    let error = Running::start(foreign).await.err().unwrap();
    assert_eq!(error.code(), "wrong_suite", "{error}");

    let mut missing = world.config("fifth");
    missing.suite = world.folder.path().join("none.json");
    assert_eq!(Running::start(missing).await.err().unwrap().code(), "bad_deployment");
    let mut url = world.config("sixth");
    url.rpc_url = "ftp://example".to_owned();
    assert_eq!(Running::start(url).await.err().unwrap().code(), "bad_rpc_url");
}
