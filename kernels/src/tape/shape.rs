//! Shapes, and the rules that keep every element computable without overflow and cheap to referee.

use super::{Operator, WeightKind, WeightTensor};
use crate::TapeError;

/// The most rows that an operator's tensor may have.
pub const TENSOR_ROWS_MAX: u32 = 512;

/// The most bytes of a leaf, and of all leaves that one element depends on.
pub const LEAF_LEN_MAX: u32 = 8192;

/// The widest row: in a matrix product, `127·127·2048·32767 / 2^9` is below `2^31`.
const WIDTH_MAX: u32 = 2048;

/// The most units: the sum of as many exponentials fits 16 bits.
const UNITS_MAX: u32 = 257;

/// What an operator makes of `n` units. `rows × leaf`, integers big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `1 × u16[n]`.
    Ids,
    /// `n × (mean i32 ‖ deviation u32 ‖ i32[width])`.
    Sum(u32),
    /// `n × (max u16 ‖ i16[width])`.
    Norm(u32),
    /// `width × i16[n]`.
    NormT(u32),
    /// `n × i8[width]`.
    Linear(u32),
    /// `width × i8[n]`.
    LinearT(u32),
    /// `n × ((max i32 ‖ argmax u16 ‖ sum u16) × heads ‖ (u8[n]) × heads)`, for keys and queries of `width`.
    Exp {
        /// Number of heads.
        heads: u32,
        /// Width of the queries.
        width: u32,
    },
    /// `n × (max u16 ‖ argmax u16 ‖ i8[width])`.
    Quantised(u32),
    /// `1 × (root u32 ‖ i32[width])`.
    Pool(u32),
    /// `1 × i16[width]`.
    Unit(u32),
    /// `1 × (seed u64 ‖ focus u16 ‖ u16[n])`.
    Prompt,
    /// `n × (root u32 ‖ i32[width])`.
    Stream(u32),
    /// As [`Shape::Exp`], for queries of `width`; `groups` heads of keys serve `heads` heads of queries.
    Causal {
        /// Number of heads of queries.
        heads: u32,
        /// Number of heads of keys and values.
        groups: u32,
        /// Width of the queries.
        width: u32,
    },
    /// `1 × (max i32 ‖ id u16)[n]`, chosen among as many ids.
    Choice(u32),
}

/// Bytes of a prompt's row before its ids: the seed and the focus.
pub const PROMPT_HEADER: usize = 10;
/// Bytes that a choice takes in its row: the largest score and the id that has it.
pub const CHOICE_LEN: usize = 6;

impl Shape {
    /// Rows of the tensor of `n` units.
    pub fn rows(&self, n: u32) -> u32 {
        match *self {
            Self::Ids | Self::Pool(_) | Self::Unit(_) | Self::Prompt | Self::Choice(_) => 1,
            Self::NormT(width) | Self::LinearT(width) => width,
            Self::Sum(_) | Self::Norm(_) | Self::Linear(_) | Self::Exp { .. } | Self::Quantised(_) => n,
            Self::Stream(_) | Self::Causal { .. } => n,
        }
    }

    /// Bytes of a row of the tensor of `n` units.
    pub fn row_len(&self, n: u32) -> u32 {
        match *self {
            Self::Ids | Self::NormT(_) => 2 * n,
            Self::Sum(width) => 8 + 4 * width,
            Self::Norm(width) => 2 + 2 * width,
            Self::Linear(width) => width,
            Self::LinearT(_) => n,
            Self::Exp { heads, .. } | Self::Causal { heads, .. } => heads * (8 + n),
            Self::Quantised(width) => 4 + width,
            Self::Pool(width) | Self::Stream(width) => 4 + 4 * width,
            Self::Unit(width) => 2 * width,
            Self::Prompt => PROMPT_HEADER as u32 + 2 * n,
            Self::Choice(_) => CHOICE_LEN as u32 * n,
        }
    }

    /// Numbers proper in a row of the tensor of `n` units, headers apart. A referee's questions about a row begin with them. A choice
    /// has one for each score that it was made among.
    pub fn elements(&self, n: u32) -> u32 {
        match *self {
            Self::Ids | Self::NormT(_) | Self::LinearT(_) | Self::Prompt => n,
            Self::Sum(width)
            | Self::Stream(width)
            | Self::Norm(width)
            | Self::Linear(width)
            | Self::Quantised(width)
            | Self::Pool(width)
            | Self::Unit(width) => width,
            Self::Exp { heads, .. } | Self::Causal { heads, .. } => heads * n,
            Self::Choice(vocabulary) => vocabulary * n,
        }
    }

