//! The compiled `Referee` against the CPU backend: it acquits every number that the backend makes and convicts every other.

mod decoders;
mod random;
mod tapes;
mod task;

use std::{collections::BTreeMap, path::PathBuf};

use alloy::primitives::Bytes;
use assay_contracts::Referee::{Claim, isFalseCall};
use assay_evm::Contract;
use assay_kernels::{
    Model,
    evidence::false_element,
    fixed,
    import::minilm,
    tape::{Operator, Shape, Tape},
};
use assay_test_fixtures::{tiny_model_dir, workspace_root};

use crate::{
    random::{Random, TENSORS, Widths},
    task::{Task, judge, referee},
};

/// Cases of each operator: half of them true rows, half false ones.
const CASES: usize = 10_000;

/// The most gas of a transaction that asks the referee about MiniLM.
const STEP_GAS_MAX: u64 = 400_000;

/// Name of an operator with its layout. The ids are not made of anything and have a test of their own.
fn kind(operator: &Operator) -> Option<&'static str> {
    Some(match operator {
        Operator::Ids { .. } | Operator::Prompt { .. } => return None,
        Operator::Embed { .. } => "embed",
        Operator::Norm { transposed: false, .. } => "norm",
        Operator::Norm { transposed: true, .. } => "norm, transposed",
        Operator::Linear { transposed: false, .. } => "linear",
        Operator::Linear { transposed: true, .. } => "linear, transposed",
        Operator::Residual { .. } => "residual",
        Operator::Gelu { .. } => "gelu",
        Operator::Exp { .. } => "exp",
        Operator::Context { .. } => "context",
        Operator::Pool { .. } => "pool",
        Operator::Unit { .. } => "unit",
        Operator::Lookup { .. } => "lookup",
        Operator::Rms { .. } => "rms",
        Operator::Rotary { .. } => "rotary",
        Operator::Causal { .. } => "causal",
        Operator::Blend { .. } => "blend",
        Operator::Gated { .. } => "gated",
        Operator::Add { .. } => "add",
        Operator::Choose { .. } => "choose",
    })
}

/// Another row in the place of `row`: one bit, one byte, one number by one, the header, several bytes, or all of them changed.
fn falsify(random: &mut Random, row: &[u8]) -> Vec<u8> {
    let mut falsified = row.to_vec();
    let (at, header) = (random.below(row.len()), random.below(row.len().min(8)));
    match random.below(8) {
        0 => falsified[at] ^= 1 << random.below(8),
        1 => falsified[at] = random.bits() as u8,
        2 => falsified[at] = falsified[at].wrapping_add(1),
        3 => falsified[at] = falsified[at].wrapping_sub(1),
        4 => falsified[header] ^= 1 << random.below(8),
        5 => falsified[header] = random.bits() as u8,
        6 => (0..4).for_each(|_| falsified[random.below(row.len())] = random.bits() as u8),
        _ => {
            let (only, byte) = (random.one_in(2), random.bits() as u8);
            falsified.fill_with(|| if only { byte } else { random.bits() as u8 });
        }
    }
    if falsified == row { falsify(random, row) } else { falsified }
}

