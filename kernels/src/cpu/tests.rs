//! Every instruction set makes the bits of the specification: each kernel on its own, and whole inferences.

use std::path::Path;

use proptest::prelude::*;

use super::{
    Engine, attention,
    attention::Scores,
    crew::Crew,
    group,
    linear::{Activations, Product, dot},
    pack::{LANES, Line, PackedLinear, Part, Shared},
    rows::{self, Channels, NormGains, Products, Rows},
    simd::{Block, Operands, ROWS},
};
use crate::{fixed, isa::Isa, reference, tape::Tape, tensor::Exp, weights::Weights};

fn tiny() -> (Tape, Weights) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny");
    let tape = Tape::decode(&std::fs::read(dir.join("program.tape")).unwrap()).unwrap();
    let weights = Weights::open(&dir.join("weights.bin"), &tape).unwrap();
    (tape, weights)
}

/// Bytes with many of the extremes.
fn byte() -> impl Strategy<Value = i8> {
    prop_oneof![-127i8..=127, Just(-127), Just(127), Just(0)]
}

fn wide() -> impl Strategy<Value = i16> {
    prop_oneof![-32767i16..=32767, -300i16..=300, Just(-32767), Just(32767), Just(0)]
}

fn tokens() -> impl Strategy<Value = Vec<u16>> {
    prop_oneof![
        6 => prop::collection::vec(0u16..100, 1..=48),
        1 => (0u16..100, 1usize..=48).prop_map(|(id, n)| vec![id; n]),
    ]
}

/// Runs `kernel` with each instruction set; all must return the same.
fn same<T: PartialEq + std::fmt::Debug>(kernel: impl Fn(Isa) -> T) -> T {
    let all = Isa::available();
    let expected = kernel(all[0]);
    for &isa in &all[1..] {
        assert_eq!(kernel(isa), expected, "{isa:?}");
    }
    expected
}

