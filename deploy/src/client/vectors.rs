//! Vectors as files: JSON lines, or NumPy's `.npy`.

use std::{
    io::{BufWriter, Write},
    path::Path,
};

use serde::Serialize;

use crate::{
    client::passages::Passage,
    error::{Error, Result},
};

/// One result as a JSON line.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// `file:line` of the passage.
    pub source: &'a str,
    /// The passage.
    pub text: &'a str,
    /// Its vector, of length 1.
    pub vector: &'a [f32],
}

/// Writes the vectors to `path`, as its ending says.
pub fn write(path: &Path, passages: &[Passage], vectors: &[Vec<f32>]) -> Result<()> {
    let failed = |error: std::io::Error| Error::file(path, &error);
    let npy = match path.extension().and_then(|ending| ending.to_str()) {
        Some("npy") => true,
        Some("jsonl") => false,
        _ => {
            let message = format!("{}: vectors are written as .jsonl or .npy", path.display());
            return Err(Error::usage("bad_output_file", message));
        }
    };
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    if npy { write_npy(&mut file, vectors) } else { write_lines(&mut file, passages, vectors) }
        .and_then(|()| file.flush())
        .map_err(failed)
}

/// Writes a JSON object a line.
pub fn write_lines(out: &mut impl Write, passages: &[Passage], vectors: &[Vec<f32>]) -> std::io::Result<()> {
    for (passage, vector) in passages.iter().zip(vectors) {
        serde_json::to_writer(&mut *out, &Line { source: &passage.source, text: &passage.text, vector })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// NumPy's format, version 1.0: magic, version, length of the header, the header padded to 64 bytes, the data.
fn write_npy(out: &mut impl Write, vectors: &[Vec<f32>]) -> std::io::Result<()> {
    let columns = vectors.first().map_or(0, Vec::len);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {columns}), }}", vectors.len());
    let padded = (10 + header.len() + 1).next_multiple_of(64);
    header.push_str(&" ".repeat(padded - 10 - header.len() - 1));
    header.push('\n');
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&u16::try_from(header.len()).expect("a short header").to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for value in vectors.iter().flatten() {
        out.write_all(&value.to_le_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn npy_is_what_numpy_reads() {
        let mut out = Vec::new();
        write_npy(&mut out, &[vec![1.0, -2.0, 0.5], vec![0.0, 3.0, 4.0]]).unwrap();
        assert_eq!(&out[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([out[8], out[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&out[10..10 + length]).unwrap();
        assert!(header.contains("'shape': (2, 3)") && header.ends_with('\n'), "{header}");
        let data: Vec<f32> = out[10 + length..].chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(data, [1.0, -2.0, 0.5, 0.0, 3.0, 4.0]);
    }
}
