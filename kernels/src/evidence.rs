//! What a dispute is about: where a false trace leaves the true one, and the rows that prove one number of it false.
//!
//! Two traces of a task are compared from the top: the operators' roots, the hashes of one operator's rows, the bytes of one
//! row. [`first_difference`] finds the first two, [`false_element`] the number in the row that a referee will refute, and
//! [`Model::evidence`] the rows it is computed from, proved under the other side's roots. Up to the first operator that
//! differs both sides have the same rows, so the own trace and the own weights are all that is needed.
//!
//! Questions about a row are numbered: first its elements proper (`head * units + j` in a row of exponentials), then what
//! its header says of the row as a whole (see [`Shape::elements`] and [`Shape::summaries`]).

use crate::{
    Hash, Model, Trace,
    chance::BLANK,
    merkle::{Tree, leaf_hash},
    prompt::{Choice, choices},
    tape::{CHOICE_LEN, Operator, PROMPT_HEADER, Shape},
};

/// A row of a tensor, proved in two steps: the row under its tensor's root, that root under the root over all tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The row's bytes.
    pub row: Vec<u8>,
    /// Siblings of the row's leaf, bottom up.
    pub proof: Vec<Hash>,
    /// The tensor's root.
    pub root: Hash,
    /// Siblings of the leaf that holds the tensor's root.
    pub root_proof: Vec<Hash>,
}

/// What an element is computed from, in the order of the operator's operands. Empty for what a row says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Rows that earlier operators made, under the root of the trace.
    pub tensors: Vec<Opening>,
    /// Rows of weight tensors, under the root of the weights.
    pub weights: Vec<Opening>,
}

/// Where two lists of hashes first differ: the operator in two traces' roots, the row in an operator's row hashes.
pub fn first_difference(own: &[Hash], theirs: &[Hash]) -> Option<usize> {
    (0..own.len().max(theirs.len())).find(|&at| own.get(at) != theirs.get(at))
}

/// The question that a referee answers with "false" about the row `theirs`, `own` being the true one. Both are rows of the
/// tensor of `units` units that has `shape`, made of the same operands.
///
/// `None` when the rows are equal or one has not the shape's length; and for ids, which are the task's input and not made
/// of anything.
pub fn false_element(shape: Shape, units: u32, own: &[u8], theirs: &[u8]) -> Option<u32> {
    let len = shape.row_len(units) as usize;
    if own.len() != len || theirs.len() != len {
        return None;
    }
    match shape {
        Shape::Ids | Shape::Prompt => None,
        Shape::Sum(_) => false_number(8, 4, own, theirs),
        Shape::Norm(_) => false_number(2, 2, own, theirs),
        Shape::NormT(_) | Shape::Unit(_) => false_number(0, 2, own, theirs),
        Shape::Linear(_) | Shape::LinearT(_) => false_number(0, 1, own, theirs),
        Shape::Pool(_) | Shape::Stream(_) => false_number(4, 4, own, theirs),
        Shape::Quantised(width) => {
            let peak = |row: &[u8]| Peak { max: u16_at(row, 0).into(), place: u16_at(row, 2).into() };
            false_peak(peak(own), peak(theirs), width).or_else(|| false_number(4, 1, own, theirs))
        }
        Shape::Exp { heads, .. } | Shape::Causal { heads, .. } => {
            (0..heads).find_map(|head| false_exponential(head, heads, units, own, theirs))
        }
        Shape::Choice(vocabulary) => {
            let (own, theirs) = (choices(own), choices(theirs));
            let place =
                |(own, theirs): (&Choice, &Choice)| false_peak(Peak::from(*own), Peak::from(*theirs), vocabulary);
            let places = own.iter().zip(&theirs).map(place);
            (0..).zip(places).find_map(|(t, place)| Some(t * vocabulary + place?))
        }
    }
}

/// The first number of `size` bytes that differs; the question after the last number if only the headers do.
fn false_number(header: usize, size: usize, own: &[u8], theirs: &[u8]) -> Option<u32> {
    let numbers = own[header..].chunks_exact(size).zip(theirs[header..].chunks_exact(size));
    let count = numbers.len() as u32;
    let differs = |(own, theirs): (&[u8], &[u8])| own != theirs;
    (0..count).zip(numbers).find_map(|(at, pair)| differs(pair).then_some(at)).or_else(|| {
        // What the header says of the numbers is judged by the numbers, and those are right.
        differs((&own[..header], &theirs[..header])).then_some(count)
    })
}

/// A largest value with the first place where it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peak {
    max: i32,
    place: u32,
}

