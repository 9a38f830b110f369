//! The options of a connection to CSV files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connector::{
    ConfigError,
    file::{Encoding, IdOption},
};
use crate::model::ObjectName;

/// A folder of CSV files. An `object` is the name of a file in it, with or without `.csv`; its first line names the fields.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvConfig {
    /// The folder, relative to the pipeline's own, e.g. `data/export`.
    pub path: PathBuf,
    /// How the text is encoded, by any name of the WHATWG encoding standard, e.g. `windows-1252`, `windows-1250`, `shift_jis`,
    /// `macintosh` or `utf-16le`; `utf-8-bom` writes a byte order mark for Excel. A byte order mark in a file wins over it. A file
    /// that is UTF-8 under another name is refused. Default: `utf-8`.
    #[serde(default)]
    pub encoding: Encoding,
    /// The separator between cells: one character, e.g. `;`, or `tab`. A first line `sep=;`, as Excel writes it, wins over it.
    /// Default: `,`.
    #[serde(default = "comma")]
    pub separator: String,
    /// What a cell is quoted with that holds a separator or a line break. Default: `"`.
    #[serde(default = "double_quote")]
    pub quote: String,
    /// The columns that identify a record, e.g. `email`, `[order, line]`, or by file `{ accounts: account }`. Without them a
    /// record is identified by its whole content: when a cell changes, it is another record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdOption>,
    /// Texts that mean "no value", e.g. `["NULL", "n/a"]`. An empty cell always does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_values: Vec<String>,
    /// Texts that clear a field at the destination where a mapping says `null: clear`, e.g. `["#N/A"]`. With it, an empty cell
    /// says nothing of its field, which keeps its value. Without it, `null: clear` clears for every empty cell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clear_words: Vec<String>,
    /// Whether a cell that a spreadsheet would run as a formula (it begins with `=`, `+`, `-` or `@` and is no negative number) is
    /// written with a `'` before it. Such a `'` is removed again when a file is read. Default: `false`, every cell as it is.
    #[serde(default)]
    pub guard_formulas: bool,
    /// How lines end in files that are written. Default: `lf`.
    #[serde(default)]
    pub line_end: LineEnd,
}

/// Names the line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// Line feed, as on Linux and macOS.
    #[default]
    Lf,
    /// Carriage return and line feed, as on Windows.
    Crlf,
}

/// What the options mean for a reader and a writer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) encoding: Encoding,
    pub(super) separator: u8,
    pub(super) quote: u8,
    pub(super) line_end: LineEnd,
    pub(super) guard_formulas: bool,
    /// Whether a carriage return alone ends a line, as the file's first line does.
    pub(super) is_return_line_end: bool,
}

impl CsvConfig {
    /// Returns the columns that identify a record of the object; none where its whole content does.
    pub(super) fn id_columns(&self, object: &ObjectName) -> Vec<String> {
        self.id.as_ref().map(|id| id.columns(object)).unwrap_or_default()
    }

    /// Returns what the options mean.
    pub(super) fn form(&self) -> Result<Form, ConfigError> {
        let separator = match self.separator.as_str() {
            "tab" | "\t" | "\\t" => b'\t',
            text => one_mark("separator", text)?,
        };
        let quote = one_mark("quote", &self.quote)?;
        if separator == quote {
            return Err(ConfigError::new("quote", "the same character as `separator`"));
        }
        Ok(Form {
            encoding: self.encoding,
            separator,
            quote,
            line_end: self.line_end,
            guard_formulas: self.guard_formulas,
            is_return_line_end: false,
        })
    }
}

fn one_mark(option: &str, text: &str) -> Result<u8, ConfigError> {
    match text.as_bytes() {
        [mark] if mark.is_ascii_punctuation() || *mark == b' ' => Ok(*mark),
        _ => Err(ConfigError::new(option, format!("`{text}` is not one punctuation mark"))
            .with_hint("write a single mark in quotes, such as \";\" or \"|\", or the word tab for a separator")),
    }
}

fn comma() -> String {
    ",".to_owned()
}

fn double_quote() -> String {
    "\"".to_owned()
}
