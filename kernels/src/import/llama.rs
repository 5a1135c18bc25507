//! A Llama decoder in floating point: what calibration observes, and what quality is measured against.

use super::{
    ImportError,
    float::{Dense, Matrix, add},
    gguf::Gguf,
};

/// A decoder with root-mean-square norms, rotary positions, grouped-query attention and gated layers, whose last product is with the
/// words.
#[derive(Debug)]
pub struct Llama {
    pub(super) heads: usize,
    pub(super) groups: usize,
    pub(super) head_width: usize,
    pub(super) rope_base: f64,
    epsilon: f64,
    pub(super) words: Dense,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) q: Dense,
    pub(super) k: Dense,
    pub(super) v: Dense,
    pub(super) out: Dense,
    pub(super) norm: Vec<f32>,
    pub(super) gate: Dense,
    pub(super) up: Dense,
    pub(super) down: Dense,
}

/// A place in the model where activations can be observed; those of a layer with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Stream,
    /// Two for each layer, and the last.
    Norm(usize),
    /// After they were turned.
    Query(usize),
    Key(usize),
    Value(usize),
    Gated(usize),
}

impl Llama {
    /// Reads a model of the architecture `llama`, whose words serve for the last product too.
    ///
    /// # Errors
    /// When a value or a tensor is missing, or a tensor has another shape or type or holds a number that is not finite.
    pub fn read(bytes: &[u8]) -> Result<Self, ImportError> {
        Self::from_gguf(&Gguf::read(bytes)?)
    }

    pub(super) fn from_gguf(file: &Gguf<'_>) -> Result<Self, ImportError> {
        let wrong = |reason: String| Err(ImportError::Format { reason });
        if file.text("general.architecture")? != "llama" {
            return wrong(format!("its architecture is {}, and llama is needed", file.text("general.architecture")?));
        }
        if file.has("output.weight") {
            return wrong(
                "it has weights of its own for the last product, and only those of the words can be used".into(),
            );
        }
        let integer = |key: &str| file.integer(&format!("llama.{key}"));
        let number = |key: &str| file.number(&format!("llama.{key}"));
        let (width, hidden, vocabulary) =
            (integer("embedding_length")?, integer("feed_forward_length")?, file.texts("tokenizer.ggml.tokens")?.len());
        let (heads, groups) = (integer("attention.head_count")?, integer("attention.head_count_kv")?);
        let head_width = integer("rope.dimension_count")?;
        let fits =
            head_width % 2 == 0 && heads.checked_mul(head_width) == Some(width) && groups > 0 && heads % groups == 0;
        if !fits || head_width == 0 || hidden == 0 {
            return wrong(format!("{heads} heads of {head_width}, {groups} of keys, do not fit a width of {width}"));
        }
        let source = Source { file, width, hidden, key_width: groups * head_width };
        Ok(Self {
            heads,
            groups,
            head_width,
            rope_base: number("rope.freq_base")?,
            epsilon: number("attention.layer_norm_rms_epsilon")?,
            words: source.dense("token_embd", vocabulary, width)?,
            layers: (0..integer("block_count")?).map(|layer| source.layer(layer)).collect::<Result<_, _>>()?,
            norm: source.vector("output_norm")?,
        })
    }

    /// Number of token ids.
    pub fn vocabulary(&self) -> usize {
        self.words.weights.rows
    }

    /// Logits after each token.
    ///
    /// # Panics
    /// When there are no ids, or one is outside the vocabulary.
    pub fn logits(&self, ids: &[u16]) -> Vec<f32> {
        self.words.apply(&self.forward(ids, &mut |_, _| ()))
    }

    /// Runs the layers and the last norm, and shows `observe` every activation that will be rounded: rows of all tokens.
    pub(super) fn forward(&self, ids: &[u16], observe: &mut dyn FnMut(Place, &[f32])) -> Vec<f32> {
        let mut x: Vec<f32> = ids.iter().flat_map(|&id| self.words.weights.row(id.into())).copied().collect();
        observe(Place::Stream, &x);
        for (i, layer) in self.layers.iter().enumerate() {
            let normed = self.rms(&x, &layer.attention_norm);
            observe(Place::Norm(2 * i), &normed);
            let (mut q, mut k, v) = (layer.q.apply(&normed), layer.k.apply(&normed), layer.v.apply(&normed));
            self.turn(&mut q, ids.len());
            self.turn(&mut k, ids.len());
            observe(Place::Query(i), &q);
            observe(Place::Key(i), &k);
            observe(Place::Value(i), &v);
            add(&mut x, &layer.out.apply(&self.attend(&q, &k, &v, ids.len())));
            observe(Place::Stream, &x);
            let normed = self.rms(&x, &layer.norm);
            observe(Place::Norm(2 * i + 1), &normed);
            let (gates, ups) = (layer.gate.apply(&normed), layer.up.apply(&normed));
            let gated: Vec<f32> = gates.iter().zip(&ups).map(|(&gate, up)| silu(gate) * up).collect();
            observe(Place::Gated(i), &gated);
            add(&mut x, &layer.down.apply(&gated));
            observe(Place::Stream, &x);
        }
        let normed = self.rms(&x, &self.norm);
        observe(Place::Norm(2 * self.layers.len()), &normed);
        normed
    }

