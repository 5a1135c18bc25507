//! Games on a real chain: every lie about a task ends in one recomputed number, and every silence in a lost clock.

mod common;

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolEvent,
};
use assay_contracts::{
    DisputeGame, JobEscrow, Verification,
    protocol::draw_status::{AGREED, CONVICTED},
};
use assay_keepers::verification::{Stage, Tamper};
use common::{
    PROVIDERS,
    court::{Court, DISPUTE_TIME, FEE, honest, lies, silent},
    eventually,
};

/// The whole of the pot comes to the winner with the earliest seal, once every earlier one has had its time.
async fn pot_is_claimed(court: &Court, winner: Address) {
    let before = court.net.balance(winner).await;
    let pot = court.draw_log::<Verification::PotAssigned>("a pot is assigned", |_| true).await;
    court.net.anvil.increase_time(400).await;
    let claimed = court.draw_log::<Verification::PotClaimed>("the pot is claimed", |_| true).await;
    assert_eq!(claimed.winner, winner);
    assert_eq!(claimed.amount, pot.amount);
    assert!(court.net.balance(winner).await >= before + pot.amount);
}

/// A lone challenger without stake or seat plays the whole game, while validators do not run at all.
async fn convicted_by_a_challenger(tamper: Tamper) -> (Court, DisputeGame::GameEnded) {
    won_by_a_challenger(tamper, async |_| ()).await
}

