//! The model in floating point: what calibration observes, and what quality is measured against.
//!
//! Sums run in the order of their terms, products are never contracted into them, and the functions come from `libm`, so
//! the same inputs give the same bits on every machine. Vector lanes are outputs of their own and change nothing.

use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};

use super::ImportError;

/// Outputs that a matrix product computes side by side.
const LANES: usize = 16;
/// Tokens that share a pass over the weights.
const TOKENS: usize = 4;

/// A BERT encoder with mean pooling.
#[derive(Debug)]
pub struct Bert {
    pub(super) heads: usize,
    pub(super) words: Matrix,
    pub(super) positions: Matrix,
    pub(super) kinds: Matrix,
    pub(super) norm: Gains,
    pub(super) layers: Vec<Layer>,
}

/// Rows of numbers.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) x: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Gains {
    pub(super) gain: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Dense {
    pub(super) weights: Matrix,
    pub(super) bias: Vec<f32>,
    /// `[rows / LANES][width][LANES]`, the last block filled with zeros.
    packed: Vec<[f32; LANES]>,
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) q: Dense,
    pub(super) k: Dense,
    pub(super) v: Dense,
    pub(super) out: Dense,
    pub(super) attention_norm: Gains,
    pub(super) up: Dense,
    pub(super) down: Dense,
    pub(super) norm: Gains,
}

/// A place in the model where activations can be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Output of norm 0 (embedding), then two for each layer.
    Norm(usize),
    Query(usize),
    Key(usize),
    Value(usize),
}

impl Matrix {
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.x[row * self.width..][..self.width]
    }
}

impl Bert {
    /// Reads the tensors of a safetensors file by the names that Hugging Face's BERT gives them.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape or type, or holds a number that is not finite.
    pub fn read(bytes: &[u8], heads: usize) -> Result<Self, ImportError> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| ImportError::Format { reason: e.to_string() })?;
        let source = Source { file: &file };
        let norm = source.gains("embeddings.LayerNorm", None)?;
        let width = norm.gain.len();
        let of_width = |name: &str| source.matrix(name, None, Some(width));
        let layer_count =
            (0..).take_while(|i| file.tensor(&format!("encoder.layer.{i}.output.dense.bias")).is_ok()).count();
        if layer_count == 0 || heads == 0 || width % heads != 0 {
            let reason = format!("{layer_count} layers of width {width} with {heads} heads are no BERT model");
            return Err(ImportError::Format { reason });
        }
        Ok(Self {
            heads,
            words: of_width("embeddings.word_embeddings.weight")?,
            positions: of_width("embeddings.position_embeddings.weight")?,
            kinds: of_width("embeddings.token_type_embeddings.weight")?,
            layers: (0..layer_count).map(|i| source.layer(i, width)).collect::<Result<_, _>>()?,
            norm,
        })
    }

    /// Width of the embedding.
    pub fn width(&self) -> usize {
        self.norm.gain.len()
    }

    /// The mean of the last layer over the tokens, scaled to length 1.
    ///
    /// # Panics
    /// When there are no ids, or one is outside vocabulary or positions.
    pub fn embed(&self, ids: &[u16]) -> Vec<f32> {
        let x = self.forward(ids, &mut |_, _| ());
        let width = self.width();
        let mut sum = vec![0f64; width];
        for row in x.chunks_exact(width) {
            sum.iter_mut().zip(row).for_each(|(s, &v)| *s += f64::from(v));
        }
        let length = sum.iter().map(|s| s * s).sum::<f64>().sqrt();
        sum.iter().map(|s| (s / length) as f32).collect()
    }

    /// Runs the layers and shows `observe` every activation that will be quantised: rows of all tokens.
    pub(super) fn forward(&self, ids: &[u16], observe: &mut dyn FnMut(Place, &[f32])) -> Vec<f32> {
        let width = self.width();
        let mut x = Vec::with_capacity(ids.len() * width);
        for (t, &id) in ids.iter().enumerate() {
            let parts = self.words.row(id.into()).iter().zip(self.kinds.row(0)).zip(self.positions.row(t));
            x.extend(parts.map(|((w, kind), p)| w + kind + p));
        }
        self.norm.apply(&mut x);
        observe(Place::Norm(0), &x);
        for (i, layer) in self.layers.iter().enumerate() {
            let (q, k, v) = (layer.q.apply(&x), layer.k.apply(&x), layer.v.apply(&x));
            observe(Place::Query(i), &q);
            observe(Place::Key(i), &k);
            observe(Place::Value(i), &v);
            let context = attend(&q, &k, &v, ids.len(), self.heads);
            add(&mut x, &layer.out.apply(&context));
            layer.attention_norm.apply(&mut x);
            observe(Place::Norm(2 * i + 1), &x);
            let mut wide = layer.up.apply(&x);
            wide.iter_mut().for_each(|h| *h = gelu(*h));
            add(&mut x, &layer.down.apply(&wide));
            layer.norm.apply(&mut x);
            observe(Place::Norm(2 * i + 2), &x);
        }
        x
    }
}

