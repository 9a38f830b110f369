//! Sends the end of a run as a mail.

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{Error as SmtpError, authentication::Credentials},
};

use crate::config::{Mail, SMTPS_PORT};

use super::Ending;

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// Sends the mail.
pub(super) async fn send(mail: &Mail, ending: &Ending<'_>) -> Result<(), String> {
    let message = message(mail, ending)?;
    let smtp = server(mail).map_err(|error| error.to_string())?;
    smtp.send(message).await.map(|_| ()).map_err(|error| error.to_string())
}

fn message(mail: &Mail, ending: &Ending<'_>) -> Result<Message, String> {
    let mailbox = |address: &str| -> Result<Mailbox, String> {
        address.parse().map_err(|error| format!("`{address}` is no mail address: {error}"))
    };
    let mut builder = Message::builder().from(mailbox(&mail.from)?).subject(ending.title());
    for address in &mail.to {
        builder = builder.to(mailbox(address)?);
    }
    builder.header(ContentType::TEXT_PLAIN).body(ending.text.clone()).map_err(|error| error.to_string())
}

/// Connects with TLS, but to this machine.
fn server(mail: &Mail) -> Result<Smtp, SmtpError> {
    let is_loopback = matches!(mail.host.as_str(), "127.0.0.1" | "::1" | "localhost");
    let builder = match (is_loopback, mail.port) {
        (true, _) => Smtp::builder_dangerous(&mail.host),
        (false, SMTPS_PORT) => Smtp::relay(&mail.host)?,
        (false, _) => Smtp::starttls_relay(&mail.host)?,
    };
    let builder = builder.port(mail.port);
    let login = mail.login.clone().map(|(name, password)| Credentials::new(name, password));
    Ok(match login {
        Some(login) => builder.credentials(login).build(),
        None => builder.build(),
    })
}
