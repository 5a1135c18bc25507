//! A scripted life of orders, compared with what the contracts say, and the state rebuilt from the log.

use crate::world::{Committed, NATIVE, Running, World, assert_same, dump};
use alloy::{
    primitives::{Address, B256, U256, address},
    sol_types::SolCall,
};
use assay_contracts::{AccessManager, FeeSchedule, JobEscrow::Task};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::collections::BTreeSet;

/// Every transition that the contracts know, at least once.
pub(crate) async fn live(world: &World) -> Vec<Committed> {
    let [ada, bob] = world.providers;
    let mut batches = Vec::new();

    // Taken, committed, accepted by the customer; the rest settles when its window has passed.
    let order = world.open(10, 1).await;
    assert!(world.take(ada, &order, 0, 4).await);
    batches.push(world.commit(ada, &order, 0, 4, false).await.unwrap());
    assert!(world.accept(&batches[0]).await);
    batches.push(world.commit(bob, &order, 4, 6, true).await.unwrap());

    // A take that runs out and is taken again; one that runs out and is freed by somebody.
    let late = world.open(8, 2).await;
    assert!(world.take(ada, &late, 0, 3).await);
    assert!(world.take(bob, &late, 3, 2).await);
    world.anvil.increase_time(101).await;
    assert!(world.take(bob, &late, 0, 3).await);
    world.must(world.author, world.escrow.expire(late.clone(), 3).into_transaction_request()).await;
    batches.push(world.commit(bob, &late, 0, 3, false).await.unwrap());

    // Demanded and supplied; demanded and withheld, with a second demand open at the forfeit.
    let asked = world.open(6, 3).await;
    let supplied = world.commit(ada, &asked, 0, 3, true).await.unwrap();
    let withheld = world.commit(bob, &asked, 3, 3, true).await.unwrap();
    assert!(world.demand(&withheld, 3).await && world.demand(&withheld, 5).await);
    world.anvil.increase_time(60).await;
    assert!(world.forfeit(&withheld, 5).await && world.forfeit(&withheld, 3).await);
    batches.extend([supplied, withheld]);
    world.anvil.increase_time(300).await;
    assert!(world.settle(&batches[1]).await && world.settle(&batches[2]).await && world.settle(&batches[3]).await);

    // Cancelled; reclaimed.
    let cancelled = world.open(2, 4).await;
    world.must(world.customer, world.escrow.cancel(cancelled).into_transaction_request()).await;
    world.anvil.increase_time(20_000).await;
    world.must(world.author, world.escrow.reclaim(late).into_transaction_request()).await;

    others(world).await;
    batches
}

/// What happens beside orders.
async fn others(world: &World) {
    let [ada, bob] = world.providers;
    let escrow = world.suite.job_escrow;
    world.must(ada, world.staking.thaw(escrow, U256::from(7)).into_transaction_request()).await;
    world.must(bob, world.staking.thaw(escrow, U256::from(9)).into_transaction_request()).await;
    world.anvil.increase_time(61).await;
    world.must(bob, world.staking.withdraw(escrow).into_transaction_request()).await;

    let second = world.register(2).await;
    let models = &world.models;
    for change in [
        models.setRoyalties(second, vec![]).into_transaction_request(),
        models.setPriceFloor(second, NATIVE, false, 0).into_transaction_request(),
        models.setPriceFloor(second, Address::repeat_byte(7), true, u128::MAX).into_transaction_request(),
        models.setMetadata(second, "ipfs://éß'\"\\".to_owned()).into_transaction_request(),
        models.transferModel(second, world.customer).into_transaction_request(),
    ] {
        world.must(world.author, change).await;
    }
    let fees = FeeSchedule::new(world.suite.fee_schedule, world.provider.clone());
    world.must(world.admin, fees.setRate(Address::repeat_byte(7), 0).into_transaction_request()).await;

    roles(world).await;

    // Allowances: spent in part, endless, and unspent by an operator.
    let ledger = &world.ledger;
    world.must(ada, ledger.approve(bob, U256::ZERO, U256::from(100)).into_transaction_request()).await;
    let pull = |amount: u64| ledger.transferFrom(ada, bob, U256::ZERO, U256::from(amount)).into_transaction_request();
    world.must(bob, pull(40)).await;
    world.must(ada, ledger.setOperator(bob, true).into_transaction_request()).await;
    world.must(bob, pull(50)).await;
    world.must(ada, ledger.setOperator(bob, false).into_transaction_request()).await;
    world.must(ada, ledger.approve(world.author, U256::ZERO, U256::MAX).into_transaction_request()).await;
    let endless = ledger.transferFrom(ada, world.author, U256::ZERO, U256::from(3));
    world.must(world.author, endless.into_transaction_request()).await;
    world.must(bob, ledger.withdraw(NATIVE, bob, U256::from(12_345)).into_transaction_request()).await;
}

