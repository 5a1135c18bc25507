//! What a customer does with a provider that lies or withholds: such results are never accepted, what is missing is demanded in
//! time, and a lie that shows in the leaves is proved on chain.

use std::time::Duration;

use alloy::{
    primitives::{B256, U256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use assay::{
    chain::Chain,
    client::{
        collect::{Collected, Options, collect},
        history::{self, End},
        models::Registered,
        open::{Opened, Request, open},
    },
    config::{Config, OrderConfig},
    keys,
    token::Token,
};
use assay_blobs::Blobs;
use assay_contracts::{
    JobEscrow, ModelRegistry, deploy,
    protocol::{escrowed, token_id},
};
use assay_kernels::{
    commit::{Batch, BatchScope, TaskLeaf, TaskOutput},
    merkle::{Tree, row_root},
    tape::Tape,
};
use assay_test_fixtures::{Anvil, tiny_model_dir};

/// A chain with a model, a funded customer and a staked provider that the test plays itself.
struct Stage {
    anvil: Anvil,
    folder: tempfile::TempDir,
    customer: Chain,
    provider: Chain,
    token: Token,
    model: Registered,
    blobs: Blobs,
}

const FUNDS: u64 = 1_000_000_000;

fn rows() -> Vec<Vec<u8>> {
    (1..=3u8).map(|n| vec![n; 2 * usize::from(n)]).collect()
}

impl Stage {
    async fn new() -> Self {
        let (anvil, folder) = (Anvil::spawn(), tempfile::tempdir().unwrap());
        let config = Config {
            rpc_url: anvil.url().to_owned(),
            chains: folder.path().to_owned(),
            blobs: folder.path().join("blobs"),
            ..Config::default()
        };
        let admin = keys::anvil(0);
        let rpc = assay::chain::provider(anvil.url(), Some(&admin)).unwrap();
        let parameters = deploy::devnet_parameters(admin.address());
        let suite = deploy::deploy(&rpc, admin.address(), config.chain_id, parameters, |_, _| {}).await.unwrap();
        deploy::write(&suite, &config.chain_file()).unwrap();

        let connect = async |account| Chain::connect(&config, Some(keys::anvil(account))).await.unwrap();
        let (customer, provider) = (connect(2).await, connect(1).await);
        let token = Token::configured(&customer, &config).await.unwrap();
        for chain in [&customer, &provider] {
            let (dev, me, funds) = (chain.token(token.address), chain.account(), U256::from(FUNDS));
            chain.send(dev.mint(me, funds)).await.unwrap();
            chain.send(dev.approve(chain.suite.ledger, funds)).await.unwrap();
            chain.send(chain.ledger().deposit(token.address, me, funds)).await.unwrap();
        }
        let (ledger, staking) = (provider.ledger(), provider.staking());
        let funds = U256::from(FUNDS);
        provider.send(ledger.approve(provider.suite.staking, token_id(token.address), funds)).await.unwrap();
        provider.send(staking.stake(provider.account(), provider.suite.job_escrow, funds)).await.unwrap();

        let floors = vec![ModelRegistry::PriceFloor { token: token.address, unitPrice: 10 }];
        let tape = std::fs::read(tiny_model_dir().join("program.tape")).unwrap();
        let program = Tape::decode(&tape).unwrap().root().into();
        provider.send(provider.programs().register(tape.into())).await.unwrap();
        let (weights, registry) = (B256::repeat_byte(2), provider.models());
        provider.send(registry.register(program, weights, 2, String::new(), Vec::new(), floors)).await.unwrap();
        let model = assay::client::models::registered(&customer, None).await.unwrap().remove(0);
        let blobs = Blobs::files(&config.blobs).unwrap();
        Self { anvil, folder, customer, provider, token, model, blobs }
    }

    async fn open(&self) -> Opened {
        self.open_on(&rows(), OrderConfig::default()).await
    }

    async fn open_on(&self, rows: &[Vec<u8>], terms: OrderConfig) -> Opened {
        let request = Request {
            model: &self.model,
            token: &self.token,
            rows,
            limit: 100,
            unit_price: None,
            unit_cap: Some(50),
            terms: &terms,
        };
        open(&self.customer, &self.blobs, &request).await.unwrap()
    }

    fn scope(&self, opened: &Opened, first: u32) -> BatchScope {
        let (chain_id, provider) = (self.provider.suite.chain_id, self.provider.account().into_array());
        BatchScope { chain_id, order_id: opened.id.0, provider, first }
    }

    /// Commits leaves as they are, publishes nothing, and returns what supplies them.
    async fn commit_leaves(&self, opened: &Opened, leaves: Vec<TaskLeaf>, units: u64) -> Withheld<'_> {
        let tree = Tree::new(leaves.iter().map(TaskLeaf::hash).collect());
        let (escrow, count) = (self.provider.escrow(), leaves.len() as u32);
        let call = escrow.takeAndCommit(opened.order.clone(), leaves[0].index, count, units, tree.root().into());
        let receipt = self.provider.send(call).await.unwrap();
        let event = receipt.decoded_log::<JobEscrow::BatchCommitted>().unwrap();
        let batch = JobEscrow::Batch {
            orderId: event.orderId,
            provider: event.provider,
            first: event.first,
            count: event.count,
            units: event.units,
            root: event.root,
            stake: event.stake,
            committedAt: event.committedAt,
        };
        Withheld { stage: self, order: opened.order.clone(), batch, id: event.batchId, leaves, tree }
    }

    /// The leaves of an honest batch of `rows` from `first` on, for a test to falsify.
    fn leaves(&self, opened: &Opened, first: u32, rows: &[Vec<u8>]) -> Vec<TaskLeaf> {
        Batch::new(self.scope(opened, first), honest_of(rows)).unwrap().leaves().to_vec()
    }

    /// Commits `tasks` as the provider and publishes what was committed to `blobs`.
    async fn commit(&self, opened: &Opened, tasks: Vec<TaskOutput>, blobs: &Blobs) -> Batch {
        let units = tasks.iter().map(|task| u64::from(task.units)).sum();
        self.commit_billing(opened, tasks, units, blobs).await
    }

    /// The same, billing `units` whatever the leaves say.
    async fn commit_billing(&self, opened: &Opened, tasks: Vec<TaskOutput>, units: u64, blobs: &Blobs) -> Batch {
        let batch = Batch::new(self.scope(opened, 0), tasks).unwrap();
        blobs.put_batch(&batch).await.unwrap();
        let escrow = self.provider.escrow();
        let call = escrow.takeAndCommit(opened.order.clone(), 0, batch.count(), units, batch.root().into());
        self.provider.send(call).await.unwrap();
        batch
    }

    async fn collect(&self, opened: &Opened, accept: bool) -> assay::Result<Collected> {
        let options = Options { accept, patience: Duration::from_secs(60), timeout: Some(Duration::from_secs(3)) };
        collect(&self.customer, &self.blobs, opened.id, opened.block, &rows(), options, |_| {}).await
    }

    /// Without patience, for results that are withheld.
    async fn insist(&self, opened: &Opened, rows: &[Vec<u8>]) -> assay::Result<Collected> {
        let options = Options { accept: true, patience: Duration::ZERO, timeout: Some(Duration::from_secs(20)) };
        collect(&self.customer, &self.blobs, opened.id, opened.block, rows, options, |_| {}).await
    }

    /// The events of one kind about a batch or an order.
    async fn events<E: SolEvent>(&self, id: B256) -> Vec<E> {
        let escrow = self.customer.suite.job_escrow;
        let filter = Filter::new().address(escrow).event_signature(E::SIGNATURE_HASH).topic1(id).from_block(0);
        let logs = self.customer.provider.get_logs(&filter).await.unwrap();
        logs.iter().map(|log| log.log_decode::<E>().unwrap().inner.data).collect()
    }

    /// The faults of which batches of the order were convicted.
    async fn faults(&self, opened: &Opened) -> Vec<u8> {
        self.events::<JobEscrow::BatchForfeited>(opened.id).await.iter().map(|event| event.fault).collect()
    }

    async fn balance(&self) -> U256 {
        self.token.ledger_balance(&self.customer, self.customer.account()).await.unwrap()
    }

    /// The customer lost nothing by the batch, and the provider its stake.
    async fn expect_forfeited(&self, opened: &Opened, result: assay::Result<Collected>) {
        assert_eq!(result.unwrap_err().code(), "batch_forfeited");
        let history = history::read(&self.customer, opened.id).await.unwrap();
        let Some(End::Forfeited { refund, slashed, .. }) = &history.batches[0].end else {
            panic!("{:?}", history.batches[0].end)
        };
        assert_eq!(*refund, escrowed(&opened.order));
        assert!(*slashed > U256::ZERO);
        assert!(self.balance().await > U256::from(FUNDS), "the customer has its money and a part of the stake");
    }
}

/// A batch whose provider published nothing and answers demands, or does not.
struct Withheld<'a> {
    stage: &'a Stage,
    order: JobEscrow::Order,
    batch: JobEscrow::Batch,
    id: B256,
    leaves: Vec<TaskLeaf>,
    tree: Tree,
}

