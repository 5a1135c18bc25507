//! Draws on a real chain: provider and validators seal, reveal and are paid; whoever is silent or lies is not.

mod common;

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U256},
    providers::Provider as _,
    sol_types::SolEvent,
};
use assay_contracts::{
    DisputeGame, JobEscrow, ValidatorSeats, Verification,
    beacon::{Beacon, Drand},
    protocol::draw_status::{AGREED, CONVICTED},
};
use assay_keepers::verification::{Stage, Tamper};
use assay_test_fixtures::{DrandRelay, Mood};
use common::{
    Opened, PROVIDERS,
    court::{CHALLENGE_WINDOW, Court, DISPUTE_TIME, FEE, REVEAL_WINDOW, SEAL_WINDOW, batch_id, honest, lies, silent},
    eventually,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_batch_is_agreed_upon_and_everybody_is_paid() {
    let court = Court::start().await;
    let accounts: Vec<Address> = court.validators.iter().map(|key| key.address()).collect();
    let before = futures::future::join_all(accounts.iter().map(|account| court.net.balance(*account))).await;
    let earned = court.net.balance(PROVIDERS[0]).await;
    let _validators = court.all_validators().await;
    let _provider = court.provider(honest()).await;
    let order = court.order(4, 2).await;
    court.concluded(AGREED).await;
    court.net.all_settled(&order).await;

    let drawn = court.draw_logs::<Verification::Drawn>().await.remove(0);
    assert_eq!(drawn.tasks.len(), 2);
    let mut gained = U256::ZERO;
    for (account, before) in accounts.iter().zip(before) {
        let places = drawn.validators.iter().filter(|validators| validators.contains(account)).count() as u64;
        let gain = court.net.balance(*account).await - before;
        assert!(gain >= U256::from(places * FEE), "{account} earned {gain} for {places} tasks");
        gained += gain;
    }
    // Four re-executions; who drew the batch earned one fee, the provider maybe.
    assert!(gained == U256::from(4 * FEE) || gained == U256::from(5 * FEE), "{gained}");
    assert!(court.net.balance(PROVIDERS[0]).await > earned);
    assert!(court.slashed().await.is_empty());
    court.check_money(0).await;
}

/// Waits until the draw is agreed upon and the order settled, and does `meddle` at each step that is seen for the first time.
async fn agreed_despite(court: &Court, order: &Opened, mut meddle: impl AsyncFnMut()) {
    let mut seen = BTreeSet::new();
    while !seen.contains("concluded") {
        let steps = court.draw_steps().await;
        if !steps.is_subset(&seen) {
            seen.extend(steps);
            meddle().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    court.concluded(AGREED).await;
    court.net.all_settled(order).await;
    assert!(court.slashed().await.is_empty());
    court.check_money(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keepers_that_are_killed_at_every_step_of_a_draw_go_on() {
    let court = Court::start().await;
    let order = court.order(3, 3).await;
    let start = || {
        let validators = (0..4).map(|number| court.validator_process(number));
        validators.chain([court.provider_process(&honest())]).collect::<Vec<_>>()
    };
    let mut processes = start();
    agreed_despite(&court, &order, async || {
        for process in processes.drain(..) {
            process.kill().await;
        }
        processes = start();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_goes_on_through_a_reorganisation_at_every_step() {
    let court = Court::start().await;
    let order = court.order(3, 3).await;
    // The order itself must survive.
    court.net.anvil.mine(4).await;
    let keepers = (court.all_validators().await, court.provider(honest()).await);
    let mut depths = (1..=4).cycle();
    agreed_despite(&court, &order, async || court.net.anvil.reorg(depths.next().unwrap()).await).await;
    drop(keepers);
}

/// Two of four validators do not make the move `silence`, of which `E` tells, within its `window`.
async fn lost_by_silence<E: SolEvent>(silence: &str, window: u32) {
    let court = Court::start().await;
    let quiet = silent(&[silence]);
    let tampers = [quiet.clone(), quiet, honest(), honest()];
    let mut validators = Vec::new();
    for (number, tamper) in tampers.into_iter().enumerate() {
        validators.push(court.validator(number, tamper).await);
    }
    let _provider = court.provider(honest()).await;
    // Of six places at least two are the silent ones'.
    let order = court.order(3, 3).await;
    let drawn = court.draw_log::<Verification::Drawn>("the batch is drawn", |_| true).await;
    let quiet: BTreeSet<Address> = court.validators[..2].iter().map(|key| key.address()).collect();
    let expected = drawn.validators.iter().flatten().filter(|validator| quiet.contains(*validator)).count();
    // Six are validators' and three the provider's.
    eventually("all others move", || async { (court.draw_logs::<E>().await.len() == 9 - expected).then_some(()) })
        .await;
    court.run_out(window).await;
    court.concluded(AGREED).await;
    court.net.all_settled(&order).await;
    let slashed = court.slashed().await;
    assert_eq!(slashed.len(), expected);
    assert!(slashed.iter().all(|validator| quiet.contains(validator)));
    court.check_money(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_seals_nothing_loses_its_seat() {
    lost_by_silence::<Verification::TraceSealed>("sealTrace", SEAL_WINDOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_reveals_nothing_loses_its_seat() {
    lost_by_silence::<Verification::TraceRevealed>("reveal", REVEAL_WINDOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_reveal_is_convicted() {
    let court = Court::start().await;
    let _validators = court.all_validators().await;
    let provider = court.provider(silent(&["revealBound", "conclude"])).await;
    let order = court.order(2, 1).await;
    eventually("both validators reveal", || async {
        (court.draw_logs::<Verification::TraceRevealed>().await.len() == 2).then_some(())
    })
    .await;
    court.run_out(REVEAL_WINDOW).await;
    court.concluded(CONVICTED).await;
    drop(provider);
    let forfeited = court.net.events::<JobEscrow::BatchForfeited>().await;
    assert_eq!(forfeited.len(), 1);
    assert_eq!(forfeited[0].batchId, batch_id(&court, &order).await);
    assert!(court.validators.iter().any(|key| key.address() == forfeited[0].beneficiary), "a validator is rewarded");
    assert!(court.slashed().await.is_empty());
    court.check_money(1).await;
}

/// Three of four validators say that a true task is false, and do not make the move `silence`. When `all` that are drawn have come as
/// far as they will, the clocks run out.
async fn accused_falsely(silence: &str, all: impl AsyncFn(&Court, usize) -> bool) -> Court {
    let court = Court::start().await;
    let tamper = Tamper { silent: [silence.to_owned()].into(), ..lies(Stage::Middle, false) };
    let mut validators = Vec::new();
    for number in 0..4 {
        validators.push(court.validator(number, if number < 3 { tamper.clone() } else { honest() }).await);
    }
    let _provider = court.provider(honest()).await;
    let order = court.order(2, 1).await;
    let drawn = court.draw_log::<Verification::Drawn>("the batch is drawn", |_| true).await;
    let liars: BTreeSet<Address> = court.validators[..3].iter().map(|key| key.address()).collect();
    let expected: BTreeSet<Address> =
        drawn.validators[0].iter().copied().filter(|validator| liars.contains(validator)).collect();
    eventually("every accuser comes as far as it will", || async { all(&court, expected.len()).await.then_some(()) })
        .await;
    court.run_out(DISPUTE_TIME).await;
    court.concluded(AGREED).await;
    court.net.all_settled(&order).await;
    assert_eq!(court.slashed().await.into_iter().collect::<BTreeSet<_>>(), expected);
    court
}

async fn games_won_by_the_provider(court: &Court, count: usize) {
    let ended = court.game_logs::<DisputeGame::GameEnded>().await;
    assert_eq!(ended.len(), count);
    assert!(ended.iter().all(|ended| !ended.challengerWon && ended.bondTo == PROVIDERS[0]));
    court.check_money(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accuser_that_can_prove_nothing_loses_bond_and_seat() {
    let shown = async |court: &Court, count| court.game_logs::<DisputeGame::RowShown>().await.len() == count;
    let court = accused_falsely("nothing", shown).await;
    let count = court.slashed().await.len();
    games_won_by_the_provider(&court, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accuser_that_names_no_operator_loses_bond_and_seat() {
    let court = accused_falsely("nameOperator", async |court, count| {
        let opened = court.game_logs::<DisputeGame::GameOpened>().await.len();
        opened == count && !court.game_logs::<DisputeGame::Answered>().await.is_empty()
    })
    .await;
    let count = court.slashed().await.len();
    games_won_by_the_provider(&court, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accuser_that_opens_nothing_loses_its_seat() {
    let sealed = async |court: &Court, count| court.game_logs::<DisputeGame::ChallengeSealed>().await.len() == count;
    let court = accused_falsely("open", sealed).await;
    assert!(court.game_logs::<DisputeGame::GameOpened>().await.is_empty());
}

/// The provider hands out a false root and seals the true one: who copies it dissents, and cannot win.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_copies_a_trap_loses_its_seat_to_the_provider() {
    let dissented = async |court: &Court, count| court.draw_logs::<Verification::Dissented>().await.len() == count;
    let court = accused_falsely("sealChallenge", dissented).await;
    let slashed = court.logs::<ValidatorSeats::SeatSlashed>(court.net.suite.validator_seats).await;
    assert!(!slashed.is_empty() && slashed.iter().all(|seat| seat.beneficiary == PROVIDERS[0]));
    court.check_money(0).await;
}

/// The inputs disappear from the store: whoever is drawn has them published on chain, and has the time to read them.
#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_are_withheld_are_demanded() {
    let court = Court::start().await;
    let _provider = court.provider(honest()).await;
    let order = court.order_with(2, 1, |order| order.settleWindow = 600).await;
    eventually("the batch is committed", || async { (!court.net.batches(&order).await.is_empty()).then_some(()) })
        .await;
    let root = alloy::hex::encode(order.order.inputsRoot);
    std::fs::rename(court.net.path(&format!("blobs/inputs/{root}")), court.net.path("inputs")).unwrap();
    let _validators = court.all_validators().await;
    let supplied = eventually("the inputs are supplied", || async {
        // The provider needs the blob to answer; it has its own copy.
        let demanded = court.net.events::<JobEscrow::Demanded>().await;
        if !demanded.is_empty() && court.net.path("inputs").exists() {
            std::fs::copy(court.net.path("inputs"), court.net.path(&format!("blobs/inputs/{root}"))).unwrap();
        }
        court.net.events::<JobEscrow::Supplied>().await.into_iter().next()
    })
    .await;
    assert_eq!(supplied.batchId, batch_id(&court, &order).await);
    court.concluded(AGREED).await;
    assert!(court.slashed().await.is_empty());
}

/// The customer is in league with the provider: the inputs disappear, and what is demanded is not supplied.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_supplies_nothing_forfeits_the_batch_to_who_demanded() {
    let court = Court::start().await;
    let _provider = court.provider(silent(&["supply"])).await;
    let order = court.order_with(2, 1, |order| order.settleWindow = 600).await;
    eventually("the batch is committed", || async { (!court.net.batches(&order).await.is_empty()).then_some(()) })
        .await;
    let root = alloy::hex::encode(order.order.inputsRoot);
    std::fs::remove_file(court.net.path(&format!("blobs/inputs/{root}"))).unwrap();
    let _validators = court.all_validators().await;
    let demanded = first_event::<JobEscrow::Demanded>(&court, "the inputs are demanded").await;
    court.draw_log::<Verification::SealingExtended>("there is more time to seal", |_| true).await;
    court.net.anvil.increase_time(61).await;
    let forfeited = first_event::<JobEscrow::BatchForfeited>(&court, "the batch is forfeited").await;
    assert_eq!((forfeited.fault, forfeited.beneficiary), (WITHHELD, demanded.demander));
    assert!(court.validators.iter().any(|key| key.address() == demanded.demander));
    assert!(court.slashed().await.is_empty(), "nobody could seal");
}

/// The results are nowhere: a challenger demands one of them, which nobody can guess.
#[tokio::test(flavor = "multi_thread")]
async fn results_that_are_withheld_are_demanded_by_a_challenger() {
    let court = Court::start().await;
    let _provider = court.provider(silent(&["supply"])).await;
    let order = court.order_with(2, 1, |order| order.settleWindow = 600).await;
    let _challenger = court.challenger_from(court.without_results(&order)).await;
    let demanded = first_event::<JobEscrow::Demanded>(&court, "a result is demanded").await;
    assert_eq!(demanded.demander, court.challenger.address());
    court.net.anvil.increase_time(61).await;
    let forfeited = first_event::<JobEscrow::BatchForfeited>(&court, "the batch is forfeited").await;
    assert_eq!((forfeited.fault, forfeited.beneficiary), (WITHHELD, court.challenger.address()));
}

/// What the provider supplies on demand is enough to dispute it: who is drawn has it before it seals.
#[tokio::test(flavor = "multi_thread")]
async fn a_lie_that_is_shown_on_chain_alone_is_disputed() {
    let court = Court::start().await;
    let _provider = court.provider(lies(Stage::Middle, true)).await;
    let order = court.order_with(2, 1, |order| order.settleWindow = 600).await;
    let blobs = court.without_results(&order);
    let mut validators = Vec::new();
    for number in 0..4 {
        validators.push(court.validator_from(number, blobs.clone()).await);
    }
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |event| event.challengerWon).await;
    assert!(ended.proven && court.validators.iter().any(|key| key.address() == ended.bondTo));
    court.concluded(CONVICTED).await;
    let demanded = court.net.events::<JobEscrow::Demanded>().await;
    assert!(demanded.iter().any(|demand| demand.index == ended.index), "the leaf was demanded");
    assert!(court.slashed().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_that_is_supplied_on_demand_is_disputed_by_who_demanded_it() {
    let court = Court::start().await;
    let _provider = court.provider(lies(Stage::Last, true)).await;
    let order = court.order_with(2, 1, |order| order.settleWindow = 600).await;
    let _challenger = court.challenger_from(court.without_results(&order)).await;
    let supplied = first_event::<JobEscrow::Supplied>(&court, "a result is supplied").await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |event| event.challengerWon).await;
    assert_eq!((ended.index, ended.bondTo), (supplied.index, court.challenger.address()));
}

/// Whether a transaction was sent to the contract.
async fn was_called(court: &Court, contract: Address) -> bool {
    let rpc = &court.net.rpc;
    for number in court.net.suite.block..=rpc.get_block_number().await.unwrap() {
        let block = rpc.get_block_by_number(number.into()).full().await.unwrap().unwrap();
        if block.transactions.txns().any(|transaction| transaction.to() == Some(contract)) {
            return true;
        }
    }
    false
}

/// drand's first round, on a schedule of its own: what the network signs is the number alone. A relay that has it not, or lies,
/// keeps the draw waiting and nothing else, and costs no gas.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_drawn_by_a_round_of_drand() {
    let relay = DrandRelay::spawn(Mood::Withholding).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // Later than the setting up takes, at a second for each of its transactions.
    let network = Drand { genesis: now + 600, period: 3_600, ..Drand::quicknet(24) };
    let court = Court::start_by(Beacon::Drand(network.clone()), &[relay.url()]).await;
    let _validators = court.all_validators().await;
    let _provider = court.provider(honest()).await;
    let order = court.order(4, 2).await;
    let requested = court.draw_log::<Verification::DrawRequested>("a round is fixed", |_| true).await;
    assert_eq!(requested.round, 1);
    assert_eq!(relay.requests(), 0, "nobody asks before the round is published");

    let wait = network.genesis - court.net.now().await;
    court.net.anvil.increase_time(wait).await;
    eventually("the round is asked for", || async { (relay.requests() > 0).then_some(()) }).await;
    let undrawn = court.net.order(2, |_| {}).await;
    court.net.all_settled(&undrawn).await;
    let before = relay.set(Mood::Lying);
    eventually("the lie is heard", || async { (relay.requests() > before).then_some(()) }).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(court.draw_logs::<Verification::Drawn>().await.is_empty());
    assert!(!was_called(&court, court.net.suite.beacon).await);

    relay.set(Mood::Honest);
    court.concluded(AGREED).await;
    court.run_out(CHALLENGE_WINDOW).await;
    court.net.all_settled(&order).await;
    assert!(was_called(&court, court.net.suite.beacon).await);
    assert!(court.slashed().await.is_empty());
    court.check_money(0).await;
}

/// The escrow's number of this fault.
const WITHHELD: u8 = 0;

async fn first_event<E: SolEvent>(court: &Court, what: &str) -> E {
    eventually(what, || async { court.net.events::<E>().await.into_iter().next() }).await
}
