//! Node networks: epochs played on a chain, and what the API says of them against what the contracts say and pay.

use crate::{
    document::described,
    sales::{self, Shop, account, hashes, number, wanted},
    world::{NATIVE, Running, World, assert_same},
};
use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    Attestations::{self, AttestationsInstance},
    EpochRewards::{self, Earned, EpochRewardsInstance},
    LicenseStaking::{self, LicenseStakingInstance},
    Network, PrevrandaoBeacon,
    Uptime::{self, UptimeInstance},
    beacon::header_rlp,
    deploy,
    network::{
        Exam, Faults, PoolTerms, Roots, Terms,
        hashes::{Sealed, seal_hash},
        read,
    },
};
use assay_epochs::{
    Rewards,
    uptime::answers::{Answers, GOOD, OFFLINE, evidence_tree},
};
use serde_json::{Value, json};

const EPOCH: u64 = 1_000;
const SEALS: u64 = 100;
const REVEALS: u64 = 200;
const WINDOW: u64 = 100;
const ROUNDS: u32 = 2;
const ETHER: u128 = 1_000_000_000_000_000_000;
/// Licences of the sale; the first operator follows.
const LICENSES: u32 = 30;
const FIRST: u32 = LICENSES + 1;

/// A network over a sale's licences, with a pool of native currency.
struct Net {
    record: Network,
    shop: Shop,
    staking: LicenseStakingInstance<DynProvider>,
    attestations: AttestationsInstance<DynProvider>,
    uptime: UptimeInstance<DynProvider>,
    pool: EpochRewardsInstance<DynProvider>,
    /// An operator that attests, and publishes.
    operator: Address,
    provider: Address,
}

async fn now(world: &World) -> u64 {
    world.provider.get_block_by_number(Default::default()).await.unwrap().unwrap().header.timestamp
}

async fn until(world: &World, time: u64) {
    let now = now(world).await;
    if time > now {
        world.anvil.increase_time(time - now).await;
    }
}

/// A network whose epoch 0 begins soon, in which the author is the operator of two of the customer's licences, and a provider is examined.
async fn found(world: &mut World) -> Net {
    let terms = sales::terms(world).await;
    let shop = sales::open(world, terms).await;
    assert!(shop.buy(world, world.customer, wanted(0, 3, 300)).await);
    let roots = Roots { token: NATIVE, bond: ETHER, fee: ETHER / 10, window: WINDOW as u32, answer_time: 10 };
    let plain = deploy::devnet_network(shop.record.license, LICENSES, now(world).await + 500);
    let exam = Exam {
        seal_time: SEALS as u32,
        reveal_time: REVEALS as u32,
        exit_delay: 5_000,
        rounds: ROUNDS as u16,
        audits: 0,
        max_seats: 8,
        seat_stake: ETHER,
        ..plain.exam
    };
    let faults = Faults { wrong_limit: 2, appeal_time: 100, ..plain.faults };
    let terms = Terms { epoch_length: EPOCH as u32, exam, faults, roots: roots.clone(), ..plain };
    let mut record =
        deploy::deploy_network(&world.provider, world.admin, &world.suite, terms, |_, _| {}).await.unwrap();
    let terms = PoolTerms {
        token: NATIVE,
        cap: 1_000_000,
        first: 1_000,
        halving: 2,
        slow_period: 1_000,
        fast_period: 100,
        fast_share: 5_000,
        roots,
    };
    let pool = deploy::deploy_pool(&world.provider, world.admin, &world.suite, &record, terms).await.unwrap().0;
    record.pools.push(pool);
    world.suite.networks.push(record.clone());
    deploy::write(&world.suite, &world.folder.path().join("suite.json")).unwrap();
    let net = Net {
        staking: LicenseStaking::new(record.license_staking, world.provider.clone()),
        attestations: Attestations::new(record.attestations, world.provider.clone()),
        uptime: Uptime::new(record.uptime, world.provider.clone()),
        pool: EpochRewards::new(record.pools[0].address, world.provider.clone()),
        record,
        shop,
        operator: world.author,
        provider: world.providers[0],
    };
    net.people(world).await;
    net
}

