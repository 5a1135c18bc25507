//! What a publisher stores, so that anybody computes an epoch and answers for its trees.
//!
//! All numbers are big-endian, but those marked *short*: seven bits a byte, the lowest first, the highest bit set in all but the last
//! byte, and no longer than they must be. Every value has one form, so the bytes may be named by their hash.
//!
//! ```text
//! inputs    "assay.uptime" 01, epoch u32, seed 32, rounds u16, seats u16,
//!           occupied: ceil(seats / 8), seat s in byte s / 8 at bit s % 8,
//!           operators: short count, each short (2 * delegated + silent),
//!           reveals: short count, each short operator (from 0, rising), answers: rounds * ceil(seats / 4),
//!           voters: short count, each short operator (from 0),
//!           licences: short count, runs of neighbours alike: short length, short operator (from 1, 0: nobody), short rate
//! rewards   "assay.reward" 01, epoch u32, count u32, cumulative: u96 each
//! ```
//!
//! Leaves of shares need no form of their own: they follow from the inputs.

use crate::{
    Hash, Inputs, Rewards,
    rewards::MASK,
    uptime::{
        BadInputs, MAX_NUMBERS, MAX_OPERATORS, MAX_ROUNDS, MAX_SEATS, MAX_VOTERS, Operator, Reveal, Run,
        answers::{Answers, round_bytes},
    },
};

