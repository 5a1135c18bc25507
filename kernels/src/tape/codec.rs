//! The bytes of a tape.
//!
//! * header: `"ASSAYTP" ‖ version 1 u8 ‖ max units u16 ‖ weight tensors u16 ‖ operators u16 ‖ 0 u16`
//! * weight tensor: `kind u8 ‖ 0 × 3 ‖ rows u32 ‖ width u32 ‖ 0 × 4`
//! * operator: `opcode u8 ‖ shift u8 ‖ residual shift u8 ‖ 0 u8 ‖ a u16 ‖ b u16 ‖ c u16 ‖ d u16 ‖ x u32`

use super::{Operator, WeightKind, WeightTensor};
use crate::TapeError;

/// Bytes of a record.
pub const RECORD_LEN: usize = 16;

const MAGIC: [u8; 8] = *b"ASSAYTP\x01";

type Record = [u8; RECORD_LEN];

/// The fields that operators share.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Fields {
    opcode: u8,
    shift: u8,
    residual_shift: u8,
    refs: [u16; 4],
    x: u32,
}

pub(super) fn encode(max_units: u32, tensors: &[WeightTensor], operators: &[Operator]) -> Vec<u8> {
    let mut header = [0; RECORD_LEN];
    header[..8].copy_from_slice(&MAGIC);
    // A valid tape has at most 512 units and 65,535 of each list.
    header[8..10].copy_from_slice(&(max_units as u16).to_be_bytes());
    header[10..12].copy_from_slice(&(tensors.len() as u16).to_be_bytes());
    header[12..14].copy_from_slice(&(operators.len() as u16).to_be_bytes());
    let tensors = tensors.iter().map(|tensor| {
        let mut record = [0; RECORD_LEN];
        record[0] = tensor.kind as u8;
        record[4..8].copy_from_slice(&tensor.rows.to_be_bytes());
        record[8..12].copy_from_slice(&tensor.width.to_be_bytes());
        record
    });
    let operators = operators.iter().map(|operator| fields(operator).record());
    std::iter::once(header).chain(tensors).chain(operators).flatten().collect()
}

pub(super) fn decode(bytes: &[u8]) -> Result<(u32, Vec<WeightTensor>, Vec<Operator>), TapeError> {
    let fail = |at, reason| TapeError::Format { at, reason };
    let (records, rest) = bytes.as_chunks::<RECORD_LEN>();
    if !rest.is_empty() {
        return Err(fail(bytes.len(), "the length is no multiple of 16 bytes"));
    }
    let (header, records) = records.split_first().ok_or(fail(0, "there is no header"))?;
    if header[..8] != MAGIC {
        return Err(fail(0, "it does not begin with ASSAYTP and version 1"));
    }
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (max_units, tensors, operators) = (field(8), usize::from(field(10)), usize::from(field(12)));
    if field(14) != 0 {
        return Err(fail(14, "a reserved byte is not zero"));
    }
    if tensors + operators != records.len() {
        return Err(fail(10, "the number of records is not what the header says"));
    }
    let at = |record: usize| (1 + record) * RECORD_LEN;
    let (tensor_records, operator_records) = records.split_at(tensors);
    let decoded = tensor_records.iter().enumerate();
    let tensors_read =
        decoded.map(|(i, record)| tensor(record).map_err(|reason| fail(at(i), reason))).collect::<Result<_, _>>()?;
    let decoded = operator_records.iter().enumerate();
    let operators_read = decoded
        .map(|(i, record)| operator(record).map_err(|reason| fail(at(tensors + i), reason)))
        .collect::<Result<_, _>>()?;
    Ok((u32::from(max_units), tensors_read, operators_read))
}

fn tensor(record: &Record) -> Result<WeightTensor, &'static str> {
    let kind = match record[0] {
        1 => WeightKind::Words,
        2 => WeightKind::Positions,
        3 => WeightKind::Gains,
        4 => WeightKind::Linear,
        5 => WeightKind::Scales,
        _ => return Err("unknown kind of weight tensor"),
    };
    if record[1..4] != [0; 3] || record[12..] != [0; 4] {
        return Err("a reserved byte is not zero");
    }
    let field = |at: usize| u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    Ok(WeightTensor { kind, rows: field(4), width: field(8) })
}

impl Fields {
    fn record(self) -> Record {
        let mut record = [0; RECORD_LEN];
        record[..3].copy_from_slice(&[self.opcode, self.shift, self.residual_shift]);
        for (bytes, reference) in record[4..12].chunks_mut(2).zip(self.refs) {
            bytes.copy_from_slice(&reference.to_be_bytes());
        }
        record[12..].copy_from_slice(&self.x.to_be_bytes());
        record
    }

