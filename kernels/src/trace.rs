//! The trace of a task: what every operator made, under one root.

use crate::{
    Hash,
    merkle::{Tree, leaf_hash, tensor_root},
    tensor::Tensor,
};

/// All tensors of one task with their trees.
#[derive(Debug)]
pub struct Trace {
    tokens: usize,
    tensors: Vec<Tensor>,
    trees: Vec<Tree>,
    roots: Vec<Hash>,
    output: Output,
}

/// An output row that a trace was made from, with the tree of that one row.
#[derive(Debug)]
struct Output {
    row: Vec<u8>,
    tree: Tree,
}

impl Trace {
    /// `output` is the row that the task's operators read as the output: a false one makes a last tensor of another root.
    pub(crate) fn new(tokens: usize, made: Vec<(Tensor, Tree)>, output: Vec<u8>) -> Self {
        let (tensors, trees): (_, Vec<Tree>) = made.into_iter().unzip();
        let roots = trees.iter().map(Tree::root).collect();
        let tree = Tree::new(vec![leaf_hash(&output)]);
        Self { tokens, tensors, trees, roots, output: Output { row: output, tree } }
    }

    /// Tokens of the task.
    pub fn tokens(&self) -> u32 {
        self.tokens as u32
    }

    /// The output row that the trace is of: as somebody claims it.
    pub fn output(&self) -> &[u8] {
        &self.output.row
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
        let tensor = self.tensors.get(operator)?;
        Some((0..tensor.row_count(self.tokens)).map(|row| tensor.row(self.tokens, row)).collect())
    }

    /// One row of the tensor that the operator number `operator` made.
    pub fn row(&self, operator: usize, row: usize) -> Option<Vec<u8>> {
        let tensor = self.tensors.get(operator)?;
        (row < tensor.row_count(self.tokens)).then(|| tensor.row(self.tokens, row))
    }

    /// Hash of each row of the tensor that the operator number `operator` made: the leaves under its root.
    pub fn row_hashes(&self, operator: usize) -> Option<&[Hash]> {
        self.trees.get(operator).map(Tree::leaves)
    }

    /// A row that an operator reads, and the tree that it stands in: what the last operator made is read as it was claimed.
    pub(crate) fn read(&self, operator: usize, row: usize) -> Option<(Vec<u8>, &Tree)> {
        if operator + 1 == self.tensors.len() {
            return (row == 0).then(|| (self.output.row.clone(), &self.output.tree));
        }
        Some((self.row(operator, row)?, self.tree(operator)?))
    }

    /// Tree over the rows of the tensor that the operator number `operator` made.
    fn tree(&self, operator: usize) -> Option<&Tree> {
        self.trees.get(operator)
    }
}
