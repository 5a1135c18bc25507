//! The vectors are what the specification makes. `ASSAY_BLESS=1 cargo test -p assay-kernels doctor` writes them anew.

use std::path::Path;

use super::*;
use crate::{Trace, reference, tensor::Tensor};

/// One id, a block of queries and one more, the longest, and one id many times.
fn inputs() -> Vec<Vec<u16>> {
    let ids = |n: u16| (0..n).map(|at| (at * 37 + n * 11) % 100).collect();
    [1, 2, 16, 17, 32, 33, 48].map(ids).into_iter().chain([vec![7; 48]]).collect()
}

#[test]
fn the_vectors_are_what_the_specification_makes() {
    let tiny = tiny();
    let vector = |ids: Vec<u16>| {
        let tensors = reference::run(tiny.tape(), tiny.weights(), &ids);
        let Some(Tensor::Unit(output)) = tensors.last().cloned() else { panic!("a tape ends so") };
        let made = tensors.into_iter().map(|tensor| {
            let tree = tensor.tree(ids.len());
            (tensor, tree)
        });
        let trace = root_text(&Trace::new(ids.len(), made.collect(), Vec::new()).root());
        Vector { ids, output, trace }
    };
    let made: Vec<Vector> = inputs().into_iter().map(vector).collect();
    if std::env::var_os("ASSAY_BLESS").is_some() {
        let lines: Vec<String> = made.iter().map(|vector| serde_json::to_string(vector).unwrap()).collect();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/vectors/tiny.json");
        std::fs::write(file, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
        return;
    }
    assert_eq!(vectors(), made);
}

#[test]
fn every_instruction_set_makes_them_and_the_one_in_use_is_measured() {
    let model = tiny();
    let all = cpu(Some(&model));
    assert_eq!(all.len(), Isa::available().len());
    for examination in &all {
        assert_eq!((examination.vectors, &examination.faults), (8, &vec![]), "{}", examination.name);
    }
    let used = all.last().unwrap();
    assert!(used.speed.unwrap().tokens_per_second > 0.0);
    assert_eq!(used.fraction_of_peak().is_some(), Isa::detect() != Isa::Portable);
    assert!(all[..all.len() - 1].iter().all(|other| other.speed.is_none()));
}

#[test]
fn one_bit_that_differs_is_a_fault() {
    let mut wrong = vectors();
    wrong[3].output[5] ^= 1;
    wrong[6].trace = wrong[5].trace.clone();
    assert_eq!(
        faults(&tiny(), &wrong),
        ["vector 3: the output is not what was committed", "vector 6: the trace is not what was committed"]
    );
}
