//! The row of a sheet that names its columns.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::ObjectName;

use super::ConfigError;

/// The header's row: one for all objects, or by object.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderRow {
    /// In all objects.
    Row(u32),
    /// By object.
    PerObject(BTreeMap<String, u32>),
}

impl HeaderRow {
    /// Returns the row of an object's header, counted from 1; none where nothing is said of the object.
    pub fn row(&self, object: &ObjectName) -> Option<u32> {
        match self {
            Self::Row(row) => Some(*row),
            Self::PerObject(rows) => rows.get(object.as_str()).copied(),
        }
    }

    /// Checks that rows are counted from 1.
    ///
    /// # Errors
    /// Fails when there is a row 0.
    pub fn check(&self) -> Result<(), ConfigError> {
        let is_zero = match self {
            Self::Row(row) => *row == 0,
            Self::PerObject(rows) => rows.values().any(|row| *row == 0),
        };
        if is_zero { Err(ConfigError::new("header_row", "rows count from 1")) } else { Ok(()) }
    }
}
