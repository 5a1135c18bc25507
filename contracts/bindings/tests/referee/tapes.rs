//! The compiled `ProgramRegistry` against the backend's rules: both take the same tapes, and refuse the others at the same
//! place.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Bytes, U256},
    sol_types::{SolCall, SolInterface},
};
use assay_contracts::ProgramRegistry::{self, ProgramRegistryErrors as Errors, registerCall};
use assay_evm::Contract;
use assay_kernels::{
    TapeError,
    tape::{RECORD_LEN, Tape},
};

use crate::{
    decoders,
    random::{Random, TENSORS, Widths},
    task::deployed,
};

/// Tapes that are asked about.
const TAPES: usize = 40_000;

/// More than the longest tape here may cost.
const GAS_LIMIT: u64 = 100_000_000;

/// Reasons for which bytes are refused: all that there are.
const REASONS: usize = 68;

/// Tapes that are refused for each of them, at least.
const EACH_REASON: usize = 3;

/// Where a tape is refused: offset in the bytes, position of the tensor, position of the operator.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Format(u64),
    Tensor(u64),
    Operator(u64),
}

fn ours(tape: &[u8]) -> Result<(), (Place, &'static str)> {
    match Tape::decode(tape) {
        Ok(_) => Ok(()),
        Err(TapeError::Format { at, reason }) => Err((Place::Format(at as u64), reason)),
        Err(TapeError::Tensor { tensor, reason }) => Err((Place::Tensor(tensor as u64), reason)),
        Err(TapeError::Operator { operator, reason }) => Err((Place::Operator(operator as u64), reason)),
        Err(other) => panic!("{other}"),
    }
}

fn theirs(registry: &Contract, tape: &[u8]) -> Result<(), Place> {
    let call = registerCall { tape: Bytes::copy_from_slice(tape) };
    registry.writes(call.abi_encode().into(), GAS_LIMIT).map_err(|error| {
        let number = |at: U256| at.to::<u64>();
        match Errors::abi_decode(&error) {
            Ok(Errors::ProgramRegistry_BadFormat(error)) => Place::Format(number(error.offset)),
            Ok(Errors::ProgramRegistry_BadTensor(error)) => Place::Tensor(number(error.tensor)),
            Ok(Errors::ProgramRegistry_BadOperator(error)) => Place::Operator(number(error.operator)),
            other => panic!("the registry reverts with {error}: {other:?}"),
        }
    })
}

/// A number near a bound of some rule, or small, or any.
fn number(random: &mut Random) -> u32 {
    const BOUNDS: [u32; 12] = [1, 4, 16, 30, 61, 64, 256, 257, 512, 2048, 8192, 65_536];
    match random.below(8) {
        0 => random.magnitude(u32::MAX.into()) as u32,
        1..4 => random.below(32) as u32,
        _ => BOUNDS[random.below(BOUNDS.len())].wrapping_add_signed([-4, -1, 0, 1, 4][random.below(5)]),
    }
}

/// Changes a tape: a byte, a field, one number wherever it stands, the order or the number of records.
fn mutate(random: &mut Random, tape: &mut Vec<u8>) {
    let records = tape.len() / RECORD_LEN;
    if records <= 1 + TENSORS {
        return tape.push(0);
    }
    let mut record = |from: usize| RECORD_LEN * random.within(from as i64, records as i64 - 1) as usize;
    let (one, other, operator) = (record(1), record(1), record(1 + TENSORS));
    match random.below(16) {
        0 => tape[random.below(records * RECORD_LEN)] ^= 1 << random.below(8),
        1 if random.one_in(2) => tape[one] = random.below(21) as u8,
        // What an encoder has becomes what a decoder has in its place.
        1 => tape[operator] ^= 8,
        2 | 3 => tape[operator + 1] = random.within(16, 30) as u8,
        4 => tape[operator + 1 + random.below(2)] = number(random) as u8,
        5 | 6 => {
            let (field, position) = (operator + 4 + 2 * random.below(3), random.below(records) as u16);
            tape[field..field + 2].copy_from_slice(&position.to_be_bytes());
        }
        7 => {
            let (field, number) = (one + [4, 8, 12][random.below(3)], number(random));
            tape[field..field + 4].copy_from_slice(&number.to_be_bytes());
        }
        // One width becomes another, and fits itself everywhere.
        8..12 => {
            let field = RECORD_LEN * random.within(1, TENSORS as i64) as usize + 4 * random.within(1, 2) as usize;
            let (old, new) = (tape[field..field + 4].to_vec(), number(random).to_be_bytes());
            tape.chunks_mut(4).filter(|word| *word == old).for_each(|word| word.copy_from_slice(&new));
        }
        12 => tape[8..10].copy_from_slice(&(number(random) as u16).to_be_bytes()),
        13 if random.one_in(2) => {
            let vocabulary = [0u32, 0xffff, 0x1_0000, 0x1_0001][random.below(4)];
            tape[RECORD_LEN * (2 + TENSORS) - 4..][..4].copy_from_slice(&vocabulary.to_be_bytes());
        }
        13 => tape[8 + random.below(8)] = random.below(20) as u8,
        // The values get as many channels as there can be.
        14 if random.one_in(4) => tape[6 * RECORD_LEN + 4..][..4].copy_from_slice(&512u32.to_be_bytes()),
        14 => (0..RECORD_LEN).for_each(|byte| tape.swap(one + byte, other + byte)),
        // Fewer records, as the header says or not, and perhaps a part of one.
        _ => {
            let kept = random.within(0, records as i64 - 1) as usize;
            if kept > TENSORS && !random.one_in(4) {
                tape[12..14].copy_from_slice(&((kept - TENSORS - 1) as u16).to_be_bytes());
            }
            tape.truncate(kept * RECORD_LEN + usize::from(random.one_in(8)));
        }
    }
}

