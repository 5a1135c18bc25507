//! From a Llama decoder and text to a tape and its weights.

use rayon::prelude::*;

use super::{
    calibrate::Channels,
    float::{Dense, Matrix},
    llama::{Layer, Llama, Place},
    quantise::{Activation, Build, CONTEXT_BITS, GAIN_BITS, HEADROOM, Product, TINY, exp2},
};
use crate::{
    TapeError,
    fixed::{ANGLE_BITS, EXP_BITS, GELU_BITS, STREAM_MAX},
    tape::{Operator, Tape, WeightKind},
};

/// The most fraction bits of a norm: fewer than 16 would be left of the 30 that its shift is counted from.
const NORM_BITS: f64 = 14.0;
/// The most fraction bits of a stream.
const STREAM_BITS: f64 = 14.0;
/// Share of a norm's range that smoothing moves into the weights that read it.
const SMOOTHING: f64 = 0.6;
/// The most that a valid product adds to a stream, with something left for rounding.
const ADDED_MAX: f64 = (1 << 29) as f64 * 0.99;
/// How far one channel of the gated products may stand out from what is usual before it is split into several.
const OUTLIER: f64 = 128.0;
/// The most channels that a layer's gated products are split into.
const HIDDEN_MAX: usize = 2048;

/// Ranges of all activations of a model.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    stream: f64,
    norms: Vec<Channels>,
    queries: Vec<Channels>,
    keys: Vec<Channels>,
    values: Vec<Channels>,
    gated: Vec<Channels>,
    /// The largest gated product of each token.
    peaks: Vec<Vec<f64>>,
}

impl Ranges {
    fn observe(&mut self, place: Place, x: &[f32], tokens: usize) {
        let (list, index) = match place {
            Place::Stream => {
                self.stream = x.iter().fold(self.stream, |m, v| m.max(f64::from(v.abs())));
                return;
            }
            Place::Norm(i) => (&mut self.norms, i),
            Place::Query(i) => (&mut self.queries, i),
            Place::Key(i) => (&mut self.keys, i),
            Place::Value(i) => (&mut self.values, i),
            Place::Gated(i) => (&mut self.gated, i),
        };
        let width = x.len() / tokens;
        list.resize_with(list.len().max(index + 1), Channels::default);
        list[index].observe(x, width);
        if let Place::Gated(layer) = place {
            self.peaks.resize_with(self.peaks.len().max(layer + 1), Vec::new);
            let peak = |row: &[f32]| row.iter().fold(0.0, |m: f64, v| m.max(f64::from(v.abs())));
            self.peaks[layer].extend(x.chunks_exact(width).map(peak));
        }
    }

    fn merge(&mut self, other: Self) {
        self.stream = self.stream.max(other.stream);
        let lists = [
            (&mut self.norms, other.norms),
            (&mut self.queries, other.queries),
            (&mut self.keys, other.keys),
            (&mut self.values, other.values),
            (&mut self.gated, other.gated),
        ];
        for (into, from) in lists {
            into.resize_with(into.len().max(from.len()), Channels::default);
            into.iter_mut().zip(&from).for_each(|(a, b)| a.merge(b));
        }
        self.peaks.resize_with(self.peaks.len().max(other.peaks.len()), Vec::new);
        self.peaks.iter_mut().zip(other.peaks).for_each(|(a, b)| a.extend(b));
    }

    /// What the largest gated product of a token of a layer usually is.
    fn usual_peak(&self, layer: usize) -> f64 {
        let mut peaks = self.peaks[layer].clone();
        peaks.sort_by(f64::total_cmp);
        peaks[peaks.len() / 2].max(TINY)
    }
}

/// Runs the texts through the model. What is kept of them does not depend on their order, so threads change nothing.
pub(super) fn calibrate(model: &Llama, texts: &[Vec<u16>], progress: &(dyn Fn(usize) + Sync)) -> Ranges {
    let mut all = Ranges::default();
    for (part, texts) in texts.chunks(8).enumerate() {
        let one = |ids: &Vec<u16>| {
            let mut ranges = Ranges::default();
            model.forward(ids, &mut |place, x| ranges.observe(place, x, ids.len()));
            ranges
        };
        let ranges: Vec<Ranges> = texts.par_iter().map(one).collect();
        ranges.into_iter().for_each(|ranges| all.merge(ranges));
        progress(part * 8 + texts.len());
    }
    all
}

