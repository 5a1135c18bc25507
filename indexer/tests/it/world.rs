//! A chain with the suite on it, people who use it, and an indexer that watches.

use alloy::{
    primitives::{Address, B256, U256, aliases::U40, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use assay_blobs::Blobs;
use assay_contracts::{
    JobEscrow::{self, Order, Policy},
    Ledger, ModelRegistry, ProgramRegistry, Staking, Suite, deploy, protocol,
    suite::Parameters,
};
use assay_indexer::{CancellationToken, Indexer, IndexerConfig, IndexerError, Progress};
use assay_kernels::{
    commit::{Batch as Results, BatchScope, TaskOutput},
    merkle::row_root,
    tape::Tape,
};
use assay_test_fixtures::{Anvil, tiny_model_dir};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

/// The chain's native currency, in which everything is staked and paid here.
pub(crate) const NATIVE: Address = Address::ZERO;
const PATIENCE: Duration = Duration::from_secs(60);
const ETHER: u128 = 1_000_000_000_000_000_000;
/// Gas of every transaction: above what any needs, below what a block holds.
const GAS: u64 = 5_000_000;

/// Anvil, the suite, its users, and a folder for what the indexer keeps.
pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) provider: DynProvider,
    pub(crate) suite: Suite,
    pub(crate) ledger: Ledger::LedgerInstance<DynProvider>,
    pub(crate) staking: Staking::StakingInstance<DynProvider>,
    pub(crate) models: ModelRegistry::ModelRegistryInstance<DynProvider>,
    pub(crate) escrow: JobEscrow::JobEscrowInstance<DynProvider>,
    pub(crate) folder: TempDir,
    pub(crate) blobs: Blobs,
    pub(crate) admin: Address,
    pub(crate) customer: Address,
    pub(crate) providers: [Address; 2],
    pub(crate) author: Address,
    pub(crate) model: B256,
}

/// A batch as the chain knows it, with the results behind its root.
#[derive(Clone)]
pub(crate) struct Committed {
    pub(crate) order: Order,
    pub(crate) batch: JobEscrow::Batch,
    pub(crate) id: B256,
}

impl World {
    /// A chain on which a customer has money, two providers have stake, and one model is registered.
    pub(crate) async fn new() -> Self {
        let anvil = Anvil::spawn();
        let account = |index: usize| Anvil::KEYS[index].parse::<PrivateKeySigner>().unwrap();
        let deployer = ProviderBuilder::new().wallet(account(0)).connect_http(anvil.url().parse().unwrap()).erased();
        deployer.client().set_poll_interval(Duration::from_millis(20));
        let admin = account(0).address();
        let parameters = Parameters {
            admin,
            pool: Address::repeat_byte(0xfe),
            default_rate: 250,
            stake_token: NATIVE,
            thaw_period: 60,
            verification: deploy::devnet_verification(),
        };
        let suite = deploy::deploy(&deployer, admin, 31_337, parameters, |_, _| {}).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        deploy::write(&suite, &folder.path().join("suite.json")).unwrap();
        let blobs = Blobs::files(&folder.path().join("blobs")).unwrap();
        // Anvil holds the keys of these accounts: nothing here signs.
        let provider = ProviderBuilder::default().connect_http(anvil.url().parse().unwrap()).erased();
        let mut world = Self {
            anvil,
            ledger: Ledger::new(suite.ledger, provider.clone()),
            staking: Staking::new(suite.staking, provider.clone()),
            models: ModelRegistry::new(suite.model_registry, provider.clone()),
            escrow: JobEscrow::new(suite.job_escrow, provider.clone()),
            provider,
            suite,
            folder,
            blobs,
            admin,
            customer: account(1).address(),
            providers: [account(2).address(), account(3).address()],
            author: account(4).address(),
            model: B256::ZERO,
        };
        world.prepare().await;
        world
    }

