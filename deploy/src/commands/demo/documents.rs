//! The project's documents as passages: Markdown, and the documentation comments of the contracts.

use std::path::{Path, PathBuf};

use assay_kernels::tokenizer::Tokenizer;

use crate::{
    client::passages::Passage,
    error::{Error, Result},
};

/// Folders that hold nothing written for readers.
const SKIPPED: [&str; 6] = ["node_modules", "target", "out", "cache", "models", "lib"];

/// Every document under `root`, in passages of at most `limit` tokens that keep to sections and know their line.
pub(super) fn passages(root: &Path, tokenizer: &Tokenizer, limit: usize) -> Result<Vec<Passage>> {
    let mut files = Vec::new();
    find(root, &mut files)?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| Error::file(&file, &error))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let paragraphs = if name.ends_with(".sol") { comments(&text) } else { prose(&text) };
        all.extend(split(&name, &paragraphs, limit, |text| {
            tokenizer.encode(text).map(|ids| ids.len().saturating_sub(2)).unwrap_or(usize::MAX)
        }));
    }
    if all.is_empty() {
        let error = Error::not_found("no_documents", format!("{}: there are no documents", root.display()));
        return Err(error.hint("run it in the project's folder, or name one with --documents"));
    }
    Ok(all)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|error| Error::file(folder, &error))? {
        let path = entry.map_err(|error| Error::file(folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                find(&path, files)?;
            }
        } else if name.ends_with(".md") || is_interface(&path, &name) {
            files.push(path);
        }
    }
    Ok(())
}

/// Interfaces carry the contracts' documentation.
fn is_interface(path: &Path, name: &str) -> bool {
    let mut letters = name.chars();
    let interface = letters.next() == Some('I') && letters.next().is_some_and(char::is_uppercase);
    name.ends_with(".sol") && interface && path.components().any(|part| part.as_os_str() == "src")
}

/// A sentence of a document.
struct Sentence {
    /// The line on which it begins.
    line: usize,
    text: String,
    /// Whether a paragraph starts with it.
    starts: bool,
}

/// A paragraph: its lines with their numbers.
type Paragraph = Vec<(usize, String)>;

/// Markdown without code blocks, rules and the dashes of tables. Headings and list items are paragraphs.
fn prose(text: &str) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let (mut code, mut open) = (false, false);
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            code = !code;
        }
        if code || trimmed.starts_with("```") || trimmed.chars().all(|c| "-|:= ".contains(c)) {
            open = false;
            continue;
        }
        let heading = trimmed.starts_with('#');
        let item = trimmed.starts_with(['-', '*', '|', '>']) || trimmed.starts_with(|c: char| c.is_ascii_digit());
        let text = trimmed.trim_start_matches(['#', '-', '*', '>', ' ']).replace(['|', '`', '*'], " ");
        match paragraphs.last_mut() {
            Some(last) if open && !heading && !item => last.push((index + 1, text)),
            _ => paragraphs.push(vec![(index + 1, text)]),
        }
        // What follows a heading belongs to it.
        open = true;
    }
    paragraphs
}

/// The documentation comments of a Solidity file; each tag is a paragraph.
fn comments(text: &str) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix("///").map(str::trim) else {
            open = false;
            continue;
        };
        let (tag, text) = match comment.strip_prefix('@').and_then(|tagged| tagged.split_once(' ')) {
            Some((_, text)) => (true, text),
            None => (false, comment),
        };
        let text = text.replace('`', "");
        match paragraphs.last_mut() {
            Some(last) if open && !tag => last.push((index + 1, text)),
            _ => paragraphs.push(vec![(index + 1, text)]),
        }
        open = true;
    }
    paragraphs
}

/// The sentences of a paragraph, each with the line on which it begins.
fn sentences(paragraph: &Paragraph) -> Vec<Sentence> {
    let mut sentences: Vec<Sentence> = Vec::new();
    let mut open = false;
    for (line, text) in paragraph {
        for word in text.split_whitespace() {
            match sentences.last_mut() {
                Some(last) if open => {
                    last.text.push(' ');
                    last.text.push_str(word);
                }
                _ => sentences.push(Sentence { line: *line, text: word.to_owned(), starts: sentences.is_empty() }),
            }
            open = !word.ends_with(['.', '?', '!']);
        }
    }
    sentences
}

/// Packs sentences into passages: those of a paragraph together as far as `limit` tokens allow, short paragraphs with what
/// follows; a sentence that is too long is cut at words.
fn split(name: &str, paragraphs: &[Paragraph], limit: usize, count: impl Fn(&str) -> usize) -> Vec<Passage> {
    // The tokens that open and close a passage.
    let limit = limit.saturating_sub(2);
    let mut passages: Vec<Passage> = Vec::new();
    let mut used = usize::MAX;
    for sentence in paragraphs.iter().flat_map(sentences) {
        for piece in cut(&sentence.text, limit, &count) {
            let size = count(&piece);
            match passages.last_mut() {
                Some(last) if used.saturating_add(size) <= limit && !(sentence.starts && used > limit / 4) => {
                    last.text.push(' ');
                    last.text.push_str(&piece);
                    used += size;
                }
                _ => {
                    passages.push(Passage { source: format!("{name}:{}", sentence.line), text: piece });
                    used = size;
                }
            }
        }
    }
    passages
}

/// `text` in pieces of at most `limit` tokens.
fn cut(text: &str, limit: usize, count: &impl Fn(&str) -> usize) -> Vec<String> {
    if count(text) <= limit {
        return if text.trim().is_empty() { Vec::new() } else { vec![text.trim().to_owned()] };
    }
    let mut pieces: Vec<String> = Vec::new();
    let mut used = usize::MAX;
    for word in text.split_whitespace() {
        let size = count(word);
        match pieces.last_mut() {
            Some(last) if used.saturating_add(size) <= limit => {
                last.push(' ');
                last.push_str(word);
                used += size;
            }
            // A single word beyond the limit is no prose; what fits of it says enough.
            _ if size > limit => {}
            _ => {
                pieces.push(word.to_owned());
                used = size;
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    #[test]
    fn passages_keep_to_paragraphs_and_to_the_limit() {
        let text = "# One\nAlpha beta gamma delta. Epsilon\nzeta.\n\n```\ncode\n```\n## Two\neta theta\n";
        let passages = split("f.md", &prose(text), 8, words);
        let got: Vec<_> = passages.iter().map(|p| (p.source.as_str(), p.text.as_str())).collect();
        assert_eq!(
            got,
            [("f.md:1", "One Alpha beta gamma delta."), ("f.md:2", "Epsilon zeta."), ("f.md:8", "Two eta theta")]
        );
        assert!(passages.iter().all(|passage| words(&passage.text) <= 6));
    }

    #[test]
    fn a_long_sentence_is_cut_at_words() {
        let pieces = cut("a b c d e f g", 3, &words);
        assert_eq!(pieces, ["a b c", "d e f", "g"]);
    }

    #[test]
    fn comments_lose_their_marks() {
        let text = "contract C {\n    /// @notice Pays `a`.\n    /// And b.\n    uint x;\n    /// @dev Third.\n";
        let expected: Vec<Paragraph> =
            vec![vec![(2, "Pays a.".into()), (3, "And b.".into())], vec![(5, "Third.".into())]];
        assert_eq!(comments(text), expected);
    }
}
