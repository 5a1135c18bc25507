//! What the command does without a chain: help, configuration, keys, and inputs that are wrong by themselves.

mod common;

use assay_test_fixtures::{tiny_decoder_dir, tiny_model_dir};
use clap::CommandFactory;
use common::{Assay, copy_folder};

/// Anvil's second key: known to everybody, so it may stand here.
const KNOWN_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

#[test]
fn every_command_has_help_with_an_example() {
    fn visit(command: &clap::Command, path: &[String], assay: &Assay, seen: &mut usize) {
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let ended = assay.run(&words);
        assert_eq!(ended.status, 0, "{words:?}: {}", ended.stderr);
        assert!(ended.stdout.contains("Example"), "{words:?} has no example");
        assert!(ended.stdout.contains("assay "), "{words:?}");
        *seen += 1;
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            visit(child, &[path, &[child.get_name().to_owned()]].concat(), assay, seen);
        }
    }
    let mut seen = 0;
    visit(&assay::cli::Cli::command(), &[], &Assay::new(), &mut seen);
    assert!(seen > 30, "{seen} commands");
}

#[test]
fn help_lists_the_exit_statuses() {
    let text = Assay::new().run(&["--help"]).stdout;
    for status in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "130"] {
        assert!(text.contains(&format!("  {status}")), "{status} is not documented");
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error_in_both_forms() {
    let assay = Assay::new();
    assert_eq!(assay.run(&["frobnicate"]).status, 2);
    let ended = assay.run(&["order", "show", "not-an-id", "--json"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (2, ""));
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"]["code"], "usage");
}

#[test]
fn completions_come_for_each_shell() {
    let assay = Assay::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = assay.run(&["completions", shell]);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(ended.stdout.contains("calibrate"), "{shell} completes no options");
    }
}

#[test]
fn the_configuration_says_where_each_value_comes_from() {
    let assay = Assay::new().env("ASSAY_ORDER__SETTLE_WINDOW", "77").env("ASSAY_PRIVATE_KEY", KNOWN_KEY);
    assay.write("assay.toml", "chain_id = 10\nrpc_ulr = \"x\"\n");
    let report = assay.json(&["config", "check", "--rpc-url", "http://node:1"]);
    let entry =
        |key: &str| report["entries"].as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap().clone();
    assert_eq!(
        (&entry("chain_id")["value"], entry("chain_id")["source"].as_str().unwrap()),
        (&10.into(), "assay.toml")
    );
    assert_eq!(entry("rpc_url")["source"], "command line");
    assert_eq!(entry("order.settle_window")["value"], 77);
    assert_eq!(entry("order.settle_window")["source"], "ASSAY_ORDER__SETTLE_WINDOW");
    assert_eq!(entry("order.take_window")["source"], "default");
    assert!(report["warnings"][0].as_str().unwrap().contains("did you mean rpc_url?"), "{}", report["warnings"]);

    let text = assay.run(&["config", "check"]);
    assert!(!text.stdout.contains(KNOWN_KEY) && !text.stderr.contains(KNOWN_KEY), "the key is shown");
    assert!(text.stderr.contains("rpc_ulr"), "the unknown key is not named: {}", text.stderr);
    assay.write("assay.toml", "chain_id = \"ten\"\n");
    let error = assay.fails(&["config", "check"], "config_invalid", 2);
    assert!(error.contains("chain_id") && error.contains("ten"), "{error}");
    assay.fails(&["config", "check", "--config", "other.toml"], "config_not_found", 3);
}

#[test]
fn keys_are_made_listed_and_never_shown() {
    let assay = Assay::new().env("ASSAY_PASSWORD", "correct horse");
    assay.write("known", KNOWN_KEY);
    let made = assay.json(&["keys", "new", "alice"]);
    let imported = assay.json(&["keys", "new", "bob", "--import", "file:known"]);
    assert_eq!(imported["address"].as_str().unwrap().to_lowercase(), "0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
    let list = assay.json(&["keys", "list"]);
    let names: Vec<_> = list["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert_eq!(list["keys"][0]["address"], made["address"]);

    let file = std::fs::read_to_string(assay.path(".assay/keystore/bob")).unwrap();
    assert!(!file.contains(KNOWN_KEY), "the file holds the key in the clear");
    let again = assay.fails(&["keys", "new", "alice"], "key_exists", 4);
    assert!(again.contains("never overwritten"), "{again}");
    assay.fails(&["keys", "new", "../evil"], "key_bad_name", 2);
}

#[test]
fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let assay = Assay::new();
    for argument in [KNOWN_KEY.to_owned(), format!("0x{KNOWN_KEY}")] {
        let error = assay.fails(&["account", "show", "--key", &argument], "key_on_command_line", 2);
        assert!(!error.contains(KNOWN_KEY), "{error}");
    }
    assay.fails(&["account", "deposit", "1"], "key_missing", 2);
    assay.fails(&["account", "deposit", "1", "--key", "keystore:nobody"], "key_not_found", 3);
}

#[test]
fn no_log_holds_a_key() {
    for (variable, arguments) in [("ASSAY_PRIVATE_KEY", &[][..]), ("MINE", &["--key", "env:MINE"])] {
        let assay = Assay::new().env(variable, KNOWN_KEY).env("RUST_LOG", "trace").with(arguments);
        let ended = assay.run(&["account", "deposit", "1", "--rpc-url", "http://127.0.0.1:1"]);
        assert_eq!(ended.status, 5, "{}", ended.stderr);
        assert!(!ended.stderr.to_lowercase().contains(KNOWN_KEY), "the key is in the log");
    }
}

#[test]
fn anvils_keys_are_refused_on_every_other_chain() {
    let assay = Assay::new().env("MINE", KNOWN_KEY);
    for key in ["anvil:1", "env:MINE"] {
        let error =
            assay.fails(&["account", "deposit", "1", "--chain-id", "1", "--key", key], "key_known_to_everybody", 4);
        assert!(error.contains("chain 1") && !error.contains(KNOWN_KEY), "{error}");
    }
}

#[test]
fn a_decoder_continues_a_text() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    copy_folder(&tiny_decoder_dir(), &assay.path("decoder"));
    let words = ["generate", "--local", "--package", "decoder", "--raw", "--count", "5", "the cat"];
    let report = assay.json(&words);
    let given = report["units"].as_u64().unwrap() - 9;
    assert!(report["tokens"] == 5 && (3..=7).contains(&given), "{report}");
    assert_eq!(assay.json(&words), report);
    let seeded =
        |seed| assay.json(&[&words[..], &["--temperature", "1", "--seed", seed]].concat())["output_hash"].clone();
    assert_ne!(seeded("1"), seeded("2"));

    assay.fails(&["generate", "--package", "tiny", "a text"], "not_a_decoder", 2);
    assay.fails(&["generate", "--package", "nowhere", "a text"], "model_not_found", 3);
    assay.fails(&[&words[..], &["--temperature=-1"]].concat(), "bad_temperature", 2);
    assay.fails(&["generate", "--package", "decoder", "--raw", "--count", "60", "the cat"], "input_too_long", 2);
    assay.write("text.txt", "a text");
    assay.fails(&["embed", "--package", "decoder", "text.txt"], "not_an_encoder", 2);
}

#[test]
fn texts_are_checked_before_anything_else() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let embed = |file: &str| ["embed".to_owned(), file.to_owned(), "--package".to_owned(), "tiny".to_owned()];
    let fails = |file: &str, code: &str, status: i32| {
        let words = embed(file);
        assay.fails(&words.each_ref().map(String::as_str), code, status)
    };

    let latin1 = assay.write("latin1.txt", b"fine\ncaf\xe9\n");
    let error = fails(&latin1, "invalid_utf8", 2);
    assert!(error.contains("latin1.txt:2") && error.contains("byte 8"), "{error}");

    let long = assay.write("long.txt", format!("short\n{}\n", "word ".repeat(3_000)));
    let error = fails(&long, "passage_too_long", 2);
    assert!(error.contains("passage 2 (long.txt:2)"), "{error}");

    let blank = assay.write("blank.txt", "\n\n");
    fails(&blank, "no_passages", 2);
    fails("missing.txt", "file_not_found", 3);
    let text = assay.write("text.txt", "a text");
    assay.fails(&["embed", &text, "--package", "nowhere"], "model_not_found", 3);
    assay.fails(&["embed", &text, "--package", "tiny", "-o", "out.csv"], "bad_output_file", 2);
}

