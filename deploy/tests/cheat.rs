//! Cheats through the command: each loses what it should, and the dispute is told move by move.
//!
//! One kind of each mechanism; what differs from it in the operator, the silent move or the liar alone is played by the keepers' tests.

mod common;

use assay_test_fixtures::tiny_model_dir;
use common::{Assay, copy_folder};
use serde_json::Value;

fn play(kind: &str) -> Value {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let verdict = assay.json(&["demo", "--cheat", kind, "--model", "tiny"]);
    assert_eq!(verdict["cheat_lost"], true, "{verdict:#}");
    let moves = verdict["moves"].as_array().unwrap();
    assert!(moves.iter().all(|step| step["gas"].as_u64().unwrap() > 20_000), "{verdict:#}");
    verdict
}

fn moves(verdict: &Value, text: &str) -> usize {
    let texts = verdict["moves"].as_array().unwrap().iter().flat_map(|step| step["did"].as_array().unwrap());
    texts.filter(|did| did.as_str().unwrap().contains(text)).count()
}

#[test]
fn a_wrong_output_is_recomputed() {
    let verdict = play("wrong-output");
    assert_eq!(moves(&verdict, "challenger wins: one number recomputed"), 1);
    assert_eq!(moves(&verdict, "draw task"), 0);
    let game = &verdict["games"][0];
    assert_eq!((&game["moves"], verdict["games"].as_array().unwrap().len()), (&8.into(), 1), "{verdict:#}");
    assert!(game["gas"].as_u64().unwrap() < 2_000_000 && game["largest"].as_u64().unwrap() < 700_000);
}

#[test]
fn a_forged_trace_is_recomputed() {
    let verdict = play("forged-trace");
    assert!(moves(&verdict, "challenger wins: one number recomputed") >= 1);
    assert_eq!(moves(&verdict, "draw ends: convicted"), 1);
}

#[test]
fn a_silent_provider_loses_its_stake() {
    let verdict = play("silent-provider");
    assert_eq!(moves(&verdict, "open game"), 0);
    assert_eq!(moves(&verdict, "batch forfeited"), 1);
}

#[test]
fn a_silent_validator_loses_its_seat() {
    let verdict = play("silent-validator");
    // Three of four are silent, and two are drawn.
    assert!((1..=2).contains(&moves(&verdict, "slashed")), "{verdict:#}");
    assert_eq!(moves(&verdict, "settle batch"), 1);
}

#[test]
fn cheaper_weights_give_a_false_number() {
    let verdict = play("cheaper-weights");
    assert!(moves(&verdict, "challenger wins: one number recomputed") >= 1);
    assert_eq!(moves(&verdict, "draw ends: convicted"), 1);
}

#[test]
fn a_row_that_does_not_hash_is_refused() {
    let verdict = play("false-row");
    assert_eq!(moves(&verdict, "refused: DisputeGame_BadReveal"), 1);
    assert!(moves(&verdict, "challenger wins: the provider was silent") >= 1);
    assert_eq!(moves(&verdict, "show the row"), 0);
}

#[test]
fn an_accuser_that_names_no_row_loses_its_bond() {
    let verdict = play("silent-accuser-row");
    assert!(moves(&verdict, "provider wins: the challenger was silent") >= 1);
    assert_eq!(moves(&verdict, "settle batch"), 1);
}

#[test]
fn withheld_results_forfeit_the_batch() {
    let verdict = play("withheld-output");
    assert_eq!((moves(&verdict, "demand task"), moves(&verdict, "supply task")), (1, 0));
    assert_eq!(moves(&verdict, "batch forfeited: withheld"), 1);
}

#[test]
fn withheld_inputs_forfeit_the_batch() {
    let verdict = play("withheld-input");
    assert!(moves(&verdict, "more time to seal") >= 1);
    assert_eq!((moves(&verdict, "batch forfeited: withheld"), moves(&verdict, "slashed")), (1, 0));
}

#[test]
fn units_are_counted_by_the_escrow() {
    let verdict = play("wrong-units");
    assert_eq!(moves(&verdict, "batch forfeited: wrong units"), 1);
    assert_eq!(moves(&verdict, "seal challenge"), 0);
}

#[test]
fn a_game_lost_on_purpose_acquits_nobody() {
    let verdict = play("self-accusation-lost");
    assert_eq!(moves(&verdict, "provider wins: the challenger was silent"), 1);
    assert!(moves(&verdict, "challenger wins: one number recomputed") >= 1);
}

#[test]
fn kinds_are_listed_and_others_refused() {
    let assay = Assay::new();
    let kinds = assay.json(&["demo", "--cheat", "help"]);
    let names: Vec<_> = kinds["kinds"].as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert!(names.contains(&"wrong-output") && names.contains(&"colluding-validators"), "{names:?}");
    assert!(names.iter().all(|name| name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')));
    assay.fails(&["demo", "--cheat", "wrong_output"], "unknown_cheat", 2);
}
