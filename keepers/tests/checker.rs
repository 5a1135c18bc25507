//! The checker and a provider's seat, on a real chain with a real network.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::B256,
    signers::{
        Signature, SignerSync,
        k256::{self, ecdsa::signature::hazmat::RandomizedPrehashSigner, elliptic_curve::rand_core::OsRng},
        local::PrivateKeySigner,
    },
};
use assay_epochs::uptime::answers::{GOOD, NONE, OFFLINE, SLOW};
use assay_keepers::{
    checker::{self, Examined},
    examination::{Challenge, Probe, Reply, Request, Rounds, Seat, probe},
    tx::ActionState,
    verification::Tamper,
};
use assay_test_fixtures::FaultProxy;
use common::{
    PATIENCE, eventually,
    exam::{Exams, Manner, OPERATOR, Stranger, TASKS, high},
    process::{Process, Role},
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::broadcast::Receiver, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Waits until so many seats were examined.
async fn examined(events: &mut Receiver<Examined>, count: usize) -> Vec<Examined> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await;
        seen.push(event.unwrap_or_else(|_| panic!("{} of {count} were examined: {seen:?}", seen.len())).unwrap());
    }
    seen.sort_by_key(|event| (event.round, event.seat));
    seen
}

async fn until_sealed(exams: &Exams, epoch: u32) -> B256 {
    eventually("it seals", || async { Some(exams.sealed(epoch).await).filter(|seal| !seal.is_zero()) }).await
}

async fn until_revealed(exams: &Exams, epoch: u32) -> Vec<Vec<u8>> {
    eventually("it reveals", || exams.revealed(epoch)).await
}