/// Every event that the access manager knows.
async fn roles(world: &World) {
    const ROLE: u64 = u64::MAX - 1;
    let [ada, bob] = world.providers;
    let manager = AccessManager::new(world.suite.access_manager, world.provider.clone());
    let set_rate = |rate| FeeSchedule::setRateCall { token: Address::repeat_byte(7), rate }.abi_encode().into();
    let (fees, ledger) = (world.suite.fee_schedule, world.suite.ledger);
    for change in [
        manager.labelRole(ROLE, "rates".to_owned()).into_transaction_request(),
        manager.setRoleAdmin(ROLE, 0).into_transaction_request(),
        manager.setRoleGuardian(ROLE, 5).into_transaction_request(),
        manager.setGrantDelay(ROLE, 86_400).into_transaction_request(),
        manager.grantRole(ROLE, ada, 0).into_transaction_request(),
        manager.revokeRole(ROLE, ada).into_transaction_request(),
        manager.grantRole(ROLE, bob, 10).into_transaction_request(),
        manager
            .setTargetFunctionRole(fees, vec![FeeSchedule::setRateCall::SELECTOR.into()], ROLE)
            .into_transaction_request(),
        manager.setTargetAdminDelay(ledger, 5).into_transaction_request(),
        manager.setTargetClosed(ledger, true).into_transaction_request(),
    ] {
        world.must(world.admin, change).await;
    }
    for rate in [11, 12] {
        world.must(bob, manager.schedule(fees, set_rate(rate), Default::default()).into_transaction_request()).await;
    }
    world.must(bob, manager.cancel(bob, fees, set_rate(11)).into_transaction_request()).await;
    world.anvil.increase_time(11).await;
    world.must(bob, manager.execute(fees, set_rate(12)).into_transaction_request()).await;
}

fn hash(value: &Value) -> B256 {
    value.as_str().unwrap().parse().unwrap()
}

