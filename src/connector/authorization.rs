//! What a log-in in the browser needs to know of a connection: OAuth's authorization code flow with PKCE (RFC 6749, RFC 7636).

use url::Url;

use super::Secret;

/// Where a person agrees, where the code is turned into tokens, and under which name the connector looks for them.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The vendor's page, without the query.
    pub authorize_url: Url,
    /// Where the code is turned into tokens.
    pub token_url: Url,
    /// The app's id.
    pub client_id: String,
    /// The app's secret, if it has one.
    pub client_secret: Option<Secret>,
    /// How the app names itself to the token endpoint.
    pub client_authentication: ClientAuthentication,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The name under which the connector looks for the tokens in the token store.
    pub token_name: String,
}

/// How an app with a secret names itself to a token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// By `client_id` and `client_secret` in the form.
    Form,
    /// By HTTP Basic, and not in the form.
    Basic,
}
