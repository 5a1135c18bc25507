//! Does this machine make the committed bits, and how fast is it? What `assay doctor` reports.

mod peak;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use crate::{
    cuda::{self, Backend, Device, Running},
    isa::Isa,
    model::{Model, root_text},
    tape::{Tape, WeightKind},
};

/// Inputs of the tiny model with what the specification makes of them.
const VECTORS: &str = include_str!("../../../test-fixtures/vectors/tiny.json");
const TINY_TAPE: &[u8] = include_bytes!("../../../test-fixtures/models/tiny/program.tape");
const TINY_WEIGHTS: &[u8] = include_bytes!("../../../test-fixtures/models/tiny/weights.bin");

/// Tokens of the texts that speed is measured on.
const TOKENS: u32 = 128;
/// A batch is doubled until it takes so long, in seconds, or has so many tokens.
const LONG_ENOUGH: (f64, usize) = (0.2, 1 << 16);

/// What was found of something that models can run on.
#[derive(Debug, Clone, Serialize)]
pub struct Examination {
    /// The processor with the instruction set that was used, or the GPU.
    pub name: String,
    /// Committed vectors that it was given: inputs with their outputs and the roots of their traces.
    pub vectors: usize,
    /// What was not as it must be: bits that differ, failures.
    pub faults: Vec<String>,
    /// Multiplications of 8-bit numbers, each with its addition, a second in a loop that does nothing else.
    pub peak_macs_per_second: Option<f64>,
    /// How fast it runs the model that was given.
    pub speed: Option<Speed>,
}

/// How fast a model runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Speed {
    /// Tokens a second, in batches of texts of 128 tokens.
    pub tokens_per_second: f64,
    /// Multiplications of its matrix products with weights a second.
    pub macs_per_second: f64,
}

impl Examination {
    /// How much of what its bare loop reaches the matrix products of the model reach, everything between them included.
    pub fn fraction_of_peak(&self) -> Option<f64> {
        Some(self.speed?.macs_per_second / self.peak_macs_per_second?)
    }

    fn new(name: String, on: &Model, vectors: &[Vector]) -> Self {
        let faults = faults(on, vectors);
        Self { name, vectors: vectors.len(), faults, peak_macs_per_second: None, speed: None }
    }

    /// That `model` makes the outputs `expected` of the rows, and how fast it is.
    fn measure(&mut self, model: &Model, rows: &[Vec<u8>], expected: &[Vec<u8>]) {
        if outputs(model, rows) != expected {
            self.faults.push(format!("{}: the outputs are not those of the CPU", model.name()));
        }
        self.speed = Some(speed(model));
        self.faults.extend(failures(model));
    }
}

/// The processor with each instruction set that it has, the one that is used last; that one also runs `model`, which must be on
/// the processor.
pub fn cpu(model: Option<&Model>) -> Vec<Examination> {
    let vectors = vectors();
    let examine = |isa: Isa| {
        let mut tiny = tiny();
        tiny.use_isa(isa);
        Examination::new(format!("CPU, {}", isa.name()), &tiny, &vectors)
    };
    let mut all: Vec<Examination> = Isa::available().into_iter().map(examine).collect();
    if let Some(used) = all.last_mut() {
        used.peak_macs_per_second = peak::of(Isa::detect());
        used.speed = model.map(speed);
    }
    all
}

