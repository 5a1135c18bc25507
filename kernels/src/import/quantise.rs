//! From floating point and ranges to a tape and its weights.

use rayon::prelude::*;

use super::{
    calibrate::{Channels, Ranges},
    float::{Bert, Dense, Gains, Layer, Matrix},
};
use crate::{
    TapeError,
    fixed::{EXP_BITS, GELU_BITS, PRE_SHIFT},
    tape::{Operator, Tape, WeightKind, WeightTensor},
};

/// Fraction bits of pre-norm sums inside the layers.
const SUM_BITS: i32 = 14;
/// Fraction bits of gains; with the 16 of a normalised element they make the 30 that a norm's shift is counted from.
pub(super) const GAIN_BITS: i32 = 14;
/// Fraction bits of a context, in units of its value's scale.
pub(super) const CONTEXT_BITS: i32 = 8;
/// Room that norms leave above what calibration saw.
pub(super) const HEADROOM: f64 = 1.25;
/// The least range of a channel; one that calibration never saw moving must not divide by zero.
pub(super) const TINY: f64 = 1e-6;
/// Share of a channel's excess over the median that smoothing moves into the next weights.
const SMOOTHING: f64 = 0.75;

/// A tape and the bytes of its weights.
pub(super) fn quantise(model: &Bert, ranges: &Ranges, max_units: u32) -> Result<(Tape, Vec<u8>), TapeError> {
    let mut build = Build::default();
    build.operators.push(Operator::Ids { vocabulary: model.words.rows as u32 });
    let mut x = {
        let sum = build.embed(model, max_units);
        let smoothing = Smoothing::new(&ranges.norms[0]);
        build.norm(sum, &model.norm, &ranges.norms[0], smoothing, false)
    };
    let last = model.layers.len() - 1;
    for (i, layer) in model.layers.iter().enumerate() {
        x = build.layer(layer, i, ranges, model.heads, &x, i == last);
    }
    let pool = build.push(Operator::Pool { x: x.operator });
    build.push(Operator::Unit { pool });
    Ok((Tape::new(max_units, build.tensors, build.operators)?, build.weights))
}

/// A tape in the making.
#[derive(Default)]
pub(super) struct Build {
    pub(super) tensors: Vec<WeightTensor>,
    pub(super) weights: Vec<u8>,
    pub(super) operators: Vec<Operator>,
}

/// A tensor that matrix products read.
pub(super) struct Activation {
    pub(super) operator: u16,
    /// Fraction bits of its integers.
    pub(super) bits: i32,
    /// What a unit of channel `c` is worth, apart from the fraction bits.
    pub(super) units: Vec<f64>,
}

/// The rows of a matrix product as integers, and their multipliers before they are.
pub(super) struct Product {
    rows: Vec<(f64, Vec<i8>)>,
    muls: Vec<f64>,
    width: usize,
}

/// Left shifts that undo a norm's smoothing, channel by channel.
struct Smoothing(Vec<u8>);

impl Smoothing {
    fn none(width: usize) -> Self {
        Self(vec![0; width])
    }

    fn new(channels: &Channels) -> Self {
        let mut sorted = channels.max.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2].max(f64::MIN_POSITIVE);
        let shift =
            |max: &f64| (SMOOTHING * libm::log2(max.max(f64::MIN_POSITIVE) / median)).round().clamp(0.0, 6.0) as u8;
        Self(channels.max.iter().map(shift).collect())
    }

    fn units(&self) -> Vec<f64> {
        self.0.iter().map(|&k| f64::from(1u32 << k)).collect()
    }
}

impl Build {
    pub(super) fn push(&mut self, operator: Operator) -> u16 {
        self.operators.push(operator);
        (self.operators.len() - 1) as u16
    }

    pub(super) fn tensor(&mut self, kind: WeightKind, width: usize, rows: Vec<Vec<u8>>) -> u16 {
        self.tensors.push(WeightTensor { kind, rows: rows.len() as u32, width: width as u32 });
        self.weights.extend(rows.into_iter().flatten());
        (self.tensors.len() - 1) as u16
    }

