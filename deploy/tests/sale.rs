//! Sales of node licences by the command: lists, deployment, purchases, and what becomes of a sale that succeeds or fails.

mod common;

use assay_test_fixtures::Anvil;
use common::Assay;
use serde_json::{Value, json};

const SELLER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const ALICE: [&str; 2] = ["--key", "anvil:2"];
const ALICE_ADDRESS: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const BOB: [&str; 2] = ["--key", "anvil:3"];
const HOUR: u64 = 3_600;

/// A chain with the suite on it, and its clock.
async fn deployed() -> (Anvil, Assay, u64) {
    let anvil = Anvil::spawn();
    let assay = Assay::new();
    assay.write("assay.toml", format!("rpc_url = \"{}\"\n", anvil.url()));
    assay.json(&["deploy", "--key", "anvil:0"]);
    let block = anvil.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    let digits = block["timestamp"].as_str().unwrap().trim_start_matches("0x");
    (anvil, assay, u64::from_str_radix(digits, 16).unwrap())
}

/// A sale of two tiers, 5 and 20, open to everybody an hour from `now` on and before that to those in `extra`'s list.
fn description(now: u64, extra: &str) -> String {
    format!(
        "name = 'Test Nodes'\nsymbol = 'TN'\nseller = '{SELLER}'\npublic_at = {}\nends_at = {}\nsequential = true\nsoft_cap = 8\n\
         tokens = ['dev', 'native']\n{extra}\n[referral]\ndiscount = 500\ncommission = 1000\n[buyback]\nfee = 2000\nuntil = {}\n\
         [[tiers]]\nname = 'Early'\nsupply = 5\ncap = 5\nprices = {{ dev = '100', native = '0.1' }}\n\
         [[tiers]]\nname = 'Late'\nsupply = 20\nprices = {{ dev = '200' }}\n",
        now + HOUR,
        now + 2 * HOUR,
        now + 3 * HOUR,
    )
}

