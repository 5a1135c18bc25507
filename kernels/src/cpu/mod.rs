//! The CPU backend: the operators over the tokens of several tasks at once, with the weights packed for the kernels.
//!
//! Tasks are put one after the other without padding. Only attention and pooling look across tokens, and they keep to
//! their task, so no bit of a result depends on what it was computed with.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
mod attention;
mod causal;
mod crew;
mod decoder;
mod linear;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
mod pack;
mod rows;
mod simd;
mod wide;

#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod tests;

use std::{ops::Range, sync::OnceLock};

use rayon::prelude::*;

use self::{
    attention::Scores,
    crew::Crew,
    linear::{Activations, Product},
    pack::{PackedLinear, Shared},
    rows::NormGains,
};
use crate::{
    fixed,
    isa::Isa,
    merkle::Tree,
    tape::{Operator, Shape, Tape, WeightKind},
    tensor::{Exp, Sum, Tensor},
    weights::{Weights, gain_row, u32_at},
};

/// Tokens that one thread takes through the whole program at a time: enough to use the weights well while they are in the
/// cache, few enough for the activations to stay there too.
const GROUP_TOKENS: usize = 256;

/// Tokens that threads share when there are fewer groups than threads: to wake one for less costs more than it saves.
const SHARED_TOKENS: usize = 8;

/// A program with its weights packed.
#[derive(Debug)]
pub(crate) struct Engine {
    isa: Isa,
    packed: Vec<Packed>,
    /// For each operator, the weights of the next matrix product after it.
    following: Vec<Option<u16>>,
    /// For each operator, those whose tensors nothing needs afterwards.
    done: Vec<Vec<usize>>,
}

/// A weight tensor as the kernels read it.
#[derive(Debug)]
enum Packed {
    /// Read from the mapped file: one row for each token.
    Words,
    Positions {
        width: usize,
        x: Vec<i16>,
    },
    Gains {
        gain: Vec<i32>,
        bias: Vec<i32>,
    },
    Linear(PackedLinear),
    Scales(Vec<i32>),
}

/// A tensor, and what matrix products want of it besides.
#[derive(Debug)]
struct Made {
    tensor: Tensor,
    /// Bytes of a norm.
    bytes: Vec<i8>,
    /// 128 times the sum of the bytes of each row.
    offsets: Vec<i32>,
}

impl From<Tensor> for Made {
    fn from(tensor: Tensor) -> Self {
        Self { tensor, bytes: Vec::new(), offsets: Vec::new() }
    }
}

impl Engine {
    /// Packs the weights for this processor.
    pub(crate) fn new(tape: &Tape, weights: &Weights) -> Self {
        Self::with_isa(Isa::detect(), tape, weights)
    }