impl From<Choice> for Peak {
    fn from(choice: Choice) -> Self {
        Self { max: choice.max, place: choice.id.into() }
    }
}

/// A place below `width` whose value refutes a peak, `own` being the true one.
fn false_peak(own: Peak, theirs: Peak, width: u32) -> Option<u32> {
    if own == theirs {
        return None;
    }
    let beyond = theirs.place >= width;
    let missed = own.max > theirs.max || (own.max == theirs.max && own.place < theirs.place);
    // Either the true peak is larger or earlier than theirs, or there is nothing that large where they say.
    Some(if beyond || missed { own.place } else { theirs.place })
}

/// What is false about one head in a row of exponentials.
fn false_exponential(head: u32, heads: u32, units: u32, own: &[u8], theirs: &[u8]) -> Option<u32> {
    let header = head as usize * 8;
    let peak = |row: &[u8]| Peak {
        max: i32::from_be_bytes([row[header], row[header + 1], row[header + 2], row[header + 3]]),
        place: u16_at(row, header + 4).into(),
    };
    let start = (heads * 8 + head * units) as usize;
    let values = |row: &'_ [u8]| -> Vec<u8> { row[start..start + units as usize].to_vec() };
    let false_value = || values(own).iter().zip(values(theirs)).position(|(own, theirs)| *own != theirs);
    false_peak(peak(own), peak(theirs), units)
        .or_else(|| false_value().map(|at| at as u32))
        .map(|at| head * units + at)
        .or_else(|| (u16_at(own, header + 6) != u16_at(theirs, header + 6)).then_some(heads * units + head))
}

fn u16_at(row: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([row[at], row[at + 1]])
}

/// Rows that an element is computed from: positions of operators and of weight tensors, with a row each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Operands {
    tensors: Vec<(u16, u32)>,
    weights: Vec<(u16, u32)>,
}

impl Model {
    /// What `element` of row `row` of the operator number `operator` is computed from, proved under the operators' roots
    /// `roots` that somebody answered and under the root of the weights.
    ///
    /// `trace` is this model's own. `None` when there is no such element, or when it is computed from a tensor that has
    /// another root in `roots` than in the trace: then that operator, which stands before, is the one to ask about.
    pub fn evidence(&self, trace: &Trace, roots: &[Hash], operator: usize, row: u32, element: u32) -> Option<Evidence> {
        let operands = self.operands(trace, operator, row, element)?;
        let roots_tree = Tree::new(roots.iter().map(|root| leaf_hash(root)).collect());
        let tensor = |&(operator, row): &(u16, u32)| {
            let (operator, row) = (usize::from(operator), row as usize);
            let (bytes, tree) = trace.read(operator, row)?;
            let root = *roots.get(operator).filter(|root| tree.root() == **root)?;
            Some(opening(bytes, row, tree, root, operator, &roots_tree))
        };
        let weights = |&(tensor, row): &(u16, u32)| {
            let (tensor, row) = (usize::from(tensor), row as usize);
            let tree = self.weights().tensor_tree(tensor);
            let bytes = self.weights().row(tensor, row).to_vec();
            opening(bytes, row, tree, tree.root(), tensor, self.weights_tree())
        };
        Some(Evidence {
            tensors: operands.tensors.iter().map(tensor).collect::<Option<_>>()?,
            weights: operands.weights.iter().map(weights).collect(),
        })
    }

