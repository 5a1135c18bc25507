//! What a customer does with a provider that lies: results are never accepted, and a lie that shows in the leaf itself is
//! proved on chain.

use std::time::Duration;

use alloy::primitives::{B256, U256};
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
    ModelRegistry, deploy,
    protocol::{escrowed, token_id},
};
use assay_kernels::{
    commit::{Batch, BatchScope, TaskOutput},
    merkle::row_root,
};
use assay_test_fixtures::Anvil;

/// A chain with a model, a funded customer and a staked provider that the test plays itself.
struct Stage {
    _anvil: Anvil,
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
        let (program, weights) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let registry = provider.models();
        provider.send(registry.register(program, weights, 2, String::new(), Vec::new(), floors)).await.unwrap();
        let model = assay::client::models::registered(&customer, None).await.unwrap().remove(0);
        let blobs = Blobs::files(&config.blobs).unwrap();
        Self { _anvil: anvil, folder, customer, provider, token, model, blobs }
    }

    async fn open(&self) -> Opened {
        let request = Request {
            model: &self.model,
            token: &self.token,
            rows: &rows(),
            limit: 100,
            unit_price: None,
            unit_cap: Some(50),
            terms: &OrderConfig::default(),
        };
        open(&self.customer, &self.blobs, &request).await.unwrap()
    }

    /// Commits `tasks` as the provider and publishes what was committed to `blobs`.
    async fn commit(&self, opened: &Opened, tasks: Vec<TaskOutput>, blobs: &Blobs) -> Batch {
        let units = tasks.iter().map(|task| u64::from(task.units)).sum();
        self.commit_billing(opened, tasks, units, blobs).await
    }

    /// The same, billing `units` whatever the leaves say.
    async fn commit_billing(&self, opened: &Opened, tasks: Vec<TaskOutput>, units: u64, blobs: &Blobs) -> Batch {
        let scope = BatchScope {
            chain_id: self.provider.suite.chain_id,
            order_id: opened.id.0,
            provider: self.provider.account().into_array(),
            first: 0,
        };
        let batch = Batch::new(scope, tasks).unwrap();
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

/// What an honest provider commits.
fn honest() -> Vec<TaskOutput> {
    let task = |row: &Vec<u8>| TaskOutput { input_hash: row_root(row), units: row.len() as u32 / 2, row: vec![7; 8] };
    rows().iter().map(task).collect()
}

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
