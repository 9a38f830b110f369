//! How records are written to a destination, as pipeline and destination have it.

use std::num::NonZeroU32;

use crate::config::{CountOrShare, OnError, OnMissing, Pipeline, StreamDestination, WriteMode};
use crate::model::{Capabilities, Field, FieldName, KeyRule, LinkIds, Schema};
use crate::transform::{Mapper, spec::When};

use super::error::EngineError;

/// How records are written.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact about the writes")]
pub(super) struct WritePolicy {
    pub write: WriteMode,
    /// Whether the destination upserts on the key by itself.
    pub is_upsert_native: bool,
    pub on_create: Vec<FieldName>,
    pub if_blank: Vec<FieldName>,
    /// The fields that say which run wrote a record: that alone is no reason to write it.
    pub stamps: Vec<FieldName>,
    /// The fields of the key by whose other values the destination finds a record too.
    pub aliased: Vec<FieldName>,
    /// The links that are written once their record is there, by calls of their own.
    pub linked_apart: Vec<FieldName>,
    pub batch_size: Option<NonZeroU32>,
    /// What is done with records that somebody deleted at the destination.
    pub on_missing: OnMissing,
    /// With more rejects than this the destination is given up.
    pub max_rejects: Option<CountOrShare>,
    /// A mirror deletes nothing when it would delete more.
    pub max_deletes: Option<CountOrShare>,
    /// Whether records that did not change are looked for at the destination.
    pub is_verifying: bool,
    /// Which values of the destination are read before a record is decided upon, beside those that rules ask for.
    pub reads: Reads,
    /// The same, of a run at which nobody looks.
    pub own_reads: Reads,
    /// Whether it is kept what the run writes, and what was there before.
    pub keeps_images: bool,
    /// Whether the id of a record that is rejected before it is mapped says which record of the destination it is.
    pub tells_by_id: bool,
}

/// Which values of the destination are read before a record is decided upon, beside those that rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reads {
    /// None.
    Nothing,
    /// Of the records that are written, the fields that are.
    Overwritten,
    /// The same, of the records that stay as they are too.
    Everything,
}

impl WritePolicy {
    /// Tells whether two processes that write by this key at once could create a record twice: each would look it up before the
    /// other has created it, and the destination keeps both.
    pub(super) fn may_create_twice(&self, key: &[FieldName], schema: &Schema) -> bool {
        let creates_by_key = match self.write {
            WriteMode::Upsert | WriteMode::Mirror => !key.is_empty() && !self.is_upsert_native,
            WriteMode::Insert | WriteMode::Update | WriteMode::Replace => false,
        };
        creates_by_key && !key.iter().any(|name| schema.field(name).is_some_and(|field| field.is_unique))
    }
}

pub(super) fn write_policy(
    pipeline: &Pipeline,
    config: &StreamDestination,
    key: &[FieldName],
    capabilities: &Capabilities,
    schema: &Schema,
    mapper: &Mapper,
) -> WritePolicy {
    let named = |when: When| -> Vec<FieldName> {
        let fields = mapper.fields().iter().filter(|field| field.when == when);
        fields.map(|field| field.name.clone()).collect()
    };
    let (on_create, if_blank) = (named(When::OnCreate), named(When::IfBlank));
    let stamps = mapper.fields().iter().filter(|field| field.is_stamp).map(|field| field.name.clone()).collect();
    let is_key_field =
        |test: fn(&Field) -> bool| !key.is_empty() && key.iter().all(|name| schema.field(name).is_some_and(test));
    let has_native_key = match capabilities.key {
        KeyRule::None => false,
        KeyRule::NativeOnUniqueField => key.len() == 1 && is_key_field(|field| field.is_unique),
        KeyRule::NativeUpTo(most) => key.len() <= most && is_key_field(|field| field.is_upsert_key),
    };
    let is_wanted = matches!(config.write, WriteMode::Upsert | WriteMode::Mirror);
    let is_upsert_native =
        is_wanted && has_native_key && capabilities.upsert.is_some() && on_create.is_empty() && if_blank.is_empty();
    WritePolicy {
        write: config.write.at(capabilities),
        is_upsert_native,
        on_create,
        if_blank,
        stamps,
        aliased: key.iter().filter(|name| schema.field(name).is_some_and(|field| field.has_aliases)).cloned().collect(),
        linked_apart: linked_apart(mapper, schema),
        batch_size: pipeline.limits.batch_size,
        on_missing: config.on_missing,
        max_rejects: match pipeline.on_error {
            OnError::Stop => Some(CountOrShare::Count(0)),
            OnError::Continue => pipeline.limits.max_rejects,
        },
        max_deletes: pipeline.limits.max_deletes,
        is_verifying: false,
        reads: reads(pipeline, config.write.at(capabilities), capabilities),
        own_reads: reads(pipeline, config.write.at(capabilities), capabilities),
        keeps_images: pipeline.undo_days.is_some() && config.write.at(capabilities) != WriteMode::Replace,
        tells_by_id: true,
    }
}

fn linked_apart(mapper: &Mapper, schema: &Schema) -> Vec<FieldName> {
    let links = mapper.fields().iter().filter(|field| field.link.is_some());
    let apart = links.filter(|link| schema.field(&link.name).is_some_and(|field| field.is_linked_apart));
    apart.map(|link| link.name.clone()).collect()
}

/// Says what is read before it is written. A record that is only created has nothing to read, and what cannot be looked up is not.
fn reads(pipeline: &Pipeline, write: WriteMode, capabilities: &Capabilities) -> Reads {
    let can_be_read = capabilities.fetch.is_some();
    match write {
        WriteMode::Update | WriteMode::Upsert | WriteMode::Mirror if pipeline.undo_days.is_some() && can_be_read => {
            Reads::Overwritten
        }
        WriteMode::Insert | WriteMode::Replace | WriteMode::Update | WriteMode::Upsert | WriteMode::Mirror => {
            Reads::Nothing
        }
    }
}

/// Refuses what the destination cannot do, before anything is read.
pub(super) fn check_policy(
    config: &StreamDestination,
    policy: &WritePolicy,
    capabilities: &Capabilities,
    mapper: &Mapper,
) -> Result<(), EngineError> {
    let refuse = |what: &str| {
        Err(EngineError::Unsupported(format!("`{}` cannot {what} (object `{}`)", config.connection, config.object)))
    };
    if policy.write == WriteMode::Replace {
        let has_links = mapper.fields().iter().any(|field| field.link.is_some());
        return match capabilities.replace {
            None => refuse("be written anew by each run (`write: replace`)"),
            // A link that waits for its target would be written to a version that is no longer there.
            Some(_) if has_links && capabilities.link_ids == LinkIds::Destination => {
                refuse("hold links where it is written anew by each run (`write: replace`)")
            }
            Some(_) => Ok(()),
        };
    }
    if policy.write == WriteMode::Mirror && capabilities.only_replaces() {
        return refuse("mirror: it is written anew by each run, so `write: replace` does the same");
    }
    if policy.write == WriteMode::Mirror && capabilities.delete.is_none() {
        return refuse("delete records, so it cannot mirror");
    }
    let must_look_up = !config.key.is_empty() && !policy.is_upsert_native && policy.write != WriteMode::Insert;
    if must_look_up && !capabilities.looks_up_keys() {
        return refuse("be asked for records by this key");
    }
    if policy.write != WriteMode::Update && capabilities.insert.is_none() {
        return refuse("create records");
    }
    Ok(())
}
