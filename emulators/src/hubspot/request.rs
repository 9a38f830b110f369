//! A request as the emulator understands it: which area of the API, which version, what it carries.

use axum::{
    body::Bytes,
    http::{Method, Uri},
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::errors::Refusal;

/// A part of the API with its own paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    Objects,
    Associations,
    Properties,
    Schemas,
    Pipelines,
    Owners,
    Oauth,
    Account,
    /// How near the account is to limits of its own.
    Limits,
}

/// One request, its path without area and version.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) area: Area,
    /// `v3`, `v4`, `2026-09`, …
    pub(super) version: String,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The URL without its query, for links to the next page.
    pub(super) url: String,
}

impl Call {
    /// Reads a request; none when no path of the API is meant.
    pub(super) fn read(method: Method, uri: &Uri, host: &str, body: Bytes) -> Option<Self> {
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let texts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (area, version, rest) = find_area(&texts)?;
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let path: Vec<String> = rest.iter().map(|part| (*part).to_owned()).collect();
        let url = format!("http://{host}{}", uri.path());
        Some(Self { method, area, version: version.to_owned(), path, query, body, url })
    }

    /// Returns method and path to match on.
    pub(super) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.path.iter().map(String::as_str).collect())
    }

    /// Returns the first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns a list parameter, whether it was repeated or joined by commas.
    pub(super) fn list_parameter(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Whether a yes-or-no parameter says yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns `limit`, within the vendor's bounds.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Refusal> {
        let Some(text) = self.parameter("limit") else { return Ok(default) };
        let refused =
            |message: String| Refusal::invalid(message.clone()).with_error(json!({"message": message, "in": "limit"}));
        let limit: usize = text.parse().map_err(|_| refused(format!("{text} is not a valid integer")))?;
        if limit > max {
            return Err(refused(format!("Invalid limit: {limit}. The maximum limit is {max}.")));
        }
        Ok(limit.max(1))
    }

    /// Returns `paging` that leads to the page after this one.
    pub(super) fn next_page(&self, after: &str) -> Json {
        let others = self.query.iter().filter(|(name, _)| name != "after");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("after", after)
            .finish();
        json!({"next": {"after": after, "link": format!("{}?{query}", self.url)}})
    }

    /// Returns `after` as the id it is.
    pub(super) fn after(&self) -> Result<u64, Refusal> {
        let Some(text) = self.parameter("after").filter(|after| !after.is_empty()) else { return Ok(0) };
        text.parse().map_err(|_| Refusal::invalid(format!("Invalid paging cursor: {text}")))
    }

    /// Reads the body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = error.to_string();
            let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
            Refusal::invalid(format!(
                "Invalid input JSON on line {}, column {}: {reason}",
                error.line(),
                error.column()
            ))
        })
    }

    /// Reads a form body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// Whether it asks for an association.
    pub(super) fn is_association(&self) -> bool {
        self.area == Area::Associations
            || (self.area == Area::Objects && self.path.get(2).is_some_and(|part| part == "associations"))
    }

    /// Whether it is a search.
    pub(super) fn is_search(&self) -> bool {
        self.area == Area::Objects && self.path.len() == 2 && self.path[1] == "search"
    }
}

fn find_area<'a, 'p>(parts: &'p [&'a str]) -> Option<(Area, &'a str, &'p [&'a str])> {
    let crm_area = |name: &str| match name {
        "objects" => Some(Area::Objects),
        "associations" => Some(Area::Associations),
        "properties" => Some(Area::Properties),
        "pipelines" => Some(Area::Pipelines),
        "owners" => Some(Area::Owners),
        "schemas" => Some(Area::Schemas),
        "limits" => Some(Area::Limits),
        _ => None,
    };
    match parts {
        ["crm", version @ ("v3" | "v4"), area, rest @ ..] => Some((crm_area(area)?, version, rest)),
        // The youngest undated areas have their version where the dated ones have it.
        ["crm", area @ ("associations" | "limits"), version @ ("v3" | "v4"), rest @ ..] => {
            Some((crm_area(area)?, version, rest))
        }
        ["crm", area, version, rest @ ..] if is_dated(version) => Some((crm_area(area)?, version, rest)),
        ["crm-object-schemas", version, "schemas", rest @ ..] if *version == "v3" || is_dated(version) => {
            Some((Area::Schemas, version, rest))
        }
        ["oauth", version, rest @ ..] if matches!(*version, "v1" | "v3") || is_dated(version) => {
            Some((Area::Oauth, version, rest))
        }
        ["oauth", "authorize"] => Some((Area::Oauth, "v1", &parts[1..])),
        ["account-info", version, rest @ ..] if *version == "v3" || is_dated(version) => {
            Some((Area::Account, version, rest))
        }
        _ => None,
    }
}

/// Whether a text is the name of a dated version: `2026-09`, `2027-03-beta`.
fn is_dated(version: &str) -> bool {
    let date = version.strip_suffix("-beta").unwrap_or(version);
    let Some((year, month)) = date.split_once('-') else { return false };
    let is_number = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(year, 4) && is_number(month, 2)
}

/// Reads an id that a client writes as text or as a number.
pub(super) fn id_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::String(text) => Ok(text),
        Json::Number(number) => Ok(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            Err(serde::de::Error::custom("Cannot build an id: a text or a number is expected"))
        }
    }
}

/// `{"id": "1"}`
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IdInput {
    #[serde(deserialize_with = "id_text")]
    pub(super) id: String,
}

/// `{"name": "email"}`
#[derive(Debug, Clone, Deserialize)]
pub(super) struct NameInput {
    pub(super) name: String,
}

/// `{"inputs": […]}`
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Inputs<T> {
    pub(super) inputs: Vec<T>,
}

impl<T> Inputs<T> {
    /// Refuses a batch that is empty or larger than `max`.
    pub(super) fn checked(self, max: usize) -> Result<Vec<T>, Refusal> {
        if self.inputs.is_empty() {
            return Err(Refusal::invalid("The batch must contain at least one input"));
        }
        if self.inputs.len() > max {
            let message = format!("The batch contains {} inputs, the maximum is {max}", self.inputs.len());
            return Err(Refusal::invalid(message));
        }
        Ok(self.inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_area_in_dated_and_undated_paths() {
        let read = |path: &'static str| {
            let call = Call::read(Method::GET, &Uri::from_static(path), "", Bytes::new());
            call.map(|call| (call.area, call.version))
        };
        assert_eq!(read("/crm/objects/2026-09/contacts"), Some((Area::Objects, "2026-09".to_owned())));
        assert_eq!(read("/crm/v3/objects/contacts"), Some((Area::Objects, "v3".to_owned())));
        assert_eq!(read("/crm/properties/2027-03-beta/0-1"), Some((Area::Properties, "2027-03-beta".to_owned())));
        assert_eq!(read("/crm/objects/latest/contacts"), None);
        assert_eq!(read("/contacts/v1/lists"), None);
    }
}
