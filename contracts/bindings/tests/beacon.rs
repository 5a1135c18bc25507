//! The beacons against a real node: headers that it made, its own history contract and precompiles.

use std::time::Duration;

use alloy::{
    contract::RawCallBuilder,
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes, address, hex, keccak256},
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    DrandBeacon, PrevrandaoBeacon,
    beacon::{self, Drand, HeaderError},
    rpc,
};
use assay_test_fixtures::{Anvil, AnvilOptions, relay::quicknet};
use serde_json::{Value, json};

const SENDER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const DELAY: u32 = 5;

type Prevrandao = PrevrandaoBeacon::PrevrandaoBeaconInstance<DynProvider>;

fn start(arguments: &[&str]) -> (Anvil, DynProvider) {
    let args = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let anvil = Anvil::spawn_with(&AnvilOptions { args, ..Default::default() });
    let provider = rpc::connect(anvil.url(), Duration::from_secs(10)).unwrap();
    provider.client().set_poll_interval(Duration::from_millis(20));
    (anvil, provider)
}

async fn prevrandao(provider: &DynProvider) -> Prevrandao {
    let address = PrevrandaoBeacon::deploy_builder(provider, DELAY).from(SENDER).deploy().await.unwrap();
    PrevrandaoBeacon::new(address, provider.clone())
}

/// Records the round's header; says whether the node took it.
async fn record(beacon: &Prevrandao, round: u64) -> bool {
    let (_, header) = beacon::header_rlp(beacon.provider(), round).await.unwrap();
    let Ok(sent) = beacon.record(header).from(SENDER).send().await else { return false };
    sent.get_receipt().await.unwrap().status()
}

async fn mix_hash(provider: &DynProvider, number: u64) -> B256 {
    let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await.unwrap();
    block.expect("the block exists").header.mix_hash
}

#[tokio::test]
async fn a_real_block_is_recorded() {
    let (anvil, provider) = start(&[]);
    let beacon = prevrandao(&provider).await;
    let round = beacon.nextRound().call().await.unwrap();
    // A call runs in the head's context or in the next block's, as the node likes.
    let head = anvil.block_number().await;
    assert!((head..=head + 1).contains(&(round - u64::from(DELAY))), "round {round} at {head}");

    let early = beacon::header_rlp(&provider, round).await.unwrap_err();
    assert!(matches!(early, HeaderError::UnknownBlock(number) if number == round) && early.is_retryable(), "{early}");

    anvil.mine(u64::from(DELAY) + 1).await;
    let (_, header) = beacon::header_rlp(&provider, round).await.unwrap();
    assert_eq!(
        keccak256(&header),
        provider.get_block_by_number(round.into()).await.unwrap().unwrap().header.hash,
        "it is the block's"
    );
    assert!(record(&beacon, round).await);
    let value = beacon.valueOf(round).call().await.unwrap();
    assert_eq!(value, mix_hash(&provider, round).await);
    assert_ne!(value, mix_hash(&provider, round - 1).await, "the node draws a mix a block");
    assert!(record(&beacon, round).await, "once more does nothing");
    assert_eq!(beacon.RoundRecorded_filter().from_block(0).query().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_history_contract_reaches_beyond_the_opcode() {
    let (anvil, provider) = start(&[]);
    let beacon = prevrandao(&provider).await;
    assert_eq!(beacon.window().call().await.unwrap(), 8191, "the node runs the system call");
    let round = anvil.block_number().await + 1;
    anvil.mine(400).await;
    assert!(!beacon.isLost(round).call().await.unwrap());
    assert!(record(&beacon, round).await);
    assert_eq!(beacon.valueOf(round).call().await.unwrap(), mix_hash(&provider, round).await);
}

#[tokio::test]
async fn before_prague_the_opcode_alone_counts_and_drand_cannot_be_verified() {
    let (anvil, provider) = start(&["--hardfork", "cancun"]);
    let beacon = prevrandao(&provider).await;
    assert_eq!(beacon.window().call().await.unwrap(), 256);
    let round = anvil.block_number().await + 1;
    anvil.mine(256).await;
    assert!(record(&beacon, round).await);
    anvil.mine(2).await;
    assert!(beacon.isLost(round + 1).call().await.unwrap());
    assert!(!record(&beacon, round + 1).await);

    let refused = drand(&provider).call().await.unwrap_err();
    let reason = refused.as_decoded_error::<DrandBeacon::DrandBeacon_BadKey>();
    assert!(reason.is_some(), "{refused}");
}

#[tokio::test]
async fn rounds_of_quicknet_are_recorded() {
    let (_anvil, provider) = start(&[]);
    let vectors = quicknet();
    let Drand { chain_hash, genesis, period, public_key, .. } = Drand::quicknet(24);
    assert_eq!(Bytes::from(chain_hash), bytes(&vectors["chainHash"]));
    assert_eq!((json!(genesis), json!(period)), (vectors["genesis"].clone(), vectors["period"].clone()));
    assert_eq!(public_key, bytes(&vectors["publicKeyPoint"]));

    let beacon = DrandBeacon::new(drand(&provider).deploy().await.unwrap(), &provider);
    let rounds = vectors["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 12);
    for round in rounds {
        let number = round["round"].as_u64().unwrap();
        let signature = hex::decode_to_array(round["signature"].as_str().unwrap()).unwrap();
        let point = beacon::signature_point(&signature).expect("a point of the curve");
        assert_eq!(point, bytes(&round["point"]), "round {number}");

        let other = beacon.record(number + 3, point.clone()).from(SENDER).call().await.map(drop).unwrap_err();
        assert!(other.as_decoded_error::<DrandBeacon::DrandBeacon_BadSignature>().is_some(), "{other}");
        let sent = beacon.record(number, point).from(SENDER).send().await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
        assert_eq!(Bytes::from(beacon.valueOf(number).call().await.unwrap()), bytes(&round["randomness"]));
    }
}

/// The deployment of a beacon for quicknet.
fn drand(provider: &DynProvider) -> RawCallBuilder<&DynProvider> {
    let Drand { genesis, period, drift, public_key, .. } = Drand::quicknet(24);
    DrandBeacon::deploy_builder(provider, genesis, period, drift, public_key).from(SENDER)
}

fn bytes(value: &Value) -> Bytes {
    value.as_str().unwrap().parse().unwrap()
}
