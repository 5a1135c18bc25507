//! Lists as people write them: a row a line, columns between commas. Everything that is wrong is said at once.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    ops::RangeInclusive,
};

use alloy::primitives::{Address, B256, U256};

use crate::{Allowance, Promo};

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Counted from 1; 0: the file.
    pub line: usize,
    /// What, with the value and what was expected.
    pub message: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// An entry that people write as a line.
pub trait Line: crate::Entry {
    /// The columns' names, which the first line may hold.
    const HEADER: &'static str;

    /// The entry of a line's columns, of which there are as many as the header has.
    fn read(columns: &[&str]) -> Result<Self, String>;
}

impl Line for Allowance {
    const HEADER: &'static str = "address,allocation";

    fn read(columns: &[&str]) -> Result<Self, String> {
        Ok(Self { account: account(columns[0])?, allocation: number("allocation", columns[1], LICENCES)? })
    }
}

impl Line for Promo {
    const HEADER: &'static str = "code,discount,total";

    fn read(columns: &[&str]) -> Result<Self, String> {
        if columns[0].is_empty() || columns[0].len() > MAX_CODE {
            return Err(format!("code {:?}: expected 1 to {MAX_CODE} characters", columns[0]));
        }
        let discount = number("discount", columns[1], 1..=10_000)?;
        Ok(Self { code: Self::code_of(columns[0]), discount, total: number("total", columns[2], LICENCES)? })
    }
}

const MAX_CODE: usize = 64;
const LICENCES: RangeInclusive<u32> = 1..=u32::MAX;

/// Every entry of `text`, or everything that is wrong with it.
///
/// # Errors
/// Lines that are empty or malformed, and keys that come twice.
pub fn read<E: Line>(text: &str) -> Result<Vec<E>, Vec<LineError>> {
    let mut entries = Vec::new();
    let errors = read_lines(text, E::HEADER, &mut |columns| {
        let entry = E::read(columns)?;
        let key = entry.key();
        entries.push(entry);
        Ok(key)
    });
    if errors.is_empty() { Ok(entries) } else { Err(errors) }
}

/// Reads lines, each of which `read` makes a row of and returns its key; collects what is wrong. Not generic, so that it is compiled here
/// and as fast as this crate.
fn read_lines(text: &str, header: &str, read: &mut dyn FnMut(&[&str]) -> Result<B256, String>) -> Vec<LineError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut errors, mut seen) = (Vec::new(), HashMap::<B256, usize>::new());
    for (index, content) in text.lines().enumerate() {
        let (line, content) = (index + 1, content.trim());
        if line == 1 && content.replace(' ', "").eq_ignore_ascii_case(header) {
            continue;
        }
        match columns(content, header).and_then(|columns| read(&columns)) {
            Ok(key) => match seen.entry(key) {
                Entry::Vacant(place) => _ = place.insert(line),
                Entry::Occupied(mut place) => {
                    let what = header.split(',').next().unwrap_or_default();
                    let (first, text) = (place.insert(line), content.split(',').next().unwrap_or(""));
                    errors.push(LineError { line, message: format!("{what} {text} is on line {first} already") });
                }
            },
            Err(message) => errors.push(LineError { line, message }),
        }
    }
    if seen.is_empty() && errors.is_empty() {
        errors.push(LineError { line: 0, message: format!("there are no rows, expected {header}") });
    }
    errors
}

fn columns<'a>(content: &'a str, header: &str) -> Result<Vec<&'a str>, String> {
    if content.is_empty() {
        return Err(format!("the line is empty, expected {header}"));
    }
    let columns: Vec<_> = content.split(',').map(str::trim).collect();
    if columns.len() != header.split(',').count() {
        return Err(format!("{} columns, expected {header}", columns.len()));
    }
    Ok(columns)
}

/// An address. One of mixed case carries a checksum (EIP-55), which must be right.
fn account(text: &str) -> Result<Address, String> {
    let address: Address = match text.strip_prefix("0x").map(|_| text.parse()) {
        Some(Ok(address)) => address,
        _ => return Err(format!("address {text:?}: expected 0x and 40 hexadecimal digits")),
    };
    let digits = &text[2..];
    let mixed =
        digits.bytes().any(|digit| digit.is_ascii_lowercase()) && digits.bytes().any(|d| d.is_ascii_uppercase());
    if mixed && address.to_checksum(None) != text {
        return Err(format!("address {text}: its checksum is wrong; if the address is right, it is written {address}"));
    }
    if address.is_zero() {
        return Err("address 0x0…0 buys nothing, expected a buyer's".into());
    }
    Ok(address)
}

fn number(what: &str, text: &str, range: RangeInclusive<u32>) -> Result<U256, String> {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(number) if digits && range.contains(&number) => Ok(U256::from(number)),
        _ => Err(format!("{what} {text:?}: expected a whole number from {} to {}", range.start(), range.end())),
    }
}
