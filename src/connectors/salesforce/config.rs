//! The options of a Salesforce connection, as written and as meant.

use std::{fmt, num::NonZeroU32, str::FromStr};

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{ConfigError, Secret, check_base_url};

use super::limits;

/// The options of a Salesforce connection. Besides `base_url`, one way to log in: `client_id` and `client_secret` (client
/// credentials), `client_id`, `username` and `private_key` (JWT bearer), `client_id` and `refresh_token`, `client_id` alone (then `ferry login`), or `access_token`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address to log in at: the org's My Domain, e.g. `https://acme.my.salesforce.com`, which client credentials need, or
    /// `https://test.salesforce.com` for a sandbox. Default: `https://login.salesforce.com`. Where the API is, the answer to
    /// the login tells. Plain http is accepted to 127.0.0.1 only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The consumer key of the external client app (or connected app).
    #[serde(default)]
    pub client_id: Option<String>,
    /// The consumer secret of the app.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The user to log in as with `private_key`.
    #[serde(default)]
    pub username: Option<String>,
    /// The private key (PEM) whose certificate the app knows, e.g. `${file:salesforce.pem}`.
    #[serde(default)]
    pub private_key: Option<Secret>,
    /// The audience of the signed login. Default: `https://test.salesforce.com` where `base_url` is a sandbox's, else
    /// `https://login.salesforce.com`. An Experience Cloud site needs its own address here.
    #[serde(default)]
    pub audience: Option<String>,
    /// A refresh token that the app was given.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// A session that exists already, e.g. one of `sf org display`; `base_url` is the org's address then. It ends after some hours.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// The version of the API. Default: `67.0`. An org that does not have it yet is asked in its newest one.
    #[serde(default = "default_api_version")]
    pub api_version: String,
    /// From how many records of one operation on they are written by a Bulk API job instead of 200 a request. A value below 201
    /// works as 201, because fewer records fit one request. Default: 2000.
    #[serde(default = "default_bulk_min_records")]
    #[schemars(extend("x-effect-from" = 201))]
    pub bulk_min_records: NonZeroU32,
    /// From how many records of an object on it is read by a Bulk API job instead of pages of 2,000. Default: 20000.
    #[serde(default = "default_bulk_query_min_records")]
    pub bulk_query_min_records: NonZeroU32,
    /// The owner, by e-mail address, user name or id, of records whose own owner is no active user of this org. Without it,
    /// such records are rejected.
    #[serde(default)]
    pub default_owner: Option<String>,
    /// Which assignment rule runs when accounts, cases and leads are written: none unless this is `default` (the active
    /// rule; not by Bulk API jobs) or a rule's id.
    #[serde(default)]
    pub assignment_rule: Option<String>,
    /// Whether records are saved although a duplicate rule that alerts finds others like them. Rules that block still block. Default: false.
    #[serde(default)]
    pub allow_duplicates: bool,
    /// Fields of parents that can be read beside their names, e.g. `[Account.Industry, Owner.Department]`, and keys by which users,
    /// record types and parents of many kinds can be named, e.g. `[Owner.FederationIdentifier, "Account:What.External_Id__c"]`.
    #[serde(default)]
    pub parent_fields: Vec<String>,
}

fn default_base_url() -> String {
    "https://login.salesforce.com".to_owned()
}

fn default_api_version() -> String {
    limits::DEFAULT_VERSION.to_owned()
}

fn default_bulk_min_records() -> NonZeroU32 {
    limits::BULK_MIN_RECORDS
}

fn default_bulk_query_min_records() -> NonZeroU32 {
    limits::BULK_QUERY_MIN_RECORDS
}

/// The options once they are known to make sense.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Where to log in, with a slash at its end.
    pub(super) login_url: Url,
    pub(super) version: ApiVersion,
    pub(super) credential: Credential,
    pub(super) bulk_query_min_records: u64,
    pub(super) default_owner: Option<String>,
    pub(super) assignment_rule: Option<String>,
    pub(super) allow_duplicates: bool,
    pub(super) parent_fields: Vec<String>,
}

/// How requests are authorised.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// A session that exists and cannot be renewed.
    Session(Secret),
    /// An app that logs in as itself.
    Client { client_id: String, client_secret: Secret },
    /// An app that logs in as a user, with a signature.
    Jwt { client_id: String, username: String, private_key: Secret, audience: String },
    /// An app that a user has let in.
    Refresh { client_id: String, client_secret: Option<Secret>, refresh_token: Option<Secret> },
}

