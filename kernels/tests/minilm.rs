//! The real model: imported to the same roots everywhere, close to its floating-point source, the same bits from all code.

#[allow(dead_code, reason = "tests/cuda uses the rest")]
#[path = "cuda/emulator.rs"]
mod emulator;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use assay_kernels::{
    Model,
    import::{Bert, Progress, minilm},
    merkle::row_root,
    model::{MANIFEST_FILE, Manifest},
    tokenizer::{Tokenizer, input_row, output_to_unit_vector},
};

/// Roots of MiniLM as it is imported with the calibration text in this repository.
const PROGRAM_ROOT: &str = "0x97381a9b523020c30feadffe3ce17d67f2ce7245013bd1af3eb18ff4e93e55f4";
const WEIGHTS_ROOT: &str = "0x24b8b308a25df426ae3b0fc4506e1de0fe63690c459e58e55559263e9dfebcc6";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Folder of the model's source.
fn source() -> PathBuf {
    let dir = std::env::var_os("ASSAY_MINILM").map_or_else(|| root().join(".tools/minilm"), PathBuf::from);
    let weights = dir.join("model.safetensors");
    assert!(
        weights.exists(),
        "{} is not there: run `make tools`, or set ASSAY_MINILM to the model's folder",
        weights.display()
    );
    dir
}

fn corpus(name: &str) -> Vec<String> {
    fs::read_to_string(root().join("test-fixtures/corpora").join(name)).unwrap().lines().map(str::to_owned).collect()
}

/// One test, for the import is what takes the time.
#[test]
fn minilm_is_imported_and_holds_its_quality() {
    let out = tempfile::tempdir().unwrap();
    let manifest = import(out.path());
    assert_eq!((manifest.program_root.as_str(), manifest.weights_root.as_str()), (PROGRAM_ROOT, WEIGHTS_ROOT));
    let model = Model::open(out.path()).unwrap();
    assert_eq!((model.name(), model.max_units(), model.output_len(1)), ("all-MiniLM-L6-v2", 256, 768));

    let tokenizer = Tokenizer::open(out.path()).unwrap();
    let ids: Vec<Vec<u16>> = corpus("quality.txt").iter().map(|text| tokenizer.encode(text).unwrap()).collect();
    let rows: Vec<Vec<u8>> = ids.iter().map(|ids| input_row(ids)).collect();
    let outputs = model.run(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    holds_its_quality(&ids, &outputs);

    // A trace runs alone and ends in what the batch gave.
    for task in [0, 40, ids.len() - 1] {
        let trace = model.trace(&rows[task]).unwrap();
        assert_eq!(trace.roots().first(), Some(&row_root(&rows[task])));
        assert_eq!(trace.roots().last(), Some(&row_root(&outputs[task])));
        assert_eq!(trace.roots().len(), 65);
    }
    the_gpu_makes_the_same_bits(&model, out.path(), &rows);
}

/// Whole inferences by the CUDA kernels, on the emulator: outputs of a batch, and every row's hash of a trace.
fn the_gpu_makes_the_same_bits(cpu: &Model, folder: &Path, rows: &[Vec<u8>]) {
    let mut rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    rows.sort_by_key(|row| row.len());
    let (short, middle) = (&rows[..4], rows.iter().find(|row| row.len() >= 2 * 33).unwrap());
    for (seed, build) in (0..).zip(emulator::FAST) {
        let start = Instant::now();
        let mut gpu = Model::open(folder).unwrap();
        gpu.use_devices(vec![emulator::Emulator::new(build, seed).device()]).unwrap();
        assert_eq!(gpu.run(short).unwrap(), cpu.run(short).unwrap());
        let (expected, found) = (cpu.trace(middle).unwrap(), gpu.trace(middle).unwrap());
        for operator in 0..expected.roots().len() {
            assert_eq!(expected.row_hashes(operator), found.row_hashes(operator), "operator {operator} with {build:?}");
        }
        assert_eq!(expected.root(), found.root());
        assert_eq!(gpu.running().to_string(), format!("emulated sm_{}", build.target / 10), "the CPU stood in");
        println!("emulated {build:?} in {:.1} s", start.elapsed().as_secs_f32());
    }
}

fn import(out: &Path) -> Manifest {
    let (source, start) = (source(), Instant::now());
    let texts = corpus("calibration.txt");
    let seen = std::sync::Mutex::new(Vec::new());
    let progress = |step: Progress| seen.lock().unwrap().push(step);
    let (weights, tokenizer) = (source.join("model.safetensors"), source.join("tokenizer.json"));
    let manifest = minilm(&weights, &tokenizer, &texts, out, &progress).unwrap();
    println!("imported in {:.1} s", start.elapsed().as_secs_f32());
    let seen = seen.into_inner().unwrap();
    assert!(seen.contains(&Progress::Calibrating { done: texts.len(), total: texts.len() }));
    assert_eq!((seen.first(), seen.last()), (Some(&Progress::Reading), Some(&Progress::Writing)));
    assert!(out.join(MANIFEST_FILE).exists());
    manifest
}

fn holds_its_quality(ids: &[Vec<u16>], outputs: &[Vec<u8>]) {
    let float = Bert::read(&fs::read(source().join("model.safetensors")).unwrap(), 12).unwrap();
    let calibration = corpus("calibration.txt");
    assert!(corpus("quality.txt").iter().all(|text| !calibration.contains(text)), "a text was used for calibration");
    let lengths = (ids.iter().map(Vec::len).min(), ids.iter().map(Vec::len).max());
    assert!(
        ids.len() >= 200 && lengths.0 <= Some(3) && lengths.1 >= Some(250) && lengths.1 <= Some(256),
        "{lengths:?}"
    );
    let cosine = |(ids, output): (&Vec<u16>, &Vec<u8>)| -> f64 {
        let pairs = float.embed(ids).into_iter().zip(output_to_unit_vector(output));
        pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
    };
    let cosines: Vec<f64> = ids.iter().zip(outputs).map(cosine).collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let min = cosines.iter().fold(1.0f64, |m, c| m.min(*c));
    println!("cosine to fp32 over {} texts: mean {mean:.5}, least {min:.5}", cosines.len());
    assert!(mean >= 0.997, "mean cosine {mean:.5}");
    assert!(min >= 0.985, "least cosine {min:.5}");
}
