//! What a `join` may read in addition to the stream itself.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::model::{Schema, StreamName};

use super::{Steps, spool::Spool};

/// The pipeline's folder, and its other streams.
#[derive(Debug, Clone, Default)]
pub struct JoinInputs {
    /// Files are looked for from here.
    pub base_dir: PathBuf,
    /// The pipeline's streams, by name.
    pub streams: BTreeMap<StreamName, JoinInput>,
}

/// Another stream of the pipeline.
#[derive(Debug, Clone, Default)]
pub struct JoinInput {
    /// What its records look like after its steps; unknown where the source was not asked.
    pub schema: Option<Schema>,
    /// Its records after its steps; none where names alone are checked.
    pub pages: Option<Arc<Spool>>,
}

impl JoinInputs {
    /// Knows the folder and no stream.
    pub fn of_folder(base_dir: impl Into<PathBuf>) -> Self {
        Self { base_dir: base_dir.into(), streams: BTreeMap::new() }
    }
}

impl JoinInput {
    /// Knows what the records look like, and has none.
    pub fn described(steps: &Steps) -> Self {
        Self { schema: Some(steps.output().clone()), pages: None }
    }
}
