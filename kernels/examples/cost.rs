//! What proofs cost beside the work they are about: `cost SOURCE_DIR [PACKAGE_DIR]`, on two threads.
//!
//! Prints `{"trace_cost_ratio": …, "commit_cost_ratio": …}`: the trace of a task of 128 tokens over the same task untraced, and a
//! batch of 32 such tasks with its commitment (input hashes, task leaves, tree) over the batch without. Without a package
//! one is made of the model's source, calibrated on `test-fixtures/corpora/calibration.txt`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use assay_kernels::{
    Model,
    commit::{Batch, BatchScope, TaskOutput},
    import::minilm,
    merkle::row_root,
};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TOKENS: usize = 128;
const TASKS: usize = 32;

/// Seconds that `run` takes.
fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// Seconds of the fastest of several turns of two works. They alternate, so that both see the same machine.
fn fastest(turns: usize, mut first: impl FnMut(), mut second: impl FnMut()) -> (f64, f64) {
    (0..turns).fold((f64::MAX, f64::MAX), |best, _| (best.0.min(seconds(&mut first)), best.1.min(seconds(&mut second))))
}

fn package(source: &Path, out: &Path) -> Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/corpora/calibration.txt");
    let texts: Vec<String> = fs::read_to_string(corpus)?.lines().map(str::to_owned).collect();
    minilm(&source.join("model.safetensors"), &source.join("tokenizer.json"), &texts, out, &|_| ())?;
    Ok(())
}

/// Input rows of random-looking ids.
fn inputs(vocabulary: usize) -> Vec<Vec<u8>> {
    let id = |task: usize, t: usize| ((t * 7919 + task * 104_729) % vocabulary) as u16;
    (0..TASKS).map(|task| (0..TOKENS).flat_map(|t| id(task, t).to_be_bytes()).collect()).collect()
}

/// The commitment to what a batch of tasks gave.
fn commit(inputs: &[&[u8]], outputs: &[Vec<u8>]) -> Batch {
    let scope = BatchScope { chain_id: 1, order_id: [1; 32], provider: [2; 20], first: 0 };
    let units = TOKENS as u32;
    let task = |(input, row): (&&[u8], &Vec<u8>)| TaskOutput { input_hash: row_root(input), units, row: row.clone() };
    let batch = Batch::new(scope, inputs.iter().zip(outputs).map(task).collect());
    batch.expect("there are tasks, and few")
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let source = PathBuf::from(args.next().ok_or("usage: cost SOURCE_DIR [PACKAGE_DIR]")?);
    let made = tempfile::tempdir()?;
    let dir = match args.next() {
        Some(dir) => PathBuf::from(dir),
        None => {
            package(&source, made.path())?;
            made.path().to_owned()
        }
    };
    let model = Model::open(&dir)?;
    let rows = inputs(model.tape().vocabulary() as usize);
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let run = |rows: &[&[u8]]| model.run(rows).expect("the ids are valid");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let outputs = run(&rows);
    let (task, trace, batch, commitment) = pool.install(|| {
        let (task, trace) =
            fastest(40, || drop(run(&rows[..1])), || drop(model.trace(rows[0]).expect("the ids are valid")));
        let (batch, commitment) = fastest(5, || drop(run(&rows)), || drop(commit(&rows, &outputs)));
        (task, trace, batch, commitment)
    });
    // A commitment follows what it commits to.
    let ratios = json!({ "trace_cost_ratio": trace / task, "commit_cost_ratio": (batch + commitment) / batch });
    println!("{ratios}");
    Ok(())
}