/// What each instruction set writes of a row of `n` numbers, which must be the same.
fn made<T: Copy + Default + PartialEq + std::fmt::Debug>(n: usize, kernel: impl Fn(Isa, Part<'_, T>)) -> Vec<T> {
    same(|isa| {
        let mut out = vec![T::default(); n];
        let shared = Shared::new(&mut out, n);
        // SAFETY: it is the only part.
        kernel(isa, unsafe { shared.part(0..1, 0..n) });
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn dot_products(
        rows in 1..=ROWS,
        steps in 1usize..20,
        spare in 0usize..5,
        x in prop::collection::vec(byte(), ROWS * 100),
        lanes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(255)], 20 * 64),
    ) {
        let stride = steps * 4 + spare;
        let w = |step: usize, lane: usize, byte: usize| lanes[(step * 64 + lane * 7 + byte) % lanes.len()];
        let lines: Vec<Line> = (0..steps * LANES / 16)
            .map(|at| Line(std::array::from_fn(|i| w(at / (LANES / 16), at % (LANES / 16) * 16 + i / 4, i % 4))))
            .collect();
        let out = same(|isa| {
            let mut out: Block = [[0; LANES]; ROWS];
            dot(isa, Operands { x: &x, stride, rows, lines: &lines, coming: &[] }, &mut out);
            out[..rows].to_vec()
        });
        for (row, lane) in (0..rows).flat_map(|row| (0..LANES).map(move |lane| (row, lane))) {
            let terms = (0..steps * 4).map(|i| i32::from(x[row * stride + i]) * i32::from(w(i / 4, lane, i % 4)));
            prop_assert_eq!(out[row][lane], terms.sum::<i32>());
        }
    }

    #[test]
    fn products(
        terms in prop::collection::vec((-33_000_000i32..=33_000_000, 0i32..1 << 22, -1i32 << 29..=1 << 29, 0i32..7, wide()), 1..=64),
        max in 0u16..=32767,
        offset in -100_000i32..=100_000,
        shift in 30u32..=45,
        residual_shift in 0i32..=7,
    ) {
        let column = |f: fn(&(i32, i32, i32, i32, i16)) -> i32| -> Vec<i32> { terms.iter().map(f).collect() };
        let (acc, mul, bias, row_shift) = (column(|t| t.0), column(|t| t.1), column(|t| t.2), column(|t| t.3));
        let x: Vec<i16> = terms.iter().map(|t| t.4).collect();
        let padded = |mut x: Vec<i32>| { x.resize(LANES, 0); x };
        let n = terms.len();
        let product = |i: usize| fixed::requantise(acc[i] - offset, max.into(), mul[i], shift) + bias[i];
        let (accs, muls) = (padded(acc.clone()), padded(mul.clone()));
        let (biases, row_shifts) = (padded(bias.clone()), padded(row_shift.clone()));
        let accs = [*accs.first_chunk().unwrap()];
        let products = Products { acc: &accs, max: &[max], offsets: &[offset] };
        let channels = Channels { mul: &muls, bias: &biases, row_shift: &row_shifts, shift, count: n };
        let residual = Rows { x: &x, stride: n };

        let bytes = made(n, |isa, out| rows::to_bytes(isa, products, channels, out));
        let sums = made(n, |isa, out| rows::to_sum(isa, products, channels, residual, residual_shift, out));
        let gelus = made(n, |isa, out| rows::to_gelu(isa, products, channels, out));
        for i in 0..n {
            prop_assert_eq!(i32::from(bytes[i]), fixed::clamp(product(i), 127));
            let residual = i32::from(x[i]) << (residual_shift + row_shift[i]);
            prop_assert_eq!(sums[i], fixed::clamp(product(i) + residual, fixed::SUM_MAX));
            prop_assert_eq!(i32::from(gelus[i]), fixed::gelu(fixed::saturate16(product(i))));
        }
    }

    /// Widths with and without a tile's depth, and tokens around the rows of vectors and tiles.
    #[test]
    fn matrix_products(
        width in prop_oneof![Just(4usize), Just(60), Just(64), Just(128), Just(192)],
        channels in 1usize..140,
        tokens in prop_oneof![1usize..10, 14usize..19, 30usize..36, 60usize..70],
        x in prop::collection::vec(byte(), 70 * 192),
        w in prop::collection::vec(byte(), 1_000),
        max in 1u16..=32767,
    ) {
        let (mul, bias, shift) = (1u32 << 20, -3i32, 40);
        let weight = |channel: usize, at: usize| w[(channel * 61 + at * 7) % w.len()];
        let row = |channel: usize| -> Vec<u8> {
            let scale = [mul.to_be_bytes().as_slice(), &bias.to_be_bytes(), &[0]].concat();
            scale.into_iter().chain((0..width).map(|at| weight(channel, at).cast_unsigned())).collect()
        };
        let rows: Vec<Vec<u8>> = (0..channels).map(row).collect();
        let packed = PackedLinear::new(width, rows.iter().map(Vec::as_slice));
        let x = &x[..tokens * width];
        let offset = |row: &[i8]| 128 * row.iter().map(|&x| i32::from(x)).sum::<i32>();
        let offsets: Vec<i32> = x.chunks_exact(width).map(offset).collect();
        let out = same(|isa| {
            let input = Activations { x, max: &vec![max; tokens], offsets: &offsets };
            let product = Product { isa, crew: None, input, weights: &packed, following: Some(&packed), shift };
            let out = product.to_bytes();
            let together = Crew::gather(|crew| Product { crew: Some(crew), ..product }.to_bytes());
            assert_eq!(together, out, "on several threads");
            out
        });
        for (token, channel) in (0..tokens).flat_map(|token| (0..channels).map(move |channel| (token, channel))) {
            let term = |at: usize| i32::from(x[token * width + at]) * i32::from(weight(channel, at));
            let acc: i32 = (0..width).map(term).sum();
            let product = fixed::requantise(acc, max.into(), mul as i32, shift) + bias;
            prop_assert_eq!(i32::from(out[token * channels + channel]), fixed::clamp(product, 127));
        }
    }

    #[test]
    fn norms(
        y in prop::collection::vec(prop_oneof![-16_777_215i32..=16_777_215, -50i32..50], 1..=400),
        gain in -1i32 << 22..=1 << 22,
        bias in -1i32 << 20..=1 << 20,
        shift in 16u32..=30,
    ) {
        let (mean, deviation) = same(|isa| { let mut out = (0, 0); rows::moments(isa, &y, &mut out.0, &mut out.1); out });
        let squares: u64 = y.iter().map(|&y| (i64::from(y) - i64::from(mean)).pow(2).cast_unsigned()).sum();
        prop_assert_eq!(u64::from(deviation), squares.isqrt());
        let inverse = fixed::inverse_deviation(fixed::root_width(y.len()), deviation);
        let (gains, biases) = (vec![gain; y.len()], vec![bias; y.len()]);
        let gains = NormGains { gain: &gains, bias: &biases, shift };
        let x = same(|isa| { let mut out = vec![0; y.len()]; rows::normalise(isa, &y, mean, inverse, gains, &mut out); out });
        for (&x, &y) in x.iter().zip(&y) {
            prop_assert_eq!(i32::from(x), fixed::saturate16(fixed::normalise(y - mean, inverse, gain, bias, shift)));
        }
    }

    #[test]
    fn quantising(x in prop::collection::vec(wide(), 1..=400), small in any::<bool>()) {
        let x: Vec<i16> = x.iter().map(|v| if small { v % 3 } else { *v }).collect();
        let (bytes, max, offset) = same(|isa| {
            let mut out = (vec![0; x.len()], 0, 0);
            rows::quantise(isa, &x, &mut out.0, &mut out.1, &mut out.2);
            out
        });
        prop_assert_eq!(max, x.iter().map(|v| v.unsigned_abs()).max().unwrap());
        prop_assert_eq!(offset, 128 * bytes.iter().map(|&b| i32::from(b)).sum::<i32>());
        for (&b, &v) in bytes.iter().zip(&x) {
            prop_assert_eq!(b, fixed::quantise(v.into(), fixed::reciprocal(max.into())));
        }
    }

    #[test]
    fn embedding_and_pooling(
        word in prop::collection::vec(any::<u8>(), 1..=100),
        mul in 0i32..=1 << 23,
        shift in 1u32..=30,
        place in wide(),
        before in -1_000_000i32..1_000_000,
    ) {
        let places = vec![place; word.len()];
        let sums = same(|isa| { let mut out = vec![0; word.len()]; rows::embed(isa, &word, mul, &places, shift, &mut out); out });
        for (&sum, &w) in sums.iter().zip(&word) {
            let expected = fixed::rsh32(i32::from(w.cast_signed()) * mul, shift) + i32::from(place);
            prop_assert_eq!(sum, fixed::clamp(expected, fixed::SUM_MAX));
        }
        let pooled = same(|isa| { let mut out = vec![before; word.len()]; rows::accumulate(isa, &places, &mut out); out });
        prop_assert!(pooled.iter().all(|&sum| sum == before + i32::from(place)));
    }

    #[test]
    fn attention(
        n in prop_oneof![1usize..=9, 60usize..=70, Just(130usize)],
        x in prop::collection::vec(byte(), 130 * 8 * 2),
        v in prop::collection::vec(byte(), 130 * 8 * 20),
        v_head_width in prop_oneof![Just(4usize), 1usize..=80],
        scales in prop::collection::vec(0i32..=4000, 2),
        shift in 1u32..=20,
    ) {
        let (width, v_width) = (8, 2 * v_head_width);
        let part = |i: usize| &x[i * n * width..][..n * width];
        let scores = Scores { q: part(0), k: part(1), n, width, scales: &scales, shift };
        let exp = same(|isa| { let mut exp = Exp::default(); attention::exponentials(isa, scores, &mut exp); exp });
        let context = same(|isa| {
            let mut out = vec![0; n * v_width];
            let shared = Shared::new(&mut out, v_width);
            for head in 0..2 {
                // SAFETY: each head is a part of its own.
                let out = unsafe { shared.part(0..n, head * v_head_width..(head + 1) * v_head_width) };
                attention::context(isa, scores, head..head + 1, &v[..n * v_width], v_width, out);
            }
            out
        });
        let dot = |i: usize, j: usize, head: usize| -> i32 {
            (head * 4..head * 4 + 4).map(|c| i32::from(part(0)[i * width + c]) * i32::from(part(1)[j * width + c])).sum()
        };
        for (i, head) in (0..n).flat_map(|i| [(i, 0), (i, 1)]) {
            let score = |j: usize| fixed::rsh32(dot(i, j, head) * scales[head], shift);
            let at = i * 2 + head;
            let max = (0..n).map(score).max().unwrap();
            prop_assert_eq!((exp.max[at], usize::from(exp.argmax[at])), (max, (0..n).position(|j| score(j) == max).unwrap()));
            let e: Vec<u8> = (0..n).map(|j| fixed::exp2_neg(max - score(j))).collect();
            prop_assert_eq!(&exp.e[at * n..][..n], &e[..]);
            let sum: i32 = e.iter().map(|&e| i32::from(e)).sum();
            prop_assert_eq!(i32::from(exp.sum[at]), sum);
            for c in head * v_head_width..(head + 1) * v_head_width {
                let acc: i64 = (0..n).map(|j| i64::from(e[j]) * i64::from(v[j * v_width + c])).sum();
                let expected = fixed::rsh64(acc * i64::from(fixed::inverse_sum(sum)), 24);
                prop_assert_eq!(i64::from(context[i * v_width + c]), expected);
            }
        }
    }

    #[test]
    fn whole_inferences(ids in tokens()) {
        let (tape, weights) = tiny();
        let expected = reference::run(&tape, &weights, &ids);
        for isa in Isa::available() {
            let made = Engine::with_isa(isa, &tape, &weights).trace(&tape, &weights, &ids);
            for (at, ((made, _), expected)) in made.iter().zip(&expected).enumerate() {
                prop_assert_eq!(made, expected, "operator {} with {:?}", at, isa);
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_what_they_are_computed_with(batch in prop::collection::vec(tokens(), 1..40)) {
        let (tape, weights) = tiny();
        let engine = Engine::new(&tape, &weights);
        let together = engine.run(&tape, &weights, &batch);
        prop_assert_eq!(together.len(), batch.len());
        let shared = Crew::gather(|crew| engine.group(&tape, &weights, &batch, Some(crew)));
        prop_assert_eq!(&shared, &together, "shared among threads");
        for (task, together) in batch.iter().zip(&together) {
            let alone = engine.trace(&tape, &weights, task).pop();
            prop_assert_eq!(alone.as_ref().map(|(tensor, _)| tensor), Some(together));
        }
    }

    #[test]
    fn groups_hold_every_task_once(lengths in prop::collection::vec(1usize..300, 0..200), threads in 1usize..20) {
        let tasks: Vec<Vec<u16>> = lengths.iter().map(|&n| vec![0; n]).collect();
        let groups = group(&tasks, threads);
        prop_assert!(groups.iter().all(|group| !group.is_empty()));
        prop_assert_eq!(groups.into_iter().flatten().collect::<Vec<_>>(), (0..tasks.len()).collect::<Vec<_>>());
    }
}
