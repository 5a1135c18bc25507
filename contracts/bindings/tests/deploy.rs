//! Deployment against a real node: fresh, resumed from every point, and refused where it must be.

use std::time::Duration;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256, address},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use assay_contracts::{
    DrandBeacon, FeeSchedule, JobEscrow, Staking, Verification,
    beacon::{Beacon, Drand},
    deploy::{
        self, CREATE2_DEPLOYER, DEVNET_CHAIN_ID, DeployError, Outcome, Plan, deploy, devnet_parameters,
        devnet_verification, find,
    },
    suite::{Parameters, Suite, VerificationParameters},
};
use assay_test_fixtures::{Anvil, AnvilOptions};

const ADMIN: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

fn connect(url: &str) -> DynProvider {
    let signer: PrivateKeySigner = Anvil::KEYS[0].parse().unwrap();
    let provider = ProviderBuilder::default()
        .with_gas_estimation()
        .with_simple_nonce_management()
        .fetch_chain_id()
        .wallet(signer)
        .connect_http(url.parse().unwrap())
        .erased();
    provider.client().set_poll_interval(Duration::from_millis(20));
    provider
}

async fn chain(chain_id: u64) -> (Anvil, DynProvider) {
    let anvil = Anvil::spawn_with(&AnvilOptions { chain_id: Some(chain_id), ..AnvilOptions::default() });
    let provider = connect(anvil.url());
    (anvil, provider)
}

/// Parameters that suit any chain: native currency is staked.
fn native() -> Parameters {
    Parameters {
        admin: ADMIN,
        pool: Address::repeat_byte(9),
        default_rate: 100,
        stake_token: Address::ZERO,
        thaw_period: 86_400,
        verification: devnet_verification(),
    }
}

async fn run(
    provider: &DynProvider,
    chain_id: u64,
    parameters: Parameters,
) -> Result<(Suite, Vec<Outcome>), DeployError> {
    let mut outcomes = Vec::new();
    let suite = deploy(provider, ADMIN, chain_id, parameters, |_, outcome| outcomes.push(outcome)).await?;
    Ok((suite, outcomes))
}

fn created(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Created { .. })).count()
}

#[tokio::test]
async fn a_fresh_chain_receives_a_working_suite() {
    let (_anvil, provider) = chain(DEVNET_CHAIN_ID).await;
    let (suite, outcomes) = run(&provider, DEVNET_CHAIN_ID, devnet_parameters(ADMIN)).await.unwrap();
    assert_eq!(created(&outcomes), 13);
    assert_eq!(suite.block, 1, "nothing happened before the first creation");
    for outcome in outcomes {
        let Outcome::Created { gas, .. } = outcome else { unreachable!("counted above") };
        assert!(gas < 16_777_216, "{gas} gas exceeds EIP-7825's limit of a transaction");
    }

    let escrow = JobEscrow::new(suite.job_escrow, &provider);
    assert_eq!(escrow.ledger().call().await.unwrap(), suite.ledger);
    assert_eq!(escrow.staking().call().await.unwrap(), suite.staking);
    assert_eq!(escrow.models().call().await.unwrap(), suite.model_registry);
    assert_eq!(escrow.fees().call().await.unwrap(), suite.fee_schedule);
    let staking = Staking::new(suite.staking, &provider);
    assert_eq!(Some(staking.token().call().await.unwrap()), suite.dev_token);
    let fees = FeeSchedule::new(suite.fee_schedule, &provider);
    assert_eq!(fees.authority().call().await.unwrap(), suite.access_manager);
    assert_eq!(fees.rateOf(Address::ZERO).call().await.unwrap(), suite.parameters.default_rate);
}

