//! The CUDA backend: the same bits on GPUs.
//!
//! What is launched on what is decided here and is the same for every [`Device`]; the GPU's own part is `kernels/cuda`. The
//! tests run those sources on an emulator. Whatever a GPU does not do, because it fails or runs out of memory, the CPU does:
//! the bits are the same, so nobody can tell.

mod device;
mod driver;
mod launches;
mod peak;
mod plan;
#[cfg(test)]
mod tests;
mod weights;
mod worker;

use std::{
    fmt,
    ops::Range,
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::{Deserialize, Serialize};

pub use self::device::{Address, Argument, Device, DeviceError, Kernel, Launch};
pub(crate) use self::peak::peak;
use self::{
    plan::Room,
    worker::{TOKENS_MAX, Worker, groups},
};
use crate::{cpu, merkle::Tree, tape::Tape, tensor::Tensor, weights::Weights};

/// Which hardware is to run a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor.
    Cpu,
    /// GPUs, and nothing else.
    Cuda,
    /// GPUs if there are any that can be used, else the processor.
    #[default]
    Auto,
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "auto" => Ok(Self::Auto),
            _ => Err(format!("unknown backend {text}; expected cpu, cuda or auto")),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Auto => "auto",
        })
    }
}

/// Why no GPU can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The driver's library is not installed.
    #[error("NVIDIA's driver is not installed (there is no libcuda); install it, or run on the CPU")]
    NoLibrary,
    /// The driver does not work.
    #[error("NVIDIA's driver does not answer: {reason}")]
    Driver {
        /// What it said.
        reason: String,
    },
    /// The driver is older than the kernels.
    #[error("NVIDIA's driver is too old: it supports CUDA {found}, and the kernels need {needed}; update it")]
    DriverTooOld {
        /// The newest CUDA that the driver supports.
        found: String,
        /// The oldest that would do.
        needed: String,
    },
    /// There is a driver and no GPU.
    #[error("NVIDIA's driver finds no GPU")]
    NoDevice,
    /// The GPU is older than the kernels.
    #[error("{device} has compute capability {found}, and the kernels need {needed}")]
    Architecture {
        /// The GPU.
        device: String,
        /// What it has.
        found: String,
        /// The least that would do.
        needed: String,
    },
    /// The model does not fit.
    #[error("{device} has too little free memory for the model: {reason}")]
    Memory {
        /// The GPU.
        device: String,
        /// What was missing.
        reason: String,
    },
    /// The kernels lack operators of the model.
    #[error("the GPU kernels have no operators of decoders; run it on the CPU")]
    Decoder,
    /// The GPU failed before it had done anything.
    #[error("{device} cannot be used: {reason}")]
    Fault {
        /// The GPU.
        device: String,
        /// What it said.
        reason: String,
    },
}

impl Unavailable {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoLibrary => "CUDA_NO_LIBRARY",
            Self::Driver { .. } => "CUDA_DRIVER",
            Self::DriverTooOld { .. } => "CUDA_DRIVER_TOO_OLD",
            Self::NoDevice => "CUDA_NO_DEVICE",
            Self::Architecture { .. } => "CUDA_ARCHITECTURE",
            Self::Memory { .. } => "CUDA_MEMORY",
            Self::Decoder => "CUDA_DECODER",
            Self::Fault { .. } => "CUDA_FAULT",
        }
    }

    /// Whether the same call may succeed later, with nothing installed or changed: only where others held the memory.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Memory { .. })
    }
}

/// What runs a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// The processor.
    Cpu {
        /// Why no GPU does, if one was asked for.
        because: Option<Unavailable>,
    },
    /// GPUs.
    Cuda {
        /// Their names.
        devices: Vec<String>,
        /// Failures of them so far; what failed was computed by the processor.
        failures: Vec<DeviceError>,
    },
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { because: None } => f.write_str("CPU"),
            Self::Cpu { because: Some(why) } => write!(f, "CPU, for {why}"),
            Self::Cuda { devices, failures } => {
                f.write_str(&devices.join(", "))?;
                failures.last().map_or(Ok(()), |error| write!(f, " (the CPU stood in: {error})"))
            }
        }
    }
}

/// The GPUs of this machine that can be used.
///
/// # Errors
/// Why there is none.
pub fn devices() -> Result<Vec<Arc<dyn Device>>, Unavailable> {
    driver::gpus()
}

/// A model on GPUs, with the processor to stand in for them.
#[derive(Debug)]
pub(crate) struct Engine {
    workers: Vec<Mutex<Worker>>,
    /// Of the workers' devices.
    names: Vec<String>,
    /// Where the next run begins to look for a worker.
    turn: AtomicUsize,
    failures: Mutex<Vec<DeviceError>>,
    cpu: Arc<cpu::Engine>,
}

/// Failures that are remembered.
const FAILURES_MAX: usize = 16;

