//! `assay model`

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use assay_contracts::ModelRegistry;
use assay_kernels::import::{self, ImportError, Progress};
use indicatif::ProgressBar;
use serde_json::json;

use super::Context;
use crate::{
    chain::{Chain, from_call},
    cli::ModelCommand,
    client::models::{self, Package},
    error::{Error, Exit, Result},
    output::{Output, say, table},
    token::Token,
};

/// The project's corpora, for those who name none: importing needs no files beside the source.
const CALIBRATION: &str = include_str!("../../../test-fixtures/corpora/calibration.txt");
const PROSE: &str = include_str!("../../../test-fixtures/corpora/prose-calibration.txt");

pub(super) async fn run(context: &Context, command: ModelCommand) -> Result<()> {
    match command {
        ModelCommand::Import { source, calibrate, out } => {
            let out = out.unwrap_or_else(|| context.config.model.clone());
            let texts = match &calibrate {
                Some(path) => std::fs::read_to_string(path).map_err(|error| Error::file(path, &error))?,
                None if is_gguf(&source) => PROSE.to_owned(),
                None => CALIBRATION.to_owned(),
            };
            let manifest = import(context.output, &source, &texts, &out).await?;
            context.output.result(&manifest, || {
                say!("{} imported to {}", manifest.name, out.display());
                say!("program {}\nweights {}", manifest.program_root, manifest.weights_root);
            });
            Ok(())
        }
        ModelCommand::Register { model, floor, royalty, uri } => register(context, model, floor, &royalty, uri).await,
        ModelCommand::List => list(context).await,
    }
}

/// Whether a source is a decoder's file and not an encoder's folder.
fn is_gguf(source: &Path) -> bool {
    source.extension().is_some_and(|extension| extension == "gguf")
}

/// Imports the model in `source` to `out`, calibrated on the lines of `texts`.
async fn import(output: Output, source: &Path, texts: &str, out: &Path) -> Result<assay_kernels::model::Manifest> {
    let (weights, tokenizer) = (source.join("model.safetensors"), source.join("tokenizer.json"));
    let (source, decoder) = (source.to_owned(), is_gguf(source));
    for path in if decoder { vec![&source] } else { vec![&weights, &tokenizer] } {
        if !path.is_file() {
            let error = Error::not_found("model_source_not_found", format!("{} does not exist", path.display()));
            return Err(error.hint("`make setup` fetches the model, --source names another folder"));
        }
    }
    let texts: Vec<String> = texts.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    let (bar, out) = (output.bar(texts.len() as u64, "import"), out.to_owned());
    let shown = bar.clone();
    let imported = tokio::task::spawn_blocking(move || {
        let progress = |progress| show(&shown, progress);
        if decoder {
            return import::smollm2(&source, &texts, &out, &progress);
        }
        import::minilm(&weights, &tokenizer, &texts, &out, &progress)
    })
    .await
    .map_err(|error| Error::failure("panicked", error))?;
    bar.finish_and_clear();
    imported.map_err(|error| from_import(&error))
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Reading => bar.set_message("reading"),
        Progress::Calibrating { done, .. } => {
            bar.set_message("calibrating");
            bar.set_position(done as u64);
        }
        Progress::Quantising => bar.set_message("quantising"),
        Progress::Writing => bar.set_message("writing"),
    }
}

fn from_import(error: &ImportError) -> Error {
    let exit = match error {
        ImportError::Source { .. } => Exit::Unverified,
        ImportError::NoCalibration | ImportError::Calibration { .. } => Exit::Usage,
        _ => Exit::Failure,
    };
    Error::new(exit, error.code().to_lowercase(), error)
}

/// [`import()`] with the project's corpus.
pub(crate) async fn import_model(output: Output, source: &Path, out: &Path) -> Result<()> {
    import(output, source, CALIBRATION, out).await.map(drop)
}

async fn register(
    context: &Context,
    folder: Option<PathBuf>,
    floor: u128,
    royalties: &[String],
    uri: String,
) -> Result<()> {
    let package = Package::open(&folder.unwrap_or_else(|| context.config.model.clone()))?;
    let royalties = royalties.iter().map(|text| parse_royalty(text)).collect::<Result<Vec<_>>>()?;
    let chain = context.actor().await?;
    let token = Token::configured(&chain, &context.config).await?;
    let (id, transaction) = register_model(&chain, &package, &token, floor, royalties, uri).await?;
    let report = json!({
        "id": id,
        "name": package.model.name(),
        "transaction": transaction,
        "floor": floor.to_string(),
        "token": token,
    });
    context.output.result(&report, || say!("{id}"));
    Ok(())
}

/// Registers `package`, and its program before if nobody has; returns the model's id and the transaction.
pub(crate) async fn register_model(
    chain: &Chain,
    package: &Package,
    token: &Token,
    floor: u128,
    royalties: Vec<ModelRegistry::Royalty>,
    uri: String,
) -> Result<(B256, B256)> {
    let floors = vec![ModelRegistry::PriceFloor { token: token.address, unitPrice: floor }];
    let (program, weights) = (package.model.program_root().into(), package.model.weights_root().into());
    register_program(chain, program, package.model.tape().encode()).await?;
    // A unit is two bytes of input, a token id.
    let models = chain.models();
    let call = models.register(program, weights, 2, uri, royalties, floors);
    let receipt = chain.send(call).await?;
    let event = receipt.decoded_log::<ModelRegistry::ModelRegistered>();
    let id = event.ok_or_else(|| Error::failure("no_event", "the registration emitted no event"))?.modelId;
    Ok((id, receipt.transaction_hash))
}

/// Registers a tape unless it is: what cannot be refereed cannot be ordered.
pub(crate) async fn register_program(chain: &Chain, root: B256, tape: Vec<u8>) -> Result<()> {
    let programs = chain.programs();
    if !programs.isRegistered(root).call().await.map_err(from_call)? {
        chain.send(programs.register(tape.into())).await?;
    }
    Ok(())
}

fn parse_royalty(text: &str) -> Result<ModelRegistry::Royalty> {
    let bad =
        || Error::usage("bad_royalty", format!("royalty {text:?}: expected ACCOUNT=BASISPOINTS, such as 0x70…C8=500"));
    let (account, share) = text.split_once('=').ok_or_else(bad)?;
    let account: Address = account.parse().map_err(|_| bad())?;
    Ok(ModelRegistry::Royalty { account, share: share.parse().map_err(|_| bad())? })
}

async fn list(context: &Context) -> Result<()> {
    let chain = context.reader().await?;
    let models = models::registered(&chain, None).await?;
    context.output.result(&json!({ "models": models }), || {
        let mut table = table(["model", "owner", "floors (smallest parts a unit)", "royalties"]);
        for model in &models {
            let floors: Vec<_> =
                model.floors.iter().map(|floor| format!("{} of {}", floor.unit_price, floor.token)).collect();
            let shares: u32 = model.royalties.iter().map(|royalty| u32::from(royalty.share)).sum();
            let royalties = format!("{} % to {}", f64::from(shares) / 100.0, model.royalties.len());
            table.add_row([model.id.to_string(), model.owner.to_string(), floors.join("\n"), royalties]);
        }
        say!("{table}");
    });
    Ok(())
}
