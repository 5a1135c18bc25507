//! The bytes of blobs. All integers are big-endian.
//!
//! * inputs: `u32 count`, then for each task `u32 length ‖ row`
//! * batch: `u32 count`, then for each task `inputHash ‖ outputHash ‖ u32 units ‖ u32 length ‖ row`

use assay_kernels::{
    Hash,
    commit::{Batch, TaskOutput},
    merkle::row_root,
};

use crate::error::Reason;

/// The longest blob that is written or read, in bytes. An order of 100,000 tasks of 256 tokens has a fifth of it.
pub const MAX_BLOB_LEN: u64 = 256 << 20;

pub(crate) fn encode_inputs(rows: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + rows.iter().map(|row| 4 + row.len()).sum::<usize>());
    put_len(&mut out, rows.len());
    for row in rows {
        put_len(&mut out, row.len());
        out.extend_from_slice(row);
    }
    out
}

pub(crate) fn decode_inputs(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
    let mut reader = Reader { left: bytes };
    let count = reader.count(4)?;
    let rows = (0..count).map(|_| reader.row()).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(rows)
}

pub(crate) fn encode_batch(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + batch.tasks().iter().map(|task| 72 + task.row.len()).sum::<usize>());
    put_len(&mut out, batch.tasks().len());
    for (task, leaf) in batch.tasks().iter().zip(batch.leaves()) {
        out.extend_from_slice(&leaf.input_hash);
        out.extend_from_slice(&leaf.output_hash);
        out.extend_from_slice(&leaf.units.to_be_bytes());
        put_len(&mut out, task.row.len());
        out.extend_from_slice(&task.row);
    }
    out
}

pub(crate) fn decode_batch(bytes: &[u8]) -> Result<Vec<TaskOutput>, Reason> {
    let mut reader = Reader { left: bytes };
    let count = reader.count(72)?;
    let tasks = (0..count)
        .map(|_| {
            let (input_hash, output_hash) = (reader.array::<32>()?, reader.array::<32>()?);
            let units = reader.u32()?;
            let row = reader.row()?;
            // The leaf's own hash is that of the row, so a batch with another one could not be read back.
            if row_root(&row) != output_hash {
                return Err(Reason::Root);
            }
            Ok(TaskOutput { input_hash, units, row })
        })
        .collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(tasks)
}

/// Rows and counts of what this crate stores are far below `u32::MAX`: blobs have at most [`MAX_BLOB_LEN`] bytes.
fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Reason> {
        let (taken, left) = self.left.split_at_checked(len).ok_or(Reason::Length)?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let (taken, left) = self.left.split_first_chunk().ok_or(Reason::Length)?;
        self.left = left;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, Reason> {
        self.array().map(u32::from_be_bytes)
    }

    /// A count of things of at least `smallest` bytes each, refused before anything is allocated for it.
    fn count(&mut self, smallest: usize) -> Result<usize, Reason> {
        let count = self.u32()? as usize;
        if count > self.left.len() / smallest { Err(Reason::Length) } else { Ok(count) }
    }

    fn row(&mut self) -> Result<Vec<u8>, Reason> {
        let len = self.u32()? as usize;
        self.take(len).map(<[u8]>::to_vec)
    }

    fn end(&self) -> Result<(), Reason> {
        if self.left.is_empty() { Ok(()) } else { Err(Reason::Length) }
    }
}

/// The hash as a name: lower-case hexadecimal without a prefix.
pub(crate) fn name(hash: &Hash) -> String {
    use std::fmt::Write;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0u32..4) {
            let mut bytes = bytes;
            if bytes.len() >= 4 {
                bytes[..4].copy_from_slice(&count.to_be_bytes());
            }
            if let Ok(rows) = decode_inputs(&bytes) {
                prop_assert_eq!(encode_inputs(&rows), bytes.clone());
            }
            let _ = decode_batch(&bytes);
        }

        #[test]
        fn inputs_round_trip(rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20)) {
            prop_assert_eq!(decode_inputs(&encode_inputs(&rows)), Ok(rows));
        }
    }

    #[test]
    fn a_count_is_never_trusted() {
        assert_eq!(decode_inputs(&[0xff; 8]), Err(Reason::Length));
        assert_eq!(decode_batch(&[0xff; 80]), Err(Reason::Length));
    }
}
