//! The weights of a model: the rows of the tape's tensors, one after the other, as they are hashed.

use std::{fs::File, path::Path, sync::OnceLock};

use memmap2::Mmap;
use rayon::prelude::*;

use crate::{
    ModelError,
    fixed::{PRE_SHIFT, rsh64},
    merkle::{Tree, leaf_hash, leaf_hashes},
    tape::{Operator, Tape, WeightTensor},
};

/// Weight rows, mapped from a file so that processes share them, or held in memory.
pub(crate) struct Weights {
    bytes: Bytes,
    tensors: Vec<WeightTensor>,
    starts: Vec<usize>,
    /// Tree of each tensor that was opened so far.
    trees: Vec<OnceLock<Tree>>,
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weights({} tensors, {} bytes)", self.tensors.len(), self.bytes().len())
    }
}

impl Weights {
    /// Maps the weights of `tape` from a file.
    pub(crate) fn open(path: &Path, tape: &Tape) -> Result<Self, ModelError> {
        let file_error = |source| ModelError::File { file: path.display().to_string(), source };
        let file = File::open(path).map_err(file_error)?;
        // SAFETY: the map is read only, and the importer replaces files whole instead of writing into them. A process that
        // writes into the file all the same changes results and not their being defined: every byte is a valid weight for
        // the kernels, and none is used as an index.
        let map = unsafe { Mmap::map(&file) }.map_err(file_error)?;
        Self::new(Bytes::Mapped(map), tape)
    }

    /// Weights in memory.
    pub(crate) fn owned(bytes: Vec<u8>, tape: &Tape) -> Result<Self, ModelError> {
        Self::new(Bytes::Owned(bytes), tape)
    }

    fn new(bytes: Bytes, tape: &Tape) -> Result<Self, ModelError> {
        let tensors = tape.tensors().to_vec();
        let mut end = 0;
        let starts = tensors
            .iter()
            .map(|tensor| {
                let start = end;
                end += tensor.rows as usize * tensor.row_len();
                start
            })
            .collect();
        let trees = tensors.iter().map(|_| OnceLock::new()).collect();
        let weights = Self { bytes, tensors, starts, trees };
        let found = weights.bytes().len() as u64;
        if found == tape.weights_len() {
            Ok(weights)
        } else {
            Err(ModelError::WeightsLength { found, expected: tape.weights_len() })
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }

    /// All rows of a tensor.
    pub(crate) fn tensor(&self, tensor: usize) -> std::slice::ChunksExact<'_, u8> {
        self.tensor_bytes(tensor).chunks_exact(self.tensors[tensor].row_len())
    }

    fn tensor_bytes(&self, tensor: usize) -> &[u8] {
        let spec = self.tensors[tensor];
        &self.bytes()[self.starts[tensor]..][..spec.rows as usize * spec.row_len()]
    }

    /// One row of a tensor.
    pub(crate) fn row(&self, tensor: usize, row: usize) -> &[u8] {
        let row_len = self.tensors[tensor].row_len();
        let start = self.starts[tensor] + row * row_len;
        &self.bytes()[start..start + row_len]
    }

    /// Tree over the rows of a tensor, made when it is first asked for.
    pub(crate) fn tensor_tree(&self, tensor: usize) -> &Tree {
        self.trees[tensor].get_or_init(|| self.build(tensor))
    }

    /// Tree whose leaves hold the roots of the tensors; its root is the root of the weights.
    pub(crate) fn tree(&self) -> Tree {
        // Few of the trees are ever opened, so none is kept from here.
        let root = |tensor: usize| leaf_hash(&self.build(tensor).root());
        Tree::new((0..self.tensors.len()).into_par_iter().map(root).collect())
    }

    fn build(&self, tensor: usize) -> Tree {
        Tree::new(leaf_hashes(self.tensor_bytes(tensor), self.tensors[tensor].row_len()))
    }

    /// Checks the bounds that the tape's shapes alone cannot give.
    pub(crate) fn check(&self, tape: &Tape) -> Result<(), ModelError> {
        tape.operators().par_iter().try_for_each(|operator| self.check_operator(operator, tape))
    }

    fn check_operator(&self, operator: &Operator, tape: &Tape) -> Result<(), ModelError> {
        match *operator {
            Operator::Embed { words, .. } | Operator::Lookup { words, .. } => {
                self.check_rows(words, |row| check(u32_at(row, 0) <= 1 << 23, "the multiplier is above 2^23"))
            }
            Operator::Norm { gains, .. } | Operator::Rms { gains, .. } => self.check_rows(gains, |row| {
                let (gain, bias) = gain_row(row);
                check(gain.unsigned_abs() <= 1 << 22, "the gain is beyond ±2^22")?;
                check(bias.unsigned_abs() <= 1 << 29, "the bias is beyond ±2^29")
            }),
            Operator::Linear { weights, shift, .. }
            | Operator::Gelu { weights, shift, .. }
            | Operator::Rotary { weights, shift, .. }
            | Operator::Add { weights, shift, .. } => self.check_product(weights, shift, 0),
            Operator::Gated { gate, up, shift, .. } => {
                self.check_product(gate, shift, 0)?;
                self.check_product(up, shift, 0)
            }
            Operator::Choose { words, shift, .. } => self.check_rows(words, |row| {
                let product = largest_product(&row[4..], u32_at(row, 0));
                check(product >> shift < 1 << 29, "multiplier and shift let a score overflow")
            }),
            Operator::Residual { weights, shift, residual_shift, .. } => {
                self.check_product(weights, shift, 14 - residual_shift)
            }
            Operator::Exp { q, scales, heads, shift, .. } | Operator::Causal { q, scales, heads, shift, .. } => {
                let width = tape.shapes()[usize::from(q)].row_len(1) / u32::from(heads);
                let limit = i64::from(i32::MAX) - (1 << (shift - 1));
                self.check_rows(scales, |row| {
                    let scale = i64::from(u32_at(row, 0));
                    check(scale * 127 * 127 * i64::from(width) <= limit, "the scale lets a score overflow")
                })
            }
            Operator::Ids { .. }
            | Operator::Context { .. }
            | Operator::Pool { .. }
            | Operator::Unit { .. }
            | Operator::Prompt { .. }
            | Operator::Blend { .. } => Ok(()),
        }
    }

