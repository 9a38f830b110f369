//! What a plan file holds, part by part.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::engine::{
    decide::decision::Decision,
    review::{Delete, LeftOut},
};
use crate::model::{ConnectionName, StreamName};
use crate::state::{DeadLetter, Target};

/// The form of plan files that this version writes and reads.
pub(super) const FORM: u32 = 1;

/// What a plan is bound to: the first part of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanHeader {
    /// The form of the file.
    pub form: u32,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's file.
    pub file: PathBuf,
    /// Tells the pipeline and the options that it was planned with from others.
    pub fingerprint: String,
    /// The accounts that the connections reached.
    pub accounts: BTreeMap<ConnectionName, String>,
    /// The streams; all of them where empty.
    pub streams: Vec<StreamName>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A part of a plan file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::engine) enum Part {
    /// The first one.
    Header(PlanHeader),
    /// What was read for a target and left out.
    LeftOut { target: Target, left_out: LeftOut },
    /// Records of a target that are refused before anything is decided.
    Refused { target: Target, letters: Vec<DeadLetter> },
    /// Decisions about records of a target.
    Decided { target: Target, planned: Vec<PlannedRecord> },
    /// Records that a mirror deletes.
    Deleted { target: Target, deletes: Vec<Delete> },
    /// The plan is whole.
    End,
    /// Somebody approved of it.
    Approved(Approval),
}

/// What is to be done with one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct PlannedRecord {
    pub decision: Decision,
    /// The record as the source gave it, for its dead letter; null where nothing is written of it.
    pub source: Json,
}

/// Who approved of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The name that was given.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}
