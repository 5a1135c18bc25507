//! How fast a model package runs: `speed PACKAGE_DIR`. Prints one JSON object a line.
//!
//! Time to open; tasks per second at batch 32 for 32 and 128 tokens, and milliseconds at batch 1, on one thread and on two;
//! a trace of 128 tokens against the same task untraced; peak memory.

use std::{path::PathBuf, time::Instant};

use assay_kernels::Model;
use serde_json::json;

/// Seconds of the fastest of several runs, and seconds of processor time that one takes on average.
fn fastest(mut run: impl FnMut()) -> (f64, f64) {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let (mut best, mut runs) = (f64::MAX, 0.0);
    while begin.elapsed().as_secs_f64() < 1.0 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1.0;
    }
    (best, (cpu_seconds() - cpu) / runs)
}

/// Processor time of this process so far, where the system tells it in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system time are the 12th and 13th field after the name, which may hold spaces itself.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A row of `n` ids within the vocabulary.
fn row(n: usize, seed: usize, vocabulary: usize) -> Vec<u8> {
    (0..n).flat_map(|i| (((i * 7919 + seed * 104_729) % vocabulary) as u16).to_be_bytes()).collect()
}

fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: speed PACKAGE_DIR")?);
    let start = Instant::now();
    let model = Model::open(&dir)?;
    println!("{}", json!({ "open_ms": start.elapsed().as_secs_f64() * 1e3 }));
    let vocabulary = model.tape().vocabulary() as usize;
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        for tokens in [32, 128] {
            let rows: Vec<Vec<u8>> = (0..32).map(|seed| row(tokens, seed, vocabulary)).collect();
            let inputs: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
            let run = |inputs: &[&[u8]]| fastest(|| drop(pool.install(|| model.run(inputs))));
            let (batch, single) = (run(&inputs), run(&inputs[..1]));
            println!(
                "{}",
                json!({ "threads": threads, "tokens": tokens, "per_second": 32.0 / batch.0, "per_cpu_second": 32.0 / batch.1, "single_ms": single.0 * 1e3 })
            );
        }
        let input = row(128, 1, vocabulary);
        let trace = fastest(|| drop(pool.install(|| model.trace(&input))));
        println!("{}", json!({ "threads": threads, "trace_128_ms": trace.0 * 1e3 }));
    }
    println!("{}", json!({ "peak_rss_mib": peak_mib() }));
    Ok(())
}
