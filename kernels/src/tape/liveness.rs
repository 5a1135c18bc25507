//! How long the tensors of a run are needed.

use super::{Operator, Tape};

impl Tape {
    /// For each operator, the earlier ones that it is the last to read.
    pub(crate) fn last_reads(&self) -> Vec<Vec<usize>> {
        let mut last = vec![Vec::new(); self.operators.len()];
        let mut seen = vec![false; self.operators.len()];
        for (at, operator) in self.operators.iter().enumerate().rev() {
            for source in self.sources(operator) {
                if !std::mem::replace(&mut seen[source], true) {
                    last[at].push(source);
                }
            }
        }
        last
    }

    /// The operators that one reads; a context reads the queries and keys too, for it makes the exponentials anew.
    fn sources(&self, operator: &Operator) -> Vec<usize> {
        let direct: Vec<u16> = match *operator {
            Operator::Ids { .. } => vec![],
            Operator::Embed { ids, .. } => vec![ids],
            Operator::Norm { sum, .. } => vec![sum],
            Operator::Linear { input, .. } | Operator::Gelu { input, .. } => vec![input],
            Operator::Residual { input, residual, .. } => vec![input, residual],
            Operator::Exp { q, k, .. } => vec![q, k],
            Operator::Context { exp, v } => match self.operators[usize::from(exp)] {
                Operator::Exp { q, k, .. } => vec![exp, v, q, k],
                _ => vec![exp, v],
            },
            Operator::Pool { x } => vec![x],
            Operator::Unit { pool } => vec![pool],
            Operator::Prompt { .. } => vec![],
            Operator::Lookup { prompt, .. } => vec![prompt],
            Operator::Rms { stream, .. } => vec![stream],
            Operator::Rotary { input, .. } | Operator::Gated { input, .. } => vec![input],
            Operator::Causal { q, k, .. } => vec![q, k],
            Operator::Blend { exp, v } => match self.operators[usize::from(exp)] {
                Operator::Causal { q, k, .. } => vec![exp, v, q, k],
                _ => vec![exp, v],
            },
            Operator::Add { input, stream, .. } => vec![input, stream],
            Operator::Choose { input, prompt, .. } => vec![input, prompt],
        };
        direct.into_iter().map(usize::from).collect()
    }
}