impl Withheld<'_> {
    async fn demanded(&self) -> Vec<JobEscrow::Demanded> {
        self.stage.events(self.id).await
    }

    async fn supply(&self, index: u32, input: &[u8]) {
        let position = (index - self.batch.first) as usize;
        let leaf = &self.leaves[position];
        let task = JobEscrow::Task {
            index,
            inputHash: leaf.input_hash.into(),
            outputHash: leaf.output_hash.into(),
            unitsBefore: leaf.units_before,
            units: leaf.units,
            proof: self.tree.proof(position).into_iter().map(B256::from).collect(),
        };
        let (escrow, input, output) = (self.stage.provider.escrow(), input.to_vec().into(), vec![7; 8].into());
        let call = escrow.supply(self.order.clone(), self.batch.clone(), task, input, output);
        // The batch may be lost meanwhile, which is for the test to find.
        let _ = self.stage.provider.send(call).await;
    }

    /// Answers every demand at once, for as long as it is polled; `inputs` are the batch's.
    async fn answer(&self, inputs: &[Vec<u8>]) -> ! {
        let mut answered = 0;
        loop {
            for demand in self.demanded().await.iter().skip(answered) {
                answered += 1;
                self.supply(demand.index, &inputs[(demand.index - self.batch.first) as usize]).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What an honest provider commits.
fn honest() -> Vec<TaskOutput> {
    honest_of(&rows())
}

fn honest_of(rows: &[Vec<u8>]) -> Vec<TaskOutput> {
    let task = |row: &Vec<u8>| TaskOutput { input_hash: row_root(row), units: row.len() as u32 / 2, row: vec![7; 8] };
    rows.iter().map(task).collect()
}

/// The numbers of `Fault` in the contract.
const WITHHELD: u8 = 0;
const UNITS_GAP: u8 = 1;
const UNITS_BOUND: u8 = 2;
const WRONG_UNITS: u8 = 3;
const WRONG_INPUT: u8 = 4;

#[tokio::test]
async fn honest_results_are_verified_and_paid() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    stage.commit(&opened, honest(), &stage.blobs).await;
    let collected = stage.collect(&opened, true).await.unwrap();
    assert_eq!((collected.verified, collected.outputs), (3, vec![vec![7; 8]; 3]));
    let Some(End::Settled { paid, fee, refund, .. }) = collected.history.batches[0].end else { panic!("not settled") };
    assert_eq!(paid + fee, U256::from(60), "six units at ten");
    assert_eq!(paid + fee + refund, opened.escrowed);
    assert_eq!(stage.balance().await, U256::from(FUNDS - 60));
}

#[tokio::test]
async fn another_input_than_ordered_is_proved_on_chain() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let mut tasks = honest();
    tasks[1].input_hash = row_root(b"cheap");
    stage.commit(&opened, tasks, &stage.blobs).await;
    let result = stage.collect(&opened, false).await;
    stage.expect_forfeited(&opened, result).await;
}

#[tokio::test]
async fn inflated_units_are_proved_on_chain() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let mut tasks = honest();
    tasks[2].units = 50;
    stage.commit(&opened, tasks, &stage.blobs).await;
    let result = stage.collect(&opened, false).await;
    stage.expect_forfeited(&opened, result).await;
}

