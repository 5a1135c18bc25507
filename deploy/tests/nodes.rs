//! Node networks by the command: deployment, operators and delegations, and an epoch from its seats to what is collected.

mod common;

use std::{
    io::{BufRead, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStderr, Command, Stdio},
    time::Duration,
};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    eips::BlockId,
    primitives::{Address, B256, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
use assay_contracts::{
    Attestations, DevToken, EpochRewards, Ledger, Network, PrevrandaoBeacon, Staking, Suite, Uptime as UptimeContract,
    beacon::header_rlp,
    network::{
        hashes::{self, Response, Sealed},
        read,
    },
    protocol::token_id,
};
use assay_epochs::{
    Uptime,
    uptime::answers::{Answers, GOOD, evidence_tree},
};
use assay_test_fixtures::Anvil;
use common::Assay;
use serde_json::{Value, json};

const SELLER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const ADMIN: [&str; 2] = ["--key", "anvil:0"];
const ALICE: [&str; 2] = ["--key", "anvil:2"];
const BOB: [&str; 2] = ["--key", "anvil:3"];
const OPERATOR: [&str; 2] = ["--key", "anvil:4"];
const OPERATOR_ADDRESS: &str = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const HOUR: u64 = 3_600;
const EPOCH: u64 = 1_000;
const SEALS: u64 = 100;
const REVEALS: u64 = 200;
const WINDOW: u64 = 100;
const ROUNDS: u32 = 2;
/// The highest number of a licence.
const LICENSES: u32 = 25;

/// A chain with the suite and an open sale on it.
struct World {
    anvil: Anvil,
    assay: Assay,
}

impl World {
    async fn new() -> Self {
        let anvil = Anvil::spawn();
        let assay = Assay::new();
        assay.write("assay.toml", format!("rpc_url = \"{}\"\n", anvil.url()));
        assay.json(&["deploy", "--key", "anvil:0"]);
        let world = Self { anvil, assay };
        let now = world.now().await;
        let sale = format!(
            "name = 'Test Nodes'\nsymbol = 'TN'\nseller = '{SELLER}'\npublic_at = {now}\nends_at = {}\nsequential = true\n\
             soft_cap = 1\ntokens = ['native']\n[[tiers]]\nname = 'Early'\nsupply = 5\nprices = {{ native = '0.1' }}\n\
             [[tiers]]\nname = 'Late'\nsupply = 20\nprices = {{ native = '0.2' }}\n",
            now + 10 * HOUR,
        );
        world.assay.write("sale.toml", sale);
        world.assay.json(&with(&["sale", "deploy", "sale.toml"], ADMIN));
        world
    }

    async fn now(&self) -> u64 {
        let block = self.anvil.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
        u64::from_str_radix(block["timestamp"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Deploys a network whose first epoch begins at `genesis`, with a pool of 10 native coins an epoch.
    fn deploy(&self, genesis: u64, extra: &[&str]) -> Value {
        let (genesis, epoch) = (genesis.to_string(), EPOCH.to_string());
        let (seals, reveals, window) = (SEALS.to_string(), REVEALS.to_string(), WINDOW.to_string());
        let terms = [
            "nodes",
            "deploy",
            "--genesis",
            &genesis,
            "--epoch-length",
            &epoch,
            "--seal-time",
            &seals,
            "--reveal-time",
            &reveals,
            "--window",
            &window,
            "--exit-delay",
            "5000",
            "--rounds",
            "2",
            "--audits",
            "0",
            "--max-seats",
            "8",
        ];
        self.assay.json(&with(&[&terms[..], extra].concat(), ADMIN))
    }

    fn suite(&self) -> Suite {
        Suite::load(&self.assay.path("deploy/chains/31337.json")).unwrap()
    }

    /// Waits for the chain's clock, and mines.
    async fn until(&self, time: u64) {
        let now = self.now().await;
        if time > now {
            self.anvil.increase_time(time - now).await;
        }
    }
}

fn with<'a>(arguments: &[&'a str], key: [&'a str; 2]) -> Vec<&'a str> {
    [arguments, &key].concat()
}

fn connect(anvil: &Anvil, account: usize) -> DynProvider {
    let signer: PrivateKeySigner = Anvil::KEYS[account].parse().unwrap();
    let provider = ProviderBuilder::default()
        .with_gas_estimation()
        .with_simple_nonce_management()
        .fetch_chain_id()
        .wallet(signer)
        .connect_http(anvil.url().parse().unwrap())
        .erased();
    provider.client().set_poll_interval(Duration::from_millis(20));
    provider
}

async fn send<P: Provider, D: CallDecoder>(call: CallBuilder<P, D>) -> TransactionReceipt {
    let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    receipt
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_deployed_once_and_found_again() {
    let world = World::new().await;
    let assay = &world.assay;
    assay.fails(&["nodes", "show"], "network_not_found", 3);
    assay.fails(&["rewards", "show"], "pool_not_found", 3);
    let checked = assay.json(&["nodes", "deploy", "--check"]);
    let ends_at = world.suite().sales[0].terms.ends_at;
    assert_eq!((&checked["deployed"], &checked["terms"]["genesis"]), (&false.into(), &ends_at.into()));
    assert_eq!(checked["terms"]["licenses"], LICENSES);

    let first = assay.json(&with(&["nodes", "deploy"], ADMIN));
    assert_eq!((&first["network"]["uptime"], &first["created"]), (&checked["uptime"], &2.into()));
    assert_eq!(first["network"]["terms"], checked["terms"]);
    let again = assay.json(&with(&["nodes", "deploy"], BOB));
    assert_eq!((&again["network"], &again["created"]), (&first["network"], &0.into()));
    assert_eq!(assay.json(&["nodes", "deploy", "--check"])["deployed"], true);

    // A pool joins the network that stands.
    let pool = ["nodes", "deploy", "--reward-cap", "1000", "--reward-first", "10", "--token", "native"];
    let pooled = assay.json(&with(&pool, ADMIN));
    assert_eq!((&pooled["network"]["uptime"], &pooled["created"]), (&checked["uptime"], &1.into()));
    assert_eq!(assay.json(&with(&pool, BOB))["created"], 0);
    let suite = assay.json(&["deploy", "--key", "anvil:0"])["suite"].clone();
    assert_eq!(suite["networks"], json!([pooled["network"]]), "deploying the suite again keeps its networks");
    assay.json(&["deploy", "--check"]);
    let shown = assay.json(&["rewards", "show"]);
    assert_eq!((&shown["due"], &shown["budget"]), (&0.into(), &"10000000000000000000".into()));
    assert!(assay.run(&["rewards", "show"]).stdout.contains("10 native"));
    assay.fails(&with(&["rewards", "claim", "1"], ALICE), "nothing_final", 4);

    // What the record says must be what stands.
    let path = assay.path("deploy/chains/31337.json");
    let record = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, record.replacen("\"epochLength\": 120", "\"epochLength\": 121", 1)).unwrap();
    assay.fails(&["deploy", "--check"], "bad_deployment_record", 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_deployment_goes_on() {
    let world = World::new().await;
    let network = world.deploy(world.now().await + HOUR, &[])["network"].clone();
    // Another exam over the same delegations: `LicenseStaking` stands already.
    let genesis = network["terms"]["genesis"].to_string();
    let other = ["nodes", "deploy", "--genesis", &genesis, "--rounds", "3"];
    let second = world.assay.json(&with(&other, ADMIN));
    assert_eq!((&second["network"]["licenseStaking"], &second["created"]), (&network["licenseStaking"], &1.into()));
    assert_ne!(second["network"]["uptime"], network["uptime"]);
    assert_eq!(world.suite().networks.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_cannot_be_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let before = world.anvil.block_number().await;
    for (arguments, expected) in [
        (vec!["--rounds", "65"], "rounds is 65: expected 1 to 64"),
        (vec!["--max-seats", "0", "--offline-slash", "10001"], "offline_slash is 10001: expected 0 to 10000"),
        (vec!["--window", "121"], "window is 121: expected at most epoch_length, 120 s"),
        (vec!["--exit-delay", "300"], "exit_delay is 300: expected at least"),
        (vec!["--reveal-time", "100"], "reveal_time is 100: expected less than"),
        (vec!["--genesis", "1000"], "genesis is 1000: expected a time that is not before the chain's"),
        (
            vec!["--reward-cap", "1", "--reward-first", "1", "--fast-period", "700"],
            "fast_period is 700: expected 0 to 600",
        ),
        (vec!["--bond-token", "dev"], "must be named"),
    ] {
        let deploy = [&["nodes", "deploy", "--key", "anvil:0"][..], &arguments].concat();
        let error = world.assay.fails(&deploy, "bad_network", 2);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(world.anvil.block_number().await, before, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_offer_and_owners_delegate() {
    let world = World::new().await;
    let assay = &world.assay;
    assay.json(&with(&["sale", "buy", "--quantity", "3", "--token", "native"], ALICE));
    assay.json(&with(&["sale", "buy", "--token", "native"], BOB));
    let genesis = world.now().await + HOUR;
    world.deploy(genesis, &[]);

    assay.fails(&with(&["nodes", "offer", "--rate", "5"], OPERATOR), "no_operator", 3);
    assay.fails(&with(&["nodes", "register", "--rate", "10001"], OPERATOR), "bad_rate", 2);
    let registered = assay.json(&with(&["nodes", "register", "--rate", "500", "--cap", "1"], OPERATOR));
    assert_eq!((&registered["operator"], &registered["rate"]), (&(LICENSES + 1).into(), &500.into()));
    assay.fails(&with(&["nodes", "register"], OPERATOR), "LicenseStaking_Registered", 4);
    let to = ["nodes", "delegate", "--to", OPERATOR_ADDRESS];
    assay.fails(&with(&to, ALICE), "no_room", 4);
    let offered = assay.json(&with(&["nodes", "offer", "--cap", "10", "--rate", "1000"], OPERATOR));
    assert_eq!((&offered["rate"], &offered["cap"]), (&1_000.into(), &10.into()));
    assert_eq!(assay.run(&with(&["nodes", "offer"], OPERATOR)).status, 2, "it has to change something");

    assay.fails(&with(&[&to[..], &["--rate", "500"]].concat(), ALICE), "other_rate", 4);
    assay.fails(&with(&["nodes", "delegate", "4", "--to", "26"], ALICE), "LicenseStaking_NotTheOwner", 4);
    assay.fails(&with(&["nodes", "delegate", "--to", "nobody"], ALICE), "bad_operator", 2);
    let delegated = assay.json(&with(&["nodes", "delegate", "2", "--to", "26"], ALICE));
    assert_eq!(delegated["licenses"], json!([{ "id": 2, "epoch": 0 }]));
    let rest = assay.json(&with(&to, ALICE));
    assert_eq!(rest["licenses"], json!([{ "id": 1, "epoch": 0 }, { "id": 3, "epoch": 0 }]), "what was left");
    assay.fails(&with(&to, ALICE), "no_licences", 4);
    assay.json(&with(&to, BOB));

    world.until(genesis + 1).await;
    let ended = assay.json(&with(&["nodes", "undelegate", "3"], ALICE));
    assert_eq!((&ended["licenses"], &ended["free_at"]), (&json!([{ "id": 3, "epoch": 1 }]), &3.into()));
    assay.fails(&with(&["nodes", "delegate", "3", "--to", "26"], ALICE), "LicenseStaking_Thawing", 4);
    let shown = assay.json(&["nodes", "show", "1", "3"]);
    assert_eq!((&shown["epoch"], &shown["next_epoch_at"]), (&0.into(), &(genesis + EPOCH).into()));
    assert_eq!((&shown["operators"][0]["delegated"], &shown["operators"][0]["rate"]), (&3.into(), &1_000.into()));
    assert_eq!((&shown["licenses"][1]["runs"], &shown["licenses"][1]["delegated_to"]), (&26.into(), &0.into()));
    assert!(assay.run(&["nodes", "show", "3"]).stdout.contains("epoch 0, the next one begins in"));
    assay.fails(&["nodes", "show", "26"], "bad_license", 2);
    let all = assay.json(&with(&["nodes", "undelegate"], ALICE));
    assert_eq!(all["licenses"].as_array().unwrap().len(), 2);
    assay.fails(&with(&["nodes", "undelegate"], ALICE), "no_licences", 4);
}

/// What a network's operator, provider and publisher do; the command leaves that to keepers.
struct Players {
    network: Network,
    suite: Suite,
    provider: DynProvider,
    operator: DynProvider,
    publisher: DynProvider,
}

impl Players {
    fn new(world: &World) -> Self {
        let suite = world.suite();
        let connect = |account| connect(&world.anvil, account);
        let network = suite.networks[0].clone();
        Self { network, suite, provider: connect(1), operator: connect(4), publisher: connect(5) }
    }

    /// Stakes for a seat and takes it.
    async fn enroll(&self, account: Address) {
        let stake = U256::from(self.network.terms.exam.seat_stake);
        let token = self.suite.dev_token.unwrap();
        let play = DevToken::new(token, self.provider.clone());
        let ledger = Ledger::new(self.suite.ledger, self.provider.clone());
        send(play.mint(account, stake)).await;
        send(play.approve(self.suite.ledger, stake)).await;
        send(ledger.deposit(token, account, stake)).await;
        send(ledger.approve(self.suite.staking, token_id(token), stake)).await;
        let staking = Staking::new(self.suite.staking, self.provider.clone());
        send(staking.stake(account, self.network.attestations, stake)).await;
        let attestations = Attestations::new(self.network.attestations, self.provider.clone());
        send(attestations.enroll(account, "127.0.0.1:9000".into())).await;
    }

    /// Draws the seed of an epoch that takes seals no more.
    async fn draw(&self, world: &World, epoch: u32) {
        world.until(self.network.seals_end(epoch)).await;
        let attestations = Attestations::new(self.network.attestations, self.publisher.clone());
        send(attestations.begin(epoch)).await;
        world.anvil.mine(5).await;
        let round = attestations.roundOf(epoch).call().await.unwrap();
        let (_, header) = header_rlp(&self.publisher, round).await.unwrap();
        send(PrevrandaoBeacon::new(self.suite.beacon, self.publisher.clone()).record(header)).await;
        send(attestations.draw(epoch)).await;
    }

    /// Seals that the only seat was up in all rounds.
    async fn seal(&self, epoch: u32, operator: u32) -> (Answers, Sealed) {
        let mut answers = Answers::empty(ROUNDS, 1);
        (0..ROUNDS).for_each(|round| answers.set(round, 0, GOOD));
        let evidence = evidence_tree(&vec![Vec::new(); ROUNDS as usize]).root();
        let sealed = Sealed {
            epoch,
            operator,
            answers: answers.tree().root().into(),
            evidence: evidence.into(),
            salt: B256::repeat_byte(7),
        };
        let attestations = Attestations::new(self.network.attestations, self.operator.clone());
        let hash = hashes::seal_hash(self.suite.chain_id, self.network.attestations, &sealed);
        let theirs = attestations.sealHash(epoch, operator, sealed.answers, sealed.evidence, sealed.salt);
        assert_eq!(hash, theirs.call().await.unwrap());
        let response = Response { epoch, round: 1, seat: 0, operator, result: B256::repeat_byte(3) };
        let digest = hashes::response_digest(self.suite.chain_id, self.network.attestations, &response);
        let theirs = attestations.responseHash(epoch, 1, 0, operator, response.result);
        assert_eq!(digest, theirs.call().await.unwrap());
        send(attestations.seal(epoch, operator, hash)).await;
        (answers, sealed)
    }

    async fn reveal(&self, answers: &Answers, sealed: &Sealed) {
        let attestations = Attestations::new(self.network.attestations, self.operator.clone());
        let Sealed { epoch, operator, evidence, salt, .. } = *sealed;
        let bytes = answers.bytes().to_vec().into();
        send(attestations.reveal(epoch, operator, bytes, evidence, salt, Vec::new())).await;
    }

    /// Puts up what two postings need.
    async fn bond(&self, account: Address) {
        let bond = U256::from(self.network.terms.roots.bond) * U256::from(8);
        let ledger = Ledger::new(self.suite.ledger, self.publisher.clone());
        send(ledger.depositNative(account).value(bond)).await;
        for poster in [self.network.uptime, self.network.pools[0].address] {
            send(ledger.approve(poster, U256::ZERO, bond)).await;
        }
    }

    /// What the chain says of an epoch now, computed.
    async fn compute(&self, epoch: u32) -> Uptime {
        let head = self.publisher.get_block_number().await.unwrap();
        let history = read::history(&self.publisher, &self.network, head).await.unwrap();
        let inputs = read::inputs(&self.publisher, &self.network, &history, epoch, head).await.unwrap();
        let silent = UptimeContract::new(self.network.uptime, self.publisher.clone());
        for (number, operator) in (LICENSES + 1..).zip(&inputs.operators) {
            let theirs = silent.isSilent(number, epoch).block(BlockId::number(head)).call().await.unwrap();
            assert_eq!(operator.silent, theirs, "operator {number} in epoch {epoch}");
        }
        Uptime::new(inputs).unwrap()
    }

    async fn post_shares(&self, epoch: u32, uptime: &Uptime) {
        let contract = UptimeContract::new(self.network.uptime, self.publisher.clone());
        let (root, total) = (uptime.shares().root().into(), uptime.shares().total());
        send(contract.post(epoch, root, total, uptime.truth().bytes().to_vec().into())).await;
    }

    async fn post_rewards(&self, epoch: u32, root: B256) {
        let contract = EpochRewards::new(self.network.pools[0].address, self.publisher.clone());
        send(contract.post(epoch, root)).await;
    }
}

fn account(number: usize) -> Address {
    Anvil::KEYS[number].parse::<PrivateKeySigner>().unwrap().address()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_from_its_seats_to_what_is_collected() {
    let world = World::new().await;
    let assay = &world.assay;
    assay.json(&with(&["sale", "buy", "--quantity", "2", "--token", "native"], ALICE));
    let genesis = world.now().await + HOUR;
    let pool = ["--reward-cap", "1000", "--reward-first", "10", "--token", "native"];
    world.deploy(genesis, &pool);
    let operator = LICENSES + 1;
    assay.json(&with(&["nodes", "register", "--rate", "2000"], OPERATOR));
    assay.json(&with(&["nodes", "delegate", "--to", OPERATOR_ADDRESS], ALICE));
    assay.fails(&with(&["rewards", "fund", "100"], ADMIN), "insufficient_balance", 4);
    assay.json(&with(&["account", "deposit", "100", "--token", "native"], ADMIN));
    assert_eq!(assay.json(&with(&["rewards", "fund", "100"], ADMIN))["reserve"], "100000000000000000000");
    let players = Players::new(&world);
    players.enroll(account(1)).await;
    players.bond(account(5)).await;

    players.draw(&world, 0).await;
    assay.fails(&["rewards", "recompute", "--epoch", "0"], "epoch_open", 4);
    world.until(genesis + EPOCH).await;
    let (answers, sealed) = players.seal(0, operator).await;
    players.draw(&world, 1).await;
    players.reveal(&answers, &sealed).await;
    assay.fails(&["rewards", "recompute", "--epoch", "0"], "epoch_open", 4);
    world.until(world.now().await + REVEALS).await;

    // Computed, posted, computed again.
    let uptime = players.compute(0).await;
    assert_eq!(uptime.shares().total(), 2 * u64::from(ROUNDS) * 10_000, "two licences, right in every round");
    let computed = assay.json(&["rewards", "recompute", "--epoch", "0"]);
    assert_eq!(computed["uptime"]["root"]["computed"], B256::from(uptime.shares().root()).to_string());
    assert_eq!((&computed["uptime"]["same"], &computed["rewards"]["same"]), (&Value::Null, &Value::Null));
    players.post_shares(0, &uptime).await;
    let posted = assay.json(&["rewards", "recompute", "--epoch", "0"]);
    assert_eq!((&posted["uptime"]["same"], &posted["uptime"]["final"]), (&true.into(), &false.into()));
    assert_eq!(posted["uptime"]["truth"]["posted"], keccak256(uptime.truth().bytes()).to_string());
    world.until(world.now().await + WINDOW).await;
    players.post_rewards(0, posted["rewards"]["root"]["computed"].as_str().unwrap().parse().unwrap()).await;
    assay.fails(&with(&["rewards", "claim"], ALICE), "nothing_final", 4);
    world.until(world.now().await + WINDOW).await;
    let whole = assay.json(&["rewards", "recompute", "--epoch", "0"]);
    assert_eq!((&whole["rewards"]["same"], &whole["rewards"]["final"]), (&true.into(), &true.into()));
    assert!(assay.run(&["rewards", "recompute", "--epoch", "0"]).stdout.contains("right and final"));

    // Four fifths of ten for two licences, a fifth for who ran them.
    assay.fails(&with(&["rewards", "claim", "1"], BOB), "EpochRewards_NotYours", 4);
    assay.fails(&with(&["rewards", "claim", "99"], ALICE), "bad_number", 2);
    assay.fails(&with(&["rewards", "claim"], BOB), "no_licences", 4);
    let slow = assay.json(&with(&["rewards", "claim", "1"], ALICE));
    assert_eq!(
        (&slow["claimed"][0]["amount"], &slow["claimed"][0]["forfeited"]),
        (&"4000000000000000000".into(), &"0".into())
    );
    let fast = assay.json(&with(&["rewards", "claim", "--fast"], ALICE));
    assert_eq!(fast["claimed"].as_array().unwrap().len(), 1, "what is left");
    assert_eq!(
        (&fast["claimed"][0]["number"], &fast["claimed"][0]["forfeited"]),
        (&2.into(), &"2000000000000000000".into())
    );
    assay.fails(&with(&["rewards", "claim"], ALICE), "nothing_due", 4);
    let commission = assay.json(&with(&["rewards", "claim"], OPERATOR));
    assert_eq!(commission["claimed"][0]["number"], operator);
    assert_eq!(commission["claimed"][0]["amount"], "2000000000000000000");
    world.until(world.now().await + HOUR).await;
    let books = assay.json(&["rewards", "show", "1"])["books"][0].clone();
    assert_eq!(
        (&books["unpaid"], &books["collectable"]),
        (&"4000000000000000000".into(), &"4000000000000000000".into())
    );
    let collected = assay.json(&with(&["rewards", "collect"], ALICE));
    let amounts: Vec<_> = collected["collected"].as_array().unwrap().iter().map(|one| one["amount"].clone()).collect();
    assert_eq!(amounts, ["4000000000000000000", "2000000000000000000"]);
    assay.fails(&with(&["rewards", "collect"], ALICE), "nothing_due", 4);
}

/// A command that runs until it is dropped.
struct Running {
    child: Child,
    notes: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let notes = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, notes }
    }

    /// Waits for a note with this in it.
    fn notes(&mut self, what: &str) {
        let found = self.notes.by_ref().map(|line| line.unwrap()).find(|line| line.contains(what));
        assert!(found.is_some(), "it ended before {what}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn wait(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("never happened: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_takes_a_seat_and_is_examined() {
    let World { anvil, assay } = World::new().await;
    let model = assay_test_fixtures::tiny_model_dir();
    let world = World { anvil, assay: assay.env("ASSAY_MODEL", model.to_str().unwrap()) };
    let assay = &world.assay;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("127.0.0.1:{port}");
    assay.json(&with(&["sale", "buy", "--token", "native"], ALICE));
    let genesis = world.now().await + HOUR;
    world.deploy(genesis, &[]);
    assay.fails(&with(&["checker", "show"], OPERATOR), "no_operator", 3);
    assay.json(&with(&["nodes", "register"], OPERATOR));
    assay.json(&with(&["nodes", "delegate", "--to", OPERATOR_ADDRESS], ALICE));

    assay.fails(&with(&["nodes", "seat", "leave"], BOB), "no_seat", 3);
    assay.fails(&with(&["nodes", "seat", "run"], BOB), "seat_not_configured", 2);
    assay.fails(&with(&["nodes", "seat", "enroll", &endpoint], BOB), "key_missing", 2);
    let signer = account(5).to_string();
    let enroll = ["nodes", "seat", "enroll", &endpoint, "--signer", &signer];
    assay.fails(&with(&enroll, BOB), "insufficient_balance", 4);
    assay.json(&with(&["account", "deposit", "1000", "--mint", "--token", "dev"], BOB));
    let enrolled = assay.json(&with(&enroll, BOB));
    assert_eq!((&enrolled["seat"], &enrolled["from"]), (&0.into(), &0.into()));
    assert_eq!((&enrolled["signer"], &enrolled["endpoint"]), (&json!(account(5)), &json!(endpoint)));
    assay.fails(&with(&enroll, BOB), "Attestations_Seated", 4);
    assert!(assay.run(&with(&["nodes", "seat", "show"], BOB)).stdout.contains(&format!("answers at {endpoint}")));

    let answering = |arguments: &[&str]| {
        let mut command = assay.command(arguments);
        command.env("ASSAY_SEAT__LISTEN", &endpoint).env("ASSAY_SEAT__KEY", "anvil:5");
        let mut running = Running::start(command);
        running.notes("seat of");
        running
    };
    // By itself, or beside a provider's other work.
    drop(answering(&["nodes", "seat", "run"]));
    let _provider = answering(&with(&["provider", "run"], BOB));
    let mut checker = Running::start(assay.command(&with(&["checker", "run"], OPERATOR)));
    checker.notes("checker 0x");
    let players = Players::new(&world);
    players.draw(&world, 0).await;
    // Towards the end of the first of two rounds.
    world.until(players.network.seals_end(0) + (EPOCH - SEALS) * 2 / 5).await;
    checker.notes(r#""round":0,"seat":0,"answer":"good""#);
    world.until(genesis + EPOCH).await;
    let shown = |field: &'static str| assay.json(&with(&["checker", "show"], OPERATOR))["epochs"][0][field] == true;
    wait("it seals", async || shown("sealed")).await;
    players.draw(&world, 1).await;
    wait("it reveals", async || shown("revealed")).await;
    let head = players.publisher.get_block_number().await.unwrap();
    let history = read::history(&players.publisher, &players.network, head).await.unwrap();
    let answers = history.inputs(0).unwrap().reveals[0].answers.clone();
    assert_eq!((answers.get(0, 0), answers.get(1, 0)), (GOOD, 0), "nobody was asked in the second round");
    assert!(assay.run(&["checker", "show", &(LICENSES + 1).to_string()]).stdout.contains("yes"));

    let left = assay.json(&with(&["nodes", "seat", "leave"], BOB));
    let free_at = left["free_at"].as_u64().unwrap();
    assay.fails(&with(&["nodes", "seat", "leave"], BOB), "seat_bound", 4);
    world.until(free_at).await;
    assert_eq!(assay.json(&with(&["nodes", "seat", "leave"], BOB))["seat"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_posting_is_told() {
    let world = World::new().await;
    let genesis = world.now().await + HOUR;
    world.deploy(genesis, &["--reward-cap", "1000", "--reward-first", "10", "--token", "native"]);
    let players = Players::new(&world);
    players.bond(account(5)).await;
    players.draw(&world, 0).await;
    players.draw(&world, 1).await;
    world.until(world.now().await + REVEALS).await;
    // Nobody examined anything, and somebody says that there are shares.
    let contract = UptimeContract::new(players.network.uptime, players.publisher.clone());
    send(contract.post(0, B256::repeat_byte(1), 10_000, Default::default())).await;
    let recompute = ["rewards", "recompute", "--epoch", "0"];
    let ended = world.assay.run(&recompute);
    assert_eq!(ended.status, 6, "{}", ended.stderr);
    assert!(ended.stderr.contains("error[false_root]") && ended.stdout.contains("FALSE"), "{}", ended.stdout);
    world.until(world.now().await + WINDOW).await;
    world.assay.fails(&recompute, "bad_epoch", 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_is_funded_and_draws_seeds() {
    let world = World::new().await;
    let assay = &world.assay;
    assay.fails(&with(&["epochs", "run"], ADMIN), "network_not_found", 3);
    let genesis = world.now().await + HOUR;
    world.deploy(genesis, &["--reward-cap", "1000", "--reward-first", "10", "--token", "native"]);
    let roots = world.suite().networks[0].terms.roots.clone();
    let fund = ["epochs", "fund", "--postings", "2", "--key", "anvil:5"];
    // Of the network and of its pool.
    let held = U256::from(4 * (roots.bond + roots.fee));
    for _ in 0..2 {
        assert_eq!(assay.json(&fund)["held"][0]["amount"], held.to_string());
    }
    let ledger = Ledger::new(world.suite().ledger, connect(&world.anvil, 5));
    assert_eq!(
        ledger.balanceOf(account(5), U256::ZERO).call().await.unwrap(),
        held,
        "what is there is not added again"
    );

    let players = Players::new(&world);
    world.until(players.network.seals_end(0)).await;
    let settings = format!("rpc_url = \"{}\"\n[epochs]\nspread = 0\npoll_interval_ms = 100\n", world.anvil.url());
    assay.write("assay.toml", settings);
    let mut keeper = assay.command(&["epochs", "run", "--key", "anvil:5"]).spawn().unwrap();
    let attestations = Attestations::new(players.network.attestations, players.publisher.clone());
    let started = std::time::Instant::now();
    while attestations.seedOf(0).call().await.unwrap().is_zero() {
        assert!(started.elapsed() < Duration::from_secs(120), "no seed was drawn");
        world.anvil.mine(1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let stopped = std::process::Command::new("kill").args(["-TERM", &keeper.id().to_string()]).status().unwrap();
    assert!(stopped.success() && keeper.wait().unwrap().success());
}
