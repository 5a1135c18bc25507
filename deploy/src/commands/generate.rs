//! `assay generate`

use alloy::primitives::B256;
use assay_kernels::{
    InputError,
    merkle::row_root,
    prompt::{Prompt, choices},
    tokenizer::TokenizeError,
};
use serde_json::{Value, json};

use super::{
    Context,
    order::{batches, history_json, open_package, open_rows, own_order, receive},
};
use crate::{
    cli::GenerateArgs,
    client::{
        collect::Collected,
        models::{self, Package},
    },
    error::{Error, Result},
    output::say,
    token::Token,
};

/// The token that ends a turn of a conversation.
const END: &str = "<|im_end|>";

/// The largest focus, the inverse of the temperature in units of 1/256.
const FOCUS_MAX: f64 = u16::MAX as f64;

/// `assay generate`: open, wait, verify, print.
pub(super) async fn run(context: &Context, args: &GenerateArgs) -> Result<()> {
    let package = open_package(context, &args.terms)?;
    if !package.model.tape().is_decoder() {
        let error = Error::usage("not_a_decoder", format!("{} makes vectors and no text", package.model.name()));
        return Err(
            error.hint("import a decoder: assay model import --source FILE.gguf --out DIR; name it with --package")
        );
    }
    if let Some(id) = args.order {
        let (chain, history, rows) = own_order(context, id).await?;
        models::find(&chain, Some(history.order.modelId), &package).await?;
        let collected = receive(context, &chain, (id, history.block), &rows, &args.receive).await?;
        let token = Token::at(&chain, history.order.token).await?;
        return print(context, &package, &rows, &collected, &token);
    }
    let row = input_row(&package, args)?;
    if args.local {
        return run_here(context, package, row).await;
    }
    let rows = [row];
    let (chain, opened, token) = open_rows(context, &package, &rows, &args.terms).await?;
    context.output.note(format!(
        "order {}: {} units, {} escrowed",
        opened.id,
        opened.order.unitCap,
        token.format(opened.escrowed)
    ));
    let collected = receive(context, &chain, (opened.id, opened.block), &rows, &args.receive).await?;
    print(context, &package, &rows, &collected, &token)
}

/// The input row of a prompt, which the model takes: what is to be chosen, and by which chance, stands in it.
fn input_row(package: &Package, args: &GenerateArgs) -> Result<Vec<u8>> {
    let (focus, prompt) = (focus(args.temperature)?, args.prompt.as_deref().unwrap_or_default());
    let text =
        if args.raw { prompt.to_owned() } else { format!("<|im_start|>user\n{prompt}{END}\n<|im_start|>assistant\n") };
    let ids = package.tokenizer.encode(&text).map_err(from_tokenizer)?;
    let row = Prompt::new(&ids, args.count.into(), args.seed, focus).encode();
    package.model.units(&row).map_err(from_input)?;
    Ok(row)
}

/// What a provider would make of a row.
async fn run_here(context: &Context, package: Package, row: Vec<u8>) -> Result<()> {
    let run = move || -> Result<Value> {
        let outputs = package.model.run(&[&row]).map_err(|error| Error::usage(&error.code().to_lowercase(), error))?;
        generated(&package, &row, &outputs[0])
    };
    let report = tokio::task::spawn_blocking(run).await.map_err(|error| Error::failure("panicked", error))??;
    context.output.result(&report, || say!("{}", report["text"].as_str().unwrap_or_default()));
    Ok(())
}

/// The texts of an order, its receipt on stderr.
fn print(context: &Context, package: &Package, rows: &[Vec<u8>], collected: &Collected, token: &Token) -> Result<()> {
    let each = rows.iter().zip(&collected.outputs).map(|(row, output)| generated(package, row, output));
    let texts = each.collect::<Result<Vec<_>>>()?;
    let mut report = history_json(&collected.history);
    report["verified"] = collected.verified.into();
    report["texts"] = texts.iter().cloned().collect();
    context.output.result(&report, || {
        for text in &texts {
            say!("{}", text["text"].as_str().unwrap_or_default());
        }
    });
    context.output.note(batches(&collected.history, token));
    context.output.note(format!(
        "{} of {} results checked against their committed leaf",
        collected.verified,
        rows.len()
    ));
    Ok(())
}

/// The text that an output row adds to that of its input row.
fn generated(package: &Package, row: &[u8], output: &[u8]) -> Result<Value> {
    let prompt = package.model.prompt(row).map_err(from_input)?;
    if output.len() != package.model.output_len(prompt.ids.len() as u32) {
        return Err(Error::unverified(
            "output_length",
            format!("an output row of {} bytes is none of this input's", output.len()),
        ));
    }
    let chosen = prompt.chosen(&choices(output));
    let end = package.tokenizer.id(END).and_then(|end| chosen.iter().position(|&id| id == end));
    let kept = &chosen[..end.unwrap_or(chosen.len())];
    Ok(json!({
        "text": package.tokenizer.decode(kept).map_err(from_tokenizer)?,
        "ended": end.is_some(),
        "tokens": kept.len(),
        "units": row.len() / 2,
        "seed": prompt.seed,
        "input_hash": B256::from(row_root(row)),
        "output_hash": B256::from(row_root(output)),
    }))
}

/// The focus of a prompt for a temperature; 0, which takes what is likeliest, has none.
fn focus(temperature: f64) -> Result<u16> {
    if temperature == 0.0 {
        return Ok(0);
    }
    let focus = (256.0 / temperature).round();
    if (1.0..=FOCUS_MAX).contains(&focus) {
        return Ok(focus as u16);
    }
    Err(Error::usage("bad_temperature", format!("{temperature} is neither 0 nor between 0.004 and 256")))
}

fn from_input(error: InputError) -> Error {
    Error::usage(&error.code().to_lowercase(), error)
}

fn from_tokenizer(error: TokenizeError) -> Error {
    Error::usage(&error.code().to_lowercase(), error)
}