#[tokio::test]
async fn a_bill_beyond_the_leaves_is_proved_on_chain() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let tasks = honest();
    let units = tasks.iter().map(|task| u64::from(task.units)).sum::<u64>() + 1;
    let batch = stage.commit_billing(&opened, tasks, units, &stage.blobs).await;
    let result = stage.collect(&opened, false).await;
    stage.expect_forfeited(&opened, result).await;
    assert_eq!(stage.blobs.get_receipt(&batch.root()).await.unwrap(), None, "no receipt was signed");
}

#[tokio::test]
async fn altered_results_are_never_used() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let batch = stage.commit(&opened, honest(), &stage.blobs).await;
    let name: String = batch.root().iter().map(|byte| format!("{byte:02x}")).collect();
    let path = stage.folder.path().join("blobs/batches").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();

    assert_eq!(stage.collect(&opened, false).await.unwrap_err().code(), "timed_out");
    assert_eq!(stage.blobs.get_receipt(&batch.root()).await.unwrap(), None, "no receipt was signed");
}

#[tokio::test]
async fn a_receipt_is_published_for_what_was_received() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let batch = stage.commit(&opened, honest(), &stage.blobs).await;
    // Nobody uses the receipt, so the order is not complete yet.
    assert_eq!(stage.collect(&opened, false).await.unwrap_err().code(), "timed_out");
    let receipt = stage.blobs.get_receipt(&batch.root()).await.unwrap().expect("a receipt");
    let history = history::read(&stage.customer, opened.id).await.unwrap();
    let escrow = stage.provider.escrow();
    let call = escrow.accept(opened.order.clone(), history.batches[0].batch.clone(), receipt.into());
    stage.provider.send(call).await.unwrap();
    assert_eq!(stage.collect(&opened, false).await.unwrap().verified, 3);
}

