//! The tiny model in `test-fixtures/models/tiny` is what the importer makes of random weights, and opens only unharmed.
//!
//! `ASSAY_BLESS=1 cargo test -p assay-kernels --test tiny_model` makes it anew.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use assay_kernels::{
    Model, ModelError,
    commit::inputs_tree,
    import::{self, Description, ImportError},
    merkle::row_root,
    model::{MANIFEST_FILE, Manifest, TAPE_FILE, TOKENIZER_FILE, WEIGHTS_FILE},
    tape::Tape,
    tokenizer::{Tokenizer, input_row, output_to_unit_vector},
};
use proptest::prelude::*;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;

const WIDTH: usize = 32;
const FFN: usize = 64;
const LAYERS: usize = 2;
const MAX_UNITS: usize = 48;
const WORDS: [&str; 30] = [
    "the", "a", "and", "of", "to", "in", "is", "that", "who", "what", "when", "pays", "lies", "node", "chain", "proof",
    "root", "leaf", "model", "data", "work", "order", "task", "batch", "price", "stake", "wrong", "right", "hello",
    "world",
];
const CALIBRATION: [&str; 6] = [
    "who pays when a node lies",
    "the root of the proof is a leaf",
    "hello world",
    "the price of work is the stake",
    "a wrong task in a batch",
    "zebra quince 1234567890",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny")
}

/// A vocabulary of letters, digits and a few words.
fn vocabulary() -> Vec<String> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let single = ('a'..='z').chain('0'..='9').flat_map(|c| [c.to_string(), format!("##{c}")]);
    special
        .into_iter()
        .chain(single)
        .chain(WORDS.iter().filter(|word| word.len() > 1).map(|word| (*word).to_owned()))
        .collect()
}

fn tokenizer_json() -> String {
    let words: HashMap<String, usize> = vocabulary().into_iter().enumerate().map(|(id, word)| (word, id)).collect();
    let mut vocabulary: Vec<(&String, &usize)> = words.iter().collect();
    vocabulary.sort_by_key(|(_, id)| **id);
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        vocabulary.into_iter().map(|(word, id)| (word.clone(), json!(id))).collect();
    let special = |token: &str, id: usize| (token.to_owned(), json!({ "id": token, "ids": [id], "tokens": [token] }));
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } },
            ],
            "pair": [],
            "special_tokens": serde_json::Map::from_iter([special("[CLS]", 2), special("[SEP]", 3)]),
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    });
    serde_json::to_string_pretty(&tokenizer).unwrap() + "\n"
}

/// A generator of numbers that look random and are the same everywhere (SplitMix64).
struct Random(u64);

impl Random {
    /// Sum of four uniform numbers, scaled to deviation 1.
    fn normal(&mut self) -> f32 {
        let mut uniform = || {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (uniform() + uniform() + uniform() + uniform()) * 1.732
    }
}

/// A tensor of a source: name, shape, numbers.
type Source = (String, Vec<usize>, Vec<f32>);

/// A model of random weights.
fn sources() -> Vec<Source> {
    let mut random = Random(7);
    let mut tensors: Vec<Source> = Vec::new();
    let mut put = |name: String, shape: Vec<usize>, center: f32, spread: f32| {
        let count = shape.iter().product();
        let data = (0..count).map(|_| center + spread * random.normal()).collect();
        tensors.push((name, shape, data));
    };
    put("embeddings.word_embeddings.weight".into(), vec![vocabulary().len(), WIDTH], 0.0, 0.05);
    put("embeddings.position_embeddings.weight".into(), vec![MAX_UNITS, WIDTH], 0.0, 0.02);
    put("embeddings.token_type_embeddings.weight".into(), vec![2, WIDTH], 0.0, 0.01);
    put("embeddings.LayerNorm.weight".into(), vec![WIDTH], 1.0, 0.3);
    put("embeddings.LayerNorm.bias".into(), vec![WIDTH], 0.0, 0.1);
    for layer in 0..LAYERS {
        for (part, rows, width) in [
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", FFN, WIDTH),
            ("output.dense", WIDTH, FFN),
        ] {
            put(format!("encoder.layer.{layer}.{part}.weight"), vec![rows, width], 0.0, 0.25);
            put(format!("encoder.layer.{layer}.{part}.bias"), vec![rows], 0.0, 0.1);
        }
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
            put(format!("encoder.layer.{layer}.{norm}.weight"), vec![WIDTH], 1.0, 0.5);
            put(format!("encoder.layer.{layer}.{norm}.bias"), vec![WIDTH], 0.0, 0.1);
        }
    }
    tensors
}

