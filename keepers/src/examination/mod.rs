//! How operators of a node network examine providers: what is asked, when, and what counts as an answer.
//!
//! ```text
//!   checker (operator)                              seat (provider)
//!   POST /v1/probe: signed by the operator's key ──► known operator? current round? asked once?
//!                                                    computes the tasks that follow from the seed and that signature
//!   counts the time, computes a few of them anew ◄── output root of each task, signed by the seat's key
//! ```
//! The tasks follow from the operator's signature, so a provider learns of them when it is asked and not before. Its own signature is over
//! the root of a batch of these tasks ([`assay_kernels::commit`]) that is bound to the probe and to the provider.

mod door;
pub(crate) mod endpoint;
pub mod probe;
mod rounds;
mod seat;

pub use probe::{Challenge, Probe, Reply, Request};
pub use rounds::Rounds;
pub use seat::{Seat, SeatConfig, SeatSetup};

use std::{path::PathBuf, sync::Arc};

use alloy::primitives::Address;
use assay_kernels::{cuda::Backend, model::Model};
use serde::{Deserialize, Serialize};

use crate::{
    error::{KeeperError, Result},
    models,
};

/// What every provider and operator of a network has to have in common. Who differs is taken for offline, or takes others for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exam {
    /// The network, by the address of its `Uptime`; unset: the last one of the chain's record.
    pub network: Option<Address>,
    /// The model package that probes are computed with; unset: none is.
    pub model: Option<PathBuf>,
    /// Tasks of a probe.
    pub tasks: u32,
}

impl Default for Exam {
    fn default() -> Self {
        Self { network: None, model: None, tasks: 8 }
    }
}

/// The most tasks of a probe: what an answer of bounded size holds.
const MAX_TASKS: u32 = 1_024;

impl Exam {
    /// Opens the model.
    pub(crate) async fn open(&self, backend: Backend) -> Result<Arc<Model>> {
        if !(1..=MAX_TASKS).contains(&self.tasks) {
            return Err(KeeperError::Config(format!("tasks is {}, expected 1 to {MAX_TASKS}", self.tasks)));
        }
        let paths: Vec<_> = self.model.iter().cloned().collect();
        Ok(models::open(&paths, backend).await?.remove(0))
    }
}
