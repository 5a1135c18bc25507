//! Text to token ids, and output rows to vectors: what lies on either side of the kernel.

use std::path::Path;

use crate::{ModelError, model::TOKENIZER_FILE};

/// The tokenizer of a model.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

/// Why a text has no token ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizeError {
    /// The tokenizer gave up.
    #[error("the text cannot be tokenised: {reason}")]
    Text {
        /// What the tokenizer said.
        reason: String,
    },
    /// The vocabulary has more ids than an input row can name.
    #[error("token id {id} does not fit 16 bits; this tokenizer is for another kind of model")]
    Id {
        /// The id.
        id: u32,
    },
}

impl TokenizeError {
    /// A code that stays the same from release to release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Text { .. } => "TOKENIZE_TEXT",
            Self::Id { .. } => "TOKENIZE_ID",
        }
    }
}

impl Tokenizer {
    /// Opens `tokenizer.json` of the model package in `dir`. Padding and truncation that it asks for are ignored: a row
    /// has the tokens of its text, and a text that is too long is the caller's to split.
    ///
    /// # Errors
    /// `MODEL_TOKENIZER` when the file is missing or wrong.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        Self::from_file(&dir.join(TOKENIZER_FILE))
    }

    /// Opens a `tokenizer.json`.
    ///
    /// # Errors
    /// `MODEL_TOKENIZER` when the file is missing or wrong.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| ModelError::Tokenizer { reason: format!("{file}: {e}") })?;
        Self::from_bytes(&bytes, &file)
    }

    /// Reads what a `tokenizer.json` holds, which errors call `name`.
    ///
    /// # Errors
    /// `MODEL_TOKENIZER` when it is wrong.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self, ModelError> {
        let wrong = |e: tokenizers::Error| ModelError::Tokenizer { reason: format!("{name}: {e}") };
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(wrong)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(wrong)?;
        Ok(Self { inner })
    }

    /// Token ids of `text`, with those that open and close it.
    ///
    /// # Errors
    /// When the tokenizer cannot read the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u16>, TokenizeError> {
        let encoding = self.inner.encode_fast(text, true).map_err(|e| TokenizeError::Text { reason: e.to_string() })?;
        encoding.get_ids().iter().map(|&id| u16::try_from(id).map_err(|_| TokenizeError::Id { id })).collect()
    }
}

impl Tokenizer {
    /// The text of token ids, without those that only mark something.
    ///
    /// # Errors
    /// When the tokenizer cannot put them together.
    pub fn decode(&self, ids: &[u16]) -> Result<String, TokenizeError> {
        let ids: Vec<u32> = ids.iter().copied().map(u32::from).collect();
        self.inner.decode(&ids, true).map_err(|e| TokenizeError::Text { reason: e.to_string() })
    }

    /// The id of a token, by how the vocabulary spells it.
    pub fn id(&self, token: &str) -> Option<u16> {
        self.inner.token_to_id(token).and_then(|id| u16::try_from(id).ok())
    }
}

/// The input row of token ids: 16 bits each, big-endian.
pub fn input_row(ids: &[u16]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_be_bytes()).collect()
}

/// The vector of an output row, scaled to length 1. A row of zeros stays zero.
pub fn output_to_unit_vector(row: &[u8]) -> Vec<f32> {
    let values: Vec<f32> = row.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_be_bytes(*pair))).collect();
    let length = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32;
    values.iter().map(|v| if length == 0.0 { 0.0 } else { v / length }).collect()
}