/// A safetensors file.
fn file_of(sources: &[Source]) -> Vec<u8> {
    let bytes = |(name, shape, x): &Source| {
        (name.clone(), shape.clone(), x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    };
    let tensors: Vec<_> = sources.iter().map(bytes).collect();
    let views =
        tensors.iter().map(|(name, shape, data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// The model of random weights as a safetensors file.
fn safetensors() -> Vec<u8> {
    file_of(&sources())
}

/// Imports the tiny model from `weights` into `out`.
fn make(weights: &[u8], out: &Path) -> Result<(), ImportError> {
    let source = tempfile::tempdir().unwrap();
    let (tensors, tokenizer) = (source.path().join("model.safetensors"), source.path().join(TOKENIZER_FILE));
    fs::write(&tensors, weights).unwrap();
    fs::write(&tokenizer, tokenizer_json()).unwrap();
    let description = Description {
        name: "tiny".into(),
        source: "random numbers".into(),
        sha256: None,
        heads: 4,
        max_units: MAX_UNITS as u32,
    };
    let texts = CALIBRATION.map(str::to_owned);
    import::bert(&description, &tensors, &tokenizer, &texts, out, &|_| ()).map(drop)
}

#[test]
fn the_committed_model_is_current() {
    let made = tempfile::tempdir().unwrap();
    make(&safetensors(), made.path()).unwrap();
    for file in [TAPE_FILE, WEIGHTS_FILE, TOKENIZER_FILE, MANIFEST_FILE] {
        let current = fs::read(made.path().join(file)).unwrap();
        if std::env::var_os("ASSAY_BLESS").is_some() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(folder().join(file), &current).unwrap();
        }
        let committed = fs::read(folder().join(file)).unwrap();
        assert!(
            committed == current,
            "{file} of the tiny model is not what the importer makes: see the head of this test"
        );
    }
}

#[test]
fn text_becomes_a_vector_that_the_trace_commits_to() {
    let model = Model::open(&folder()).unwrap();
    let tokenizer = Tokenizer::open(&folder()).unwrap();
    let rows: Vec<Vec<u8>> = ["Who pays when a provider lies?", "hello", ""]
        .map(|text| input_row(&tokenizer.encode(text).unwrap()))
        .to_vec();
    let outputs = model.run(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    for (row, output) in rows.iter().zip(&outputs) {
        assert_eq!(model.units(row).unwrap() as usize, row.len() / 2);
        assert_eq!(output.len(), model.output_len(model.units(row).unwrap()));
        let length: f32 = output_to_unit_vector(output).iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-5);
        let trace = model.trace(row).unwrap();
        assert_eq!(trace.roots().len(), model.tape().operators().len());
        assert_eq!(trace.roots()[0], row_root(row));
        assert_eq!(trace.roots().last(), Some(&row_root(output)));
        let shapes = model.tape().shapes();
        for (operator, shape) in shapes.iter().enumerate() {
            let rows = trace.rows(operator).unwrap();
            assert_eq!(rows.len() as u32, shape.rows(trace.tokens()), "operator {operator}");
            assert!(rows.iter().all(|row| row.len() as u32 == shape.row_len(trace.tokens())), "operator {operator}");
        }
    }
    assert_eq!(inputs_tree(&rows).len(), 3);
}

#[test]
fn a_model_in_memory_is_that_of_the_package() {
    let opened = Model::open(&folder()).unwrap();
    let weights = fs::read(folder().join(WEIGHTS_FILE)).unwrap();
    let model = Model::from_parts("tiny", opened.tape().clone(), weights.clone()).unwrap();
    assert_eq!((model.program_root(), model.weights_root()), (opened.program_root(), opened.weights_root()));
    let expected = Manifest { source: String::new(), source_sha256: String::new(), ..opened.manifest().clone() };
    assert_eq!(*model.manifest(), expected);
    assert_eq!(model.run(&[&[0, 2, 0, 3]]).unwrap(), opened.run(&[&[0, 2, 0, 3]]).unwrap());

    let error = Model::from_parts("tiny", opened.tape().clone(), weights[1..].to_vec()).unwrap_err();
    assert_eq!(error.code(), "MODEL_WEIGHTS_LENGTH");
    let error = Model::from_parts("tiny", opened.tape().clone(), vec![0x80; weights.len()]).unwrap_err();
    assert_eq!(error.code(), "MODEL_WEIGHTS_RANGE");
}

#[test]
fn wrong_inputs_are_named() {
    let model = Model::open(&folder()).unwrap();
    let long = vec![0; 2 * (MAX_UNITS + 1)];
    for (row, code) in [
        (&[][..], "INPUT_EMPTY"),
        (&[0, 2, 0], "INPUT_ODD"),
        (&long, "INPUT_TOO_LONG"),
        (&[0, 2, 0xff, 0xff], "INPUT_UNKNOWN_ID"),
    ] {
        assert_eq!(model.units(row).unwrap_err().code(), code);
        let error = model.run(&[&[0, 2], row]).unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), (code, false));
        assert!(error.to_string().starts_with("task 1 of the batch"), "{error}");
        assert_eq!(model.trace(row).unwrap_err().code(), code);
    }
    assert_eq!(model.run(&[]).unwrap(), Vec::<Vec<u8>>::new());
}

/// A copy of the model with one file changed.
fn open_with(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<Model, ModelError> {
    let dir = tempfile::tempdir().unwrap();
    for name in [TAPE_FILE, WEIGHTS_FILE, MANIFEST_FILE] {
        let mut bytes = fs::read(folder().join(name)).unwrap();
        if name == file {
            fs::write(dir.path().join(name), {
                change(&mut bytes);
                bytes
            })
            .unwrap();
            break;
        }
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    for name in [TAPE_FILE, WEIGHTS_FILE, MANIFEST_FILE] {
        if !dir.path().join(name).exists() {
            fs::copy(folder().join(name), dir.path().join(name)).unwrap();
        }
    }
    Model::open(dir.path())
}

#[test]
fn a_damaged_package_does_not_open() {
    let code = |result: Result<Model, ModelError>| result.unwrap_err().code();
    assert_eq!(code(open_with(WEIGHTS_FILE, |bytes| bytes[10_000] ^= 4)), "MODEL_ROOT");
    assert_eq!(code(open_with(WEIGHTS_FILE, |bytes| bytes.truncate(20_000))), "MODEL_WEIGHTS_LENGTH");
    assert_eq!(code(open_with(WEIGHTS_FILE, |bytes| bytes.clear())), "MODEL_WEIGHTS_LENGTH");
    assert_eq!(code(open_with(TAPE_FILE, |bytes| bytes[9] ^= 16)), "MODEL_ROOT");
    assert_eq!(code(open_with(TAPE_FILE, |bytes| bytes[0] ^= 1)), "TAPE_FORMAT");
    assert_eq!(code(open_with(TAPE_FILE, |bytes| bytes.truncate(33))), "TAPE_FORMAT");
    // One id more than there are words: 21 weight tensors stand before the ids.
    assert_eq!(code(open_with(TAPE_FILE, |bytes| bytes[16 * 22 + 15] += 1)), "TAPE_OPERATOR");
    assert_eq!(code(open_with(MANIFEST_FILE, |bytes| bytes.truncate(9))), "MODEL_MANIFEST");
    assert_eq!(code(Model::open(Path::new("no such folder"))), "MODEL_FILE");
}

#[test]
fn a_wrong_source_is_not_imported() {
    let out = tempfile::tempdir().unwrap();
    let code = |weights: &[u8]| make(weights, out.path()).unwrap_err().code();
    let good = safetensors();
    assert_eq!(code(&good[..good.len() - 1]), "IMPORT_FORMAT");
    assert_eq!(code(b"not a model"), "IMPORT_FORMAT");
    let mut nan = good.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(code(&nan), "IMPORT_TENSOR");
    let mut sources = sources();
    sources[1].1[0] = 3;
    sources[1].2.truncate(3 * WIDTH);
    let refused = make(&file_of(&sources), out.path()).unwrap_err().to_string();
    assert!(refused.contains("position_embeddings") && refused.contains("48"), "fewer places than tokens: {refused}");
    assert!(!out.path().join(MANIFEST_FILE).exists());
}

/// What may be wrong with a tensor of a source.
#[derive(Debug, Clone)]
enum Wrong {
    Missing,
    /// As many rows, of the first ones again and again.
    Rows(usize),
    /// As many dimensions of one number behind the others.
    Dimensions(usize),
    /// One number.
    Number(prop::sample::Index, f32),
    /// All numbers.
    Numbers(f32),
}

fn wrong() -> impl Strategy<Value = Wrong> {
    let number = || {
        prop_oneof![
            Just(f32::NAN),
            Just(f32::INFINITY),
            Just(f32::MAX),
            Just(f32::MIN),
            Just(1e30),
            Just(-1e-40),
            Just(0.0),
            any::<f32>()
        ]
    };
    prop_oneof![
        1 => Just(Wrong::Missing),
        2 => (0usize..100).prop_map(Wrong::Rows),
        1 => (1usize..4).prop_map(Wrong::Dimensions),
        3 => (any::<prop::sample::Index>(), number()).prop_map(|(at, x)| Wrong::Number(at, x)),
        3 => number().prop_map(Wrong::Numbers),
    ]
}

fn spoil(sources: &mut Vec<Source>, at: prop::sample::Index, wrong: Wrong) {
    let at = at.index(sources.len());
    let (_, shape, x) = &mut sources[at];
    match wrong {
        Wrong::Missing => drop(sources.remove(at)),
        Wrong::Rows(rows) => {
            let of_row = x.len().checked_div(shape[0]).unwrap_or(0);
            *x = x.iter().copied().cycle().take(if x.is_empty() { 0 } else { rows * of_row }).collect();
            shape[0] = if of_row == 0 { 0 } else { rows };
        }
        Wrong::Dimensions(count) => shape.extend(vec![1; count]),
        Wrong::Number(place, value) if !x.is_empty() => {
            let place = place.index(x.len());
            x[place] = value;
        }
        Wrong::Number(..) => {}
        Wrong::Numbers(value) => x.fill(value),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A source with tensors that are missing, of another shape or full of absurd numbers is refused, or becomes a package that works.
    #[test]
    fn a_spoilt_source_is_refused_or_works(spoilt in prop::collection::vec((any::<prop::sample::Index>(), wrong()), 1..4)) {
        let mut sources = sources();
        for (at, wrong) in spoilt {
            spoil(&mut sources, at, wrong);
        }
        let out = tempfile::tempdir().unwrap();
        match make(&file_of(&sources), out.path()) {
            Err(error) => {
                prop_assert!(!out.path().join(MANIFEST_FILE).exists(), "{}", error);
            }
            Ok(()) => {
                let model = Model::open(out.path()).unwrap();
                let row = input_row(&[2, 5, 6, 3]);
                let output = model.run(&[&row]).unwrap().remove(0);
                prop_assert_eq!(output_to_unit_vector(&output).len(), WIDTH);
            }
        }
    }

    /// Nor does it matter which bytes of a file are others.
    #[test]
    fn a_source_of_any_bytes_is_refused_or_works(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_head in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = safetensors();
        let head = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        for (at, value) in changes {
            let at = at.index(if in_head { head } else { bytes.len() });
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let out = tempfile::tempdir().unwrap();
        if make(&bytes, out.path()).is_ok() {
            Model::open(out.path()).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn a_tape_of_any_bytes_decodes_or_is_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), cuts in any::<bool>()) {
        let mut bytes = fs::read(folder().join(TAPE_FILE)).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()) / 16 * 16);
        }
        if let Ok(tape) = Tape::decode(&bytes) {
            // What is accepted has one encoding, and stays within the limits for every length.
            prop_assert_eq!(tape.encode(), bytes);
            for shape in tape.shapes() {
                prop_assert!(shape.rows(tape.max_tokens()) <= 512 && shape.row_len(tape.max_tokens()) <= 8192);
            }
        }
    }

    #[test]
    fn random_records_do_not_make_trouble(bytes in prop::collection::vec(prop_oneof![Just(0u8), 0u8..12, any::<u8>()], 0..400)) {
        let mut tape = b"ASSAYTP\x01".to_vec();
        tape.extend(bytes);
        let _ = Tape::decode(&tape);
    }
}