impl Gains {
    fn apply(&self, x: &mut [f32]) {
        let width = self.gain.len();
        for row in x.chunks_exact_mut(width) {
            let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64;
            let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
            let scale = 1.0 / (variance + 1e-12).sqrt();
            for ((v, gain), bias) in row.iter_mut().zip(&self.gain).zip(&self.bias) {
                *v = ((f64::from(*v) - mean) * scale) as f32 * gain + bias;
            }
        }
    }
}

impl Dense {
    pub(super) fn new(weights: Matrix, bias: Vec<f32>) -> Self {
        let mut packed = vec![[0.0; LANES]; weights.rows.div_ceil(LANES) * weights.width];
        for row in 0..weights.rows {
            let block = &mut packed[row / LANES * weights.width..][..weights.width];
            block.iter_mut().zip(weights.row(row)).for_each(|(lanes, &w)| lanes[row % LANES] = w);
        }
        Self { weights, bias, packed }
    }

    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let (rows, width) = (self.weights.rows, self.weights.width);
        let mut out = vec![0.0; x.len() / width * rows];
        // The weights of a block stay in the cache for all tokens.
        for (block, weights) in self.packed.chunks_exact(width).enumerate() {
            let first = block * LANES;
            let lanes = LANES.min(rows - first);
            for (x, out) in x.chunks(TOKENS * width).zip(out.chunks_mut(TOKENS * rows)) {
                let sums = products(x, weights);
                for (out, sums) in out.chunks_exact_mut(rows).zip(&sums) {
                    let out = &mut out[first..first + lanes];
                    for ((out, sum), bias) in out.iter_mut().zip(sums).zip(&self.bias[first..]) {
                        *out = sum + bias;
                    }
                }
            }
        }
        out
    }
}

/// Dot products of up to [`TOKENS`] rows with [`LANES`] weight rows, each in the order of its terms.
fn products(x: &[f32], weights: &[[f32; LANES]]) -> [[f32; LANES]; TOKENS] {
    let width = weights.len();
    if x.len() != TOKENS * width {
        let mut padded = x.to_vec();
        padded.resize(TOKENS * width, 0.0);
        return products(&padded, weights);
    }
    let rows: [&[f32]; TOKENS] = std::array::from_fn(|t| &x[t * width..][..width]);
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { products_avx2(rows, weights) };
    }
    products_of(rows, weights)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn products_avx2(x: [&[f32]; TOKENS], weights: &[[f32; LANES]]) -> [[f32; LANES]; TOKENS] {
    products_of(x, weights)
}

#[inline(always)]
fn products_of(x: [&[f32]; TOKENS], weights: &[[f32; LANES]]) -> [[f32; LANES]; TOKENS] {
    let mut sums = [[0.0; LANES]; TOKENS];
    let [a, b, c, d] = x;
    for ((((w, &a), &b), &c), &d) in weights.iter().zip(a).zip(b).zip(c).zip(d) {
        for (sums, v) in sums.iter_mut().zip([a, b, c, d]) {
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum += v * w;
            }
        }
    }
    sums
}

