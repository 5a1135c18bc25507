//! The compiled `Referee` against the CPU backend, over decoders.

use std::{collections::BTreeMap, path::PathBuf};

use alloy::primitives::Bytes;
use assay_evm::transaction_gas;
use assay_kernels::{
    Model,
    chance::BLANK,
    evidence::{false_element, first_difference},
    import::smollm2,
    merkle::row_root,
    prompt::Prompt,
    tape::{CHOICE_LEN, Operator, Tape, WeightKind, WeightTensor},
};
use assay_test_fixtures::workspace_root;

use crate::{
    CASES, STEP_GAS_MAX, ask_both, bare_question, kind,
    random::{Random, model},
    task::{self, Task, judge, referee},
};

/// A tape with every operator of decoders, of random widths.
pub(crate) fn tape(random: &mut Random) -> Tape {
    let weights = |kind, rows: usize, width: usize| WeightTensor { kind, rows: rows as u32, width: width as u32 };
    let (groups, share, head) = (1 + random.below(3), 1 + random.below(12), 4 * (1 + random.below(3)));
    let (queries, keys) = (groups * share * head, groups * head);
    let (values, vocabulary) = (groups * (4 + 4 * random.below(2)), 1 + random.below(40));
    let (width, hidden, units) = (4 * (1 + random.below(6)), 4 * (1 + random.below(12)), 1 + random.below(8));
    let tensors = vec![
        weights(WeightKind::Words, vocabulary, width),
        weights(WeightKind::Positions, units, head),
        weights(WeightKind::Gains, width, 1),
        weights(WeightKind::Linear, queries, width),
        weights(WeightKind::Linear, keys, width),
        weights(WeightKind::Linear, values, width),
        weights(WeightKind::Scales, groups * share, 1),
        weights(WeightKind::Linear, width, share * values),
        weights(WeightKind::Gains, width, 1),
        weights(WeightKind::Linear, hidden, width),
        weights(WeightKind::Linear, hidden, width),
        weights(WeightKind::Linear, width, hidden),
        weights(WeightKind::Gains, width, 1),
        weights(WeightKind::Words, vocabulary + random.below(3), width),
    ];
    let mut shift = |min: i64, max: i64| random.within(min, max) as u8;
    let operators = vec![
        Operator::Prompt { vocabulary: vocabulary as u32 },
        Operator::Lookup { prompt: 0, words: 0, shift: shift(1, 30) },
        Operator::Rms { stream: 1, gains: 2, shift: shift(16, 30) },
        Operator::Rotary { input: 2, weights: 3, angles: 1, shift: shift(1, 61) },
        Operator::Rotary { input: 2, weights: 4, angles: 1, shift: shift(1, 61) },
        Operator::Linear { input: 2, weights: 5, shift: shift(1, 61), transposed: true },
        Operator::Causal { q: 3, k: 4, scales: 6, heads: (groups * share) as u16, shift: shift(1, 30) },
        Operator::Blend { exp: 6, v: 5 },
        Operator::Add { input: 7, weights: 7, stream: 1, shift: shift(1, 61) },
        Operator::Rms { stream: 8, gains: 8, shift: shift(16, 30) },
        Operator::Gated { input: 9, gate: 9, up: 10, shift: shift(1, 61) },
        Operator::Add { input: 10, weights: 11, stream: 8, shift: shift(1, 61) },
        Operator::Rms { stream: 11, gains: 12, shift: shift(16, 30) },
        Operator::Choose { input: 12, words: 13, prompt: 0, shift: shift(25, 45) },
    ];
    Tape::new(units as u32, tensors, operators).unwrap()
}

/// A prompt with some blanks, most of them at the end.
fn prompt(model: &Model, random: &mut Random) -> Prompt {
    let (vocabulary, units) =
        (model.tape().vocabulary() as usize, 1 + random.below(model.tape().max_tokens() as usize));
    let given = 1 + random.below(units);
    let id = |t: usize| {
        let blank = t >= given || (t > 0 && random.one_in(8));
        if blank { BLANK } else { random.below(vocabulary) as u16 }
    };
    let ids = (0..units).map(id).collect();
    let focus = [0, 256, random.magnitude(u16::MAX.into()) as u16][random.below(3)];
    Prompt { seed: random.bits(), focus, ids }
}

