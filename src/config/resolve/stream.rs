//! Streams: their source, their steps and what records are expected to look like.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use crate::connector::Entry;
use crate::model::{ConnectionName, ObjectName, Schema, StreamName, SyncMode, name_hint};
use crate::transform::{JoinInputs, TransformError, check_steps, spec::StepSpec};

use super::{
    super::{
        diagnostic::Diagnostic,
        files::read_text,
        interpolate::mask,
        offline::FileTrouble,
        pipeline::Stream,
        raw::{RawDestination, RawStream},
        span::At,
    },
    Resolver,
    links::Linking,
};

/// What a destination needs to know of its stream.
pub(super) struct StreamContext<'a> {
    /// The stream as written.
    pub(super) raw: &'a RawStream,
    /// The stream's place.
    pub(super) at: &'a At<'a>,
    /// The source's connector, if it is known.
    pub(super) source_entry: Option<Entry>,
    /// The source's fields as read, if they are known.
    pub(super) source_schema: Option<&'a Schema>,
    /// The fields after the steps, if they are known.
    pub(super) mapped_schema: Option<&'a Schema>,
    /// How the source is read.
    pub(super) sync_mode: SyncMode,
}

impl Resolver<'_> {
    /// Resolves all streams; those that lack what every stream has are left out.
    pub(super) fn streams(&mut self, raw: Vec<RawStream>, at: &At<'_>) -> Vec<Stream> {
        self.check_names(&raw, at);
        let linking = Linking::new(&raw);
        self.check_join_circles(&raw, at);
        self.check_files(&raw, at);
        let inputs = self.inputs(&raw, at);
        let mut streams = Vec::new();
        for (index, stream) in raw.into_iter().enumerate() {
            let place = at.index(index);
            streams.extend(self.stream(&stream, &place, &linking, &inputs));
        }
        streams
    }

    fn check_names(&mut self, raw: &[RawStream], at: &At<'_>) {
        let mut firsts: HashMap<&str, usize> = HashMap::new();
        for (index, stream) in raw.iter().enumerate() {
            let Some(name) = &stream.name else { continue };
            let first = *firsts.entry(name).or_insert(index);
            if first == index {
                continue;
            }
            let line = at.index(first).key("name").value_spot().span.map_or(0, |span| span.line);
            let spot = at.index(index).key("name").value_spot();
            let message = format!("two streams are called `{name}`");
            let hint = format!("the first one is on line {line}; links and `--stream` need names of their own");
            self.findings.push(Diagnostic::error("config.duplicate_stream", spot, message).with_hint(hint));
        }
    }

    fn stream(&mut self, raw: &RawStream, at: &At<'_>, linking: &Linking, inputs: &JoinInputs) -> Option<Stream> {
        let source_at = at.key("source");
        let source = raw.source.clone().unwrap_or_default();
        let connection = source.connection.as_deref().map(ConnectionName::from);
        let entry = connection.as_ref().and_then(|name| self.connector(name, &source_at.key("connection")));
        let sync_mode = source.sync.unwrap_or(SyncMode::FullRefresh);
        if let Some(entry) = entry {
            self.check_source(entry, sync_mode, &source_at);
        }
        let object = source.object.as_deref().map(ObjectName::from);
        let schema = match (entry, &connection, &object) {
            (Some(entry), Some(connection), Some(object)) => {
                self.source_schema(entry, connection, object, &source_at.key("object"))
            }
            _ => None,
        };
        // A description is of both ends; what can only be written is nothing to a source.
        let schema = schema.map(|schema| Schema {
            // Files take fields that they do not list; they give them only where they list none.
            is_open: schema.is_open && schema.fields.is_empty(),
            fields: schema.fields.into_iter().filter(|field| !field.is_write_only).collect(),
            object: schema.object,
        });
        let is_sound = !self.broken.touches_stream(at);
        let known = schema.as_ref().filter(|_| is_sound);
        if let Some(sql) = &source.filter {
            let steps = [StepSpec::Filter(sql.clone())];
            let (_, mistakes) = check_steps(&steps, known, inputs);
            let place = source_at.key("where");
            self.say(mistakes.iter().map(|mistake| finding_at(mistake, &place)), &place);
        }
        let (mapped, mistakes) = check_steps(&raw.transforms, known, inputs);
        self.say(mistakes.iter().map(|mistake| finding_below(mistake, at)), &at.key("transforms"));
        let context = StreamContext {
            raw,
            at,
            source_entry: entry,
            source_schema: known,
            mapped_schema: mapped.as_ref(),
            sync_mode,
        };
        let expect = raw.expect.as_ref().and_then(|path| self.expectation(path, &at.key("expect")));
        let written: &[RawDestination] = raw.destinations.as_deref().unwrap_or_default();
        let destinations_at = at.key("destinations");
        self.check_twice(written, &destinations_at);
        let mut destinations = Vec::new();
        for (index, destination) in written.iter().enumerate() {
            destinations.extend(self.destination(&context, destination, &destinations_at.index(index), linking));
        }
        Some(Stream {
            name: StreamName::from(raw.name.as_deref()?),
            connection: connection?,
            object: object?,
            filter: source.filter,
            sync_mode,
            transforms: raw.transforms.clone(),
            expect,
            destinations,
        })
    }

    /// Returns the connector of a connection, or says that there is no such connection.
    pub(super) fn connector(&mut self, name: &ConnectionName, at: &At<'_>) -> Option<Entry> {
        if let Some(known) = self.connections.get(name) {
            return known.entry;
        }
        let is_block_misspelt = self.connections.is_empty() && self.broken.touches_top();
        if is_block_misspelt {
            return None;
        }
        let names: Vec<&str> = self.connections.keys().map(ConnectionName::as_str).collect();
        let hint = name_hint(name, &names, "the connections are").unwrap_or_else(|| {
            "describe it under `connections`, or in `connections.yaml` beside the pipeline".to_owned()
        });
        let message = format!("there is no connection `{name}`");
        self.findings.push(Diagnostic::error("config.unknown_connection", at.value_spot(), message).with_hint(hint));
        None
    }

    /// Adds findings about what stands at a place once it was filled in, without what came from outside the file.
    pub(super) fn say(&mut self, findings: impl Iterator<Item = Diagnostic>, at: &At<'_>) {
        let hide = |text: &str| mask(text, at, self.scene.lookup);
        let hidden = findings.map(|finding| Diagnostic {
            message: hide(&finding.message),
            hint: finding.hint.as_deref().map(hide),
            ..finding
        });
        self.findings.extend(hidden);
    }

    /// Returns what is known of an object that is read: a file is opened.
    fn source_schema(
        &mut self,
        entry: Entry,
        connection: &ConnectionName,
        object: &ObjectName,
        at: &At<'_>,
    ) -> Option<Schema> {
        match self.open_file(entry, connection, object) {
            None => self.schema(entry, connection, object, at),
            Some(Ok(schema)) => Some(schema),
            Some(Err(trouble)) => {
                let finding = if trouble.is_absent {
                    Diagnostic::warning("config.file_absent", at.value_spot(), trouble.message)
                } else {
                    Diagnostic::error("config.file", at.value_spot(), trouble.message)
                };
                self.say([finding.with_hint_if(trouble.hint)].into_iter(), at);
                None
            }
        }
    }

    /// Opens a file that is read, where the connection is a folder and files are opened at all.
    pub(super) fn open_file(
        &self,
        entry: Entry,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Option<Result<Schema, FileTrouble>> {
        let known = self.connections.get(connection)?.connection.as_ref()?;
        self.scene.offline.file(&entry, known, object)
    }

    /// Returns what is known of an object offline, or says that the connection has no such object.
    pub(super) fn schema(
        &mut self,
        entry: Entry,
        connection: &ConnectionName,
        object: &ObjectName,
        at: &At<'_>,
    ) -> Option<Schema> {
        let schema = self.scene.offline.schema(entry.name, connection, object);
        if schema.is_some() {
            return schema;
        }
        let objects = self.scene.offline.objects(entry.name, connection)?;
        if !objects.contains(object) {
            let names: Vec<&str> = objects.iter().map(ObjectName::as_str).collect();
            let hint = name_hint(object, &names, "its objects are");
            let message = format!("`{connection}` has no object `{object}`");
            let finding = Diagnostic::error("config.unknown_object", at.value_spot(), message);
            self.findings.push(finding.with_hint_if(hint));
        }
        None
    }

    fn check_source(&mut self, entry: Entry, sync_mode: SyncMode, at: &At<'_>) {
        let modes = entry.capabilities.sync_modes;
        let connector = entry.name;
        if modes.is_empty() {
            let spot = at.key("connection").value_spot();
            let message = format!("`{connector}` can be written only, not read");
            self.findings.push(Diagnostic::error("config.not_a_source", spot, message));
        } else if !modes.contains(&sync_mode) {
            let (wanted, other) = match sync_mode {
                SyncMode::FullRefresh => ("full_refresh", "incremental"),
                SyncMode::Incremental => ("incremental", "full_refresh"),
            };
            let message = format!("`{connector}` cannot be read with `sync: {wanted}`");
            let finding = Diagnostic::error("config.unsupported_sync", at.key("sync").value_spot(), message);
            self.findings.push(finding.with_hint(format!("write `sync: {other}`")));
        }
    }

    /// Returns the path of the JSON Schema that records are checked against, once it is known to be one.
    fn expectation(&mut self, written: &str, at: &At<'_>) -> Option<PathBuf> {
        let path = self.scene.base_dir.join(written);
        let wrong = |code, message: String| Some(Diagnostic::error(code, at.value_spot(), message));
        let finding = match read_text(&path) {
            Err(error) => wrong("config.unreadable_file", format!("`{written}` cannot be read: {}", error.reason()))
                .map(|finding| finding.with_hint("relative paths start from the pipeline's folder")),
            Ok(text) => match serde_json::from_str(&text) {
                Err(error) => wrong("config.expect", format!("`{written}` is no JSON: {error}")),
                Ok(schema) => jsonschema::validator_for(&schema).err().and_then(|error| {
                    let place = error.instance_path().to_string();
                    let place = if place.is_empty() { String::new() } else { format!(", at `{place}`") };
                    wrong("config.expect", format!("`{written}` is no JSON Schema{place}"))
                }),
            },
        };
        let is_usable = finding.is_none();
        self.findings.extend(finding);
        is_usable.then_some(path)
    }

    /// Finds destinations of a stream that write to the same place.
    fn check_twice(&mut self, destinations: &[RawDestination], at: &At<'_>) {
        let mut known: HashSet<(&str, &str)> = HashSet::new();
        for (index, destination) in destinations.iter().enumerate() {
            let (Some(connection), Some(object)) = (&destination.connection, &destination.object) else { continue };
            if !known.insert((connection, object)) {
                let message = format!("the stream writes to `{object}` of `{connection}` twice");
                let spot = at.index(index).key("object").value_spot();
                let hint = "merge the mappings of both destinations into one";
                self.findings.push(Diagnostic::error("config.duplicate_destination", spot, message).with_hint(hint));
            }
        }
    }
}

/// Makes a finding of a mistake in a transform or mapping, whose place is below that of its stream or destination.
pub(super) fn finding_below(mistake: &TransformError, at: &At<'_>) -> Diagnostic {
    finding_at(mistake, &at.descend(mistake.path.iter().map(String::as_str)))
}

/// Makes a finding of a mistake whose place is known.
pub(super) fn finding_at(mistake: &TransformError, at: &At<'_>) -> Diagnostic {
    // The name that is not known is the last one that the message quotes; it may be a part of some SQL.
    let quoted = mistake.message.rsplit('`').nth(1).filter(|_| mistake.code == "transform.unknown_field");
    let spot = quoted.map_or_else(|| at.value_spot(), |name| at.part_spot(name));
    Diagnostic::error(mistake.code, spot, mistake.message.as_str()).with_hint_if(mistake.hint.clone())
}
