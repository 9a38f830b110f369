//! Logging in: bearer tokens that stay, and those of OAuth that are renewed.

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret};
use crate::http::{Access, Answer, AnswerClass, ApiRequest, Dialect, Grant, HttpError, Meter, TokenSource, Transport};
use crate::model::Quota;

use super::{
    client::{brought_records, carried_records},
    config::{ApiVersion, Credential, Settings},
    errors,
};

/// Authorises requests and tells the stack what answers mean.
#[derive(Debug)]
pub(super) struct Login {
    kind: Kind,
    transport: Transport,
    meter: Meter,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of each connection")]
enum Kind {
    /// A token that stays.
    Token(Secret),
    /// An app that renews its tokens.
    OAuth(App, TokenSource),
}

/// An OAuth app.
#[derive(Debug, Clone)]
struct App {
    client_id: String,
    client_secret: Secret,
    token_url: Url,
}

#[derive(Deserialize)]
struct Introspection {
    scopes: Vec<String>,
}

impl Login {
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        let (transport, meter) = (context.transport.clone(), context.meter.clone());
        let kind = match &settings.credential {
            Credential::Token(token) => Kind::Token(token.clone()),
            Credential::OAuth { client_id, client_secret, refresh_token } => {
                let (client_id, client_secret) = (client_id.clone(), client_secret.clone());
                let app = App { client_id, client_secret, token_url: token_url(settings) };
                let first = refresh_token.as_ref().map(Secret::to_secret_string);
                let name = token_name(&settings.credential, context);
                let source = TokenSource::new(Box::new(app.clone()), name, first, transport.clone(), meter.clone());
                Kind::OAuth(app, source)
            }
        };
        Self { kind, transport, meter }
    }

    /// Returns the scopes of an OAuth login; HubSpot does not tell those of another token.
    ///
    /// `POST oauth/{v}/token/introspect`. Source: spec:Auth/Oauth.
    pub(super) async fn scopes(&self) -> Result<Option<Vec<String>>, HttpError> {
        let Kind::OAuth(app, source) = &self.kind else { return Ok(None) };
        let token = source.token().await?.access_token;
        let mut url = app.token_url.clone();
        url.set_path(&format!("{}/introspect", app.token_url.path()));
        let form = [
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.expose()),
            ("token_type_hint", "access_token"),
            ("token", token.expose_secret()),
        ];
        let ask = || {
            self.meter.count(Access::Read);
            Ok(self.transport.request(Method::POST, url.clone())?.form(&form))
        };
        let answer = self.transport.ask(ask).await?;
        let told = answer.json::<Introspection>().ok().filter(|_| answer.status.is_success());
        Ok(told.map(|told| told.scopes))
    }
}

impl Grant for App {
    fn request(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<RequestBuilder, HttpError> {
        let refresh_token = refresh_token.ok_or_else(|| TokenSource::nobody_logged_in(transport))?;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        Ok(transport.request(Method::POST, self.token_url.clone())?.form(&form))
    }

    fn refused(&self, answer: &Answer) -> HttpError {
        errors::refused_renewal(answer)
    }

    /// A refresh token of HubSpot stays valid until the app is uninstalled.
    fn is_single_use(&self) -> bool {
        false
    }
}

#[async_trait]
impl Dialect for Login {
    fn vendor(&self) -> &'static str {
        "HubSpot"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        match &self.kind {
            Kind::Token(token) => Ok(request.bearer_auth(token.expose())),
            Kind::OAuth(_, source) => Ok(request.bearer_auth(source.token().await?.access_token.expose_secret())),
        }
    }

    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, HttpError> {
        let Kind::OAuth(_, source) = &self.kind else { return Ok(false) };
        source.put_aside(refused).await?;
        Ok(true)
    }

    fn is_own_refusal(&self, answer: &Answer) -> bool {
        errors::is_own_refusal(answer)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        errors::classify(answer)
    }

    fn quota(&self, answer: &Answer) -> Option<Quota> {
        let number = |name: &str| answer.header(name)?.trim().parse().ok();
        Some(Quota {
            max: number("x-hubspot-ratelimit-daily")?,
            remaining: number("x-hubspot-ratelimit-daily-remaining")?,
        })
    }

    fn request_id(&self, answer: &Answer) -> Option<String> {
        errors::request_id(answer)
    }

    fn carried_records(&self, request: &ApiRequest) -> Option<usize> {
        carried_records(request)
    }

    fn brought_records(&self, answer: &Answer) -> Option<usize> {
        brought_records(answer)
    }
}

/// Names the stored token after the credentials too: with other ones, the old token is not taken up again.
fn token_name(credential: &Credential, context: &Context) -> String {
    let connection = &context.connection;
    match credential {
        Credential::Token(_) => format!("hubspot/{connection}"),
        Credential::OAuth { client_id, refresh_token, .. } => {
            let given = refresh_token.as_ref().map_or("", Secret::expose);
            let mark = xxh3_64(format!("{client_id}\n{given}").as_bytes());
            format!("hubspot/{connection}/{mark:016x}")
        }
    }
}

/// The vendor's page on which a person agrees. Source: the OAuth quickstart guide.
const AUTHORIZE_URL: &str = "https://app.hubspot.com/oauth/authorize";
/// What is asked for unless the connection says otherwise: HubSpot wants exactly what the app requires.
const SCOPES: [&str; 11] = [
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
];

/// Says how a person logs in; none where the connection has a token.
pub(super) fn authorization(settings: &Settings, context: &Context) -> Option<Authorization> {
    let Credential::OAuth { client_id, client_secret, .. } = &settings.credential else { return None };
    let local = || settings.base_url.join("oauth/authorize").ok();
    // The page is on a host of its own; a local HubSpot has one host for all.
    let is_vendor = settings.base_url.scheme() == "https";
    let authorize_url = if is_vendor { Url::parse(AUTHORIZE_URL).ok() } else { local() }?;
    Some(Authorization {
        authorize_url,
        token_url: token_url(settings),
        client_id: client_id.clone(),
        client_secret: Some(client_secret.clone()),
        client_authentication: ClientAuthentication::Form,
        scopes: settings.scopes.clone().unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec()),
        token_name: token_name(&settings.credential, context),
    })
}

fn token_url(settings: &Settings) -> Url {
    let path = match &settings.version {
        ApiVersion::Dated(version) => format!("oauth/{version}/token"),
        ApiVersion::Legacy => "oauth/v3/token".to_owned(),
    };
    let mut token_url = settings.base_url.clone();
    token_url.set_path(&format!("{}{path}", settings.base_url.path()));
    token_url
}
