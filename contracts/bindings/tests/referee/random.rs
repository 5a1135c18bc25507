//! Random models with every operator, whose weights are as extreme as a valid model allows.

use assay_kernels::{
    Model, fixed,
    tape::{Operator, Shape, Tape, WeightKind, WeightTensor},
};

/// Weight tensors of a random model.
pub(crate) const TENSORS: usize = 14;

/// A generator of numbers that look random and are the same everywhere (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both among them.
    pub(crate) fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.bits() % (high - low + 1).cast_unsigned()).cast_signed()
    }

    /// A position below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.within(0, count as i64 - 1) as usize
    }

    /// Whether the one case in `cases` has come.
    pub(crate) fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    /// A number from 0 to `max` of any order of magnitude, `max` and powers of two often among them.
    pub(crate) fn magnitude(&mut self, max: i64) -> i64 {
        let bits = i64::from(64 - max.leading_zeros());
        match self.below(8) {
            0 => 0,
            1 => max,
            2 => (1i64 << self.within(0, bits)).min(max),
            _ => {
                let smaller = self.within(0, bits);
                self.within(0, max >> smaller)
            }
        }
    }

    /// A number from `-max` to `max` of any order of magnitude.
    pub(crate) fn signed(&mut self, max: i64) -> i64 {
        let magnitude = self.magnitude(max);
        if self.one_in(2) { magnitude } else { -magnitude }
    }

    /// Some row of a shape. Its 32-bit numbers are mostly small enough for a header to describe them, and most places of
    /// maxima are places.
    pub(crate) fn row(&mut self, shape: Shape, units: u32) -> Vec<u8> {
        let len = shape.row_len(units) as usize;
        if matches!(shape, Shape::Sum(_) | Shape::Pool(_)) {
            let max = if self.one_in(16) { i32::MAX.into() } else { (1 << 24) - 1 };
            let numbers = self.numbers(len / 4, -max, max);
            return numbers.into_iter().flat_map(|number| (number as i32).to_be_bytes()).collect();
        }
        let mut row: Vec<u8> = self.numbers(len, 0, 255).into_iter().map(|byte| byte as u8).collect();
        if let Shape::Exp { heads, .. } = shape {
            for head in 0..heads as usize {
                let beyond = usize::from(self.one_in(4));
                let place = self.below(units as usize + beyond);
                row[8 * head + 4..8 * head + 6].copy_from_slice(&(place as u16).to_be_bytes());
            }
        }
        row
    }

    /// `count` numbers from `low` to `high`, in one of several ways: all zero, few different from zero, small, any, or the
    /// extremes alone.
    fn numbers(&mut self, count: usize, low: i64, high: i64) -> Vec<i64> {
        let way = self.below(8);
        let mut number = |_| match way {
            0 => 0,
            1 if !self.one_in(8) => 0,
            2 => self.within(-3, 3),
            3 => [low, high][self.below(2)],
            4 => [low, 0, high][self.below(3)],
            _ => self.within(low, high),
        };
        (0..count).map(&mut number).collect()
    }
}

/// Widths of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Widths {
    pub(crate) max_units: u32,
    pub(crate) vocabulary: u32,
    pub(crate) heads: u32,
    /// Of embeddings and norms.
    pub(crate) model: u32,
    /// Of queries and keys.
    pub(crate) queries: u32,
    pub(crate) values: u32,
    pub(crate) inner: u32,
    /// Of a second embedding, which the pool reads.
    pub(crate) pooled: u32,
}

impl Widths {
    /// Short rows.
    pub(crate) fn short(random: &mut Random) -> Self {
        let heads = random.within(1, 4) as u32;
        let mut fours = |max| 4 * random.within(1, max) as u32;
        Self {
            heads,
            model: fours(6),
            queries: heads * fours(3),
            values: heads * fours(2),
            inner: fours(12),
            max_units: random.within(1, 8) as u32,
            vocabulary: random.within(1, 40) as u32,
            pooled: random.within(1, 24) as u32,
        }
    }

    /// Rows as long as the rules allow: an element of the last residual opens 8,191 bytes.
    pub(crate) fn longest() -> Self {
        Self {
            max_units: 257,
            vocabulary: 9,
            heads: 10,
            model: 2040,
            queries: 2040,
            values: 500,
            inner: 2048,
            pooled: 512,
        }
    }

