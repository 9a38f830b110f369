//! A request as the emulator understands it: which version of the API, which path, what it carries.

use axum::{
    body::Bytes,
    http::{Method, Uri, header, request::Parts},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use super::errors::Refusal;

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `v1` and `api/v1`: offsets, flat custom fields, times without a zone.
    One,
    /// `api/v2` alone: cursors, strict types, `custom_fields`.
    Two,
}

/// One request, its path without the version.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) path: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) body: Bytes,
    is_form: bool,
}

impl Call {
    /// Reads a request; none when it is under no version of the API. Version 2 has one prefix, version 1 has two.
    pub(super) fn read(parts: &Parts, body: Bytes) -> Option<Self> {
        let path = path_of(&parts.uri);
        let (version, rest) = match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["api", "v2", ..] => (Version::Two, &path[2..]),
            ["api", "v1", ..] => (Version::One, &path[2..]),
            ["v1", ..] => (Version::One, &path[1..]),
            _ => return None,
        };
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = content_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"));
        let query = query_of(&parts.uri);
        Some(Self { method: parts.method.clone(), version, path: rest.to_vec(), query, body, is_form })
    }

    /// Returns method and path to match on.
    pub(super) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.path.iter().map(String::as_str).collect())
    }

    /// Returns the first value of a query parameter; none where it is empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns a list parameter, whether it was repeated or joined by commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name));
        let parts = values.flat_map(|(_, value)| value.split(',')).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Returns a whole number of the query.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.invalid_parameter(name, "must be a whole number"))
    }

    /// Returns a yes or no of the query: `true` and `false`, and `1` and `0` of version 1.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match (self.parameter(name), self.version) {
            (None, _) => Ok(None),
            (Some("true"), _) | (Some("1"), Version::One) => Ok(Some(true)),
            (Some("false"), _) | (Some("0"), Version::One) => Ok(Some(false)),
            (Some(_), _) => Err(self.invalid_parameter(name, "must be a boolean")),
        }
    }

    /// Says that a parameter is wrong, in the words of the version.
    pub(super) fn invalid_parameter(&self, name: &str, problem: &str) -> Refusal {
        let error = format!("Parameter validation failed: {name}: {problem}");
        // Version 1 has no codes.
        if self.version == Version::Two { Refusal::validation(error) } else { Refusal::bad(error) }
    }

    /// Reads the body as an object: JSON, or a form in version 1, whose values are then all texts.
    pub(super) fn object(&self) -> Result<Map<String, Json>, Refusal> {
        if self.is_form && self.version == Version::One {
            let pairs = url::form_urlencoded::parse(&self.body).into_owned();
            return Ok(pairs.map(|(name, value)| (name, Json::from(value))).collect());
        }
        match self.json()? {
            Json::Object(object) => Ok(object),
            _ => Err(Refusal::validation("Validation failed: the body must be an object")),
        }
    }

    /// Reads the body, which is JSON; no body at all is an empty object.
    pub(super) fn json(&self) -> Result<Json, Refusal> {
        if self.is_form {
            return Err(Refusal::validation("Validation failed: the body must be JSON"));
        }
        if self.body.is_empty() {
            return Ok(Json::Object(Map::new()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::validation("Validation failed: the body could not be parsed as JSON"))
    }
}

/// Returns the parts of a path.
pub(super) fn path_of(uri: &Uri) -> Vec<String> {
    let parts = uri.path().split('/').filter(|part| !part.is_empty());
    parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

/// Returns the parameters of a query.
pub(super) fn query_of(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}
