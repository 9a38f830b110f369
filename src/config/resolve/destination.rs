//! Destinations: what is written how, by which key and from which mappings.

use std::collections::BTreeMap;

use crate::connector::Entry;
use crate::model::{ConnectionName, FieldName, ObjectName, Schema, SyncMode, nearest};
use crate::transform::{
    TransformError, check_mappings,
    spec::{MappingSpec, MappingSpecs, When},
};

use super::{
    super::{
        diagnostic::Diagnostic,
        pipeline::{StandardUse, StreamDestination},
        raw::{RawDestination, WriteMode},
        span::{At, Node},
        standard,
    },
    Resolver,
    links::Linking,
    stream::{StreamContext, finding_at, finding_below},
};

/// The mappings of a destination, and where each of them is written; those of `standard` nowhere.
struct Merged<'a> {
    mappings: MappingSpecs,
    standard: Option<StandardUse>,
    places: BTreeMap<String, At<'a>>,
    /// The fields that the file maps in a way that does not fit the schema: mapped, but nothing more is known.
    unreadable: Vec<String>,
}

impl Merged<'_> {
    /// Returns the mapping of the field that a word means: the one under the same word, else under another word for the field.
    fn of_field(&self, word: &str, schema: Option<&Schema>) -> Option<&MappingSpec> {
        let name = |word: &str| schema?.find(word).ok().flatten().map(|field| &field.name);
        let by_other_word = || {
            let wanted = name(word)?;
            self.mappings.iter().find(|(other, _)| name(other) == Some(wanted)).map(|(_, spec)| spec)
        };
        self.mappings.get(word).or_else(by_other_word)
    }
}

