//! Who is told when a run has ended: what the pipeline says, and what it means.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connector::is_loopback;
use crate::redact::remember;

use super::{diagnostic::Diagnostic, span::At};

/// The port of mail servers with TLS from the first byte.
pub const SMTPS_PORT: u16 = 465;

/// Somebody to tell when a run has ended: `{ when: failed, webhook: "${SLACK_WEBHOOK}" }`. A receiver that fails, hangs or is gone never
/// changes what the run ends with: it is told in a line and kept with the attempt.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "OnFinish", extend("required" = ["when"]))]
pub struct RawOnFinish {
    /// When to tell.
    pub when: Option<NoticeWhen>,
    /// The URL that gets the run as JSON, by POST: `https`, or `http` to this machine. The body has a `text`, so Slack and Teams show it as
    /// it is. The URL counts as a secret.
    #[schemars(example = &"${SLACK_WEBHOOK}")]
    pub webhook: Option<String>,
    /// The mail to send.
    pub mail: Option<RawMail>,
    /// The command to run in a shell, in the pipeline's folder; it gets the run as JSON on its standard input, and 10 seconds.
    #[schemars(example = &"logger -t ferry")]
    pub run: Option<String>,
}

/// When somebody is told of the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NoticeWhen")]
pub enum NoticeWhen {
    /// It failed, or could not begin.
    Failed,
    /// Records were not written: in this run, or in earlier ones and not since.
    Rejects,
    /// Whatever it ended with.
    Always,
}

/// A mail about the end of a run.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Mail", extend("required" = ["to", "from", "host"]))]
pub struct RawMail {
    /// Who gets it: an address, or several with commas between them.
    #[schemars(example = &"ops@example.com")]
    pub to: Option<String>,
    /// Who it is from.
    #[schemars(example = &"ferry@example.com")]
    pub from: Option<String>,
    /// The mail server (SMTP).
    #[schemars(example = &"smtp.example.com")]
    pub host: Option<String>,
    /// Its port: 465 for TLS from the first byte, any other for STARTTLS. On this machine there is no TLS. Default: 465.
    #[schemars(extend("default" = 465))]
    pub port: Option<u16>,
    /// The login's name, where the server wants one.
    pub username: Option<String>,
    /// The login's password.
    #[schemars(example = &"${SMTP_PASSWORD}")]
    pub password: Option<String>,
}

/// Somebody to tell when a run has ended.
#[derive(Debug, Clone)]
pub struct OnFinish {
    /// When.
    pub when: NoticeWhen,
    /// Whom, and how.
    pub receiver: Receiver,
}

/// Who is told, and how.
#[derive(Clone)]
pub enum Receiver {
    /// A URL that gets JSON.
    Webhook(Url),
    /// A mail.
    Mail(Box<Mail>),
    /// A command.
    Command(String),
}

/// A mail to send.
#[derive(Clone)]
pub struct Mail {
    /// The addresses.
    pub to: Vec<String>,
    /// The sender's.
    pub from: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name and password.
    pub login: Option<(String, String)>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}

impl fmt::Debug for RawMail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RawMail").field("host", &self.host).finish_non_exhaustive()
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mail").field("host", &self.host).finish_non_exhaustive()
    }
}

impl fmt::Debug for RawOnFinish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RawOnFinish").field("when", &self.when).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Names it without its secrets: the path of a webhook is one.
    pub fn name(&self) -> String {
        match self {
            Self::Webhook(url) => format!("webhook {}", url.host_str().unwrap_or_default()),
            Self::Mail(mail) => format!("mail to {}", mail.to.join(", ")),
            Self::Command(_) => "command".to_owned(),
        }
    }
}

/// Returns who is to be told; what cannot be right is among the findings.
pub(super) fn resolve(raw: Vec<RawOnFinish>, at: &At<'_>, findings: &mut Vec<Diagnostic>) -> Vec<OnFinish> {
    let each = raw.into_iter().enumerate().filter_map(|(index, raw)| {
        let at = at.index(index);
        let when = raw.when?;
        match receiver(raw) {
            Ok(receiver) => Some(OnFinish { when, receiver }),
            Err((key, message, hint)) => {
                let spot = key.map_or_else(|| at.value_spot(), |key| at.key(key).value_spot());
                findings.push(Diagnostic::error("config.on_finish", spot, message).with_hint(hint));
                None
            }
        }
    });
    each.collect()
}

/// What is wrong: where, why, and what to write instead.
type Wrong = (Option<&'static str>, String, &'static str);

fn receiver(raw: RawOnFinish) -> Result<Receiver, Wrong> {
    match (raw.webhook, raw.mail, raw.run) {
        (Some(url), None, None) => webhook(&url),
        (None, Some(mail), None) => self::mail(mail),
        (None, None, Some(command)) => Ok(Receiver::Command(command)),
        _ => {
            let message = "an entry of `on_finish` tells exactly one receiver".to_owned();
            Err((None, message, "write one of `webhook`, `mail` and `run`, and an entry for each receiver"))
        }
    }
}

fn webhook(text: &str) -> Result<Receiver, Wrong> {
    remember(text);
    let url = Url::parse(text.trim()).map_err(|error| {
        (Some("webhook"), format!("the value is no URL: {error}"), "write the whole address, `https://…`")
    })?;
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) {
        return Ok(Receiver::Webhook(url));
    }
    let message = "the URL is not `https`".to_owned();
    Err((Some("webhook"), message, "what a run did is sent encrypted: use `https`; `http` is for this machine only"))
}

fn mail(raw: RawMail) -> Result<Receiver, Wrong> {
    let needed = |value: Option<String>, name: &str| {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or_else(|| (Some("mail"), format!("the mail has no `{name}`"), "a mail needs `to`, `from` and `host`"))
    };
    if let Some(password) = &raw.password {
        remember(password);
    }
    let to = needed(raw.to, "to")?.split(',').map(|address| address.trim().to_owned()).collect();
    Ok(Receiver::Mail(Box::new(Mail {
        to,
        from: needed(raw.from, "from")?,
        host: needed(raw.host, "host")?,
        port: raw.port.unwrap_or(SMTPS_PORT),
        login: raw.username.zip(raw.password),
    })))
}
