//! Rejected records as a table: what a person needs first, what Ferry needs last.

use std::collections::BTreeSet;

use crate::config::Pipeline;
use crate::model::{LINK_PREFIX, is_reserved};
use crate::redact::redact;
use crate::state::{DeadLetter, Run};
use crate::transform::spec::MappingSpec;

use super::{
    advice::{WAITING_ADVICE, advice},
    lines::{
        LETTER_COLUMN, Lines, MAPPED_PREFIX, SOURCE_PREFIX, WAITING, WAITING_CODE, WaitingLine, cell_text, letter_mark,
    },
};

/// The columns that tell a person which record it is, why it was not written, and what to do.
const FIRST: [&str; 7] = ["line", "source_id", "reason", "vendor_says", "what_to_do", "field", "value"];
/// The columns behind those of the record.
const LAST: [&str; 8] = ["stream", "connection", "object", "kind", "code", "request_id", "run_id", LETTER_COLUMN];

/// A table of texts.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes the table of a run's letters; the pipeline, where it can be loaded, says the order of the fields.
    pub(super) fn of(run: &Run, lines: &Lines, pipeline: Option<&Pipeline>) -> Self {
        let letters = &lines.letters;
        let order = pipeline.map(Order::of).unwrap_or_default();
        let mapped = names(letters, |letter| &letter.body.mapped, &order.mapped);
        let sources = names(letters, |letter| &letter.body.source, &order.source);
        let header = FIRST.iter().map(|column| (*column).to_owned());
        let header = header.chain(mapped.iter().map(|name| format!("{MAPPED_PREFIX}{name}")));
        let header = header.chain(sources.iter().map(|name| format!("{SOURCE_PREFIX}{name}")));
        let header = header.chain(LAST.iter().map(|column| (*column).to_owned())).collect();
        let record = |letter: &DeadLetter| -> Vec<String> {
            let cell = |record: &serde_json::Value, name: &str| record.get(name).map_or_else(String::new, cell_text);
            let mapped = mapped.iter().map(|name| cell(&letter.body.mapped, name));
            mapped.chain(sources.iter().map(|name| cell(&letter.body.source, name))).collect()
        };
        let blank = vec![String::new(); mapped.len() + sources.len()];
        let letters =
            letters.iter().map(|letter| [first(letter).to_vec(), record(letter), last(letter).to_vec()].concat());
        let waiting = lines.waiting.iter().map(|line| waiting_row(run, line, &blank));
        Self { header, rows: letters.chain(waiting).collect() }
    }
}

fn first(letter: &DeadLetter) -> [String; 7] {
    let reason = redact(&letter.body.reason).into_owned();
    let (to_do, is_own) = advice(letter);
    let connection = &letter.target.connection;
    let (reason, vendor) = if is_own {
        (reason, String::new())
    } else {
        let what = letter.field.as_ref().map_or_else(|| "the record".to_owned(), |field| format!("`{field}`"));
        (format!("`{connection}` refused {what}"), reason)
    };
    [
        letter.line.map_or_else(String::new, |line| line.to_string()),
        letter.source_id.clone(),
        reason,
        vendor,
        to_do,
        letter.field.clone().unwrap_or_default(),
        letter.body.value.clone().unwrap_or_default(),
    ]
}

fn last(letter: &DeadLetter) -> [String; 8] {
    let target = &letter.target;
    [
        target.stream.to_string(),
        target.connection.to_string(),
        target.object.to_string(),
        letter.kind.as_str().to_owned(),
        letter.code.clone(),
        letter.body.request_id.clone().unwrap_or_default(),
        letter.run_id.clone(),
        letter_mark(letter),
    ]
}

fn waiting_row(run: &Run, WaitingLine { link, reason }: &WaitingLine, blank: &[String]) -> Vec<String> {
    let first = ["", &link.source_id, reason, "", WAITING_ADVICE, link.field.as_str(), &link.missing.join(";")];
    let target = &link.target;
    let last = [&*target.stream, &*target.connection, &*target.object, WAITING, WAITING_CODE, "", &run.run_id, ""];
    let owned = |cells: &[&str]| -> Vec<String> { cells.iter().map(|cell| (*cell).to_owned()).collect() };
    [owned(&first), blank.to_vec(), owned(&last)].concat()
}

/// The fields of a pipeline in the order of its mappings.
#[derive(Debug, Default)]
struct Order {
    mapped: Vec<String>,
    source: Vec<String>,
}

impl Order {
    fn of(pipeline: &Pipeline) -> Self {
        let mut order = Self::default();
        let destinations = pipeline.streams.iter().flat_map(|stream| &stream.destinations);
        for (field, spec) in destinations.flat_map(|destination| &destination.mappings) {
            order.mapped.push(field.clone());
            order.source.extend(match spec {
                MappingSpec::Field(from) => Some(from.clone()),
                MappingSpec::Full(full) => full.from.clone(),
            });
        }
        order
    }
}

/// Returns the names of the fields that the letters have: first those that the order knows.
fn names<'a>(
    letters: &'a [DeadLetter],
    record: fn(&DeadLetter) -> &serde_json::Value,
    order: &[String],
) -> Vec<&'a String> {
    let all = letters.iter().filter_map(|letter| record(letter).as_object()).flat_map(serde_json::Map::keys);
    // What Ferry adds to a record is nothing that a person corrects, but for its links.
    let all = all.filter(|name| !is_reserved(name) || name.starts_with(LINK_PREFIX));
    let mut seen = BTreeSet::new();
    let mut names: Vec<&String> = all.filter(|name| seen.insert(*name)).collect();
    let place = |name: &String| order.iter().position(|known| known == name).unwrap_or(order.len());
    names.sort_by_key(|name| place(name));
    names
}
