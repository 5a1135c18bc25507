//! Keys to sign with. They come from an encrypted keystore file, from a file or from an environment variable; never from the
//! command line, where the shell's history and every process list would show them. Nothing here prints or logs a key.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    str::FromStr,
};

use alloy::{
    primitives::{Address, B256, b256},
    signers::{k256::elliptic_curve::rand_core::OsRng, local::PrivateKeySigner},
};
use serde::Serialize;

use crate::{
    config::Config,
    error::{Error, Result},
};

/// Variable that holds the password of a keystore file.
pub const PASSWORD_VARIABLE: &str = "ASSAY_PASSWORD";
/// Variable that holds the key itself; used when no other source is configured.
pub const KEY_VARIABLE: &str = "ASSAY_PRIVATE_KEY";

/// Anvil's ten accounts: everybody knows their keys.
const ANVIL_KEYS: [B256; 10] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An encrypted file in the keystore folder, by name, or anywhere, by path.
    Keystore(String),
    /// A file that holds the key in hexadecimal.
    File(PathBuf),
    /// An environment variable that holds it.
    Environment(String),
    /// One of anvil's known accounts.
    Anvil(usize),
}

impl FromStr for KeySource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let error =
                Error::usage("key_on_command_line", "a private key was given where the name of one is expected");
            return Err(error.hint(
                "keep keys out of the command line (history and process lists show them; treat this one as leaked): \
                 put it in an encrypted file with `assay keys new --import`, or name a file or variable",
            ));
        }
        let expected = "expected keystore:NAME, file:PATH, env:VARIABLE or anvil:INDEX";
        let unknown = || Error::usage("key_unknown_source", format!("{expected}, got {text:?}"));
        match text.split_once(':') {
            Some(("keystore", name)) if !name.is_empty() => Ok(Self::Keystore(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.into())),
            Some(("anvil", index)) => match index.parse() {
                Ok(index) if index < ANVIL_KEYS.len() => Ok(Self::Anvil(index)),
                _ => Err(Error::usage("key_unknown_source", format!("anvil has accounts 0 to 9, got {index:?}"))),
            },
            _ => Err(unknown()),
        }
    }
}

/// The signer that `config` names.
///
/// # Errors
/// When no key is configured or it cannot be read, and when it is one of anvil's on a chain other than 31337.
pub fn signer(config: &Config) -> Result<PrivateKeySigner> {
    let source = match &config.key {
        Some(text) => text.parse()?,
        None if std::env::var_os(KEY_VARIABLE).is_some() => KeySource::Environment(KEY_VARIABLE.into()),
        None => {
            let error = Error::usage("key_missing", "this needs a key to sign with, and none is configured");
            return Err(error.hint(format!(
                "--key keystore:NAME (make one with `assay keys new NAME`), --key file:PATH, --key env:VARIABLE, \
                 or {KEY_VARIABLE}; on the local devnet --key anvil:0"
            )));
        }
    };
    let signer = load(&source, config)?;
    if config.chain_id != assay_contracts::deploy::DEVNET_CHAIN_ID && is_anvil(signer.address()) {
        let message = format!(
            "{} is one of anvil's accounts, whose keys everybody knows, and this is chain {}",
            signer.address(),
            config.chain_id
        );
        let error = Error::refused("key_known_to_everybody", message);
        return Err(error.hint("what it receives is taken at once: make a key of your own with `assay keys new NAME`"));
    }
    Ok(signer)
}

/// One of anvil's known signers.
pub fn anvil(index: usize) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&ANVIL_KEYS[index]).expect("anvil's keys are keys")
}

fn is_anvil(address: Address) -> bool {
    (0..ANVIL_KEYS.len()).any(|index| anvil(index).address() == address)
}

