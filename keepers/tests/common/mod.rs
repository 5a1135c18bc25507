//! A devnet for a test: a real anvil with the suite, the tiny model, a customer with money and providers with stake.

#![allow(dead_code, missing_debug_implementations, unreachable_pub)]

pub mod court;
pub mod exam;
pub mod process;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Once,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, Bytes, U256, address, aliases::U40},
    providers::{DynProvider, Provider as _},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolEvent,
};
use assay_blobs::Blobs;
use assay_contracts::{
    FeeSchedule, JobEscrow,
    JobEscrow::{self as escrow, Batch, Order},
    Ledger, ModelRegistry, ProgramRegistry, Staking, Suite,
    bindings::DevToken,
    deploy,
    follow::FollowConfig,
    protocol, rpc,
    suite::Parameters,
};
use assay_keepers::{
    provider::{Policy, Progress, Provider, ProviderConfig, ProviderHandle, ProviderSetup, WorkConfig},
    tx::{Finality, TxConfig},
};
use assay_kernels::{commit::inputs_tree, model::Model, prompt::Prompt};
use assay_test_fixtures::{Anvil, AnvilOptions, tiny_model_dir};
use tokio_util::sync::CancellationToken;

/// Anvil's first accounts.
pub const ADMIN: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub const CUSTOMER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
pub const PROVIDERS: [Address; 2] =
    [address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"), address!("90F79bf6EB2c4f870365E785982E1f101E93b906")];
/// Their keys' places among [`Anvil::KEYS`].
const CUSTOMER_KEY: usize = 1;
const FIRST_PROVIDER_KEY: usize = 2;

/// Long enough for two busy cores; a test that needs it all has failed.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// Stake of each provider.
pub const STAKE: u64 = 1_000_000_000;

pub struct Devnet {
    pub anvil: Anvil,
    pub rpc: DynProvider,
    pub suite: Suite,
    pub model_id: B256,
    /// Folder of the model.
    pub package: PathBuf,
    pub model: Model,
    pub dir: tempfile::TempDir,
    pub blobs: Blobs,
}

/// Makes two like orders of a test differ.
static SALT: AtomicU8 = AtomicU8::new(0);

/// An order as it was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    pub id: B256,
    pub order: Order,
    pub rows: Vec<Vec<u8>>,
}

pub fn log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_default_env() {
            tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().init();
        }
    });
}

