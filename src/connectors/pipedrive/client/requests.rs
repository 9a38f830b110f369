//! Where records are, and the requests for lists of them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::ApiRequest;
use crate::model::Cost;

use super::super::{costs, limits::PAGE_RECORDS, object::Object};

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

/// Which records a list brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Shelf {
    /// Those in use.
    Current,
    /// Those that were archived.
    Archived,
}

/// A list's next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Next {
    /// Behind a cursor of version 2.
    Cursor(String),
    /// At an offset of version 1.
    Start(u64),
}

pub(super) fn list_request(
    object: Object,
    from: Shelf,
    query: &[(&'static str, String)],
    next: Option<&Next>,
) -> ApiRequest {
    let path = match from {
        Shelf::Current => object.path(),
        Shelf::Archived => format!("{}/archived", object.path()),
    };
    let mut request = ApiRequest::get(path, list_costs(object, from));
    if object != Object::Users && !query.iter().any(|(name, _)| *name == "limit") {
        request = request.with("limit", PAGE_RECORDS.to_string());
    }
    for (name, value) in query {
        request = request.with(*name, value);
    }
    match next {
        None => request,
        Some(Next::Cursor(cursor)) => request.with("cursor", cursor),
        Some(Next::Start(start)) => request.with("start", start.to_string()),
    }
}

fn list_costs(object: Object, from: Shelf) -> &'static [Cost] {
    match (object, from) {
        (Object::Pipelines | Object::Stages, _) => costs::SHORT_LIST,
        (Object::Leads, Shelf::Archived) => costs::ARCHIVED_LIST_V1,
        (_, Shelf::Archived) => costs::ARCHIVED_LIST,
        (object, Shelf::Current) if object.is_v1() => costs::LIST_V1,
        (_, Shelf::Current) => costs::LIST,
    }
}

pub(super) fn participants_path(deal: &str) -> String {
    format!("api/v1/deals/{}/participants", segment(deal))
}

pub(super) fn record_path(object: Object, id: &str) -> String {
    format!("{}/{}", object.path(), segment(id))
}

/// Encodes an id for a path. Ids are numbers or UUIDs; whatever else a state file may hold is no path.
fn segment(id: &str) -> String {
    utf8_percent_encode(id, SEGMENT).to_string()
}