fn load(source: &KeySource, config: &Config) -> Result<PrivateKeySigner> {
    match source {
        KeySource::Keystore(name) => decrypt(&keystore_path(name, config)?, config),
        KeySource::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, &error))?;
            parse(&text).ok_or_else(|| malformed(&path.display().to_string()))
        }
        KeySource::Environment(name) => match std::env::var(name) {
            Ok(text) => parse(&text).ok_or_else(|| malformed(name)),
            Err(_) => Err(Error::not_found("key_not_found", format!("environment variable {name} is not set"))),
        },
        KeySource::Anvil(index) => Ok(anvil(*index)),
    }
}

fn parse(text: &str) -> Option<PrivateKeySigner> {
    let text = text.trim();
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()?;
    PrivateKeySigner::from_slice(&bytes).ok()
}

fn malformed(place: &str) -> Error {
    Error::usage("key_malformed", format!("{place} holds no private key: expected 64 hexadecimal digits"))
}

fn keystore_path(name: &str, config: &Config) -> Result<PathBuf> {
    let candidates = [config.keystore.join(name), PathBuf::from(name)];
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let message = format!("no key {name} in {}", config.keystore.display());
        Error::not_found("key_not_found", message).hint("`assay keys list` shows those there are")
    })
}

fn decrypt(path: &Path, config: &Config) -> Result<PrivateKeySigner> {
    let password = password(config, &format!("Password of {}: ", path.display()))?;
    PrivateKeySigner::decrypt_keystore(path, password).map_err(|error| {
        // The library's text names no secrets: it is about the file's form or the checksum.
        Error::refused("key_cannot_decrypt", format!("{}: {error}", path.display()))
            .hint("is the password right, and is this a Web3 keystore file, version 3?")
    })
}

/// The password of a keystore file: from `--password-file`, the environment, or asked for.
fn password(config: &Config, prompt: &str) -> Result<String> {
    if let Some(path) = &config.password_file {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, &error))?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        let error =
            Error::usage("key_no_password", "the keystore file needs a password, and there is no terminal to ask at");
        return Err(error.hint(format!("--password-file FILE, ASSAY_PASSWORD_FILE or {PASSWORD_VARIABLE}")));
    }
    rpassword::prompt_password(prompt).map_err(|error| Error::failure("key_no_password", error))
}

/// A key of the keystore folder, as `assay keys list` shows it.
#[derive(Debug, Serialize)]
pub struct KeyFile {
    /// Its name there.
    pub name: String,
    /// Its address, where the file states it.
    pub address: Option<Address>,
    /// The file.
    pub path: PathBuf,
}

/// Writes a new encrypted key (or an imported one) as `name`; readable by its owner alone. Refuses to replace one.
pub fn create(name: &str, import: Option<&KeySource>, config: &Config) -> Result<KeyFile> {
    let plain = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !name.starts_with('.');
    if !plain {
        return Err(Error::usage(
            "key_bad_name",
            format!("{name:?}: a key's name has letters, digits, '-', '_' and '.'"),
        ));
    }
    let path = config.keystore.join(name);
    if path.exists() {
        let error = Error::refused("key_exists", format!("{} exists already", path.display()));
        return Err(error.hint("choose another name; keys are never overwritten"));
    }
    let signer = match import {
        Some(source) => load(source, config)?,
        None => PrivateKeySigner::random(),
    };
    let password = new_password(config)?;
    create_folder(&config.keystore)?;
    // Encrypted first into a private name: the file appears whole, and with its mode, or not at all.
    let temporary = tempfile::tempdir_in(&config.keystore).map_err(|error| Error::file(&config.keystore, &error))?;
    PrivateKeySigner::encrypt_keystore(temporary.path(), &mut OsRng, signer.to_bytes(), password, Some(name))
        .map_err(|error| Error::failure("key_cannot_encrypt", error))?;
    let written = temporary.path().join(name);
    let with_address = state_address(&written, signer.address());
    with_address.and_then(|()| std::fs::hard_link(&written, &path)).map_err(|error| Error::file(&path, &error))?;
    Ok(KeyFile { name: name.into(), address: Some(signer.address()), path })
}