/// A tape and the bytes of its weights.
pub(super) fn quantise(model: &Llama, ranges: &Ranges, max_units: u32) -> Result<(Tape, Vec<u8>), TapeError> {
    let largest = f64::from(STREAM_MAX) / (ranges.stream.max(TINY) * HEADROOM);
    let reach = (0..model.layers.len()).fold(TINY, |m, layer| m.max(reach(model, ranges, layer)));
    let bits = libm::floor(libm::log2(largest.min(ADDED_MAX / reach)));
    let stream_bits = bits.clamp(0.0, STREAM_BITS) as i32;
    let mut build = Decoder { build: Build::default(), model, ranges, stream_bits, angles: 0 };
    let prompt = build.push(Operator::Prompt { vocabulary: model.vocabulary() as u32 });
    let (words, shift) = build.build.words(&model.words.weights, stream_bits);
    let mut stream = build.push(Operator::Lookup { prompt, words, shift });
    build.angles(max_units);
    for (index, layer) in model.layers.iter().enumerate() {
        stream = build.attention(layer, index, stream);
        stream = build.gated(layer, index, stream);
    }
    build.choose(stream, prompt);
    Ok((Tape::new(max_units, build.build.tensors, build.build.operators)?, build.build.weights))
}

/// The most that the products of a layer could add to a stream if all their factors were as large as can be and of one sign.
fn reach(model: &Llama, ranges: &Ranges, index: usize) -> f64 {
    let (layer, split) = (&model.layers[index], Split::of(ranges, index));
    let down = split.columns(&layer.down);
    let rows = down.weights.x.chunks_exact(down.weights.width);
    let gated = rows.map(|row| row.iter().map(|w| f64::from(w.abs())).sum::<f64>() * split.largest * HEADROOM);
    let share = model.heads / model.groups;
    let value = |channel: usize| {
        let (head, of_head) = (channel / model.head_width, channel % model.head_width);
        ranges.values[index].max[head / share * model.head_width + of_head].max(TINY)
    };
    let rows = layer.out.weights.x.chunks_exact(layer.out.weights.width);
    // A context that fills its 16 bits stands for a little more than its value's range.
    let context = rows.map(|row| row.iter().enumerate().map(|(c, w)| f64::from(w.abs()) * value(c) * 1.01).sum());
    gated.chain(context).fold(TINY, f64::max)
}

struct Decoder<'a> {
    build: Build,
    model: &'a Llama,
    ranges: &'a Ranges,
    /// Fraction bits of the stream.
    stream_bits: i32,
    /// Weights: the angles of all places.
    angles: u16,
}

