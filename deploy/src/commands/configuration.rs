//! `assay config`

use serde::Serialize;

use crate::{
    config::{Entry, Loaded},
    error::Result,
    output::{Output, list, say},
};

#[derive(Serialize)]
struct Report<'a> {
    entries: Vec<Entry>,
    warnings: &'a [String],
}

/// Prints every key with its value and source. Keys and passwords are no part of the configuration, which only says where they
/// are; credentials inside of the RPC's URL are hidden.
pub(super) fn check(loaded: &Loaded, output: Output) -> Result<()> {
    let mut entries = loaded.entries();
    for entry in entries.iter_mut().filter(|entry| entry.key.ends_with("rpc_url")) {
        if let Some(url) = entry.value.as_str() {
            entry.value = redact(url).into();
        }
    }
    let report = Report { entries, warnings: &loaded.warnings };
    output.result(&report, || {
        let mut table = list(["key", "value", "from"]);
        for entry in &report.entries {
            let value = match &entry.value {
                serde_json::Value::Null => "-".to_owned(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            table.add_row([&entry.key, &value, &entry.source]);
        }
        say!("{table}");
    });
    Ok(())
}

/// Hides what RPC providers put keys into: user and password, path and query.
fn redact(url: &str) -> String {
    let Ok(mut parsed) = url.parse::<reqwest::Url>() else { return "(malformed)".into() };
    let has_secret = parsed.path().len() > 1 || parsed.query().is_some() || !parsed.username().is_empty();
    if !has_secret {
        return url.to_owned();
    }
    // A URL that is no base has no such parts; then there is nothing to hide.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_path("");
    parsed.set_query(None);
    format!("{parsed}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_an_api_key_is_hidden() {
        assert_eq!(redact("http://127.0.0.1:8545"), "http://127.0.0.1:8545");
        for url in ["https://rpc.example/v2/SECRET", "https://u:SECRET@rpc.example", "https://rpc.example/?key=SECRET"]
        {
            assert!(!redact(url).contains("SECRET"), "{}", redact(url));
            assert!(redact(url).contains("rpc.example"));
        }
    }
}