/// A version of the API: `67.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ApiVersion(u32);

impl Config {
    /// Says what the options mean.
    pub(super) fn settings(self) -> Result<Settings, ConfigError> {
        let login_url = check_base_url(&self.base_url)?;
        let version = self.api_version.parse()?;
        let text = |option: &Option<String>| option.clone().filter(|text| !text.trim().is_empty());
        let (default_owner, assignment_rule) = (text(&self.default_owner), text(&self.assignment_rule));
        if let Some(rule) = &assignment_rule
            && rule != "default"
            && !super::names::is_id(rule)
        {
            return Err(ConfigError::new("assignment_rule", format!("`{rule}` is no rule's id"))
                .with_hint("write `default` for the active rule, or an id that begins with `01Q`"));
        }
        for name in &self.parent_fields {
            // `Account:What.External_Id__c` says which of the objects that a task may be about is meant.
            let path = name
                .split_once(':')
                .filter(|(object, _)| super::names::is_name(object))
                .map_or(&**name, |(_, path)| path);
            if !path.contains('.') || !path.split('.').all(super::names::is_name) {
                return Err(ConfigError::new("parent_fields", format!("`{name}` is no field of a parent"))
                    .with_hint("write e.g. `Account.Industry`"));
            }
        }
        let (bulk_query_min_records, allow_duplicates) = (self.bulk_query_min_records.get(), self.allow_duplicates);
        let parent_fields = self.parent_fields.clone();
        let credential = self.credential(&login_url)?;
        Ok(Settings {
            login_url,
            version,
            credential,
            bulk_query_min_records: u64::from(bulk_query_min_records),
            default_owner,
            assignment_rule,
            allow_duplicates,
            parent_fields,
        })
    }

    fn credential(self, login_url: &Url) -> Result<Credential, ConfigError> {
        let given = [
            ("access_token", self.access_token.is_some()),
            ("private_key", self.private_key.is_some()),
            ("refresh_token", self.refresh_token.is_some()),
        ];
        let mut ways = given.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name);
        if let (Some(first), Some(second)) = (ways.next(), ways.next()) {
            return Err(ConfigError::new(second, format!("`{second}` and `{first}` are two ways to log in: keep one")));
        }
        if let Some(token) = self.access_token {
            return Ok(Credential::Session(filled("access_token", token)?));
        }
        let Some(client_id) = self.client_id.filter(|id| !id.trim().is_empty()) else {
            return Err(ConfigError::new("client_id", "there is no login").with_hint(
                "write `client_id` and `client_secret` of an app that has the client credentials flow, or `client_id` alone \
                 and log in with `ferry login`",
            ));
        };
        if let Some(private_key) = self.private_key {
            let username = self.username.filter(|name| !name.trim().is_empty());
            let Some(username) = username else {
                return Err(ConfigError::new("username", "`private_key` logs a user in, and `username` is missing"));
            };
            let audience = self.audience.unwrap_or_else(|| default_audience(login_url));
            let private_key = filled("private_key", private_key)?;
            return Ok(Credential::Jwt { client_id, username, private_key, audience });
        }
        if let Some(refresh_token) = self.refresh_token {
            let refresh_token = filled("refresh_token", refresh_token)?;
            let refresh_token = Some(refresh_token);
            return Ok(Credential::Refresh { client_id, client_secret: self.client_secret, refresh_token });
        }
        let Some(client_secret) = self.client_secret else {
            // Somebody logs in in the browser: `ferry login`.
            return Ok(Credential::Refresh { client_id, client_secret: None, refresh_token: None });
        };
        if matches!(login_url.host_str(), Some("login.salesforce.com" | "test.salesforce.com")) {
            let message = "client credentials are accepted at the org's own address only, not at login.salesforce.com";
            return Err(ConfigError::new("base_url", message)
                .with_hint("write the org's My Domain, e.g. `base_url: https://acme.my.salesforce.com`"));
        }
        Ok(Credential::Client { client_id, client_secret: filled("client_secret", client_secret)? })
    }
}

impl Settings {
    /// Names the login for locks and stored sessions: with other credentials, an older session is not taken up.
    pub(super) fn login_mark(&self) -> u64 {
        let text = match &self.credential {
            Credential::Session(token) => token.expose().to_owned(),
            Credential::Client { client_id, client_secret } => format!("{client_id}\n{}", client_secret.expose()),
            Credential::Jwt { client_id, username, private_key, .. } => {
                format!("{client_id}\n{username}\n{}", private_key.expose())
            }
            Credential::Refresh { client_id, refresh_token, .. } => {
                format!("{client_id}\n{}", refresh_token.as_ref().map_or("", Secret::expose))
            }
        };
        xxh3_64(format!("{}\n{text}", self.login_url).as_bytes())
    }
}

