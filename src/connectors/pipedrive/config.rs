//! The options of a Pipedrive connection, as written and as meant.

use std::num::NonZeroU32;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{ConfigError, Secret, check_base_url};
use crate::http::is_loopback;
use crate::model::RateLimit;

use super::limits::{self, CompanyPlan};

const DEFAULT_BASE_URL: &str = "https://api.pipedrive.com";
const DEFAULT_OAUTH_URL: &str = "https://oauth.pipedrive.com";

/// Options of a Pipedrive connection: either `token`, or `client_id` and `client_secret` of an OAuth app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API token of a user: *Personal preferences > API* in Pipedrive. Ferry sees what this user sees, so take an admin's.
    #[serde(default)]
    pub token: Option<Secret>,
    /// The id of an OAuth app. `ferry login` logs in with it, unless there is a `refresh_token`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The secret of the OAuth app.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The refresh token that the OAuth app got. Pipedrive may replace it at each use; Ferry keeps the newest one in its state.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// The company's plan: `lite` (default), `growth`, `premium` or `ultimate`. It decides how many tokens a day and how many
    /// requests in 2 seconds there are. Pipedrive's answers correct the tokens.
    #[serde(default)]
    pub plan: CompanyPlan,
    /// The seats that the company pays for: each has tokens of its own. Default: 1.
    #[serde(default)]
    pub seats: Option<NonZeroU32>,
    /// The most requests in 2 seconds, where the user has another limit than the plan's.
    #[serde(default)]
    pub requests_per_2_secs: Option<NonZeroU32>,
    /// The user, by e-mail address or id, who owns records whose own owner is no user of this company. Without it, such records
    /// are rejected.
    #[serde(default)]
    pub default_owner: Option<String>,
    /// Whether an option that a field does not have is added to it. Off by default: a typing error would become an option.
    #[serde(default)]
    pub create_options: bool,
    /// The time zone of Pipedrive's server, such as `Europe/Berlin`: the tokens of the day come back at its midnight. It decides only
    /// what Ferry says about the next day. Default: `UTC`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Where the API is: the company's own address such as `https://acme.pipedrive.com`, an emulator or a proxy. Plain http only
    /// to loopback. Default: `https://api.pipedrive.com`.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where OAuth logins are renewed. Default: `https://oauth.pipedrive.com`, or `base_url` where that is loopback.
    #[serde(default)]
    pub oauth_url: Option<String>,
}

/// The options once they are known to make sense.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Where the API is, with a slash at its end.
    pub(super) base_url: Url,
    /// Where logins are renewed, with a slash at its end.
    pub(super) oauth_url: Url,
    /// How to log in.
    pub(super) credential: Credential,
    /// The limits of the company and the user.
    pub(super) rate_limits: Vec<RateLimit>,
    /// Who owns records of nobody.
    pub(super) default_owner: Option<String>,
    /// Whether options are added.
    pub(super) creates_options: bool,
    /// Where the company's day ends at midnight.
    pub(super) time_zone: Tz,
}

/// How to log in.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// With a user's API token.
    Token(Secret),
    /// With an OAuth app.
    OAuth { client_id: String, client_secret: Secret, refresh_token: Option<Secret> },
}

impl Config {
    /// Turns the options into what they mean.
    pub(super) fn resolve(&self) -> Result<Settings, ConfigError> {
        let base_url = check_base_url(&self.base_url)?;
        let oauth_url = match &self.oauth_url {
            Some(text) => {
                check_base_url(text).map_err(|error| ConfigError { option: "oauth_url".to_owned(), ..error })?
            }
            None if is_loopback(&base_url) => base_url.clone(),
            None => check_base_url(DEFAULT_OAUTH_URL)?,
        };
        let seats = self.seats.unwrap_or(NonZeroU32::MIN);
        Ok(Settings {
            base_url,
            oauth_url,
            credential: self.credential()?,
            rate_limits: limits::rate_limits(self.plan, seats, self.burst()),
            default_owner: self.default_owner.clone().filter(|owner| !owner.trim().is_empty()),
            creates_options: self.create_options,
            time_zone: self.zone()?,
        })
    }

    /// Returns the most requests in 2 seconds.
    pub(super) fn burst(&self) -> NonZeroU32 {
        self.requests_per_2_secs.unwrap_or_else(|| limits::burst(self.plan, self.token.is_none()))
    }