const INPUTS: &[u8; 12] = b"assay.uptime";
const REWARDS: &[u8; 12] = b"assay.reward";
const VERSION: u8 = 1;
/// Bytes of a cumulative reward.
const AMOUNT: usize = 12;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBytes {
    /// They are something else.
    #[error("they do not begin with {expected:?}")]
    Other {
        /// What they should begin with.
        expected: &'static str,
    },
    /// They are of another version.
    #[error("version {found}, expected {VERSION}")]
    Version {
        /// Theirs.
        found: u8,
    },
    /// They end too early.
    #[error("they end at byte {at}, within {what}")]
    Short {
        /// Where.
        at: usize,
        /// What was read.
        what: &'static str,
    },
    /// They go on.
    #[error("{more} bytes after the end")]
    Long {
        /// How many too many.
        more: usize,
    },
    /// A number is too large, or not in its one form.
    #[error("{what} before byte {at}: {value}, expected {expected}")]
    Value {
        /// What was read.
        what: &'static str,
        /// Where it ends.
        at: usize,
        /// What it is.
        value: u64,
        /// What it can be.
        expected: String,
    },
    /// They are whole, and no epoch can be so.
    #[error(transparent)]
    Inputs(#[from] BadInputs),
}

/// Writes an epoch's inputs.
///
/// # Errors
/// When no epoch can have them.
pub fn write_inputs(inputs: &Inputs) -> Result<Vec<u8>, BadInputs> {
    inputs.check()?;
    let mut out = begin(INPUTS, inputs.epoch);
    out.extend(inputs.seed);
    out.extend((inputs.rounds as u16).to_be_bytes());
    out.extend((inputs.seats() as u16).to_be_bytes());
    let bit = |(at, occupied): (usize, &bool)| u8::from(*occupied) << at;
    out.extend(inputs.occupied.chunks(8).map(|seats| seats.iter().enumerate().map(bit).sum::<u8>()));
    short(&mut out, inputs.operators.len() as u64);
    for operator in &inputs.operators {
        short(&mut out, 2 * u64::from(operator.delegated) + u64::from(operator.silent));
    }
    short(&mut out, inputs.reveals.len() as u64);
    for reveal in &inputs.reveals {
        short(&mut out, u64::from(reveal.operator - inputs.licenses() - 1));
        out.extend(reveal.answers.bytes());
    }
    short(&mut out, inputs.voters.len() as u64);
    for voter in &inputs.voters {
        short(&mut out, u64::from(voter - inputs.licenses() - 1));
    }
    short(&mut out, inputs.runs.len() as u64);
    for alike in inputs.runs.chunk_by(|a, b| a == b) {
        let Run { operator, rate } = alike[0];
        short(&mut out, alike.len() as u64);
        short(&mut out, u64::from(operator.saturating_sub(inputs.licenses())));
        short(&mut out, rate.into());
    }
    Ok(out)
}

/// Reads an epoch's inputs.
///
/// # Errors
/// When they are not what [`write_inputs`] writes.
pub fn read_inputs(bytes: &[u8]) -> Result<Inputs, BadBytes> {
    let mut reader = Reader::begin(bytes, INPUTS, "assay.uptime")?;
    let epoch = u32::from_be_bytes(reader.array("the epoch")?);
    let seed: Hash = reader.array("the seed")?;
    let rounds = u32::from(u16::from_be_bytes(reader.array("the rounds")?));
    reader.within("rounds", rounds.into(), 1, MAX_ROUNDS.into())?;
    let seats = u32::from(u16::from_be_bytes(reader.array("the seats")?));
    reader.within("seats", seats.into(), 0, MAX_SEATS.into())?;
    let occupied = reader.seats(seats as usize)?;
    let count = reader.short("the number of operators", 0, MAX_OPERATORS as u64)?;
    let operator = |packed: u64| Operator { delegated: (packed / 2) as u32, silent: packed % 2 == 1 };
    let packed = u64::from(u32::MAX) * 2 + 1;
    let operators: Vec<_> =
        (0..count).map(|_| reader.short("an operator", 0, packed).map(operator)).collect::<Result<_, _>>()?;
    let revealed = reader.short("the number of reveals", 0, count)?;
    let mut reveals = Vec::new();
    for _ in 0..revealed {
        let operator = reader.short("a reveal's operator", 0, count.saturating_sub(1))?;
        let answers = reader.take(rounds as usize * round_bytes(seats), "a reveal's answers")?.to_vec();
        let answers = Answers::from_bytes(rounds, seats, answers);
        let beyond = || reader.bad("answers of operator", operator, "zeros beyond the last seat".into());
        reveals.push((operator as u32, answers.ok_or_else(beyond)?));
    }
    let voting = reader.short("the number of voters", 0, (MAX_VOTERS as u64).min(revealed))?;
    let voters: Vec<_> =
        (0..voting).map(|_| reader.short("a voter", 0, count.saturating_sub(1))).collect::<Result<_, _>>()?;
    let licenses = reader.short("the number of licences", 1, (MAX_NUMBERS - operators.len()) as u64)?;
    let runs = reader.runs(licenses, count)?;
    reader.end()?;
    let number = |index: u32| licenses as u32 + 1 + index;
    let reveals = reveals.into_iter().map(|(index, answers)| Reveal { operator: number(index), answers }).collect();
    let voters = voters.into_iter().map(|index| number(index as u32)).collect();
    let inputs = Inputs { epoch, seed, rounds, occupied, operators, reveals, voters, runs };
    inputs.check()?;
    Ok(inputs)
}

/// Writes what everybody has earned up to `epoch`.
pub fn write_rewards(epoch: u32, rewards: &Rewards) -> Vec<u8> {
    let mut out = begin(REWARDS, epoch);
    out.extend((rewards.cumulative().len() as u32).to_be_bytes());
    for amount in rewards.cumulative() {
        out.extend(&amount.to_be_bytes()[16 - AMOUNT..]);
    }
    out
}

/// Reads what everybody has earned up to an epoch, which comes first.
///
/// # Errors
/// When it is not what [`write_rewards`] writes.
pub fn read_rewards(bytes: &[u8]) -> Result<(u32, Rewards), BadBytes> {
    let mut reader = Reader::begin(bytes, REWARDS, "assay.reward")?;
    let epoch = u32::from_be_bytes(reader.array("the epoch")?);
    let count = u64::from(u32::from_be_bytes(reader.array("the number of rewards")?));
    reader.within("the number of rewards", count, 0, MAX_NUMBERS as u64)?;
    let amounts = reader.take(count as usize * AMOUNT, "the rewards")?;
    reader.end()?;
    let amount = |bytes: &[u8; AMOUNT]| bytes.iter().fold(0, |sum: u128, byte| sum << 8 | u128::from(*byte)) & MASK;
    Ok((epoch, Rewards::from_cumulative(amounts.as_chunks().0.iter().map(amount).collect())))
}

fn begin(name: &[u8], epoch: u32) -> Vec<u8> {
    let mut out = name.to_vec();
    out.push(VERSION);
    out.extend(epoch.to_be_bytes());
    out
}

fn short(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Reader<'a> {
    left: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    fn begin(bytes: &'a [u8], name: &[u8], expected: &'static str) -> Result<Self, BadBytes> {
        let left = bytes.strip_prefix(name).ok_or(BadBytes::Other { expected })?;
        let mut reader = Self { left, length: bytes.len() };
        match reader.array("the version")? {
            [VERSION] => Ok(reader),
            [found] => Err(BadBytes::Version { found }),
        }
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], BadBytes> {
        let short = BadBytes::Short { at: self.length, what };
        let (taken, left) = self.left.split_at_checked(length).ok_or(short)?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], BadBytes> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn within(&self, what: &'static str, value: u64, least: u64, most: u64) -> Result<u64, BadBytes> {
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        Err(self.bad(what, value, format!("{least} to {most}")))
    }

    fn bad(&self, what: &'static str, value: u64, expected: String) -> BadBytes {
        BadBytes::Value { what, at: self.length - self.left.len(), value, expected }
    }

    fn short(&mut self, what: &'static str, least: u64, most: u64) -> Result<u64, BadBytes> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array(what)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift != 0 {
                    return Err(self.bad(what, number, "its shortest form".into()));
                }
                return self.within(what, number, least, most);
            }
        }
        Err(self.bad(what, number, "at most five bytes".into()))
    }

    fn seats(&mut self, count: usize) -> Result<Vec<bool>, BadBytes> {
        let bytes = self.take(count.div_ceil(8), "the occupied seats")?;
        let mut seats: Vec<_> = (0..8 * bytes.len()).map(|seat| bytes[seat / 8] >> (seat % 8) & 1 == 1).collect();
        if let Some(beyond) = seats.iter().skip(count).position(|occupied| *occupied) {
            return Err(self.bad("an occupied seat", (count + beyond) as u64, format!("below {count}")));
        }
        seats.truncate(count);
        Ok(seats)
    }

    fn runs(&mut self, licenses: u64, operators: u64) -> Result<Vec<Run>, BadBytes> {
        let mut runs: Vec<Run> = Vec::new();
        while (runs.len() as u64) < licenses {
            let alike = self.short("licences run alike", 1, licenses - runs.len() as u64)?;
            let operator = self.short("a licence's operator", 0, operators)? as u32;
            let rate = self.short("a licence's rate", 0, crate::uptime::BASIS)? as u16;
            let run = Run { operator: if operator == 0 { 0 } else { licenses as u32 + operator }, rate };
            if runs.last() == Some(&run) {
                return Err(self.bad("licences run alike", alike, "one run with those before".into()));
            }
            runs.resize(runs.len() + alike as usize, run);
        }
        Ok(runs)
    }

    fn end(self) -> Result<(), BadBytes> {
        if self.left.is_empty() { Ok(()) } else { Err(BadBytes::Long { more: self.left.len() }) }
    }
}