    async fn prepare(&mut self) {
        for person in [self.customer, self.providers[0], self.providers[1]] {
            let deposit = self.ledger.depositNative(person).value(U256::from(1_000 * ETHER));
            self.must(person, deposit.into_transaction_request()).await;
            for spender in [self.suite.job_escrow, self.suite.staking] {
                let approve = self.ledger.approve(spender, U256::ZERO, U256::from(500 * ETHER));
                self.must(person, approve.into_transaction_request()).await;
            }
        }
        for provider in self.providers {
            let stake = self.staking.stake(provider, self.suite.job_escrow, U256::from(100 * ETHER));
            self.must(provider, stake.into_transaction_request()).await;
        }
        self.model = self.register(1).await;
    }

    pub(crate) async fn register(&self, seed: u8) -> B256 {
        let (program, weights) = (self.register_program(seed).await, B256::repeat_byte(0xee));
        let royalties = vec![ModelRegistry::Royalty { account: self.author, share: 500 }];
        let floors = vec![ModelRegistry::PriceFloor { token: NATIVE, unitPrice: 10 }];
        let register = self.models.register(program, weights, 2, format!("ipfs://model-{seed}"), royalties, floors);
        self.must(self.author, register.into_transaction_request()).await;
        let id = (U256::from(31_337), self.suite.model_registry, self.author, program, weights);
        keccak256(alloy::sol_types::SolValue::abi_encode(&id))
    }

    /// Registers the tiny model's program for `seed` units less, so that each has a root of its own.
    async fn register_program(&self, seed: u8) -> B256 {
        let mut tape = std::fs::read(tiny_model_dir().join("program.tape")).unwrap();
        tape[9] -= seed;
        let root = Tape::decode(&tape).unwrap().root().into();
        let programs = ProgramRegistry::new(self.suite.program_registry, self.provider.clone());
        self.must(self.author, programs.register(tape.into()).into_transaction_request()).await;
        root
    }