    fn rms(&self, x: &[f32], gain: &[f32]) -> Vec<f32> {
        let row = |row: &[f32]| {
            let squares = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / row.len() as f64;
            1.0 / (squares + self.epsilon).sqrt()
        };
        let rows = x.chunks_exact(gain.len()).map(|values| (row(values), values));
        rows.flat_map(|(scale, row)| row.iter().zip(gain).map(move |(&v, g)| (f64::from(v) * scale) as f32 * g))
            .collect()
    }

    /// Cosine and sine of each pair of channels of a head, at a place.
    pub(super) fn angles(&self, place: usize) -> impl Iterator<Item = (f64, f64)> + use<> {
        let (base, width) = (self.rope_base, self.head_width as f64);
        (0..self.head_width / 2).map(move |pair| {
            let angle = place as f64 * libm::pow(base, -2.0 * pair as f64 / width);
            (libm::cos(angle), libm::sin(angle))
        })
    }

    /// Turns each pair of channels by the angle of its token's place.
    fn turn(&self, x: &mut [f32], n: usize) {
        let width = x.len() / n;
        for (t, row) in x.chunks_exact_mut(width).enumerate() {
            let angles: Vec<(f32, f32)> = self.angles(t).map(|(cosine, sine)| (cosine as f32, sine as f32)).collect();
            for head in row.chunks_exact_mut(self.head_width) {
                for ([x, y], &(cosine, sine)) in head.as_chunks_mut::<2>().0.iter_mut().zip(&angles) {
                    (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
                }
            }
        }
    }

    fn attend(&self, q: &[f32], k: &[f32], v: &[f32], n: usize) -> Vec<f32> {
        let (width, key_width, head_width) = (q.len() / n, k.len() / n, self.head_width);
        let scale = 1.0 / (head_width as f32).sqrt();
        let mut out = vec![0.0; q.len()];
        for (i, head) in (0..n).flat_map(|i| (0..self.heads).map(move |head| (i, head))) {
            let column = head / (self.heads / self.groups) * head_width;
            let query = &q[i * width + head * head_width..][..head_width];
            let of = |x: &'_ [f32], j: usize| -> Vec<f32> { x[j * key_width + column..][..head_width].to_vec() };
            let score = |j: usize| query.iter().zip(of(k, j)).map(|(a, b)| a * b).sum::<f32>() * scale;
            let scores: Vec<f32> = (0..=i).map(score).collect();
            let max = scores.iter().fold(f32::MIN, |m, &s| m.max(s));
            let e: Vec<f32> = scores.iter().map(|s| libm::expf(s - max)).collect();
            let sum: f32 = e.iter().sum();
            let out = &mut out[i * width + head * head_width..][..head_width];
            for (j, e) in e.iter().enumerate() {
                out.iter_mut().zip(of(v, j)).for_each(|(o, v)| *o += e / sum * v);
            }
        }
        out
    }
}

fn silu(x: f32) -> f32 {
    x / (1.0 + libm::expf(-x))
}

/// Tensors of a file by name.
struct Source<'a> {
    file: &'a Gguf<'a>,
    width: usize,
    hidden: usize,
    key_width: usize,
}

impl Source<'_> {
    fn layer(&self, layer: usize) -> Result<Layer, ImportError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let dense = |part: &str, rows: usize, width: usize| self.dense(&name(part), rows, width);
        let Self { width, hidden, key_width, .. } = *self;
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm"))?,
            q: dense("attn_q", width, width)?,
            k: dense("attn_k", key_width, width)?,
            v: dense("attn_v", key_width, width)?,
            out: dense("attn_output", width, width)?,
            norm: self.vector(&name("ffn_norm"))?,
            gate: dense("ffn_gate", hidden, width)?,
            up: dense("ffn_up", hidden, width)?,
            down: dense("ffn_down", width, hidden)?,
        })
    }

    fn dense(&self, name: &str, rows: usize, width: usize) -> Result<Dense, ImportError> {
        let x = self.file.tensor(&format!("{name}.weight"), &[rows, width])?;
        Ok(Dense::new(Matrix { rows, width, x }, vec![0.0; rows]))
    }

    fn vector(&self, name: &str) -> Result<Vec<f32>, ImportError> {
        self.file.tensor(&format!("{name}.weight"), &[self.width])
    }
}