fn filled(option: &str, secret: Secret) -> Result<Secret, ConfigError> {
    if secret.expose().trim().is_empty() {
        return Err(ConfigError::new(option, format!("`{option}` is empty")));
    }
    Ok(secret)
}

/// Sandboxes have addresses of their own: `test.salesforce.com`, `acme--uat.sandbox.my.salesforce.com`.
fn default_audience(login_url: &Url) -> String {
    let host = login_url.host_str().unwrap_or_default();
    if host == "test.salesforce.com" || host.contains(".sandbox.") {
        "https://test.salesforce.com".to_owned()
    } else {
        "https://login.salesforce.com".to_owned()
    }
}

impl FromStr for ApiVersion {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let number = bare.strip_suffix(".0").unwrap_or(bare).parse::<u32>().ok();
        let Some(number) = number.filter(|number| *number < 1_000) else {
            return Err(ConfigError::new("api_version", format!("`{text}` is no version of the API"))
                .with_hint("write e.g. `67.0`"));
        };
        if number < limits::OLDEST_VERSION {
            let message = format!("version {number}.0 of the API is no longer answered by Salesforce");
            return Err(ConfigError::new("api_version", message).with_hint("leave `api_version` out, or write `67.0`"));
        }
        Ok(Self(number))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.0", self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn settings(options: Json) -> Result<Settings, ConfigError> {
        serde_json::from_value::<Config>(options).unwrap().settings()
    }

    #[test]
    fn each_way_to_log_in_is_understood_and_no_secret_prints() {
        let cases = [
            json!({ "base_url": "https://acme.my.salesforce.com", "client_id": "app", "client_secret": "S3CRET" }),
            json!({ "client_id": "app", "username": "bot@example.test", "private_key": "S3CRET" }),
            json!({ "client_id": "app", "refresh_token": "S3CRET" }),
            json!({ "access_token": "S3CRET", "base_url": "https://acme.my.salesforce.com" }),
        ];
        for options in cases {
            let settings = settings(options.clone()).unwrap();
            assert!(!format!("{settings:?}").contains("S3CRET"), "{options}");
            assert_eq!(settings.version.to_string(), "67.0");
        }
    }

    #[test]
    fn options_that_cannot_be_right_are_named() {
        let client = |url: &str| json!({ "client_id": "a", "client_secret": "s", "base_url": url });
        let with = |name: &str, value: Json| {
            let mut options = json!({ "access_token": "s" });
            options[name] = value;
            options
        };
        let cases = [
            (json!({}), "client_id"),
            (json!({ "client_id": "a", "refresh_token": " " }), "refresh_token"),
            (json!({ "client_id": "a", "private_key": "k" }), "username"),
            (json!({ "client_id": "a", "refresh_token": "r", "access_token": "t" }), "refresh_token"),
            (json!({ "access_token": " " }), "access_token"),
            (client("https://login.salesforce.com"), "base_url"),
            (client("https://test.salesforce.com/"), "base_url"),
            (client("http://acme.my.salesforce.com"), "base_url"),
            (with("api_version", json!("30.0")), "api_version"),
            (with("api_version", json!("winter")), "api_version"),
            (with("assignment_rule", json!("everyone")), "assignment_rule"),
            (with("parent_fields", json!(["Account.Name FROM User--"])), "parent_fields"),
            (with("parent_fields", json!(["Name"])), "parent_fields"),
        ];
        for (options, option) in cases {
            assert_eq!(settings(options.clone()).unwrap_err().option, option, "{options}");
        }
    }

    #[test]
    fn a_signed_login_to_a_sandbox_has_the_audience_of_sandboxes() {
        let audience = |url: &str| default_audience(&Url::parse(url).unwrap());
        assert_eq!(audience("https://acme--uat.sandbox.my.salesforce.com/"), "https://test.salesforce.com");
        assert_eq!(audience("https://test.salesforce.com/"), "https://test.salesforce.com");
        assert_eq!(audience("https://acme.my.salesforce.com/"), "https://login.salesforce.com");
    }

    #[test]
    fn another_secret_is_another_login() {
        let mark = |token: &str| settings(json!({ "access_token": token })).unwrap().login_mark();
        assert_eq!(mark("one"), mark("one"));
        assert_ne!(mark("one"), mark("two"));
    }
}
