//! Sales of licences: through their phases, failed and refunded, reorganised; the tables say what the contracts say.

use crate::{
    document::described,
    world::{NATIVE, Running, World, assert_same},
};
use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    DevToken,
    NodeLicense::{self, NodeLicenseInstance},
    NodeSale::{self, NodeSaleInstance, Promo as PromoTerms, PurchaseTerms},
    Sale, deploy,
    protocol::token_id,
    sale::{Price, Terms, Tier},
};
use assay_lists::{Allowance, Promo, Tree};
use serde_json::Value;

const HOUR: u64 = 3_600;

/// A sale on a world's chain.
pub(crate) struct Shop {
    pub(crate) record: Sale,
    pub(crate) sale: NodeSaleInstance<DynProvider>,
    pub(crate) license: NodeLicenseInstance<DynProvider>,
}

/// An open sale of two tiers, 10 and 20 licences at 100 and 200 wei, which ends in an hour.
pub(crate) async fn terms(world: &World) -> Terms {
    let now = world.provider.get_block_by_number(Default::default()).await.unwrap().unwrap().header.timestamp;
    let tier = |name: &str, supply, price| Tier {
        name: name.to_owned(),
        supply,
        cap: 0,
        prices: vec![Price(price), Price(3 * price)],
    };
    Terms {
        name: "Nodes".into(),
        symbol: "NODE".into(),
        seller: world.author,
        allowlist_at: now,
        public_at: now,
        ends_at: now + HOUR,
        sequential: true,
        soft_cap: 12,
        allowlist_root: B256::ZERO,
        promo_root: B256::ZERO,
        referral_discount: 500,
        referral_commission: 1_000,
        buyback_fee: 2_000,
        buyback_until: now + 10 * HOUR,
        released_at_once: 2_500,
        release_period: 1_000,
        transferable_at: now + HOUR,
        royalty_receiver: world.author,
        royalty_rate: 250,
        tokens: vec![NATIVE, world.suite.dev_token.unwrap()],
        tiers: vec![tier("early", 10, 100), tier("late", 20, 200)],
    }
}

/// Deploys a sale and enters it in the record that indexers are started with.
pub(crate) async fn open(world: &mut World, terms: Terms) -> Shop {
    let (record, _) = deploy::deploy_sale(&world.provider, world.admin, &world.suite, terms).await.unwrap();
    world.suite.sales.push(record.clone());
    deploy::write(&world.suite, &world.folder.path().join("suite.json")).unwrap();
    let sale = NodeSale::new(record.address, world.provider.clone());
    let license = NodeLicense::new(record.license, world.provider.clone());
    Shop { record, sale, license }
}

/// `quantity` licences from `tier` on, for native currency.
pub(crate) fn wanted(tier: u8, quantity: u16, max_cost: u64) -> PurchaseTerms {
    PurchaseTerms { tier, quantity, maxCost: U256::from(max_cost), ..PurchaseTerms::default() }
}

impl Shop {
    pub(crate) async fn buy(&self, world: &World, buyer: Address, wanted: PurchaseTerms) -> bool {
        let value = if wanted.token == 0 { wanted.maxCost } else { U256::ZERO };
        world.may(buyer, self.sale.buy(wanted).value(value).into_transaction_request()).await
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/sales/{}{rest}", self.record.address)
    }
}

pub(crate) fn number(value: &Value) -> U256 {
    match value {
        Value::String(digits) => digits.parse().unwrap(),
        digits => U256::from(digits.as_u64().unwrap_or_else(|| panic!("{digits} is no number"))),
    }
}

