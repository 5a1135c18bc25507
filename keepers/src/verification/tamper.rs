//! Lies and silence on purpose: what tests and demonstrations give to a keeper to show what becomes of it.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use assay_kernels::{
    commit::TaskOutput,
    model::{Model, WEIGHTS_FILE},
    tape::{CHOICE_LEN, WeightKind},
};
use serde::{Deserialize, Serialize};

use crate::error::{KeeperError, Result};

/// How a keeper cheats. The default is honesty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tamper {
    /// Tasks (indices in the order) that it lies about; unset: all.
    pub tasks: Option<BTreeSet<u32>>,
    /// What it says about them.
    pub forgery: Option<Forgery>,
    /// The choice of a decoder, by its place, that is false in a forged output; unset: the last number of the row.
    pub choice: Option<usize>,
    /// It bills a unit more than the input holds.
    pub wrong_units: bool,
    /// It commits to another input than the one that was ordered.
    pub wrong_input: bool,
    /// Its output rows lack their last byte.
    pub cuts_output: bool,
    /// It computes with the model's weights rounded to four bits.
    pub rounds_weights: bool,
    /// It publishes no results.
    pub withholds: bool,
    /// Kinds of actions that it does not send, such as `sealTrace`, `reveal`, `answer`, `showRows`, `nameRow` or `prove`.
    pub silent: BTreeSet<String>,
}

/// What is false: one bit of one number of a tensor, and of the output if that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgery {
    /// Which operator's tensor.
    pub stage: Stage,
    /// Whether the output is false too. A last operator's tensor is the output.
    pub output: bool,
}

/// An operator of a tape, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The first that computes something (the very first is the input).
    First,
    /// The one in the middle.
    Middle,
    /// The last, which makes the output.
    Last,
}

impl Stage {
    fn of(self, operators: usize) -> usize {
        match self {
            Self::First => 1.min(operators - 1),
            Self::Middle => operators / 2,
            Self::Last => operators - 1,
        }
    }
}

impl Tamper {
    /// Operators whose tensors are forged for the task `index` of a model of so many operators, in order.
    pub(crate) fn operators(&self, index: u32, operators: usize) -> Vec<usize> {
        let Some(forgery) = self.forgery.filter(|_| self.concerns(index) && operators > 0) else { return Vec::new() };
        let mut forged = vec![forgery.stage.of(operators)];
        if forgery.output && forged[0] != operators - 1 {
            forged.push(operators - 1);
        }
        forged
    }

    /// What this keeper commits to for the task `index`, `task` being the truth.
    pub(crate) fn commitment(&self, index: u32, mut task: TaskOutput) -> TaskOutput {
        if self.concerns(index) {
            task.units += u32::from(self.wrong_units);
            task.input_hash[31] ^= u8::from(self.wrong_input);
        }
        TaskOutput { row: self.output(index, task.row), ..task }
    }

    /// The output row of the task `index` as this keeper commits to it.
    pub(crate) fn output(&self, index: u32, mut row: Vec<u8>) -> Vec<u8> {
        let lies = |forgery: Forgery| forgery.output || forgery.stage == Stage::Last;
        if self.concerns(index) && self.forgery.is_some_and(lies) {
            let end = self.choice.map_or(row.len(), |place| row.len().min((place + 1) * CHOICE_LEN));
            forge(&mut row[..end]);
        }
        if self.cuts_output && self.concerns(index) {
            row.pop();
        }
        row
    }

    /// Whether it keeps silent where an action of `kind` is due.
    pub(crate) fn silences(&self, kind: &str) -> bool {
        self.silent.contains(kind)
    }

    /// The models that it computes with, in place of `models` in the packages `paths`.
    pub(crate) fn models(&self, models: &[Arc<Model>], paths: &[PathBuf]) -> Result<Vec<Arc<Model>>> {
        if !self.rounds_weights {
            return Ok(models.to_vec());
        }
        let rounded = models.iter().zip(paths).map(|(model, path)| {
            let broken = |code, message| KeeperError::Model { path: path.clone(), message, code };
            let weights =
                std::fs::read(path.join(WEIGHTS_FILE)).map_err(|error| broken("MODEL_FILE", error.to_string()))?;
            let rounded = Model::from_parts(model.name(), model.tape().clone(), round(model, weights));
            Ok(Arc::new(rounded.map_err(|error| broken(error.code(), error.to_string()))?))
        });
        rounded.collect()
    }

    fn concerns(&self, index: u32) -> bool {
        self.tasks.as_ref().is_none_or(|tasks| tasks.contains(&index))
    }
}

/// Rounds the weights of all matrices towards zero, to the upper four of their eight bits.
fn round(model: &Model, mut weights: Vec<u8>) -> Vec<u8> {
    let mut rest = weights.as_mut_slice();
    for tensor in model.tape().tensors() {
        let (rows, after) = rest.split_at_mut(tensor.rows as usize * tensor.row_len());
        rest = after;
        if tensor.kind == WeightKind::Linear {
            // Multiplier, bias and shift, which come first, stay.
            let head = tensor.row_len() - tensor.width as usize;
            for row in rows.chunks_exact_mut(tensor.row_len()) {
                row[head..].iter_mut().for_each(|weight| *weight = (weight.cast_signed() / 16 * 16).cast_unsigned());
            }
        }
    }
    weights
}

/// Makes a row false by the lowest bit of its last number.
pub(crate) fn forge(row: &mut [u8]) {
    if let Some(last) = row.last_mut() {
        *last ^= 1;
    }
}
