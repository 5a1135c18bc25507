//! How well the integer SmolLM2 predicts text, against its floating-point source: `perplexity GGUF [PACKAGE_DIR]`.
//!
//! Prints `{"float": …, "integer": …, "ratio": …, "tokens": …}`, perplexities over `test-fixtures/corpora/prose-quality.txt`. Without a
//! package one is made, calibrated on `test-fixtures/corpora/prose-calibration.txt`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_kernels::{
    Model,
    import::{Llama, smollm2},
    tokenizer::Tokenizer,
};
use rayon::prelude::*;
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn lines(name: &str) -> Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/corpora").join(name);
    Ok(fs::read_to_string(path)?.lines().map(str::to_owned).collect())
}

/// Minus the logarithm of the probability that logits give to an id.
fn surprise(logits: impl Iterator<Item = f64> + Clone, id: u16) -> f64 {
    let max = logits.clone().fold(f64::MIN, f64::max);
    let sum: f64 = logits.clone().map(|logit| (logit - max).exp()).sum();
    let of_id = logits.clone().nth(id.into()).unwrap_or(f64::MIN);
    max + sum.ln() - of_id
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let source = PathBuf::from(args.next().ok_or("usage: perplexity GGUF [PACKAGE_DIR]")?);
    let made = tempfile::tempdir()?;
    let package = match args.next() {
        Some(package) => PathBuf::from(package),
        None => {
            smollm2(&source, &lines("prose-calibration.txt")?, made.path(), &|_| ())?;
            made.path().to_owned()
        }
    };
    let model = Model::open(&package)?;
    let tokenizer = Tokenizer::open(&package)?;
    let texts = lines("prose-quality.txt")?;
    let texts = texts.iter().map(|text| tokenizer.encode(text)).collect::<std::result::Result<Vec<_>, _>>()?;
    let texts: Vec<Vec<u16>> = texts
        .into_iter()
        .map(|mut ids| {
            ids.truncate(model.tape().max_tokens() as usize);
            ids
        })
        .collect();

    let float = Llama::read(&fs::read(source)?)?;
    let of_float = |ids: &Vec<u16>| -> f64 {
        let logits = float.logits(ids);
        let rows = logits.chunks_exact(float.vocabulary()).zip(&ids[1..]);
        rows.map(|(row, &next)| surprise(row.iter().map(|&logit| f64::from(logit)), next)).sum()
    };
    let of_integer = |ids: &Vec<u16>| -> Result<f64> {
        let (mut sum, unit) = (0.0, std::f64::consts::LN_2 / 1024.0);
        model.scores(ids, &mut |place, scores| {
            if let Some(&next) = ids.get(place + 1) {
                sum += surprise(scores.iter().map(|&score| f64::from(score) * unit), next);
            }
        })?;
        Ok(sum)
    };
    let tokens: usize = texts.iter().map(|ids| ids.len() - 1).sum();
    let float: f64 = texts.par_iter().map(of_float).sum();
    let integer: f64 = texts.iter().map(of_integer).sum::<Result<f64>>()?;
    let perplexity = |sum: f64| (sum / tokens as f64).exp();
    println!(
        "{}",
        json!({ "float": perplexity(float), "integer": perplexity(integer), "ratio": perplexity(integer - float), "tokens": tokens })
    );
    Ok(())
}