/// More connections than a seat has room for, each at a question that never ends, and back when it was sent away.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_dribbles_keeps_no_checker_from_its_answer() {
    let exams = Exams::start(1).await;
    let key = PrivateKeySigner::random();
    let seat = exams.seat(&key).await;
    exams.enroll(key.address(), seat.address()).await;
    let (address, sent_away) = (seat.address(), Arc::new(AtomicU32::new(0)));
    let mut crowd = JoinSet::new();
    for _ in 0..300 {
        let sent_away = sent_away.clone();
        crowd.spawn(async move {
            loop {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut text: &[u8] = b"POST /v1/probe HTTP/1.1\r\nx: ";
                while stream.write_all(text).await.is_ok() {
                    text = b"a";
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                sent_away.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let away = || async { (sent_away.load(Ordering::Relaxed) > 44).then_some(()) };
    eventually("who has no room is sent away", away).await;
    let checker = exams.checker("checker").await;
    let mut events = checker.subscribe();
    exams.draw(0).await;
    exams.enter(0, 0).await;
    let event = examined(&mut events, 1).await.remove(0);
    assert_eq!(event.answer, "good", "{event:?}");
    checker.stop();
    checker.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_manner_of_provider_is_found_out_and_the_contract_takes_it() {
    let exams = Exams::start(2).await;
    let key = PrivateKeySigner::random();
    let seat = exams.seat(&key).await;
    exams.enroll(key.address(), seat.address()).await;
    let manners = [
        (Manner::Honest, GOOD, ""),
        (Manner::Slow(5_000), SLOW, ""),
        (Manner::Slow(20_000), OFFLINE, "nothing in 8000 ms"),
        (Manner::OtherKey, OFFLINE, "not signed by the seat's key"),
        (Manner::Malleable, OFFLINE, "not signed by the seat's key"),
        (Manner::Guess, OFFLINE, "is wrong"),
        (Manner::Lazy, OFFLINE, "is wrong"),
        (Manner::Short, OFFLINE, "7 results of 8 tasks"),
        (Manner::Noise, OFFLINE, "its answer is none"),
        (Manner::Flood, OFFLINE, "longer than"),
        (Manner::Refuse, OFFLINE, "403 Forbidden: notyou"),
        (Manner::Redirect, OFFLINE, "307"),
    ];
    let mut strangers = Vec::new();
    for (manner, ..) in manners {
        let stranger = Stranger::start(&exams, manner).await;
        exams.enroll(stranger.key.address(), stranger.address).await;
        strangers.push(stranger);
    }
    // Nobody listens there; that is no place to ask; and a seat's own machine has another key than its seat.
    exams.enroll(PrivateKeySigner::random().address(), "127.0.0.1:1").await;
    exams.enroll(PrivateKeySigner::random().address(), "http://127.0.0.1:1/admin").await;
    exams.enroll(PrivateKeySigner::random().address(), seat.address()).await;
    let last = [(OFFLINE, "error sending request"), (OFFLINE, "not a host and a port"), (OFFLINE, "other_seat")];
    let expected: Vec<_> =
        [(GOOD, "")].into_iter().chain(manners.map(|(_, answer, why)| (answer, why))).chain(last).collect();

    let config = checker::Config {
        http: Some("127.0.0.1:0".parse().unwrap()),
        rechecks: TASKS / 2 + 1,
        deadline_ms: 4_000,
        ..exams.config("checker")
    };
    let checker = checker::start(config, exams.setup(), CancellationToken::new()).await.unwrap();
    let mut events = checker.subscribe();
    exams.draw(0).await;
    exams.enter(0, 0).await;
    let names = [(GOOD, "good"), (SLOW, "slow"), (OFFLINE, "offline")];
    for (event, (answer, why)) in examined(&mut events, expected.len()).await.iter().zip(&expected) {
        let name = names.iter().find(|(number, _)| number == answer).unwrap().1;
        assert_eq!(event.answer, name, "{event:?}");
        assert!(event.reason.as_deref().unwrap_or_default().contains(why), "{why}: {event:?}");
        assert_eq!(event.latency_ms.is_some(), *answer != OFFLINE);
    }
    let ready = reqwest::get(format!("http://{}/ready", checker.http().unwrap())).await.unwrap();
    assert_eq!(ready.status(), 200);
    let facts: Value = ready.json().await.unwrap();
    assert_eq!((&facts["operator"], &facts["epoch"]), (&OPERATOR.into(), &0.into()));
    assert_eq!(facts["seats"]["0"]["count"], 1);
    assert!(facts["seats"]["2"]["p50_ms"].as_u64().unwrap() >= 5_000, "{facts}");
    let metrics = reqwest::get(format!("http://{}/metrics", checker.http().unwrap())).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("assay_checker_answers_total{answer=\"offline\"} 13"), "{metrics}");
    assert!(metrics.contains("assay_checker_latency_seconds{seat=\"2\",quantile=\"0.99\"}"), "{metrics}");

    // The second round is missed: nobody is said to be anything.
    exams.until(exams.network.begins(1)).await;
    until_sealed(&exams, 0).await;
    exams.draw(1).await;
    let answers = until_revealed(&exams, 0).await;
    let expected: Vec<_> = expected.iter().map(|(answer, _)| vec![*answer, NONE]).collect();
    assert_eq!(answers, expected);
    assert!(strangers.iter().all(|stranger| stranger.asked(0, 0) >= 1 && stranger.asked(0, 1) == 0));
    checker.stop();
    checker.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checker_that_ends_anywhere_goes_on_where_it_was() {
    let exams = Exams::start(3).await;
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let stranger = Stranger::start(&exams, Manner::Honest).await;
        exams.enroll(stranger.key.address(), stranger.address).await;
        strangers.push(stranger);
    }
    exams.draw(0).await;
    for round in 0..3 {
        let checker = exams.checker("checker").await;
        let mut events = checker.subscribe();
        exams.enter(0, round).await;
        let seen = examined(&mut events, 3).await;
        assert!(seen.iter().all(|event| event.round == round && event.answer == "good"), "{seen:?}");
        // No farewell: it is gone in the middle of what it does.
        drop(checker);
        release(&exams, "checker").await;
    }
    let again = exams.checker("checker").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for stranger in &strangers {
        assert_eq!((0..3).map(|round| stranger.asked(0, round)).collect::<Vec<_>>(), [1; 3], "nobody is asked twice");
    }
    exams.until(exams.network.begins(1)).await;
    let seal = until_sealed(&exams, 0).await;
    drop(again);
    release(&exams, "checker").await;
    let third = exams.checker("checker").await;
    exams.draw(1).await;
    assert_eq!(until_revealed(&exams, 0).await, vec![vec![GOOD; 3]; 3]);
    assert_ne!(seal, B256::ZERO);
    // One seal and one reveal, whoever sent them.
    eventually("two transactions", || async { (exams.net.sent(exams.key.address()).await == 2).then_some(()) }).await;
    third.stop();
    third.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_loses_nothing() {
    let exams = Exams::start(2).await;
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let stranger = Stranger::start(&exams, Manner::Honest).await;
        exams.enroll(stranger.key.address(), stranger.address).await;
        strangers.push(stranger);
    }
    exams.draw(0).await;
    let start = || {
        let role = Role::Checker(exams.config("checker"));
        Process::start(&exams.net, "checker", &exams.key, &role, &Tamper::default())
    };
    for round in 0..2 {
        let mut process = start();
        process.event("started").await;
        exams.enter(0, round).await;
        for _ in &strangers {
            process.event("examined").await;
        }
        process.kill().await;
    }
    let process = start();
    exams.until(exams.network.begins(1)).await;
    until_sealed(&exams, 0).await;
    process.kill().await;
    exams.draw(1).await;
    let process = start();
    assert_eq!(until_revealed(&exams, 0).await, vec![vec![GOOD; 2]; 3]);
    for stranger in &strangers {
        assert_eq!((stranger.asked(0, 0), stranger.asked(0, 1)), (1, 1), "nobody is asked twice");
    }
    assert!(process.terminate().await);
}

/// Waits until a dropped checker has let go of its store.
async fn release(exams: &Exams, name: &str) {
    let path = exams.net.path(&format!("{name}.sqlite.lock"));
    eventually("the store is free", || async {
        let file = std::fs::File::open(&path).unwrap();
        file.try_lock().ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_that_a_reorganisation_takes_is_sent_again() {
    let exams = Exams::start(1).await;
    let stranger = Stranger::start(&exams, Manner::Honest).await;
    exams.enroll(stranger.key.address(), stranger.address).await;
    let checker = exams.checker("checker").await;
    let mut events = checker.subscribe();
    exams.draw(0).await;
    exams.enter(0, 0).await;
    examined(&mut events, 1).await;
    exams.until(exams.network.begins(1)).await;
    let seal = until_sealed(&exams, 0).await;
    exams.net.anvil.reorg(1).await;
    assert_eq!(exams.sealed(0).await, B256::ZERO, "it is gone");
    exams.net.anvil.mine(1).await;
    assert_eq!(until_sealed(&exams, 0).await, seal, "the same answers");
    exams.draw(1).await;
    assert_eq!(until_revealed(&exams, 0).await, [[GOOD]]);
    checker.stop();
    checker.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_comes_and_goes_is_waited_for_and_the_clock_may_jump() {
    let exams = Exams::start(4).await;
    let stranger = Stranger::start(&exams, Manner::Honest).await;
    exams.enroll(stranger.key.address(), stranger.address).await;
    let mut proxy = FaultProxy::spawn(exams.net.anvil.url()).await;
    proxy.stop().await;
    let setup = exams.setup_at(&proxy.url());
    let checker = checker::start(exams.config("checker"), setup, CancellationToken::new()).await.unwrap();
    let mut events = checker.subscribe();
    exams.draw(0).await;
    exams.enter(0, 0).await;
    proxy.start().await;
    assert_eq!(examined(&mut events, 1).await[0].round, 0);
    proxy.stop().await;
    // Two rounds pass in one step.
    exams.enter(0, 3).await;
    proxy.start().await;
    assert_eq!(examined(&mut events, 1).await[0].round, 3);
    exams.until(exams.network.begins(1)).await;
    until_sealed(&exams, 0).await;
    exams.draw(1).await;
    assert_eq!(until_revealed(&exams, 0).await, [[GOOD, NONE, NONE, GOOD]]);
    checker.stop();
    checker.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_behind_others_until_its_round_is_over_is_not_blamed() {
    let exams = Exams::start(2).await;
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let stranger = Stranger::start(&exams, Manner::Slow(20_000)).await;
        exams.enroll(stranger.key.address(), stranger.address).await;
        strangers.push(stranger);
    }
    let config = checker::Config { parallel: 1, deadline_ms: 4_000, ..exams.config("checker") };
    let checker = checker::start(config, exams.setup(), CancellationToken::new()).await.unwrap();
    let mut events = checker.subscribe();
    exams.draw(0).await;
    exams.enter(0, 0).await;
    let asked = || strangers.iter().map(|stranger| stranger.asked(0, 0)).sum::<u32>();
    eventually("one is asked", || async { (asked() == 1).then_some(()) }).await;
    exams.until(Rounds::new(&exams.network, 0).span(1).start).await;
    assert_eq!(examined(&mut events, 1).await[0].answer, "offline");
    exams.until(exams.network.begins(1)).await;
    until_sealed(&exams, 0).await;
    exams.draw(1).await;
    let mut answers = until_revealed(&exams, 0).await;
    answers.sort();
    assert_eq!(answers, [[NONE, NONE], [OFFLINE, NONE]]);
    assert_eq!(asked(), 1);
    checker.stop();
    checker.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_found_nothing_says_so_and_who_attests_for_nobody_waits() {
    let exams = Exams::start(1).await;
    exams.enroll(PrivateKeySigner::random().address(), "127.0.0.1:1").await;
    // The seed comes when the epoch is over: nobody could be examined in it.
    let mut stranger = exams.setup();
    stranger.key = PrivateKeySigner::random();
    let config = checker::Config { http: Some("127.0.0.1:0".parse().unwrap()), ..exams.config("nobody") };
    let nobody = checker::start(config, stranger, CancellationToken::new()).await.unwrap();
    let checker = exams.checker("checker").await;
    exams.until(exams.network.begins(1)).await;
    until_sealed(&exams, 0).await;
    exams.draw(0).await;
    exams.draw(1).await;
    assert_eq!(until_revealed(&exams, 0).await, [[NONE]], "to stay silent costs more");
    let ready = reqwest::get(format!("http://{}/ready", nobody.http().unwrap())).await.unwrap();
    let facts: Value = ready.json().await.unwrap();
    assert_eq!((&facts["idle"], &facts["operator"]), (&"the key attests for no operator".into(), &Value::Null));
    let sent = nobody.transactions().summary().await.unwrap();
    assert!(ActionState::ALL.iter().all(|state| sent.count(*state) == 0));
    checker.stop();
    checker.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_are_refused() {
    let exams = Exams::start(1).await;
    let start = |config| checker::start(config, exams.setup(), CancellationToken::new());
    let good = || exams.config("checker");
    for (config, why) in [
        (checker::Config { deadline_ms: 0, ..good() }, "deadline_ms is 0"),
        (checker::Config { rechecks: 0, ..good() }, "rechecks is 0"),
        (
            {
                let mut config = good();
                config.exam.tasks = 1_025;
                config
            },
            "tasks is 1025, expected 1 to 1024",
        ),
        (
            {
                let mut config = good();
                config.exam.network = Some(exams.key.address());
                config
            },
            "does not have network",
        ),
        (
            {
                let mut config = good();
                config.exam.model = None;
                config
            },
            "no model",
        ),
    ] {
        let error = start(config).await.unwrap_err();
        assert!(error.code() == "bad_config" && error.to_string().contains(why), "{why}: {error}");
    }
}

/// An operator that asks a seat by hand.
struct Caller<'a> {
    exams: &'a Exams,
    seat: &'a Seat,
    http: reqwest::Client,
}

impl Caller<'_> {
    fn request(&self, key: &PrivateKeySigner, change: impl FnOnce(&mut Probe)) -> Request {
        let model = probe::model_id(&self.exams.net.model);
        let mut probe = Probe { epoch: 0, round: 0, seat: 0, operator: OPERATOR, model, tasks: TASKS };
        change(&mut probe);
        let digest = probe.digest(31_337, self.exams.network.attestations);
        Request::new(&probe, key.sign_hash_sync(&digest).unwrap().as_bytes())
    }

    async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let url = format!("http://{}{}", self.seat.address(), probe::PATH);
        self.http.post(url).header("content-type", "application/json").body(body).send().await.unwrap()
    }

    async fn ask(&self, request: &Request) -> Result<Reply, String> {
        let response = self.post(serde_json::to_vec(request).unwrap()).await;
        if response.status() == 200 {
            return Ok(response.json().await.unwrap());
        }
        let refusal: Value = response.json().await.unwrap();
        Err(refusal["error"].as_str().unwrap().to_owned())
    }
}

/// Another signature by the same key, with a nonce of chance.
fn signed_anew(key: &PrivateKeySigner, digest: &B256) -> Vec<u8> {
    let signer = key.credential();
    let signature: k256::ecdsa::Signature = signer.sign_prehash_with_rng(&mut OsRng, digest.as_slice()).unwrap();
    let signature = signature.normalize_s().unwrap_or(signature);
    let recovered = [false, true].map(|parity| Signature::from_signature_and_parity(signature, parity));
    let right =
        recovered.iter().find(|one| one.recover_address_from_prehash(digest).is_ok_and(|by| by == key.address()));
    right.unwrap().as_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_works_for_operators_of_its_network_once_a_round_and_for_nobody_else() {
    let exams = Exams::start(2).await;
    let key = PrivateKeySigner::random();
    let seat = exams.seat(&key).await;
    let provider = exams.enroll(key.address(), seat.address()).await;
    exams.enroll(PrivateKeySigner::random().address(), "127.0.0.1:1").await;
    let caller = Caller { exams: &exams, seat: &seat, http: reqwest::Client::new() };
    let honest = caller.request(&exams.key, |_| {});
    exams.until(exams.network.begins(0)).await;
    eventually("it is not time yet", || async { (caller.ask(&honest).await.err()? == "not_current").then_some(()) })
        .await;
    exams.draw(0).await;
    exams.enter(0, 0).await;

    let reply = eventually("it answers", || async { caller.ask(&honest).await.ok() }).await;
    assert_eq!(reply.leaves.len() as u32, TASKS);
    let seed = exams.attestations().seedOf(0).call().await.unwrap();
    let digest = honest.probe().digest(31_337, exams.network.attestations);
    let challenge = Challenge::new(&exams.net.model, &seed, &digest, &honest);
    assert_eq!(challenge.compute(&exams.net.model).unwrap(), reply.leaves);
    let result = challenge.result(&exams.net.model, 31_337, provider, &reply.leaves).unwrap();
    let response = probe::response(31_337, exams.network.attestations, &honest, result);
    assert_eq!(probe::signer(&response, &reply.signature), Some(key.address()));
    assert_eq!(caller.ask(&honest).await.unwrap(), reply, "as it was computed");

    // The same word in the form that contracts refuse, and another word of the same key, which would bring other tasks.
    let mut again = honest.clone();
    again.signature = high(&honest.signature).into();
    assert_eq!(caller.ask(&again).await.unwrap_err(), "bad_signature");
    again.signature = signed_anew(&exams.key, &digest).into();
    assert_ne!(again.signature, honest.signature);
    assert_eq!(caller.ask(&again).await.unwrap_err(), "asked_already");
    let thief = PrivateKeySigner::random();
    for (request, code) in [
        (caller.request(&thief, |_| {}), "bad_signature"),
        (caller.request(&exams.key, |probe| probe.operator += 1), "no_operator"),
        (caller.request(&exams.key, |probe| probe.operator = 3), "no_operator"),
        (caller.request(&exams.key, |probe| probe.round = 1), "not_current"),
        (caller.request(&exams.key, |probe| probe.epoch = 1), "not_current"),
        (caller.request(&exams.key, |probe| probe.seat = 1), "other_seat"),
        (caller.request(&exams.key, |probe| probe.seat = u32::MAX), "other_seat"),
        (caller.request(&exams.key, |probe| probe.tasks = 1_000), "other_exam"),
        (caller.request(&exams.key, |probe| probe.model = B256::ZERO), "other_exam"),
    ] {
        assert_eq!(caller.ask(&request).await.unwrap_err(), code, "{request:?}");
    }
    for (body, status) in
        [(vec![b'['; 4_096], 413), (b"{".to_vec(), 400), (serde_json::to_vec(&json!({ "epoch": 0 })).unwrap(), 422)]
    {
        assert_eq!(caller.post(body).await.status(), status);
    }

    exams.enter(0, 1).await;
    let next = caller.request(&exams.key, |probe| probe.round = 1);
    let later = eventually("the next round comes", || async { caller.ask(&next).await.ok() }).await;
    assert_ne!(later.leaves, reply.leaves);
    assert_eq!(caller.ask(&honest).await.unwrap_err(), "not_current");
}
