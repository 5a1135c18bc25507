//! What a provider commits to: task leaves, and the batches made of them.

use crate::{
    Hash,
    merkle::{Tree, leaf_hash, leaf_hashes, row_root},
};

/// Length of an encoded task leaf.
pub const TASK_LEAF_LEN: usize = 164;

/// Tree over the inputs of an order; its root is what the order binds. Leaf `i` holds the input hash of row `i`.
pub fn inputs_tree<R: AsRef<[u8]>>(input_rows: impl IntoIterator<Item = R>) -> Tree {
    Tree::new(input_rows.into_iter().map(|row| leaf_hash(&row_root(row.as_ref()))).collect())
}

/// One task as its batch commits to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskLeaf {
    /// Chain on which the order was opened.
    pub chain_id: u64,
    /// The order.
    pub order_id: Hash,
    /// Account of the provider, so that nobody else can use the root.
    pub provider: [u8; 20],
    /// Index in the order.
    pub index: u32,
    /// Root of the input row.
    pub input_hash: Hash,
    /// Root of the output row.
    pub output_hash: Hash,
    /// Units of the tasks before this one in its batch.
    pub units_before: u64,
    /// Units of this task.
    pub units: u32,
}

impl TaskLeaf {
    /// `abi.encodePacked` of the fields in their order, the chain id as `uint256`.
    pub fn encode(&self) -> [u8; TASK_LEAF_LEN] {
        let mut bytes = [0; TASK_LEAF_LEN];
        let mut at = 24;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&self.chain_id.to_be_bytes());
        put(&self.order_id);
        put(&self.provider);
        put(&self.index.to_be_bytes());
        put(&self.input_hash);
        put(&self.output_hash);
        put(&self.units_before.to_be_bytes());
        put(&self.units.to_be_bytes());
        bytes
    }

    /// The leaf's hash in the tree of its batch.
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.encode())
    }
}

/// Where a batch stands: whose it is and which tasks of the order it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchScope {
    /// Chain on which the order was opened.
    pub chain_id: u64,
    /// The order.
    pub order_id: Hash,
    /// Account of the provider.
    pub provider: [u8; 20],
    /// Index in the order of the batch's first task.
    pub first: u32,
}

/// What became of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOutput {
    /// Root of the input row.
    pub input_hash: Hash,
    /// Units of the task.
    pub units: u32,
    /// The output row.
    pub row: Vec<u8>,
}

/// A contiguous range of an order's tasks with their results, under one root.
#[derive(Debug)]
pub struct Batch {
    scope: BatchScope,
    tasks: Vec<TaskOutput>,
    leaves: Vec<TaskLeaf>,
    tree: Tree,
}

/// A batch that cannot be: it has no tasks, or its last index is beyond `u32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a batch of {count} tasks cannot start at index {first}: it needs 1 task or more, and its indices must fit 32 bits"
)]
pub struct BatchRangeError {
    /// Index of the first task.
    pub first: u32,
    /// Number of tasks.
    pub count: usize,
}

impl Batch {
    /// Makes the leaves and the tree of `tasks`, which follow each other from `scope.first` on.
    ///
    /// # Errors
    /// When there are no tasks or an index would not fit `u32`.
    pub fn new(scope: BatchScope, tasks: Vec<TaskOutput>) -> Result<Self, BatchRangeError> {
        let count = tasks.len();
        let fits = u32::try_from(count).is_ok_and(|count| count > 0 && scope.first.checked_add(count - 1).is_some());
        if !fits {
            return Err(BatchRangeError { first: scope.first, count });
        }
        let mut units_before = 0;
        let leaves: Vec<TaskLeaf> = (scope.first..=u32::MAX)
            .zip(&tasks)
            .map(|(index, task)| {
                let leaf = TaskLeaf {
                    chain_id: scope.chain_id,
                    order_id: scope.order_id,
                    provider: scope.provider,
                    index,
                    input_hash: task.input_hash,
                    output_hash: row_root(&task.row),
                    units_before,
                    units: task.units,
                };
                units_before += u64::from(task.units);
                leaf
            })
            .collect();
        let encoded: Vec<[u8; TASK_LEAF_LEN]> = leaves.iter().map(TaskLeaf::encode).collect();
        let tree = Tree::new(leaf_hashes(encoded.as_flattened(), TASK_LEAF_LEN));
        Ok(Self { scope, tasks, leaves, tree })
    }

    /// Chain, order, provider and first index.
    pub fn scope(&self) -> &BatchScope {
        &self.scope
    }

    /// The results, in the order's order.
    pub fn tasks(&self) -> &[TaskOutput] {
        &self.tasks
    }

    /// The leaves, in the order's order.
    pub fn leaves(&self) -> &[TaskLeaf] {
        &self.leaves
    }

    /// Root over the leaves.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Proof of the leaf at `position` in the batch (index in the order less `first`).
    ///
    /// # Panics
    /// If there is no such leaf, as indexing a slice does.
    pub fn proof(&self, position: usize) -> Vec<Hash> {
        self.tree.proof(position)
    }

    /// Number of tasks.
    pub fn count(&self) -> u32 {
        self.leaves.len() as u32
    }

    /// Units of all tasks.
    pub fn units(&self) -> u64 {
        self.leaves.last().map_or(0, |leaf| leaf.units_before + u64::from(leaf.units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::verify;

    fn task(n: u8) -> TaskOutput {
        TaskOutput { input_hash: [n; 32], units: u32::from(n) + 1, row: vec![n; 7] }
    }

    const SCOPE: BatchScope = BatchScope { chain_id: 31337, order_id: [5; 32], provider: [6; 20], first: 40 };

    #[test]
    fn leaves_count_units_from_zero_and_indices_from_first() {
        let batch = Batch::new(SCOPE, (0..5).map(task).collect()).unwrap();
        let got: Vec<_> = batch.leaves().iter().map(|leaf| (leaf.index, leaf.units_before, leaf.units)).collect();
        assert_eq!(got, [(40, 0, 1), (41, 1, 2), (42, 3, 3), (43, 6, 4), (44, 10, 5)]);
        assert_eq!((batch.units(), batch.count()), (15, 5));
        for (position, leaf) in batch.leaves().iter().enumerate() {
            assert!(verify(&batch.root(), 5, position as u64, &leaf.hash(), &batch.proof(position)));
        }
    }

    #[test]
    fn a_batch_is_neither_empty_nor_beyond_the_last_index() {
        assert!(Batch::new(SCOPE, Vec::new()).is_err());
        let last = BatchScope { first: u32::MAX, ..SCOPE };
        assert!(Batch::new(last, vec![task(1)]).is_ok());
        assert!(Batch::new(last, vec![task(1), task(2)]).is_err());
    }
}
