//! Decoders: texts that grow by an id at a time, side by side.
//!
//! All attention is causal, so what a token makes never changes when others follow. The keys and values of the tokens that have been
//! through are kept, and only new tokens go through the program; a trace is made by taking all of them through at once. Both have
//! the bits of the reference, which keeps nothing.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Engine, Made, Packed, causal, causal::Exponentials, crew::Crew, linear::Activations, pack::PackedLinear, rows, wide,
};
use crate::{
    chance::{BLOCK, NOISE, NOISE_LEN, noise_message},
    fixed,
    keccak::keccak256_rows,
    merkle::Tree,
    prompt::{Choice, Prompt},
    tape::{Operator, Shape, Tape},
    tensor::{Exp, Tensor},
    weights::{Weights, u32_at},
};

/// Texts that share each reading of the weights.
const TEXTS: usize = 16;

/// Places of a trace whose scores are held at a time.
const PLACES: usize = 16;

impl Engine {
    /// The output of each prompt. `prompts` must be valid for the tape, which is a decoder's.
    pub(crate) fn generate(&self, tape: &Tape, weights: &Weights, prompts: &[Prompt]) -> Vec<Tensor> {
        prompts.chunks(TEXTS).flat_map(|prompts| self.generate_together(tape, weights, prompts)).collect()
    }

    fn generate_together(&self, tape: &Tape, weights: &Weights, prompts: &[Prompt]) -> Vec<Tensor> {
        let mut texts: Vec<Text<'_>> = prompts.iter().map(|prompt| Text::new(prompt, tape)).collect();
        while texts.iter().any(|text| !text.is_done()) {
            Crew::gather(|crew| self.generate_next(crew, tape, weights, &mut texts));
        }
        texts.into_iter().map(|text| Tensor::Choice(text.output)).collect()
    }

    /// Takes each text to its next choice.
    fn generate_next(&self, crew: &Crew, tape: &Tape, weights: &Weights, texts: &mut [Text<'_>]) {
        let mut step = Step::new(self, crew, tape, weights, texts);
        for (operator, done) in self.done.iter().enumerate() {
            step.run(operator);
            done.iter().for_each(|&done| step.made[done] = None);
        }
        let Some(Some(Made { tensor: Tensor::Choice(choices), .. })) = step.made.pop() else {
            unreachable!("a decoder ends so")
        };
        let spans = step.spans;
        for (text, span) in texts.iter_mut().zip(spans) {
            text.advance(span.places, &choices[span.rows]);
        }
    }

    /// All tensors of a prompt whose blanks are filled by the entries of an output, with the trees over their rows, in the tape's
    /// order.
    pub(crate) fn trace_text(
        &self,
        tape: &Tape,
        weights: &Weights,
        prompt: &Prompt,
        output: &[Choice],
    ) -> Vec<(Tensor, Tree)> {
        let mut texts = [Text { ids: prompt.filled(output, tape.vocabulary()), ..Text::new(prompt, tape) }];
        let n = prompt.ids.len();
        let made = Crew::gather(|crew| {
            let mut step = Step::of_all(self, crew, tape, weights, &mut texts);
            (0..tape.operators().len()).for_each(|operator| step.run(operator));
            step.made
        });
        let made: Vec<Made> = made.into_iter().flatten().collect();
        made.into_par_iter()
            .map(|made| (made.tensor.tree(n), made.tensor))
            .map(|(tree, tensor)| (tensor, tree))
            .collect()
    }
}

impl Engine {
    /// Shows `see` the products that ids would be chosen by after each place of a text without blanks.
    pub(crate) fn products(&self, tape: &Tape, weights: &Weights, prompt: &Prompt, see: &mut See<'_>) {
        let (last, mut texts) = (tape.operators().len() - 1, [Text::new(prompt, tape)]);
        let Operator::Choose { input, words, shift, .. } = tape.operators()[last] else {
            unreachable!("a decoder ends so")
        };
        Crew::gather(|crew| {
            let mut step = Step::of_all(self, crew, tape, weights, &mut texts);
            step.all = false;
            for (operator, done) in self.done.iter().enumerate().take(last) {
                step.run(operator);
                done.iter().for_each(|&done| step.made[done] = None);
            }
            let tokens: Vec<usize> = (0..prompt.ids.len()).collect();
            step.each_products(input, words, shift, &tokens, see);
        });
    }
}

/// What is done with the products of a place.
type See<'a> = dyn FnMut(usize, &[i32]) + Send + 'a;

/// A text on its way.
struct Text<'a> {
    prompt: &'a Prompt,
    /// The ids, of which those before the next blank are known.
    ids: Vec<u16>,
    /// Tokens that have been through the program.
    done: usize,
    output: Vec<Choice>,
    /// Keys and values of the tokens that have been through, for each operator that makes such.
    kept: Vec<Vec<i8>>,
}