/// Waits until `holds` gives something.
pub async fn eventually<T, F>(what: &str, mut holds: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = holds().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

pub fn wallet(provider: usize) -> EthereumWallet {
    let key: PrivateKeySigner = Anvil::KEYS[FIRST_PROVIDER_KEY + provider].parse().unwrap();
    key.into()
}

impl Devnet {
    pub async fn start() -> Self {
        Self::start_with(&AnvilOptions::default()).await
    }

    pub async fn start_with(options: &AnvilOptions) -> Self {
        Self::start_chosen(options, deploy::devnet_parameters(ADMIN)).await
    }

    /// A devnet with these choices.
    pub async fn start_chosen(options: &AnvilOptions, parameters: Parameters) -> Self {
        Self::start_of(tiny_model_dir(), options, parameters).await
    }

    /// The same, about the model in `package`.
    pub async fn start_of(package: PathBuf, options: &AnvilOptions, parameters: Parameters) -> Self {
        log();
        let anvil = Anvil::spawn_with(options);
        let rpc = rpc::connect(anvil.url(), Duration::from_secs(10)).unwrap();
        rpc.client().set_poll_interval(Duration::from_millis(20));
        let suite = deploy::deploy(&rpc, ADMIN, 31_337, parameters, |_, _| {}).await.unwrap();
        let model = Model::open(&package).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::files(&dir.path().join("blobs")).unwrap();
        let mut this = Self { anvil, rpc, suite, model_id: B256::ZERO, package, model, dir, blobs };
        this.model_id = this.register_model().await;
        this.fund(CUSTOMER, this.suite.job_escrow).await;
        for provider in PROVIDERS {
            this.fund(provider, this.suite.staking).await;
            let staking = Staking::new(this.suite.staking, &this.rpc);
            let call = staking.stake(provider, this.suite.job_escrow, U256::from(STAKE)).from(provider);
            assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
        }
        this
    }

    pub fn token(&self) -> Address {
        self.suite.dev_token.unwrap()
    }

    async fn register_model(&self) -> B256 {
        let tape: Bytes = self.model.tape().encode().into();
        let programs = ProgramRegistry::new(self.suite.program_registry, &self.rpc);
        let call = programs.register(tape).from(ADMIN);
        assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
        let registry = ModelRegistry::new(self.suite.model_registry, &self.rpc);
        let floor = ModelRegistry::PriceFloor { token: self.token(), unitPrice: 1 };
        let royalty = ModelRegistry::Royalty { account: ADMIN, share: 500 };
        let (program, weights) = (self.model.program_root().into(), self.model.weights_root().into());
        let call = registry.register(program, weights, 2, "tiny".into(), vec![royalty], vec![floor]).from(ADMIN);
        let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
        receipt
            .logs()
            .iter()
            .find_map(|log| ModelRegistry::ModelRegistered::decode_log(&log.inner).ok().map(|event| event.modelId))
            .unwrap()
    }

    /// Puts plenty of play money into `account`'s ledger account and lets `spender` use it.
    pub async fn fund(&self, account: Address, spender: Address) {
        let plenty = U256::from(10u64.pow(15));
        let token = DevToken::new(self.token(), &self.rpc);
        let ledger = Ledger::new(self.suite.ledger, &self.rpc);
        token.mint(account, plenty).from(account).send().await.unwrap().get_receipt().await.unwrap();
        token.approve(self.suite.ledger, plenty).from(account).send().await.unwrap().get_receipt().await.unwrap();
        ledger.deposit(self.token(), account, plenty).from(account).send().await.unwrap().get_receipt().await.unwrap();
        let id = protocol::token_id(self.token());
        ledger.approve(spender, id, plenty).from(account).send().await.unwrap().get_receipt().await.unwrap();
    }

    /// Terms that suit [`Self::config`], with a settle window of a second.
    pub async fn terms(&self, rows: &[Vec<u8>]) -> Order {
        let fees = FeeSchedule::new(self.suite.fee_schedule, &self.rpc);
        let now = self.now().await;
        Order {
            customer: CUSTOMER,
            token: self.token(),
            modelId: self.model_id,
            inputsRoot: inputs_tree(rows).root().into(),
            count: rows.len() as u32,
            unitCap: self.model.max_units(),
            unitBytes: 2,
            unitPrice: 1_000,
            minBatch: 1,
            deadline: U40::from(now + 3_600),
            takeWindow: 600,
            settleWindow: 1,
            demandWindow: 60,
            demandFee: 7,
            stakePerBatch: 1_000,
            stakePerTask: 10,
            verification: Address::ZERO,
            policy: escrow::Policy::default(),
            feeRecipient: self.suite.parameters.pool,
            feeRate: fees.rateOf(self.token()).call().await.unwrap(),
            royalties: vec![JobEscrow::Royalty { account: ADMIN, share: 500 }],
            salt: B256::with_last_byte(SALT.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Input rows for `tasks` tasks of varied lengths.
    pub fn rows(&self, tasks: u32) -> Vec<Vec<u8>> {
        let vocabulary = self.model.manifest().vocabulary;
        if self.model.tape().is_decoder() {
            let text = |task| [1 + task % vocabulary, 2, 3].map(|id| id as u16);
            // Every other text is sampled.
            return (0..tasks)
                .map(|task| Prompt::new(&text(task), 9, task.into(), (task % 2 * 256) as u16).encode())
                .collect();
        }
        let most = self.model.max_units().min(8);
        (0..tasks)
            .map(|task| {
                let units = 1 + task % most;
                (0..units).flat_map(|at| (((task * 31 + at * 7) % vocabulary) as u16).to_be_bytes()).collect()
            })
            .collect()
    }

    /// Opens an order of `tasks` tasks whose inputs are in the store.
    pub async fn order(&self, tasks: u32, change: impl FnOnce(&mut Order)) -> Opened {
        let rows = self.rows(tasks);
        self.blobs.put_inputs(&rows).await.unwrap();
        self.open(rows, change).await
    }

    /// Opens an order without storing its inputs.
    pub async fn open(&self, rows: Vec<Vec<u8>>, change: impl FnOnce(&mut Order)) -> Opened {
        let mut order = self.terms(&rows).await;
        change(&mut order);
        let escrow = self.escrow();
        let call = escrow.open(order.clone()).from(CUSTOMER);
        let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
        let id = protocol::order_id(31_337, self.suite.job_escrow, &order);
        Opened { id, order, rows }
    }

    pub fn escrow(&self) -> JobEscrow::JobEscrowInstance<DynProvider> {
        JobEscrow::new(self.suite.job_escrow, self.rpc.clone())
    }

    /// Chain time.
    pub async fn now(&self) -> u64 {
        self.rpc.get_block_by_number(Default::default()).await.unwrap().unwrap().header.timestamp
    }

    /// A configuration for quick tests; `name` names its store.
    pub fn config(&self, name: &str) -> ProviderConfig {
        ProviderConfig {
            store: self.dir.path().join(format!("{name}.sqlite")),
            models: vec![self.package.clone()],
            policy: Policy { min_unit_price: [(self.token(), 500)].into(), min_demand_window: 5, ..Policy::default() },
            work: WorkConfig {
                max_batch: 16,
                take_and_commit_max: 4,
                chunk: 8,
                units_per_second: Some(1e6),
                fetch_attempts: 3,
                fetch_backoff_ms: 50,
                receipt_poll_ms: 50,
                drain_ms: 10_000,
                ..WorkConfig::default()
            },
            follow: FollowConfig { poll_interval_ms: 25, ..FollowConfig::default() },
            tx: quick_tx(),
            ..ProviderConfig::default()
        }
    }

    pub fn setup(&self, provider: usize) -> ProviderSetup {
        self.setup_at(provider, self.anvil.url())
    }

    pub fn setup_at(&self, provider: usize, url: &str) -> ProviderSetup {
        ProviderSetup {
            suite: self.suite.clone(),
            rpc: rpc::connect(url, Duration::from_millis(1_500)).unwrap(),
            wallet: wallet(provider),
            blobs: self.blobs.clone(),
        }
    }

    pub async fn provider(&self, number: usize) -> ProviderHandle {
        let config = self.config(&format!("provider{number}"));
        Provider::start(config, self.setup(number), CancellationToken::new()).await.unwrap()
    }

    /// All logs of one of the escrow's events.
    pub async fn events<E: SolEvent>(&self) -> Vec<E> {
        let filter = alloy::rpc::types::Filter::new()
            .address(self.suite.job_escrow)
            .event_signature(E::SIGNATURE_HASH)
            .from_block(self.suite.block);
        let logs = self.rpc.get_logs(&filter).await.unwrap();
        logs.iter().map(|log| E::decode_log(&log.inner).unwrap().data).collect()
    }

    /// Batches of the order that are settled, as (first, count, provider). The chain may move between the two questions: what it settled
    /// before the first and took back before the second is left out.
    pub async fn settled(&self, order: &Opened) -> Vec<(u32, u32, Address)> {
        let settled = self.events::<JobEscrow::BatchSettled>().await;
        let committed: BTreeMap<B256, _> = self
            .events::<JobEscrow::BatchCommitted>()
            .await
            .into_iter()
            .filter(|event| event.orderId == order.id)
            .map(|event| (event.batchId, (event.first, event.count, event.provider)))
            .collect();
        let of_order = settled.iter().filter(|event| event.orderId == order.id);
        of_order.filter_map(|event| committed.get(&event.batchId).copied()).collect()
    }

    /// Waits until every task of the order is settled, and checks that each was exactly once and that the money adds up.
    pub async fn all_settled(&self, order: &Opened) {
        eventually("every task settles", || async {
            let tasks: u32 = self.settled(order).await.iter().map(|(_, count, _)| count).sum();
            (tasks >= order.order.count).then_some(())
        })
        .await;
        self.check_settled_once(order).await;
    }

    pub async fn check_settled_once(&self, order: &Opened) {
        let mut indices: Vec<u32> =
            self.settled(order).await.iter().flat_map(|(first, count, _)| *first..first + count).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..order.order.count).collect::<Vec<_>>(), "each task settles exactly once");
    }

    /// The escrow's own ledger balance: what open orders have reserved.
    pub async fn reserved(&self) -> U256 {
        self.balance(self.suite.job_escrow).await
    }

    pub async fn balance(&self, account: Address) -> U256 {
        let ledger = Ledger::new(self.suite.ledger, &self.rpc);
        ledger.balanceOf(account, protocol::token_id(self.token())).call().await.unwrap()
    }

    pub async fn locked(&self, provider: Address) -> u128 {
        let staking = Staking::new(self.suite.staking, &self.rpc);
        staking.provisionOf(provider, self.suite.job_escrow).call().await.unwrap().locked
    }

    /// Transactions that `account` has in blocks.
    pub async fn sent(&self, account: Address) -> u64 {
        self.rpc.get_transaction_count(account).await.unwrap()
    }

    /// The customer's signature over a batch.
    pub fn receipt(&self, batch: &Batch) -> Bytes {
        let key: PrivateKeySigner = Anvil::KEYS[CUSTOMER_KEY].parse().unwrap();
        let digest = protocol::receipt_digest(31_337, self.suite.job_escrow, batch);
        key.sign_hash_sync(&digest).unwrap().as_bytes().to_vec().into()
    }

    /// The batches of an order, as committed.
    pub async fn batches(&self, order: &Opened) -> Vec<Batch> {
        let events = self.events::<JobEscrow::BatchCommitted>().await;
        events
            .into_iter()
            .filter(|event| event.orderId == order.id)
            .map(|event| Batch {
                orderId: event.orderId,
                provider: event.provider,
                first: event.first,
                count: event.count,
                units: event.units,
                root: event.root,
                stake: event.stake,
                committedAt: event.committedAt,
            })
            .collect()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Settings of the transaction manager for quick tests.
pub fn quick_tx() -> TxConfig {
    TxConfig { finality: Finality::Confirmations(3), bump_after_ms: 2_000, nonce_grace_ms: 600, ..TxConfig::default() }
}

/// Waits for a progress event that `wanted` accepts.
pub async fn progress(
    events: &mut tokio::sync::broadcast::Receiver<Progress>,
    what: &str,
    mut wanted: impl FnMut(&Progress) -> bool,
) -> Progress {
    let waiting = async {
        loop {
            let event = events.recv().await.expect("the provider runs");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}