    /// A tape of these widths with every operator.
    pub(crate) fn tape(&self, random: &mut Random) -> Tape {
        let weights = |kind, rows, width| WeightTensor { kind, rows, width };
        let tensors: [WeightTensor; TENSORS] = [
            weights(WeightKind::Words, self.vocabulary, self.model),
            weights(WeightKind::Positions, self.max_units, self.model),
            weights(WeightKind::Gains, self.model, 1),
            weights(WeightKind::Linear, self.queries, self.model),
            weights(WeightKind::Linear, self.queries, self.model),
            weights(WeightKind::Linear, self.values, self.model),
            weights(WeightKind::Scales, self.heads, 1),
            weights(WeightKind::Linear, self.model, self.values),
            weights(WeightKind::Gains, self.model, 1),
            weights(WeightKind::Linear, self.inner, self.model),
            weights(WeightKind::Linear, self.model, self.inner),
            weights(WeightKind::Words, self.vocabulary, self.pooled),
            weights(WeightKind::Positions, self.max_units, self.pooled),
            weights(WeightKind::Gains, self.pooled, 1),
        ];
        let mut shift = |low, high| random.within(low, high) as u8;
        let operators = vec![
            Operator::Ids { vocabulary: self.vocabulary },
            Operator::Embed { ids: 0, words: 0, positions: 1, shift: shift(1, 30) },
            Operator::Norm { sum: 1, gains: 2, shift: shift(16, 30), transposed: false },
            Operator::Linear { input: 2, weights: 3, shift: shift(1, 61), transposed: false },
            Operator::Linear { input: 2, weights: 4, shift: shift(1, 61), transposed: false },
            Operator::Linear { input: 2, weights: 5, shift: shift(1, 61), transposed: true },
            Operator::Exp { q: 3, k: 4, scales: 6, heads: self.heads as u16, shift: shift(1, 30) },
            Operator::Context { exp: 6, v: 5 },
            Operator::Residual { input: 7, weights: 7, residual: 2, shift: shift(1, 61), residual_shift: shift(0, 14) },
            Operator::Norm { sum: 8, gains: 8, shift: shift(16, 30), transposed: false },
            Operator::Gelu { input: 9, weights: 9, shift: shift(1, 61) },
            Operator::Residual {
                input: 10,
                weights: 10,
                residual: 9,
                shift: shift(1, 61),
                residual_shift: shift(0, 14),
            },
            Operator::Embed { ids: 0, words: 11, positions: 12, shift: shift(1, 30) },
            Operator::Norm { sum: 12, gains: 13, shift: shift(16, 30), transposed: true },
            Operator::Pool { x: 13 },
            Operator::Unit { pool: 14 },
        ];
        Tape::new(self.max_units, tensors.to_vec(), operators).unwrap()
    }

    /// A model of these widths.
    pub(crate) fn model(&self, random: &mut Random) -> Model {
        let tape = self.tape(random);
        model(tape, random)
    }
}

/// A model of a tape.
pub(crate) fn model(tape: Tape, random: &mut Random) -> Model {
    let weights = (0..tape.tensors().len()).flat_map(|tensor| tensor_rows(&tape, tensor, random)).collect();
    Model::from_parts("random", tape, weights).unwrap()
}

/// Rows of a weight tensor, within the bounds that its reader sets.
fn tensor_rows(tape: &Tape, tensor: usize, random: &mut Random) -> Vec<u8> {
    let WeightTensor { kind, rows, width } = tape.tensors()[tensor];
    // Shift, and how much of a row's own shift is left: of the operator that reads the tensor.
    let (shift, row_shift) = tape
        .operators()
        .iter()
        .find_map(|operator| {
            match *operator {
                Operator::Linear { weights, shift, .. } | Operator::Gelu { weights, shift, .. } => {
                    Some((weights, (shift, 0)))
                }
                Operator::Residual { weights, shift, residual_shift, .. } => {
                    Some((weights, (shift, 14 - residual_shift)))
                }
                Operator::Exp { scales, shift, .. } | Operator::Causal { scales, shift, .. } => {
                    Some((scales, (shift, 0)))
                }
                Operator::Rotary { weights, shift, .. } | Operator::Add { weights, shift, .. } => {
                    Some((weights, (shift, 0)))
                }
                Operator::Gated { gate, shift, .. } if usize::from(gate) == tensor => Some((gate, (shift, 0))),
                Operator::Gated { up, shift, .. } => Some((up, (shift, 0))),
                _ => None,
            }
            .and_then(|(weights, shifts)| (usize::from(weights) == tensor).then_some(shifts))
        })
        .unwrap_or_default();
    // Biases of one size: large ones hide everything else.
    let bias_max = random.magnitude(1 << 29);
    let width = width as usize;
    let row = |_| match kind {
        WeightKind::Words => {
            let mul = random.magnitude(1 << 23) as u32;
            mul.to_be_bytes().into_iter().chain(random.numbers(width, -128, 127).into_iter().map(|w| w as u8)).collect()
        }
        WeightKind::Positions => {
            let places = random.numbers(width, i16::MIN.into(), i16::MAX.into());
            places.into_iter().flat_map(|place| (place as i16).to_be_bytes()).collect()
        }
        WeightKind::Gains => {
            [random.signed(1 << 22) as i32, random.signed(bias_max) as i32].map(i32::to_be_bytes).concat()
        }
        WeightKind::Linear => linear_row(random, width, shift, row_shift, bias_max),
        WeightKind::Scales => {
            let Some(head_width) = head_width(tape) else { unreachable!("the tape has exponentials") };
            let limit = i64::from(i32::MAX) - (1 << (shift - 1));
            (random.magnitude(limit / (127 * 127 * head_width)) as u32).to_be_bytes().to_vec()
        }
    };
    (0..rows).flat_map::<Vec<u8>, _>(row).collect()
}

fn head_width(tape: &Tape) -> Option<i64> {
    tape.shapes().iter().find_map(|shape| match *shape {
        Shape::Exp { heads, width } | Shape::Causal { heads, width, .. } => Some(i64::from(width / heads)),
        _ => None,
    })
}

fn linear_row(random: &mut Random, width: usize, shift: u8, row_shift: u8, bias_max: i64) -> Vec<u8> {
    let weights = random.numbers(width, -127, 127);
    let magnitudes: i64 = weights.iter().map(|w| w.abs()).sum();
    let largest = i128::from(fixed::rsh64(127 * magnitudes * 32767, fixed::PRE_SHIFT));
    // The largest multiplier with which nothing overflows.
    let products = ((1i128 << 62) - 1).min((1i128 << (29 + shift)) - 1);
    let limit = if largest == 0 { i32::MAX.into() } else { (products / largest).min(i32::MAX.into()) };
    let mut row = (random.magnitude(limit as i64) as u32).to_be_bytes().to_vec();
    row.extend((random.signed(bias_max) as i32).to_be_bytes());
    row.push(random.within(0, row_shift.into()) as u8);
    row.extend(weights.into_iter().map(|w| w as u8));
    row
}