impl<'a> Text<'a> {
    fn new(prompt: &'a Prompt, tape: &Tape) -> Self {
        Self {
            prompt,
            ids: prompt.ids.clone(),
            done: 0,
            output: vec![Choice::default(); prompt.ids.len()],
            kept: vec![Vec::new(); tape.operators().len()],
        }
    }

    fn is_done(&self) -> bool {
        self.done == self.ids.len()
    }

    /// The tokens up to the next choice.
    fn next(&self) -> Range<usize> {
        let end = (self.done..self.ids.len()).find(|&t| self.prompt.chooses(t)).map_or(self.ids.len(), |t| t + 1);
        self.done..end
    }

    fn advance(&mut self, places: Range<usize>, choices: &[Choice]) {
        for (t, &choice) in places.clone().zip(choices).filter(|&(t, _)| self.prompt.chooses(t)) {
            self.output[t] = choice;
            if let Some(next) = self.ids.get_mut(t + 1) {
                *next = choice.id;
            }
        }
        self.done = places.end;
    }
}

/// New tokens of one text: their places in it, and their rows among all that go through together.
struct Span {
    places: Range<usize>,
    rows: Range<usize>,
}

/// The new tokens of some texts on their way through the program.
struct Step<'a, 'b> {
    engine: &'a Engine,
    crew: &'a Crew,
    tape: &'a Tape,
    weights: &'a Weights,
    texts: &'a mut [Text<'b>],
    spans: Vec<Span>,
    /// Whether every tensor is wanted as it is committed, and not the last alone.
    all: bool,
    made: Vec<Option<Made>>,
}