impl Net {
    /// Everybody's moves before the first epoch.
    async fn people(&self, world: &World) {
        let (operator, pool) = (self.operator, *self.pool.address());
        world
            .must(
                operator,
                world.ledger.depositNative(operator).value(U256::from(100 * ETHER)).into_transaction_request(),
            )
            .await;
        for spender in [*self.uptime.address(), pool] {
            let approve = world.ledger.approve(spender, U256::ZERO, U256::from(50 * ETHER));
            world.must(operator, approve.into_transaction_request()).await;
        }
        world.must(operator, self.pool.fund(U256::from(100_000)).into_transaction_request()).await;
        world.must(operator, self.staking.register(operator, 2_000, 5).into_transaction_request()).await;
        let ids = vec![U256::from(1), U256::from(2)];
        world.must(world.customer, self.staking.delegate(ids, FIRST, 2_000).into_transaction_request()).await;
        let stake = world.staking.stake(self.provider, self.record.attestations, U256::from(2 * ETHER));
        world.must(self.provider, stake.into_transaction_request()).await;
        let enroll = self.attestations.enroll(self.provider, "127.0.0.1:9000".into());
        world.must(self.provider, enroll.into_transaction_request()).await;
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/networks/{}{rest}", self.record.uptime)
    }

    /// Draws the seed of an epoch that takes seals no more.
    async fn draw(&self, world: &World, epoch: u32) {
        until(world, self.record.seals_end(epoch)).await;
        world.must(self.operator, self.attestations.begin(epoch).into_transaction_request()).await;
        world.anvil.mine(5).await;
        let round = self.attestations.roundOf(epoch).call().await.unwrap();
        let (_, header) = header_rlp(&world.provider, round).await.unwrap();
        let beacon = PrevrandaoBeacon::new(world.suite.beacon, world.provider.clone());
        world.must(self.operator, beacon.record(header).into_transaction_request()).await;
        world.must(self.operator, self.attestations.draw(epoch).into_transaction_request()).await;
    }

    /// Seals what the only seat was in all rounds.
    async fn seal(&self, world: &World, epoch: u32, answer: u8) -> (Answers, Sealed) {
        let mut answers = Answers::empty(ROUNDS, 1);
        (0..ROUNDS).for_each(|round| answers.set(round, 0, answer));
        let evidence = evidence_tree(&vec![Vec::new(); ROUNDS as usize]).root();
        let sealed = Sealed {
            epoch,
            operator: FIRST,
            answers: answers.tree().root().into(),
            evidence: evidence.into(),
            salt: B256::repeat_byte(7),
        };
        let hash = seal_hash(31_337, self.record.attestations, &sealed);
        world.must(self.operator, self.attestations.seal(epoch, FIRST, hash).into_transaction_request()).await;
        (answers, sealed)
    }

    async fn reveal(&self, world: &World, (answers, sealed): &(Answers, Sealed)) {
        let bytes = answers.bytes().to_vec().into();
        let reveal = self.attestations.reveal(sealed.epoch, FIRST, bytes, sealed.evidence, sealed.salt, Vec::new());
        world.must(self.operator, reveal.into_transaction_request()).await;
    }

    /// Plays an epoch until its answers are all known; `answer` is what the operator says of the seat.
    async fn play(&self, world: &World, epoch: u32, answer: u8) {
        until(world, self.record.begins(epoch + 1)).await;
        let sealed = self.seal(world, epoch, answer).await;
        self.draw(world, epoch + 1).await;
        self.reveal(world, &sealed).await;
        until(world, now(world).await + REVEALS).await;
    }

