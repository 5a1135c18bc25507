//! The tensors that operators make, and the bytes of their rows.

use rayon::prelude::*;

use crate::{
    Hash,
    merkle::{Tree, leaf_hash},
};

/// What an operator made of the tokens of one task or of several, token by token.
///
/// Rows that are committed channel by channel are kept token by token too; only their bytes are transposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tensor {
    Ids(Vec<u16>),
    Sum(Sum),
    Norm { max: Vec<u16>, x: Vec<i16> },
    NormT { x: Vec<i16> },
    Linear { x: Vec<i8> },
    LinearT { x: Vec<i8> },
    Exp(Exp),
    Quantised { max: Vec<u16>, argmax: Vec<u16>, x: Vec<i8> },
    Pool { root: Vec<u32>, sum: Vec<i32> },
    Unit(Vec<i16>),
}

/// Sums with mean and deviation of each row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) mean: Vec<i32>,
    pub(crate) deviation: Vec<u32>,
    pub(crate) x: Vec<i32>,
}

/// Exponentials of one task: per token and head the largest score, its first place, and the sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exp {
    pub(crate) max: Vec<i32>,
    pub(crate) argmax: Vec<u16>,
    pub(crate) sum: Vec<u16>,
    /// `[token][head][other token]`.
    pub(crate) e: Vec<u8>,
}

impl Tensor {
    /// Bytes of all rows of the tensor of one task of `n` tokens.
    pub(crate) fn rows(&self, n: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Ids(ids) => vec![ids.iter().flat_map(|id| id.to_be_bytes()).collect()],
            Self::Sum(Sum { mean, deviation, x }) => per_token(n, x, |t, row| {
                let head = mean[t].to_be_bytes().into_iter().chain(deviation[t].to_be_bytes());
                head.chain(row.iter().flat_map(|v| v.to_be_bytes())).collect()
            }),
            Self::Norm { max, x } => per_token(n, x, |t, row| {
                max[t].to_be_bytes().into_iter().chain(row.iter().flat_map(|v| v.to_be_bytes())).collect()
            }),
            Self::NormT { x } => per_channel(n, x, |v: i16, row: &mut Vec<u8>| row.extend(v.to_be_bytes())),
            Self::Linear { x } => per_token(n, x, |_, row| row.iter().map(|v| v.cast_unsigned()).collect()),
            Self::LinearT { x } => per_channel(n, x, |v: i8, row: &mut Vec<u8>| row.push(v.cast_unsigned())),
            Self::Exp(exp) => per_token(n, &exp.e, |t, row| exp.row(n, t, row)),
            Self::Quantised { max, argmax, x } => per_token(n, x, |t, row| {
                let head = max[t].to_be_bytes().into_iter().chain(argmax[t].to_be_bytes());
                head.chain(row.iter().map(|v| v.cast_unsigned())).collect()
            }),
            Self::Pool { root, sum } => {
                vec![root[0].to_be_bytes().into_iter().chain(sum.iter().flat_map(|v| v.to_be_bytes())).collect()]
            }
            Self::Unit(x) => vec![x.iter().flat_map(|v| v.to_be_bytes()).collect()],
        }
    }

    /// Root over the rows of the tensor of one task of `n` tokens.
    pub(crate) fn root(&self, n: usize) -> Hash {
        Tree::new(self.rows(n).par_iter().with_min_len(16).map(|row| leaf_hash(row)).collect()).root()
    }
}

impl Exp {
    fn row(&self, n: usize, token: usize, exponentials: &[u8]) -> Vec<u8> {
        let heads = exponentials.len() / n;
        let mut row = Vec::with_capacity(heads * (8 + n));
        for at in token * heads..(token + 1) * heads {
            row.extend(self.max[at].to_be_bytes());
            row.extend(self.argmax[at].to_be_bytes());
            row.extend(self.sum[at].to_be_bytes());
        }
        row.extend_from_slice(exponentials);
        row
    }
}

fn per_token<T: Sync>(n: usize, x: &[T], row: impl Fn(usize, &[T]) -> Vec<u8> + Sync) -> Vec<Vec<u8>> {
    let width = x.len() / n;
    x.par_chunks_exact(width).with_min_len(16).enumerate().map(|(t, values)| row(t, values)).collect()
}

fn per_channel<T: Copy>(n: usize, x: &[T], put: impl Fn(T, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let width = x.len() / n;
    let mut rows = vec![Vec::with_capacity(n * size_of::<T>()); width];
    for values in x.chunks_exact(width) {
        for (row, &value) in rows.iter_mut().zip(values) {
            put(value, row);
        }
    }
    rows
}