    fn embed(&mut self, model: &Bert, max_units: u32) -> u16 {
        let width = model.width();
        let kinds = &model.kinds.x[..width];
        let places: Vec<Vec<f64>> = model
            .positions
            .x
            .chunks_exact(width)
            .take(max_units as usize)
            .map(|row| row.iter().zip(kinds).map(|(p, kind)| f64::from(*p) + f64::from(*kind)).collect())
            .collect();
        let largest = places.iter().flatten().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let bits = libm::floor(libm::log2(32767.0 / largest)).min(20.0) as i32;
        let (words, shift) = self.words(&model.words, bits);
        let rows =
            places.iter().map(|row| row.iter().flat_map(|p| ((p * exp2(bits)).round() as i16).to_be_bytes()).collect());
        let positions = self.tensor(WeightKind::Positions, width, rows.collect());
        self.push(Operator::Embed { ids: 0, words, positions, shift })
    }

    /// Words whose numbers have so many fraction bits, and the shift of who looks them up.
    pub(super) fn words(&mut self, words: &Matrix, bits: i32) -> (u16, u8) {
        let rows: Vec<(f64, Vec<i8>)> = words
            .x
            .par_chunks_exact(words.width)
            .map(|row| {
                let row: Vec<f64> = row.iter().map(|&w| f64::from(w)).collect();
                quantise_row(&row)
            })
            .collect();
        let top = rows.iter().fold(f64::MIN_POSITIVE, |m, (scale, _)| m.max(*scale)) * exp2(bits);
        let shift = libm::floor(libm::log2(f64::from(1 << 23) / top)).clamp(1.0, 30.0) as i32;
        let rows = rows.iter().map(|(scale, row)| {
            let mul = (scale * exp2(bits + shift)).round() as u32;
            mul.to_be_bytes().into_iter().chain(row.iter().map(|w| w.cast_unsigned())).collect()
        });
        (self.tensor(WeightKind::Words, words.width, rows.collect()), shift as u8)
    }

    fn norm(&mut self, sum: u16, norm: &Gains, seen: &Channels, smoothing: Smoothing, transposed: bool) -> Residual {
        let units = smoothing.units();
        let largest = seen.max.iter().zip(&units).fold(f64::MIN_POSITIVE, |m, (max, unit)| m.max(max / unit));
        let bits = libm::floor(libm::log2(32767.0 / (largest * HEADROOM))).clamp(0.0, f64::from(SUM_BITS)) as i32;
        let rows = norm.gain.iter().zip(&norm.bias).zip(&units).map(|((&gain, &bias), unit)| {
            let gain = (f64::from(gain) / unit * exp2(GAIN_BITS)).round() as i32;
            let bias = (f64::from(bias) / unit * exp2(bits)).round() as i32;
            gain.to_be_bytes().into_iter().chain(bias.to_be_bytes()).collect()
        });
        let gains = self.tensor(WeightKind::Gains, 1, rows.collect());
        let operator = self.push(Operator::Norm { sum, gains, shift: (16 + GAIN_BITS - bits) as u8, transposed });
        Residual { operator, shifts: smoothing.0, input: Activation { operator, bits, units } }
    }

    fn layer(
        &mut self,
        layer: &Layer,
        index: usize,
        ranges: &Ranges,
        heads: usize,
        x: &Residual,
        last: bool,
    ) -> Residual {
        let context = self.attention(layer, index, ranges, heads, &x.input);
        let sum = self.residual(&layer.out, &context, x);
        let seen = &ranges.norms[2 * index + 1];
        let x = self.norm(sum, &layer.attention_norm, seen, Smoothing::new(seen), false);
        let gelu = self.gelu(&layer.up, &x.input);
        let sum = self.residual(&layer.down, &gelu, &x);
        let seen = &ranges.norms[2 * index + 2];
        let smoothing = if last { Smoothing::none(seen.max.len()) } else { Smoothing::new(seen) };
        self.norm(sum, &layer.norm, seen, smoothing, last)
    }