impl Resolver<'_> {
    /// Resolves one destination of a stream.
    pub(super) fn destination(
        &mut self,
        stream: &StreamContext<'_>,
        raw: &RawDestination,
        at: &At<'_>,
        linking: &Linking,
    ) -> Option<StreamDestination> {
        let connection = raw.connection.as_deref().map(ConnectionName::from);
        let entry = connection.as_ref().and_then(|name| self.connector(name, &at.key("connection")));
        let object = raw.object.as_deref().map(ObjectName::from);
        let schema = match (entry, &connection, &object) {
            // A file is replaced: what it looked like before binds nobody.
            (Some(entry), Some(connection), Some(object)) if !self.is_folder(connection) => {
                self.schema(entry, connection, object, &at.key("object"))
            }
            _ => None,
        };
        let write = raw.write.unwrap_or(if raw.key.is_empty() { WriteMode::Insert } else { WriteMode::Upsert });
        if let Some(entry) = entry {
            self.check_write(entry, write, at);
        }
        self.check_mode(write, raw, stream, at);
        let merged = merge(stream, raw, at, entry, schema.as_ref());
        self.check_mapped(&merged, stream, schema.as_ref(), raw, at);
        let place = |field: &str| merged.places.get(field).cloned();
        if let Some(connection) = &connection {
            self.check_links(&merged.mappings, connection, linking, place);
        }
        // Where the block of the mappings is misspelt, none of them is missing.
        if !self.has_misspelt_mappings(stream, at) {
            self.check_key(&raw.key, &merged, schema.as_ref(), at);
        }
        if let Some(entry) = entry {
            self.check_formulas(entry, &merged);
        }
        self.warn_of_required(write, &merged, schema.as_ref(), at);
        self.warn_of_own_parents(&merged, schema.as_ref());
        Some(StreamDestination {
            connection: connection?,
            object: object?,
            write,
            key: raw.key.iter().map(FieldName::new).collect(),
            on_missing: raw.on_missing.unwrap_or_default(),
            mappings: merged.mappings,
            standard: merged.standard,
        })
    }

    fn is_folder(&self, connection: &ConnectionName) -> bool {
        let known = self.connections.get(connection);
        known
            .and_then(|known| (known.entry?.folder)(known.connection.as_ref()?.options.clone(), self.scene.base_dir))
            .is_some()
    }

    /// Checks that the connector can do what the pipeline asks for.
    fn check_write(&mut self, entry: Entry, write: WriteMode, at: &At<'_>) {
        let can = entry.capabilities;
        let upserts = can.upsert.is_some() || (can.insert.is_some() && can.update.is_some());
        let possible: Vec<(WriteMode, &str)> = [
            (WriteMode::Insert, "insert", can.insert.is_some() || can.only_replaces()),
            (WriteMode::Update, "update", can.update.is_some()),
            (WriteMode::Upsert, "upsert", upserts || can.only_replaces()),
            (WriteMode::Mirror, "mirror", upserts && can.delete.is_some()),
            (WriteMode::Replace, "replace", can.replace.is_some()),
        ]
        .into_iter()
        .filter_map(|(mode, word, is_possible)| is_possible.then_some((mode, word)))
        .collect();
        let connector = entry.name;
        if possible.is_empty() {
            let message = format!("`{connector}` can be read only, not written");
            let spot = at.key("connection").value_spot();
            self.findings.push(Diagnostic::error("config.not_a_destination", spot, message));
        } else if possible.iter().all(|(mode, _)| *mode != write) {
            let words: Vec<String> = possible.iter().map(|(_, word)| format!("`{word}`")).collect();
            let message = format!("`{connector}` cannot be written with `write: {}`", word(write));
            let finding = Diagnostic::error("config.unsupported_write", at.key("write").value_spot(), message);
            self.findings.push(finding.with_hint(format!("it can be written with {}", words.join(", "))));
        }
    }

    fn check_mode(&mut self, write: WriteMode, raw: &RawDestination, stream: &StreamContext<'_>, at: &At<'_>) {
        let spot = at.key("write").value_spot();
        let needs_key = matches!(write, WriteMode::Update | WriteMode::Upsert | WriteMode::Mirror);
        if needs_key
            && raw.key.is_empty()
            && !self.broken.touches(&at.key("key"))
            && !self.broken.is_misspelt(at, "key")
        {
            let message = format!("`write: {}` needs a `key`", word(write));
            let hint = "name the destination's fields that identify a record, e.g. `key: [Email]`";
            self.findings.push(Diagnostic::error("config.key_missing", spot.clone(), message).with_hint(hint));
        }
        if write == WriteMode::Mirror && stream.sync_mode == SyncMode::Incremental {
            let message = "a mirror must read all records, and `sync: incremental` reads those that changed";
            let hint = "write `sync: full_refresh`, or `write: upsert`";
            self.findings.push(Diagnostic::error("config.mirror_incremental", spot, message).with_hint(hint));
        }
    }

    /// Checks the mappings as such: where values come from, how they are cleaned, and that they fit the destination.
    fn check_mapped(
        &mut self,
        merged: &Merged<'_>,
        stream: &StreamContext<'_>,
        schema: Option<&Schema>,
        raw: &RawDestination,
        at: &At<'_>,
    ) {
        let own_keys = || at.key("mappings").node().into_iter().flat_map(Node::entries);
        let is_broken = [at, stream.at].iter().any(|block| self.broken.touches(&block.key("mappings")))
            || self.has_misspelt_mappings(stream, at);
        if merged.mappings.is_empty() && raw.standard.is_none() && own_keys().next().is_none() && !is_broken {
            let message = "the destination has no mappings";
            let hint = "add `mappings`, or `standard: contact`, `company` or `deal`";
            self.findings.push(Diagnostic::error("config.no_mappings", at.key_spot(), message).with_hint(hint));
        }
        if let Some(used) = merged.standard.as_ref().filter(|used| used.fields.iter().all(|(_, name)| name.is_none())) {
            let message = used.unmatched();
            let finding = Diagnostic::error("config.standard_unmatched", at.key("standard").value_spot(), message);
            self.findings.push(finding.with_hint("remove `standard`, and map the fields by their own names"));
        }
        for mistake in check_mappings(&merged.mappings, stream.mapped_schema, schema) {
            let field = mistake.path.get(1).map(String::as_str).unwrap_or_default();
            match merged.places.get(field) {
                Some(place) => self.say([mapping_finding(&mistake, field, place)].into_iter(), place),
                None => self.say([finding_below(&mistake, at)].into_iter(), at),
            }
        }
    }

    fn has_misspelt_mappings(&self, stream: &StreamContext<'_>, at: &At<'_>) -> bool {
        [at, stream.at].iter().any(|block| self.broken.is_misspelt(block, "mappings"))
    }

    /// Checks that formulas are given only to a destination that computes them.
    fn check_formulas(&mut self, entry: Entry, merged: &Merged<'_>) {
        if entry.capabilities.takes_formulas {
            return;
        }
        for (field, spec) in &merged.mappings {
            let (MappingSpec::Full(full), Some(place)) = (spec, merged.places.get(field)) else { continue };
            if full.formula.is_some() {
                let message = format!("`{}` computes no formulas", entry.name);
                let finding = Diagnostic::error("config.no_formulas", place.key("formula").key_spot(), message);
                self.findings
                    .push(finding.with_hint("compute the value with `expr`, or in a field of the destination's own"));
            }
        }
    }

    fn check_key(&mut self, key: &[String], merged: &Merged<'_>, schema: Option<&Schema>, at: &At<'_>) {
        for (index, field) in key.iter().enumerate() {
            let spot = at.key("key").index(index).value_spot();
            match merged.of_field(field, schema) {
                Some(MappingSpec::Full(full)) if full.formula.is_some() => {
                    let message = format!("the key `{field}` is computed by a formula");
                    let hint = "map it from a source field: a key is compared before anything is written";
                    self.findings.push(Diagnostic::error("config.key_formula", spot, message).with_hint(hint));
                }
                Some(MappingSpec::Full(full)) if full.when == Some(When::OnCreate) => {
                    let message = format!("the key `{field}` is written only when a record is created");
                    let hint = "remove `when: on_create` from its mapping: a key is compared on every run";
                    self.findings.push(Diagnostic::error("config.key_on_create", spot, message).with_hint(hint));
                }
                Some(MappingSpec::Full(full)) if full.link.is_some() => {
                    let message = format!("the key `{field}` is a link");
                    let hint = "links are written once all records have ids; use a field of the record itself";
                    self.findings.push(Diagnostic::error("config.key_is_link", spot, message).with_hint(hint));
                }
                Some(MappingSpec::Full(full)) if full.value.is_some() => {
                    let message = format!("the key `{field}` is the same for all records");
                    self.findings.push(
                        Diagnostic::error("config.key_constant", spot, message)
                            .with_hint("map it from a source field that tells records apart"),
                    );
                }
                Some(_) => {}
                None if merged.unreadable.contains(field) => {}
                None => {
                    let hint = unmapped_key_hint(field, merged, schema);
                    let message = format!("the key `{field}` is not mapped");
                    self.findings.push(Diagnostic::error("config.key_not_mapped", spot, message).with_hint(hint));
                }
            }
        }
    }

    /// Warns of fields without which the destination creates no record.
    fn warn_of_required(&mut self, write: WriteMode, merged: &Merged<'_>, schema: Option<&Schema>, at: &At<'_>) {
        let is_empty = merged.mappings.is_empty();
        let Some(schema) = schema.filter(|_| write != WriteMode::Update && !is_empty) else { return };
        for field in schema.fields.iter().filter(|field| field.is_required && !field.is_read_only) {
            let is_it = |word: &String| {
                let found = schema.find(word).ok().flatten();
                found.is_some_and(|found| {
                    found.name == field.name || found.parent.as_ref().is_some_and(|key| key.sets == field.name)
                })
            };
            let is_mapped = merged.mappings.keys().any(is_it) || merged.unreadable.iter().any(is_it);
            if !is_mapped {
                let message =
                    format!("`{}` creates no record without `{}`, and it is not mapped", schema.object, field.name);
                let spot = at.key("mappings").key_spot();
                self.findings.push(Diagnostic::warning("config.required_not_mapped", spot, message));
            }
        }
    }

    /// Warns of parents of the records' own object that are named by a key: those that are written along cannot be found by it.
    fn warn_of_own_parents(&mut self, merged: &Merged<'_>, schema: Option<&Schema>) {
        let Some(schema) = schema else { return };
        for (name, place) in &merged.places {
            let parent = schema.find(name).ok().flatten().and_then(|field| field.parent.as_ref());
            let Some(parent) = parent.filter(|parent| parent.object == schema.object) else { continue };
            let message =
                format!("`{name}` finds only parents that are at `{}` before their records are written", schema.object);
            let hint = format!(
                "where this stream writes the parents too, link it to itself: `{}: {{ link: …, from: … }}`",
                parent.sets
            );
            self.findings.push(Diagnostic::warning("config.own_parent", place.key_spot(), message).with_hint(hint));
        }
    }
}

