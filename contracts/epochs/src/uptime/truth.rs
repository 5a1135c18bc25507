//! What the voters say of each round and seat.

use super::{
    Inputs,
    answers::{Answers, GOOD, NONE, OFFLINE, SLOW},
};

/// The truth of all rounds.
pub fn of(inputs: &Inputs) -> Answers {
    let mut truth = Answers::empty(inputs.rounds, inputs.seats());
    let weight = |number: u32| inputs.operator_index(number).map(|index| inputs.operators[index].delegated.into());
    let vote = |&number: &u32| Some((inputs.answers_of(number)?, weight(number)?));
    let votes: Vec<(&Answers, u64)> = inputs.voters.iter().filter_map(vote).collect();
    for round in 0..inputs.rounds {
        for seat in 0..inputs.seats() {
            if inputs.occupied[seat as usize] {
                let mut weights = [0; 4];
                for (answers, weight) in &votes {
                    weights[usize::from(answers.get(round, seat))] += weight;
                }
                truth.set(round, seat, decide(weights));
            }
        }
    }
    truth
}

/// The truth by the voters' weight for each answer. Half of all weight is needed to say that a provider was up, more than half that it
/// was not.
pub fn decide([none, offline, slow, good]: [u64; 4]) -> u8 {
    let (up, all) = (slow + good, none + offline + slow + good);
    if up != 0 && 2 * up >= all {
        return if good >= slow { GOOD } else { SLOW };
    }
    if 2 * offline > all { OFFLINE } else { NONE }
}