    /// Sends a transaction; whether it went through. With gas for whatever it does: a table's past has a slot for every
    /// second in which it changed, so what is estimated in one second may take more in the next.
    pub(crate) async fn may(&self, from: Address, request: TransactionRequest) -> bool {
        let request = request.from(from).gas_limit(GAS);
        let Ok(sent) = self.provider.send_transaction(request).await else { return false };
        loop {
            match self.provider.get_transaction_receipt(*sent.tx_hash()).await.unwrap() {
                Some(receipt) => return receipt.status(),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Sends a transaction that must go through.
    pub(crate) async fn must(&self, from: Address, request: TransactionRequest) {
        let input = request.input.input().cloned();
        assert!(self.may(from, request).await, "the call {input:?} of {from} failed");
    }

    /* ORDERS */

    /// Terms of an order of `count` tasks, told apart by `salt`.
    pub(crate) async fn terms(&self, count: u32, salt: u64) -> Order {
        let now = self.provider.get_block_by_number(Default::default()).await.unwrap().unwrap().header.timestamp;
        Order {
            customer: self.customer,
            token: NATIVE,
            modelId: self.model,
            inputsRoot: keccak256(salt.to_be_bytes()),
            count,
            unitCap: 64,
            unitBytes: 2,
            unitPrice: 1_000,
            minBatch: 1,
            deadline: U40::from(now + 10_000),
            takeWindow: 100,
            settleWindow: 200,
            demandWindow: 50,
            demandFee: 77,
            stakePerBatch: 5_000,
            stakePerTask: 100,
            verification: Address::ZERO,
            policy: Policy::default(),
            feeRecipient: self.suite.parameters.pool,
            feeRate: 250,
            royalties: vec![JobEscrow::Royalty { account: self.author, share: 500 }],
            salt: B256::from(U256::from(salt)),
        }
    }

    pub(crate) fn order_id(&self, order: &Order) -> B256 {
        protocol::order_id(31_337, self.suite.job_escrow, order)
    }

    pub(crate) async fn open(&self, count: u32, salt: u64) -> Order {
        let order = self.terms(count, salt).await;
        self.must(self.customer, self.escrow.open(order.clone()).into_transaction_request()).await;
        order
    }

    pub(crate) async fn take(&self, provider: Address, order: &Order, first: u32, count: u32) -> bool {
        self.may(provider, self.escrow.take(order.clone(), first, count).into_transaction_request()).await
    }

    /// Results of `[first, first + count)`, made up. Task `i` has the four bytes of `i` as its input row.
    pub(crate) fn results(&self, provider: Address, order: &Order, first: u32, count: u32) -> Results {
        let scope =
            BatchScope { chain_id: 31_337, order_id: self.order_id(order).0, provider: provider.into_array(), first };
        let task = |index: u32| TaskOutput {
            input_hash: row_root(&index.to_be_bytes()),
            units: 1 + index % 60,
            row: format!("output {index}").into_bytes(),
        };
        Results::new(scope, (first..first + count).map(task).collect()).unwrap()
    }

    /// Commits a taken range, or takes and commits one at the frontier; stores its results. None when it was refused.
    pub(crate) async fn commit(
        &self,
        provider: Address,
        order: &Order,
        first: u32,
        count: u32,
        at_once: bool,
    ) -> Option<Committed> {
        let results = self.results(provider, order, first, count);
        let (units, root) = (results.units(), B256::from(results.root()));
        let escrow = &self.escrow;
        let request = match at_once {
            true => escrow.takeAndCommit(order.clone(), first, count, units, root).into_transaction_request(),
            false => escrow.commitBatch(order.clone(), first, count, units, root).into_transaction_request(),
        };
        if !self.may(provider, request).await {
            return None;
        }
        self.blobs.put_batch(&results).await.unwrap();
        let header = self.provider.get_block_by_number(Default::default()).await.unwrap().unwrap().header;
        let batch = JobEscrow::Batch {
            orderId: self.order_id(order),
            provider,
            first,
            count,
            units,
            root,
            stake: protocol::stake_for(order, count).unwrap(),
            committedAt: U40::from(header.timestamp),
        };
        let id = protocol::batch_id(&batch);
        Some(Committed { order: order.clone(), batch, id })
    }

    pub(crate) async fn accept(&self, batch: &Committed) -> bool {
        let accept = self.escrow.accept(batch.order.clone(), batch.batch.clone(), Default::default());
        self.may(self.customer, accept.into_transaction_request()).await
    }

    pub(crate) async fn settle(&self, batch: &Committed) -> bool {
        let settle = self.escrow.settle(batch.order.clone(), batch.batch.clone());
        self.may(self.author, settle.into_transaction_request()).await
    }

    pub(crate) async fn demand(&self, batch: &Committed, index: u32) -> bool {
        let demand = self.escrow.demand(batch.order.clone(), batch.batch.clone(), index);
        self.may(self.customer, demand.into_transaction_request()).await
    }

    pub(crate) async fn forfeit(&self, batch: &Committed, index: u32) -> bool {
        let forfeit = self.escrow.forfeit(batch.order.clone(), batch.batch.clone(), index);
        self.may(self.customer, forfeit.into_transaction_request()).await
    }

    /* INDEXERS */

    /// A quick configuration with a database called `name`.
    pub(crate) fn config(&self, name: &str) -> IndexerConfig {
        let mut config = IndexerConfig {
            rpc_url: self.anvil.url().to_owned(),
            rpc_timeout_ms: 2_000,
            suite: self.folder.path().join("suite.json"),
            database: self.folder.path().join(format!("{name}.db")),
            blobs: self.folder.path().join("blobs"),
            listen: "127.0.0.1:0".parse().unwrap(),
            head_interval_ms: 50,
            ..IndexerConfig::default()
        };
        config.follow.poll_interval_ms = 20;
        config
    }

    /// An indexer with a database called `name`.
    pub(crate) async fn index(&self, name: &str) -> Running {
        Running::start(self.config(name)).await.unwrap()
    }

    /// Waits until `indexer` holds exactly the chain as it is now.
    pub(crate) async fn synced(&self, indexer: &Running) {
        let block = self.provider.get_block_by_number(Default::default()).await.unwrap().unwrap();
        let at = (block.header.number, block.header.hash);
        indexer.until(|progress| progress.indexed.is_some_and(|indexed| (indexed.number, indexed.hash) == at)).await;
    }
}

/// A running indexer.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) config: IndexerConfig,
    pub(crate) http: reqwest::Client,
    indexer: Indexer,
    shutdown: CancellationToken,
}

impl Running {
    pub(crate) async fn start(config: IndexerConfig) -> Result<Self, IndexerError> {
        let shutdown = CancellationToken::new();
        let indexer = Indexer::start(config.clone(), shutdown.clone()).await?;
        let url = format!("http://{}", indexer.address());
        Ok(Self { url, config, http: reqwest::Client::new(), indexer, shutdown })
    }

    pub(crate) async fn until(&self, reached: impl FnMut(&Progress) -> bool) {
        let mut progress = self.indexer.progress();
        let waited = tokio::time::timeout(PATIENCE, progress.wait_for(reached)).await;
        if waited.is_err() {
            panic!("not reached; the indexer is at {:?}", self.indexer.progress().borrow());
        }
    }

    /// Stops it and returns how it ended.
    pub(crate) async fn stop(self) -> Result<(), IndexerError> {
        self.shutdown.cancel();
        self.indexer.stopped().await
    }

    /// How it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), IndexerError> {
        tokio::time::timeout(PATIENCE, self.indexer.stopped()).await.expect("it ends")
    }

    /// Status and JSON of a path.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
    }

