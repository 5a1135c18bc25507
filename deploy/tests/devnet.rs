//! The command against a real chain: deployment, money, models, orders; what the contracts refuse; the whole of the demo.

mod common;

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use assay_test_fixtures::{Anvil, AnvilOptions, tiny_decoder_dir, tiny_model_dir};
use common::{Assay, copy_folder};
use serde_json::Value;

const CUSTOMER: [&str; 2] = ["--key", "anvil:2"];
const PROVIDER: [&str; 2] = ["--key", "anvil:1"];

/// A chain with the suite deployed, and the tiny model as the configured package.
fn deployed() -> (Anvil, Assay) {
    let anvil = Anvil::spawn();
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    assay.write("assay.toml", format!("rpc_url = \"{}\"\nmodel = \"tiny\"\n", anvil.url()));
    assay.json(&["deploy", "--key", "anvil:0"]);
    (anvil, assay)
}

/// [`deployed`], the model registered at a floor of 10, and the customer with 100 aUSD in the ledger.
fn ready() -> (Anvil, Assay, Value) {
    let (anvil, assay) = deployed();
    let model = assay.json(&["model", "register", "--floor", "10", "--key", "anvil:3"]);
    assay.json(&[&["account", "deposit", "100", "--mint"][..], &CUSTOMER].concat());
    assay.write("texts.txt", "one text\nanother text\na third one\n");
    (anvil, assay, model)
}

/// Kills the child when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn deployment_is_found_again_and_checked() {
    let (anvil, assay) = deployed();
    let again = assay.json(&["deploy", "--key", "anvil:0"]);
    assert_eq!(again["created"], 0);
    assert_eq!(assay.json(&["deploy", "--check"])["suite"], again["suite"]);

    let other = assay.json(&["deploy", "--key", "anvil:0", "--beacon", "drand", "--drift", "30"]);
    let beacon = &other["suite"]["parameters"]["verification"]["beacon"];
    assert_eq!((&beacon["kind"], &beacon["drift"]), (&"drand".into(), &30.into()));
    assert_eq!(other["created"], 2, "the beacon, and the verification that names it");
    assert_eq!(assay.json(&["deploy", "--check"])["suite"], other["suite"]);

    let record = assay.path("deploy/chains/31337.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let ledger = again["suite"]["ledger"].as_str().unwrap();
    std::fs::write(&record, text.replace(ledger, "0x00000000000000000000000000000000000000aa")).unwrap();
    assay.fails(&["deploy", "--check"], "bad_deployment_record", 6);
    std::fs::remove_file(&record).unwrap();
    let error = assay.fails(&["order", "list"], "not_deployed", 3);
    assert!(error.contains("assay deploy"), "{error}");
    drop(anvil);
    assay.fails(&["deploy", "--key", "anvil:0"], "rpc_unreachable", 5);
}

#[test]
fn another_chain_than_asked_for_is_refused() {
    let anvil = Anvil::spawn_with(&AnvilOptions { chain_id: Some(10), ..AnvilOptions::default() });
    let assay = Assay::new().with(&["--rpc-url", anvil.url()]);
    for command in [&["deploy", "--key", "anvil:0"][..], &["model", "list"], &["provider", "run", "--key", "anvil:1"]] {
        let error = assay.fails(command, "wrong_chain", 4);
        assert!(error.contains("serves chain 10") && error.contains("31337"), "{error}");
    }
}