    /// Posts the shares of an epoch, and what the pool pays for it after `before`.
    async fn post(&self, world: &World, epoch: u32, before: &[u128]) -> Vec<u128> {
        let head = world.provider.get_block_number().await.unwrap();
        let history = read::history(&world.provider, &self.record, head).await.unwrap();
        let inputs = read::inputs(&world.provider, &self.record, &history, epoch, head).await.unwrap();
        let uptime = assay_epochs::Uptime::new(inputs).unwrap();
        let (root, total) = (uptime.shares().root().into(), uptime.shares().total());
        let truth = uptime.truth().bytes().to_vec().into();
        world.must(self.operator, self.uptime.post(epoch, root, total, truth).into_transaction_request()).await;
        until(world, now(world).await + WINDOW).await;
        let budget: u128 = self.pool.budgetOf(epoch).call().await.unwrap().saturating_to();
        let rewards = Rewards::new(before, budget, uptime.shares());
        let post = self.pool.post(epoch, rewards.root().into());
        world.must(self.operator, post.into_transaction_request()).await;
        rewards.cumulative().to_vec()
    }

    /// Claims by what the API says that `claim` takes.
    async fn claim(&self, world: &World, from: Address, rewards: &Value, fast: bool) {
        let claim = &rewards["pools"][0]["claim"];
        let word = |key: &str| claim[key].as_u64().unwrap() as u32;
        let earned = Earned {
            epoch: word("epoch"),
            count: word("count"),
            number: word("number"),
            cumulative: number(&claim["cumulative"]).to(),
        };
        let claim = self.pool.claim(earned, hashes(&claim["proof"]), fast);
        world.must(from, claim.into_transaction_request()).await;
    }
}