    fn operands(&self, trace: &Trace, operator: usize, row: u32, element: u32) -> Option<Operands> {
        let n = trace.tokens();
        let shape = self.tape().shapes().get(operator)?;
        if row >= shape.rows(n) || element >= shape.elements(n) + shape.summaries() {
            return None;
        }
        if element >= shape.elements(n) {
            return Some(Operands::default());
        }
        // Token and channel.
        let (t, c) = match shape {
            Shape::NormT(_) | Shape::LinearT(_) => (element, row),
            _ => (row, element),
        };
        let (tensors, weights) = match self.tape().operators()[operator] {
            Operator::Ids { .. } => (vec![], vec![]),
            Operator::Embed { ids, words, positions, .. } => {
                let id = u16_at(&trace.row(ids.into(), 0)?, 2 * t as usize);
                (vec![(ids, 0)], vec![(words, id.into()), (positions, t)])
            }
            Operator::Norm { sum, gains, .. } => (vec![(sum, t)], vec![(gains, c)]),
            Operator::Linear { input, weights, .. } | Operator::Gelu { input, weights, .. } => {
                (vec![(input, t)], vec![(weights, c)])
            }
            Operator::Residual { input, weights, residual, .. } => {
                (vec![(input, t), (residual, t)], vec![(weights, c)])
            }
            Operator::Exp { q, k, scales, .. } => (vec![(q, t), (k, element % n)], vec![(scales, element / n)]),
            Operator::Context { exp, v } => (vec![(exp, t), (v, c)], vec![]),
            Operator::Pool { x } => (vec![(x, c)], vec![]),
            Operator::Unit { pool } => (vec![(pool, 0)], vec![]),
            Operator::Prompt { .. } => (vec![], vec![]),
            Operator::Lookup { prompt, words, .. } => {
                let last = self.tape().operators().len() - 1;
                (vec![(prompt, 0), (last as u16, 0)], vec![(words, self.id_at(trace, prompt, last, t)?)])
            }
            Operator::Rms { stream, gains, .. } => (vec![(stream, t)], vec![(gains, c)]),
            Operator::Rotary { input, weights, angles, .. } => {
                (vec![(input, t)], vec![(weights, c), (weights, c ^ 1), (angles, t)])
            }
            Operator::Causal { q, k, scales, .. } => (vec![(q, t), (k, element % n)], vec![(scales, element / n)]),
            Operator::Blend { exp, v } => {
                let Shape::Causal { heads, groups, .. } = self.tape().shapes()[usize::from(exp)] else { return None };
                let Shape::Quantised(width) = *shape else { return None };
                let head_width = width / heads;
                let from = c / head_width / (heads / groups) * head_width + c % head_width;
                (vec![(exp, t), (v, from)], vec![])
            }
            Operator::Gated { input, gate, up, .. } => (vec![(input, t)], vec![(gate, c), (up, c)]),
            Operator::Add { input, weights, stream, .. } => (vec![(input, t), (stream, t)], vec![(weights, c)]),
            Operator::Choose { input, words, prompt, .. } => {
                let Shape::Choice(vocabulary) = *shape else { return None };
                let (place, id) = (element / vocabulary, element % vocabulary);
                (vec![(input, place), (prompt, 0)], vec![(words, id)])
            }
        };
        Some(Operands { tensors, weights })
    }

    /// The id at place `t` of a text, as the output that it is read with fills it.
    fn id_at(&self, trace: &Trace, prompt: u16, last: usize, t: u32) -> Option<u32> {
        let at = PROMPT_HEADER + 2 * t as usize;
        let given = u16_at(&trace.row(prompt.into(), 0)?, at);
        if given != BLANK {
            return Some(given.into());
        }
        let (output, _) = trace.read(last, 0)?;
        let chosen = u32::from(u16_at(&output, CHOICE_LEN * (t as usize - 1) + 4));
        Some(if chosen < self.tape().vocabulary() { chosen } else { 0 })
    }
}