#[test]
fn money_goes_in_and_out() {
    let (_anvil, assay) = deployed();
    let customer = |words: &[&str]| assay.json(&[words, &CUSTOMER].concat());
    let deposited = customer(&["account", "deposit", "12.5", "--mint"]);
    assert_eq!((&deposited["balance"], &deposited["token"]["symbol"]), (&"12500000".into(), &"aUSD".into()));
    let native = customer(&["account", "deposit", "0.5", "--token", "native"]);
    assert_eq!(native["balance"], "500000000000000000");
    let withdrawn = customer(&["account", "withdraw", "2.5"]);
    assert_eq!(withdrawn["balance"], "10000000");
    let shown = customer(&["account", "show"]);
    assert_eq!(shown["balances"][0]["ledger"], "500000000000000000");
    assert_eq!(shown["balances"][1]["ledger"], "10000000");
    assert_eq!(shown["balances"][1]["wallet"], "2500000");

    let fails = |words: &[&str], code: &str, status: i32| assay.fails(&[words, &CUSTOMER].concat(), code, status);
    let error = fails(&["account", "withdraw", "10.000001"], "insufficient_balance", 4);
    assert!(error.contains("holds 10 aUSD") && error.contains("10.000001 aUSD is needed"), "{error}");
    fails(&["account", "deposit", "1000000"], "insufficient_funds", 4);
    fails(&["account", "deposit", "0"], "bad_amount", 2);
    fails(&["account", "deposit", "1.0000001"], "bad_amount", 2);
    assert_eq!(customer(&["account", "withdraw", "all"])["balance"], "0");
}

#[test]
fn stake_is_provisioned_and_thaws() {
    let (anvil, assay) = deployed();
    let provider = |words: &[&str]| assay.json(&[words, &PROVIDER].concat());
    assay.fails(&[&["provider", "stake", "5"][..], &PROVIDER].concat(), "insufficient_balance", 4);
    provider(&["account", "deposit", "5", "--mint"]);
    assert_eq!(provider(&["provider", "stake", "5"])["stake"], "5000000");
    assert_eq!(provider(&["provider", "thaw", "2"])["thawing"], "2000000");
    assay.fails(&[&["provider", "withdraw"][..], &PROVIDER].concat(), "Staking_NotThawed", 4);
    tokio::runtime::Runtime::new().unwrap().block_on(anvil.increase_time(61));
    assert_eq!(provider(&["provider", "withdraw"])["stake"], "3000000");
    let shown = provider(&["account", "show"]);
    assert_eq!((&shown["stake"]["free"], &shown["balances"][1]["ledger"]), (&"3000000".into(), &"2000000".into()));
}

#[test]
fn models_are_registered_and_listed() {
    let (_anvil, assay, model) = ready();
    let list = assay.json(&["model", "list"]);
    assert_eq!(list["models"].as_array().unwrap().len(), 1);
    assert_eq!(list["models"][0]["id"], model["id"]);
    assert_eq!(list["models"][0]["floors"][0]["unit_price"], "10");
    assay.fails(&["model", "register", "--key", "anvil:3"], "ModelRegistry_AlreadyRegistered", 4);
    assay.fails(&["model", "register", "--royalty", "nobody=1", "--key", "anvil:4"], "bad_royalty", 2);
}

#[test]
fn orders_that_cannot_be_are_refused_and_cost_nothing() {
    let (_anvil, assay, _) = ready();
    let fails = |words: &[&str], code: &str, status: i32| {
        assay.fails(&[&["order", "open", "--inputs", "texts.txt"][..], words, &CUSTOMER].concat(), code, status)
    };
    let unknown = format!("0x{}", "ab".repeat(32));
    fails(&["--model", &unknown], "unknown_model", 3);
    let error = fails(&["--unit-price", "9"], "price_under_floor", 4);
    assert!(error.contains("floor of 10"), "{error}");
    let error = fails(&["--unit-price", "1000000000"], "insufficient_balance", 4);
    assert!(error.contains("assay account deposit"), "{error}");
    let error = fails(&["--unit-cap", "1"], "bad_unit_cap", 2);
    assert!(error.contains("unit cap 1"), "{error}");
    fails(&["--unit-cap", "0"], "bad_unit_cap", 2);
    fails(&["--unit-cap", "100000"], "bad_unit_cap", 2);
    fails(&["--token", "native"], "ModelRegistry_TokenNotAccepted", 4);

    let shown = assay.json(&[&["account", "show"][..], &CUSTOMER].concat());
    assert_eq!(shown["balances"][1]["ledger"], "100000000", "nothing was paid");
    assert_eq!(assay.json(&["order", "list"])["orders"].as_array().unwrap().len(), 0);
    assay.fails(&["order", "show", &unknown], "unknown_order", 3);
}

