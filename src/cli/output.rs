//! Prints: data on stdout, talk on stderr.

use std::io::{self, IsTerminal, Write};

use indicatif::HumanCount;
use serde::Serialize;
use serde_json::json as object;

use super::{
    args::{Color, Global},
    exit::Failure,
};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub is_json: bool,
    pub has_color: bool,
    pub talk: Talk,
}

/// How much is said on stderr while a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talk {
    /// Errors only.
    Quiet,
    /// Lines: stderr is no terminal.
    Lines,
    /// Progress bars.
    Bars,
}

impl Output {
    pub(super) fn new(global: &Global, no_color: bool) -> Self {
        let is_interactive = io::stderr().is_terminal();
        let has_color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_interactive && !no_color,
        };
        let talk = match (global.quiet, is_interactive) {
            (true, _) => Talk::Quiet,
            (false, true) => Talk::Bars,
            (false, false) => Talk::Lines,
        };
        Self { is_json: global.json, has_color, talk }
    }

    /// Says something, unless the user wants quiet.
    pub(super) fn say(self, text: &str) {
        if self.talk != Talk::Quiet {
            insist(text);
        }
    }

    /// Shows why a command could not do what it was asked to.
    pub(super) fn failure(self, failure: &Failure) {
        if self.is_json {
            let error = object!({ "code": failure.code, "message": failure.message, "hint": failure.hint });
            // The failure is told by the exit code too; stdout may be what failed.
            let _ = json(&object!({ "error": error }));
        }
        let (bold_red, plain) = if self.has_color { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        insist(&format!("{bold_red}error{plain}: {} [{}]", failure.message, failure.code));
        if let Some(hint) = &failure.hint {
            insist(&format!("hint: {hint}"));
        }
    }
}

/// Prints data on stdout. A reader that has gone (`| head`) is no error.
pub(super) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a value as JSON on stdout, one line.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value).map_err(io::Error::from)?;
    text.push('\n');
    data(&text)
}

/// Returns a number with its word: `1 record`, `1,200 records`.
pub(super) fn counted(count: u64, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {word}{plural}", HumanCount(count))
}

/// Shows findings on stderr, with one blank line behind them.
pub(super) fn findings(text: &str) {
    insist(&format!("{}\n", text.trim_end_matches('\n')));
}

/// Says something on stderr in any case.
pub(super) fn insist(text: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
