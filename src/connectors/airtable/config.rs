//! The options of an Airtable connection.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::connector::{AccountForm, ConfigError, Secret, check_base_url};
use crate::http::is_loopback;

const DEFAULT_BASE_URL: &str = "https://api.airtable.com";
const DEFAULT_OAUTH_URL: &str = "https://airtable.com";
/// Letters and digits after the prefix of every id. Source: airtable.com/developers/web/api, "Introduction".
const ID_LENGTH: usize = 14;
/// A connection reaches one base, and the options name it.
pub(super) const ACCOUNT: AccountForm = AccountForm {
    noun: "base",
    looks_like: "`app` and 14 letters or digits",
    normal: |text| is_id("app", text).then(|| text.to_owned()),
};

/// Options of an Airtable connection. It reaches one base, with either a personal access token or an OAuth login.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The base: `app` and 14 letters or digits, as in the address of the base (`https://airtable.com/appXXXXXXXXXXXXXX/…`).
    pub base_id: String,
    /// A personal access token (`pat…`) with the scopes `data.records:read`, `data.records:write` and `schema.bases:read`, and
    /// with the base among what it may reach.
    #[serde(default)]
    pub token: Option<Secret>,
    /// The client id of an OAuth integration. `ferry login` logs in with it, unless there is a `refresh_token`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The secret of the OAuth integration, if it has one.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The refresh token of the OAuth login. Airtable replaces it at every use; Ferry keeps the newest one in its state.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// Retired: Airtable's API keys stopped working on 2024-02-01. Use `token` with a personal access token.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub api_key: Option<Secret>,
    /// Whether Airtable may convert texts to a field's type, add missing select options, and find or create linked records by
    /// their names. Off by default: a typing error would become an option of its own.
    #[serde(default)]
    pub typecast: bool,
    /// Where the API is: an emulator or a proxy. Plain http only to loopback. Default: `https://api.airtable.com`.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where OAuth logins are renewed. Default: `https://airtable.com`, or `base_url` where that is loopback.
    #[serde(default)]
    pub oauth_url: Option<String>,
}

/// The options once they are known to make sense.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The base.
    pub(super) base_id: String,
    /// How to log in.
    pub(super) login: Login,
    /// Whether Airtable may convert values.
    pub(super) is_typecast: bool,
    /// Where the API is, with a slash at its end.
    pub(super) base_url: Url,
    /// Where logins are renewed, with a slash at its end.
    pub(super) oauth_url: Url,
}

/// How to log in.
#[derive(Debug, Clone)]
pub(super) enum Login {
    /// With a personal access token.
    Token(Secret),
    /// With an OAuth integration.
    OAuth {
        /// The integration.
        client_id: String,
        /// Its secret, if it has one.
        client_secret: Option<Secret>,
        /// The login, as the user gave it; spent at its first use. Without one, somebody logs in with `ferry login`.
        refresh_token: Option<Secret>,
    },
}

impl Config {
    /// Turns the options into what they mean.
    pub(super) fn resolve(&self) -> Result<Account, ConfigError> {
        let base_url = check_base_url(&self.base_url)?;
        let oauth_url = match &self.oauth_url {
            Some(text) => {
                check_base_url(text).map_err(|error| ConfigError { option: "oauth_url".to_owned(), ..error })?
            }
            None if is_loopback(&base_url) => base_url.clone(),
            None => check_base_url(DEFAULT_OAUTH_URL)?,
        };
        Ok(Account {
            base_id: self.checked_base_id()?,
            login: self.login()?,
            is_typecast: self.typecast,
            base_url,
            oauth_url,
        })
    }

    fn checked_base_id(&self) -> Result<String, ConfigError> {
        if is_id("app", &self.base_id) {
            return Ok(self.base_id.clone());
        }
        let within = self.base_id.split(['/', '?']).find(|part| is_id("app", part));
        let error = ConfigError::new("base_id", "it is not `app` followed by 14 letters or digits");
        Err(match within {
            Some(id) => error.with_hint(format!("write `{id}`")),
            None => error.with_hint("it is in the address of the base: https://airtable.com/appXXXXXXXXXXXXXX/…"),
        })
    }

