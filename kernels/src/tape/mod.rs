//! The program tape: a list of tensor operators as data.
//!
//! A tape is a sequence of records of [`RECORD_LEN`] bytes: a header, the weight tensors, the operators. The program root
//! is the root of the tensor whose rows are the records, so one operator can be shown with a short proof.

mod codec;
mod liveness;
mod shape;

pub use codec::RECORD_LEN;
pub use shape::{CHOICE_LEN, LEAF_LEN_MAX, PROMPT_HEADER, Shape, TENSOR_ROWS_MAX};

use crate::{Hash, TapeError, merkle::tensor_root};

/// A valid program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    max_tokens: u32,
    tensors: Vec<WeightTensor>,
    operators: Vec<Operator>,
    shapes: Vec<Shape>,
}

/// A tensor of the weights, each of whose rows is a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightTensor {
    /// How its rows are encoded.
    pub kind: WeightKind,
    /// Number of rows.
    pub rows: u32,
    /// Elements of a row that depend on the kind.
    pub width: u32,
}

impl WeightTensor {
    /// Bytes of an encoded row.
    pub fn row_len(&self) -> usize {
        let width = self.width as usize;
        match self.kind {
            WeightKind::Words => 4 + width,
            WeightKind::Positions => 2 * width,
            WeightKind::Gains => 8,
            WeightKind::Linear => 9 + width,
            WeightKind::Scales => 4,
        }
    }
}

/// Encodings of weight rows; integers are big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightKind {
    /// One token: `mul u32 ‖ i8 × width`.
    Words = 1,
    /// One position: `i16 × width`. Angles are positions too: a cosine and a sine for each pair of channels.
    Positions = 2,
    /// One channel of a layer norm: `gain i32 ‖ bias i32`; width 1.
    Gains = 3,
    /// One output channel: `mul u32 ‖ bias i32 ‖ shift u8 ‖ i8 × width`.
    Linear = 4,
    /// One attention head: `scale u32`; width 1.
    Scales = 5,
}

/// One step of a program. The `u16` in it are positions of earlier operators or of weight tensors in the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The input of an encoder: the token ids. Its first operator, and only that.
    Ids {
        /// Number of ids that are allowed.
        vocabulary: u32,
    },
    /// Sum of the embeddings of word and position.
    Embed {
        /// Operator: ids.
        ids: u16,
        /// Weights: words.
        words: u16,
        /// Weights: positions.
        positions: u16,
        /// Right shift of word times multiplier.
        shift: u8,
    },
    /// Layer norm of a sum.
    Norm {
        /// Operator: sum.
        sum: u16,
        /// Weights: gains.
        gains: u16,
        /// Right shift after the gain, 30 less the fraction bits of the result.
        shift: u8,
        /// Whether the result is written channel by channel.
        transposed: bool,
    },
    /// Matrix product to 8 bits with a static scale.
    Linear {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: linear.
        weights: u16,
        /// Right shift after the multiplier.
        shift: u8,
        /// Whether the result is written channel by channel.
        transposed: bool,
    },
    /// Matrix product added to a residual.
    Residual {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: linear; the row's shift moves the residual to the left.
        weights: u16,
        /// Operator: norm.
        residual: u16,
        /// Right shift after the multiplier.
        shift: u8,
        /// Left shift of the residual, to which each row adds its own.
        residual_shift: u8,
    },
    /// Matrix product, GELU, quantised again.
    Gelu {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: linear.
        weights: u16,
        /// Right shift after the multiplier.
        shift: u8,
    },
    /// Exponentials of attention scores.
    Exp {
        /// Operator: queries, linear.
        q: u16,
        /// Operator: keys, linear.
        k: u16,
        /// Weights: scales.
        scales: u16,
        /// Number of heads.
        heads: u16,
        /// Right shift of the scaled scores.
        shift: u8,
    },
    /// Values weighted by the exponentials, quantised again.
    Context {
        /// Operator: exponentials.
        exp: u16,
        /// Operator: values, linear, transposed.
        v: u16,
    },
    /// Sum over the tokens.
    Pool {
        /// Operator: norm, transposed.
        x: u16,
    },
    /// The unit vector. The last operator of an encoder, and only that; its row is the output.
    Unit {
        /// Operator: pool.
        pool: u16,
    },
    /// The input of a decoder: how to choose, and the ids of a text, those that are to be chosen left blank. Its first operator, and
    /// only that.
    Prompt {
        /// Number of ids that are allowed.
        vocabulary: u32,
    },
    /// Embedding of the text. A blank has the id that the last operator chose for it.
    Lookup {
        /// Operator: prompt.
        prompt: u16,
        /// Weights: words.
        words: u16,
        /// Right shift of word times multiplier.
        shift: u8,
    },
    /// Root-mean-square norm of a stream.
    Rms {
        /// Operator: stream.
        stream: u16,
        /// Weights: gains.
        gains: u16,
        /// Right shift after the gain, 30 less the fraction bits of the result.
        shift: u8,
    },
    /// Matrix product whose channels are turned, two by two, by the angles of the token's place; to 8 bits with a static scale.
    Rotary {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: linear.
        weights: u16,
        /// Weights: positions as wide as a head.
        angles: u16,
        /// Right shift after the multiplier.
        shift: u8,
    },
    /// Exponentials of the scores with the keys up to the token's own. Several heads of queries may share one of keys.
    Causal {
        /// Operator: queries, linear.
        q: u16,
        /// Operator: keys, linear.
        k: u16,
        /// Weights: scales.
        scales: u16,
        /// Number of heads of queries.
        heads: u16,
        /// Right shift of the scaled scores.
        shift: u8,
    },
    /// Values weighted by causal exponentials, quantised again.
    Blend {
        /// Operator: causal exponentials.
        exp: u16,
        /// Operator: values, linear, transposed.
        v: u16,
    },
    /// The product of two matrix products, one of them through SiLU, quantised again.
    Gated {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: linear, through SiLU.
        gate: u16,
        /// Weights: linear.
        up: u16,
        /// Right shift after both multipliers.
        shift: u8,
    },
    /// Matrix product added to a stream.
    Add {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: linear.
        weights: u16,
        /// Operator: stream.
        stream: u16,
        /// Right shift after the multiplier.
        shift: u8,
    },
    /// The ids that follow, chosen by their scores. The last operator of a decoder, and only that; its row is the output.
    Choose {
        /// Operator: norm or quantised.
        input: u16,
        /// Weights: words.
        words: u16,
        /// Operator: prompt.
        prompt: u16,
        /// Right shift after the multiplier.
        shift: u8,
    },
}