    fn read(record: &Record) -> Self {
        let reference = |i: usize| u16::from_be_bytes([record[4 + 2 * i], record[5 + 2 * i]]);
        let [.., a, b, c, d] = *record;
        Self {
            opcode: record[0],
            shift: record[1],
            residual_shift: record[2],
            refs: [reference(0), reference(1), reference(2), reference(3)],
            x: u32::from_be_bytes([a, b, c, d]),
        }
    }
}

fn fields(operator: &Operator) -> Fields {
    let make = |opcode, shift, refs| Fields { opcode, shift, refs, ..Fields::default() };
    match *operator {
        Operator::Ids { vocabulary } => Fields { x: vocabulary, ..make(1, 0, [0; 4]) },
        Operator::Embed { ids, words, positions, shift } => make(2, shift, [ids, words, positions, 0]),
        Operator::Norm { sum, gains, shift, transposed } => {
            Fields { x: transposed.into(), ..make(3, shift, [sum, gains, 0, 0]) }
        }
        Operator::Linear { input, weights, shift, transposed } => {
            Fields { x: transposed.into(), ..make(4, shift, [input, weights, 0, 0]) }
        }
        Operator::Residual { input, weights, residual, shift, residual_shift } => {
            Fields { residual_shift, ..make(5, shift, [input, weights, residual, 0]) }
        }
        Operator::Gelu { input, weights, shift } => make(6, shift, [input, weights, 0, 0]),
        Operator::Exp { q, k, scales, heads, shift } => Fields { x: heads.into(), ..make(7, shift, [q, k, scales, 0]) },
        Operator::Context { exp, v } => make(8, 0, [exp, v, 0, 0]),
        Operator::Pool { x } => make(9, 0, [x, 0, 0, 0]),
        Operator::Unit { pool } => make(10, 0, [pool, 0, 0, 0]),
        Operator::Prompt { vocabulary } => Fields { x: vocabulary, ..make(11, 0, [0; 4]) },
        Operator::Lookup { prompt, words, shift } => make(12, shift, [prompt, words, 0, 0]),
        Operator::Rms { stream, gains, shift } => make(13, shift, [stream, gains, 0, 0]),
        Operator::Rotary { input, weights, angles, shift } => make(14, shift, [input, weights, angles, 0]),
        Operator::Causal { q, k, scales, heads, shift } => {
            Fields { x: heads.into(), ..make(15, shift, [q, k, scales, 0]) }
        }
        Operator::Blend { exp, v } => make(16, 0, [exp, v, 0, 0]),
        Operator::Gated { input, gate, up, shift } => make(17, shift, [input, gate, up, 0]),
        Operator::Add { input, weights, stream, shift } => make(18, shift, [input, weights, stream, 0]),
        Operator::Choose { input, words, prompt, shift } => make(19, shift, [input, words, prompt, 0]),
    }
}

fn operator(record: &Record) -> Result<Operator, &'static str> {
    let read = Fields::read(record);
    let Fields { opcode, shift, residual_shift, refs: [a, b, c, _], x } = read;
    let flag = x == 1;
    let operator = match opcode {
        1 => Operator::Ids { vocabulary: x },
        2 => Operator::Embed { ids: a, words: b, positions: c, shift },
        3 => Operator::Norm { sum: a, gains: b, shift, transposed: flag },
        4 => Operator::Linear { input: a, weights: b, shift, transposed: flag },
        5 => Operator::Residual { input: a, weights: b, residual: c, shift, residual_shift },
        6 => Operator::Gelu { input: a, weights: b, shift },
        7 => Operator::Exp { q: a, k: b, scales: c, heads: x as u16, shift },
        8 => Operator::Context { exp: a, v: b },
        9 => Operator::Pool { x: a },
        10 => Operator::Unit { pool: a },
        11 => Operator::Prompt { vocabulary: x },
        12 => Operator::Lookup { prompt: a, words: b, shift },
        13 => Operator::Rms { stream: a, gains: b, shift },
        14 => Operator::Rotary { input: a, weights: b, angles: c, shift },
        15 => Operator::Causal { q: a, k: b, scales: c, heads: x as u16, shift },
        16 => Operator::Blend { exp: a, v: b },
        17 => Operator::Gated { input: a, gate: b, up: c, shift },
        18 => Operator::Add { input: a, weights: b, stream: c, shift },
        19 => Operator::Choose { input: a, words: b, prompt: c, shift },
        _ => return Err("unknown opcode"),
    };
    // One program has one encoding: what an operator does not use is zero.
    if fields(&operator).record() != *record {
        return Err("a field that the operator does not use is not zero, or a flag is neither 0 nor 1");
    }
    Ok(operator)
}