/// Edges of the arithmetic that an element of a true row shows.
fn edges(shape: Shape, row: &[u8], element: u32, tokens: u32, question: &isFalseCall) -> Vec<&'static str> {
    let at = element as usize;
    let i16_at = |at: usize| i16::from_be_bytes([row[at], row[at + 1]]);
    let u32_at = |row: &[u8], at: usize| u32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
    let mut edges = Vec::new();
    let mut note = |edge, is_there: bool| edges.extend(is_there.then_some(edge));
    match shape {
        _ if element >= shape.elements(tokens) => {}
        Shape::Sum(_) => {
            note("a saturated sum", u32_at(row, 8 + 4 * at).cast_signed().abs() == fixed::SUM_MAX);
            note("a row without deviation", u32_at(row, 4) == 0);
            if let [word, _] = question.weights.as_slice() {
                let weight = word.row[4 + at].cast_signed();
                let shift = question.tape[16 * (1 + TENSORS + usize::from(question.claim.operator)) + 1];
                let product = i64::from(weight) * i64::from(u32_at(&word.row, 0));
                note("a weight of -128", weight == i8::MIN);
                note("a tie", product & ((1 << shift) - 1) == 1 << (shift - 1));
            }
        }
        Shape::Norm(_) => {
            note("a saturated norm", i16_at(2 + 2 * at).unsigned_abs() == 32767);
            note("a norm of zeros", row[..2] == [0, 0]);
        }
        Shape::Linear(_) | Shape::LinearT(_) => {
            note("a saturated product", row[at].cast_signed().unsigned_abs() == 127)
        }
        Shape::Quantised(_) => {
            note("activations of zeros", row[..2] == [0, 0]);
            note("saturated activations", row[..2] == [0x7f, 0xff]);
        }
        Shape::Exp { heads, .. } => {
            let e = row[8 * heads as usize + at];
            note("a vanishing exponential", e == 0);
            note("an exponential between its bounds", e > 0 && e < 255);
        }
        Shape::Unit(_) => note("a vector of zeros", row.iter().all(|byte| *byte == 0)),
        Shape::Stream(_) => {
            note("a saturated stream", u32_at(row, 4 + 4 * at).cast_signed().abs() == fixed::STREAM_MAX);
            note("a stream of zeros", row.iter().all(|byte| *byte == 0));
        }
        Shape::Causal { heads, .. } => {
            let follows = element % tokens > question.claim.row;
            note("a token that follows", follows);
            note("a vanishing causal exponential", row[8 * heads as usize + at] == 0 && !follows);
        }
        Shape::Choice(vocabulary) => {
            let entry = &row[6 * (element / vocabulary) as usize..][..6];
            note("an id that is given", *entry == [0; 6]);
            note(
                "a choice",
                u32::from(u16::from_be_bytes([entry[4], entry[5]])) == element % vocabulary && *entry != [0; 6],
            );
        }
        Shape::Ids | Shape::NormT(_) | Shape::Pool(_) | Shape::Prompt => {}
    }
    edges
}

/// Asks about a random element of a true row, and about a random false row at the element that convicts it. Gives the edges
/// that the true element shows.
fn ask_both(
    referee: &Contract,
    task: &Task<'_>,
    operator: usize,
    shape: Shape,
    random: &mut Random,
) -> Vec<&'static str> {
    let tokens = task.trace.tokens();
    let row = random.below(shape.rows(tokens) as usize) as u32;
    let own = task.trace.row(operator, row as usize).unwrap();
    let questions = shape.elements(tokens) + shape.summaries();
    let element = random.below(questions as usize) as u32;
    let question = task.question(operator, row, &own, element);
    let (judged, edges) = (judge(referee, &question), edges(shape, &own, element, tokens, &question));
    assert!(!judged.is_false, "operator {operator}, {shape:?}: row {row} is true at {element}: {own:?}");

    let theirs = falsify(random, &own);
    let element = false_element(shape, tokens, &own, &theirs).unwrap();
    let judged = judge(referee, &task.question(operator, row, &theirs, element));
    assert!(judged.is_false, "operator {operator}, {shape:?}: row {row} is false at {element}: {theirs:?} for {own:?}");
    edges
}

#[test]
fn elements_of_random_models_are_judged_as_the_backend_makes_them() {
    let referee = referee();
    let (mut cases, mut seen) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for seed in 0.. {
        let mut random = Random(seed);
        let model = Widths::short(&mut random).model(&mut random);
        let units = random.within(1, model.max_units().into());
        let ids: Vec<u16> = (0..units).map(|_| random.below(model.tape().vocabulary() as usize) as u16).collect();
        let task = Task::new(&model, &ids);
        for (operator, code) in model.tape().operators().iter().enumerate() {
            let Some(kind) = kind(code) else { continue };
            let cases = cases.entry(kind).or_default();
            while *cases < CASES.min((seed as usize + 1) * 32) {
                for edge in ask_both(&referee, &task, operator, model.tape().shapes()[operator], &mut random) {
                    *seen.entry(edge).or_default() += 1;
                }
                *cases += 2;
            }
        }
        if cases.values().all(|&cases| cases >= CASES) {
            break;
        }
    }
    println!("{cases:#?} {seen:#?}");
    assert_eq!(cases.len(), 11, "{cases:?}");
    assert!(seen.len() == 12 && seen.values().all(|&times| times >= 50), "{seen:?}");
}