#[test]
fn an_order_is_opened_shown_and_cancelled() {
    let (_anvil, assay, _) = ready();
    let opened = assay.json(&[&["order", "open", "--inputs", "texts.txt"][..], &CUSTOMER].concat());
    let id = opened["id"].as_str().unwrap();
    assert_eq!(opened["tasks"], 3);
    let shown = assay.json(&["order", "show", id]);
    assert_eq!((&shown["status"], &shown["escrowed"]), (&"open".into(), &opened["escrowed"]));
    assert_eq!(assay.json(&["order", "list"])["orders"][0]["id"], opened["id"]);
    assay.fails(&["order", "cancel", id, "--key", "anvil:4"], "JobEscrow_NotCustomer", 4);
    assay.fails(&["order", "collect", id, "--key", "anvil:4"], "not_customer", 4);
    assay.fails(&[&["order", "collect", id, "--timeout", "0"][..], &CUSTOMER].concat(), "timed_out", 4);
    let cancelled = assay.json(&[&["order", "cancel", id][..], &CUSTOMER].concat());
    assert_eq!(cancelled["refund"], opened["escrowed"]);
    assert_eq!(assay.json(&["order", "show", id])["status"], "closed");
}

#[test]
fn texts_become_verified_vectors() {
    let (_anvil, assay, _) = ready();
    assay.json(&[&["account", "deposit", "100", "--mint"][..], &PROVIDER].concat());
    assay.json(&[&["provider", "stake", "100"][..], &PROVIDER].concat());
    let _provider = Running(assay.command(&["provider", "run", "--key", "anvil:1", "--quiet"]).spawn().unwrap());

    let report = assay.json(&[&["embed", "texts.txt"][..], &CUSTOMER].concat());
    assert_eq!((&report["verified"], &report["status"]), (&3.into(), &"complete".into()));
    let vectors = report["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for (number, line) in vectors.iter().enumerate() {
        assert_eq!(line["source"], format!("texts.txt:{}", number + 1));
        let vector: Vec<f64> = line["vector"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let length: f64 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-3, "a vector of length {length}");
    }

    // The customer's own transaction instead of a receipt, and a file instead of standard output.
    let report = assay.json(&[&["embed", "texts.txt", "--accept", "-o", "vectors.npy"][..], &CUSTOMER].concat());
    assert_eq!(report["batches"][0]["end"]["accepted"], true);
    assert!(std::fs::read(assay.path("vectors.npy")).unwrap().starts_with(b"\x93NUMPY"));
    let ended = assay.run(&[&["embed", "texts.txt"][..], &CUSTOMER].concat());
    assert_eq!(ended.stdout.lines().count(), 3, "a JSON object a line: {}", ended.stderr);
}

