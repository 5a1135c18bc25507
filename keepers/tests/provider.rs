//! The provider on a real chain: what it takes, what it leaves alone and why, and what it does when somebody is in its way.

mod common;

use std::time::Duration;

use alloy::primitives::{Address, U256, aliases::U40};
use assay_contracts::JobEscrow;
use assay_keepers::{
    provider::{Progress, Provider, ProviderHandle},
    tx::ActionState,
};
use assay_test_fixtures::AnvilOptions;
use tokio_util::sync::CancellationToken;

use common::{CUSTOMER, Devnet, Opened, PROVIDERS, STAKE, eventually, progress};

#[tokio::test]
async fn an_order_is_taken_computed_committed_and_settled() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let mut events = provider.subscribe();
    let before = net.balance(PROVIDERS[0]).await;
    let order = net.order(70, |_| {}).await;
    net.all_settled(&order).await;

    let seen = progress(&mut events, "the order is seen", |event| matches!(event, Progress::SawOrder { .. })).await;
    assert_eq!(seen, Progress::SawOrder { order_id: order.id, customer: CUSTOMER, tasks: 70 });
    let batches = net.batches(&order).await;
    assert_eq!(batches.iter().map(|batch| batch.count).collect::<Vec<_>>(), [16, 16, 16, 16, 6]);
    let units: u64 = order.rows.iter().map(|row| row.len() as u64 / 2).sum();
    assert_eq!(batches.iter().map(|batch| batch.units).sum::<u64>(), units);
    let gross = u128::from(units) * order.order.unitPrice;
    let earned = net.balance(PROVIDERS[0]).await - before;
    assert!(earned > U256::from(gross * 92 / 100) && earned <= U256::from(gross * 925 / 1000), "{earned} of {gross}");
    assert_eq!(net.reserved().await, U256::ZERO);
    assert_eq!(net.locked(PROVIDERS[0]).await, 0);

    // The published results are the committed ones, and the model's.
    for batch in &batches {
        let scope = assay_kernels::commit::BatchScope {
            chain_id: 31_337,
            order_id: order.id.0,
            provider: PROVIDERS[0].into_array(),
            first: batch.first,
        };
        let blob = net.blobs.get_batch(&batch.root.0, scope).await.unwrap();
        let task = &blob.tasks()[0];
        assert_eq!(task.row, net.model.run(&[&order.rows[batch.first as usize]]).unwrap()[0]);
    }
    let snapshot = provider.snapshot().await.unwrap();
    assert_eq!((snapshot.tasks_computed, snapshot.batches_committed), (70, 5));
    assert!(snapshot.peak_rss_bytes.is_some_and(|bytes| bytes > 0) && snapshot.reactions >= 10);
    println!(
        "reaction p50 {:?} ms, p99 {:?} ms of {}",
        snapshot.reaction_p50_ms, snapshot.reaction_p99_ms, snapshot.reactions
    );
    stop(provider).await;
}

#[tokio::test]
async fn what_is_left_of_a_small_order_is_taken_and_committed_at_once() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let before = net.sent(PROVIDERS[0]).await;
    let order = net.order(1, |_| {}).await;
    net.all_settled(&order).await;
    assert!(net.events::<JobEscrow::Taken>().await.is_empty());
    assert_eq!(net.sent(PROVIDERS[0]).await, before + 2, "takeAndCommit and settle");
    stop(provider).await;
}

#[tokio::test]
async fn a_receipt_settles_at_once() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let order = net.order(20, |order| order.settleWindow = 3_600).await;
    let batches = eventually("two batches", || async {
        let batches = net.batches(&order).await;
        (batches.len() == 2).then_some(batches)
    })
    .await;
    // A signature by somebody else is tried, refused by simulation, and costs nothing.
    net.blobs.put_receipt(&batches[0].root.0, vec![7; 65]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(net.settled(&order).await.is_empty());
    for batch in &batches {
        net.blobs.put_receipt(&batch.root.0, net.receipt(batch).to_vec()).await.unwrap();
    }
    net.all_settled(&order).await;
    let settled = net.events::<JobEscrow::BatchSettled>().await;
    assert!(settled.iter().all(|event| event.accepted));
    stop(provider).await;
}

