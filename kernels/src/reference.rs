//! The specification as code: every operator element by element, from the bytes of the weights.
//!
//! It is slow and short. The fast backend must make the same bits, and the tests hold it to that.

mod decoder;

use crate::{
    fixed::{self, SUM_MAX, clamp, rsh32, rsh64, saturate16},
    tape::{Operator, Shape, Tape},
    tensor::{Exp, Sum, Tensor},
    weights::{LinearRow, Weights, gain_row, u32_at},
};

/// All tensors of one task, in the tape's order. `ids` must be valid for the tape.
pub(crate) fn run(tape: &Tape, weights: &Weights, ids: &[u16]) -> Vec<Tensor> {
    Run::new(tape, weights, ids.len()).all(|run, operator| run.operator(operator, ids))
}

pub(crate) use decoder::{generate, run_text};

struct Run<'a> {
    tape: &'a Tape,
    weights: &'a Weights,
    n: usize,
    made: Vec<Tensor>,
}

impl<'a> Run<'a> {
    fn new(tape: &'a Tape, weights: &'a Weights, n: usize) -> Self {
        Self { tape, weights, n, made: Vec::with_capacity(tape.operators().len()) }
    }

    fn all(mut self, make: impl Fn(&Self, &Operator) -> Tensor) -> Vec<Tensor> {
        for operator in self.tape.operators() {
            let tensor = make(&self, operator);
            self.made.push(tensor);
        }
        self.made
    }

    fn operator(&self, operator: &Operator, ids: &[u16]) -> Tensor {
        match *operator {
            Operator::Ids { .. } => Tensor::Ids(ids.to_vec()),
            Operator::Embed { words, positions, shift, .. } => {
                self.embed(ids, words.into(), positions.into(), shift.into())
            }
            Operator::Norm { sum, gains, shift, transposed } => {
                let x = self.norm(sum.into(), gains.into(), shift.into());
                if transposed {
                    return Tensor::NormT { x };
                }
                let max = x.chunks(x.len() / self.n).map(|row| row.iter().fold(0, |m, v| m.max(v.unsigned_abs())));
                Tensor::Norm { max: max.collect(), x }
            }
            Operator::Linear { input, weights, shift, transposed } => {
                let x = self.product(input.into(), weights.into(), shift.into());
                let x = x.iter().flatten().map(|&(v, _)| clamp(v, 127) as i8).collect();
                if transposed { Tensor::LinearT { x } } else { Tensor::Linear { x } }
            }
            Operator::Residual { input, weights, residual, shift, residual_shift } => {
                let products = self.product(input.into(), weights.into(), shift.into());
                let Tensor::Norm { x, .. } = &self.made[usize::from(residual)] else {
                    unreachable!("checked by the tape")
                };
                let residuals = x.chunks(x.len() / self.n);
                sums(products.iter().zip(residuals).map(|(row, residual)| {
                    let add = |(&(v, row_shift), &r): (&(i32, u8), &i16)| {
                        clamp(v + (i32::from(r) << (residual_shift + row_shift)), SUM_MAX)
                    };
                    row.iter().zip(residual).map(add).collect()
                }))
            }
            Operator::Gelu { input, weights, shift } => {
                let products = self.product(input.into(), weights.into(), shift.into());
                let bend = |&(v, _): &(i32, u8)| fixed::gelu(saturate16(v));
                quantised(products.iter().map(|row| row.iter().map(bend).collect()))
            }
            Operator::Exp { q, k, scales, heads, shift } => {
                self.exp(q.into(), k.into(), scales.into(), heads.into(), shift.into())
            }
            Operator::Context { exp, v } => self.context(exp.into(), v.into()),
            Operator::Pool { x } => {
                let Tensor::NormT { x } = &self.made[usize::from(x)] else { unreachable!("checked by the tape") };
                let width = x.len() / self.n;
                let sum: Vec<i32> =
                    (0..width).map(|c| x.iter().skip(c).step_by(width).map(|&v| i32::from(v)).sum()).collect();
                let squares: u64 = sum.iter().map(|&p| i64::from(p).pow(2).cast_unsigned()).sum();
                Tensor::Pool { root: vec![squares.isqrt() as u32], sum }
            }
            Operator::Unit { pool } => {
                let Tensor::Pool { root, sum } = &self.made[usize::from(pool)] else {
                    unreachable!("checked by the tape")
                };
                Tensor::Unit(sum.iter().map(|&p| fixed::unit(p, root[0])).collect())
            }
            _ => unreachable!("an encoder has no operators of decoders"),
        }
    }

    fn embed(&self, ids: &[u16], words: usize, positions: usize, shift: u32) -> Tensor {
        sums(ids.iter().enumerate().map(|(t, &id)| {
            let word = self.weights.row(words, id.into());
            let mul = u32_at(word, 0).cast_signed();
            let places = self.weights.row(positions, t).chunks(2).map(|b| i32::from(i16::from_be_bytes([b[0], b[1]])));
            let sum = |(&w, p): (&u8, i32)| clamp(rsh32(i32::from(w.cast_signed()) * mul, shift) + p, SUM_MAX);
            word[4..].iter().zip(places).map(sum).collect()
        }))
    }

