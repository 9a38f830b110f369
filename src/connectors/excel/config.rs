//! The options of a connection to a workbook.

use std::path::PathBuf;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connector::{ConfigError, HeaderRow, file::IdOption};
use crate::model::ObjectName;

/// A workbook. An `object` is a sheet in it, by the name on its tab; the sheet's first row names the fields.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcelConfig {
    /// The workbook, relative to the pipeline's own folder, e.g. `data/customers.xlsx`. `.xlsx`, `.xlsm`, `.xlsb`, `.xls` and
    /// `.ods` are read, `.xlsx` is written.
    pub path: PathBuf,
    /// The columns that identify a record, e.g. `email`, `[order, line]`, or by sheet `{ Customers: Number }`. Without them a
    /// record is identified by its whole content: when a cell changes, it is another record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdOption>,
    /// The row that names the fields, counted from 1, where a title stands above it, or by sheet `{ Leads: 3 }`. Default: the first
    /// row that holds anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<HeaderRow>,
    /// Texts that mean "no value", e.g. `["NULL", "n/a"]`. An empty cell always does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_values: Vec<String>,
    /// The time zone of cells with a day and a time, such as `Europe/Berlin`: workbooks do not say. Default: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl ExcelConfig {
    /// Returns the columns that identify a record of the object; none where its whole content does.
    pub(super) fn id_columns(&self, object: &ObjectName) -> Vec<String> {
        self.id.as_ref().map(|id| id.columns(object)).unwrap_or_default()
    }

    /// Returns the row of the sheet's names; none for the first that holds anything.
    pub(super) fn header_row(&self, object: &ObjectName) -> Option<u32> {
        self.header_row.as_ref()?.row(object)
    }

    /// Checks what can be checked without a file.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.header_row.as_ref().map_or(Ok(()), HeaderRow::check)?;
        self.zone().map(|_| ())
    }

    /// Returns the time zone.
    pub(super) fn zone(&self) -> Result<Tz, ConfigError> {
        let Some(name) = &self.time_zone else { return Ok(Tz::UTC) };
        name.trim().parse().map_err(|_| {
            ConfigError::new("time_zone", format!("`{name}` is no time zone"))
                .with_hint("write its name in the IANA database, such as `Europe/Berlin`")
        })
    }

    /// Checks that a workbook of this name can be written.
    pub(super) fn check_written(&self) -> Result<(), ConfigError> {
        if self.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx")) {
            return Ok(());
        }
        let message = format!("`{}` cannot be written: only .xlsx can", self.path.display());
        Err(ConfigError::new("path", message).with_hint("let the workbook's name end with .xlsx"))
    }
}