/// The same; `wait` waits for what happens on the way.
async fn won_by_a_challenger(tamper: Tamper, wait: impl AsyncFnOnce(&Court)) -> (Court, DisputeGame::GameEnded) {
    let court = Court::start().await;
    let provider = court.provider(tamper).await;
    court.order_with(2, 1, |order| order.settleWindow = 900).await;
    let _challenger = court.challenger().await;
    wait(&court).await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |event| event.challengerWon).await;
    assert_eq!(ended.bondTo, court.challenger.address());
    let forfeited = court.net.events::<JobEscrow::BatchForfeited>().await;
    assert_eq!(forfeited.len(), 1);
    drop(provider);
    pot_is_claimed(&court, court.challenger.address()).await;
    (court, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_output_from_the_first_operator_on_is_proved_by_a_challenger() {
    let (court, ended) = convicted_by_a_challenger(lies(Stage::First, true)).await;
    assert!(ended.proven);
    let named = court.game_logs::<DisputeGame::OperatorNamed>().await;
    assert_eq!(named[0].operator, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_output_from_the_middle_on_is_proved_by_a_challenger() {
    let (_, ended) = convicted_by_a_challenger(lies(Stage::Middle, true)).await;
    assert!(ended.proven);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bit_of_the_output_is_proved_by_a_challenger() {
    let (court, ended) = convicted_by_a_challenger(lies(Stage::Last, true)).await;
    assert!(ended.proven);
    let named = court.game_logs::<DisputeGame::OperatorNamed>().await;
    assert_eq!(usize::from(named[0].operator), court.net.model.tape().operators().len() - 1);
}

/// The provider lies and does not make the move `silent`, which is due after the event `E`.
async fn lost_by_silence<E: SolEvent>(silent: &str) {
    let tamper = Tamper { silent: [silent.to_owned()].into(), ..lies(Stage::Middle, true) };
    let (court, ended) = won_by_a_challenger(tamper, async |court| {
        court.game_log::<E>("its turn comes", |_| true).await;
        court.run_out(DISPUTE_TIME).await;
    })
    .await;
    assert!(!ended.proven, "silent at {silent}");
    assert!(court.game_logs::<DisputeGame::RowShown>().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_loses_the_game() {
    lost_by_silence::<DisputeGame::GameOpened>("answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_show_its_rows_loses_the_game() {
    lost_by_silence::<DisputeGame::OperatorNamed>("showRows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_show_the_row_loses_the_game() {
    lost_by_silence::<DisputeGame::RowNamed>("showRow").await;
}

/// The output is right and the trace is not: nobody but who re-executes a drawn task can see it.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_trace_under_a_right_output_is_proved_by_a_validator() {
    let court = Court::start().await;
    let validators = court.all_validators().await;
    let provider = court.provider(lies(Stage::Middle, false)).await;
    court.order(2, 1).await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |event| event.challengerWon).await;
    let drawn = court.draw_logs::<Verification::Drawn>().await.remove(0);
    assert!(drawn.validators[0].contains(&ended.bondTo));
    court.concluded(CONVICTED).await;
    assert!(court.slashed().await.is_empty());
    drop(provider);
    let pot = court.draw_log::<Verification::PotAssigned>("a pot is assigned", |_| true).await;
    assert!(drawn.validators[0].contains(&pot.winner));
    court.net.anvil.increase_time(400).await;
    court.draw_log::<Verification::PotClaimed>("the pot is claimed", |_| true).await;
    drop(validators);
    court.check_money(1).await;
}

/// So many of four validators agree with the provider's lie. They lose their seats wherever another dissents; who dissented is paid.
async fn agreed_with_a_lie(colluders: usize) {
    let court = Court::start().await;
    let lie = lies(Stage::Last, true);
    let mut validators = Vec::new();
    for number in 0..4 {
        validators.push(court.validator(number, if number < colluders { lie.clone() } else { honest() }).await);
    }
    let _provider = court.provider(lie).await;
    court.order(4, 4).await;
    court.concluded(CONVICTED).await;
    let colluders: Vec<Address> = court.validators[..colluders].iter().map(|key| key.address()).collect();
    let drawn = court.draw_logs::<Verification::Drawn>().await.remove(0);
    let mixed = drawn.validators.iter().filter(|place| {
        let liars = place.iter().filter(|validator| colluders.contains(validator)).count();
        liars > 0 && liars < place.len()
    });
    let slashed = court.slashed().await;
    assert!(slashed.iter().all(|validator| colluders.contains(validator)));
    assert_eq!(slashed.is_empty(), mixed.count() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_copies_a_lie_falls_with_it() {
    agreed_with_a_lie(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_colluding_validators_fall_with_the_provider() {
    agreed_with_a_lie(2).await;
}

/// All who were drawn agree with the lie, and the draw with them; a challenger proves it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn validators_who_all_agree_with_a_lie_fall_by_a_challenger() {
    let court = Court::start().await;
    let lie = lies(Stage::Last, true);
    let mut validators = Vec::new();
    for number in 0..4 {
        validators.push(court.validator(number, lie.clone()).await);
    }
    let _provider = court.provider(lie).await;
    court.order_with(1, 1, |order| order.settleWindow = 900).await;
    court.concluded(AGREED).await;
    assert!(court.slashed().await.is_empty());
    let _challenger = court.challenger().await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |event| event.challengerWon).await;
    assert_eq!(ended.bondTo, court.challenger.address());
    eventually("both are slashed", || async { (court.slashed().await.len() == 2).then_some(()) }).await;
}

/// Waits until the challenger has won by the referee, and does `meddle` after each move.
async fn won_despite(court: &Court, mut meddle: impl AsyncFnMut()) {
    let (mut moves, mut meddled) = (0, 0);
    let ended = loop {
        if let Some(ended) = court.game_logs::<DisputeGame::GameEnded>().await.pop() {
            break ended;
        }
        let count = court.game_moves().await;
        if count > moves {
            meddle().await;
            meddled += 1;
        }
        moves = count;
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(ended.challengerWon && ended.proven);
    assert!(meddled >= 5, "only {meddled} moves seen");
    let sealed = court.game_logs::<DisputeGame::ChallengeSealed>().await;
    let opened = court.game_logs::<DisputeGame::GameOpened>().await;
    assert_eq!((sealed.len(), opened.len()), (1, 1), "one seal, one game: {sealed:?}, {opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_killed_at_every_move_and_play_on() {
    let court = Court::start().await;
    court.order_with(2, 1, |order| order.settleWindow = 900).await;
    let start = || [court.provider_process(&lies(Stage::Middle, true)), court.challenger_process()];
    let mut processes = Vec::from(start());
    won_despite(&court, async || {
        for process in processes.drain(..) {
            process.kill().await;
        }
        processes.extend(start());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_won_through_a_reorganisation_after_every_move() {
    let court = Court::start().await;
    let order = court.order_with(2, 1, |order| order.settleWindow = 900).await;
    let provider = court.provider(lies(Stage::Middle, true)).await;
    // Order and batch must survive: a batch that is committed anew is another one, whose challenge is another too.
    eventually("the batch is committed", || async { (!court.net.batches(&order).await.is_empty()).then_some(()) })
        .await;
    court.net.anvil.mine(5).await;
    let challenger = court.challenger().await;
    let mut depths = (1..=5).cycle();
    let mut left = 8;
    won_despite(&court, async || {
        if left > 0 {
            court.net.anvil.reorg(depths.next().unwrap()).await;
            left -= 1;
        }
    })
    .await;
    assert_eq!(left, 0);
    drop((provider, challenger));
}

/// The provider loses the batch by its silence in the draw while a challenge is sealed and not yet opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_takes_its_bond_back_where_the_batch_is_lost_before_it_opens() {
    let court = Court::start().await;
    let tamper = Tamper { forgery: lies(Stage::Last, true).forgery, ..silent(&["sealTrace", "conclude"]) };
    let provider = court.provider(tamper).await;
    court.order(2, 1).await;
    let drawn = court.draw_log::<Verification::Drawn>("the batch is drawn", |_| true).await;
    // The draw is over, and nobody has said so when the challenger comes.
    court.net.anvil.increase_time(101).await;
    let challenger = court.challenger_with(silent(&["open", "conclude"])).await;
    let sealed = court.game_log::<DisputeGame::ChallengeSealed>("a challenge is sealed", |_| true).await;
    let validator = court.validator(0, honest()).await;
    court.concluded(CONVICTED).await;
    let withdrawn = court.game_log::<DisputeGame::SealWithdrawn>("the bond is taken back", |_| true).await;
    assert_eq!((withdrawn.sealHash, withdrawn.batchId, withdrawn.bond), (sealed.sealHash, drawn.batchId, sealed.bond));
    assert!(court.game_logs::<DisputeGame::GameOpened>().await.is_empty());
    drop((provider, challenger, validator));
    court.check_money(1).await;
}

/// The customer is in league with the provider, and signs its receipt when a challenge is sealed.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_wins_its_bond_back_where_a_receipt_settles_the_batch_before_it_opens() {
    let court = Court::start().await;
    let lie = lies(Stage::Last, true);
    let mut validators = Vec::new();
    for number in 0..4 {
        validators.push(court.validator(number, lie.clone()).await);
    }
    let _provider = court.provider(lie).await;
    let order = court.order_with(1, 1, |order| order.settleWindow = 900).await;
    court.concluded(AGREED).await;
    let challenger = court.challenger_with(silent(&["open"])).await;
    let sealed = court.game_log::<DisputeGame::ChallengeSealed>("a challenge is sealed", |_| true).await;
    let batch = court.net.batches(&order).await.remove(0);
    let receipt = court.net.receipt(&batch);
    let escrow = court.net.escrow();
    let accept = escrow.accept(order.order.clone(), batch, receipt).from(court.challenger.address());
    let _ = accept.send().await.unwrap();
    court.net.all_settled(&order).await;
    challenger.stop();
    challenger.wait().await.unwrap();

    let _challenger = court.challenger().await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |event| event.challengerWon).await;
    assert!(ended.proven && ended.gameId == sealed.sealHash);
    assert_eq!((ended.bondTo, ended.bond), (court.challenger.address(), sealed.bond));
    assert!(court.draw_logs::<Verification::PotAssigned>().await.is_empty(), "what is paid is paid");
    assert!(court.slashed().await.is_empty());
}

/// The escrow's numbers of these faults.
const WRONG_UNITS: u8 = 3;
const WRONG_INPUT: u8 = 4;

/// What is wrong on the face of a batch needs no game.
async fn forfeited_for(tamper: Tamper, fault: u8) {
    let court = Court::start().await;
    let _provider = court.provider(tamper).await;
    court.order_with(2, 1, |order| order.settleWindow = 900).await;
    let _challenger = court.challenger().await;
    let forfeited = eventually("the batch is forfeited", || async {
        court.net.events::<JobEscrow::BatchForfeited>().await.into_iter().next()
    })
    .await;
    assert_eq!((forfeited.fault, forfeited.beneficiary), (fault, court.challenger.address()));
    assert!(court.game_logs::<DisputeGame::ChallengeSealed>().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_unit_count_is_proved_without_a_game() {
    forfeited_for(Tamper { wrong_units: true, ..honest() }, WRONG_UNITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_was_not_ordered_is_proved_without_a_game() {
    forfeited_for(Tamper { wrong_input: true, ..honest() }, WRONG_INPUT).await;
}

/// An honest provider is challenged by nobody: the challenger computes every task and finds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_leaves_an_honest_provider_alone() {
    let court = Court::start().await;
    let _validators = court.all_validators().await;
    let _challenger = court.challenger().await;
    let _provider = court.provider(honest()).await;
    let order = court.order(3, 1).await;
    court.net.all_settled(&order).await;
    assert!(court.game_logs::<DisputeGame::ChallengeSealed>().await.is_empty());
    assert!(court.net.balance(PROVIDERS[0]).await > U256::from(FEE));
    court.check_money(0).await;
}
