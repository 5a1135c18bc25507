//! A decoder of random weights: imported to the same bytes everywhere, generating, and refusing what is wrong.
//!
//! It is kept in `test-fixtures/models/tiny-decoder`. `ASSAY_BLESS=1 cargo nextest run -p assay-kernels tiny_decoder` writes it anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_kernels::{
    Model,
    chance::BLANK,
    import::{self, Description, ImportError, Llama},
    merkle::row_root,
    model::{MANIFEST_FILE, TAPE_FILE, TOKENIZER_FILE, WEIGHTS_FILE},
    prompt::{Prompt, choices},
    tape::{CHOICE_LEN, Shape},
    tokenizer::Tokenizer,
};
use proptest::prelude::*;

const WIDTH: u64 = 32;
const HIDDEN: u64 = 64;
const KEY_WIDTH: u64 = 16;
const LAYERS: u64 = 2;
const MAX_UNITS: u32 = 40;

const CALIBRATION: [&str; 4] = ["who pays when a provider lies", "the cat sat on the mat", "zebra", "abc abc abc"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny-decoder")
}

/// Two markers, the printable characters as byte-level tokenizers spell them, and a few pairs.
fn tokens() -> Vec<String> {
    let characters = ('!'..='~').map(String::from).chain(["Ġ".into()]);
    let pairs = ["th", "Ġa", "er"].map(String::from);
    ["<|end|>", "<|start|>"].map(String::from).into_iter().chain(characters).chain(pairs).collect()
}

/// Numbers that look random and are the same everywhere (SplitMix64): sums of four, of deviation 1.
struct Random(u64);

