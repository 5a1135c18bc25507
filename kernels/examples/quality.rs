//! How close the integer MiniLM comes to its floating-point source: `quality SOURCE_DIR [PACKAGE_DIR]`.
//!
//! Prints `{"mean": …, "min": …, "texts": …}`, cosines over `test-fixtures/corpora/quality.txt`. Without a package one is
//! made, calibrated on `test-fixtures/corpora/calibration.txt`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_kernels::{
    Model,
    import::{Bert, minilm},
    tokenizer::{Tokenizer, input_row, output_to_unit_vector},
};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn lines(name: &str) -> Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/corpora").join(name);
    Ok(fs::read_to_string(path)?.lines().map(str::to_owned).collect())
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let source = PathBuf::from(args.next().ok_or("usage: quality SOURCE_DIR [PACKAGE_DIR]")?);
    let safetensors = source.join("model.safetensors");
    let made = tempfile::tempdir()?;
    let package = match args.next() {
        Some(package) => PathBuf::from(package),
        None => {
            minilm(&safetensors, &source.join("tokenizer.json"), &lines("calibration.txt")?, made.path(), &|_| ())?;
            made.path().to_owned()
        }
    };
    let model = Model::open(&package)?;
    let tokenizer = Tokenizer::open(&package)?;
    let float = Bert::read(&fs::read(safetensors)?, 12)?;

    let texts = lines("quality.txt")?;
    let ids = texts.iter().map(|text| tokenizer.encode(text)).collect::<std::result::Result<Vec<_>, _>>()?;
    let rows: Vec<Vec<u8>> = ids.iter().map(|ids| input_row(ids)).collect();
    let outputs = model.run(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    let cosine = |ids: &Vec<u16>, output: &Vec<u8>| -> f64 {
        let pairs = float.embed(ids).into_iter().zip(output_to_unit_vector(output));
        pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
    };
    let cosines: Vec<f64> = ids.iter().zip(&outputs).map(|(ids, output)| cosine(ids, output)).collect();
    if std::env::var_os("ASSAY_EACH").is_some() {
        for ((text, ids), cosine) in texts.iter().zip(&ids).zip(&cosines) {
            eprintln!("{cosine:.5} {:3} {:.60}", ids.len(), text);
        }
    }
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let min = cosines.iter().fold(1.0f64, |m, c| m.min(*c));
    println!("{}", json!({ "mean": mean, "min": min, "texts": cosines.len() }));
    Ok(())
}
