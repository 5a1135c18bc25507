//! The first minutes of a sale: everybody buys at once, with keys of their own.

use crate::{
    sales::{self, Shop, wanted},
    world::{Running, World},
};
use alloy::{
    eips::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, U256, keccak256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use assay_contracts::{NodeSale::PurchaseTerms, protocol::token_id, sale::Price};
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Requests in flight.
const AT_ONCE: usize = 16;
const PRICES: [u128; 2] = [1_000_000_007, 2_000_000_011];
/// Most that one buyer may buy of a tier.
const CAP: u16 = 2;

/// What a rush came to.
#[derive(Debug, Serialize)]
pub(crate) struct Rush {
    pub(crate) buyers: u64,
    pub(crate) purchases: u64,
    pub(crate) refused: u64,
    pub(crate) licenses: u64,
    pub(crate) seconds: f64,
    pub(crate) purchases_per_second: f64,
    /// What was not as it must be, on chain or in the index.
    pub(crate) errors: Vec<String>,
    /// Most blocks that the index was behind the chain.
    pub(crate) lag_blocks: u64,
}

/// One purchase that somebody tries.
struct Attempt {
    buyer: Address,
    tier: u8,
    quantity: u16,
    raw: Vec<u8>,
    hash: B256,
}

/// `buyers` buyers on a chain with a block each `block_seconds`; a tenth of the demand finds everything sold.
pub(crate) async fn rush(buyers: u64, block_seconds: u64) -> Rush {
    let mut world = World::new().await;
    let demand = |tier: u64| -> u64 {
        (0..buyers).filter(|buyer| buyer % 2 == tier).map(|buyer| u64::from(quantity(buyer))).sum()
    };
    let mut terms = sales::terms(&world).await;
    (terms.sequential, terms.ends_at, terms.transferable_at) = (false, terms.ends_at + 86_400, terms.ends_at + 86_400);
    terms.buyback_until = terms.ends_at;
    for (index, tier) in (0..).zip(&mut terms.tiers) {
        (tier.supply, tier.cap) = ((demand(index) * 9 / 10) as u32, CAP);
        tier.prices[0] = Price(PRICES[index as usize]);
    }
    let shop = sales::open(&mut world, terms).await;
    let attempts = attempts(&world, &shop, buyers).await;
    let indexer = world.index("rush").await;
    world.synced(&indexer).await;
    world.anvil.set_automine(false).await;
    world.anvil.rpc("anvil_setIntervalMining", json!([block_seconds])).await;

    let lag = Arc::new(AtomicU64::new(0));
    let watch = tokio::spawn(watch_lag(indexer.url.clone(), lag.clone()));
    let started = Instant::now();
    let failures: Vec<String> = stream::iter(&attempts)
        .map(|attempt| async { world.provider.send_raw_transaction(&attempt.raw).await.err().map(|e| e.to_string()) })
        .buffered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let done: Vec<bool> = stream::iter(&attempts)
        .map(|attempt| async {
            loop {
                if let Some(receipt) = world.provider.get_transaction_receipt(attempt.hash).await.unwrap() {
                    return receipt.status();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let seconds = started.elapsed().as_secs_f64();
    watch.abort();
    world.anvil.rpc("anvil_setIntervalMining", json!([0])).await;
    world.anvil.mine(1).await;
    world.synced(&indexer).await;

    let mut errors: Vec<_> = failures.into_iter().map(|failure| format!("not accepted: {failure}")).collect();
    let licenses = check(&world, &indexer, &shop, &attempts, &done, &mut errors).await;
    let purchases = done.iter().filter(|done| **done).count() as u64;
    Rush {
        buyers,
        purchases,
        refused: done.len() as u64 - purchases,
        licenses,
        seconds,
        purchases_per_second: purchases as f64 / seconds,
        errors,
        lag_blocks: lag.load(Ordering::Relaxed),
    }
}

/// Every tenth wants two. The last ones want one each, so that nothing is left over.
fn quantity(buyer: u64) -> u16 {
    if buyer.is_multiple_of(10) { 2 } else { 1 }
}

/// A signed purchase for each buyer, whose account has the money; every 25th tries a second one, over the cap.
async fn attempts(world: &World, shop: &Shop, buyers: u64) -> Vec<Attempt> {
    let one = async |number: u64| {
        let signer = PrivateKeySigner::from_bytes(&keccak256(number.to_be_bytes())).unwrap();
        let buyer = signer.address();
        world.anvil.rpc("anvil_setBalance", json!([buyer, "0xde0b6b3a7640000"])).await;
        let wallet = EthereumWallet::from(signer);
        let tier = (number % 2) as u8;
        let mut made = Vec::new();
        let second = (number % 25 == 7).then_some(CAP);
        for (nonce, quantity) in [Some(quantity(number)), second].into_iter().flatten().enumerate() {
            let cost = PRICES[usize::from(tier)] * u128::from(quantity);
            let terms = PurchaseTerms { maxCost: U256::from(cost), ..wanted(tier, quantity, 0) };
            let request = shop.sale.buy(terms).value(U256::from(cost)).into_transaction_request();
            let request = request
                .with_nonce(nonce as u64)
                .with_chain_id(31_337)
                .with_gas_limit(250_000)
                .with_max_fee_per_gas(100_000_000_000)
                .with_max_priority_fee_per_gas(1_000_000_000);
            let signed = request.build(&wallet).await.unwrap();
            made.push(Attempt { buyer, tier, quantity, raw: signed.encoded_2718(), hash: *signed.tx_hash() });
        }
        made
    };
    stream::iter(0..buyers).map(one).buffered(AT_ONCE).flat_map(stream::iter).collect().await
}

/// The most that the index is behind, as it says itself.
async fn watch_lag(url: String, lag: Arc<AtomicU64>) {
    let http = reqwest::Client::new();
    loop {
        if let Ok(answer) = http.get(format!("{url}/ready")).send().await
            && let Ok(ready) = answer.json::<Value>().await
        {
            lag.fetch_max(ready["behind"].as_u64().unwrap_or_default(), Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Compares receipts, contracts and index; what differs goes to `errors`. Returns the licences sold.
async fn check(
    world: &World,
    indexer: &Running,
    shop: &Shop,
    attempts: &[Attempt],
    done: &[bool],
    errors: &mut Vec<String>,
) -> u64 {
    let mut wrong = |right: bool, what: String| {
        if !right {
            errors.push(what);
        }
    };
    let tiers = shop.sale.tiers().call().await.unwrap();
    let (mut bought, mut paid) = (BTreeMap::<(Address, u8), u64>::new(), U256::ZERO);
    for (attempt, _) in attempts.iter().zip(done).filter(|(_, done)| **done) {
        *bought.entry((attempt.buyer, attempt.tier)).or_default() += u64::from(attempt.quantity);
        paid += U256::from(PRICES[usize::from(attempt.tier)] * u128::from(attempt.quantity));
    }
    for (index, tier) in (0..).zip(&tiers) {
        let receipts: u64 = bought.iter().filter(|((_, tier), _)| *tier == index).map(|(_, count)| count).sum();
        wrong(tier.sold == tier.supply, format!("tier {index}: {} of {} sold", tier.sold, tier.supply));
        wrong(receipts == u64::from(tier.sold), format!("tier {index}: {} sold, {receipts} receipts", tier.sold));
    }
    for ((buyer, tier), count) in &bought {
        wrong(*count <= u64::from(CAP), format!("{buyer} has {count} of tier {tier}"));
    }
    let held = world.ledger.balanceOf(shop.record.address, token_id(Address::ZERO)).call().await.unwrap();
    wrong(held == paid, format!("{paid} was paid, {held} lies in the ledger"));

    let view = indexer.ok(&format!("/v1/sales/{}", shop.record.address)).await;
    wrong(view["money"][0]["paid"] == paid.to_string(), format!("{paid} was paid, the index says {}", view["money"]));
    let listed = indexer.all(&format!("/v1/sales/{}/licenses", shop.record.address), 200).await;
    let owners: BTreeMap<u64, Address> = listed
        .iter()
        .map(|license| (license["id"].as_u64().unwrap(), license["owner"].as_str().unwrap().parse().unwrap()))
        .collect();
    let supply: u64 = tiers.iter().map(|tier| u64::from(tier.supply)).sum();
    wrong(listed.len() as u64 == supply, format!("{supply} sold, the index lists {}", listed.len()));
    wrong(owners.keys().copied().eq(1..=supply), "the ids are not 1 to the supply, each once".to_owned());
    let of_chain: Vec<_> = stream::iter(1..=supply)
        .map(|id| async move { (id, shop.license.ownerOf(U256::from(id)).call().await.unwrap()) })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut balances = BTreeMap::<Address, u64>::new();
    for (id, owner) in of_chain {
        wrong(
            owners.get(&id) == Some(&owner),
            format!("licence {id} is {owner}'s, the index says {:?}", owners.get(&id)),
        );
        *balances.entry(owner).or_default() += 1;
    }
    let mut receipts = BTreeMap::<Address, u64>::new();
    bought.iter().for_each(|((buyer, _), count)| *receipts.entry(*buyer).or_default() += count);
    wrong(balances == receipts, "who holds licences is not who has receipts for them".to_owned());
    supply
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_buyers_at_once_get_what_there_is_and_no_more() {
    let rush = rush(200, 1).await;
    assert_eq!(rush.errors, Vec::<String>::new());
    assert!(rush.refused > 8 && rush.purchases > 150, "{rush:?}");
}