impl Random {
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

/// A GGUF file in the making.
#[derive(Default)]
struct File {
    values: Vec<u8>,
    value_count: u64,
    claims: Vec<u8>,
    claim_count: u64,
    data: Vec<u8>,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl File {
    fn value(&mut self, key: &str, kind: u32, bytes: &[u8]) {
        self.values.extend([&text(key)[..], &kind.to_le_bytes(), bytes].concat());
        self.value_count += 1;
    }

    fn integer(&mut self, key: &str, value: u64) {
        self.value(key, 4, &(value as u32).to_le_bytes());
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        let list: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
        self.value(key, 9, &[&8u32.to_le_bytes()[..], &(values.len() as u64).to_le_bytes(), &list].concat());
    }

    fn tensor(&mut self, name: &str, shape: &[u64], format: u32, data: &[u8]) {
        let shape: Vec<u8> =
            [(shape.len() as u32).to_le_bytes().to_vec(), shape.iter().flat_map(|l| l.to_le_bytes()).collect()]
                .concat();
        let offset = (self.data.len() as u64).to_le_bytes();
        self.claims.extend([&text(name)[..], &shape, &format.to_le_bytes(), &offset].concat());
        self.claim_count += 1;
        self.data.extend(data);
        self.data.resize(self.data.len().next_multiple_of(32), 0);
    }

    fn bytes(&self) -> Vec<u8> {
        let counts = [self.claim_count.to_le_bytes(), self.value_count.to_le_bytes()].concat();
        let mut bytes = [b"GGUF\x03\0\0\0", &counts[..], &self.values, &self.claims].concat();
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        [bytes, self.data.clone()].concat()
    }
}

/// 1.0, and the given power of two of it, as 16 bits.
fn half(power: i32) -> [u8; 2] {
    (((15 + power) as u16) << 10).to_le_bytes()
}

/// A model of random weights; all formats are used.
fn gguf() -> Vec<u8> {
    gguf_with(|_| ())
}

fn gguf_with(change: impl FnOnce(&mut File)) -> Vec<u8> {
    let (mut file, mut random) = (File::default(), Random(11));
    file.value("general.architecture", 8, &text("llama"));
    for (key, value) in [
        ("llama.block_count", LAYERS),
        ("llama.embedding_length", WIDTH),
        ("llama.feed_forward_length", HIDDEN),
        ("llama.attention.head_count", 4),
        ("llama.attention.head_count_kv", 2),
        ("llama.rope.dimension_count", 8),
    ] {
        file.integer(key, value);
    }
    file.value("llama.rope.freq_base", 6, &1e4f32.to_le_bytes());
    file.value("llama.attention.layer_norm_rms_epsilon", 6, &1e-5f32.to_le_bytes());
    file.value("tokenizer.ggml.model", 8, &text("gpt2"));
    file.value("tokenizer.ggml.pre", 8, &text("smollm"));
    file.texts("tokenizer.ggml.tokens", &tokens());
    let kinds: Vec<u8> = (0..tokens().len()).flat_map(|id| if id < 2 { 3i32 } else { 1 }.to_le_bytes()).collect();
    let list = [&5u32.to_le_bytes()[..], &(tokens().len() as u64).to_le_bytes(), &kinds].concat();
    file.value("tokenizer.ggml.token_type", 9, &list);
    file.texts("tokenizer.ggml.merges", &["t h", "Ġ a", "e r"].map(String::from));

    let mut f32s = |count: u64, center: f32, spread: f32| -> Vec<u8> {
        (0..count).flat_map(|_| (center + spread * random.normal()).to_le_bytes()).collect()
    };
    let vocabulary = tokens().len() as u64;
    file.tensor("token_embd.weight", &[WIDTH, vocabulary], 0, &f32s(WIDTH * vocabulary, 0.0, 0.5));
    file.tensor("output_norm.weight", &[WIDTH], 0, &f32s(WIDTH, 1.0, 0.3));
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        file.tensor(&name("attn_norm"), &[WIDTH], 0, &f32s(WIDTH, 1.0, 0.3));
        file.tensor(&name("ffn_norm"), &[WIDTH], 0, &f32s(WIDTH, 1.0, 0.3));
        for (part, rows) in [("attn_q", WIDTH), ("attn_k", KEY_WIDTH)] {
            file.tensor(&name(part), &[WIDTH, rows], 0, &f32s(WIDTH * rows, 0.0, 0.4));
        }
        // Bytes that serve as 8-bit weights, as halves of bytes, and as numbers of 16 bits near 0.
        let bytes = |count: u64| -> Vec<u8> { (0..count).map(|at| (at * 37 % 251 + layer) as u8).collect() };
        let q8 = |rows: u64, width: u64| -> Vec<u8> {
            bytes(rows * width).chunks(32).flat_map(|block| [&half(-7)[..], block].concat()).collect()
        };
        file.tensor(&name("attn_v"), &[WIDTH, KEY_WIDTH], 8, &q8(KEY_WIDTH, WIDTH));
        file.tensor(&name("attn_output"), &[WIDTH, WIDTH], 8, &q8(WIDTH, WIDTH));
        let q4: Vec<u8> = bytes(WIDTH * HIDDEN / 2)
            .chunks(16)
            // From -1 upwards in steps of 1/8.
            .flat_map(|block| [&half(-3)[..], &[0x00, 0xbc], block].concat())
            .collect();
        file.tensor(&name("ffn_gate"), &[WIDTH, HIDDEN], 3, &q4);
        file.tensor(&name("ffn_up"), &[WIDTH, HIDDEN], 3, &q4);
        // One channel stands out and is split.
        let f16s = (0..WIDTH * HIDDEN).flat_map(|at| [(at * 29 % 256) as u8, 0x34 | ((at % 3 * 64) & 0x80) as u8]);
        file.tensor(&name("ffn_down"), &[HIDDEN, WIDTH], 1, &f16s.collect::<Vec<u8>>());
    }
    change(&mut file);
    file.bytes()
}

fn description() -> Description {
    Description {
        name: "tiny-decoder".into(),
        source: "random numbers".into(),
        sha256: None,
        heads: 4,
        max_units: MAX_UNITS,
    }
}

fn make(gguf: &[u8], out: &Path) -> Result<(), ImportError> {
    let source = tempfile::tempdir().unwrap();
    let file = source.path().join("model.gguf");
    fs::write(&file, gguf).unwrap();
    import::llama(&description(), &file, &CALIBRATION.map(str::to_owned), out, &|_| ()).map(drop)
}

#[test]
fn the_committed_decoder_is_current() {
    let made = tempfile::tempdir().unwrap();
    make(&gguf(), made.path()).unwrap();
    for file in [TAPE_FILE, WEIGHTS_FILE, TOKENIZER_FILE, MANIFEST_FILE] {
        let current = fs::read(made.path().join(file)).unwrap();
        if std::env::var_os("ASSAY_BLESS").is_some() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(folder().join(file), &current).unwrap();
        }
        let committed = fs::read(folder().join(file)).unwrap();
        assert!(
            committed == current,
            "{file} of the tiny decoder is not what the importer makes: see the head of this test"
        );
    }
}