fn attend(q: &[f32], k: &[f32], v: &[f32], n: usize, heads: usize) -> Vec<f32> {
    let width = q.len() / n;
    let head_width = width / heads;
    let scale = 1.0 / (head_width as f32).sqrt();
    let mut out = vec![0.0; q.len()];
    for i in 0..n {
        for first in (0..width).step_by(head_width) {
            let here = i * width + first..i * width + first + head_width;
            let scores: Vec<f32> = (0..n)
                .map(|j| q[here.clone()].iter().zip(&k[j * width + first..]).map(|(a, b)| a * b).sum::<f32>() * scale)
                .collect();
            let max = scores.iter().fold(f32::MIN, |m, &s| m.max(s));
            let e: Vec<f32> = scores.iter().map(|s| libm::expf(s - max)).collect();
            let sum: f32 = e.iter().sum();
            let out = &mut out[here];
            for (j, e) in e.iter().enumerate() {
                let weight = e / sum;
                out.iter_mut().zip(&v[j * width + first..]).for_each(|(o, v)| *o += weight * v);
            }
        }
    }
    out
}

fn gelu(x: f32) -> f32 {
    x * 0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

pub(super) fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// Tensors of a file by name.
struct Source<'a> {
    file: &'a SafeTensors<'a>,
}

impl Source<'_> {
    fn layer(&self, layer: usize, width: usize) -> Result<Layer, ImportError> {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let square = |part: &str| self.dense(&name(part), Some(width), width);
        let up = self.dense(&name("intermediate.dense"), None, width)?;
        let down = self.dense(&name("output.dense"), Some(width), up.weights.rows)?;
        Ok(Layer {
            q: square("attention.self.query")?,
            k: square("attention.self.key")?,
            v: square("attention.self.value")?,
            out: square("attention.output.dense")?,
            attention_norm: self.gains(&name("attention.output.LayerNorm"), Some(width))?,
            up,
            down,
            norm: self.gains(&name("output.LayerNorm"), Some(width))?,
        })
    }

    fn dense(&self, name: &str, rows: Option<usize>, width: usize) -> Result<Dense, ImportError> {
        let weights = self.matrix(&format!("{name}.weight"), rows, Some(width))?;
        let bias = self.vector(&format!("{name}.bias"), Some(weights.rows))?;
        Ok(Dense::new(weights, bias))
    }

    fn gains(&self, name: &str, width: Option<usize>) -> Result<Gains, ImportError> {
        let gain = self.vector(&format!("{name}.weight"), width)?;
        let bias = self.vector(&format!("{name}.bias"), Some(gain.len()))?;
        Ok(Gains { gain, bias })
    }

    fn vector(&self, name: &str, len: Option<usize>) -> Result<Vec<f32>, ImportError> {
        let (shape, x) = self.numbers(name)?;
        match shape[..] {
            [found] if found > 0 && len.is_none_or(|len| len == found) => Ok(x),
            _ => Err(wrong(name, format!("has shape {shape:?}, and {len:?} is needed"))),
        }
    }

    fn matrix(&self, name: &str, rows: Option<usize>, width: Option<usize>) -> Result<Matrix, ImportError> {
        let (shape, x) = self.numbers(name)?;
        let fits = |wanted: Option<usize>, found: usize| found > 0 && wanted.is_none_or(|wanted| wanted == found);
        match shape[..] {
            [r, w] if fits(rows, r) && fits(width, w) => Ok(Matrix { rows: r, width: w, x }),
            _ => Err(wrong(name, format!("has shape {shape:?}, and [{rows:?}, {width:?}] is needed"))),
        }
    }

    fn numbers(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), ImportError> {
        let tensor = self.file.tensor(name).map_err(|e| wrong(name, e.to_string()))?;
        if tensor.dtype() != Dtype::F32 {
            return Err(wrong(name, format!("is {:?}, and F32 is needed", tensor.dtype())));
        }
        let x: Vec<f32> = tensor.data().as_chunks::<4>().0.par_iter().map(|b| f32::from_le_bytes(*b)).collect();
        match x.par_iter().position_first(|v| !v.is_finite()) {
            Some(at) => Err(wrong(name, format!("holds {} at {at}, and finite numbers are needed", x[at]))),
            None => Ok((tensor.shape().to_vec(), x)),
        }
    }
}

fn wrong(name: &str, reason: String) -> ImportError {
    ImportError::Tensor { name: name.into(), reason }
}
