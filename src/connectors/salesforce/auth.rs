//! Logging in: sessions, what they may be bought with, and where the API is.
//!
//! Salesforce says with each token where the org's API is, and tells no end of it. A session is therefore used until it is
//! refused, renewed once, and the address is read again with every token.

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret, check_base_url};
use crate::http::{
    Answer, AnswerClass, ApiRequest, Dialect, Grant, HttpError, HttpErrorKind, JWT_BEARER, TokenSource, Transport,
    sign_claims,
};
use crate::model::Quota;

use super::{
    client::{brought_records, carried_records},
    config::{Credential, Settings},
    errors, limits,
    names::of_session,
};

/// What a person is asked for: the API, and tokens that outlive the session.
const SCOPES: [&str; 2] = ["api", "refresh_token"];

/// Authorises requests and tells the stack what answers mean.
#[derive(Debug)]
pub(super) struct Login {
    kind: Kind,
    headers: Vec<(&'static str, String)>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of each connection")]
enum Kind {
    /// A session that somebody else has bought, at this address.
    Session(Secret, Url),
    /// Sessions that Ferry buys.
    Bought(TokenSource),
}

/// What sessions are bought with.
#[derive(Debug)]
struct App {
    credential: Credential,
    host_url: Url,
}

fn session_name(settings: &Settings, context: &Context) -> String {
    format!("salesforce/{}/{:016x}", context.connection, settings.login_mark())
}

/// Says how a person logs in; none where the connection logs in by itself. Where the API is comes with the first renewal, which
/// the connector does when it finds a token without an address.
pub(super) fn authorization(settings: &Settings, context: &Context) -> Option<Authorization> {
    let Credential::Refresh { client_id, client_secret, .. } = &settings.credential else { return None };
    let at = |path: &str| settings.login_url.join(path).ok();
    Some(Authorization {
        authorize_url: at("services/oauth2/authorize")?,
        token_url: at("services/oauth2/token")?,
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        client_authentication: ClientAuthentication::Form,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        token_name: session_name(settings, context),
    })
}

impl Login {
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        let host_url = settings.login_url.clone();
        let first = match &settings.credential {
            Credential::Session(token) => {
                return Self { kind: Kind::Session(token.clone(), host_url), headers: headers(settings) };
            }
            Credential::Refresh { refresh_token, .. } => refresh_token.as_ref().map(Secret::to_secret_string),
            Credential::Client { .. } | Credential::Jwt { .. } => None,
        };
        let (transport, meter) = (context.transport.clone(), context.meter.clone());
        let app = App { credential: settings.credential.clone(), host_url };
        let source = TokenSource::new(Box::new(app), session_name(settings, context), first, transport, meter);
        Self { kind: Kind::Bought(source), headers: headers(settings) }
    }

    /// Returns the organisation, where the session names it.
    pub(super) async fn organisation(&self) -> Result<Option<String>, HttpError> {
        match &self.kind {
            Kind::Session(token, _) => Ok(of_session(token.expose())),
            Kind::Bought(source) => Ok(of_session(source.token().await?.access_token.expose_secret())),
        }
    }
}

impl App {
    /// Returns what is sent to the token endpoint.
    fn form(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<Vec<(&'static str, String)>, HttpError> {
        Ok(match &self.credential {
            Credential::Session(_) => Vec::new(),
            Credential::Client { client_id, client_secret } => vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client_id.clone()),
                ("client_secret", client_secret.expose().to_owned()),
            ],
            Credential::Jwt { client_id, username, private_key, audience } => {
                let ends_at = transport.clock.now().timestamp().saturating_add(limits::ASSERTION_SECS);
                let claims = json!({ "iss": client_id, "sub": username, "aud": audience, "exp": ends_at });
                let assertion = sign_claims(&claims, None, private_key.expose())
                    .map_err(|reason| HttpError::unsent(HttpErrorKind::Unauthorized, reason))?;
                vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion)]
            }
            Credential::Refresh { client_id, client_secret, .. } => {
                let refresh_token = refresh_token.ok_or_else(|| TokenSource::nobody_logged_in(transport))?;
                let mut form = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("client_id", client_id.clone()),
                    ("refresh_token", refresh_token.expose_secret().to_owned()),
                ];
                form.extend(client_secret.iter().map(|secret| ("client_secret", secret.expose().to_owned())));
                form
            }
        })
    }

    /// Checks the address that came with a token. A connection to loopback (a local Salesforce, a proxy) stays there.
    fn instance_url(&self, text: &str) -> Result<Url, HttpError> {
        let is_local = |url: &Url| url.scheme() == "http";
        let url = check_base_url(text).map_err(|_| {
            HttpError::unsent(HttpErrorKind::Unauthorized, "the login names an address of the API that is not HTTPS")
        })?;
        match (is_local(&self.host_url), is_local(&url)) {
            (true, false) => Ok(self.host_url.clone()),
            (false, true) => {
                let message = "the login names this machine as the address of the API";
                Err(HttpError::unsent(HttpErrorKind::Unauthorized, message))
            }
            _ => Ok(url),
        }
    }
}

