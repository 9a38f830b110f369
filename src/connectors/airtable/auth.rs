//! Logs in: a personal access token as it is, or OAuth with Airtable's single-use refresh tokens.
//!
//! A renewal ends the older access token and the older refresh token at once; [`TokenSource`] sees to it that one at a time
//! renews and stores the new pair before it is used.

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret};
use crate::http::{Answer, AnswerClass, ApiRequest, Dialect, Grant, HttpError, HttpErrorKind, TokenSource, Transport};

use super::{
    client::{brought_records, carried_records},
    config::{Account, Login},
    errors::{ApiError, classify, is_own_refusal},
};

/// The scopes that Ferry needs. Source: airtable.com/developers/web/api/scopes.
const SCOPES: [&str; 3] = ["data.records:read", "data.records:write", "schema.bases:read"];

/// How this connection's requests are authorized and its answers classified.
#[derive(Debug)]
pub(super) enum AirtableDialect {
    /// With a personal access token.
    Token(Secret),
    /// With an OAuth login.
    OAuth(Box<TokenSource>),
}

/// An OAuth app.
#[derive(Debug)]
struct App {
    token_url: Url,
    client_id: String,
    client_secret: Option<Secret>,
}

impl AirtableDialect {
    /// Prepares the login of an account. Does no I/O.
    pub(super) fn new(account: &Account, context: &Context) -> Self {
        match &account.login {
            Login::Token(token) => Self::Token(token.clone()),
            Login::OAuth { client_id, client_secret, refresh_token } => {
                let transport = context.transport.clone();
                let mut token_url = account.oauth_url.clone();
                token_url.set_path(&format!("{}oauth2/v1/token", account.oauth_url.path()));
                let name = store_name(context, client_id, refresh_token.as_ref());
                let app = App { token_url, client_id: client_id.clone(), client_secret: client_secret.clone() };
                let first = refresh_token.as_ref().map(Secret::to_secret_string);
                let meter = context.meter.clone();
                Self::OAuth(Box::new(TokenSource::new(Box::new(app), name, first, transport, meter)))
            }
        }
    }

    /// Names the account whose requests Airtable counts together, without showing a secret.
    pub(super) fn account_name(account: &Account) -> String {
        let secret = match &account.login {
            Login::Token(token) => token,
            Login::OAuth { refresh_token: Some(refresh_token), .. } => refresh_token,
            Login::OAuth { client_id, .. } => return format!("airtable app {client_id}"),
        };
        format!("airtable token {:016x}", xxh3_64(secret.expose().as_bytes()))
    }
}

/// Names the login in the token store. A new login in the pipeline gets a new name, so that the stored tokens of an older one
/// are not taken for it.
fn store_name(context: &Context, client_id: &str, refresh_token: Option<&Secret>) -> String {
    let mark = refresh_token.map_or(client_id, Secret::expose);
    format!("{}/{:016x}", context.connection, xxh3_64(mark.as_bytes()))
}

/// Says how a person logs in; none where the connection has a token.
pub(super) fn authorization(account: &Account, context: &Context) -> Option<Authorization> {
    let Login::OAuth { client_id, client_secret, refresh_token } = &account.login else { return None };
    let at = |path: &str| {
        let mut url = account.oauth_url.clone();
        url.set_path(&format!("{}oauth2/v1/{path}", account.oauth_url.path()));
        url
    };
    Some(Authorization {
        authorize_url: at("authorize"),
        token_url: at("token"),
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        client_authentication: ClientAuthentication::Basic,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        token_name: store_name(context, client_id, refresh_token.as_ref()),
    })
}

#[async_trait]
impl Dialect for AirtableDialect {
    fn vendor(&self) -> &'static str {
        "Airtable"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        match self {
            Self::Token(token) => Ok(request.bearer_auth(token.expose())),
            Self::OAuth(source) => Ok(request.bearer_auth(source.token().await?.access_token.expose_secret())),
        }
    }

    /// A personal access token cannot be renewed. An OAuth token is put aside here and renewed by the next `authorize`, whose
    /// failures the stack repeats.
    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, HttpError> {
        let Self::OAuth(source) = self else { return Ok(false) };
        source.put_aside(refused).await?;
        Ok(true)
    }

    fn is_own_refusal(&self, answer: &Answer) -> bool {
        is_own_refusal(answer)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        classify(answer)
    }

    fn carried_records(&self, request: &ApiRequest) -> Option<usize> {
        carried_records(request)
    }

    fn brought_records(&self, answer: &Answer) -> Option<usize> {
        brought_records(answer)
    }
}

impl Grant for App {
    /// Airtable wants the client's secret as HTTP Basic and then no `client_id` in the body.
    fn request(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<RequestBuilder, HttpError> {
        let refresh_token = refresh_token.ok_or_else(|| TokenSource::nobody_logged_in(transport))?;
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        let request = transport.request(Method::POST, self.token_url.clone())?;
        let request = if let Some(secret) = &self.client_secret {
            request.basic_auth(&self.client_id, Some(secret.expose()))
        } else {
            form.push(("client_id", &self.client_id));
            request
        };
        Ok(request.form(&form))
    }

    fn refused(&self, answer: &Answer) -> HttpError {
        let (code, status) = (ApiError::of(answer).code, answer.status.as_u16());
        let error = HttpError::unsent(
            HttpErrorKind::Unauthorized,
            format!("the login could not be renewed: {code} ({status})"),
        );
        HttpError { request: Some(answer.request.clone()), ..error }
    }

    /// Each refresh token of Airtable works once.
    fn is_single_use(&self) -> bool {
        true
    }
}