fn opening(bytes: Vec<u8>, row: usize, tree: &Tree, root: Hash, tensor: usize, roots: &Tree) -> Opening {
    Opening { row: bytes, proof: tree.proof(row), root, root_proof: roots.proof(tensor) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::merkle::{row_root, verify};

    fn tiny() -> Model {
        Model::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny")).unwrap()
    }

    fn trace(model: &Model, units: u16) -> Trace {
        let row: Vec<u8> = (0..units).flat_map(|t| (t * 31 % 100).to_be_bytes()).collect();
        model.trace(&row).unwrap()
    }

    /// Checks both steps of an opening, whose row must be number `row` of `rows` in tensor `tensor` of `tensors`.
    fn assert_proved(opening: &Opening, (row, rows): (u32, u32), (tensor, tensors): (u16, usize), root: Hash) {
        let Opening { row: bytes, proof, root: inner, root_proof } = opening;
        assert!(verify(inner, rows.into(), row.into(), &leaf_hash(bytes), proof));
        assert!(verify(&root, tensors as u64, tensor.into(), &leaf_hash(inner), root_proof));
    }

    #[test]
    fn every_question_of_a_task_has_its_rows_proved() {
        let model = tiny();
        let trace = trace(&model, 5);
        let (tape, n) = (model.tape(), trace.tokens());
        let mut asked = 0;
        for (operator, shape) in tape.shapes().iter().enumerate() {
            let questions = shape.elements(n) + shape.summaries();
            for (row, element) in (0..shape.rows(n)).flat_map(|row| (0..questions).map(move |element| (row, element))) {
                let operands = model.operands(&trace, operator, row, element).unwrap();
                let evidence = model.evidence(&trace, trace.roots(), operator, row, element).unwrap();
                assert_eq!(evidence.tensors.len(), operands.tensors.len());
                assert_eq!(evidence.weights.len(), operands.weights.len());
                for (opening, &(of, row)) in evidence.tensors.iter().zip(&operands.tensors) {
                    let rows = tape.shapes()[usize::from(of)].rows(n);
                    assert_proved(opening, (row, rows), (of, tape.operators().len()), trace.root());
                }
                for (opening, &(of, row)) in evidence.weights.iter().zip(&operands.weights) {
                    let rows = tape.tensors()[usize::from(of)].rows;
                    assert_proved(opening, (row, rows), (of, tape.tensors().len()), model.weights_root());
                }
                asked += 1;
            }
            assert_eq!(model.evidence(&trace, trace.roots(), operator, shape.rows(n), 0), None);
            assert_eq!(model.evidence(&trace, trace.roots(), operator, 0, questions), None);
        }
        assert_eq!(model.evidence(&trace, trace.roots(), tape.operators().len(), 0, 0), None);
        assert_eq!(asked, 3875);
    }

    #[test]
    fn an_element_is_computed_from_the_rows_that_the_specification_names() {
        let model = tiny();
        let trace = trace(&model, 5);
        for (operator, code) in model.tape().operators().iter().enumerate() {
            let (tensors, weights) = match *code {
                Operator::Ids { .. } => (vec![], vec![]),
                // Token 2 has the id 62.
                Operator::Embed { ids, words, positions, .. } => (vec![(ids, 0)], vec![(words, 62), (positions, 2)]),
                Operator::Norm { sum, gains, transposed: false, .. } => (vec![(sum, 2)], vec![(gains, 3)]),
                Operator::Norm { sum, gains, transposed: true, .. } => (vec![(sum, 3)], vec![(gains, 2)]),
                Operator::Linear { input, weights, transposed: false, .. } => (vec![(input, 2)], vec![(weights, 3)]),
                Operator::Linear { input, weights, transposed: true, .. } => (vec![(input, 3)], vec![(weights, 2)]),
                Operator::Gelu { input, weights, .. } => (vec![(input, 2)], vec![(weights, 3)]),
                Operator::Residual { input, weights, residual, .. } => {
                    (vec![(input, 2), (residual, 2)], vec![(weights, 3)])
                }
                Operator::Exp { q, k, scales, .. } => {
                    // Element 13 is key 3 of head 2.
                    let operands = model.operands(&trace, operator, 2, 13).unwrap();
                    assert_eq!((operands.tensors, operands.weights), (vec![(q, 2), (k, 3)], vec![(scales, 2)]));
                    (vec![(q, 2), (k, 3)], vec![(scales, 0)])
                }
                Operator::Context { exp, v } => (vec![(exp, 2), (v, 3)], vec![]),
                Operator::Pool { x } => (vec![(x, 3)], vec![]),
                Operator::Unit { pool } => (vec![(pool, 0)], vec![]),
                _ => unreachable!("the tiny encoder has no operators of decoders"),
            };
            let one_row = matches!(code, Operator::Ids { .. } | Operator::Pool { .. } | Operator::Unit { .. });
            let row = if one_row { 0 } else { 2 };
            assert_eq!(model.operands(&trace, operator, row, 3), Some(Operands { tensors, weights }), "{code:?}");
        }
    }

    #[test]
    fn evidence_stands_under_the_roots_of_the_other_side_up_to_the_first_that_differs() {
        let model = tiny();
        let trace = trace(&model, 3);
        let mut theirs = trace.roots().to_vec();
        theirs[4..].iter_mut().for_each(|root| root[0] ^= 1);
        assert_eq!(first_difference(trace.roots(), &theirs), Some(4));
        let root = crate::merkle::tensor_root(&theirs);
        let evidence = model.evidence(&trace, &theirs, 4, 1, 0).unwrap();
        let operands = model.operands(&trace, 4, 1, 0).unwrap();
        for (opening, &(of, row)) in evidence.tensors.iter().zip(&operands.tensors) {
            assert_proved(opening, (row, 3), (of, theirs.len()), root);
        }
        // The next operators that read what differs have none.
        let reads = |operator: &usize| {
            let operands = model.operands(&trace, *operator, 0, 0).unwrap();
            operands.tensors.iter().any(|&(of, _)| of >= 4)
        };
        let later: Vec<usize> = (5..theirs.len()).filter(reads).collect();
        assert!(!later.is_empty());
        assert!(later.iter().all(|&operator| model.evidence(&trace, &theirs, operator, 0, 0).is_none()));
    }

    #[test]
    fn row_hashes_are_the_leaves_under_the_operators_root() {
        let model = tiny();
        let trace = trace(&model, 7);
        for (operator, root) in trace.roots().iter().enumerate() {
            let (rows, hashes) = (trace.rows(operator).unwrap(), trace.row_hashes(operator).unwrap());
            assert_eq!(rows.iter().map(|row| leaf_hash(row)).collect::<Vec<_>>(), hashes);
            assert_eq!(&Tree::new(hashes.to_vec()).root(), root);
            assert_eq!(trace.row(operator, rows.len() - 1).as_ref(), rows.last());
            assert_eq!(trace.row(operator, rows.len()), None);
        }
        assert_eq!(trace.row_hashes(trace.roots().len()), None);
    }

    #[test]
    fn lists_of_hashes_differ_where_one_ends() {
        let hashes = |tags: &[u8]| tags.iter().map(|&tag| [tag; 32]).collect::<Vec<Hash>>();
        assert_eq!(first_difference(&hashes(&[1, 2, 3]), &hashes(&[1, 2, 3])), None);
        assert_eq!(first_difference(&hashes(&[1, 2, 3]), &hashes(&[1, 5, 5])), Some(1));
        assert_eq!(first_difference(&hashes(&[1, 2]), &hashes(&[1, 2, 3])), Some(2));
        assert_eq!(first_difference(&hashes(&[1]), &[]), Some(0));
    }

    /// All false peaks of all short rows: where the finder says, the value refutes the peak by the referee's rule.
    #[test]
    fn no_false_peak_stands() {
        let rows = (0..4i32.pow(4)).map(|digits| [0, 1, 2, 3].map(|at| digits / 4i32.pow(at) % 4));
        for row in rows {
            let max = row.into_iter().fold(0, i32::max);
            let own = Peak { max, place: row.iter().position(|&v| v == max).unwrap() as u32 };
            for theirs in (-1..6).flat_map(|max| (0..7).map(move |place| Peak { max, place })) {
                let found = false_peak(own, theirs, 4);
                assert_eq!(found.is_none(), own == theirs);
                let Some(place) = found else { continue };
                let value = row[place as usize];
                let refuted = theirs.place >= 4
                    || value > theirs.max
                    || (value == theirs.max && place < theirs.place)
                    || (value != theirs.max && place == theirs.place);
                assert!(refuted, "{theirs:?} of {row:?} at {place}");
            }
        }
    }

    #[test]
    fn a_false_header_over_right_numbers_is_asked_about_as_a_whole() {
        let flip = |own: &[u8], at: usize| {
            let mut theirs = own.to_vec();
            theirs[at] ^= 1;
            theirs
        };
        let units = 3;
        for (shape, at, expected) in [
            (Shape::Sum(4), 3, 4),
            (Shape::Sum(4), 7, 4),
            (Shape::Sum(4), 12, 1),
            (Shape::Norm(4), 1, 4),
            (Shape::Norm(4), 2, 0),
            (Shape::NormT(4), 5, 2),
            (Shape::Pool(4), 0, 4),
            (Shape::Exp { heads: 2, width: 8 }, 7, 6),
            (Shape::Exp { heads: 2, width: 8 }, 14, 7),
            (Shape::Exp { heads: 2, width: 8 }, 16 + 4, 4),
        ] {
            let own = vec![0; shape.row_len(units) as usize];
            assert_eq!(false_element(shape, units, &own, &flip(&own, at)), Some(expected), "{shape:?} at {at}");
        }
        assert_eq!(false_element(Shape::Linear(4), units, &[0; 4], &[0; 5]), None);
        assert_eq!(false_element(Shape::Ids, 1, &[0; 2], &[1; 2]), None);
        assert_ne!(row_root(&[0; 2]), row_root(&[1; 2]));
    }

    proptest! {
        #[test]
        fn a_false_row_always_has_a_question(
            operator in any::<prop::sample::Index>(),
            row in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..8),
        ) {
            let model = tiny();
            let trace = trace(&model, 4);
            let operator = 1 + operator.index(trace.roots().len() - 1);
            let (shape, own) = (model.tape().shapes()[operator], trace.rows(operator).unwrap());
            let own = &own[row.index(own.len())];
            let mut theirs = own.clone();
            for (at, change) in changes {
                let at = at.index(theirs.len());
                theirs[at] ^= change;
            }
            prop_assert_eq!(false_element(shape, 4, own, own), None);
            let found = false_element(shape, 4, own, &theirs);
            prop_assert_eq!(found.is_some(), *own != theirs);
            prop_assert!(found.is_none_or(|element| element < shape.elements(4) + shape.summaries()));
        }
    }
}
