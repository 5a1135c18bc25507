//! The epochs role on a real chain: an epoch by keepers alone, whatever is killed; and false postings of every kind, removed and replaced.

mod common;
#[path = "common/network.rs"]
mod network;

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::{B256, U256, aliases::U96};
use assay_contracts::{
    Attestations, DrandBeacon, EpochRewards, Uptime as Contract,
    beacon::{Beacon, Drand},
    network::{
        Outcome,
        read::{self, Recomputed},
    },
};
use assay_epochs::{
    Share, Uptime,
    nodes::{self, Difference, OpenedTree},
    rewards,
    uptime::answers::{GOOD, OFFLINE},
};
use assay_keepers::epochs::Handle;
use assay_kernels::merkle::Tree;
use assay_test_fixtures::{AnvilOptions, DrandRelay, Mood, relay::quicknet};
use common::{ADMIN, PROVIDERS, eventually};
use network::{FIRST, KEEPER, LIAR, LICENSES, Nodes, OPERATOR_SHARE, Options, words};

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_bring_an_epoch_to_its_claims() {
    let net = Nodes::start().await;
    let [first, second] = [net.keeper("first", 0).await, net.keeper("second", 1).await];
    let sealed = net.until_sealed(0).await;
    // Nobody has a bond yet: it is said how much it takes, and all else goes on.
    net.reveal(&sealed).await;
    net.reach(net.reveal_end(0).await).await;
    let bond = net.network.terms.roots.bond;
    eventually("the missing bond is told", || async {
        let facts = net.ready(&first).await;
        let trouble = facts["troubles"].as_array()?.first()?.clone();
        assert_eq!((&trouble["code"], &facts["ready"]), (&"bond_missing".into(), &false.into()));
        (trouble["missing"].as_str()? == format!("{:#x}", bond)).then_some(())
    })
    .await;
    for keeper in PROVIDERS {
        net.fund_keeper(keeper).await;
    }
    net.posted(net.network.uptime, 0).await;
    untroubled(&net, &second).await;

    // Somebody wants to see the tree, and is shown it.
    let posting = net.history().await.uptime().of(0).unwrap().clone();
    let top = nodes::highest(posting.count as usize);
    let contract = Contract::new(net.network.uptime, &net.rpc);
    net.send(contract.demand(0, U256::from(top), U256::ZERO, B256::ZERO, Vec::new()).from(LIAR)).await;
    eventually("the tree is shown", || async {
        let history = net.history().await;
        history.uptime().of(0).unwrap().demands[&(top, 0)].nodes.as_ref().map(drop)
    })
    .await;

    net.finish(net.network.uptime, 0).await;
    net.posted(net.pool().address, 0).await;
    net.finish(net.pool().address, 0).await;
    // Two licences of four, each right in both rounds; a twentieth of it is the operator's.
    let computed = read::recompute(&net.rpc, &net.network, net.pool(), 0, net.head().await).await.unwrap();
    assert_eq!(claim_first(&net, 0, &computed).await, FIRST / 4 / 20 * (20 - OPERATOR_SHARE));

    // The provider was offline in a round.
    let penalised = || async { contract.isPenalised(0, 0).call().await.unwrap().then_some(()) };
    eventually("the provider that was offline is penalised", penalised).await;
    // Bonds come back, and none was lost.
    for keeper in PROVIDERS {
        eventually("bonds are back", || async { (net.ledger(keeper).await >= net.funds()).then_some(()) }).await;
    }
    let held = net.ledger(PROVIDERS[0]).await + net.ledger(PROVIDERS[1]).await;
    assert_eq!(held, net.funds() * U256::from(2) + U256::from(net.network.terms.roots.fee), "who shows is paid for it");
    for contract in [net.network.uptime, net.pool().address] {
        assert_eq!(net.logs::<Contract::Posted>(contract).await.len(), 1);
    }
    let stored = net.blobs.get_rewards(&computed.rewards.root()).await.unwrap();
    assert_eq!(assay_epochs::wire::read_rewards(&stored).unwrap().0, 0);
    let stored = net.blobs.get_shares(&computed.uptime.shares().root()).await.unwrap();
    assert_eq!(assay_epochs::wire::read_inputs(&stored).unwrap(), *computed.uptime.inputs());
}

