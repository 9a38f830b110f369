//! The options of a HubSpot connection, as written and as meant.

use std::{fmt, num::NonZeroU32};

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{ConfigError, Secret, check_base_url};
use crate::model::{ObjectName, RateLimit};

use super::limits::{self, Plan};

/// The options of a HubSpot connection: either `token`, or `client_id` and `client_secret` of an OAuth app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The token of a service key or private app, e.g. `${HUBSPOT_TOKEN}`.
    #[serde(default)]
    pub token: Option<Secret>,
    /// The id of an OAuth app.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The secret of the OAuth app.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The refresh token that the OAuth app got when it was installed. Not needed after `ferry login`.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// The scopes that `ferry login` asks for: exactly those that the OAuth app requires. Default: reading and writing contacts,
    /// companies and deals, and reading owners.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The API's address. Default: `https://api.hubapi.com`. Plain http is accepted to 127.0.0.1 only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The version of the API: a date such as `2026-09` (default), or `v3` or `v4` for the paths of before 2026.
    #[serde(default = "default_api_version")]
    pub api_version: String,
    /// The account's plan, which decides how many requests it may send. Default: `starter`, which is safe for all.
    #[serde(default)]
    pub plan: Plan,
    /// The most requests in 10 seconds, where the account has another limit than its plan's (API limit increase: 250).
    #[serde(default)]
    pub requests_per_10_secs: Option<NonZeroU32>,
    /// The owner, by e-mail address or id, of records whose own owner is not one of this account.
    /// Without it, such records are rejected.
    #[serde(default)]
    pub default_owner: Option<String>,
    /// Custom objects (by name or `2-123`) that records of other objects link to, e.g. `[cars]`.
    #[serde(default)]
    pub custom_objects: Vec<String>,
    /// Retired by HubSpot: use `token`.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub hapikey: Option<Secret>,
}

fn default_base_url() -> String {
    "https://api.hubapi.com".to_owned()
}

fn default_api_version() -> String {
    "2026-09".to_owned()
}

/// The options once they are known to make sense.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) base_url: Url,
    pub(super) version: ApiVersion,
    pub(super) credential: Credential,
    pub(super) rate_limits: Vec<RateLimit>,
    pub(super) default_owner: Option<String>,
    pub(super) custom_objects: Vec<ObjectName>,
    pub(super) scopes: Option<Vec<String>>,
}

/// Which family of paths is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiVersion {
    /// `crm/objects/2026-09/…`
    Dated(String),
    /// `crm/v3/objects/…`, associations under `crm/v4`.
    Legacy,
}

/// How requests are authorised.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// A token that does not expire.
    Token(Secret),
    /// An OAuth app's refresh token.
    OAuth { client_id: String, client_secret: Secret, refresh_token: Option<Secret> },
}

impl Config {
    /// Says what the options mean.
    pub(super) fn settings(self) -> Result<Settings, ConfigError> {
        if self.hapikey.is_some() {
            let message = "HubSpot has retired API keys (`hapikey`): no request with one is answered any more";
            let hint = "make a service key (Development > Keys > Service keys) and write `token: \"${HUBSPOT_TOKEN}\"`";
            return Err(ConfigError::new("hapikey", message).with_hint(hint));
        }
        let base_url = check_base_url(&self.base_url)?;
        let version = self.api_version.parse()?;
        let rate_limits = limits::rate_limits(self.plan, self.token.is_none(), self.requests_per_10_secs);
        let default_owner = self.default_owner.clone().filter(|owner| !owner.trim().is_empty());
        let custom_objects = self.custom_objects.iter().map(ObjectName::new).collect();
        let scopes = self.scopes.clone();
        let credential = self.credential()?;
        Ok(Settings { base_url, version, credential, rate_limits, default_owner, custom_objects, scopes })
    }

