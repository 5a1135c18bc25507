//! A node network on a real anvil: a sale's licences, an operator, a provider, a pool; and who lies about them.

#![allow(dead_code, missing_debug_implementations, unreachable_pub)]

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    network::EthereumWallet,
    primitives::{Address, B256, U256, address},
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    signers::local::PrivateKeySigner,
    sol_types::SolEvent,
};
use assay_blobs::Blobs;
use assay_contracts::{
    Attestations, DevToken, EpochRewards, Ledger, LicenseStaking, NodeSale, Staking, Suite, Uptime as Contract,
    beacon::Beacon,
    deploy,
    network::{
        Exam, Faults, History, Network, Pool, PoolTerms, Roots, Terms,
        hashes::{Sealed, seal_hash},
        read,
    },
    protocol::token_id,
    rpc,
    sale::{self, Price, Tier},
};
use assay_epochs::{
    Hash, Uptime, nodes,
    uptime::answers::{Answers, GOOD, OFFLINE, evidence_tree},
};
use assay_keepers::epochs::{self, Config, Handle, Setup};
use assay_kernels::merkle::Tree;
use assay_test_fixtures::{Anvil, AnvilOptions};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::common::{ADMIN, PATIENCE, PROVIDERS, eventually, log, quick_tx, wallet};

/// The first of the keepers.
pub const KEEPER: Address = PROVIDERS[0];
/// Runs all nodes, and holds a seat.
const OPERATOR: Address = address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65");
/// Posts what is false.
pub const LIAR: Address = address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc");
/// What the operator keeps, in twentieths.
pub const OPERATOR_SHARE: u128 = 1;
pub const LICENSES: u32 = 290;
const ROUNDS: u32 = 2;
/// What the pool emits in an epoch.
pub const FIRST: u128 = 10u128.pow(18);

/// How a network of a test differs.
pub struct Options {
    /// Operators that vote.
    pub voters: u16,
    pub anvil: AnvilOptions,
    pub beacon: Option<Beacon>,
    /// Whom keepers ask for rounds of drand.
    pub relays: Vec<String>,
    /// What the pool holds to begin with.
    pub funds: u128,
}

impl Default for Options {
    fn default() -> Self {
        Self { voters: 8, anvil: AnvilOptions::default(), beacon: None, relays: Vec::new(), funds: 100 * FIRST }
    }
}

pub struct Nodes {
    pub anvil: Anvil,
    pub rpc: DynProvider,
    pub suite: Suite,
    pub network: Network,
    pub blobs: Blobs,
    relays: Vec<String>,
    sale: Address,
    dir: tempfile::TempDir,
    /// Makes the blocks.
    _blocks: JoinSet<()>,
}

/// What was answered, and how it was sealed.
pub struct Said {
    answers: Answers,
    sealed: Sealed,
}

/// A keeper in a process of its own.
pub struct Process(Child);

