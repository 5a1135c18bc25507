//! What the lives of all keepers have in common: what is supervised, and when one is ready.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{ChainService, Head, Projection, head_age},
    supervise::{Backoff, Supervisor},
    telemetry::Readiness,
    tx::TxManager,
};

/// A head older than this means that the endpoint or the chain stands still.
const STALE_HEAD: Duration = Duration::from_secs(120);

/// Follows the chain and sends transactions until `cancel` is cancelled.
pub(crate) fn supervise<P: Projection>(
    cancel: &CancellationToken,
    chain: ChainService<P>,
    tx: &TxManager,
) -> Supervisor {
    // The endpoint is asked several times a second when all is well; a pause of seconds is long.
    let quick = Backoff { most: Duration::from_secs(3), healthy: Duration::from_secs(1), ..Backoff::default() };
    let mut supervisor = Supervisor::new(cancel.clone(), quick);
    let chain = Arc::new(chain);
    supervisor.spawn("chain", move |cancel| {
        let chain = chain.clone();
        async move { chain.run(cancel).await }
    });
    let manager = tx.clone();
    supervisor.spawn("transactions", move |cancel| {
        let manager = manager.clone();
        async move { manager.run(cancel).await }
    });
    supervisor
}

/// Whether a keeper does its work: it knows the chain's head, can pay for gas and is not about to stop.
pub(crate) fn readiness(head: &watch::Receiver<Option<Head>>, tx: &TxManager, draining: bool) -> Readiness {
    let newest = *head.borrow();
    let age = head_age(head);
    let caught_up = newest.is_some_and(|head| head.caught_up);
    let fresh = age.is_some_and(|age| age < STALE_HEAD);
    let funded = !tx.is_out_of_funds();
    let ready = caught_up && fresh && funded && !draining;
    let facts = json!({
        "ready": ready,
        "caught_up": caught_up,
        "head": newest.map(|head| head.number),
        "head_age_seconds": age.map(|age| age.as_secs_f64()),
        "funded": funded,
        "draining": draining,
    });
    Readiness { ready, facts }
}