    /// What the header of a row holds that the row alone refutes; a referee's questions about a row end with them: mean and
    /// deviation of a sum, the maximum of a norm, the root of a pool or stream, the sum of each head's exponentials.
    pub fn summaries(&self) -> u32 {
        match *self {
            Self::Sum(_) | Self::Norm(_) | Self::Pool(_) | Self::Stream(_) => 1,
            Self::Exp { heads, .. } | Self::Causal { heads, .. } => heads,
            Self::Ids | Self::NormT(_) | Self::Linear(_) | Self::LinearT(_) | Self::Quantised(_) | Self::Unit(_) => 0,
            Self::Prompt | Self::Choice(_) => 0,
        }
    }

    /// Width of a row of int8 activations with a maximum of its own, as matrix products read.
    fn activations(&self) -> Option<u32> {
        match *self {
            Self::Norm(width) | Self::Quantised(width) => Some(width),
            _ => None,
        }
    }
}

pub(super) fn check(max_units: u32, tensors: &[WeightTensor], operators: &[Operator]) -> Result<Vec<Shape>, TapeError> {
    if !(1..=UNITS_MAX).contains(&max_units) {
        return Err(TapeError::Format { at: 8, reason: "the most units must be 1 to 257" });
    }
    if tensors.len() > usize::from(u16::MAX) || operators.len() > usize::from(u16::MAX) {
        return Err(TapeError::Format { at: 10, reason: "more than 65,535 tensors or operators" });
    }
    for (tensor, weights) in tensors.iter().enumerate() {
        check_tensor(weights).map_err(|reason| TapeError::Tensor { tensor, reason })?;
    }
    let mut shapes = Vec::with_capacity(operators.len());
    for (operator, code) in operators.iter().enumerate() {
        let known = Known { max_units, tensors, operators, shapes: &shapes };
        let shape = known.shape_of(code).and_then(|shape| {
            if [code.is_first(), code.is_last()] != [operator == 0, operator + 1 == operators.len()] {
                return Err("the input must come first and the output last, and both only there");
            }
            if !code.may_stand_in(matches!(operators[0], Operator::Prompt { .. })) {
                return Err("an encoder and a decoder have only the linear product in common");
            }
            known.check_limits(code, shape)
        });
        shapes.push(shape.map_err(|reason| TapeError::Operator { operator, reason })?);
    }
    if shapes.is_empty() {
        return Err(TapeError::Format { at: 12, reason: "there are no operators" });
    }
    Ok(shapes)
}

fn check_tensor(tensor: &WeightTensor) -> Result<(), &'static str> {
    let width_max = match tensor.kind {
        WeightKind::Gains | WeightKind::Scales => 1,
        WeightKind::Linear | WeightKind::Words | WeightKind::Positions => WIDTH_MAX,
    };
    let rows_max = if tensor.kind == WeightKind::Words { 1 << 16 } else { WIDTH_MAX };
    if !(1..=rows_max).contains(&tensor.rows) {
        return Err("the number of rows is zero or too large for its kind");
    }
    if !(1..=width_max).contains(&tensor.width) {
        return Err("the width is zero or too large for its kind");
    }
    Ok(())
}

/// What is known when an operator is checked: all that stands before it.
struct Known<'a> {
    max_units: u32,
    tensors: &'a [WeightTensor],
    operators: &'a [Operator],
    shapes: &'a [Shape],
}

