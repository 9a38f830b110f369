//! Prints: data on stdout, talk on stderr.

use std::io::{self, IsTerminal, Write};

use indicatif::HumanCount;
use serde::Serialize;
use serde_json::json as object;

use crate::config::Diagnostic;

use super::{
    args::{Color, Global},
    diagnostics,
    exit::Failure,
    log,
    printable::{one_line, printable, printable_json},
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
    /// Picks how to talk. What `term` (`TERM`) calls dumb cannot draw a line over.
    pub(super) fn new(global: &Global, no_color: bool, term: Option<&str>) -> Self {
        let is_interactive = io::stderr().is_terminal() && !log::is_json();
        let has_color = match global.color {
            _ if log::is_json() => false,
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_interactive && !no_color,
        };
        let can_draw = is_interactive && term != Some("dumb");
        let talk = match (global.quiet, can_draw) {
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
        if log::is_json() {
            let mut fields = serde_json::Map::new();
            fields.insert("message".to_owned(), failure.message.as_str().into());
            fields.insert("code".to_owned(), failure.code.into());
            fields.insert("hint".to_owned(), failure.hint.clone().into());
            return print(&log::line("error", fields));
        }
        let (bold_red, plain) = if self.has_color { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        print(&format!("{bold_red}error{plain}: {} [{}]", one_line(&failure.message), failure.code));
        if let Some(hint) = &failure.hint {
            print(&format!("hint: {}", one_line(hint)));
        }
    }
}

/// Prints data on stdout as it may be printed. A reader that has gone (`| head`) is no error.
pub(super) fn data(text: &str) -> Result<(), Failure> {
    to_stdout(&printable(text))
}

/// Prints data that another program reads, letter by letter; on a terminal, as it may be printed.
pub(super) fn exact(text: &str) -> Result<(), Failure> {
    if io::stdout().is_terminal() { data(text) } else { to_stdout(text) }
}

fn to_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a value as JSON on stdout, one line.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    json_text(&format!("{}\n", serde_json::to_string(value).map_err(io::Error::from)?))
}

/// Prints a text that is JSON on stdout.
pub(super) fn json_text(text: &str) -> Result<(), Failure> {
    to_stdout(&printable_json(text))
}

/// Writes a part of a whole in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = part.saturating_mul(100).checked_div(whole).unwrap_or_default();
    if part > 0 && percent == 0 { "< 1 %".to_owned() } else { format!("{percent} %") }
}

/// Returns a number with its word: `1 record`, `1,200 records`.
pub(super) fn counted(count: u64, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {word}{plural}", HumanCount(count))
}

/// Shows findings on stderr, with one blank line behind them.
pub(super) fn findings(diagnostics: &[Diagnostic], output: Output) {
    let text = diagnostics::render(diagnostics, output.has_color);
    let text = text.trim_end_matches('\n');
    if log::is_json() {
        return print(&log::message("warn", text));
    }
    print(&format!("{text}\n"));
}

/// Says something on stderr in any case.
pub(super) fn insist(text: &str) {
    if log::is_json() {
        return print(&log::message("info", text));
    }
    print(&printable(text));
}

/// Prints on stderr what may hold colours of our own, or is JSON; what others wrote in it has been made printable.
fn print(text: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
