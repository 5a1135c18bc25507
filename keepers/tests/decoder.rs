//! Orders for generated text on a real chain: an honest one settles, and a false choice or cheaper weights lose a game.

mod common;

use assay_contracts::{DisputeGame, JobEscrow, Verification, protocol::draw_status::AGREED};
use assay_keepers::verification::{Stage, Tamper};
use assay_kernels::commit::BatchScope;
use assay_test_fixtures::tiny_decoder_dir;
use common::{
    PROVIDERS,
    court::{Court, DISPUTE_TIME, honest, lies},
};

/// A lone challenger plays the whole game.
async fn convicted(tamper: Tamper) -> (Court, usize) {
    let court = Court::of(tiny_decoder_dir()).await;
    let _provider = court.provider(tamper).await;
    court.order_with(2, 1, |order| order.settleWindow = 900).await;
    let _challenger = court.challenger().await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |_| true).await;
    assert!(ended.challengerWon && ended.proven);
    assert_eq!(ended.bondTo, court.challenger.address());
    assert_eq!(court.net.events::<JobEscrow::BatchForfeited>().await.len(), 1);
    let named = court.game_logs::<DisputeGame::OperatorNamed>().await.remove(0);
    (court, named.operator.into())
}

/// All that follows was generated after the false choice, so own execution tells another story from there on.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_in_the_middle_is_convicted_where_it_was_chosen() {
    let (court, operator) = convicted(Tamper { choice: Some(5), ..lies(Stage::Last, true) }).await;
    assert_eq!(operator, court.net.model.tape().operators().len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_and_a_trace_made_up_for_it_are_convicted_where_that_is_false() {
    let (court, operator) = convicted(Tamper { choice: Some(5), ..lies(Stage::Middle, true) }).await;
    assert_eq!(operator, court.net.model.tape().operators().len() / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_cheaper_weights_is_convicted() {
    convicted(Tamper { rounds_weights: true, ..honest() }).await;
}

/// Nothing that reads such a row could be proved, for nobody can show it: the words that were looked up least of all.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_of_an_impossible_length_loses_by_silence() {
    let court = Court::of(tiny_decoder_dir()).await;
    let _provider = court.provider(Tamper { cuts_output: true, ..lies(Stage::First, false) }).await;
    court.order_with(2, 1, |order| order.settleWindow = 900).await;
    let _challenger = court.challenger().await;
    let named = court.game_log::<DisputeGame::OperatorNamed>("an operator is named", |_| true).await;
    assert_eq!(usize::from(named.operator), court.net.model.tape().operators().len() - 1);
    court.run_out(DISPUTE_TIME).await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |_| true).await;
    assert!(ended.challengerWon && !ended.proven);
}

/// Only validators re-execute, and it is they who dispute.
#[tokio::test(flavor = "multi_thread")]
async fn validators_convict_a_wrong_token() {
    let court = Court::of(tiny_decoder_dir()).await;
    let _validators = court.all_validators().await;
    let _provider = court.provider(Tamper { choice: Some(5), ..lies(Stage::Last, true) }).await;
    court.order(2, 1).await;
    let ended = court.game_log::<DisputeGame::GameEnded>("the game ends", |_| true).await;
    assert!(ended.challengerWon && ended.proven);
    let drawn = court.draw_logs::<Verification::Drawn>().await.remove(0);
    assert!(drawn.validators[0].contains(&ended.bondTo));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_text_is_drawn_agreed_on_and_paid() {
    let court = Court::of(tiny_decoder_dir()).await;
    let _validators = court.all_validators().await;
    let _challenger = court.challenger().await;
    let _provider = court.provider(honest()).await;
    let order = court.order(3, 2).await;
    court.net.all_settled(&order).await;
    court.concluded(AGREED).await;
    assert!(court.game_logs::<DisputeGame::ChallengeSealed>().await.is_empty());
    let batch = court.net.batches(&order).await.remove(0);
    let units: usize = order.rows.iter().map(|row| row.len() / 2).sum();
    assert_eq!(batch.units, units as u64, "two bytes of an input are a unit");
    let scope = BatchScope { chain_id: 31_337, order_id: order.id.0, provider: PROVIDERS[0].into_array(), first: 0 };
    let results = court.net.blobs.get_batch(&batch.root.0, scope).await.unwrap();
    let rows: Vec<&[u8]> = order.rows.iter().map(Vec::as_slice).collect();
    let outputs: Vec<Vec<u8>> = results.tasks().iter().map(|task| task.row.clone()).collect();
    assert_eq!(outputs, court.net.model.run(&rows).unwrap());
    court.check_money(0).await;
}
