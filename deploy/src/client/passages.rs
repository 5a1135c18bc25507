//! Texts as a model reads them: files into passages, passages into input rows within the model's limit.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use assay_kernels::tokenizer::{Tokenizer, input_row};

use crate::{
    cli::Split,
    error::{Error, Result},
};

/// A piece of text and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// `file:line` of its first line.
    pub source: String,
    /// The text.
    pub text: String,
}

/// Reads `files` (`-`: standard input) and splits them.
///
/// # Errors
/// A file that cannot be read, one that is not UTF-8 (with the position), and texts without a single passage.
pub fn read(files: &[PathBuf], split: Split) -> Result<Vec<Passage>> {
    let mut passages = Vec::new();
    for file in files {
        passages.extend(split_text(&file.display().to_string(), &read_text(file)?, split));
    }
    if passages.is_empty() {
        return Err(Error::usage("no_passages", "there is no text in the files: an order needs one task or more"));
    }
    Ok(passages)
}

fn read_text(file: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Error::file(file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..position].iter().filter(|&&byte| byte == b'\n').count();
        let byte = error.as_bytes()[position];
        let message = format!("{}:{line}: byte {position} (0x{byte:02x}) is no UTF-8", file.display());
        Error::usage("invalid_utf8", message).hint("convert the file, such as with `iconv -f latin1 -t utf-8`")
    })
}

/// Splits `text` of the file `name`.
pub fn split_text(name: &str, text: &str, split: Split) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            open &= split == Split::File;
            continue;
        }
        match passages.last_mut() {
            Some(last) if open && split != Split::Line => {
                last.text.push('\n');
                last.text.push_str(line);
            }
            _ => passages.push(Passage { source: format!("{name}:{}", number + 1), text: line.to_owned() }),
        }
        open = true;
    }
    passages
}

/// The input rows of `passages`, each within `limit` tokens.
///
/// # Errors
/// The first passage that is too long, by its place, with its length and the limit.
pub fn rows(tokenizer: &Tokenizer, limit: u32, passages: &[Passage]) -> Result<Vec<Vec<u8>>> {
    let mut rows = Vec::with_capacity(passages.len());
    for (number, passage) in passages.iter().enumerate() {
        let place = format!("passage {} ({})", number + 1, passage.source);
        let ids = tokenizer
            .encode(&passage.text)
            .map_err(|error| Error::usage(&error.code().to_lowercase(), format!("{place}: {error}")))?;
        if ids.len() > limit as usize {
            let start: String = passage.text.chars().take(40).collect();
            let message = format!("{place} has {} tokens, and the model's limit is {limit}: {start:?}…", ids.len());
            return Err(Error::usage("passage_too_long", message).hint("split it, such as with --split line"));
        }
        rows.push(input_row(&ids));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "one\ntwo\n\n\nthree\n  \nfour\nfive\n";

    fn sources(split: Split) -> Vec<(String, String)> {
        split_text("f", TEXT, split).into_iter().map(|passage| (passage.source, passage.text)).collect()
    }

    fn expected(parts: &[(&str, &str)]) -> Vec<(String, String)> {
        parts.iter().map(|(source, text)| ((*source).into(), (*text).into())).collect()
    }

    #[test]
    fn lines_paragraphs_and_files_know_where_they_start() {
        let lines = expected(&[("f:1", "one"), ("f:2", "two"), ("f:5", "three"), ("f:7", "four"), ("f:8", "five")]);
        assert_eq!(sources(Split::Line), lines);
        assert_eq!(
            sources(Split::Paragraph),
            expected(&[("f:1", "one\ntwo"), ("f:5", "three"), ("f:7", "four\nfive")])
        );
        assert_eq!(sources(Split::File), expected(&[("f:1", "one\ntwo\nthree\nfour\nfive")]));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_placed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latin1.txt");
        std::fs::write(&path, b"fine\ncaf\xe9\n").unwrap();
        let error = read(&[path], Split::Line).unwrap_err();
        assert_eq!(error.code(), "invalid_utf8");
        let text = error.to_string();
        assert!(text.contains("latin1.txt:2") && text.contains("byte 8") && text.contains("0xe9"), "{text}");
    }

    #[test]
    fn nothing_to_embed_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blank.txt");
        std::fs::write(&path, "\n \n").unwrap();
        assert_eq!(read(&[path], Split::Line).unwrap_err().code(), "no_passages");
        assert_eq!(read(&[folder.path().join("none")], Split::Line).unwrap_err().code(), "file_not_found");
    }
}
