//! A request to a vendor, before anything is sent.

use std::borrow::Cow;

use reqwest::Method;
use serde_json::Value as Json;

use crate::model::Cost;
use crate::spool::Spool;

use super::{answer::Answer, expected::Expected};

/// Says what to send. The token is added by the [`Dialect`](super::Dialect), never by the caller.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    /// GET, POST, …
    pub method: Method,
    /// The path below the connection's base URL, already percent-encoded, without a leading slash.
    pub path: String,
    /// The path as logs may show it, where a segment comes from a record; see [`ApiRequest::shown_as`].
    pub template: Option<String>,
    /// The query, in order, not yet encoded. A name may occur several times.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Whether it counts as a read or as a write.
    pub access: Access,
    /// Whether sending it twice leaves what sending it once leaves. If not, a request whose answer was lost is not repeated
    /// and ends as [`HttpErrorKind::Unanswered`](super::HttpErrorKind::Unanswered).
    pub is_idempotent: bool,
    /// Whether the answer may be too large for memory: a file of CSV goes to disk then, see [`Answer::file`].
    pub is_file_wanted: bool,
    /// Whether its answer may fit another request too; see [`ApiRequest::alone`].
    pub is_alone: bool,
    /// What a success must look like to be believed: whole, and the answer to this request.
    pub expected: Expected,
    /// What it costs, by the names of the limits in the connector's capabilities.
    pub costs: &'static [Cost],
}

/// The body of a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(Json),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `text/csv`, UTF-8 without a byte order mark, from disk.
    Csv(Spool),
}

/// Whether a call reads or writes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It changes records.
    Write,
}

impl ApiRequest {
    /// Makes a GET: a read that may be repeated.
    pub fn get(path: impl Into<String>, costs: &'static [Cost]) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            template: None,
            query: Vec::new(),
            body: Body::Empty,
            access: Access::Read,
            is_idempotent: true,
            is_file_wanted: false,
            is_alone: false,
            expected: Expected::default(),
            costs,
        }
    }

    /// Makes a POST that only reads (a search, a batch read): it may be repeated.
    pub fn read(path: impl Into<String>, body: Json, costs: &'static [Cost]) -> Self {
        Self { method: Method::POST, body: Body::Json(body), ..Self::get(path, costs) }
    }

    /// Makes a call that writes and must not be repeated blindly.
    pub fn write(method: Method, path: impl Into<String>, body: Json, costs: &'static [Cost]) -> Self {
        Self { method, body: Body::Json(body), access: Access::Write, is_idempotent: false, ..Self::get(path, costs) }
    }

    /// Marks a write as safe to repeat.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Says when a success is whole and the answer to this request; any other success counts as no answer.
    #[must_use]
    pub fn expecting(mut self, is_whole: impl Fn(&Answer) -> bool + Send + Sync + 'static) -> Self {
        self.expected = Expected::new(is_whole);
        self
    }

    /// Marks a request whose answer may fit another request too: an empty look-up, results without a word of what was sent.
    /// No other request of the connection that is so marked is under way with it. A read so marked needs two answers that
    /// agree after an answer that was another request's.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    /// Lets the answer go to disk where it is a file of CSV.
    #[must_use]
    pub fn to_file(mut self) -> Self {
        self.is_file_wanted = true;
        self
    }

    /// Says how logs show the path, e.g. `crm/objects/contacts/{id}`: for a path with an id or value of a record in it.
    #[must_use]
    pub fn shown_as(mut self, template: impl Into<String>) -> Self {
        self.template = Some(template.into());
        self
    }

    /// Returns the path without what may be personal: as [`ApiRequest::shown_as`] says, else with `{id}` for long numbers
    /// and `{…}` for all that is more than a plain word (encoded characters, addresses).
    pub fn shown_path(&self) -> Cow<'_, str> {
        match &self.template {
            Some(template) => Cow::Borrowed(template),
            None => Cow::Owned(self.path.split('/').map(shown_segment).collect::<Vec<_>>().join("/")),
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }
}

/// The fewest digits that a segment of digits alone has to be taken for an id: dates and versions have fewer.
const ID_DIGITS: usize = 5;

fn shown_segment(segment: &str) -> &str {
    // What a connector encodes came from a pipeline or record; a query or fragment does not belong into a path.
    let is_plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_plain {
        "{…}"
    } else if segment.len() >= ID_DIGITS && segment.bytes().all(|byte| byte.is_ascii_digit()) {
        "{id}"
    } else {
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_path_keeps_words_and_leaves_out_what_a_record_may_hold() {
        let shown = |path: &str| ApiRequest::get(path, &[]).shown_path().into_owned();
        assert_eq!(shown("crm/objects/2026-09/2-123/batch/upsert"), "crm/objects/2026-09/2-123/batch/upsert");
        assert_eq!(shown("v0/appFerryDemo00001/tblABCDEFGHIJKLMN"), "v0/appFerryDemo00001/tblABCDEFGHIJKLMN");
        assert_eq!(shown("services/data/v67.0/sobjects/Account"), "services/data/v67.0/sobjects/Account");
        assert_eq!(shown("contacts/20100000005"), "contacts/{id}");
        assert_eq!(shown("contacts/ada%40example.org"), "contacts/{…}");
        assert_eq!(shown("contacts/ada@example.org"), "contacts/{…}");
        assert_eq!(shown("contacts?email=ada"), "{…}");
    }

    #[test]
    fn a_template_stands_for_a_path_with_a_value_in_it() {
        let request = ApiRequest::get("people/Lovelace", &[]).shown_as("people/{name}");
        assert_eq!(request.shown_path(), "people/{name}");
    }
}
