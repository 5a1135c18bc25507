//! What can go wrong with a model, an input, or a run.

use std::{fmt, io};

use crate::Hash;

/// Why a model package was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file of the package cannot be read.
    #[error("cannot read {file} of the model: {source}; import the model again or point to its folder")]
    File {
        /// The file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// `model.json` is not what it should be.
    #[error("model.json does not describe a model: {reason}; import the model again")]
    Manifest {
        /// What is wrong in it.
        reason: String,
    },
    /// The tape is no valid program.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Tape or weights are not those that the manifest names.
    #[error("{file} has root {}, and model.json says {}; the file was changed or damaged: import the model again", Hex(&found[..]), Hex(&expected[..]))]
    Root {
        /// The file.
        file: &'static str,
        /// Root of what was read.
        found: Box<Hash>,
        /// Root that the manifest names.
        expected: Box<Hash>,
    },
    /// The weights have another length than the tape gives them.
    #[error("weights.bin has {found} bytes, and the tape asks for {expected}; import the model again")]
    WeightsLength {
        /// Length of the file.
        found: u64,
        /// Length that the tape states.
        expected: u64,
    },
    /// A weight is outside the bounds that keep the arithmetic from overflowing.
    #[error("row {row} of weight tensor {tensor} is out of bounds: {reason}; such a model cannot be run")]
    WeightsRange {
        /// Position of the tensor in the tape.
        tensor: usize,
        /// Row of the tensor.
        row: usize,
        /// Which bound it breaks.
        reason: &'static str,
    },
    /// The tokenizer cannot be used.
    #[error("tokenizer.json cannot be used: {reason}; import the model again")]
    Tokenizer {
        /// What the tokenizer said.
        reason: String,
    },
}

impl ModelError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "MODEL_FILE",
            Self::Manifest { .. } => "MODEL_MANIFEST",
            Self::Tape(error) => error.code(),
            Self::Root { .. } => "MODEL_ROOT",
            Self::WeightsLength { .. } => "MODEL_WEIGHTS_LENGTH",
            Self::WeightsRange { .. } => "MODEL_WEIGHTS_RANGE",
            Self::Tokenizer { .. } => "MODEL_TOKENIZER",
        }
    }

    /// Whether the same call may succeed later: only where the operating system was in the way.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() != io::ErrorKind::NotFound)
    }
}

/// Why bytes are no valid tape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TapeError {
    /// The bytes cannot be read as records.
    #[error("the tape is malformed at byte {at}: {reason}")]
    Format {
        /// Where.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A weight tensor has a shape that is not allowed.
    #[error("weight tensor {tensor} of the tape: {reason}")]
    Tensor {
        /// Position in the tape.
        tensor: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An operator cannot be computed or refereed as it stands.
    #[error("operator {operator} of the tape: {reason}")]
    Operator {
        /// Position in the tape.
        operator: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl TapeError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "TAPE_FORMAT",
            Self::Tensor { .. } => "TAPE_TENSOR",
            Self::Operator { .. } => "TAPE_OPERATOR",
        }
    }
}

/// Why an input row is none for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// No token at all.
    #[error("the input is empty; it needs at least one token")]
    Empty,
    /// Less than what stands before the tokens of a prompt.
    #[error("the input has {len} bytes; a prompt begins with a seed and a focus of ten bytes")]
    Short {
        /// Length of the row in bytes.
        len: usize,
    },
    /// Half a token at the end.
    #[error("the input has {len} bytes; token ids take two bytes each")]
    Odd {
        /// Length of the row in bytes.
        len: usize,
    },
    /// More tokens than the model takes.
    #[error("the input has {units} tokens, and the model takes {max}; split the text")]
    TooLong {
        /// Tokens in the row.
        units: usize,
        /// The most that the model takes.
        max: u32,
    },
    /// An id outside the vocabulary.
    #[error("token {position} has id {id}, and the vocabulary ends at {vocabulary}; use the model's own tokenizer")]
    UnknownId {
        /// Position in the row.
        position: usize,
        /// The id.
        id: u16,
        /// Number of ids.
        vocabulary: u32,
    },
}

impl InputError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "INPUT_EMPTY",
            Self::Short { .. } => "INPUT_SHORT",
            Self::Odd { .. } => "INPUT_ODD",
            Self::TooLong { .. } => "INPUT_TOO_LONG",
            Self::UnknownId { .. } => "INPUT_UNKNOWN_ID",
        }
    }

    /// Never: the same input stays wrong.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// Why a run gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// An input of the batch is wrong.
    #[error("task {task} of the batch: {source}")]
    Input {
        /// Position in the batch.
        task: usize,
        /// What is wrong with its input.
        source: InputError,
    },
    /// What is said to be the output has another length.
    #[error("the output has {len} bytes, and one of this task has {expected}")]
    Output {
        /// Length of what was given.
        len: usize,
        /// Length of an output of the task.
        expected: usize,
    },
}

impl RunError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Input { source, .. } => source.code(),
            Self::Output { .. } => "OUTPUT_LENGTH",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Input { source, .. } => source.is_retryable(),
            Self::Output { .. } => false,
        }
    }
}

/// Shows bytes as `0x…`.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
