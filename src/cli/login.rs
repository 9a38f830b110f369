//! `ferry login`: logs in to an OAuth vendor in the browser and keeps the tokens, encrypted, in the state file.
//!
//! The browser comes back to a port on this machine with a code. It is taken only with the state that this process made, and
//! is worth nothing without the verifier that never left it (PKCE). Start at [`login`].

mod callback;

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;
use crate::connector::{Authorization, ClientAuthentication, Context};
use crate::http::{Answer, StoredToken, TokenStore};

use super::{
    args::LoginArgs,
    audit,
    exit::{Exit, Failure},
    load::load,
    output::{self, Talk},
    tokens::StateTokens,
    workspace::{Workspace, connection_named, context},
};

use self::callback::{Callback, Returned};

/// Random bytes of a state and of a verifier: 43 characters in base64, the least that RFC 7636 allows for a verifier.
const SECRET_BYTES: usize = 32;

pub(super) async fn login(workspace: &Workspace, args: &LoginArgs) -> Result<Exit, Failure> {
    let pipeline = load(workspace, &args.file)?;
    let (name, connection) = connection_named(&pipeline, &args.connection)?;
    let unusable = |message: String| Failure::new(Exit::Usage, "connection.config", message);
    let entry = workspace.registry.get(&connection.connector).map_err(|error| unusable(error.to_string()))?;
    // Opened before anybody logs in: tokens that cannot be kept are not worth asking for.
    let state = workspace.open_state(&args.file).await?;
    let tokens = Arc::new(StateTokens(state));
    let shared: Arc<dyn TokenStore> = Arc::<StateTokens>::clone(&tokens);
    let mut context = context(Clock::system(), &pipeline.base_dir, shared, CancellationToken::new(), None)?;
    let audit = audit::attach(workspace, &pipeline, &mut context)?;
    let context = context.for_connection(name.clone());
    let authorization = (entry.authorization)(connection.options.clone(), &context)
        .map_err(|error| unusable(error.to_string()))?
        .ok_or_else(|| {
            Failure::new(Exit::Usage, "login.unsupported", format!("`{name}` does not log in by OAuth"))
                .with_hint("give the connection the `client_id` of an OAuth app in place of its token, where the vendor has such apps")
        })?;
    let callback = Callback::listen(args.port).await?;
    let secrets = Secrets::draw()?;
    let url = authorize_url(&authorization, &callback.url(), &secrets);
    output::insist(&format!(
        "open this page and agree (the app must list {} as a redirect URL):\n{url}",
        callback.url()
    ));
    if workspace.output.talk == Talk::Bars && !args.no_browser {
        open_browser(&url);
    }
    let returned = tokio::select! {
        returned = callback.wait(&secrets.state) => returned,
        () = context.clock().sleep(Duration::from_secs(args.timeout)) => return Err(late(args.timeout)),
    };
    let code = match returned {
        Returned::Code(code) => code,
        Returned::Refused(reason) => {
            let message = format!("the vendor let nobody in: it says `{reason}`");
            return Err(Failure::new(Exit::Environment, "login.refused", message)
                .with_hint("log in again and agree, as a user who may do what the connection's `scopes` ask for"));
        }
    };
    let granted = exchange(&authorization, &context, &callback.url(), &code, &secrets).await?;
    audit.finish()?;
    let unkept = |reason: String| Failure::new(Exit::Environment, "login.unkept", reason);
    tokens.save(&authorization.token_name, &granted.token).map_err(unkept)?;
    tell(workspace, &args.connection, &workspace.state_path(&args.file), &granted)
}

/// What this process alone knows until the end.
struct Secrets {
    state: String,
    verifier: String,
}

impl Secrets {
    fn draw() -> Result<Self, Failure> {
        let draw = || {
            let mut bytes = [0_u8; SECRET_BYTES];
            let drawn = SystemRandom::new().fill(&mut bytes);
            drawn.map_err(|_| Failure::new(Exit::Environment, "random", "the system gives no random numbers"))?;
            Ok::<_, Failure>(URL_SAFE_NO_PAD.encode(bytes))
        };
        Ok(Self { state: draw()?, verifier: draw()? })
    }
}

/// What the vendor granted.
struct Granted {
    token: StoredToken,
    scopes: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    scope: Option<String>,
    /// Where the API is, at vendors that tell it with the token.
    instance_url: Option<String>,
}

fn authorize_url(authorization: &Authorization, redirect: &str, secrets: &Secrets) -> Url {
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secrets.verifier.as_bytes()));
    let mut url = authorization.authorize_url.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &authorization.client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("scope", &authorization.scopes.join(" "))
        .append_pair("state", &secrets.state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    url
}