    fn attention(&mut self, layer: &Layer, index: usize, ranges: &Ranges, heads: usize, x: &Activation) -> Activation {
        let (q_max, k_max) = (&ranges.queries[index].max, &ranges.keys[index].max);
        let head_width = q_max.len() / heads;
        // A score does not change when a channel of the query grows and that of the key shrinks alike: both get one range.
        let balance: Vec<f64> = q_max.iter().zip(k_max).map(|(q, k)| (k.max(TINY) / q.max(TINY)).sqrt()).collect();
        let ranges_both: Vec<f64> = q_max.iter().zip(k_max).map(|(q, k)| (q.max(TINY) * k.max(TINY)).sqrt()).collect();
        let head_scales: Vec<f64> = ranges_both
            .chunks_exact(head_width)
            .map(|head| head.iter().fold(0.0, |m: f64, v| m.max(*v)) / 127.0)
            .collect();
        let scale_of = |c: usize| head_scales[c / head_width];
        let q_units: Vec<f64> = balance.iter().enumerate().map(|(c, b)| b / scale_of(c)).collect();
        let k_units: Vec<f64> = balance.iter().enumerate().map(|(c, b)| 1.0 / (b * scale_of(c))).collect();
        let q = self.linear(&layer.q, x, &q_units, false);
        let k = self.linear(&layer.k, x, &k_units, false);

        // Each channel of the values uses all of its bits, and the weights that read the context take the scales in.
        let v_scales: Vec<f64> = ranges.values[index].max.iter().map(|v| v.max(TINY) / 127.0).collect();
        let v = self.linear(&layer.v, x, &v_scales.iter().map(|s| 1.0 / s).collect::<Vec<_>>(), true);

        let exp = self.exp(q, k, &head_scales, head_width);
        let operator = self.push(Operator::Context { exp, v });
        Activation { operator, bits: CONTEXT_BITS, units: v_scales }
    }

    fn exp(&mut self, q: u16, k: u16, head_scales: &[f64], head_width: usize) -> u16 {
        let factor = std::f64::consts::LOG2_E / (head_width as f64).sqrt() * exp2(EXP_BITS as i32);
        let factors: Vec<f64> = head_scales.iter().map(|s| s * s * factor).collect();
        let (scales, shift) = self.scales(&factors, head_width);
        self.push(Operator::Exp { q, k, scales, heads: head_scales.len() as u16, shift })
    }

    /// What a unit of each head's scores is worth, and the shift that goes with it.
    pub(super) fn scales(&mut self, factors: &[f64], head_width: usize) -> (u16, u8) {
        let top = factors.iter().fold(f64::MIN_POSITIVE, |m, f| m.max(*f));
        // The largest scale that keeps a score and the half that rounds it within 31 bits.
        let limit = f64::from(1 << 30) * 1.9 / (127.0 * 127.0 * head_width as f64);
        let shift = libm::floor(libm::log2(limit / top)).clamp(1.0, 26.0) as i32;
        let rows = factors.iter().map(|f| ((f * exp2(shift)).round() as u32).to_be_bytes().to_vec()).collect();
        (self.tensor(WeightKind::Scales, 1, rows), shift as u8)
    }

    fn linear(&mut self, dense: &Dense, x: &Activation, out_units: &[f64], transposed: bool) -> u16 {
        let (weights, shift) = self.product(dense, x, out_units, &vec![0; out_units.len()]);
        self.push(Operator::Linear { input: x.operator, weights, shift, transposed })
    }

    fn residual(&mut self, dense: &Dense, x: &Activation, residual: &Residual) -> u16 {
        let units = vec![exp2(SUM_BITS); dense.weights.rows];
        let (weights, shift) = self.product(dense, x, &units, &residual.shifts);
        let residual_shift = (SUM_BITS - residual.input.bits) as u8;
        let residual = residual.operator;
        self.push(Operator::Residual { input: x.operator, weights, residual, shift, residual_shift })
    }