pub(crate) fn account(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) fn hashes(value: &Value) -> Vec<B256> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Compares everything that the API says of a sale with what the contracts answer.
pub(crate) async fn compare(world: &World, indexer: &Running, shop: &Shop) {
    let (sale, license) = (&shop.sale, &shop.license);
    let view = indexer.ok(&shop.path("")).await;
    let tiers = sale.tiers().call().await.unwrap();
    for (shown, tier) in view["tiers"].as_array().unwrap().iter().zip(&tiers) {
        let seen = ["first", "supply", "sold"].map(|key| number(&shown[key]));
        assert_eq!(seen, [tier.first, tier.supply, tier.sold].map(U256::from), "{shown}");
    }
    let sold: U256 = tiers.iter().map(|tier| U256::from(tier.sold)).sum();
    assert_eq!(number(&view["sold"]), sold);

    let of = |money: &Value, key: &str| number(&money[key]);
    for money in view["money"].as_array().unwrap() {
        let token = account(&money["token"]);
        let out =
            ["refunded", "bought_back", "claimed", "released"].map(|key| of(money, key)).into_iter().sum::<U256>();
        let held = world.ledger.balanceOf(shop.record.address, token_id(token)).call().await.unwrap();
        assert_eq!(of(money, "paid") - out, held, "{money}");
    }

    let licenses = indexer.all(&shop.path("/licenses"), 7).await;
    assert_eq!(U256::from(licenses.len()), sold);
    for shown in &licenses {
        let id = number(&shown["id"]);
        let owner = license.ownerOf(id).call().await.ok();
        assert_eq!(shown["owner"].as_str().map(|text| text.parse().unwrap()), owner, "{shown}");
        assert_eq!(shown["status"] == "held", owner.is_some(), "{shown}");
        let paid = sale.paidFor(id).call().await.unwrap();
        assert_eq!((account(&shown["token"]), number(&shown["paid"])), (paid.token, paid.amount), "{shown}");
        assert_eq!(number(&shown["user_expires"]), license.userExpires(id).call().await.unwrap(), "{shown}");
        let purchase = license.purchaseOf(id).call().await.unwrap();
        assert_eq!(number(&shown["tier"]), U256::from(purchase.tier));
        assert_eq!(shown["buyback"], purchase.buyback);
        assert_eq!(indexer.ok(&shop.path(&format!("/licenses/{id}"))).await, *shown);
    }

    let purchases = indexer.all(&shop.path("/purchases"), 3).await;
    let bought: U256 = purchases.iter().map(|purchase| number(&purchase["quantity"])).sum();
    assert_eq!(bought, sold);
    for purchase in &purchases {
        let buyer = account(&purchase["buyer"]);
        let view = indexer.ok(&shop.path(&format!("/accounts/{buyer}"))).await;
        for bought in view["bought"].as_array().unwrap() {
            let tier = bought["tier"].as_u64().unwrap() as u8;
            assert_eq!(number(&bought["quantity"]), license.boughtIn(buyer, tier).call().await.unwrap(), "{bought}");
        }
        if let Some(referrer) = purchase["referrer"].as_str() {
            let view = indexer.ok(&shop.path(&format!("/accounts/{referrer}"))).await;
            for earned in view["commissions"].as_array().unwrap() {
                let (owner, token) = (referrer.parse().unwrap(), account(&earned["token"]));
                let due = sale.commissionOf(owner, token).call().await.unwrap();
                assert_eq!(of(earned, "earned") - of(earned, "claimed"), due, "{earned}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_through_its_phases_is_what_the_chain_says() {
    let mut world = World::new().await;
    let ([ada, bob], carol) = (world.providers, world.customer);
    let listed = |account, allocation| Allowance { account, allocation: U256::from(allocation) };
    let list = Tree::new(vec![listed(ada, 3), listed(bob, 1), listed(world.author, 9)]);
    let promo = Promo { code: Promo::code_of("EARLY"), discount: U256::from(1_000), total: U256::from(4) };
    let promos = Tree::new(vec![promo.clone()]);
    let mut lists = Vec::new();
    for (name, write) in [("allowlist", true), ("promo", false)] {
        let path = world.folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        if write { list.write(file) } else { promos.write(file) }.unwrap();
        lists.push(path);
    }
    let plain = terms(&world).await;
    let terms = Terms {
        public_at: plain.allowlist_at + 1_000,
        allowlist_root: list.root(),
        promo_root: promos.root(),
        ..plain
    };
    let shop = open(&mut world, terms).await;
    let indexer = Running::start(assay_indexer::IndexerConfig { lists, ..world.config("phases") }).await.unwrap();

    // The allow-list phase, with the proofs that the indexer serves.
    let line = indexer.ok(&shop.path(&format!("/accounts/{ada}"))).await["allowance"].clone();
    assert_eq!(line["allocation"], "3");
    let early = |quantity| PurchaseTerms {
        allocation: number(&line["allocation"]),
        allowlistProof: hashes(&line["proof"]),
        ..wanted(0, quantity, 1_000)
    };
    assert!(shop.buy(&world, ada, early(2)).await);
    assert!(!shop.buy(&world, ada, early(2)).await, "over the allocation");
    assert!(!shop.buy(&world, bob, early(1)).await, "another's line");
    let stranger = indexer.ok(&shop.path(&format!("/accounts/{carol}"))).await;
    assert_eq!((&stranger["allowance"], &stranger["allowlist_known"]), (&Value::Null, &Value::Bool(true)));

    // The public phase: across tiers, referred, with a code, in a token.
    world.anvil.increase_time(1_000).await;
    assert!(shop.buy(&world, carol, PurchaseTerms { buyback: true, ..wanted(0, 9, 2_000) }).await, "8 early, 1 late");
    let referred = PurchaseTerms { referrer: ada, buyback: true, ..wanted(1, 3, 600) };
    assert!(shop.buy(&world, bob, referred).await);
    let code = indexer.ok(&shop.path(&format!("/promos/{}", promo.code))).await;
    let with_code = PurchaseTerms {
        promo: PromoTerms {
            code: promo.code,
            discount: number(&code["discount"]),
            total: number(&code["total"]),
            proof: hashes(&code["proof"]),
        },
        ..wanted(1, 3, 600)
    };
    assert!(shop.buy(&world, bob, with_code.clone()).await);
    assert!(!shop.buy(&world, carol, with_code).await, "one is left of the code's total");
    let token = DevToken::new(world.suite.dev_token.unwrap(), world.provider.clone());
    world.must(carol, token.mint(carol, U256::from(5_000)).into_transaction_request()).await;
    world.must(carol, token.approve(shop.record.address, U256::from(5_000)).into_transaction_request()).await;
    assert!(shop.buy(&world, carol, PurchaseTerms { token: 1, referrer: ada, ..wanted(1, 2, 5_000) }).await);
    world.synced(&indexer).await;
    compare(&world, &indexer, &shop).await;
    assert_eq!(indexer.ok(&shop.path(&format!("/promos/{}", promo.code))).await["used"], 3);
    assert_eq!(indexer.all(&shop.path(&format!("/purchases?buyer={bob}")), 1).await.len(), 2);
    assert_eq!(indexer.all(&shop.path(&format!("/purchases?referrer={ada}")), 1).await.len(), 2);

    // It succeeds: transfer, delegation, buyback, commission, release.
    world.anvil.increase_time(HOUR).await;
    let (license, sale) = (&shop.license, &shop.sale);
    let id = U256::from(1);
    world.must(ada, license.setUser(id, bob, u64::MAX).into_transaction_request()).await;
    world.synced(&indexer).await;
    assert_eq!(indexer.all(&shop.path(&format!("/licenses?user={bob}")), 1).await.len(), 1);
    world.must(ada, license.transferFrom(ada, carol, id).into_transaction_request()).await;
    world.must(carol, license.setUser(U256::from(3), ada, 7).into_transaction_request()).await;
    let back = vec![U256::from(3), U256::from(4)];
    world.must(carol, sale.buyBack(back).into_transaction_request()).await;
    world.must(bob, sale.claimCommission(ada, NATIVE).into_transaction_request()).await;
    world.must(bob, sale.release(NATIVE).into_transaction_request()).await;
    world.synced(&indexer).await;
    compare(&world, &indexer, &shop).await;
    let moved = indexer.ok(&shop.path("/licenses/1")).await;
    assert_eq!((account(&moved["owner"]), &moved["user"], &moved["transfers"]), (carol, &Value::Null, &1.into()));
    assert_eq!(indexer.ok(&shop.path("/licenses/3")).await["status"], "bought_back");
    assert_eq!(indexer.all(&shop.path(&format!("/licenses?owner={carol}")), 2).await.len(), 1 + 9 + 2 - 2);
    let payouts = indexer.all(&shop.path("/payouts"), 2).await;
    let kinds: Vec<_> = payouts.iter().map(|payout| payout["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["release", "commission", "buy_back", "buy_back"]);
    assert_eq!(number(&payouts[1]["amount"]), U256::from(57), "a tenth of three at 190");
    assert_eq!(indexer.all(&shop.path("/payouts?kind=buy_back"), 1).await.len(), 2);
    assert_eq!(indexer.ok("/v1/sales").await.as_array().unwrap().len(), 1);
    let events = indexer.all(&shop.path("/history"), 50).await;
    assert!(events.iter().any(|event| event["name"] == "NodeSale.Released"));

    let values = [
        ("{sale}", shop.record.address.to_string()),
        ("{id}", "1".to_owned()),
        ("{address}", ada.to_string()),
        ("{code}", promo.code.to_string()),
    ];
    let document = indexer.ok("/openapi.json").await;
    assert_eq!(described(&indexer, &document, |path| path.starts_with("/v1/sales/"), &values).await, 8);
    for (path, status, code) in [
        (shop.path("/licenses/30"), 404, "license_unknown"),
        (shop.path("/licenses/x"), 400, "bad_index"),
        (shop.path(&format!("/promos/{}", B256::ZERO)), 404, "promo_unknown"),
        (shop.path("/payouts?kind=gift"), 400, "bad_kind"),
        (format!("/v1/sales/{NATIVE}"), 404, "sale_unknown"),
    ] {
        let (seen, body) = indexer.get(&path).await;
        assert_eq!((seen, body["code"].as_str()), (status, Some(code)), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sale_gives_everything_back() {
    let mut world = World::new().await;
    let [ada, bob] = world.providers;
    let terms = terms(&world).await;
    let shop = open(&mut world, terms).await;
    let indexer = world.index("failed").await;
    assert!(shop.buy(&world, ada, wanted(0, 5, 500)).await);
    assert!(
        shop.buy(&world, bob, PurchaseTerms { referrer: ada, ..wanted(0, 6, 1_200) }).await,
        "one short of the cap"
    );
    world.anvil.increase_time(HOUR).await;
    world.must(bob, shop.license.transferFrom(bob, ada, U256::from(6)).into_transaction_request()).await;
    let all = (1..=11).map(U256::from).collect();
    world.must(world.admin, shop.sale.refund(all).into_transaction_request()).await;
    world.synced(&indexer).await;
    compare(&world, &indexer, &shop).await;
    let refunds = indexer.all(&shop.path(&format!("/payouts?account={ada}")), 4).await;
    let back: U256 = refunds.iter().map(|payout| number(&payout["amount"])).sum();
    assert_eq!((refunds.len(), back), (6, U256::from(5 * 100 + 95)), "what moved is refunded to who holds it");
    let view = indexer.ok(&shop.path("")).await;
    assert_eq!((&view["tiers"][0]["returned"], &view["tiers"][1]["returned"]), (&10.into(), &1.into()));
    assert!(indexer.all(&shop.path(&format!("/licenses?owner={ada}")), 4).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_is_reorganised_away_leaves_nothing() {
    let mut world = World::new().await;
    let [ada, bob] = world.providers;
    let terms = terms(&world).await;
    let shop = open(&mut world, terms).await;
    let indexer = world.index("sale").await;
    assert!(shop.buy(&world, ada, wanted(0, 4, 400)).await);
    world.synced(&indexer).await;
    for depth in [1, 2] {
        assert!(shop.buy(&world, bob, PurchaseTerms { referrer: ada, ..wanted(0, 5, 1_000) }).await);
        world.must(ada, shop.license.setUser(U256::from(1), bob, u64::MAX).into_transaction_request()).await;
        world.synced(&indexer).await;
        world.anvil.reorg(depth).await;
        world.synced(&indexer).await;
        compare(&world, &indexer, &shop).await;
    }
    let fresh = world.index("fresh").await;
    world.synced(&fresh).await;
    assert_same(&indexer.config.database, &fresh.config.database, "after reorganised purchases").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_the_index_did_not_know_is_read_from_its_first_block() {
    let mut world = World::new().await;
    let [ada, bob] = world.providers;
    let indexer = world.index("before").await;
    let config = indexer.config.clone();
    let early = terms(&world).await;
    let late = Terms { name: "More nodes".into(), ..early.clone() };
    for terms in [early, late] {
        let shop = open(&mut world, terms).await;
        assert!(shop.buy(&world, ada, wanted(0, 4, 400)).await);
        assert!(shop.buy(&world, bob, wanted(0, 2, 400)).await);
    }
    world.synced(&indexer).await;
    assert!(indexer.ok("/v1/sales").await.as_array().unwrap().is_empty());
    indexer.stop().await.unwrap();

    let indexer = Running::start(config.clone()).await.unwrap();
    world.synced(&indexer).await;
    let fresh = world.index("fresh").await;
    world.synced(&fresh).await;
    assert_same(&config.database, &fresh.config.database, "with sales added").await;
    assert_eq!(indexer.ok("/v1/sales").await[1]["sold"], 6);
}