#[test]
fn a_prompt_becomes_a_verified_text() {
    let (_anvil, assay) = deployed();
    copy_folder(&tiny_decoder_dir(), &assay.path("decoder"));
    assay.json(&["model", "register", "--model", "decoder", "--floor", "10", "--key", "anvil:3"]);
    assay.json(&[&["account", "deposit", "100", "--mint"][..], &CUSTOMER].concat());
    assay.json(&[&["account", "deposit", "100", "--mint"][..], &PROVIDER].concat());
    assay.json(&[&["provider", "stake", "100"][..], &PROVIDER].concat());
    let provider = ["provider", "run", "--key", "anvil:1", "--model", "decoder", "--quiet"];
    let _provider = Running(assay.command(&provider).spawn().unwrap());

    let package = ["generate", "--package", "decoder"];
    let words = [&package[..], &["--raw", "--count", "6", "--temperature", "1", "--seed", "7", "the cat"]].concat();
    let local = assay.json(&[&words[..], &["--local"]].concat());
    let report = assay.json(&[&words[..], &CUSTOMER].concat());
    assert_eq!((&report["verified"], &report["status"]), (&1.into(), &"complete".into()));
    assert_eq!(report["texts"][0], local, "what the seed determines");
    assert_eq!((&report["unit_cap"], &report["batches"][0]["units"]), (&local["units"], &local["units"]));
    let ended = assay.run(&[&words[..], &CUSTOMER].concat());
    assert_eq!(ended.stdout.trim_end(), local["text"].as_str().unwrap().trim_end(), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 1 results checked"), "{}", ended.stderr);

    assay.fails(&[&words[..], &["--timeout", "0"], &CUSTOMER].concat(), "timed_out", 4);
    let orders = assay.json(&["order", "list"]);
    let id = orders["orders"][0]["id"].as_str().unwrap();
    assay.fails(&[&["order", "collect", id][..], &CUSTOMER].concat(), "not_an_encoder", 2);
    let report = assay.json(&[&package[..], &["--order", id], &CUSTOMER].concat());
    assert_eq!(report["texts"][0], local);
}

#[test]
fn a_provider_that_withholds_is_demanded_and_forfeits() {
    let (anvil, assay, _) = ready();
    assay.json(&[&["account", "deposit", "100", "--mint"][..], &PROVIDER].concat());
    assay.json(&[&["provider", "stake", "100"][..], &PROVIDER].concat());
    // It publishes to a store of its own, so the customer receives nothing; and it is gone when the demand comes.
    let opened = assay.json(&[&["order", "open", "--inputs", "texts.txt"][..], &CUSTOMER].concat());
    let id = opened["id"].as_str().unwrap();
    copy_tree(&assay.path(".assay/blobs"), &assay.path("elsewhere"));
    let provider =
        assay.command(&["provider", "run", "--key", "anvil:1", "--quiet", "--blobs", "elsewhere"]).spawn().unwrap();
    let provider = Running(provider);
    let started = Instant::now();
    while assay.json(&["order", "show", id])["batches"].as_array().unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "no batch was committed");
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(provider);

    let impatient = Assay { folder: assay.folder, ..Assay::new() }.env("ASSAY_ORDER__PATIENCE", "0");
    let collect = [&["order", "collect", id, "--timeout", "3"][..], &CUSTOMER].concat();
    impatient.fails(&collect, "timed_out", 4);
    tokio::runtime::Runtime::new().unwrap().block_on(anvil.increase_time(400));
    let ended = impatient.run(&[&["order", "collect", id][..], &CUSTOMER].concat());
    assert_eq!(ended.status, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("error[batch_forfeited]"), "{}", ended.stderr);
    let shown = impatient.json(&["order", "show", id]);
    assert_eq!(shown["batches"][0]["end"]["status"], "forfeited");
    assert_eq!(shown["batches"][0]["end"]["refund"], opened["escrowed"]);
}

#[test]
fn a_taken_port_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let error = Assay::new().fails(&["up", "--rpc-port", &port], "port_taken", 4);
    assert!(error.contains(&port) && error.contains("--rpc-port 0"), "{error}");

    let (_anvil, assay) = deployed();
    assay.fails(&["indexer", "run", "--listen", &format!("127.0.0.1:{port}")], "port_taken", 4);
    assay.fails(&["provider", "run", "--key", "anvil:1", "--http", &format!("127.0.0.1:{port}")], "port_taken", 4);
}

