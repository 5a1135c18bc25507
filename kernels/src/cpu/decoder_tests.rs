//! Every instruction set generates and traces as the specification does, whatever goes through together.

use std::path::Path;

use proptest::prelude::*;

use super::Engine;
use crate::{
    chance::BLANK,
    isa::Isa,
    prompt::{Choice, Prompt},
    reference,
    tape::Tape,
    tensor::Tensor,
    weights::Weights,
};

fn tiny() -> (Tape, Weights) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-fixtures/models/tiny-decoder");
    let tape = Tape::decode(&std::fs::read(dir.join("program.tape")).unwrap()).unwrap();
    let weights = Weights::open(&dir.join("weights.bin"), &tape).unwrap();
    (tape, weights)
}

/// Prompts with blanks anywhere but in front.
fn prompts() -> impl Strategy<Value = Prompt> {
    let id = prop_oneof![3 => 0u16..100, 1 => Just(BLANK)];
    let focus = prop_oneof![Just(0), Just(256), any::<u16>()];
    (any::<u64>(), focus, 0u16..100, prop::collection::vec(id, 0..=30), 0usize..=9).prop_map(
        |(seed, focus, first, rest, blanks)| {
            let rest = rest.into_iter().chain(std::iter::repeat_n(BLANK, blanks));
            Prompt { seed, focus, ids: std::iter::once(first).chain(rest).collect() }
        },
    )
}

fn entries(tensor: &Tensor) -> &[Choice] {
    let Tensor::Choice(choices) = tensor else { unreachable!("a decoder ends so") };
    choices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn texts_grow_as_if_nothing_were_kept(prompt in prompts()) {
        let (tape, weights) = tiny();
        let expected = reference::generate(&tape, &weights, &prompt);
        for isa in Isa::available() {
            let engine = Engine::with_isa(isa, &tape, &weights);
            let made = engine.generate(&tape, &weights, std::slice::from_ref(&prompt));
            prop_assert_eq!(entries(&made[0]), &expected[..], "{:?}", isa);
        }
    }

    /// The trace of any output, true or not.
    #[test]
    fn traces_of_what_is_claimed(prompt in prompts(), claims in prop::collection::vec((any::<i32>(), any::<u16>()), 40), any in any::<bool>()) {
        let (tape, weights) = tiny();
        let claimed: Vec<Choice> = if any {
            claims[..prompt.ids.len()].iter().map(|&(max, id)| Choice { max, id: id % 110 }).collect()
        } else {
            reference::generate(&tape, &weights, &prompt)
        };
        let expected = reference::run_text(&tape, &weights, &prompt, &claimed);
        for isa in Isa::available() {
            let made = Engine::with_isa(isa, &tape, &weights).trace_text(&tape, &weights, &prompt, &claimed);
            for (at, ((made, _), expected)) in made.iter().zip(&expected).enumerate() {
                prop_assert_eq!(made, expected, "operator {} with {:?}", at, isa);
            }
        }
        if !any {
            prop_assert_eq!(entries(expected.last().unwrap()), &claimed[..]);
        }
    }

    #[test]
    fn results_do_not_depend_on_what_they_are_computed_with(batch in prop::collection::vec(prompts(), 1..20)) {
        let (tape, weights) = tiny();
        let engine = Engine::new(&tape, &weights);
        let together = engine.generate(&tape, &weights, &batch);
        prop_assert_eq!(together.len(), batch.len());
        for (prompt, together) in batch.iter().zip(&together) {
            prop_assert_eq!(&engine.generate(&tape, &weights, std::slice::from_ref(prompt))[0], together);
        }
    }
}
