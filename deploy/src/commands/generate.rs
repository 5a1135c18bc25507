//! `assay generate`

use assay_kernels::{
    merkle::row_root,
    prompt::{Prompt, choices},
    tokenizer::TokenizeError,
};
use serde_json::json;

use super::Context;
use crate::{
    cli::GenerateArgs,
    client::models::Package,
    error::{Error, Result},
    output::say,
};

/// The token that ends a turn of a conversation.
const END: &str = "<|im_end|>";

/// The largest focus, the inverse of the temperature in units of 1/256.
const FOCUS_MAX: f64 = u16::MAX as f64;

pub(super) async fn run(context: &Context, args: &GenerateArgs) -> Result<()> {
    let focus = focus(args.temperature)?;
    let args = args.clone();
    let report = tokio::task::spawn_blocking(move || generate(&args, focus))
        .await
        .map_err(|error| Error::failure("panicked", error))??;
    context.output.result(&report, || say!("{}", report["text"].as_str().unwrap_or_default()));
    Ok(())
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

fn generate(args: &GenerateArgs, focus: u16) -> Result<serde_json::Value> {
    let Package { model, tokenizer } = Package::open(&args.model)?;
    if !model.tape().is_decoder() {
        let error = Error::usage("not_a_decoder", format!("{} makes vectors and no text", model.name()));
        return Err(error.hint("import a decoder: assay model import --source FILE.gguf --out DIR"));
    }
    let text = if args.raw {
        args.prompt.clone()
    } else {
        format!("<|im_start|>user\n{}{END}\n<|im_start|>assistant\n", args.prompt)
    };
    let ids = tokenizer.encode(&text).map_err(from_tokenizer)?;
    let prompt = Prompt::new(&ids, args.count.into(), args.seed, focus);
    let row = prompt.encode();
    let outputs = model.run(&[&row]).map_err(|error| Error::usage(&error.code().to_lowercase(), error))?;
    let [output] = outputs.as_slice() else { unreachable!("a run makes an output an input") };
    let chosen = prompt.chosen(&choices(output));
    let end = tokenizer.id(END).and_then(|end| chosen.iter().position(|&id| id == end));
    let kept = &chosen[..end.unwrap_or(chosen.len())];
    Ok(json!({
        "text": tokenizer.decode(kept).map_err(from_tokenizer)?,
        "ended": end.is_some(),
        "tokens": kept.len(),
        "units": prompt.ids.len(),
        "inputHash": hex(&row_root(&row)),
        "outputHash": hex(&row_root(output)),
    }))
}

fn from_tokenizer(error: TokenizeError) -> Error {
    Error::usage(&error.code().to_lowercase(), error)
}

fn hex(hash: &[u8]) -> String {
    format!("0x{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