/// A GPU; it also runs `model`, whose outputs are compared with the processor's.
pub fn gpu(device: &Arc<dyn Device>, model: Option<&mut Model>) -> Examination {
    let (vectors, mut tiny) = (vectors(), tiny());
    let name = device.name();
    if let Err(why) = tiny.use_devices(vec![Arc::clone(device)]) {
        let faults = vec![why.to_string()];
        return Examination { name, vectors: 0, faults, peak_macs_per_second: None, speed: None };
    }
    let mut found = Examination::new(name, &tiny, &vectors);
    match cuda::peak(device) {
        Ok(peak) => found.peak_macs_per_second = Some(peak),
        Err(error) => found.faults.push(error.to_string()),
    }
    if let Some(model) = model {
        let rows: Vec<Vec<u8>> = (1..=8).map(|n| row(model, TOKENS * n / 8, n)).collect();
        let expected = outputs(model, &rows);
        match model.use_devices(vec![Arc::clone(device)]) {
            Ok(()) => found.measure(model, &rows, &expected),
            Err(why) => found.faults.push(format!("{}: {why}", model.name())),
        }
        // The processor can always be used.
        let _ = model.use_backend(Backend::Cpu);
    }
    found
}

/// An input with what a model makes of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vector {
    ids: Vec<u16>,
    output: Vec<i16>,
    trace: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(VECTORS).expect("committed, and read by a test")
}

fn tiny() -> Model {
    let tape = Tape::decode(TINY_TAPE).expect("committed, and opened by a test");
    Model::from_parts("tiny", tape, TINY_WEIGHTS.to_vec()).expect("as above")
}

/// Vectors of which the model makes something else, all in one batch and one by one; and failures that the processor hid.
fn faults(model: &Model, vectors: &[Vector]) -> Vec<String> {
    let bytes = |ids: &[u16]| ids.iter().flat_map(|id| id.to_be_bytes()).collect::<Vec<u8>>();
    let rows: Vec<Vec<u8>> = vectors.iter().map(|vector| bytes(&vector.ids)).collect();
    let outputs = outputs(model, &rows);
    let mut faults = Vec::new();
    for (number, (vector, row)) in vectors.iter().zip(&rows).enumerate() {
        let expected: Vec<u8> = vector.output.iter().flat_map(|x| x.to_be_bytes()).collect();
        if outputs.get(number) != Some(&expected) {
            faults.push(format!("vector {number}: the output is not what was committed"));
        }
        if model.trace(row).map(|trace| root_text(&trace.root())).as_ref() != Ok(&vector.trace) {
            faults.push(format!("vector {number}: the trace is not what was committed"));
        }
    }
    faults.extend(failures(model));
    faults
}

fn failures(model: &Model) -> Vec<String> {
    match model.running() {
        Running::Cuda { failures, .. } => failures.iter().map(ToString::to_string).collect(),
        Running::Cpu { .. } => Vec::new(),
    }
}

fn outputs(model: &Model, rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    model.run(&rows).expect("the rows are made for the model")
}

/// An input of so many units, or of as many as the model takes.
fn row(model: &Model, units: u32, seed: u32) -> Vec<u8> {
    let id = |at: u32| ((at * 7919 + seed * 104_729) % model.tape().vocabulary()) as u16;
    (0..units.min(model.max_units())).flat_map(|at| id(at).to_be_bytes()).collect()
}

fn speed(model: &Model) -> Speed {
    let (seconds, tokens) = LONG_ENOUGH;
    let mut rows: Vec<Vec<u8>> = vec![row(model, TOKENS, 0)];
    let run = |rows: &[Vec<u8>]| {
        let start = Instant::now();
        outputs(model, rows);
        start.elapsed().as_secs_f64()
    };
    while run(&rows) < seconds && rows.len() * rows[0].len() / 2 < tokens {
        let more = (0..rows.len()).map(|at| row(model, TOKENS, (rows.len() + at) as u32));
        rows.extend(more.collect::<Vec<_>>());
    }
    let fastest = (0..3).map(|_| run(&rows)).fold(f64::INFINITY, f64::min);
    let tokens_per_second = (rows.len() * rows[0].len() / 2) as f64 / fastest;
    let linear = model.tape().tensors().iter().filter(|tensor| tensor.kind == WeightKind::Linear);
    let macs: u64 = linear.map(|tensor| u64::from(tensor.rows) * u64::from(tensor.width)).sum();
    Speed { tokens_per_second, macs_per_second: tokens_per_second * macs as f64 }
}
