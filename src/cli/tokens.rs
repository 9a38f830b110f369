//! Keeps renewed OAuth tokens in the state file, sealed.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::http::{StoredToken, TokenStore};
use crate::state::State;

/// The state file as a token store.
#[derive(Debug, Clone)]
pub(super) struct StateTokens(pub State);

#[derive(Serialize, Deserialize)]
struct PlainToken {
    access_token: String,
    refresh_token: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    api_url: Option<String>,
}

impl TokenStore for StateTokens {
    fn load(&self, name: &str) -> Result<Option<StoredToken>, String> {
        let text = self.0.secret_blocking(name).map_err(|error| error.to_string())?;
        let Some(text) = text else { return Ok(None) };
        let mut plain: PlainToken = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        // Release 0.1 kept the address of the API in front of the token.
        if let Some((url, token)) = plain.access_token.split_once('\n') {
            (plain.api_url, plain.access_token) = (Some(url.to_owned()), token.to_owned());
        }
        Ok(Some(StoredToken {
            access_token: SecretString::from(plain.access_token),
            refresh_token: plain.refresh_token.map(SecretString::from),
            expires_at: plain.expires_at,
            api_url: plain.api_url,
        }))
    }

    fn save(&self, name: &str, token: &StoredToken) -> Result<(), String> {
        let plain = PlainToken {
            access_token: token.access_token.expose_secret().to_owned(),
            refresh_token: token.refresh_token.as_ref().map(|secret| secret.expose_secret().to_owned()),
            expires_at: token.expires_at,
            api_url: token.api_url.clone(),
        };
        let text = serde_json::to_string(&plain).map_err(|error| error.to_string())?;
        self.0.save_secret_blocking(name, &text).map_err(|error| error.to_string())
    }
}