#[test]
fn the_demo_shows_everything_and_leaves_nothing() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let text = |n: usize| format!("# Section {n}\nA passage about stake, receipts and batches, number {n}.\n\n");
    assay.write("README.md", (0..40).map(text).collect::<String>());
    let report = assay.json(&["demo", "--model", "tiny", "-q", "who pays?"]);
    let tasks = report["tasks"].as_u64().unwrap();
    assert!(tasks > 10, "{tasks} tasks");
    assert_eq!(report["verified"], tasks);
    assert_eq!(report["indexer_agrees"], true);
    assert_eq!(report["orders"].as_array().unwrap().len(), 2);
    assert_eq!(report["answers"].as_array().unwrap().len(), 3);
    assert!(report["answers"][0]["source"].as_str().unwrap().starts_with("README.md:"));
    assert!(report["gas"]["per_task"].as_f64().unwrap() > 0.0);
    assert!(report["stages"]["total_seconds"].as_f64().unwrap() > 0.0);
    assert!(report["provider"]["peak_rss_mb"].as_f64().unwrap() > 0.0);
    assert!(report["provider"]["reaction_p99_ms"].as_f64().unwrap() >= 0.0);
    let paid: Vec<_> =
        report["paid"].as_array().unwrap().iter().map(|payment| payment["name"].as_str().unwrap()).collect();
    assert_eq!(paid, ["provider", "model owner", "pool", "customer refund"]);
    for payment in &report["paid"].as_array().unwrap()[..3] {
        assert_ne!(payment["smallest_parts"], "0", "{} received nothing", payment["name"]);
    }
    for batch in report["batches"].as_array().unwrap() {
        assert_eq!(batch["accepted"], true, "settled by receipt");
    }
}

/// The devnet of `assay up`, with what it printed.
fn up(assay: &Assay, more: &[&str]) -> (Running, Value) {
    let arguments = ["up", "--rpc-port", "0", "--http-port", "0", "--model", "tiny", "--json"];
    let mut child = assay.command(&[&arguments, more].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let running = Running(child);
    let printed =
        serde_json::Deserializer::from_reader(stdout).into_iter::<Value>().next().expect("an object").unwrap();
    (running, printed)
}

#[test]
fn up_serves_commands_until_it_is_stopped() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let (mut running, printed) = up(&assay, &[]);
    let children = children(&running);

    let config = printed["config"].as_str().unwrap().to_owned();
    let other = Assay::new().env("ASSAY_CONFIG", &config);
    other.write("text.txt", "one text\n");
    let report = other.json(&[&["embed", "text.txt"][..], &CUSTOMER].concat());
    assert_eq!((&report["verified"], &report["model"]), (&1.into(), &printed["model"]));
    assert_eq!(other.json(&["order", "list"])["orders"].as_array().unwrap().len(), 1);
    assert_eq!(other.json(&["model", "list"])["models"][0]["id"], printed["model"]);
    assert_eq!(other.json(&["deploy", "--check"])["suite"], printed["suite"]);

    validators_and_challengers_work(&other);
    assert_eq!(printed["operator"], 1_001, "who examines the provider");
    let seat = other.json(&["nodes", "seat", "show", "--key", "anvil:1"]);
    assert_eq!((&seat["seat"], &seat["signer"]), (&0.into(), &seat["provider"]));
    operators_and_owners_meet(&other);

    signal(&running, "INT");
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert!(!std::path::Path::new(&config).exists(), "the devnet's folder is left");
    assert_gone(&children);
}