impl<'a, 'b> Step<'a, 'b> {
    fn new(
        engine: &'a Engine,
        crew: &'a Crew,
        tape: &'a Tape,
        weights: &'a Weights,
        texts: &'a mut [Text<'b>],
    ) -> Self {
        let places: Vec<Range<usize>> = texts.iter().map(Text::next).collect();
        Self::with((engine, crew), tape, weights, texts, places, false)
    }

    fn of_all(
        engine: &'a Engine,
        crew: &'a Crew,
        tape: &'a Tape,
        weights: &'a Weights,
        texts: &'a mut [Text<'b>],
    ) -> Self {
        let places = texts.iter().map(|text| 0..text.ids.len()).collect();
        Self::with((engine, crew), tape, weights, texts, places, true)
    }

    fn with(
        (engine, crew): (&'a Engine, &'a Crew),
        tape: &'a Tape,
        weights: &'a Weights,
        texts: &'a mut [Text<'b>],
        places: Vec<Range<usize>>,
        all: bool,
    ) -> Self {
        let mut end = 0;
        let span = |places: Range<usize>| {
            let start = end;
            end += places.len();
            Span { places, rows: start..end }
        };
        let spans = places.into_iter().map(span).collect();
        let made = tape.operators().iter().map(|_| None).collect();
        Self { engine, crew, tape, weights, texts, spans, all, made }
    }

    fn tokens(&self) -> usize {
        self.spans.last().map_or(0, |span| span.rows.end)
    }

    /// Text and place of each token.
    fn places(&self) -> Vec<(usize, usize)> {
        let of = |(text, span): (usize, &Span)| span.places.clone().map(move |t| (text, t));
        self.spans.iter().enumerate().flat_map(of).collect()
    }

    fn run(&mut self, operator: usize) {
        let made = match self.tape.operators()[operator] {
            Operator::Prompt { .. } => Tensor::Prompt(self.texts[0].prompt.clone()).into(),
            Operator::Lookup { words, shift, .. } => self.lookup(words, shift.into()),
            Operator::Rms { stream, gains, shift } => self.rms(stream, gains, shift.into()),
            Operator::Linear { input, weights, shift, transposed } => {
                let (v, width) = self.product(input, weights, shift);
                let isa = self.engine.isa;
                let x =
                    self.each_row(v.len() / width, width, |t, out| causal::limit(isa, &v[t * width..][..width], out));
                self.keep(operator, &x);
                if transposed { Tensor::LinearT { x }.into() } else { Tensor::Linear { x }.into() }
            }
            Operator::Rotary { input, weights, angles, shift } => {
                let x = self.rotary(input, weights, angles, shift);
                self.keep(operator, &x);
                Tensor::Linear { x }.into()
            }
            Operator::Causal { .. } => Tensor::Exp(self.exponentials(operator)).into(),
            Operator::Blend { exp, v } => self.blend(exp, v),
            Operator::Gated { input, gate, up, shift } => {
                let ((gates, width), (ups, _)) = (self.product(input, gate, shift), self.product(input, up, shift));
                let isa = self.engine.isa;
                let wide = self.each_row(self.tokens(), width, |t, out| {
                    causal::gate(isa, &gates[t * width..][..width], &ups[t * width..][..width], out);
                });
                self.quantised(&wide, width)
            }
            Operator::Add { input, weights, stream, shift } => {
                let (v, width) = self.product(input, weights, shift);
                let Tensor::Stream { x: before, .. } = self.tensor(stream) else { unreachable!("checked by the tape") };
                let isa = self.engine.isa;
                let x = self.each_row(self.tokens(), width, |t, out| {
                    causal::add(isa, &v[t * width..][..width], &before[t * width..][..width], out);
                });
                self.stream(x, width)
            }
            Operator::Choose { input, words, shift, .. } => Tensor::Choice(self.choose(input, words, shift)).into(),
            _ => unreachable!("a decoder has no other operators of encoders"),
        };
        self.made[operator] = Some(made);
    }

    /// Makes `count` rows of `width` numbers.
    fn each_row<T: Copy + Default + Send>(
        &self,
        count: usize,
        width: usize,
        make: impl Fn(usize, &mut [T]) + Sync,
    ) -> Vec<T> {
        let mut out = vec![T::default(); count * width];
        self.crew.parts(&mut out, width, make);
        out
    }

    fn made(&self, operator: u16) -> &Made {
        self.made[usize::from(operator)].as_ref().unwrap_or_else(|| unreachable!("an operator reads earlier ones"))
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

    fn activations(&self, operator: u16) -> Activations<'_> {
        let made = self.made(operator);
        match &made.tensor {
            Tensor::Norm { max, .. } => Activations { x: &made.bytes, max, offsets: &made.offsets },
            Tensor::Quantised { max, x, .. } => Activations { x, max, offsets: &made.offsets },
            _ => unreachable!("checked by the tape"),
        }
    }

    /// Products of all tokens, and how many a token has.
    fn product(&self, input: u16, weights: u16, shift: u8) -> (Vec<i32>, usize) {
        let weights = self.linear(weights);
        (wide::product(self.engine.isa, self.crew, self.activations(input), weights, shift.into()), weights.rows)
    }

    /// Appends the new tokens' keys or values to those of their texts.
    fn keep(&mut self, operator: usize, x: &[i8]) {
        let width = x.len() / self.tokens();
        for (text, span) in self.texts.iter_mut().zip(&self.spans) {
            text.kept[operator].extend_from_slice(&x[span.rows.start * width..span.rows.end * width]);
        }
    }

    fn lookup(&self, words: u16, shift: u32) -> Made {
        let width = self.tape.tensors()[usize::from(words)].width as usize;
        let zeros = vec![0; width];
        let places = self.places();
        let x = self.each_row(places.len(), width, |token, out| {
            let (text, t) = places[token];
            let row = self.weights.row(words.into(), self.texts[text].ids[t].into());
            rows::embed(self.engine.isa, &row[4..], u32_at(row, 0).cast_signed(), &zeros, shift, out);
        });
        self.stream(x, width)
    }

    /// Adds the root of each row.
    fn stream(&self, x: Vec<i32>, width: usize) -> Made {
        let root = |row: &[i32]| {
            let mut root = 0;
            causal::root(self.engine.isa, row, &mut root);
            root
        };
        Tensor::Stream { root: x.chunks_exact(width).map(root).collect(), x }.into()
    }

    fn rms(&self, stream: u16, gains: u16, shift: u32) -> Made {
        let Tensor::Stream { root, x: y } = self.tensor(stream) else { unreachable!("checked by the tape") };
        let Packed::Gains { gain, bias } = &self.engine.packed[usize::from(gains)] else {
            unreachable!("checked by the tape")
        };
        let (width, isa) = (gain.len(), self.engine.isa);
        let numerator = fixed::root_width(width);
        let x = self.each_row(root.len(), width, |t, out| {
            let inverse = fixed::inverse_deviation(numerator, root[t]);
            rows::normalise(isa, &y[t * width..][..width], 0, inverse, rows::NormGains { gain, bias, shift }, out);
        });
        let (max, bytes, offsets) = self.quantise(&x, width);
        Made { tensor: Tensor::Norm { max, x }, bytes, offsets }
    }

    /// Maxima, bytes and offsets of rows.
    fn quantise(&self, x: &[i16], width: usize) -> (Vec<u16>, Vec<i8>, Vec<i32>) {
        let n = x.len() / width;
        let (mut max, mut bytes, mut offsets) = (vec![0; n], vec![0; x.len()], vec![0; n]);
        let rows = x.chunks_exact(width).zip(bytes.chunks_exact_mut(width));
        for ((row, bytes), (max, offset)) in rows.zip(max.iter_mut().zip(&mut offsets)) {
            rows::quantise(self.engine.isa, row, bytes, max, offset);
        }
        (max, bytes, offsets)
    }

    fn quantised(&self, wide: &[i16], width: usize) -> Made {
        let (max, x, offsets) = self.quantise(wide, width);
        // Only commitments say where the maximum is.
        let place = |(row, &max): (&[i16], &u16)| row.iter().position(|v| v.unsigned_abs() == max).unwrap_or(0) as u16;
        let argmax = if self.all { wide.chunks_exact(width).zip(&max).map(place).collect() } else { Vec::new() };
        Made { tensor: Tensor::Quantised { max, argmax, x }, bytes: Vec::new(), offsets }
    }

    fn rotary(&self, input: u16, weights: u16, angles: u16, shift: u8) -> Vec<i8> {
        let (v, width) = self.product(input, weights, shift);
        let Packed::Positions { width: head_width, x: angles } = &self.engine.packed[usize::from(angles)] else {
            unreachable!("checked by the tape")
        };
        let places = self.places();
        self.each_row(places.len(), width, |token, out| {
            let angles = &angles[places[token].1 * head_width..][..*head_width];
            causal::turn(self.engine.isa, &v[token * width..][..width], angles, out);
        })
    }

    /// The exponentials of one token, which is the number `token` of those that go through.
    fn exponentials_of(&self, causal: u16, token: usize, (text, t): (usize, usize), room: &mut Room) {
        let Operator::Causal { q, k, scales, shift, .. } = self.tape.operators()[usize::from(causal)] else {
            unreachable!("checked by the tape")
        };
        let (Tensor::Linear { x: queries }, Shape::Linear(key_width)) =
            (self.tensor(q), self.tape.shapes()[usize::from(k)])
        else {
            unreachable!("checked by the tape")
        };
        let Packed::Scales(scales) = &self.engine.packed[usize::from(scales)] else {
            unreachable!("checked by the tape")
        };
        let (width, key_width) = (queries.len() / self.tokens(), key_width as usize);
        let query = causal::Query {
            q: &queries[token * width..][..width],
            k: &self.texts[text].kept[usize::from(k)][..(t + 1) * key_width],
            key_width,
            head_width: width / scales.len(),
            scales,
            shift: shift.into(),
        };
        causal::exponentials(self.engine.isa, query, &mut room.scores, &mut room.exponentials);
    }

    /// The exponentials as they are committed. While only the last tensor is wanted, they are made where they are read.
    fn exponentials(&self, operator: usize) -> Exp {
        let mut exp = Exp::default();
        if !self.all {
            return exp;
        }
        let (n, mut room) = (self.tokens(), Room::default());
        for (token, place) in self.places().into_iter().enumerate() {
            self.exponentials_of(operator as u16, token, place, &mut room);
            exp.max.extend(&room.exponentials.max);
            exp.argmax.extend(&room.exponentials.argmax);
            exp.sum.extend(&room.exponentials.sum);
            for head in room.exponentials.e.chunks_exact(token + 1) {
                exp.e.extend(head);
                exp.e.resize(exp.e.len().next_multiple_of(n), 0);
            }
        }
        exp
    }

    fn blend(&self, exp: u16, v: u16) -> Made {
        let (Shape::Causal { heads, groups, .. }, Shape::LinearT(v_width)) =
            (self.tape.shapes()[usize::from(exp)], self.tape.shapes()[usize::from(v)])
        else {
            unreachable!("checked by the tape")
        };
        let (v_width, width) = (v_width as usize, (heads / groups * v_width) as usize);
        let places = self.places();
        let wide = self.each_row(places.len(), width, |token, out| {
            let ((text, t), mut room) = (places[token], Room::default());
            self.exponentials_of(exp, token, (text, t), &mut room);
            let Room { exponentials, acc, .. } = &mut room;
            let values = &self.texts[text].kept[usize::from(v)][..(t + 1) * v_width];
            causal::blend(self.engine.isa, &exponentials.e, &exponentials.sum, values, v_width, acc, out);
        });
        self.quantised(&wide, width)
    }

    /// The choices of all tokens; zeros for those after which the prompt goes on.
    fn choose(&self, input: u16, words: u16, shift: u8) -> Vec<Choice> {
        let mut choices = vec![Choice::default(); self.tokens()];
        let places = self.places();
        let wanted = |&token: &usize| self.texts[places[token].0].prompt.chooses(places[token].1);
        let wanted: Vec<usize> = (0..places.len()).filter(wanted).collect();
        self.each_products(input, words, shift, &wanted, &mut |token, products| {
            let (text, t) = places[token];
            choices[token] = self.choice(products, self.texts[text].prompt, t);
        });
        choices
    }

    /// Shows `see` the products of some tokens with all words.
    fn each_products(&self, input: u16, words: u16, shift: u8, tokens: &[usize], see: &mut See<'_>) {
        let (words, activations) = (self.linear(words), self.activations(input));
        for tokens in tokens.chunks(PLACES) {
            let rows = tokens.iter().flat_map(|&token| &activations.x[token * words.width..][..words.width]);
            let x: Vec<i8> = rows.copied().collect();
            let max: Vec<u16> = tokens.iter().map(|&token| activations.max[token]).collect();
            let offsets: Vec<i32> = tokens.iter().map(|&token| activations.offsets[token]).collect();
            let input = Activations { x: &x, max: &max, offsets: &offsets };
            let products = wide::product(self.engine.isa, self.crew, input, words, shift.into());
            for (products, &token) in products.chunks_exact(words.rows).zip(tokens) {
                // The words may be more than the ids.
                see(token, &products[..self.tape.vocabulary() as usize]);
            }
        }
    }

    fn choice(&self, products: &[i32], prompt: &Prompt, place: usize) -> Choice {
        // More parts than threads, for not all are as fast.
        let share = products.len().div_ceil(4 * rayon::current_num_threads()).next_multiple_of(BLOCK);
        let mut parts = vec![Choice::default(); products.len().div_ceil(share)];
        self.crew.parts(&mut parts, 1, |part, choice| {
            let (first, isa) = (part * share, self.engine.isa);
            let products = &products[first..products.len().min(first + share)];
            let bits = if prompt.focus == 0 { Vec::new() } else { noise(prompt.seed, place, first, products.len()) };
            causal::choose(isa, products, prompt.focus, &bits, first, &mut choice[0]);
        });
        // Of equal scores the first wins.
        parts.into_iter().reduce(|a, b| if b.max > a.max { b } else { a }).unwrap_or_default()
    }
}

/// The random bits of `count` ids from `first` on, which begins a block.
fn noise(seed: u64, place: usize, first: usize, count: usize) -> Vec<u32> {
    let blocks = (first / BLOCK) as u32..((first + count).div_ceil(BLOCK)) as u32;
    let mut hashes = vec![[0; 32]; blocks.len()];
    let messages: Vec<u8> = blocks.flat_map(|block| noise_message(seed, place as u32, block)).collect();
    keccak256_rows(NOISE, &messages, NOISE_LEN, &mut hashes);
    hashes.as_flattened().as_chunks().0.iter().map(|bits| u32::from_be_bytes(*bits)).collect()
}

/// What attention needs for a token; reused from token to token.
#[derive(Debug, Default)]
struct Room {
    scores: Vec<i32>,
    exponentials: Exponentials,
    acc: Vec<i32>,
}
