//! A request, taken apart: its path in either spelling, its query, its body.

use axum::{body::Bytes, http::Method};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};
use url::form_urlencoded;

use super::{errors::ApiError, mask::Mask, schema};

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The decoded parts of the path. A verb stays with its noun: `values:batchGet`, `A1:C:append`.
    pub(super) path: Vec<String>,
    /// The verb behind the last part, where the part alone cannot tell: `append` or `clear` behind a range.
    pub(super) verb: Option<&'static str>,
    pub(super) query: Vec<(String, String)>,
    pub(super) authorization: Option<String>,
    pub(super) body: Bytes,
}

/// Verbs that may follow a range. They are looked for before the range is decoded, where a colon is still the API's own.
const RANGE_VERBS: [&str; 3] = ["append", "clear", "copyTo"];

impl Call {
    /// Takes the path and the query of a request apart.
    pub(super) fn read(method: Method, path: &str, query: &str, authorization: Option<String>, body: Bytes) -> Self {
        // Some clients write `spreadsheets/ID/:batchUpdate` and `spreadsheets/ID/`.
        let mut parts: Vec<String> = Vec::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            match parts.last_mut().filter(|_| part.starts_with(':')) {
                Some(last) => last.push_str(part),
                None => parts.push(part.to_owned()),
            }
        }
        let is_below = parts.len() > 4;
        let mut verb = None;
        if let Some(last) = parts.last_mut().filter(|_| is_below) {
            for name in RANGE_VERBS {
                if let Some(range) = last.strip_suffix(name).and_then(|range| range.strip_suffix(':')) {
                    *last = range.to_owned();
                    verb = Some(name);
                    break;
                }
            }
        }
        let decode = |part: &String| percent_decode_str(part).decode_utf8_lossy().into_owned();
        Self {
            method,
            path: parts.iter().map(decode).collect(),
            verb,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            authorization,
            body,
        }
    }

    /// Returns a parameter of the query; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// Returns all values of a parameter that may be repeated.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a switch of the query is on.
    ///
    /// # Errors
    /// Fails when it is neither `true` nor `false`.
    pub(super) fn is_on(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name).map(str::to_lowercase).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(schema::invalid(name, "TYPE_BOOL", &Json::from(other))),
        }
    }

    /// Returns the mask of the answer.
    ///
    /// # Errors
    /// Fails when it cannot be read or names a field that the message does not have.
    pub(super) fn mask(&self, message: &str) -> Result<Mask, ApiError> {
        let Some(text) = self.get("fields").or_else(|| self.get("$fields")) else { return Ok(Mask::All) };
        let mask = Mask::parse(text)?;
        mask.check(message)?;
        Ok(mask)
    }

    /// Reads the body as a message of the API. Its nulls are left out, and its keys are in camel case. `place` is what Google calls
    /// the body.
    ///
    /// # Errors
    /// Fails when it is no JSON object, or on a key or a value that the message cannot have.
    pub(super) fn message(&self, message: &str, place: &str) -> Result<Map<String, Json>, ApiError> {
        let given = self.json()?;
        schema::check(&given, message, place)?;
        match given {
            // Within values null means "leave it alone".
            Json::Object(fields) => Ok(fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| match key.as_str() {
                    "values" | "data" => (key, value),
                    _ => (schema::camel(&key), schema::normalize(value)),
                })
                .collect()),
            _ => Ok(Map::new()),
        }
    }

    /// Reads the body as JSON; an empty one is an empty object.
    ///
    /// # Errors
    /// Fails when it is no JSON.
    pub(super) fn json(&self) -> Result<Json, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Json::Object(Map::new()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_spellings_and_keeps_colons_of_ranges() {
        for (path, parts, verb) in [
            ("/v4/spreadsheets/ID/:batchUpdate", "v4|spreadsheets|ID:batchUpdate", None),
            ("/v4/spreadsheets/ID:batchUpdate", "v4|spreadsheets|ID:batchUpdate", None),
            ("/v4/spreadsheets/ID/", "v4|spreadsheets|ID", None),
            ("/v4/spreadsheets/ID/values:batchGet", "v4|spreadsheets|ID|values:batchGet", None),
            (
                "/v4/spreadsheets/ID/values/%27a%20b%27%21A1:C:append",
                "v4|spreadsheets|ID|values|'a b'!A1:C",
                Some("append"),
            ),
            ("/v4/spreadsheets/ID/values/A%3AC:clear", "v4|spreadsheets|ID|values|A:C", Some("clear")),
            ("/v4/spreadsheets/ID/values/%27a%3Aappend%27", "v4|spreadsheets|ID|values|'a:append'", None),
            ("/v4/spreadsheets/ID/values/a%2Fb%21A1", "v4|spreadsheets|ID|values|a/b!A1", None),
            ("/v4/spreadsheets/ID/sheets/0:copyTo", "v4|spreadsheets|ID|sheets|0", Some("copyTo")),
        ] {
            let call = Call::read(Method::GET, path, "", None, Bytes::new());
            assert_eq!((call.path.join("|").as_str(), call.verb), (parts, verb), "{path}");
        }
    }
}