    fn check_product(&self, tensor: u16, shift: u8, row_shift_max: u8) -> Result<(), ModelError> {
        self.check_rows(tensor, |row| {
            let linear = LinearRow::new(row);
            check(linear.mul >= 0, "the multiplier is above 2^31")?;
            let product = largest_product(linear.weights, linear.mul.cast_unsigned());
            check(product < 1 << 62, "the multiplier lets a product overflow")?;
            check(product >> shift < 1 << 29, "multiplier and shift let a result overflow")?;
            check(linear.bias.unsigned_abs() <= 1 << 29, "the bias is beyond ±2^29")?;
            check(linear.shift <= row_shift_max, "the row's shift is too large")?;
            check(!linear.weights.contains(&0x80), "a weight is -128")
        })
    }

    fn check_rows(&self, tensor: u16, rule: impl Fn(&[u8]) -> Result<(), &'static str>) -> Result<(), ModelError> {
        let tensor = usize::from(tensor);
        let mut rows = self.tensor(tensor).enumerate();
        rows.try_for_each(|(row, bytes)| rule(bytes).map_err(|reason| ModelError::WeightsRange { tensor, row, reason }))
    }
}

/// The largest magnitude of the product of weights (`i8` as bytes) with any activations and the row's multiplier, before its shift.
fn largest_product(weights: &[u8], mul: u32) -> i128 {
    let magnitudes = weights.iter().map(|w| i64::from(w.cast_signed()).abs());
    i128::from(rsh64(127 * magnitudes.sum::<i64>() * 32767, PRE_SHIFT)) * i128::from(mul)
}

fn check(holds: bool, reason: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(reason) }
}

/// A decoded row of [`crate::tape::WeightKind::Linear`].
pub(crate) struct LinearRow<'a> {
    pub(crate) mul: i32,
    pub(crate) bias: i32,
    pub(crate) shift: u8,
    /// `i8` as bytes.
    pub(crate) weights: &'a [u8],
}

impl<'a> LinearRow<'a> {
    pub(crate) fn new(row: &'a [u8]) -> Self {
        Self {
            mul: u32_at(row, 0).cast_signed(),
            bias: u32_at(row, 4).cast_signed(),
            shift: row[8],
            weights: &row[9..],
        }
    }
}

/// Gain and bias of a row of [`crate::tape::WeightKind::Gains`].
pub(crate) fn gain_row(row: &[u8]) -> (i32, i32) {
    (u32_at(row, 0).cast_signed(), u32_at(row, 4).cast_signed())
}

/// The big-endian integer at `at`.
pub(crate) fn u32_at(row: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::WeightKind;

    fn tiny() -> (Tape, Vec<u8>) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny");
        let tape = Tape::decode(&std::fs::read(dir.join("program.tape")).unwrap()).unwrap();
        (tape, std::fs::read(dir.join("weights.bin")).unwrap())
    }

    /// Whether the tiny model stands when the first bytes of the first row of its last tensor of a kind are others.
    fn with(kind: WeightKind, at: usize, bytes: &[u8]) -> Result<(), ModelError> {
        let (tape, mut weights) = tiny();
        let tensor = tape.tensors().iter().rposition(|tensor| tensor.kind == kind).unwrap();
        let start = Weights::owned(weights.clone(), &tape).unwrap().starts[tensor] + at;
        weights[start..start + bytes.len()].copy_from_slice(bytes);
        Weights::owned(weights, &tape).unwrap().check(&tape)
    }

    #[test]
    fn weights_that_could_overflow_are_refused() {
        let (tape, weights) = tiny();
        Weights::owned(weights, &tape).unwrap().check(&tape).unwrap();
        let big = i32::MAX.to_be_bytes();
        for (kind, at, bytes) in [
            (WeightKind::Words, 0, &big[..]),
            (WeightKind::Gains, 0, &big),
            (WeightKind::Gains, 4, &big),
            (WeightKind::Linear, 0, &[0xff; 4]),
            (WeightKind::Linear, 4, &big),
            (WeightKind::Linear, 8, &[99]),
            (WeightKind::Linear, 9, &[0x80]),
            (WeightKind::Scales, 0, &big),
        ] {
            let error = with(kind, at, bytes).unwrap_err();
            assert_eq!(error.code(), "MODEL_WEIGHTS_RANGE", "{kind:?} at {at}: {error}");
        }
    }

    #[test]
    fn weights_of_another_length_are_refused() {
        let (tape, mut weights) = tiny();
        weights.push(0);
        assert_eq!(Weights::owned(weights, &tape).unwrap_err().code(), "MODEL_WEIGHTS_LENGTH");
    }
}