#[tokio::test]
async fn it_goes_on_after_an_interruption_at_every_step() {
    let (anvil, provider) = chain(DEVNET_CHAIN_ID).await;
    let parameters = devnet_parameters(ADMIN);
    let plan = Plan::new(DEVNET_CHAIN_ID, parameters.clone()).unwrap();
    let fresh: U256 = provider.anvil_snapshot().await.unwrap();
    let (whole, _) = run(&provider, DEVNET_CHAIN_ID, parameters.clone()).await.unwrap();
    assert!(provider.anvil_revert(fresh).await.unwrap());

    for steps in 0..=13 {
        let snapshot: U256 = provider.anvil_snapshot().await.unwrap();
        // A provider of its own: the nonces that the last one remembers are gone with the revert.
        let provider = connect(anvil.url());
        for contract in plan.contracts().take(steps) {
            create(&provider, contract.calldata()).await;
        }
        assert_eq!(find(&provider, DEVNET_CHAIN_ID, parameters.clone()).await.unwrap().is_some(), steps == 13);
        let (resumed, outcomes) = run(&provider, DEVNET_CHAIN_ID, parameters.clone()).await.unwrap();
        assert_eq!(created(&outcomes), 13 - steps);
        assert_eq!(resumed, whole);
        assert!(provider.anvil_revert(snapshot).await.unwrap());
    }
}

