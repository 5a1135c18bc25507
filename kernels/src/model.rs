//! A model package, opened and checked, ready to run.
//!
//! A package is a folder: `program.tape`, `weights.bin`, `model.json` (see [`Manifest`]) and, for those who start from
//! text, `tokenizer.json`.

use std::{fs, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Hash, InputError, ModelError, RunError, Trace, cpu,
    cuda::{self, Backend, Device, Running, Unavailable},
    isa::Isa,
    merkle::Tree,
    prompt::{Prompt, choices},
    tape::{Shape, Tape},
    tensor::Tensor,
    weights::Weights,
};

/// File of the program.
pub const TAPE_FILE: &str = "program.tape";
/// File of the weights.
pub const WEIGHTS_FILE: &str = "weights.bin";
/// File that describes the package.
pub const MANIFEST_FILE: &str = "model.json";
/// File of the tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// The longest manifest or tape that is read, in bytes.
const SMALL_FILE_MAX: u64 = 4 << 20;

/// What `model.json` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What people call the model.
    pub name: String,
    /// Root of the tape, hexadecimal with `0x`.
    pub program_root: String,
    /// Root of the weights, hexadecimal with `0x`.
    pub weights_root: String,
    /// Where the weights come from.
    pub source: String,
    /// SHA-256 of the source's weights, hexadecimal.
    pub source_sha256: String,
    /// Length of the output vector; 0 of a decoder, which makes none.
    pub width: u32,
    /// Number of token ids.
    pub vocabulary: u32,
    /// The most tokens of an input.
    pub max_units: u32,
}

/// What computes. The bits are the same.
#[derive(Debug)]
enum Engine {
    Cpu { engine: Arc<cpu::Engine>, because: Option<Unavailable> },
    Cuda { engine: cuda::Engine, cpu: Arc<cpu::Engine> },
}

impl Engine {
    fn new(tape: &Tape, weights: &Weights) -> Self {
        Self::Cpu { engine: Arc::new(cpu::Engine::new(tape, weights)), because: None }
    }

    fn cpu(&self) -> Arc<cpu::Engine> {
        let (Self::Cpu { engine, .. } | Self::Cuda { cpu: engine, .. }) = self;
        Arc::clone(engine)
    }

    fn run(&self, tape: &Tape, weights: &Weights, tasks: &[Vec<u16>]) -> Vec<Tensor> {
        match self {
            Self::Cpu { engine, .. } => engine.run(tape, weights, tasks),
            Self::Cuda { engine, .. } => engine.run(tape, weights, tasks),
        }
    }

    fn trace(&self, tape: &Tape, weights: &Weights, ids: &[u16]) -> Vec<(Tensor, Tree)> {
        match self {
            Self::Cpu { engine, .. } => engine.trace(tape, weights, ids),
            Self::Cuda { engine, .. } => engine.trace(tape, weights, ids),
        }
    }
}

/// A model whose files have been checked against the roots in its manifest.
#[derive(Debug)]
pub struct Model {
    manifest: Manifest,
    program_root: Hash,
    tape: Tape,
    weights: Weights,
    /// Over the roots of the weight tensors.
    weights_tree: Tree,
    engine: Engine,
}