fn account(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

fn number(value: &Value) -> U256 {
    match value {
        Value::String(digits) => digits.parse().unwrap(),
        digits => U256::from(digits.as_u64().unwrap()),
    }
}

/// Compares every row that the API serves with what the contracts answer.
pub(crate) async fn compare(world: &World, indexer: &Running) {
    let escrow = &world.escrow;
    for order in indexer.all("/v1/orders", 3).await {
        let id = hash(&order["order_id"]);
        let state = escrow.orderState(id).call().await.unwrap();
        assert_eq!(order["status"] == "closed", state.status == 2, "{order}");
        assert_eq!(number(&order["frontier"]), U256::from(state.next), "{order}");
        assert_eq!(number(&order["committed"]), U256::from(state.committed), "{order}");
        for take in indexer.all(&format!("/v1/orders/{id}/takes"), 50).await {
            let held = escrow.takeOf(id, take["first"].as_u64().unwrap() as u32).call().await.unwrap();
            let expected = if take["status"] == "live" { account(&take["provider"]) } else { Address::ZERO };
            assert_eq!(held.provider, expected, "{take}");
            if take["status"] != "committed" {
                assert_eq!(U256::from(held.count), number(&take["count"]), "{take}");
                assert_eq!(U256::from(held.expiresAt), number(&take["expires_at"]), "{take}");
            }
        }
    }
    for batch in indexer.all("/v1/batches", 2).await {
        let id = hash(&batch["batch_id"]);
        let state = escrow.batchState(id).call().await.unwrap();
        let status = ["none", "committed", "settled", "forfeited"][state.status as usize];
        assert_eq!(batch["status"], status);
        assert_eq!(number(&batch["demands_open"]), U256::from(state.demands), "{batch}");
        // The contract writes over the end of the window when it settles.
        let time = if batch["status"] == "settled" { &batch["closed_at"] } else { &batch["settles_at"] };
        assert_eq!(number(time), U256::from(state.settlesAt), "{batch}");
        for demand in indexer.ok(&format!("/v1/batches/{id}")).await["demands"].as_array().unwrap() {
            let held = escrow.demandOf(id, demand["task_index"].as_u64().unwrap() as u32).call().await.unwrap();
            let open = demand["status"] == "open";
            assert_eq!(held.demander, if open { account(&demand["demander"]) } else { Address::ZERO }, "{demand}");
        }
    }
    compare_models(world, indexer).await;
    compare_money(world, indexer).await;
}

async fn compare_models(world: &World, indexer: &Running) {
    let models = &world.models;
    for model in indexer.all("/v1/models", 1).await {
        let id = hash(&model["model_id"]);
        let stored = models.modelOf(id).call().await.unwrap();
        assert_eq!(account(&model["owner"]), stored.owner);
        assert_eq!(hash(&model["program_root"]), stored.programRoot);
        assert_eq!(hash(&model["weights_root"]), stored.weightsRoot);
        for floor in indexer.ok(&format!("/v1/models/{id}")).await["price_floors"].as_array().unwrap() {
            let read = models.priceFloorOf(id, account(&floor["token"])).call().await;
            assert_eq!(floor["accepted"].as_bool().unwrap(), read.is_ok(), "{floor}");
            assert_eq!(number(&floor["unit_price"]), U256::from(read.unwrap_or_default()), "{floor}");
        }
    }
}

async fn compare_money(world: &World, indexer: &Running) {
    let (ledger, staking) = (&world.ledger, &world.staking);
    let burned = address!("000000000000000000000000000000000000dEaD");
    let everybody = [
        world.admin,
        world.customer,
        world.providers[0],
        world.providers[1],
        world.author,
        burned,
        world.suite.parameters.pool,
        world.suite.job_escrow,
        world.suite.staking,
    ];
    let mut sum = U256::ZERO;
    for person in everybody {
        let view = indexer.ok(&format!("/v1/accounts/{person}")).await;
        let balance: U256 = view["balances"].as_array().unwrap().iter().map(|balance| number(&balance["amount"])).sum();
        assert_eq!(balance, ledger.balanceOf(person, U256::ZERO).call().await.unwrap(), "{person}: {view}");
        sum += balance;
        for allowance in view["allowances"].as_array().unwrap() {
            let read = ledger.allowance(person, account(&allowance["spender"]), U256::ZERO).call().await.unwrap();
            assert_eq!(number(&allowance["amount"]), read, "{allowance}");
        }
        for operator in view["operators"].as_array().unwrap() {
            let read = ledger.isOperator(person, account(&operator["spender"])).call().await.unwrap();
            assert_eq!(operator["approved"], read, "{operator}");
        }
        for provision in view["provisions"].as_array().unwrap() {
            let read = staking.provisionOf(person, account(&provision["service"])).call().await.unwrap();
            let (stake, locked) = (number(&provision["stake"]), number(&provision["locked"]));
            assert_eq!((stake, locked), (U256::from(read.stake), U256::from(read.locked)), "{provision}");
            assert_eq!(number(&provision["thawing"]), U256::from(read.thawing), "{provision}");
            assert_eq!(number(&provision["thawed_at"]), U256::from(read.thawedAt), "{provision}");
        }
    }
    let supply = ledger.totalSupply(U256::ZERO).call().await.unwrap();
    assert_eq!(sum, supply, "nobody else holds anything");
    let stats = indexer.ok("/v1/stats").await;
    assert_eq!(number(&stats["tokens"][0]["supply"]), supply);

    let fees = FeeSchedule::new(world.suite.fee_schedule, world.provider.clone());
    for rate in indexer.ok("/v1/fees").await.as_array().unwrap() {
        let token = rate["scope"].as_str().unwrap().parse().unwrap_or(Address::repeat_byte(0xaa));
        assert_eq!(number(&rate["rate"]), U256::from(fees.rateOf(token).call().await.unwrap()), "{rate}");
    }
    let manager = AccessManager::new(world.suite.access_manager, world.provider.clone());
    let roles = indexer.ok("/v1/roles").await;
    let admin = roles.as_array().unwrap().iter().find(|member| member["role_id"] == 0).unwrap();
    assert_eq!((account(&admin["account"]), &admin["member"]), (world.admin, &Value::Bool(true)));
    for member in roles.as_array().unwrap() {
        let read =
            manager.hasRole(member["role_id"].as_u64().unwrap(), account(&member["account"])).call().await.unwrap();
        assert_eq!(member["member"], read.isMember, "{member}");
        assert_eq!(number(&member["delay"]), U256::from(read.executionDelay), "{member}");
    }
}

/// A demanded task is published on chain, which moves its batch's settlement on.
async fn supply(world: &World) {
    let ada = world.providers[0];
    let order = world.open(2, 50).await;
    let results = world.results(ada, &order, 0, 2);
    let batch = world.commit(ada, &order, 0, 2, true).await.unwrap();
    assert!(world.demand(&batch, 0).await);
    world.anvil.increase_time(40).await;
    let leaf = results.leaves()[0];
    let task = Task {
        index: 0,
        inputHash: leaf.input_hash.into(),
        outputHash: leaf.output_hash.into(),
        unitsBefore: 0,
        units: leaf.units,
        proof: results.proof(0).into_iter().map(B256::from).collect(),
    };
    let (input, output) = (0u32.to_be_bytes().to_vec().into(), results.tasks()[0].row.clone().into());
    let supply = world.escrow.supply(order, batch.batch, task, input, output);
    world.must(ada, supply.into_transaction_request()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_say_what_the_contracts_say() {
    let world = World::new().await;
    let indexer = world.index("live").await;
    let batches = live(&world).await;
    supply(&world).await;

    world.synced(&indexer).await;
    compare(&world, &indexer).await;
    let order = indexer.ok(&format!("/v1/orders/{}", batches[0].batch.orderId)).await;
    assert_eq!(order["status"], "complete");
    assert_eq!((&order["settled"], &order["batches"]), (&Value::from(10), &Value::from(2)));
    let forfeited = indexer.ok(&format!("/v1/batches/{}", batches[4].id)).await;
    assert_eq!((&forfeited["status"], &forfeited["fault"]), (&"forfeited".into(), &"withheld".into()));
    let provider = indexer.ok(&format!("/v1/providers/{}", world.providers[1])).await;
    assert_eq!(provider["takes_expired"], 1);
    assert_eq!(provider["batches_forfeited"], 1);
    let (mut names, mut after) = (BTreeSet::new(), String::new());
    while let Some(next) = {
        let page = indexer.ok(&format!("/v1/events?limit=200{after}")).await;
        names.extend(page["items"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap().to_owned()));
        page["next"].as_str().map(str::to_owned)
    } {
        after = format!("&after={next}");
    }
    assert_eq!(names.iter().filter(|name| name.starts_with("AccessManager.")).count(), 12, "{names:?}");
    let roles = indexer.ok("/v1/roles").await;
    let members: Vec<_> = roles.as_array().unwrap().iter().map(|member| member["member"].as_bool().unwrap()).collect();
    assert_eq!(members.iter().filter(|member| **member).count(), 2, "the admin and bob: {roles}");
    assert_eq!(members.len(), 3, "and ada, who was one: {roles}");
    let closed = indexer.ok("/v1/orders?status=closed").await;
    let closed: Vec<_> = closed["items"].as_array().unwrap().iter().map(|order| &order["closed_by"]).collect();
    assert_eq!(closed, ["cancelled", "reclaimed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_rebuilt_from_the_log() {
    let world = World::new().await;
    live(&world).await;
    let indexer = world.index("rebuilt").await;
    world.synced(&indexer).await;
    let config = indexer.config.clone();
    indexer.stop().await.unwrap();
    let before = dump(&config.database).await;

    // State of an older version, and wrong at that.
    let options = SqliteConnectOptions::new().filename(&config.database);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("DELETE FROM balances; UPDATE orders SET settled = 77; DROP TABLE batches; UPDATE meta SET value = '0' WHERE key = 'state_version'")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();

    let mut offline = config.clone();
    offline.rpc_url = "http://127.0.0.1:9".to_owned();
    let rebuilt = Running::start(offline).await.unwrap();
    assert_eq!(rebuilt.ok("/v1/stats").await["orders"]["complete"], 2, "served without a chain");
    rebuilt.stop().await.unwrap();
    assert_eq!(dump(&config.database).await, before);

    // Rolled back below what the journal covers, the state is derived from the log too.
    world.anvil.reorg(12).await;
    let indexer = Running::start(config.clone()).await.unwrap();
    world.synced(&indexer).await;
    compare(&world, &indexer).await;
    let fresh = world.index("fresh").await;
    world.synced(&fresh).await;
    assert_same(&config.database, &fresh.config.database, "after a rollback below the journal").await;
}