#[tokio::test]
async fn a_creation_still_in_flight_when_the_process_died_does_no_harm() {
    let (anvil, provider) = chain(DEVNET_CHAIN_ID).await;
    let parameters = devnet_parameters(ADMIN);
    let plan = Plan::new(DEVNET_CHAIN_ID, parameters.clone()).unwrap();
    provider.anvil_set_auto_mine(false).await.unwrap();
    let pending = TransactionRequest::default().with_to(CREATE2_DEPLOYER).with_input(plan.access_manager.calldata());
    let _hash = *provider.send_transaction(pending).await.unwrap().tx_hash();

    let resumed = tokio::spawn({
        let (provider, parameters) = (connect(anvil.url()), parameters.clone());
        async move { run(&provider, DEVNET_CHAIN_ID, parameters).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    while !resumed.is_finished() {
        provider.evm_mine(None).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (suite, outcomes) = resumed.await.unwrap().unwrap();
    assert_eq!(outcomes[0], Outcome::Found, "the earlier run's creation was mined first");
    assert_eq!(created(&outcomes), 12);
    assert_eq!(suite.access_manager, plan.access_manager.address);
}

#[tokio::test]
async fn another_chain_than_asked_for_is_refused_before_anything_is_sent() {
    let (_anvil, provider) = chain(DEVNET_CHAIN_ID).await;
    let error = run(&provider, 1, native()).await.unwrap_err();
    assert_eq!(error.code(), "wrong_chain");
    assert!(error.to_string().contains("31337"), "{error}");
    assert_eq!(provider.get_transaction_count(ADMIN).await.unwrap(), 0);
}

#[tokio::test]
async fn foreign_code_at_an_address_is_refused() {
    let (_anvil, provider) = chain(DEVNET_CHAIN_ID).await;
    let plan = Plan::new(DEVNET_CHAIN_ID, native()).unwrap();

    provider.anvil_set_code(plan.staking.address, Bytes::from_static(&[0x60, 0x00])).await.unwrap();
    let error = run(&provider, DEVNET_CHAIN_ID, native()).await.unwrap_err();
    assert_eq!(error.code(), "wrong_code");
    assert!(error.to_string().contains("Staking"), "{error}");

    // One byte of the code itself, right length: not an immutable, so it is seen.
    let mut code = plan.staking.artifact.deployed_bytecode.to_vec();
    code[20] ^= 1;
    provider.anvil_set_code(plan.staking.address, code.into()).await.unwrap();
    assert_eq!(run(&provider, DEVNET_CHAIN_ID, native()).await.unwrap_err().code(), "wrong_code");
}

#[tokio::test]
async fn two_chains_give_the_same_addresses() {
    let (_devnet, devnet) = chain(DEVNET_CHAIN_ID).await;
    let (_other, other) = chain(8_453).await;
    let (here, _) = run(&devnet, DEVNET_CHAIN_ID, native()).await.unwrap();
    let (there, outcomes) = run(&other, 8_453, native()).await.unwrap();
    assert_eq!(created(&outcomes), 12, "no play money outside the devnet");
    assert_eq!(there.dev_token, None);
    assert_eq!(here.event_sources(), there.event_sources());
    assert_eq!(here.referee, there.referee);
}

#[tokio::test]
async fn a_chain_without_the_deployer_says_so_and_can_be_given_one() {
    let args = vec!["--disable-default-create2-deployer".to_owned()];
    let anvil = Anvil::spawn_with(&AnvilOptions { chain_id: Some(5), args, ..AnvilOptions::default() });
    let provider = connect(anvil.url());
    let error = run(&provider, 5, native()).await.unwrap_err();
    assert_eq!(error.code(), "no_create2_deployer");

    deploy::install_create2_deployer(&provider, ADMIN).await.unwrap();
    deploy::install_create2_deployer(&provider, ADMIN).await.unwrap();
    assert_eq!(created(&run(&provider, 5, native()).await.unwrap().1), 12);
}

/// [`native`] with draws by drand.
fn by_drand() -> Parameters {
    let verification = VerificationParameters { beacon: Beacon::Drand(Drand::quicknet(120)), ..native().verification };
    Parameters { verification, ..native() }
}

#[tokio::test]
async fn a_suite_may_draw_by_drand() {
    let (_anvil, provider) = chain(5).await;
    let (suite, outcomes) = run(&provider, 5, by_drand()).await.unwrap();
    assert_eq!(created(&outcomes), 12);
    let beacon = DrandBeacon::new(suite.beacon, &provider);
    let network = Drand::quicknet(120);
    assert_eq!(beacon.genesis().call().await.unwrap(), network.genesis);
    assert_eq!(beacon.period().call().await.unwrap(), network.period);
    assert_eq!(beacon.drift().call().await.unwrap(), network.drift);
    assert_eq!(beacon.publicKey().call().await.unwrap(), network.public_key);
    let verification = Verification::new(suite.verification, &provider);
    assert_eq!(verification.beacon().call().await.unwrap(), suite.beacon);

    // A round begins after the commit and the drift.
    let next = beacon.nextRound().call().await.unwrap();
    let now = provider.get_block_by_number(Default::default()).await.unwrap().unwrap().header.timestamp;
    let wait = network.published_at(next) - now;
    assert!((120..=130).contains(&wait), "{wait} s");

    let record = serde_json::to_string(&suite).unwrap();
    assert_eq!(serde_json::from_str::<Suite>(&record).unwrap(), suite);
    assert_eq!(find(&provider, 5, suite.parameters.clone()).await.unwrap().unwrap(), suite);
}

#[tokio::test]
async fn a_chain_without_the_precompiles_refuses_drand_before_anything_is_sent() {
    let args = vec!["--hardfork".to_owned(), "cancun".to_owned()];
    let anvil = Anvil::spawn_with(&AnvilOptions { chain_id: Some(5), args, ..AnvilOptions::default() });
    let provider = connect(anvil.url());
    let error = run(&provider, 5, by_drand()).await.unwrap_err();
    assert_eq!(error.code(), "no_bls_precompiles");
    assert!(error.to_string().contains("prevrandao"), "{error}");
    assert_eq!(provider.get_transaction_count(ADMIN).await.unwrap(), 0);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_a_retryable_error() {
    let error = run(&connect("http://127.0.0.1:1"), 1, native()).await.unwrap_err();
    assert_eq!(error.code(), "rpc_failed");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn the_block_is_the_first_one_with_code() {
    let (_anvil, provider) = chain(DEVNET_CHAIN_ID).await;
    provider.anvil_mine(Some(37), None).await.unwrap();
    let (fresh, _) = run(&provider, DEVNET_CHAIN_ID, native()).await.unwrap();
    assert_eq!(fresh.block, 38);
    provider.anvil_mine(Some(100), None).await.unwrap();
    assert_eq!(find(&provider, DEVNET_CHAIN_ID, native()).await.unwrap().unwrap(), fresh);
}

#[test]
fn the_record_is_replaced_whole() {
    let plan = Plan::new(1, native()).unwrap();
    let suite = plan.suite(7, Default::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chains/1.json");
    deploy::write(&suite, &path).unwrap();
    deploy::write(&Suite { block: 8, ..suite.clone() }, &path).unwrap();
    assert_eq!(Suite::load(&path).unwrap(), Suite { block: 8, ..suite.clone() });
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");

    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert_eq!(deploy::write(&suite, &blocked.join("1.json")).unwrap_err().code(), "io");
}

async fn create(provider: &DynProvider, calldata: Bytes) {
    let request = TransactionRequest::default().with_to(CREATE2_DEPLOYER).with_input(calldata);
    let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
}
