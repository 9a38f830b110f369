//! The options of a connection to Parquet files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connector::file::IdOption;

/// A folder of Parquet files. An `object` is the name of a file in it, with or without `.parquet`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParquetConfig {
    /// The folder, relative to the pipeline's own, e.g. `data/export`.
    pub path: PathBuf,
    /// The columns that identify a record, e.g. `email`, `[order, line]`, or by file `{ accounts: account }`. Without them a
    /// record is identified by its whole content: when a value changes, it is another record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdOption>,
}