#[test]
fn a_flipped_bit_in_the_weights_is_found() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let text = assay.write("text.txt", "a text");
    let weights = assay.path("tiny/weights.bin");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assay.fails(&["embed", &text, "--package", "tiny"], "model_root", 6);
}

#[test]
fn an_endpoint_that_is_down_is_a_network_error() {
    let assay = Assay::new().with(&["--rpc-url", "http://127.0.0.1:1"]);
    for command in [
        &["model", "list"][..],
        &["order", "list"],
        &["account", "show", "--key", "anvil:0"],
        &["deploy", "--key", "anvil:0"],
        &["provider", "run", "--key", "anvil:1"],
        &["indexer", "run"],
    ] {
        let error = assay.fails(command, "rpc_unreachable", 5);
        assert!(error.contains("127.0.0.1:1") && error.contains("hint:"), "{error}");
    }
    Assay::new().fails(&["model", "list", "--rpc-url", "not a url"], "bad_rpc_url", 2);
}

#[test]
fn a_model_source_that_is_missing_says_how_to_get_it() {
    let error = Assay::new().fails(&["model", "import", "--source", "nowhere"], "model_source_not_found", 3);
    assert!(error.contains("model.safetensors") && error.contains("make setup"), "{error}");
}

#[test]
fn the_doctor_finds_this_machine_sound_and_says_what_it_lacks() {
    let assay = Assay::new();
    copy_folder(&tiny_model_dir(), &assay.path("tiny"));
    let report = assay.json(&["doctor", "--model", "tiny"]);
    let sets = report["cpu"]["instruction_sets"].as_array().unwrap();
    assert!(sets.iter().all(|set| set["vectors"] == 8 && set["faults"].as_array().unwrap().is_empty()), "{report}");
    assert!(sets.last().unwrap()["speed"]["tokens_per_second"].as_f64().unwrap() > 0.0, "{report}");
    // Either there are GPUs, or it says why not.
    let gpus = report["gpus"].as_array().unwrap();
    assert_eq!(gpus.is_empty(), report["no_gpu"]["code"].as_str().is_some_and(|code| code.starts_with("cuda_")));

    let ended = assay.run(&["doctor"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("CPU, portable code") && ended.stdout.contains("all 8 equal"), "{}", ended.stdout);
    assert!(ended.stdout.contains("GPUs:") && ended.stdout.contains("no model package"), "{}", ended.stdout);
    assay.fails(&["doctor", "--model", "nowhere"], "model_not_found", 3);
}

#[test]
fn a_backend_is_auto_cpu_or_cuda() {
    let assay = Assay::new();
    let ended = assay.run(&["provider", "run", "--backend", "gpu"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("unknown backend gpu; expected cpu, cuda or auto"), "{}", ended.stderr);
    let error = assay.env("ASSAY_VALIDATOR__BACKEND", "gpu").fails(&["config", "check"], "config_invalid", 2);
    assert!(error.contains("validator.backend") && error.contains("gpu"), "{error}");
}
