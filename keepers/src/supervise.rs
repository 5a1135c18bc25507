//! Supervision: a task that fails is either started again, after a pause, or ends the process.
//!
//! *Recover* (the error is retryable: an endpoint is down, a disk is full): the same task again after a pause that doubles up to a
//! cap, with jitter, so that many keepers do not come back in step. *Fault* (a wrong chain, a damaged store, a panic): everything is
//! cancelled and the error is returned, since going on would hide it.

use std::{
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{KeeperError, Result};

/// Pauses between starts of a failing task.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// First pause.
    pub first: Duration,
    /// Longest pause.
    pub most: Duration,
    /// A task that ran this long starts over with the first pause.
    pub healthy: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), most: Duration::from_secs(30), healthy: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The pause after `failures` failures in a row (one or more): between half and all of the doubled pause.
    pub fn pause(&self, failures: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.most);
        whole.mul_f64(0.5 + 0.5 * jitter())
    }
}

/// A number in [0, 1). Quality does not matter, only that two processes differ.
fn jitter() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}

/// Calls `work` again after each error that may pass, as long as it got something done before (`progress` has grown): an endpoint
/// that fails now and then must not slow a keeper down as one that is down does. Without progress the error is returned, and the
/// supervisor's pauses apply.
pub async fn while_progressing<Fut>(progress: &AtomicU64, work: impl Fn() -> Fut) -> Result<()>
where
    Fut: Future<Output = Result<()>>,
{
    let first = Backoff::default();
    let mut before = progress.load(Ordering::Relaxed);
    loop {
        let error = match work().await {
            Err(error) if error.is_retryable() => error,
            ended => return ended,
        };
        let now = progress.load(Ordering::Relaxed);
        if now == before {
            return Err(error);
        }
        before = now;
        tracing::warn!(code = error.code(), %error, "failed; going on");
        tokio::time::sleep(first.pause(1)).await;
    }
}

/// A set of tasks that live and die together.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<Result<()>>,
    cancel: CancellationToken,
    backoff: Backoff,
}

impl Supervisor {
    /// A supervisor whose tasks end when `cancel` is cancelled.
    pub fn new(cancel: CancellationToken, backoff: Backoff) -> Self {
        Self { tasks: JoinSet::new(), cancel, backoff }
    }

    /// Starts a task. `start` is called again after each error that may pass; it must pick up from stored state.
    pub fn spawn<F, Fut>(&mut self, name: &'static str, start: F)
    where
        F: Fn(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.tasks.spawn(keep_running(name, start, self.cancel.clone(), self.backoff));
    }

    /// Waits until every task has ended; the first fault cancels the others and is returned.
    pub async fn wait(mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| {
                Err(KeeperError::Panicked { task: "supervised task", message: error.to_string() })
            });
            if let Err(error) = ended {
                self.cancel.cancel();
                if outcome.is_ok() {
                    outcome = Err(error);
                }
            }
        }
        outcome
    }
}

async fn keep_running<F, Fut>(name: &'static str, start: F, cancel: CancellationToken, backoff: Backoff) -> Result<()>
where
    F: Fn(CancellationToken) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let error = match AssertUnwindSafe(start(cancel.clone())).catch_unwind().await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(panic) => KeeperError::Panicked { task: name, message: panic_message(&*panic) },
        };
        if cancel.is_cancelled() {
            return Ok(());
        }
        if !error.is_retryable() {
            tracing::error!(task = name, code = error.code(), %error, "stopping");
            return Err(error);
        }
        failures = if started.elapsed() >= backoff.healthy { 1 } else { failures + 1 };
        let pause = backoff.pause(failures);
        tracing::warn!(task = name, code = error.code(), %error, failures, ?pause, "failed; starting again");
        metrics::counter!("assay_task_restarts_total", "task" => name, "code" => error.code()).increment(1);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return Ok(()),
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// Ends with SIGTERM or ctrl-C.
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    tokio::signal::ctrl_c().await.ok();
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU32};

    use super::*;

    const QUICK: Backoff =
        Backoff { first: Duration::from_millis(1), most: Duration::from_millis(4), healthy: Duration::from_secs(1) };

    fn passing() -> KeeperError {
        KeeperError::Blobs("away".into())
    }

    #[tokio::test]
    async fn what_may_pass_is_started_again() {
        let runs = Arc::new(AtomicU32::new(0));
        let mut supervisor = Supervisor::new(CancellationToken::new(), QUICK);
        let counter = runs.clone();
        supervisor.spawn("flaky", move |_| {
            let run = counter.fetch_add(1, Ordering::Relaxed);
            async move { if run < 5 { Err(passing()) } else { Ok(()) } }
        });
        supervisor.wait().await.unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn a_fault_ends_everything() {
        let mut supervisor = Supervisor::new(CancellationToken::new(), QUICK);
        supervisor.spawn("waits", |cancel| async move {
            cancel.cancelled().await;
            Ok(())
        });
        supervisor.spawn("faulty", |_| async { Err(KeeperError::WrongChain { expected: 1, actual: 2 }) });
        assert_eq!(supervisor.wait().await.unwrap_err().code(), "wrong_chain");
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_with_its_message() {
        let mut supervisor = Supervisor::new(CancellationToken::new(), QUICK);
        supervisor.spawn("broken", |_| async { panic!("index 7 of 5") });
        let error = supervisor.wait().await.unwrap_err();
        assert_eq!(error.code(), "panicked");
        assert!(error.to_string().contains("broken") && error.to_string().contains("index 7 of 5"), "{error}");
    }

    #[tokio::test]
    async fn progress_keeps_pauses_short_and_its_absence_is_an_error() {
        let progress = AtomicU64::new(0);
        let runs = AtomicU32::new(0);
        let result = while_progressing(&progress, || async {
            if runs.fetch_add(1, Ordering::Relaxed) < 3 {
                progress.fetch_add(1, Ordering::Relaxed);
            }
            Err(passing())
        })
        .await;
        assert_eq!(result.unwrap_err().code(), "blob_store_failed");
        assert_eq!(runs.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn pauses_double_up_to_the_cap_with_jitter() {
        let backoff = Backoff::default();
        for failures in 1..40 {
            let whole = Duration::from_millis(200).saturating_mul(1 << (failures - 1).min(16)).min(backoff.most);
            let pause = backoff.pause(failures);
            assert!(pause >= whole / 2 && pause <= whole, "{failures}: {pause:?} of {whole:?}");
        }
        let pauses: std::collections::BTreeSet<_> = (0..16).map(|_| backoff.pause(9)).collect();
        assert!(pauses.len() > 8, "no jitter: {pauses:?}");
    }
}
