//! What an operator owes in an epoch, and what of that is sealed and revealed.

use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    sol_types::SolValue,
};
use assay_contracts::{
    Attestations::Evidence,
    Network,
    network::{
        History, Seat,
        hashes::{Sealed, seal_hash},
    },
};
use assay_epochs::uptime::answers::{Answers, audited, evidence_tree, is_up};

use super::answers::{Answer, Frozen};

/// From so many seats on it is likelier that nobody reached this machine than that it reached nobody.
const MANY: usize = 3;

/// An epoch in which the key attests for an operator that runs licences.
#[derive(Debug, Clone)]
pub(crate) struct Duty {
    pub(crate) epoch: u32,
    pub(crate) operator: u32,
    pub(crate) seats: Vec<Option<Seat>>,
    rounds: u32,
}

/// Why there is nothing to do in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idle {
    /// The key is no operator's.
    NotTheKey,
    /// The operator runs no licence.
    NoLicenses,
    /// There is nobody to examine.
    NoSeats,
}

impl Idle {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotTheKey => "the key attests for no operator",
            Self::NoLicenses => "the operator runs no licence",
            Self::NoSeats => "there is no seat",
        }
    }
}

impl Duty {
    /// The duty of a key in an epoch that has begun; of the operator `only`, if one is named.
    pub(crate) fn of(
        network: &Network,
        history: &History,
        epoch: u32,
        key: Address,
        only: Option<u32>,
    ) -> Result<Self, Idle> {
        let mut attesters = history.attesters(epoch).zip(history.delegated_in(epoch));
        let mine = |number| only.is_none_or(|only| only == number);
        let found = attesters.find(|(operator, _)| operator.key == key && mine(operator.number));
        let (operator, delegated) = found.ok_or(Idle::NotTheKey)?;
        if delegated == 0 {
            return Err(Idle::NoLicenses);
        }
        let seats: Vec<_> = (0..history.seats_in(epoch)).map(|seat| history.seat_in(seat, epoch).cloned()).collect();
        if seats.is_empty() {
            return Err(Idle::NoSeats);
        }
        Ok(Self { epoch, operator: operator.number, seats, rounds: network.terms.exam.rounds.into() })
    }

    fn key_of(&self, seat: u32) -> Option<Address> {
        self.seats.get(seat as usize)?.as_ref().map(|seat| seat.key)
    }

    /// Names the seats by who answers in them: another hash after a reorganisation means other seats.
    pub(crate) fn seats_hash(&self) -> B256 {
        let keys: Vec<_> = (0..self.seats.len() as u32).map(|seat| self.key_of(seat).unwrap_or_default()).collect();
        keccak256(keys.abi_encode())
    }

    /// What to seal of these answers. Those of seats that are somebody else's now are left out, and rounds in which nobody of many was
    /// up: to call all of them offline because this machine was is what strikes are for.
    pub(crate) fn freeze(&self, answers: &[Answer], salt: B256) -> Frozen {
        let mut said = Answers::empty(self.rounds, self.seats.len() as u32);
        for round in 0..self.rounds {
            let stands = |answer: &&Answer| answer.round == round && self.key_of(answer.seat) == Some(answer.key);
            let of_round: Vec<_> = answers.iter().filter(stands).collect();
            if of_round.len() < MANY || of_round.iter().any(|answer| is_up(answer.answer)) {
                of_round.iter().for_each(|answer| said.set(round, answer.seat, answer.answer));
            }
        }
        let evidence = evidence_tree(&self.signatures(&said, answers)).root().into();
        Frozen { seats: self.seats_hash(), answers: said.bytes().to_vec(), evidence, salt }
    }

    /// Signatures by place; empty where nothing that was said needs one.
    fn signatures(&self, said: &Answers, answers: &[Answer]) -> Vec<Vec<u8>> {
        let seats = said.seats();
        let mut signatures = vec![Vec::new(); (said.rounds() * seats) as usize];
        for answer in answers {
            let within = answer.round < said.rounds() && answer.seat < seats;
            if let Some(word) = answer.word.as_ref().filter(|_| within)
                && is_up(said.get(answer.round, answer.seat))
            {
                signatures[(answer.round * seats + answer.seat) as usize].clone_from(&word.signature);
            }
        }
        signatures
    }