impl Model {
    /// Opens the package in the folder `dir`: checks roots, shapes and bounds.
    ///
    /// # Errors
    /// Codes `MODEL_*` and `TAPE_*`: a file that is missing, damaged, or no valid model.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let manifest: Manifest = serde_json::from_slice(&read_small(&dir.join(MANIFEST_FILE))?)
            .map_err(|e| ModelError::Manifest { reason: e.to_string() })?;
        let program_root = parse_root("program_root", &manifest.program_root)?;
        let weights_root = parse_root("weights_root", &manifest.weights_root)?;
        let tape = Tape::decode(&read_small(&dir.join(TAPE_FILE))?)?;
        same_root(TAPE_FILE, tape.root(), program_root)?;
        let weights = Weights::open(&dir.join(WEIGHTS_FILE), &tape)?;
        let weights_tree = weights.tree();
        same_root(WEIGHTS_FILE, weights_tree.root(), weights_root)?;
        weights.check(&tape)?;
        let engine = Engine::new(&tape, &weights);
        Ok(Self { manifest, program_root, tape, weights, weights_tree, engine })
    }

    /// A model of a tape and of the bytes of its weights, under whatever roots they have. Checks shapes and bounds.
    ///
    /// # Errors
    /// Codes `MODEL_*`: weights that are none for the tape.
    pub fn from_parts(name: &str, tape: Tape, weights: Vec<u8>) -> Result<Self, ModelError> {
        let weights = Weights::owned(weights, &tape)?;
        weights.check(&tape)?;
        let (program_root, weights_tree) = (tape.root(), weights.tree());
        let manifest = Manifest {
            name: name.to_owned(),
            program_root: root_text(&program_root),
            weights_root: root_text(&weights_tree.root()),
            width: vector_len(&tape),
            vocabulary: tape.vocabulary(),
            max_units: tape.max_tokens(),
            ..Manifest::default()
        };
        let engine = Engine::new(&tape, &weights);
        Ok(Self { manifest, program_root, tape, weights, weights_tree, engine })
    }

    /// Has the model run on the processor with an instruction set that it has.
    pub(crate) fn use_isa(&mut self, isa: Isa) {
        let engine = Arc::new(cpu::Engine::with_isa(isa, &self.tape, &self.weights));
        self.engine = Engine::Cpu { engine, because: None };
    }

    /// Has the model run on `backend` from now on. It opens on the processor.
    ///
    /// # Errors
    /// Codes `CUDA_*`, when GPUs are asked for and there is none that can be used; the model runs where it ran before.
    pub fn use_backend(&mut self, backend: Backend) -> Result<(), Unavailable> {
        let because = match backend {
            Backend::Cpu => None,
            Backend::Cuda => return self.use_devices(cuda::devices()?),
            Backend::Auto => match cuda::devices().and_then(|devices| self.use_devices(devices)) {
                Ok(()) => return Ok(()),
                Err(why) => Some(why),
            },
        };
        self.engine = Engine::Cpu { engine: self.engine.cpu(), because };
        Ok(())
    }

    /// Has the model run on these devices from now on, those of them that have room for it.
    ///
    /// # Errors
    /// Codes `CUDA_*`, when none can be used; the model runs where it ran before.
    pub fn use_devices(&mut self, devices: Vec<Arc<dyn Device>>) -> Result<(), Unavailable> {
        let cpu = self.engine.cpu();
        let engine = cuda::Engine::new(devices, Arc::clone(&cpu), &self.tape, &self.weights)?;
        self.engine = Engine::Cuda { engine, cpu };
        Ok(())
    }

    /// What runs the model, and why nothing faster does.
    pub fn running(&self) -> Running {
        match &self.engine {
            Engine::Cpu { because, .. } => Running::Cpu { because: because.clone() },
            Engine::Cuda { engine, .. } => engine.running(),
        }
    }

    /// Root of the program.
    pub fn program_root(&self) -> Hash {
        self.program_root
    }

    /// Root of the weights.
    pub fn weights_root(&self) -> Hash {
        self.weights_tree.root()
    }

    /// What people call the model.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// What `model.json` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The program.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The most units of an input.
    pub fn max_units(&self) -> u32 {
        self.tape.units(self.tape.max_tokens())
    }

    /// Bytes of the output row of a task of so many tokens.
    pub fn output_len(&self, tokens: u32) -> usize {
        self.tape.shapes().last().map_or(0, |shape| shape.row_len(tokens) as usize)
    }

    /// Units of an input row, which are paid for: each two bytes of it.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the row.
    pub fn units(&self, input_row: &[u8]) -> Result<u32, InputError> {
        let tokens = if self.tape.is_decoder() { self.prompt(input_row)?.ids } else { self.ids(input_row)? }.len();
        Ok(self.tape.units(tokens as u32))
    }

    /// The prompt in the input row of a decoder.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the row.
    pub fn prompt(&self, input_row: &[u8]) -> Result<Prompt, InputError> {
        Prompt::decode(input_row, self.tape.vocabulary(), self.tape.max_tokens())
    }

    /// Output rows of the input rows. The bits of one never depend on the others.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take one of the rows; nothing is computed then.
    pub fn run(&self, inputs: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        let outputs = if self.tape.is_decoder() {
            self.engine.cpu().generate(&self.tape, &self.weights, &each(inputs, |row| self.prompt(row))?)
        } else {
            self.engine.run(&self.tape, &self.weights, &each(inputs, |row| self.ids(row))?)
        };
        Ok(outputs.into_iter().map(|output| output.row(1, 0)).collect())
    }

    /// Roots of all tensors of a task.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the row.
    pub fn trace(&self, input: &[u8]) -> Result<Trace, RunError> {
        if self.tape.is_decoder() {
            return self.trace_of(input, &self.run(&[input])?.remove(0));
        }
        let (tokens, made) = self.trace_ids(input)?;
        let output = made.last().map_or_else(Vec::new, |(tensor, _)| tensor.row(1, 0));
        Ok(Trace::new(tokens, made, output))
    }

    fn trace_ids(&self, input: &[u8]) -> Result<(usize, Vec<(Tensor, Tree)>), RunError> {
        let ids = each(&[input], |row| self.ids(row))?.remove(0);
        Ok((ids.len(), self.engine.trace(&self.tape, &self.weights, &ids)))
    }

    /// Roots of all tensors of a task of which somebody says that `output` is the output.
    ///
    /// A decoder reads its own output as it goes on, so a false one makes another trace: that in which each choice is made after
    /// the text that is claimed. The first operator in which it differs from the other side's is false there, and the last one
    /// differs if nothing else does. An encoder reads none.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the row, and `OUTPUT_LENGTH`.
    pub fn trace_of(&self, input: &[u8], output: &[u8]) -> Result<Trace, RunError> {
        if !self.tape.is_decoder() {
            let (tokens, made) = self.trace_ids(input)?;
            return Ok(Trace::new(tokens, made, output.to_vec()));
        }
        let prompt = each(&[input], |row| self.prompt(row))?.remove(0);
        let (tokens, len) = (prompt.ids.len(), output.len());
        let expected = self.output_len(tokens as u32);
        if len != expected {
            return Err(RunError::Output { len, expected });
        }
        let made = self.engine.cpu().trace_text(&self.tape, &self.weights, &prompt, &choices(output));
        Ok(Trace::new(tokens, made, output.to_vec()))
    }

    /// Shows `see`, for each place of a text, the scores in 10 fraction bits of powers of two by which a decoder would choose what
    /// follows, before focus and noise: how likely a text is in its eyes.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the text.
    pub fn scores(&self, ids: &[u16], see: &mut (dyn FnMut(usize, &[i32]) + Send)) -> Result<(), RunError> {
        let prompt = Prompt { seed: 0, focus: 0, ids: ids.to_vec() };
        let prompt = each(&[&prompt.encode()], |row| self.prompt(row))?.remove(0);
        self.engine.cpu().products(&self.tape, &self.weights, &prompt, see);
        Ok(())
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Tree over the roots of the weight tensors.
    pub(crate) fn weights_tree(&self) -> &Tree {
        &self.weights_tree
    }

    fn ids(&self, row: &[u8]) -> Result<Vec<u16>, InputError> {
        let (pairs, rest) = row.as_chunks::<2>();
        let (max, vocabulary) = (self.tape.max_tokens(), self.tape.vocabulary());
        if row.is_empty() {
            return Err(InputError::Empty);
        }
        if !rest.is_empty() {
            return Err(InputError::Odd { len: row.len() });
        }
        if pairs.len() > max as usize {
            return Err(InputError::TooLong { units: pairs.len(), max });
        }
        let id = |(position, pair): (usize, &[u8; 2])| match u16::from_be_bytes(*pair) {
            id if u32::from(id) < vocabulary => Ok(id),
            id => Err(InputError::UnknownId { position, id, vocabulary }),
        };
        pairs.iter().enumerate().map(id).collect()
    }
}

