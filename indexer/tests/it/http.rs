//! Every route: pages, proofs, streams, and what it answers to nonsense.

use crate::{
    court::challenge,
    document::described,
    life::live,
    reorg::{Dice, Traffic},
    world::{Running, World},
};
use alloy::primitives::{B256, hex};
use assay_kernels::merkle;
use futures::StreamExt;
use reqwest::{StatusCode, header};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_everything_once_while_it_grows() {
    let world = World::new().await;
    let (mut dice, mut traffic) = (Dice::new(3), Traffic::default());
    for _ in 0..40 {
        traffic.act(&world, &mut dice).await;
    }
    let indexer = world.index("pages").await;
    world.synced(&indexer).await;
    let id = |item: &Value| item["order_id"].as_str().unwrap().to_owned();
    let before: Vec<_> = indexer.all("/v1/orders", 200).await.iter().map(id).collect();
    assert!(before.len() > 4);

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = indexer.ok(&format!("/v1/orders?limit=2{cursor}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        world.open(1, 5_000 + seen.len() as u64).await;
        world.synced(&indexer).await;
    }
    assert_eq!(seen, before, "new orders come before the first page, not into the later ones");

    // Events are paged oldest first: those that come meanwhile are at the end.
    let mut ids = BTreeSet::new();
    let mut after = String::new();
    while let Some(next) = {
        let page = indexer.ok(&format!("/v1/events?limit=7{after}")).await;
        for event in page["items"].as_array().unwrap() {
            assert!(ids.insert(event["id"].as_str().unwrap().to_owned()), "{event} came twice");
        }
        page["next"].as_str().map(str::to_owned)
    } {
        after = format!("&after={next}");
    }
    assert_eq!(indexer.ok("/v1/stats").await["events"], ids.len());

    let history = indexer.all(&format!("/v1/accounts/{}/history", world.customer), 9).await;
    let unique: BTreeSet<_> = history.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(unique.len(), history.len());
    let about_customer = format!("{:#x}", world.customer);
    assert!(history.iter().all(|event| event["fields"].to_string().contains(&about_customer)));
    for (path, key) in [("customer", world.customer), ("customer", world.author)] {
        let mine = indexer.all(&format!("/v1/orders?{path}={key}&model={}", world.model), 5).await;
        assert_eq!(mine.is_empty(), key == world.author);
    }
}

fn hash(value: &Value) -> [u8; 32] {
    value.as_str().unwrap().parse::<B256>().unwrap().0
}

fn verify(task: &Value) -> bool {
    let proof = &task["proof"];
    let siblings: Vec<_> = proof["siblings"].as_array().unwrap().iter().map(hash).collect();
    let (count, position) = (proof["count"].as_u64().unwrap(), proof["position"].as_u64().unwrap());
    merkle::verify(&hash(&proof["root"]), count, position, &hash(&proof["leaf"]), &siblings)
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_come_with_proofs_or_not_at_all() {
    let world = World::new().await;
    let indexer = world.index("tasks").await;
    let order = world.open(20, 1).await;
    let [ada, bob] = world.providers;
    let first = world.commit(ada, &order, 0, 7, true).await.unwrap();
    assert!(world.take(bob, &order, 7, 3).await);
    let last = world.commit(ada, &order, 10, 5, true).await.unwrap();
    world.synced(&indexer).await;

    let id = world.order_id(&order);
    let tasks = indexer.all(&format!("/v1/orders/{id}/tasks"), 3).await;
    let indices: Vec<_> = tasks.iter().map(|task| task["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14]);
    assert!(tasks.iter().all(verify));
    assert_eq!(indexer.all(&format!("/v1/batches/{}/tasks", last.id), 2).await.len(), 5);

    let task = indexer.ok(&format!("/v1/orders/{id}/tasks/12")).await;
    assert_eq!(task["output"], hex::encode_prefixed("output 12"));
    assert_eq!(merkle::row_root(b"output 12"), hash(&task["output_hash"]));
    assert!(verify(&task));
    assert_eq!(indexer.ok(&format!("/v1/batches/{}/tasks/12", last.id)).await, task);
    for (path, code) in [
        (format!("/v1/orders/{id}/tasks/8"), "task_not_committed"),
        (format!("/v1/orders/{id}/tasks/19"), "task_not_committed"),
        (format!("/v1/batches/{}/tasks/7", first.id), "task_unknown"),
    ] {
        let (status, body) = indexer.get(&path).await;
        assert_eq!((status, body["code"].as_str()), (404, Some(code)), "{path}: {body}");
    }

    // A new process has verified nothing yet; one blob is gone, the other has a flipped bit.
    let config = indexer.config.clone();
    indexer.stop().await.unwrap();
    let blob = |batch: &crate::world::Committed| config.blobs.join("batches").join(hex::encode(batch.batch.root));
    std::fs::remove_file(blob(&first)).unwrap();
    let mut bytes = std::fs::read(blob(&last)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(blob(&last), bytes).unwrap();
    let indexer = Running::start(config.clone()).await.unwrap();
    for (path, expected, code) in [
        (format!("/v1/batches/{}/tasks", first.id), 404, "blob_missing"),
        (format!("/v1/orders/{id}/tasks/0"), 404, "blob_missing"),
        (format!("/v1/batches/{}/tasks/11", last.id), 409, "blob_altered"),
        (format!("/v1/orders/{id}/tasks?cursor=10"), 409, "blob_altered"),
    ] {
        let (status, body) = indexer.get(&path).await;
        assert_eq!((status, body["code"].as_str()), (expected, Some(code)), "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_stable_codes() {
    let world = World::new().await;
    let indexer = world.index("nonsense").await;
    world.synced(&indexer).await;
    let zero = B256::ZERO;
    let long = "f".repeat(5_000);
    for (path, status, code) in [
        ("/v1/orders/0x12".to_owned(), 400, "bad_hash"),
        (format!("/v1/orders/0x{long}"), 400, "bad_hash"),
        ("/v1/orders/0xzz22ff5f21f0b81b113e63f7db6da94fedef11b2119b4088b89664fb9a3cb658".to_owned(), 400, "bad_hash"),
        ("/v1/orders/%ff%fe".to_owned(), 400, "bad_path"),
        ("/v1/orders/%00".to_owned(), 400, "bad_hash"),
        (format!("/v1/orders/{zero}"), 404, "order_unknown"),
        (format!("/v1/orders/{zero}/batches"), 404, "order_unknown"),
        (format!("/v1/orders/{zero}/tasks"), 404, "order_unknown"),
        (format!("/v1/orders/{zero}/takes"), 404, "order_unknown"),
        (format!("/v1/orders/{zero}/history"), 404, "order_unknown"),
        (format!("/v1/orders/{zero}/tasks/0"), 404, "order_unknown"),
        (format!("/v1/orders/{zero}/tasks/-1"), 400, "bad_index"),
        (format!("/v1/orders/{zero}/tasks/4294967296"), 400, "bad_index"),
        (format!("/v1/batches/{zero}"), 404, "batch_unknown"),
        (format!("/v1/batches/{zero}/tasks"), 404, "batch_unknown"),
        (format!("/v1/models/{zero}"), 404, "model_unknown"),
        ("/v1/providers/0x00000000000000000000000000000000000000aa".to_owned(), 404, "provider_unknown"),
        ("/v1/accounts/me".to_owned(), 400, "bad_address"),
        ("/v1/orders?limit=0".to_owned(), 400, "bad_limit"),
        ("/v1/orders?limit=201".to_owned(), 400, "bad_limit"),
        ("/v1/orders?limit=99999999999999999999".to_owned(), 400, "bad_limit"),
        ("/v1/orders?limit=-1".to_owned(), 400, "bad_limit"),
        ("/v1/orders?cursor=%27%3B--".to_owned(), 400, "bad_cursor"),
        ("/v1/orders?cursor=9223372036854775808-0".to_owned(), 400, "bad_cursor"),
        (format!("/v1/batches/{zero}/tasks?cursor=x"), 400, "bad_cursor"),
        ("/v1/orders?status=lost".to_owned(), 400, "bad_status"),
        ("/v1/batches?status=open".to_owned(), 400, "bad_status"),
        ("/v1/orders?colour=red".to_owned(), 400, "bad_query"),
        ("/v1/orders?customer=%ff".to_owned(), 400, "bad_address"),
        ("/v1/events?after=1".to_owned(), 400, "bad_event_id"),
        ("/v1/events/stream?after=1-2-3".to_owned(), 400, "bad_event_id"),
        ("/v1/events/stream?after=0-0-ffffffff".to_owned(), 409, "event_id_unknown"),
        ("/v2".to_owned(), 404, "path_unknown"),
    ] {
        let (got, body) = indexer.get(&path).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
        assert!(!body["message"].as_str().unwrap().is_empty() && !body["hint"].as_str().unwrap().is_empty());
        assert!(body.to_string().len() < 1_000, "an error is short: {body}");
    }
    let posted = indexer.http.post(format!("{}/v1/orders", indexer.url)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.json::<Value>().await.unwrap()["code"], "method_not_allowed");
    // An account that nobody ever saw holds nothing.
    let nobody = indexer.ok("/v1/accounts/00000000000000000000000000000000000000AA").await;
    assert_eq!(nobody["balances"], Value::Array(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_answers_are_not_sent_again() {
    let world = World::new().await;
    let indexer = world.index("etag").await;
    world.synced(&indexer).await;
    let url = format!("{}/v1/models", indexer.url);
    let first = indexer.http.get(&url).send().await.unwrap();
    let tag = first.headers()[header::ETAG].clone();
    let again = indexer.http.get(&url).header(header::IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()[header::ETAG], tag);
    assert!(again.bytes().await.unwrap().is_empty());
    world.register(9).await;
    world.synced(&indexer).await;
    let changed = indexer.http.get(&url).header(header::IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()[header::ETAG], tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_what_is_served() {
    let world = World::new().await;
    let indexer = world.index("document").await;
    let batches = live(&world).await;
    let dispute = challenge(&world).await;
    world.synced(&indexer).await;
    let document = indexer.ok("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let batch = &batches[0];
    let values = [
        ("{order_id}", batch.batch.orderId.to_string()),
        ("{batch_id}", batch.id.to_string()),
        ("{dispute_id}", dispute.to_string()),
        ("{model_id}", world.model.to_string()),
        ("{address}", batch.batch.provider.to_string()),
        ("{index}", "2".to_owned()),
    ];
    // The routes of a sale and of a network are held to the document where there is one.
    let here = |path: &str| !path.starts_with("/v1/sales/") && !path.starts_with("/v1/networks/");
    let asked = described(&indexer, &document, here, &values).await;
    assert!(asked >= 25);
    // Every reference has its target.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_with_a_strict_policy_and_parts_that_never_change() {
    let world = World::new().await;
    let mut config = world.config("page");
    config.public_rpc_url = Some("https://rpc.example/key".to_owned());
    let indexer = Running::start(config).await.unwrap();
    let (_, deployment) = indexer.get("/v1/deployment").await;
    assert_eq!(deployment["rpc_url"], "https://rpc.example/key");
    assert_eq!(deployment["suite"]["jobEscrow"].as_str().unwrap().len(), 42);

    let page = indexer.http.get(&indexer.url).header(header::ACCEPT_ENCODING, "identity").send().await.unwrap();
    if page.status() == 503 {
        let text = page.text().await.unwrap();
        assert!(text.contains("make setup"), "without the page it says how to get it: {text}");
        return;
    }
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("connect-src 'self' https://rpc.example;"), "its origin, not its path: {policy}");
    assert_eq!(deployment["walletconnect"], Value::Null);
    let text = page.text().await.unwrap();
    let (_, rest) = text.split_once("src=\"/assets/").expect("a script");
    let script = format!("{}/assets/{}", indexer.url, rest.split_once('"').unwrap().0);
    for (accepted, encoding) in [("gzip, deflate, br", Some("br")), ("gzip", Some("gzip")), ("identity", None)] {
        let part = indexer.http.get(&script).header(header::ACCEPT_ENCODING, accepted).send().await.unwrap();
        assert_eq!(part.status(), 200);
        assert_eq!(part.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap()), encoding);
        assert!(part.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(part.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    }
    let missing = indexer.http.get(format!("{}/assets/none.js", indexer.url)).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_for_visitors_that_is_no_url_is_refused() {
    let world = World::new().await;
    let mut config = world.config("page-url");
    config.public_rpc_url = Some("rpc.example; script-src *".to_owned());
    assert_eq!(Running::start(config).await.err().unwrap().code(), "bad_rpc_url");
}

#[tokio::test(flavor = "multi_thread")]
async fn walletconnect_opens_the_policy_to_its_relay_alone() {
    const PROJECT: &str = "0123456789abcdef0123456789ABCDEF";
    let world = World::new().await;
    let mut config = world.config("walletconnect");
    config.public_rpc_url = Some("https://rpc.example/key".to_owned());
    config.walletconnect_project_id = Some(PROJECT.to_owned());
    for (relay, url, origin) in [
        (None, "wss://relay.walletconnect.org", "wss://relay.walletconnect.org"),
        (Some("ws://127.0.0.1:9/path"), "ws://127.0.0.1:9/path", "ws://127.0.0.1:9"),
    ] {
        config.walletconnect_relay_url = relay.map(str::to_owned);
        let indexer = Running::start(config.clone()).await.unwrap();
        let (_, deployment) = indexer.get("/v1/deployment").await;
        assert_eq!(deployment["walletconnect"], serde_json::json!({ "project_id": PROJECT, "relay_url": url }));
        let page = indexer.http.get(&indexer.url).send().await.unwrap();
        let Some(policy) = page.headers().get(header::CONTENT_SECURITY_POLICY) else { return };
        let policy = policy.to_str().unwrap();
        assert!(policy.contains(&format!("connect-src 'self' https://rpc.example {origin};")), "{policy}");
        assert!(!policy.contains("frame-src"), "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn walletconnect_that_cannot_work_is_refused_at_the_start() {
    const PROJECT: &str = "0123456789abcdef0123456789abcdef";
    const RPC: Option<&str> = Some("https://rpc.example");
    let world = World::new().await;
    for (rpc, project, relay, says) in [
        (RPC, Some("0123456789abcdef0123456789abcde"), None, "32 hexadecimal digits"),
        (RPC, Some("0123456789abcdef0123456789abcdeg"), None, "'0123456789abcdef0123456789abcdeg'"),
        (RPC, Some(PROJECT), Some("https://relay.example"), "'https://relay.example' is no URL of a relay"),
        (RPC, Some(PROJECT), Some("wss://relay.example; script-src *"), "wss://relay.walletconnect.org"),
        (RPC, None, Some("wss://relay.example"), "`walletconnect_project_id`"),
        (None, Some(PROJECT), None, "`public_rpc_url`"),
    ] {
        let mut config = world.config("walletconnect-bad");
        config.public_rpc_url = rpc.map(str::to_owned);
        config.walletconnect_project_id = project.map(str::to_owned);
        config.walletconnect_relay_url = relay.map(str::to_owned);
        let error = Running::start(config).await.err().unwrap();
        assert_eq!(error.code(), "bad_walletconnect");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// A client of the event stream.
struct Client {
    response: futures::stream::BoxStream<'static, reqwest::Result<axum::body::Bytes>>,
    text: String,
}

/// One message: its type, id and data.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    kind: String,
    id: String,
    data: Value,
}

impl Client {
    async fn connect(indexer: &Running, last: Option<&str>) -> Self {
        let mut request = indexer.http.get(format!("{}/v1/events/stream", indexer.url));
        if let Some(id) = last {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response: response.bytes_stream().boxed(), text: String::new() }
    }

    /// The next message that carries data.
    async fn next(&mut self) -> Message {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(&format!("{name}: ")))
                        .unwrap_or_default()
                        .to_owned()
                };
                let (kind, id, data) = (field("event"), field("id"), field("data"));
                self.text = rest.to_owned();
                if !data.is_empty() {
                    return Message { kind, id, data: serde_json::from_str(&data).unwrap() };
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.next()).await.expect("a message");
            self.text.push_str(std::str::from_utf8(&chunk.expect("an open stream").unwrap()).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.next().await);
        }
        messages
    }
}

async fn every_event(indexer: &Running) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = String::new();
    loop {
        let page = indexer.ok(&format!("/v1/events?limit=200{after}")).await;
        ids.extend(page["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumes_where_it_was() {
    let world = World::new().await;
    let indexer = world.index("stream").await;
    world.synced(&indexer).await;
    let all = every_event(&indexer).await;

    let mut client = Client::connect(&indexer, Some("0-0")).await;
    let first: Vec<_> = client.take(5).await;
    drop(client);
    let mut client = Client::connect(&indexer, Some(&first[4].id)).await;
    let mut ids: Vec<_> = first.into_iter().map(|message| message.id).collect();
    ids.extend(client.take(all.len() - 5).await.into_iter().map(|message| message.id));
    assert_eq!(ids, all);

    // A live client and one that was away see the same.
    let mut live = Client::connect(&indexer, None).await;
    world.open(3, 1).await;
    let opened = client.take(2).await;
    assert_eq!(live.take(2).await, opened);
    assert_eq!(opened[0].data["name"], "JobEscrow.OrderOpened");

    // A rollback is said to who is there, and to who comes back with an id of the lost block.
    world.synced(&indexer).await;
    world.anvil.reorg(1).await;
    let rollback = live.next().await;
    assert_eq!(rollback.kind, "rollback");
    let lost: u64 = opened[1].data["block_number"].as_u64().unwrap();
    assert_eq!(rollback.data["block_number"], lost - 1);
    world.synced(&indexer).await;
    let mut back = Client::connect(&indexer, Some(&opened[1].id)).await;
    assert_eq!(back.next().await, rollback);
    let mut after = Client::connect(&indexer, Some(&rollback.id)).await;
    world.open(4, 2).await;
    let next = live.next().await;
    assert_eq!(next.data["fields"]["count"], 4);
    assert_eq!((back.next().await, after.next().await), (next.clone(), next));

    // An indexer that never saw the lost block sends its client back to what is final.
    let fresh = world.index("replica").await;
    world.synced(&fresh).await;
    let mut moved = Client::connect(&fresh, Some(&opened[1].id)).await;
    let rollback = moved.next().await;
    assert_eq!(rollback.kind, "rollback");
    let kept = rollback.data["block_number"].as_u64().unwrap();
    let expected: Vec<_> = every_event(&fresh)
        .await
        .into_iter()
        .filter(|id| id.split('-').next().unwrap().parse::<u64>().unwrap() > kept)
        .collect();
    let ids: Vec<_> = moved.take(expected.len()).await.into_iter().map(|message| message.id).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_limited_and_end_with_the_indexer() {
    let world = World::new().await;
    let mut config = world.config("limited");
    config.max_streams = 2;
    let indexer = Running::start(config).await.unwrap();
    world.synced(&indexer).await;
    let one = Client::connect(&indexer, None).await;
    let mut two = Client::connect(&indexer, None).await;
    let (status, body) = indexer.get("/v1/events/stream").await;
    assert_eq!((status, body["code"].as_str()), (503, Some("too_many_streams")));
    drop(one);
    let freed = async {
        while indexer.http.get(format!("{}/v1/events/stream", indexer.url)).send().await.unwrap().status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("a place becomes free");
    tokio::time::timeout(Duration::from_secs(4), indexer.stop()).await.expect("it stops at once").unwrap();
    assert!(
        tokio::time::timeout(Duration::from_secs(4), async { while two.response.next().await.is_some() {} })
            .await
            .is_ok()
    );
}
