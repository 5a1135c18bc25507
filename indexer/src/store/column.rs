//! How values become SQLite columns: fixed-width blobs for hashes, addresses and amounts, integers for the rest.

use alloy::primitives::{Address, B256, U256};
use serde::{Serialize, Serializer, de::DeserializeOwned};
use sqlx::{
    Row as _, Sqlite,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::ops::{Deref, DerefMut};

/// A 256-bit amount in a token's smallest part. 32 big-endian bytes in the tables, a decimal string in JSON, so that no
/// reader ever puts it through a floating-point number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub U256);

impl Amount {
    /// Adds `value`; an event that overflows 256 bits cannot come from the suite, so saturation is never seen.
    pub fn add(&mut self, value: impl TryInto<U256, Error: std::fmt::Debug>) {
        self.0 = self.0.saturating_add(value.try_into().expect("amounts fit 256 bits"));
    }

    /// Takes `value` away, to zero at least.
    pub fn sub(&mut self, value: impl TryInto<U256, Error: std::fmt::Debug>) {
        self.0 = self.0.saturating_sub(value.try_into().expect("amounts fit 256 bits"));
    }
}

impl From<U256> for Amount {
    fn from(value: U256) -> Self {
        Self(value)
    }
}

impl From<u128> for Amount {
    fn from(value: u128) -> Self {
        Self(U256::from(value))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Where an event stands: its block and its index among that block's logs. Orders as the chain does, and is one integer
/// (`block << 24 | log index`), so that it serves as primary key and as page cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

impl Position {
    const LOG_BITS: u32 = 24;

    /// The position of log `log_index` of `block`; none when they exceed 2^39 blocks or 2^24 logs.
    pub fn new(block: u64, log_index: u64) -> Option<Self> {
        let fits = block < 1 << (63 - Self::LOG_BITS) && log_index < 1 << Self::LOG_BITS;
        fits.then_some(Self((block << Self::LOG_BITS | log_index) as i64))
    }

    /// The first position that lies after every log of `block`.
    pub fn after_block(block: u64) -> Self {
        Self::new(block + 1, 0).unwrap_or(Self(i64::MAX))
    }

    /// The block's number.
    pub fn block(self) -> u64 {
        self.0 as u64 >> Self::LOG_BITS
    }

    /// The index among the block's logs.
    pub fn log_index(self) -> u64 {
        self.0 as u64 & ((1 << Self::LOG_BITS) - 1)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.block(), self.log_index())
    }
}

impl std::str::FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (block, log_index) = text.split_once('-').ok_or(())?;
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| ()),
            false => Err(()),
        };
        Self::new(number(block)?, number(log_index)?).ok_or(())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A column that holds JSON text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A value that is one SQLite column.
pub(crate) trait Column: Sized {
    /// Appends the value to the arguments of a statement.
    fn put(&self, arguments: &mut SqliteArguments);
    /// Reads column `index`.
    fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error>;
}

/// Adds one argument; encoding the types used here cannot fail.
fn push<'q, T: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite>>(arguments: &mut SqliteArguments, value: T) {
    sqlx::Arguments::add(arguments, value).expect("blobs, texts and integers always encode");
}

fn malformed(index: usize, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: index.to_string(), source: what.into() }
}

macro_rules! bytes_column {
    ($($ty:ty, $width:literal, $read:expr, $write:expr;)*) => {$(
        impl Column for $ty {
            fn put(&self, arguments: &mut SqliteArguments) {
                let write: fn(&$ty) -> Vec<u8> = $write;
                push(arguments, write(self));
            }

            fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
                let bytes: Vec<u8> = row.try_get(index)?;
                let fixed: [u8; $width] = bytes
                    .try_into()
                    .map_err(|bytes: Vec<u8>| malformed(index, format!("{} bytes, expected {}", bytes.len(), $width)))?;
                let read: fn([u8; $width]) -> $ty = $read;
                Ok(read(fixed))
            }
        }
    )*};
}

bytes_column! {
    B256, 32, B256::from, |value| value.to_vec();
    Address, 20, Address::from, |value| value.to_vec();
    Amount, 32, |bytes| Amount(U256::from_be_bytes(bytes)), |value| value.0.to_be_bytes_vec();
}

macro_rules! integer_column {
    ($($ty:ty),*) => {$(
        impl Column for $ty {
            fn put(&self, arguments: &mut SqliteArguments) {
                push(arguments, *self as i64);
            }

            fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
                Ok(row.try_get::<i64, _>(index)? as $ty)
            }
        }
    )*};
}

// A u64 above 2^63 is stored as its two's complement, so every value comes back as it was.
integer_column!(u8, u16, u32, u64);

impl Column for bool {
    fn put(&self, arguments: &mut SqliteArguments) {
        push(arguments, i64::from(*self));
    }

    fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        Ok(row.try_get::<i64, _>(index)? != 0)
    }
}

impl Column for Position {
    fn put(&self, arguments: &mut SqliteArguments) {
        push(arguments, self.0);
    }

    fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        Ok(Self(row.try_get(index)?))
    }
}

impl Column for String {
    fn put(&self, arguments: &mut SqliteArguments) {
        push(arguments, self.clone());
    }

    fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        row.try_get(index)
    }
}

impl<T: Column> Column for Option<T> {
    fn put(&self, arguments: &mut SqliteArguments) {
        match self {
            Some(value) => value.put(arguments),
            None => push(arguments, None::<i64>),
        }
    }

    fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        use sqlx::ValueRef as _;
        if row.try_get_raw(index)?.is_null() { Ok(None) } else { T::get(row, index).map(Some) }
    }
}

impl<T: Serialize + DeserializeOwned> Column for Json<T> {
    fn put(&self, arguments: &mut SqliteArguments) {
        push(arguments, serde_json::to_string(&self.0).expect("rows have string keys only"));
    }

    fn get(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        let text: String = row.try_get(index)?;
        serde_json::from_str(&text).map(Json).map_err(|error| malformed(index, error))
    }
}

/// An enum that is one word, in the tables and in JSON.
macro_rules! word {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The word: the variant's name in snake case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl $crate::store::column::Column for $name {
            fn put(&self, arguments: &mut sqlx::sqlite::SqliteArguments) {
                self.as_str().to_owned().put(arguments);
            }

            fn get(row: &sqlx::sqlite::SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
                match String::get(row, index)?.as_str() {
                    $($word => Ok(Self::$variant),)*
                    other => Err(sqlx::Error::ColumnDecode {
                        index: index.to_string(),
                        source: format!("'{other}' is no {}", stringify!($name)).into(),
                    }),
                }
            }
        }
    };
}

pub(crate) use word;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_and_orders_as_the_chain_does() {
        let early = Position::new(7, 9).unwrap();
        let late = Position::new(8, 0).unwrap();
        assert!(early < late);
        assert_eq!(Position::after_block(7), late);
        assert_eq!((late.block(), late.log_index()), (8, 0));
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(Position::new(1 << 39, 0), None);
        assert_eq!(Position::new(0, 1 << 24), None);
        for bad in ["", "7", "7-", "-9", "+7-9", "7-9-1", "x-1", "99999999999999999999-0"] {
            assert_eq!(bad.parse::<Position>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn amounts_are_decimal_strings() {
        let amount = Amount(U256::MAX);
        let text = serde_json::to_string(&amount).unwrap();
        assert_eq!(text, format!("\"{}\"", U256::MAX));
    }
}
