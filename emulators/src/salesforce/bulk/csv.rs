//! The forms of CSV that a job may choose.

use serde_json::{Map, Value as Json};

use super::super::errors::Problem;

const DELIMITERS: [(&str, u8); 6] =
    [("COMMA", b','), ("TAB", b'\t'), ("PIPE", b'|'), ("SEMICOLON", b';'), ("CARET", b'^'), ("BACKQUOTE", b'`')];

/// How a job's CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) is_crlf: bool,
}

impl Dialect {
    /// Reads what a job says about it.
    pub(super) fn read(body: &Map<String, Json>) -> Result<Self, Problem> {
        let text =
            |name: &str, default: &'static str| body.get(name).and_then(Json::as_str).unwrap_or(default).to_owned();
        let wanted = text("columnDelimiter", "COMMA");
        let delimiter = DELIMITERS.iter().find(|(name, _)| *name == wanted).map(|(_, byte)| *byte);
        let invalid = |name: &str, value: &str| Problem::new("INVALIDJOB", format!("Invalid {name}: {value}"));
        let delimiter = delimiter.ok_or_else(|| invalid("columnDelimiter", &wanted))?;
        let ending = text("lineEnding", "LF");
        let is_crlf = match ending.as_str() {
            "LF" => false,
            "CRLF" => true,
            _ => return Err(invalid("lineEnding", &ending)),
        };
        match text("contentType", "CSV").as_str() {
            "CSV" => Ok(Self { delimiter, is_crlf }),
            other => Err(invalid("contentType", other)),
        }
    }

    /// Returns the vendor's name of the delimiter.
    pub(super) fn delimiter_name(self) -> &'static str {
        DELIMITERS.iter().find(|(_, byte)| *byte == self.delimiter).map_or("COMMA", |(name, _)| name)
    }

    /// Returns the vendor's name of the line ending.
    pub(super) fn line_ending_name(self) -> &'static str {
        if self.is_crlf { "CRLF" } else { "LF" }
    }

    /// Returns the line ending.
    pub(super) fn line_ending(self) -> &'static [u8] {
        if self.is_crlf { b"\r\n" } else { b"\n" }
    }

    /// Writes one line, each cell in quotes.
    pub(super) fn write_line(self, out: &mut Vec<u8>, cells: &[impl AsRef<str>]) {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                out.push(self.delimiter);
            }
            write_cell(out, cell.as_ref());
        }
        out.extend_from_slice(self.line_ending());
    }
}

/// Writes one cell in quotes.
pub(super) fn write_cell(out: &mut Vec<u8>, cell: &str) {
    out.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
