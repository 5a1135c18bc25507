//! Imports all-MiniLM-L6-v2: `import SOURCE_DIR CALIBRATION OUT_DIR`.

use std::{fs, path::Path, time::Instant};

use assay_kernels::import::minilm;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [source, calibration, out] = args.as_slice() else {
        return Err("usage: import SOURCE_DIR CALIBRATION OUT_DIR".into());
    };
    let texts: Vec<String> = fs::read_to_string(calibration)?.lines().map(str::to_owned).collect();
    let source = Path::new(source);
    let start = Instant::now();
    let progress = |step| eprintln!("{:6.2} s  {step:?}", start.elapsed().as_secs_f32());
    let manifest =
        minilm(&source.join("model.safetensors"), &source.join("tokenizer.json"), &texts, Path::new(out), &progress)?;
    println!("{}", serde_json::to_string_pretty(&manifest)?);
    Ok(())
}
