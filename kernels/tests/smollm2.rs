//! The real decoder: imported to the same roots everywhere, close to its floating-point source, generating what it generated before.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_kernels::{
    Model,
    import::{Llama, smollm2},
    merkle::row_root,
    prompt::{Prompt, choices},
    tokenizer::Tokenizer,
};
use rayon::prelude::*;

/// Roots of SmolLM2 as it is imported with the calibration text in this repository.
const PROGRAM_ROOT: &str = "0xf7768702a04e54de572f2a046d6f533642530fcc5cb4ecfb740984c4a50802d2";
const WEIGHTS_ROOT: &str = "0x048e4c0694dadaa094ffa4e89a94d45187b086a70cad21791412c8bf2c194644";

/// The most that its perplexity may be above that of the source.
const RATIO_MAX: f64 = 1.03;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source() -> PathBuf {
    let dir = std::env::var_os("ASSAY_SMOLLM2").map_or_else(|| root().join(".tools/smollm2"), PathBuf::from);
    let gguf = dir.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(gguf.exists(), "{} is not there: run `make setup`, or set ASSAY_SMOLLM2 to its folder", gguf.display());
    gguf
}

fn corpus(name: &str) -> Vec<String> {
    fs::read_to_string(root().join("test-fixtures/corpora").join(name)).unwrap().lines().map(str::to_owned).collect()
}

/// One test, for the import is what takes the time.
#[test]
fn smollm2_is_imported_and_holds_its_quality() {
    let out = tempfile::tempdir().unwrap();
    let calibration = corpus("prose-calibration.txt");
    let manifest = smollm2(&source(), &calibration, out.path(), &|_| ()).unwrap();
    assert_eq!((manifest.program_root.as_str(), manifest.weights_root.as_str()), (PROGRAM_ROOT, WEIGHTS_ROOT));
    let model = Model::open(out.path()).unwrap();
    let tokenizer = Tokenizer::open(out.path()).unwrap();
    answers_a_question(&model, &tokenizer);

    let texts = corpus("prose-quality.txt");
    assert!(texts.iter().all(|text| !calibration.contains(text)), "a text was used for calibration");
    let mut texts: Vec<Vec<u16>> = texts.iter().step_by(3).map(|text| tokenizer.encode(text).unwrap()).collect();
    texts.iter_mut().for_each(|ids| ids.truncate(model.tape().max_tokens() as usize));
    let float = Llama::read(&fs::read(source()).unwrap()).unwrap();
    let float: f64 = texts.par_iter().map(|ids| surprise_of_float(&float, ids)).sum();
    let integer: f64 = texts.iter().map(|ids| surprise_of(&model, ids)).sum();
    let tokens: usize = texts.iter().map(|ids| ids.len() - 1).sum();
    let ratio = ((integer - float) / tokens as f64).exp();
    println!("perplexity over {tokens} tokens: {:.3}, {ratio:.4} times the source's", (integer / tokens as f64).exp());
    assert!(tokens >= 1000 && ratio <= RATIO_MAX, "{ratio} over {tokens} tokens");
}

fn answers_a_question(model: &Model, tokenizer: &Tokenizer) {
    let question = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    let row = Prompt::new(&tokenizer.encode(question).unwrap(), 12, 0, 0).encode();
    let output = model.run(&[&row]).unwrap().remove(0);
    let answer = tokenizer.decode(&model.prompt(&row).unwrap().chosen(&choices(&output))).unwrap();
    println!("{answer}");
    assert!(answer.contains("Paris"), "{answer}");
    let trace = model.trace_of(&row, &output).unwrap();
    assert_eq!((trace.roots()[0], trace.roots().last()), (row_root(&row), Some(&row_root(&output))));
}

/// Minus the logarithm of the probability that logits give to an id.
fn surprise(logits: &[f64], id: u16) -> f64 {
    let max = logits.iter().fold(f64::MIN, |m, &logit| m.max(logit));
    max + logits.iter().map(|logit| (logit - max).exp()).sum::<f64>().ln() - logits[usize::from(id)]
}

fn surprise_of_float(model: &Llama, ids: &[u16]) -> f64 {
    let logits: Vec<f64> = model.logits(ids).into_iter().map(f64::from).collect();
    logits.chunks_exact(model.vocabulary()).zip(&ids[1..]).map(|(logits, &next)| surprise(logits, next)).sum()
}

fn surprise_of(model: &Model, ids: &[u16]) -> f64 {
    let mut sum = 0.0;
    let mut see = |place: usize, scores: &[i32]| {
        let logits: Vec<f64> = scores.iter().map(|&score| f64::from(score) / 1024.0 * std::f64::consts::LN_2).collect();
        sum += ids.get(place + 1).map_or(0.0, |&next| surprise(&logits, next));
    };
    model.scores(ids, &mut see).unwrap();
    sum
}