#[test]
fn elements_of_the_longest_rows_are_judged_as_the_backend_makes_them() {
    let referee = referee();
    let mut random = Random(1);
    let model = Widths::longest().model(&mut random);
    for units in [257, 1] {
        let ids: Vec<u16> = (0..units).map(|_| random.below(9) as u16).collect();
        let task = Task::new(&model, &ids);
        for (operator, &shape) in model.tape().shapes().iter().enumerate().skip(1) {
            for _ in 0..20 {
                ask_both(&referee, &task, operator, shape, &mut random);
            }
        }
    }
}

/// A question that needs no evidence: about ids, or about what a row says of itself.
fn bare_question(tape: &Tape, tokens: u32, operator: usize, data: &[u8], element: u32) -> isFalseCall {
    isFalseCall {
        tape: tape.encode().into(),
        weightsRoot: Default::default(),
        traceRoot: Default::default(),
        claim: Claim {
            units: tape.units(tokens),
            operator: operator as u16,
            row: 0,
            data: Bytes::copy_from_slice(data),
        },
        element,
        tensors: Vec::new(),
        weights: Vec::new(),
    }
}

#[test]
fn an_id_is_false_outside_the_vocabulary() {
    let (referee, mut random) = (referee(), Random(2));
    let mut outside = 0;
    for _ in 0..CASES {
        let widths = Widths::short(&mut random);
        let tape = widths.tape(&mut random);
        let units = random.within(1, widths.max_units.into());
        let ids: Vec<u16> = (0..units).map(|_| random.magnitude(u16::MAX.into()) as u16).collect();
        let row: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
        let element = random.below(ids.len());
        let expected = u32::from(ids[element]) >= widths.vocabulary;
        let judged = judge(&referee, &bare_question(&tape, units as u32, 0, &row, element as u32));
        assert_eq!(judged.is_false, expected, "{ids:?} at {element} of {}", widths.vocabulary);
        outside += usize::from(expected);
    }
    assert!((CASES / 4..CASES * 3 / 4).contains(&outside), "{outside}");
}

/// What the header of a row must say of its numbers, as bytes in their place: `None` if what it must say does not fit them.
fn summary(shape: Shape, units: u32, row: &[u8], index: u32) -> (usize, Option<Vec<u8>>) {
    let ints = |from: usize| row[from..].as_chunks().0.iter().map(|v| i64::from(i32::from_be_bytes(*v)));
    let squares = |from: usize, mean: i64| ints(from).map(|y| i128::from(y - mean).pow(2)).sum::<i128>();
    let root = |squares: i128| u32::try_from(squares.isqrt()).ok().map(|root| root.to_be_bytes().to_vec());
    match shape {
        Shape::Sum(width) => {
            let mean = fixed::mean(ints(8).sum(), width.into());
            let deviation = root(squares(8, mean.into()));
            (0, deviation.map(|deviation| [&mean.to_be_bytes()[..], &deviation].concat()))
        }
        Shape::Norm(_) => {
            let values = row[2..].as_chunks().0.iter().map(|v| i16::from_be_bytes(*v).unsigned_abs());
            (0, values.max().map(|max| max.to_be_bytes().to_vec()))
        }
        Shape::Pool(_) => (0, root(squares(4, 0))),
        Shape::Exp { heads, .. } => {
            let values = &row[(heads * 8 + index * units) as usize..][..units as usize];
            let sum: u16 = values.iter().map(|&e| u16::from(e)).sum();
            (index as usize * 8 + 6, Some(sum.to_be_bytes().to_vec()))
        }
        _ => unreachable!("{shape:?} says nothing of itself"),
    }
}

