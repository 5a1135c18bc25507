//! The operators of decoders.

use super::{Run, quantised};
use crate::{
    chance,
    fixed::{self, STREAM_MAX, SUM_MAX, clamp, rsh32, rsh64, saturate16},
    prompt::{Choice, Prompt},
    tape::{Operator, Shape, Tape},
    tensor::{Exp, Tensor},
    weights::{Weights, gain_row, u32_at},
};

/// All tensors of a prompt whose blanks are filled by the entries of an output, true or not, in the tape's order.
pub(crate) fn run_text(tape: &Tape, weights: &Weights, prompt: &Prompt, output: &[Choice]) -> Vec<Tensor> {
    let ids = prompt.filled(output, tape.vocabulary());
    Run::new(tape, weights, ids.len()).all(|run, operator| run.decoder(operator, prompt, &ids))
}

/// The output of a prompt, one entry after the other, each from the whole text before it.
pub(crate) fn generate(tape: &Tape, weights: &Weights, prompt: &Prompt) -> Vec<Choice> {
    let mut output = vec![Choice::default(); prompt.ids.len()];
    for t in (0..output.len()).filter(|&t| prompt.chooses(t)) {
        let Some(Tensor::Choice(choices)) = run_text(tape, weights, prompt, &output).pop() else {
            unreachable!("checked by the tape")
        };
        output[t] = choices[t];
    }
    output
}