impl Grant for App {
    fn request(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<RequestBuilder, HttpError> {
        let form = self.form(transport, refresh_token)?;
        let url = self.host_url.join("services/oauth2/token").map_err(|error| {
            HttpError::unsent(HttpErrorKind::Unauthorized, format!("`login_url` has no token endpoint: {error}"))
        })?;
        Ok(transport.request(Method::POST, url)?.form(&form))
    }

    fn refused(&self, answer: &Answer) -> HttpError {
        errors::refused_login(answer, matches!(self.credential, Credential::Jwt { .. }))
    }

    /// An app may be set up so that each refresh token works once. The other log-ins have none.
    fn is_single_use(&self) -> bool {
        matches!(self.credential, Credential::Refresh { .. })
    }

    fn api_url_field(&self) -> Option<&'static str> {
        Some("instance_url")
    }

    fn api_url(&self, told: &str) -> Result<String, HttpError> {
        self.instance_url(told).map(String::from)
    }
}

#[async_trait]
impl Dialect for Login {
    fn vendor(&self) -> &'static str {
        "Salesforce"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        let request = match &self.kind {
            Kind::Session(token, _) => request.bearer_auth(token.expose()),
            Kind::Bought(source) => request.bearer_auth(source.token().await?.access_token.expose_secret()),
        };
        Ok(self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    }

    async fn base_url(&self) -> Result<Option<Url>, HttpError> {
        let source = match &self.kind {
            Kind::Session(_, host_url) => return Ok(Some(host_url.clone())),
            Kind::Bought(source) => source,
        };
        Ok(source.token().await?.api_url.as_deref().and_then(|url| Url::parse(url).ok()))
    }

    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, HttpError> {
        let Kind::Bought(source) = &self.kind else { return Ok(false) };
        source.put_aside(refused).await?;
        Ok(true)
    }

    fn is_own_refusal(&self, answer: &Answer) -> bool {
        errors::is_own_refusal(answer)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        errors::classify(answer)
    }

    fn carried_records(&self, request: &ApiRequest) -> Option<usize> {
        carried_records(request)
    }

    fn brought_records(&self, answer: &Answer) -> Option<usize> {
        brought_records(answer)
    }

    /// Reads `Sforce-Limit-Info: api-usage=18/5000; per-app-api-usage=…`.
    fn quota(&self, answer: &Answer) -> Option<Quota> {
        let info = answer.header("sforce-limit-info")?;
        let usage = info.split(';').find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, max) = usage.split_once('/')?;
        let (used, max): (u64, u64) = (used.trim().parse().ok()?, max.trim().parse().ok()?);
        Some(Quota { max, remaining: max.saturating_sub(used) })
    }

    fn request_id(&self, answer: &Answer) -> Option<String> {
        errors::request_id(answer)
    }
}

/// Returns the headers that every request carries. The client's name comes back in change events, so that Ferry's own writes
/// can be told from others. Assignment rules run by default where the header is left out.
fn headers(settings: &Settings) -> Vec<(&'static str, String)> {
    let assign = match settings.assignment_rule.as_deref() {
        None => "FALSE",
        Some("default") => "TRUE",
        Some(rule) => rule,
    };
    let mut headers = vec![
        ("Sforce-Call-Options", "client=ferry".to_owned()),
        ("Sforce-Auto-Assign", assign.to_owned()),
        ("Sforce-Query-Options", format!("batchSize={}", limits::PAGE_RECORDS)),
    ];
    if settings.allow_duplicates {
        headers.push(("Sforce-Duplicate-Rule-Header", "allowSave=true".to_owned()));
    }
    headers
}