/// Says what to do about a key that is not mapped. A key is the name that a field has at the destination, and so is the name of
/// its mapping: where both are near each other, it depends on the destination which of them is wrong.
fn unmapped_key_hint(field: &str, merged: &Merged<'_>, schema: Option<&Schema>) -> String {
    let Some(name) = nearest(field, merged.mappings.keys().map(String::as_str)) else {
        return format!("add a mapping for `{field}`");
    };
    let is_there = |name: &str| schema.map(|schema| schema.field(name).is_some() || schema.is_open);
    match (is_there(field), is_there(name)) {
        (Some(false), Some(true)) => format!("did you mean `{name}`?"),
        (Some(true), Some(false)) => {
            format!("the mapping `{name}` must be called `{field}`, as the destination calls the field")
        }
        (Some(true), Some(true)) => format!("add a mapping for `{field}`, or take `{name}` as the key"),
        _ => format!(
            "the mapping is called `{name}`: write the name that the field has at the destination in both places"
        ),
    }
}

/// Makes a finding of a mistake in a mapping: about the destination's field itself, or about what is said of it.
fn mapping_finding(mistake: &TransformError, field: &str, place: &At<'_>) -> Diagnostic {
    let below = mistake.path.get(2..).unwrap_or_default();
    let is_short = place.node().is_some_and(|node| node.entries().is_empty());
    let mut finding = match (below, is_short) {
        ([], _) => Diagnostic::error(mistake.code, place.key_spot(), mistake.message.as_str())
            .with_hint_if(mistake.hint.clone()),
        (_, true) => finding_at(mistake, place),
        (_, false) => finding_at(mistake, &place.descend(below.iter().map(String::as_str))),
    };
    if mistake.code == "transform.mapping" {
        finding.message = format!("mapping of `{field}`: {}", finding.message);
    }
    finding
}