/// What `read` makes of each row of a batch.
fn each<T>(inputs: &[&[u8]], read: impl Fn(&[u8]) -> Result<T, InputError>) -> Result<Vec<T>, RunError> {
    let read = |(task, input): (usize, &&[u8])| read(input).map_err(|source| RunError::Input { task, source });
    inputs.iter().enumerate().map(read).collect()
}

fn vector_len(tape: &Tape) -> u32 {
    match tape.shapes().last() {
        Some(&Shape::Unit(width)) => width,
        _ => 0,
    }
}

fn read_small(path: &Path) -> Result<Vec<u8>, ModelError> {
    let error = |source| ModelError::File { file: path.display().to_string(), source };
    if fs::metadata(path).map_err(error)?.len() > SMALL_FILE_MAX {
        return Err(error(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the file has more than 4 MiB")));
    }
    fs::read(path).map_err(error)
}

fn parse_root(field: &str, text: &str) -> Result<Hash, ModelError> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let mut hash = [0; 32];
    let wrong = || ModelError::Manifest { reason: format!("{field} is not 32 bytes of hexadecimal: {text}") };
    if digits.len() != 64 {
        return Err(wrong());
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).ok_or_else(wrong);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Ok(hash)
}

fn same_root(file: &'static str, found: Hash, expected: Hash) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    Err(ModelError::Root { file, found: Box::new(found), expected: Box::new(expected) })
}

/// The hash as the manifest writes it.
pub(crate) fn root_text(hash: &Hash) -> String {
    crate::error::Hex(hash).to_string()
}