async fn exchange(
    authorization: &Authorization,
    context: &Context,
    redirect: &str,
    code: &str,
    secrets: &Secrets,
) -> Result<Granted, Failure> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", &secrets.verifier),
        ("redirect_uri", redirect),
    ];
    let request = context.transport.request(Method::POST, authorization.token_url.clone());
    let mut request = request.map_err(|error| Failure::new(Exit::Environment, "http", error.to_string()))?;
    match (&authorization.client_secret, authorization.client_authentication) {
        (Some(secret), ClientAuthentication::Basic) => {
            request = request.basic_auth(&authorization.client_id, Some(secret.expose()));
        }
        (Some(secret), ClientAuthentication::Form) => {
            form.extend([("client_id", authorization.client_id.as_str()), ("client_secret", secret.expose())]);
        }
        (None, _) => form.push(("client_id", &authorization.client_id)),
    }
    let unanswered = |reason: String| {
        Failure::new(Exit::Environment, "login.failed", format!("the code could not be turned into tokens: {reason}"))
    };
    let answer =
        context.transport.send_once(request.form(&form)).await.map_err(|error| unanswered(error.to_string()))?;
    if !answer.status.is_success() {
        return Err(unanswered(reason(&answer)).with_hint("check `client_id` and `client_secret`, and log in again"));
    }
    let token: TokenAnswer =
        answer.json().map_err(|_| unanswered("the answer is not the documented one".to_owned()))?;
    let life = token.expires_in.and_then(TimeDelta::try_seconds);
    let expires_at = life.and_then(|life| context.clock().now().checked_add_signed(life));
    Ok(Granted {
        token: StoredToken {
            access_token: SecretString::from(token.access_token),
            refresh_token: token.refresh_token.map(SecretString::from),
            expires_at,
            api_url: token.instance_url,
        },
        scopes: token.scope,
    })
}

/// Returns the vendor's word for a refusal; nothing else of the answer, which may repeat the request.
fn reason(answer: &Answer) -> String {
    let word = answer.json::<serde_json::Value>().ok();
    let word = word.as_ref().and_then(|json| json["error"].as_str()).map(callback::plain_word);
    format!("{} ({})", word.unwrap_or_default(), answer.status.as_u16()).trim().to_owned()
}

fn late(seconds: u64) -> Failure {
    Failure::new(Exit::Environment, "login.late", format!("nobody logged in within {seconds} s"))
        .with_hint("log in again; `--timeout SECS` waits longer")
}

/// Asks the desktop to show a page. What goes wrong does not matter: the address is printed.
fn open_browser(url: &Url) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let command = std::process::Command::new(opener)
        .arg(url.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = command {
        tracing::debug!(%error, opener, "no browser could be opened");
    }
}

fn tell(workspace: &Workspace, connection: &str, state: &Path, granted: &Granted) -> Result<Exit, Failure> {
    let renews = granted.token.refresh_token.is_some();
    if workspace.output.is_json {
        output::json(&json!({
            "connection": connection, "expires_at": granted.token.expires_at, "renews_itself": renews,
            "scopes": granted.scopes, "state_file": state,
        }))?;
        return Ok(Exit::Done);
    }
    let end = |at: DateTime<Utc>| format!(", good until {} UTC", at.format("%Y-%m-%d %H:%M"));
    let life = match granted.token.expires_at {
        _ if renews => ", renewed by itself".to_owned(),
        Some(at) => end(at),
        None => String::new(),
    };
    output::data(&format!(
        "logged in to `{connection}`{life}; the tokens are kept, encrypted, in `{}`\n",
        state.display()
    ))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standards_example() {
        // RFC 7636, appendix B.
        let secrets =
            Secrets { state: "s".to_owned(), verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned() };
        let authorization = Authorization {
            authorize_url: Url::parse("https://example.test/authorize").unwrap(),
            token_url: Url::parse("https://example.test/token").unwrap(),
            client_id: "app".to_owned(),
            client_secret: None,
            client_authentication: ClientAuthentication::Basic,
            scopes: vec!["a:read".to_owned(), "b".to_owned()],
            token_name: String::new(),
        };
        let url = authorize_url(&authorization, "http://localhost:1/callback", &secrets);
        assert!(url.as_str().contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), "{url}");
        assert!(url.as_str().contains("scope=a%3Aread+b&state=s"), "{url}");
    }

    #[test]
    fn secrets_are_long_and_never_twice_the_same() {
        let (one, other) = (Secrets::draw().unwrap(), Secrets::draw().unwrap());
        assert_eq!((one.state.len(), one.verifier.len()), (43, 43));
        assert!(one.state != other.state && one.verifier != other.verifier && one.state != one.verifier);
    }
}