    fn credential(self) -> Result<Credential, ConfigError> {
        let parts = (self.client_id, self.client_secret, self.refresh_token);
        match (self.token, parts) {
            (Some(token), (None, None, None)) => {
                if token.expose().trim().is_empty() {
                    return Err(ConfigError::new("token", "the token is empty"));
                }
                Ok(Credential::Token(token))
            }
            (Some(_), _) => Err(ConfigError::new("token", "`token` and the options of OAuth exclude each other")),
            (None, (Some(client_id), Some(client_secret), refresh_token)) => {
                Ok(Credential::OAuth { client_id, client_secret, refresh_token })
            }
            (None, (None, None, None)) => Err(ConfigError::new("token", "there is no token")
                .with_hint("write `token: \"${HUBSPOT_TOKEN}\"`, or `client_id` and `client_secret`, and log in with `ferry login`")),
            (None, (id, ..)) => {
                let missing = if id.is_none() { "client_id" } else { "client_secret" };
                let hint = "an OAuth login needs `client_id` and `client_secret`, then `ferry login` or a `refresh_token`";
                Err(ConfigError::new(missing, format!("there is no `{missing}`")).with_hint(hint))
            }
        }
    }
}

impl Settings {
    /// Names the account for the limiters, which all connections with the same credentials share; holds no secret.
    pub(super) fn account(&self) -> String {
        let secret = match &self.credential {
            Credential::Token(token) => token.expose(),
            Credential::OAuth { client_id, refresh_token, .. } => {
                refresh_token.as_ref().map_or(client_id.as_str(), Secret::expose)
            }
        };
        format!("hubspot {} {:016x}", self.base_url, xxh3_64(secret.as_bytes()))
    }
}

impl std::str::FromStr for ApiVersion {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if matches!(text, "v3" | "v4") {
            return Ok(Self::Legacy);
        }
        let date = text.strip_suffix("-beta").unwrap_or(text);
        let is_date = date.len() == 7
            && date.char_indices().all(|(at, letter)| if at == 4 { letter == '-' } else { letter.is_ascii_digit() });
        if is_date {
            return Ok(Self::Dated(text.to_owned()));
        }
        Err(ConfigError::new("api_version", format!("`{text}` is no version of the API"))
            .with_hint("write a date such as `2026-09`, or `v3` or `v4`"))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dated(version) => version,
            Self::Legacy => "v3",
        })
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
    fn a_token_is_enough_and_the_version_is_the_current_one() {
        let settings = settings(json!({ "token": "pat-na1-x" })).unwrap();
        assert_eq!(settings.base_url.as_str(), "https://api.hubapi.com/");
        assert_eq!(settings.version, ApiVersion::Dated("2026-09".to_owned()));
        assert!(!format!("{settings:?}").contains("pat-na1-x"), "secrets do not print");
    }

    #[test]
    fn the_retired_key_is_refused_with_what_replaced_it() {
        let error = settings(json!({ "hapikey": "demo", "token": "x" })).unwrap_err();
        assert_eq!(error.option, "hapikey");
        assert!(error.hint.unwrap().contains("service key"));
    }

    #[test]
    fn credentials_that_cannot_be_right_are_named() {
        let cases = [
            (json!({}), "token"),
            (json!({ "token": " " }), "token"),
            (json!({ "token": "x", "client_id": "y" }), "token"),
            (json!({ "client_id": "y" }), "client_secret"),
            (json!({ "refresh_token": "y", "client_secret": "z" }), "client_id"),
            (json!({ "refresh_token": "y", "client_id": "z" }), "client_secret"),
            (json!({ "token": "x", "api_version": "v2" }), "api_version"),
            (json!({ "token": "x", "api_version": "2026/09" }), "api_version"),
            (json!({ "token": "x", "base_url": "http://api.hubapi.com" }), "base_url"),
        ];
        for (options, option) in cases {
            assert_eq!(settings(options.clone()).unwrap_err().option, option, "{options}");
        }
    }

    #[test]
    fn unknown_options_are_refused() {
        assert!(serde_json::from_value::<Config>(json!({ "token": "x", "portal": 1 })).is_err());
    }

    #[test]
    fn older_and_coming_versions_can_be_chosen() {
        assert_eq!("v3".parse(), Ok(ApiVersion::Legacy));
        assert_eq!("v4".parse(), Ok(ApiVersion::Legacy));
        assert_eq!("2027-03-beta".parse(), Ok(ApiVersion::Dated("2027-03-beta".to_owned())));
    }

    #[test]
    fn connections_with_one_token_share_their_limits_and_do_not_show_it() {
        let account = |token: &str| settings(json!({ "token": token })).unwrap().account();
        assert_eq!(account("secret-1"), account("secret-1"));
        assert_ne!(account("secret-1"), account("secret-2"));
        assert!(!account("secret-1").contains("secret-1"));
    }
}
