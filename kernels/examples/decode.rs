//! How fast a decoder generates: `decode PACKAGE_DIR`. Prints one JSON object.
//!
//! Tokens per second of one text after 32 given tokens, and of sixteen side by side; what part of the memory's bandwidth the one text
//! takes, each token reading every weight once, against a loop that does nothing but read as many bytes on as many threads.

use std::{hint::black_box, path::PathBuf, time::Instant};

use assay_kernels::{
    Model,
    prompt::Prompt,
    tape::{Operator, WeightKind},
};
use rayon::prelude::*;
use serde_json::json;

/// Tokens that are generated.
const COUNT: usize = 48;

fn seconds(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// The shortest of several runs: other work on the machine only adds to it.
fn best(runs: usize, mut run: impl FnMut()) -> f64 {
    (0..runs).map(|_| seconds(&mut run)).fold(f64::MAX, f64::min)
}

/// Bytes of weights that a token needs.
fn bytes_of(model: &Model) -> usize {
    let tape = model.tape();
    let chosen_from = tape.operators().iter().find_map(|operator| match *operator {
        Operator::Choose { words, .. } => Some(usize::from(words)),
        _ => None,
    });
    let tensors = tape.tensors().iter().enumerate();
    let read = tensors.filter(|(at, tensor)| tensor.kind == WeightKind::Linear || Some(*at) == chosen_from);
    read.map(|(_, tensor)| tensor.rows as usize * tensor.width as usize).sum()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: decode PACKAGE_DIR")?);
    let start = Instant::now();
    let model = Model::open(&dir)?;
    let open_ms = start.elapsed().as_secs_f64() * 1e3;
    let vocabulary = model.tape().vocabulary() as usize;
    let prompt = |seed: usize, count: usize| {
        let text: Vec<u16> = (0..32).map(|i| ((i * 7919 + seed * 104_729) % vocabulary) as u16).collect();
        Prompt::new(&text, count, seed as u64, 256).encode()
    };
    // What the given tokens and the first choice take is not generating.
    let per_second = |texts: usize| -> Result<f64, assay_kernels::RunError> {
        let (first, all): (Vec<_>, Vec<_>) = (0..texts).map(|seed| (prompt(seed, 1), prompt(seed, 1 + COUNT))).unzip();
        let run = |rows: &[Vec<u8>]| model.run(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()).map(drop);
        run(&first)?;
        let both = [&first, &all].map(|rows| best(3, || assert!(run(rows).is_ok())));
        Ok((texts * COUNT) as f64 / (both[1] - both[0]))
    };
    let (one, sixteen) = (per_second(1)?, per_second(16)?);

    let bytes = bytes_of(&model);
    let buffer: Vec<u64> = (0..bytes as u64 / 8).collect();
    let share = buffer.len().div_ceil(rayon::current_num_threads());
    let sum = |part: &[u64]| {
        let mut sums = [0u64; 32];
        for chunk in part.as_chunks::<32>().0 {
            sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
        }
        black_box(sums);
    };
    let read = best(10, || black_box(&buffer).par_chunks(share).for_each(sum));
    let bandwidth = bytes as f64 / read;
    println!(
        "{}",
        json!({
            "open_ms": open_ms,
            "tokens_per_second": one,
            "tokens_per_second_of_16": sixteen,
            "weight_bytes": bytes,
            "read_gb_per_second": bandwidth / 1e9,
            "fraction_of_bandwidth": one * bytes as f64 / bandwidth,
        })
    );
    Ok(())
}