impl Operator {
    /// Whether the operator begins an encoder or a decoder.
    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Self::Ids { .. } | Self::Prompt { .. })
    }

    /// Whether the operator ends an encoder or a decoder.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Unit { .. } | Self::Choose { .. })
    }

    /// Whether the operator may stand in an encoder (`false`) or a decoder (`true`).
    pub(crate) fn may_stand_in(&self, decoder: bool) -> bool {
        match self {
            Self::Linear { .. } => true,
            Self::Ids { .. }
            | Self::Embed { .. }
            | Self::Norm { .. }
            | Self::Residual { .. }
            | Self::Gelu { .. }
            | Self::Exp { .. }
            | Self::Context { .. }
            | Self::Pool { .. }
            | Self::Unit { .. } => !decoder,
            Self::Prompt { .. }
            | Self::Lookup { .. }
            | Self::Rms { .. }
            | Self::Rotary { .. }
            | Self::Causal { .. }
            | Self::Blend { .. }
            | Self::Gated { .. }
            | Self::Add { .. }
            | Self::Choose { .. } => decoder,
        }
    }
}

impl Tape {
    /// Checks a program and gives its shapes.
    ///
    /// # Errors
    /// The first tensor or operator that cannot stand, and why.
    pub fn new(max_tokens: u32, tensors: Vec<WeightTensor>, operators: Vec<Operator>) -> Result<Self, TapeError> {
        let shapes = shape::check(max_tokens, &tensors, &operators)?;
        Ok(Self { max_tokens, tensors, operators, shapes })
    }

    /// Reads a program.
    ///
    /// # Errors
    /// When the bytes are malformed or the program cannot stand.
    pub fn decode(bytes: &[u8]) -> Result<Self, TapeError> {
        let (max_tokens, tensors, operators) = codec::decode(bytes)?;
        Self::new(max_tokens, tensors, operators)
    }

    /// The bytes of the program.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self.max_tokens, &self.tensors, &self.operators)
    }

    /// Root of the program: its records are the leaves.
    pub fn root(&self) -> Hash {
        tensor_root(self.encode().chunks(RECORD_LEN))
    }

    /// The most tokens that an input may have.
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// Units of an input row of `tokens` tokens. Two bytes are one, and a prompt has some before its ids.
    pub fn units(&self, tokens: u32) -> u32 {
        tokens + if self.is_decoder() { PROMPT_HEADER as u32 / 2 } else { 0 }
    }

    /// Number of token ids.
    pub fn vocabulary(&self) -> u32 {
        match self.operators[0] {
            Operator::Ids { vocabulary } | Operator::Prompt { vocabulary } => vocabulary,
            _ => 0,
        }
    }

    /// Whether the program generates text.
    pub fn is_decoder(&self) -> bool {
        matches!(self.operators[0], Operator::Prompt { .. })
    }

    /// The weight tensors.
    pub fn tensors(&self) -> &[WeightTensor] {
        &self.tensors
    }

    /// The operators.
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// What each operator makes.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Bytes of all weight rows.
    pub fn weights_len(&self) -> u64 {
        self.tensors.iter().map(|tensor| u64::from(tensor.rows) * tensor.row_len() as u64).sum()
    }
}
