//! Reads GGUF files, version 3: metadata and tensors, of which those of 8 bits or fewer are brought back to floating point.
//!
//! Every number in the file is somebody's claim: lengths are checked against what is left of the file before anything is allocated.

use std::collections::HashMap;

use rayon::prelude::*;
use serde_json::json;

use super::ImportError;

/// The most dimensions of a tensor.
const DIMENSIONS_MAX: u32 = 4;
/// Numbers that share a scale in the quantised formats.
const BLOCK: usize = 32;
/// Kind of the tokens that mark something and are no text.
const CONTROL_TOKEN: u64 = 3;
/// What tensors are aligned to where the file does not say.
const ALIGNMENT: u64 = 32;

/// A parsed file.
#[derive(Debug)]
pub(super) struct Gguf<'a> {
    values: HashMap<String, Value>,
    tensors: HashMap<String, Tensor<'a>>,
}

/// A value of the metadata, of the kinds that an importer reads.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Integer(u64),
    Float(f64),
    Text(String),
    Texts(Vec<String>),
    Integers(Vec<u64>),
    /// Anything else.
    Other,
}

#[derive(Debug)]
struct Tensor<'a> {
    /// The innermost first.
    shape: Vec<usize>,
    format: Format,
    bytes: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    F32,
    F16,
    /// Blocks of `scale f16 ‖ minimum f16 ‖ 16 bytes`: the low halves of the bytes, then the high ones.
    Q4With1,
    /// Blocks of `scale f16 ‖ i8 × 32`.
    Q8,
}

impl Format {
    fn read(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            3 => Some(Self::Q4With1),
            8 => Some(Self::Q8),
            _ => None,
        }
    }

    /// Numbers and bytes of a block.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 => (1, 2),
            Self::Q4With1 => (BLOCK, 20),
            Self::Q8 => (BLOCK, 34),
        }
    }

    fn decode(self, block: &[u8], out: &mut [f32]) {
        let half = |at: usize| f16(u16::from_le_bytes([block[at], block[at + 1]]));
        match self {
            Self::F32 => out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
            Self::F16 => out[0] = half(0),
            Self::Q4With1 => {
                let (scale, minimum) = (half(0), half(2));
                let (low, high) = out.split_at_mut(BLOCK / 2);
                for ((byte, low), high) in block[4..].iter().zip(low).zip(high) {
                    *low = f32::from(byte & 15) * scale + minimum;
                    *high = f32::from(byte >> 4) * scale + minimum;
                }
            }
            Self::Q8 => {
                let scale = half(0);
                block[2..].iter().zip(out).for_each(|(byte, out)| *out = f32::from(byte.cast_signed()) * scale);
            }
        }
    }
}

