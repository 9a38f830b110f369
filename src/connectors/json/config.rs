//! The options of a connection to JSON files.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connector::{ConfigError, file::IdOption};
use crate::model::ObjectName;

/// Stands for the object's name in `records`.
const OBJECT: &str = "{object}";

/// A folder of JSON files, or one file that holds several lists of records.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonConfig {
    /// The folder, relative to the pipeline's own; an `object` is then the name of a file in it, with or without its ending.
    /// To read, it may also be one file, whose lists are the objects: `object: Customer` is the list under `Customer`.
    pub path: PathBuf,
    /// `lines` for one record per line, `array` for a list in a document. Where left out, the file's ending says it:
    /// `.jsonl` and `.ndjson` are lines, `.json` is an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Where the list of records is in a document, as a JSON pointer, e.g. `/data/items`; `{object}` stands for the
    /// object's name. Default: the document itself, or `/{object}` where `path` is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// The fields that identify a record, e.g. `id`, `[order, line]`, or by object `{ Customer: CustomerId }`. Without them
    /// a record is identified by its whole content: when a value changes, it is another record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdOption>,
}

/// Names the forms of JSON files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One record per line.
    Lines,
    /// A list of records.
    Array,
}

impl JsonConfig {
    /// Checks what can be checked without a file.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Some(pointer) = &self.records else { return Ok(()) };
        if self.format == Some(Format::Lines) {
            return Err(ConfigError::new("records", "a file of lines holds one record per line")
                .with_hint("remove `records`, or set `format: array`"));
        }
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(ConfigError::new("records", format!("`{pointer}` is no JSON pointer"))
                .with_hint(format!("write `/{pointer}`")));
        }
        Ok(())
    }

    /// Returns the endings of files, the one that new files get first.
    pub(super) fn endings(&self) -> &'static [&'static str] {
        match self.format {
            Some(Format::Lines) => &["jsonl", "ndjson", "json"],
            Some(Format::Array) | None => &["json", "jsonl", "ndjson"],
        }
    }

    /// Returns the form of a file.
    pub(super) fn format_of(&self, path: &Path) -> Format {
        let is_lines = path.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson");
        self.format.unwrap_or(if is_lines { Format::Lines } else { Format::Array })
    }

    /// Returns the names that lead to the list of records.
    pub(super) fn pointer(&self, object: &ObjectName, is_one_file: bool) -> Vec<String> {
        let default = if is_one_file { "/{object}" } else { "" };
        let pointer = self.records.as_deref().unwrap_or(default);
        let names = pointer.split('/').skip(1);
        names.map(|name| name.replace("~1", "/").replace("~0", "~").replace(OBJECT, object)).collect()
    }
}