/// Puts a copy of an operator, with another shift, before a later one. What comes behind it reads what it did.
fn repeat(random: &mut Random, tape: &mut Vec<u8>) {
    let first = RECORD_LEN * (1 + TENSORS);
    let operators = (tape.len() - first) / RECORD_LEN;
    let from = random.within(1, operators as i64 - 2) as usize;
    let to = random.within(from as i64 + 1, operators as i64 - 1) as usize;
    let mut copy = tape[first + from * RECORD_LEN..][..RECORD_LEN].to_vec();
    if random.one_in(2) && copy[1] != 0 {
        copy[1] = random.within(16, 30) as u8;
    }
    for operator in tape[first + to * RECORD_LEN..].chunks_mut(RECORD_LEN) {
        for operand in operands(operator[0]) {
            let field = 4 + 2 * operand;
            let position = u16::from_be_bytes([operator[field], operator[field + 1]]);
            let position = position + u16::from(usize::from(position) >= to);
            operator[field..field + 2].copy_from_slice(&position.to_be_bytes());
        }
    }
    tape.splice(first + to * RECORD_LEN..first + to * RECORD_LEN, copy);
    tape[12..14].copy_from_slice(&(operators as u16 + 1).to_be_bytes());
}

/// Which of the fields a, b and c of an opcode are positions of operators.
fn operands(opcode: u8) -> &'static [usize] {
    match opcode {
        5 => &[0, 2],
        7 | 8 | 15 | 16 => &[0, 1],
        18 | 19 => &[0, 2],
        _ => &[0],
    }
}

/// A valid tape, long or short.
fn valid(random: &mut Random) -> Vec<u8> {
    let widths = if random.one_in(4) { Widths { queries: 2000, ..Widths::longest() } } else { Widths::short(random) };
    let tape = if random.one_in(2) { widths.tape(random) } else { decoders::tape(random) };
    let mut tape = tape.encode();
    for _ in 0..random.below(4) {
        repeat(random, &mut tape);
    }
    tape
}

#[test]
fn the_registry_takes_what_the_backend_takes() {
    let registry = deployed("ASSAY_REGISTRY_CODE", &ProgramRegistry::DEPLOYED_BYTECODE);
    let mut random = Random(6);
    let (mut taken, mut reasons) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for _ in 0..TAPES {
        let mut tape = valid(&mut random);
        let unchanged = tape.clone();
        for _ in 0..random.below(3) {
            mutate(&mut random, &mut tape);
        }
        let (ours, theirs) = (ours(&tape), theirs(&registry, &tape));
        match (&ours, &theirs) {
            (Ok(()), Ok(())) => *taken.entry(if tape == unchanged { "made" } else { "changed" }).or_default() += 1,
            (Err((place, reason)), Err(other)) if place == other => *reasons.entry(reason).or_default() += 1,
            _ => panic!("{ours:?} here, {theirs:?} on chain: {}", Bytes::from(tape)),
        }
    }
    let refused: usize = reasons.values().sum();
    println!("{taken:#?} {refused} refused: {reasons:#?}");
    assert!(taken["made"] > TAPES / 4 && taken["changed"] > TAPES / 20, "{taken:?}");
    assert!(refused > TAPES / 4, "{refused}");
    assert_eq!(reasons.len(), REASONS, "{reasons:?}");
    assert!(reasons.values().all(|&times| times >= EACH_REASON), "{reasons:?}");
}

/// The tape with one number for another wherever it stands.
fn replaced(tape: &[u8], old: u32, new: u32) -> Vec<u8> {
    let mut tape = tape.to_vec();
    let words = tape[RECORD_LEN..].chunks_mut(4);
    words.filter(|word| **word == old.to_be_bytes()).for_each(|word| word.copy_from_slice(&new.to_be_bytes()));
    tape
}

/// Tapes on both sides of the bound of each rule about lengths: of each number every fourth value.
#[test]
fn lengths_are_bounded_alike() {
    let registry = deployed("ASSAY_REGISTRY_CODE", &ProgramRegistry::DEPLOYED_BYTECODE);
    let mut random = Random(7);
    let mut refused = BTreeSet::new();
    for tape in [Widths::longest().tape(&mut random), decoders::tape(&mut random)] {
        let (operators, tape) = (tape.operators(), tape.encode());
        let numbers = tape[RECORD_LEN..(1 + TENSORS) * RECORD_LEN].chunks(4).skip(1);
        let numbers: BTreeSet<u32> = numbers.map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        let numbers = numbers.into_iter().filter(|old| (4..1 << 16).contains(old));
        for (old, new) in numbers.flat_map(|old| (4..8_400).step_by(4).map(move |new| (old, new))) {
            let changed = replaced(&tape, old, new);
            let ours = ours(&changed);
            assert_eq!(ours.as_ref().map_err(|(place, _)| place), theirs(&registry, &changed).as_ref().map(|()| &()));
            if let Err((Place::Operator(at), reason)) = ours
                && reason.starts_with("an element depends on")
            {
                let name = format!("{:?}", operators[at as usize]);
                refused.insert(name.split(' ').next().unwrap_or_default().to_owned());
            }
        }
    }
    assert!(["Add", "Rotary"].iter().all(|name| refused.contains(*name)), "{refused:?}");
}