#[tokio::test]
async fn ten_thousand_tasks_make_one_batch_when_the_order_says_so() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let order = net.order(10_000, |order| order.minBatch = 10_000).await;
    net.all_settled(&order).await;
    assert_eq!(net.batches(&order).await.len(), 1);
    stop(provider).await;
}

#[tokio::test]
async fn many_orders_are_worked_on_at_once() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let mut orders = Vec::new();
    for tasks in [3, 17, 40, 8, 21] {
        orders.push(net.order(tasks, |_| {}).await);
    }
    for order in &orders {
        net.all_settled(order).await;
    }
    stop(provider).await;
}

/// Opens an order that must be left alone, and gives the code of the reason.
async fn refused(net: &Devnet, provider: &ProviderHandle, order: &Opened) -> &'static str {
    let mut events = provider.subscribe();
    let known =
        provider.snapshot().await.unwrap().refused.iter().find(|(id, _)| *id == order.id).map(|(_, why)| why.code);
    let code = match known {
        Some(code) => code,
        None => {
            let event = progress(
                &mut events,
                "a refusal",
                |event| matches!(event, Progress::Refused { order_id, .. } if *order_id == order.id),
            )
            .await;
            let Progress::Refused { refusal, .. } = event else { unreachable!() };
            refusal.code
        }
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        !net.events::<JobEscrow::Taken>().await.iter().any(|taken| taken.orderId == order.id),
        "{code}: taken all the same"
    );
    code
}

#[tokio::test]
async fn what_does_not_suit_is_left_alone_with_a_reason_and_costs_nothing() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let sent = net.sent(PROVIDERS[0]).await;
    let now = net.now().await;
    let order = net.order(5, |order| order.unitPrice = 500).await;
    assert_eq!(refused(&net, &provider, &order).await, "price_under_floor", "500 gross is 462 net");
    let order = net.order(5, |order| order.deadline = U40::from(now + 12)).await;
    assert_eq!(refused(&net, &provider, &order).await, "deadline_too_near");
    let order = net.order(5, |order| order.takeWindow = 3).await;
    assert_eq!(refused(&net, &provider, &order).await, "take_window_too_short");
    let order = net.order(5, |order| order.demandWindow = 1).await;
    assert_eq!(refused(&net, &provider, &order).await, "demand_window_too_short");
    // Its code stops at once, which says yes to every question that asks for no answer.
    let stranger = Address::repeat_byte(0x77);
    net.anvil.rpc("anvil_setCode", serde_json::json!([stranger, "0x00"])).await;
    let order = net.order(5, |order| order.verification = stranger).await;
    assert_eq!(refused(&net, &provider, &order).await, "verification");
    let order = net.order(5, |order| order.stakePerBatch = u128::from(STAKE)).await;
    assert_eq!(refused(&net, &provider, &order).await, "insufficient_stake");
    let order = net.order(5, |order| order.unitCap = 1).await;
    assert_eq!(refused(&net, &provider, &order).await, "units_over_cap");
    assert_eq!(net.sent(PROVIDERS[0]).await, sent, "no transaction was sent");
    // It still serves what suits.
    let order = net.order(5, |_| {}).await;
    net.all_settled(&order).await;
    stop(provider).await;
}

#[tokio::test]
async fn a_provider_without_stake_says_so_and_starts_when_it_has_some() {
    let net = Devnet::start().await;
    let staking = assay_contracts::Staking::new(net.suite.staking, &net.rpc);
    let free = U256::from(STAKE);
    staking.thaw(net.suite.job_escrow, free).from(PROVIDERS[0]).send().await.unwrap().get_receipt().await.unwrap();
    let provider = net.provider(0).await;
    let order = net.order(20, |_| {}).await;
    assert_eq!(refused(&net, &provider, &order).await, "insufficient_stake");
    let call = staking.stake(PROVIDERS[0], net.suite.job_escrow, U256::from(1_000_000)).from(PROVIDERS[0]);
    call.send().await.unwrap().get_receipt().await.unwrap();
    net.all_settled(&order).await;
    stop(provider).await;
}

#[tokio::test]
async fn missing_inputs_are_asked_for_again_and_then_given_up() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let order = net.open(net.rows(9), |_| {}).await;
    assert_eq!(refused(&net, &provider, &order).await, "blob_missing");
    // Late, but before it gave up.
    let rows: Vec<_> = net.rows(12);
    let late = net.open(rows.clone(), |_| {}).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    net.blobs.put_inputs(&rows).await.unwrap();
    net.all_settled(&late).await;
    stop(provider).await;
}