/// Withholds a batch of three whose leaves `falsify` changed, answers each demand, and expects the lie to be proved as `fault`.
async fn expect_proved(falsify: impl Fn(&mut [TaskLeaf]), units: u64, inputs: &[Vec<u8>], fault: u8) {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let mut leaves = stage.leaves(&opened, 0, &rows());
    falsify(&mut leaves);
    let withheld = stage.commit_leaves(&opened, leaves, units).await;
    let rows = rows();
    let result = tokio::select! {
        result = stage.insist(&opened, &rows) => result,
        never = withheld.answer(inputs) => never,
    };
    assert_eq!(stage.faults(&opened).await, [fault]);
    stage.expect_forfeited(&opened, result).await;
}

#[tokio::test]
async fn a_gap_between_demanded_leaves_is_proved_on_chain() {
    let gap = |leaves: &mut [TaskLeaf]| leaves[1..].iter_mut().for_each(|leaf| leaf.units_before += 40);
    expect_proved(gap, 46, &rows(), UNITS_GAP).await;
}

#[tokio::test]
async fn demanded_leaves_that_do_not_start_at_zero_are_proved_on_chain() {
    let late = |leaves: &mut [TaskLeaf]| leaves.iter_mut().for_each(|leaf| leaf.units_before += 40);
    expect_proved(late, 46, &rows(), UNITS_BOUND).await;
}