    fn gelu(&mut self, dense: &Dense, x: &Activation) -> Activation {
        let width = dense.weights.rows;
        let (weights, shift) = self.product(dense, x, &vec![exp2(GELU_BITS as i32); width], &vec![0; width]);
        let operator = self.push(Operator::Gelu { input: x.operator, weights, shift });
        Activation { operator, bits: GELU_BITS as i32, units: vec![1.0; width] }
    }

    /// The rows of a matrix product whose result counts `out_units` to one.
    fn product(&mut self, dense: &Dense, x: &Activation, out_units: &[f64], row_shifts: &[u8]) -> (u16, u8) {
        let product = Product::new(&dense.weights, x, out_units);
        let shift = product.shift();
        (self.product_rows(&product, shift, dense, out_units, row_shifts), shift)
    }

    pub(super) fn product_rows(
        &mut self,
        product: &Product,
        shift: u8,
        dense: &Dense,
        out_units: &[f64],
        row_shifts: &[u8],
    ) -> u16 {
        let encoded = product.rows.iter().enumerate().map(|(j, (_, row))| {
            let mul = (product.muls[j] * exp2(shift.into())).round() as u32;
            let bias = (f64::from(dense.bias[j]) * out_units[j]).round() as i32;
            let head = mul.to_be_bytes().into_iter().chain(bias.to_be_bytes()).chain([row_shifts[j]]);
            head.chain(row.iter().map(|w| w.cast_unsigned())).collect()
        });
        let encoded = encoded.collect();
        self.tensor(WeightKind::Linear, product.width, encoded)
    }
}

impl Product {
    pub(super) fn new(weights: &Matrix, x: &Activation, out_units: &[f64]) -> Self {
        let Matrix { width, x: weights, .. } = weights;
        let rows: Vec<(f64, Vec<i8>)> = weights
            .par_chunks_exact(*width)
            .map(|row| {
                let row: Vec<f64> = row.iter().zip(&x.units).map(|(&w, unit)| f64::from(w) * unit).collect();
                quantise_row(&row)
            })
            .collect();
        let input = exp2(PRE_SHIFT as i32 - x.bits) / 127.0;
        let muls = rows.iter().zip(out_units).map(|((scale, _), units)| scale * input * units).collect();
        Self { rows, muls, width: *width }
    }

    /// The largest shift with which all multipliers keep to 30 bits.
    pub(super) fn shift(&self) -> u8 {
        self.shift_below(30)
    }

    /// The largest shift with which all multipliers keep to so many bits.
    fn shift_below(&self, bits: i32) -> u8 {
        let top = self.muls.iter().fold(f64::MIN_POSITIVE, |m, mul| m.max(*mul));
        libm::floor(libm::log2(exp2(bits) / top)).clamp(1.0, 61.0) as u8
    }

    /// The rows as words, with the shift of whoever multiplies with them.
    pub(super) fn words(&self) -> (Vec<Vec<u8>>, u8) {
        let shift = self.shift_below(23);
        let word = |((_, row), mul): (&(f64, Vec<i8>), &f64)| {
            let mul = (mul * exp2(shift.into())).round() as u32;
            mul.to_be_bytes().into_iter().chain(row.iter().map(|w| w.cast_unsigned())).collect()
        };
        (self.rows.iter().zip(&self.muls).map(word).collect(), shift)
    }
}

/// A norm, as later sums and products read it.
struct Residual {
    operator: u16,
    shifts: Vec<u8>,
    input: Activation,
}

/// Scale and integers of a row whose largest magnitude becomes 127.
pub(super) fn quantise_row(row: &[f64]) -> (f64, Vec<i8>) {
    let scale = row.iter().fold(0.0, |m: f64, w| m.max(w.abs())) / 127.0;
    if scale == 0.0 {
        return (0.0, vec![0; row.len()]);
    }
    (scale, row.iter().map(|w| (w / scale).round() as i8).collect())
}

/// `2^power`, exactly.
pub(super) fn exp2(power: i32) -> f64 {
    libm::ldexp(1.0, power)
}
