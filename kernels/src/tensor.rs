//! The tensors that operators make, and the bytes of their rows.

use rayon::prelude::*;

use crate::{
    Hash,
    keccak::keccak256_rows,
    merkle::{LEAF, Tree},
    prompt::{Choice, Prompt},
};

/// Rows that one thread writes and hashes at a time.
const ROWS: usize = 16;

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
    Prompt(Prompt),
    Stream { root: Vec<u32>, x: Vec<i32> },
    Choice(Vec<Choice>),
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
    /// `[token][head][other token]`; in a causal one, zero for tokens that follow.
    pub(crate) e: Vec<u8>,
}

impl Tensor {
    /// Number of rows of the tensor of one task of `n` tokens.
    pub(crate) fn row_count(&self, n: usize) -> usize {
        match self {
            Self::NormT { x } => x.len() / n,
            Self::LinearT { x } => x.len() / n,
            Self::Ids(_) | Self::Pool { .. } | Self::Unit(_) | Self::Prompt(_) | Self::Choice(_) => 1,
            Self::Stream { .. } => n,
            Self::Sum(_) | Self::Norm { .. } | Self::Linear { .. } | Self::Exp(_) | Self::Quantised { .. } => n,
        }
    }

    /// Appends the bytes of row `r` of the tensor of one task of `n` tokens.
    pub(crate) fn put_row(&self, n: usize, r: usize, out: &mut Vec<u8>) {
        match self {
            Self::Ids(ids) => put(out, ids.iter().copied().map(u16::to_be_bytes)),
            Self::Sum(Sum { mean, deviation, x }) => {
                out.extend(mean[r].to_be_bytes());
                out.extend(deviation[r].to_be_bytes());
                put(out, token(n, x, r).iter().copied().map(i32::to_be_bytes));
            }
            Self::Norm { max, x } => {
                out.extend(max[r].to_be_bytes());
                put(out, token(n, x, r).iter().copied().map(i16::to_be_bytes));
            }
            Self::NormT { x } => put(out, channel(n, x, r).map(i16::to_be_bytes)),
            Self::Linear { x } => put(out, token(n, x, r).iter().copied().map(i8::to_be_bytes)),
            Self::LinearT { x } => put(out, channel(n, x, r).map(i8::to_be_bytes)),
            Self::Exp(exp) => exp.put_row(n, r, out),
            Self::Quantised { max, argmax, x } => {
                out.extend(max[r].to_be_bytes());
                out.extend(argmax[r].to_be_bytes());
                put(out, token(n, x, r).iter().copied().map(i8::to_be_bytes));
            }
            Self::Pool { root, sum } => {
                out.extend(root[r].to_be_bytes());
                put(out, sum.iter().copied().map(i32::to_be_bytes));
            }
            Self::Unit(x) => put(out, x.iter().copied().map(i16::to_be_bytes)),
            Self::Prompt(prompt) => out.extend(prompt.encode()),
            Self::Stream { root, x } => {
                out.extend(root[r].to_be_bytes());
                put(out, token(n, x, r).iter().copied().map(i32::to_be_bytes));
            }
            Self::Choice(choices) => {
                for choice in choices {
                    out.extend(choice.max.to_be_bytes());
                    out.extend(choice.id.to_be_bytes());
                }
            }
        }
    }

    /// Bytes of row `r` of the tensor of one task of `n` tokens.
    pub(crate) fn row(&self, n: usize, r: usize) -> Vec<u8> {
        let mut row = Vec::new();
        self.put_row(n, r, &mut row);
        row
    }

    /// Tree over the rows of the tensor of one task of `n` tokens.
    pub(crate) fn tree(&self, n: usize) -> Tree {
        // Rows are written side by side where the last ones were: nothing is allocated a row.
        let hash = |buffer: &mut Vec<u8>, (at, out): (usize, &mut [Hash])| {
            buffer.clear();
            (0..out.len()).for_each(|row| self.put_row(n, at * ROWS + row, buffer));
            keccak256_rows(LEAF, buffer, buffer.len() / out.len(), out);
        };
        let mut leaves = vec![[0; 32]; self.row_count(n)];
        leaves.par_chunks_mut(ROWS).enumerate().for_each_init(Vec::new, hash);
        Tree::new(leaves)
    }
}

impl Exp {
    fn put_row(&self, n: usize, token: usize, out: &mut Vec<u8>) {
        let heads = self.max.len() / n;
        let places = token * heads..(token + 1) * heads;
        for at in places.clone() {
            out.extend(self.max[at].to_be_bytes());
            out.extend(self.argmax[at].to_be_bytes());
            out.extend(self.sum[at].to_be_bytes());
        }
        out.extend_from_slice(&self.e[places.start * n..places.end * n]);
    }
}

/// What one token has in a tensor of `n` tokens.
fn token<T>(n: usize, x: &[T], token: usize) -> &[T] {
    let width = x.len() / n;
    &x[token * width..(token + 1) * width]
}

/// What the tokens have in one channel of a tensor of `n` tokens.
fn channel<T: Copy>(n: usize, x: &[T], channel: usize) -> impl ExactSizeIterator<Item = T> {
    x[channel..].iter().step_by(x.len() / n).copied()
}

/// Appends values of `N` bytes each.
fn put<const N: usize>(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = [u8; N]>) {
    let start = out.len();
    out.resize(start + N * values.len(), 0);
    let (places, _) = out[start..].as_chunks_mut();
    places.iter_mut().zip(values).for_each(|(place, value)| *place = value);
}