    /// Packs the weights for an instruction set that this processor has.
    pub(crate) fn with_isa(isa: Isa, tape: &Tape, weights: &Weights) -> Self {
        let pack = |tensor: usize| {
            let (spec, rows) = (tape.tensors()[tensor], weights.tensor(tensor));
            let width = spec.width as usize;
            match spec.kind {
                WeightKind::Words if is_chosen_from(tape, tensor) => {
                    Packed::Linear(PackedLinear::of_words(width, rows))
                }
                WeightKind::Words => Packed::Words,
                WeightKind::Positions => {
                    let x = rows.flat_map(|row| row.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])));
                    Packed::Positions { width, x: x.collect() }
                }
                WeightKind::Gains => {
                    let (gain, bias) = rows.map(gain_row).unzip();
                    Packed::Gains { gain, bias }
                }
                WeightKind::Linear => Packed::Linear(PackedLinear::new(width, rows)),
                WeightKind::Scales => Packed::Scales(rows.map(|row| u32_at(row, 0).cast_signed()).collect()),
            }
        };
        let packed = (0..tape.tensors().len()).into_par_iter().map(pack).collect();
        Self { isa, packed, following: following(tape), done: tape.last_reads() }
    }

    /// The output of each task. `tasks` must be valid for the tape.
    pub(crate) fn run(&self, tape: &Tape, weights: &Weights, tasks: &[Vec<u16>]) -> Vec<Tensor> {
        let groups = group(tasks, rayon::current_num_threads());
        let tokens: usize = tasks.iter().map(Vec::len).sum();
        if groups.len() < rayon::current_num_threads() && tokens >= SHARED_TOKENS {
            let each = |crew: &Crew| {
                let of = |tasks_of| self.group(tape, weights, &tasks[tasks_of], Some(crew));
                groups.into_iter().flat_map(of).collect()
            };
            return Crew::gather(each);
        }
        groups.into_par_iter().flat_map_iter(|tasks_of| self.group(tape, weights, &tasks[tasks_of], None)).collect()
    }

    /// All tensors of one task with the trees over their rows, in the tape's order.
    pub(crate) fn trace(&self, tape: &Tape, weights: &Weights, ids: &[u16]) -> Vec<(Tensor, Tree)> {
        let pass = Pass::new(self, tape, weights, std::slice::from_ref(&ids), true, None);
        let trees: Vec<OnceLock<Tree>> = tape.operators().iter().map(|_| OnceLock::new()).collect();
        // Other threads hash what is made while this one goes on.
        rayon::scope(|scope| {
            for (operator, tree) in trees.iter().enumerate() {
                pass.step(operator);
                let tensor = &pass.made(operator as u16).tensor;
                scope.spawn(move |_| drop(tree.set(tensor.tree(ids.len()))));
            }
        });
        let made = pass.made.into_iter().zip(trees).map(|(made, tree)| (made.into_inner(), tree.into_inner()));
        made.map(
            |made| {
                if let (Some(made), Some(tree)) = made { (made.tensor, tree) } else { unreachable!("all were made") }
            },
        )
        .collect()
    }

    fn group(&self, tape: &Tape, weights: &Weights, tasks: &[Vec<u16>], crew: Option<&Crew>) -> Vec<Tensor> {
        let mut pass = Pass::new(self, tape, weights, tasks, false, crew);
        for (operator, done) in self.done.iter().enumerate() {
            pass.step(operator);
            for &done in done {
                pass.made[done] = OnceLock::new();
            }
        }
        let last = pass.made.pop().and_then(OnceLock::into_inner);
        let Some(Made { tensor: Tensor::Unit(x), .. }) = last else { unreachable!("a tape ends so") };
        x.chunks_exact(x.len() / tasks.len()).map(|row| Tensor::Unit(row.to_vec())).collect()
    }
}

/// Whether ids are chosen by their words' products with what was read, so that the words are weights of a matrix product.
fn is_chosen_from(tape: &Tape, tensor: usize) -> bool {
    let chosen =
        |operator: &Operator| matches!(*operator, Operator::Choose { words, .. } if usize::from(words) == tensor);
    tape.operators().iter().any(chosen)
}

/// For each operator, the weights of the next matrix product after it.
fn following(tape: &Tape) -> Vec<Option<u16>> {
    let mut next = None;
    let of = |operator: &Operator| {
        let following = next;
        if let Operator::Linear { weights, .. } | Operator::Residual { weights, .. } | Operator::Gelu { weights, .. } =
            *operator
        {
            next = Some(weights);
        }
        following
    };
    let mut following: Vec<_> = tape.operators().iter().rev().map(of).collect();
    following.reverse();
    following
}

/// Splits tasks into runs of about [`GROUP_TOKENS`] tokens, and into enough of them to keep all threads busy.
fn group(tasks: &[Vec<u16>], threads: usize) -> Vec<Range<usize>> {
    let total: usize = tasks.iter().map(Vec::len).sum();
    let groups = total.div_ceil(GROUP_TOKENS).next_multiple_of(threads.max(1)).max(1);
    let target = total.div_ceil(groups);
    let (mut ranges, mut start, mut tokens) = (Vec::new(), 0, 0);
    for (at, task) in tasks.iter().enumerate() {
        // Stop where the group's length comes nearest to the target.
        if tokens > 0 && tokens + task.len() / 2 > target {
            ranges.push(start..at);
            (start, tokens) = (at, 0);
        }
        tokens += task.len();
    }
    if start < tasks.len() {
        ranges.push(start..tasks.len());
    }
    ranges
}

