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
        let lines = if name.ends_with(".sol") { comments(&text) } else { prose(&text) };
        all.extend(split(&name, lines, limit, |text| {
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

/// A line of a document: its number, its text, and whether a section starts with it.
struct Line {
    number: usize,
    text: String,
    starts: bool,
}

/// Markdown without code blocks, rules and the dashes of tables.
fn prose(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut code = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            code = !code;
            continue;
        }
        if code || trimmed.chars().all(|c| "-|:= ".contains(c)) {
            continue;
        }
        let text = trimmed.trim_start_matches(['#', '-', '*', '>', ' ']).replace(['|', '`', '*'], " ");
        lines.push(Line { number: index + 1, text, starts: trimmed.starts_with('#') });
    }
    lines
}

/// The documentation comments of a Solidity file; each block is a section.
fn comments(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix("///") else {
            inside = false;
            continue;
        };
        let text = comment.trim().trim_start_matches("@notice").trim_start_matches("@dev").trim_start_matches("@param");
        let starts = !inside || comment.trim().starts_with("@notice");
        lines.push(Line { number: index + 1, text: text.trim().replace('`', ""), starts });
        inside = true;
    }
    lines
}

/// Packs lines into passages: a section's lines together as far as `limit` tokens allow; a longer line is cut at words.
fn split(name: &str, lines: Vec<Line>, limit: usize, count: impl Fn(&str) -> usize) -> Vec<Passage> {
    let limit = limit.saturating_sub(2);
    let mut passages: Vec<Passage> = Vec::new();
    let mut used = usize::MAX;
    for line in lines {
        for piece in cut(&line.text, limit, &count) {
            let size = count(&piece);
            match passages.last_mut() {
                Some(last) if used.saturating_add(size) <= limit && !(line.starts && used > limit / 3) => {
                    last.text.push(' ');
                    last.text.push_str(&piece);
                    used += size;
                }
                _ => {
                    passages.push(Passage { source: format!("{name}:{}", line.number), text: piece });
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
    fn passages_keep_to_sections_and_to_the_limit() {
        let text = "# One\nalpha beta gamma delta\nepsilon\n\n```\ncode\n```\n## Two\nzeta eta\n";
        let passages = split("f.md", prose(text), 8, words);
        let got: Vec<_> = passages.iter().map(|p| (p.source.as_str(), p.text.as_str())).collect();
        assert_eq!(got, [("f.md:1", "One alpha beta gamma delta epsilon"), ("f.md:8", "Two zeta eta")]);
        assert!(passages.iter().all(|passage| words(&passage.text) <= 6));
    }

    #[test]
    fn a_long_line_is_cut_at_words() {
        let pieces = cut("a b c d e f g", 3, &words);
        assert_eq!(pieces, ["a b c", "d e f", "g"]);
    }

    #[test]
    fn comments_lose_their_marks() {
        let lines =
            comments("contract C {\n    /// @notice Pays `a`.\n    /// And b.\n    uint x;\n    /// @dev Third.\n");
        let got: Vec<_> = lines.iter().map(|line| (line.number, line.text.as_str(), line.starts)).collect();
        assert_eq!(got, [(2, "Pays a.", true), (3, "And b.", false), (5, "Third.", true)]);
    }
}