/// Claims what licence 1 has earned up to an epoch. Returns how much that is.
async fn claim_first(net: &Nodes, epoch: u32, computed: &Recomputed) -> u128 {
    let (cumulative, proof) = computed.rewards.claim(1).unwrap();
    let count = computed.rewards.cumulative().len() as u32;
    let earned = EpochRewards::Earned { epoch, count, number: 1, cumulative: U96::from(cumulative) };
    let pool = EpochRewards::new(net.pool().address, &net.rpc);
    net.send(pool.claim(earned, words(&proof), false).from(ADMIN)).await;
    cumulative
}

/// Waits until the keeper says that nothing is in its way any more.
async fn untroubled(net: &Nodes, keeper: &Handle) {
    let ready = || async { (net.ready(keeper).await["troubles"] == serde_json::json!([])).then_some(()) };
    eventually("nothing is in the way", ready).await;
}

/// Waits until the keeper says that the pool lacks so much.
async fn underfunded(net: &Nodes, keeper: &Handle, missing: u128) {
    eventually("what the pool lacks is told", || async {
        let facts = net.ready(keeper).await;
        let trouble =
            facts["troubles"].as_array()?.iter().find(|trouble| trouble["code"] == "pool_underfunded")?.clone();
        assert_eq!(facts["ready"], false);
        (trouble["missing"].as_str()? == format!("{missing:#x}")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_lacks_funds_pays_everything_later() {
    let net = Nodes::start_with(Options { funds: FIRST / 4, ..Options::default() }).await;
    net.fund_keeper(KEEPER).await;
    let keeper = net.keeper("keeper", 0).await;
    let sealed = net.until_sealed(0).await;
    net.share(0, &sealed).await;
    underfunded(&net, &keeper, FIRST / 4 * 3).await;
    // Shares do not wait for the pool.
    net.reach(net.network.begins(2)).await;
    let sealed = net.seal(1).await;
    net.reach(net.network.seals_end(2)).await;
    net.seeded(2).await;
    net.share(1, &sealed).await;
    underfunded(&net, &keeper, FIRST / 4 * 3).await;
    let pool = EpochRewards::new(net.pool().address, &net.rpc);
    assert_eq!(pool.nextEpoch().call().await.unwrap(), 0, "nothing is paid by halves");

    for (epoch, missing) in [(0, FIRST / 4 * 3), (1, FIRST)] {
        underfunded(&net, &keeper, missing).await;
        net.fund_pool(U256::from(missing)).await;
        net.posted(*pool.address(), epoch).await;
        net.finish(*pool.address(), epoch).await;
    }
    let computed = read::recompute(&net.rpc, &net.network, net.pool(), 1, net.head().await).await.unwrap();
    let claimed = claim_first(&net, 1, &computed).await;
    assert_eq!(claimed, 2 * (FIRST / 4 / 20 * (20 - OPERATOR_SHARE)), "both epochs");
    net.reach(net.now().await + u64::from(net.pool().terms.slow_period)).await;
    net.send(pool.collect(1).from(LIAR)).await;
    assert_eq!(net.ledger(ADMIN).await, U256::from(claimed));
    untroubled(&net, &keeper).await;
    keeper.stop();
    keeper.wait().await.unwrap();
}

/// What somebody else demanded of a false posting runs out before what the keeper did. The posting is gone, and its fee lies there.
#[tokio::test(flavor = "multi_thread")]
async fn the_fee_of_a_demand_comes_back_when_the_posting_is_gone() {
    let net = Nodes::start().await;
    net.revealed().await;
    net.fund_keeper(KEEPER).await;
    net.fund_keeper(ADMIN).await;
    let right = net.compute(0).await;
    let mut leaves = right.shares().tree().leaves().to_vec();
    leaves[280] = [9; 32];
    let lie = Tree::new(leaves);
    let contract = Contract::new(net.network.uptime, &net.rpc);
    let (total, truth) = (right.shares().total(), right.truth().bytes().to_vec());
    net.send(contract.post(0, lie.root().into(), total, truth.into()).from(LIAR)).await;

    // Whoever knows the tree needs not begin at its top.
    let top = nodes::highest(lie.len());
    let mut opened = OpenedTree::new(lie.root(), lie.len());
    opened.open(top, 0, nodes::children(&lie, top, 0).unwrap()).unwrap();
    let Difference::Demand { tier, index, node, proof } = opened.difference(right.shares().tree()) else { panic!() };
    let place = (0, U256::from(tier), U256::from(index));
    net.send(contract.demand(place.0, place.1, place.2, node.into(), words(&proof)).from(ADMIN)).await;
    let demands = || async { net.history().await.uptime().of(0).unwrap().demands.clone() };
    let first = demands().await[&(tier, index as u32)].answer_by;
    net.reach(first - 500).await;
    let keeper = net.keeper("keeper", 0).await;
    let asked = eventually("the keeper demands the top", || async { demands().await.remove(&(top, 0)) }).await;
    assert_eq!((asked.demander, asked.answer_by > first + 1), (KEEPER, true));
    assert_eq!(net.ledger(KEEPER).await, net.funds() - U256::from(net.network.terms.roots.fee));

    net.reach(first + 1).await;
    net.send(contract.expire(place.0, place.1, place.2).from(ADMIN)).await;
    let refunded = || async { net.logs::<Contract::DemandRefunded>(*contract.address()).await.pop() };
    assert_eq!(eventually("the fee comes back", refunded).await.demander, KEEPER);
    net.posted(*contract.address(), 0).await;
    // Nothing but the bond of its own posting is away, and that comes back as well.
    assert_eq!(net.ledger(KEEPER).await, net.funds() - U256::from(net.network.terms.roots.bond));
    net.finish(*contract.address(), 0).await;
    eventually("the bond is back", || async {
        (net.logs::<Contract::BondReleased>(*contract.address()).await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(net.logs::<Contract::DemandRefunded>(*contract.address()).await.len(), 1);
    keeper.stop();
    keeper.wait().await.unwrap();
}

/// drand's first rounds, on a schedule of its own: what the network signs is the number alone. Epoch 0 is drawn by the first, epoch 1 by
/// the second.
async fn by_drand(relays: Vec<String>) -> (Nodes, Drand) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let drand = Drand { genesis: now + 6_000, period: 10_000, ..Drand::quicknet(24) };
    let beacon = Some(Beacon::Drand(drand.clone()));
    (Nodes::start_with(Options { beacon, relays, ..Options::default() }).await, drand)
}

/// Comes to where an epoch's round is named, and to where drand publishes it.
async fn named(net: &Nodes, drand: &Drand, epoch: u32) {
    net.reach(net.network.seals_end(epoch)).await;
    let seeds = Attestations::new(net.network.attestations, &net.rpc);
    let round = || async { Some(seeds.roundOf(epoch).call().await.unwrap()).filter(|round| *round != 0) };
    let round = eventually("a round is named", round).await;
    assert_eq!(round, u64::from(epoch) + 1);
    net.reach(drand.published_at(round)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_are_rounds_of_drand_as_relays_have_them() {
    let relay = DrandRelay::spawn(Mood::Withholding).await;
    let (net, drand) = by_drand(vec![relay.url()]).await;
    net.fund_keeper(KEEPER).await;
    let keeper = net.keeper("keeper", 0).await;
    named(&net, &drand, 0).await;
    for (mood, why) in [(Mood::Withholding, "404"), (Mood::Lying, "not the network's")] {
        relay.set(mood);
        eventually("it is said why there is no seed", || async {
            let facts = net.ready(&keeper).await;
            let trouble = facts["troubles"].as_array()?.first()?.clone();
            assert_eq!((&trouble["code"], &facts["ready"]), (&"round_unknown".into(), &false.into()));
            trouble["message"].as_str()?.contains(why).then_some(())
        })
        .await;
    }
    let recorded = || net.logs::<DrandBeacon::RoundRecorded>(net.suite.beacon);
    assert!(recorded().await.is_empty());
    relay.set(Mood::Honest);
    net.seeded(0).await;

    net.reach(net.network.begins(1)).await;
    let sealed = net.seal(0).await;
    named(&net, &drand, 1).await;
    net.seeded(1).await;
    let rounds = recorded().await;
    let seeds = Attestations::new(net.network.attestations, &net.rpc);
    for (epoch, round) in (0..).zip(&rounds) {
        let published = quicknet()["rounds"][epoch as usize]["randomness"].as_str().unwrap().to_owned();
        assert_eq!((round.recorder, round.value.to_string()), (KEEPER, published));
        assert_eq!(seeds.seedOf(epoch).call().await.unwrap(), round.value);
    }
    assert_eq!(rounds.len(), 2, "each is brought once");
    net.share(0, &sealed).await;
    net.posted(net.pool().address, 0).await;
    untroubled(&net, &keeper).await;
    keeper.stop();
    keeper.wait().await.unwrap();
}

/// Relays that never answer take longer in all than anything here is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn slow_relays_hold_no_challenge_up() {
    let relay = DrandRelay::spawn(Mood::Honest).await;
    let (net, drand) = by_drand(vec![relay.url(); 100]).await;
    let keeper = net.keeper("keeper", 0).await;
    for epoch in 0..2 {
        named(&net, &drand, epoch).await;
        net.seeded(epoch).await;
    }
    let before = relay.set(Mood::Silent);
    named(&net, &drand, 2).await;
    eventually("a relay is asked", || async { (relay.requests() > before).then_some(()) }).await;
    let right = net.compute(0).await;
    let contract = Contract::new(net.network.uptime, &net.rpc);
    let (root, mut truth) = (right.shares().root(), right.truth().bytes().to_vec());
    truth[0] ^= 1;
    net.send(contract.post(0, root.into(), right.shares().total(), truth.into()).from(LIAR)).await;
    let removed = || async { net.logs::<Contract::Removed>(*contract.address()).await.pop() };
    assert_eq!(eventually("the lie is challenged", removed).await.by, KEEPER);
    keeper.stop();
    keeper.wait().await.unwrap();
}

/// Whoever named the round did not bring it, and the chain, which keeps 256 hashes of blocks, has its hash no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_round_is_named_anew() {
    let anvil = AnvilOptions { args: vec!["--hardfork".into(), "cancun".into()], ..AnvilOptions::default() };
    let net = Nodes::start_with(Options { anvil, ..Options::default() }).await;
    let attestations = Attestations::new(net.network.attestations, &net.rpc);
    net.reach(net.network.seals_end(0)).await;
    net.send(attestations.begin(0).from(LIAR)).await;
    let lost = attestations.roundOf(0).call().await.unwrap();
    net.anvil.mine(300).await;
    let keeper = net.keeper("keeper", 0).await;
    net.seeded(0).await;
    assert!(attestations.roundOf(0).call().await.unwrap() > lost);
    keeper.stop();
    keeper.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heavier_operator_votes_instead_of_a_lighter_one() {
    let net = Nodes::start_with(Options { voters: 1, ..Options::default() }).await;
    net.fund_keeper(KEEPER).await;
    let small = LICENSES + 2;
    net.operate(LIAR, small, 5..=5).await;
    let keeper = net.keeper("keeper", 0).await;
    net.reach(net.network.begins(1)).await;
    let (large, other) = (net.seal(0).await, net.seal_as(0, LIAR, small, GOOD).await);
    net.reach(net.network.seals_end(1)).await;
    net.seeded(1).await;
    net.reveal(&other).await;
    net.reveal(&large).await;
    let attestations = Attestations::new(net.network.attestations, &net.rpc);
    eventually("the heavier one votes", || async {
        let voters = attestations.votersIn(0).call().await.unwrap();
        (voters.len() == 1 && voters[0].operator == LICENSES + 1).then_some(())
    })
    .await;
    net.reach(net.reveal_end(0).await).await;
    net.posted(net.network.uptime, 0).await;
    assert_eq!(net.compute(0).await.truth().get(1, 0), OFFLINE);
    keeper.stop();
    keeper.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_falsely_is_struck_and_banned() {
    let net = Nodes::start().await;
    net.fund_keeper(KEEPER).await;
    let liar = LICENSES + 2;
    net.operate(LIAR, liar, 5..=5).await;
    let keeper = net.keeper("keeper", 0).await;
    let contract = Contract::new(net.network.uptime, &net.rpc);
    for epoch in 0..2 {
        net.reach(net.network.begins(epoch + 1)).await;
        let (honest, lie) = (net.seal(epoch).await, net.seal_as(epoch, LIAR, liar, GOOD).await);
        net.reach(net.network.seals_end(epoch + 1)).await;
        net.seeded(epoch + 1).await;
        net.reveal(&honest).await;
        net.reveal(&lie).await;
        net.reach(net.reveal_end(epoch).await).await;
        net.posted(net.network.uptime, epoch).await;
        net.finish(net.network.uptime, epoch).await;
        eventually("the liar is struck", || async {
            (contract.strikeOf(liar, epoch).call().await.unwrap().wrong == 1).then_some(())
        })
        .await;
    }
    net.reach(net.now().await + u64::from(net.network.terms.faults.appeal_time)).await;
    let banned =
        eventually("the liar is banned", || async { net.logs::<Contract::Banned>(*contract.address()).await.pop() });
    assert_eq!(banned.await.operator, liar);
    assert_eq!(net.logs::<Contract::Struck>(*contract.address()).await.len(), 2, "nobody else");
    keeper.stop();
    keeper.wait().await.unwrap();
}

/// Killed and started anew before each step, and a chain that takes postings back.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_killed_goes_on() {
    let net = Nodes::start().await;
    net.fund_keeper(KEEPER).await;
    let seeds = Attestations::new(net.network.attestations, &net.rpc);
    net.reach(net.network.seals_end(0)).await;
    let process = net.process().await;
    eventually("a round is named", || async { (seeds.roundOf(0).call().await.unwrap() != 0).then_some(()) }).await;
    process.kill();
    let process = net.process().await;
    net.seeded(0).await;
    process.kill();
    net.reach(net.network.begins(1)).await;
    let sealed = net.seal(0).await;
    net.reach(net.network.seals_end(1)).await;
    let process = net.process().await;
    net.seeded(1).await;
    process.kill();
    net.reveal(&sealed).await;
    net.reach(net.reveal_end(0).await).await;
    let process = net.process().await;
    net.posted(net.network.uptime, 0).await;
    // The chain takes it back.
    net.anvil.reorg(2).await;
    process.kill();
    let process = net.process().await;
    net.posted(net.network.uptime, 0).await;
    process.kill();
    net.finish(net.network.uptime, 0).await;
    let process = net.process().await;
    net.posted(net.pool().address, 0).await;
    process.kill();
    net.finish(net.pool().address, 0).await;
    let process = net.process().await;
    eventually("bonds are back", || async { (net.ledger(KEEPER).await >= net.funds()).then_some(()) }).await;
    process.kill();
    for contract in [net.network.uptime, net.pool().address] {
        assert_eq!(net.logs::<Contract::Removed>(contract).await.len(), 0);
    }
}

/// Nobody looked while it could be doubted.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_posting_that_became_final_is_told_and_nothing_is_built_on_it() {
    let net = Nodes::start().await;
    net.fund_keeper(KEEPER).await;
    net.revealed().await;
    let right = net.compute(0).await;
    let (total, truth) = (right.shares().total(), right.truth().bytes().to_vec());
    let contract = Contract::new(net.network.uptime, &net.rpc);
    net.send(contract.post(0, B256::repeat_byte(7), total, truth.into()).from(LIAR)).await;
    net.finish(*contract.address(), 0).await;
    let keeper = net.keeper("keeper", 0).await;
    eventually("it is told", || async {
        let facts = net.ready(&keeper).await;
        let troubles = facts["troubles"].as_array()?;
        assert!(troubles.len() < 2, "{facts}");
        (troubles.first()?["code"] == "false_final").then_some(())
    })
    .await;
    let metrics = reqwest::get(format!("http://{}/metrics", keeper.http().unwrap())).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in ["assay_epochs_troubles{code=\"false_final\"} 1", "assay_epochs_troubles{code=\"bond_missing\"} 0"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // Epoch 1 goes its way; of epoch 0 the pool pays nothing, and nobody is penalised.
    net.reach(net.network.begins(2)).await;
    let sealed = net.seal(1).await;
    net.reach(net.network.seals_end(2)).await;
    net.seeded(2).await;
    net.share(1, &sealed).await;
    let penalised = || async { contract.isPenalised(1, 0).call().await.unwrap().then_some(()) };
    eventually("who was offline in epoch 1 is penalised", penalised).await;
    assert!(!contract.isPenalised(0, 0).call().await.unwrap());
    assert_eq!(EpochRewards::new(net.pool().address, &net.rpc).nextEpoch().call().await.unwrap(), 0);
    keeper.stop();
    keeper.wait().await.unwrap();
}

/// A posting of shares.
struct Lie {
    name: &'static str,
    /// `None`: whoever posted it shows nothing.
    tree: Option<Tree>,
    root: B256,
    total: u64,
    truth: Vec<u8>,
    /// What removes it.
    by: &'static str,
}

/// Every kind of false posting of right inputs.
fn lies(right: &Uptime) -> Vec<Lie> {
    let shares = right.shares();
    let (root, total, truth) = (B256::from(shares.root()), shares.total(), right.truth().bytes().to_vec());
    let spoil = |place: usize, leaf: [u8; 32]| {
        let mut leaves = shares.tree().leaves().to_vec();
        assert_ne!(std::mem::replace(&mut leaves[place], leaf), leaf);
        Tree::new(leaves)
    };
    let tree = |name, tree: Tree| {
        let (root, truth) = (tree.root().into(), truth.clone());
        Lie { name, tree: Some(tree), root, total, truth, by: "challengeLeaf" }
    };
    let amount = Share { shares: shares.shares()[1].shares + 1, ..shares.shares()[1] };
    let mut record = *right.record(3).unwrap();
    record.sum += 10_000;
    let sum = Share { detail: record.detail(), ..shares.shares()[2] };
    let operator = shares.shares().len() - 1;
    let commission = Share { shares: shares.shares()[operator].shares + 1, ..shares.shares()[operator] };
    let mut other = truth.clone();
    other[0] ^= 1;
    vec![
        tree("amount", spoil(1, amount.hash())),
        tree("garbage first leaf", spoil(0, [9; 32])),
        tree("garbage leaf far down", spoil(280, [9; 32])),
        tree("sum", spoil(2, sum.hash())),
        tree("commission", spoil(operator, commission.hash())),
        Lie { name: "total", tree: None, root, total: total + 1, truth: truth.clone(), by: "challengeTotal" },
        Lie { name: "truth", tree: None, root, total, truth: other, by: "challengeTruth" },
        Lie { name: "withheld", tree: None, root: B256::repeat_byte(7), total, truth, by: "expire" },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn false_shares_are_removed_and_replaced() {
    let net = Nodes::start().await;
    net.fund_keeper(KEEPER).await;
    net.revealed().await;
    let right = net.compute(0).await;
    let contract = Contract::new(net.network.uptime, &net.rpc);
    for lie in lies(&right) {
        let state = net.snapshot().await;
        net.send(contract.post(0, lie.root, lie.total, lie.truth.clone().into()).from(LIAR)).await;
        let keeper = net.keeper(&lie.name.replace(' ', "-"), 0).await;
        net.lied(net.network.uptime, lie.tree.as_ref(), lie.name).await;
        let history = net.history().await;
        let posting = history.uptime().of(0).unwrap();
        assert_eq!((posting.root.0, posting.publisher), (right.shares().root(), KEEPER), "{}", lie.name);
        let Outcome::Shares { total, truth } = &posting.outcome else { panic!("{}", lie.name) };
        assert_eq!((*total, truth.to_vec()), (right.shares().total(), right.truth().bytes().to_vec()), "{}", lie.name);
        net.removed_by(&keeper, lie.by, lie.name).await;
        net.end(keeper, state).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn false_rewards_are_removed_and_replaced() {
    let net = Nodes::start().await;
    net.fund_keeper(KEEPER).await;
    net.revealed().await;
    let right = net.compute(0).await;
    let (root, total, truth) = (right.shares().root(), right.shares().total(), right.truth().bytes().to_vec());
    let contract = Contract::new(net.network.uptime, &net.rpc);
    net.send(contract.post(0, root.into(), total, truth.into()).from(LIAR)).await;
    net.finish(net.network.uptime, 0).await;
    let computed = read::recompute(&net.rpc, &net.network, net.pool(), 0, net.head().await).await.unwrap();
    let expected = computed.rewards.root();
    let spoil = |place: usize| {
        let mut cumulative = computed.rewards.cumulative().to_vec();
        cumulative[place] += 1;
        assay_epochs::Rewards::from_cumulative(cumulative)
    };
    let mut garbage = computed.rewards.tree().leaves().to_vec();
    garbage[287] = rewards::leaf(1, 1);
    let (shown, stored) = (spoil(2), spoil(290));
    net.blobs.put_rewards(&stored.root(), assay_epochs::wire::write_rewards(0, &stored)).await.unwrap();
    let garbage = Tree::new(garbage);
    let withheld = [5; 32];
    let pool = EpochRewards::new(net.pool().address, &net.rpc);
    for (name, root, tree, by) in [
        ("amount", shown.root(), Some(shown.tree()), "challengeRewards"),
        ("garbage", garbage.root(), Some(&garbage), "challengeRewards"),
        ("stored", stored.root(), None, "challengeRewards"),
        ("kept-back", withheld, None, "expire"),
    ] {
        let state = net.snapshot().await;
        net.send(pool.post(0, root.into()).from(LIAR)).await;
        let keeper = net.keeper(name, 0).await;
        net.lied(net.pool().address, tree, name).await;
        let history = net.history().await;
        let posting = history.pool(net.pool().address).unwrap().of(0).unwrap();
        assert_eq!((posting.root.0, posting.publisher), (expected, KEEPER), "{name}");
        net.removed_by(&keeper, by, name).await;
        let demands = net.logs::<Contract::Demanded>(net.pool().address).await.len();
        assert_eq!(demands == 0, name == "stored", "{name}: who stored its tree needs no demand");
        net.end(keeper, state).await;
    }
}