#[tokio::test]
async fn demanded_leaves_that_do_not_add_up_are_proved_on_chain() {
    expect_proved(|_| (), 46, &rows(), UNITS_BOUND).await;
}

#[tokio::test]
async fn a_sum_of_units_beyond_64_bits_is_proved_on_chain() {
    expect_proved(|leaves| leaves[1].units_before = u64::MAX, 6, &rows(), UNITS_GAP).await;
}

#[tokio::test]
async fn demanded_units_beyond_the_cap_are_proved_on_chain() {
    let beyond = |leaves: &mut [TaskLeaf]| {
        leaves[1].units = 60;
        leaves[2].units_before = 61;
    };
    expect_proved(beyond, 64, &rows(), UNITS_BOUND).await;
}

#[tokio::test]
async fn demanded_units_of_nothing_are_proved_on_chain() {
    let nothing = |leaves: &mut [TaskLeaf]| {
        leaves[1].units = 0;
        leaves[2].units_before = 1;
    };
    expect_proved(nothing, 4, &rows(), UNITS_BOUND).await;
}

#[tokio::test]
async fn demanded_units_that_the_input_does_not_have_are_proved_on_chain() {
    let inflated = |leaves: &mut [TaskLeaf]| {
        leaves[1].units = 50;
        leaves[2].units_before = 51;
    };
    expect_proved(inflated, 54, &rows(), WRONG_UNITS).await;
}

#[tokio::test]
async fn another_demanded_input_than_ordered_is_proved_on_chain() {
    let mut inputs = rows();
    inputs[1] = vec![9; 4];
    let other = row_root(&inputs[1]);
    expect_proved(move |leaves| leaves[1].input_hash = other, 6, &inputs, WRONG_INPUT).await;
}