    /// JSON of a path that must answer 200.
    pub(crate) async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Every item of a list, page by page.
    pub(crate) async fn all(&self, path: &str, limit: u32) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.ok(&format!("{path}{separator}limit={limit}{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// The tables that a fresh index of the same chain must hold alike.
const TABLES: [&str; 37] = [
    "orders",
    "takes",
    "batches",
    "demands",
    "models",
    "price_floors",
    "provisions",
    "balances",
    "allowances",
    "ledger_operators",
    "tokens",
    "fee_rates",
    "role_members",
    "providers",
    "earnings",
    "draws",
    "testimonies",
    "pots",
    "validators",
    "disputes",
    "moves",
    "disputed_tasks",
    "sale_tiers",
    "sale_money",
    "purchases",
    "licenses",
    "sale_buyers",
    "commissions",
    "promo_uses",
    "payouts",
    "epoch_roots",
    "strikes",
    "bans",
    "reward_pools",
    "reward_books",
    "events",
    "subjects",
];

/// Every row of every table that is derived from the chain, as text.
pub(crate) async fn dump(database: &Path) -> Vec<String> {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let mut lines = Vec::new();
    for table in TABLES {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
            .bind(table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let quoted: Vec<_> = columns.iter().map(|column| format!("'{column}=' || quote({column})")).collect();
        let sql = format!("SELECT {} FROM {table}", quoted.join(" || ' ' || "));
        let mut rows: Vec<String> = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .unwrap()
            .iter()
            .map(|row| format!("{table}: {}", row.get::<String, _>(0)))
            .collect();
        rows.sort();
        lines.extend(rows);
    }
    lines
}

/// Asserts that two databases hold the same, and says what differs.
pub(crate) async fn assert_same(left: &Path, right: &Path, context: &str) {
    let (left, right) = (dump(left).await, dump(right).await);
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).take(5).cloned().collect()
    };
    assert!(left == right, "{context}: only left {:#?}\nonly right {:#?}", only(&left, &right), only(&right, &left));
    assert!(!left.is_empty());
}
