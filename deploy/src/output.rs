//! Where results and progress go: results to stdout, as text or as one JSON object; everything else to stderr.

use std::{io::IsTerminal, time::Duration};

use comfy_table::{Attribute, Cell, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// `println!` that takes a closed pipe for what it is: a reader that has seen enough.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}
pub(crate) use say;

/// How a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON object on stdout, nothing else.
    pub json: bool,
    /// No progress and no notes.
    pub quiet: bool,
}

impl Output {
    /// Prints the result: `value` under `--json`, else what `text` prints.
    pub fn result<T: Serialize>(&self, value: &T, text: impl FnOnce()) {
        if self.json {
            say!("{}", serde_json::to_string_pretty(value).expect("results are plain data"));
        } else {
            text();
        }
    }

    /// A line for people, on stderr.
    pub fn note(&self, line: impl std::fmt::Display) {
        if !self.quiet && !self.json {
            eprintln!("{line}");
        }
    }

    /// A progress bar over `length` steps; invisible when nobody watches.
    pub fn bar(&self, length: u64, what: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length), self.target());
        bar.set_style(
            ProgressStyle::with_template("{prefix:>12.cyan} [{bar:40}] {pos}/{len} {msg}")
                .expect("the template is constant")
                .progress_chars("=> "),
        );
        bar.set_prefix(what.to_owned());
        bar
    }

    /// A spinner for work whose length nobody knows.
    pub fn spinner(&self, what: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, self.target());
        bar.set_style(
            ProgressStyle::with_template("{prefix:>12.cyan} {spinner} {msg}").expect("the template is constant"),
        );
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.json || self.quiet || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        }
    }
}

/// A table with `headers` in the command's style. Hashes are never broken: they are there to be copied.
pub fn table<const N: usize>(headers: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(headers);
    table
}

/// A table of short rows, without lines between them.
pub fn list<const N: usize>(headers: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(headers.map(|header| Cell::new(header).add_attribute(Attribute::Underlined)));
    table
}

/// Amounts in JSON are decimal text: they exceed what JSON's readers keep exactly.
pub fn decimal<S: serde::Serializer>(amount: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}