/// One pass of the program over some tasks.
struct Pass<'a, T> {
    engine: &'a Engine,
    tape: &'a Tape,
    weights: &'a Weights,
    tasks: &'a [T],
    /// Tokens of each task in the tensors.
    spans: Vec<Range<usize>>,
    /// Whether every tensor is wanted, and not the last alone.
    all: bool,
    /// Other threads, where they have nothing else to do.
    crew: Option<&'a Crew>,
    /// What each operator made, once it has been computed and as long as it is needed.
    made: Vec<OnceLock<Made>>,
}

impl<'a, T: AsRef<[u16]> + Sync> Pass<'a, T> {
    fn new(
        engine: &'a Engine,
        tape: &'a Tape,
        weights: &'a Weights,
        tasks: &'a [T],
        all: bool,
        crew: Option<&'a Crew>,
    ) -> Self {
        let mut end = 0;
        let span = |task: &T| {
            let start = end;
            end += task.as_ref().len();
            start..end
        };
        let spans = tasks.iter().map(span).collect();
        let made = tape.operators().iter().map(|_| OnceLock::new()).collect();
        Self { engine, tape, weights, tasks, spans, all, crew, made }
    }

    fn tokens(&self) -> usize {
        self.spans.last().map_or(0, |span| span.end)
    }

    /// Computes an operator, the earlier ones having been computed.
    fn step(&self, operator: usize) {
        self.made[operator].get_or_init(|| self.compute(operator));
    }

    fn compute(&self, at: usize) -> Made {
        let operator = &self.tape.operators()[at];
        match *operator {
            Operator::Ids { .. } => Tensor::Ids(self.tasks.iter().flat_map(T::as_ref).copied().collect()).into(),
            Operator::Embed { words, positions, shift, .. } => self.embed(words, positions, shift.into()).into(),
            Operator::Norm { sum, gains, shift, transposed } => self.norm(sum, gains, shift.into(), transposed),
            Operator::Linear { input, weights, shift, transposed } => {
                let x = self.product(at, input, weights, shift).to_bytes();
                if transposed { Tensor::LinearT { x }.into() } else { Tensor::Linear { x }.into() }
            }
            Operator::Residual { input, weights, residual, shift, residual_shift } => {
                let Tensor::Norm { x, .. } = self.tensor(residual) else { unreachable!("checked by the tape") };
                let product = self.product(at, input, weights, shift);
                self.sum(product.to_sum(x, residual_shift.into()), product.weights.rows).into()
            }
            Operator::Gelu { input, weights, shift } => {
                let product = self.product(at, input, weights, shift);
                self.quantised(product.to_gelu(), product.weights.rows)
            }
            Operator::Exp { .. } => self.exp(operator).into(),
            Operator::Context { exp, v } => self.context(exp, v),
            Operator::Pool { x } => self.pool(x).into(),
            Operator::Unit { pool } => {
                let Tensor::Pool { root, sum } = self.tensor(pool) else { unreachable!("checked by the tape") };
                let rows = sum.chunks_exact(sum.len() / root.len()).zip(root);
                Tensor::Unit(rows.flat_map(|(row, &root)| row.iter().map(move |&p| fixed::unit(p, root))).collect())
                    .into()
            }
            _ => unreachable!("an encoder has no operators of decoders"),
        }
    }

    fn made(&self, operator: u16) -> &Made {
        self.made[usize::from(operator)].get().unwrap_or_else(|| unreachable!("an operator reads earlier ones"))
    }

    fn tensor(&self, operator: u16) -> &Tensor {
        &self.made(operator).tensor
    }