/// A number of 16 bits.
fn f16(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * libm::ldexpf(1.0, -24),
        31 if bits & 1023 == 0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * libm::ldexpf(1.0, exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

impl<'a> Gguf<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(4)? != b"GGUF" || reader.u32()? != 3 {
            return Err(wrong("it does not begin with GGUF and version 3"));
        }
        let (tensor_count, value_count) = (reader.u64()?, reader.u64()?);
        let mut values = HashMap::new();
        for _ in 0..value_count {
            let (key, kind) = (reader.text()?, reader.u32()?);
            let value = reader.value(kind)?;
            values.insert(key, value);
        }
        let mut claims = Vec::new();
        for _ in 0..tensor_count {
            claims.push(reader.claim()?);
        }
        let alignment = match values.get("general.alignment") {
            None => ALIGNMENT,
            Some(Value::Integer(alignment)) if alignment.is_power_of_two() => *alignment,
            Some(_) => return Err(wrong("general.alignment is no power of two")),
        };
        let data = (reader.at as u64).checked_next_multiple_of(alignment).and_then(|at| usize::try_from(at).ok());
        let data = data.and_then(|at| bytes.get(at..)).ok_or_else(|| wrong("the file ends before its tensors"))?;
        let tensors = claims.into_iter().map(|claim| claim.tensor(data)).collect::<Result<_, _>>()?;
        Ok(Self { values, tensors })
    }

    /// A value of the metadata as an integer.
    pub(super) fn integer(&self, key: &str) -> Result<usize, ImportError> {
        match self.values.get(key) {
            Some(&Value::Integer(value)) => usize::try_from(value).map_err(|_| wrong(&format!("{key} is {value}"))),
            found => Err(missing(key, "integer", found)),
        }
    }

    /// A value of the metadata as a finite number.
    pub(super) fn number(&self, key: &str) -> Result<f64, ImportError> {
        match self.values.get(key) {
            Some(&Value::Float(value)) if value.is_finite() => Ok(value),
            found => Err(missing(key, "finite number", found)),
        }
    }

    /// A value of the metadata as text.
    pub(super) fn text(&self, key: &str) -> Result<&str, ImportError> {
        match self.values.get(key) {
            Some(Value::Text(value)) => Ok(value),
            found => Err(missing(key, "text", found)),
        }
    }

    /// A value of the metadata as a list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<&[String], ImportError> {
        match self.values.get(key) {
            Some(Value::Texts(values)) => Ok(values),
            found => Err(missing(key, "list of texts", found)),
        }
    }

    /// A value of the metadata as a list of integers.
    pub(super) fn integers(&self, key: &str) -> Result<&[u64], ImportError> {
        match self.values.get(key) {
            Some(Value::Integers(values)) => Ok(values),
            found => Err(missing(key, "list of integers", found)),
        }
    }

    pub(super) fn has(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    /// The numbers of a tensor that must have `shape`, outermost first.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ImportError> {
        let fail = |reason| ImportError::Tensor { name: name.into(), reason };
        let tensor = self.tensors.get(name).ok_or_else(|| fail("is missing".into()))?;
        if !tensor.shape.iter().rev().eq(shape) {
            let found: Vec<&usize> = tensor.shape.iter().rev().collect();
            return Err(fail(format!("has shape {found:?}, and {shape:?} is needed")));
        }
        let (numbers, bytes) = tensor.format.block();
        let mut x = vec![0.0; tensor.bytes.len() / bytes * numbers];
        x.par_chunks_mut(numbers)
            .zip(tensor.bytes.par_chunks_exact(bytes))
            .with_min_len(1024)
            .for_each(|(out, block)| tensor.format.decode(block, out));
        match x.par_iter().position_first(|v| !v.is_finite()) {
            Some(at) => Err(fail(format!("holds {} at {at}, and finite numbers are needed", x[at]))),
            None => Ok(x),
        }
    }
}

