//! Questions to the compiled referee about a task's trace.

use alloy::{primitives::Bytes, sol_types::SolCall};
use assay_contracts::Referee::{self, Claim, isFalseCall};
use assay_evm::{Contract, transaction_gas};
use assay_kernels::{
    Hash, Model, Trace,
    evidence::{self, Evidence},
    merkle::{row_root, tensor_root},
};

/// More than any question may cost.
const GAS_LIMIT: u64 = 10_000_000;

/// An answer with what it cost.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) is_false: bool,
    /// Gas that the referee takes.
    pub(crate) execution_gas: u64,
    /// Gas of a transaction that asks the referee.
    pub(crate) transaction_gas: u64,
}

/// The compiled referee.
pub(crate) fn referee() -> Contract {
    deployed("ASSAY_REFEREE_CODE", &Referee::DEPLOYED_BYTECODE)
}

/// A contract, or another whose code lies in hexadecimal in the file that the variable names: `tools/mutate` puts one there that is
/// wrong.
pub(crate) fn deployed(variable: &str, code: &Bytes) -> Contract {
    let other = std::env::var_os(variable).map(|path| std::fs::read_to_string(path).unwrap());
    Contract::new(other.map_or_else(|| code.clone(), |other| other.parse().unwrap()))
}

/// The bytes that put a question.
pub(crate) fn data(question: &isFalseCall) -> Bytes {
    question.abi_encode().into()
}

/// Puts a question to the referee, which must not refuse it.
pub(crate) fn judge(referee: &Contract, question: &isFalseCall) -> Judged {
    let data = data(question);
    let called = referee.call(data.clone(), GAS_LIMIT);
    let claim = (question.claim.operator, question.claim.row, question.element);
    let output = called.result.unwrap_or_else(|error| panic!("(operator, row, element) {claim:?} is refused: {error}"));
    Judged {
        is_false: isFalseCall::abi_decode_returns(&output).unwrap(),
        execution_gas: called.gas,
        transaction_gas: transaction_gas(&data, called.gas),
    }
}

/// A model and the true trace of a task of it.
pub(crate) struct Task<'a> {
    model: &'a Model,
    tape: Bytes,
    pub(crate) trace: Trace,
    output: Hash,
}

impl<'a> Task<'a> {
    pub(crate) fn new(model: &'a Model, ids: &[u16]) -> Self {
        let input: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
        Self::with(model, &input, &model.run(&[&input]).unwrap()[0])
    }

    /// A task of which somebody says that `output` is the output.
    pub(crate) fn with(model: &'a Model, input: &[u8], output: &[u8]) -> Self {
        let trace = model.trace_of(input, output).unwrap();
        Self { model, tape: model.tape().encode().into(), trace, output: row_root(output) }
    }

    /// The question whether `data`, which somebody answers as row `row` of an operator, is false at `element`. If it is not
    /// the true row, that operator and all after it have other roots than in the true trace, but for the output that was claimed.
    pub(crate) fn question(&self, operator: usize, row: u32, data: &[u8], element: u32) -> isFalseCall {
        let mut roots = self.trace.roots().to_vec();
        if self.trace.row(operator, row as usize).is_none_or(|own| own != data) {
            roots[operator..].iter_mut().for_each(|root| root[0] ^= 1);
        }
        if let Some(last) = roots.last_mut() {
            *last = self.output;
        }
        let Evidence { tensors, weights } =
            self.model.evidence(&self.trace, &roots, operator, row, element).expect("the element exists");
        isFalseCall {
            tape: self.tape.clone(),
            weightsRoot: self.model.weights_root().into(),
            traceRoot: tensor_root(&roots).into(),
            claim: Claim {
                units: self.model.tape().units(self.trace.tokens()),
                operator: operator as u16,
                row,
                data: Bytes::copy_from_slice(data),
            },
            element,
            tensors: tensors.into_iter().map(opening).collect(),
            weights: weights.into_iter().map(opening).collect(),
        }
    }
}

fn opening(opening: evidence::Opening) -> Referee::Opening {
    let hashes = |proof: Vec<[u8; 32]>| proof.into_iter().map(Into::into).collect();
    Referee::Opening {
        row: opening.row.into(),
        proof: hashes(opening.proof),
        root: opening.root.into(),
        rootProof: hashes(opening.root_proof),
    }
}