#[tokio::test]
async fn altered_inputs_are_refused_and_nothing_is_taken() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let rows = net.rows(9);
    let root = net.blobs.put_inputs(&rows).await.unwrap();
    let name: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = net.path("blobs").join("inputs").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let order = net.open(rows, |_| {}).await;
    assert_eq!(refused(&net, &provider, &order).await, "blob_altered");
    stop(provider).await;
}

#[tokio::test]
async fn inputs_that_the_model_cannot_take_are_refused() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let too_long = vec![0u8; 2 * (net.model.max_units() as usize + 1)];
    for bad in [too_long, vec![], vec![1], vec![0xff, 0xff]] {
        let rows = vec![net.rows(1).remove(0), bad];
        net.blobs.put_inputs(&rows).await.unwrap();
        let order = net.open(rows, |_| {}).await;
        assert_eq!(refused(&net, &provider, &order).await, "bad_input");
    }
    stop(provider).await;
}

#[tokio::test]
async fn two_providers_race_and_every_task_settles_once() {
    let net = Devnet::start_with(&AnvilOptions { block_time: Some(0.2), ..AnvilOptions::default() }).await;
    let (one, two) = (net.provider(0).await, net.provider(1).await);
    let orders = [net.order(100, |_| {}).await, net.order(33, |_| {}).await, net.order(2, |_| {}).await];
    for order in &orders {
        net.all_settled(order).await;
    }
    assert_eq!(net.reserved().await, U256::ZERO);
    for provider in PROVIDERS {
        assert_eq!(net.locked(provider).await, 0, "no take was left behind");
    }
    stop(one).await;
    stop(two).await;
}

/// A committed batch of one order, whose provider is gone or stays as `keep` says.
async fn committed(net: &Devnet, provider: &ProviderHandle, tasks: u32) -> Opened {
    let order = net
        .order(tasks, |order| {
            order.settleWindow = 3_600;
            order.demandWindow = 30;
        })
        .await;
    let mut events = provider.subscribe();
    if net.batches(&order).await.is_empty() {
        progress(
            &mut events,
            "a commit",
            |event| matches!(event, Progress::Committed { order_id, .. } if *order_id == order.id),
        )
        .await;
    }
    order
}

async fn demand(net: &Devnet, order: &Opened, index: u32) {
    let batch = net.batches(order).await.remove(0);
    let escrow = net.escrow();
    let call = escrow.demand(order.order.clone(), batch, index).from(CUSTOMER);
    assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
}

#[tokio::test]
async fn a_demand_is_answered_from_what_is_stored() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let order = committed(&net, &provider, 10).await;
    demand(&net, &order, 7).await;
    let supplied = eventually("an answer", || async { net.events::<JobEscrow::Supplied>().await.pop() }).await;
    assert_eq!((supplied.index, supplied.input.to_vec()), (7, order.rows[7].clone()));
    assert_eq!(supplied.output.to_vec(), net.model.run(&[&order.rows[7]]).unwrap()[0]);
    stop(provider).await;
}

#[tokio::test]
async fn a_provider_that_withholds_is_slashed_and_the_customer_refunded() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let order = committed(&net, &provider, 10).await;
    stop(provider).await;
    let (before, stake) = (net.balance(CUSTOMER).await, net.locked(PROVIDERS[0]).await);
    demand(&net, &order, 3).await;
    net.anvil.increase_time(31).await;
    let batch = net.batches(&order).await.remove(0);
    let escrow = net.escrow();
    let call = escrow.forfeit(order.order.clone(), batch.clone(), 3).from(CUSTOMER);
    assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    let price = U256::from(order.order.unitPrice) * U256::from(order.order.unitCap) * U256::from(10);
    let slashed = U256::from(batch.stake);
    assert_eq!(batch.stake, stake);
    assert!(
        net.balance(CUSTOMER).await >= before + price + slashed / U256::from(2) - U256::from(1),
        "refund, reward and share"
    );
    assert_eq!(net.locked(PROVIDERS[0]).await, 0);
    // Back again, it knows that the batch is lost and wants nothing of it.
    let provider = net.provider(0).await;
    let mut heads = 0;
    while heads < 3 {
        net.anvil.mine(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        heads += 1;
    }
    assert!(net.settled(&order).await.is_empty());
    let snapshot = provider.snapshot().await.unwrap();
    assert!(
        snapshot.actions.iter().all(|(state, count)| *state != ActionState::Queued || *count == 0),
        "{:?}",
        snapshot.actions
    );
    stop(provider).await;
}

