//! Posts the end of a run to a URL.

use std::sync::Arc;

use reqwest::{Method, header::CONTENT_TYPE};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;
use crate::http::{MemoryTokens, Transport};

use super::Ending;

/// Sends the body. A redirect is not followed: the pipeline does not name who would answer.
pub(super) async fn post(url: Url, ending: &Ending<'_>) -> Result<(), String> {
    let tokens = Arc::new(MemoryTokens::default());
    let transport = Transport::new(Clock::system(), CancellationToken::new(), tokens).map_err(|error| error.message)?;
    let request = transport.request(Method::POST, url).map_err(|error| error.message)?;
    let sent = request.header(CONTENT_TYPE, "application/json").body(ending.json()?).send().await;
    // The URL is a secret, and the client's errors name it.
    let answer = sent.map_err(|error| reason(&error.without_url()))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_connect() { "it cannot be reached".to_owned() } else { error.to_string() }
}
