//! How much memory a checker takes that examines 32 seats in an epoch of two rounds, seals and reveals: on a real chain, in a process of its
//! own. Prints `{"seats", "peak_rss_mb"}`.
//!
//! ```text
//! cargo run -p assay-keepers --example examine -- [MODEL PACKAGE, else the tiny one]
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use assay_keepers::verification::Tamper;
use assay_test_fixtures::tiny_model_dir;
use common::{
    eventually,
    exam::{Exams, Manner, Stranger},
    process::{Process, Role},
};

/// As many as the devnet's network has.
const SEATS: u32 = 32;
const ROUNDS: u16 = 2;

#[tokio::main]
async fn main() {
    let package = std::env::args().nth(1).map_or_else(tiny_model_dir, Into::into);
    let exams = Exams::start_of(package, ROUNDS).await;
    // One machine answers for all.
    let stranger = Stranger::start(&exams, Manner::Honest).await;
    for _ in 0..SEATS {
        exams.enroll(stranger.key.address(), stranger.address).await;
    }
    exams.draw(0).await;
    let mut config = exams.config("checker");
    config.deadline_ms = 60_000;
    let mut checker = Process::start(&exams.net, "checker", &exams.key, &Role::Checker(config), &Tamper::default());
    checker.event("started").await;
    for round in 0..ROUNDS.into() {
        exams.enter(0, round).await;
        for _ in 0..SEATS {
            checker.event("examined").await;
        }
    }
    exams.until(exams.network.begins(1)).await;
    eventually("it seals", || async { (!exams.sealed(0).await.is_zero()).then_some(()) }).await;
    exams.draw(1).await;
    let answers = eventually("it reveals", || exams.revealed(0)).await;
    assert!(answers.iter().flatten().all(|answer| *answer == 3), "all were good: {answers:?}");
    println!(r#"{{"seats":{SEATS},"peak_rss_mb":{:.1}}}"#, checker.peak_rss() as f64 / 1e6);
    assert!(checker.terminate().await, "it stops in order");
}
