//! Models of random weights and all shapes that a tape allows.

use assay_kernels::{
    Model,
    tape::{Operator, Tape, WeightKind, WeightTensor},
};

/// SplitMix64.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Both ends included.
    pub(crate) fn within(&mut self, least: i64, most: i64) -> i64 {
        least + (self.next() % (most - least + 1).cast_unsigned()).cast_signed()
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next() as usize % choices.len()]
    }

    /// An input row of `units` ids below `vocabulary`, sometimes of one id only.
    pub(crate) fn row(&mut self, units: usize, vocabulary: u32) -> Vec<u8> {
        let same = (self.next().is_multiple_of(4)).then(|| self.within(0, i64::from(vocabulary) - 1) as u16);
        let id = |_| same.unwrap_or_else(|| self.within(0, i64::from(vocabulary) - 1) as u16);
        (0..units).map(id).flat_map(u16::to_be_bytes).collect()
    }
}

const VOCABULARY: u32 = 40;
/// Right shift of every product.
const SHIFT: u8 = 40;

struct Builder<'a> {
    random: &'a mut Random,
    tensors: Vec<WeightTensor>,
    operators: Vec<Operator>,
    weights: Vec<u8>,
}

/// A model of one or two layers whose widths, heads and scales are drawn; at most `units` units.
pub(crate) fn transformer(random: &mut Random, units: u32) -> Model {
    let head_width = random.one_of(&[4, 8, 12, 32, 36, 64]);
    let heads = random.within(1, if head_width > 32 { 2 } else { 3 }) as u32;
    let (width, ffn) = (4 * random.within(1, 40) as u32, 4 * random.within(1, 40) as u32);
    // Values need not be as wide as queries, nor a head of them a multiple of 4.
    let value_width = heads * 4 * random.within(1, 11) as u32 / random.one_of(&[1, 1, 1, 2]);
    let value_width = value_width.next_multiple_of(4).next_multiple_of(heads);
    let value_width = if value_width.is_multiple_of(4) { value_width } else { heads * 4 };
    let mut builder = Builder { random, tensors: vec![], operators: vec![], weights: vec![] };
    builder.embed(width, units);
    for _ in 0..builder.random.within(1, 2) {
        let x = builder.norm(width, false);
        let (q, k) =
            (builder.linear(x, width, head_width * heads, false), builder.linear(x, width, head_width * heads, false));
        let v = builder.linear(x, width, value_width, true);
        let exp = builder.exp(q, k, heads, head_width);
        let context = builder.push(Operator::Context { exp, v });
        builder.residual(context, value_width, x, width);
        let a = builder.norm(width, false);
        let weights = builder.product(width, ffn, 20_000, 0);
        let g = builder.push(Operator::Gelu { input: a, weights, shift: SHIFT });
        builder.residual(g, ffn, a, width);
    }
    builder.end(width, units)
}

/// A model without products, whose width may be odd.
pub(crate) fn average(random: &mut Random, units: u32) -> Model {
    let width = random.within(1, 150) as u32;
    let mut builder = Builder { random, tensors: vec![], operators: vec![], weights: vec![] };
    builder.embed(width, units);
    builder.end(width, units)
}

