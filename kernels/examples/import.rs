//! Imports a model: `import minilm SOURCE_DIR CALIBRATION OUT_DIR` or `import smollm2 GGUF CALIBRATION OUT_DIR`.

use std::{fs, path::Path, time::Instant};

use assay_kernels::import::{minilm, smollm2};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, source, calibration, out] = args.as_slice() else {
        return Err("usage: import minilm|smollm2 SOURCE CALIBRATION OUT_DIR".into());
    };
    let texts: Vec<String> = fs::read_to_string(calibration)?.lines().map(str::to_owned).collect();
    let (source, out) = (Path::new(source), Path::new(out));
    let start = Instant::now();
    let progress = |step| eprintln!("{:6.2} s  {step:?}", start.elapsed().as_secs_f32());
    let manifest = match model.as_str() {
        "minilm" => minilm(&source.join("model.safetensors"), &source.join("tokenizer.json"), &texts, out, &progress)?,
        "smollm2" => smollm2(source, &texts, out, &progress)?,
        other => return Err(format!("{other} is neither minilm nor smollm2").into()),
    };
    println!("{}", serde_json::to_string_pretty(&manifest)?);
    Ok(())
}
