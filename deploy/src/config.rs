//! Configuration: built-in defaults, then a file, then the environment, then the command line; the later wins.
//!
//! The file is `assay.toml` in the working directory, or what `--config` or `ASSAY_CONFIG` names. An environment variable is
//! `ASSAY_` and the key in capitals, `__` between a section and its key: `ASSAY_RPC_URL`, `ASSAY_ORDER__SETTLE_WINDOW`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use assay_indexer::IndexerConfig;
use assay_keepers::{challenger, checker, epochs, examination::SeatConfig, provider::ProviderConfig, validator};
use figment::{
    Figment, Source,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// File that is read when no other is named.
pub const DEFAULT_FILE: &str = "assay.toml";

/// `ASSAY_…` variables that are no configuration keys: they name the file, or hold secrets that are read where needed.
const RESERVED: [&str; 3] = ["config", "private_key", "password"];

/// Everything that can be configured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// JSON-RPC endpoint of the chain.
    pub rpc_url: String,
    /// Chain that the endpoint must serve.
    pub chain_id: u64,
    /// Folder with a deployment record per chain, `<chain id>.json`.
    pub chains: PathBuf,
    /// Model package to work with.
    pub model: PathBuf,
    /// Blob store that customers and providers share.
    pub blobs: PathBuf,
    /// Key to sign with: `keystore:NAME`, `file:PATH`, `env:VARIABLE`, or `anvil:INDEX` on chain 31337.
    pub key: Option<String>,
    /// Folder of encrypted keystore files.
    pub keystore: PathBuf,
    /// File that holds the keystore's password.
    pub password_file: Option<PathBuf>,
    /// Payment token: `native`, `dev` (the devnet's play money) or an address. Unset: `dev` on chain 31337, else `native`.
    pub token: Option<String>,
    /// Terms of the orders that this command opens.
    pub order: OrderConfig,
    /// `assay provider run`. Without `provider.models` it serves the model of `model`.
    pub provider: ProviderConfig,
    /// `assay validator run`. Without `validator.models` it serves the model of `model`.
    pub validator: validator::Config,
    /// `assay challenger run`. Without `challenger.models` it computes the model of `model`.
    pub challenger: challenger::Config,
    /// `assay checker run`. Without `checker.model` it examines by the model of `model`.
    pub checker: checker::Config,
    /// Where a provider answers those who examine it, if `seat.listen` says so. Without `seat.model` by the model of `model`.
    pub seat: SeatConfig,
    /// `assay epochs run`.
    pub epochs: epochs::Config,
    /// `assay indexer run`. Its endpoint, deployment and blobs are those configured for all.
    pub indexer: IndexerConfig,
}

/// Terms of the orders that this command opens. Times are seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderConfig {
    /// From opening until nothing is taken or committed any more.
    pub lifetime: u64,
    /// From a take to its commit.
    pub take_window: u32,
    /// From a commit to settlement without a receipt.
    pub settle_window: u32,
    /// What a provider has to answer a demand.
    pub demand_window: u32,
    /// What a demand prepays to the provider, in the token's smallest part.
    #[serde(deserialize_with = "amount")]
    pub demand_fee: u128,
    /// Smallest number of tasks that a provider may take.
    pub min_batch: u32,
    /// Stake that a batch locks, in the stake token's smallest part.
    #[serde(deserialize_with = "amount")]
    pub stake_per_batch: u128,
    /// Stake that a batch locks for each of its tasks besides. Unset: twice what one task can cost.
    #[serde(deserialize_with = "optional_amount")]
    pub stake_per_task: Option<u128>,
    /// How long a committed batch's results may be missing before they are demanded on chain.
    pub patience: u64,
    /// Whether batches are drawn and re-executed by validators, with the suite's verification contract.
    pub verify: bool,
    /// Batches that are drawn, in basis points.
    pub draw_rate: u16,
    /// Tasks of a drawn batch that are re-executed.
    pub draw_tasks: u8,
    /// Validators that re-execute each.
    pub draw_validators: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rpc_url: "http://127.0.0.1:8545".into(),
            chain_id: 31_337,
            chains: "deploy/chains".into(),
            model: "models/minilm".into(),
            blobs: ".assay/blobs".into(),
            key: None,
            keystore: ".assay/keystore".into(),
            password_file: None,
            token: None,
            order: OrderConfig::default(),
            provider: ProviderConfig { store: ".assay/provider.sqlite".into(), ..ProviderConfig::default() },
            validator: validator::Config { store: ".assay/validator.sqlite".into(), ..validator::Config::default() },
            challenger: challenger::Config {
                store: ".assay/challenger.sqlite".into(),
                ..challenger::Config::default()
            },
            checker: checker::Config { store: ".assay/checker.sqlite".into(), ..checker::Config::default() },
            seat: SeatConfig::default(),
            epochs: epochs::Config { store: ".assay/epochs.sqlite".into(), ..epochs::Config::default() },
            indexer: IndexerConfig::default(),
        }
    }
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self {
            lifetime: 3_600,
            take_window: 300,
            settle_window: 3_600,
            demand_window: 300,
            demand_fee: 0,
            min_batch: 1,
            stake_per_batch: 0,
            stake_per_task: None,
            patience: 60,
            verify: false,
            draw_rate: 10_000,
            draw_tasks: 2,
            draw_validators: 2,
        }
    }
}