impl Known<'_> {
    fn shape(&self, operator: u16) -> Result<Shape, &'static str> {
        self.shapes.get(usize::from(operator)).copied().ok_or("it reads an operator that does not stand before it")
    }

    fn weights(&self, tensor: u16, kind: WeightKind) -> Result<&WeightTensor, &'static str> {
        let found = self.tensors.get(usize::from(tensor)).ok_or("it reads a weight tensor that is not there")?;
        if found.kind == kind { Ok(found) } else { Err("its weight tensor is of another kind") }
    }

    /// Shape of the result, when inputs and weights fit each other.
    fn shape_of(&self, operator: &Operator) -> Result<Shape, &'static str> {
        match *operator {
            Operator::Ids { vocabulary } => match vocabulary {
                1..=0x1_0000 => Ok(Shape::Ids),
                _ => Err("the vocabulary must be 1 to 65,536"),
            },
            Operator::Embed { ids, words, positions, shift } => self.embed(ids, words, positions, shift),
            Operator::Norm { sum, gains, shift, transposed } => {
                let Shape::Sum(width) = self.shape(sum)? else { return Err("a norm reads a sum") };
                equal(self.weights(gains, WeightKind::Gains)?.rows, width, "a norm needs one gain a channel")?;
                within(shift, 16..=30, "the shift of a norm must be 16 to 30")?;
                Ok(if transposed { Shape::NormT(width) } else { Shape::Norm(width) })
            }
            Operator::Linear { input, weights, shift, transposed } => {
                let width = self.product(input, weights, shift)?;
                Ok(if transposed { Shape::LinearT(width) } else { Shape::Linear(width) })
            }
            Operator::Residual { input, weights, residual, shift, residual_shift } => {
                let width = self.product(input, weights, shift)?;
                let Shape::Norm(other) = self.shape(residual)? else { return Err("the residual must be a norm") };
                equal(other, width, "product and residual must have one width")?;
                within(residual_shift, 0..=14, "the residual's shift must be 0 to 14")?;
                Ok(Shape::Sum(width))
            }
            Operator::Gelu { input, weights, shift } => Ok(Shape::Quantised(self.product(input, weights, shift)?)),
            Operator::Exp { q, k, scales, heads, shift } => self.exp(q, k, scales, heads.into(), shift),
            Operator::Context { exp, v } => {
                let Shape::Exp { heads, .. } = self.shape(exp)? else { return Err("a context reads exponentials") };
                let Shape::LinearT(width) = self.shape(v)? else { return Err("values must be a transposed product") };
                equal(width % heads, 0, "the values must divide evenly among the heads")?;
                Ok(Shape::Quantised(width))
            }
            Operator::Pool { x } => match self.shape(x)? {
                Shape::NormT(width) => Ok(Shape::Pool(width)),
                _ => Err("a pool reads a transposed norm"),
            },
            Operator::Unit { pool } => match self.shape(pool)? {
                Shape::Pool(width) => Ok(Shape::Unit(width)),
                _ => Err("a unit vector is made of a pool"),
            },
            Operator::Prompt { .. }
            | Operator::Lookup { .. }
            | Operator::Rms { .. }
            | Operator::Rotary { .. }
            | Operator::Causal { .. }
            | Operator::Blend { .. }
            | Operator::Gated { .. }
            | Operator::Add { .. }
            | Operator::Choose { .. } => self.decoder_shape_of(operator),
        }
    }

    /// Shape of what an operator of a decoder makes.
    fn decoder_shape_of(&self, operator: &Operator) -> Result<Shape, &'static str> {
        match *operator {
            Operator::Prompt { vocabulary } => {
                // The id after the last is the blank.
                within(vocabulary, 1..=0xffff, "the vocabulary of a decoder must be 1 to 65,535")?;
                Ok(Shape::Prompt)
            }
            Operator::Lookup { prompt, words, shift } => {
                within(shift, 1..=30, "the shift of a lookup must be 1 to 30")?;
                self.vocabulary(prompt, words).map(|words| Shape::Stream(words.width))
            }
            Operator::Rms { stream, gains, shift } => {
                let Shape::Stream(width) = self.shape(stream)? else { return Err("this norm reads a stream") };
                equal(self.weights(gains, WeightKind::Gains)?.rows, width, "a norm needs one gain a channel")?;
                within(shift, 16..=30, "the shift of a norm must be 16 to 30")?;
                Ok(Shape::Norm(width))
            }
            Operator::Rotary { input, weights, angles, shift } => {
                let width = self.product(input, weights, shift)?;
                let angles = self.weights(angles, WeightKind::Positions)?;
                equal(angles.width % 2, 0, "angles must have a cosine and a sine for each pair of channels")?;
                equal(width % angles.width, 0, "the angles of a head must divide the product evenly")?;
                within(self.max_units, 1..=angles.rows, "there must be angles for every unit")?;
                Ok(Shape::Linear(width))
            }
            Operator::Causal { q, k, scales, heads, shift } => self.causal(q, k, scales, heads.into(), shift),
            Operator::Blend { exp, v } => {
                let Shape::Causal { heads, groups, .. } = self.shape(exp)? else {
                    return Err("a blend reads causal exponentials");
                };
                let Shape::LinearT(width) = self.shape(v)? else { return Err("values must be a transposed product") };
                equal(width % groups, 0, "the values must divide evenly among their heads")?;
                within(heads / groups * width, 1..=WIDTH_MAX, "a blend must be at most 2,048 wide")?;
                Ok(Shape::Quantised(heads / groups * width))
            }
            Operator::Gated { input, gate, up, shift } => {
                let (width, other) = (self.product(input, gate, shift)?, self.product(input, up, shift)?);
                equal(width, other, "gate and product must have one width")?;
                Ok(Shape::Quantised(width))
            }
            Operator::Add { input, weights, stream, shift } => {
                let width = self.product(input, weights, shift)?;
                let Shape::Stream(other) = self.shape(stream)? else { return Err("a product is added to a stream") };
                equal(other, width, "product and stream must have one width")?;
                Ok(Shape::Stream(width))
            }
            Operator::Choose { input, words, prompt, shift } => {
                let width = self.shape(input)?.activations().ok_or("a choice reads a norm or a quantised tensor")?;
                equal(self.vocabulary(prompt, words)?.width, width, "input and words must have one width")?;
                equal(width % 4, 0, "the width of a product must be a multiple of 4")?;
                within(shift, 1..=61, "the shift of a choice must be 1 to 61")?;
                Ok(Shape::Choice(self.vocabulary_of(prompt)))
            }
            _ => unreachable!("the caller has named the operators of decoders"),
        }
    }

    /// Words for all ids of a prompt.
    fn vocabulary(&self, prompt: u16, words: u16) -> Result<&WeightTensor, &'static str> {
        let Shape::Prompt = self.shape(prompt)? else { return Err("words are looked up for a prompt") };
        let words = self.weights(words, WeightKind::Words)?;
        within(self.vocabulary_of(prompt), 1..=words.rows, "there must be a word for every id")?;
        Ok(words)
    }

    fn vocabulary_of(&self, prompt: u16) -> u32 {
        match self.operators[usize::from(prompt)] {
            Operator::Prompt { vocabulary } => vocabulary,
            _ => 0,
        }
    }

    fn causal(&self, q: u16, k: u16, scales: u16, heads: u32, shift: u8) -> Result<Shape, &'static str> {
        let (Shape::Linear(width), Shape::Linear(key_width)) = (self.shape(q)?, self.shape(k)?) else {
            return Err("queries and keys must be products");
        };
        self.heads(width, scales, heads, shift)?;
        let head_width = width / heads;
        equal(key_width % head_width, 0, "the keys must divide evenly into heads")?;
        let groups = key_width / head_width;
        equal(heads % groups, 0, "the heads of keys must divide those of queries")?;
        Ok(Shape::Causal { heads, groups, width })
    }

    fn embed(&self, ids: u16, words: u16, positions: u16, shift: u8) -> Result<Shape, &'static str> {
        let Shape::Ids = self.shape(ids)? else { return Err("an embedding reads the ids") };
        let words = self.weights(words, WeightKind::Words)?;
        let places = self.weights(positions, WeightKind::Positions)?;
        equal(words.width, places.width, "words and positions must have one width")?;
        within(self.max_units, 1..=places.rows, "there must be a position for every unit")?;
        within(shift, 1..=30, "the shift of an embedding must be 1 to 30")?;
        let Operator::Ids { vocabulary } = self.operators[usize::from(ids)] else {
            return Err("an embedding reads the ids");
        };
        within(vocabulary, 1..=words.rows, "there must be a word for every id")?;
        Ok(Shape::Sum(words.width))
    }

    /// Width of a matrix product.
    fn product(&self, input: u16, weights: u16, shift: u8) -> Result<u32, &'static str> {
        let width = self.shape(input)?.activations().ok_or("a product reads a norm or a quantised tensor")?;
        let weights = self.weights(weights, WeightKind::Linear)?;
        equal(weights.width, width, "input and weights must have one width")?;
        equal(width % 4, 0, "the width of a product must be a multiple of 4")?;
        equal(weights.rows % 4, 0, "the rows of a product must be a multiple of 4")?;
        within(shift, 1..=61, "the shift of a product must be 1 to 61")?;
        Ok(weights.rows)
    }

    fn exp(&self, q: u16, k: u16, scales: u16, heads: u32, shift: u8) -> Result<Shape, &'static str> {
        let (Shape::Linear(width), Shape::Linear(other)) = (self.shape(q)?, self.shape(k)?) else {
            return Err("queries and keys must be products");
        };
        equal(width, other, "queries and keys must have one width")?;
        self.heads(width, scales, heads, shift)?;
        Ok(Shape::Exp { heads, width })
    }

    /// Heads of queries of `width`, and their scores.
    fn heads(&self, width: u32, scales: u16, heads: u32, shift: u8) -> Result<(), &'static str> {
        within(heads, 1..=64, "there must be 1 to 64 heads")?;
        equal(self.weights(scales, WeightKind::Scales)?.rows, heads, "each head needs one scale")?;
        equal(width % heads, 0, "the queries must divide evenly among the heads")?;
        equal(width / heads % 4, 0, "the width of a head must be a multiple of 4")?;
        within(width / heads, 4..=256, "a head must be 4 to 256 wide")?;
        within(shift, 1..=30, "the shift of the scores must be 1 to 30")
    }

    /// Rows of the tensor, bytes of a leaf, and bytes of the leaves that one element depends on.
    fn check_limits(&self, operator: &Operator, shape: Shape) -> Result<Shape, &'static str> {
        let n = self.max_units;
        within(shape.rows(n), 1..=TENSOR_ROWS_MAX, "it has more than 512 rows")?;
        within(shape.row_len(n), 1..=LEAF_LEN_MAX, "its leaf has more than 8,192 bytes")?;
        let row = |operator: u16| self.shape(operator).map(|shape| shape.row_len(n));
        let weights = |tensor: u16| self.tensors.get(usize::from(tensor)).map_or(0, |tensor| tensor.row_len() as u32);
        let opened = match *operator {
            Operator::Ids { .. } => 0,
            Operator::Embed { ids, words, positions, .. } => row(ids)? + weights(words) + weights(positions),
            Operator::Norm { sum, gains, .. } => row(sum)? + weights(gains),
            Operator::Linear { input, weights: w, .. } | Operator::Gelu { input, weights: w, .. } => {
                row(input)? + weights(w)
            }
            Operator::Residual { input, weights: w, residual, .. } => row(input)? + weights(w) + row(residual)?,
            Operator::Exp { q, k, scales, .. } => row(q)? + row(k)? + weights(scales),
            Operator::Context { exp, v } => row(exp)? + row(v)?,
            Operator::Pool { x } => row(x)?,
            Operator::Unit { pool } => row(pool)?,
            Operator::Prompt { .. } => 0,
            Operator::Lookup { prompt, words, .. } => row(prompt)? + Shape::Choice(1).row_len(n) + weights(words),
            Operator::Rms { stream, gains, .. } => row(stream)? + weights(gains),
            Operator::Rotary { input, weights: w, angles, .. } => row(input)? + 2 * weights(w) + weights(angles),
            Operator::Causal { q, k, scales, .. } => row(q)? + row(k)? + weights(scales),
            Operator::Blend { exp, v } => row(exp)? + row(v)?,
            Operator::Gated { input, gate, up, .. } => row(input)? + weights(gate) + weights(up),
            Operator::Add { input, weights: w, stream, .. } => row(input)? + weights(w) + row(stream)?,
            Operator::Choose { input, words, prompt, .. } => row(input)? + weights(words) + row(prompt)?,
        };
        within(opened, 0..=LEAF_LEN_MAX, "an element depends on leaves of more than 8,192 bytes")?;
        Ok(shape)
    }
}

fn equal(a: u32, b: u32, reason: &'static str) -> Result<(), &'static str> {
    if a == b { Ok(()) } else { Err(reason) }
}

fn within<T: PartialOrd>(
    value: T,
    range: std::ops::RangeInclusive<T>,
    reason: &'static str,
) -> Result<(), &'static str> {
    if range.contains(&value) { Ok(()) } else { Err(reason) }
}
