//! `assay simulate posp` as people and scripts run it.

mod common;

use common::Assay;

#[test]
fn the_report_agrees_and_the_frontier_is_drawn() {
    let assay = Assay::new();
    let ended = assay.run(&["simulate", "posp", "--rounds", "20000", "--out", "pictures"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for part in ["What the escrow enforces", "smallest stake: 3.00", "published example", "ringers", "GAINS", "loses"] {
        assert!(ended.stdout.contains(part), "no {part:?} in\n{}", ended.stdout);
    }
    let svg = std::fs::read_to_string(assay.path("pictures/posp-frontier.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("33.3 %"));
    assert!(std::fs::read(assay.path("pictures/posp-frontier.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn json_is_the_same_for_the_same_seed() {
    let assay = Assay::new();
    let run = |seed| assay.json(&["simulate", "posp", "--rounds", "2000", "--colluding", "10%", "--seed", seed]);
    let report = run("5");
    assert_eq!(report, run("5"));
    assert_ne!(report["scenarios"], run("6")["scenarios"]);
    assert_eq!((report["agrees"].as_bool(), report["parameters"]["colluding"].as_f64()), (Some(true), Some(0.1)));
    assert!(report["scenarios"].as_array().unwrap().len() > 10);
    assert_eq!(report["files"][1], "docs/images/posp-frontier.png");
}

#[test]
fn what_means_nothing_is_refused_with_advice() {
    let assay = Assay::new();
    let none = assay.fails(&["simulate", "posp", "--rate", "0"], "bad_rate", 2);
    assert!(none.contains("(0, 1]") && none.contains("hint"), "{none}");
    assay.fails(&["simulate", "posp", "--rate", "120%"], "bad_rate", 2);
    assay.fails(&["simulate", "posp", "--validators", "1"], "bad_validators", 2);
    assay.fails(&["simulate", "posp", "--colluding", "1"], "bad_colluding", 2);
    let text = assay.run(&["simulate", "posp", "--burned", "half"]);
    assert_eq!(text.status, 2);
    assert!(text.stderr.contains("8% or 2/25"), "{}", text.stderr);
}