impl Config {
    /// The deployment record of the configured chain.
    pub fn chain_file(&self) -> PathBuf {
        self.chains.join(format!("{}.json", self.chain_id))
    }

    /// The indexer's settings: its own section, and what is configured for all.
    pub fn indexer(&self) -> IndexerConfig {
        let (rpc_url, suite, blobs) = (self.rpc_url.clone(), self.chain_file(), self.blobs.clone());
        IndexerConfig { rpc_url, suite, blobs, ..self.indexer.clone() }
    }
}

/// What the command line overrides.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overrides {
    /// `--rpc-url`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_url: Option<String>,
    /// `--chain-id`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<u64>,
    /// `--blobs`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<PathBuf>,
    /// `--key`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `--password-file`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// `--token`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The effective configuration and where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Keys that nothing reads, as people should hear of them.
    pub warnings: Vec<String>,
    figment: Figment,
}

/// One key for `assay config check`.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Its path, `section.key`.
    pub key: String,
    /// Its value; secrets are not part of the configuration.
    pub value: Value,
    /// Where the value comes from.
    pub source: String,
}

/// Reads the configuration. `file` is what `--config` names; it must exist, whereas the default file need not.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Loaded> {
    if let Some(path) = file
        && !path.is_file()
    {
        let error = Error::not_found("config_not_found", format!("{}: no such configuration file", path.display()));
        return Err(error.hint("leave --config away to work with defaults and environment"));
    }
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let environment = Env::prefixed("ASSAY_").ignore(&RESERVED).split("__");
    let mut figment = Figment::from(Serialized::defaults(defaults()));
    if path.is_file() {
        figment = figment.merge(Toml::file_exact(path));
    }
    let figment = figment.merge(environment).merge(Serialized::defaults(overrides));
    let values = figment.extract::<BTreeMap<String, figment::value::Value>>();
    let values = values.map_err(|error| Error::usage("config_invalid", error.to_string().trim()))?;
    let values: Value = values.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
    let mut warnings = Vec::new();
    unknown_keys(&values, &defaults(), "", &figment, &mut warnings);
    let config = serde_path_to_error::deserialize(&values).map_err(|error| invalid(&figment, &error))?;
    Ok(Loaded { config, warnings, figment })
}

impl Loaded {
    /// Every key with its value and source.
    pub fn entries(&self) -> Vec<Entry> {
        let known = defaults();
        let mut entries = Vec::new();
        flatten(&known, "", &mut |key, default| {
            let value = self.figment.find_value(key).map_or(default.clone(), |value| plain(&value));
            entries.push(Entry { key: key.into(), value, source: source(&self.figment, key) });
        });
        entries
    }
}

/// A value as JSON. Amounts beyond 64 bits become text, since JSON's readers lose their digits.
fn plain(value: &figment::value::Value) -> Value {
    use figment::value::Value as Found;
    match value {
        Found::String(_, text) => text.clone().into(),
        Found::Char(_, letter) => letter.to_string().into(),
        Found::Bool(_, truth) => (*truth).into(),
        Found::Num(_, number) => match (number.to_u128(), number.to_i128(), number.to_f64()) {
            (Some(number), ..) => u64::try_from(number).map_or(number.to_string().into(), Value::from),
            (None, Some(number), _) => i64::try_from(number).map_or(number.to_string().into(), Value::from),
            (None, None, number) => number.map_or(Value::Null, Value::from),
        },
        Found::Empty(..) => Value::Null,
        Found::Dict(_, fields) => fields.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        Found::Array(_, items) => items.iter().map(plain).collect(),
    }
}

fn flatten(value: &Value, prefix: &str, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                flatten(value, &join(prefix, key), visit);
            }
        }
        _ => visit(prefix, value),
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.into() } else { format!("{prefix}.{key}") }
}

fn source(figment: &Figment, key: &str) -> String {
    let Some(metadata) = figment.find_metadata(key) else { return "default".into() };
    match (&metadata.source, metadata.name.as_ref()) {
        (Some(Source::File(path)), _) => path.display().to_string(),
        (_, name) if name.contains("environment") => format!("ASSAY_{}", key.replace('.', "__").to_uppercase()),
        (_, name) if name.contains("Overrides") => "command line".into(),
        _ => "default".into(),
    }
}