impl Gguf<'_> {
    /// The file's byte-pair tokenizer as a `tokenizer.json`.
    pub(super) fn tokenizer(&self) -> Result<Vec<u8>, ImportError> {
        for (key, wanted) in [("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "smollm")] {
            if self.text(key)? != wanted {
                return Err(wrong(&format!("{key} is {}, and {wanted} is needed", self.text(key)?)));
            }
        }
        let (tokens, kinds) = (self.texts("tokenizer.ggml.tokens")?, self.integers("tokenizer.ggml.token_type")?);
        if tokens.len() != kinds.len() {
            return Err(wrong(&format!("it has {} tokens and {} kinds of them", tokens.len(), kinds.len())));
        }
        let special = |(id, (token, _)): (usize, (&String, &u64))| {
            json!({
                "id": id, "content": token, "special": true,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        };
        let specials =
            tokens.iter().zip(kinds).enumerate().filter(|(_, (_, kind))| **kind == CONTROL_TOKEN).map(special);
        let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let vocabulary: serde_json::Map<String, serde_json::Value> =
            tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect();
        let tokenizer = json!({
            "version": "1.0",
            "added_tokens": specials.collect::<Vec<_>>(),
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [{ "type": "Digits", "individual_digits": true }, bytes],
            },
            "decoder": bytes,
            "model": { "type": "BPE", "vocab": vocabulary, "merges": self.texts("tokenizer.ggml.merges")? },
        });
        Ok(tokenizer.to_string().into_bytes())
    }
}

/// What the file says of a tensor.
struct Claim {
    name: String,
    shape: Vec<u64>,
    format: u32,
    offset: u64,
}

impl Claim {
    fn tensor(self, data: &[u8]) -> Result<(String, Tensor<'_>), ImportError> {
        let Self { name, shape, format: code, offset } = self;
        let fail = |reason| ImportError::Tensor { name: name.clone(), reason };
        let format = Format::read(code)
            .ok_or_else(|| fail(format!("has format {code}, and only F32, F16, Q4_1 and Q8_0 can be read")))?;
        let (numbers, bytes) = format.block();
        let count = shape.iter().try_fold(1u64, |count, &length| count.checked_mul(length));
        let width = shape.first().copied().unwrap_or(1);
        let whole = count.filter(|count| *count > 0 && width.is_multiple_of(numbers as u64));
        let len = whole.and_then(|count| (count / numbers as u64).checked_mul(bytes as u64));
        let range = len.and_then(|len| Some(offset..offset.checked_add(len)?));
        let range = range.and_then(|range| Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?));
        match range.and_then(|range| data.get(range)) {
            Some(bytes) => {
                let shape = shape.iter().map(|&length| length as usize).collect();
                Ok((name, Tensor { shape, format, bytes }))
            }
            None => Err(fail(format!("of shape {shape:?} at offset {offset} does not lie in the file"))),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ImportError> {
        let end = self.at.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        self.at += taken.map_or(0, <[u8]>::len);
        taken.ok_or_else(|| wrong(&format!("it ends at byte {} within a value of {len} bytes", self.bytes.len())))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, ImportError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ImportError> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let len = self.u64()?;
        let bytes = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| wrong("it holds text that is not UTF-8"))
    }

    fn value(&mut self, kind: u32) -> Result<Value, ImportError> {
        if kind != 9 {
            return self.scalar(kind);
        }
        let (kind, count) = (self.u32()?, self.u64()?);
        let (mut texts, mut integers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            match self.scalar(kind)? {
                Value::Text(text) => texts.push(text),
                Value::Integer(integer) => integers.push(integer),
                _ => {}
            }
        }
        Ok(match kind {
            8 => Value::Texts(texts),
            _ if !integers.is_empty() => Value::Integers(integers),
            _ => Value::Other,
        })
    }

    /// Signed integers below zero have no use here.
    fn scalar(&mut self, kind: u32) -> Result<Value, ImportError> {
        let signed = |value: i64| u64::try_from(value).map_or(Value::Other, Value::Integer);
        Ok(match kind {
            0 => Value::Integer(u8::from_le_bytes(self.array()?).into()),
            1 => signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Integer(u16::from_le_bytes(self.array()?).into()),
            3 => signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Integer(self.u32()?.into()),
            5 => signed(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => {
                self.take(1)?;
                Value::Other
            }
            8 => Value::Text(self.text()?),
            10 => Value::Integer(self.u64()?),
            11 => signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => return Err(wrong(&format!("it holds a value of the unknown kind {kind}"))),
        })
    }

    fn claim(&mut self) -> Result<Claim, ImportError> {
        let (name, dimensions) = (self.text()?, self.u32()?);
        if dimensions > DIMENSIONS_MAX {
            return Err(ImportError::Tensor { name, reason: format!("has {dimensions} dimensions") });
        }
        let shape = (0..dimensions).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok(Claim { name, shape, format: self.u32()?, offset: self.u64()? })
    }
}

fn wrong(reason: &str) -> ImportError {
    ImportError::Format { reason: reason.into() }
}

fn missing(key: &str, kind: &str, found: Option<&Value>) -> ImportError {
    let found = match found {
        None => "nothing",
        Some(_) => "something else",
    };
    wrong(&format!("{key} must be a {kind}, and there is {found}"))
}
