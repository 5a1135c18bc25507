//! The epochs role on a real chain: an epoch by keepers alone, whatever is killed; and false postings of every kind, removed and replaced.

mod common;
#[path = "common/network.rs"]
mod network;

use alloy::primitives::{B256, U256, aliases::U96};
use assay_contracts::{
    Attestations, EpochRewards, Uptime as Contract,
    network::{Outcome, read},
};
use assay_epochs::{
    Share, Uptime, nodes, rewards,
    uptime::answers::{GOOD, OFFLINE},
};
use assay_kernels::merkle::Tree;
use assay_test_fixtures::AnvilOptions;
use common::{ADMIN, PROVIDERS, eventually};
use network::{KEEPER, LIAR, LICENSES, Nodes, OPERATOR_SHARE, words};

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
    assert_eq!(net.ready(&second).await["troubles"], serde_json::json!([]));

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
    let (cumulative, proof) = computed.rewards.claim(1).unwrap();
    assert_eq!(cumulative, net.pool().terms.first / 4 / 20 * (20 - OPERATOR_SHARE));
    let count = computed.rewards.cumulative().len() as u32;
    let earned = EpochRewards::Earned { epoch: 0, count, number: 1, cumulative: U96::from(cumulative) };
    let pool = EpochRewards::new(net.pool().address, &net.rpc);
    net.send(pool.claim(earned, words(&proof), false).from(ADMIN)).await;

    // The provider was offline in a round.
    let penalised = || async { contract.isPenalised(0, 0).call().await.unwrap().then_some(()) };
    eventually("the provider that was offline is penalised", penalised).await;
    // Bonds come back, and none was lost.
    for keeper in PROVIDERS {
        eventually("bonds are back", || async { (net.ledger(keeper).await >= net.funds()).then_some(()) }).await;
    }
    for contract in [net.network.uptime, net.pool().address] {
        assert_eq!(net.logs::<Contract::Posted>(contract).await.len(), 1);
    }
    let stored = net.blobs.get_rewards(&computed.rewards.root()).await.unwrap();
    assert_eq!(assay_epochs::wire::read_rewards(&stored).unwrap().0, 0);
    let stored = net.blobs.get_shares(&computed.uptime.shares().root()).await.unwrap();
    assert_eq!(assay_epochs::wire::read_inputs(&stored).unwrap(), *computed.uptime.inputs());
}

/// Whoever named the round did not bring it, and the chain, which keeps 256 hashes of blocks, has its hash no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_round_is_named_anew() {
    let options = AnvilOptions { args: vec!["--hardfork".into(), "cancun".into()], ..AnvilOptions::default() };
    let net = Nodes::start_with(8, &options).await;
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
    let net = Nodes::start_with(1, &AnvilOptions::default()).await;
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