    fn zone(&self) -> Result<Tz, ConfigError> {
        let Some(name) = &self.time_zone else { return Ok(Tz::UTC) };
        name.trim().parse().map_err(|_| {
            ConfigError::new("time_zone", format!("`{name}` is no time zone"))
                .with_hint("write its name in the IANA database, such as `Europe/Berlin`")
        })
    }

    fn credential(&self) -> Result<Credential, ConfigError> {
        match (&self.token, &self.client_id, &self.client_secret) {
            (Some(token), None, None) if self.refresh_token.is_none() => {
                not_empty("token", token.expose())?;
                Ok(Credential::Token(token.clone()))
            }
            (Some(_), ..) => Err(ConfigError::new("token", "it is set together with the options of an OAuth login")
                .with_hint("keep either `token`, or `client_id` and `client_secret`")),
            (None, Some(client_id), Some(client_secret)) => {
                not_empty("client_id", client_id)?;
                not_empty("client_secret", client_secret.expose())?;
                if let Some(refresh_token) = &self.refresh_token {
                    not_empty("refresh_token", refresh_token.expose())?;
                }
                Ok(Credential::OAuth {
                    client_id: client_id.clone(),
                    client_secret: client_secret.clone(),
                    refresh_token: self.refresh_token.clone(),
                })
            }
            (None, Some(_), None) => Err(ConfigError::new("client_secret", "it is missing beside `client_id`")),
            (None, None, Some(_)) => Err(ConfigError::new("client_id", "it is missing beside `client_secret`")),
            (None, None, None) if self.refresh_token.is_some() => {
                Err(ConfigError::new("client_id", "it is missing beside `refresh_token`"))
            }
            (None, None, None) => Err(ConfigError::new("token", "there is no token").with_hint(
                "copy the API token from Pipedrive's *Personal preferences > API* into `token`, or set `client_id` and \
                 `client_secret` of an OAuth app and log in with `ferry login`",
            )),
        }
    }
}

impl Settings {
    /// Names the login whose requests Pipedrive counts together, without showing a secret.
    pub(super) fn login_name(&self) -> String {
        let mark = match &self.credential {
            Credential::Token(token) => token.expose(),
            Credential::OAuth { client_id, .. } => client_id,
        };
        format!("pipedrive {:016x}", xxh3_64(mark.as_bytes()))
    }
}

fn not_empty(option: &str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() { Err(ConfigError::new(option, "it is empty")) } else { Ok(()) }
}

fn default_base_url() -> String {
    DEFAULT_BASE_URL.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(options: serde_json::Value) -> Result<Settings, ConfigError> {
        serde_json::from_value::<Config>(options).unwrap().resolve()
    }

    #[test]
    fn a_token_or_an_app_is_enough() {
        assert!(matches!(resolve(json!({"token": "t"})).unwrap().credential, Credential::Token(_)));
        let login = resolve(json!({"client_id": "c", "client_secret": "s"})).unwrap();
        assert!(matches!(login.credential, Credential::OAuth { refresh_token: None, .. }));
        assert_eq!(login.oauth_url.as_str(), "https://oauth.pipedrive.com/");
    }

    #[test]
    fn a_local_pipedrive_renews_logins_too() {
        let settings = resolve(json!({"token": "t", "base_url": "http://127.0.0.1:4014"})).unwrap();
        assert_eq!(settings.oauth_url.as_str(), "http://127.0.0.1:4014/");
    }

    #[test]
    fn options_that_cannot_be_right_are_named() {
        let cases = [
            (json!({}), "token"),
            (json!({"token": " "}), "token"),
            (json!({"token": "t", "client_id": "c"}), "token"),
            (json!({"token": "t", "refresh_token": "r"}), "token"),
            (json!({"client_id": "c"}), "client_secret"),
            (json!({"client_secret": "s"}), "client_id"),
            (json!({"refresh_token": "r"}), "client_id"),
            (json!({"client_id": "c", "client_secret": " "}), "client_secret"),
            (json!({"token": "t", "base_url": "http://acme.pipedrive.com"}), "base_url"),
            (json!({"token": "t", "time_zone": "Berlin"}), "time_zone"),
            (json!({"token": "t", "oauth_url": "http://oauth.pipedrive.com"}), "oauth_url"),
        ];
        for (options, option) in cases {
            assert_eq!(resolve(options.clone()).unwrap_err().option, option, "{options}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let settings = resolve(json!({"client_id": "c", "client_secret": "hush1", "refresh_token": "hush2"})).unwrap();
        assert!(!format!("{settings:?}").contains("hush"));
        assert!(!resolve(json!({"token": "hush"})).unwrap().login_name().contains("hush"));
    }
}