    fn linear(&self, tensor: u16) -> &'a PackedLinear {
        match &self.engine.packed[usize::from(tensor)] {
            Packed::Linear(packed) => packed,
            _ => unreachable!("checked by the tape"),
        }
    }

    /// The matrix product of an operator.
    fn product(&self, operator: usize, input: u16, weights: u16, shift: u8) -> Product<'_> {
        Product {
            isa: self.engine.isa,
            crew: self.crew,
            input: self.activations(input),
            weights: self.linear(weights),
            following: self.engine.following[operator].map(|tensor| self.linear(tensor)),
            shift: shift.into(),
        }
    }

    fn activations(&self, operator: u16) -> Activations<'_> {
        let made = self.made(operator);
        match &made.tensor {
            Tensor::Norm { max, .. } => Activations { x: &made.bytes, max, offsets: &made.offsets },
            Tensor::Quantised { max, x, .. } => Activations { x, max, offsets: &made.offsets },
            _ => unreachable!("checked by the tape"),
        }
    }

    fn embed(&self, words: u16, positions: u16, shift: u32) -> Tensor {
        let Packed::Positions { width, x: places } = &self.engine.packed[usize::from(positions)] else {
            unreachable!("checked by the tape")
        };
        let mut x = vec![0; self.tokens() * width];
        let mut out = x.chunks_exact_mut(*width);
        for task in self.tasks {
            for ((&id, place), out) in task.as_ref().iter().zip(places.chunks_exact(*width)).zip(&mut out) {
                let row = self.weights.row(words.into(), id.into());
                rows::embed(self.engine.isa, &row[4..], u32_at(row, 0).cast_signed(), place, shift, out);
            }
        }
        self.sum(x, *width)
    }

    /// Adds mean and deviation of each row, where they are wanted: norms make their own.
    fn sum(&self, x: Vec<i32>, width: usize) -> Tensor {
        let rows = x.chunks_exact(width).map(|x| self.moments(x));
        let (mean, deviation) = if self.all { rows.unzip() } else { Default::default() };
        Tensor::Sum(Sum { mean, deviation, x })
    }

    /// Mean and deviation.
    fn moments(&self, x: &[i32]) -> (i32, u32) {
        let (mut mean, mut deviation) = (0, 0);
        rows::moments(self.engine.isa, x, &mut mean, &mut deviation);
        (mean, deviation)
    }

    fn norm(&self, sum: u16, gains: u16, shift: u32, transposed: bool) -> Made {
        let Tensor::Sum(Sum { x: y, .. }) = self.tensor(sum) else { unreachable!("checked by the tape") };
        let Packed::Gains { gain, bias } = &self.engine.packed[usize::from(gains)] else {
            unreachable!("checked by the tape")
        };
        let (width, isa, gains) = (gain.len(), self.engine.isa, NormGains { gain, bias, shift });
        let root = fixed::root_width(width);
        let normalise = |row: usize, x: &mut [i16]| {
            let y = &y[row * width..][..width];
            let (mean, deviation) = self.moments(y);
            rows::normalise(isa, y, mean, fixed::inverse_deviation(root, deviation), gains, x);
        };
        let mut x = vec![0; y.len()];
        if transposed {
            let shared = Shared::new(&mut x, width);
            linear::split(shared.tokens(), self.crew, |rows| {
                // SAFETY: each row is in one part.
                let mut x = unsafe { shared.part(rows.clone(), 0..width) };
                rows.enumerate().for_each(|(at, row)| normalise(row, x.row(at)));
            });
            return Tensor::NormT { x }.into();
        }
        let (max, bytes, offsets) = self.quantise(&mut x, width, normalise);
        Made { tensor: Tensor::Norm { max, x }, bytes, offsets }
    }

    /// Maxima, bytes and offsets of rows, on each of which `first` works before.
    fn quantise(
        &self,
        x: &mut [i16],
        width: usize,
        first: impl Fn(usize, &mut [i16]) + Sync,
    ) -> (Vec<u16>, Vec<i8>, Vec<i32>) {
        let n = x.len() / width;
        let (mut max, mut bytes, mut offsets) = (vec![0; n], vec![0; x.len()], vec![0; n]);
        let (wide, narrow) = (Shared::new(x, width), Shared::new(&mut bytes, width));
        let of_rows = (Shared::new(&mut max, 1), Shared::new(&mut offsets, 1));
        linear::split(n, self.crew, |rows| {
            let all = || rows.clone();
            // SAFETY: each row is in one part.
            let (mut wide, mut narrow) = unsafe { (wide.part(all(), 0..width), narrow.part(all(), 0..width)) };
            // SAFETY: as above.
            let (mut max, mut offsets) = unsafe { (of_rows.0.part(all(), 0..1), of_rows.1.part(all(), 0..1)) };
            for (at, row) in all().enumerate() {
                let x = wide.row(at);
                first(row, x);
                rows::quantise(self.engine.isa, x, narrow.row(at), &mut max.row(at)[0], &mut offsets.row(at)[0]);
            }
        });
        (max, bytes, offsets)
    }

    fn quantised(&self, mut wide: Vec<i16>, width: usize) -> Made {
        let (max, x, offsets) = self.quantise(&mut wide, width, |_, _| {});
        // Only commitments say where the maximum is.
        let place = |(row, &max): (&[i16], &u16)| row.iter().position(|v| v.unsigned_abs() == max).unwrap_or(0) as u16;
        let argmax = if self.all { wide.chunks_exact(width).zip(&max).map(place).collect() } else { Vec::new() };
        Made { tensor: Tensor::Quantised { max, argmax, x }, bytes: Vec::new(), offsets }
    }

    /// Queries and keys of one task for an operator that makes exponentials.
    fn scores(&self, operator: &Operator, span: &Range<usize>) -> Scores<'_> {
        let Operator::Exp { q, k, scales, shift, .. } = *operator else { unreachable!("checked by the tape") };
        let (Tensor::Linear { x: q }, Tensor::Linear { x: k }) = (self.tensor(q), self.tensor(k)) else {
            unreachable!("checked by the tape")
        };
        let Packed::Scales(scales) = &self.engine.packed[usize::from(scales)] else {
            unreachable!("checked by the tape")
        };
        let width = q.len() / self.tokens();
        let part = span.start * width..span.end * width;
        Scores { q: &q[part.clone()], k: &k[part], n: span.len(), width, scales, shift: shift.into() }
    }

    fn exp(&self, operator: &Operator) -> Tensor {
        let mut exp = Exp::default();
        if self.all {
            attention::exponentials(self.engine.isa, self.scores(operator, &self.spans[0]), &mut exp);
        }
        Tensor::Exp(exp)
    }

    fn context(&self, exp: u16, v: u16) -> Made {
        let Shape::LinearT(width) = self.tape.shapes()[usize::from(v)] else { unreachable!("checked by the tape") };
        let Tensor::LinearT { x: v } = self.tensor(v) else { unreachable!("checked by the tape") };
        let (width, exp) = (width as usize, &self.tape.operators()[usize::from(exp)]);
        let mut wide = vec![0; v.len()];
        let shared = Shared::new(&mut wide, width);
        let part = |span: &Range<usize>, heads: Range<usize>| {
            let scores = self.scores(exp, span);
            let of_head = width / scores.heads();
            // SAFETY: each token of a head is in one part.
            let out = unsafe { shared.part(span.clone(), heads.start * of_head..heads.end * of_head) };
            attention::context(self.engine.isa, scores, heads, &v[span.start * width..span.end * width], width, out);
        };
        let Operator::Exp { heads, .. } = *exp else { unreachable!("checked by the tape") };
        for span in &self.spans {
            linear::split(heads.into(), self.crew, |heads| part(span, heads));
        }
        self.quantised(wide, width)
    }

    fn pool(&self, x: u16) -> Tensor {
        let Shape::NormT(width) = self.tape.shapes()[usize::from(x)] else { unreachable!("checked by the tape") };
        let Tensor::NormT { x } = self.tensor(x) else { unreachable!("checked by the tape") };
        let width = width as usize;
        let mut sum = vec![0; self.spans.len() * width];
        for (sums, span) in sum.chunks_exact_mut(width).zip(&self.spans) {
            for row in x[span.start * width..span.end * width].chunks_exact(width) {
                rows::accumulate(self.engine.isa, row, sums);
            }
        }
        let root = |row: &[i32]| row.iter().map(|&p| i64::from(p).pow(2).cast_unsigned()).sum::<u64>().isqrt() as u32;
        Tensor::Pool { root: sum.chunks_exact(width).map(root).collect(), sum }
    }
}
