//! The trace of a task: what every operator made, under one root.

use crate::{Hash, merkle::tensor_root, tensor::Tensor};

/// All tensors of one task with their roots.
#[derive(Debug)]
pub struct Trace {
    units: usize,
    tensors: Vec<Tensor>,
    roots: Vec<Hash>,
}

impl Trace {
    pub(crate) fn new(units: usize, tensors: Vec<Tensor>) -> Self {
        let roots = tensors.iter().map(|tensor| tensor.root(units)).collect();
        Self { units, tensors, roots }
    }

    /// Units of the task.
    pub fn units(&self) -> u32 {
        self.units as u32
    }

    /// Root of each operator's tensor, in the tape's order: the first is the input's hash, the last the output's.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Root of the trace; its leaves hold the operators' roots.
    pub fn root(&self) -> Hash {
        tensor_root(&self.roots)
    }

    /// Rows of the tensor that the operator number `operator` made, as they are hashed.
    pub fn rows(&self, operator: usize) -> Option<Vec<Vec<u8>>> {
        self.tensors.get(operator).map(|tensor| tensor.rows(self.units))
    }
}
