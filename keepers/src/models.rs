//! Model packages that a keeper knows.

use std::{path::PathBuf, sync::Arc};

use assay_kernels::model::Model;

use crate::error::{KeeperError, Result};

/// Opens and verifies model packages.
///
/// # Errors
/// `bad_config` when there is none; a model's code.
pub(crate) async fn open(paths: &[PathBuf]) -> Result<Vec<Arc<Model>>> {
    if paths.is_empty() {
        return Err(KeeperError::Config("no model to serve: name a model package in `models`".into()));
    }
    let mut models = Vec::new();
    for path in paths.iter().cloned() {
        let opened = tokio::task::spawn_blocking({
            let path = path.clone();
            move || Model::open(&path)
        });
        let opened = opened
            .await
            .map_err(|error| KeeperError::Panicked { task: "opening a model", message: error.to_string() })?;
        let model =
            opened.map_err(|error| KeeperError::Model { path, message: error.to_string(), code: error.code() })?;
        tracing::info!(model = model.name(), "opened");
        models.push(Arc::new(model));
    }
    Ok(models)
}
