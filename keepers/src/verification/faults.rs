//! What is wrong with a batch on its face: shown by its leaves and the ordered inputs, proved to the escrow without a game.

use assay_contracts::JobEscrow::{self, Batch, Order, Task};
use assay_kernels::{
    commit::{TaskLeaf, inputs_tree},
    merkle::row_root,
};

/// A fault, with the index of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The input is not the one that was ordered.
    Input(u32),
    /// More or fewer units than the input holds.
    Units(u32),
    /// No units, or more than the order pays.
    Bound(u32),
}

/// The call that proves a fault.
pub(super) enum Proof {
    Input(JobEscrow::proveWrongInputCall),
    Units(JobEscrow::proveWrongUnitsCall),
    Bound(JobEscrow::proveUnitsBoundCall),
}

/// The first fault of a batch's leaves, as far as they are known, where its order has these inputs.
pub(super) fn find(order: &Order, leaves: &[TaskLeaf], inputs: &[Vec<u8>]) -> Option<Fault> {
    leaves.iter().find_map(|leaf| {
        let input = inputs.get(leaf.index as usize)?;
        if row_root(input) != leaf.input_hash {
            return Some(Fault::Input(leaf.index));
        }
        if leaf.units == 0 || leaf.units > order.unitCap {
            return Some(Fault::Bound(leaf.index));
        }
        let units = input.len() / usize::from(order.unitBytes.max(1));
        (units != leaf.units as usize).then_some(Fault::Units(leaf.index))
    })
}

impl Fault {
    pub(super) fn index(self) -> u32 {
        match self {
            Self::Input(index) | Self::Units(index) | Self::Bound(index) => index,
        }
    }

    /// What proves it; `inputs` are the order's.
    pub(super) fn proof(self, order: Order, batch: Batch, task: Task, inputs: &[Vec<u8>]) -> Proof {
        let index = self.index() as usize;
        match self {
            Self::Input(_) => Proof::Input(JobEscrow::proveWrongInputCall {
                order,
                batch,
                task,
                orderedInput: row_root(&inputs[index]).into(),
                orderedProof: inputs_tree(inputs).proof(index).into_iter().map(Into::into).collect(),
            }),
            Self::Units(_) => {
                Proof::Units(JobEscrow::proveWrongUnitsCall { order, batch, task, input: inputs[index].clone().into() })
            }
            Self::Bound(_) => Proof::Bound(JobEscrow::proveUnitsBoundCall { order, batch, task }),
        }
    }
}
