//! What a connector is handed beside its options.

use std::path::PathBuf;

use url::Url;

use crate::clock::Clock;
use crate::http::{Meter, Transport, is_loopback};
use crate::model::ConnectionName;

use super::{error::ConfigError, meters::Meters};

/// Hands a connector the shared stack and the place it works in.
#[derive(Debug, Clone)]
pub struct Context {
    /// The connection's name in the pipeline: for messages and for the token store.
    pub connection: ConnectionName,
    /// The HTTP stack of the process.
    pub transport: Transport,
    /// Counts the calls of this source or destination.
    pub meter: Meter,
    /// The folder of the pipeline, which relative paths start from.
    pub base_dir: PathBuf,
    /// Keeps the meters of all sources and destinations, where somebody adds them up.
    pub meters: Option<Meters>,
}

impl Context {
    /// Returns the context of another source or destination: same stack and place, counts of its own.
    #[must_use]
    pub fn for_connection(&self, connection: ConnectionName) -> Self {
        let mut context = Self { connection, meter: Meter::default(), ..self.clone() };
        context.transport.connection = context.connection.clone();
        if let Some(meters) = &context.meters {
            meters.add(&context.connection, &context.meter);
        }
        context
    }

    /// Makes a context whose tokens are gone with it.
    #[cfg(test)]
    pub(crate) fn in_memory(clock: Clock) -> Self {
        let tokens = std::sync::Arc::new(crate::http::MemoryTokens::default());
        let shutdown = tokio_util::sync::CancellationToken::new();
        Self {
            connection: ConnectionName::new(""),
            transport: Transport::new(clock, shutdown, tokens).unwrap(),
            meter: Meter::default(),
            base_dir: PathBuf::from("."),
            meters: None,
        }
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Clock {
        &self.transport.clock
    }
}

/// Checks a `base_url` (HTTPS, or plain HTTP to loopback) and returns it with a slash at its end.
///
/// # Errors
/// Says what is wrong with the URL.
pub fn check_base_url(text: &str) -> Result<Url, ConfigError> {
    let mut url =
        Url::parse(text).map_err(|error| ConfigError::new("base_url", format!("`{text}` is no URL: {error}")))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => {
            return Err(ConfigError::new("base_url", format!("`{text}` is not HTTPS"))
                .with_hint("plain http is accepted to 127.0.0.1 and localhost only"));
        }
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_accepted_to_loopback_only() {
        assert_eq!(check_base_url("http://127.0.0.1:4010").unwrap().as_str(), "http://127.0.0.1:4010/");
        assert!(check_base_url("https://api.hubapi.com").is_ok());
        for refused in ["http://api.hubapi.com", "http://localhost.evil.test", "ftp://127.0.0.1", "api.hubapi.com"] {
            assert!(check_base_url(refused).is_err(), "{refused}");
        }
    }
}
