//! Text to unit vector: `embed PACKAGE_DIR SOURCE_DIR TEXTS THREADS`, for `tools/bench embed`, which lets it take turns with a peer.
//!
//! `TEXTS` is a file of `{"32": ["…"], …}`. The first line printed is `{"startup_ms": …}`, from opening the package to the first
//! vector. Then it answers requests, a line of JSON each:
//!
//! * `{"texts": "32", "batch": 32}`: `{"seconds": …, "macs": …}`, the seconds of every batch, one after the other, and the
//!   multiply-adds of all of them.
//! * `{"texts": "32", "vectors": 8}`: `{"vectors": …, "float": …}`, of the first 8 texts, and those of the model in floating point.
//! * `{"peak": true}`: `{"macs_per_second": …}`, of a bare loop of 8-bit multiply-adds (VNNI) on as many threads.

use std::{collections::BTreeMap, fs, io::BufRead, path::PathBuf, time::Instant};

use assay_kernels::{
    Model,
    import::Bert,
    tape::Operator,
    tokenizer::{Tokenizer, input_row, output_to_unit_vector},
};
use rayon::prelude::*;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Embedder {
    model: Model,
    tokenizer: Tokenizer,
}

impl Embedder {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let row = |text: &String| self.tokenizer.encode(text).map(|ids| input_row(&ids));
        let rows = texts.par_iter().map(row).collect::<std::result::Result<Vec<_>, _>>()?;
        let outputs = self.model.run(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        Ok(outputs.iter().map(|output| output_to_unit_vector(output)).collect())
    }

    /// Multiply-adds of a text, in matrix products and in attention.
    fn macs(&self, text: &str) -> Result<u64> {
        let (tape, n) = (self.model.tape(), self.tokenizer.encode(text)?.len() as u64);
        let product = |weights: u16| {
            let spec = tape.tensors()[usize::from(weights)];
            n * u64::from(spec.rows) * u64::from(spec.width)
        };
        let width = |operator: u16| u64::from(tape.shapes()[usize::from(operator)].row_len(1));
        let macs = |operator: &Operator| match *operator {
            Operator::Linear { weights, .. } | Operator::Residual { weights, .. } | Operator::Gelu { weights, .. } => {
                product(weights)
            }
            // Scores and sums of values are as wide.
            Operator::Exp { q, .. } => 2 * n * n * width(q),
            _ => 0,
        };
        Ok(tape.operators().iter().map(macs).sum())
    }
}

/// Seconds that each batch of the texts takes.
fn seconds(embedder: &Embedder, texts: &[String], batch: usize) -> Result<Vec<f64>> {
    let time = |texts: &[String]| {
        let start = Instant::now();
        embedder.embed(texts)?;
        Ok(start.elapsed().as_secs_f64())
    };
    texts.chunks(batch).map(time).collect()
}

fn answer(embedder: &Embedder, float: &Bert, texts: &BTreeMap<String, Vec<String>>, request: &Value) -> Result<Value> {
    if request["peak"] == true {
        return Ok(json!({ "macs_per_second": peak().ok_or("this processor has no VNNI")? }));
    }
    let texts = texts.get(request["texts"].as_str().unwrap_or_default()).ok_or("there are no such texts")?;
    if let Some(count) = request["vectors"].as_u64() {
        let texts = &texts[..count as usize];
        let floats: Vec<Vec<f32>> =
            texts.iter().map(|text| Ok(float.embed(&embedder.tokenizer.encode(text)?))).collect::<Result<_>>()?;
        return Ok(json!({ "vectors": embedder.embed(texts)?, "float": floats }));
    }
    let batch = request["batch"].as_u64().ok_or("the request names no batch")?;
    let macs = texts.iter().map(|text| embedder.macs(text)).sum::<Result<u64>>()?;
    Ok(json!({ "seconds": seconds(embedder, texts, batch as usize)?, "macs": macs }))
}

fn serve() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [package, source, texts, _] = args.as_slice() else {
        return Err("usage: embed PACKAGE_DIR SOURCE_DIR TEXTS THREADS".into());
    };
    let texts: BTreeMap<String, Vec<String>> = serde_json::from_slice(&fs::read(texts)?)?;
    let start = Instant::now();
    let embedder = Embedder { model: Model::open(package)?, tokenizer: Tokenizer::open(package)? };
    embedder.embed(&["Who pays when a provider lies?".to_owned()])?;
    println!("{}", json!({ "startup_ms": start.elapsed().as_secs_f64() * 1e3 }));
    let float = Bert::read(&fs::read(source.join("model.safetensors"))?, 12)?;
    for line in std::io::stdin().lock().lines() {
        println!("{}", answer(&embedder, &float, &texts, &serde_json::from_str(&line?)?)?);
    }
    Ok(())
}

fn main() -> Result<()> {
    let threads = std::env::args().nth(4).as_deref().unwrap_or("2").parse()?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(serve)
}

/// Multiply-adds a second of all threads of the pool.
#[cfg(target_arch = "x86_64")]
fn peak() -> Option<f64> {
    const STEPS: u64 = 20_000_000;
    if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")) {
        return None;
    }
    let start = Instant::now();
    // SAFETY: the processor has what the loop is compiled for.
    let macs: u64 = rayon::broadcast(|_| unsafe { multiply_add(STEPS) }).into_iter().sum();
    Some(macs as f64 / start.elapsed().as_secs_f64())
}

#[cfg(not(target_arch = "x86_64"))]
fn peak() -> Option<f64> {
    None
}

/// Multiply-adds in registers alone, enough side by side to hide how long one takes. Returns their number.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn multiply_add(steps: u64) -> u64 {
    use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_set1_epi8};
    const SUMS: usize = 16;
    let (a, b) = (_mm512_set1_epi8(3), _mm512_set1_epi8(-5));
    let mut sums: [__m512i; SUMS] = [std::hint::black_box(a); SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, b);
        }
    }
    std::hint::black_box(sums);
    steps * SUMS as u64 * 64
}
