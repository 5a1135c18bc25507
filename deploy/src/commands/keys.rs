//! `assay keys`

use serde_json::json;

use super::Context;
use crate::{
    cli::KeysCommand,
    error::Result,
    keys,
    output::{list, say},
};

pub(super) fn run(context: &Context, command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::New { name, import } => {
            let import = import.map(|source| source.parse()).transpose()?;
            let key = keys::create(&name, import.as_ref(), &context.config)?;
            context.output.result(&key, || {
                say!("{}", key.address.map(|address| address.to_string()).unwrap_or_default());
            });
            context.output.note(format!("written to {}; use it with --key keystore:{name}", key.path.display()));
        }
        KeysCommand::List => {
            let keys = keys::list(&context.config)?;
            context.output.result(&json!({ "keys": keys }), || {
                let mut table = list(["name", "address"]);
                for key in &keys {
                    table.add_row([key.name.clone(), key.address.map_or("-".into(), |address| address.to_string())]);
                }
                say!("{table}");
            });
        }
    }
    Ok(())
}