fn with<'a>(arguments: &[&'a str], key: [&'a str; 2]) -> Vec<&'a str> {
    [arguments, &key].concat()
}

fn ids(bought: &Value) -> Vec<u64> {
    serde_json::from_value(bought["ids"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_from_its_lists_to_its_release() {
    let (anvil, assay, now) = deployed().await;
    assay.write("buyers.csv", format!("address,allocation\n{ALICE_ADDRESS},2\n{SELLER},1\n"));
    let list = assay.json(&["sale", "allowlist", "buyers.csv"]);
    assay.write("codes.csv", "EARLY,1000,2\n");
    assay.json(&["sale", "promo", "codes.csv"]);
    let proofs: Value = serde_json::from_slice(&std::fs::read(assay.path("buyers.proofs.json")).unwrap()).unwrap();
    assert_eq!(proofs[ALICE_ADDRESS]["value"][1], "2");
    let lists = format!("allowlist_at = {now}\nallowlist = 'buyers.tree.json'\npromo = 'codes.tree.json'");
    assay.write("sale.toml", description(now, &lists));

    assay.fails(&["sale", "show"], "sale_not_found", 3);
    let checked = assay.json(&["sale", "deploy", "sale.toml", "--check"]);
    assert_eq!((&checked["deployed"], &checked["terms"]["allowlistRoot"]), (&false.into(), &list["root"]));
    let first = assay.json(&with(&["sale", "deploy", "sale.toml"], ["--key", "anvil:0"]));
    assert_eq!((&first["sale"]["address"], &first["created"]), (&checked["address"], &true.into()));
    let again = assay.json(&with(&["sale", "deploy", "sale.toml"], ["--key", "anvil:5"]));
    assert_eq!((&again["sale"], &again["created"]), (&first["sale"], &false.into()));
    assay.json(&["deploy", "--check"]);
    let suite = assay.json(&["deploy", "--key", "anvil:0"])["suite"].clone();
    assert_eq!(suite["sales"], json!([first["sale"]]), "deploying the suite again keeps its sales");

    // The allow-list phase.
    let shown = assay.json(&["sale", "show"]);
    assert_eq!((&shown["phase"], &shown["tiers"][0]["left"]), (&"allow-list".into(), &5.into()));
    let token = suite["devToken"].as_str().unwrap().to_owned();
    for who in [ALICE_ADDRESS, "0x90F79bf6EB2c4f870365E785982E1f101E93b906"] {
        mint(&anvil, &token, who, 10_000_000_000).await;
    }
    assay.fails(&with(&["sale", "buy"], ALICE), "not_public", 4);
    assay.fails(&with(&["sale", "buy", "--allowlist", "buyers.tree.json"], BOB), "not_listed", 4);
    assay.fails(&with(&["sale", "buy", "--allowlist", "codes.tree.json"], ALICE), "bad_tree", 6);
    assay.write("others.csv", format!("{ALICE_ADDRESS},3\n"));
    assay.json(&["sale", "allowlist", "others.csv"]);
    assay.fails(&with(&["sale", "buy", "--allowlist", "others.tree.json"], ALICE), "other_list", 6);
    let listed = ["sale", "buy", "--quantity", "2", "--allowlist", "buyers.tree.json"];
    let bought = assay.json(&with(&listed, ALICE));
    assert_eq!((ids(&bought), &bought["cost"]), (vec![1, 2], &"200000000".into()));
    assay.fails(&with(&listed, ALICE), "NodeSale_OverAllocation", 4);

    // The public phase: a code, a referrer, across tiers, a bound on the cost, native currency.
    anvil.increase_time(HOUR).await;
    let code = ["sale", "buy", "--code", "EARLY", "--promo", "codes.tree.json"];
    assert_eq!(assay.json(&with(&code, BOB))["cost"], "90000000");
    assay.fails(&with(&[&code[..], &["--quantity", "2"]].concat(), BOB), "code_used_up", 4);
    let quote = assay.json(&["sale", "buy", "--quote", "--quantity", "3"]);
    assert_eq!(quote["cost"], "400000000", "two early, one late");
    assay.fails(&with(&["sale", "buy", "--quantity", "3", "--max-cost", "399"], ALICE), "too_dear", 4);
    let native = ["sale", "buy", "--token", "native", "--buyback"];
    assert_eq!(assay.json(&with(&native, BOB))["cost"], "100000000000000000");
    let crossing = ["sale", "buy", "--quantity", "4", "--referrer", ALICE_ADDRESS, "--max-cost", "1000", "--buyback"];
    let crossed = assay.json(&with(&crossing, BOB));
    assert_eq!((ids(&crossed), &crossed["cost"]), (vec![5, 6, 7, 8], &"665000000".into()));
    assay.fails(&with(&["sale", "buy", "--token", "native"], BOB), "token_not_taken", 4);
    assay.fails(&with(&["sale", "buy", "--tier", "Third"], BOB), "bad_tier", 2);
    assay.fails(&with(&["sale", "release"], BOB), "nothing_due", 4);
    assay.fails(&with(&["sale", "refund"], BOB), "NodeSale_WrongOutcome", 4);

    // It succeeds.
    anvil.increase_time(HOUR).await;
    assert_eq!(assay.json(&["sale", "show"])["phase"], "succeeded");
    assert!(assay.run(&["sale", "show"]).stdout.contains("Early"));
    let back = assay.json(&with(&["sale", "buy-back", "5"], BOB));
    assert_eq!(back["returned"][0]["amount"], "76000000", "95 less a fifth");
    let back = assay.json(&with(&["sale", "buy-back"], BOB));
    assert_eq!(back["returned"].as_array().unwrap().len(), 4, "what is left of those with the right");
    let claimed = assay.json(&with(&["sale", "claim-commission"], ALICE));
    assert_eq!(claimed["paid"][0]["amount"], "66500000", "a tenth");
    assay.fails(&with(&["sale", "claim-commission"], ALICE), "nothing_due", 4);
    let released = assay.json(&with(&["sale", "release"], BOB));
    assert_eq!(released["paid"].as_array().unwrap().len(), 2, "in both tokens");
    let money = assay.json(&["sale", "show"])["money"].clone();
    assert!(money.as_array().unwrap().iter().all(|money| money["held"] == "0"), "nothing is left over: {money}");
}

async fn mint(anvil: &Anvil, token: &str, to: &str, amount: u64) {
    // mint(address,uint256)
    let data = format!("0x40c10f19{:0>64}{amount:064x}", to.trim_start_matches("0x").to_lowercase());
    let sender = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    anvil.rpc("eth_sendTransaction", json!([{ "from": sender, "to": token, "data": data }])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sale_is_refunded_by_anybody() {
    let (anvil, assay, now) = deployed().await;
    assay.write("sale.toml", description(now - HOUR, ""));
    assay.json(&with(&["sale", "deploy", "sale.toml"], ["--key", "anvil:0"]));
    let bought = assay.json(&with(&["sale", "buy", "--quantity", "3", "--token", "native"], ALICE));
    assert_eq!(bought["cost"], "300000000000000000");
    anvil.increase_time(HOUR).await;
    assert_eq!(assay.json(&["sale", "show"])["phase"], "failed");
    assay.fails(&with(&["sale", "refund"], BOB), "no_licences", 4);
    let one = assay.json(&with(&["sale", "refund", "2"], BOB));
    assert_eq!(
        one["returned"],
        json!([{
            "id": 2, "owner": ALICE_ADDRESS.to_lowercase(), "token": "0x0000000000000000000000000000000000000000",
            "amount": "100000000000000000",
        }])
    );
    let rest = assay.json(&with(&["sale", "refund"], ALICE));
    assert_eq!(rest["returned"].as_array().unwrap().len(), 2);
    let account = assay.json(&["account", "show", ALICE_ADDRESS]);
    assert_eq!(account["balances"][0]["ledger"], "300000000000000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_cannot_be_is_refused_before_anything_is_sent() {
    let (anvil, assay, now) = deployed().await;
    let before = anvil.block_number().await;
    let deploy = ["sale", "deploy", "sale.toml", "--key", "anvil:0"];
    for (change, expected) in [
        (("soft_cap = 8", "soft_cap = 26"), "soft_cap is 26: expected at most the supply, 25"),
        (("dev = '200'", "usd = '200'"), "tier \"Late\": prices is usd: expected one of `tokens`"),
        (("dev = '200'", "dev = '1.2345678'"), "prices.dev is 1.2345678"),
        (("commission = 1000", "commission = 2001"), "referral.commission is 2001: expected at most buyback.fee, 2000"),
        (("supply = 20", "amount = 20"), "unknown field `amount`"),
        (("fee = 2000", "fee = 'much'"), "invalid type: string"),
    ] {
        assay.write("sale.toml", description(now, "").replace(change.0, change.1));
        let error = assay.fails(&deploy, "bad_sale", 2);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assay.write("sale.toml", description(now - 3 * HOUR, ""));
    assert!(assay.fails(&deploy, "bad_sale", 2).contains("expected a time after the chain's"));
    assay.write("sale.toml", description(now, "").replace("'native'", "'0x00000000000000000000000000000000000000aa'"));
    assay.fails(&deploy, "not_a_token", 4);
    assert_eq!(anvil.block_number().await, before, "nothing was sent");
}

#[test]
fn a_bad_list_is_refused_with_every_line_that_is_wrong() {
    let assay = Assay::new();
    assay.write("buyers.csv", format!("{ALICE_ADDRESS},1\n\n{ALICE_ADDRESS},2\n0xabc,1\n"));
    let error = assay.fails(&["sale", "allowlist", "buyers.csv"], "bad_list", 2);
    for expected in
        ["line 2: the line is empty", "line 3: address", "is on line 1 already", "line 4: address \"0xabc\""]
    {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(!assay.path("buyers.tree.json").exists());
}