#[test]
fn elements_of_random_decoders_are_judged_as_the_backend_makes_them() {
    let referee = referee();
    let (mut cases, mut seen) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for seed in 0.. {
        let mut random = Random(seed);
        let model = model(tape(&mut random), &mut random);
        let prompt = prompt(&model, &mut random);
        let row = prompt.encode();
        let task = Task::with(&model, &row, &model.run(&[&row]).unwrap()[0]);
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
    assert_eq!(cases.len(), 9, "{cases:?}");
    assert!(seen.len() >= 11 && seen.values().all(|&times| times >= 20), "{seen:?}");
}

#[test]
fn an_id_of_a_prompt_is_false_outside_the_vocabulary_and_blank_in_front() {
    let (referee, mut random) = (referee(), Random(5));
    let mut outside = 0;
    for _ in 0..CASES {
        let tape = tape(&mut random);
        let units = random.within(1, tape.max_tokens().into()) as usize;
        let id = |_| [BLANK, random.magnitude(60) as u16, random.magnitude(u16::MAX.into()) as u16][random.below(3)];
        let prompt = Prompt { seed: 1, focus: 2, ids: (0..units).map(id).collect() };
        let element = random.below(units);
        let id = prompt.ids[element];
        let expected = u32::from(id) >= tape.vocabulary() && (id != BLANK || element == 0);
        let judged = judge(&referee, &bare_question(&tape, units as u32, 0, &prompt.encode(), element as u32));
        assert_eq!(judged.is_false, expected, "{prompt:?} at {element} of {}", tape.vocabulary());
        outside += usize::from(expected);
    }
    assert!((CASES / 8..CASES * 7 / 8).contains(&outside), "{outside}");
}

/// Whoever claims another text has made a trace that is false in one place, and one question finds it.
#[test]
fn a_false_text_is_convicted_by_one_choice() {
    let (referee, mut random) = (referee(), Random(6));
    for case in 0..300 {
        let model = model(tape(&mut random), &mut random);
        let (prompt, vocabulary) = (prompt(&model, &mut random), model.tape().vocabulary());
        let row = prompt.encode();
        let mut claimed = model.run(&[&row]).unwrap().remove(0);
        let entry = CHOICE_LEN * random.below(prompt.ids.len());
        match case % 3 {
            0 => claimed[entry + random.below(CHOICE_LEN)] ^= 1 << random.below(8),
            1 => {
                claimed[entry + 4..][..2].copy_from_slice(&(random.below(vocabulary as usize + 2) as u16).to_be_bytes())
            }
            _ => claimed[entry..][..CHOICE_LEN].fill(random.bits() as u8),
        }
        // A consistent trace of what is claimed: only the choice itself can be false.
        let task = Task::with(&model, &row, &claimed);
        let last = task.trace.roots().len() - 1;
        let own = task.trace.row(last, 0).unwrap();
        let mut theirs = task.trace.roots().to_vec();
        theirs[last] = row_root(&claimed);
        let Some(operator) = first_difference(task.trace.roots(), &theirs) else {
            assert_eq!(own, claimed);
            continue;
        };
        assert_eq!(operator, last);
        let (shape, units) = (model.tape().shapes()[last], task.trace.tokens());
        let element = false_element(shape, units, &own, &claimed).unwrap();
        assert!(judge(&referee, &task.question(last, 0, &claimed, element)).is_false, "{own:?} for {claimed:?}");
        // What is read from the claimed text is judged as it is read: a row that was made of it is true.
        let place = random.below(units as usize) as u32;
        let lookup = task.trace.row(1, place as usize).unwrap();
        assert!(!judge(&referee, &task.question(1, place, &lookup, 0)).is_false);
    }
}

/// SmolLM2, made from its source as `make setup` fetches it.
fn import_smollm2() -> Model {
    let root = workspace_root();
    let source = std::env::var_os("ASSAY_SMOLLM2").map_or_else(|| root.join(".tools/smollm2"), PathBuf::from);
    let gguf = source.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(gguf.exists(), "{} is not there: run `make setup`, or set ASSAY_SMOLLM2", gguf.display());
    let texts = std::fs::read_to_string(root.join("test-fixtures/corpora/prose-calibration.txt")).unwrap();
    // What an element costs does not depend on how well the model was calibrated.
    let texts: Vec<String> = texts.lines().take(2).map(str::to_owned).collect();
    let out = tempfile::tempdir().unwrap();
    smollm2(&gguf, &texts, out.path(), &|_| ()).unwrap();
    Model::open(out.path()).unwrap()
}

#[test]
fn any_element_of_smollm2_is_judged_in_one_affordable_transaction() {
    let (referee, model, mut random) = (referee(), import_smollm2(), Random(4));
    let text: Vec<u16> = (0..250).map(|_| random.below(49_152) as u16).collect();
    let input = Prompt::new(&text, 7, 3, 256).encode();
    let task = Task::with(&model, &input, &model.run(&[&input]).unwrap()[0]);
    let mut costliest: BTreeMap<&str, u64> = BTreeMap::new();
    let operators = model.tape().operators();
    let layers: Vec<usize> = (1..13).chain(operators.len() - 12..operators.len()).collect();
    for operator in layers {
        let shape = model.tape().shapes()[operator];
        for _ in 0..8 {
            let row = random.below(shape.rows(256) as usize) as u32;
            let own = task.trace.row(operator, row as usize).unwrap();
            let element = random.below((shape.elements(256) + shape.summaries()) as usize) as u32;
            let mut question = task.question(operator, row, &own, element);
            let judged = judge(&referee, &question);
            assert!(!judged.is_false, "operator {operator}, row {row}, element {element}");
            // A game's contract reads the tape from where it is stored, so that it is no part of the transaction.
            let execution = judged.execution_gas;
            question.tape = Bytes::new();
            let gas = transaction_gas(&task::data(&question), execution);
            let most = costliest.entry(kind(&operators[operator]).unwrap()).or_default();
            *most = (*most).max(gas);
        }
    }
    println!("gas of the costliest transactions: {costliest:#?}");
    assert!(costliest.values().all(|&gas| gas <= STEP_GAS_MAX), "{costliest:?}");
}