    fn norm(&self, sum: usize, gains: usize, shift: u32) -> Vec<i16> {
        let Tensor::Sum(Sum { mean, deviation, x }) = &self.made[sum] else { unreachable!("checked by the tape") };
        let width = x.len() / self.n;
        let root = fixed::root_width(width);
        let element = |(at, &y): (usize, &i32)| {
            let (t, c) = (at / width, at % width);
            let (gain, bias) = gain_row(self.weights.row(gains, c));
            let inverse = fixed::inverse_deviation(root, deviation[t]);
            saturate16(fixed::normalise(y - mean[t], inverse, gain, bias, shift)) as i16
        };
        x.iter().enumerate().map(element).collect()
    }

    /// Products with bias, and the shift of their channel.
    fn product(&self, input: usize, weights: usize, shift: u32) -> Vec<Vec<(i32, u8)>> {
        let (max, x) = self.activations(input);
        let rows: Vec<LinearRow<'_>> = self.weights.tensor(weights).map(LinearRow::new).collect();
        let token = |(values, &m): (&[i8], &u16)| {
            let channel = |row: &LinearRow<'_>| {
                let terms = row.weights.iter().zip(values).map(|(&w, &v)| i32::from(w.cast_signed()) * i32::from(v));
                (fixed::requantise(terms.sum(), m.into(), row.mul, shift) + row.bias, row.shift)
            };
            rows.iter().map(channel).collect()
        };
        x.chunks(x.len() / self.n).zip(&max).map(token).collect()
    }

    /// Rows of 8 bits with their maxima. A norm is quantised where it is read.
    fn activations(&self, input: usize) -> (Vec<u16>, Vec<i8>) {
        match &self.made[input] {
            Tensor::Norm { max, x } => {
                let width = x.len() / self.n;
                let quantise =
                    |(at, &v): (usize, &i16)| fixed::quantise(v.into(), fixed::reciprocal(max[at / width].into()));
                (max.clone(), x.iter().enumerate().map(quantise).collect())
            }
            Tensor::Quantised { max, x, .. } => (max.clone(), x.clone()),
            _ => unreachable!("checked by the tape"),
        }
    }

    fn exp(&self, q: usize, k: usize, scales: usize, heads: usize, shift: u32) -> Tensor {
        let (Tensor::Linear { x: q }, Tensor::Linear { x: k }) = (&self.made[q], &self.made[k]) else {
            unreachable!("checked by the tape")
        };
        let (n, width) = (self.n, q.len() / self.n);
        let head_width = width / heads;
        let mut exp = Exp::default();
        for (i, head) in (0..n).flat_map(|i| (0..heads).map(move |head| (i, head))) {
            let scale = u32_at(self.weights.row(scales, head), 0).cast_signed();
            let part = |x: &'_ [i8], t: usize| -> Vec<i8> { x[t * width + head * head_width..][..head_width].to_vec() };
            let score = |j: usize| {
                let dot: i32 = part(q, i).iter().zip(part(k, j)).map(|(&a, b)| i32::from(a) * i32::from(b)).sum();
                rsh32(dot * scale, shift)
            };
            let scores: Vec<i32> = (0..n).map(score).collect();
            let max = scores.iter().fold(i32::MIN, |m, &s| m.max(s));
            let e = scores.iter().map(|&s| fixed::exp2_neg(max - s));
            exp.max.push(max);
            exp.argmax.push(scores.iter().position(|&s| s == max).unwrap_or(0) as u16);
            exp.sum.push(e.clone().map(u16::from).sum());
            exp.e.extend(e);
        }
        Tensor::Exp(exp)
    }

    fn context(&self, exp: usize, v: usize) -> Tensor {
        let Shape::Exp { heads, .. } = self.tape.shapes()[exp] else { unreachable!("checked by the tape") };
        let (Tensor::Exp(exp), Tensor::LinearT { x: v }) = (&self.made[exp], &self.made[v]) else {
            unreachable!("checked by the tape")
        };
        let (n, heads, width) = (self.n, heads as usize, v.len() / self.n);
        let head_width = width / heads;
        quantised((0..n).map(|i| {
            let channel = |c: usize| {
                let at = i * heads + c / head_width;
                let terms = (0..n).map(|j| i32::from(exp.e[at * n + j]) * i32::from(v[j * width + c]));
                let acc: i32 = terms.sum();
                rsh64(i64::from(acc) * i64::from(fixed::inverse_sum(exp.sum[at].into())), 24) as i32
            };
            (0..width).map(channel).collect()
        }))
    }
}

/// Adds mean and deviation to each row.
fn sums(rows: impl Iterator<Item = Vec<i32>>) -> Tensor {
    let mut sum = Sum::default();
    for row in rows {
        let mean = fixed::mean(row.iter().map(|&y| i64::from(y)).sum(), row.len() as i64);
        let squares: u64 = row.iter().map(|&y| i64::from(y - mean).pow(2).cast_unsigned()).sum();
        sum.mean.push(mean);
        sum.deviation.push(squares.isqrt() as u32);
        sum.x.extend(row);
    }
    Tensor::Sum(sum)
}

/// Quantises each row by its largest magnitude, and says where that first is.
fn quantised(rows: impl Iterator<Item = Vec<i32>>) -> Tensor {
    let (mut maxima, mut places, mut x) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let max = row.iter().fold(0, |m, v| m.max(v.abs()));
        maxima.push(max as u16);
        places.push(row.iter().position(|v| v.abs() == max).unwrap_or(0) as u16);
        x.extend(row.iter().map(|&v| fixed::quantise(v, fixed::reciprocal(max))));
    }
    Tensor::Quantised { max: maxima, argmax: places, x }
}