#[test]
fn what_rows_say_of_themselves_is_recomputed_from_them_alone() {
    let referee = referee();
    for (operator, name) in [(1, "sum"), (2, "norm"), (6, "exp"), (14, "pool")] {
        let mut random = Random(3);
        let (mut acquitted, longest) = (0, Widths::longest());
        for case in 0..CASES {
            let widths = if case % 500 == 0 { longest } else { Widths::short(&mut random) };
            let tape = widths.tape(&mut random);
            let shape = tape.shapes()[operator];
            let units = random.within(1, widths.max_units.into()) as u32;
            let (mut row, index) = (random.row(shape, units), random.below(shape.summaries() as usize) as u32);
            let (at, expected) = summary(shape, units, &row, index);
            // The right header half of the time, else one that is off by a bit or by one, or any.
            if let Some(expected) = &expected {
                row[at..at + expected.len()].copy_from_slice(expected);
                let byte = at + random.below(expected.len());
                match random.below(8) {
                    0 => row[byte] ^= 1 << random.below(8),
                    1 => row[at + expected.len() - 1] = row[at + expected.len() - 1].wrapping_add(1),
                    2 => row[at + expected.len() - 1] = row[at + expected.len() - 1].wrapping_sub(1),
                    3 => row[byte] = random.bits() as u8,
                    _ => {}
                }
            }
            let mut is_false = expected.is_none_or(|expected| row[at..at + expected.len()] != expected);
            if let Shape::Exp { .. } = shape {
                let argmax = u16::from_be_bytes([row[at - 2], row[at - 1]]);
                is_false |= u32::from(argmax) >= units;
            }
            let judged = judge(&referee, &bare_question(&tape, units, operator, &row, shape.elements(units) + index));
            assert_eq!(judged.is_false, is_false, "{name} of {units} units, {shape:?}, {index}: {row:?}");
            acquitted += usize::from(!is_false);
        }
        assert!(acquitted > CASES / 4 && acquitted < CASES * 3 / 4, "{name}: {acquitted}");
    }
}

#[test]
fn every_element_of_a_whole_inference_of_the_tiny_model_is_acquitted() {
    let referee = referee();
    let model = Model::open(&tiny_model_dir()).unwrap();
    let ids: Vec<u16> = (0..12).map(|t| t * 31 % 100).collect();
    let (task, mut asked) = (Task::new(&model, &ids), 0);
    let units = task.trace.tokens();
    for (operator, shape) in model.tape().shapes().iter().enumerate() {
        for (row, own) in (0..).zip(task.trace.rows(operator).unwrap()) {
            for element in 0..shape.elements(units) + shape.summaries() {
                let judged = judge(&referee, &task.question(operator, row, &own, element));
                assert!(!judged.is_false, "operator {operator}, row {row}, element {element}");
                asked += 1;
            }
        }
    }
    println!("{asked} elements");
    assert!(asked > 9000, "{asked}");
}

/// MiniLM, made from its source as `make tools` fetches it.
fn import_minilm() -> Model {
    let root = workspace_root();
    let source = std::env::var_os("ASSAY_MINILM").map_or_else(|| root.join(".tools/minilm"), PathBuf::from);
    let weights = source.join("model.safetensors");
    assert!(weights.exists(), "{} is not there: run `make tools`, or set ASSAY_MINILM", weights.display());
    let texts = std::fs::read_to_string(root.join("test-fixtures/corpora/calibration.txt")).unwrap();
    let texts: Vec<String> = texts.lines().map(str::to_owned).collect();
    let out = tempfile::tempdir().unwrap();
    minilm(&weights, &source.join("tokenizer.json"), &texts, out.path(), &|_| ()).unwrap();
    Model::open(out.path()).unwrap()
}

#[test]
fn any_element_of_minilm_is_judged_in_one_affordable_transaction() {
    let (referee, model, mut random) = (referee(), import_minilm(), Random(4));
    let ids: Vec<u16> = (0..256).map(|_| random.below(30_522) as u16).collect();
    let task = Task::new(&model, &ids);
    let mut costliest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut asked = 0;
    for (operator, &shape) in model.tape().shapes().iter().enumerate().skip(1) {
        let kind = kind(&model.tape().operators()[operator]).unwrap();
        for _ in 0..16 {
            let row = random.below(shape.rows(256) as usize) as u32;
            let own = task.trace.row(operator, row as usize).unwrap();
            let element = random.below((shape.elements(256) + shape.summaries()) as usize) as u32;
            let judged = judge(&referee, &task.question(operator, row, &own, element));
            assert!(!judged.is_false, "operator {operator}, row {row}, element {element}");
            let most = costliest.entry(kind).or_default();
            *most = (*most).max(judged.transaction_gas);
            asked += 1;
        }
    }
    println!("{asked} elements; gas of the costliest transactions: {costliest:#?}");
    assert!(asked >= 1000);
    assert!(costliest.values().all(|&gas| gas <= STEP_GAS_MAX), "{costliest:?}");
}