/// The password for a new key: asked twice where it is asked.
fn new_password(config: &Config) -> Result<String> {
    let unattended = config.password_file.is_some() || std::env::var_os(PASSWORD_VARIABLE).is_some();
    let first = password(config, "Password for the new key: ")?;
    if !unattended && first != password(config, "Once more: ")? {
        return Err(Error::usage("key_passwords_differ", "the two passwords differ"));
    }
    if first.is_empty() {
        return Err(Error::usage("key_no_password", "the password is empty"));
    }
    Ok(first)
}

/// States the address in the file, as geth does, and takes the file from everybody but its owner.
fn state_address(path: &Path, address: Address) -> std::io::Result<()> {
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    file["address"] = hex::encode(address).into();
    std::fs::write(path, serde_json::to_vec(&file)?)?;
    restrict(path, 0o600)
}

fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).and_then(|()| restrict(path, 0o700)).map_err(|error| Error::file(path, &error))
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// The keys of the keystore folder by name.
pub fn list(config: &Config) -> Result<Vec<KeyFile>> {
    let entries = match std::fs::read_dir(&config.keystore) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(&config.keystore, &error)),
    };
    let mut keys = Vec::new();
    for entry in entries.filter_map(|entry| entry.ok()) {
        let path = entry.path();
        let text = if path.is_file() { std::fs::read(&path).unwrap_or_default() } else { continue };
        let Ok(file) = serde_json::from_slice::<serde_json::Value>(&text) else { continue };
        if file.get("crypto").is_none() {
            continue;
        }
        let address = file["address"].as_str().and_then(|text| text.parse().ok());
        keys.push(KeyFile { name: entry.file_name().to_string_lossy().into_owned(), address, path });
    }
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path) -> Config {
        let password_file = folder.join("password");
        std::fs::write(&password_file, "correct horse\n").unwrap();
        Config { keystore: folder.join("keystore"), password_file: Some(password_file), ..Config::default() }
    }

    #[test]
    fn sources_are_named_and_keys_are_refused() {
        assert_eq!("keystore:alice".parse::<KeySource>().unwrap(), KeySource::Keystore("alice".into()));
        assert_eq!("file:/k".parse::<KeySource>().unwrap(), KeySource::File("/k".into()));
        assert_eq!("env:K".parse::<KeySource>().unwrap(), KeySource::Environment("K".into()));
        assert_eq!("anvil:3".parse::<KeySource>().unwrap(), KeySource::Anvil(3));
        assert_eq!("anvil:10".parse::<KeySource>().unwrap_err().code(), "key_unknown_source");
        assert_eq!("alice".parse::<KeySource>().unwrap_err().code(), "key_unknown_source");

        let key = hex::encode(ANVIL_KEYS[7]);
        let error = format!("0x{key}").parse::<KeySource>().unwrap_err();
        assert_eq!(error.code(), "key_on_command_line");
        assert!(!error.to_string().contains(&key), "the key is not repeated");
    }

    #[test]
    fn a_keystore_file_gives_its_key_back_to_who_knows_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        let key = create("alice", None, &config).unwrap();
        config.key = Some("keystore:alice".into());
        assert_eq!(Some(signer(&config).unwrap().address()), key.address);
        assert_eq!(list(&config).unwrap().iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["alice"]);
        assert_eq!(create("alice", None, &config).unwrap_err().code(), "key_exists");

        std::fs::write(config.password_file.as_ref().unwrap(), "battery staple").unwrap();
        assert_eq!(signer(&config).unwrap_err().code(), "key_cannot_decrypt");
    }

    #[cfg(unix)]
    #[test]
    fn a_keystore_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let key = create("alice", None, &config(folder.path())).unwrap();
        assert_eq!(std::fs::metadata(key.path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn anvils_keys_work_on_the_devnet_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, hex::encode(ANVIL_KEYS[2])).unwrap();
        let key = Some(format!("file:{}", path.display()));
        let devnet = Config { key: key.clone(), ..Config::default() };
        assert_eq!(signer(&devnet).unwrap().address(), anvil(2).address());
        let mainnet = Config { key, chain_id: 1, ..Config::default() };
        assert_eq!(signer(&mainnet).unwrap_err().code(), "key_known_to_everybody");
    }
}
