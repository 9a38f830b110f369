//! What looks at decisions before they are carried out, and may change them: a plan writes them down and carries nothing out, an
//! apply keeps back those that are not as they were planned.

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::config::Stream;
use crate::connector::{Destination, Source};
use crate::model::{FieldName, Fields, Schema, Spent};
use crate::state::{DeadLetter, Target};

use super::{decide::decision::Decision, error::EngineError, policy::Reads, read::coverage::Coverage};

/// The reason of records that are not as they were when the plan was made.
pub(super) const CHANGED_SINCE_PLAN: &str = "changed_since_plan";

/// Looks at what a run is about to do.
#[async_trait]
pub(super) trait Review: Debug + Send + Sync {
    /// Says which values of the destination it needs.
    fn reads(&self) -> Reads;

    /// Takes the destination of a target, and returns what is written to in its place.
    fn destination(&self, _target: &Target, real: Box<dyn Destination>) -> Box<dyn Destination> {
        real
    }

    /// Returns what looks at the fields of a stream that are not loaded, where that is wanted.
    fn coverage(&self, _stream: &Stream) -> Option<Arc<Coverage>> {
        None
    }

    /// Is told of an object that is written anew, before anything else: `source` reads it as it is, `written` are the fields that are
    /// written.
    async fn replaces(&self, _target: &Target, _source: &dyn Source, _written: Schema, _key: &[FieldName]) {}

    /// Tells whether it matters what a run looks up by itself.
    fn tells_aside(&self) -> bool {
        false
    }

    /// Is told what it took to look up what a run does not.
    fn looked_aside(&self, _target: &Target, _spent: Spent) {}

    /// Is told what was read and left out.
    async fn left_out(&self, _target: &Target, _left_out: LeftOut) -> Result<(), EngineError> {
        Ok(())
    }

    /// Is told which records are refused before anything is decided.
    async fn refused(&self, _target: &Target, _letters: &[DeadLetter]) -> Result<(), EngineError> {
        Ok(())
    }

    /// Returns the decisions that are carried out, one for each.
    async fn decided(
        &self,
        place: ReviewPlace<'_>,
        decisions: Vec<Decision>,
        known: Known<'_>,
    ) -> Result<Vec<Decision>, EngineError>;

    /// Says of each record that a mirror would delete what is done with it, in order.
    async fn deletes(&self, place: ReviewPlace<'_>, deletes: Vec<Delete>) -> Result<Vec<DeleteVerdict>, EngineError>;
}

/// Where something is about to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReviewPlace<'run> {
    pub target: &'run Target,
    /// What the destination's object looks like.
    pub schema: &'run Schema,
    /// The fields that are written only where they are blank.
    pub if_blank: &'run [FieldName],
    /// The fields that are written on creation only.
    pub on_create: &'run [FieldName],
    /// The fields that say which run wrote a record.
    pub stamps: &'run [FieldName],
}

/// What is known of the records that are decided upon.
#[derive(Clone, Copy)]
pub(super) struct Known<'run> {
    /// The values that the destination holds, by its ids.
    pub current: &'run HashMap<String, Fields>,
    /// The destination's ids by source ids, of records that the state file knows.
    pub ids: &'run HashMap<&'run str, &'run str>,
    /// Values as the destination keeps them, by source ids; only of records with fields whose words differ there.
    pub kept: &'run HashMap<String, Fields>,
    /// Source ids of records that this run may have created before it was stopped, where the destination finds by itself what is new.
    pub own: &'run HashMap<String, DateTime<Utc>>,
    /// A record as the source gave it, by its source id.
    pub original: &'run (dyn Fn(&str) -> Json + Sync),
}

/// What was read and not decided upon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    /// Records that were read, these and the others.
    pub read: u64,
    pub filtered: u64,
    pub duplicate: u64,
    /// Those that a step left out, each with the one that stands for it.
    pub duplicates: Vec<(String, String)>,
}

/// A record that a mirror would delete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Delete {
    pub destination_id: String,
    /// What the destination holds; none where it does not hold the record.
    pub before: Option<Fields>,
}

/// What is done with a record that a mirror would delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeleteVerdict {
    Delete,
    /// It is left, and a person is told.
    Hold,
    /// It is left.
    Skip,
}