impl Engine {
    /// Loads the model to every device that has room for it and computes what the processor computes.
    pub(crate) fn new(
        devices: Vec<Arc<dyn Device>>,
        cpu: Arc<cpu::Engine>,
        tape: &Tape,
        weights: &Weights,
    ) -> Result<Self, Unavailable> {
        if tape.is_decoder() {
            return Err(Unavailable::Decoder);
        }
        let (mut workers, mut names, mut first) = (Vec::new(), Vec::new(), Unavailable::NoDevice);
        let trial = Trial::new(&cpu, tape, weights);
        for device in devices {
            let name = device.name();
            match Worker::new(device, tape, weights).and_then(|worker| trial.passed_by(worker, tape)) {
                Ok(worker) => {
                    workers.push(Mutex::new(worker));
                    names.push(name);
                }
                Err(error) => {
                    tracing::warn!(device = name, %error, "not used");
                    if matches!(first, Unavailable::NoDevice) {
                        first = unavailable(name, &error);
                    }
                }
            }
        }
        if workers.is_empty() {
            return Err(first);
        }
        Ok(Self { workers, names, turn: AtomicUsize::new(0), failures: Mutex::default(), cpu })
    }

    pub(crate) fn running(&self) -> Running {
        Running::Cuda { devices: self.names.clone(), failures: lock(&self.failures).clone() }
    }

    /// The output of each task. `tasks` must be valid for the tape.
    pub(crate) fn run(&self, tape: &Tape, weights: &Weights, tasks: &[Vec<u16>]) -> Vec<Tensor> {
        let groups = self.groups(tasks);
        let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![None; groups.len()]));
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let work = |worker: &Mutex<Worker>| {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(at) else { return };
                match lock(worker).run(tape, &tasks[group.clone()]) {
                    Ok(outputs) => lock(&done)[at] = Some(outputs),
                    // The others, and after them the processor, do the rest.
                    Err(error) => return self.failed(error),
                }
            }
        };
        std::thread::scope(|scope| {
            for at in 0..self.workers.len().min(groups.len()) {
                let worker = &self.workers[(first + at) % self.workers.len()];
                scope.spawn(|| work(worker));
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stand_in = |group: Range<usize>| self.cpu.run(tape, weights, &tasks[group]);
        done.into_iter().zip(groups).flat_map(|(done, group)| done.unwrap_or_else(|| stand_in(group))).collect()
    }

    /// All tensors of one task with the trees over their rows, in the tape's order.
    pub(crate) fn trace(&self, tape: &Tape, weights: &Weights, ids: &[u16]) -> Vec<(Tensor, Tree)> {
        let worker = self.turn.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        let made = lock(&self.workers[worker]).trace(tape, ids);
        made.unwrap_or_else(|error| {
            self.failed(error);
            self.cpu.trace(tape, weights, ids)
        })
    }

    /// Runs of tasks that keep all workers busy. A worker with less memory splits them again.
    fn groups(&self, tasks: &[Vec<u16>]) -> Vec<Range<usize>> {
        let total: usize = tasks.iter().map(Vec::len).sum();
        groups(tasks, Room { tokens: total.div_ceil(self.workers.len()).min(TOKENS_MAX), tasks: TOKENS_MAX })
    }

    fn failed(&self, error: DeviceError) {
        tracing::warn!(%error, "the CPU computes what the GPU did not");
        let mut failures = lock(&self.failures);
        failures.push(error);
        let surplus = failures.len().saturating_sub(FAILURES_MAX);
        failures.drain(..surplus);
    }
}

/// Tasks with what the processor makes of them. A device that makes something else would cost its owner's stake.
struct Trial {
    tasks: [Vec<u16>; 2],
    outputs: Vec<Tensor>,
    /// Of the first.
    trace: Vec<(Tensor, Tree)>,
}

/// Tokens of a trial: more than one block of queries.
const TRIAL_TOKENS: u32 = 40;

impl Trial {
    fn new(cpu: &cpu::Engine, tape: &Tape, weights: &Weights) -> Self {
        let id = |at: u32| (at * 7919 % tape.vocabulary()) as u16;
        let ids: Vec<u16> = (0..TRIAL_TOKENS.min(tape.max_tokens())).map(id).collect();
        let tasks = [ids.clone(), ids[..1].to_vec()];
        Self { outputs: cpu.run(tape, weights, &tasks), trace: cpu.trace(tape, weights, &ids), tasks }
    }

    /// The worker, if it makes the same bits.
    fn passed_by(&self, mut worker: Worker, tape: &Tape) -> Result<Worker, DeviceError> {
        let (outputs, trace) = (worker.run(tape, &self.tasks)?, worker.trace(tape, &self.tasks[0])?);
        let same = |((tensor, tree), (known, root)): (&(Tensor, Tree), &(Tensor, Tree))| {
            tensor == known && tree.root() == root.root()
        };
        if outputs == self.outputs && trace.iter().zip(&self.trace).all(same) {
            return Ok(worker);
        }
        Err(DeviceError::Failed { reason: "what it computes is not what the CPU computes".into() })
    }
}

/// A worker that panicked left nothing half done that the next run would read.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(device: String, error: &DeviceError) -> Unavailable {
    let reason = error.to_string();
    match error {
        DeviceError::OutOfMemory { .. } => Unavailable::Memory { device, reason },
        DeviceError::Failed { .. } => Unavailable::Fault { device, reason },
    }
}
