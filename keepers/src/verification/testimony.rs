//! What a party says about a task. An honest one says what it computed.

use alloy::primitives::B256;
use assay_kernels::{
    Hash, RunError, Trace,
    merkle::{Tree, leaf_hash, row_root, tensor_root},
    model::Model,
};

use super::tamper::{Tamper, forge};

/// The operators' roots that a party stands by.
#[derive(Debug, Clone)]
pub(crate) struct Testimony {
    pub(crate) roots: Vec<Hash>,
    /// Operators about whose tensors it lies.
    forged: Vec<usize>,
}

impl Testimony {
    /// What a party with this `tamper` says of the task `index`, and the trace that it stands on: that of the output that it claims.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the row.
    pub(crate) fn make(model: &Model, row: &[u8], index: u32, tamper: &Tamper) -> Result<(Self, Trace), RunError> {
        let mut trace = model.trace(row)?;
        let claimed = tamper.output(index, trace.output().to_vec());
        let is_possible = claimed.len() == trace.output().len();
        if is_possible && claimed != trace.output() {
            trace = model.trace_of(row, &claimed)?;
        }
        let mut said = Self::new(&trace, index, tamper);
        if let (false, Some(last)) = (is_possible, said.roots.last_mut()) {
            *last = row_root(&claimed);
        }
        Ok((said, trace))
    }

    /// What a party with this `tamper` says of the task `index`, given the trace of the output that it claims.
    fn new(trace: &Trace, index: u32, tamper: &Tamper) -> Self {
        let mut roots = trace.roots().to_vec();
        let forged = tamper.operators(index, roots.len());
        for &operator in &forged {
            roots[operator] = tensor_root(rows(trace, operator, true));
        }
        Self { roots, forged }
    }

    /// What an honest party knows of a task of which another claims `output`, and the trace of that.
    ///
    /// # Errors
    /// Codes `INPUT_*`, when the model cannot take the row, and `OUTPUT_LENGTH`.
    pub(crate) fn of_claim(model: &Model, row: &[u8], output: &[u8]) -> Result<(Self, Trace), RunError> {
        let trace = model.trace_of(row, output)?;
        Ok((Self { roots: trace.roots().to_vec(), forged: Vec::new() }, trace))
    }

    /// Root over the operators' roots.
    pub(crate) fn trace_root(&self) -> B256 {
        tensor_root(&self.roots).into()
    }

    /// Hash of the input.
    pub(crate) fn input_hash(&self) -> Option<&Hash> {
        self.roots.first()
    }

    /// Hash of the output.
    pub(crate) fn output_hash(&self) -> Option<&Hash> {
        self.roots.last()
    }

    /// Rows of an operator's tensor.
    pub(crate) fn rows(&self, trace: &Trace, operator: usize) -> Vec<Vec<u8>> {
        rows(trace, operator, self.forged.contains(&operator))
    }

    /// Leaf hashes of an operator's rows.
    pub(crate) fn row_hashes(&self, trace: &Trace, operator: usize) -> Vec<Hash> {
        if self.forged.contains(&operator) {
            return self.rows(trace, operator).iter().map(|row| leaf_hash(row)).collect();
        }
        trace.row_hashes(operator).unwrap_or_default().to_vec()
    }

    /// One row of an operator's tensor.
    pub(crate) fn row(&self, trace: &Trace, operator: usize, row: usize) -> Option<Vec<u8>> {
        if row == 0 && self.forged.contains(&operator) {
            return self.rows(trace, operator).into_iter().next();
        }
        trace.row(operator, row)
    }
}

fn rows(trace: &Trace, operator: usize, is_forged: bool) -> Vec<Vec<u8>> {
    if is_forged && operator + 1 == trace.roots().len() {
        return vec![trace.output().to_vec()];
    }
    let mut rows = trace.rows(operator).unwrap_or_default();
    if let (true, Some(first)) = (is_forged, rows.first_mut()) {
        forge(first);
    }
    rows
}

/// Tree over operators' roots, as a trace commits to them.
pub(crate) fn roots_tree(roots: &[Hash]) -> Tree {
    Tree::new(roots.iter().map(|root| leaf_hash(root)).collect())
}

#[cfg(test)]
mod tests {
    use assay_kernels::{commit::TaskOutput, evidence::first_difference};
    use assay_test_fixtures::tiny_model_dir;

    use super::{
        super::tamper::{Forgery, Stage},
        *,
    };

    #[test]
    fn a_forgery_is_one_consistent_lie() {
        let model = Model::open(&tiny_model_dir()).unwrap();
        let say = |index, tamper: &Tamper| Testimony::make(&model, &[0, 1, 0, 2], index, tamper).unwrap();
        let (honest, trace) = say(0, &Tamper::default());
        assert_eq!(honest.roots, trace.roots());
        let last = trace.roots().len() - 1;
        for (stage, output, at) in
            [(Stage::First, true, 1), (Stage::Middle, false, last.div_ceil(2)), (Stage::Last, false, last)]
        {
            let tamper = Tamper { forgery: Some(Forgery { stage, output }), ..Tamper::default() };
            let (said, trace) = say(0, &tamper);
            assert_eq!(first_difference(trace.roots(), &said.roots), Some(at));
            let hashes = said.row_hashes(&trace, at);
            assert_eq!(first_difference(trace.row_hashes(at).unwrap(), &hashes), Some(0));
            assert_eq!(Tree::new(hashes.clone()).root(), said.roots[at]);
            assert_eq!(leaf_hash(&said.row(&trace, at, 0).unwrap()), hashes[0]);
            // What it commits to is what its trace ends with.
            let row = tamper.output(0, model.run(&[&[0, 1, 0, 2]]).unwrap().remove(0));
            let committed = TaskOutput { input_hash: trace.roots()[0], units: 2, row };
            assert_eq!(said.output_hash(), Some(&row_root(&committed.row)));
        }
        let other = Tamper {
            tasks: Some([7].into()),
            forgery: Some(Forgery { stage: Stage::First, output: true }),
            ..Tamper::default()
        };
        assert_eq!(say(0, &other).0.roots, trace.roots());
        assert_ne!(say(7, &other).0.roots, trace.roots());
    }
}