impl Process {
    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn words(hashes: &[Hash]) -> Vec<B256> {
    hashes.iter().copied().map(B256::from).collect()
}

fn terms(license: Address, genesis: u64, seat_stake: u128) -> Terms {
    Terms {
        license,
        licenses: LICENSES,
        genesis,
        epoch_length: 8_000,
        thaw_epochs: 2,
        exam: Exam {
            seal_time: 400,
            reveal_time: 2_000,
            exit_delay: 100_000,
            rounds: ROUNDS as u16,
            audits: 0,
            max_voters: 8,
            max_seats: 8,
            seat_stake,
        },
        faults: Faults {
            wrong_limit: 1,
            strike_span: 10,
            ban_epochs: 3,
            appeal_time: 1_000,
            offline_limit: 1,
            offline_slash: 1_000,
        },
        roots: Roots {
            token: Address::ZERO,
            bond: 10u128.pow(16),
            fee: 10u128.pow(15),
            window: 4_000,
            answer_time: 1_000,
        },
    }
}

fn sale(now: u64) -> sale::Terms {
    let tiers = vec![Tier { name: "All".into(), supply: LICENSES, cap: 0, prices: vec![Price(10u128.pow(15))] }];
    sale::Terms {
        name: "Test Nodes".into(),
        symbol: "TN".into(),
        seller: ADMIN,
        allowlist_at: now,
        public_at: now,
        ends_at: now + 1_000_000,
        sequential: true,
        soft_cap: 1,
        allowlist_root: B256::ZERO,
        promo_root: B256::ZERO,
        referral_discount: 0,
        referral_commission: 0,
        buyback_fee: 0,
        buyback_until: 0,
        released_at_once: 10_000,
        release_period: 0,
        transferable_at: now + 1_000_000,
        royalty_receiver: ADMIN,
        royalty_rate: 0,
        tokens: vec![Address::ZERO],
        tiers,
    }
}

impl Nodes {
    /// A network with four licences in use, whose first epoch is still to begin.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// The same, with differences.
    pub async fn start_with(options: Options) -> Self {
        log();
        let Options { voters, anvil, beacon, relays, funds } = options;
        let anvil = Anvil::spawn_with(&anvil);
        let rpc = rpc::connect(anvil.url(), Duration::from_secs(10)).unwrap();
        rpc.client().set_poll_interval(Duration::from_millis(20));
        let mut parameters = deploy::devnet_parameters(ADMIN);
        if let Some(beacon) = beacon {
            parameters.verification.beacon = beacon;
        }
        let suite = deploy::deploy(&rpc, ADMIN, 31_337, parameters, |_, _| {}).await.unwrap();
        let now = rpc.get_block(alloy::eips::BlockId::latest()).await.unwrap().unwrap().header.timestamp;
        let (sale, _) = deploy::deploy_sale(&rpc, ADMIN, &suite, sale(now)).await.unwrap();
        let mut terms = terms(sale.license, now + 2_000, 10u128.pow(8));
        terms.exam.max_voters = voters;
        let network = deploy::deploy_network(&rpc, ADMIN, &suite, terms, |_, _| {}).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::files(&dir.path().join("blobs")).unwrap();
        let (sale, _blocks) = (sale.address, JoinSet::new());
        let mut net = Self { anvil, rpc, suite, network, blobs, relays, sale, dir, _blocks };
        net.add_pool().await;
        net.fund_pool(U256::from(funds)).await;
        net.populate().await;
        let rpc = net.rpc.clone();
        net._blocks.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                rpc.raw_request::<_, String>("evm_mine".into(), ()).await.unwrap();
            }
        });
        net
    }

    async fn add_pool(&mut self) {
        let pool = PoolTerms {
            token: Address::ZERO,
            cap: 10u128.pow(21),
            first: FIRST,
            halving: 0,
            slow_period: 600,
            fast_period: 60,
            fast_share: 5_000,
            roots: self.network.terms.roots.clone(),
        };
        let (pool, _) = deploy::deploy_pool(&self.rpc, ADMIN, &self.suite, &self.network, pool).await.unwrap();
        self.network.pools.push(pool);
        self.suite.networks.push(self.network.clone());
    }

    /// Brings the pool what it emits.
    pub async fn fund_pool(&self, amount: U256) {
        let (ledger, pool) = (Ledger::new(self.suite.ledger, &self.rpc), self.pool().address);
        self.send(ledger.depositNative(ADMIN).value(amount).from(ADMIN)).await;
        self.send(ledger.approve(pool, U256::ZERO, amount).from(ADMIN)).await;
        self.send(EpochRewards::new(pool, &self.rpc).fund(amount).from(ADMIN)).await;
    }

    /// Four licences, run by an operator; a provider in a seat; and bonds for a liar.
    async fn populate(&self) {
        self.operate(OPERATOR, LICENSES + 1, 1..=4).await;
        self.enroll().await;
        self.fund_keeper(LIAR).await;
    }

    /// Registers an operator, which gets that number and runs the licences of its owner, who buys these.
    pub async fn operate(&self, account: Address, number: u32, ids: std::ops::RangeInclusive<u16>) {
        let quantity = ids.clone().count() as u16;
        let price = U256::from(quantity) * U256::from(10u128.pow(15));
        let wanted = NodeSale::PurchaseTerms { quantity, maxCost: price, ..Default::default() };
        self.send(NodeSale::new(self.sale, &self.rpc).buy(wanted).value(price).from(ADMIN)).await;
        let staking = LicenseStaking::new(self.network.license_staking, &self.rpc);
        let rate = 500 * OPERATOR_SHARE as u16;
        self.send(staking.register(account, rate, 10).from(account)).await;
        self.send(staking.delegate(ids.map(U256::from).collect(), number, rate).from(ADMIN)).await;
    }

    async fn enroll(&self) {
        let (token, stake) = (self.suite.dev_token.unwrap(), U256::from(self.network.terms.exam.seat_stake));
        let (play, ledger) = (DevToken::new(token, &self.rpc), Ledger::new(self.suite.ledger, &self.rpc));
        self.send(play.mint(OPERATOR, stake).from(OPERATOR)).await;
        self.send(play.approve(self.suite.ledger, stake).from(OPERATOR)).await;
        self.send(ledger.deposit(token, OPERATOR, stake).from(OPERATOR)).await;
        self.send(ledger.approve(self.suite.staking, token_id(token), stake).from(OPERATOR)).await;
        let staking = Staking::new(self.suite.staking, &self.rpc);
        self.send(staking.stake(OPERATOR, self.network.attestations, stake).from(OPERATOR)).await;
        let attestations = Attestations::new(self.network.attestations, &self.rpc);
        self.send(attestations.enroll(OPERATOR, "127.0.0.1:9000".into()).from(OPERATOR)).await;
    }

    pub async fn send<P: Provider, D: CallDecoder>(&self, call: CallBuilder<P, D>) {
        let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
    }

    pub fn pool(&self) -> &Pool {
        &self.network.pools[0]
    }

    /// What [`Self::fund_keeper`] puts up.
    pub fn funds(&self) -> U256 {
        U256::from(self.network.terms.roots.bond) * U256::from(10)
    }

    /// Puts up what ten postings need.
    pub async fn fund_keeper(&self, account: Address) {
        let ledger = Ledger::new(self.suite.ledger, &self.rpc);
        self.send(ledger.depositNative(account).value(self.funds()).from(account)).await;
        for poster in [self.network.uptime, self.pool().address] {
            self.send(ledger.approve(poster, U256::ZERO, U256::MAX).from(account)).await;
        }
    }

    /// Native currency in the ledger.
    pub async fn ledger(&self, account: Address) -> U256 {
        Ledger::new(self.suite.ledger, &self.rpc).balanceOf(account, U256::ZERO).call().await.unwrap()
    }

    fn config(&self, name: &str) -> Config {
        Config {
            store: self.dir.path().join(format!("{name}.sqlite")),
            http: Some("127.0.0.1:0".parse().unwrap()),
            spread: 0,
            depth: 3,
            poll_interval_ms: 50,
            relays: self.relays.clone(),
            tx: quick_tx(),
            ..Config::default()
        }
    }

    pub async fn keeper(&self, name: &str, number: usize) -> Handle {
        let rpc = rpc::connect(self.anvil.url(), Duration::from_secs(5)).unwrap();
        let wallet: EthereumWallet = wallet(number);
        let setup = Setup { suite: self.suite.clone(), rpc, wallet, blobs: self.blobs.clone() };
        epochs::start(self.config(name), setup, CancellationToken::new()).await.unwrap()
    }

    /// The first keeper, in a process of its own (`examples/keeper.rs`, which cargo builds with the tests).
    pub async fn process(&self) -> Process {
        let tests = std::env::current_exe().unwrap();
        let binary: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples/keeper");
        assert!(binary.exists(), "{} is missing: cargo builds it with the package's tests", binary.display());
        let config = Config { http: None, ..self.config("process") };
        let setup = json!({
            "rpc": self.anvil.url(), "blobs": self.dir.path().join("blobs"), "role": { "epochs": config },
            "tamper": assay_keepers::verification::Tamper::default(),
        });
        let mut setup = serde_json::to_string(&setup).unwrap();
        // Amounts have 128 bits, which a value of JSON does not hold here.
        setup.pop();
        let setup = format!("{setup},\"suite\":{}}}", serde_json::to_string(&self.suite).unwrap());
        let path = self.dir.path().join("process.json");
        std::fs::write(&path, setup).unwrap();
        let key: PrivateKeySigner = Anvil::KEYS[2].parse().unwrap();
        assert_eq!(key.address(), KEEPER);
        let mut command = Command::new(binary);
        command.arg(path).env("ASSAY_KEY", key.to_bytes().to_string()).stdout(Stdio::null());
        Process(command.spawn().unwrap())
    }

    /// What a keeper says of itself.
    pub async fn ready(&self, keeper: &Handle) -> Value {
        let url = format!("http://{}/ready", keeper.http().unwrap());
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    pub async fn head(&self) -> u64 {
        self.rpc.get_block_number().await.unwrap()
    }

    pub async fn now(&self) -> u64 {
        self.rpc.get_block(alloy::eips::BlockId::latest()).await.unwrap().unwrap().header.timestamp
    }

    /// Waits for the chain's clock.
    pub async fn reach(&self, time: u64) {
        let now = self.now().await;
        if time > now {
            self.anvil.increase_time(time - now).await;
        }
    }

    pub async fn history(&self) -> History {
        read::history(&self.rpc, &self.network, self.head().await).await.unwrap()
    }

    pub async fn logs<E: SolEvent>(&self, contract: Address) -> Vec<E> {
        let filter = Filter::new().address(contract).event_signature(E::SIGNATURE_HASH).from_block(self.network.block);
        let logs = self.rpc.get_logs(&filter).await.unwrap();
        logs.iter().map(|log| E::decode_log(&log.inner).unwrap().data).collect()
    }

    /// Waits for the seed of an epoch, which keepers draw.
    pub async fn seeded(&self, epoch: u32) {
        let attestations = Attestations::new(self.network.attestations, &self.rpc);
        let drawn = || async { (!attestations.seedOf(epoch).call().await.unwrap().is_zero()).then_some(()) };
        eventually("a seed is drawn", drawn).await;
    }

    /// Seals that the only seat was up in the first round alone.
    pub async fn seal(&self, epoch: u32) -> Said {
        self.seal_as(epoch, OPERATOR, LICENSES + 1, OFFLINE).await
    }

    /// Seals that the only seat was up in the first round, and what is said of the second.
    pub async fn seal_as(&self, epoch: u32, account: Address, operator: u32, second: u8) -> Said {
        let mut answers = Answers::empty(ROUNDS, 1);
        answers.set(0, 0, GOOD);
        answers.set(1, 0, second);
        let sealed = Sealed {
            epoch,
            operator,
            answers: answers.tree().root().into(),
            evidence: evidence_tree(&vec![Vec::new(); ROUNDS as usize]).root().into(),
            salt: B256::repeat_byte(7),
        };
        let attestations = Attestations::new(self.network.attestations, &self.rpc);
        let hash = seal_hash(31_337, self.network.attestations, &sealed);
        self.send(attestations.seal(epoch, operator, hash).from(account)).await;
        Said { answers, sealed }
    }

    pub async fn reveal(&self, said: &Said) {
        let attestations = Attestations::new(self.network.attestations, &self.rpc);
        let Sealed { epoch, operator, evidence, salt, .. } = said.sealed;
        let bytes = said.answers.bytes().to_vec().into();
        self.send(attestations.reveal(epoch, operator, bytes, evidence, salt, Vec::new()).from(OPERATOR)).await;
    }

    /// Epochs up to the next one of `epoch`, whose seeds keepers draw; `epoch` is sealed.
    pub async fn until_sealed(&self, epoch: u32) -> Said {
        self.reach(self.network.seals_end(epoch)).await;
        self.seeded(epoch).await;
        self.reach(self.network.begins(epoch + 1)).await;
        let said = self.seal(epoch).await;
        self.reach(self.network.seals_end(epoch + 1)).await;
        self.seeded(epoch + 1).await;
        said
    }

    /// Reveals what was sealed, and lets keepers post everybody's shares until they are final.
    pub async fn share(&self, epoch: u32, said: &Said) {
        self.reveal(said).await;
        self.reach(self.reveal_end(epoch).await).await;
        self.posted(self.network.uptime, epoch).await;
        self.finish(self.network.uptime, epoch).await;
    }

    /// Brings epoch 0 to where it can be posted, and leaves that to others.
    pub async fn revealed(&self) {
        let keeper = self.keeper("seeds", 1).await;
        let said = self.until_sealed(0).await;
        keeper.stop();
        keeper.wait().await.unwrap();
        self.reveal(&said).await;
        self.reach(self.reveal_end(0).await).await;
        self.anvil.mine(4).await;
    }

    pub async fn reveal_end(&self, epoch: u32) -> u64 {
        let attestations = Attestations::new(self.network.attestations, &self.rpc);
        attestations.revealEnd(epoch).call().await.unwrap().saturating_to()
    }

    pub async fn compute(&self, epoch: u32) -> Uptime {
        let head = self.head().await;
        let history = read::history(&self.rpc, &self.network, head).await.unwrap();
        Uptime::new(read::inputs(&self.rpc, &self.network, &history, epoch, head).await.unwrap()).unwrap()
    }

    /// Waits until the epoch's root stands.
    pub async fn posted(&self, contract: Address, epoch: u32) {
        let roots = Contract::new(contract, &self.rpc);
        let stands = || async { (roots.nextEpoch().call().await.unwrap() > epoch).then_some(()) };
        eventually("an epoch is posted", stands).await;
    }

    /// Lets a root that stands become final.
    pub async fn finish(&self, contract: Address, epoch: u32) {
        let roots = Contract::new(contract, &self.rpc);
        let posting = roots.postingOf(epoch).call().await.unwrap();
        self.reach(posting.finalAt.into()).await;
        assert!(roots.isFinal(epoch).call().await.unwrap());
    }

    /// Shows what is demanded of a lie, where there is a tree to show; otherwise lets the time for that pass. Until another root stands.
    pub async fn lied(&self, contract: Address, tree: Option<&Tree>, name: &str) {
        let roots = Contract::new(contract, &self.rpc);
        let started = std::time::Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "never replaced: {name}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            let history = self.history().await;
            let postings =
                if contract == self.network.uptime { history.uptime() } else { history.pool(contract).unwrap() };
            let Some((epoch, posting)) = postings.last() else { continue };
            if posting.publisher != LIAR {
                return;
            }
            let open = posting.demands.iter().find(|(_, demand)| demand.nodes.is_none());
            let Some((&(tier, index), demand)) = open else { continue };
            match tree {
                None => self.reach(demand.answer_by + 1).await,
                Some(tree) => {
                    let nodes = words(nodes::children(tree, tier, index as usize).unwrap());
                    self.send(roots.supply(epoch, U256::from(tier), U256::from(index), nodes).from(LIAR)).await;
                }
            }
        }
    }

    /// Checks which move of the keeper took the lie away.
    pub async fn removed_by(&self, keeper: &Handle, kind: &str, name: &str) {
        let actions = keeper.transactions().store().actions().await.unwrap();
        let done = |action: &&assay_keepers::tx::Action| {
            let is_challenge = action.kind.starts_with("challenge") || action.kind == "expire";
            is_challenge && action.success == Some(true)
        };
        let kinds: Vec<_> = actions.iter().filter(done).map(|action| action.kind.as_str()).collect();
        assert_eq!(kinds, [kind], "{name}");
    }

    pub async fn snapshot(&self) -> Value {
        self.anvil.rpc("evm_snapshot", json!([])).await
    }

    /// Ends the keeper, and takes back all that was done since the snapshot.
    pub async fn end(&self, keeper: Handle, state: Value) {
        keeper.stop();
        keeper.wait().await.unwrap();
        self.anvil.rpc("evm_revert", json!([state])).await;
    }
}