#[test]
fn text_is_continued_as_the_trace_commits_to() {
    let model = Model::open(&folder()).unwrap();
    let tokenizer = Tokenizer::open(&folder()).unwrap();
    let text = tokenizer.encode("the cat").unwrap();
    assert_eq!(tokenizer.decode(&text).unwrap(), "the cat");
    assert_eq!(tokenizer.id("<|end|>"), Some(0));
    let prompts = [(1, 0, 0), (5, 0, 0), (12, 256, 1), (12, 256, 2), (12, 600, 1)];
    let prompts: Vec<Prompt> =
        prompts.map(|(count, focus, seed)| Prompt::new(&text, count, seed, focus)).into_iter().collect();
    let rows: Vec<Vec<u8>> = prompts.iter().map(Prompt::encode).collect();
    let outputs = model.run(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    for ((prompt, row), output) in prompts.iter().zip(&rows).zip(&outputs) {
        let units = prompt.ids.len() as u32;
        // What anybody can tell from the length of a row is what it costs.
        assert_eq!((model.units(row).unwrap() as usize, model.output_len(units)), (row.len() / 2, output.len()));
        let chosen = prompt.chosen(&choices(output));
        assert_eq!(chosen.len(), units as usize - text.len() + 1);
        assert!(tokenizer.decode(&chosen).unwrap().is_ascii());
        let trace = model.trace(row).unwrap();
        assert_eq!((trace.roots()[0], trace.roots().last()), (row_root(row), Some(&row_root(output))));
        for (operator, shape) in model.tape().shapes().iter().enumerate() {
            let rows = trace.rows(operator).unwrap();
            assert_eq!(rows.len() as u32, shape.rows(units), "operator {operator}");
            assert!(rows.iter().all(|row| row.len() as u32 == shape.row_len(units)), "operator {operator}");
        }
        assert_eq!(model.trace_of(row, output).unwrap().roots(), trace.roots());
        assert_eq!(model.trace_of(row, &output[1..]).unwrap_err().code(), "OUTPUT_LENGTH");
    }
    let chosen: Vec<Vec<u16>> =
        prompts.iter().zip(&outputs).map(|(prompt, output)| prompt.chosen(&choices(output))).collect();
    assert_eq!(chosen[0][0], chosen[1][0], "the first choice does not depend on how many follow");
    assert!(chosen[2] != chosen[3] && chosen[2] != chosen[4], "seed and focus matter: {chosen:?}");
}

#[test]
fn a_false_output_makes_a_trace_that_ends_in_the_true_choices() {
    let model = Model::open(&folder()).unwrap();
    let row = Prompt::new(&[5, 6, 7], 6, 3, 256).encode();
    let output = model.run(&[&row]).unwrap().remove(0);
    let honest = model.trace(&row).unwrap();
    let last = honest.roots().len() - 1;
    // Another id at the place of the second choice, in and beyond the vocabulary.
    for id in [(output[3 * CHOICE_LEN + 5] + 1) % 100, 255] {
        let mut claimed = output.clone();
        claimed[3 * CHOICE_LEN + 5] = id;
        let trace = model.trace_of(&row, &claimed).unwrap();
        assert_ne!(trace.roots()[1], honest.roots()[1], "what follows is read");
        let own = trace.row(last, 0).unwrap();
        assert_eq!(
            own[..4 * CHOICE_LEN],
            output[..4 * CHOICE_LEN],
            "the choices up to the false one are the true ones"
        );
        assert_ne!(trace.roots()[last], row_root(&claimed));
    }
}

#[test]
fn scores_are_those_that_choose() {
    let model = Model::open(&folder()).unwrap();
    let ids = [5, 6, 7, 20, 31];
    let mut best = Vec::new();
    model
        .scores(&ids, &mut |place, scores| {
            assert_eq!((place, scores.len()), (best.len(), model.tape().vocabulary() as usize));
            let max = scores.iter().max().unwrap();
            best.push((*max, scores.iter().position(|score| score == max).unwrap() as u16));
        })
        .unwrap();
    for (place, best) in best.into_iter().enumerate() {
        let row = Prompt::new(&ids[..=place], 1, 9, 0).encode();
        let choice = choices(&model.run(&[&row]).unwrap()[0])[place];
        assert_eq!((choice.max, choice.id), best, "place {place}");
    }
    assert_eq!(model.scores(&[5, 600], &mut |_, _| ()).unwrap_err().code(), "INPUT_UNKNOWN_ID");
}

#[test]
fn a_wrong_source_is_not_imported() {
    let out = tempfile::tempdir().unwrap();
    let refused = |gguf: &[u8]| make(gguf, out.path()).unwrap_err();
    let code = |gguf: &[u8]| refused(gguf).code();
    let good = gguf();
    assert_eq!(code(&good[..good.len() - 64]), "IMPORT_TENSOR");
    assert_eq!(code(&good[..1000]), "IMPORT_FORMAT");
    assert_eq!(code(b"GGUF"), "IMPORT_FORMAT");
    let with = |change: fn(&mut File)| gguf_with(change);
    // Later values and tensors of a name take the place of earlier ones.
    let nan =
        with(|file| file.tensor("output_norm.weight", &[WIDTH], 0, &f32::NAN.to_le_bytes().repeat(WIDTH as usize)));
    assert!(refused(&nan).to_string().contains("output_norm.weight"), "{}", refused(&nan));
    let shape = with(|file| file.tensor("output_norm.weight", &[8], 0, &[0; 32]));
    assert!(refused(&shape).to_string().contains("[8]"), "{}", refused(&shape));
    let format = with(|file| file.tensor("output_norm.weight", &[WIDTH], 12, &[0; 128]));
    assert!(refused(&format).to_string().contains("format 12"), "{}", refused(&format));
    let huge = with(|file| file.tensor("output_norm.weight", &[1 << 60, 1 << 60], 0, &[]));
    assert!(refused(&huge).to_string().contains("does not lie in the file"), "{}", refused(&huge));
    let heads = with(|file| file.integer("llama.attention.head_count", 3));
    assert!(refused(&heads).to_string().contains("3 heads"), "{}", refused(&heads));
    let architecture = with(|file| file.value("general.architecture", 8, &text("mamba")));
    assert!(refused(&architecture).to_string().contains("mamba"), "{}", refused(&architecture));
    let own = with(|file| file.tensor("output.weight", &[1], 0, &[0; 4]));
    assert!(refused(&own).to_string().contains("last product"), "{}", refused(&own));
    // Words so large that no multiplier of 23 bits takes them.
    let absurd = with(|file| {
        let (count, value) = (WIDTH * tokens().len() as u64, 1e30f32.to_le_bytes());
        file.tensor("token_embd.weight", &[WIDTH, tokens().len() as u64], 0, &value.repeat(count as usize));
    });
    assert_eq!(code(&absurd), "MODEL_WEIGHTS_RANGE");
    assert!(!out.path().join(MANIFEST_FILE).exists());
}

#[test]
fn the_choice_is_among_the_vocabulary() {
    let model = Model::open(&folder()).unwrap();
    let vocabulary = tokens().len() as u32;
    assert_eq!(model.tape().shapes().last(), Some(&Shape::Choice(vocabulary)));
    assert_eq!(model.manifest().width, 0);
    let row = Prompt { seed: 0, focus: 0, ids: vec![1, BLANK] }.encode();
    assert_eq!(model.units(&row), Ok(5 + 2));
    assert_eq!(
        model.units(&Prompt { seed: 0, focus: 0, ids: vec![BLANK] }.encode()).unwrap_err().code(),
        "INPUT_UNKNOWN_ID"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a file says, it is refused or becomes a package that opens.
    #[test]
    fn a_file_of_any_bytes_is_refused_or_works(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0xff), Just(0x7f), Just(0)]), 1..8),
        head in any::<bool>(),
    ) {
        let mut bytes = gguf();
        let range = if head { 600 } else { bytes.len() };
        for (at, value) in changes {
            bytes[at.index(range)] = value;
        }
        let out = tempfile::tempdir().unwrap();
        if make(&bytes, out.path()).is_ok() {
            Model::open(out.path()).unwrap();
        }
    }

    #[test]
    fn a_cut_file_is_refused(cut in any::<prop::sample::Index>()) {
        let bytes = gguf();
        prop_assert!(Llama::read(&bytes[..cut.index(bytes.len() - 64)]).is_err());
    }
}