/// What `docs/operations.md` tells validators, challengers and their customers to type.
fn validators_and_challengers_work(assay: &Assay) {
    let join = ["validator", "join", "--key", "anvil:8"];
    let error = assay.fails(&join, "insufficient_balance", 4);
    assert!(error.contains("100 aUSD is needed") && error.contains("account deposit"), "{error}");
    assay.json(&["account", "deposit", "100", "--mint", "--key", "anvil:8"]);
    assert_eq!(assay.json(&join)["seat"], 5);
    let shown = assay.json(&["validator", "show", "--key", "anvil:8"]);
    assert_eq!((&shown["seats"], &shown["stake"]), (&"5".into(), &"100000000".into()));
    assay.json(&["challenger", "fund", "--key", "anvil:9"]);
    let mut keepers: Vec<_> = [("validator", "anvil:8"), ("challenger", "anvil:9")]
        .map(|(role, key)| Running(assay.command(&[role, "run", "--key", key]).stdout(Stdio::null()).spawn().unwrap()))
        .into();

    let id = assay.json(&[&["embed", "--verify", "text.txt"][..], &CUSTOMER].concat())["id"].clone();
    let batch = &assay.json(&["order", "show", id.as_str().unwrap()])["batches"][0];
    assert_eq!(batch["end"]["accepted"], true, "validators agreed, and the provider used the receipt: {batch:#}");
    // Half of what each deposited is its stake; what comes on top are fees.
    let earned = ["anvil:4", "anvil:5", "anvil:6", "anvil:7"].map(|key| {
        let shown = assay.json(&["account", "show", "--key", key]);
        shown["balances"][1]["ledger"].as_str().unwrap().parse::<u64>().unwrap() - 100_000_000
    });
    assert!(earned.iter().filter(|fees| **fees > 0).count() > 0, "nobody re-executed: {earned:?}");
    let unknown = format!("0x{}", "ab".repeat(32));
    assay.fails(&["dispute", "show", &unknown], "no_dispute", 3);

    assert_eq!(assay.json(&["validator", "leave", "--key", "anvil:8"])["seats"], "4");
    let error = assay.fails(&["validator", "leave", "--key", "anvil:8"], "seat_bound", 4);
    assert!(error.contains("comes free in"), "{error}");
    for keeper in &mut keepers {
        signal(keeper, "INT");
        assert_eq!(keeper.0.wait().unwrap().code(), Some(0));
    }
}

/// What `docs/operations.md` tells operators and owners of licences to type.
fn operators_and_owners_meet(assay: &Assay) {
    assay.json(&["sale", "buy", "--quantity", "2", "--token", "native", "--key", "anvil:9"]);
    assert_eq!(assay.json(&["nodes", "register", "--rate", "1000", "--key", "anvil:8"])["operator"], 1_002);
    let delegated = assay.json(&["nodes", "delegate", "--to", "1001", "--key", "anvil:9"]);
    assert_eq!(delegated["licenses"].as_array().unwrap().len(), 2);
    let shown = assay.json(&["nodes", "show"]);
    assert_eq!((&shown["operators"][0]["delegated"], &shown["due"]), (&2.into(), &0.into()));
    let pool = assay.json(&["rewards", "show"]);
    assert_eq!((&pool["reserve"], &pool["budget"]), (&"20000000000".into(), &"100000000".into()), "in aUSD");
}

#[test]
fn the_demo_cleans_up_when_it_is_interrupted() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    assay.write("README.md", "# A passage\nof a text.\n");
    let mut running =
        Running(assay.command(&["demo", "--model", "tiny", "--json"]).stdout(Stdio::null()).spawn().unwrap());
    let started = Instant::now();
    while children(&running).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20), "no chain was started");
        std::thread::sleep(Duration::from_millis(10));
    }
    let children = children(&running);
    signal(&running, "INT");
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    assert_gone(&children);
}

#[test]
fn what_up_has_started_ends_when_up_is_killed() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let (mut running, printed) = up(&assay, &["--validators", "0"]);
    let children = children(&running);
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    assert_gone(&children);
    // A killed process leaves its files.
    let config = std::path::Path::new(printed["config"].as_str().unwrap());
    std::fs::remove_dir_all(config.parent().unwrap()).unwrap();
}

/// Sends a signal as a terminal or a supervisor does.
fn signal(running: &Running, name: &str) {
    let id = running.0.id().to_string();
    assert!(std::process::Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap().success());
}

/// The processes that `running` has started, by the system's process list.
fn children(running: &Running) -> Vec<String> {
    let listed = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let parent = running.0.id().to_string();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let pairs = listed.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    pairs.filter(|(_, of)| of.trim() == parent).map(|(id, _)| id.to_owned()).collect()
}

/// Waits until none of the processes runs any more; one that nobody has reaped yet has ended too.
fn assert_gone(processes: &[String]) {
    assert!(!processes.is_empty(), "there was nothing to end");
    let started = Instant::now();
    loop {
        let listed =
            std::process::Command::new("ps").args(["-o", "stat=", "-p", &processes.join(",")]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        if listed.lines().all(|state| state.trim().starts_with('Z')) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "still running: {processes:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
