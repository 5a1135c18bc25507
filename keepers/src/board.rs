//! The network at the newest block, for all tasks of a keeper.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
};
use assay_contracts::{
    Network, Suite,
    network::read::{ReadError, Snapshot, Watch},
};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{Head, check_chain},
    error::{KeeperError, Result},
    supervise::while_progressing,
};

/// The network of a suite whose `Uptime` lies at `uptime`; without one, the last.
///
/// # Errors
/// `bad_config` when the record has no such network.
pub(crate) fn network(suite: &Suite, uptime: Option<Address>) -> Result<Network> {
    let networks = &suite.networks;
    let found = match uptime {
        Some(address) => networks.iter().find(|network| network.uptime == address),
        None => networks.last(),
    };
    found.cloned().ok_or_else(|| {
        let which = uptime.map_or_else(|| "a node network".to_owned(), |address| format!("network {address}"));
        KeeperError::Config(format!(
            "the record of chain {} does not have {which}; `assay nodes deploy` makes one",
            suite.chain_id
        ))
    })
}

/// Follows the chain and says how the network stands at its newest block.
#[derive(Debug)]
pub(crate) struct Board {
    rpc: DynProvider,
    chain_id: u64,
    pause: Duration,
    network: Mutex<Watch>,
    snapshot: watch::Sender<Option<Arc<Snapshot>>>,
    head: watch::Sender<Option<Head>>,
    looks: AtomicU64,
}

impl Board {
    /// A board of a network of the chain, which looks at the head again after each `pause`.
    pub(crate) fn new(rpc: DynProvider, chain_id: u64, network: Network, pause: Duration) -> Self {
        Self {
            network: Mutex::new(Watch::new(rpc.clone(), network)),
            rpc,
            chain_id,
            pause,
            snapshot: watch::Sender::default(),
            head: watch::Sender::default(),
            looks: AtomicU64::new(0),
        }
    }

    /// The network, as it stands.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.snapshot.subscribe()
    }

    /// The newest block that was looked at.
    pub(crate) fn heads(&self) -> watch::Receiver<Option<Head>> {
        self.head.subscribe()
    }

    /// Follows until cancelled. Ends early with an error, which a supervisor answers by calling it again.
    ///
    /// # Errors
    /// `wrong_chain` when the endpoint serves another chain.
    pub(crate) async fn run(&self, cancel: CancellationToken) -> Result<()> {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            result = while_progressing(&self.looks, || self.follow()) => result,
        }
    }

    async fn follow(&self) -> Result<()> {
        check_chain(&self.rpc, self.chain_id).await?;
        let mut seen = B256::ZERO;
        loop {
            let head = self.rpc.get_block_by_number(BlockNumberOrTag::Latest).await;
            let head = head.map_err(KeeperError::rpc("eth_getBlockByNumber"))?;
            if let Some(head) = head.filter(|head| head.header.hash != seen) {
                match self.network.lock().await.snapshot().await {
                    Ok(snapshot) => {
                        seen = snapshot.block.hash;
                        self.publish(snapshot, head.header.base_fee_per_gas.unwrap_or_default());
                    }
                    // The next look is at the chain as it is then.
                    Err(ReadError::Changed(_) | ReadError::NoBlock(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.pause).await;
        }
    }

    fn publish(&self, snapshot: Snapshot, base_fee: u64) {
        let head = Head {
            number: snapshot.block.number,
            hash: snapshot.block.hash,
            timestamp: snapshot.time,
            base_fee,
            caught_up: true,
            stored_at: Instant::now(),
        };
        metrics::gauge!("assay_chain_head").set(head.number as f64);
        self.snapshot.send_replace(Some(Arc::new(snapshot)));
        self.head.send_replace(Some(head));
    }
}
