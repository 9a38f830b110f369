//! A request as the emulator understands it.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use super::errors::Problem;

/// The oldest and the newest version that answers. Source: retirement notes (7.0 to 30.0 are gone), Winter '27.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=68;

/// One request. Requests within a request are of the same form.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Its method.
    pub(super) method: Method,
    /// Its path, decoded, in parts.
    pub(super) path: Vec<String>,
    /// Its query.
    pub(super) query: Vec<(String, String)>,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Bytes,
    /// Where the emulator is, for links.
    pub(super) origin: String,
}

/// A version of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// `67` of `v67.0`
    pub(super) number: u32,
    /// `/services/data/v67.0`
    pub(super) base: String,
}

/// What a path says about the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Versioned {
    /// One that answers.
    Known(Version),
    /// One that was switched off.
    Retired,
    /// None.
    Unknown,
}

impl Call {
    /// Reads a request.
    pub(super) fn read(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        let origin = format!("http://{host}");
        let (path, query) = split(uri.path(), uri.query().unwrap_or_default());
        Self { method, path, query, headers, body, origin }
    }

    /// Makes a request within this one. `url` has no host.
    pub(super) fn inner(&self, method: Method, url: &str, headers: &Map<String, Json>, body: Option<&Json>) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let (path, query) = split(path, query);
        let mut own = HeaderMap::new();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase().parse::<axum::http::HeaderName>();
            let value = value.as_str().unwrap_or_default().parse::<axum::http::HeaderValue>();
            if let (Ok(name), Ok(value)) = (name, value) {
                own.insert(name, value);
            }
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Self { method, path, query, headers: own, body, origin: self.origin.clone() }
    }

    /// Returns the path to match on.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// Returns the version that the path names.
    pub(super) fn version(&self) -> Versioned {
        let Some(text) = self.path.get(2) else { return Versioned::Unknown };
        let number = text.strip_prefix('v').and_then(|text| text.strip_suffix(".0")).and_then(|text| text.parse().ok());
        match number {
            Some(number) if VERSIONS.contains(&number) => {
                Versioned::Known(Version { number, base: format!("/services/data/{text}") })
            }
            Some(number) if number < *VERSIONS.start() && number >= 7 => Versioned::Retired,
            _ => Versioned::Unknown,
        }
    }

    /// Returns the first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a query parameter says yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks that the body is of a kind that the resource reads: CSV for the rows of a job, JSON for all others.
    pub(super) fn check_content_type(&self) -> Result<(), Problem> {
        let Some(named) = self.header("content-type").filter(|_| !self.body.is_empty()) else { return Ok(()) };
        let kind = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let wanted =
            if self.path.last().is_some_and(|last| last == "batches") { "text/csv" } else { "application/json" };
        if kind == wanted {
            return Ok(());
        }
        let message = format!("Content-Type header specified in HTTP request is not supported: {named}");
        Err(Problem::new("UNSUPPORTED_MEDIA_TYPE", message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
    }

    /// Reads the body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Json>, Problem> {
        match self.json()? {
            Json::Object(object) => Ok(object),
            _ => Err(Problem::parser("The HTTP entity body is required, but this request has no entity body.")),
        }
    }

    /// Reads the body as JSON.
    pub(super) fn json(&self) -> Result<Json, Problem> {
        if self.body.is_empty() {
            return Err(Problem::parser("The HTTP entity body is required, but this request has no entity body."));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::parser(format!("Unexpected character in JSON at [line:{line}, column:{column}]"))
        })
    }

    /// Reads the body as a form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

fn split(path: &str, query: &str) -> (Vec<String>, Vec<(String, String)>) {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let path = parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    (path, url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

/// Lists the versions that answer, as `/services/data` does.
pub(super) fn versions() -> Json {
    const SEASONS: [&str; 3] = ["Winter", "Spring", "Summer"];
    let shown = |number: u32| {
        // 31.0 was Summer '14; three versions make a year, and Winter belongs to the year it leads into.
        let since = number - 31 + 2;
        let season = SEASONS[usize::try_from(since % 3).unwrap_or(0)];
        serde_json::json!({
            "label": format!("{season} '{:02}", 14 + since / 3), "url": format!("/services/data/v{number}.0"),
            "version": format!("{number}.0"),
        })
    };
    VERSIONS.map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_versions_by_their_season() {
        let versions = versions();
        let label = |version: &str| {
            let found = versions.as_array().unwrap().iter().find(|it| it["version"] == version);
            found.unwrap()["label"].as_str().unwrap().to_owned()
        };
        assert_eq!(label("31.0"), "Summer '14");
        assert_eq!(label("65.0"), "Winter '26");
        assert_eq!(label("67.0"), "Summer '26");
        assert_eq!(label("68.0"), "Winter '27");
    }
}