    fn login(&self) -> Result<Login, ConfigError> {
        if self.api_key.is_some() {
            return Err(retired("api_key"));
        }
        match (&self.token, &self.client_id, &self.refresh_token) {
            (Some(token), None, None) if self.client_secret.is_none() => checked_token(token),
            (Some(_), _, _) => Err(ConfigError::new("token", "it stands beside the options of an OAuth login")
                .with_hint("keep either `token` or `client_id` with `refresh_token`")),
            (None, Some(client_id), refresh_token) => {
                not_empty("client_id", client_id)?;
                if let Some(refresh_token) = refresh_token {
                    not_empty("refresh_token", refresh_token.expose())?;
                }
                Ok(Login::OAuth {
                    client_id: client_id.clone(),
                    client_secret: self.client_secret.clone(),
                    refresh_token: refresh_token.clone(),
                })
            }
            (None, None, Some(_)) => Err(ConfigError::new("client_id", "it is missing beside `refresh_token`")),
            (None, None, None) => Err(ConfigError::new("token", "there is no token").with_hint(
                "make a personal access token at https://airtable.com/create/tokens, or give the `client_id` of an OAuth \
                 integration and log in with `ferry login`",
            )),
        }
    }
}

fn checked_token(token: &Secret) -> Result<Login, ConfigError> {
    not_empty("token", token.expose())?;
    if is_id("key", token.expose()) {
        return Err(retired("token"));
    }
    Ok(Login::Token(token.clone()))
}

fn not_empty(option: &str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() { Err(ConfigError::new(option, "it is empty")) } else { Ok(()) }
}

fn retired(option: &str) -> ConfigError {
    ConfigError::new(option, "it is an API key; Airtable's API keys stopped working on 2024-02-01").with_hint(
        "personal access tokens replaced them: make one at https://airtable.com/create/tokens with the scopes \
         data.records:read, data.records:write and schema.bases:read, and give it as `token`",
    )
}

fn is_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == ID_LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn default_base_url() -> String {
    DEFAULT_BASE_URL.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(mut options: serde_json::Value) -> Result<Account, ConfigError> {
        if options.get("base_id").is_none() {
            options["base_id"] = json!("appFerryDemo00001");
        }
        serde_json::from_value::<Config>(options).unwrap().resolve()
    }

    #[test]
    fn a_token_or_a_login_is_enough() {
        assert!(matches!(resolve(json!({"token": "patX.y"})).unwrap().login, Login::Token(_)));
        let login = resolve(json!({"client_id": "c", "refresh_token": "r"})).unwrap();
        assert!(matches!(login.login, Login::OAuth { client_secret: None, .. }));
        assert_eq!(login.oauth_url.as_str(), "https://airtable.com/");
    }

    #[test]
    fn a_local_airtable_renews_logins_too() {
        let account = resolve(json!({"token": "t", "base_url": "http://127.0.0.1:4013"})).unwrap();
        assert_eq!(account.oauth_url.as_str(), "http://127.0.0.1:4013/");
    }

    #[test]
    fn options_that_cannot_be_right_are_named() {
        let cases = [
            (json!({}), "token"),
            (json!({"token": " "}), "token"),
            (json!({"token": "t", "client_id": "c", "refresh_token": "r"}), "token"),
            (json!({"token": "t", "client_secret": "s"}), "token"),
            (json!({"client_id": " "}), "client_id"),
            (json!({"refresh_token": "r"}), "client_id"),
            (json!({"token": "t", "base_id": "tblFerryDemo00001"}), "base_id"),
            (json!({"token": "t", "base_id": "appFerryDemo0000"}), "base_id"),
            (json!({"token": "t", "base_url": "http://api.airtable.com"}), "base_url"),
            (json!({"token": "t", "oauth_url": "http://airtable.com"}), "oauth_url"),
        ];
        for (options, option) in cases {
            assert_eq!(resolve(options.clone()).unwrap_err().option, option, "{options}");
        }
    }

    #[test]
    fn a_retired_api_key_is_told_what_replaced_it() {
        for (options, option) in
            [(json!({"api_key": "keyAbc"}), "api_key"), (json!({"token": "keyAbcdefgh123456"}), "token")]
        {
            let error = resolve(options).unwrap_err();
            assert_eq!(error.option, option);
            assert!(error.message.contains("2024-02-01"));
            assert!(error.hint.unwrap().contains("personal access tokens"));
        }
    }

    #[test]
    fn the_address_of_a_base_shows_its_id() {
        let error =
            resolve(json!({"token": "t", "base_id": "https://airtable.com/appFerryDemo00001/tblX?a"})).unwrap_err();
        assert_eq!(error.hint.unwrap(), "write `appFerryDemo00001`");
    }

    #[test]
    fn secrets_do_not_print() {
        let account = resolve(json!({"client_id": "c", "client_secret": "hush1", "refresh_token": "hush2"})).unwrap();
        assert!(!format!("{account:?}").contains("hush"));
    }
}