#[tokio::test]
async fn a_range_that_another_let_run_out_is_taken_over() {
    let net = Devnet::start().await;
    let order = net.order(20, |order| order.takeWindow = 20).await;
    let escrow = net.escrow();
    let call = escrow.take(order.order.clone(), 0, 10).from(PROVIDERS[1]);
    assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    net.anvil.increase_time(21).await;
    let provider = net.provider(0).await;
    net.all_settled(&order).await;
    let burned = net.events::<JobEscrow::TakeExpired>().await;
    assert_eq!(burned.len(), 1);
    assert_eq!(burned[0].provider, PROVIDERS[1]);
    stop(provider).await;
}

#[tokio::test]
async fn an_own_take_that_ran_out_frees_the_rest_of_its_stake() {
    let net = Devnet::start().await;
    let order = net
        .order(20, |order| {
            order.takeWindow = 20;
            order.unitPrice = 100;
        })
        .await;
    let escrow = net.escrow();
    let call = escrow.take(order.order.clone(), 0, 10).from(PROVIDERS[0]);
    assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    net.anvil.increase_time(21).await;
    // Under its floor now, so it does not take the range again.
    let provider = net.provider(0).await;
    eventually("the stake is free", || async { (net.locked(PROVIDERS[0]).await == 0).then_some(()) }).await;
    assert!(net.batches(&order).await.is_empty());
    stop(provider).await;
}

#[tokio::test]
async fn stopping_finishes_what_is_taken_and_takes_nothing_new() {
    let net = Devnet::start().await;
    let provider = net.provider(0).await;
    let mut events = provider.subscribe();
    let order = net.order(200, |order| order.settleWindow = 3_600).await;
    progress(&mut events, "a take", |event| matches!(event, Progress::Took { .. })).await;
    stop(provider).await;
    let taken = net.events::<JobEscrow::Taken>().await;
    let batches = net.batches(&order).await;
    assert_eq!(taken.len(), batches.len(), "every take was committed");
    assert!(taken.len() < 13, "it stopped taking");
    // The next one goes on.
    let provider = net.provider(0).await;
    eventually("everything is committed", || async { (net.batches(&order).await.len() == 13).then_some(()) }).await;
    stop(provider).await;
}

#[tokio::test]
async fn what_a_person_must_set_right_is_said_at_the_start() {
    let net = Devnet::start().await;
    let start = |config| Provider::start(config, net.setup(0), CancellationToken::new());
    let mut config = net.config("a");
    config.models.clear();
    assert_eq!(start(config).await.unwrap_err().code(), "bad_config");
    let mut config = net.config("a");
    config.models = vec![net.path("nowhere")];
    let error = start(config).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");

    let mut config = net.config("a");
    config.http = Some("127.0.0.1:0".parse().unwrap());
    let running = start(config.clone()).await.unwrap();
    assert_eq!(start(config.clone()).await.unwrap_err().code(), "store_locked");
    config.store = net.path("b.sqlite");
    config.http = running.http();
    let error = start(config).await.unwrap_err();
    assert_eq!(error.code(), "port_taken");

    let url = format!("http://{}", running.http().unwrap());
    eventually("ready", || async {
        reqwest::get(format!("{url}/ready")).await.ok().filter(|reply| reply.status() == 200)
    })
    .await;
    let order = net.order(1, |_| {}).await;
    net.all_settled(&order).await;
    let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    for name in ["assay_reaction_seconds_bucket", "assay_tasks_computed_total", "assay_tx_actions", "assay_chain_head"]
    {
        assert!(metrics.contains(name), "{name} is missing from\n{metrics}");
    }
    stop(running).await;
}

async fn stop(provider: ProviderHandle) {
    provider.stop();
    tokio::time::timeout(Duration::from_secs(30), provider.wait()).await.expect("it stops").unwrap();
    // The store's file lock is let go with the last task.
    tokio::time::sleep(Duration::from_millis(50)).await;
}