fn unknown_keys(values: &Value, known: &Value, prefix: &str, figment: &Figment, warnings: &mut Vec<String>) {
    let (Value::Object(values), Value::Object(known)) = (values, known) else { return };
    // A table without keys of its own is a map that people fill, such as prices by token.
    if known.is_empty() {
        return;
    }
    for (key, value) in values {
        let path = join(prefix, key);
        if let Some(known) = known.get(key) {
            unknown_keys(value, known, &path, figment, warnings);
            continue;
        }
        let close = known.keys().map(|k| (strsim::jaro_winkler(k, key), k)).max_by(|a, b| a.0.total_cmp(&b.0));
        let guess = match close {
            Some((likeness, name)) if likeness > 0.8 => format!("; did you mean {}?", join(prefix, name)),
            _ => String::new(),
        };
        warnings.push(format!("unknown key {path} ({}) is ignored{guess}", source(figment, &path)));
    }
}

/// The defaults as JSON, in which every key appears.
fn defaults() -> Value {
    serde_json::to_value(Config::default()).expect("the defaults are plain data with amounts below 2^64")
}

fn invalid(figment: &Figment, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let key = error.path().to_string();
    let place = source(figment, &key);
    let error = Error::usage("config_invalid", format!("configuration key {key} ({place}): {}", error.inner()));
    error.hint("`assay config check` shows every key with its value and source")
}

/// An amount: a number, or text where it is beyond what TOML's numbers hold.
fn amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Number(u64),
        Text(String),
    }
    match Amount::deserialize(deserializer)? {
        Amount::Number(number) => Ok(number.into()),
        Amount::Text(text) => {
            text.parse().map_err(|error| serde::de::Error::custom(format!("amount {text:?}: {error}")))
        }
    }
}

fn optional_amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u128>, D::Error> {
    #[derive(Deserialize)]
    struct Wrapped(#[serde(deserialize_with = "amount")] u128);
    Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assay.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_defaults() {
        let (_folder, path) = file("chain_id = 10\nrpc_url = 'http://file'\n[order]\nsettle_window = 7\n");
        let overrides = Overrides { rpc_url: Some("http://flag".into()), ..Overrides::default() };
        let loaded = load(Some(&path), &overrides).unwrap();
        assert_eq!(loaded.config.chain_id, 10);
        assert_eq!(loaded.config.rpc_url, "http://flag");
        assert_eq!(loaded.config.order.settle_window, 7);
        assert_eq!(loaded.config.order.take_window, OrderConfig::default().take_window);

        let entries = loaded.entries();
        let source = |key: &str| entries.iter().find(|entry| entry.key == key).unwrap().source.clone();
        assert_eq!(source("rpc_url"), "command line");
        assert_eq!(source("chain_id"), path.display().to_string());
        assert_eq!(source("order.take_window"), "default");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_one_that_was_meant() {
        let (_folder, path) = file("rpc_ulr = 'x'\n[order]\nwindow = 1\nsettle_windw = 2\n");
        let warnings = load(Some(&path), &Overrides::default()).unwrap().warnings;
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings.iter().any(|w| w.contains("rpc_ulr") && w.contains("did you mean rpc_url?")), "{warnings:?}");
        assert!(warnings.iter().any(|w| w.contains("did you mean order.settle_window?")), "{warnings:?}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key() {
        let (_folder, path) = file("chain_id = 'mainnet'\n");
        let error = load(Some(&path), &Overrides::default()).unwrap_err();
        assert_eq!(error.code(), "config_invalid");
        assert!(error.to_string().contains("chain_id") && error.to_string().contains("mainnet"), "{error}");
    }

    #[test]
    fn the_operations_page_shows_a_configuration_that_works() {
        let page = include_str!("../../docs/operations.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (_folder, path) = file(rest.split_once("```").unwrap().0);
        let loaded = load(Some(&path), &Overrides::default()).unwrap();
        assert_eq!(loaded.warnings, Vec::<String>::new());
        assert_eq!(loaded.config.provider.policy.max_stake_per_batch, Some(1_000_000_000_000_000_000));
        assert_eq!(loaded.config.provider.policy.min_unit_price.len(), 1);
    }

    #[test]
    fn amounts_beyond_64_bits_are_text() {
        let (_folder, path) = file("[order]\nstake_per_task = '100000000000000000000'\n");
        let loaded = load(Some(&path), &Overrides::default()).unwrap();
        assert_eq!(loaded.config.order.stake_per_task, Some(100_000_000_000_000_000_000));
    }
}
