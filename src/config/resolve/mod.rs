//! From what was written to what it means: names are looked up, defaults filled in, and every rule of the format is checked.
//!
//! All findings are collected; a part with a mistake is left out of what the others are checked against, so that one mistake is
//! said once. Start at [`resolve`].

mod connections;
mod destination;
mod files;
mod joins;
mod links;
mod stream;

use std::{collections::BTreeMap, num::NonZeroU32, path::Path};

use serde_json::Value as Json;

use crate::connector::{Entry, Registry};
use crate::model::ConnectionName;

use super::{
    broken::Broken,
    diagnostic::Diagnostic,
    interpolate::{Lookup, fill},
    offline::OfflineSchemas,
    on_finish,
    options::OptionNames,
    pipeline::{CountOrShare, Limits, Pipeline, UNDO_DAYS},
    raw::{RawConnectionsFile, RawCountOrShare, RawKeep, RawLimits, RawOff, RawPipeline, RawUndo},
    span::{At, Document},
};

pub use files::replaced_source;

/// A file that was read and checked against its schema.
pub(super) struct Checked<'a> {
    /// The file.
    pub(super) document: &'a Document,
    /// Its content without what does not fit.
    pub(super) content: Json,
    /// What does not fit.
    pub(super) broken: Broken,
}

/// What a pipeline is resolved with.
pub(super) struct Scene<'a> {
    /// The pipeline's file.
    pub(super) path: &'a Path,
    /// The file's folder.
    pub(super) base_dir: &'a Path,
    /// The connectors.
    pub(super) registry: &'a Registry,
    /// The environment and the files of the folder.
    pub(super) lookup: &'a dyn Lookup,
    /// The options of connections.
    pub(super) options: &'a OptionNames,
    /// What is known of the systems offline.
    pub(super) offline: &'a dyn OfflineSchemas,
}

/// Returns what the pipeline means. With errors among the findings, parts of it are missing.
pub(super) fn resolve(
    scene: &Scene<'_>,
    mut pipeline: Checked<'_>,
    shared: Option<Checked<'_>>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Pipeline> {
    let root = At::root(pipeline.document);
    if let Json::Object(blocks) = &mut pipeline.content {
        for (key, block) in blocks.iter_mut().filter(|(key, _)| *key != "connections") {
            name_null_in_otherwise(block);
            fill(block, &root.key(key), scene.lookup, findings);
        }
    }
    let definition = canonical(pipeline.content.get("streams").cloned().unwrap_or_default());
    let raw: RawPipeline = read(pipeline.content, &root, findings)?;
    let shared = shared.map(|shared| {
        let at = At::root(shared.document);
        (read::<RawConnectionsFile>(shared.content, &at, findings).unwrap_or_default(), at, shared.broken)
    });
    let mut resolver = Resolver { scene, findings, broken: &pipeline.broken, connections: BTreeMap::new() };
    resolver.add_connections(&raw, &root, shared);
    let streams = resolver.streams(raw.streams.unwrap_or_default(), &root.key("streams"));
    let limits = resolver.limits(&raw.limits, &root.key("limits"));
    let on_finish = on_finish::resolve(raw.on_finish, &root.key("on_finish"), resolver.findings);
    let connections = resolver.connections.into_values().filter_map(|known| known.connection);
    Some(Pipeline {
        name: raw.name.unwrap_or_default(),
        description: raw.description,
        path: scene.path.to_owned(),
        base_dir: scene.base_dir.to_owned(),
        connections: connections.map(|connection| (connection.name.clone(), connection)).collect(),
        streams,
        definition,
        on_error: raw.on_error,
        limits,
        undo_days: undo_days(raw.undo.as_ref()),
        on_finish,
    })
}

fn undo_days(raw: Option<&RawUndo>) -> Option<NonZeroU32> {
    match raw {
        Some(RawUndo::Off(RawOff::Off)) => None,
        Some(RawUndo::Keep(RawKeep { keep_days: Some(days) })) => NonZeroU32::new(*days),
        Some(RawUndo::Keep(RawKeep { keep_days: None })) | None => Some(UNDO_DAYS),
    }
}

/// Looks up names and collects findings.
struct Resolver<'a> {
    scene: &'a Scene<'a>,
    findings: &'a mut Vec<Diagnostic>,
    broken: &'a Broken,
    /// The connections that streams may name.
    connections: BTreeMap<ConnectionName, Known>,
}

/// A connection that is written down, usable or not.
struct Known {
    /// Its connector, if there is one of that name.
    entry: Option<Entry>,
    /// What it means, unless it has a mistake or nobody uses it.
    connection: Option<super::pipeline::Connection>,
}

impl Resolver<'_> {
    fn limits(&mut self, raw: &RawLimits, at: &At<'_>) -> Limits {
        Limits {
            max_rejects: self.count_or_share(raw.max_rejects.as_ref(), &at.key("max_rejects")),
            max_deletes: self.count_or_share(raw.max_deletes.as_ref(), &at.key("max_deletes")),
            quota_share: raw.quota_share,
            requests_per_sec: raw.requests_per_sec,
            batch_size: raw.batch_size.and_then(NonZeroU32::new),
        }
    }

    fn count_or_share(&mut self, raw: Option<&RawCountOrShare>, at: &At<'_>) -> Option<CountOrShare> {
        let text = match raw? {
            RawCountOrShare::Count(count) => return Some(CountOrShare::Count(*count)),
            RawCountOrShare::Share(text) => text.trim(),
        };
        if let Ok(count) = text.parse() {
            return Some(CountOrShare::Count(count));
        }
        let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
        let share = percent.map(|percent| percent / 100.0).filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            let finding =
                Diagnostic::error("config.wrong_value", at.value_spot(), "the value is no share of 0 to 100 %");
            self.findings.push(finding.with_hint("write a number of records, or a share such as `5%`"));
        }
        share.map(CountOrShare::Share)
    }
}

/// Sorts the keys of all objects: what means the same is written the same, whatever order the author chose.
fn canonical(value: Json) -> Json {
    match value {
        Json::Array(items) => Json::Array(items.into_iter().map(canonical).collect()),
        Json::Object(entries) => {
            let sorted: BTreeMap<String, Json> =
                entries.into_iter().map(|(key, entry)| (key, canonical(entry))).collect();
            Json::Object(sorted.into_iter().collect())
        }
        scalar @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => scalar,
    }
}

/// Reads checked content into its type. It fits unless the schema lets something pass that the types do not.
fn read<T: serde::de::DeserializeOwned>(content: Json, at: &At<'_>, findings: &mut Vec<Diagnostic>) -> Option<T> {
    match serde_json::from_value(content) {
        Ok(typed) => Some(typed),
        Err(error) => {
            let is_explained = !findings.is_empty();
            if !is_explained {
                findings.push(Diagnostic::error("config.invalid", at.key_spot(), error.to_string()));
            }
            None
        }
    }
}

/// YAML reads `otherwise: null` as no value; in the types it is a word like the others.
fn name_null_in_otherwise(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(name_null_in_otherwise),
        Json::Object(entries) => {
            for (key, entry) in entries {
                if key == "otherwise" && entry.is_null() {
                    *entry = Json::from("null");
                } else {
                    name_null_in_otherwise(entry);
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