impl Decoder<'_> {
    fn push(&mut self, operator: Operator) -> u16 {
        self.build.push(operator)
    }

    fn angles(&mut self, max_units: u32) {
        let number = |x: f64| ((x * exp2(ANGLE_BITS as i32)).round() as i16).to_be_bytes();
        let row = |place: u32| -> Vec<u8> {
            let pairs = self.model.angles(place as usize);
            pairs.flat_map(|(cosine, sine)| [number(cosine), number(sine)]).flatten().collect()
        };
        let rows = (0..max_units).map(row).collect();
        self.angles = self.build.tensor(WeightKind::Positions, self.model.head_width, rows);
    }

    /// A norm whose channels are smoothed for the weights that will read it.
    fn rms(&mut self, stream: u16, gain: &[f32], index: usize, readers: &[&Matrix]) -> Activation {
        let seen = &self.ranges.norms[index].max;
        let units = smoothing(seen, readers);
        let largest = seen.iter().zip(&units).fold(f64::MIN_POSITIVE, |m, (max, unit)| m.max(max / unit));
        let bits = libm::floor(libm::log2(32767.0 / (largest * HEADROOM))).clamp(0.0, NORM_BITS) as i32;
        let rows = gain.iter().zip(&units).map(|(&gain, unit)| {
            let gain = (f64::from(gain) / unit * exp2(GAIN_BITS)).round() as i32;
            gain.to_be_bytes().into_iter().chain([0; 4]).collect()
        });
        let gains = self.build.tensor(WeightKind::Gains, 1, rows.collect());
        let operator = self.push(Operator::Rms { stream, gains, shift: (16 + GAIN_BITS - bits) as u8 });
        Activation { operator, bits, units }
    }

    fn attention(&mut self, layer: &Layer, index: usize, stream: u16) -> u16 {
        let readers = [&layer.q.weights, &layer.k.weights, &layer.v.weights];
        let x = self.rms(stream, &layer.attention_norm, 2 * index, &readers);
        let balance = Balance::new(self.model, &self.ranges.queries[index].max, &self.ranges.keys[index].max);
        let q = self.rotary(&layer.q, &x, &balance.query_units);
        let k = self.rotary(&layer.k, &x, &balance.key_units);

        // Each channel of the values uses all of its bits, and the weights that read the context take the scales in.
        let v_scales: Vec<f64> = self.ranges.values[index].max.iter().map(|v| v.max(TINY) / 127.0).collect();
        let v_units: Vec<f64> = v_scales.iter().map(|scale| 1.0 / scale).collect();
        let (weights, shift) = self.product(&layer.v, &x, &v_units);
        let v = self.push(Operator::Linear { input: x.operator, weights, shift, transposed: true });

        let (scales, shift) = self.build.scales(&balance.scores, self.model.head_width);
        let exp = self.push(Operator::Causal { q, k, scales, heads: self.model.heads as u16, shift });
        let operator = self.push(Operator::Blend { exp, v });
        let share = self.model.heads / self.model.groups;
        let groups = v_scales.chunks_exact(self.model.head_width);
        let units = groups.flat_map(|group| std::iter::repeat_n(group, share).flatten()).copied().collect();
        self.add(&layer.out, &Activation { operator, bits: CONTEXT_BITS, units }, stream)
    }

    fn gated(&mut self, layer: &Layer, index: usize, stream: u16) -> u16 {
        let split = Split::of(self.ranges, index);
        let (gate, up, down) = (split.rows(&layer.gate), split.rows(&layer.up), split.columns(&layer.down));
        let x = self.rms(stream, &layer.norm, 2 * index + 1, &[&layer.gate.weights, &layer.up.weights]);

        // The product loses the gate's bits and five more.
        let scale = 32767.0 / (split.largest * HEADROOM);
        let gate_units = vec![exp2(GELU_BITS as i32); gate.weights.rows];
        let up_units: Vec<f64> =
            split.copies().map(|(_, copies)| scale * exp2(15 - GELU_BITS as i32) / copies as f64).collect();
        let products = [Product::new(&gate.weights, &x, &gate_units), Product::new(&up.weights, &x, &up_units)];
        let shift = products[0].shift().min(products[1].shift());
        let none = vec![0; gate.weights.rows];
        let gate = self.build.product_rows(&products[0], shift, &gate, &gate_units, &none);
        let up = self.build.product_rows(&products[1], shift, &up, &up_units, &none);
        let operator = self.push(Operator::Gated { input: x.operator, gate, up, shift });
        let units = vec![1.0 / scale; none.len()];
        self.add(&down, &Activation { operator, bits: 0, units }, stream)
    }

    fn choose(&mut self, stream: u16, prompt: u16) {
        // The words that are looked up make the stream, which cannot be smoothed: these are their own.
        let words = &self.model.words.weights;
        let x = self.rms(stream, &self.model.norm, 2 * self.model.layers.len(), &[words]);
        let units = vec![std::f64::consts::LOG2_E * exp2(EXP_BITS as i32); words.rows];
        let (rows, shift) = Product::new(words, &x, &units).words();
        let words = self.build.tensor(WeightKind::Words, words.width, rows);
        self.push(Operator::Choose { input: x.operator, words, prompt, shift });
    }

    fn rotary(&mut self, dense: &Dense, x: &Activation, out_units: &[f64]) -> u16 {
        let (weights, shift) = self.product(dense, x, out_units);
        self.push(Operator::Rotary { input: x.operator, weights, angles: self.angles, shift })
    }

    fn add(&mut self, dense: &Dense, x: &Activation, stream: u16) -> u16 {
        let (weights, shift) = self.product(dense, x, &vec![exp2(self.stream_bits); dense.weights.rows]);
        self.push(Operator::Add { input: x.operator, weights, stream, shift })
    }

    fn product(&mut self, dense: &Dense, x: &Activation, out_units: &[f64]) -> (u16, u8) {
        let product = Product::new(&dense.weights, x, out_units);
        let shift = product.shift();
        (self.build.product_rows(&product, shift, dense, out_units, &vec![0; out_units.len()]), shift)
    }
}

/// What a unit of each channel is worth, so that neither the channels nor the columns of the weights that read them stand out.
fn smoothing(seen: &[f64], readers: &[&Matrix]) -> Vec<f64> {
    let mut columns = vec![TINY; seen.len()];
    for row in readers.iter().flat_map(|weights| weights.x.chunks_exact(weights.width)) {
        columns.iter_mut().zip(row).for_each(|(max, w)| *max = max.max(f64::from(w.abs())));
    }
    let unit = |(max, column): (&f64, &f64)| libm::pow(max.max(TINY), SMOOTHING) / libm::pow(*column, 1.0 - SMOOTHING);
    let units: Vec<f64> = seen.iter().zip(&columns).map(unit).collect();
    let mean = libm::exp(units.iter().map(|unit| libm::log(*unit)).sum::<f64>() / units.len() as f64);
    units.iter().map(|unit| unit / mean).collect()
}