impl Builder<'_> {
    fn push(&mut self, operator: Operator) -> u16 {
        self.operators.push(operator);
        self.operators.len() as u16 - 1
    }

    fn tensor(&mut self, kind: WeightKind, rows: u32, width: u32) -> u16 {
        self.tensors.push(WeightTensor { kind, rows, width });
        self.tensors.len() as u16 - 1
    }

    fn put_i32(&mut self, value: i64) {
        self.weights.extend((value as i32).to_be_bytes());
    }

    fn put_bytes(&mut self, count: u32) -> i64 {
        // Some rows have small weights, some the extremes.
        let most = self.random.one_of(&[1, 127, 127]);
        let bytes: Vec<i8> = (0..count).map(|_| self.random.within(-most, most) as i8).collect();
        self.weights.extend(bytes.iter().map(|b| b.cast_unsigned()));
        bytes.iter().map(|b| i64::from(*b).abs()).sum()
    }

    fn embed(&mut self, width: u32, units: u32) {
        self.push(Operator::Ids { vocabulary: VOCABULARY });
        let words = self.tensor(WeightKind::Words, VOCABULARY, width);
        for _ in 0..VOCABULARY {
            let mul = self.random.within(0, 1 << 23);
            self.put_i32(mul);
            self.put_bytes(width);
        }
        let positions = self.tensor(WeightKind::Positions, units, width);
        for _ in 0..units * width {
            let place = self.random.within(-32768, 32767) as i16;
            self.weights.extend(place.to_be_bytes());
        }
        let shift = self.random.within(1, 16) as u8;
        self.push(Operator::Embed { ids: 0, words, positions, shift });
    }

    /// A norm of what was made last.
    fn norm(&mut self, width: u32, transposed: bool) -> u16 {
        let gains = self.tensor(WeightKind::Gains, width, 1);
        for _ in 0..width {
            let gain = self.random.within(-1 << 20, 1 << 20);
            self.put_i32(gain);
            let bias = self.random.within(-1 << 11, 1 << 11);
            self.put_i32(bias);
        }
        let (sum, shift) = (self.operators.len() as u16 - 1, self.random.within(16, 24) as u8);
        self.push(Operator::Norm { sum, gains, shift, transposed })
    }

    /// Weights whose products reach about `reach`.
    fn product(&mut self, width: u32, rows: u32, reach: i64, row_shift: i64) -> u16 {
        let tensor = self.tensor(WeightKind::Linear, rows, width);
        for _ in 0..rows {
            let start = self.weights.len();
            self.weights.resize(start + 9, 0);
            let magnitude = self.put_bytes(width);
            let largest = ((127 * magnitude * 32767) >> 9) + 1;
            let mul = ((reach << SHIFT) / largest).min(i64::from(i32::MAX)) as i32;
            let bias = self.random.within(-reach / 2, reach / 2) as i32;
            self.weights[start..start + 4].copy_from_slice(&mul.to_be_bytes());
            self.weights[start + 4..start + 8].copy_from_slice(&bias.to_be_bytes());
            self.weights[start + 8] = self.random.within(0, row_shift) as u8;
        }
        tensor
    }

    fn linear(&mut self, input: u16, width: u32, rows: u32, transposed: bool) -> u16 {
        let weights = self.product(width, rows, 400, 0);
        self.push(Operator::Linear { input, weights, shift: SHIFT, transposed })
    }

    fn residual(&mut self, input: u16, width: u32, residual: u16, rows: u32) {
        let residual_shift = self.random.within(0, 14) as u8;
        let weights = self.product(width, rows, 1 << 22, 14 - i64::from(residual_shift));
        self.push(Operator::Residual { input, weights, residual, shift: SHIFT, residual_shift });
    }

    fn exp(&mut self, q: u16, k: u16, heads: u32, head_width: u32) -> u16 {
        let scales = self.tensor(WeightKind::Scales, heads, 1);
        let shift = self.random.within(1, 16) as u8;
        let most = (i64::from(i32::MAX) - (1 << (shift - 1))) / (127 * 127 * i64::from(head_width));
        for _ in 0..heads {
            let scale = self.random.within(0, most);
            self.put_i32(scale);
        }
        self.push(Operator::Exp { q, k, scales, heads: heads as u16, shift })
    }

    fn end(mut self, width: u32, units: u32) -> Model {
        let x = self.norm(width, true);
        let pool = self.push(Operator::Pool { x });
        self.push(Operator::Unit { pool });
        let tape = Tape::new(units, self.tensors, self.operators).unwrap();
        Model::from_parts("random", tape, self.weights).unwrap()
    }
}