    /// What `Attestations.seal` takes.
    pub(crate) fn seal(&self, network: &Network, chain_id: u64, frozen: &Frozen) -> Option<B256> {
        let said = Answers::from_bytes(self.rounds, self.seats.len() as u32, frozen.answers.clone())?;
        let sealed = Sealed {
            epoch: self.epoch,
            operator: self.operator,
            answers: said.tree().root().into(),
            evidence: frozen.evidence,
            salt: frozen.salt,
        };
        Some(seal_hash(chain_id, network.attestations, &sealed))
    }

    /// The signatures that the reveal must show once the next epoch's seed is drawn; `None` when one of them is not there.
    pub(crate) fn audits(
        &self,
        network: &Network,
        frozen: &Frozen,
        answers: &[Answer],
        next_seed: &B256,
    ) -> Option<Vec<Evidence>> {
        let seats = self.seats.len() as u32;
        let said = Answers::from_bytes(self.rounds, seats, frozen.answers.clone())?;
        let tree = evidence_tree(&self.signatures(&said, answers));
        if tree.root() != frozen.evidence.0 {
            return None;
        }
        let drawn = audited(&said, &next_seed.0, self.operator, network.terms.exam.audits.into());
        let shown = drawn.into_iter().map(|(round, seat)| {
            let answer = answers.iter().find(|answer| (answer.round, answer.seat) == (round, seat))?;
            let word = answer.word.as_ref()?;
            let position = round * seats + seat;
            let proof = tree.proof(position as usize).into_iter().map(B256::from).collect();
            Some(Evidence { position, result: word.result, signature: Bytes::from(word.signature.clone()), proof })
        });
        shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use assay_epochs::uptime::answers::{GOOD, NONE, OFFLINE, SLOW};

    use super::*;
    use crate::checker::answers::Word;

    fn duty(seats: u8) -> Duty {
        let seat = |key| {
            let key = Address::repeat_byte(key);
            Some(Seat { provider: key, key, endpoint: String::new() })
        };
        Duty { epoch: 1, operator: 26, seats: (1..=seats).map(seat).collect(), rounds: 2 }
    }

    fn answer(round: u32, seat: u32, answer: u8) -> Answer {
        let word = is_up(answer).then(|| Word { result: B256::ZERO, signature: vec![seat as u8; 65] });
        let key = Address::repeat_byte(seat as u8 + 1);
        Answer { round, seat, key, answer, word, latency: None, reason: None }
    }

    fn said(duty: &Duty, answers: &[Answer]) -> Vec<Vec<u8>> {
        let frozen = duty.freeze(answers, B256::ZERO);
        let said = Answers::from_bytes(2, duty.seats.len() as u32, frozen.answers).unwrap();
        (0..2).map(|round| (0..said.seats()).map(|seat| said.get(round, seat)).collect()).collect()
    }

    #[test]
    fn a_round_in_which_nobody_of_many_was_reached_says_nothing() {
        let all = |seats: u32, answers: &[u8]| {
            (0..seats).zip(answers).map(|(seat, code)| answer(0, seat, *code)).collect::<Vec<_>>()
        };
        assert_eq!(said(&duty(3), &all(3, &[OFFLINE; 3])), [[NONE; 3]; 2]);
        assert_eq!(said(&duty(3), &all(3, &[OFFLINE, SLOW, OFFLINE]))[0], [OFFLINE, SLOW, OFFLINE]);
        assert_eq!(said(&duty(2), &all(2, &[OFFLINE; 2]))[0], [OFFLINE; 2], "two may well be");
        assert_eq!(said(&duty(3), &all(2, &[OFFLINE; 2]))[0], [OFFLINE, OFFLINE, NONE]);
    }

    #[test]
    fn answers_of_a_seat_are_those_of_its_key() {
        let mut moved = duty(2);
        let answers = [answer(0, 0, GOOD), answer(1, 0, OFFLINE), answer(0, 1, GOOD), answer(9, 1, GOOD)];
        let before = moved.freeze(&answers, B256::ZERO);
        assert_eq!(said(&moved, &answers), [[GOOD, GOOD], [OFFLINE, NONE]]);
        moved.seats[0].as_mut().unwrap().key = Address::ZERO;
        assert_eq!(said(&moved, &answers), [[NONE, GOOD], [NONE, NONE]]);
        let after = moved.freeze(&answers, B256::ZERO);
        assert_ne!((before.seats, before.evidence), (after.seats, after.evidence));
        moved.seats.push(None);
        assert_eq!(said(&moved, &answers)[0], [NONE, GOOD, NONE]);
    }
}
