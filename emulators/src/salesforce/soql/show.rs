//! How found records are shown: nested in JSON, flat in CSV.

use std::collections::VecDeque;

use serde_json::{Map, Value as Json, json};

use super::{
    super::{
        catalog::{FieldType, Object},
        ids::Id,
        org::Org,
        store::Record,
        time::{datetime_in_csv, read_datetime},
        values::shown,
    },
    find::find_children,
    plan::{Last, Path, Query, Selected, Step, TypeOf, parent},
};

/// How records are shown: where links lead, and how many children go with each of them.
#[derive(Debug)]
pub(in super::super) struct Pages<'p> {
    /// The path of the API version.
    pub(in super::super) base: &'p str,
    /// Most children shown with a record.
    pub(in super::super) size: usize,
    /// What the locators of the pages that follow begin with.
    pub(in super::super) key: &'p str,
    /// The children that have pages to follow, each by its locator.
    pub(in super::super) rest: VecDeque<(String, Query, Vec<Id>)>,
}

/// Shows a record of a query.
pub(in super::super) fn json(org: &Org, query: &Query, id: Id, pages: &mut Pages<'_>) -> Option<Json> {
    let base = pages.base;
    let record = org.object(query.object).records.get(id)?;
    let mut fields = attributes(org.object(query.object), id, base);
    for item in &query.selected {
        match item {
            Selected::Value(path) => put(org, query.object, (id, record), path, &mut fields, base),
            Selected::Children { name, field, query } => {
                let shown = children(org, query, find_children(org, query, *field, id), pages);
                fields.insert(name.clone(), shown);
            }
            Selected::TypeOf(it) => {
                fields.insert(it.step.name.clone(), type_of(org, query.object, (id, record), it, base));
            }
        }
    }
    Some(Json::Object(fields))
}

/// Shows the first page of children; the others are for the caller to keep.
fn children(org: &Org, query: &Query, ids: Vec<Id>, pages: &mut Pages<'_>) -> Json {
    if ids.is_empty() {
        return Json::Null;
    }
    let (total, end) = (ids.len(), ids.len().min(pages.size));
    let records: Vec<Json> = ids[..end].iter().filter_map(|child| json(org, query, *child, pages)).collect();
    let mut shown = json!({"totalSize": total, "done": end == total});
    if end < total {
        let key = format!("{}C{}", pages.key, pages.rest.len());
        let resource = if query.with_deleted { "queryAll" } else { "query" };
        shown["nextRecordsUrl"] = Json::from(format!("{}/{resource}/{key}-{end}", pages.base));
        pages.rest.push_back((key, query.clone(), ids));
    }
    shown["records"] = Json::from(records);
    shown
}

/// Shows a parent with the fields that its own kind has.
fn type_of(org: &Org, object: usize, record: (Id, &Record), it: &TypeOf, base: &str) -> Json {
    let id = org.object(object).value(record.0, record.1, it.step.field).and_then(|value| Id::parse(&value));
    let Some((id, (place, record))) = id.and_then(|id| Some((id, org.record(id)?))) else { return Json::Null };
    let case = it.cases.iter().find(|(target, _)| *target == place);
    let mut fields = attributes(org.object(place), id, base);
    for path in case.map_or(&it.otherwise, |(_, paths)| paths) {
        put(org, place, (id, record), path, &mut fields, base);
    }
    Json::Object(fields)
}

fn attributes(object: &Object, id: Id, base: &str) -> Map<String, Json> {
    let name = &object.spec.name;
    let attributes = json!({"type": name, "url": format!("{base}/sobjects/{name}/{id}")});
    Map::from_iter([("attributes".to_owned(), attributes)])
}

/// Puts a value into its place, below its parents.
fn put(org: &Org, object: usize, record: (Id, &Record), path: &Path, fields: &mut Map<String, Json>, base: &str) {
    let mut into = fields;
    for depth in 1..=path.steps.len() {
        let steps: &[Step] = &path.steps[..depth];
        let name = &path.steps[depth - 1].name;
        if !into.contains_key(name) {
            let shown = match parent(org, (object, record.0, record.1), steps) {
                Some((kind, id, _)) => Json::Object(attributes(kind, id, base)),
                None => Json::Null,
            };
            into.insert(name.clone(), shown);
        }
        match into.get_mut(name) {
            Some(Json::Object(nested)) => into = nested,
            _ => return,
        }
    }
    let value = match &path.last {
        Last::Place(place, kind) if kind.is_compound() => parent(org, (object, record.0, record.1), &path.steps)
            .map_or(Json::Null, |(kind, _, record)| compound(kind, record, *place)),
        Last::Place(_, FieldType::Base64) => parent(org, (object, record.0, record.1), &path.steps)
            .map_or(Json::Null, |(kind, id, _)| {
                Json::from(format!("{base}/sobjects/{}/{id}/{}", kind.spec.name, path.name))
            }),
        _ => path.value(org, object, record.0, record.1).map_or(Json::Null, |(value, kind)| shown(kind, &value)),
    };
    into.insert(path.name.clone(), value);
}

/// Puts an address or a place together from its parts.
pub(in super::super) fn compound(object: &Object, record: &Record, place: u16) -> Json {
    let whole = object.field(place);
    let mut parts = Map::new();
    let mut is_empty = true;
    for (part, field) in (0_u16..).zip(&object.fields) {
        if field.spec.compound_field_name.as_deref() != Some(whole.spec.name.as_str()) {
            continue;
        }
        let stem = whole.spec.name.trim_end_matches("Address");
        let name = field.spec.name.strip_prefix(stem).unwrap_or(&field.spec.name);
        let name = name.trim_end_matches("__s").rsplit("__").next().unwrap_or(name);
        let key: String =
            name.char_indices().map(|(at, it)| if at == 0 { it.to_ascii_lowercase() } else { it }).collect();
        let value = record.values.get(part);
        is_empty &= value.is_none();
        parts.insert(key, value.map_or(Json::Null, |value| shown(field.spec.kind, value)));
    }
    if is_empty { Json::Null } else { Json::Object(parts) }
}

/// Returns the header of a query's CSV.
pub(in super::super) fn csv_header(query: &Query) -> Vec<String> {
    let names = query.selected.iter().filter_map(|item| match item {
        Selected::Value(path) => Some(path.dotted()),
        Selected::Children { .. } | Selected::TypeOf(_) => None,
    });
    names.collect()
}

/// Returns the cells of a record in CSV; empty ones stand for null.
pub(in super::super) fn csv_cells(org: &Org, query: &Query, id: Id) -> Option<Vec<String>> {
    let record = org.object(query.object).records.get(id)?;
    let cell = |item: &Selected| match item {
        Selected::Value(path) => Some(match path.value(org, query.object, id, record) {
            Some((value, FieldType::Datetime)) => read_datetime(&value).map(datetime_in_csv).unwrap_or_default(),
            Some((value, _)) => value.into_owned(),
            None => String::new(),
        }),
        Selected::Children { .. } | Selected::TypeOf(_) => None,
    };
    Some(query.selected.iter().filter_map(cell).collect())
}