/// Units of queries and keys. A score does not change when a pair of channels of the queries grows and that of the keys shrinks alike.
struct Balance {
    query_units: Vec<f64>,
    key_units: Vec<f64>,
    /// What a score of each head is worth in powers of two.
    scores: Vec<f64>,
}

impl Balance {
    fn new(model: &Llama, queries: &[f64], keys: &[f64]) -> Self {
        let (head_width, share) = (model.head_width, model.heads / model.groups);
        let pairs = |x: &[f64]| -> Vec<f64> { x.chunks_exact(2).map(|pair| pair[0].max(pair[1]).max(TINY)).collect() };
        let (queries, keys) = (pairs(queries), pairs(keys));
        let factor = std::f64::consts::LOG2_E / (head_width as f64).sqrt() * exp2(EXP_BITS as i32);
        let mut balance = Self { query_units: Vec::new(), key_units: Vec::new(), scores: Vec::new() };
        for (heads, key) in queries.chunks_exact(share * head_width / 2).zip(keys.chunks_exact(head_width / 2)) {
            let heads: Vec<&[f64]> = heads.chunks_exact(head_width / 2).collect();
            let largest = |pair: usize| heads.iter().fold(0.0, |m: f64, head| m.max(head[pair]));
            let shift: Vec<f64> = key.iter().enumerate().map(|(pair, k)| (k / largest(pair)).sqrt()).collect();
            let scale = |x: &mut dyn Iterator<Item = f64>| x.fold(0.0, f64::max) / 127.0;
            let twice = |x: f64| [x, x];
            let key_scale = scale(&mut key.iter().zip(&shift).map(|(k, shift)| k / shift));
            balance.key_units.extend(shift.iter().flat_map(|shift| twice(1.0 / (shift * key_scale))));
            for head in heads {
                let query_scale = scale(&mut head.iter().zip(&shift).map(|(q, shift)| q * shift));
                balance.query_units.extend(shift.iter().flat_map(|shift| twice(shift / query_scale)));
                balance.scores.push(query_scale * key_scale * factor);
            }
        }
        balance
    }
}

/// Channels of gated products that stand out, each split into several equal ones that add up to it: a token in which it is large would
/// else leave no bits to the rest.
struct Split {
    /// How many channels each becomes.
    parts: Vec<usize>,
    /// The largest magnitude that is left.
    largest: f64,
}

impl Split {
    fn of(ranges: &Ranges, layer: usize) -> Self {
        Self::new(&ranges.gated[layer].max, OUTLIER * ranges.usual_peak(layer))
    }

    fn new(seen: &[f64], limit: f64) -> Self {
        let mut parts: Vec<usize> = seen.iter().map(|max| (max / limit).ceil().max(1.0) as usize).collect();
        // Products are a multiple of 4 wide.
        let total: usize = parts.iter().sum();
        let most = seen.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(channel, _)| channel);
        parts[most] += total.next_multiple_of(4) - total;
        if parts.iter().sum::<usize>() > HIDDEN_MAX {
            parts = vec![1; seen.len()];
        }
        let largest = seen.iter().zip(&parts).fold(TINY, |m, (max, &parts)| m.max(max / parts as f64));
        Self { parts, largest }
    }

    /// The channel that each new one is a part of, and of how many.
    fn copies(&self) -> impl Iterator<Item = (usize, usize)> {
        self.parts.iter().enumerate().flat_map(|(channel, &parts)| std::iter::repeat_n((channel, parts), parts))
    }

    fn rows(&self, dense: &Dense) -> Dense {
        let x = self.copies().flat_map(|(channel, _)| dense.weights.row(channel)).copied().collect();
        let bias: Vec<f32> = self.copies().map(|(channel, _)| dense.bias[channel]).collect();
        Dense::new(Matrix { rows: bias.len(), width: dense.weights.width, x }, bias)
    }

    fn columns(&self, dense: &Dense) -> Dense {
        let Matrix { rows, width, x } = &dense.weights;
        let x = x.chunks_exact(*width).flat_map(|row| self.copies().map(|(channel, _)| row[channel])).collect();
        Dense::new(Matrix { rows: *rows, width: self.copies().count(), x }, dense.bias.clone())
    }
}