/// Compares what the API says with what the contracts answer.
async fn compare(world: &World, indexer: &Running, net: &Net) {
    world.synced(indexer).await;
    let view = indexer.ok(&net.path("")).await;
    let epoch = view["epoch"].as_u64().unwrap() as u32;
    assert_eq!(epoch, net.staking.currentEpoch().call().await.unwrap());
    assert_eq!(view["posted_epochs"], net.uptime.nextEpoch().call().await.unwrap());
    assert_eq!(view["pools"][0]["posted_epochs"], net.pool.nextEpoch().call().await.unwrap());
    for (finals, posted, is_final) in [
        (&view["final_epochs"], &view["posted_epochs"], net.uptime.isFinal(0).call().await.unwrap()),
        (
            &view["pools"][0]["final_epochs"],
            &view["pools"][0]["posted_epochs"],
            net.pool.isFinal(0).call().await.unwrap(),
        ),
    ] {
        assert_eq!(finals.as_u64() > Some(0), is_final, "{view}");
        assert!(finals.as_u64() <= posted.as_u64());
    }
    // Before the first epoch has begun the contracts say nothing of it.
    let begun = view["begun"].as_bool().unwrap();
    for shown in indexer.all(&net.path("/operators"), 1).await.into_iter().filter(|_| begun) {
        let number_ = shown["number"].as_u64().unwrap() as u32;
        let operator = net.staking.operatorAt(number_).call().await.unwrap();
        let seen = (account(&shown["account"]), shown["rate"].as_u64(), shown["cap"].as_u64());
        assert_eq!(seen, (operator.account, Some(operator.rate.into()), Some(operator.cap.into())));
        assert_eq!(shown["delegated"], net.staking.delegatedIn(number_, epoch).call().await.unwrap());
        let key = net.staking.keyIn(number_, epoch).call().await.unwrap();
        assert_eq!(shown["key"].as_str().map(|text| text.parse().unwrap()), Some(key).filter(|key| !key.is_zero()));
        let banned = net.uptime.bannedIn(number_, epoch).call().await.unwrap();
        assert_eq!(shown["banned_until"].is_u64(), banned);
    }
    for id in 1..=3_u32 {
        let shown = indexer.ok(&net.path(&format!("/licenses/{id}"))).await;
        let owner = net.shop.license.ownerOf(U256::from(id)).call().await.unwrap();
        assert_eq!(account(&shown["owner"]), owner);
        if !begun {
            continue;
        }
        let run = net.staking.runIn(U256::from(id), epoch).call().await.unwrap();
        let seen = (shown["now"]["operator"].as_u64(), shown["now"]["rate"].as_u64());
        let known = (run.operator != 0).then_some(());
        assert_eq!(seen, (known.map(|()| run.operator.into()), known.map(|()| run.rate.into())), "{shown}");
    }
    for (kind, beneficiary) in [("licenses", 1), ("licenses", 2), ("licenses", 3), ("operators", FIRST)] {
        let view = indexer.ok(&net.path(&format!("/{kind}/{beneficiary}/rewards"))).await;
        let pool = &view["pools"][0];
        let books = net.pool.booksOf(beneficiary).call().await.unwrap();
        let shown = &pool["books"];
        let seen = ["claimed", "unpaid", "stream_from", "stream_until"].map(|key| number(&shown[key]));
        let expected =
            [U256::from(books.claimed), U256::from(books.unpaid), U256::from(books.from), U256::from(books.until)];
        assert_eq!(seen, expected, "{kind} {beneficiary}");
        let collected = number(&shown["claimed"]) - number(&shown["forfeited"]) - number(&shown["unpaid"]);
        assert_eq!(number(&shown["collected"]), collected, "{shown}");
        let mut sum = U256::ZERO;
        for epoch in indexer.ok(&net.path(&format!("/{kind}/{beneficiary}/rewards?limit=200"))).await["pools"][0]
            ["epochs"]["items"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
        {
            let budget = net.pool.budgetOf(epoch["epoch"].as_u64().unwrap() as u32).call().await.unwrap();
            if epoch["budget"].is_null() {
                continue;
            }
            assert_eq!(number(&epoch["budget"]), budget, "{epoch}");
            sum += number(&epoch["amount"]);
            assert_eq!(number(&epoch["cumulative"]), sum, "{epoch}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_are_explained_and_claimed_by_what_the_api_says() {
    let mut world = World::new().await;
    let net = found(&mut world).await;
    let indexer = world.index("net").await;
    compare(&world, &indexer, &net).await;
    let before = indexer.ok("/v1/networks").await;
    assert_eq!(
        (&before[0]["begun"], &before[0]["operators"], &before[0]["seats"]),
        (&false.into(), &1.into(), &1.into())
    );

    net.draw(&world, 0).await;
    compare(&world, &indexer, &net).await;
    net.play(&world, 0, GOOD).await;
    compare(&world, &indexer, &net).await;
    let open = indexer.ok(&net.path("/licenses/1")).await;
    let first = &open["uptime"]["items"][0];
    assert_eq!((&first["status"], &first["agrees"], &first["right"]), (&"due".into(), &Value::Null, &2.into()));
    assert_eq!(first["run"], json!({ "operator": FIRST, "rate": 2_000 }));
    let due = indexer.ok(&net.path("/licenses/1/rewards")).await;
    assert_eq!(
        (&due["pools"][0]["claim"], &due["pools"][0]["epochs"]["items"][0]["amount"]),
        (&Value::Null, &"400".into())
    );

    // Posted, then final, then claimed slowly.
    let cumulative = net.post(&world, 0, &[]).await;
    compare(&world, &indexer, &net).await;
    assert_eq!(indexer.ok(&net.path("/licenses/1")).await["uptime"]["items"][0]["agrees"], true);
    until(&world, now(&world).await + WINDOW).await;
    compare(&world, &indexer, &net).await;
    let rewards = indexer.ok(&net.path("/licenses/1/rewards")).await;
    let pool = &rewards["pools"][0];
    assert_eq!((&pool["claimable"], &pool["choices"]["fast"]["forfeited"]), (&"400".into(), &"200".into()));
    let why =
        json!(["shares = 2 right * (10000 - 2000) = 16000 of 40000", "reward = floor(1000 * 16000 / 40000) = 400"]);
    assert_eq!(pool["epochs"]["items"][0]["why"], why);
    net.claim(&world, world.customer, &rewards, false).await;
    compare(&world, &indexer, &net).await;
    assert_eq!(indexer.ok(&net.path("/licenses/1/rewards")).await["pools"][0]["claimable"], "0");

    // A second epoch in which the provider was offline; the other licence claims both at once and fast, the operator its commission.
    net.play(&world, 1, OFFLINE).await;
    net.post(&world, 1, &cumulative).await;
    until(&world, now(&world).await + WINDOW).await;
    compare(&world, &indexer, &net).await;
    let seat = indexer.ok(&net.path("/seats")).await["items"][0].clone();
    assert_eq!((&seat["now"]["endpoint"], &seat["uptime"][0]["offline"]), (&"127.0.0.1:9000".into(), &2.into()));
    assert_eq!((&seat["uptime"][1]["up"], &seat["uptime"][1]["epoch"]), (&2.into(), &0.into()));
    let operator = indexer.ok(&net.path(&format!("/operators/{FIRST}"))).await;
    assert_eq!((&operator["last_final"]["epoch"], &operator["last_final"]["right"]), (&1.into(), &4.into()));
    assert_eq!(
        (&operator["attested"][1]["sealed"], &operator["attested"][1]["revealed"]),
        (&true.into(), &true.into())
    );
    let both = indexer.ok(&net.path("/licenses/2/rewards")).await;
    assert_eq!(both["pools"][0]["claimable"], "800");
    net.claim(&world, world.customer, &both, true).await;
    let commission = indexer.ok(&net.path(&format!("/operators/{FIRST}/rewards"))).await;
    assert_eq!(commission["pools"][0]["claimable"], "400");
    net.claim(&world, net.operator, &commission, false).await;
    for _ in 0..2 {
        until(&world, now(&world).await + 30).await;
        world.must(world.admin, net.pool.collect(2).into_transaction_request()).await;
    }
    compare(&world, &indexer, &net).await;

    // Every page holds what the whole does.
    let whole = indexer.ok(&net.path("/licenses/2/rewards")).await["pools"][0]["epochs"]["items"].clone();
    let page = indexer.ok(&net.path("/licenses/2/rewards?limit=1")).await["pools"][0]["epochs"].clone();
    assert_eq!((&page["items"][0], &page["next"]), (&whole[0], &"1".into()));
    let page = indexer.ok(&net.path("/licenses/2/rewards?limit=1&cursor=1")).await["pools"][0]["epochs"].clone();
    assert_eq!((&page["items"][0], &page["next"]), (&whole[1], &Value::Null));
    assert_eq!(indexer.ok(&net.path("/licenses/2?limit=1&cursor=1")).await["uptime"]["items"][0]["epoch"], 0);

    let events = indexer.all(&net.path("/history"), 50).await;
    assert!(events.iter().any(|event| event["name"] == "Uptime.Posted" && event["fields"]["epoch"] == 1), "{events:?}");
    let of_customer = indexer.all(&format!("/v1/accounts/{}/history", world.customer), 50).await;
    let claims: Vec<_> = of_customer.iter().filter(|event| event["name"] == "EpochRewards.Claimed").collect();
    assert_eq!((claims.len(), &claims[0]["fields"]["forfeited"]), (2, &"400".into()));

    let values =
        [("{network}", net.record.uptime.to_string()), ("{number}", FIRST.to_string()), ("{id}", "1".to_owned())];
    let document = indexer.ok("/openapi.json").await;
    assert_eq!(described(&indexer, &document, |path| path.starts_with("/v1/networks"), &values).await, 9);
    for (path, status, code, hint) in [
        (net.path("/licenses/0"), 404, "license_unknown", "licences are numbered from 1 to 30"),
        (net.path("/licenses/31/rewards"), 404, "license_unknown", "licences are numbered from 1 to 30"),
        (net.path("/licenses/x"), 400, "bad_index", "an index is a whole number below 2^32"),
        (net.path("/operators/30"), 404, "operator_unknown", "operators are numbered from 31 to 31"),
        (net.path("/operators/32/rewards"), 404, "operator_unknown", "operators are numbered from 31 to 31"),
        (
            net.path("/licenses/1?cursor=1-2"),
            400,
            "bad_cursor",
            "pass `next` of the page before, or leave `cursor` out to start",
        ),
        (format!("/v1/networks/{NATIVE}/seats"), 404, "network_unknown", "/v1/networks lists all"),
    ] {
        let (seen, body) = indexer.get(&path).await;
        assert_eq!((seen, body["code"].as_str(), body["hint"].as_str()), (status, Some(code), Some(hint)), "{path}");
    }
    let fresh = world.index("fresh").await;
    compare(&world, &fresh, &net).await;
    assert_same(&indexer.config.database, &fresh.config.database, "after two epochs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_seats_lose_and_what_thaws_is_shown_until_it_is_over() {
    let mut world = World::new().await;
    let net = found(&mut world).await;
    let indexer = world.index("net").await;
    net.draw(&world, 0).await;
    net.play(&world, 0, OFFLINE).await;
    net.post(&world, 0, &[]).await;
    let held = async || net.attestations.seatOf(net.provider).call().await.unwrap();
    let seat = async || indexer.ok(&net.path("/seats")).await["items"][0].clone();
    let ended = async || indexer.ok(&net.path("/licenses/1")).await["ended"].clone();
    compare(&world, &indexer, &net).await;
    let before = seat().await;
    assert_eq!((&before["now"]["stake"], &before["penalties"]), (&ETHER.to_string().into(), &json!([])));
    assert_eq!((&before["leaving"], ended().await), (&json!([]), Value::Null));

    let history = read::history(&world.provider, &net.record, world.provider.get_block_number().await.unwrap()).await;
    let truth = assay_epochs::Uptime::new(history.unwrap().inputs(0).unwrap()).unwrap().truth().bytes().to_vec();
    let penalise = net.uptime.penalise(0, 0, truth.into());
    let penalty = penalise.clone().from(world.admin).call().await.unwrap();
    world.must(world.admin, penalise.into_transaction_request()).await;
    let penalised_at = now(&world).await;
    world.must(net.provider, net.attestations.leaveSeat().into_transaction_request()).await;
    let undelegate = net.staking.undelegate(vec![U256::from(1)]);
    world.must(world.customer, undelegate.into_transaction_request()).await;
    world.synced(&indexer).await;
    let (locked, shown) = (held().await, seat().await);
    assert!(penalty > U256::ZERO && locked.stake == ETHER - penalty.to::<u128>());
    let told = &shown["penalties"][0];
    let amounts = [&told["amount"], &told["reward"], &told["burned"]].map(number);
    assert_eq!(amounts, [penalty, penalty / U256::from(2), penalty - penalty / U256::from(2)]);
    assert_eq!((account(&told["provider"]), account(&told["to"])), (net.provider, world.admin));
    let epoch = net.staking.currentEpoch().call().await.unwrap();
    assert_eq!((&told["at"], &told["epoch"]), (&penalised_at.into(), &epoch.into()));
    let left = json!([{
        "provider": told["provider"], "epoch": epoch + 1, "free_at": locked.freeAt.to::<u64>(), "stake": locked.stake.to_string(),
    }]);
    assert_eq!((&shown["leaving"], &shown["now"]["stake"]), (&left, &locked.stake.to_string().into()));
    let thaw = net.record.terms.thaw_epochs;
    assert_eq!(ended().await, json!({ "epoch": epoch + 1, "free_at": epoch + 1 + thaw }));
    let document = indexer.ok("/openapi.json").await;
    let values =
        [("{network}", net.record.uptime.to_string()), ("{number}", FIRST.to_string()), ("{id}", "1".to_owned())];
    assert_eq!(described(&indexer, &document, |path| path.starts_with("/v1/networks"), &values).await, 9);

    // Block by block, the chain takes all three back.
    world.anvil.reorg(1).await;
    world.synced(&indexer).await;
    assert_eq!((ended().await, &seat().await["leaving"]), (Value::Null, &left));
    world.anvil.reorg(3).await;
    world.synced(&indexer).await;
    assert_eq!(held().await.stake, ETHER);
    let after = seat().await;
    assert_eq!(
        [&after["now"], &after["leaving"], &after["penalties"]],
        ["now", "leaving", "penalties"].map(|key| &before[key])
    );

    // What is released, or delegated anew, thaws no more.
    world.must(net.provider, net.attestations.leaveSeat().into_transaction_request()).await;
    let undelegate = net.staking.undelegate(vec![U256::from(1)]);
    world.must(world.customer, undelegate.into_transaction_request()).await;
    world.synced(&indexer).await;
    assert_eq!(seat().await["leaving"][0]["free_at"], held().await.freeAt.to::<u64>());
    until(&world, held().await.freeAt.to()).await;
    world.must(world.admin, net.attestations.release(net.provider).into_transaction_request()).await;
    until(&world, net.record.begins(ended().await["free_at"].as_u64().unwrap() as u32)).await;
    world
        .must(world.customer, net.staking.delegate(vec![U256::from(1)], FIRST, 2_000).into_transaction_request())
        .await;
    world.synced(&indexer).await;
    assert_eq!((&seat().await["leaving"], ended().await), (&json!([]), Value::Null));
    compare(&world, &indexer, &net).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reorganised_away_is_computed_no_more() {
    let mut world = World::new().await;
    let net = found(&mut world).await;
    let indexer = world.index("net").await;
    net.draw(&world, 0).await;
    until(&world, net.record.begins(1)).await;
    let sealed = net.seal(&world, 0, GOOD).await;
    net.draw(&world, 1).await;
    let drawn = world.provider.get_block_number().await.unwrap();
    net.reveal(&world, &sealed).await;
    until(&world, now(&world).await + REVEALS).await;
    compare(&world, &indexer, &net).await;
    let right = |view: &Value| view["uptime"]["items"][0]["right"].clone();
    assert_eq!(right(&indexer.ok(&net.path("/licenses/1")).await), 2);

    // The reveal is gone, and comes no more.
    let head = world.provider.get_block_number().await.unwrap();
    world.anvil.reorg(head - drawn).await;
    compare(&world, &indexer, &net).await;
    until(&world, now(&world).await + REVEALS).await;
    compare(&world, &indexer, &net).await;
    let view = indexer.ok(&net.path("")).await;
    assert_eq!(view["closed_epochs"], 1);
    assert_eq!(right(&indexer.ok(&net.path("/licenses/1")).await), 0);
    let operator = indexer.ok(&net.path(&format!("/operators/{FIRST}"))).await;
    assert_eq!(
        (&operator["attested"][1]["sealed"], &operator["attested"][1]["revealed"]),
        (&true.into(), &false.into())
    );

    // Nobody has shares: nothing is claimed, and the budget goes on.
    net.post(&world, 0, &[]).await;
    until(&world, now(&world).await + WINDOW).await;
    world.synced(&indexer).await;
    let rewards = indexer.ok(&net.path("/licenses/1/rewards")).await;
    let why = rewards["pools"][0]["epochs"]["items"][0]["why"].clone();
    assert_eq!(why[1], "reward = 0: nobody has shares, and the budget of 1000 goes to the next epoch");
    world.anvil.reorg(1).await;
    compare(&world, &indexer, &net).await;
    let fresh = world.index("fresh").await;
    compare(&world, &fresh, &net).await;
    assert_same(&indexer.config.database, &fresh.config.database, "after reorganised epochs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_the_index_did_not_know_is_read_from_its_first_block() {
    let mut world = World::new().await;
    let indexer = world.index("before").await;
    let config = indexer.config.clone();
    let net = found(&mut world).await;
    world.synced(&indexer).await;
    assert_eq!(indexer.ok("/v1/networks").await, json!([]));
    indexer.stop().await.unwrap();
    let indexer = Running::start(config).await.unwrap();
    compare(&world, &indexer, &net).await;
    assert_eq!(indexer.ok(&net.path("/operators")).await["items"][0]["delegated_next"], 2);
    let fresh = world.index("fresh").await;
    compare(&world, &fresh, &net).await;
    assert_same(&indexer.config.database, &fresh.config.database, "with a network added").await;
}