/// Puts the mappings together: the standard ones, then the stream's, then the destination's; the later win.
fn merge<'a>(
    stream: &StreamContext<'a>,
    raw: &RawDestination,
    at: &At<'a>,
    entry: Option<Entry>,
    schema: Option<&Schema>,
) -> Merged<'a> {
    let (standard, used) = match (raw.standard, stream.source_entry, entry) {
        (Some(kind), Some(source), Some(destination)) => {
            let source = standard::Side {
                standard_fields: source.standard_fields,
                schema: stream.mapped_schema.or(stream.source_schema),
            };
            let destination = standard::Side { standard_fields: destination.standard_fields, schema };
            let (mappings, used) = standard::mappings(kind, source, destination);
            (mappings, Some(used))
        }
        _ => (MappingSpecs::new(), None),
    };
    let mut merged = Merged { mappings: standard, standard: used, places: BTreeMap::new(), unreadable: Vec::new() };
    for (specs, place) in [(&stream.raw.mappings, stream.at), (&raw.mappings, at)] {
        let place = place.key("mappings");
        for entry in place.node().into_iter().flat_map(Node::entries) {
            let Some(spec) = specs.get(&entry.key) else {
                merged.unreadable.push(entry.key.clone());
                merged.places.insert(entry.key.clone(), place.key(&entry.key));
                continue;
            };
            for (field, spec, below) in labelled(&entry.key, spec, specs) {
                let own = place.key(&entry.key);
                merged.places.insert(field.clone(), below.map_or(own.clone(), |label| own.key(label)));
                merged.mappings.insert(field, spec.clone());
            }
        }
    }
    merged
}

/// Returns what a mapping sets, each with the label that it stands under: `phone: { work: … }` sets `phone_work`. One whose labels do
/// not stand alone stays as it is, and is a mistake.
fn labelled<'spec>(
    field: &str,
    spec: &'spec MappingSpec,
    all: &MappingSpecs,
) -> Vec<(String, &'spec MappingSpec, Option<&'static str>)> {
    let whole = || vec![(field.to_owned(), spec, None)];
    let MappingSpec::Full(full) = spec else { return whole() };
    let of_label = |label: &str| format!("{field}_{label}");
    let labels = full.labels();
    if !full.is_labels_only() || labels.iter().any(|(label, _)| all.contains_key(&of_label(label))) {
        return whole();
    }
    labels.into_iter().map(|(label, spec)| (of_label(label), spec, Some(label))).collect()
}

fn word(write: WriteMode) -> &'static str {
    match write {
        WriteMode::Insert => "insert",
        WriteMode::Update => "update",
        WriteMode::Upsert => "upsert",
        WriteMode::Mirror => "mirror",
        WriteMode::Replace => "replace",
    }
}
