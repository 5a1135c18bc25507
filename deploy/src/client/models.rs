//! Models: the local package and its registration on chain.

use std::path::Path;

use alloy::{
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEventInterface,
};
use assay_contracts::{JobEscrow, ModelRegistry};
use assay_kernels::{ModelError, model::Model, tape::Tape, tokenizer::Tokenizer};
use serde::Serialize;

use crate::{
    chain::{Chain, from_call, from_rpc},
    error::{Error, Result},
    output::decimal,
};

/// A model package with its tokenizer.
#[derive(Debug)]
pub struct Package {
    /// The model; its roots were checked against what the package states.
    pub model: Model,
    /// Text to token ids.
    pub tokenizer: Tokenizer,
}

impl Package {
    /// Opens the package in `folder` and checks it.
    pub fn open(folder: &Path) -> Result<Self> {
        let model = open_model(folder)?;
        let tokenizer = Tokenizer::open(folder).map_err(|error| from_model(folder, &error))?;
        Ok(Self { model, tokenizer })
    }
}

/// Opens the model in `folder` and checks it.
pub fn open_model(folder: &Path) -> Result<Model> {
    if !folder.is_dir() {
        let error = Error::not_found("model_not_found", format!("{}: no model package is there", folder.display()));
        return Err(error.hint("`assay model import` makes one, --package or --model names another"));
    }
    Model::open(folder).map_err(|error| from_model(folder, &error))
}

fn from_model(folder: &Path, error: &ModelError) -> Error {
    let code = error.code().to_lowercase();
    Error::unverified(&code, format!("{}: {error}", folder.display()))
        .hint("`assay model import` writes the package anew")
}

/// A registered model as its events tell.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    /// Its id.
    pub id: B256,
    /// Who owns it now.
    pub owner: Address,
    /// Root of its program.
    pub program_root: B256,
    /// Root of its weights.
    pub weights_root: B256,
    /// Bytes of an input row that make a unit.
    pub unit_bytes: u8,
    /// Where it is described.
    pub uri: String,
    /// Royalties of new orders.
    pub royalties: Vec<Royalty>,
    /// Least unit prices.
    pub floors: Vec<Floor>,
}

/// A payee of a model.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Royalty {
    /// Who.
    pub account: Address,
    /// Basis points of the gross price.
    pub share: u16,
}

/// The least price of a unit in a token.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Floor {
    /// The token; zero is the native currency.
    pub token: Address,
    /// In its smallest part.
    #[serde(serialize_with = "decimal")]
    pub unit_price: u128,
}

/// Every model of the chain, in the order of registration. `only` restricts it to one id.
pub async fn registered(chain: &Chain, only: Option<B256>) -> Result<Vec<Registered>> {
    use ModelRegistry::ModelRegistryEvents as Event;
    let mut filter = Filter::new().address(chain.suite.model_registry).from_block(chain.suite.block);
    if let Some(id) = only {
        filter = filter.topic1(id);
    }
    let logs = chain.provider.get_logs(&filter).await.map_err(from_rpc)?;
    let mut models: Vec<Registered> = Vec::new();
    for log in logs {
        let Ok(event) = Event::decode_raw_log(log.topics(), &log.data().data) else {
            continue;
        };
        if let Event::ModelRegistered(new) = event {
            models.push(Registered {
                id: new.modelId,
                owner: new.owner,
                program_root: new.programRoot,
                weights_root: new.weightsRoot,
                unit_bytes: new.unitBytes,
                uri: new.metadataURI,
                royalties: Vec::new(),
                floors: Vec::new(),
            });
            continue;
        }
        let id = log.topics().get(1).copied().unwrap_or_default();
        let Some(model) = models.iter_mut().find(|model| model.id == id) else { continue };
        match event {
            Event::RoyaltiesSet(set) => {
                model.royalties =
                    set.royalties.iter().map(|r| Royalty { account: r.account, share: r.share }).collect();
            }
            Event::PriceFloorSet(set) => {
                model.floors.retain(|floor| floor.token != set.token);
                if set.accepted {
                    model.floors.push(Floor { token: set.token, unit_price: set.unitPrice });
                }
            }
            Event::MetadataSet(set) => model.uri = set.metadataURI,
            Event::ModelTransferred(moved) => model.owner = moved.owner,
            Event::ModelRegistered(_) => {}
        }
    }
    Ok(models)
}

/// The model that an order is for: `id` when given, else the one registered with `package`'s roots.
pub async fn find(chain: &Chain, id: Option<B256>, package: &Package) -> Result<Registered> {
    let roots = (B256::from(package.model.program_root()), B256::from(package.model.weights_root()));
    let unknown = |what: String| {
        let message = format!("{what} is not registered on chain {}", chain.suite.chain_id);
        Error::not_found("unknown_model", message)
            .hint("`assay model list` shows those that are, `assay model register` adds one")
    };
    let models = registered(chain, id).await?;
    if let Some(id) = id {
        let model = models.into_iter().next().ok_or_else(|| unknown(format!("model {id}")))?;
        if (model.program_root, model.weights_root) != roots {
            let message = format!("model {id} has other roots than the local package {}", package.model.name());
            return Err(Error::refused("model_mismatch", message).hint("name its package with --package"));
        }
        return Ok(model);
    }
    let mut matching = models.into_iter().filter(|model| (model.program_root, model.weights_root) == roots);
    let first = matching.next().ok_or_else(|| unknown(format!("model {}", package.model.name())))?;
    if matching.next().is_some() {
        let error = Error::usage("ambiguous_model", "several owners registered this model");
        return Err(error.hint("choose one with --model; `assay model list` shows owners and prices"));
    }
    Ok(first)
}

/// Whether a registered model makes text. Its program is on the chain.
pub async fn is_decoder(chain: &Chain, model: B256) -> Result<bool> {
    let root = chain.models().modelOf(model).call().await.map_err(from_call)?.programRoot;
    let tape = chain.programs().tapeOf(root).call().await.map_err(from_call)?;
    let tape = Tape::decode(&tape).map_err(|error| Error::unverified(&error.code().to_lowercase(), error))?;
    Ok(tape.is_decoder())
}

/// The floor of `model` for `token`.
pub async fn floor(chain: &Chain, model: B256, token: Address) -> Result<u128> {
    chain.models().priceFloorOf(model, token).call().await.map_err(from_call)
}

/// The order's form of royalties.
pub fn royalties(model: &Registered) -> Vec<JobEscrow::Royalty> {
    model.royalties.iter().map(|&Royalty { account, share }| JobEscrow::Royalty { account, share }).collect()
}