/// The provider answers for the false leaf and its neighbour, and is in no hurry with the rest.
#[tokio::test]
async fn a_fault_is_proved_before_the_last_demand_is_answered() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let mut leaves = stage.leaves(&opened, 0, &rows());
    leaves[1..].iter_mut().for_each(|leaf| leaf.units_before += 40);
    let withheld = stage.commit_leaves(&opened, leaves, 46).await;
    let rows = rows();
    let answer = async {
        let started = std::time::Instant::now();
        while withheld.demanded().await.len() < 3 {
            assert!(started.elapsed() < Duration::from_secs(15), "{} demands", withheld.demanded().await.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        withheld.supply(0, &rows[0]).await;
        withheld.supply(1, &rows[1]).await;
    };
    let (result, ()) = tokio::join!(stage.insist(&opened, &rows), answer);
    assert_eq!(stage.faults(&opened).await, [UNITS_GAP]);
    stage.expect_forfeited(&opened, result).await;
}

/// Patience is longer than what is left of the window, and the chain mines a block a second: the demands go out at once and
/// together. What they prepaid comes back with the batch.
#[tokio::test]
async fn a_slow_provider_does_not_outlast_the_window() {
    let stage = Stage::new().await;
    let rows: Vec<_> = (0..40u8).map(|n| vec![n; 4]).collect();
    let terms = OrderConfig { settle_window: 60, demand_window: 30, demand_fee: 7, ..OrderConfig::default() };
    let opened = stage.open_on(&rows, terms).await;
    let withheld = stage.commit_leaves(&opened, stage.leaves(&opened, 0, &rows), 80).await;
    // Somebody else asks for one of them too.
    let (ledger, fee, id) = (stage.customer.ledger(), U256::from(7), token_id(stage.token.address));
    stage.customer.send(ledger.transfer(stage.provider.account(), id, fee)).await.unwrap();
    let (ledger, escrow) = (stage.provider.ledger(), stage.provider.escrow());
    stage.provider.send(ledger.approve(stage.provider.suite.job_escrow, id, fee)).await.unwrap();
    let call = escrow.demand(withheld.order.clone(), withheld.batch.clone(), 5);
    stage.provider.send(call).await.unwrap();
    stage.anvil.rpc("evm_setIntervalMining", serde_json::json!([1])).await;

    let options = Options { accept: true, patience: Duration::from_secs(90), timeout: Some(Duration::from_secs(40)) };
    let collected = collect(&stage.customer, &stage.blobs, opened.id, opened.block, &rows, options, |_| {});
    let silence = async {
        let started = std::time::Instant::now();
        while withheld.demanded().await.len() < 40 {
            assert!(started.elapsed() < Duration::from_secs(15), "{} demands", withheld.demanded().await.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (ledger, escrow) = (stage.customer.ledger(), stage.customer.suite.job_escrow);
        let allowed = ledger.allowance(stage.customer.account(), escrow, id);
        assert_eq!(allowed.call().await.unwrap(), U256::ZERO, "no more was allowed than the fees");
        stage.anvil.increase_time(31).await;
    };
    let (result, ()) = tokio::join!(collected, silence);
    assert_eq!(stage.faults(&opened).await, [WITHHELD]);
    stage.expect_forfeited(&opened, result).await;
    let refunded = stage.events::<JobEscrow::DemandRefunded>(withheld.id).await;
    let mine = refunded.iter().filter(|refund| refund.demander == stage.customer.account());
    assert_eq!(mine.count(), 39);
}

#[tokio::test]
async fn results_that_came_by_demand_outlive_the_settlement() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let withheld = stage.commit_leaves(&opened, stage.leaves(&opened, 0, &rows()), 6).await;
    let rows = rows();
    let first = tokio::select! {
        result = stage.insist(&opened, &rows) => result,
        never = withheld.answer(&rows) => never,
    };
    assert_eq!(first.unwrap().outputs, vec![vec![7; 8]; 3]);
    let again = stage.insist(&opened, &rows).await.unwrap();
    assert_eq!((again.verified, again.outputs), (3, vec![vec![7; 8]; 3]));
}

#[tokio::test]
async fn without_funds_for_every_fee_some_demands_are_made_and_the_rest_is_named() {
    let stage = Stage::new().await;
    let fee = FUNDS / 4;
    let opened = stage.open_on(&rows(), OrderConfig { demand_fee: fee.into(), ..OrderConfig::default() }).await;
    let withheld = stage.commit_leaves(&opened, stage.leaves(&opened, 0, &rows()), 6).await;
    let (ledger, me, id) = (stage.customer.ledger(), stage.customer.account(), token_id(stage.token.address));
    // Two fees are left, and one unit.
    let rest = stage.balance().await - U256::from(2 * fee + 1);
    stage.customer.send(ledger.transfer(stage.provider.account(), id, rest)).await.unwrap();
    let error = stage.insist(&opened, &rows()).await.unwrap_err();
    assert_eq!(error.code(), "demand_fees_lacking");
    assert!(error.to_string().contains(&format!("{}", fee - 1)), "{error}");
    assert_eq!(withheld.demanded().await.iter().map(|demand| demand.index).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(stage.token.ledger_balance(&stage.customer, me).await.unwrap(), U256::from(1));
}

#[tokio::test]
async fn what_can_no_longer_be_demanded_is_said() {
    let stage = Stage::new().await;
    let opened = stage.open_on(&rows(), OrderConfig { settle_window: 60, ..OrderConfig::default() }).await;
    let withheld = stage.commit_leaves(&opened, stage.leaves(&opened, 0, &rows()), 6).await;
    stage.anvil.increase_time(61).await;
    let error = stage.insist(&opened, &rows()).await.unwrap_err();
    assert_eq!(error.code(), "window_passed");
    let escrow = stage.provider.escrow();
    stage.provider.send(escrow.settle(withheld.order.clone(), withheld.batch.clone())).await.unwrap();
    assert_eq!(stage.insist(&opened, &rows()).await.unwrap_err().code(), "blob_missing");
    assert_eq!(withheld.demanded().await, []);
}

/// No leaf proves under such a root, so its provider can answer no demand.
#[tokio::test]
async fn a_root_over_another_number_of_tasks_is_as_good_as_no_results() {
    let stage = Stage::new().await;
    let rows = rows();
    let opened = stage.open().await;
    let mut more = rows.clone();
    more.push(vec![1; 2]);
    let batch = Batch::new(stage.scope(&opened, 0), honest_of(&more)).unwrap();
    stage.blobs.put_batch(&batch).await.unwrap();
    let escrow = stage.provider.escrow();
    let call = escrow.takeAndCommit(opened.order.clone(), 0, 3, 7, batch.root().into());
    stage.provider.send(call).await.unwrap();
    let batch = history::read(&stage.customer, opened.id).await.unwrap().batches.remove(0);
    let silence = async {
        let started = std::time::Instant::now();
        while stage.events::<JobEscrow::Demanded>(batch.id).await.len() < 3 {
            assert!(started.elapsed() < Duration::from_secs(15), "the batch is not demanded");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stage.anvil.increase_time(400).await;
    };
    let (result, ()) = tokio::join!(stage.insist(&opened, &rows), silence);
    assert_eq!(stage.faults(&opened).await, [WITHHELD]);
    stage.expect_forfeited(&opened, result).await;
}

/// A batch that is lost on purpose, or settled long ago without results, must not draw attention away from the next.
#[tokio::test]
async fn a_lost_batch_does_not_shield_another() {
    let stage = Stage::new().await;
    let opened = stage.open().await;
    let rows = rows();
    let mut cheap = stage.leaves(&opened, 0, &rows[..1]);
    cheap[0].units = 2;
    let decoy = stage.commit_leaves(&opened, cheap, 1).await;
    let escrow = stage.provider.escrow();
    let task = JobEscrow::Task {
        index: 0,
        inputHash: decoy.leaves[0].input_hash.into(),
        outputHash: decoy.leaves[0].output_hash.into(),
        unitsBefore: 0,
        units: 2,
        proof: Vec::new(),
    };
    stage.provider.send(escrow.proveUnitsBound(decoy.order.clone(), decoy.batch.clone(), task)).await.unwrap();
    let mut leaves = stage.leaves(&opened, 1, &rows[1..]);
    leaves[1].units_before += 30;
    let withheld = stage.commit_leaves(&opened, leaves, 35).await;
    let result = tokio::select! {
        result = stage.insist(&opened, &rows) => result,
        never = withheld.answer(&rows[1..]) => never,
    };
    assert_eq!(result.unwrap_err().code(), "batch_forfeited");
    assert_eq!(stage.faults(&opened).await, [UNITS_BOUND, UNITS_GAP]);
}

/// After the deadline anybody may reclaim what was never committed; what was is still to be looked at.
#[tokio::test]
async fn a_reclaimed_order_does_not_shield_its_batches() {
    let stage = Stage::new().await;
    let opened = stage.open_on(&rows(), OrderConfig { lifetime: 600, ..OrderConfig::default() }).await;
    let withheld = stage.commit_leaves(&opened, stage.leaves(&opened, 0, &rows()[..2]), 3).await;
    stage.anvil.increase_time(700).await;
    let escrow = stage.provider.escrow();
    stage.provider.send(escrow.reclaim(opened.order.clone())).await.unwrap();
    let rows = rows();
    let result = tokio::select! {
        result = stage.insist(&opened, &rows) => result,
        never = withheld.answer(&rows) => never,
    };
    assert_eq!(result.unwrap_err().code(), "order_closed");
    let accepted: Vec<_> = stage.events::<JobEscrow::BatchSettled>(opened.id).await;
    assert_eq!(accepted.iter().map(|event| event.accepted).collect::<Vec<_>>(), [true]);
    assert_eq!(withheld.demanded().await.len(), 2);
}
