//! Model packages that a keeper knows.

use std::{path::PathBuf, sync::Arc};

use assay_kernels::{cuda::Backend, model::Model};

use crate::error::{KeeperError, Result};

/// Opens and verifies model packages, to run on `backend`.
///
/// # Errors
/// `bad_config` when there is none; a model's code; codes `CUDA_*` when GPUs were asked for and there is none to use.
pub(crate) async fn open(paths: &[PathBuf], backend: Backend) -> Result<Vec<Arc<Model>>> {
    if paths.is_empty() {
        return Err(KeeperError::Config("no model to serve: name a model package in `models`".into()));
    }
    let mut models = Vec::new();
    for path in paths.iter().cloned() {
        let opened = tokio::task::spawn_blocking(move || load(path, backend)).await;
        let model =
            opened.map_err(|error| KeeperError::Panicked { task: "opening a model", message: error.to_string() })??;
        tracing::info!(model = model.name(), runs_on = %model.running(), "opened");
        models.push(Arc::new(model));
    }
    Ok(models)
}

fn load(path: PathBuf, backend: Backend) -> Result<Model> {
    let opened = Model::open(&path);
    let mut model =
        opened.map_err(|error| KeeperError::Model { path, message: error.to_string(), code: error.code() })?;
    model.use_backend(backend)?;
    Ok(model)
}

#[cfg(test)]
mod tests {
    use assay_kernels::cuda::Running;
    use assay_test_fixtures::tiny_model_dir;

    use super::*;

    #[tokio::test]
    async fn a_model_runs_on_what_was_chosen_or_the_keeper_says_why_not() {
        let packages = [tiny_model_dir()];
        let cpu = open(&packages, Backend::Cpu).await.unwrap();
        assert_eq!(cpu[0].running(), Running::Cpu { because: None });
        let auto = open(&packages, Backend::Auto).await.unwrap();
        assert_eq!(auto[0].run(&[&[0, 2, 0, 3]]).unwrap(), cpu[0].run(&[&[0, 2, 0, 3]]).unwrap());
        match open(&packages, Backend::Cuda).await {
            Ok(models) => assert_eq!(models[0].running(), auto[0].running()),
            Err(error) => {
                assert!(error.code().starts_with("CUDA_"), "{error}");
                let Running::Cpu { because: Some(why) } = auto[0].running() else { panic!("{error}") };
                assert_eq!((error.code(), error.to_string()), (why.code(), why.to_string()));
            }
        }
    }
}