impl Run<'_> {
    fn decoder(&self, operator: &Operator, prompt: &Prompt, ids: &[u16]) -> Tensor {
        match *operator {
            Operator::Prompt { .. } => Tensor::Prompt(prompt.clone()),
            Operator::Lookup { words, shift, .. } => streams(ids.iter().map(|&id| {
                let word = self.weights.row(words.into(), id.into());
                let mul = u32_at(word, 0).cast_signed();
                word[4..]
                    .iter()
                    .map(|&w| clamp(rsh32(i32::from(w.cast_signed()) * mul, shift.into()), SUM_MAX))
                    .collect()
            })),
            Operator::Rms { stream, gains, shift } => self.rms(stream.into(), gains.into(), shift.into()),
            Operator::Linear { .. } => self.operator(operator, ids),
            Operator::Rotary { input, weights, angles, shift } => {
                let products = self.product(input.into(), weights.into(), shift.into());
                let turned = products.iter().enumerate().flat_map(|(t, row)| {
                    let angles = self.weights.row(angles.into(), t);
                    let angle = |at: usize| i16::from_be_bytes([angles[2 * at], angles[2 * at + 1]]);
                    (0..row.len()).map(move |c| {
                        let pair = (c % (angles.len() / 2)) & !1;
                        fixed::turn(row[c].0, row[c ^ 1].0, angle(pair), angle(pair + 1), c % 2 == 1)
                    })
                });
                Tensor::Linear { x: turned.collect() }
            }
            Operator::Causal { q, k, scales, heads, shift } => {
                self.causal(q.into(), k.into(), scales.into(), heads.into(), shift.into())
            }
            Operator::Blend { exp, v } => self.blend(exp.into(), v.into()),
            Operator::Gated { input, gate, up, shift } => {
                let gates = self.product(input.into(), gate.into(), shift.into());
                let ups = self.product(input.into(), up.into(), shift.into());
                quantised(gates.iter().zip(&ups).map(|(gates, ups)| {
                    gates.iter().zip(ups).map(|(&(gate, _), &(up, _))| fixed::gated(gate, up)).collect()
                }))
            }
            Operator::Add { input, weights, stream, shift } => {
                let products = self.product(input.into(), weights.into(), shift.into());
                let Tensor::Stream { x, .. } = &self.made[usize::from(stream)] else {
                    unreachable!("checked by the tape")
                };
                let before = x.chunks(x.len() / self.n);
                streams(products.iter().zip(before).map(|(row, before)| {
                    row.iter().zip(before).map(|(&(v, _), &y)| clamp(v + y, STREAM_MAX)).collect()
                }))
            }
            Operator::Choose { input, words, shift, .. } => {
                self.choose(input.into(), words.into(), shift.into(), prompt)
            }
            _ => unreachable!("a decoder has no other operators of encoders"),
        }
    }

    fn rms(&self, stream: usize, gains: usize, shift: u32) -> Tensor {
        let Tensor::Stream { root, x } = &self.made[stream] else { unreachable!("checked by the tape") };
        let width = x.len() / self.n;
        let numerator = fixed::root_width(width);
        let element = |(at, &y): (usize, &i32)| {
            let (gain, bias) = gain_row(self.weights.row(gains, at % width));
            let inverse = fixed::inverse_deviation(numerator, root[at / width]);
            saturate16(fixed::normalise(y, inverse, gain, bias, shift)) as i16
        };
        let x: Vec<i16> = x.iter().enumerate().map(element).collect();
        let max = x.chunks(width).map(|row| row.iter().fold(0, |m, v| m.max(v.unsigned_abs()))).collect();
        Tensor::Norm { max, x }
    }

    fn causal(&self, q: usize, k: usize, scales: usize, heads: usize, shift: u32) -> Tensor {
        let (Tensor::Linear { x: q }, Tensor::Linear { x: k }) = (&self.made[q], &self.made[k]) else {
            unreachable!("checked by the tape")
        };
        let (n, width, key_width) = (self.n, q.len() / self.n, k.len() / self.n);
        let head_width = width / heads;
        let share = heads / (key_width / head_width);
        let mut exp = Exp::default();
        for (i, head) in (0..n).flat_map(|i| (0..heads).map(move |head| (i, head))) {
            let scale = u32_at(self.weights.row(scales, head), 0).cast_signed();
            let query = &q[i * width + head * head_width..][..head_width];
            let score = |j: usize| {
                let key = &k[j * key_width + head / share * head_width..][..head_width];
                let dot: i32 = query.iter().zip(key).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                rsh32(dot * scale, shift)
            };
            let scores: Vec<i32> = (0..=i).map(score).collect();
            let max = scores.iter().fold(i32::MIN, |m, &s| m.max(s));
            let e: Vec<u8> = scores.iter().map(|&s| fixed::exp2_neg(max - s)).collect();
            exp.max.push(max);
            exp.argmax.push(scores.iter().position(|&s| s == max).unwrap_or(0) as u16);
            exp.sum.push(e.iter().map(|&e| u16::from(e)).sum());
            exp.e.extend(e.iter().copied().chain(std::iter::repeat_n(0, n - 1 - i)));
        }
        Tensor::Exp(exp)
    }

    fn blend(&self, exp: usize, v: usize) -> Tensor {
        let Shape::Causal { heads, groups, .. } = self.tape.shapes()[exp] else { unreachable!("checked by the tape") };
        let (Tensor::Exp(exp), Tensor::LinearT { x: v }) = (&self.made[exp], &self.made[v]) else {
            unreachable!("checked by the tape")
        };
        let (n, heads, groups, width) = (self.n, heads as usize, groups as usize, v.len() / self.n);
        let head_width = width / groups;
        quantised((0..n).map(|i| {
            let channel = |c: usize| {
                let (head, of_head) = (c / head_width, c % head_width);
                let from = head / (heads / groups) * head_width + of_head;
                let at = i * heads + head;
                let acc: i32 = (0..n).map(|j| i32::from(exp.e[at * n + j]) * i32::from(v[j * width + from])).sum();
                rsh64(i64::from(acc) * i64::from(fixed::inverse_sum(exp.sum[at].into())), 24) as i32
            };
            (0..heads * head_width).map(channel).collect()
        }))
    }

    fn choose(&self, input: usize, words: usize, shift: u32, prompt: &Prompt) -> Tensor {
        let (max, x) = self.activations(input);
        let width = x.len() / self.n;
        let choose = |t: usize| {
            if !prompt.chooses(t) {
                return Choice::default();
            }
            let score = |id: u32| {
                let word = self.weights.row(words, id as usize);
                let terms =
                    word[4..].iter().zip(&x[t * width..]).map(|(&w, &v)| i32::from(w.cast_signed()) * i32::from(v));
                let z = fixed::requantise(terms.sum(), max[t].into(), u32_at(word, 0).cast_signed(), shift);
                chance::score(z, prompt.focus, chance::random_bits(prompt.seed, t as u32, id))
            };
            let scores: Vec<i32> = (0..self.tape.vocabulary()).map(score).collect();
            let max = scores.iter().fold(i32::MIN, |m, &s| m.max(s));
            Choice { max, id: scores.iter().position(|&s| s == max).unwrap_or(0) as u16 }
        };
        Tensor::Choice((0..self.n).map(choose).collect())
    }
}

/// Adds its root to each row.
fn streams(rows: impl Iterator<Item = Vec<i32>>) -> Tensor {
    let (mut root, mut x) = (Vec::new(), Vec::new());
    for row in rows {
        root.push(row.iter().map(|&y| i64::from(y).pow(2).cast_unsigned()).sum::<u64>().isqrt() as u32);
        x.extend(row);
    }
    Tensor::Stream { root, x }
}
